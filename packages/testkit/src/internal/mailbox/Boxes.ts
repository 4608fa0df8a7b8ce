/** Boxes in memory: what lua/Mailbox does, as plain functions over one object. */
import { type Bounds, boxMs, maxPageBytes, type Page, type Place, type Stored } from "@troupe/core/MailboxStore"
import * as Name from "@troupe/core/Name"

interface Meta {
  epoch: string
  /** The server this epoch belongs to: another one has perhaps not heard of everything. */
  run: string
  /** The number of the last letter. */
  last: number
  /** Those up to this number are acknowledged. */
  acknowledged: number
  /** When the last was delivered: the box' time never goes back. */
  at: number
  /** It is over then. */
  until: number
  /** Epochs before this one and where they ended, the oldest first. */
  past: Array<{ readonly epoch: string; readonly end: number }>
}

/** As on a server, where a box stands under two keys, each of which may be evicted. */
interface Box {
  meta: Meta | undefined
  letters: Array<Stored>
}

export type Boxes = Map<string, Box>

/** One step. */
export interface Turn {
  readonly boxes: Boxes
  readonly now: number
  readonly run: string
  /** False in worlds, where nothing goes by itself on a server either: there a box that was over may come back with the clock. */
  readonly collects: boolean
  /** Names an epoch. */
  readonly fresh: () => string
}

export const deliver = (turn: Turn, channel: string, bounds: Bounds, payload: string): void => {
  const { letters, meta } = open(turn, channel, bounds)
  meta.last += 1
  meta.at = Math.max(turn.now, meta.at)
  letters.push({ number: meta.last, at: meta.at, payload })
  letters.splice(0, letters.length - bounds.capacity)
}

export const poll = (turn: Turn, channel: string, bounds: Bounds, after: Place | undefined, limit: number): Page => {
  const { letters, meta } = open(turn, channel, bounds)
  let lost = false
  if (after !== undefined) {
    const { epoch, number } = after
    const end = epoch === meta.epoch ? meta.last : meta.past.find((one) => one.epoch === epoch)?.end
    lost = end === undefined || number > end
    meta.acknowledged = Math.max(meta.acknowledged, Math.min(number, end ?? 0))
  }
  const oldest = turn.now - bounds.timeToLiveMs
  const kept = letters.findIndex(({ at, number }) => number > meta.acknowledged && at > oldest)
  letters.splice(0, kept < 0 ? letters.length : kept)
  lost ||= (letters[0]?.number ?? meta.last + 1) > meta.acknowledged + 1
  const page: Array<Stored> = []
  let bytes = 0
  for (const letter of letters) {
    bytes += Name.byteLength(letter.payload)
    if (page.length === limit || (page.length > 0 && bytes > maxPageBytes)) break
    page.push({ ...letter })
  }
  return { epoch: meta.epoch, letters: page, number: page.at(-1)?.number ?? meta.last, lost }
}

/** By the keys that a server would keep them under. */
export const evict = (boxes: Boxes, containing: string): void => {
  for (const [channel, box] of boxes) {
    if (`{mail:${channel}}:meta`.includes(containing)) box.meta = undefined
    if (`{mail:${channel}}:letters`.includes(containing)) box.letters = []
  }
}

// -- internals ----------------------------------------------------------------------------------------------------

const keptEpochs = 8
/** Looked at in each step. */
const collected = 4

const isOver = ({ meta }: Box, now: number): boolean => meta !== undefined && meta.until <= now

/** The box as this server knows it, begun anew where there is none. */
const open = (turn: Turn, channel: string, { timeToLiveMs }: Bounds): { letters: Array<Stored>; meta: Meta } => {
  const { boxes, fresh, now, run } = turn
  if (turn.collects) collect(turn)
  const known = boxes.get(channel)
  const box = known === undefined || isOver(known, now) ? { meta: undefined, letters: [] } : known
  boxes.set(channel, box)
  // Letters of which nobody knows the numbers are lost, and stand for one that is.
  const gone = box.meta === undefined && box.letters.length > 0 ? 1 : 0
  if (box.meta === undefined) box.letters = []
  const meta = (box.meta ??= { epoch: fresh(), run, last: gone, acknowledged: 0, at: 0, until: 0, past: [] })
  if (meta.run !== run) {
    meta.past = [...meta.past, { epoch: meta.epoch, end: meta.last }].slice(-keptEpochs)
    meta.epoch = fresh()
    meta.run = run
  }
  meta.until = Math.max(meta.until, now + timeToLiveMs + boxMs)
  return { letters: box.letters, meta }
}

/** Goes around: each box is looked at again after as many steps as there are. */
const collect = ({ boxes, now }: Turn): void => {
  for (const [channel, box] of [...take(boxes, collected)]) {
    boxes.delete(channel)
    if (!isOver(box, now)) boxes.set(channel, box)
  }
}

function* take<A>(all: Iterable<A>, count: number): Iterable<A> {
  for (const one of all) {
    if (count-- <= 0) return
    yield one
  }
}
