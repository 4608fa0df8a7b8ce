/** What a process keeps itself, where answers come at moments of our choosing. */
import { assert, it } from "@effect/vitest"
import * as Cache from "@troupe/core/Cache"
import * as MemoryBackend from "@troupe/testkit/MemoryBackend"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import * as CachePeer from "./support/CachePeer.ts"

const numbers = (capacity: number, name = "numbers") =>
  Cache.region(name, { value: Schema.Int, timeToLive: "1 minute", near: { capacity } })
const Kept = numbers(10)

/** Has it kept. */
const warm = (on: Effect.Success<ReturnType<typeof CachePeer.make>>["on"], region = Kept) =>
  Effect.gen(function* () {
    yield* on((cache) => cache.get(region, "k"))
    yield* CachePeer.turns
    return yield* on((cache) => cache.get(region, "k"))
  })

it.effect("C10 a read that left before anything was heard keeps nothing", () =>
  Effect.gen(function* () {
    const gate = yield* Deferred.make<void>()
    const hearing = yield* Deferred.make<void>()
    let reads = 0
    const a = yield* CachePeer.make((store) => ({
      watch: (region, watcher) =>
        Effect.map(store.watch(region, watcher), ({ ask }) => ({
          ask: (heard) => Effect.andThen(Deferred.await(hearing), ask(heard))
        })),
      read: (region, keys, slide) =>
        Effect.tap(store.read(region, keys, slide), () => ((reads += 1) === 1 ? Deferred.await(gate) : Effect.void))
    }))
    const b = yield* CachePeer.make()
    yield* b.on((cache) => cache.set(Kept, "k", 1))
    const first = yield* Effect.forkChild(a.on((cache) => cache.get(Kept, "k")))
    yield* CachePeer.turns
    yield* b.on((cache) => cache.set(Kept, "k", 2))
    yield* Deferred.succeed(hearing, undefined)
    yield* CachePeer.turns
    yield* Deferred.succeed(gate, undefined)
    assert.deepStrictEqual(yield* Fiber.join(first), Option.some(1))
    assert.deepStrictEqual(yield* a.on((cache) => cache.get(Kept, "k")), Option.some(2))
  }).pipe(Effect.scoped, Effect.provide(MemoryBackend.layer))
)

it.effect("C1 what is written through another definition of the region is read next", () =>
  Effect.gen(function* () {
    // Nothing is heard but that all is.
    const { on } = yield* CachePeer.make(() => ({
      watch: () => Effect.succeed({ ask: (heard) => Effect.sync(() => heard(0)) })
    }))
    for (const [n, other] of [numbers(10), CachePeer.Numbers].entries()) {
      yield* on((cache) => cache.set(Kept, "k", n))
      assert.deepStrictEqual(yield* warm(on), Option.some(n))
      yield* on((cache) => cache.set(other, "k", n + 10))
      assert.deepStrictEqual(yield* on((cache) => cache.get(Kept, "k")), Option.some(n + 10))
      yield* warm(on)
      yield* on((cache) => cache.clear(other))
      assert.deepStrictEqual(yield* on((cache) => cache.get(Kept, "k")), Option.none())
    }
  }).pipe(Effect.scoped, Effect.provide(MemoryBackend.layer))
)

it.effect("A5 regions that were used once and keep nothing any more make room, and nobody watches for them", () =>
  Effect.gen(function* () {
    let watches = 0
    const { on } = yield* CachePeer.make((store) => ({
      watch: (region, watcher) =>
        Effect.andThen(
          Effect.acquireRelease(
            Effect.sync(() => (watches += 1)),
            () => Effect.sync(() => (watches -= 1))
          ),
          store.watch(region, watcher)
        )
    }))
    for (let n = 0; n < 4_096 + 10; n++) {
      if (n === 4_096) yield* TestClock.adjust("2 minutes")
      yield* on((cache) => cache.get(numbers(10, `region ${n}`), "k"))
    }
    yield* CachePeer.turns
    assert.isAtMost(watches, 4_096)
  }).pipe(Effect.scoped, Effect.provide(MemoryBackend.layer))
)
