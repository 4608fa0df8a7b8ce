/** What PubSub promises of channels with history, as laws: what is kept, what is missed, and what is told of it. */
import * as PubSub from "@troupe/core/PubSub"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as assert from "node:assert/strict"
import {
  type Law,
  hears,
  Kept,
  kept,
  listen,
  numbers,
  on,
  Plain,
  publish,
  publishAll,
  refusal,
  Short,
  subscribe
} from "../internal/listening.ts"

/** S5 With history a subscriber that was cut off gets all it missed, in order and without a gap. */
export const aSubscriberThatWasCutOffMissesNothing: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    const heard = yield* listen(b, Kept)
    yield* publish(a, Kept, 1)
    yield* b.cut
    yield* Effect.forEach([2, 3, 4], (n) => publish(a, Kept, n))
    yield* world.advance("10 seconds")
    yield* b.heal
    yield* hears(world, heard, [1, 2, 3, 4], "5 seconds")
    yield* publish(a, Kept, 5)
    yield* hears(world, heard, [1, 2, 3, 4, 5])
  })

/** S5 A push that got lost on a connection that is well is found by comparing positions, twice a minute. */
export const aQuietChannelIsCompared: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    const heard = yield* listen(b, Kept)
    yield* b.losePush
    yield* publish(a, Kept, 1)
    yield* world.advance("1 second")
    assert.deepEqual(heard.shape(), [])
    yield* hears(world, heard, [1], "1 minute")
  })

/** S5 The gap names only what the history no longer has. */
export const theGapNamesOnlyWhatIsGone: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    const heard = yield* listen(b, Short)
    yield* publish(a, Short, 0)
    yield* hears(world, heard, [0])
    yield* b.cut
    yield* Effect.forEach(numbers(10), (n) => publish(a, Short, n + 1))
    yield* world.advance("3 seconds")
    yield* b.heal
    yield* hears(world, heard, [0, "HistoryTrimmed 7", 8, 9, 10], "5 seconds")
  })

/** S5 Of two definitions of a channel each subscriber reads back by its own, whoever came first; they share a subscription. */
export const eachSubscriberReadsByItsOwnDefinition: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = [yield* world.spawn(), yield* world.spawn(), yield* world.spawn()]
    const brief = PubSub.channel(Kept.name, { message: Schema.Int, history: { size: 2, timeToLive: "1 hour" } })
    yield* publishAll(a, Kept, [1, 2, 3, 4])
    const before = yield* world.subscriptions
    const from = { from: "earliest" } as const
    const heard = [yield* listen(b, brief, from), yield* listen(b, Kept, from)]
    heard.push(yield* listen(c, Kept, from), yield* listen(c, brief, from))
    assert.equal(yield* world.subscriptions, before + 2)
    yield* Effect.all([b.cut, c.cut])
    yield* publishAll(a, Kept, [5, 6, 7, 8])
    yield* Effect.andThen(world.advance("3 seconds"), Effect.all([b.heal, c.heal]))
    const all = numbers(8).map((n) => n + 1)
    // Who shares what another is given in full has no gap either.
    const told = [[3, 4, "HistoryTrimmed 2", 7, 8], all, all, [3, 4, 5, 6, 7, 8]]
    for (const [i, shape] of told.entries()) yield* hears(world, heard[i]!, shape, "5 seconds")
  })

/** S5 History ends with its time to live, too. */
export const historyEndsWithItsTimeToLive: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const brief = PubSub.channel("brief", { message: Schema.Int, history: { size: 10, timeToLive: "1 minute" } })
    yield* publish(a, brief, 1)
    yield* world.advance("40 seconds")
    yield* publish(a, brief, 2)
    assert.deepEqual(yield* kept(a, brief), [1, 2])
    yield* world.advance("21 seconds")
    assert.deepEqual(yield* kept(a, brief), [2])
    yield* world.advance("1 minute")
    assert.deepEqual(yield* kept(a, brief), [])
  })

/** S5 D2 A server that takes over without the last messages is `Rewound`, and then gives all it has. */
export const aFailoverThatLostMessagesIsTold: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    const heard = yield* listen(b, Kept)
    yield* Effect.forEach([1, 2, 3], (n) => publish(a, Kept, n))
    yield* hears(world, heard, [1, 2, 3])
    yield* world.store.rewind(1)
    yield* publish(a, Kept, 4)
    yield* publish(a, Kept, 5)
    yield* hears(world, heard, [1, 2, 3, "Rewound", 4, 5], "5 seconds")
    assert.deepEqual(yield* kept(a, Kept), [1, 2, 4, 5])
  })

/** S5 D2 A server that forgot everything begins a new epoch. */
export const aForgottenChannelIsTold: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    const heard = yield* listen(b, Kept)
    yield* publish(a, Kept, 1)
    yield* world.advance("1 second")
    yield* world.store.forget
    yield* Effect.forEach([2, 3], (n) => publish(a, Kept, n))
    yield* hears(world, heard, [1, "EpochChanged", 2, 3], "31 seconds")
  })

