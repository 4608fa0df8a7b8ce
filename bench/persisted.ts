/** effect's PersistedCache on Redis, with or without its layer in memory: one lookup a key, and each key is there. */
import * as NodeRedis from "@effect/platform-node/NodeRedis"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Persistable from "effect/persistence/Persistable"
import * as PersistedCache from "effect/persistence/PersistedCache"
import * as Persistence from "effect/persistence/Persistence"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { Body, body } from "./message.ts"

class Measurement extends Persistable.Class<{ payload: { id: number } }>()("Measurement", {
  primaryKey: ({ id }) => `${id}`,
  success: Body,
  error: Schema.Never
}) {}

export const make = async (url: string, prefix: string) => {
  const { hostname, port } = new URL(url)
  const runtime = ManagedRuntime.make(
    Persistence.layerRedis.pipe(Layer.provide(NodeRedis.layer({ socket: { host: hostname, port: Number(port) } })))
  )
  const scope = await runtime.runPromise(Scope.make())
  const made = (isNear: boolean) =>
    PersistedCache.make((key: Measurement) => Effect.succeed(body(key.id)), {
      storeId: prefix,
      timeToLive: () => "1 hour",
      inMemoryTTL: () => (isNear ? "1 hour" : Duration.zero)
    })
  const [far, near] = await runtime.runPromise(Effect.all([made(false), made(true)]).pipe(Scope.provide(scope)))
  const keys = new Map<number, Measurement>()
  const keyOf = (id: number): Measurement => {
    const known = keys.get(id) ?? new Measurement({ id })
    keys.set(id, known)
    return known
  }
  return {
    far: (id: number) => far.get(keyOf(id)),
    near: (id: number) => near.get(keyOf(id)),
    run: <A, E>(effect: Effect.Effect<A, E>): Promise<A> => runtime.runPromise(effect),
    close: () => runtime.dispose()
  }
}
