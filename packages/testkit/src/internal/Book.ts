/** The book of who is there, in memory: what lua/PeerRegistry/*.lua do, as plain functions over one object. */
import {
  type Answer,
  type Beat,
  type Change,
  encodeFrame,
  type Entry,
  graveMs,
  type Granted,
  keptChanges,
  type Kind,
  maxGraves,
  type Metadata,
  nearest,
  type Page,
  pageSize,
  type PeerId,
  type Status,
  type Stored,
  type Wish
} from "@troupe/core/PeerRegistryStore"

export interface Book {
  epoch: string
  /** The server this epoch belongs to: another one has perhaps not heard of everything. */
  run: string
  version: number
  /** The server's time at the last beat, and the book's own. */
  tick: number
  clock: number
  /** The book's time at the end of the last silence: nobody is judged for what was before (P5). */
  resumed: number
  /** Before this time of the book nobody is given what may be held by one who has not come back yet; 0: nothing was lost. */
  doubtful: number
  /** The last fence or seat given away. */
  fence: number
  freed: number
  /** Nobody is judged, and everybody was heard of just now: where no peer dies without leaving. */
  readonly immortal: boolean
  readonly records: Map<PeerId, Stored>
  readonly due: Map<PeerId, number>
  readonly names: Map<string, PeerId>
  /** Who is gone: the time of the book before which nobody else may have what was theirs. */
  readonly grave: Map<PeerId, number>
  readonly leaders: Map<string, { readonly owner: PeerId | ""; readonly fence: number }>
  changes: Array<Change>
}

export const make = (immortal: boolean): Book => ({
  immortal,
  epoch: "",
  run: "",
  version: 0,
  tick: 0,
  clock: 0,
  resumed: 0,
  doubtful: 0,
  fence: 0,
  freed: 0,
  records: new Map(),
  due: new Map(),
  names: new Map(),
  grave: new Map(),
  leaders: new Map(),
  changes: []
})

/** What a step pushes; undefined: nothing. */
export type Pushed = string | undefined

export const beat = (
  book: Book,
  now: number,
  run: string,
  fresh: () => string,
  given: Beat
): { readonly answer: Answer; readonly pushed: Pushed } => {
  const first = book.version + 1
  open(book, now, run, fresh, given)
  const status = meet(book, now, given)
  if (!book.immortal) sweep(book, now)
  const due = [...book.due].map(([id, due]) => ({ id, due })).sort((a, b) => a.due - b.due || (a.id < b.id ? -1 : 1))
  return {
    pushed: frame(book, first, []),
    answer: {
      status,
      epoch: book.epoch,
      version: book.version,
      now,
      clock: book.clock,
      freed: book.freed,
      nearest: due.slice(0, nearest),
      missed: missed(book, given)
    }
  }
}

/** Who is judged is judged by the book's own time, which stands still where nobody beats (P5, D3). */
const open = (book: Book, now: number, run: string, fresh: () => string, given: Beat): void => {
  if (book.run !== run) {
    book.epoch = fresh()
    book.run = run
    book.changes = []
    book.resumed = book.clock
    const others = book.records.size - (given.id !== undefined && book.records.has(given.id) ? 1 : 0)
    book.doubtful = others > 0 ? book.clock + given.downAfterMs : 0
  }
  const passed = now - book.tick
  if (passed < 0 || passed > given.suspectAfterMs / 2) book.resumed = book.clock
  else book.clock += passed
  book.tick = now
}

const meet = (book: Book, now: number, { epoch, id, joined, name, suspectAfterMs }: Beat): Status => {
  if (id === undefined) return "Alive"
  const peer = book.records.get(id)
  if (peer === undefined) {
    if (!book.grave.has(id) && !(joined && epoch === book.epoch)) return "Unknown"
    return book.names.has(name) ? "Superseded" : "Gone"
  }
  if (peer.state === "Suspected") change(book, "Recovered", now, { ...peer, state: "Live" })
  book.due.set(id, book.clock + suspectAfterMs)
  return "Alive"
}

