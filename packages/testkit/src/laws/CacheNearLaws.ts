/** What Cache promises of values that a process keeps itself (C10), and of what else they must not break. */
import * as Cache from "@troupe/core/Cache"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as assert from "node:assert/strict"
import { type Caches, costOf, get, getMany, type Law, numbers, on, type Peer, set, two } from "../internal/caching.ts"
import { getOrSet } from "../internal/loading.ts"

const Item = Schema.Struct({ n: Schema.Int })
const region = (options: {
  readonly timeToLive: Duration.Input
  readonly sliding?: boolean
  readonly near?: Cache.NearOptions
}) => Cache.region("items", { value: Item, ...options })

const Items = region({ timeToLive: "1 minute", near: { capacity: 100 } })
/** The same values, as the backend has them. */
const Plain = region({ timeToLive: "1 minute" })
const Sliding = region({ timeToLive: "10 seconds", sliding: true, near: { capacity: 100 } })

type Items = typeof Items

/** Has the peer keep it; fails where it does not. */
const warm = (world: Caches, peer: Peer, key = "k", items: Items = Items) =>
  Effect.gen(function* () {
    yield* get(peer, items, key)
    yield* world.advance("10 millis")
    const value = yield* get(peer, items, key)
    assert.deepEqual(yield* costOf(peer, get(peer, items, key)), { answer: value, requests: [] })
    return value
  })

/** Every way to change what is there, or to take it away. */
const changes: ReadonlyArray<(peer: Peer, n: number) => Effect.Effect<unknown, unknown>> = [
  (peer, n) => set(peer, Items, "k", { n }, { tags: ["t"] }),
  (peer, n) => on(peer, (cache) => cache.setMany(Items, [["k", { n }]])),
  (peer, n) => on(peer, (cache) => cache.modify(Items, "k", () => [0, Option.some({ n })])),
  (peer) => on(peer, (cache) => cache.remove(Items, "k")),
  (peer, n) => on(peer, (cache) => cache.setIfAbsent(Items, "k", { n }, { tags: ["t", "u"] })),
  (peer) => on(peer, (cache) => cache.invalidateTags(Items, ["u"])),
  (peer, n) => on(peer, (cache) => cache.getOrSet(Items, "k", Effect.succeed({ n }))),
  (peer) => on(peer, (cache) => cache.clear(Items)),
  (peer, n) => set(peer, Items, "k", { n }),
  (peer) => on(peer, (cache) => cache.take(Items, "k")),
  (peer, n) => set(peer, Items, "k", { n }),
  (peer) => on(peer, (cache) => cache.touch(Items, "k", 0))
]

/** C10 C15 A7 A warm read sends nothing, decodes nothing and gives the same object, whatever call reads. */
export const aWarmReadAsksNobody: Law = (world) =>
  Effect.gen(function* () {
    const [a] = yield* two(world)
    yield* set(a, Items, "k", { n: 1 })
    const first = yield* warm(world, a)
    const reads = Effect.all([
      get(a, Items, "k"),
      getOrSet(a, Items, "k", Effect.never),
      Effect.map(getMany(a, Items, ["k", "k"]), ([, value]) => value),
      Effect.map(
        on(a, (cache) => cache.getOrSetMany(Items, ["k"], () => Effect.never)),
        ([value]) => Option.getOrUndefined(value ?? Option.none())
      )
    ])
    const { answer, requests } = yield* costOf(a, reads)
    for (const value of answer) assert.equal(value, first)
    assert.equal(yield* on(a, (cache) => cache.has(Items, "k")), true)
    assert.deepEqual(requests, [])
  })

/** C10 Whatever another peer does to a value is seen within a message's way; what it cleared also where it sweeps nothing behind that. */
export const whatAnotherPeerChangesIsSeen: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    for (const [n, change] of changes.entries()) {
      yield* set(b, Items, "k", { n: -1 }, { tags: ["u"] })
      yield* world.advance("100 millis")
      yield* warm(world, a)
      yield* change(b, n)
      yield* world.advance("100 millis")
      assert.deepEqual(yield* get(a, Items, "k"), yield* get(b, Plain, "k"), `change ${n}`)
    }
    yield* set(b, Items, "k", { n: -1 })
    yield* world.advance("100 millis")
    yield* warm(world, a)
    yield* on(b, (cache) => cache.clear(Items))
    yield* b.cut
    yield* world.advance("100 millis")
    assert.equal(yield* get(a, Items, "k"), undefined)
  })

