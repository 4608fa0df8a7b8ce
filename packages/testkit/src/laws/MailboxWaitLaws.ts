/**
 * What Mailbox promises of polls that wait, of faults, and of what cannot be asked for. Each is tried in a world
 * (`../World.ts`), on every backend; the identifiers are those of docs/guarantees.md.
 */
import * as Mailbox from "@troupe/core/Mailbox"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as assert from "node:assert/strict"
import {
  assertHeard,
  assertWaits,
  close,
  deliver,
  ends,
  finds,
  type Law,
  Notes,
  numbers,
  on,
  poll,
  refused,
  Small,
  turns,
  two,
  waiting
} from "../internal/posting.ts"

/** M3 A poll that waits returns with the first letter, whoever delivers it; where there is one, at once. */
export const aWaitEndsWithTheFirstLetter: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    let after: string | undefined
    for (const n of numbers(3)) {
      const wait = yield* waiting(a, Notes, "1 minute", after)
      yield* world.advance(`${n * 7} seconds`)
      yield* assertWaits(wait)
      yield* deliver(n % 2 === 0 ? b : a, Notes, n)
      yield* world.eventually(Effect.sync(() => assert.ok(wait.pollUnsafe() !== undefined)))
      after = (yield* ends(wait, [n])).cursor
    }
    yield* deliver(b, Notes, 3, 4)
    const wait = yield* waiting(a, Notes, "1 minute", after)
    yield* world.eventually(ends(wait, [3, 4]))
  })

/** M3 A poll that finds nothing returns when its time is over, empty, and with a cursor. */
export const aWaitEndsWhenItsTimeIsOver: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    for (const [millis, after] of [
      [1, undefined],
      [5_000, undefined],
      [12_500, undefined]
    ] as const) {
      const wait = yield* waiting(a, Notes, millis, after)
      yield* world.advance(millis - 1)
      yield* assertWaits(wait)
      yield* world.advance(1)
      const { cursor } = yield* ends(wait, [])
      yield* deliver(b, Notes, millis)
      yield* finds(a, Notes, cursor, [millis])
      yield* close(b, Notes)
    }
  })

/** M3 A poll that waits returns, too, when something was lost. */
export const aWaitEndsWithALoss: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* deliver(b, Notes, 1)
    const { cursor } = yield* finds(a, Notes, undefined, [1])
    yield* world.store.forget
    yield* world.eventually(ends(yield* waiting(a, Notes, "1 minute", cursor), ["lost"]))
    const { cursor: anew } = yield* poll(a, Notes)
    const wait = yield* waiting(a, Notes, "1 minute", anew)
    yield* world.advance("1 second")
    yield* assertWaits(wait)
    yield* close(b, Notes)
    yield* world.advance("5 seconds")
    yield* ends(wait, ["lost"])
  })

/** M3 Nothing falls between a poll that found nothing and the moment from which on it is told. */
export const nothingFallsBetweenAPollAndItsWait: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    let after: string | undefined
    for (const n of numbers(12)) {
      const wait = yield* waiting(a, Notes, "4 seconds", after)
      for (const _ of numbers(yield* Random.nextIntBetween(0, 12))) yield* turns
      yield* deliver(n % 3 === 0 ? a : b, Notes, n)
      yield* world.eventually(Effect.sync(() => assert.ok(wait.pollUnsafe() !== undefined)))
      after = (yield* ends(wait, [n])).cursor
    }
  }).pipe(Random.withSeed(`${world.seed}`))

/** M3 Where a push is lost, or none comes, a letter is found within five seconds. */
export const aLostPushCostsFiveSeconds: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const wait = yield* waiting(a, Notes, "1 minute")
    yield* world.advance("12 seconds")
    yield* a.losePush
    yield* deliver(b, Notes, 1)
    yield* world.advance("2 seconds")
    yield* assertWaits(wait)
    yield* world.advance("3 seconds")
    const { cursor } = yield* ends(wait, [1])
    yield* a.deaf
    const other = yield* waiting(a, Notes, "1 minute", cursor)
    yield* world.advance("1 second")
    yield* deliver(b, Notes, 2)
    yield* world.advance("5 seconds")
    yield* ends(other, [2])
  })

