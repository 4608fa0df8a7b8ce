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
  entries: Array<Stored & { readonly dedupeKey: string | undefined }>
  /** Epochs before this one and where they ended, oldest first. */
  past: Array<{ readonly epoch: string; readonly end: number }>
}

const keptEpochs = 8

/** The log as this server knows it, begun anew where there is none. `fresh` names a new epoch. */
export const open = (logs: Map<string, Log>, channel: string, run: string, fresh: () => string): Log => {
  const known = logs.get(channel)
  if (known === undefined) {
    const log: Log = { epoch: fresh(), run, sequence: 0, at: 0, entries: [], past: [] }
    logs.set(channel, log)
    return log
  }
  if (known.run !== run) {
    known.past = [...known.past, { epoch: known.epoch, end: known.sequence }].slice(-keptEpochs)
    known.epoch = fresh()
    known.run = run
  }
  return known
}

/** What is neither too old nor too much. */
const kept = (log: Log, history: History, now: number): Log["entries"] => {
  const oldest = now - history.timeToLiveMs
  const lowest = log.sequence - history.size
  const first = log.entries.findIndex((entry) => entry.at > oldest && entry.sequence > lowest)
  return first < 0 ? [] : first === 0 ? log.entries : log.entries.slice(first)
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
    const first = dedupeKey && kept(log, history, at).findLast((entry) => entry.dedupeKey === dedupeKey)
    if (first) return { epoch: first.epoch, sequence: first.sequence, duplicate: true }
    log.at = at
    log.sequence += 1
    const stored = { epoch: log.epoch, sequence: log.sequence, at, publisher, payload, dedupeKey }
    log.entries.push(stored)
    added.push(stored)
    return { epoch: stored.epoch, sequence: stored.sequence, duplicate: false }
  })
  if (log.entries.length > history.size) log.entries = log.entries.slice(-history.size)
  return { answers, added }
}

export const read = (log: Log, history: History, from: From, limit: number, now: number): Page => {
  const entries = kept(log, history, Math.max(now, log.at))
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
  if (end === undefined) return { after: 0, gap: { reason: "EpochChanged", missed: undefined } }
  return from.sequence > end
    ? { after: end, gap: { reason: "Rewound", missed: undefined } }
    : { after: from.sequence, gap: undefined }
}
