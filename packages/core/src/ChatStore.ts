/**
 * What a backend implements for Chat: rooms, each with its members and a log of what was said and who came and went, in
 * which every step is atomic; and an index of which rooms there are and which of them hold places of which peer.
 * Everything else (batches, middleware, catching up, presence, whose peer is gone, who sweeps) stands above it, once, in
 * `internal/chat`.
 *
 * A room lives in one place, the index in another. So a room is in the index before it is created, and a peer's room
 * before its first place there; what the index has too much of is taken out later, by whoever finds it.
 *
 * Whatever changes in a room appends an entry to its log in the same step and pushes it, as one frame a step
 * (`Frame.ts`; publisher: the name of the peer that asked). Every step on a room that exists first lets those go whose
 * `Left` was held back until now (at most 256).
 *
 * Names, ids, keys and payloads arrive valid and unencoded; texts hold no line feed.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { BackendError } from "./BackendError.ts"
import type { Link, Listener } from "./Link.ts"
import * as Name from "./Name.ts"
import type { From, History, Page as LogPage, Stored } from "./PubSubStore.ts"

/** How a room is kept, by its definition: each step goes by the one that it is given. */
export interface Keep {
  /** The words that stay, beside those in the log. */
  readonly history: History | undefined
  /** A `Left` is held back for so long, and not told where the member is back by then. 0: it is told at once. */
  readonly leaveGraceMs: number
}

/** What every room's log keeps, of all events. */
export const log: History = { size: 1_000, timeToLiveMs: 300_000 }

/** Who asks: the peer's id in the registry, and its name. */
export interface Asking {
  readonly id: string
  readonly name: string
}

/**
 * What is asked of a room that exists. `ref` names one membership: given by its peer, never used twice.
 *
 * - `Join`: a place for a member. Whoever has one is in the way (`Taken`) unless it has this `ref` (it is this very
 *   call, come again: `Joined`, and nothing changes), or its `Left` is held back, or it belongs to the peer `over`. Then
 *   the place is taken over: the member keeps its `joinedAt`, an `U` is logged, and nobody left. Else a `J` is logged.
 *   Refused with `Gone` where the asking peer is fenced in this room.
 * - `Update`: new details of the membership: `U`.
 * - `Leave`: the membership ends: `L L`, or, with `leaveGraceMs`, a `Left` held back until then, with no entry yet. Where
 *   there is no such membership (any more): `Done`, and nothing changes.
 * - `Remove`: `L R` at once, also for one whose `Left` is held back. `NotMember` where there is no such member.
 * - `Say`: a word, `S`. With a `ref` it must be the one of `from`'s membership, else `NotMember`; without, anybody's. With a
 *   `dedupeKey` (its namespace is `from`) that a word still in the log or the history has: `Said`, with that word's place.
 *
 * `Update` and `Say` of a fenced peer's memberships answer `NotMember`.
 */
export type Action =
  | {
      readonly _tag: "Join"
      readonly id: string
      readonly ref: string
      readonly details: string
      readonly over: string | undefined
    }
  | { readonly _tag: "Update"; readonly id: string; readonly ref: string; readonly details: string }
  | { readonly _tag: "Leave"; readonly id: string; readonly ref: string }
  | { readonly _tag: "Remove"; readonly id: string }
  | {
      readonly _tag: "Say"
      readonly from: string
      readonly ref: string | undefined
      readonly payload: string
      readonly dedupeKey: string | undefined
    }

/** What became of one. */
export type Outcome =
  | { readonly _tag: "Joined"; readonly joinedAt: number }
  /** By a member of this peer: its id, and its name. */
  | { readonly _tag: "Taken"; readonly peer: string; readonly name: string }
  | { readonly _tag: "Gone" }
  | { readonly _tag: "NotMember" }
  | { readonly _tag: "Done" }
  | { readonly _tag: "Said"; readonly epoch: string; readonly sequence: number }

/**
 * Where an answer is from. Of a room that begins anew the epoch is another one, and where its server was replaced, or has
 * begun anew, both are: it has perhaps not heard of everything that was acknowledged.
 */
export interface Origin {
  readonly epoch: string
  readonly server: string
}

export interface Acted {
  /** In the order of the actions; undefined: there is no such room. */
  readonly outcomes: ReadonlyArray<Outcome> | undefined
  /** Undefined: there is no such room. */
  readonly origin: Origin | undefined
  /** When the next held-back `Left` of the room is due, in ms from now; undefined: none is. */
  readonly dueInMs: number | undefined
}

/** A member, as its place is kept. */
export interface Seat {
  readonly id: string
  /** Name of its peer. */
  readonly peer: string
  /** Server time, ms. */
  readonly joinedAt: number
  readonly details: string
}

/** A room at one moment. */
export interface Look {
  readonly members: number
  /** The head of its log. */
  readonly epoch: string
  readonly sequence: number
}

