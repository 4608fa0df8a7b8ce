/**
 * Reads what all processes of a run saw of a cache, and says what must not be: Cache's promises C1, C5, C9, C10 and A2,
 * without a word to the backend. A run without a near hit, a load that was taken over and a loaded value that was refused
 * proves nothing, and says so.
 *
 * A call took effect at one instant between its beginning and its end. So a value is certainly gone for a reading when
 * something was done to its key that began after the value was there and ended before the reading began. What is loaded
 * counts from the beginning of its load, which was after it had the lease: whatever is done to the key later drops that.
 */
import type { Event, Operation } from "./CacheHistory.ts"

export type Kind =
  /** Nobody wrote it, or not yet. */
  | "from nowhere"
  /** C1: a reading that began after it was overwritten or removed. */
  | "overwritten, yet read"
  | "removed, yet read"
  /** C1: nothing was there that had been written, and nobody removed. */
  | "lost"
  /** C5: what was done while it was loaded was over before the load was. */
  | "put back"
  /** C9: a reading that began after its tag, or all, was taken away. */
  | "tagged away, yet read"
  | "cleared, yet read"
  /** C10: of a region with near values, later than may be. */
  | "kept too long"
  /** A2, C5, C11: it was told not to be written, or not stored. */
  | "never stored, yet read"

export interface Anomaly {
  readonly kind: Kind
  readonly detail: string
}

export interface Options {
  /** Regions whose values are kept in the processes. */
  readonly near?: ReadonlyArray<string>
  /** C10's bounds, ms: what a message takes, and where the connection died unnoticed. */
  readonly nearMs?: number
  readonly deafMs?: number
  /** The server forgot, or evicted, what it had acknowledged (promises C2, D2). */
  readonly forgets?: boolean
  /** The keys lie on several servers: a call to one of them says nothing of a call to another (A2). */
  readonly isCluster?: boolean
  /** A fault that proves something, instead of the three. */
  readonly met?: string
}

export interface Report {
  readonly verdict: "ok" | "broken" | "unknown"
  readonly anomalies: ReadonlyArray<Anomaly>
  readonly seen: Readonly<Record<"reads" | "writes" | "loads" | "bare" | "near" | "tookOver" | "refused", number>>
}

/** Something done to a key: what puts a value there has one. */
interface Deed {
  readonly who: string
  readonly operation: Operation
  readonly value: string | undefined
  readonly tags: ReadonlyArray<string>
  /** It took effect after that. */
  readonly from: number
  /** It was there, or nothing was any more, and may still come, until then. */
  readonly to: number
  /** The backend said that it was done. */
  readonly isDone: boolean
}

interface Load {
  readonly who: string
  readonly from: number
  readonly isBare: boolean
  readonly tags: ReadonlyArray<string>
  loaded: number
  stored: number | undefined
  refused: number | undefined
}

interface Reading {
  readonly who: string
  readonly operation: Operation
  readonly value: string | null
  readonly from: number
  readonly to: number
}

/** All that happened to one key of a region. */
class Line {
  readonly deeds: Array<Deed> = []
  readonly readings: Array<Reading> = []
  readonly loads = new Map<string, Load>()
  readonly tags = new Set<string>()
}

