/**
 * A room in memory, as plain data: its log, the words that stay, and who has a place. Others move it (`Steps.ts`) and read
 * it (`Pages.ts`).
 */
import { graveMs, log, type Seat, written } from "@troupe/core/ChatStore"
import * as Name from "@troupe/core/Name"
import type { History, Stored } from "@troupe/core/PubSubStore"

export interface Room {
  /** What it was created with; undefined: it was destroyed, and only its log is left. */
  exists: number | undefined
  epoch: string
  /** The server this epoch belongs to: another one has perhaps not heard of everything. */
  run: string
  /** The last one given away. */
  sequence: number
  /** When: the log's time never goes back. */
  at: number
  /** Epochs before this one and where they ended, oldest first. */
  past: Array<{ readonly epoch: string; readonly end: number }>
  /** Where its last `D` is: the one that ended its last life, or the one that a log begins behind, which is not in it. */
  since: number
  sinceAt: number
  /** The number of the last word: of the log's life, not of the room's. */
  words: number
  /** Their sequences follow each other. */
  log: Array<Logged>
  /** Words, where there is a history. */
  kept: Array<Logged>
  /** Who said what under which key, and where: the oldest first. */
  keys: Map<string, number>
  /** In the order of their coming, whoever took over in the place of whom they took over from. */
  members: Map<string, Member>
  /** The last number of a member's coming. */
  comings: number
  /** Who has open memberships of which peer (its id). */
  of: Map<string, Set<string>>
  /** Whose `Left` is held back. */
  leaving: Map<string, { readonly due: number; readonly reason: "L" | "C" }>
  /** Peers that are gone, by id, and when that was told here. */
  fenced: Map<string, number>
  /** For how long a `Left` is held back, as whoever joined last has it. */
  graceMs: number
}

export interface Logged extends Stored {
  /** How many words there were with it. */
  readonly words: number
}

export interface Member extends Seat {
  /** Undefined: its `Left` is held back. */
  readonly ref: string | undefined
  readonly peerId: string
  readonly coming: number
}

/** One step on a room, and what it logs: one frame. */
export interface Turn {
  readonly room: Room
  readonly now: number
  /** The log's time. */
  readonly at: number
  readonly publisher: string
  readonly added: Array<Logged>
}

const keptEpochs = 8

/** The name of the first epoch since the log began: later ones carry it in front. */
export const lineage = (epoch: string): string | undefined => epoch.split("-")[0]

/** A log begins behind a `D` that was never written: so whoever read an earlier one is told of its end. */
export const make = (exists: number, run: string, epoch: string, now: number): Room => ({
  exists,
  epoch,
  run,
  sequence: 1,
  at: now,
  past: [],
  since: 1,
  sinceAt: now,
  words: 0,
  log: [],
  kept: [],
  keys: new Map(),
  members: new Map(),
  comings: 0,
  of: new Map(),
  leaving: new Map(),
  fenced: new Map(),
  graceMs: 0
})

/** The room as this server knows it. `fresh` names a new epoch. */
export const renew = (room: Room, run: string, fresh: () => string): Room => {
  if (room.run !== run) {
    room.past = [...room.past, { epoch: room.epoch, end: room.sequence }].slice(-keptEpochs)
    room.epoch = `${lineage(room.epoch)}-${fresh()}`
    room.run = run
  }
  return room
}

export const turn = (room: Room, now: number, publisher: string): Turn => ({
  room,
  now,
  at: Math.max(now, room.at),
  publisher,
  added: []
})

/** Has a peer that is gone join and speak no more, and forgets those that have been gone for long. */
export const fence = (fenced: Map<string, number>, dead: string | undefined, now: number): void => {
  for (const [peer, since] of fenced) if (since <= now - graveMs) fenced.delete(peer)
  if (dead !== undefined) fenced.set(dead, now)
}

/** Logs one entry. */
export const append = ({ added, at, publisher, room }: Turn, payload: string): Logged => {
  room.at = at
  room.sequence += 1
  const stored = { epoch: room.epoch, sequence: room.sequence, at, publisher, payload, words: room.words }
  room.log.push(stored)
  // Seldom, and then much: trimming on every entry would cost the length of the log each time.
  if (room.log.length > 2 * log.size) room.log.splice(0, room.log.length - log.size)
  added.push(stored)
  return stored
}

/** Logs a word, and keeps it where there is a history; gives its place, or that of the one with its dedupe key. */
export const say = (
  turn: Turn,
  history: History | undefined,
  from: string,
  payload: string,
  dedupeKey: string | undefined
): Logged => {
  const { at, room } = turn
  const key = dedupeKey === undefined ? undefined : `${Name.encode(from)} ${dedupeKey}`
  const said = key === undefined ? undefined : room.keys.get(key)
  const known = said === undefined ? undefined : find(room, history, said, at)
  if (known !== undefined) return known
  room.words += 1
  const stored = append(turn, written.said(from, payload))
  if (history !== undefined) {
    room.kept.push(stored)
    if (room.kept.length > 2 * history.size) room.kept.splice(0, room.kept.length - history.size)
  }
  if (key !== undefined) {
    room.keys.delete(key)
    room.keys.set(key, stored.sequence)
    const most = Math.max(log.size, history?.size ?? 0)
    for (const key of room.keys.keys()) {
      if (room.keys.size <= most) break
      room.keys.delete(key)
    }
  }
  return stored
}

export const isWord = ({ payload }: Stored): boolean => payload.startsWith("S ")

/** What is neither too old nor too much, by the log's time. Times never go back: found by halving. */
export const readable = (
  entries: ReadonlyArray<Logged>,
  { size, timeToLiveMs }: History,
  at: number
): ReadonlyArray<Logged> => {
  let low = Math.max(0, entries.length - size)
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (entries[middle]!.at > at - timeToLiveMs) high = middle
    else low = middle + 1
  }
  return entries.slice(low)
}

/** Its entry, where that can still be read. */
const find = (room: Room, history: History | undefined, sequence: number, at: number): Logged | undefined => {
  const all = readable(room.log, log, at)
  const logged = all[sequence - (all[0]?.sequence ?? 0)]
  if (logged !== undefined || history === undefined) return logged
  return readable(room.kept, history, at).find((entry) => entry.sequence === sequence)
}
