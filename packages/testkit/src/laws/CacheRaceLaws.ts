/** What Cache promises where calls cross: a removal, a clear, a full server or an outage in the middle of a load. */
import * as Cache from "@troupe/core/Cache"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as assert from "node:assert/strict"
import { get, getMany, type Law, Numbers, on, type Peer, set, Stale, two } from "../internal/caching.ts"
import { getOrSet } from "../internal/loading.ts"
import { race } from "../internal/racing.ts"

/** C5 T17 On a full server, too, a load from before a removal answers nobody who came after it. */
export const aFullServerAnswersNobodyWithWhatWasRemoved: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* set(b, Numbers, "k", 1)
    yield* on(b, (c) => c.remove(Numbers, "k"))
    yield* world.store.full(true)
    const first = yield* Effect.forkScoped(getOrSet(a, Numbers, "k", Effect.delay(Effect.succeed(1), "20 seconds")))
    yield* world.advance("1 second")
    yield* on(b, (c) => c.remove(Numbers, "k"))
    const later = yield* Effect.forkScoped(getOrSet(a, Numbers, "k", Effect.succeed(2)))
    yield* world.advance("30 seconds")
    yield* Fiber.join(first)
    yield* world.store.full(false)
    assert.equal(yield* Fiber.join(later), 2)
  })

/** C7 C5 Whoever takes the tag of a stale value takes the load that replaces it along, though that carries another one. */
export const aStaleValueGoesWithItsOwnTag: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* set(a, Stale, "k", 1, { tags: ["old"] })
    yield* world.advance("11 seconds")
    assert.equal(yield* getOrSet(a, Stale, "k", Effect.delay(Effect.succeed(2), "5 seconds"), { tags: ["new"] }), 1)
    yield* world.advance("1 second")
    yield* on(b, (c) => c.invalidateTags(Stale, ["old"]))
    const later = yield* Effect.forkScoped(getOrSet(a, Stale, "k", Effect.succeed(3)))
    yield* world.advance("10 seconds")
    assert.equal(yield* Fiber.join(later), 3)
  })

/** C5 C8 Changing a value to nothing removes it though there is none yet: a load that is under way does not put it back. */
export const changingToNothingRemoves: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const first = yield* Effect.forkScoped(getOrSet(a, Numbers, "k", Effect.delay(Effect.succeed(1), "5 seconds")))
    yield* world.advance("1 second")
    yield* on(b, (c) => c.modify(Numbers, "k", () => [0, Option.none()]))
    yield* world.complete(Fiber.join(first))
    assert.equal(yield* get(b, Numbers, "k"), undefined)
  })

/** C5 C2 So does touching it to live for no time. */
export const touchingToNothingRemoves: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const first = yield* Effect.forkScoped(getOrSet(a, Numbers, "k", Effect.delay(Effect.succeed(1), "5 seconds")))
    yield* world.advance("1 second")
    yield* on(b, (c) => c.touch(Numbers, "k", 0))
    yield* world.complete(Fiber.join(first))
    assert.equal(yield* get(b, Numbers, "k"), undefined)
  })

/** C7 C2 A stale value that is touched to live for no time is never served again. */
export const whatIsTouchedAwayIsNotServedStale: Law = (world) =>
  Effect.gen(function* () {
    const [a] = yield* two(world)
    yield* set(a, Stale, "k", 1)
    yield* world.advance("11 seconds")
    yield* on(a, (c) => c.touch(Stale, "k", 0))
    assert.equal(yield* getOrSet(a, Stale, "k", Effect.succeed(2)), 2)
  })

/** C7 C8 Nor is one that is changed to nothing. */
export const whatIsChangedToNothingIsNotServedStale: Law = (world) =>
  Effect.gen(function* () {
    const [a] = yield* two(world)
    yield* set(a, Stale, "k", 1)
    yield* world.advance("11 seconds")
    yield* on(a, (c) => c.modify(Stale, "k", () => [0, Option.none()]))
    assert.equal(yield* getOrSet(a, Stale, "k", Effect.succeed(2)), 2)
  })

