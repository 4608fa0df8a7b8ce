/**
 * What the page is shown of what the peers count: the sums of all, of each, and by the minute. Only what this program
 * counts; others may count on the same backend what they like.
 */
import type { Stats } from "@troupe/core"
import { DateTime, Effect } from "effect"
import { counters } from "./Counting.ts"

/** Rows; of further ones there is a number. */
const maxPeers = 20
const maxLetters = 200
const minutes = 30

export interface CounterView {
  readonly name: string
  readonly total: number
  /** By the minute, oldest first; the last one is not over yet. */
  readonly minutes: ReadonlyArray<number>
}

export interface LedgerView {
  /** Why this is not the present. */
  readonly stale: string | null
  /** When it was looked at last. Ms since 1970. */
  readonly at: number
  /** When the first minute began, by the server's time. */
  readonly since: number
  readonly counters: ReadonlyArray<CounterView>
  /** By their names, and last those that are gone, together. Numbers in the order of the counters. */
  readonly peers: ReadonlyArray<{
    readonly name: string
    readonly isGone: boolean
    readonly sums: ReadonlyArray<number>
  }>
  /** There are this many more. */
  readonly more: number
}

export interface Ledger {
  /** Never fails: what cannot be seen is `stale`. Seven round trips, all at once. */
  readonly look: Effect.Effect<LedgerView>
}

/** Under this name all those stand that have left. */
const gone = "(gone)"

export const make = (stats: Pick<Stats.Service, "byPeer" | "series">): Ledger => {
  let view: LedgerView = { stale: null, at: 0, since: 0, counters: [], peers: [], more: 0 }

  const read = Effect.all(
    [
      stats.byPeer,
      Effect.forEach(counters, (name) => stats.series(name, { last: `${minutes} minutes`, resolution: "1 minute" }), {
        concurrency: "unbounded"
      })
    ],
    { concurrency: "unbounded" }
  )

  const look = Effect.map(Effect.result(read), (seen) => {
    if (seen._tag === "Failure") {
      view = { ...view, stale: seen.failure.message }
      return view
    }
    const [byPeer, series] = seen.success
    const rows = [...byPeer]
      .map(([name, sums]) => ({
        name: name.slice(0, maxLetters).toWellFormed(),
        isGone: name === gone,
        sums: counters.map((counter) => sums.get(counter) ?? 0)
      }))
      .filter(({ sums }) => sums.some((sum) => sum !== 0))
      .toSorted((a, b) => Number(a.isGone) - Number(b.isGone) || (a.name < b.name ? -1 : 1))
    const live = rows.filter(({ isGone }) => !isGone)
    view = {
      stale: null,
      at: Date.now(),
      since: series[0]?.[0] === undefined ? 0 : DateTime.toEpochMillis(series[0][0].at),
      counters: counters.map((name, i) => ({
        name,
        total: rows.reduce((total, { sums }) => total + sums[i]!, 0),
        minutes: series[i]!.map(({ value }) => value)
      })),
      peers: [...live.slice(0, maxPeers), ...rows.filter(({ isGone }) => isGone)],
      more: Math.max(0, live.length - maxPeers)
    }
    return view
  })

  return { look }
}
