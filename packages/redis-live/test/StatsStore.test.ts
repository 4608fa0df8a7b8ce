/** The store of Stats on Redis: what it keeps and for how long, on its own clock, full, and of a newer format. */
import { expect, it } from "@effect/vitest"
import type { BackendError } from "@troupe/core/BackendError"
import * as Stats from "@troupe/core/Stats"
import { type Batch, maxItems, resetMs, senderMs, StatsStore } from "@troupe/core/StatsStore"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { missing } from "../../../scripts/missing.ts"
import { withRedis } from "../../../scripts/redis/ask.ts"
import * as RedisStats from "../src/RedisStats.ts"
import { eventually, failure } from "./support/client.ts"
import type * as Primaries from "./support/Primaries.ts"
import { places } from "./support/places.ts"
import { serve } from "./support/rig.ts"
import { begin, open } from "./support/store.ts"

const many = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i)

/** A batch of one sum and one gauge, unless more is said. */
const batch = (sender: string, number: number, more: Partial<Batch> = {}): Batch => ({
  sender,
  number,
  keepMs: 30_000,
  sentMs: undefined,
  reset: 0,
  sums: [{ name: "name", by: 1, ageMs: 0 }],
  gauges: [{ name: "gauge", value: 1.5, sentMs: undefined, reset: 0 }],
  ...more
})

const make = Effect.fnUntraced(function* (at: Primaries.At, isLive = false) {
  const { client, clock, context, primaries } = yield* open(at, "stats", RedisStats.store, isLive)
  return {
    context,
    store: Context.get(context, StatsStore),
    client,
    clock,
    primaries,
    /** What stands under the prefix, behind the tag. */
    keys: Effect.map(
      Effect.promise(() => primaries.dump()),
      (dumps) => [...dumps.keys()].map((key) => key.slice(key.indexOf("}") + 1)).toSorted()
    )
  }
})

type Rig = Effect.Success<ReturnType<typeof make>>

