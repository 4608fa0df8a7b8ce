/**
 * What one peer knows of all: who is there, as of a version of the book. Pushes and the answers of beats both bring it
 * forward, in whatever order they come; a change is applied once, and only behind the one before it (P8).
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { BackendError } from "../../BackendError.ts"
import type { Peer, PeerEvent } from "../../PeerRegistry.ts"
import {
  type Answer,
  type Change,
  decodeFrame,
  nearest,
  type Page,
  type PeerId,
  type Stored
} from "../../PeerRegistryStore.ts"
import { Reader } from "./Reader.ts"

/** Told of what the view learns. */
export interface Watcher {
  readonly left: (id: PeerId) => void
  readonly freed: (name: string) => void
  /** What happened in between is not known. */
  readonly replaced: () => void
}

export interface Entry {
  readonly stored: Stored
  readonly seenAt: number
}

/** What has come of the pages, as of a version. */
interface Draft {
  readonly epoch: string
  readonly version: number
  readonly peers: Array<Stored>
  readonly cursor: string
}

export class View {
  epoch = ""
  version = 0
  /** A page of peers is still to be asked for. */
  draft: Draft | undefined
  private entries = new Map<PeerId, Entry>()
  private listed: ReadonlyArray<Peer> | undefined
  private readonly readers = new Set<Reader>()
  private readonly present: (() => number) | undefined
  private readonly watcher: Watcher
  /** Something was pushed that does not follow what the view has. */
  private heard = false
  /** Whoever is not named by a beat's answer is due to be judged no earlier than this. */
  private horizon: { readonly now: number; readonly clock: number; readonly due: number } | undefined
  private ended: BackendError | undefined

  /** `present`: where every peer is always there, the time at which it is. */
  constructor(present: (() => number) | undefined, watcher: Watcher) {
    this.present = present
    this.watcher = watcher
  }

  /** The peers in the order they took their names. */
  get peers(): ReadonlyArray<Peer> {
    if (this.present !== undefined) this.listed = undefined
    this.listed ??= [...this.entries.values()].sort(bySeat).map((entry) => toPeer(entry.stored, this.seenAt(entry)))
    return this.listed
  }

  get(id: PeerId): Peer | undefined {
    const entry = this.entry(id)
    return entry && toPeer(entry.stored, entry.seenAt)
  }

  entry(id: PeerId): Entry | undefined {
    const entry = this.entries.get(id)
    return entry && { stored: entry.stored, seenAt: this.seenAt(entry) }
  }

  /** How many are in which state. */
  count(state: Stored["state"]): number {
    let count = 0
    for (const { stored } of this.entries.values()) if (stored.state === state) count++
    return count
  }

  /** A beat is about to leave: what was heard until now its answer will have. */
  asks(): void {
    this.heard = false
  }

  /** There is more to ask for at once. */
  get isBehind(): boolean {
    return this.heard || this.draft !== undefined
  }

  /** A push. */
  hear(text: string): void {
    const frame = decodeFrame(text)
    if (frame === undefined || frame.epoch !== this.epoch) this.heard = true
    else for (const change of frame.changes) this.apply(change)
    for (const name of frame?.freed ?? []) this.watcher.freed(name)
  }

  /** A beat's answer. */
  accept(answer: Answer): void {
    if (answer.missed === undefined) {
      // An answer that was long under way may be older than what was pushed since.
      if (answer.epoch !== this.epoch || answer.version > this.version) {
        this.draft = { epoch: answer.epoch, version: answer.version, peers: [], cursor: "" }
      }
    } else {
      for (const change of answer.missed) this.apply(change)
      if (this.version < answer.version) this.heard = true
    }
    for (const { due, id } of answer.nearest) {
      const entry = this.entries.get(id)
      if (entry === undefined) continue
      const seenAt = Math.max(entry.seenAt, seen(answer, due, entry.stored))
      this.entries.set(id, { stored: entry.stored, seenAt })
    }
    const last = answer.nearest.length < nearest ? undefined : answer.nearest.at(-1)
    this.horizon = last && { now: answer.now, clock: answer.clock, due: last.due }
    this.listed = undefined
  }

  /** The draft's next page; undefined: the book is another one by now, and a beat begins again. */
  continue(page: Page | undefined): void {
    const draft = this.draft
    this.draft = undefined
    // What changed while the pages came lies behind the draft's version.
    this.heard = true
    if (draft === undefined || page === undefined) return
    const { epoch, version } = draft
    const peers = [...draft.peers, ...page.peers]
    if (page.cursor === "") this.replace(epoch, version, peers)
    else this.draft = { epoch, version, peers, cursor: page.cursor }
  }

  /** A subscription to events. */
  readonly read: Effect.Effect<Reader, never, Scope.Scope> = Effect.acquireRelease(
    Effect.sync(() => {
      const reader = new Reader(this.snapshot)
      if (this.ended !== undefined) reader.end(this.ended)
      this.readers.add(reader)
      return reader
    }),
    (reader) => Effect.sync(() => this.readers.delete(reader))
  )

  end(error: BackendError): void {
    this.ended = error
    for (const reader of this.readers) reader.end(error)
  }

  private apply(change: Change): void {
    if (change.version !== this.version + 1) {
      if (change.version > this.version) this.heard = true
      return
    }
    this.version = change.version
    this.listed = undefined
    const { id } = change.peer
    const event = toEvent(change)
    if (event._tag === "Left") this.entries.delete(id)
    else this.entries.set(id, { stored: change.peer, seenAt: change.seenAt })
    for (const reader of this.readers) reader.offer(event)
    if (event._tag === "Left") this.watcher.left(id)
  }

  private replace(epoch: string, version: number, peers: ReadonlyArray<Stored>): void {
    const before = this.entries
    this.entries = new Map()
    for (const stored of peers) {
      this.entries.set(stored.id, { stored, seenAt: before.get(stored.id)?.seenAt ?? stored.joinedAt })
    }
    this.epoch = epoch
    this.version = version
    this.listed = undefined
    for (const reader of this.readers) reader.offer(this.snapshot())
    this.watcher.replaced()
  }

  private readonly snapshot = (): PeerEvent => ({ _tag: "Snapshot", version: this.version, peers: this.peers })

  private seenAt({ seenAt, stored }: Entry): number {
    if (this.present !== undefined) return this.present()
    return this.horizon === undefined ? seenAt : Math.max(seenAt, seen(this.horizon, this.horizon.due, stored))
  }
}

/** When a peer that is due then had last been heard of. */
const seen = (at: { readonly now: number; readonly clock: number }, due: number, stored: Stored): number =>
  at.now - at.clock + due - (stored.state === "Live" ? stored.suspectAfterMs : stored.downAfterMs)

const bySeat = (a: Entry, b: Entry): number => a.stored.seat - b.stored.seat || (a.stored.id < b.stored.id ? -1 : 1)

export const toPeer = (stored: Stored, seenAt: number): Peer => ({
  id: stored.id,
  name: stored.name,
  metadata: stored.metadata,
  joinedAt: DateTime.makeUnsafe(stored.joinedAt),
  lastSeenAt: DateTime.makeUnsafe(seenAt),
  state: stored.state
})

const toEvent = ({ kind, peer: stored, seenAt, version }: Change): PeerEvent => {
  const peer = toPeer(stored, seenAt)
  return kind === "Graceful" || kind === "Crashed" || kind === "Superseded"
    ? { _tag: "Left", version, peer, reason: kind }
    : { _tag: kind, version, peer }
}
