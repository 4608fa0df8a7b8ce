/**
 * What a call of Cache costs on the wire, as a proxy counts it: the round trips that it waits for, and its requests (promise
 * C15, and what each method says of itself). It is slow, so that the time a call takes says the same once more.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Cache from "@troupe/core/Cache"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { missing } from "../../../scripts/missing.ts"
import { eventually, took } from "./support/client.ts"
import { RoundTrips } from "./support/RoundTrips.ts"
import { type Case, clustered, commandsOf, measured, quiet, single } from "./support/tripsRig.ts"

const options = { value: Schema.Int, timeToLive: "1 hour" } as const
const Plain = Cache.region("plain", options)
const Tagged = Cache.region("tagged", options)
const Cleared = Cache.region("cleared", options)
const Listed = Cache.region("listed", options)
const Stale = Cache.region("stale", { ...options, timeToLive: 1, staleFor: "1 hour" })
const Near = Cache.region("near", { ...options, near: { capacity: 1_000 } })
const keys = (count: number, name = "key") => Array.from({ length: count }, (_, i) => `${name} ${i}`)
const entries = (count: number, name?: string) => keys(count, name).map((key, i) => [key, i] as const)

const one = { trips: 1, requests: 1 }
const two = { trips: 2, requests: 2 }

describe.skipIf(missing.binary)("what a call costs on the wire (C15)", { timeout: 120_000 }, () => {
  it.live(
    "reading and writing",
    () =>
      Effect.gen(function* () {
        const its = yield* single
        const { cache, other } = its
        let regions = 0
        const unread = () => Cache.region(`unread ${(regions += 1)}`, options)
        const there = other.setMany(Plain, entries(1_024))
        const gone = other.removeMany(Plain, keys(1_024))
        const filled = other.setMany(Cleared, entries(512))
        const cases: ReadonlyArray<Case> = [
          { name: "get", ...one, prepare: there, call: cache.get(Plain, "key 1") },
          { name: "get, nothing there", ...one, prepare: gone, call: cache.get(Plain, "key 1") },
          { name: "has", ...one, call: cache.has(Plain, "key 1") },
          { name: "getMany", ...one, prepare: there, isLarge: true, call: cache.getMany(Plain, keys(512)) },
          {
            name: "getMany, twice as many",
            trips: 1,
            requests: 2,
            isLarge: true,
            call: cache.getMany(Plain, keys(1_024))
          },
          // Of a region that was not read yet the values may be large: 64 keys at a time, and of those four.
          {
            name: "getMany, for the first time",
            trips: 2,
            requests: 8,
            isLarge: true,
            call: Effect.suspend(() => cache.getMany(unread(), keys(512)))
          },
          { name: "set", ...one, call: cache.set(Plain, "key 1", 1) },
          { name: "setMany", ...one, isLarge: true, call: cache.setMany(Plain, entries(512)) },
          { name: "setMany, twice as many", ...two, isLarge: true, call: cache.setMany(Plain, entries(1_024)) },
          { name: "setIfAbsent", ...one, prepare: gone, call: cache.setIfAbsent(Plain, "key 1", 1) },
          { name: "setIfAbsent, there", ...one, prepare: there, call: cache.setIfAbsent(Plain, "key 1", 1) },
          { name: "remove", ...one, prepare: there, call: cache.remove(Plain, "key 1") },
          { name: "removeMany", ...one, prepare: there, isLarge: true, call: cache.removeMany(Plain, keys(512)) },
          {
            name: "removeMany, twice as many",
            ...two,
            prepare: there,
            isLarge: true,
            call: cache.removeMany(Plain, keys(1_024))
          },
          { name: "take", ...two, prepare: there, call: cache.take(Plain, "key 1") },
          { name: "modify", ...two, prepare: there, call: cache.modify(Plain, "key 1", increment) },
          { name: "touch", ...one, call: cache.touch(Plain, "key 1", "1 hour") },
          { name: "timeToLive", ...one, call: cache.timeToLive(Plain, "key 1") },
          { name: "invalidateTags", ...one, call: cache.invalidateTags(Tagged, ["a"]) },
          { name: "invalidateTags, 512 of them", ...one, isLarge: true, call: cache.invalidateTags(Tagged, keys(512)) },
          {
            name: "invalidateTags, 1,024 of them",
            ...two,
            isLarge: true,
            call: cache.invalidateTags(Tagged, keys(1_024))
          },
          { name: "clear", ...one, behind: 1, prepare: filled, call: cache.clear(Cleared) }
        ]
        yield* Effect.forEach(cases, (one) => measured(its, one))
      }),
    120_000
  )

  it.live("what somebody else came before is read again: two more", () =>
    Effect.gen(function* () {
      const { cache, other, proxy, trips } = yield* single
      const calls: ReadonlyArray<readonly [name: string, call: Effect.Effect<unknown, unknown>]> = [
        ["modify", cache.modify(Plain, "key", increment)],
        ["take", cache.take(Plain, "key")]
      ]
      for (const [name, call] of calls) {
        yield* other.set(Plain, "key", 1)
        yield* call
        yield* other.set(Plain, "key", 1)
        yield* quiet(trips)
        trips.begin()
        trips.onSent = (requests) => {
          if (requests === 2) Object.assign(proxy, { roles: new Set(["command"]), toServer: "hold" })
        }
        const calling = yield* Effect.forkScoped(call, { startImmediately: true })
        yield* eventually(Effect.sync(() => expect(trips.count.requests).toBe(2)))
        yield* other.set(Plain, "key", 2)
        proxy.heal()
        yield* Fiber.join(calling)
        expect(trips.count, name).toEqual({ trips: 4, requests: 4 })
      }
    })
  )

  it.live("what is asked at one time shares round trips", () =>
    Effect.gen(function* () {
      const its = yield* single
      const { cache, other, trips } = its
      yield* other.setMany(Plain, entries(100))
      yield* cache.get(Plain, "key 1")
      const all = (call: (key: string) => Effect.Effect<unknown, unknown>) =>
        Effect.forEach(keys(100), call, { concurrency: "unbounded", discard: true })
      const calls: ReadonlyArray<readonly [name: string, call: Effect.Effect<unknown, unknown>]> = [
        ["get", all((key) => cache.get(Plain, key))],
        ["has", all((key) => cache.has(Plain, key))],
        ["set", all((key) => cache.set(Plain, key, 1))],
        ["getOrSet", all((key) => cache.getOrSet(Plain, key, load))],
        ["modify", all(() => cache.modify(Plain, "key 1", increment))]
      ]
      for (const [name, call] of calls) {
        yield* call
        yield* quiet(trips)
        trips.begin()
        yield* call
        // The first leaves at once, the others in a few batches: each takes what one alone would.
        expect(trips.count.requests, name).toBeLessThanOrEqual(4)
        expect(trips.count.trips, name).toBeLessThanOrEqual(4)
      }
    })
  )

  it.live(
    "loading",
    () =>
      Effect.gen(function* () {
        const its = yield* single
        const { cache, other } = its
        const there = other.setMany(Plain, entries(512))
        const gone = other.removeMany(Plain, keys(512))
        const cases: ReadonlyArray<Case> = [
          { name: "a hit", ...one, prepare: there, call: cache.getOrSet(Plain, "key 1", load) },
          { name: "a miss", trips: 3, requests: 3, prepare: gone, call: cache.getOrSet(Plain, "key 1", load) },
          { name: "hits", ...one, prepare: there, isLarge: true, call: cache.getOrSetMany(Plain, keys(512), loadAll) },
          {
            name: "misses",
            trips: 3,
            requests: 3,
            prepare: gone,
            isLarge: true,
            call: cache.getOrSetMany(Plain, keys(512), loadAll)
          },
          {
            name: "an old one is given before the new one is loaded",
            ...two,
            prepare: Effect.andThen(other.set(Stale, "key", 1), Effect.sleep(10)),
            call: cache.getOrSet(Stale, "key", load)
          }
        ]
        yield* Effect.forEach(cases, (one) => measured(its, one))
      }),
    120_000
  )

  for (const who of ["the same process", "another process"] as const) {
    it.live(`a load that ${who} has begun is waited for`, () =>
      Effect.gen(function* () {
        const { cache, other, trips } = yield* single
        const isOwn = who === "the same process"
        const joined = (key: string) =>
          Effect.gen(function* () {
            const begun = yield* Deferred.make<void>()
            const end = yield* Deferred.make<number>()
            const load = Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(end))
            const loading = yield* Effect.forkScoped((isOwn ? cache : other).getOrSet(Plain, key, load))
            yield* Deferred.await(begun)
            yield* quiet(trips)
            trips.begin()
            const joining = yield* Effect.forkScoped(cache.getOrSet(Plain, key, load))
            yield* eventually(Effect.sync(() => expect(trips.count.requests).toBeGreaterThan(0)))
            yield* quiet(trips)
            const before = trips.count
            yield* Deferred.succeed(end, 1)
            yield* Effect.all([Fiber.join(loading), Fiber.join(joining)])
            return { before, after: trips.count }
          })
        yield* joined("first")
        // Whether the lease still holds; the value is stored. Or: nothing is there, somebody loads it, and has not ended since;
        // it has ended.
        let times = 0
        yield* eventually(
          Effect.map(
            Effect.suspend(() => Effect.scoped(joined(`key ${(times += 1)}`))),
            ({ after, before }) => {
              expect(before).toEqual(isOwn ? one : { trips: 3, requests: 3 })
              expect(after).toEqual(isOwn ? two : { trips: 4, requests: 4 })
            }
          )
        )
      })
    )
  }

  it.live("a near hit asks nobody; once a second it is asked whether what changes is told (C10)", () =>
    Effect.gen(function* () {
      const { cache, other, proxy, trips } = yield* single
      yield* other.setMany(Near, entries(10))
      yield* eventually(
        Effect.gen(function* () {
          yield* cache.getMany(Near, keys(10))
          yield* quiet(trips)
          trips.begin()
          yield* cache.getMany(Near, keys(10))
          yield* cache.get(Near, "key 1")
          yield* cache.has(Near, "key 1")
          yield* cache.getOrSet(Near, "key 1", Effect.die("there is one"))
          yield* cache.getOrSetMany(Near, keys(10), () => Effect.die("they are there"))
          expect(trips.count.requests).toBe(0)
        })
      )
      // Of the connections that are made from now on.
      const asking = new RoundTrips("tracking")
      proxy.trips = asking
      proxy.kill("tracking")
      yield* eventually(
        Effect.gen(function* () {
          expect(asking.count.requests).toBeGreaterThan(0)
          yield* cache.getMany(Near, keys(10))
          const before = trips.count.requests
          yield* cache.getMany(Near, keys(10))
          expect(trips.count.requests).toBe(before)
        })
      )
      yield* quiet(asking)
      asking.begin()
      yield* Effect.sleep(3_000)
      expect(asking.count.requests).toBeGreaterThanOrEqual(1)
      expect(asking.count.requests).toBeLessThanOrEqual(4)
    })
  )

  it.live("locks", () =>
    Effect.gen(function* () {
      const its = yield* single
      const { cache, other, trips } = its
      yield* measured(its, { name: "free", ...two, call: cache.withLock("free")(Effect.void) })

      // Renewed three times, at each third of its time; at the first the server does not know the script.
      const renewed = eventually(Effect.sync(() => expect(trips.count.requests).toBeGreaterThanOrEqual(5)))
      const held = cache.withLock("held", { timeToLive: "3 seconds" })(took(renewed))
      yield* quiet(trips)
      trips.begin()
      const [, ms] = yield* held
      // From when it was sent, as each third is: the first was on its way for a round trip.
      expect(ms).toBeGreaterThan(3_000 - 100)
      expect(ms).toBeLessThan(3_000 + 3_000)
      expect(trips.count.requests).toBeGreaterThanOrEqual(6)
      expect(trips.count.requests).toBeLessThanOrEqual(7)

      const waited = Effect.gen(function* () {
        const end = yield* Deferred.make<void>()
        const begun = yield* Deferred.make<void>()
        const body = Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(end))
        const holding = yield* Effect.forkScoped(other.withLock("busy")(body))
        yield* Deferred.await(begun)
        yield* quiet(trips)
        trips.begin()
        const waiting = yield* Effect.forkScoped(cache.withLock("busy")(Effect.sync(() => trips.count)))
        // It has been refused, and once more when it would hear of the end.
        yield* eventually(Effect.sync(() => expect(trips.count.requests).toBe(2)))
        yield* quiet(trips)
        yield* Deferred.succeed(end, undefined)
        yield* Fiber.join(holding)
        const taken = yield* Fiber.join(waiting)
        return { taken, over: trips.count }
      })
      for (const time of ["first", "second"]) {
        expect(yield* waited, time).toEqual({ taken: { trips: 3, requests: 3 }, over: { trips: 4, requests: 4 } })
      }
    })
  )

  it.live("the keys of a region: two for about 512 that the server has", () =>
    Effect.gen(function* () {
      const its = yield* single
      const { cache, other, trips } = its
      const list = Stream.runCollect(cache.keys(Listed))
      yield* other.setMany(Listed, entries(100))
      yield* measured(its, { name: "one page", ...two, call: list })
      yield* other.setMany(Listed, entries(2_000))
      yield* quiet(trips)
      trips.begin()
      expect(new Set(yield* list).size).toBe(2_000)
      expect(trips.count.trips).toBe(trips.count.requests)
      expect(trips.count.trips).toBeLessThanOrEqual(10)
    })
  )

  it.live(
    "on a Cluster each primary is asked once, all at once",
    () =>
      Effect.gen(function* () {
        const its = yield* clustered
        const { cache } = its
        const parts = 32
        const there = cache.setMany(Plain, entries(512))
        const gone = cache.removeMany(Plain, keys(512))
        const cases: ReadonlyArray<Case> = [
          { name: "set", ...one, call: cache.set(Plain, "key 1", 1) },
          { name: "get", ...one, call: cache.get(Plain, "key 1") },
          { name: "remove", ...one, call: cache.remove(Plain, "key 1") },
          {
            name: "getMany",
            trips: 1,
            requests: parts,
            prepare: there,
            isLarge: true,
            call: cache.getMany(Plain, keys(512))
          },
          { name: "setMany", trips: 1, requests: parts, isLarge: true, call: cache.setMany(Plain, entries(512)) },
          { name: "removeMany", trips: 1, requests: parts, isLarge: true, call: cache.removeMany(Plain, keys(512)) },
          { name: "take", ...two, prepare: there, call: cache.take(Plain, "key 1") },
          { name: "modify", ...two, call: cache.modify(Plain, "key 1", increment) },
          { name: "getOrSet, a hit", ...one, call: cache.getOrSet(Plain, "key 1", load) },
          {
            name: "getOrSet",
            trips: 3,
            requests: 3,
            prepare: gone,
            call: cache.getOrSet(Plain, "key 1", load)
          },
          { name: "invalidateTags", trips: 1, requests: parts, call: cache.invalidateTags(Tagged, ["a"]) },
          { name: "clear", trips: 1, requests: parts, behind: 1, call: cache.clear(Cleared) },
          { name: "withLock", ...two, call: cache.withLock("free")(Effect.void) }
        ]
        yield* Effect.forEach(cases, (one) => measured(its, one))
      }),
    120_000
  )
})

const load = Effect.succeed(1)
const loadAll = (missing: ReadonlyArray<string>) => Effect.succeed(missing.map((key) => [key, 1] as const))

const increment = (now: Option.Option<number>) => {
  const next = Option.getOrElse(now, () => 0) + 1
  return [next, Option.some(next)] as const
}

describe.skipIf(missing.binary)("what a call costs the server", { timeout: 120_000 }, () => {
  it.live("taking away costs the same, however much there is, and so does reading, however much is read", () =>
    Effect.gen(function* () {
      const { cache, other, server, trips } = yield* single
      const cost = (call: Effect.Effect<unknown, unknown>) =>
        Effect.gen(function* () {
          const before = yield* commandsOf(server)
          yield* call
          return (yield* commandsOf(server)) - before
        })
      const costs = (count: number) =>
        Effect.gen(function* () {
          yield* other.setMany(Plain, entries(count))
          yield* other.setMany(Tagged, entries(count), { tags: ["a"] })
          yield* other.setMany(Cleared, entries(count))
          yield* quiet(trips)
          // Its way is long: that the space is given back afterwards is not counted.
          const clear = yield* cost(cache.clear(Cleared))
          yield* quiet(trips)
          return {
            clear,
            getMany: yield* cost(other.getMany(Plain, keys(count))),
            invalidateTags: yield* cost(other.invalidateTags(Tagged, ["a"]))
          }
        })
      yield* costs(1)
      const few = yield* costs(1)
      expect(yield* costs(512)).toEqual(few)
      expect(few.getMany).toBeLessThanOrEqual(4)
    })
  )
})