export const check = (histories: ReadonlyArray<ReadonlyArray<Event>>, options: Options = {}): Report => {
  const anomalies: Array<Anomaly> = []
  const run = new Run(histories, options.isCluster ?? false)
  for (const [name, line] of run.lines) {
    const { near = [] } = options
    const isNear = near.includes(name.slice(0, name.indexOf("/")))
    for (const [kind, detail] of readingsOf(run, name, line, isNear, options))
      anomalies.push({ kind, detail: `${name}: ${detail}` })
  }
  const events = histories.flat()
  const count = (holds: (event: Event) => boolean) => events.filter(holds).length
  const seen = {
    reads: count((event) => event.what === "returned" && event.read !== undefined),
    writes: count((event) => event.what === "called" && event.operation !== "get" && event.operation !== "getOrSet"),
    loads: count((event) => event.what === "loading"),
    bare: count((event) => event.what === "loading" && event.isBare),
    near: count((event) => event.what === "returned" && event.isNear === true),
    tookOver: count((event) => event.what === "tookOver"),
    refused: count((event) => event.what === "refused")
  }
  const met = options.met
  const hasMet =
    met === undefined
      ? seen.near > 0 && seen.tookOver > 0 && seen.refused > 0
      : count((event) => event.what === "met" && event.fault === met) > 0
  return {
    verdict: anomalies.length > 0 ? "broken" : hasMet && seen.reads > 0 && seen.writes > 0 ? "ok" : "unknown",
    anomalies,
    seen
  }
}

/** What a failing test shows. */
export const describe = ({ anomalies, seen, verdict }: Report): string =>
  [
    `${verdict}: ${JSON.stringify(seen)}, ${anomalies.length} anomalies`,
    ...anomalies.slice(0, 20).map(({ detail, kind }) => `${kind}: ${detail}`)
  ].join("\n")

// -- what was read ------------------------------------------------------------------------------------------------

/** What is certain, in the order of its end. */
class Certain {
  readonly done: ReadonlyArray<Deed>
  private readonly ends: ReadonlyArray<number>
  private readonly begun: ReadonlyArray<number>

  constructor(deeds: ReadonlyArray<Deed>) {
    this.done = deeds.filter(({ isDone }) => isDone).sort((a, b) => a.to - b.to)
    this.ends = this.done.map(({ to }) => to)
    this.begun = running(this.done, ({ from }) => from)
  }

  /** When the last that was over by then had begun. */
  lastBefore(at: number): number {
    return this.begun[before(this.ends, at) - 1] ?? -Infinity
  }
}

const readingsOf = function* (
  run: Run,
  name: string,
  line: Line,
  isNear: boolean,
  { deafMs = 2_000, forgets = false, nearMs = 100 }: Options
): Generator<readonly [Kind, string]> {
  const written = new Map(line.deeds.flatMap((deed) => (deed.value === undefined ? [] : [[deed.value, deed] as const])))
  const certain = (deeds: ReadonlyArray<Deed>) => ({
    deeds: new Certain(deeds),
    puts: new Certain(deeds.filter(({ value }) => value !== undefined))
  })
  const all = certain(line.deeds)
  const rewound = run.rewound.find(({ keys }) => keys.has(name))
  const left = rewound && certain(line.deeds.filter(({ from, to }) => to <= rewound.from || from >= rewound.at))
  const removals = line.deeds.filter((deed) => deed.value === undefined && takes(deed, line.tags))
  removals.sort((a, b) => a.from - b.from)
  const removalStarts = removals.map(({ from }) => from)
  const lastRemoval = running(removals, ({ to }) => to)

  for (const reading of line.readings) {
    const { operation, value, who } = reading
    const { deeds, puts } = left !== undefined && reading.to > rewound!.at ? left : all
    const shown = `${who} began to ${operation} at ${shownAt(reading.from)} and read ${value}`
    if (value === null) {
      const there = puts.lastBefore(reading.from)
      const gone = lastRemoval[before(removalStarts, reading.to) - 1] ?? -Infinity
      if (there > gone && !forgets) yield ["lost", `${shown}, though one was written that began at ${shownAt(there)}`]
      continue
    }
    const load = line.loads.get(value)
    const put = written.get(value)
    if ((load ?? put) === undefined || (load ?? put)!.from > reading.to) {
      yield ["from nowhere", shown]
      continue
    }
    if (load !== undefined) {
      // Its own process' calls are answered by it all the same, as far as they came before its end.
      const isOwn = operation === "getOrSet" && load.who === who
      const over = load.isBare ? (isOwn ? load.loaded : -Infinity) : (load.refused ?? Infinity)
      if (reading.from > over) {
        yield ["never stored, yet read", `${shown}, which was ${load.isBare ? "bare" : "refused"}`]
        continue
      }
      if (load.isBare) continue
    } else if (!run.isPossible(put!)) {
      yield ["never stored, yet read", `${shown}, which was not applied`]
      continue
    }
    const there = load?.from ?? put!.to
    // Most readings are of the last that was there.
    if (deeds.lastBefore(reading.from) <= there) continue
    const tags = new Set((load ?? put!).tags)
    for (const deed of deeds.done) {
      if (deed.to >= reading.from) break
      if (deed.from <= there || deed.value === value || !takes(deed, tags)) continue
      const what = `${shown}; ${deed.operation} of ${deed.who} went from ${shownAt(deed.from)} to ${shownAt(deed.to)}`
      if (load !== undefined && deed.to < load.loaded) {
        yield ["put back", what]
        break
      }
      if (isNear) {
        const bound = deed.who === who ? 0 : run.wasDeaf(who, deed.to, reading.from) ? deafMs : nearMs
        const late = reading.from - deed.to - run.stood(who, deed.to, reading.from)
        if (late <= bound) continue
        yield ["kept too long", `${what}, ${late.toFixed(1)} ms before`]
      } else yield [names[deed.operation], what]
      break
    }
  }
}

