/**
 * How a backend pushes to a peer: channels by name, payloads as text. PubSub's hub, the registry's view and whatever
 * else listens share one connection of the backend through links of their own; a channel belongs to one link.
 *
 * A link keeps nothing and repairs nothing. It says honestly what is confirmed and what is gone, and whoever holds it
 * subscribes again (`lost` is the only signal; trying again with a growing pause is the way back).
 */
import * as Effect from "effect/Effect"
import type { BackendError } from "./BackendError.ts"

/** Called from the connection's own turn: must not block and must not throw. */
export interface Listener {
  readonly message: (channel: string, payload: string) => void
  /** These subscriptions are gone, and what was published to them since is lost. */
  readonly lost: (channels: ReadonlyArray<string>) => void
}

export interface Link {
  /** When it succeeds the backend has confirmed every channel. When it fails some may be active: unsubscribe or try again. */
  readonly subscribe: (channels: ReadonlyArray<string>) => Effect.Effect<void, BackendError>
  readonly unsubscribe: (channels: ReadonlyArray<string>) => Effect.Effect<void, BackendError>
  /**
   * Where a channel lives at the moment: the same object for all that live together. Channels of different places are
   * best given to different calls, for one place may hang while the other answers (D6).
   */
  readonly place: (channel: string) => object
}

/**
 * A link under other names: `to` says what a channel is called by whoever keeps it, `from` what that is called here, or
 * undefined for what is none of ours.
 */
export const renamed = <R>(
  connect: (listener: Listener) => Effect.Effect<Link, never, R>,
  listener: Listener,
  names: { readonly to: (channel: string) => string; readonly from: (name: string) => string | undefined }
): Effect.Effect<Link, never, R> => {
  const { from, to } = names
  return Effect.map(
    connect({
      message: (name, payload) => {
        const channel = from(name)
        if (channel !== undefined) listener.message(channel, payload)
      },
      lost: (lost) => listener.lost(lost.map(from).filter((channel) => channel !== undefined))
    }),
    (link) => ({
      subscribe: (channels) => link.subscribe(channels.map(to)),
      unsubscribe: (channels) => link.unsubscribe(channels.map(to)),
      place: (channel) => link.place(to(channel))
    })
  )
}
