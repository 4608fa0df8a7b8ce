/**
 * Reads what all processes of a run saw, and says what must not be: TaskQueue's promises T1, T2, T10, T18 and A2, without
 * a word to the backend. A run that met no fault proves nothing, and says so.
 */
import type { Event } from "./History.ts"

export type Kind =
  | "lost"
  | "completed twice"
  | "wrong fence"
  | "limit exceeded"
  | "key left behind"
  | "not enqueued, yet run"

export interface Anomaly {
  readonly kind: Kind
  readonly detail: string
}

/** What holds for tasks of a kind, the part of their name before the first ":". */
export interface Limit {
  /** Runs at a time, of those with one key: the part behind it. */
  readonly places?: number
  /** Starts in any span of `windowMs`. */
  readonly starts?: number
  readonly windowMs?: number
}

export interface Options {
  readonly limits?: Readonly<Record<string, Limit>>
  /** Keys that may be there at the end. */
  readonly mayStay?: RegExp
  /** The server forgot what it had acknowledged: tasks may be lost, or happen again (promise D2). */
  readonly forgets?: boolean
  /** A fault that proves something though no lease was lost, no settle refused and no answer cut. */
  readonly met?: string
}

export interface Report {
  readonly verdict: "ok" | "broken" | "unknown"
  readonly anomalies: ReadonlyArray<Anomaly>
  /** How many were enqueued, how often leases were lost, settles refused and answers cut. */
  readonly seen: Readonly<Record<"enqueued" | "lapsed" | "refused" | "cut", number>>
  /** Tasks whose handler began more than once. */
  readonly repeated: ReadonlyArray<string>
  /** Of each process that was halted, the tasks that it had begun and not settled by then. */
  readonly inFlight: ReadonlyMap<string, ReadonlySet<string>>
}

interface Run {
  readonly who: string
  readonly fence: number
  began?: number
  /** When it ended, was interrupted, or its process did nothing any more. */
  over?: number
  hasEnded: boolean
  settled?: Event & { readonly what: "settled" }
}

export const check = (histories: ReadonlyArray<ReadonlyArray<Event>>, options: Options = {}): Report => {
  const anomalies: Array<Anomaly> = []
  const found = (kind: Kind, detail: string) => void anomalies.push({ kind, detail })
  const remembers = options.forgets !== true
  const events = histories.flat()
  const runs = runsOf(histories, found)
  const inFlight = new Map<string, Set<string>>()
  const count = (holds: (event: Event) => boolean) => events.filter(holds).length

  for (const [task, its] of runs) {
    const done = its.filter(({ settled }) => settled?.how === "Done" && settled.outcome === "Settled")
    if (remembers && done.length > 1) found("completed twice", `${task}: ${done.map(shown).join(", ")}`)
    const later = its.find(({ fence }) => done[0] !== undefined && fence > done[0].fence)
    if (remembers && later !== undefined)
      found("wrong fence", `${task}: ${shown(later)} after ${shown(done[0]!)} had completed it`)
  }
  for (const event of events) {
    if (event.what === "refused" && runs.get(event.task)?.some(({ began }) => began !== undefined) === true) {
      found("not enqueued, yet run", event.task)
    }
    if (remembers && event.what === "enqueued" && runs.get(event.task)?.some(isComplete) !== true)
      found("lost", event.task)
    if (event.what === "left" && options.mayStay?.test(event.key) !== true) found("key left behind", event.key)
  }
  for (const [kind, limit] of Object.entries(options.limits ?? {})) {
    const its = [...runs].filter(([task]) => task.split(":")[0] === kind)
    if (limit.places !== undefined) for (const detail of crowds(its, limit.places)) found("limit exceeded", detail)
    if (limit.starts !== undefined) for (const detail of bursts(its, limit)) found("limit exceeded", detail)
  }
  for (const halt of events) {
    if (halt.what !== "halted") continue
    const its = inFlight.get(halt.who) ?? new Set<string>()
    inFlight.set(halt.who, its)
    for (const [task, all] of runs) {
      for (const { began = Infinity, settled, who } of all) {
        if (who === halt.who && began < halt.at && !(settled !== undefined && settled.at < halt.at)) its.add(task)
      }
    }
  }

  const seen = {
    enqueued: count(({ what }) => what === "enqueued"),
    lapsed: count((event) => event.what === "lapsed"),
    refused: count((event) => event.what === "settled" && event.outcome === "Lost"),
    cut: count(({ what }) => what === "cut")
  }
  // A lease that its holder did not live to see lost shows in what others did with its tasks.
  const taken = [...inFlight].some(([who, tasks]) => [...tasks].some((task) => isTaken(runs.get(task) ?? [], who)))
  const met = count((event) => event.what === "met" && event.fault === options.met)
  const hasMet = taken || seen.lapsed + seen.refused + seen.cut + met > 0
  return {
    verdict: anomalies.length > 0 ? "broken" : hasMet && seen.enqueued > 0 ? "ok" : "unknown",
    anomalies,
    seen,
    repeated: [...runs].filter(([, its]) => its.filter(({ began }) => began !== undefined).length > 1).map(([t]) => t),
    inFlight
  }
}

