/** Cache outside of worlds: in an application's own time, with nothing between a call and its answer. */
import { assert, it } from "@effect/vitest"
import { BackendError } from "@troupe/core/BackendError"
import * as Cache from "@troupe/core/Cache"
import * as MemoryBackend from "@troupe/testkit/MemoryBackend"
import * as MemoryCache from "@troupe/testkit/MemoryCache"
import * as MemoryWorld from "@troupe/testkit/MemoryWorld"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import * as CachePeer from "./support/CachePeer.ts"

const Numbers = Cache.region("numbers", { value: Schema.Int, timeToLive: "1 minute" })
const numbers = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i)
const peer = Effect.map(Layer.build(Layer.fresh(MemoryCache.layer())), (context) => ({
  on: <A, E>(use: (cache: Cache.Service) => Effect.Effect<A, E>) =>
    Effect.provide(Effect.flatMap(Cache.Cache, use), context)
}))

it.effect("C8 a hundred fibers on each of three peers, a hundred changes each: none is lost", () =>
  Effect.gen(function* () {
    const peers = yield* Effect.all([peer, peer, peer])
    const add = (now: Option.Option<number>) => [0, Option.some(Option.getOrElse(now, () => 0) + 1)] as const
    yield* Effect.forEach(
      numbers(300),
      (n) =>
        Effect.forEach(numbers(100), () => peers[n % 3]!.on((cache) => cache.modify(Numbers, "key", add)), {
          discard: true
        }),
      { concurrency: "unbounded", discard: true }
    )
    assert.deepStrictEqual(yield* peers[0].on((cache) => cache.get(Numbers, "key")), Option.some(30_000))
  }).pipe(Effect.scoped, Effect.provide(MemoryBackend.layer))
)

it.effect("C4 no timer of its own: a load of thirty days is one, and a load that needs no time takes none", () =>
  Effect.gen(function* () {
    const [one, other] = yield* Effect.all([peer, peer])
    let loads = 0
    const load = Effect.delay(
      Effect.sync(() => (loads += 1)),
      "30 days"
    )
    const asked = yield* Effect.forkChild(
      Effect.all(
        [
          one.on((cache) => cache.getOrSet(Numbers, "key", load)),
          other.on((cache) => cache.getOrSet(Numbers, "key", load))
        ],
        {
          concurrency: 2
        }
      )
    )
    yield* TestClock.adjust("30 days")
    assert.deepStrictEqual(yield* Fiber.join(asked), [1, 1])
    assert.strictEqual(yield* one.on((cache) => cache.getOrSet(Numbers, "none", Effect.succeed(2))), 2)
    const many = yield* other.on((cache) =>
      cache.getOrSetMany(Numbers, ["none", "other"], (keys) => Effect.succeed(keys.map((key) => [key, 3] as const)))
    )
    assert.deepStrictEqual(many, [Option.some(2), Option.some(3)])
  }).pipe(Effect.scoped, Effect.provide(MemoryBackend.layer))
)

it.effect("A4 a layer that closes interrupts its loads and gives their leases back", () =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const closing = yield* Scope.provide(peer, scope)
    const staying = yield* peer
    const ended = yield* Deferred.make<boolean>()
    const load = Effect.onExit(Effect.never, (exit) => Deferred.succeed(ended, Exit.hasInterrupts(exit)))
    const asked = yield* Effect.forkChild(closing.on((cache) => cache.getOrSet(Numbers, "key", load)))
    yield* Effect.yieldNow
    const waits = yield* Effect.forkChild(staying.on((cache) => cache.getOrSet(Numbers, "key", Effect.succeed(2))))
    yield* Effect.yieldNow
    yield* Scope.close(scope, Exit.void)
    assert.isTrue(yield* Deferred.await(ended))
    assert.strictEqual(yield* Fiber.join(waits), 2)
    const exit = yield* Fiber.await(asked)
    assert.isTrue(Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause))
  }).pipe(Effect.scoped, Effect.provide(MemoryBackend.layer))
)

