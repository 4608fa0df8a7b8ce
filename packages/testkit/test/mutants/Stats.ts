/** Mistakes in how sums are counted and flushed: StatsLaws. */
import type { Mutant } from "./Mutant.ts"

const core = (name: string): string => `packages/core/src/internal/stats/${name}.ts`
const book = "packages/testkit/src/internal/stats/Book.ts"
const everywhere = ["memory", "redis", "cluster"] as const

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "the last increment before a flush is the only one",
    law: "whatAllPeersCountAddsUp",
    file: core("Tally"),
    find: "if (cell === undefined) return false\n    cell.value = Limits.bounded(cell.value + by)",
    replace: "if (cell === undefined) return false\n    cell.value = by",
    worlds: everywhere
  },
  {
    name: "a batch that came before counts again",
    law: "aFlushWhoseAnswerIsLostCountsOnce",
    file: book,
    find: "if (batch.number > sender.number) {",
    replace: "if (batch.number > 0) {"
  },
  {
    name: "a batch that is sent again has another number",
    law: "aFlushWhoseAnswerIsLostCountsOnce",
    file: core("Flusher"),
    find: "batch.sentAt = sentAt ?? at",
    replace: "batch.sentAt = sentAt ?? at\n    if (sentAt !== undefined) sender.number += 1",
    worlds: everywhere
  },
  {
    name: "a batch that failed is not sent again",
    law: "aFlushWhoseAnswerIsLostCountsOnce",
    file: core("Flusher"),
    find: 'if (error.outcome === "NotApplied") batch.sentAt = sentAt',
    replace: "this.batch = undefined",
    worlds: everywhere
  },
  {
    name: "who could not join forgets what it has counted",
    law: "aFirstWordMayBeLost",
    file: core("Flusher"),
    find: "const joined = yield* store.join(id, name, yield* newId, this.keepMs)",
    replace:
      "const life = yield* newId\n    const joined = yield* Effect.tapError(store.join(id, name, life, this.keepMs), () => Effect.sync(() => (this.batch = undefined)))",
    worlds: everywhere
  },
  {
    name: "an idle peer says so each second",
    law: "countingCostsNoRoundTrip",
    file: core("Flusher"),
    find: "answeredAt + Limits.renewMs",
    replace: "answeredAt + Limits.paceMs",
    worlds: everywhere
  },
  {
    name: "a batch is larger than it may be",
    law: "manyNamesAreSentInSeveralSteps",
    file: core("Flusher"),
    find: "tally.take(maxItems, this.reset)",
    replace: "tally.take(2 * maxItems, this.reset)",
    worlds: everywhere
  },
  {
    name: "what waited counts as if it were of now",
    law: "whatAnOutageHoldsUpIsFlushedAfterIt",
    file: core("Flusher"),
    find: "ageMs: at - since",
    replace: "ageMs: 0",
    worlds: everywhere
  },
  {
    name: "one name more may wait",
    law: "tenThousandNamesWait",
    file: core("Tally"),
    find: "if (count === 0 && this.names.size >= Limits.maxNames)",
    replace: "if (count === 0 && this.names.size > Limits.maxNames)",
    worlds: everywhere
  },
  {
    name: "what is flushed is taken for waiting",
    law: "tenThousandNamesWait",
    file: core("Tally"),
    find: "for (const { name } of sums) this.release(name)",
    replace: "for (const { name } of sums.slice(1)) this.release(name)"
  },
  {
    name: "one minute more may wait",
    law: "sixtyMinutesWait",
    file: core("Limits"),
    find: "export const maxMinutes = 60",
    replace: "export const maxMinutes = 61",
    worlds: everywhere
  },
  {
    name: "a closing layer waits as long as a call",
    law: "closingFlushes",
    file: core("Limits"),
    find: "export const closingMs = 500",
    replace: "export const closingMs = 5_000"
  },
  {
    name: "a closing layer tries once",
    law: "closingFlushes",
    file: core("Flusher"),
    find: "Effect.retry({ while: isRetryable, schedule: Schedule.spaced(Duration.millis(50)) }),",
    replace: "",
    worlds: everywhere
  },
  {
    name: "what a peer has counted goes with it",
    law: "aCrashLosesWhatWasNotFlushed",
    file: book,
    find: "else if (sender.until <= now && sender.until !== Number.NEGATIVE_INFINITY) leave(sender)",
    replace:
      "else if (sender.until <= now && sender.until !== Number.NEGATIVE_INFINITY) {\n      for (const [name, sum] of sender.sums) add(book.totals, name, -sum)\n      leave(sender)\n    }"
  },
  {
    name: "whoever is interrupted takes along what waits",
    law: "anInterruptedFlushIsFlushedLater",
    file: core("Flusher"),
    find: "const index = this.asked.indexOf(resume)",
    replace: "this.options.tally.take(1, 0)\n      const index = this.asked.indexOf(resume)",
    worlds: everywhere
  },
  {
    name: "what was sent before a week of silence is sent again",
    law: "whoWasSilentForDaysCountsNothingTwice",
    file: core("Flusher"),
    find: "answer.life === sender.life",
    replace: "answer.life !== sender.life",
    worlds: everywhere
  },
  {
    name: "who was not live counts again",
    law: "aJumpingClockCountsNothingTwice",
    file: book,
    find: "if (batch.number > sender.number) {",
    replace: "if (wasGone || batch.number > sender.number) {"
  },
  {
    name: "what was not answered is lost with the data",
    law: "whatTheStoreForgotBeginsAnew",
    file: core("Flusher"),
    find: " && answer.life === sender.life",
    replace: "",
    worlds: everywhere
  },
  {
    name: "nobody notices that a flush is lost",
    law: "whatAFailoverLostIsGoneAndNothingElse",
    file: book,
    find: "isBehind: wasGone || number > sender.number",
    replace: "isBehind: wasGone"
  },
  {
    name: "a full server lets gauges go",
    law: "onAFullServerNothingIsLost",
    file: core("Flusher"),
    find: '=== "CapacityExceeded") yield* this.keepAlive',
    replace: '=== "Closed") yield* this.keepAlive',
    worlds: everywhere
  },
  {
    name: "a flush that will count is told that it never will",
    law: "aSilentStoreHoldsNobodyUp",
    file: core("Limits"),
    find: 'reason: error.reason, outcome: "Unknown"',
    replace: "reason: error.reason, outcome: error.outcome",
    worlds: everywhere
  },
  {
    name: "a batch whose answer takes too long is given up",
    law: "noFaultChangesTheSum",
    file: core("Flusher"),
    find: 'if (error.outcome === "NotApplied") batch.sentAt = sentAt',
    replace: 'if (error.reason._tag === "TimedOut") this.batch = undefined',
    worlds: everywhere
  },
  {
    name: "fractions are counted",
    law: "whatCannotBeCountedIsADefect",
    file: "packages/core/src/Stats.ts",
    find: "Number.isSafeInteger(by)",
    replace: "Number.isFinite(by)",
    worlds: everywhere
  }
]
