/**
 * What the page is told: everything at once when it comes, then every change. A reader that is too slow to be told each
 * change is told everything at once again; nothing queues for it.
 */
import type { PeerRegistry } from "@troupe/core"
import {
  Context,
  Data,
  DateTime,
  Effect,
  Latch,
  Layer,
  PubSub as EffectPubSub,
  Schedule,
  type Scope,
  Semaphore,
  Stream
} from "effect"
import * as Board from "./Board.ts"
import * as Cluster from "./Cluster.ts"
import { times } from "./Peer.ts"
import * as Ledger from "./Ledger.ts"
import type { Heard } from "./Peer.ts"
import { terms } from "./Forecast.ts"
import * as Shelf from "./Shelf.ts"

/** Pages that may be open at a time. */
export const maxViewers = 32
/** Of other people's peers a page shows this many, and this much of what each says. */
const shown = { peers: 100, facts: 8, letters: 200 }
const kept = { lines: 240, happenings: 60, changes: 256 }

/** A peer as the page draws it. Times are milliseconds; ages are as of when this was said. */
export interface PeerView {
  readonly id: string
  readonly name: string
  readonly state: "Live" | "Suspected" | "Gone"
  readonly hold: Cluster.Hold
  readonly isLeader: boolean
  readonly age: number
  readonly lastSeenAt: number
  readonly metadata: { readonly [key: string]: string }
}
export interface View {
  readonly stale: string | null
  readonly backend: "Up" | "Degraded" | "Down"
  readonly peers: ReadonlyArray<PeerView>
  /** There are this many more. */
  readonly more: number
}
/** What a peer got, numbered, so that it is shown once. */
export interface Line extends Omit<Heard, "at"> {
  readonly number: number
  readonly at: number
}
export interface Happening {
  readonly number: number
  readonly at: number
  readonly kind: PeerRegistry.PeerEvent["_tag"] | "Leads" | "Backend" | "Unheard"
  readonly peer: string
  readonly detail: string
}
export type Event =
  | {
      readonly _tag: "Present"
      readonly kind: "memory" | "redis"
      readonly times: typeof times
      readonly maxPeers: number
      readonly view: View
      readonly lines: ReadonlyArray<Line>
      readonly happenings: ReadonlyArray<Happening>
      /** The work as it was last looked at, and how it came there. Null: it was not looked at yet. */
      readonly board: Board.BoardView | null
      readonly samples: ReadonlyArray<Board.Sample>
      readonly terms: typeof terms
      readonly shelf: Shelf.ShelfView
      /** Null: it was not looked at yet. */
      readonly ledger: Ledger.LedgerView | null
    }
  | { readonly _tag: "View"; readonly view: View }
  | { readonly _tag: "Line"; readonly line: Line }
  | { readonly _tag: "Happening"; readonly happening: Happening }
  | { readonly _tag: "Board"; readonly board: Board.BoardView }
  | { readonly _tag: "Shelf"; readonly shelf: Shelf.ShelfView }
  | { readonly _tag: "Ledger"; readonly ledger: Ledger.LedgerView }

/** As many pages as this program serves are open already. */
export class TooManyViewers extends Data.TaggedError("TooManyViewers")<{ readonly limit: number }> {
  override get message(): string {
    return `${this.limit} pages are open already. Close one, and this one comes by itself.`
  }
}

export interface Service {
  /** For as long as the scope lasts there is a place for the one who asked. */
  readonly watch: Effect.Effect<Stream.Stream<Event>, TooManyViewers, Scope.Scope>
}
export class Events extends Context.Service<Events, Service>()("examples/action-cluster/Events") {}

