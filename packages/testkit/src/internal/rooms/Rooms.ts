/** All rooms of a cluster in memory, and the index of them. */
import * as Index from "./Index.ts"
import { fence as fenceIn, make as makeRoom, renew, type Room } from "./Room.ts"

export interface Rooms {
  readonly rooms: Map<string, Room>
  /** Those that were destroyed, and until when their logs stay; the first to go first. Empty where nothing goes by itself. */
  readonly ended: Map<string, number>
  /** Who is fenced in rooms that nobody knows of, by their names. */
  readonly fences: Map<string, Map<string, number>>
  index: Index.Index
}

/** How long the log of a destroyed room stays. */
const stayMs = 600_000
/** Logs that one step gives up. */
const collected = 16

export const make = (): Rooms => ({ rooms: new Map(), ended: new Map(), fences: new Map(), index: Index.make() })

/** Who asks: the server in its present life, and how a new epoch is named. */
export interface Server {
  readonly now: number
  readonly run: string
  readonly fresh: () => string
}

/** The room, or what is left of it. */
export const find = ({ ended, rooms }: Rooms, name: string, { fresh, now, run }: Server): Room | undefined => {
  const room = rooms.get(name)
  return room === undefined || (ended.get(name) ?? Infinity) <= now ? undefined : renew(room, run, fresh)
}

/** The room, where there is one. */
export const open = (all: Rooms, name: string, server: Server): Room | undefined =>
  all.rooms.get(name)?.exists === undefined ? undefined : find(all, name, server)

/** Where there was one before, its log goes on. */
export const create = (all: Rooms, name: string, listed: number, server: Server): boolean => {
  const known = find(all, name, server)
  if (known?.exists !== undefined) return false
  collect(all, server.now)
  if (known === undefined) {
    const room = makeRoom(listed, server.run, server.fresh(), server.now)
    all.rooms.set(name, { ...room, fenced: all.fences.get(name) ?? room.fenced })
    all.fences.delete(name)
  } else known.exists = listed
  all.ended.delete(name)
  return true
}

/** Of a room that is not there: there may be one again before whoever is taken for dead asks for its place there. */
export const fence = (all: Rooms, name: string, dead: string | undefined, server: Server): void => {
  const known = find(all, name, server)?.fenced
  const fenced = known ?? all.fences.get(name) ?? new Map<string, number>()
  fenceIn(fenced, dead, server.now)
  if (known !== undefined) return
  if (fenced.size === 0) all.fences.delete(name)
  else all.fences.set(name, fenced)
}

/** It was destroyed. */
export const end = (all: Rooms, name: string, now: number): void => {
  collect(all, now)
  all.ended.delete(name)
  all.ended.set(name, now + stayMs)
}

/** What stands under keys of its own on a server, and carries a time to live there; and the index, which may have a server of its own. */
export const evict = (all: Rooms, containing: string): void => {
  if ("{rooms}".includes(containing)) all.index = Index.make()
  for (const [name, room] of all.rooms) {
    if (`${name}:log`.includes(containing)) room.log = []
    if (`${name}:words`.includes(containing)) room.kept = []
  }
}

const collect = ({ ended, rooms }: Rooms, now: number): void => {
  let left = collected
  for (const [name, until] of ended) {
    if (until > now || (left -= 1) < 0) return
    ended.delete(name)
    rooms.delete(name)
  }
}
