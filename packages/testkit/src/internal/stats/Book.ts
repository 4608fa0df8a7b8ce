/**
 * The sums of a cluster in memory, as plain data. What is over is not there, whether or not it was collected: each step of
 * a sender collects a few, so that no timer is needed.
 */
import {
  type Answer,
  type Batch,
  type Joined,
  maxNames,
  maxResets,
  type Peer,
  resetMs,
  type Resolution,
  resolutions,
  senderMs,
  type Series,
  type Sheet,
  type Sum
} from "@troupe/core/StatsStore"

type Sums = Map<string, number>

interface Sender {
  readonly name: string
  number: number
  /** It is live until then, and known until then. */
  until: number
  knownUntil: number
  readonly sums: Sums
  readonly gauges: Sums
}

export interface Book {
  /** Empty: nobody has joined yet. */
  life: string
  lastReset: number
  readonly totals: Sums
  readonly senders: Map<string, Sender>
  readonly buckets: Readonly<Record<Resolution, Map<number, Sums>>>
  /** Names by when they were last reset, in µs; the oldest first. */
  readonly resets: Map<string, number>
}

/** One step. */
export interface Turn {
  readonly book: Book
  readonly now: number
}

export const make = (): Book => ({
  life: "",
  lastReset: 0,
  totals: new Map(),
  senders: new Map(),
  buckets: { "1 minute": new Map(), "1 hour": new Map() },
  resets: new Map()
})

export const join = (turn: Turn, id: string, name: string, life: string, keepMs: number): Joined => {
  const { book, now } = turn
  if (book.life === "") book.life = life
  const sender = known(turn, id) ?? { name, number: 0, until: 0, knownUntil: 0, sums: new Map(), gauges: new Map() }
  book.senders.set(id, sender)
  stay(turn, sender, keepMs)
  collect(turn)
  return { now, reset: book.lastReset, life: book.life }
}

export const flush = (turn: Turn, batch: Batch): Answer => {
  const { book } = turn
  const sender = known(turn, batch.sender)
  if (sender === undefined) return { _tag: "Unknown", life: book.life }
  const wasGone = stay(turn, sender, batch.keepMs)
  const isBehind = wasGone || batch.number > sender.number + 1
  let refused = 0
  if (batch.number > sender.number) {
    sender.number = batch.number
    for (const sum of batch.sums) {
      if (isCleared(turn, sum.name, batch)) continue
      if (!book.totals.has(sum.name) && book.totals.size >= maxNames) refused += 1
      else count(turn, sender, sum)
    }
    for (const gauge of batch.gauges) {
      if (!isCleared(turn, gauge.name, gauge)) sender.gauges.set(gauge.name, gauge.value)
    }
  }
  collect(turn)
  return { _tag: "Known", now: turn.now, reset: book.lastReset, isBehind, refused }
}

export const renew = (turn: Turn, id: string, number: number, keepMs: number): Answer => {
  const { book, now } = turn
  const sender = known(turn, id)
  if (sender === undefined) return { _tag: "Unknown", life: book.life }
  const wasGone = stay(turn, sender, keepMs)
  collect(turn)
  return { _tag: "Known", now, reset: book.lastReset, isBehind: wasGone || number > sender.number, refused: 0 }
}

export const sheet = ({ book, now }: Turn): Sheet => {
  const peers: Array<Peer> = []
  for (const { gauges, name, sums, until } of book.senders.values()) {
    if (until > now) peers.push({ name, sums: new Map(sums), gauges: new Map(gauges) })
  }
  return { totals: new Map(book.totals), peers }
}

export const series = ({ book, now }: Turn, name: string, resolution: Resolution, count: number): Series => {
  const lastBucket = Math.floor(now / resolutions[resolution].spanMs)
  const values: Array<number> = []
  for (let bucket = lastBucket - count + 1; bucket <= lastBucket; bucket++) {
    values.push(book.buckets[resolution].get(bucket)?.get(name) ?? 0)
  }
  return { lastBucket, values }
}

export const reset = ({ book, now }: Turn, name: string): number => {
  book.totals.delete(name)
  for (const { gauges, sums } of book.senders.values()) {
    sums.delete(name)
    gauges.delete(name)
  }
  for (const buckets of Object.values(book.buckets)) for (const sums of buckets.values()) sums.delete(name)
  book.lastReset = Math.max(book.lastReset + 1, now * 1_000)
  book.resets.delete(name)
  book.resets.set(name, book.lastReset)
  for (const [name, at] of book.resets) {
    if (book.resets.size > maxResets || at <= (now - resetMs) * 1_000) book.resets.delete(name)
  }
  return book.lastReset
}

// -- internals ----------------------------------------------------------------------------------------------------

/** Of each step. */
const collected = 16

const known = ({ book, now }: Turn, id: string): Sender | undefined => {
  const sender = book.senders.get(id)
  return sender !== undefined && sender.knownUntil > now ? sender : undefined
}

/** True: it was not live any more, and what it had is the cluster's alone. */
const stay = ({ now }: Turn, sender: Sender, keepMs: number): boolean => {
  const wasGone = sender.until <= now
  if (wasGone) leave(sender)
  sender.until = now + keepMs
  sender.knownUntil = now + Math.max(senderMs, keepMs)
  return wasGone
}

/** For good, wherever the clock goes: what is cleared here must be told again. */
const leave = (sender: Sender): void => {
  sender.until = Number.NEGATIVE_INFINITY
  sender.gauges.clear()
  sender.sums.clear()
}

/** What was first sent before the name was reset, by a sender that had not heard of that. */
const isCleared = ({ book, now }: Turn, name: string, { reset, sentMs }: Pick<Batch, "reset" | "sentMs">): boolean => {
  const at = sentMs === undefined ? undefined : book.resets.get(name)
  return at !== undefined && sentMs !== undefined && at > reset && Math.floor(at / 1_000) >= now - sentMs
}

const count = ({ book, now }: Turn, sender: Sender, { ageMs, by, name }: Sum): void => {
  add(book.totals, name, by)
  add(sender.sums, name, by)
  for (const [resolution, { kept, spanMs }] of spans) {
    const bucket = Math.floor((now - Math.max(0, ageMs)) / spanMs)
    if (bucket + kept <= Math.floor(now / spanMs)) continue
    const sums = book.buckets[resolution].get(bucket) ?? new Map<string, number>()
    book.buckets[resolution].set(bucket, sums)
    add(sums, name, by)
  }
}

const most = Number.MAX_SAFE_INTEGER
const add = (sums: Sums, name: string, by: number): void => {
  sums.set(name, Math.max(-most, Math.min(most, (sums.get(name) ?? 0) + by)))
}

const collect = ({ book, now }: Turn): void => {
  let left = collected
  for (const [id, sender] of book.senders) {
    if (sender.knownUntil <= now) book.senders.delete(id)
    else if (sender.until <= now && sender.until !== Number.NEGATIVE_INFINITY) leave(sender)
    else continue
    if ((left -= 1) === 0) break
  }
  left = collected
  for (const [resolution, { kept, spanMs }] of spans) {
    for (const bucket of book.buckets[resolution].keys()) {
      if (bucket + kept > Math.floor(now / spanMs)) continue
      book.buckets[resolution].delete(bucket)
      if ((left -= 1) === 0) return
    }
  }
}

const spans = [
  ["1 minute", resolutions["1 minute"]],
  ["1 hour", resolutions["1 hour"]]
] as const
