/** What Cache promises of what is taken away at one stroke: by its tags, or with all of its region. */
import * as Cache from "@troupe/core/Cache"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as assert from "node:assert/strict"
import {
  costOf,
  get,
  getMany,
  keysOf,
  type Law,
  lookAlikes,
  Numbers,
  numbers,
  on,
  set,
  three,
  two
} from "../internal/caching.ts"

/** C9 When `invalidateTags` has returned, what carries one of the tags is gone for every peer, and nothing else is. */
export const whatIsTaggedAwayIsGone: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* three(world)
    const keys = ["none", "red", "blue", "both"]
    for (const round of [1, 2, 3]) {
      for (const [n, tags] of [[], ["red"], ["blue"], ["red", "blue"]].entries()) {
        yield* set(peers[n % 3]!, Numbers, keys[n]!, n * round, { tags })
      }
      yield* on(peers[round % 3]!, (cache) => cache.invalidateTags(Numbers, ["red", "green"]))
      for (const peer of peers) {
        assert.deepEqual(yield* getMany(peer, Numbers, keys), [0, undefined, 2 * round, undefined])
        assert.deepEqual(yield* keysOf(peer, Numbers), ["blue", "none"])
      }
    }
    yield* set(peers[0], Numbers, "blue", 7)
    yield* on(peers[1], (cache) => cache.invalidateTags(Numbers, ["blue"]))
    assert.equal(yield* get(peers[2], Numbers, "blue"), 7)
  })

/** C9 A tag is that very text, and of that region alone. */
export const noTagReachesAnother: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const regions = ["numbers", "numbers2", "n*", "number"].map((name) =>
      Cache.region(name, { value: Schema.Int, timeToLive: "1 hour" })
    )
    for (const region of regions) {
      for (const [n, tag] of lookAlikes.entries()) yield* set(a, region, tag, n, { tags: [tag] })
    }
    for (const [n, tag] of lookAlikes.entries()) {
      yield* on(b, (cache) => cache.invalidateTags(regions[0]!, [tag]))
      const left = numbers(lookAlikes.length).map((i) => (i <= n ? undefined : i))
      assert.deepEqual(yield* getMany(a, regions[0]!, lookAlikes), left)
    }
    for (const region of regions.slice(1)) {
      assert.deepEqual(yield* getMany(a, region, lookAlikes), numbers(lookAlikes.length))
    }
  })

/** C9 C13 When `clear` has returned, all of the region is gone for every peer, and of no other, however it is called. */
export const clearTakesOneRegion: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const regions = lookAlikes.map((name) => Cache.region(name, { value: Schema.Int, timeToLive: "1 hour" }))
    const keys = ["a", "b", "*"]
    for (const region of regions) {
      yield* on(a, (cache) =>
        cache.setMany(
          region,
          keys.map((key) => [key, 1] as const),
          { tags: ["tag"] }
        )
      )
    }
    for (const [n, region] of regions.entries()) {
      yield* on(b, (cache) => cache.clear(region))
      yield* world.advance("1 second")
      for (const [i, other] of regions.entries()) {
        const expected = i < n ? [2, undefined, undefined] : i === n ? keys.map(() => undefined) : [1, 1, 1]
        assert.deepEqual(yield* getMany(a, other, keys), expected)
      }
      assert.deepEqual(yield* keysOf(a, region), [])
      yield* set(a, region, "a", 2)
    }
  })

/** C9 What was taken away never comes back, whatever the store evicts: neither by its tag nor with its region. */
export const whatWasInvalidStaysSo: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* set(a, Numbers, "old", 1, { tags: ["tag"] })
    yield* on(b, (cache) => cache.invalidateTags(Numbers, ["tag"]))
    yield* set(a, Numbers, "new", 2, { tags: ["tag"] })
    yield* world.store.evict(":t:tag")
    assert.deepEqual(yield* getMany(b, Numbers, ["old", "new"]), [undefined, undefined])
    yield* world.advance(1)
    yield* set(a, Numbers, "newer", 3, { tags: ["tag"] })
    assert.deepEqual(yield* getMany(b, Numbers, ["old", "new", "newer"]), [undefined, undefined, 3])
    yield* world.store.evict(":meta")
    assert.equal(yield* get(b, Numbers, "newer"), undefined)
    yield* world.advance(1)
    yield* set(a, Numbers, "newest", 4)
    assert.deepEqual(yield* getMany(b, Numbers, ["old", "new", "newer", "newest"]), [
      undefined,
      undefined,
      undefined,
      4
    ])
  })

/** C9 What a tag or a region is worth is not written over: what comes after is there, however often it was taken away. */
export const whatComesAfterIsThere: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    for (const n of numbers(10)) {
      yield* set(a, Numbers, "key", n, { tags: ["tag"] })
      assert.equal(yield* get(b, Numbers, "key"), n)
      const take =
        n % 2 === 0
          ? (cache: Cache.Service) => cache.clear(Numbers)
          : (cache: Cache.Service) => cache.invalidateTags(Numbers, ["tag"])
      yield* on(b, take)
      assert.equal(yield* get(a, Numbers, "key"), undefined)
    }
    yield* world.advance("30 seconds")
    yield* set(a, Numbers, "key", 99, { tags: ["tag"] })
    yield* world.advance("59 seconds")
    assert.equal(yield* get(b, Numbers, "key"), 99)
  })

/** C9 `clear` gives the space back in the background; what its peer leaves behind, the next one to clear takes. */
export const clearGivesTheSpaceBack: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const entries = (name: string) => numbers(1_500).map((n) => [`${name}-${n}`, n] as const)
    const keep = (name: string) => on(a, (cache) => cache.setMany(Numbers, entries(name), { timeToLive: Infinity }))
    const kept = (name: string) =>
      Effect.map(world.keys, (keys) => keys.filter((key) => key.includes(`${name}-`)).length)
    yield* keep("one")
    assert.ok((yield* kept("one")) > 0)
    yield* on(a, (cache) => cache.clear(Numbers))
    yield* a.crash
    yield* on(b, (cache) => Effect.andThen(cache.set(Numbers, "left-0", 1), cache.clear(Numbers)))
    yield* set(b, Numbers, "stays-0", 1)
    yield* world.advance("10 seconds")
    assert.deepEqual([yield* kept("one"), yield* kept("left")], [0, 0])
    assert.deepEqual(yield* keysOf(b, Numbers), ["stays-0"])
  })

/** C9 What it costs to take away does not depend on how much there is. */
export const takingAwayCostsTheSame: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const costs: Array<number> = []
    for (const count of [10, 1_000]) {
      yield* on(a, (cache) =>
        cache.setMany(
          Numbers,
          numbers(count).map((n) => [`${n}`, n] as const),
          { tags: ["tag"] }
        )
      )
      const { requests } = yield* costOf(
        a,
        on(a, (cache) => cache.invalidateTags(Numbers, ["tag"]))
      )
      assert.ok(requests.length <= 32 && new Set(requests).size === 1)
      costs.push(requests.length)
      assert.deepEqual(yield* keysOf(a, Numbers), [])
    }
    assert.equal(costs[0], costs[1])
  })
