/** An application's own tests of its tasks: no server, and no waiting, for Effect's TestClock is the queue's clock. */
import { assert, it } from "@effect/vitest"
import { TaskQueue } from "@troupe/core"
import { MemoryBackend, MemoryTaskQueue } from "@troupe/testkit"
import { DateTime, Effect, Exit, Fiber, Layer, Option, Schedule, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"

const Remind = TaskQueue.task("remind", {
  payload: Schema.String,
  success: Schema.String,
  error: Schema.String,
  maxAttempts: 4,
  retry: Schedule.exponential("1 hour"),
  timeout: "1 day"
})
const queue = Layer.provide(MemoryTaskQueue.layer(), MemoryBackend.layer)

/** Keeps what was said, and fails as often as the test wants. */
const speaker = (said: Array<string>, failures = 0) =>
  Effect.flatMap(TaskQueue.TaskQueue, (queue) =>
    queue.work(Remind, (text, { attempt }) =>
      attempt <= failures
        ? Effect.fail(`attempt ${attempt}`)
        : Effect.sync(() => {
            said.push(text)
            return text.toUpperCase()
          })
    )
  )

it.effect("what is delayed for thirty days is done after thirty days", () =>
  Effect.gen(function* () {
    const tasks = yield* TaskQueue.TaskQueue
    const said: Array<string> = []
    yield* speaker(said)
    yield* tasks.enqueue(Remind, "pay the rent", { delay: "30 days" })
    yield* TestClock.adjust("29 days")
    assert.deepStrictEqual(said, [])
    yield* TestClock.adjust("1 day")
    assert.deepStrictEqual(said, ["pay the rent"])
  }).pipe(Effect.provide(queue))
)

it.effect("a failure is tried again by its schedule, and then answers", () =>
  Effect.gen(function* () {
    const tasks = yield* TaskQueue.TaskQueue
    const said: Array<string> = []
    yield* speaker(said, 3)
    const answer = yield* Effect.forkChild(tasks.execute(Remind, "call back"))
    yield* TestClock.adjust("3 hours")
    assert.deepStrictEqual(said, [])
    yield* TestClock.adjust("4 hours")
    assert.strictEqual(yield* Fiber.join(answer), "CALL BACK")
  }).pipe(Effect.provide(queue))
)

it.effect("what failed too often is a dead letter, and can be sent back to work", () =>
  Effect.gen(function* () {
    const tasks = yield* TaskQueue.TaskQueue
    const said: Array<string> = []
    yield* Effect.scoped(
      Effect.gen(function* () {
        yield* speaker(said, 9)
        const answer = yield* Effect.forkChild(Effect.exit(tasks.execute(Remind, "too late")))
        yield* TestClock.adjust("7 hours")
        assert.deepStrictEqual(yield* Fiber.join(answer), Exit.fail("attempt 4"))
      })
    )
    const [letter] = yield* Stream.runCollect(tasks.deadLetters(Remind))
    assert.deepStrictEqual(letter?.payload, Option.some("too late"))
    assert.strictEqual(letter?.reason, "AttemptsExhausted")
    yield* speaker(said)
    assert.strictEqual(yield* tasks.redrive(Remind), 1)
    yield* TestClock.adjust(0)
    assert.deepStrictEqual(said, ["too late"])
  }).pipe(Effect.provide(queue))
)

it.effect("an attempt that takes longer than its timeout is interrupted", () =>
  Effect.gen(function* () {
    const tasks = yield* TaskQueue.TaskQueue
    let interrupted = 0
    yield* tasks.work(Remind, () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => void interrupted++)))
    yield* tasks.enqueue(Remind, "hurry")
    yield* TestClock.adjust("1 day")
    assert.strictEqual(interrupted, 1)
    assert.strictEqual((yield* tasks.counts(Remind)).delayed, 1)
  }).pipe(Effect.provide(queue))
)

it.effect("what is scheduled for every first of the month at nine is done then", () =>
  Effect.gen(function* () {
    const tasks = yield* TaskQueue.TaskQueue
    const said: Array<string> = []
    yield* TestClock.setTime(Date.UTC(2030, 0, 15))
    yield* speaker(said)
    yield* tasks.schedule(Remind, { id: "rent", cron: "0 9 1 * *", payload: (slot) => DateTime.formatIso(slot) })
    yield* TestClock.adjust("17 days")
    assert.deepStrictEqual(said, [])
    yield* TestClock.adjust("30 days")
    assert.deepStrictEqual(said, ["2030-02-01T09:00:00.000Z", "2030-03-01T09:00:00.000Z"])
  }).pipe(Effect.provide(queue))
)

it.effect("a test that ends leaves nothing running", () =>
  Effect.gen(function* () {
    const tasks = yield* TaskQueue.TaskQueue
    yield* tasks.work(Remind, () => Effect.never)
    yield* tasks.enqueue(Remind, "for ever")
    yield* TestClock.adjust("1 hour")
    assert.strictEqual((yield* tasks.counts(Remind)).claimed, 1)
  }).pipe(Effect.provide(queue))
)