const tests = (at: Primaries.At) => {
  const test = (name: string, run: (rig: Rig) => Effect.Effect<unknown, BackendError, Scope.Scope>, isLive = false) =>
    it.live(name, () => Effect.flatMap(make(at, isLive), run))

  test("all that is kept stands in one slot, carries no time to live, and is collected", ({ clock, keys, store }) =>
    Effect.gen(function* () {
      yield* store.join("s", "peer", "life", 30_000)
      yield* store.flush(batch("s", 1))
      const kept = [":buckets", ":gauges:s", ":known", ":live", ":meta", ":senders", ":sums:s", ":totals"]
      const buckets = [`:1h:${begin / 3_600_000}`, `:1m:${begin / 60_000}`]
      expect(yield* keys).toEqual([...kept, ...buckets].toSorted())
      yield* store.reset("gauge")
      expect(yield* keys).toContain(":resets")
      // Whoever comes later finds nothing but the sums, and its own.
      clock.now += 100 * 86_400_000
      yield* store.join("t", "peer", "other", 30_000)
      yield* store.reset("none")
      expect(yield* keys).toEqual([":known", ":live", ":meta", ":resets", ":senders", ":totals"])
      expect((yield* store.byPeer).totals).toEqual(new Map([["name", 1]]))
    }))

  test("a sender is forgotten after a week of silence, not a moment earlier", ({ clock, store }) =>
    Effect.gen(function* () {
      yield* store.join("s", "peer", "life", 30_000)
      yield* store.flush(batch("s", 1))
      clock.now += senderMs - 1
      expect(yield* store.flush(batch("s", 1))).toMatchObject({ _tag: "Known", isBehind: true })
      clock.now += senderMs
      expect(yield* store.flush(batch("s", 1))).toEqual({ _tag: "Unknown", life: "life" })
      expect(yield* store.renew("s", 1, 30_000)).toEqual({ _tag: "Unknown", life: "life" })
      expect((yield* store.totals).totals.get("name")).toBe(1)
    }))

  test("a reset is remembered for longer than any sender, of ten thousand names", ({ clock, client, store }) =>
    Effect.gen(function* () {
      expect(resetMs).toBeGreaterThan(senderMs)
      const count = client.use("zcard", (redis) => redis.zcard(`${client.prefix}:{stats}:resets`))
      yield* Effect.forEach(many(50), (n) => store.reset(`name ${n}`), { concurrency: "unbounded" })
      expect(yield* count).toBe(50)
      clock.now += resetMs + 1
      yield* store.reset("name")
      expect(yield* count).toBe(1)
      yield* client.use("zadd", (redis) =>
        redis.zadd(`${client.prefix}:{stats}:resets`, ...many(10_000).flatMap((n) => [clock.now * 1_000, `n ${n}`]))
      )
      yield* store.reset("last")
      expect(yield* count).toBe(10_000)
    }))

  test("a batch may be as large as it may be", ({ store }) =>
    Effect.gen(function* () {
      yield* store.join("s", "peer", "life", 30_000)
      const name = (n: number) => `${n} `.padEnd(512, "日".slice(0, 1)).slice(0, 170)
      const sums = many(maxItems).map((n) => ({ name: name(n), by: -n, ageMs: n * 1_000 }))
      expect(yield* store.flush(batch("s", 1, { sums, gauges: [] }))).toMatchObject({ refused: 0 })
      const gauges = many(maxItems).map((n) => ({ name: name(n), value: n / 3, sentMs: undefined, reset: 0 }))
      expect(yield* store.flush(batch("s", 2, { sums: [], gauges }))).toMatchObject({ refused: 0 })
      const { peers, totals } = yield* store.totals
      expect([totals.size, peers[0]?.gauges.get(name(1))]).toEqual([maxItems, 1 / 3])
    }))

  test("data of a newer format is refused and left as it is", ({ keys, primaries, store }) =>
    Effect.gen(function* () {
      yield* store.join("s", "peer", "life", 30_000)
      yield* store.flush(batch("s", 1))
      yield* Effect.promise(() => primaries.hset((key) => key.endsWith(":meta"), "format", "2"))
      const before = yield* keys
      const calls: ReadonlyArray<Effect.Effect<unknown, BackendError>> = [
        store.join("t", "peer", "life", 30_000),
        store.flush(batch("s", 2)),
        store.renew("s", 1, 30_000),
        store.totals,
        store.byPeer,
        store.series("name", "1 hour", 5),
        store.reset("name")
      ]
      for (const call of calls) {
        expect((yield* failure(call)).reason._tag).toBe("CorruptData")
      }
      expect(yield* keys).toEqual(before)
      yield* Effect.promise(() => primaries.hset((key) => key.endsWith(":meta"), "format", "1"))
      expect((yield* store.totals).totals).toEqual(new Map([["name", 1]]))
    }))

  test(
    "outside of worlds the server's own clock counts, and a peer flushes by itself and when it closes",
    ({ context, store }) =>
      Effect.gen(function* () {
        yield* Effect.gen(function* () {
          const stats = yield* Stats.Stats
          yield* stats.increment("name", 5)
          yield* stats.gauge("gauge", 2)
          yield* eventually(Effect.map(stats.totals, (totals) => expect(totals.get("name")).toBe(5)))
          yield* stats.increment("name", 2)
        }).pipe(Effect.provide(Layer.fresh(Stats.layer)), Effect.provideContext(context))
        const { totals } = yield* store.totals
        expect(totals).toEqual(new Map([["name", 7]]))
        const { lastBucket, values } = yield* store.series("name", "1 minute", 2)
        expect(values.reduce((sum, value) => sum + value, 0)).toBe(7)
        expect(Math.abs(lastBucket * 60_000 - Date.now())).toBeLessThan(180_000)
      }),
    true
  )
}

for (const { at, name, skip } of places) skip(`the store of Stats on a ${name}`, () => tests(at))

it.live.skipIf(missing.binary)("a full server takes nothing new, keeps alive what there is, and clears", () =>
  Effect.gen(function* () {
    const server = yield* serve
    const { store } = yield* make({ url: server.url }, true)
    yield* store.join("s", "peer", "life", 30_000)
    yield* store.flush(batch("s", 1))
    yield* Effect.promise(() => withRedis(server.url, (redis) => redis.config("SET", "maxmemory", "1")))
    expect((yield* failure(store.flush(batch("s", 2)))).reason._tag).toBe("CapacityExceeded")
    expect((yield* failure(store.join("t", "peer", "life", 30_000))).reason._tag).toBe("CapacityExceeded")
    expect(yield* store.renew("s", 1, 30_000)).toMatchObject({ _tag: "Known", isBehind: false })
    expect((yield* store.byPeer).peers).toHaveLength(1)
    yield* store.reset("name")
    expect((yield* store.totals).totals.size).toBe(0)
    yield* Effect.promise(() => withRedis(server.url, (redis) => redis.config("SET", "maxmemory", "0")))
    expect(yield* store.flush(batch("s", 2))).toMatchObject({ _tag: "Known" })
  })
)
