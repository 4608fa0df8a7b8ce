/** Cache on a cluster of which one primary is away: what lives on the others goes on as if nothing were (C11). */
import { assert, it } from "@effect/vitest"
import { BackendError, Unavailable } from "@troupe/core/BackendError"
import * as MemoryBackend from "@troupe/testkit/MemoryBackend"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import * as CachePeer from "./support/CachePeer.ts"

const { Numbers, turns } = CachePeer

const away = new BackendError({
  service: "Cache",
  operation: "get",
  reason: new Unavailable({ message: "it is away" }),
  outcome: "NotApplied"
})

/** Keys that begin with "x" live on a place that is away for some of the calls. */
const peerOf = (isAway: (call: "read" | "acquire" | "commit") => boolean) => {
  const places = [{}, {}]
  const refuses = (call: "read" | "acquire" | "commit", keys: ReadonlyArray<string>) =>
    isAway(call) && keys.some((key) => key.startsWith("x"))
  return CachePeer.make((store) => ({
    immortal: false,
    partOf: (key) => (key.startsWith("x") ? 1 : 0),
    connect: (listener) =>
      Effect.map(store.connect(listener), (link) => ({
        ...link,
        place: (name) => places[name.endsWith(":1") ? 1 : 0]!
      })),
    read: (region, keys, slide) => (refuses("read", keys) ? Effect.fail(away) : store.read(region, keys, slide)),
    look: () => Effect.fail(away),
    acquire: (region, keys, load) => (refuses("acquire", keys) ? Effect.fail(away) : store.acquire(region, keys, load)),
    commit: (region, entries, load) =>
      refuses(
        "commit",
        entries.map(({ key }) => key)
      )
        ? Effect.fail(away)
        : store.commit(region, entries, load)
  }))
}

const sevens = (keys: ReadonlyArray<string>) => Effect.succeed(keys.map((key) => [key, 7] as const))

const test = <E>(name: string, body: Effect.Effect<void, E, Scope.Scope | MemoryBackend.MemoryBackend>) =>
  it.effect(name, () => body.pipe(Effect.scoped, Effect.provide(MemoryBackend.layer)), 5_000)

for (const first of ["read", "acquire", "commit"] as const) {
  test(
    `C11 where one primary is away from the ${first} on, what lives on another is read, loaded and kept as ever`,
    Effect.gen(function* () {
      const { on } = yield* peerOf((call) => call === first)
      yield* on((cache) => cache.set(Numbers, "a", 1))
      const many = on((cache) => cache.getOrSetMany(Numbers, ["x", "a", "b"], sevens))
      assert.deepStrictEqual(yield* many, [Option.some(7), Option.some(1), Option.some(7)])
      yield* turns
      assert.strictEqual(yield* on((cache) => cache.getOrSet(Numbers, "a", Effect.succeed(2))), 1)
      assert.strictEqual(yield* on((cache) => cache.getOrSet(Numbers, "b", Effect.succeed(2))), 7)
      assert.strictEqual(yield* on((cache) => cache.getOrSet(Numbers, "x2", Effect.succeed(2))), 2)
      yield* TestClock.adjust("1 second")
    })
  )
}
