/** An application's own tests of what it counts: no server, and no waiting, for Effect's TestClock is the server's clock. */
import { assert, it } from "@effect/vitest"
import { Stats } from "@troupe/core"
import { RedisClient, RedisStats } from "@troupe/redis-live"
import { Memory, MemoryBackend } from "@troupe/testkit"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { inject } from "vitest"
import { missing } from "../scripts/missing.ts"

const redis = Layer.provide(
  RedisStats.layer,
  RedisClient.layer({ url: inject("redisUrl") ?? "", prefix: `${inject("redisPrefix")}-visits` })
)
const visit = Effect.flatMap(Stats.Stats, (stats) => stats.increment("visits"))
const totals = Effect.flatMap(Stats.Stats, (stats) => stats.totals)

it.effect("what was counted is flushed a second later, and stands in the hour in which it was counted", () =>
  Effect.gen(function* () {
    const stats = yield* Stats.Stats
    yield* visit
    assert.strictEqual((yield* stats.totals).get("visits"), undefined)
    yield* TestClock.adjust("1 second")
    assert.strictEqual((yield* stats.totals).get("visits"), 1)
    yield* TestClock.adjust("2 hours")
    yield* Effect.andThen(visit, stats.flush)
    const series = yield* stats.series("visits", { last: "3 hours", resolution: "1 hour" })
    assert.deepStrictEqual(
      series.map(({ value }) => value),
      [1, 0, 1]
    )
  }).pipe(Effect.provide(Memory.layer))
)

it.effect("a peer that closes has flushed, and what it counted stays", () =>
  Effect.gen(function* () {
    const one = yield* Layer.build(Memory.layerPeer({ name: "one" }))
    yield* Effect.provide(visit, Memory.layerPeer({ name: "other" }))
    assert.deepStrictEqual(yield* Effect.provide(totals, one), new Map([["visits", 1]]))
    yield* TestClock.adjust("30 seconds")
    const byPeer = yield* Effect.provide(
      Effect.flatMap(Stats.Stats, (stats) => stats.byPeer),
      one
    )
    assert.deepStrictEqual(byPeer, new Map([["(gone)", new Map([["visits", 1]])]]))
  }).pipe(Effect.scoped, Effect.provide(MemoryBackend.layer))
)

it.live.skipIf(missing.redis)("on Redis nothing else changes", () =>
  Effect.gen(function* () {
    const stats = yield* Stats.Stats
    yield* Effect.andThen(visit, Effect.andThen(visit, stats.flush))
    assert.deepStrictEqual(yield* totals, new Map([["visits", 2]]))
  }).pipe(Effect.provide(redis))
)
