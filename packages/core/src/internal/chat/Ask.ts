/** One action on a room, from its caller to the step that it leaves with, and back. */
import type * as Exit from "effect/Exit"
import type { BackendError } from "../../BackendError.ts"
import type { Action, Asking, Keep, Outcome } from "../../ChatStore.ts"
import type { Call } from "../Batcher.ts"
import { isAlike } from "../pubsub/Limits.ts"

/** Undefined: there is no such room. */
export type Answer = Exit.Exit<Outcome | undefined, BackendError>

/** One action on its way; without one, only what is still to be told leaves. */
export class Ask implements Call {
  /** Who only waits for what is to be told takes no room from that. */
  readonly entries: number
  since = 0
  /** It may have reached the store. */
  sent = false
  readonly action: Action | undefined
  readonly bytes: number
  /** The id under which this peer asks: a place is for the id that the index has. */
  readonly peer: string | undefined
  /** By which definition its word is kept; where that makes no difference, undefined. */
  readonly keep: Keep | undefined
  readonly resume: (answer: Answer) => void

  constructor(
    action: Action | undefined,
    bytes: number,
    { keep, peer }: { readonly peer?: string; readonly keep?: Keep | undefined },
    resume: (answer: Answer) => void
  ) {
    this.action = action
    this.entries = action === undefined ? 0 : 1
    this.bytes = bytes
    this.peer = peer
    this.keep = keep
    this.resume = resume
  }
}

/** How many of the first keep words alike. */
export const alike = (asks: ReadonlyArray<Ask>): number => {
  let keep: Keep | undefined
  for (let i = 0; i < asks.length; i++) {
    const next = asks[i]?.keep
    if (next === undefined || next === keep) continue
    if (keep !== undefined && !isAlike(keep.history, next.history)) return i
    keep = next
  }
  return asks.length
}

export const isStale = (ask: Ask, by: Asking): boolean => ask.peer !== undefined && ask.peer !== by.id
