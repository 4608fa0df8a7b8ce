/**
 * What one process saw of a cache: a JSON line for each event, written before the next thing happens. Moments are those of
 * `History`: ms of the machine's monotonic clock, the same for all processes.
 *
 * Every value that is written, or loaded, is another one: so who reads it says which writing it has seen.
 */
export type Operation = "get" | "getOrSet" | "set" | "remove" | "invalidateTags" | "clear"

export type Seen =
  /** A call is about to be made, with what it writes and the tags of that, or those that it takes away. */
  | {
      readonly what: "called"
      readonly call: number
      readonly operation: Operation
      readonly region: string
      readonly key?: string | undefined
      readonly value?: string | undefined
      readonly tags?: ReadonlyArray<string> | undefined
    }
  /** It is over; what it read, null for nothing, and whether the backend was not asked for it. */
  | {
      readonly what: "returned"
      readonly call: number
      readonly how: "Done" | "NotApplied" | "Unknown"
      readonly read?: string | null | undefined
      readonly isNear?: boolean | undefined
    }
  /** This value is being loaded, under a lease or without the backend; it is there. */
  | {
      readonly what: "loading"
      readonly region: string
      readonly key: string
      readonly value: string
      readonly tags: ReadonlyArray<string>
      readonly isBare: boolean
    }
  | { readonly what: "loaded"; readonly value: string }
  /** What the backend answered to what was loaded. */
  | { readonly what: "stored" | "refused"; readonly value: string }
  /** A load that somebody else had begun. */
  | { readonly what: "tookOver"; readonly key: string }
  /** The process did nothing from that moment until now. */
  | { readonly what: "stood"; readonly from: number }
  /** From now on nothing is pushed to it any more, and it is not told so; it is again. */
  | { readonly what: "deaf" | "hears" }
  /** The body of a lock began, with that fence; it has ended. */
  | { readonly what: "held" | "freed"; readonly lock: string; readonly fence: string }
  /**
   * A server is gone, and what it acknowledged since that moment of these keys, `<region>/<key>`, and of these locks is known to
   * nobody else. From now on it may be undone.
   */
  | {
      readonly what: "rewound"
      readonly from: number
      readonly keys: ReadonlyArray<string>
      readonly locks: ReadonlyArray<string>
    }
  /** A fault that shows in nothing else was met. */
  | { readonly what: "met"; readonly fault: string }

export type Event = Seen & { readonly at: number; readonly who: string }
