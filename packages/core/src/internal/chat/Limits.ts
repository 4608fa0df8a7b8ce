/** What a room, a member and a call may ask for; everything else is refused before anything is sent (A5, A6). */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import {
  BackendError,
  CapacityExceeded,
  Closed,
  PayloadTooLarge,
  type Reason,
  TimedOut,
  Unavailable
} from "../../BackendError.ts"
import { type Bookmark, type Keep, maxActionBytes, pageSize } from "../../ChatStore.ts"
import * as Name from "../../Name.ts"
import type { Position } from "../../PubSub.ts"
import type { History } from "../../PubSubStore.ts"
import { weigh } from "../Text.ts"

export const service = "Chat"

export const maxHistory = 100_000
export const maxGraceMs = 3_600_000
/** Of a member's details, bytes of JSON. */
export const maxDetailBytes = 16_384
/** Rooms that one peer has to do with at a time. */
export const maxRooms = 100_000
/** Actions of one room that wait for the store, and their bytes. */
export const maxWaiting = 16_384
export const maxWaitingBytes = 16 * maxActionBytes
/** Leaves of one room that wait to be told, beyond which nobody comes: of a place that was perhaps made, one waits. */
export const maxUntold = 16_384
/** Events that wait for one reader in memory; beyond, it reads the log. */
export const buffer = 4_096
export const maxWaitMs = 3_600_000
/** Words of one poll, where nothing else is said. */
export const defaultLimit = 100

/** Options of a definition, as they were given. */
export interface Given {
  readonly name: string
  readonly history: { readonly size: number; readonly timeToLive: Duration.Input } | undefined
  readonly leaveGrace: Duration.Input | undefined
}

/** How a room is kept, or what is wrong with its definition. */
export const keep = (operation: string, given: Given): Exit.Exit<Keep, BackendError> => {
  const fault = Name.fault(given.name)
  if (fault !== undefined) return Exit.fail(Name.invalidName(service, operation, "room name", fault))
  let history: History | undefined
  if (given.history !== undefined) {
    const { size } = given.history
    if (!Number.isInteger(size) || size < 1 || size > maxHistory) {
      return refuse(operation, "history.size", `must be a whole number from 1 to ${maxHistory}`)
    }
    const timeToLiveMs = ms(given.history.timeToLive)
    if (!(timeToLiveMs >= 1) || timeToLiveMs > Number.MAX_SAFE_INTEGER / 2) {
      return refuse(operation, "history.timeToLive", "must be a finite duration of at least a millisecond")
    }
    history = { size, timeToLiveMs: Math.ceil(timeToLiveMs) }
  }
  const leaveGraceMs = given.leaveGrace === undefined ? 0 : ms(given.leaveGrace)
  if (!(leaveGraceMs >= 0 && leaveGraceMs <= maxGraceMs)) {
    return refuse(operation, "leaveGrace", "must be a duration of at most an hour")
  }
  return Exit.succeed({ history, leaveGraceMs: Math.ceil(leaveGraceMs) })
}

/** What is wrong with the id of a member, or of whoever else speaks. */
export const idFault = (operation: string, field: string, id: unknown): BackendError | undefined => {
  const rule = Name.fault(id)
  return rule === undefined ? undefined : Name.invalidName(service, operation, field, rule)
}

export const detailsFault = (operation: string, details: string): BackendError | undefined =>
  Name.byteLength(details) <= maxDetailBytes
    ? undefined
    : error(operation, new CapacityExceeded({ message: `details of more than ${maxDetailBytes} bytes` }), "NotApplied")

/** What a word weighs, or that it weighs too much. */
export const weighed = (message: string): number | PayloadTooLarge => {
  const bytes = weigh(message)
  return bytes <= maxActionBytes ? bytes : new PayloadTooLarge({ bytes, limit: maxActionBytes })
}

export const positionFault = (operation: string, field: string, position: Position): BackendError | undefined =>
  typeof position.epoch === "string" && Number.isSafeInteger(position.sequence) && position.sequence >= 0
    ? undefined
    : Name.misconfigured(service, operation, field, "must be a position that an event or a word has given")

export const countFault = (operation: string, field: string, count: number | undefined): BackendError | undefined =>
  count === undefined || (Number.isSafeInteger(count) && count >= 0)
    ? undefined
    : Name.misconfigured(service, operation, field, "must be a whole number, zero or more")

/** How many words a poll gives at most. */
export const limit = (limit: number | undefined): Effect.Effect<number, BackendError> =>
  limit === undefined
    ? Effect.succeed(defaultLimit)
    : Number.isSafeInteger(limit) && limit >= 1 && limit <= pageSize
      ? Effect.succeed(limit)
      : refuse("poll", "limit", `must be a whole number from 1 to ${pageSize}`)

/** How long a poll waits, in ms. */
export const wait = (wait: Duration.Input | undefined): Effect.Effect<number, BackendError> => {
  const waitMs = wait === undefined ? 0 : ms(wait)
  return waitMs >= 0 && waitMs <= maxWaitMs
    ? Effect.succeed(waitMs)
    : refuse("poll", "wait", "must be a duration of at most an hour")
}

export const cursorOf = ({ epoch, number, sequence }: Bookmark): string => `${epoch}:${sequence}:${number}`

const cursors = /^([\w.-]{1,200}):(\d{1,15}):(\d{1,15})$/

export const bookmarkOf = (cursor: string): Exit.Exit<Bookmark, BackendError> => {
  const [, epoch, sequence, number] = (typeof cursor === "string" && cursors.exec(cursor)) || []
  return epoch === undefined
    ? refuse("poll", "after", "must be a cursor that a poll has given")
    : Exit.succeed({ epoch, sequence: Number(sequence), number: Number(number) })
}

export const error = (operation: string, reason: Reason, outcome: BackendError["outcome"]): BackendError =>
  new BackendError({ service, operation, reason, outcome })

export const closed = (operation: string): BackendError =>
  error(operation, new Closed({ message: "the layer is closed" }), "NotApplied")

/** What takes many steps has not come to its end in the time of all of them (promise A1). */
export const tooLate = (operation: string): BackendError =>
  error(operation, new TimedOut({ message: "the store has not answered in time" }), "NotApplied")

/** This peer was declared gone, and has not come back under another id yet. */
export const isGone = (operation: string): BackendError =>
  error(operation, new Unavailable({ message: "this peer was declared gone, and is joining anew" }), "NotApplied")

export const tooManyRooms = (operation: string): BackendError =>
  error(
    operation,
    new CapacityExceeded({ message: `this peer has to do with as many rooms as it may: ${maxRooms}` }),
    "NotApplied"
  )

/** Nothing more is taken in. */
export const isFull = ({ reason }: BackendError): boolean => reason._tag === "CapacityExceeded"

export const tooManyUntold = (operation: string): BackendError =>
  error(
    operation,
    new CapacityExceeded({ message: `as many leaves of the room wait for the store as may: ${maxUntold}` }),
    "NotApplied"
  )

// -- internals ----------------------------------------------------------------------------------------------------

const ms = (input: Duration.Input): number =>
  Option.match(Duration.fromInput(input), { onNone: () => Number.NaN, onSome: Duration.toMillis })

const refuse = (operation: string, field: string, rule: string): Exit.Exit<never, BackendError> =>
  Exit.fail(Name.misconfigured(service, operation, field, rule))