const names: Record<Operation, Kind> = {
  get: "overwritten, yet read",
  getOrSet: "overwritten, yet read",
  set: "overwritten, yet read",
  remove: "removed, yet read",
  invalidateTags: "tagged away, yet read",
  clear: "cleared, yet read"
}

/** Whether it takes away what carries these. */
const takes = ({ operation, tags }: Deed, from: ReadonlySet<string>): boolean =>
  operation !== "invalidateTags" || tags.some((tag) => from.has(tag))

const shownAt = (at: number): string => at.toFixed(3)

/** How many of them are below it; they are in order. */
const before = (sorted: ReadonlyArray<number>, at: number): number => {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle]! < at) low = middle + 1
    else high = middle
  }
  return low
}

/** For each the greatest up to it. */
const running = <A>(all: ReadonlyArray<A>, of: (one: A) => number): ReadonlyArray<number> => {
  let greatest = -Infinity
  return all.map((one) => (greatest = Math.max(greatest, of(one))))
}

// -- what happened ------------------------------------------------------------------------------------------------

interface Span {
  readonly from: number
  readonly to: number
}

class Run {
  /** By `<region>/<key>`. */
  readonly lines = new Map<string, Line>()
  private readonly standing = new Map<string, Array<Span>>()
  private readonly deafness = new Map<string, Array<Span>>()
  private readonly impossible = new Set<Deed>()
  readonly rewound: Array<{ readonly from: number; readonly at: number; readonly keys: ReadonlySet<string> }> = []