/** Judges at most `nearest` of the overdue, each by its own times. */
const sweep = (book: Book, now: number): void => {
  const overdue = [...book.due]
    .filter(([, due]) => due <= book.clock)
    .sort((a, b) => a[1] - b[1] || (a[0] < b[0] ? -1 : 1))
  for (const [id, due] of overdue.slice(0, nearest)) {
    const peer = book.records.get(id)!
    const patience = peer.state === "Live" ? peer.suspectAfterMs : peer.downAfterMs
    if (due - patience < book.resumed) book.due.set(id, book.resumed + patience)
    else if (peer.state === "Suspected") part(book, now, peer, "Crashed")
    else {
      const seenAt = seen(book, now, peer)
      book.due.set(id, due - patience + peer.downAfterMs)
      change(book, "Suspected", seenAt, { ...peer, state: "Suspected" })
    }
  }
}

const missed = (book: Book, { epoch, version }: Beat): Answer["missed"] => {
  const oldest = book.version - book.changes.length
  return epoch === book.epoch && version >= oldest && version <= book.version
    ? book.changes.slice(version - oldest, version - oldest + pageSize)
    : undefined
}

export const enter = (
  book: Book,
  now: number,
  run: string,
  given: Entry
): { readonly status: Status; readonly pushed: Pushed } => {
  const { id, joinedAt, name, seat } = given
  const first = book.version + 1
  if (book.run !== run) return { status: "Unknown", pushed: undefined }
  if (book.records.has(id)) return { status: "Alive", pushed: undefined }
  const other = book.names.get(name)
  const holder = other && book.records.get(other)
  if (book.grave.has(id)) return { status: holder ? "Superseded" : "Gone", pushed: undefined }
  if (holder !== undefined) {
    if (seat > 0 && holder.seat > seat) return { status: "Superseded", pushed: undefined }
    part(book, now, holder, "Superseded")
  }
  // One that was there and is not in the book: others like it may be to come, with what they hold.
  if (joinedAt > 0 && book.doubtful === 0) book.doubtful = book.clock + given.downAfterMs
  book.names.set(name, id)
  book.due.set(id, book.clock + given.suspectAfterMs)
  change(book, "Joined", now, {
    ...given,
    seat: seat || nextFence(book, now),
    joinedAt: joinedAt || now,
    state: "Live"
  })
  return { status: "Alive", pushed: frame(book, first, []) }
}

export const page = (book: Book, epoch: string): Page | undefined =>
  epoch === book.epoch ? { peers: [...book.records.values()], cursor: "" } : undefined

export const update = (book: Book, now: number, id: PeerId, metadata: Metadata): Pushed => {
  const peer = book.records.get(id)
  if (peer === undefined) return undefined
  const first = book.version + 1
  change(book, "Updated", seen(book, now, peer), { ...peer, metadata })
  return frame(book, first, [])
}

export const leave = (book: Book, now: number, id: PeerId, held: ReadonlyArray<Wish>): Pushed => {
  const first = book.version + 1
  const peer = book.records.get(id)
  const freed = held.filter((wish) => drop(book, id, wish)).map(({ name }) => name)
  if (peer !== undefined) part(book, now, peer, "Graceful")
  // What is still under way of this peer comes too late.
  else bury(book, id, book.clock)
  return frame(book, first, freed)
}

