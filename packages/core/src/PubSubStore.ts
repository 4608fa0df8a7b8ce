/**
 * What a backend implements for PubSub: a log per channel that moves atomically, and pushes by name. Everything else
 * (encoding, batching, catching up, gaps, slow consumers) stands above it, once, in `internal/pubsub`.
 *
 * Names arrive unencoded and valid. Payloads are text without a line feed; a store keeps them as they are.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { BackendError } from "./BackendError.ts"
import type { Link, Listener } from "./Link.ts"

/** How much of a channel is kept: whichever bound is reached first. */
export interface History {
  readonly size: number
  readonly timeToLiveMs: number
}

export interface Entry {
  readonly payload: string
  readonly dedupeKey: string | undefined
}

/** What an entry became: its place, or the place of the first with the same dedupe key. */
export interface Appended {
  readonly epoch: string
  readonly sequence: number
  readonly duplicate: boolean
}

export interface Stored {
  readonly epoch: string
  readonly sequence: number
  /** Server time, ms. */
  readonly at: number
  readonly publisher: string
  readonly payload: string
}

export type From =
  | { readonly _tag: "After"; readonly epoch: string; readonly sequence: number }
  | { readonly _tag: "Earliest" }
  | { readonly _tag: "Last"; readonly count: number }

export interface Page {
  /** What lies between where the read began and its first entry and is not there any more. */
  readonly gap:
    | { readonly reason: "HistoryTrimmed" | "EpochChanged" | "Rewound"; readonly missed: number | undefined }
    | undefined
  readonly entries: ReadonlyArray<Stored>
  /** Where the next read goes on: the last entry's place, or, with no entry, the head's. */
  readonly epoch: string
  readonly sequence: number
  /** True when nothing lay behind the last entry at the moment of the read. */
  readonly end: boolean
}

/** The most that goes into one `append` or one frame. */
export const maxBatchEntries = 512
/** Bytes of all payloads of one `append` or one frame, and so of one message. */
export const maxBatchBytes = 1_048_576
/** The most entries that one `read` gives. */
export const pageEntries = 512

export interface Service {
  /**
   * Appends all entries to the channel's log in order, with none of others in between, and pushes those that are no
   * duplicates as one frame (`internal/pubsub/Frame.ts`). One step, one round trip. Adds: a full server refuses.
   */
  readonly append: (
    channel: string,
    history: History,
    publisher: string,
    entries: ReadonlyArray<Entry>
  ) => Effect.Effect<ReadonlyArray<Appended>, BackendError>
  /** Pushes a frame to whoever is subscribed now. One round trip. */
  readonly push: (channel: string, frame: string) => Effect.Effect<void, BackendError>
  /** At most `limit` entries from there on, oldest first, at one instant. One round trip. Keeps a quiet log's epoch alive. */
  readonly read: (channel: string, history: History, from: From, limit: number) => Effect.Effect<Page, BackendError>
  /** How many pushes to one channel may be under way at a time and keep their order, whatever becomes of them. */
  readonly maxPushes: 1 | 2
  /** A link for the channels' pushes; the listener gets channel names as they are given here. */
  readonly connect: (listener: Listener) => Effect.Effect<Link, never, Scope.Scope>
  /** What stamps a push that no step of the store stamps, ms: the peer's own clock. */
  readonly now: Effect.Effect<number>
  /** No request outlives this, in ms: what waits behind one gives up with it (promise A1). */
  readonly commandTimeoutMs: number
  /** How often the position of a quiet log is compared with the store's; undefined where no push can get lost. */
  readonly positionCheckMs: number | undefined
}

export class PubSubStore extends Context.Service<PubSubStore, Service>()("@troupe/core/PubSubStore") {}
