/** Mistakes in gauges, peers, series and resets: StatsReadingLaws. */
import type { Mutant } from "./Mutant.ts"

const core = (name: string): string => `packages/core/src/internal/stats/${name}.ts`
const book = "packages/testkit/src/internal/stats/Book.ts"
const everywhere = ["memory", "redis", "cluster"] as const

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "the total of a gauge is what somebody says",
    law: "aGaugeIsEachPeersLastValue",
    file: core("Reading"),
    find: "for (const { gauges } of peers) addAll(all, gauges)",
    replace: "for (const { gauges } of peers) for (const [name, value] of gauges) all.set(name, value)",
    worlds: everywhere
  },
  {
    name: "a gauge stays a millisecond longer",
    law: "aGaugeGoesWithItsPeer",
    file: book,
    find: "if (until > now) peers.push",
    replace: "if (until >= now) peers.push"
  },
  {
    name: "a flush of nothing new is none",
    law: "aGaugeGoesWithItsPeer",
    file: core("Flusher"),
    find: "left === 0 && this.batch === undefined && tally.hasGauges",
    replace: "false",
    worlds: everywhere
  },
  {
    name: "a gauge stays a second longer",
    law: "aGaugeGoesWithItsPeer",
    file: core("Limits"),
    find: "export const keepMs = 30_000",
    replace: "export const keepMs = 31_000",
    worlds: everywhere
  },
  {
    name: "who is back does not say what its gauges are",
    law: "whoIsBackHasItsGaugesAgain",
    file: core("Flusher"),
    find: "tally.repeatGauges()\n    return true",
    replace: "return true",
    worlds: everywhere
  },
  {
    name: "what live peers have counted stands under those that are gone, too",
    law: "byPeerAddsUpToTheTotals",
    file: core("Reading"),
    find: "for (const [key, sum] of sums) add(rest, key, -sum)",
    replace: "",
    worlds: everywhere
  },
  {
    name: "of two peers of one name the last counts",
    law: "byPeerAddsUpToTheTotals",
    file: core("Reading"),
    find: "const own = all.get(name) ?? new Map<string, number>()",
    replace: "const own = new Map<string, number>()",
    worlds: everywhere
  },
  {
    name: "half a minute counts for the next",
    law: "aSeriesIsOfTheServersTime",
    file: book,
    find: "const bucket = Math.floor((now - Math.max(0, ageMs)) / spanMs)",
    replace: "const bucket = Math.round((now - Math.max(0, ageMs)) / spanMs)"
  },
  {
    name: "a point is where its bucket ends",
    law: "aSeriesIsOfTheServersTime",
    file: core("Reading"),
    find: "const first = lastBucket - values.length + 1",
    replace: "const first = lastBucket - values.length + 2",
    worlds: everywhere
  },
  {
    name: "a bucket is kept one bucket too short",
    law: "aSeriesIsKeptForItsTime",
    file: book,
    find: "if (bucket + kept > Math.floor(now / spanMs)) continue",
    replace: "if (bucket + kept - 1 > Math.floor(now / spanMs)) continue"
  },
  {
    name: "a reset leaves the series",
    law: "aResetClearsANameEverywhere",
    file: book,
    find: "for (const buckets of Object.values(book.buckets)) for (const sums of buckets.values()) sums.delete(name)",
    replace: ""
  },
  {
    name: "a reset leaves what waits here",
    law: "aResetClearsANameEverywhere",
    file: core("Flusher"),
    find: "const removed = tally.remove(name)",
    replace: "const removed = { sums: [], gauge: undefined }",
    worlds: everywhere
  },
  {
    name: "what was sent before a reset comes after it",
    law: "anUnansweredFlushBringsNoPastBack",
    file: book,
    find: "return at !== undefined && sentMs !== undefined && at > reset",
    replace: "return at !== undefined && sentMs !== undefined && at > Infinity"
  },
  {
    name: "a batch that is sent again does not say that it is old",
    law: "anUnansweredFlushBringsNoPastBack",
    file: core("Flusher"),
    find: "const sentMs = sentAt === undefined ? undefined : at - sentAt",
    replace: "const sentMs = undefined",
    worlds: everywhere
  },
  {
    name: "a gauge that is told again is taken for new",
    law: "aGaugeThatWasResetStaysAway",
    file: core("Flusher"),
    find: "reset: sent === undefined ? batch.reset : sent.reset",
    replace: "reset: batch.reset",
    worlds: everywhere
  },
  {
    name: "a reset overtakes what is under way",
    law: "aResetFollowsWhatIsUnderWay",
    file: core("Flusher"),
    find: "this.requests.withPermit(clear)",
    replace: "clear",
    worlds: everywhere
  },
  {
    name: "what never left comes after a reset",
    law: "aResetFollowsWhatIsUnderWay",
    file: core("Flusher"),
    find: "const isIdle = batch !== undefined && batch.sentAt === undefined",
    replace: "const isIdle = false",
    worlds: everywhere
  },
  {
    name: "a process does not know of its own reset",
    law: "whatFollowsAResetCounts",
    file: core("Flusher"),
    find: "this.reset = Math.max(this.reset, exit.value)",
    replace: "this.reset = Math.max(this.reset, 0)",
    worlds: everywhere
  },
  {
    name: "a reset that failed keeps what it took",
    law: "whatFollowsAResetCounts",
    file: core("Flusher"),
    find: "tally.restore(name, removed)",
    replace: "",
    worlds: everywhere
  },
  {
    name: "a reset clears what begins the same",
    law: "namesDoNotMeet",
    file: book,
    find: "book.totals.delete(name)",
    replace: "for (const known of [...book.totals.keys()]) if (known.startsWith(name)) book.totals.delete(known)"
  }
]