export interface Seats extends Look {
  /** Some of them: whoever is there throughout is on one page at least. A room of at most 512 members is one page. */
  readonly seats: ReadonlyArray<Seat>
  /** Empty: that was the last page. */
  readonly cursor: string
}

/**
 * Where a reader of words stands: `number` counts the words of a log's life, so that it is known whether some are gone. It
 * is the store's own: no text has it.
 */
export interface Bookmark {
  readonly epoch: string
  readonly sequence: number
  readonly number: number
}

export type WordsFrom =
  | { readonly _tag: "After"; readonly bookmark: Bookmark }
  | { readonly _tag: "Earliest" }
  | { readonly _tag: "Last"; readonly count: number }

export interface Words {
  /** Oldest first; each payload is an `S` entry. */
  readonly words: ReadonlyArray<Stored>
  /** Where the next read goes on. */
  readonly bookmark: Bookmark
  /** A word between where the read began and the first one given is not there any more. */
  readonly lost: boolean
  /** Nothing lay behind the last one. */
  readonly end: boolean
}

export interface Swept {
  /** Places of the dead peer that are left: sweep again. */
  readonly left: number
  /** Undefined: there is no such room. */
  readonly origin: Origin | undefined
  readonly dueInMs: number | undefined
}

/** Who has open places in a room, as far as one page tells. */
export interface Holders {
  readonly origin: Origin
  /** Peers by their ids, at most 10,000; on the first page alone. */
  readonly peers: ReadonlyArray<string>
  /** Some of the asking peer's. Whichever is there throughout is on one of the pages. */
  readonly places: ReadonlyArray<{ readonly id: string; readonly ref: string }>
  /** Empty: that was the last page. */
  readonly cursor: string
  readonly dueInMs: number | undefined
}

/** The most that one step is asked for. */
export const maxActions = 512
/** Bytes of all texts of one step. */
export const maxActionBytes = 1_048_576
/** Members that one step of a sweep ends. */
export const sweepPage = 200
/** Members, words, rooms, places of one page; events have PubSubStore's. */
export const pageSize = 512
/** How long it is known that a peer is gone. */
export const graveMs = 3_600_000
/** A room that is not there is taken out of the index once it has stood in it for so long. */
export const pruneMs = 60_000

export interface Service {
  // -- rooms: one step and one round trip each -----------------------------------------------------------------------
  /** False: it exists. `listed`: what `list` gave. Adds. */
  readonly create: (room: string, listed: number, by: Asking) => Effect.Effect<boolean, BackendError>
  /**
   * Ends all memberships without a `Left`, and logs `D`. The log stays for 10 minutes, for those who were cut off. Gives
   * what the room was created with; undefined: there is none.
   */
  readonly destroy: (room: string, by: Asking) => Effect.Effect<number | undefined, BackendError>
  /** At most `maxActions`, in their order, with none of others in between. Adds, where any of them is a Join, Update or Say. */
  readonly act: (
    room: string,
    keep: Keep,
    by: Asking,
    actions: ReadonlyArray<Action>
  ) => Effect.Effect<Acted, BackendError>
  /** Undefined: there is none. */
  readonly look: (room: string) => Effect.Effect<Look | undefined, BackendError>
  /** An empty cursor: from the beginning. Undefined: there is no such room. */
  readonly seats: (room: string, cursor: string) => Effect.Effect<Seats | undefined, BackendError>
  /**
   * Events of the log, as PubSubStore's `read`, also of a room that does not exist: then the page is that of a log whose
   * last entry is a `D`.
   *
   * - What lies behind the log's end but among the kept words is given with it; the gap counts only what is neither.
   * - `Earliest` begins with the oldest word kept, or the oldest entry; `Last` with the last so many words. Neither goes back
   *   behind the creation of the room.
   * - Whoever reads on from before the end of an earlier life of the room gets that life's `D`, though it be gone from the log.
   */
  readonly read: (room: string, keep: Keep, from: From, limit: number) => Effect.Effect<LogPage, BackendError>
  /** Words alone: of the history where the room has one, else of the log. Undefined: there is no such room. */
  readonly words: (
    room: string,
    keep: Keep,
    from: WordsFrom,
    limit: number
  ) => Effect.Effect<Words | undefined, BackendError>
  /**
   * Of a room, lets go whose time has come. With a dead peer, fences it there first (for `graveMs`), and ends at most
   * `sweepPage` of its memberships: `L C`, or a `Left` held back for the `leaveGraceMs` of the last Join in that room (who
   * sweeps need not know how a room is defined). A room that is not there has none.
   */
  readonly sweep: (room: string, dead: string | undefined, by: Asking) => Effect.Effect<Swept, BackendError>
  /** An empty cursor: from the beginning. Undefined: there is no such room. */
  readonly holders: (room: string, by: Asking, cursor: string) => Effect.Effect<Holders | undefined, BackendError>

