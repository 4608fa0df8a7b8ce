/** What effect's metrics say, in the cluster's sums: `Stats.layerMetrics`. */
import { assert, it } from "@effect/vitest"
import * as LocalPeer from "@troupe/core/LocalPeer"
import * as Stats from "@troupe/core/Stats"
import * as MemoryBackend from "@troupe/testkit/MemoryBackend"
import * as MemoryStats from "@troupe/testkit/MemoryStats"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"

const requests = Metric.counter("requests", { incremental: true })
const gets = Metric.withAttributes(requests, { method: "GET", a: 'b"' })
const size = Metric.gauge("size")
const money = Metric.counter("money")
const large = Metric.counter("large", { bigint: true, incremental: true })
const secret = Metric.counter("secret")

const filter = ({ attributes, id }: Stats.MetricKey) => id !== "secret" && attributes["hidden"] === undefined
const bridge = (name: string) =>
  Stats.layerMetrics({ every: "10 seconds", filter }).pipe(
    Layer.provideMerge(Layer.fresh(Layer.provide(MemoryStats.layer, LocalPeer.layer(name))))
  )
const alone = (name: string) => Layer.provideMerge(bridge(name), MemoryBackend.layer)

const totals = Effect.map(
  Effect.flatMap(Stats.Stats, ({ totals }) => totals),
  (totals) => Object.fromEntries(totals)
)

/** A process: registries are one's own. */
const asProcess = () => Effect.provideService(Metric.MetricRegistry, new Map())

it.effect("counters are sent as differences, gauges as they are, under their names and attributes", () =>
  Effect.gen(function* () {
    yield* Metric.update(requests, 3)
    yield* Metric.update(gets, 2)
    yield* Metric.update(size, 1.5)
    yield* Metric.update(large, 10n ** 15n)
    yield* Metric.update(secret, 1)
    yield* Metric.update(Metric.withAttributes(requests, { hidden: "yes" }), 1)
    yield* Metric.update(Metric.histogram("times", { boundaries: [1] }), 1)
    yield* Metric.update(Metric.counter("x".repeat(513)), 1)
    yield* TestClock.adjust("12 seconds")
    const expected = { requests: 3, 'requests{a="b\\"",method="GET"}': 2, size: 1.5, large: 10 ** 15 }
    assert.deepStrictEqual(yield* totals, expected)
    yield* Metric.update(requests, 4)
    yield* Metric.update(size, 0)
    yield* Metric.update(money, 0.7)
    yield* TestClock.adjust("10 seconds")
    assert.deepStrictEqual(yield* totals, { ...expected, requests: 7, size: 0 })
    yield* Metric.update(money, 0.7)
    yield* TestClock.adjust("10 seconds")
    yield* Metric.update(money, -3.4)
    yield* TestClock.adjust("10 seconds")
    assert.deepStrictEqual(yield* totals, { ...expected, requests: 7, size: 0, money: -2 })
  }).pipe(Effect.provide(alone("peer")), asProcess())
)

it.effect("over a restart nothing counts twice and nothing is lost: of the layer, of the process, of the counter", () =>
  Effect.gen(function* () {
    const backend = yield* Layer.build(MemoryBackend.layer)
    const run = <A>(registry: Metric.MetricRegistry, use: Effect.Effect<A, unknown, Stats.Stats>) =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const context = yield* Scope.provide(Layer.build(Layer.fresh(bridge("peer"))), scope)
        const answer = yield* Effect.provide(use, context)
        yield* Scope.close(scope, Exit.void)
        return answer
      }).pipe(Effect.provide(backend), Effect.provideService(Metric.MetricRegistry, registry))
    const update = (registry: Metric.MetricRegistry, by: number) =>
      Effect.provideService(Metric.update(requests, by), Metric.MetricRegistry, registry)
    const first = new Map()
    yield* update(first, 1)
    // Closing reads once more.
    yield* run(first, Effect.andThen(TestClock.adjust("15 seconds"), update(first, 2)))
    yield* update(first, 4)
    assert.deepStrictEqual(yield* run(first, totals), { requests: 3 })
    assert.deepStrictEqual(yield* run(first, Effect.andThen(TestClock.adjust("30 seconds"), totals)), { requests: 7 })
    const second = new Map()
    yield* update(second, 5)
    assert.deepStrictEqual(yield* run(second, Effect.andThen(TestClock.adjust("12 seconds"), totals)), { requests: 12 })
    // One that only grows and fell has begun anew.
    let count = 6
    const context = yield* Effect.provideService(Effect.context<never>(), Metric.MetricRegistry, second)
    const hooks = Metric.registerUnsafe(requests, context, {
      get: () => ({ count, incremental: true }),
      update: () => {},
      modify: () => {}
    })
    assert.deepStrictEqual(yield* run(second, Effect.andThen(TestClock.adjust("12 seconds"), totals)), { requests: 18 })
    count = 2
    assert.deepStrictEqual(yield* run(second, Effect.andThen(TestClock.adjust("12 seconds"), totals)), { requests: 20 })
    hooks.remove()
  }).pipe(Effect.scoped)
)

it.effect("two layers of one process send its metrics once; an interval that is none is a defect", () =>
  Effect.gen(function* () {
    yield* Metric.update(requests, 3)
    yield* Effect.scoped(
      Effect.gen(function* () {
        yield* Layer.build(Layer.fresh(bridge("other")))
        yield* TestClock.adjust("12 seconds")
        assert.deepStrictEqual(yield* totals, { requests: 3 })
      })
    )
    for (const every of [0, Infinity, NaN]) {
      const exit = yield* Effect.exit(Effect.scoped(Layer.build(Stats.layerMetrics({ every }))))
      assert.isTrue(Exit.isFailure(exit) && Exit.hasDies(exit))
    }
  }).pipe(Effect.provide(alone("one")), asProcess())
)

it.effect("a metric that cannot be read keeps no other from being sent", () =>
  Effect.gen(function* () {
    Metric.registerUnsafe(size, yield* Effect.context<never>(), {
      get: () => {
        throw new Error("no size")
      },
      update: () => {},
      modify: () => {}
    })
    for (const sum of [3, 6]) {
      yield* Metric.update(requests, 3)
      yield* TestClock.adjust("12 seconds")
      assert.deepStrictEqual(yield* totals, { requests: sum })
    }
  }).pipe(Effect.provide(Layer.provideMerge(alone("peer"), Logger.layer([]))), asProcess())
)
