/** effect's `Redis` service on a client with short intervals, behind a proxy. */
import { BackendError } from "@troupe/core/BackendError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redis from "effect/persistence/Redis"
import { type Server } from "../../../../scripts/redis.ts"
import * as RedisClient from "../../src/RedisClient.ts"
import type * as Timing from "../../src/internal/Timing.ts"
import { rigged } from "./rig.ts"
import { ask } from "../../../../scripts/redis/ask.ts"

export const served = (timing: Partial<Timing.Timing> = {}, patience?: number) =>
  Effect.gen(function* () {
    const rig = yield* rigged(timing, patience)
    const context = yield* RedisClient.layerPersistence.pipe(
      Layer.provide(Layer.succeed(RedisClient.RedisClient, rig.client)),
      Layer.build
    )
    return { ...rig, redis: Context.get(context, Redis.Redis), layer: Layer.succeedContext(context) }
  })

/** The BackendError inside of what a call on effect's service fails with. */
export const reason = <A, R>(
  effect: Effect.Effect<A, Redis.RedisError, R>
): Effect.Effect<readonly [string, string], never, R> =>
  Effect.match(effect, {
    onSuccess: () => ["Success", ""],
    onFailure: ({ cause }) =>
      cause instanceof BackendError ? [cause.reason._tag, cause.outcome] : ["no BackendError", String(cause)]
  })

/** What the server says to a question past the proxy. */
export const tell = (server: Server, ...command: readonly [string, ...Array<string>]) =>
  Effect.promise(() => ask(server, ...command))

export const connections = (server: Server, role: string) =>
  Effect.map(
    tell(server, "CLIENT", "LIST"),
    (list) => [...String(list).matchAll(new RegExp(`name=troupe:${role} `, "g"))].length
  )
