/** Who is answered by whose load: where those who ask cross each other inside one process, turn by turn. */
import { assert, it } from "@effect/vitest"
import * as Cache from "@troupe/core/Cache"
import * as MemoryBackend from "@troupe/testkit/MemoryBackend"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import type * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import * as CachePeer from "./support/CachePeer.ts"

const { Numbers, Stale, turns } = CachePeer

const test = <E>(name: string, body: Effect.Effect<void, E, Scope.Scope | MemoryBackend.MemoryBackend>) =>
  it.effect(name, () => body.pipe(Effect.scoped, Effect.provide(MemoryBackend.layer)), 5_000)

test(
  "C5 C7 who comes after a removal does not get the old value, though the answer that names it is still on its way",
  Effect.gen(function* () {
    const gate = yield* Deferred.make<void>()
    let isGated = false
    const a = yield* CachePeer.make((store) => ({
      acquire: (region, keys, load) =>
        Effect.tap(store.acquire(region, keys, load), () => (isGated ? Deferred.await(gate) : Effect.void))
    }))
    const b = yield* CachePeer.make()
    yield* b.on((cache) => cache.set(Stale, "key", 1))
    yield* TestClock.adjust("11 seconds")
    assert.strictEqual(yield* b.on((cache) => cache.getOrSet(Stale, "key", Effect.never)), 1)
    isGated = true
    const first = yield* Effect.forkChild(a.on((cache) => cache.getOrSet(Stale, "key", Effect.succeed(2))))
    yield* turns
    yield* b.on((cache) => cache.remove(Stale, "key"))
    const later = yield* Effect.forkChild(a.on((cache) => cache.getOrSet(Stale, "key", Effect.succeed(3))))
    yield* turns
    yield* Deferred.succeed(gate, undefined)
    yield* Fiber.join(first)
    assert.notStrictEqual(yield* Fiber.join(later), 1)
  })
)

test(
  "C4 what a load leaves running may ask for its key when the load is over",
  Effect.gen(function* () {
    const { on } = yield* CachePeer.make()
    const [go, got] = [yield* Deferred.make<void>(), yield* Deferred.make<Exit.Exit<number>>()]
    const ask = Effect.exit(on((cache) => cache.getOrSet(Numbers, "key", Effect.succeed(2))))
    const left = Effect.andThen(
      Deferred.await(go),
      Effect.flatMap(ask, (exit) => Deferred.succeed(got, exit))
    )
    assert.strictEqual(yield* on((cache) => cache.getOrSet(Numbers, "key", Effect.as(Effect.forkDetach(left), 1))), 1)
    yield* on((cache) => cache.remove(Numbers, "key"))
    yield* Deferred.succeed(go, undefined)
    assert.deepStrictEqual(yield* Deferred.await(got), Exit.succeed(2))
  })
)

test(
  "C6 who asks for many joins none that its last one has left, however long that takes to end",
  Effect.gen(function* () {
    const [gate, end] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
    let isGated = false
    const { on } = yield* CachePeer.make((store) => ({
      read: (region, keys, slide) =>
        Effect.tap(store.read(region, keys, slide), () => (isGated ? Deferred.await(gate) : Effect.void))
    }))
    const load = Effect.onInterrupt(Effect.never, () => Deferred.await(end))
    const first = yield* Effect.forkChild(on((cache) => cache.getOrSet(Numbers, "key", load)))
    yield* turns
    isGated = true
    const all = (keys: ReadonlyArray<string>) => Effect.succeed(keys.map((key) => [key, 5] as const))
    const many = yield* Effect.forkChild(on((cache) => cache.getOrSetMany(Numbers, ["key", "other"], all)))
    yield* turns
    yield* Effect.forkChild(Fiber.interrupt(first))
    yield* turns
    yield* Deferred.succeed(gate, undefined)
    yield* turns
    yield* Deferred.succeed(end, undefined)
    assert.deepStrictEqual(yield* Fiber.join(many), [Option.some(5), Option.some(5)])
  })
)

test(
  "C4 a cache may load a key from another cache's key of the same name",
  Effect.gen(function* () {
    const near = yield* CachePeer.make()
    const far = yield* CachePeer.make().pipe(Effect.provide(yield* Layer.build(Layer.fresh(MemoryBackend.layer))))
    const load = far.on((cache) => cache.getOrSet(Numbers, "key", Effect.succeed(1)))
    assert.strictEqual(yield* near.on((cache) => cache.getOrSet(Numbers, "key", load)), 1)
  })
)

const Throws = Cache.region("throws", {
  value: Schema.Int.pipe(
    Schema.decodeTo(Schema.Int, {
      decode: SchemaGetter.transform((n: number): number => {
        if (n === 13) throw new Error("decode")
        return n
      }),
      encode: SchemaGetter.transform((n: number): number => {
        if (n === 14) throw new Error("encode")
        return n
      })
    })
  ),
  timeToLive: "1 minute"
})

test(
  "C14 a schema that throws leaves nobody waiting, and nobody behind it",
  Effect.gen(function* () {
    const { on } = yield* CachePeer.make()
    yield* on((cache) => cache.set(Throws, "key", 13))
    assert.deepStrictEqual(yield* on((cache) => cache.get(Throws, "key")), Option.none())
    assert.deepStrictEqual(yield* on((cache) => cache.get(Throws, "other")), Option.none())
    assert.strictEqual(yield* on((cache) => cache.getOrSet(Throws, "key", Effect.succeed(14))), 14)
  })
)