/** What a failing test shows. */
export const describe = ({ anomalies, seen, verdict }: Report): string =>
  [
    `${verdict}: ${JSON.stringify(seen)}, ${anomalies.length} anomalies`,
    ...anomalies.slice(0, 20).map(({ detail, kind }) => `${kind}: ${detail}`)
  ].join("\n")

/** The runs of every task, the lowest fence first; each process gets higher fences of one kind all the time. */
const runsOf = (histories: ReadonlyArray<ReadonlyArray<Event>>, found: (kind: Kind, detail: string) => void) => {
  const tasks = new Map<string, Map<number, Run>>()
  const holders = new Map<string, string>()
  const runOf = ({
    fence,
    task,
    who
  }: {
    readonly task: string
    readonly fence: number
    readonly who: string
  }): Run => {
    const its = tasks.get(task) ?? new Map<number, Run>()
    tasks.set(task, its)
    const run = its.get(fence) ?? { who, fence, hasEnded: false }
    if (run.who !== who) found("wrong fence", `${task}: ${who} works under ${run.who}'s ${fence}`)
    its.set(fence, run)
    return run
  }
  for (const history of histories) {
    const last = new Map<string, number>()
    for (const event of history) {
      if (event.what === "claimed") {
        const kind = event.task.split(":")[0] ?? ""
        if (event.fence <= (last.get(kind) ?? 0))
          found("wrong fence", `${event.task}: ${event.fence} is not the highest`)
        last.set(kind, event.fence)
        const holder = `${event.task} of ${event.who}`
        const other = holders.get(`${kind} ${event.fence}`)
        if (other !== undefined) found("wrong fence", `${event.fence} was given for ${other} and for ${holder}`)
        holders.set(`${kind} ${event.fence}`, holder)
        runOf(event)
      } else if (event.what === "began") runOf(event).began = event.at
      else if (event.what === "ended" || event.what === "interrupted") {
        const run = runOf(event)
        run.over ??= event.at
        run.hasEnded = event.what === "ended"
      } else if (event.what === "settled") runOf(event).settled = event
    }
  }
  for (const halt of histories.flat()) {
    if (halt.what !== "halted") continue
    for (const run of [...tasks.values()].flatMap((its) => [...its.values()])) {
      // What a stopped process ends when it is woken has stood still since.
      if (run.who === halt.who && run.began !== undefined && run.began < halt.at) {
        run.over = Math.min(run.over ?? Infinity, halt.at)
      }
    }
  }
  return new Map([...tasks].map(([task, its]) => [task, [...its.values()].sort((a, b) => a.fence - b.fence)]))
}

/** Somebody completed it; or did not live to hear that it had. */
const isComplete = ({ hasEnded, settled }: Run): boolean =>
  settled === undefined ? hasEnded : settled.how === "Done" && settled.outcome === "Settled"

const isTaken = (runs: ReadonlyArray<Run>, from: string): boolean => {
  const fence = runs.find(({ who }) => who === from)?.fence ?? Infinity
  return runs.some((run) => run.who !== from && run.fence > fence)
}

const shown = ({ fence, who }: Run): string => `${who} with ${fence}`

type Tasks = ReadonlyArray<readonly [task: string, runs: ReadonlyArray<Run>]>

/** Instants at which more than so many of one key ran. */
const crowds = function* (tasks: Tasks, places: number): Generator<string> {
  const keys = new Map<string, Array<{ readonly at: number; readonly by: number }>>()
  for (const [task, runs] of tasks) {
    const key = task.split(":")[1] ?? ""
    const turns = keys.get(key) ?? []
    keys.set(key, turns)
    for (const { began, over } of runs) {
      if (began !== undefined) turns.push({ at: began, by: 1 }, { at: over ?? Infinity, by: -1 })
    }
  }
  for (const [key, turns] of keys) {
    let running = 0
    // At one instant what ends does so before what begins.
    for (const { at, by } of turns.sort((a, b) => a.at - b.at || a.by - b.by)) {
      running += by
      if (by > 0 && running > places) yield `${running} of ${JSON.stringify(key)} run at ${at}`
    }
  }
}

/** Spans with too many starts, by the server's own clock: a fence is its time in µs. */
const bursts = function* (tasks: Tasks, { starts = Infinity, windowMs = 0 }: Limit): Generator<string> {
  const fences = tasks.flatMap(([, runs]) => runs.map(({ fence }) => fence)).sort((a, b) => a - b)
  for (const [i, fence] of fences.entries()) {
    const first = fences[i - starts]
    // The server counts in whole ms.
    if (first !== undefined && fence - first < (windowMs - 1) * 1_000) yield `${starts + 1} starts up to ${fence}`
  }
}
