/**
 * What a backend implements for Stats: sums by name, of the cluster, of each peer, and of each minute and hour, in which
 * every step is atomic. Everything else (what waits, when it is flushed, what is tried again) stands above it, once, in
 * `internal/stats`.
 *
 * Whoever counts is a sender, under an id of its own that it never uses for another life: it joins, and then sends batches
 * with growing numbers. A batch counts once, however often it comes. A sender that was silent for a week is forgotten, and
 * what it sends is not taken any more, for nobody can tell then whether it was taken before: it has to join under another
 * id, and the life of the data tells it whether its old id was forgotten or all the data was lost.
 *
 * Between two of its batches or renewals a sender says for how long it is to be taken for live. When that is over its gauges
 * are gone, and what it counted is the cluster's alone: both begin anew where it comes back.
 *
 * Time is the server's. What comes from a sender is told by its age. Names arrive unencoded and valid.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { BackendError } from "./BackendError.ts"

/** So much was counted under a name, so long ago. */
export interface Sum {
  readonly name: string
  /** A safe integer; negative where it was taken away. */
  readonly by: number
  readonly ageMs: number
}

export interface Gauge {
  readonly name: string
  /** Finite. */
  readonly value: number
  /** Since this value was first sent, and the last reset that its sender knew of then; undefined: it is sent for the first time. */
  readonly sentMs: number | undefined
  readonly reset: number
}

export interface Batch {
  readonly sender: string
  /** From 1 on, one more each time. */
  readonly number: number
  /** The sender is live for so long. */
  readonly keepMs: number
  /** Since it was first sent; undefined: it is sent for the first time. */
  readonly sentMs: number | undefined
  /** The last reset that its sender knew of when it was first sent. */
  readonly reset: number
  readonly sums: ReadonlyArray<Sum>
  readonly gauges: ReadonlyArray<Gauge>
}

/** What every answer says. */
export interface Heard {
  /** The server's time, ms since 1970. */
  readonly now: number
  /** The last reset there was: they grow. */
  readonly reset: number
}

/**
 * - `Known`: what the batch says counts, now or since it first came.
 * - `Unknown`: the sender is not known, and nothing changed. `life` is that of the data.
 */
export type Answer =
  | (Heard & {
      readonly _tag: "Known"
      /** What the sender has told of its gauges may be gone: it was not live, or the server has lost some of its batches. */
      readonly isBehind: boolean
      /** Sums of the batch that were not taken: as many names are known as may. */
      readonly refused: number
    })
  | { readonly _tag: "Unknown"; readonly life: string }

export interface Joined extends Heard {
  /** Another one after each loss of all data. */
  readonly life: string
}

export interface Peer {
  /** Of several senders of one name there is one for each. */
  readonly name: string
  readonly sums: ReadonlyMap<string, number>
  readonly gauges: ReadonlyMap<string, number>
}

/** The cluster at one instant. */
export interface Sheet {
  readonly totals: ReadonlyMap<string, number>
  /** Those that are live; for `totals` with their gauges alone. */
  readonly peers: ReadonlyArray<Peer>
}

export type Resolution = "1 minute" | "1 hour"

/** How long a bucket is, in ms, and how many of them are kept, the present one among them: a day, 90 days. */
export const resolutions = {
  "1 minute": { spanMs: 60_000, kept: 1_440 },
  "1 hour": { spanMs: 3_600_000, kept: 2_160 }
} as const

/** Buckets that follow each other, the last of which is the present one. */
export interface Series {
  /** How many of its buckets have passed since 1970. */
  readonly lastBucket: number
  readonly values: ReadonlyArray<number>
}

/** The most sums and gauges of one batch; with names of 512 bytes they stay far below a MiB. */
export const maxItems = 512
/** The most names that the store knows at a time. */
export const maxNames = 100_000
/** A sender that was silent for so long is forgotten. */
export const senderMs = 7 * 86_400_000
/** Names whose resets are remembered, and for how long: what was sent before is taken from nobody any more. */
export const maxResets = 10_000
export const resetMs = 8 * 86_400_000

export interface Service {
  /** Makes a sender known, and live for `keepMs`. `life` is a name for the data where there is none. Again it changes nothing else. Adds. */
  readonly join: (sender: string, name: string, life: string, keepMs: number) => Effect.Effect<Joined, BackendError>
  /** Adds up, once. What was reset after the batch was first sent does not count. Adds. */
  readonly flush: (batch: Batch) => Effect.Effect<Answer, BackendError>
  /** The sender is live for so long. `number` is that of the last batch it had an answer to. Frees. */
  readonly renew: (sender: string, number: number, keepMs: number) => Effect.Effect<Answer, BackendError>
  readonly totals: Effect.Effect<Sheet, BackendError>
  readonly byPeer: Effect.Effect<Sheet, BackendError>
  readonly series: (name: string, resolution: Resolution, count: number) => Effect.Effect<Series, BackendError>
  /** The name is gone everywhere. Gives the number of this reset. Frees. */
  readonly reset: (name: string) => Effect.Effect<number, BackendError>
  /** No request outlives this, in ms. */
  readonly commandTimeoutMs: number
  /** True where no peer dies without its finalizers (in memory, outside of worlds): then nothing is renewed by a timer. */
  readonly immortal: boolean
}

export class StatsStore extends Context.Service<StatsStore, Service>()("@troupe/core/StatsStore") {}
