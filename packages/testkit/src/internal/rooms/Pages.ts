/** What a room's log tells: its events, and its words alone. Neither changes anything. */
import { type Keep, log, type Words, type WordsFrom, written } from "@troupe/core/ChatStore"
import type { From, Page, Stored } from "@troupe/core/PubSubStore"
import { isWord, lineage, type Logged, readable, type Room } from "./Room.ts"

/** Of a room that nobody knows of: as if it had just been destroyed. */
export const nothing = (from: From, now: number): Page => ({
  gap: from._tag === "After" ? { reason: "EpochChanged", missed: undefined } : undefined,
  entries: [{ epoch: "-", sequence: 1, at: now, publisher: "-", payload: written.destroyed }],
  epoch: "-",
  sequence: 1,
  end: true
})

export const read = (room: Room, keep: Keep, from: From, limit: number, now: number): Page => {
  const entries = all(room, keep, now)
  const { after, gap } = place(room, entries, from)
  const behind = entries.filter((entry) => entry.sequence > after)
  const page = behind.slice(0, limit).map(given)
  const sequence = page.at(-1)?.sequence ?? room.sequence
  const missed = sequence - after - page.length
  return {
    gap: gap ?? (from._tag === "After" && missed > 0 ? { reason: "HistoryTrimmed", missed } : undefined),
    entries: page,
    epoch: room.epoch,
    sequence,
    end: sequence >= room.sequence
  }
}

export const words = (room: Room, keep: Keep, from: WordsFrom, limit: number, now: number): Words => {
  const { after, isLost, number } = start(room, from)
  const said = spoken(room, keep, now)
  const last = from._tag === "Last" ? said.slice(said.length - Math.min(said.length, from.count)) : said
  const behind = last.filter((word) => word.sequence > after)
  const page = behind.slice(0, limit)
  const first = page[0] === undefined ? room.words + 1 : page[0].words
  const end = page.at(-1)
  return {
    words: page.map(given),
    bookmark:
      end === undefined
        ? { epoch: room.epoch, sequence: room.sequence, number: room.words }
        : { epoch: room.epoch, sequence: end.sequence, number: end.words },
    lost: isLost || (number !== undefined && first > number + 1),
    end: page.length === behind.length
  }
}

// -- internals ----------------------------------------------------------------------------------------------------

/** As it is given away: its number is the store's own. */
const given = ({ at, epoch, payload, publisher, sequence }: Stored): Stored => ({
  epoch,
  sequence,
  at,
  publisher,
  payload
})

/** Words of the history where there is one, else of the log; of this life of the room. */
const spoken = (room: Room, { history }: Keep, now: number): ReadonlyArray<Logged> => {
  const at = Math.max(now, room.at)
  if (history !== undefined) return readable(room.kept, history, at)
  return readable(room.log, log, at).filter((entry) => entry.sequence > room.since && isWord(entry))
}

/** All that can be read: the log, the words kept from before it, and in any case the room's last `D`. */
const all = (room: Room, { history }: Keep, now: number): ReadonlyArray<Stored> => {
  const at = Math.max(now, room.at)
  const logged = readable(room.log, log, at)
  const reach = logged[0]?.sequence ?? room.sequence + 1
  const kept = history === undefined ? [] : readable(room.kept, history, at)
  const before = kept.filter((word) => word.sequence < reach)
  if (reach <= room.since) return logged
  const { epoch, since: sequence, sinceAt } = room
  return [{ epoch, sequence, at: sinceAt, publisher: "-", payload: written.destroyed }, ...before, ...logged]
}

/** The sequence after which to read, and what is known to be missing before it. */
const place = (
  room: Room,
  entries: ReadonlyArray<Stored>,
  from: From
): { readonly after: number; readonly gap: Page["gap"] } => {
  if (from._tag === "After") return known(room, from)
  // Of a room that is not there, its end: else whoever came just then would never hear of it.
  if (room.exists === undefined) return { after: room.since - 1, gap: undefined }
  if (from._tag === "Earliest") return { after: room.since, gap: undefined }
  const last = entries.filter((entry) => entry.sequence > room.since && isWord(entry)).slice(-from.count)
  const first = from.count === 0 ? undefined : last[0]
  return { after: first === undefined ? room.sequence : first.sequence - 1, gap: undefined }
}

const known = (
  room: Room,
  { epoch, sequence }: { readonly epoch: string; readonly sequence: number }
): { readonly after: number; readonly gap: Page["gap"] } => {
  const end = epoch === room.epoch ? room.sequence : room.past.findLast((past) => past.epoch === epoch)?.end
  if (end === undefined) {
    // Nobody knows how long ago that was: the room may have ended meanwhile, and that is told rather once too often.
    const isOurs = lineage(epoch) === lineage(room.epoch)
    return {
      after: Math.min(isOurs ? sequence : Infinity, room.since - 1),
      gap: { reason: "EpochChanged", missed: undefined }
    }
  }
  return sequence > end
    ? { after: end, gap: { reason: "Rewound", missed: undefined } }
    : { after: sequence, gap: undefined }
}

/** Where a reader of words goes on, after which number, and whether some are gone that have none. */
const start = (
  room: Room,
  from: WordsFrom
): { readonly after: number; readonly number: number | undefined; readonly isLost: boolean } => {
  if (from._tag !== "After") return { after: room.since, number: undefined, isLost: false }
  const { after, gap } = known(room, from.bookmark)
  return { after: Math.max(after, room.since), number: from.bookmark.number, isLost: gap !== undefined }
}