/** S5 A restart, or another server that takes over, is no gap on a channel with history where nothing was lost. */
export const aRestartThatLostNothingIsNoGap: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    const heard = yield* listen(b, Kept)
    yield* publish(a, Kept, 1)
    yield* world.store.stop
    yield* world.advance("10 seconds")
    yield* world.store.start
    yield* world.advance("2 seconds")
    yield* publish(a, Kept, 2)
    yield* hears(world, heard, [1, 2], "3 seconds")
    yield* world.store.rewind(0)
    yield* publish(a, Kept, 3)
    yield* hears(world, heard, [1, 2, 3], "5 seconds")
  })

/** S7 A dedupe key publishes once for as long as its message is in the history, and answers the first position. */
export const aDedupeKeyPublishesOnce: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    const heard = yield* listen(b, Short)
    const first = yield* publish(a, Short, 1, "key")
    yield* publish(a, Short, 2)
    const again = yield* publish(b, Short, 9, "key")
    assert.deepEqual([again, first.duplicate], [{ position: first.position, duplicate: true }, false])
    yield* Effect.forEach([3, 4, 5], (n) => publish(a, Short, n))
    assert.equal((yield* publish(a, Short, 6, "key")).duplicate, false)
    yield* hears(world, heard, [1, 2, 3, 4, 5, 6])
    assert.equal((yield* publish(a, Short, 7, "key")).duplicate, true)
  })

/** S7 A dedupe key on a channel without history is refused. */
export const aDedupeKeyNeedsAHistory: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    assert.deepEqual(yield* refusal(publish(a, Plain, 1, "key")), ["Misconfigured", "NotApplied"])
    assert.deepEqual(yield* refusal(publish(a, Kept, 1, "")), ["InvalidName", "NotApplied"])
  })

/** S8 Subscribing in the past gives exactly the messages from there on, though others publish meanwhile. */
export const subscribingInThePastGivesAllFromThere: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    const published = yield* Effect.forEach(numbers(10), (n) => publish(a, Kept, n))
    yield* Effect.forkScoped(Effect.forEach(numbers(10), (n) => publish(a, Kept, n + 10)))
    const earliest = yield* listen(b, Kept, { from: "earliest", buffer: 3 })
    const after = yield* listen(b, Kept, { from: published[4]!.position })
    const last = yield* listen(b, Kept, { from: { last: 2 } })
    yield* hears(world, earliest, numbers(20))
    yield* hears(world, after, numbers(20).slice(5))
    const count = last.values().length
    assert.ok(count >= 2 && count <= 12)
    assert.deepEqual(last.values(), numbers(20).slice(-count))
    assert.deepEqual(yield* refusal(subscribe(b, Plain, { from: "earliest" })), ["Misconfigured", "NotApplied"])
  })

/** S8 `last` gives that many and no more. */
export const subscribingAtTheLastGivesThatMany: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    yield* Effect.forEach(numbers(10), (n) => publish(a, Kept, n))
    const last = yield* listen(a, Kept, { from: { last: 3 } })
    const none = yield* listen(a, Kept, { from: { last: 0 } })
    yield* publish(a, Kept, 10)
    yield* hears(world, last, [7, 8, 9, 10])
    assert.deepEqual(none.shape(), [10])
  })

/** S8 `history` gives what is kept: all, after a position, the last n, over any number of pages. */
export const historyGivesWhatIsKept: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const big = PubSub.channel("big", { message: Schema.Int, history: { size: 1200, timeToLive: "1 hour" } })
    const all = numbers(1536)
    const published = yield* Effect.forEach([0, 512, 1024], (from) => publishAll(a, big, all.slice(from, from + 512)))
    const asked = (options?: Parameters<PubSub.Service["history"]>[1]) =>
      Effect.map(
        on(a, (pubsub) => pubsub.history(big, options)),
        (messages) => messages.map(({ value }) => value)
      )
    const after = published[1]![9]!.position
    assert.deepEqual(yield* asked(), all.slice(-1200))
    assert.deepEqual(yield* asked({ after }), all.slice(522))
    assert.deepEqual(yield* asked({ last: 600 }), all.slice(-600))
    assert.deepEqual(yield* asked({ after, last: 2 }), [1534, 1535])
    assert.deepEqual(yield* refusal(asked({ after: { epoch: "e", sequence: 0.5 } })), ["Misconfigured", "NotApplied"])
  })

/** S3 S5 A log that was evicted begins anew, whichever part of it went, and nothing comes twice. */
export const anEvictedLogBeginsAnew: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    const heard = yield* listen(b, Kept)
    yield* Effect.forEach([1, 2], (n) => publish(a, Kept, n))
    yield* world.advance("1 second")
    yield* world.store.evict(":meta")
    yield* publish(a, Kept, 3)
    yield* world.advance("2 minutes")
    yield* publish(a, Kept, 4)
    yield* hears(world, heard, [1, 2, "EpochChanged", 3, 4])
  })