  constructor(histories: ReadonlyArray<ReadonlyArray<Event>>, isCluster: boolean) {
    const loads = new Map<string, Load>()
    /** What is done to no key in particular. */
    const wide: Array<readonly [region: string, deed: Deed]> = []
    for (const history of histories) {
      const returned = new Map(history.flatMap((event) => (event.what === "returned" ? [[event.call, event]] : [])))
      const settledBy = settledIn(history, returned, isCluster)
      let deafFrom: number | undefined
      for (const event of history) {
        const { at, who } = event
        if (event.what === "called") {
          const { key, operation, region, tags = [], value } = event
          const end = returned.get(event.call)
          if (operation === "get" || operation === "getOrSet") {
            if (key === undefined || end?.read === undefined) continue
            this.line(region, key).readings.push({ who, operation, value: end.read, from: at, to: end.at })
            continue
          }
          const isDone = end?.how === "Done"
          const to = isDone ? end.at : end === undefined ? Infinity : settledBy(end.at, region, key)
          const deed: Deed = { who, operation, value, tags, from: at, to, isDone }
          if (end?.how === "NotApplied") {
            this.impossible.add(deed)
            // It explains nothing, but may have been read.
            if (value === undefined) continue
          }
          if (key === undefined) wide.push([region, deed])
          else this.done(region, key, deed)
        } else if (event.what === "loading") {
          const { isBare, key, region, tags, value } = event
          const load: Load = { who, from: at, isBare, tags, loaded: Infinity, stored: undefined, refused: undefined }
          loads.set(value, load)
          const line = this.line(region, key)
          line.loads.set(value, load)
          for (const tag of tags) line.tags.add(tag)
        } else if (event.what === "loaded") {
          const load = loads.get(event.value)
          if (load !== undefined) load.loaded = at
        } else if (event.what === "stored" || event.what === "refused") {
          const load = loads.get(event.value)
          if (load !== undefined) load[event.what] = at
        } else if (event.what === "rewound") this.rewound.push({ from: event.from, at, keys: new Set(event.keys) })
        else if (event.what === "stood") add(this.standing, who, { from: event.from, to: at })
        else if (event.what === "deaf") deafFrom = at
        else if (event.what === "hears" && deafFrom !== undefined) {
          add(this.deafness, who, { from: deafFrom, to: at })
          deafFrom = undefined
        }
      }
      if (deafFrom !== undefined) add(this.deafness, history[0]!.who, { from: deafFrom, to: Infinity })
    }
    for (const [name, line] of this.lines) {
      for (const [value, { loaded, stored, tags, who }] of line.loads) {
        if (stored !== undefined)
          line.deeds.push({ who, operation: "getOrSet", value, tags, from: loaded, to: stored, isDone: true })
      }
      for (const [region, deed] of wide) if (name.startsWith(`${region}/`)) line.deeds.push(deed)
    }
  }

  isPossible(deed: Deed): boolean {
    return !this.impossible.has(deed)
  }

  /** For how much of that span the process did nothing, ms. */
  stood(who: string, from: number, to: number): number {
    let sum = 0
    for (const span of this.standing.get(who) ?? [])
      sum += Math.max(0, Math.min(to, span.to) - Math.max(from, span.from))
    return sum
  }

  wasDeaf(who: string, from: number, to: number): boolean {
    return (this.deafness.get(who) ?? []).some((span) => span.from < to && span.to > from)
  }

  private done(region: string, key: string, deed: Deed): void {
    const line = this.line(region, key)
    line.deeds.push(deed)
    for (const tag of deed.tags) line.tags.add(tag)
  }

  private line(region: string, key: string): Line {
    const name = `${region}/${key}`
    const line = this.lines.get(name) ?? new Line()
    this.lines.set(name, line)
    return line
  }
}

/**
 * A2: what nobody knows of happens not any more once a later call of its process, to the same server, was answered. Only
 * writing is sure to have asked the server; on a cluster only what is done to the same key is sure to have asked the same.
 */
const settledIn = (
  history: ReadonlyArray<Event>,
  returned: ReadonlyMap<number, Event & { readonly what: "returned" }>,
  isCluster: boolean
): ((at: number, region: string, key: string | undefined) => number) => {
  const answered = history.flatMap((event) => {
    if (event.what !== "called" || event.operation === "get" || event.operation === "getOrSet") return []
    const end = returned.get(event.call)
    return end?.how === "Done" ? [{ from: event.at, to: end.at, region: event.region, key: event.key }] : []
  })
  return (at, region, key) =>
    answered.reduce((least, later) => {
      const isSame = !isCluster || (later.region === region && later.key === key)
      return isSame && later.from > at ? Math.min(least, later.to) : least
    }, Infinity)
}

const add = <A>(all: Map<string, Array<A>>, key: string, one: A): void => {
  const known = all.get(key)
  if (known === undefined) all.set(key, [one])
  else known.push(one)
}
