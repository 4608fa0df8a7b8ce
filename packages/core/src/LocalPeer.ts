/**
 * Who this process is, for every service alike: the name that a message's publisher, a peer's record and a task's
 * queue of its own carry. Without a layer it is a random name, one per process.
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** The name of this process. Any name of promise A6; two processes of one name supersede each other (P7). */
export const LocalPeer: Context.Reference<{ readonly name: string }> = Context.Reference("@troupe/core/LocalPeer", {
  defaultValue: () => ({ name: `peer-${Math.random().toString(36).slice(2, 12).padEnd(10, "0")}` })
})

/** Names this process, for every service built on this layer. */
export const layer = (name: string): Layer.Layer<never> => Layer.succeed(LocalPeer, { name })

/** Names this process from configuration: `LocalPeer.layerConfig(Config.string("HOSTNAME"))`. */
export const layerConfig = (name: Config.Config<string>): Layer.Layer<never, Config.ConfigError> =>
  Layer.effect(
    LocalPeer,
    Effect.map(name, (name) => ({ name }))
  )