/** C1 What a peer does itself it sees at once. */
export const whatAPeerChangesItSeesNext: Law = (world) =>
  Effect.gen(function* () {
    const [a] = yield* two(world)
    for (const [n, change] of changes.entries()) {
      yield* set(a, Items, "k", { n: -1 }, { tags: ["u"] })
      yield* world.advance("100 millis")
      yield* warm(world, a)
      yield* change(a, n)
      assert.deepEqual(yield* get(a, Items, "k"), yield* get(a, Plain, "k"), `change ${n}`)
    }
  })

/** C10 Whose pushes are lost without a word trusts what it keeps for two seconds more. */
export const theDeafTrustNothingOlderThanTwoSeconds: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* set(a, Items, "k", { n: 1 })
    yield* warm(world, a)
    yield* a.deaf
    yield* set(b, Items, "k", { n: 2 })
    assert.deepEqual((yield* costOf(a, get(a, Items, "k"))).requests, [])
    yield* world.advance("2 seconds")
    yield* world.always(
      Effect.map(get(a, Items, "k"), (value) => assert.deepEqual(value, { n: 2 })),
      "10 seconds"
    )
  })

/** C10 Who stood still trusts nothing that it kept, before it has heard again. */
export const aThawedPeerTrustsNothing: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* set(a, Items, "k", { n: 1 })
    yield* warm(world, a)
    yield* a.deaf
    yield* a.freeze
    yield* set(b, Items, "k", { n: 2 })
    yield* world.advance("5 seconds")
    yield* a.thaw
    assert.deepEqual(yield* get(a, Items, "k"), { n: 2 })
  })

/** C10 What was written while the path was gone is not hidden by what was kept before. */
export const nothingIsKeptPastTheConnection: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* set(a, Items, "k", { n: 1 })
    yield* warm(world, a)
    yield* a.cut
    yield* set(b, Items, "k", { n: 2 })
    yield* world.advance("500 millis")
    yield* a.heal
    yield* world.advance("100 millis")
    assert.deepEqual(yield* get(a, Items, "k"), { n: 2 })
    yield* world.advance("2 seconds")
    assert.deepEqual(yield* warm(world, a), { n: 2 })
  })

/** C10 A store that lost everything is seen as it is. */
export const whatTheStoreForgotIsNotKept: Law = (world) =>
  Effect.gen(function* () {
    const [a] = yield* two(world)
    yield* set(a, Items, "k", { n: 1 })
    yield* warm(world, a)
    yield* world.store.forget
    yield* world.advance("100 millis")
    assert.equal(yield* get(a, Items, "k"), undefined)
  })

/** C10 An answer that its value's, its tag's or its region's change has overtaken is not kept. */
export const aLateAnswerIsNotKept: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* set(b, Items, "l", { n: 1 })
    for (const n of numbers(6)) {
      yield* set(b, Items, "k", { n }, { tags: ["t"] })
      yield* set(b, Items, "l", { n })
      yield* world.advance("100 millis")
      yield* warm(world, a, "l")
      yield* a.holdAnswers
      const reading = yield* Effect.forkScoped(n < 3 ? get(a, Items, "k") : getMany(a, Items, ["k", "m"]))
      yield* world.advance("1 milli")
      if (n % 3 === 0) yield* set(b, Items, "k", { n: -1 })
      else if (n % 3 === 1) yield* on(b, (cache) => cache.invalidateTags(Items, ["t"]))
      else yield* on(b, (cache) => cache.clear(Items))
      yield* world.advance("99 millis")
      yield* a.passAnswers
      assert.notDeepEqual(yield* Fiber.join(reading), undefined)
      assert.deepEqual(yield* get(a, Items, "k"), n % 3 === 0 ? { n: -1 } : undefined, `round ${n}`)
    }
  })