it.effect("A5 what is over is collected by what is written after it", () =>
  Effect.gen(function* () {
    const { on } = yield* peer
    const backend = yield* MemoryBackend.MemoryBackend
    const write = (name: string) =>
      on((cache) =>
        Effect.forEach(numbers(300), (n) => cache.set(Numbers, `${name}-${n}`, n, { tags: [`${name}-${n}`] }), {
          discard: true
        })
      )
    yield* write("old")
    yield* TestClock.adjust("2 days")
    yield* write("new")
    const kept = (yield* backend.faults.keys).join("\n")
    assert.include(kept, "new-299")
    assert.notInclude(kept, "old-")
  }).pipe(Effect.scoped, Effect.provide(MemoryBackend.layer))
)

/** How many of these fail, all at once, and that it is for want of room. */
const tooMany = (calls: ReadonlyArray<Effect.Effect<unknown, unknown>>) =>
  Effect.map(
    Effect.forEach(calls, (call) => Effect.result(call), { concurrency: "unbounded" }),
    (results) => {
      const errors = results.filter(Result.isFailure).map(({ failure }) => failure)
      for (const error of errors) {
        assert.isTrue(error instanceof BackendError && error.reason._tag === "CapacityExceeded")
      }
      return errors.length
    }
  )

it.live("A5 reads and writes that wait have their bound, and so have regions in use", () =>
  Effect.flatMap(MemoryWorld.make({ seed: 1, layer: () => MemoryCache.layer() }), (world) =>
    world.run(
      Effect.gen(function* () {
        const { context } = yield* world.spawn()
        const cache = Context.get(context, Cache.Cache)
        const gets = (count: number) => numbers(count).map((n) => cache.get(Numbers, `${n}`))
        const sets = (count: number) => numbers(count).map((n) => cache.set(Numbers, `${n}`, n))
        const regions = (count: number) =>
          numbers(count).map((n) => cache.get(Cache.region(`${n}`, { value: Schema.Int, timeToLive: 1 }), "key"))
        // A batch is over a moment after its calls were told.
        const refused = (calls: ReadonlyArray<Effect.Effect<unknown, unknown>>) =>
          Effect.andThen(world.advance(0), tooMany(calls))
        // Of reads and writes one has left, and about 32 beside it.
        assert.strictEqual(yield* refused(gets(16_384 + 1)), 0)
        assert.isAbove(yield* refused(gets(16_384 + 40)), 0)
        assert.strictEqual(yield* refused(sets(16_384 + 1)), 0)
        assert.isAbove(yield* refused(sets(16_384 + 40)), 0)
        assert.strictEqual(yield* refused(regions(4_096)), 0)
        assert.strictEqual(yield* refused(regions(4_097)), 1)
        assert.strictEqual(yield* refused(regions(1)), 0)
        // Of the changes one has left, of as many keys as may be.
        const modifies = (count: number) =>
          numbers(count).map((n) => cache.modify(Numbers, `${n % 64}`, (now) => [n, now]))
        assert.strictEqual(yield* refused(modifies(16_384 + 1)), 0)
        assert.strictEqual(yield* refused(modifies(16_384 + 2)), 1)
      }).pipe(Effect.scoped)
    )
  ).pipe(Effect.scoped)
)

it.effect("A5 of values whose size nobody knows yet a process asks for few at a time", () =>
  Effect.gen(function* () {
    const asked: Array<number> = []
    const { on } = yield* CachePeer.make((store) => ({
      read: (region, keys, slide) => Effect.suspend(() => (asked.push(keys.length), store.read(region, keys, slide)))
    }))
    const keys = numbers(512).map(String)
    yield* on((cache) =>
      cache.setMany(
        Numbers,
        keys.map((key) => [key, 1] as const)
      )
    )
    yield* on((cache) => cache.getMany(Numbers, keys))
    assert.strictEqual(Math.max(...asked), 64)
    asked.length = 0
    yield* on((cache) => cache.getMany(Numbers, keys))
    assert.deepStrictEqual(asked, [512])
  }).pipe(Effect.scoped, Effect.provide(MemoryBackend.layer))
)

