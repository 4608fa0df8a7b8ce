/** Two peers of a cache, one of them behind a proxy: what it takes to know that they work, and that a fault broke nothing. */
import { expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { type ServerOptions, startServer } from "../../../../scripts/redis.ts"
import { ask, type At } from "../../../../scripts/redis/ask.ts"
import type * as Checker from "./CacheChecker.ts"
import * as Crew from "./cacheCrew.ts"
import { turn } from "./cached.ts"
import { eventually } from "./client.ts"
import { Proxy } from "./Proxy.ts"

export const prefix = "faults"
export const commandTimeout = 1_000
export const client = { commandTimeout } as const
/** What a machine on which many tests run at once adds, ms. */
export const busyMs = 4_000

export const run = <A>(work: () => Promise<A>) => Effect.promise(work)
export const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const serve = (options: ServerOptions = {}) =>
  Effect.acquireRelease(
    Effect.promise(() => startServer(options)),
    (server) => Effect.promise(() => server.stop())
  )

/** One that writes, and one behind a proxy. */
export const rig = Effect.fnUntraced(function* (options: ServerOptions = {}) {
  const server = yield* serve(options)
  const proxy = yield* Effect.acquireRelease(
    Effect.promise(() => Proxy.start(server)),
    (proxy) => Effect.promise(() => proxy.stop())
  )
  const crew = yield* Crew.make({ url: server.url }, prefix)
  const writer = yield* crew.peer("writer", { client })
  const reader = yield* crew.peer("reader", { client: { ...client, url: proxy.url } })
  return { ...crew, server, proxy, writer, reader }
})
export type Rig = Effect.Success<ReturnType<typeof rig>>

/** It keeps the value: reading it asks nobody. */
export const warm = ({ asked, get }: Pick<Crew.Peer, "asked" | "get">, key = "k", withinMs = 5_000) =>
  eventually(
    Effect.gen(function* () {
      yield* get("near", key)
      const before = asked("near", key)
      const value = yield* get("near", key)
      expect(value._tag).toBe("Some")
      expect(asked("near", key)).toBe(before)
      return value
    }),
    withinMs
  )

/** Word goes from one to the other, and is kept there; others may take it away meanwhile. */
export const works = ({ reader, writer }: Rig, withinMs: number) =>
  eventually(
    Effect.gen(function* () {
      const value = yield* writer.set("near", "works")
      yield* Effect.sleep(20)
      expect(Option.getOrNull(yield* reader.get("near", "works"))).toBe(value)
      const before = reader.asked("near", "works")
      expect(Option.getOrNull(yield* reader.get("near", "works"))).toBe(value)
      expect(reader.asked("near", "works")).toBe(before)
    }),
    withinMs
  )

/** All that a peer may do, by chance, a few at a time, while the fault happens; the checker finds nothing. */
export const survives = Effect.fnUntraced(function* (
  its: Rig,
  fault: Effect.Effect<unknown, never, Scope.Scope>,
  options: Checker.Options,
  withinMs = 2_500
) {
  const loaded = yield* Scope.fork(yield* Effect.scope)
  for (const peer of [its.writer, its.reader]) {
    yield* Effect.forEach([1, 2, 3], () => Effect.forkIn(Effect.forever(turn(peer)), loaded))
  }
  yield* works(its, 10_000)
  yield* fault
  yield* works(its, withinMs + busyMs)
  yield* Scope.close(loaded, Exit.void)
  return yield* its.verdict(options)
})

/** The ids of the connections of that role. */
export const clients = async (at: At, role: string): Promise<ReadonlyArray<string>> => {
  const list = await ask(at, "CLIENT", "LIST")
  return [...list.matchAll(new RegExp(`^id=(\\d+) .* name=troupe:${role} `, "gm"))].map(([, id]) => id ?? "")
}