const make = Effect.gen(function* () {
  const cluster = yield* Cluster.Cluster
  const places = yield* Semaphore.make(maxViewers)
  const changes = yield* EffectPubSub.sliding<{ readonly number: number; readonly event: Event }>(kept.changes)
  const lines: Array<Line> = []
  const happenings: Array<Happening> = []
  const board = Board.make(cluster.tasks)
  const shelf = Shelf.make(cluster.forecasts)
  const ledger = Ledger.make(cluster.stats)
  const hasChanged = yield* Latch.make()
  const watched = yield* Latch.make()
  let viewers = 0
  let work: Board.BoardView | null = null
  let sums: Ledger.LedgerView | null = null
  let number = 0
  let view = viewOf(yield* cluster.look)

  const tell = (event: Event) => EffectPubSub.publish(changes, { number: ++number, event })

  const happened = (kind: Happening["kind"], peer = "", detail = "") => {
    const happening = { number: number + 1, at: Date.now(), kind, peer, detail }
    keep(happenings, happening, kept.happenings)
    return tell({ _tag: "Happening", happening })
  }

  const heard = ({ at, ...rest }: Heard) => {
    const line = { ...rest, number: number + 1, at: DateTime.toEpochMillis(at) }
    keep(lines, line, kept.lines)
    return tell({ _tag: "Line", line })
  }

  const look = Effect.gen(function* () {
    const before = view
    view = viewOf(yield* cluster.look)
    const leader = view.peers.find(({ isLeader }) => isLeader)?.name
    if (leader !== undefined && leader !== before.peers.find(({ isLeader }) => isLeader)?.name) {
      yield* happened("Leads", leader)
    }
    if (view.backend !== before.backend) yield* happened("Backend", "", view.backend)
    yield* tell({ _tag: "View", view })
  })

  const learn = (news: Cluster.News) => {
    switch (news._tag) {
      case "Heard":
        return heard(news.heard)
      case "Told":
        return Effect.sync(() => board.hear(news.outcome))
      case "Tidings":
        shelf.hear(news.tiding)
        return hasChanged.open
      case "Unheard":
        return happened("Unheard")
      case "Changed":
        return look
      case "Registry": {
        const { event } = news
        const told =
          event._tag === "Snapshot"
            ? happened("Snapshot", "", `${event.peers.length}`)
            : happened(event._tag, event.peer.name, event._tag === "Left" ? event.reason : "")
        return Effect.andThen(told, look)
      }
    }
  }
  yield* Effect.forkScoped(Stream.runForEach(cluster.news, learn))
  yield* look.pipe(Effect.repeat(Schedule.spaced("500 millis")), Effect.forkScoped)

  // Somebody else's Redis is asked for as long as a page is open, and no longer.
  const lookAtWork = Effect.gen(function* () {
    yield* watched.await
    work = yield* board.look
    yield* tell({ _tag: "Board", board: work })
  })
  yield* lookAtWork.pipe(Effect.repeat(Schedule.spaced("1 second")), Effect.forkScoped)

  const lookAtShelf = Effect.gen(function* () {
    yield* watched.await
    yield* shelf.look
    yield* hasChanged.open
  })
  yield* lookAtShelf.pipe(Effect.repeat(Schedule.spaced("1 second")), Effect.forkScoped)
  // However many peers read at once, a page is told ten times a second.
  const tellOfShelf = Effect.gen(function* () {
    yield* hasChanged.await
    yield* hasChanged.close
    yield* tell({ _tag: "Shelf", shelf: shelf.view() })
  })
  yield* tellOfShelf.pipe(Effect.repeat(Schedule.spaced("100 millis")), Effect.forkScoped)

  const lookAtSums = Effect.gen(function* () {
    yield* watched.await
    sums = yield* ledger.look
    yield* tell({ _tag: "Ledger", ledger: sums })
  })
  yield* lookAtSums.pipe(Effect.repeat(Schedule.spaced("1 second")), Effect.forkScoped)

  const present = (): Event => ({
    _tag: "Present",
    kind: cluster.kind,
    times,
    maxPeers: Cluster.maxPeers,
    view,
    lines,
    happenings,
    board: work,
    samples: board.samples(),
    terms,
    shelf: shelf.view(),
    ledger: sums
  })

  const arrived = Effect.suspend(() => {
    viewers++
    return watched.open
  })
  const left = Effect.suspend(() => {
    viewers--
    return Effect.andThen(viewers === 0 ? watched.close : Effect.void, places.release(1))
  })

  const watch = Effect.gen(function* () {
    yield* Effect.acquireRelease(
      Effect.flatMap(places.takeIfAvailable(1), (isFree) =>
        isFree ? arrived : Effect.fail(new TooManyViewers({ limit: maxViewers }))
      ),
      () => left
    )
    const subscription = yield* EffectPubSub.subscribe(changes)
    // The number up to which this viewer knows everything.
    let known = number
    const next = (change: { readonly number: number; readonly event: Event }): ReadonlyArray<Event> => {
      if (change.number <= known) return []
      const isNext = change.number === known + 1
      known = isNext ? change.number : number
      return [isNext ? change.event : present()]
    }
    return Stream.fromIterable([present()]).pipe(
      Stream.concat(
        Stream.flatMap(Stream.fromSubscription(subscription), (change) => Stream.fromIterable(next(change)))
      )
    )
  })

  return Events.of({ watch })
})

export const layer: Layer.Layer<Events, never, Cluster.Cluster> = Layer.effect(Events, make)

// -- internals ----------------------------------------------------------------------------------------------------

const keep = <A>(ring: Array<A>, one: A, size: number): void => {
  ring.push(one)
  if (ring.length > size) ring.shift()
}

const viewOf = ({ backend, leader, members, now, stale }: Cluster.Sight): View => ({
  stale: stale ?? null,
  backend,
  peers: members.slice(0, shown.peers).map(({ hold, isGone, peer }) => {
    const lastSeenAt = DateTime.toEpochMillis(peer.lastSeenAt)
    const facts = Object.entries(peer.metadata).slice(0, shown.facts)
    return {
      id: peer.id,
      name: peer.name,
      state: isGone ? "Gone" : peer.state,
      hold,
      isLeader: !isGone && peer.name === leader,
      age: Math.max(0, Math.round(now - lastSeenAt)),
      lastSeenAt,
      metadata: Object.fromEntries(
        facts.map(([key, text]) => [key.slice(0, shown.letters), text.slice(0, shown.letters)])
      )
    }
  }),
  more: Math.max(0, members.length - shown.peers)
})
