/**
 * What a backend implements for PeerRegistry: one book of who is there, in which every step is atomic, and pushes of
 * what changed in it. Everything else (when to beat, what a peer shows, when it stops what depends on its life, who
 * waits for a leadership) stands above it, once, in `internal/peers`.
 *
 * The book has a time of its own, `clock`: it goes on with the server's time from one beat of whatever peer to the
 * next, and stands still where half of `suspectAfter` passed without any (an outage) or the server's time went back.
 * Whoever is judged is judged by it, and not before its own time has passed since the last such standstill (P5, D3).
 *
 * Two texts are the same on every backend: a record, as it is kept and as it travels, and a frame, as it is pushed.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { BackendError } from "./BackendError.ts"
import type { Link, Listener } from "./Link.ts"
import * as Name from "./Name.ts"

/** One run of one process: a restart, and a return after having been declared gone, both get a new one. */
export const PeerId = Schema.String.pipe(Schema.brand("@troupe/core/PeerId"))
export type PeerId = typeof PeerId.Type

/** What a peer says of itself. */
export interface Metadata {
  readonly [key: string]: string
}

/** A peer as the book has it. */
export interface Stored {
  readonly id: PeerId
  readonly name: string
  readonly metadata: Metadata
  readonly state: "Live" | "Suspected"
  readonly suspectAfterMs: number
  readonly downAfterMs: number
  /** When its process took its name, as a number that grows from one to the next: of two of one name the higher stays (P7). */
  readonly seat: number
  /** Server time, ms. */
  readonly joinedAt: number
}

export type Kind = "Joined" | "Suspected" | "Recovered" | "Updated" | "Graceful" | "Crashed" | "Superseded"

export interface Change {
  readonly version: number
  readonly kind: Kind
  /** When the peer had last been heard of; server time, ms. */
  readonly seenAt: number
  readonly peer: Stored
}

/** What one step changed, as it is pushed. */
export interface Frame {
  readonly epoch: string
  readonly changes: ReadonlyArray<Change>
  /** Leaderships that somebody gave up. */
  readonly freed: ReadonlyArray<string>
}

export interface Beat {
  /** Undefined: somebody who only watches. */
  readonly id: PeerId | undefined
  readonly name: string
  /** The book has said before that it has this id. */
  readonly joined: boolean
  readonly suspectAfterMs: number
  readonly downAfterMs: number
  /** What the peer's view has reached; an empty epoch: it has seen nothing. */
  readonly epoch: string
  readonly version: number
}

/**
 * - `Alive`: in the book.
 * - `Unknown`: not in it, and to be entered: it never was, or the book was lost.
 * - `Gone`: declared gone; this id never comes back (P6).
 * - `Superseded`: gone, and a later peer has its name (P7).
 */
export type Status = "Alive" | "Unknown" | "Gone" | "Superseded"

export interface Answer {
  readonly status: Status
  readonly epoch: string
  readonly version: number
  /** Server time, ms. */
  readonly now: number
  /** The book's time. */
  readonly clock: number
  /** Grows whenever a leadership is given up. */
  readonly freed: number
  /** The first `nearest` by when they are due to be judged, in the book's time. */
  readonly nearest: ReadonlyArray<{ readonly id: PeerId; readonly due: number }>
  /**
   * What the view misses: changes from its version on, oldest first, at most `pageSize`. Undefined where the book is
   * another one, or does not have them any more: then the pages tell who is there.
   */
  readonly missed: ReadonlyArray<Change> | undefined
}

/** A peer that is to be in the book. A seat or a time of 0: it has none yet. */
export interface Entry {
  readonly id: PeerId
  readonly name: string
  readonly metadata: Metadata
  readonly suspectAfterMs: number
  readonly downAfterMs: number
  readonly seat: number
  readonly joinedAt: number
}

/** Some of the peers. Who is there throughout is on one page at least. An empty cursor: it is the last. */
export interface Page {
  readonly peers: ReadonlyArray<Stored>
  readonly cursor: string
}

/**
 * What a peer asks of a leadership. A fence is the one it holds, else 0.
 *
 * - `Seek`: let me have it, with a fence higher than any before.
 * - `Hold`: I have it. Asked after the book was lost, when nobody may know.
 * - `Drop`: I have it no more.
 */
export interface Wish {
  readonly name: string
  readonly kind: "Seek" | "Hold" | "Drop"
  readonly fence: number
}

/** Whose a leadership is now, and with which fence; an empty owner: nobody's, or that of one who has not come back yet. */
export interface Granted {
  readonly owner: string
  readonly fence: number
}

/** How many of `Answer.nearest`, and how many overdue peers one beat judges. */
export const nearest = 16
/** The most changes or peers of one answer; a record has at most `maxMetadataBytes`. */
export const pageSize = 64
/** Changes that are kept for whoever was cut off. */
export const keptChanges = 1_000
/** How long, in the book's time, and of how many peers it is known that they are gone. */
export const graveMs = 3_600_000
export const maxGraves = 10_000
/** The most wishes of one call. */
export const maxWishes = 64
/** Bytes of JSON. */
export const maxMetadataBytes = 16_384

