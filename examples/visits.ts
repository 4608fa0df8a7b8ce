/**
 * Counters that a whole cluster adds to: three shops count what they sell, and a fourth peer reads what all of them have
 * sold, who sold it, and when. Counting costs nothing; effect's own metrics go the same way. On memory by default; with
 * REDIS_URL on Redis, and nothing else changes:
 *
 *     node examples/visits.ts
 *     REDIS_URL=redis://localhost:6379 node examples/visits.ts
 */
import { NodeRuntime } from "@effect/platform-node"
import { LocalPeer, Stats } from "@troupe/core"
import { RedisClient, RedisStats } from "@troupe/redis-live"
import { MemoryBackend, MemoryStats } from "@troupe/testkit"
import { Config, Effect, Layer, Metric, Option } from "effect"

/** The one place that says where the cluster lives. */
const backend = Layer.unwrap(
  Effect.map(Config.option(Config.String("REDIS_URL")), (url) =>
    Option.isSome(url)
      ? RedisStats.layer.pipe(Layer.provide(RedisClient.layer({ url: url.value, prefix: "troupe-example" })))
      : MemoryStats.layer
  )
)

/** One peer of the cluster, for as long as the scope lasts. In production: one process. */
const asPeer = (name: string) => backend.pipe(Layer.fresh, Layer.provide(LocalPeer.layer(name)))

// What the application measures anyway.
const latency = Metric.gauge("latency")
const errors = Metric.counter("errors", { incremental: true })

/** Counts in memory; the others see it a second later, or when the shop closes. */
const shop = (name: string, visits: number) =>
  Effect.gen(function* () {
    const stats = yield* Stats.Stats
    for (let n = 0; n < visits; n++) yield* stats.increment("visits")
    yield* stats.increment("revenue", visits * 250)
    yield* stats.gauge("open tills", 2)
    yield* Effect.log(`${name} has had ${visits} visits`)
  }).pipe(Effect.provide(asPeer(name)))

const office = Effect.gen(function* () {
  const stats = yield* Stats.Stats
  // What earlier runs have counted on the same server.
  for (const name of ["visits", "revenue", "open tills", "errors"]) yield* stats.reset(name)
  yield* Effect.all([shop("north", 1_000), shop("south", 300), shop("west", 7)], { concurrency: "unbounded" })
  yield* Metric.update(latency, 12)
  yield* Metric.update(errors, 1)
  // Sends what effect's metrics say, here once more as it closes.
  yield* Effect.scoped(
    Layer.build(Stats.layerMetrics({ every: "10 seconds", filter: ({ id }) => id === "latency" || id === "errors" }))
  )
  yield* stats.flush
  const totals = yield* stats.totals
  yield* Effect.log(`together: ${[...totals].map(([name, sum]) => `${name} ${sum}`).join(", ")}`)
  const today = yield* stats.series("visits", { last: "2 hours", resolution: "1 hour" })
  yield* Effect.log(`visits by the hour: ${today.map(({ value }) => value).join(", ")}`)
})

NodeRuntime.runMain(Effect.provide(office, Layer.provideMerge(asPeer("office"), MemoryBackend.layer)))
