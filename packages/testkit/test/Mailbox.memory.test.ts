/** Mailbox outside of worlds: in an application's own time, with nothing between a call and its answer; and what is counted. */
import { assert, it } from "@effect/vitest"
import * as Mailbox from "@troupe/core/Mailbox"
import * as Metrics from "@troupe/core/Metrics"
import * as MemoryBackend from "@troupe/testkit/MemoryBackend"
import * as MemoryMailbox from "@troupe/testkit/MemoryMailbox"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"

const Notes = Mailbox.box("notes", { message: Schema.Int, timeToLive: "1 hour", capacity: 3 })
const Texts = Mailbox.box("notes", { message: Schema.String, timeToLive: "1 hour" })

const numbers = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i)
const alone = Layer.provideMerge(MemoryMailbox.layer, MemoryBackend.layer)
const asProcess = Effect.provideService(Metric.MetricRegistry, new Map())

it.effect("M3 a wait ends with the first letter, and by the application's own clock", () =>
  Effect.gen(function* () {
    const mailbox = yield* Mailbox.Mailbox
    const wait = yield* Effect.forkChild(mailbox.poll(Notes, "client", { wait: "30 seconds" }))
    yield* TestClock.adjust("29999 millis")
    assert.strictEqual(wait.pollUnsafe(), undefined)
    yield* TestClock.adjust("1 millis")
    const { cursor } = yield* Fiber.join(wait)
    const other = yield* Effect.forkChild(mailbox.poll(Notes, "client", { after: cursor, wait: "30 seconds" }))
    yield* TestClock.adjust("1 second")
    yield* mailbox.deliver(Notes, "client", 1)
    const { letters } = yield* Fiber.join(other)
    assert.deepStrictEqual(
      letters.map(({ at, message }) => [at.epochMilliseconds, message]),
      [[31_000, 1]]
    )
  }).pipe(Effect.provide(alone))
)

it.effect("A5 ten thousand polls may wait, and no more; those that do not wait go on", () =>
  Effect.gen(function* () {
    const mailbox = yield* Mailbox.Mailbox
    const waiting = Effect.map(Metric.value(Metrics.mailboxWaiting), ({ value }) => value)
    const poll = (n: number) => mailbox.poll(Notes, `client ${n % 100}`, { wait: "1 hour" })
    const waits = yield* Effect.forEach(numbers(10_000), (n) => Effect.forkChild(poll(n), { startImmediately: true }))
    assert.strictEqual(yield* waiting, 10_000)
    const error = yield* Effect.flip(poll(0))
    assert.deepStrictEqual([error.reason._tag, error.outcome], ["CapacityExceeded", "NotApplied"])
    assert.isEmpty((yield* mailbox.poll(Notes, "client 0")).letters)
    yield* Fiber.interrupt(waits[0]!)
    const one = yield* Effect.forkChild(poll(0), { startImmediately: true })
    assert.strictEqual(yield* waiting, 10_000)
    yield* Fiber.interruptAll([...waits, one])
    assert.strictEqual(yield* waiting, 0)
  }).pipe(Effect.provide(alone), asProcess)
)

it.effect("what is delivered, given, told as lost and left out is counted", () =>
  Effect.gen(function* () {
    const mailbox = yield* Mailbox.Mailbox
    const counts = Effect.forEach(
      [Metrics.mailboxDelivered, Metrics.mailboxPolled, Metrics.mailboxLost, Metrics.mailboxUndecodable],
      (metric) => Effect.map(Metric.value(metric), ({ count }) => count)
    )
    yield* Effect.forEach([1, 2], (n) => mailbox.deliver(Notes, "client", n))
    yield* mailbox.poll(Notes, "client")
    yield* mailbox.poll(Notes, "client")
    assert.deepStrictEqual(yield* counts, [2, 4, 0, 0])
    yield* mailbox.deliver(Texts, "client", "three")
    const { cursor } = yield* mailbox.poll(Notes, "client")
    assert.deepStrictEqual(yield* counts, [3, 6, 1, 1])
    yield* TestClock.adjust("1 hour")
    assert.isFalse((yield* mailbox.poll(Notes, "client", { after: cursor })).lost)
    yield* mailbox.deliver(Notes, "client", 4)
    yield* TestClock.adjust("1 hour")
    assert.isTrue((yield* mailbox.poll(Notes, "client")).lost)
    assert.deepStrictEqual(yield* counts, [4, 6, 2, 1])
  }).pipe(Effect.provide(alone), Effect.provideService(Metric.MetricRegistry, new Map()))
)

it.effect("A5 boxes that are over are collected while others are in use", () =>
  Effect.gen(function* () {
    const mailbox = yield* Mailbox.Mailbox
    const { faults } = yield* MemoryBackend.MemoryBackend
    const size = Effect.map(faults.keys, (keys) => keys.join("").match(/epoch/g)?.length)
    yield* Effect.forEach(numbers(100), (n) => mailbox.deliver(Notes, `client ${n}`, n))
    assert.strictEqual(yield* size, 100)
    yield* TestClock.adjust("1 day")
    yield* Effect.forEach(numbers(50), () => mailbox.deliver(Notes, "client 7", 1))
    assert.strictEqual(yield* size, 100)
    yield* TestClock.adjust("1 hour")
    yield* Effect.forEach(numbers(50), () => mailbox.deliver(Notes, "client 7", 1))
    assert.strictEqual(yield* size, 1)
  }).pipe(Effect.provide(alone))
)
