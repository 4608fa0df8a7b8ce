/** Worlds on a memory backend: every peer's services are built by the same layer, over one shared state. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as MemoryBackend from "./MemoryBackend.ts"
import * as World from "./World.ts"

export interface Options<R> {
  readonly seed: number
  /** What a law rewinds must be noted. Default false. */
  readonly notes?: boolean | undefined
  readonly layer: (options: World.SpawnOptions) => Layer.Layer<R, unknown, MemoryBackend.MemoryBackend>
}

export const make = <R>(options: Options<R>): Effect.Effect<World.World<R>, never, Scope.Scope> =>
  Effect.flatMap(MemoryBackend.make, (backend) => {
    const { faults } = backend
    return World.make({
      seed: options.seed,
      backend: {
        layer: (spawn) => Layer.provide(options.layer(spawn), Layer.succeed(MemoryBackend.MemoryBackend, backend)),
        forget: faults.forget,
        evict: faults.evict,
        keys: faults.keys,
        subscriptions: faults.subscriptions,
        rewind: faults.rewind,
        note: options.notes === true ? faults.note : undefined
      }
    })
  })
