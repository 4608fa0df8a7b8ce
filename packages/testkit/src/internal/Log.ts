/** A channel's log in memory: what lua/PubSub/append.lua and read.lua do, as plain functions over one object. */
import { type Appended, type Entry, type From, type History, type Page, type Stored } from "@troupe/core/PubSubStore"

export interface Log {
  epoch: string
  /** The server this epoch belongs to: another one has perhaps not heard of everything. */
  run: string
  /** The last one given away. */
  sequence: number
  /** When: the log's time never goes back. */
  at: number
  /** Their sequences follow each other. */
  entries: Array<Stored & { readonly dedupeKey: string | undefined }>
  /** Dedupe keys of entries, and of none that was trimmed. */
  keys: Map<string, number>
  /** Epochs before this one and where they ended, oldest first. */
  past: Array<{ readonly epoch: string; readonly end: number }>
}

const keptEpochs = 8

/** The name of the first epoch since the log began: later ones carry it in front. */
const lineage = (epoch: string): string | undefined => epoch.split("-")[0]

/** The log as this server knows it, begun anew where there is none. `fresh` names a new epoch. */
export const open = (logs: Map<string, Log>, channel: string, run: string, fresh: () => string): Log => {
  const known = logs.get(channel)
  if (known === undefined) {
    const log: Log = { epoch: fresh(), run, sequence: 0, at: 0, entries: [], keys: new Map(), past: [] }
    logs.set(channel, log)
    return log
  }
  if (known.run !== run) {
    known.past = [...known.past, { epoch: known.epoch, end: known.sequence }].slice(-keptEpochs)
    known.epoch = `${lineage(known.epoch)}-${fresh()}`
    known.run = run
  }
  return known
}

/** Where in `entries` that begins which is neither too old nor too much. Times never go back: found by halving. */
const firstKept = (log: Log, history: History, now: number): number => {
  const { entries } = log
  const oldest = now - history.timeToLiveMs
  let low = Math.max(0, entries.length - history.size)
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (entries[middle]!.at > oldest) high = middle
    else low = middle + 1
  }
  return low
}

/** Appends in order; what is new comes as `added`, for the frame. */
export const append = (
  log: Log,
  history: History,
  publisher: string,
  entries: ReadonlyArray<Entry>,
  now: number
): { readonly answers: ReadonlyArray<Appended>; readonly added: ReadonlyArray<Stored> } => {
  const at = Math.max(now, log.at)
  const added: Array<Stored> = []
  const answers = entries.map(({ dedupeKey, payload }): Appended => {
    const known = dedupeKey === undefined ? undefined : log.keys.get(dedupeKey)
    const index = known === undefined ? -1 : known - (log.entries[0]?.sequence ?? 0)
    const first = index < firstKept(log, history, at) ? undefined : log.entries[index]
    if (first !== undefined) return { epoch: first.epoch, sequence: first.sequence, duplicate: true }
    log.at = at
    log.sequence += 1
    const stored = { epoch: log.epoch, sequence: log.sequence, at, publisher, payload, dedupeKey }
    log.entries.push(stored)
    if (dedupeKey !== undefined) log.keys.set(dedupeKey, stored.sequence)
    added.push(stored)
    return { epoch: stored.epoch, sequence: stored.sequence, duplicate: false }
  })
  // Seldom, and then much: trimming on every append would cost the length of the log each time.
  if (log.entries.length > 2 * history.size) {
    for (const { dedupeKey, sequence } of log.entries.splice(0, log.entries.length - history.size)) {
      if (dedupeKey !== undefined && log.keys.get(dedupeKey) === sequence) log.keys.delete(dedupeKey)
    }
  }
  return { answers, added }
}

export const read = (log: Log, history: History, from: From, limit: number, now: number): Page => {
  const entries = log.entries.slice(firstKept(log, history, Math.max(now, log.at)))
  const { after, gap } = place(log, from, entries)
  const behind = entries.filter((entry) => entry.sequence > after)
  const first = behind[0]?.sequence ?? log.sequence + 1
  const page = behind.slice(0, limit)
  const trimmed = from._tag === "After" && first > after + 1
  return {
    gap: gap ?? (trimmed ? { reason: "HistoryTrimmed", missed: first - after - 1 } : undefined),
    entries: page.map(({ at, epoch, payload, publisher, sequence }) => ({ at, epoch, payload, publisher, sequence })),
    epoch: log.epoch,
    sequence: page.at(-1)?.sequence ?? log.sequence,
    end: page.length === behind.length
  }
}

/** The sequence after which to read, and what is known to be missing before it. */
const place = (
  log: Log,
  from: From,
  entries: Log["entries"]
): { readonly after: number; readonly gap: Page["gap"] } => {
  if (from._tag === "Earliest") return { after: 0, gap: undefined }
  if (from._tag === "Last") {
    return { after: from.count === 0 ? log.sequence : (entries.at(-from.count)?.sequence ?? 1) - 1, gap: undefined }
  }
  const end = from.epoch === log.epoch ? log.sequence : log.past.findLast(({ epoch }) => epoch === from.epoch)?.end
  if (end === undefined) {
    // One of this log's epochs that it has no note of any more: what the reader had is not given twice (S3).
    const after = lineage(from.epoch) === lineage(log.epoch) ? Math.min(from.sequence, log.sequence) : 0
    return { after, gap: { reason: "EpochChanged", missed: undefined } }
  }
  return from.sequence > end
    ? { after: end, gap: { reason: "Rewound", missed: undefined } }
    : { after: from.sequence, gap: undefined }
}