/** C10 After any run of reads and writes, once all has arrived, what is kept is what is there. */
export const whatIsKeptIsWhatIsThere: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const keys = ["a", "b", "c"]
    const oneOf = <A>(all: ReadonlyArray<A>) => Effect.map(Random.nextIntBetween(0, all.length - 1), (i) => all[i]!)
    for (const n of numbers(40)) {
      const peer = yield* oneOf([a, b])
      const key = yield* oneOf(keys)
      const tags = yield* oneOf([[], ["t"], ["u"], ["t", "u"]])
      const step: Effect.Effect<unknown, unknown> = yield* oneOf<Effect.Effect<unknown, unknown>>([
        set(peer, Items, key, { n }, { tags }),
        on(peer, (cache) => cache.remove(Items, key)),
        on(peer, (cache) => cache.invalidateTags(Items, tags)),
        on(peer, (cache) => cache.getOrSet(Items, key, Effect.succeed({ n }), { tags })),
        on(peer, (cache) => cache.modify(Items, key, (now) => [now, Option.some({ n })])),
        on(peer, (cache) => (n % 5 === 0 ? cache.clear(Items) : cache.touch(Items, key, "30 seconds")))
      ])
      const reading = yield* Effect.forkScoped(Effect.all([getMany(a, Items, keys), getMany(b, Items, keys)]))
      yield* step
      yield* Fiber.join(reading)
      yield* world.advance("100 millis")
      const there = yield* getMany(a, Plain, keys)
      for (const peer of [a, b]) assert.deepEqual(yield* getMany(peer, Items, keys), there)
    }
  }).pipe(Random.withSeed(`${world.seed}`))

/** C2 What is kept is gone when its time is over. */
export const whatIsKeptEndsInTime: Law = (world) =>
  Effect.gen(function* () {
    const [a] = yield* two(world)
    const Short = region({ timeToLive: "10 seconds", near: { capacity: 10, timeToLive: "1 minute" } })
    yield* set(a, Short, "k", { n: 1 })
    yield* warm(world, a, "k", Short)
    yield* world.advance(9_980)
    assert.deepEqual(yield* costOf(a, get(a, Short, "k")), { answer: { n: 1 }, requests: [] })
    yield* world.advance(10)
    assert.equal(yield* get(a, Short, "k"), undefined)
  })

/** C2 Reading what is kept has it live on, and asks the backend about once in half its life. */
export const readingWhatIsKeptProlongs: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* set(a, Sliding, "k", { n: 1 })
    yield* warm(world, a, "k", Sliding)
    yield* warm(world, b, "k", Sliding)
    let asked = 0
    for (const _ of numbers(60)) {
      yield* world.advance("1 second")
      for (const peer of [a, b]) {
        const { answer, requests } = yield* costOf(peer, get(peer, Sliding, "k"))
        assert.deepEqual(answer, { n: 1 })
        if (requests.length > 0) asked += 1
      }
    }
    assert.ok(asked <= 60, `${asked} of 120 reads asked`)
    yield* world.advance("10 seconds")
    assert.equal(yield* get(a, Sliding, "k"), undefined)
  })

/** A5 No more is kept than was allowed, and what is read stays longest. */
export const noMoreIsKeptThanAllowed: Law = (world) =>
  Effect.gen(function* () {
    const [a] = yield* two(world)
    const Few = region({ timeToLive: "1 minute", near: { capacity: 2 } })
    for (const key of ["a", "b", "c"]) yield* set(a, Few, key, { n: 1 })
    yield* warm(world, a, "a", Few)
    yield* get(a, Few, "b")
    assert.deepEqual((yield* costOf(a, get(a, Few, "a"))).requests, [])
    yield* get(a, Few, "c")
    assert.deepEqual((yield* costOf(a, get(a, Few, "a"))).requests, [])
    assert.equal((yield* costOf(a, get(a, Few, "b"))).requests.length, 1)
  })

/** C10 Nothing is kept longer than the region says; then nobody is asked whether it is heard. */
export const nearValuesHaveATimeOfTheirOwn: Law = (world) =>
  Effect.gen(function* () {
    const [a] = yield* two(world)
    const Brief = region({ timeToLive: "1 hour", near: { capacity: 10, timeToLive: "5 seconds" } })
    yield* set(a, Brief, "k", { n: 1 })
    yield* warm(world, a, "k", Brief)
    const { requests } = yield* costOf(a, world.advance("30 seconds"))
    assert.ok(requests.length >= 4 && requests.length <= 8, `asked ${requests.length} times`)
    assert.notDeepEqual((yield* costOf(a, get(a, Brief, "k"))).requests, [])
  })

/** C15 Who keeps nothing watches nothing. */
export const withoutNearNothingIsWatched: Law = (world) =>
  Effect.gen(function* () {
    const [a] = yield* two(world)
    yield* set(a, Plain, "k", { n: 1 })
    yield* get(a, Plain, "k")
    assert.deepEqual((yield* costOf(a, world.advance("30 seconds"))).requests, [])
    assert.equal((yield* costOf(a, get(a, Plain, "k"))).requests.length, 1)
  })
