/**
 * What Redis is to the live layers: the state that the peers of one memory cluster share, moved in atomic steps, and
 * channels to push on. An application provides its layer and needs nothing of its members but `now`; the others are
 * for the memory stores.
 *
 * Time is that of Effect's Clock, so that an application's own `TestClock` drives it; in a world it is the server's.
 */
import type { BackendError } from "@troupe/core/BackendError"
import type { Link, Listener } from "@troupe/core/Link"
import type * as Wire from "@troupe/core/Wire"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { Channels } from "./internal/memory/Channels.ts"
import { describe } from "./internal/memory/text.ts"

export interface Service {
  /** The backend's time, ms since 1970. */
  readonly now: Effect.Effect<number>
  /**
   * Where a store keeps what all peers share: plain data, made by the first who asks for that key. Look it up in
   * every step: after a fault it is another one.
   */
  readonly state: <S>(key: string, make: () => S, options?: StateOptions<S>) => () => S
  /** One atomic step: `f` sees the server's time and run id, changes states, publishes. It must not throw. */
  readonly request: <A>(
    wire: Wire.Wire,
    request: Wire.Request,
    f: (now: number, run: string) => A
  ) => Effect.Effect<A, BackendError>
  /** Inside a step: pushes to whoever is subscribed when the step is over. */
  readonly publish: (channel: string, payload: string) => void
  /** Channels for one listener, until the scope closes. */
  readonly link: (wire: Wire.Wire, listener: Listener) => Effect.Effect<Link, never, Scope.Scope>
  readonly faults: Faults
}

export interface StateOptions<S> {
  /** Removes what may be evicted and contains this text. Default: nothing may be. */
  readonly evict?: ((state: S, containing: string) => void) | undefined
  /** Something, or all, was taken from it by a fault: may publish. */
  readonly changed?: (() => void) | undefined
}

/** What a world does to the shared state. */
export interface Faults {
  readonly forget: Effect.Effect<void>
  readonly evict: (containing: string) => Effect.Effect<void>
  /** Notes the present state, where it differs from the one noted last. Keeps 64. */
  readonly note: Effect.Effect<void>
  /** Takes back that many changes, as far as they were noted. */
  readonly rewind: (changes: number) => Effect.Effect<void>
  readonly keys: Effect.Effect<ReadonlyArray<string>>
  readonly subscriptions: Effect.Effect<number>
}

export class MemoryBackend extends Context.Service<MemoryBackend, Service>()("@troupe/testkit/MemoryBackend") {}

const maxNotes = 64

/** A backend of its own. */
export const make: Effect.Effect<Service> = Effect.sync(() => {
  const kept = new Map<string, Kept>()
  const channels = new Channels()
  const notes: Array<{ readonly text: string; readonly restore: ReadonlyMap<string, () => void> }> = []
  const texts = () => [...kept].flatMap(([key, state]) => (state.isFresh ? [] : `${key} ${state.text}`)).sort()
  return {
    now: Effect.map(Clock.currentTimeMillis, Math.floor),
    state: <S>(key: string, make: () => S, options?: StateOptions<S>) => {
      // A key belongs to one store, which gives it one type.
      const state = (kept.get(key) ?? new State(make, options ?? {})) as State<S>
      kept.set(key, state)
      return () => state.value
    },
    request: (wire, request, f) => {
      const step = (now: number, run: string) => {
        const answer = f(now, run)
        channels.flush()
        return answer
      }
      const { server } = wire
      return wire.send(
        request,
        server === undefined
          ? Effect.clockWith((clock) => Effect.sync(() => step(Math.floor(clock.currentTimeMillisUnsafe()), "memory")))
          : Effect.sync(() => step(server.now(), server.run()))
      )
    },
    publish: (channel, payload) => channels.publish(channel, payload),
    link: (wire, listener) => channels.link(wire, listener),
    faults: {
      forget: Effect.sync(() => {
        for (const state of kept.values()) state.forget()
        channels.flush()
      }),
      evict: (containing) =>
        Effect.sync(() => {
          for (const state of kept.values()) state.evict(containing)
          channels.flush()
        }),
      note: Effect.sync(() => {
        const text = texts().join("\n")
        if (notes.at(-1)?.text === text) return
        notes.push({ text, restore: new Map([...kept].map(([key, state]) => [key, state.note()])) })
        if (notes.length > maxNotes) notes.shift()
      }),
      rewind: (changes) =>
        Effect.sync(() => {
          notes.splice(Math.max(1, notes.length - changes))
          const note = notes.at(-1)
          for (const [key, state] of kept) {
            const restore = note?.restore.get(key)
            if (restore === undefined) state.forget()
            else restore()
          }
          channels.flush()
        }),
      keys: Effect.sync(texts),
      subscriptions: Effect.sync(() => channels.size)
    }
  }
})

export const layer: Layer.Layer<MemoryBackend> = Layer.effect(MemoryBackend, make)

/** A store's state, without its type. */
interface Kept {
  readonly text: string
  /** As if nothing had ever been stored. */
  readonly isFresh: boolean
  readonly forget: () => void
  readonly evict: (containing: string) => void
  /** Gives how to come back to what is now. */
  readonly note: () => () => void
}

class State<S> implements Kept {
  value: S
  private readonly make: () => S
  private readonly options: StateOptions<S>

  constructor(make: () => S, options: StateOptions<S>) {
    this.make = make
    this.options = options
    this.value = make()
  }

  get text(): string {
    return describe(this.value)
  }

  get isFresh(): boolean {
    return this.text === describe(this.make())
  }

  forget(): void {
    this.value = this.make()
    this.options.changed?.()
  }

  evict(containing: string): void {
    const { changed, evict } = this.options
    if (evict === undefined) return
    evict(this.value, containing)
    changed?.()
  }

  note(): () => void {
    const copy = structuredClone(this.value)
    return () => {
      this.value = structuredClone(copy)
    }
  }
}