/** M3 A wait costs a request when it is heard, one when it is pushed to, and one every five seconds. */
export const aWaitAsksEveryFiveSeconds: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const wait = yield* waiting(a, Notes, "1 hour")
    yield* world.advance("2 seconds")
    const before = (yield* a.requests).length
    // The first question, the subscription, and the one when that is heard.
    assert.equal(before, 3)
    yield* world.advance("50 seconds")
    assert.equal((yield* a.requests).length, before + 10)
    yield* deliver(b, Notes, 1)
    yield* world.advance("1 second")
    yield* ends(wait, [1])
    // The last question, and the end of the subscription.
    assert.equal((yield* a.requests).length, before + 12)
    yield* deliver(b, Notes, 2)
    yield* finds(a, Notes, undefined, [1, 2])
    assert.equal((yield* a.requests).length, before + 13)
  })

/** M3 A4 Those who wait at one box on one peer share a subscription, and after the last there is none. */
export const waitsAtABoxShareASubscription: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const here = yield* Effect.all([
      waiting(a, Notes, "1 hour"),
      waiting(a, Notes, "1 hour"),
      waiting(a, Notes, "1 hour")
    ])
    const there = yield* waiting(b, Notes, "1 hour")
    yield* world.advance("7 seconds")
    yield* assertHeard(world, 2)
    yield* Fiber.interrupt(here[0])
    yield* world.advance("1 second")
    yield* assertHeard(world, 2)
    yield* assertWaits(here[1], here[2], there)
    yield* deliver(b, Notes, 1)
    yield* world.eventually(Effect.all([ends(here[1], [1]), ends(here[2], [1]), ends(there, [1])]))
    yield* world.advance("1 second")
    yield* assertHeard(world, 0)
  })

/** M3 A4 Interrupted, or at the end of its layer, a wait ends and leaves no subscription. */
export const aWaitThatIsEndedLeavesNothing: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const first = yield* waiting(a, Notes, "1 hour")
    yield* world.advance("2 seconds")
    yield* Fiber.interrupt(first)
    yield* world.advance("1 second")
    yield* assertHeard(world, 0)
    const before = yield* world.keys
    const all = yield* Effect.forEach(numbers(3), () => waiting(a, Notes, "1 hour"))
    yield* world.advance("3 seconds")
    yield* a.stop
    for (const wait of all) assert.equal(yield* refused(Fiber.join(wait), "Closed"), "NotApplied")
    for (const call of [poll(a, Notes), deliver(a, Notes, 1), close(a, Notes)]) yield* refused(call, "Closed")
    const crashing = yield* waiting(b, Notes, "1 hour")
    yield* world.advance("3 seconds")
    yield* assertWaits(crashing)
    yield* b.crash
    yield* world.advance("1 second")
    yield* assertHeard(world, 0)
    assert.deepEqual((yield* world.keys).length, before.length)
  })

/** M3 A3 An outage is waited through: what is delivered after it ends the wait, and otherwise its time does. */
export const aWaitLivesThroughAnOutage: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const long = yield* waiting(a, Notes, "1 minute")
    const short = yield* waiting(a, Small, "10 seconds")
    yield* world.advance("2 seconds")
    yield* world.store.stop
    yield* world.advance("7 seconds")
    yield* assertWaits(long, short)
    yield* world.advance("1 second")
    yield* ends(short, [])
    assert.equal(yield* refused(poll(a, Notes, { wait: "1 minute" }), "Unavailable"), "NotApplied")
    yield* world.advance("8 seconds")
    yield* world.store.start
    yield* assertWaits(long)
    yield* world.eventually(deliver(b, Notes, 1), "2 seconds")
    yield* world.eventually(
      Effect.sync(() => assert.ok(long.pollUnsafe() !== undefined)),
      "2 seconds"
    )
    yield* ends(long, [1])
  })

