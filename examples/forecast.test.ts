/** An application's own tests of what it caches: no server, and no waiting, for Effect's TestClock is the cache's clock. */
import { assert, it } from "@effect/vitest"
import { Cache } from "@troupe/core"
import { Memory } from "@troupe/testkit"
import { Effect, Fiber, Option, Schema } from "effect"
import { TestClock } from "effect/testing"

const Forecasts = Cache.region("forecasts", { value: Schema.Int, timeToLive: "10 minutes", staleFor: "1 hour" })

/** Counts how often it was computed, and gives that. */
const source = () => {
  let computed = 0
  return Effect.delay(
    Effect.sync(() => (computed += 1)),
    "30 seconds"
  )
}

it.effect("a hundred who ask at once wait for one computation", () =>
  Effect.gen(function* () {
    const cache = yield* Cache.Cache
    const compute = source()
    const asked = yield* Effect.forkChild(
      Effect.forEach(Array.from({ length: 100 }), () => cache.getOrSet(Forecasts, "Oslo", compute), {
        concurrency: "unbounded"
      })
    )
    yield* TestClock.adjust("30 seconds")
    assert.deepStrictEqual(new Set(yield* Fiber.join(asked)), new Set([1]))
  }).pipe(Effect.provide(Memory.layer))
)

it.effect("what is old is given at once while the new one is computed, and after an hour no more", () =>
  Effect.gen(function* () {
    const cache = yield* Cache.Cache
    const ask = cache.getOrSet(Forecasts, "Oslo", source(), { tags: ["weather"] })
    const first = yield* Effect.forkChild(ask)
    yield* TestClock.adjust("30 seconds")
    assert.strictEqual(yield* Fiber.join(first), 1)
    yield* TestClock.adjust("11 minutes")
    assert.deepStrictEqual(yield* cache.get(Forecasts, "Oslo"), Option.none())
    assert.strictEqual(yield* cache.getOrSet(Forecasts, "Oslo", Effect.succeed(2)), 1)
    assert.strictEqual(yield* ask, 2)
    yield* cache.invalidateTags(Forecasts, ["weather"])
    yield* TestClock.adjust("30 days")
    assert.strictEqual(yield* cache.getOrSet(Forecasts, "Oslo", Effect.succeed(3)), 3)
    yield* TestClock.adjust("10 minutes")
    assert.isTrue(Option.isNone(yield* cache.timeToLive(Forecasts, "Oslo")))
  }).pipe(Effect.provide(Memory.layer))
)
