/**
 * A slow computation that is made once for all who ask: two peers want the same forecast at the same moment, one computes
 * it, and both get it. What has changed is taken away by its tag. On memory by default; with REDIS_URL on Redis, and
 * nothing else changes:
 *
 *     node examples/forecast.ts
 */
import { NodeRuntime } from "@effect/platform-node"
import { Cache, LocalPeer } from "@troupe/core"
import { MemoryBackend, MemoryCache } from "@troupe/testkit"
import { Effect, Layer, Schema } from "effect"

// A definition is a value: what is kept, under which keys, for how long.
const Forecasts = Cache.region("forecasts", {
  value: Schema.Struct({ degrees: Schema.Int, at: Schema.Date }),
  timeToLive: "10 minutes",
  // After that the old one will do for an hour, while one peer computes the new one.
  staleFor: "1 hour"
})

/** Takes its time, and would take the station's if everyone asked for it. */
const compute = (city: string) =>
  Effect.gen(function* () {
    yield* Effect.log(`computes the forecast of ${city}`)
    yield* Effect.sleep("300 millis")
    return { degrees: city.length * 3, at: new Date(0) }
  })

/** `getOrSet` fails as `compute` does, and in no other way: without the cache it computes. */
const forecast = (city: string) =>
  Effect.flatMap(Cache.Cache, (cache) => cache.getOrSet(Forecasts, city, compute(city), { tags: ["weather"] }))

/** One peer of the cluster, for as long as the scope lasts. In production: one process. */
const asPeer = (name: string) => MemoryCache.layer().pipe(Layer.fresh, Layer.provide(LocalPeer.layer(name)))

const program = Effect.gen(function* () {
  const [north, south] = yield* Effect.all([Layer.build(asPeer("north")), Layer.build(asPeer("south"))])
  const both = Effect.all([Effect.provide(forecast("Oslo"), north), Effect.provide(forecast("Oslo"), south)], {
    concurrency: "unbounded"
  })
  const [first, second] = yield* both
  yield* Effect.log(`both say ${first.degrees} and ${second.degrees} degrees`)
  // The wind has turned: for every peer, from now on.
  yield* Effect.provide(
    Effect.flatMap(Cache.Cache, (cache) => cache.invalidateTags(Forecasts, ["weather"])),
    south
  )
  yield* both
})

NodeRuntime.runMain(program.pipe(Effect.scoped, Effect.provide(MemoryBackend.layer)))
