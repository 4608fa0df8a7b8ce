/**
 * Who is there: which processes form the cluster at this moment, what they say of themselves, and which of them leads.
 *
 * A peer is in the registry from when its layer is built until its scope closes, or until it has not been heard of for
 * `downAfter`. Time is the store's alone: no clock of any peer decides about another. Who was declared gone never comes
 * back as the same peer; what it did by virtue of being there (`lead`) it stops a second before another may begin, as
 * long as its event loop turns. What must hold even where it does not is guarded by `Term.fence`.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { BackendError } from "./BackendError.ts"
import { Heart } from "./internal/peers/Heart.ts"
import { pause } from "./internal/Pause.ts"
import * as Limits from "./internal/peers/Limits.ts"
import { toPeer } from "./internal/peers/View.ts"
import { LocalPeer } from "./LocalPeer.ts"
import * as Metrics from "./Metrics.ts"
import { channel, type PeerId, PeerRegistryStore } from "./PeerRegistryStore.ts"

export { PeerId } from "./PeerRegistryStore.ts"

export interface Peer {
  readonly id: PeerId
  readonly name: string
  readonly metadata: { readonly [key: string]: string }
  /** By the store's clock, as is `lastSeenAt`. */
  readonly joinedAt: DateTime.Utc
  /** As of this process' last heartbeat; in clusters of more than 16 it may be earlier than what the store knows. */
  readonly lastSeenAt: DateTime.Utc
  /** Suspected: not heard of for `suspectAfter`. It still counts as there. */
  readonly state: "Live" | "Suspected"
}

export type PeerEvent =
  | { readonly _tag: "Snapshot"; readonly version: number; readonly peers: ReadonlyArray<Peer> }
  | { readonly _tag: "Joined"; readonly version: number; readonly peer: Peer }
  | { readonly _tag: "Suspected"; readonly version: number; readonly peer: Peer }
  | { readonly _tag: "Recovered"; readonly version: number; readonly peer: Peer }
  | { readonly _tag: "Updated"; readonly version: number; readonly peer: Peer }
  | {
      readonly _tag: "Left"
      readonly version: number
      readonly peer: Peer
      readonly reason: "Graceful" | "Crashed" | "Superseded"
    }

/** What a leader holds. `fence` strictly grows from term to term, of all names together. */
export interface Term {
  readonly name: string
  readonly fence: bigint
}

/**
 * The name is LocalPeer's, for this service as for every other. Three heartbeats must fit into `suspectAfter`, which
 * must be shorter than `downAfter`. Give all peers of a cluster the same times: each is judged by its own, but how long
 * a silence of all counts as an outage is half of the `suspectAfter` of whoever comes first after it.
 */
export interface Options {
  /** What this peer says of itself, at most 16 KiB of JSON. `updateMetadata` changes it. */
  readonly metadata?: { readonly [key: string]: string } | undefined
  /** How often it says that it is there. 2 seconds. */
  readonly heartbeat?: Duration.Input | undefined
  /** 6 seconds. */
  readonly suspectAfter?: Duration.Input | undefined
  /** 12 seconds. */
  readonly downAfter?: Duration.Input | undefined
}

/** What the service does, by name, so that an editor says `PeerRegistry.Service` and not thirty lines. */
export interface Service {
  /** This peer as it is now; once a later peer has taken its name (P7), as it last was. */
  readonly self: Effect.Effect<Peer>
  /**
   * Everyone there, in the order they came, this peer among them. Answered from this process' own view, which other
   * peers' changes reach within a message's way. Fails with Unavailable where the view is older than `downAfter`.
   */
  readonly list: Effect.Effect<ReadonlyArray<Peer>, BackendError>
  /** One of `list`. */
  readonly get: (id: PeerId) => Effect.Effect<Option.Option<Peer>, BackendError>
  /**
   * Starts with a Snapshot; versions then grow by one, or a new Snapshot follows: after the store has lost its data, or
   * where this subscriber let more than 1,024 events wait. Lives through every outage, and ends with the layer (Closed).
   */
  readonly events: Stream.Stream<PeerEvent, BackendError>
  /**
   * Replaces this peer's metadata; this peer sees it when it returns, others within a message's way. One round trip. A
   * peer that is just joining anew fails with Unavailable, one that was superseded with Closed.
   */
  readonly updateMetadata: (metadata: { readonly [key: string]: string }) => Effect.Effect<void, BackendError>
  /**
   * Campaigns until elected, through every outage; runs the body for as long as the term lasts, and campaigns again
   * where it was lost; ends with the body. One peer leads a name at a time, and one fiber of it. Interrupting it gives
   * the term back. A peer that was superseded is never elected; a bad name, and the end of the layer, are defects.
   */
  readonly lead: <A, E, R>(name: string, body: (term: Term) => Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Who has the term now, as the store knows it. One round trip. */
  readonly leader: (name: string) => Effect.Effect<Option.Option<Peer>, BackendError>
}

export class PeerRegistry extends Context.Service<PeerRegistry, Service>()("@troupe/core/PeerRegistry") {}

/**
 * `lead` as a layer: one of it runs in the cluster, for as long as any peer has it. Each term has a scope of its own. A
 * body that fails is logged and led again a second later, by whoever is elected then; one that ends is over on this peer.
 */
export const singleton = <E, R>(
  name: string,
  body: (term: Term) => Effect.Effect<void, E, R>
): Layer.Layer<never, never, PeerRegistry | Exclude<R, Scope.Scope>> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const registry = yield* PeerRegistry
      yield* Effect.orDie(Limits.name("singleton", "leadership name", name))
      const led: Effect.Effect<void, never, Exclude<R, Scope.Scope>> = Effect.catchCause(
        registry.lead(name, (term) => Effect.scoped(body(term))),
        (cause) =>
          Cause.hasInterruptsOnly(cause) || isClosed(Cause.squash(cause))
            ? Effect.void
            : Effect.logError(`The singleton ${JSON.stringify(name)} failed`, cause).pipe(
                Effect.andThen(Effect.sleep(Duration.seconds(1))),
                Effect.andThen(Effect.suspend(() => led))
              )
      )
      yield* Effect.forkScoped(led)
    })
  )