it.effect("C9 a sweep that died does not keep the next one from running", () =>
  Effect.gen(function* () {
    let sweeps = 0
    const { on } = yield* CachePeer.make((store) => ({
      sweep: (region, cursor) => ((sweeps += 1) === 1 ? Effect.die("a defect") : store.sweep(region, cursor))
    }))
    for (const times of [1, 2]) {
      yield* on((cache) => cache.clear(Numbers))
      yield* CachePeer.turns
      assert.strictEqual(sweeps, times)
    }
  }).pipe(Effect.scoped, Effect.provide(MemoryBackend.layer))
)

it.effect(
  "A5 A6 locks that are held or waited for have their bound, and so have their options",
  () =>
    Effect.gen(function* () {
      const { on } = yield* peer
      const lock = (n: number) => on((cache) => cache.withLock(`${n % 2}`, { wait: Infinity })(Effect.never))
      const fibers = yield* Effect.forEach(numbers(16_384), (n) =>
        Effect.forkChild(lock(n), { startImmediately: true })
      )
      assert.strictEqual(yield* tooMany([lock(0)]), 1)
      yield* Fiber.interrupt(fibers[0]!)
      const last = yield* Effect.forkChild(lock(0), { startImmediately: true })
      yield* Effect.yieldNow
      assert.strictEqual(last.pollUnsafe(), undefined)
      assert.strictEqual(yield* tooMany([lock(0)]), 1)
      yield* Fiber.interruptAll([...fibers, last])
      const refused = (name: string, options: Cache.LockOptions) =>
        Effect.map(Effect.result(on((cache) => cache.withLock(name, options)(Effect.void))), (result) =>
          Result.isFailure(result) && result.failure._tag === "BackendError" ? result.failure.reason._tag : result._tag
        )
      assert.strictEqual(yield* refused("", {}), "InvalidName")
      assert.strictEqual(yield* refused("l", { timeToLive: 999 }), "Misconfigured")
      assert.strictEqual(yield* refused("l", { timeToLive: "25 hours" }), "Misconfigured")
      assert.strictEqual(yield* refused("l", { timeToLive: Number.NaN }), "Misconfigured")
      assert.strictEqual(yield* refused("l", { wait: Number.NaN }), "Misconfigured")
      assert.strictEqual(yield* refused("l", { timeToLive: 1_000, wait: 0 }), "Success")
      assert.strictEqual(yield* refused("l", { timeToLive: "1 day", wait: Infinity }), "Success")
    }).pipe(Effect.scoped, Effect.provide(MemoryBackend.layer)),
  60_000
)

for (const [key, batches] of [
  ["key", 1],
  ["another", 2]
] as const) {
  it.effect(`C1 where "key" is being written, ${batches - 1} batches with "${key}" in it leave beside that`, () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      let sent = 0
      const { on } = yield* CachePeer.make((store) => ({
        write: (region, entries, when) => {
          const write = store.write(region, entries, when)
          return (sent += 1) === 1 ? Effect.andThen(Deferred.await(gate), write) : write
        }
      }))
      const sets = (keys: ReadonlyArray<string>, value: number) =>
        Effect.forEach(keys, (key) => Effect.forkChild(on((cache) => cache.set(Numbers, key, value))))
      const others = numbers(40).map((n) => `other ${n}`)
      const first = yield* sets(["key"], 1)
      yield* CachePeer.turns
      const behind = yield* sets([...others.slice(0, 20), key, ...others.slice(20)], 2)
      yield* CachePeer.turns
      assert.strictEqual(sent, batches)
      yield* Deferred.succeed(gate, undefined)
      yield* Effect.forEach([...first, ...behind], Fiber.join)
      const values = yield* on((cache) => cache.getMany(Numbers, [key, ...others]))
      assert.isTrue(values.every((value) => Option.isSome(value) && value.value === 2))
    }).pipe(Effect.scoped, Effect.provide(MemoryBackend.layer))
  )
}