  /**
   * The servers that these rooms live on, in their order, as `Origin` names them; undefined: that one did not answer. One
   * round trip, with a request for each server, however many rooms there are.
   */
  readonly servers: (rooms: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<string | undefined>>

  // -- the index: one step and one round trip each -------------------------------------------------------------------
  /** Puts a room into the list of all. Gives a stamp, greater than any that this room had. Adds. */
  readonly list: (room: string) => Effect.Effect<number, BackendError>
  /** Takes it out, if this is still its stamp. */
  readonly unlist: (room: string, stamp: number) => Effect.Effect<void, BackendError>
  /** Takes out those of them that have stood there for longer than `pruneMs`: they were found not to exist. */
  readonly prune: (rooms: ReadonlyArray<string>) => Effect.Effect<void, BackendError>
  /** Rooms by name, page by page; an empty cursor: from the beginning, and the last page has one. */
  readonly rooms: (
    cursor: string
  ) => Effect.Effect<{ readonly rooms: ReadonlyArray<string>; readonly cursor: string }, BackendError>
  /**
   * Notes that a peer has, or will have, places in these rooms. `gone`: it is fenced in the index, and nothing was noted.
   * `life`: another one where the index has lost what it had. Also with no rooms, to ask for that. Adds.
   */
  readonly enter: (
    peer: string,
    rooms: ReadonlyArray<string>
  ) => Effect.Effect<{ readonly gone: boolean; readonly life: string }, BackendError>
  /** It has none there any more; forgets the peer with its last room. */
  readonly exit: (peer: string, rooms: ReadonlyArray<string>) => Effect.Effect<void, BackendError>
  /** Fences a peer that is gone, for `graveMs`, and gives some of its rooms, at most `pageSize`. */
  readonly bury: (peer: string) => Effect.Effect<ReadonlyArray<string>, BackendError>
  /** Ids of peers that have rooms: at most 10,000. */
  readonly peers: Effect.Effect<ReadonlyArray<string>, BackendError>

  // -- pushes --------------------------------------------------------------------------------------------------------
  /** A link for the rooms' frames; the listener gets rooms' names. */
  readonly connect: (listener: Listener) => Effect.Effect<Link, never, Scope.Scope>
  readonly commandTimeoutMs: number
  /** As PubSubStore's; so often the index, and rooms' servers, are asked, too, whether they have forgotten something. Default 30 s. */
  readonly positionCheckMs: number | undefined
  /** True where nobody dies without closing its scope, and nothing is forgotten: nothing is asked for again by the clock. */
  readonly immortal: boolean
}

export class ChatStore extends Context.Service<ChatStore, Service>()("@troupe/core/ChatStore") {}

// -- entries: the same text on every backend ------------------------------------------------------------------------

/**
 * One entry of a room's log. Its first letter says what it is; details and messages are JSON.
 *
 *     S <from> <message>                                 a word
 *     J <id> <peer> <joinedAt> <details>                 somebody joined; U: was updated, or taken over
 *     L <reason> <id> <peer> <joinedAt> <details>        L left, C its peer crashed, R removed
 *     D                                                  the room was destroyed
 *
 * Names and ids are percent-encoded.
 */
export type Entry =
  | { readonly _tag: "Said"; readonly from: string; readonly message: string }
  | { readonly _tag: "Joined" | "Updated"; readonly seat: Seat }
  | { readonly _tag: "Left"; readonly seat: Seat; readonly reason: "Left" | "Crashed" | "Removed" }
  | { readonly _tag: "Destroyed" }

const reasons = { L: "Left", C: "Crashed", R: "Removed" } as const

export const written = {
  seat: ({ details, id, joinedAt, peer }: Seat): string =>
    `${Name.encode(id)} ${Name.encode(peer)} ${joinedAt} ${details}`,
  said: (from: string, message: string): string => `S ${Name.encode(from)} ${message}`,
  joined: (seat: Seat): string => `J ${written.seat(seat)}`,
  updated: (seat: Seat): string => `U ${written.seat(seat)}`,
  left: (reason: keyof typeof reasons, seat: Seat): string => `L ${reason} ${written.seat(seat)}`,
  destroyed: "D"
}

/** Undefined for what is none. */
export const read = (text: string): Entry | undefined => {
  const said = /^S (\S+) (.*)$/s.exec(text)
  if (said !== null) {
    const from = Name.decode(said[1]!)
    return from === undefined ? undefined : { _tag: "Said", from, message: said[2]! }
  }
  if (text === written.destroyed) return { _tag: "Destroyed" }
  const change = /^(J|U|L ([LCR])) (\S+) (\S+) (\d+) (.*)$/s.exec(text)
  if (change === null) return undefined
  const [, kind, letter, encodedId, encodedPeer, joinedAt, details] = change
  const id = Name.decode(encodedId!)
  const peer = Name.decode(encodedPeer!)
  if (id === undefined || peer === undefined) return undefined
  const seat: Seat = { id, peer, joinedAt: Number(joinedAt), details: details! }
  return letter === "L" || letter === "C" || letter === "R"
    ? { _tag: "Left", seat, reason: reasons[letter] }
    : { _tag: kind === "J" ? "Joined" : "Updated", seat }
}
