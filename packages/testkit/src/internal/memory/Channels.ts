/**
 * Pub/sub in memory: who is subscribed to which channel. A push is made inside a step, and leaves when the step is over.
 */
import type { BackendError } from "@troupe/core/BackendError"
import type { Link, Listener } from "@troupe/core/Link"
import type * as Wire from "@troupe/core/Wire"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

interface Subscriber {
  readonly wire: Wire.Wire
  readonly listener: Listener
  readonly channels: Set<string>
}

export class Channels {
  private readonly byChannel = new Map<string, Set<Subscriber>>()
  private leaving: Array<readonly [channel: string, payload: string]> = []

  publish(channel: string, payload: string): void {
    this.leaving.push([channel, payload])
  }

  /** The step is over: what it published goes to whoever is subscribed now. */
  flush(): void {
    while (this.leaving.length > 0) {
      const leaving = this.leaving
      this.leaving = []
      for (const [channel, payload] of leaving) {
        const subscribers = this.byChannel.get(channel)
        if (subscribers === undefined) continue
        for (const { listener, wire } of subscribers) wire.push(() => listener.message(channel, payload))
      }
    }
  }

  link(wire: Wire.Wire, listener: Listener): Effect.Effect<Link, never, Scope.Scope> {
    const subscriber: Subscriber = { wire, listener, channels: new Set() }
    const send = (operation: string, f: () => void): Effect.Effect<void, BackendError> =>
      wire.send({ service: "Link", operation, adds: false }, Effect.sync(f))
    const gone = () => {
      const channels = [...subscriber.channels]
      this.remove(subscriber, channels)
      return channels
    }
    const link: Link = {
      subscribe: (channels) => send("subscribe", () => this.add(subscriber, channels)),
      unsubscribe: (channels) => send("unsubscribe", () => this.remove(subscriber, channels)),
      place: () => this
    }
    return Effect.as(
      Effect.acquireRelease(
        Effect.sync(() =>
          wire.onDown(() => {
            const lost = gone()
            if (lost.length > 0) listener.lost(lost)
          })
        ),
        (forget) =>
          Effect.sync(() => {
            forget()
            gone()
          })
      ),
      link
    )
  }

  /** Subscriptions, over all peers. */
  get size(): number {
    let size = 0
    for (const subscribers of this.byChannel.values()) size += subscribers.size
    return size
  }

  private add(subscriber: Subscriber, channels: ReadonlyArray<string>): void {
    for (const channel of channels) {
      subscriber.channels.add(channel)
      const subscribers = this.byChannel.get(channel)
      if (subscribers === undefined) this.byChannel.set(channel, new Set([subscriber]))
      else subscribers.add(subscriber)
    }
  }

  private remove(subscriber: Subscriber, channels: ReadonlyArray<string>): void {
    for (const channel of channels) {
      subscriber.channels.delete(channel)
      const subscribers = this.byChannel.get(channel)
      subscribers?.delete(subscriber)
      if (subscribers?.size === 0) this.byChannel.delete(channel)
    }
  }
}
