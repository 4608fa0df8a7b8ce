/** What is done to a room that exists: who comes, goes and speaks, each step as if it were alone. */
import {
  type Action,
  type Acted,
  type Asking,
  type Holders,
  type Keep,
  type Look,
  type Origin,
  type Outcome,
  pageSize,
  type Seat,
  type Seats,
  type Swept,
  sweepPage,
  written
} from "@troupe/core/ChatStore"
import { append, fence, type Member, type Room, say, type Turn } from "./Room.ts"

/** Those that one step lets go. */
const lettingGo = 256

/** Whose `Left` was held back until now: the first thing of a step. */
export const letGo = (turn: Turn): void => {
  const { now, room } = turn
  const over = [...room.leaving].filter(([, { due }]) => due <= now)
  over.sort(([a, one], [b, other]) => one.due - other.due || (a < b ? -1 : 1))
  for (const [id, { reason }] of over.slice(0, lettingGo)) end(turn, id, reason)
}

export const act = (turn: Turn, keep: Keep, by: Asking, actions: ReadonlyArray<Action>): Acted => {
  letGo(turn)
  const outcomes = actions.map((action) => done(turn, keep, by, action))
  return { outcomes, origin: originOf(turn), dueInMs: dueInMs(turn) }
}

/** Ends all memberships, and the room's life: what is left is its log, and who is fenced. */
export const destroy = (turn: Turn): number | undefined => {
  letGo(turn)
  const { room } = turn
  const { exists } = room
  const { at, sequence } = append(turn, written.destroyed)
  room.exists = undefined
  room.since = sequence
  room.sinceAt = at
  room.kept = []
  room.keys = new Map()
  room.members = new Map()
  room.of = new Map()
  room.leaving = new Map()
  return exists
}

export const look = (turn: Turn): Look => {
  letGo(turn)
  const { epoch, members, sequence } = turn.room
  return { members: members.size, epoch, sequence }
}

/** The cursor is the coming of the last one given: whoever takes a place over keeps its. */
export const seats = (turn: Turn, cursor: string): Seats => {
  const head = look(turn)
  const { members } = turn.room
  const after = Number(cursor)
  const page: Array<Seat> = []
  for (const { coming, details, id, joinedAt, peer } of members.values()) {
    if (coming <= after) continue
    if (page.length === pageSize) return { ...head, seats: page, cursor: `${members.get(page.at(-1)!.id)!.coming}` }
    page.push({ id, peer, joinedAt, details })
  }
  return { ...head, seats: page, cursor: "" }
}

export const sweep = (turn: Turn, dead: string | undefined): Swept => {
  const { now, room } = turn
  letGo(turn)
  fence(room.fenced, dead, now)
  if (dead === undefined) return { left: 0, origin: originOf(turn), dueInMs: dueInMs(turn) }
  for (const id of [...(room.of.get(dead) ?? [])].slice(0, sweepPage)) leave(turn, id, "C", room.graceMs)
  return { left: room.of.get(dead)?.size ?? 0, origin: originOf(turn), dueInMs: dueInMs(turn) }
}

/** The cursor is the coming of the last place given. */
export const holders = (turn: Turn, by: Asking, cursor: string): Holders => {
  letGo(turn)
  const { members, of } = turn.room
  const after = Number(cursor)
  const behind = [...(of.get(by.id) ?? [])]
    .flatMap((id) => members.get(id) ?? [])
    .filter(({ coming }) => coming > after)
    .sort((one, other) => one.coming - other.coming)
  const page = behind.slice(0, pageSize)
  return {
    origin: originOf(turn),
    peers: cursor === "" ? [...of.keys()].slice(0, mostPeers) : [],
    places: page.flatMap(({ id, ref }) => (ref === undefined ? [] : { id, ref })),
    cursor: page.length < behind.length ? `${page.at(-1)!.coming}` : "",
    dueInMs: dueInMs(turn)
  }
}

