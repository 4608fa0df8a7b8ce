/** What an operator counts of a region, each provoked and then read. */
import { assert, it } from "@effect/vitest"
import * as Cache from "@troupe/core/Cache"
import * as Metrics from "@troupe/core/Metrics"
import * as MemoryCache from "@troupe/testkit/MemoryCache"
import * as MemoryWorld from "@troupe/testkit/MemoryWorld"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Schema from "effect/Schema"

const region = "numbers"
const Numbers = Cache.region(region, { value: Schema.Int, timeToLive: "1 minute", staleFor: "1 hour" })
const Near = Cache.region(region, { value: Schema.Int, timeToLive: "1 minute", near: { capacity: 1 } })
const Texts = Cache.region(region, { value: Schema.String, timeToLive: "1 minute" })

const counted = (metric: Metric.Counter<number>) =>
  Effect.map(Metric.value(Metric.withAttributes(metric, { region })), ({ count }) => count)

it.live("hits, misses, undecodable, loads, joined, takeovers, stale, refused, unkept, near ones, by region", () =>
  Effect.flatMap(MemoryWorld.make({ seed: 1, layer: () => MemoryCache.layer() }), (world) =>
    world.run(
      Effect.gen(function* () {
        const [a, b] = [yield* world.spawn(), yield* world.spawn()]
        const on = <A, E>(peer: typeof a, use: (cache: Cache.Service) => Effect.Effect<A, E>) =>
          Effect.provide(Effect.flatMap(Cache.Cache, use), peer.context)
        const load = (peer: typeof a, key: string, seconds: number, value = 1) =>
          Effect.forkScoped(
            on(peer, (cache) => cache.getOrSet(Numbers, key, Effect.delay(Effect.succeed(value), seconds * 1_000)))
          )

        yield* on(a, (cache) => cache.set(Numbers, "one", 1))
        yield* on(a, (cache) => cache.getMany(Numbers, ["one", "two"]))
        yield* on(a, (cache) => cache.get(Numbers, "one"))
        assert.deepEqual([yield* counted(Metrics.cacheHits), yield* counted(Metrics.cacheMisses)], [2, 1])
        yield* on(a, (cache) => cache.set(Texts, "text", "one"))
        yield* on(a, (cache) => cache.get(Numbers, "text"))
        assert.strictEqual(yield* counted(Metrics.cacheUndecodable), 1)

        const first = yield* load(a, "loaded", 5)
        yield* world.advance("1 second")
        const second = yield* load(a, "loaded", 5)
        const elsewhere = yield* load(b, "loaded", 5)
        yield* world.complete(Effect.forEach([first, second, elsewhere], Fiber.join))
        assert.deepEqual([yield* counted(Metrics.cacheLoads), yield* counted(Metrics.cacheJoined)], [1, 2])
        const duration = yield* Metric.value(Metric.withAttributes(Metrics.cacheLoadDuration, { region }))
        assert.deepEqual([duration.count, duration.sum], [1, 5_000])

        yield* load(a, "crashed", 100)
        yield* world.advance(0)
        const taken = yield* load(b, "crashed", 1)
        yield* world.advance(0)
        yield* a.crash
        yield* world.complete(Fiber.join(taken))
        assert.strictEqual(yield* counted(Metrics.cacheTakeovers), 1)

        const refused = yield* load(b, "removed", 5)
        yield* world.advance("1 second")
        yield* on(b, (cache) => cache.remove(Numbers, "removed"))
        yield* world.complete(Fiber.join(refused))
        assert.strictEqual(yield* counted(Metrics.cacheRefused), 1)

        yield* world.complete(Effect.flatMap(load(b, "half", 0, 0.5), Fiber.join))
        assert.strictEqual(yield* counted(Metrics.cacheUnkept), 1)
        yield* on(b, (cache) => cache.set(Numbers, "old", 1))
        yield* world.advance("2 minutes")
        yield* Effect.flatMap(load(b, "old", 1), Fiber.join)
        assert.strictEqual(yield* counted(Metrics.cacheStale), 1)

        const hits = yield* counted(Metrics.cacheHits)
        for (const key of ["one", "other"]) yield* on(b, (cache) => cache.set(Near, key, 1))
        for (const _ of [1, 2, 3]) {
          yield* on(b, (cache) => cache.get(Near, "one"))
          yield* world.advance("10 millis")
        }
        yield* world.advance("1 second")
        const near = [yield* counted(Metrics.cacheHits), yield* counted(Metrics.cacheNearHits)]
        assert.deepEqual(near, [hits + 3, 1])
        yield* on(b, (cache) => cache.get(Near, "other"))
        assert.strictEqual(yield* counted(Metrics.cacheNearEvictions), 1)
        yield* b.freeze
        yield* world.advance("5 seconds")
        yield* b.thaw
        yield* on(b, (cache) => cache.get(Near, "other"))
        assert.strictEqual(yield* counted(Metrics.cacheNearBypassed), 1)
      })
    )
  ).pipe(Effect.scoped, Effect.provideService(Metric.MetricRegistry, new Map()), Effect.provide(Logger.layer([])))
)

it.live("locks held, waited for, waited for in vain, lost, by nothing else", () =>
  Effect.flatMap(MemoryWorld.make({ seed: 1, layer: () => MemoryCache.layer() }), (world) =>
    world.run(
      Effect.gen(function* () {
        const [a, b] = [yield* world.spawn(), yield* world.spawn()]
        const lock = (peer: typeof a, seconds: number, wait: number) =>
          Effect.forkScoped(
            Effect.provide(
              Effect.flatMap(Cache.Cache, (cache) =>
                Effect.exit(cache.withLock("lock", { wait })(Effect.sleep(seconds * 1_000)))
              ),
              peer.context
            )
          )
        const counts = Effect.gen(function* () {
          const { value: held } = yield* Metric.value(Metrics.cacheLocksHeld)
          const { count: waited } = yield* Metric.value(Metrics.cacheLocksWaited)
          const { count: timedOut } = yield* Metric.value(Metrics.cacheLocksTimedOut)
          const { count: lost } = yield* Metric.value(Metrics.cacheLocksLost)
          return [held, waited, timedOut, lost]
        })
        yield* lock(a, 5, 0)
        yield* world.advance(0)
        assert.deepEqual(yield* counts, [1, 0, 0, 0])
        yield* lock(b, 3_600, 60_000)
        yield* lock(a, 1, 1_000)
        yield* lock(a, 1, 0)
        yield* world.advance("4 seconds")
        assert.deepEqual(yield* counts, [1, 2, 2, 0])
        yield* world.advance("1 minute")
        assert.deepEqual(yield* counts, [1, 2, 2, 0])
        yield* b.cut
        yield* world.advance("1 minute")
        assert.deepEqual(yield* counts, [0, 2, 2, 1])
      })
    )
  ).pipe(Effect.scoped, Effect.provideService(Metric.MetricRegistry, new Map()), Effect.provide(Logger.layer([])))
)
