/**
 * What the page is shown of what the peers keep for one another: whether it is kept, where each got it from, how many
 * loaded it. Of peers it knows what they told last.
 */
import { DateTime, Duration, Effect, Option } from "effect"
import { type Counts, noCounts, type Orders, type Removed, type Report } from "./Forecast.ts"

/** Peers by their names; of those that told nothing for long only their counts are kept. */
const maxReaders = 40
const maxLetters = 200

export interface ReaderView extends Omit<Report, "_tag" | "life" | "number" | "forecast"> {
  readonly forecast: { readonly degrees: number; readonly by: string; readonly at: number } | null
}

export interface ShelfView {
  /** Why this is not the present. */
  readonly stale: string | null
  /** When it was said, and when it was looked at last. Ms since 1970. */
  readonly now: number
  readonly at: number
  /** For so long it is kept yet; null: nothing is. */
  readonly leftMs: number | null
  /** Of all peers that were heard of here. */
  readonly totals: Counts
  readonly readers: ReadonlyArray<ReaderView>
  /** What all were asked at once, the last time. */
  readonly round: {
    readonly at: number
    readonly asked: number
    readonly answered: number
    readonly loads: number
  } | null
  readonly removed: Omit<Removed, "_tag"> | null
}

export interface Shelf {
  /** Never fails: what cannot be seen is `stale`. One round trip. */
  readonly look: Effect.Effect<void>
  readonly hear: (tiding: Report | Removed) => void
  readonly view: () => ShelfView
}

export const make = (orders: Pick<Orders, "left">): Shelf => {
  const reports = new Map<string, Report>()
  let stale: string | null = null
  let at = 0
  let leftMs: number | null = null
  let removed: ShelfView["removed"] = null
  /** Of lives that are over, or that are not shown any more. */
  let before = noCounts
  let round: Round | undefined

  const look = Effect.map(Effect.result(orders.left), (seen) => {
    stale = seen._tag === "Success" ? null : seen.failure.message
    if (seen._tag === "Failure") return
    at = Date.now()
    leftMs = Option.match(seen.success, { onNone: () => null, onSome: Duration.toMillis })
  })

  const hear = (tiding: Report | Removed): void => {
    if (tiding._tag === "Removed") {
      const { _tag, ...rest } = tiding
      removed = { ...rest, by: cut(rest.by) }
      return
    }
    const last = reports.get(tiding.by)
    // Told by the peer itself, and told to all: the second time it is known.
    if (last?.life === tiding.life && last.number >= tiding.number) return
    if (last !== undefined && last.life !== tiding.life) before = sum([before, last.counts])
    reports.delete(tiding.by)
    reports.set(tiding.by, tiding)
    if (reports.size > maxReaders) {
      const [oldest] = reports.values()
      reports.delete(oldest!.by)
      before = sum([before, oldest!.counts])
    }
    if (tiding.round === null) return
    if (round?.name !== tiding.round && tiding.askedAt > (round?.at ?? 0)) {
      round = { name: tiding.round, at: tiding.askedAt, asked: new Set(), answered: new Set(), loads: new Set() }
    }
    if (round?.name !== tiding.round) return
    round.asked.add(tiding.by)
    if (tiding.tookMs !== null) round.answered.add(tiding.by)
    if (tiding.phase === "Loads" || tiding.phase === "Loaded") round.loads.add(tiding.by)
  }

  const view = (): ShelfView => {
    const all = [...reports.values()]
    return {
      stale,
      now: Date.now(),
      at,
      leftMs,
      totals: sum([before, ...all.map(({ counts }) => counts)]),
      readers: all.map(readerView),
      round:
        round === undefined
          ? null
          : {
              at: round.at,
              asked: round.asked.size,
              answered: round.answered.size,
              loads: round.loads.size
            },
      removed
    }
  }

  return { look, hear, view }
}

// -- internals ----------------------------------------------------------------------------------------------------

/** By the names of the peers. */
interface Round {
  readonly name: string
  readonly at: number
  readonly asked: Set<string>
  readonly answered: Set<string>
  /** Who began to load. */
  readonly loads: Set<string>
}

const cut = (text: string): string => text.slice(0, maxLetters).toWellFormed()

const sum = (all: ReadonlyArray<Counts>): Counts =>
  all.reduce((one, other) => ({
    reads: one.reads + other.reads,
    near: one.near + other.near,
    shared: one.shared + other.shared,
    waited: one.waited + other.waited,
    loaded: one.loaded + other.loaded
  }))

const readerView = ({ _tag, forecast, life: _life, number: _number, ...rest }: Report): ReaderView => ({
  ...rest,
  by: cut(rest.by),
  forecast:
    forecast === null
      ? null
      : { degrees: forecast.degrees, by: cut(forecast.by), at: DateTime.toEpochMillis(forecast.at) }
})
