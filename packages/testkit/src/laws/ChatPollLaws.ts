/**
 * What Chat promises to clients that can only ask: `poll` keeps the words of a mailbox (M1–M3) over the room's own log,
 * and `history` gives what was said. Each is tried in a world (`../World.ts`), on every backend; the identifiers are
 * those of docs/guarantees.md.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as assert from "node:assert/strict"
import {
  announce,
  costOf,
  create,
  destroy,
  gathered,
  history,
  join,
  Kept,
  type Law,
  on,
  Plain,
  poll,
  refused,
  Short
} from "../internal/chatting.ts"
import { numbers, refusal } from "../internal/listening.ts"

/** M2 Polls give each word once, in the order they were said, however many are asked for at a time, and on whichever peer. */
export const pollsGiveEachWordOnce: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Kept)
    const x = yield* join(a, Kept, "x")
    const polled: Array<number> = []
    let after: string | undefined
    for (const n of numbers(30)) {
      yield* Effect.andThen(x.say(n), (yield* join(b, Kept, `${n}`)).end)
      if (n % 7 !== 6) continue
      const page = yield* poll(n % 2 === 0 ? a : b, Kept, { after, limit: 5 })
      polled.push(...page.said)
      after = page.cursor
      assert.ok(!page.lost)
    }
    for (const limit of [1, 100, 100]) {
      const page = yield* poll(a, Kept, { after, limit })
      polled.push(...page.said)
      after = page.cursor
    }
    assert.deepEqual(polled, numbers(30))
  })

/** M1 A poll whose answer was lost gives the same words again: nothing is stored for whoever asks. */
export const aLostPollGivesTheSameAgain: Law = (world) =>
  Effect.gen(function* () {
    const [a] = yield* gathered(world, 1, Kept)
    for (const n of numbers(3)) yield* announce(a, Kept, n)
    const keys = yield* world.keys
    const first = yield* poll(a, Kept, { limit: 2 })
    yield* a.loseAnswer("applied")
    assert.equal((yield* refusal(poll(a, Kept, { after: first.cursor })))[0], "ConnectionLost")
    for (const _ of [1, 2]) {
      assert.deepEqual(
        [(yield* poll(a, Kept, { limit: 2 })).said, (yield* poll(a, Kept, { after: first.cursor })).said],
        [[0, 1], [2]]
      )
    }
    assert.deepEqual(yield* world.keys, keys)
    assert.equal(yield* costOf(a, poll(a, Kept)), 1)
  })

/** M2 Where words are gone the next poll says so, and only there; events that are no words are none. */
export const aPollSaysWhatIsLost: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Short)
    const start = yield* poll(a, Short)
    for (const n of numbers(3)) yield* announce(a, Short, n)
    const whole = yield* poll(b, Short, { after: start.cursor })
    assert.deepEqual([whole.said, whole.lost], [[0, 1, 2], false])
    for (const n of numbers(20)) yield* (yield* join(b, Short, `${n}`)).end
    yield* world.advance("6 minutes")
    yield* announce(a, Short, 3)
    const next = yield* poll(b, Short, { after: whole.cursor })
    assert.deepEqual([next.said, next.lost], [[3], false])
    const late = yield* poll(b, Short, { after: start.cursor })
    assert.deepEqual([late.said, late.lost], [[1, 2, 3], true])
    yield* world.advance("10 minutes")
    assert.deepEqual(yield* poll(b, Short, { after: whole.cursor, limit: 1 }), { ...next, said: [], lost: true })
    assert.equal((yield* poll(b, Short, { after: next.cursor })).lost, false)
  })

/** M2 Of a room without history, what lies in its log is polled; what does not any more, is lost. */
export const aLogIsPolledToo: Law = (world) =>
  Effect.gen(function* () {
    const [a] = yield* gathered(world, 1, Plain)
    const start = yield* poll(a, Plain)
    yield* announce(a, Plain, 1)
    yield* world.advance("299 seconds")
    yield* announce(a, Plain, 2)
    assert.deepEqual((yield* poll(a, Plain, { after: start.cursor })).said, [1, 2])
    yield* world.advance("1 second")
    const { cursor, lost, said } = yield* poll(a, Plain, { after: start.cursor })
    assert.deepEqual([said, lost], [[2], true])
    assert.deepEqual(yield* poll(a, Plain, { after: cursor }), { said: [], lost: false, cursor })
  })

