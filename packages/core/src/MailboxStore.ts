/**
 * What a backend implements for Mailbox: a box per client, in which letters have numbers, and every step is atomic.
 * Everything else (texts, cursors, waiting) stands above it, once, in `internal/mailbox`.
 *
 * The numbers of a box begin with 1 and have no holes, and letters leave from the front alone: acknowledged, too many, or
 * over. So what is missing before a letter is told from two numbers. A box has a name for each life of its data, its epoch,
 * another one after each loss of all of it, and on each server that takes over: this one knows where the epochs before it
 * ended, and so which numbers that a client knows are none of its own.
 *
 * A box begins with whatever is first done to it, and is over, letters and all, a day after the last of its letters could
 * be: so much after the last step that was done to it. Time is the server's. Names arrive unencoded and valid.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { BackendError } from "./BackendError.ts"
import type { Link, Listener } from "./Link.ts"
import * as Name from "./Name.ts"

/** What a box keeps. */
export interface Bounds {
  /** Whole, 1 or more: a letter is there for so long. */
  readonly timeToLiveMs: number
  /** Whole, 1 or more: the newest so many. */
  readonly capacity: number
}

/** A place in a box: behind the letter of that number. */
export interface Place {
  readonly epoch: string
  readonly number: number
}

export interface Stored {
  readonly number: number
  /** When it was delivered, ms since 1970; never less than the one before. */
  readonly at: number
  readonly payload: string
}

/** Letters that follow each other. */
export interface Page {
  readonly epoch: string
  readonly letters: ReadonlyArray<Stored>
  /** Of the last of them; where there is none, of the last that was ever delivered. */
  readonly number: number
  /** Between the place that was given, or what was acknowledged, and the first of them something is gone that nobody has acknowledged. */
  readonly lost: boolean
}

/** The most letters of a page, and of payloads, unless the first alone is more. */
export const maxLetters = 512
export const maxPageBytes = 1_048_576
/** A box is over so long after the last of its letters could be. */
export const boxMs = 86_400_000

export interface Service {
  /** Puts a letter in at the end; those beyond the capacity go. Pushes on the box' channel. Adds. */
  readonly deliver: (box: string, client: string, bounds: Bounds, payload: string) => Effect.Effect<void, BackendError>
  /**
   * Acknowledges what is not behind the place, which is gone then, and gives what is, the oldest first. A place in an epoch
   * that the box does not know acknowledges nothing, and one behind the end of its epoch no more than there was: of either
   * something is lost. Without a place the page begins behind what was acknowledged. Again it gives the same. Frees.
   */
  readonly poll: (
    box: string,
    client: string,
    bounds: Bounds,
    after: Place | undefined,
    limit: number
  ) => Effect.Effect<Page, BackendError>
  /** Nothing is left of the box. Frees. */
  readonly close: (box: string, client: string) => Effect.Effect<void, BackendError>
  /** Pushes: channels are named by `channelOf`, and what is pushed says nothing. */
  readonly connect: (listener: Listener) => Effect.Effect<Link, never, Scope.Scope>
  /** No request outlives this, in ms. */
  readonly commandTimeoutMs: number
}

/** Where a box' letters are announced. */
export const channelOf = (box: string, client: string): string => `${Name.encode(box)}:${Name.encode(client)}`

export class MailboxStore extends Context.Service<MailboxStore, Service>()("@troupe/core/MailboxStore") {}