/** C5 C4 Who waits for the load of another peer and is joined after a clear does not wait for what that load will not store. */
export const whoComesAfterAClearDoesNotWait: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* Effect.forkScoped(getOrSet(a, Numbers, "k", Effect.delay(Effect.succeed(1), "60 seconds")))
    yield* world.advance("1 second")
    yield* Effect.forkScoped(getOrSet(b, Numbers, "k", Effect.succeed(2)))
    yield* world.advance("500 millis")
    yield* on(a, (c) => c.clear(Numbers))
    const later = yield* Effect.forkScoped(getOrSet(b, Numbers, "k", Effect.succeed(3)))
    yield* world.advance("1 second")
    assert.notEqual(later.pollUnsafe(), undefined)
  })

/** C11 Who joins those that wait for another peer learns of an outage as soon as anyone. */
export const whoJoinsInAnOutageDoesNotWait: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* Effect.forkScoped(getOrSet(a, Numbers, "k", Effect.delay(Effect.succeed(1), "60 seconds")))
    yield* world.advance("1 second")
    yield* Effect.forkScoped(getOrSet(b, Numbers, "k", Effect.succeed(2)))
    yield* world.advance("500 millis")
    yield* b.cut
    const later = yield* Effect.forkScoped(getOrSet(b, Numbers, "k", Effect.succeed(3)))
    yield* world.advance("300 millis")
    const isDone = later.pollUnsafe() !== undefined
    yield* b.heal
    assert.ok(isDone)
  })

/** C11 C14 The value that takes the place of one that cannot be read is given at once, though the store is away when it is to be kept. */
export const whatIsReplacedInAnOutageIsAnswered: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const Texts = Cache.region("numbers", { value: Schema.String, timeToLive: "1 minute" })
    yield* set(b, Texts, "k", "text")
    const call = yield* Effect.forkScoped(getOrSet(a, Numbers, "k", Effect.delay(Effect.succeed(1), "1 second")))
    yield* world.advance("500 millis")
    yield* a.cut
    yield* world.advance("800 millis")
    const isDone = call.pollUnsafe() !== undefined
    yield* a.heal
    assert.ok(isDone)
  })

/** C5 C7 In a game of any length, with trouble or without, no answer is older than the last removal or write that had returned. */
export const noAnswerIsOlderThanTheLastRemoval: Law = (world) =>
  Effect.gen(function* () {
    const { told, wrong } = yield* race(world, world.seed % 2 === 0)
    assert.deepEqual(wrong, [])
    assert.ok(told > 4, `${told} answers could have been too old`)
  })

/** C4 C7 A key that is asked for inside its own load is a defect that names it: no wait without end, and no old value for the new. */
export const noKeyIsLoadedInsideItself: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const inner = on(a, (cache) => cache.getOrSet(Numbers, "the key", Effect.succeed(1)))
    const between = getOrSet(a, Numbers, "another", inner)
    const exits: Array<Exit.Exit<unknown, unknown>> = []
    for (const load of [inner, between]) {
      exits.push(yield* Effect.exit(world.complete(getOrSet(a, Numbers, "the key", load))))
    }
    yield* set(a, Stale, "the key", 7)
    yield* world.advance("11 seconds")
    const renewed = Effect.onExit(getOrSet(a, Stale, "the key", Effect.succeed(1)), (exit) =>
      Effect.sync(() => exits.push(exit))
    )
    assert.equal(yield* getOrSet(a, Stale, "the key", renewed), 7)
    yield* world.advance(0)
    assert.deepEqual([exits.length, yield* get(a, Stale, "the key")], [3, undefined])
    for (const exit of exits) {
      assert.ok(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.match(`${Cause.squash(exit.cause)}`, /the key/)
    }
    assert.equal(yield* getOrSet(a, Numbers, "the key", getOrSet(a, Numbers, "a third", Effect.succeed(2))), 2)
  })

/** Each key's load asks for the other key, and says whose it is. */
const crossed = (peer: Peer, region: typeof Numbers, loads: Array<string> = []) => {
  const ask = (key: string, other: string): Effect.Effect<number> => {
    const load = Effect.suspend(() => (loads.push(key), ask(other, key)))
    return getOrSet(peer, region, key, Effect.delay(load, "1 second"))
  }
  return Effect.all([Effect.exit(ask("one", "other")), Effect.exit(ask("other", "one"))], { concurrency: 2 })
}