export interface Service {
  /**
   * One heartbeat: keeps the peer alive, judges who is overdue, pushes what changed, and answers what this peer misses.
   * One round trip. Keeps alive: a full server takes it.
   */
  readonly beat: (beat: Beat) => Effect.Effect<Answer, BackendError>
  /**
   * Puts a peer into the book that a beat did not find there. Of the same name as another that has the lower seat: that
   * one leaves. `Unknown`: the book first needs a beat.
   */
  readonly enter: (entry: Entry) => Effect.Effect<Status, BackendError>
  /** Who is there, page by page, from the cursor "" on; undefined where the book is another one by now. */
  readonly page: (epoch: string, cursor: string) => Effect.Effect<Page | undefined, BackendError>
  /** What was pushed; undefined for a peer that is not in the book. Adds: a full server refuses. */
  readonly update: (id: PeerId, metadata: Metadata) => Effect.Effect<string | undefined, BackendError>
  /** Takes the peer out and frees its leaderships (those named, with their fences, also where the book was lost). It never comes back. */
  readonly leave: (id: PeerId, held: ReadonlyArray<Wish>) => Effect.Effect<void, BackendError>
  /**
   * All wishes in one step, answered in their order; undefined where the book first needs a beat. `known` is the
   * highest fence the peer has seen: none is given that is not higher, though the book was lost.
   */
  readonly terms: (
    id: PeerId,
    known: number,
    wishes: ReadonlyArray<Wish>
  ) => Effect.Effect<ReadonlyArray<Granted> | undefined, BackendError>
  /** Who leads, and when it was last heard of. One round trip. */
  readonly leader: (
    name: string
  ) => Effect.Effect<{ readonly peer: Stored; readonly seenAt: number } | undefined, BackendError>
  /** A link for the pushes: it has one channel, `channel`. */
  readonly connect: (listener: Listener) => Effect.Effect<Link, never, Scope.Scope>
  /** True where no peer dies without leaving (in memory, outside of worlds): then nobody beats, and no timer runs. */
  readonly immortal: boolean
}

export class PeerRegistryStore extends Context.Service<PeerRegistryStore, Service>()(
  "@troupe/core/PeerRegistryStore"
) {}

/** The one channel of a registry's pushes. */
export const channel = "peers"

// -- the texts ----------------------------------------------------------------------------------------------------

/** Leads every record and every frame (promise A10). */
export const format = "1"

/** A record without its id: `<format> <L|S> <suspectAfterMs> <downAfterMs> <seat> <joinedAt> <name> <metadata>`. */
export const encodeRecord = (peer: Omit<Stored, "id">): string =>
  `${format} ${peer.state === "Live" ? "L" : "S"} ${peer.suspectAfterMs} ${peer.downAfterMs} ${peer.seat} ${peer.joinedAt} ${Name.encode(peer.name)} ${encodeMetadata(peer.metadata)}`

export const encodeMetadata = (metadata: Metadata): string => JSON.stringify(metadata)

/** A fresh object that nobody can change, or undefined for what is not one of texts by name. */
export const decodeMetadata = (text: string): Metadata | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return isMetadata(value) ? Object.freeze(value) : undefined
  } catch {
    return undefined
  }
}

export const isMetadata = (value: unknown): value is Metadata =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  Object.values(value).every((value) => typeof value === "string")

const recordText = /^1 ([LS]) (\d+) (\d+) (\d+) (\d+) (\S+) (.*)$/s

/** Undefined for what is no record, or one of a format unknown here. */
export const decodeRecord = (id: string, record: string): Stored | undefined => {
  const [, state, suspectAfter, downAfter, seat, joinedAt, encoded = "", text = ""] = recordText.exec(record) ?? []
  const name = Name.decode(encoded)
  const metadata = decodeMetadata(text)
  return metadata === undefined || name === undefined
    ? undefined
    : {
        id: PeerId.make(id),
        name,
        metadata,
        state: state === "L" ? "Live" : "Suspected",
        suspectAfterMs: Number(suspectAfter),
        downAfterMs: Number(downAfter),
        seat: Number(seat),
        joinedAt: Number(joinedAt)
      }
}

const letters = {
  J: "Joined",
  S: "Suspected",
  R: "Recovered",
  U: "Updated",
  G: "Graceful",
  C: "Crashed",
  X: "Superseded"
} as const satisfies Record<string, Kind>

const isLetter = (letter: string): letter is keyof typeof letters => Object.hasOwn(letters, letter)

/** A change without its version: `<letter> <seenAt> <id> <record>`. */
export const encodeChange = ({ kind, peer, seenAt }: Omit<Change, "version">): string => {
  const letter = Object.entries(letters).find(([, of]) => of === kind)?.[0] ?? ""
  return `${letter} ${seenAt} ${peer.id} ${encodeRecord(peer)}`
}

export const decodeChange = (version: number, line: string): Change | undefined => {
  const [, letter = "", seenAt, id = "", record = ""] = /^(\w) (\d+) (\S+) (.*)$/s.exec(line) ?? []
  const peer = decodeRecord(id, record)
  return peer === undefined || !isLetter(letter)
    ? undefined
    : { version, kind: letters[letter], seenAt: Number(seenAt), peer }
}

/** First line `<format> <epoch> <version of the first change>`, then a line a change, and `F <name>` for what was freed. */
export const encodeFrame = (frame: Frame, first: number): string =>
  [
    `${format} ${frame.epoch} ${first}`,
    ...frame.changes.map(encodeChange),
    ...frame.freed.map((name) => `F ${Name.encode(name)}`)
  ].join("\n")

/** Undefined for what is no frame, or one of a format unknown here. */
export const decodeFrame = (text: string): Frame | undefined => {
  const [head = "", ...lines] = text.split("\n")
  const [given, epoch, first, ...more] = head.split(" ")
  if (given !== format || epoch === undefined || more.length > 0) return undefined
  const changes: Array<Change> = []
  const freed: Array<string> = []
  for (const line of lines) {
    if (line.startsWith("F ")) {
      const name = Name.decode(line.slice(2))
      if (name !== undefined) freed.push(name)
      continue
    }
    const change = decodeChange(Number(first) + changes.length, line)
    if (change === undefined) return undefined
    changes.push(change)
  }
  return { epoch, changes, freed }
}
