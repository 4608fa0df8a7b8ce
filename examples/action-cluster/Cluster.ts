/**
 * The cluster as this program handles it: look at it, add a peer to it, do harm to one, let one speak. There are two of
 * it: `MemoryCluster` plays all peers in this process, `Fleet` is one peer on Redis and starts others as processes.
 */
import type { BackendError, PeerRegistry, Stats, TaskQueue } from "@troupe/core"
import { Context, Effect, PubSub as EffectPubSub, Random, Schema, Stream } from "effect"
import { type Orders, type Removed, type Report, tidings } from "./Forecast.ts"
import { type ChannelName, type Heard, reports, subscribe } from "./Peer.ts"
import type { Host } from "./Session.ts"
import { type Outcome, outcomes } from "./Work.ts"

/** The most peers that one program starts. */
export const maxPeers = 12

/** What may be done to a peer from here: `own` is the peer that this page runs on, `foreign` ones others have started. */
export type Hold = "running" | "frozen" | "crashed" | "own" | "foreign"

export interface Member {
  readonly peer: PeerRegistry.Peer
  readonly hold: Hold
  /** The registry has given it up, but it is still there, frozen: once it wakes it joins anew, under another id. */
  readonly isGone: boolean
}

/** The cluster as one peer of it sees it. */
export interface Sight {
  /** Why this may not be the present. */
  readonly stale: string | undefined
  readonly backend: "Up" | "Degraded" | "Down"
  readonly members: ReadonlyArray<Member>
  readonly leader: string | undefined
  /** By whose clock `lastSeenAt` is to be read: what it shows now. */
  readonly now: number
}

export type News =
  | { readonly _tag: "Registry"; readonly event: PeerRegistry.PeerEvent }
  | { readonly _tag: "Heard"; readonly heard: Heard }
  | { readonly _tag: "Told"; readonly outcome: Outcome }
  | { readonly _tag: "Tidings"; readonly tiding: Report | Removed }
  /** What the peers heard meanwhile is not known here. */
  | { readonly _tag: "Unheard" }
  /** Look again. */
  | { readonly _tag: "Changed" }

export interface Service {
  readonly kind: "memory" | "redis"
  /** Never fails and never waits: what is not known for certain is `stale`. */
  readonly look: Effect.Effect<Sight>
  /** Everything that happens from when it is run. Who reads too slowly loses the oldest. */
  readonly news: Stream.Stream<News>
  /** Another peer: its name, once it has joined. */
  readonly spawn: Effect.Effect<string, TooManyPeers | SpawnFailed>
  /** Its event loop stands still: it sends nothing and sees nothing. */
  readonly freeze: (name: string) => Effect.Effect<void, NotInReach>
  readonly thaw: (name: string) => Effect.Effect<void, NotInReach>
  /** Gone without a goodbye. */
  readonly crash: (name: string) => Effect.Effect<void, NotInReach>
  readonly publish: (
    as: string,
    channel: ChannelName,
    text: string
  ) => Effect.Effect<void, NotInReach | BackendError.BackendError>
  /** The work of all peers, to look at and to give orders for. */
  readonly tasks: TaskQueue.Service
  /** What the peers keep for one another, to look at and to take away. */
  readonly forecasts: Pick<Orders, "remove" | "left">
  /** Has that peer read it, or all of them at once. How it goes is told as news. */
  readonly read: (name: string | null) => Effect.Effect<void, NotInReach | BackendError.BackendError>
  /** What all peers count. `flush` is of those that live in this process. */
  readonly stats: Stats.Service
  /** The peer to talk to: that one, or any. */
  readonly host: (name: string | null) => Effect.Effect<Host, NotInReach>
  /** The page can be opened there now: the others may know. */
  readonly opened: (url: string) => Effect.Effect<void>
}

export class Cluster extends Context.Service<Cluster, Service>()("examples/action-cluster/Cluster") {}

// -- what can go wrong --------------------------------------------------------------------------------------------

export class TooManyPeers extends Schema.TaggedError<TooManyPeers>("examples/action-cluster/TooManyPeers")(
  "TooManyPeers",
  { limit: Schema.Int }
) {
  override get message(): string {
    return `There are ${this.limit} peers already, and this program starts no more. Crash one first.`
  }
}

export class SpawnFailed extends Schema.TaggedError<SpawnFailed>("examples/action-cluster/SpawnFailed")("SpawnFailed", {
  peer: Schema.String,
  why: Schema.String
}) {
  override get message(): string {
    return `${this.peer} did not join: ${this.why}`
  }
}

/** It is not a peer that this program has started, or not in the state that the command is for. */
export class NotInReach extends Schema.TaggedError<NotInReach>("examples/action-cluster/NotInReach")("NotInReach", {
  peer: Schema.String,
  why: Schema.String
}) {
  override get message(): string {
    return `${this.peer} ${this.why}.`
  }
}

// -- what both have in common -------------------------------------------------------------------------------------

/** Where news are told. Keeps the last ones for whoever comes later. */
export const newsroom = EffectPubSub.sliding<News>({ capacity: 1024, replay: 256 })

/** Those in the registry, and those that it has given up while they stand still: `before` says what they were like. */
export const membersOf = (
  peers: ReadonlyArray<PeerRegistry.Peer>,
  before: ReadonlyArray<Member>,
  hold: (name: string) => Hold
): ReadonlyArray<Member> => {
  const listed = new Set(peers.map(({ name }) => name))
  return [
    ...peers.map((peer) => ({ peer, hold: hold(peer.name), isGone: false })),
    ...before.flatMap(({ peer }) =>
      !listed.has(peer.name) && hold(peer.name) === "frozen" ? [{ peer, hold: "frozen" as const, isGone: true }] : []
    )
  ]
}

/** What all are asked at once is told from what they were asked before. */
export const roundName = Effect.map(Random.nextIntBetween(0, 36 ** 8), (n) => n.toString(36))

/** What the peers tell of what they hear and do, from the last hundred and fifty on. */
export const hearsay = Effect.gen(function* () {
  const heard = yield* subscribe(reports, { from: { last: 100 } })
  const told = yield* subscribe(outcomes, { from: { last: 50 } })
  const read = yield* subscribe(tidings, { from: { last: 100 } })
  return Stream.mergeAll(
    [
      Stream.map(heard.deliveries, (delivery): News =>
        delivery._tag === "Message" ? { _tag: "Heard", heard: delivery.value } : { _tag: "Unheard" }
      ),
      // Of what was done the queue itself is the truth; what is told of it may have holes. Of reading the last word stands.
      Stream.map(
        Stream.filter(told.deliveries, (delivery) => delivery._tag === "Message"),
        ({ value }): News => ({ _tag: "Told", outcome: value })
      ),
      Stream.map(
        Stream.filter(read.deliveries, (delivery) => delivery._tag === "Message"),
        ({ value }): News => ({ _tag: "Tidings", tiding: value })
      )
    ],
    { concurrency: "unbounded" }
  )
})