const make = (options: Options) =>
  Effect.gen(function* () {
    const store = yield* PeerRegistryStore
    const { name } = yield* LocalPeer
    const clock = yield* Clock.Clock
    const context = yield* Effect.context<never>()
    yield* Limits.name("layer", "peer name", name)
    const times = yield* Limits.times(options)
    const metadata = yield* Limits.metadata("layer", options.metadata ?? {})
    const heart = new Heart({
      store,
      name,
      metadata,
      times,
      clock,
      meter: {
        peers: (live, suspected) => {
          livePeers.updateUnsafe(live, context)
          suspectedPeers.updateUnsafe(suspected, context)
        },
        late: () => Metrics.beatsLate.updateUnsafe(1, context),
        lag: (ms) => Metrics.eventLoopLag.updateUnsafe(ms, context)
      }
    })
    yield* Effect.addFinalizer(() => heart.close)
    yield* listen(store, heart)
    yield* Effect.forkScoped(heart.run)
    yield* Effect.forkScoped(heart.guard)
    const joined = yield* heart.join
    const { leadership, view } = heart

    const fresh = <A>(operation: string, read: () => A) =>
      Effect.suspend(() =>
        heart.isClosed
          ? Effect.fail(Limits.closed(operation))
          : heart.isFresh
            ? Effect.succeed(read())
            : Effect.fail(Limits.unavailable(operation, `nothing was heard for ${times.downAfterMs} ms`))
      )

    const updateMetadata = Effect.fn("PeerRegistry.updateMetadata")(function* (given: Options["metadata"]) {
      const metadata = yield* Limits.metadata("updateMetadata", given)
      const update = Effect.suspend(() => {
        if (heart.isClosed) return Effect.fail(Limits.closed("updateMetadata"))
        if (heart.superseded) return Effect.fail(Limits.superseded("updateMetadata"))
        return heart.id !== undefined && heart.isMember ? store.update(heart.id, metadata) : Effect.undefined
      })
      // Where the book was lost, a beat enters this peer again, and then it is there to be changed.
      const frame = (yield* update) ?? (yield* Effect.andThen(heart.round, update))
      if (frame === undefined) return yield* Limits.unavailable("updateMetadata", "this peer is joining anew")
      heart.hear(frame)
    })

    const lead: Service["lead"] = (name, body) =>
      Effect.andThen(Effect.orDie(Limits.name("lead", "leadership name", name)), leadership.lead(name, body))

    const leader = Effect.fn("PeerRegistry.leader")(function* (name: string) {
      yield* Limits.name("leader", "leadership name", name)
      if (heart.isClosed) return yield* Limits.closed("leader")
      const found = yield* store.leader(name)
      return Option.map(Option.fromUndefinedOr(found), ({ peer, seenAt }) => view.get(peer.id) ?? toPeer(peer, seenAt))
    })

    return PeerRegistry.of({
      self: Effect.sync(() => heart.peer ?? joined),
      list: fresh("list", () => view.peers),
      get: (id) => fresh("get", () => Option.fromUndefinedOr(view.get(id))),
      events: Stream.unwrap(Effect.map(view.read, (reader) => Stream.fromPull(Effect.succeed(reader.take)))),
      updateMetadata,
      lead,
      leader
    })
  })

const layerOf = (options: Options): Layer.Layer<PeerRegistry, BackendError, PeerRegistryStore> =>
  Layer.effect(PeerRegistry, make(options))
const layerDefault = layerOf({})

/**
 * PeerRegistry on any backend: the policy above a store. When it is built this peer is in its own `list`, and follows
 * what changes. A peer of the same name that is there leaves, `Superseded`. Fails where the store cannot be reached, and
 * with InvalidName or Misconfigured where a name or an option breaks a rule.
 */
export const layer = (options?: Options): Layer.Layer<PeerRegistry, BackendError, PeerRegistryStore> =>
  options === undefined ? layerDefault : layerOf(options)

// -- internals ----------------------------------------------------------------------------------------------------

/** Hears pushes for as long as the scope lasts; where the link was lost, subscribes again, and asks for what it missed. */
const listen = Effect.fnUntraced(function* (store: PeerRegistryStore["Service"], heart: Heart) {
  const lost = Latch.makeUnsafe(false)
  const link = yield* store.connect({
    message: (_, text) => heart.hear(text),
    lost: () => void lost.openUnsafe()
  })
  yield* link.subscribe([channel])
  let failures = 0
  const again = Effect.gen(function* () {
    if (failures === 0) yield* lost.await
    else yield* pause(failures)
    lost.closeUnsafe()
    failures = yield* Effect.match(link.subscribe([channel]), {
      onSuccess: () => {
        heart.catchUp()
        return 0
      },
      onFailure: () => failures + 1
    })
  })
  yield* Effect.forkScoped(Effect.forever(again))
})

const livePeers = Metric.withAttributes(Metrics.peers, { state: "Live" })
const suspectedPeers = Metric.withAttributes(Metrics.peers, { state: "Suspected" })

const isClosed = (error: unknown): boolean => error instanceof BackendError && error.reason._tag === "Closed"
