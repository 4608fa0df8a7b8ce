/** What a definition and a poll may ask for; everything else is refused before anything is sent (A5, A6). */
import * as Exit from "effect/Exit"
import { BackendError, CapacityExceeded, Closed } from "../../BackendError.ts"
import type { AnyBox, PollOptions } from "../../Mailbox.ts"
import { type Bounds, maxLetters, type Place } from "../../MailboxStore.ts"
import * as Name from "../../Name.ts"
import { millis } from "../millis.ts"

export const service = "Mailbox"

export const defaultCapacity = 500
export const maxCapacity = 100_000
export const defaultLimit = 100
export const maxWaitMs = 3_600_000
/** Polls of one process that wait. */
export const maxWaiting = 10_000
/** A push may get lost: whoever waits asks this often all the same. */
export const askAgainMs = 5_000
/** And this often while the store does not answer. */
export const tryAgainMs = 1_000

/** Longer is for ever: 17,000 years. */
const maxLifeMs = 2 ** 49

const sound = new WeakMap<object, Exit.Exit<Bounds>>()

/** Fails where the name or an option breaks a rule. Looked at once. */
export const bounds = (operation: string, box: AnyBox): Exit.Exit<Bounds, BackendError> => {
  const known = sound.get(box)
  if (known !== undefined) return known
  const { name, "~terms": terms } = box
  const fault = Name.fault(name)
  if (fault !== undefined) return Exit.fail(Name.invalidName(service, operation, "box name", fault))
  const timeToLiveMs = Math.ceil(millis(terms.timeToLive))
  if (!(timeToLiveMs >= 1 && timeToLiveMs <= maxLifeMs)) {
    return misconfigured(operation, "timeToLive", "must be a finite duration of 1 ms or more")
  }
  if (!isWhole(terms.capacity, maxCapacity)) {
    return misconfigured(operation, "capacity", `must be a whole number from 1 to ${maxCapacity}`)
  }
  const checked = Exit.succeed({ timeToLiveMs, capacity: terms.capacity })
  sound.set(box, checked)
  return checked
}

/** What is wrong with a client's name. */
export const clientFault = (operation: string, client: string): BackendError | undefined => {
  const rule = Name.fault(client)
  return rule === undefined ? undefined : Name.invalidName(service, operation, "client", rule)
}

/** One poll. */
export interface Question {
  readonly after: Place | undefined
  readonly limit: number
  readonly waitMs: number
}

const simple: Question = { after: undefined, limit: defaultLimit, waitMs: 0 }

export const question = (options: PollOptions | undefined): Exit.Exit<Question, BackendError> => {
  if (options === undefined) return Exit.succeed(simple)
  const { after, limit = defaultLimit, wait } = options
  if (!isWhole(limit, maxLetters)) {
    return misconfigured("poll", "limit", `must be a whole number from 1 to ${maxLetters}`)
  }
  const waitMs = wait === undefined ? 0 : Math.ceil(millis(wait))
  if (!(waitMs >= 0 && waitMs <= maxWaitMs)) return misconfigured("poll", "wait", "must be from nothing to an hour")
  const place = after === undefined ? undefined : placeOf(after)
  return after !== undefined && place === undefined
    ? misconfigured("poll", "after", "must be a cursor that a poll has given")
    : Exit.succeed({ after: place, limit, waitMs })
}

/** A cursor, and what it says. */
export const cursorOf = (epoch: string, number: number): string => `${epoch}:${number}`

const closed = new Closed({ message: "the layer is closed" })
export const layerClosed = (operation: string): BackendError =>
  new BackendError({ service, operation, reason: closed, outcome: "NotApplied" })

export const tooManyWait = new BackendError({
  service,
  operation: "poll",
  reason: new CapacityExceeded({ message: `as many polls wait as may: ${maxWaiting}` }),
  outcome: "NotApplied"
})

// -- internals ----------------------------------------------------------------------------------------------------

const cursor = /^([A-Za-z0-9.-]{1,64}):(0|[1-9][0-9]{0,15})$/

const placeOf = (text: unknown): Place | undefined => {
  const [, epoch, digits] = typeof text === "string" ? (cursor.exec(text) ?? []) : []
  const number = Number(digits)
  return epoch !== undefined && Number.isSafeInteger(number) ? { epoch, number } : undefined
}

const isWhole = (number: number, most: number): boolean => Number.isSafeInteger(number) && number >= 1 && number <= most

const misconfigured = (operation: string, field: string, rule: string): Exit.Exit<never, BackendError> =>
  Exit.fail(Name.misconfigured(service, operation, field, rule))
