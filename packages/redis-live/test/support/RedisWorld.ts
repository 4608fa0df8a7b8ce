/**
 * Worlds on a real server or cluster: the same time, order and faults as in memory, over real connections. Everything
 * stands under a random prefix, which the world empties when it ends.
 */
import * as Timing from "../../src/internal/Timing.ts"
import * as RedisClient from "../../src/RedisClient.ts"
import * as Testing from "../../src/Testing.ts"
import * as World from "@troupe/testkit/World"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { createHash, randomBytes } from "node:crypto"
import * as Primaries from "./Primaries.ts"

export interface Options<R> {
  readonly seed: number
  /** What a law rewinds must be noted. Default false. */
  readonly notes?: boolean | undefined
  readonly at: Primaries.At
  /** First part of the random prefix. Default "world". */
  readonly prefix?: string | undefined
  readonly layer: (options: World.SpawnOptions) => Layer.Layer<R, unknown, RedisClient.RedisClient>
}

type Dumps = ReadonlyMap<string, Buffer>

const maxNotes = 64

export const make = Effect.fnUntraced(function* <R>(
  options: Options<R>
): Effect.fn.Return<World.World<R>, unknown, Scope.Scope> {
  const prefix = `${options.prefix ?? "world"}-${randomBytes(8).toString("hex")}`
  const primaries = yield* Effect.acquireRelease(
    Effect.promise(() => Primaries.connect(options.at, prefix)),
    (primaries) => Effect.promise(() => primaries.removeAll().finally(() => primaries.disconnect()))
  )
  // A server that has to wait for its turn on the machine is not away: what faults there are the world makes.
  const timing = { ...Timing.defaults, connectTimeout: 4_000, probeDeadline: 30_000 }
  const client = RedisClient.layer({ ...options.at, prefix }).pipe(Layer.provide(Layer.succeed(Timing.Timing, timing)))
  const notes: Array<Dumps> = []
  const backend: World.Backend<R | RedisClient.RedisClient> = {
    layer: (spawn) => Layer.provideMerge(options.layer(spawn), client),
    barrier: (context) => Testing.barrier(Context.get(context, RedisClient.RedisClient)),
    forget: Effect.promise(() => primaries.removeAll()),
    evict: (containing) => Effect.promise(() => primaries.remove((key) => key.includes(containing))),
    keys: Effect.map(
      Effect.promise(() => primaries.dump()),
      texts
    ),
    subscriptions: Effect.promise(() => primaries.subscriptions()),
    rewind: (writes) =>
      Effect.promise(async () => {
        notes.splice(Math.max(1, notes.length - writes))
        await primaries.restore(notes.at(-1) ?? new Map())
      }),
    note:
      options.notes !== true
        ? undefined
        : Effect.promise(async () => {
            const dumps = await primaries.dump()
            if (areEqual(notes.at(-1), dumps)) return
            notes.push(dumps)
            if (notes.length > maxNotes) notes.shift()
          })
  }
  return yield* World.make({ seed: options.seed, backend })
})

const areEqual = (a: Dumps | undefined, b: Dumps): boolean =>
  a?.size === b.size && [...b].every(([key, value]) => a.get(key)?.equals(value) === true)

const texts = (dumps: Dumps): ReadonlyArray<string> =>
  [...dumps].map(([key, value]) => `${key} ${createHash("sha1").update(value).digest("hex")}`).sort()