export const terms = (
  book: Book,
  now: number,
  run: string,
  id: PeerId,
  known: number,
  wishes: ReadonlyArray<Wish>
): { readonly granted: ReadonlyArray<Granted> | undefined; readonly pushed: Pushed } => {
  if (book.run !== run || !book.records.has(id)) return { granted: undefined, pushed: undefined }
  const freed: Array<string> = []
  for (const { fence } of [{ fence: known }, ...wishes]) book.fence = Math.max(book.fence, fence)
  const granted = wishes.map((wish): Granted => {
    if (wish.kind === "Drop") {
      if (drop(book, id, wish)) freed.push(wish.name)
      return { owner: "", fence: 0 }
    }
    const { fence, owner } = book.leaders.get(wish.name) ?? { fence: 0, owner: undefined }
    const isFree = owner === "" || owner === id || isOver(book, owner)
    // Of two who hold it, because the book was lost, the later one does.
    if (wish.kind === "Seek" ? !isFree : wish.fence < fence) {
      return { owner: owner && book.records.has(owner) ? owner : "", fence }
    }
    const given = wish.kind === "Seek" ? nextFence(book, now) : wish.fence
    for (const [name, { owner }] of book.leaders) if (isOver(book, owner)) book.leaders.delete(name)
    book.leaders.set(wish.name, { owner: id, fence: given })
    return { owner: id, fence: given }
  })
  return { granted, pushed: freed.length === 0 ? undefined : frame(book, book.version + 1, freed) }
}

export const leader = (
  book: Book,
  now: number,
  name: string
): { readonly peer: Stored; readonly seenAt: number } | undefined => {
  const owner = book.leaders.get(name)?.owner
  const peer = owner ? book.records.get(owner) : undefined
  return peer && { peer, seenAt: seen(book, now, peer) }
}

/** True where it had been this peer's, also where the book has lost that: then nobody else need wait for it. */
const drop = (book: Book, id: PeerId, { fence, name }: Wish): boolean => {
  book.fence = Math.max(book.fence, fence)
  const isDoubtful = book.epoch === "" || book.clock < book.doubtful
  const leader = book.leaders.get(name)
  if (leader === undefined ? !(isDoubtful && fence > 0) : leader.owner !== id) return false
  if (isDoubtful) book.leaders.set(name, { owner: "", fence })
  else book.leaders.delete(name)
  book.freed += 1
  return true
}

const part = (book: Book, now: number, peer: Stored, kind: Kind): void => {
  const seenAt = seen(book, now, peer)
  // Who was superseded, or left in the middle of a term, may go on with it until it cannot prove that it lives.
  bury(book, peer.id, kind === "Crashed" ? book.clock : book.clock - now + seenAt + peer.downAfterMs)
  if (book.names.get(peer.name) === peer.id) book.names.delete(peer.name)
  change(book, kind, seenAt, peer)
  book.records.delete(peer.id)
  book.due.delete(peer.id)
}

const bury = (book: Book, id: PeerId, until: number): void => {
  book.grave.set(id, until)
  const oldestFirst = [...book.grave].sort((a, b) => a[1] - b[1] || (a[0] < b[0] ? -1 : 1))
  for (const [old, at] of oldestFirst)
    if (at <= book.clock - graveMs || book.grave.size > maxGraves) book.grave.delete(old)
}

/** Nobody may still be at what was this owner's. */
const isOver = (book: Book, owner: PeerId | "" | undefined): boolean =>
  !(owner && book.records.has(owner)) && book.clock >= Math.max((owner && book.grave.get(owner)) || 0, book.doubtful)

const change = (book: Book, kind: Kind, seenAt: number, peer: Stored): void => {
  book.version += 1
  book.records.set(peer.id, peer)
  book.changes.push({ version: book.version, kind, seenAt, peer })
  if (book.changes.length > keptChanges) book.changes.shift()
}

const frame = (book: Book, first: number, freed: ReadonlyArray<string>): Pushed => {
  const changes = book.changes.filter(({ version }) => version >= first)
  return changes.length + freed.length === 0 ? undefined : encodeFrame({ epoch: book.epoch, changes, freed }, first)
}

/** When a peer was last heard of, by the server's time. */
const seen = (book: Book, now: number, { downAfterMs, id, state, suspectAfterMs }: Stored): number =>
  book.immortal ? now : now - book.clock + book.due.get(id)! - (state === "Live" ? suspectAfterMs : downAfterMs)

const nextFence = (book: Book, now: number): number => (book.fence = Math.max(book.fence + 1, now * 1_000))