/** C4 Two keys of a peer whose loads ask for each other are a defect that names one, not a wait without end. */
export const noTwoLoadsWaitForEachOther: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    for (const exit of yield* world.complete(crossed(a, Numbers))) {
      assert.ok(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.match(`${Cause.squash(exit.cause)}`, /LoadsItself: .*"(one|other)"/)
    }
    assert.equal(yield* getOrSet(a, Numbers, "one", getOrSet(a, Numbers, "other", Effect.succeed(2))), 2)
  })

/** C4 C7 Where there are stale values they are given: then the loads that replace them may ask for each other. */
export const aStaleValueIsNotWaitedFor: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const loads: Array<string> = []
    for (const key of ["one", "other"]) yield* set(a, Stale, key, 1)
    yield* world.advance("11 seconds")
    assert.deepEqual(yield* world.complete(crossed(a, Stale, loads)), [Exit.succeed(1), Exit.succeed(1)])
    yield* world.advance("2 seconds")
    assert.deepEqual(yield* getMany(a, Stale, ["one", "other"]), [1, 1])
    assert.deepEqual(loads.sort(), ["one", "other"])
  })

/** C4 Who joins for a key that another peer loads gets it when that is done, whatever else is loaded by who asked for it first. */
export const whoJoinsOneOfManyWaitsForThatOne: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const there = yield* Effect.forkScoped(getOrSet(b, Numbers, "theirs", Effect.delay(Effect.succeed(1), "2 seconds")))
    yield* world.advance("1 second")
    const load = (keys: ReadonlyArray<string>) =>
      Effect.delay(Effect.succeed(keys.map((key) => [key, 3] as const)), "20 seconds")
    const many = yield* Effect.forkScoped(on(a, (c) => c.getOrSetMany(Numbers, ["own", "theirs"], load)))
    yield* world.advance("500 millis")
    const joined = yield* Effect.forkScoped(getOrSet(a, Numbers, "theirs", Effect.succeed(2)))
    yield* world.advance("1 second")
    assert.deepEqual([there.pollUnsafe(), joined.pollUnsafe()], [Exit.succeed(1), Exit.succeed(1)])
    assert.deepEqual(yield* world.complete(Fiber.join(many)), [Option.some(3), Option.some(1)])
  })

/** C7 A load of what is stale that failed is not tried again at each reading, but once a second, by one peer. */
export const aFailedRefreshRests: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* two(world)
    let loads = 0
    const ask = (peer: Peer) =>
      getOrSet(
        peer,
        Stale,
        "k",
        Effect.suspend(() => ((loads += 1), Effect.fail("no")))
      )
    yield* set(peers[0], Stale, "k", 1)
    yield* world.advance("11 seconds")
    for (const most of [1, 2, 3]) {
      for (const peer of [...peers, ...peers, ...peers]) {
        assert.equal(yield* ask(peer), 1)
        yield* world.advance(100)
      }
      assert.equal(loads, most)
      yield* world.advance("500 millis")
    }
    yield* on(peers[0], (c) => c.remove(Stale, "k"))
    assert.equal(yield* getOrSet(peers[1], Stale, "k", Effect.succeed(2)), 2)
  })

/** C4 C14 What does not fit is loaded once, however many peers cannot read it. */
export const whatDoesNotFitIsLoadedOnce: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* two(world)
    const Texts = Cache.region("numbers", { value: Schema.String, timeToLive: "1 minute" })
    const texts = ["one", "other", "third"]
    for (const key of texts) yield* set(peers[0], Texts, key, "text")
    const asked: Array<string> = []
    const load = (keys: ReadonlyArray<string>) =>
      Effect.delay(
        Effect.sync(() => (asked.push(...keys), keys.map((key) => [key, 1] as const))),
        "1 second"
      )
    const calls = peers.map((peer) => on(peer, (c) => c.getOrSetMany(Numbers, [...texts, "none"], load)))
    yield* world.complete(Effect.all(calls, { concurrency: 2 }))
    assert.deepEqual(asked.sort(), ["none", ...texts])
    assert.deepEqual(yield* getMany(peers[1], Numbers, texts), [1, 1, 1])
  })
