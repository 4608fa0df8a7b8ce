/** Which rooms there are, and which of them hold places of which peer. */
import { graveMs, pageSize, pruneMs } from "@troupe/core/ChatStore"

export interface Index {
  /** Rooms and their stamps. */
  readonly all: Map<string, number>
  /** The greatest stamp of those that were taken out: one that comes again gets a greater one. */
  floor: number
  /** Rooms of peers, by their ids. */
  readonly peers: Map<string, Set<string>>
  /** Peers that are gone, by id, and since when. */
  readonly gone: Map<string, number>
  /** Empty: nobody has entered yet. */
  life: string
  /** The server this life belongs to: another one has perhaps not heard of everything. */
  run: string
}

export const make = (): Index => ({ all: new Map(), floor: 0, peers: new Map(), gone: new Map(), life: "", run: "" })

export const list = (index: Index, room: string, now: number): number => {
  const stamp = Math.max(now, (index.all.get(room) ?? index.floor) + 1)
  index.all.set(room, stamp)
  return stamp
}

export const unlist = (index: Index, room: string, stamp: number): void => {
  if (index.all.get(room) === stamp) takeOut(index, room, stamp)
}

export const prune = (index: Index, rooms: ReadonlyArray<string>, now: number): void => {
  for (const room of rooms) {
    const stamp = index.all.get(room)
    if (stamp !== undefined && now - stamp > pruneMs) takeOut(index, room, stamp)
  }
}

/** The cursor is the last name given. */
export const rooms = (
  index: Index,
  cursor: string
): { readonly rooms: ReadonlyArray<string>; readonly cursor: string } => {
  const behind = [...index.all.keys()].filter((room) => room > cursor).sort()
  const rooms = behind.slice(0, pageSize)
  return { rooms, cursor: rooms.length < behind.length ? (rooms.at(-1) ?? "") : "" }
}

export const enter = (
  index: Index,
  peer: string,
  rooms: ReadonlyArray<string>,
  now: number,
  run: string,
  fresh: () => string
): { readonly gone: boolean; readonly life: string } => {
  if (index.life === "" || index.run !== run) {
    index.life = fresh()
    index.run = run
  }
  const { life } = index
  if (isGone(index, peer, now)) return { gone: true, life }
  if (rooms.length > 0) index.peers.set(peer, new Set([...(index.peers.get(peer) ?? []), ...rooms]))
  return { gone: false, life }
}

export const exit = (index: Index, peer: string, rooms: ReadonlyArray<string>): void => {
  const left = index.peers.get(peer)
  for (const room of rooms) left?.delete(room)
  if (left?.size === 0) index.peers.delete(peer)
}

export const bury = (index: Index, peer: string, now: number): ReadonlyArray<string> => {
  for (const peer of [...index.gone.keys()]) if (!isGone(index, peer, now)) index.gone.delete(peer)
  index.gone.set(peer, now)
  return [...(index.peers.get(peer) ?? [])].slice(0, pageSize)
}

const mostPeers = 10_000

export const peers = (index: Index): ReadonlyArray<string> => [...index.peers.keys()].slice(0, mostPeers)

const takeOut = (index: Index, room: string, stamp: number): void => {
  index.all.delete(room)
  index.floor = Math.max(index.floor, stamp)
}

const isGone = (index: Index, peer: string, now: number): boolean =>
  now - (index.gone.get(peer) ?? Number.NEGATIVE_INFINITY) <= graveMs
