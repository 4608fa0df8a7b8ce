/** Stats outside of worlds: in an application's own time, with nothing between a call and its answer. */
import { assert, it } from "@effect/vitest"
import * as LocalPeer from "@troupe/core/LocalPeer"
import * as Metrics from "@troupe/core/Metrics"
import * as Stats from "@troupe/core/Stats"
import * as MemoryBackend from "@troupe/testkit/MemoryBackend"
import * as MemoryStats from "@troupe/testkit/MemoryStats"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"

const numbers = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i)

const peer = (name = "peer") =>
  Effect.map(Layer.build(Layer.fresh(Layer.provide(MemoryStats.layer, LocalPeer.layer(name)))), (context) => ({
    on: <A, E>(use: (stats: Stats.Service) => Effect.Effect<A, E>) =>
      Effect.provide(Effect.flatMap(Stats.Stats, use), context)
  }))

it.effect("X1 what was counted is there a second later, and no timer runs while nothing is new", () =>
  Effect.gen(function* () {
    const { on } = yield* peer()
    yield* on((stats) => Effect.andThen(stats.increment("name", 2), stats.gauge("gauge", 7)))
    yield* TestClock.adjust("999 millis")
    assert.strictEqual((yield* on((stats) => stats.totals)).size, 0)
    yield* TestClock.adjust("1 millis")
    const expected = new Map([
      ["name", 2],
      ["gauge", 7]
    ])
    assert.deepStrictEqual(yield* on((stats) => stats.totals), expected)
    // Renewals would be a quarter of a million steps.
    const began = process.threadCpuUsage()
    yield* TestClock.adjust("30 days")
    assert.isBelow(process.threadCpuUsage(began).user / 1_000, 1_000)
    assert.deepStrictEqual(yield* on((stats) => stats.totals), expected)
    assert.deepStrictEqual(yield* on((stats) => stats.byPeer), new Map([["peer", expected]]))
  }).pipe(Effect.scoped, Effect.provide(MemoryBackend.layer))
)

it.effect("X2 a layer that closes flushes, and its gauges go 30 s later", () =>
  Effect.gen(function* () {
    const { on } = yield* peer("stays")
    for (const isIdle of [false, true]) {
      const scope = yield* Scope.make()
      const closing = yield* Scope.provide(peer("closes"), scope)
      yield* closing.on((stats) => Effect.andThen(stats.increment("name"), stats.gauge("gauge", 7)))
      if (isIdle) yield* TestClock.adjust("1 hour")
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("29999 millis")
      assert.strictEqual((yield* on((stats) => stats.totals)).get("gauge"), 7)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* on((stats) => stats.totals)).get("gauge"), undefined)
      const exit = yield* Effect.exit(closing.on((stats) => stats.flush))
      assert.isTrue(Exit.isFailure(exit))
    }
    assert.deepStrictEqual(yield* on((stats) => stats.byPeer), new Map([["(gone)", new Map([["name", 2]])]]))
  }).pipe(Effect.scoped, Effect.provide(MemoryBackend.layer))
)

it.effect("A5 what waits has its bound, of sums and of gauges, and what is beyond is counted", () =>
  Effect.gen(function* () {
    const { on } = yield* peer()
    yield* on((stats) =>
      Effect.forEach(numbers(10_001), (n) => Effect.andThen(stats.increment(`name ${n}`), stats.gauge(`gauge ${n}`, n)))
    )
    assert.strictEqual((yield* Metric.value(Metrics.statsDropped)).count, 2)
    yield* on((stats) => stats.flush)
    const totals = yield* on((stats) => stats.totals)
    assert.deepStrictEqual(
      [totals.size, totals.get("name 9999"), totals.get("name 10000"), totals.get("gauge 10000")],
      [20_000, 1, undefined, undefined]
    )
  }).pipe(Effect.scoped, Effect.provide(MemoryBackend.layer), Effect.provideService(Metric.MetricRegistry, new Map()))
)

it.effect("A5 as many names are known as may, and what is beyond is counted", () =>
  Effect.gen(function* () {
    const { on } = yield* peer()
    for (const part of numbers(11)) {
      yield* on((stats) => Effect.forEach(numbers(10_000), (n) => stats.increment(`name ${part} ${n}`)))
      yield* on((stats) => stats.flush)
      assert.strictEqual((yield* Metric.value(Metrics.statsDropped)).count, part < 10 ? 0 : 10_000)
    }
    yield* on((stats) => Effect.andThen(stats.increment("name 0 0"), stats.reset("name 0 1")))
    yield* on((stats) => Effect.andThen(stats.increment("one more"), stats.increment("too many")))
    yield* on((stats) => stats.flush)
    const totals = yield* on((stats) => stats.totals)
    assert.deepStrictEqual(
      [totals.size, totals.get("name 0 0"), totals.get("one more"), totals.get("too many")],
      [100_000, 2, 1, undefined]
    )
  }).pipe(Effect.scoped, Effect.provide(MemoryBackend.layer), Effect.provideService(Metric.MetricRegistry, new Map()))
)

it.effect("X1 a sum that is too large to be exact stays where it is", () =>
  Effect.gen(function* () {
    const { on } = yield* peer()
    const most = Number.MAX_SAFE_INTEGER
    for (const by of [most, most, -1]) {
      yield* on((stats) => Effect.andThen(stats.increment("name", by), stats.increment("other", -by)))
      if (by < 0) yield* on((stats) => stats.flush)
    }
    const totals = yield* on((stats) => stats.totals)
    assert.deepStrictEqual([totals.get("name"), totals.get("other")], [most - 1, 1 - most])
  }).pipe(Effect.scoped, Effect.provide(MemoryBackend.layer))
)

it.effect("A6 a peer whose name is none can neither count nor flush", () =>
  Effect.gen(function* () {
    const { on } = yield* peer("")
    const exit = yield* Effect.exit(on((stats) => stats.increment("name")))
    assert.include(Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "", "must not be empty")
    assert.strictEqual((yield* Effect.flip(on((stats) => stats.flush))).reason._tag, "InvalidName")
  }).pipe(Effect.scoped, Effect.provide(MemoryBackend.layer))
)