/** A1 A2 While the store is silent every call settles in time, and whoever waits does when that is over. */
export const aSilentStoreHoldsNobodyUp: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const wait = yield* waiting(a, Notes, "8 seconds")
    yield* world.advance("2 seconds")
    yield* a.cut
    const calls = [poll(a, Notes), poll(a, Notes, { wait: "1 hour" }), deliver(a, Notes, 1), close(a, Small)]
    const fibers = yield* Effect.forEach(calls, (call) => Effect.forkChild(Effect.exit(Effect.asVoid(call))))
    yield* world.advance("5500 millis")
    for (const fiber of fibers) {
      assert.ok(fiber.pollUnsafe() !== undefined)
      assert.ok(Exit.isFailure(yield* Fiber.join(fiber)))
    }
    yield* world.advance("6 seconds")
    yield* ends(wait, [])
    yield* a.heal
    yield* world.eventually(deliver(a, Notes, 2), "5 seconds")
    const { letters } = yield* poll(b, Notes)
    assert.deepEqual(letters.at(-1)?.message, 2)
  })

/** T17 A full server takes no letter, and gives, frees and closes what there is. */
export const aFullServerGivesAndFrees: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* deliver(a, Notes, 1, 2)
    const wait = yield* waiting(b, Small, "1 minute")
    yield* world.store.full(true)
    assert.equal(yield* refused(deliver(a, Notes, 3), "CapacityExceeded"), "NotApplied")
    const { cursor } = yield* finds(b, Notes, undefined, [1, 2])
    yield* finds(a, Notes, cursor, [])
    yield* close(a, Notes)
    yield* world.advance("6 seconds")
    yield* world.store.full(false)
    yield* deliver(a, Small, 4)
    yield* world.eventually(ends(wait, [4]))
  })

/** A6 What cannot be a name or an option of a box is said by the call that uses it, before anything is sent. */
export const whatCannotBeABoxIsSaid: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const box = (name: string, timeToLive: number, capacity?: number) =>
      Mailbox.box(name, { message: Schema.Int, timeToLive, capacity })
    const says = (reason: "InvalidName" | "Misconfigured", box: Mailbox.Box<number>, client = "client") =>
      on(a, (mailbox) =>
        Effect.forEach(
          [mailbox.poll(box, client), mailbox.deliver(box, client, 1), mailbox.close(box, client)],
          (call) => Effect.map(refused(call, reason), (outcome) => assert.equal(outcome, "NotApplied"))
        )
      )
    for (const name of ["", "x".repeat(513), "\uD800"]) {
      yield* says("InvalidName", box(name, 1_000))
      yield* says("InvalidName", Notes, name)
    }
    for (const timeToLive of [0, -1, NaN, Infinity, 2 ** 49 + 1]) yield* says("Misconfigured", box("box", timeToLive))
    for (const capacity of [0, 1.5, 100_001, NaN]) yield* says("Misconfigured", box("box", 1_000, capacity))
    assert.equal((yield* a.requests).length, 0)
    for (const timeToLive of [1, 2 ** 49]) yield* deliver(a, box("box", timeToLive, 100_000), 1)
  })

/** A6 What cannot be a cursor or an option of a poll is said by the poll, before anything is sent. */
export const whatCannotBeAskedForIsSaid: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const says = (options: Mailbox.PollOptions) =>
      Effect.map(refused(poll(a, Notes, options), "Misconfigured"), (outcome) => assert.equal(outcome, "NotApplied"))
    for (const limit of [0, 0.5, 513, NaN]) yield* says({ limit })
    for (const wait of [-1, 3_600_001, Infinity, NaN]) yield* says({ wait })
    const numbers = ["", "-1", "1.5", "01", "1e3", `${2 ** 53}`, "1:2", " 1"].map((number) => `a:${number}`)
    for (const after of [...numbers, "", "1", ":1", "a b:1", `${"a".repeat(65)}:1`]) yield* says({ after })
    assert.equal((yield* a.requests).length, 0)
    yield* deliver(a, Notes, 1)
    yield* poll(a, Notes, { limit: 512, wait: "1 hour", after: `a:${2 ** 53 - 1}` })
  })