/** M3 A poll with `wait` returns at the first word, or empty when the time is over. */
export const aPollWaitsForTheFirstWord: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Kept)
    const { cursor: after } = yield* poll(b, Kept)
    const began = yield* world.now
    const empty = yield* world.complete(poll(b, Kept, { after, wait: "20 seconds" }))
    assert.deepEqual([empty.said, empty.lost, (yield* world.now) - began], [[], false, 20_000])
    const waiting = yield* Effect.forkChild(poll(b, Kept, { after: empty.cursor, wait: "20 seconds" }))
    yield* world.advance("3 seconds")
    yield* (yield* join(a, Kept, "x")).say(1)
    assert.deepEqual((yield* Fiber.join(waiting)).said, [1])
    assert.equal((yield* world.now) - began, 23_000)
    const again = yield* poll(b, Kept, { after, wait: "20 seconds" })
    assert.deepEqual(again.said, [1])
    yield* world.eventually(
      Effect.map(world.subscriptions, (count) => assert.ok(count <= 2 + 1)),
      "1 minute"
    )
  })

/** M3 A poll that begins to wait while a word is on its way does not miss it, at whatever moment. */
export const aWaitingPollMissesNothing: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Kept)
    let after = (yield* poll(b, Kept)).cursor
    for (const n of numbers(12)) {
      const waiting = yield* Effect.forkChild(poll(b, Kept, { after, wait: "1 minute" }), { startImmediately: true })
      yield* Effect.repeat(Effect.yieldNow, { times: n * 3 })
      yield* announce(a, Kept, n)
      const before = yield* world.now
      const { cursor, said } = yield* world.complete(Fiber.join(waiting))
      assert.deepEqual([said, (yield* world.now) - before], [[n], 0])
      after = cursor
    }
  })

/** M3 A poll that waits when the room is destroyed says so, and one that comes later. */
export const aWaitingPollEndsWithTheRoom: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Kept)
    const { cursor: after } = yield* poll(b, Kept)
    const waiting = yield* Effect.forkChild(poll(b, Kept, { after, wait: "1 minute" }))
    yield* world.advance("1 second")
    const before = yield* world.now
    yield* destroy(a, Kept)
    yield* refused([world.complete(Fiber.join(waiting)), poll(a, Kept, { after })], ["RoomNotFound"])
    assert.equal(yield* world.now, before)
  })

/** M2 After the store has forgotten, and after a room was created anew, a cursor of before gives what there is, and says what is lost. */
export const anOldCursorIsNotSilent: Law = (world) =>
  Effect.gen(function* () {
    const [a] = yield* gathered(world, 1, Kept)
    const { cursor: after } = yield* poll(a, Kept)
    yield* announce(a, Kept, 1)
    yield* destroy(a, Kept)
    yield* create(a, Kept)
    yield* announce(a, Kept, 2)
    const anew = yield* poll(a, Kept, { after })
    assert.deepEqual([anew.said, anew.lost], [[2], true])
    yield* world.store.forget
    yield* create(a, Kept)
    yield* announce(a, Kept, 3)
    for (const cursor of [after, anew.cursor]) {
      const { lost, said } = yield* poll(a, Kept, { after: cursor })
      assert.deepEqual([said, lost], [[3], true])
    }
  })

/** M2 A replica that takes over without the last words loses none of the next silently. */
export const aRewoundPollIsNotSilent: Law = (world) =>
  Effect.gen(function* () {
    const [a] = yield* gathered(world, 1, Kept)
    for (const n of [1, 2]) yield* announce(a, Kept, n)
    const { cursor: after } = yield* poll(a, Kept)
    yield* world.advance(0)
    yield* world.store.rewind(1)
    yield* world.advance("5 seconds")
    yield* announce(a, Kept, 3)
    const { cursor, lost, said } = yield* poll(a, Kept, { after })
    assert.deepEqual([said, lost], [[3], true])
    assert.deepEqual((yield* poll(a, Kept, { after: cursor })).lost, false)
  })

/** H6 `history` gives the words that are kept: all, the last so many, or those behind a place; of no other room any. */
export const historyGivesWhatIsKept: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Kept)
    yield* create(a, Plain)
    yield* announce(a, Plain, 0)
    const places = yield* Effect.forEach(numbers(120), (n) => announce(a, Kept, n))
    yield* world.advance("10 minutes")
    const given = (options: { readonly after?: (typeof places)[number]; readonly last?: number }) =>
      Effect.map(
        on(b, (chat) => chat.history(Kept, options)),
        (said) => said.map(({ message }) => message)
      )
    const kept = numbers(120).slice(20)
    assert.deepEqual(yield* given({}), kept)
    assert.deepEqual(yield* given({ last: 7 }), kept.slice(-7))
    assert.deepEqual(yield* given({ last: 0 }), [])
    assert.deepEqual(yield* given({ after: places[110]! }), kept.slice(-9))
    assert.deepEqual(yield* given({ after: places[3]! }), kept)
    assert.deepEqual(yield* history(b, Plain), [])
  })
