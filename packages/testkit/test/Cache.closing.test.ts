/** Cache where a layer is closed under those who wait, and where a process stood still. */
import { assert, it } from "@effect/vitest"
import * as MemoryBackend from "@troupe/testkit/MemoryBackend"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { stat } from "node:fs/promises"
import * as CachePeer from "./support/CachePeer.ts"

const { Numbers, turns } = CachePeer

it.effect("A4 a layer that is closed answers who asks it to load", () =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const { on } = yield* Scope.provide(CachePeer.make(), scope)
    yield* Scope.close(scope, Exit.void)
    const asked = yield* Effect.forkChild(Effect.exit(on((cache) => cache.getOrSet(Numbers, "key", Effect.succeed(1)))))
    yield* turns
    yield* TestClock.adjust("1 minute")
    yield* turns
    assert.isDefined(asked.pollUnsafe())
  }).pipe(Effect.scoped, Effect.provide(MemoryBackend.layer))
)

it.effect("A4 a layer that closes answers who loads, and who asks meanwhile whether that still holds", () =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const { on } = yield* Scope.provide(
      CachePeer.make(() => ({ renew: () => Effect.never })),
      scope
    )
    const ask = Effect.forkChild(Effect.exit(on((cache) => cache.getOrSet(Numbers, "key", Effect.never))))
    const first = yield* ask
    yield* turns
    const second = yield* ask
    yield* turns
    yield* Scope.close(scope, Exit.void)
    yield* turns
    yield* TestClock.adjust("1 minute")
    for (const fiber of [first, second]) assert.isDefined(fiber.pollUnsafe())
  }).pipe(Effect.scoped, Effect.provide(MemoryBackend.layer))
)

it.live("C11 an event loop that stood still does not take an answer that is there for an outage", () =>
  Effect.gen(function* () {
    const { on } = yield* CachePeer.make((store) => ({
      immortal: false,
      // An answer that comes while nobody looks, as one by a socket does.
      read: (region, keys, slide) =>
        Effect.andThen(
          Effect.promise(() => stat(import.meta.filename)),
          store.read(region, keys, slide)
        )
    }))
    yield* on((cache) => cache.set(Numbers, "key", 1))
    const asked = yield* Effect.forkChild(on((cache) => cache.getOrSet(Numbers, "key", Effect.succeed(2))))
    yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400)
    assert.strictEqual(yield* Fiber.join(asked), 1)
  }).pipe(Effect.scoped, Effect.provide(MemoryBackend.layer))
)