// -- internals ----------------------------------------------------------------------------------------------------

const mostPeers = 10_000

const originOf = ({ room: { epoch, run } }: Turn): Origin => ({ epoch, server: run })

const notMember: Outcome = { _tag: "NotMember" }
const noted: Outcome = { _tag: "Done" }

const done = (turn: Turn, keep: Keep, by: Asking, action: Action): Outcome => {
  const { at, room } = turn
  switch (action._tag) {
    case "Join": {
      if (room.fenced.has(by.id)) return { _tag: "Gone" }
      const known = room.members.get(action.id)
      if (known?.ref === action.ref) return { _tag: "Joined", joinedAt: known.joinedAt }
      if (known?.ref !== undefined && known.peerId !== action.over) {
        return { _tag: "Taken", peer: known.peerId, name: known.peer }
      }
      room.graceMs = keep.leaveGraceMs
      const { details, id, ref } = action
      const coming = known?.coming ?? (room.comings += 1)
      const member = { id, ref, details, peer: by.name, peerId: by.id, joinedAt: known?.joinedAt ?? at, coming }
      close(room, id)
      room.leaving.delete(id)
      room.members.set(id, member)
      const ids = room.of.get(by.id)
      if (ids === undefined) room.of.set(by.id, new Set([id]))
      else ids.add(id)
      append(turn, known === undefined ? written.joined(member) : written.updated(member))
      return { _tag: "Joined", joinedAt: member.joinedAt }
    }
    case "Update": {
      const known = speaker(room, action.id, action.ref)
      if (known === undefined) return notMember
      const member = { ...known, details: action.details }
      room.members.set(action.id, member)
      append(turn, written.updated(member))
      return noted
    }
    case "Leave":
      if (room.members.get(action.id)?.ref === action.ref) leave(turn, action.id, "L", keep.leaveGraceMs)
      return noted
    case "Remove":
      if (!room.members.has(action.id)) return notMember
      end(turn, action.id, "R")
      return noted
    case "Say": {
      const { dedupeKey, from, payload, ref } = action
      if (ref !== undefined && speaker(room, from, ref) === undefined) return notMember
      const { epoch, sequence } = say(turn, keep.history, from, payload, dedupeKey)
      return { _tag: "Said", epoch, sequence }
    }
  }
}

/** Who has this membership, of a peer that is not fenced. */
const speaker = (room: Room, id: string, ref: string): Member | undefined => {
  const member = room.members.get(id)
  return member?.ref === ref && !room.fenced.has(member.peerId) ? member : undefined
}

/** Ends an open membership: at once, or once its `Left` is due. */
const leave = (turn: Turn, id: string, reason: "L" | "C", graceMs: number): void => {
  const { now, room } = turn
  const member = room.members.get(id)
  if (graceMs <= 0 || member === undefined) return end(turn, id, reason)
  close(room, id)
  room.members.set(id, { ...member, ref: undefined })
  room.leaving.set(id, { due: now + graceMs, reason })
}

/** Takes a member out, and says so. */
const end = (turn: Turn, id: string, reason: "L" | "C" | "R"): void => {
  const { room } = turn
  const member = room.members.get(id)
  if (member === undefined) return
  close(room, id)
  room.leaving.delete(id)
  room.members.delete(id)
  append(turn, written.left(reason, member))
}

/** Its peer has one membership less here. */
const close = (room: Room, id: string): void => {
  const peer = room.members.get(id)?.peerId
  const ids = peer === undefined ? undefined : room.of.get(peer)
  if (peer === undefined || ids === undefined) return
  ids.delete(id)
  if (ids.size === 0) room.of.delete(peer)
}

const dueInMs = ({ now, room }: Turn): number | undefined => {
  let next: number | undefined
  for (const { due } of room.leaving.values()) next = next === undefined ? due : Math.min(next, due)
  return next === undefined ? undefined : Math.max(0, next - now)
}
