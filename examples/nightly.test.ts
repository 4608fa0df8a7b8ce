/** An application's own tests of its locks: no server, and no waiting, for Effect's TestClock is the locks' clock. */
import { assert, it } from "@effect/vitest"
import { Cache } from "@troupe/core"
import { Memory } from "@troupe/testkit"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"

it.effect("ten who want the lock run one after the other, each with a higher fence", () =>
  Effect.gen(function* () {
    const cache = yield* Cache.Cache
    const fences: Array<bigint> = []
    let running = 0
    const body = ({ fence }: Cache.Lock) =>
      Effect.gen(function* () {
        fences.push(fence)
        assert.strictEqual((running += 1), 1)
        yield* Effect.sleep("1 hour")
        running -= 1
      })
    const all = yield* Effect.forkChild(
      Effect.forEach(Array.from({ length: 10 }), () => cache.withLock("nightly", { wait: "1 day" })(body), {
        concurrency: "unbounded"
      })
    )
    yield* TestClock.adjust("10 hours")
    yield* Fiber.join(all)
    assert.strictEqual(fences.length, 10)
    assert.deepStrictEqual(
      fences,
      [...fences].sort((a, b) => (a < b ? -1 : 1))
    )
  }).pipe(Effect.provide(Memory.layer))
)

it.effect("who does not get the lock in time is told so", () =>
  Effect.gen(function* () {
    const cache = yield* Cache.Cache
    yield* Effect.forkChild(cache.withLock("nightly")(Effect.never), { startImmediately: true })
    const asked = yield* Effect.forkChild(Effect.flip(cache.withLock("nightly", { wait: "5 seconds" })(Effect.void)))
    yield* TestClock.adjust("5 seconds")
    assert.deepStrictEqual(yield* Fiber.join(asked), new Cache.LockTimeout({ lock: "nightly" }))
  }).pipe(Effect.provide(Memory.layer))
)
