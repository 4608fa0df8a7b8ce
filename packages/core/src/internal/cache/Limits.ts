/** What a region, a write and the layer may ask for; everything else is refused before anything is sent (A5, A6). */
import type * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import { BackendError, CapacityExceeded, Closed } from "../../BackendError.ts"
import type { AnyRegion, LockOptions, Options } from "../../Cache.ts"
import { maxCallBytes, maxTags } from "../../CacheStore.ts"
import * as Name from "../../Name.ts"
import { millis } from "../millis.ts"

export const service = "Cache"

/** Reads, writes and changes of one region and process that may wait for the backend, and bytes of those writes. */
export const maxWaiting = 16_384
export const maxWaitingBytes = 16 * maxCallBytes
/** Calls of `withLock` under way, one process: those that hold a lock, wait for one, or cannot yet give one back. */
export const maxLocks = 16_384
/** Regions in use at a time, one process. */
export const maxRegions = 4_096

/** Longer is for ever: 17,000 years. */
const maxLifeMs = 2 ** 49

/** The layer's options, in whole milliseconds. */
export interface Settings {
  readonly leaseMs: number
  readonly maxValueBytes: number
}

export const settings = ({ lease, maxPayloadBytes }: Options): Exit.Exit<Settings, BackendError> => {
  const leaseMs = millis(lease ?? 10_000)
  if (!(leaseMs >= 100 && leaseMs <= 86_400_000)) return misconfigured("layer", "lease", "must be from 100 ms to a day")
  const bytes = maxPayloadBytes ?? maxCallBytes
  return Number.isSafeInteger(bytes) && bytes >= 1 && bytes <= maxCallBytes
    ? Exit.succeed({ leaseMs, maxValueBytes: bytes })
    : misconfigured("layer", "maxPayloadBytes", `must be a whole number from 1 to ${maxCallBytes}`)
}

/** What a definition asks for, in whole milliseconds. */
export interface Plan {
  readonly name: string
  /** Undefined: each value says for itself. */
  readonly lifeMs: number | undefined
  readonly isSliding: boolean
  readonly staleForMs: number
  readonly near: { readonly capacity: number; readonly timeToLiveMs: number } | undefined
}

/** Values of one region that a process may keep. */
export const maxNear = 1_000_000

const sound = new WeakMap<object, Exit.Exit<Plan>>()

/** Fails where the name or an option breaks a rule. Looked at once. */
export const plan = (operation: string, region: AnyRegion): Exit.Exit<Plan, BackendError> => {
  const known = sound.get(region)
  if (known !== undefined) return known
  const { name, "~terms": terms } = region
  const fault = Name.fault(name)
  if (fault !== undefined) return Exit.fail(Name.invalidName(service, operation, "region name", fault))
  const { isSliding, near, staleFor, timeToLive } = terms
  const life = timeToLive === undefined ? Exit.succeed(undefined) : lifeMs(operation, timeToLive)
  if (Exit.isFailure(life)) return Exit.failCause(life.cause)
  const staleForMs = Math.ceil(millis(staleFor ?? 0))
  if (!(staleForMs >= 0 && staleForMs <= maxLifeMs)) {
    return misconfigured(operation, "staleFor", "must be a finite duration, zero or more")
  }
  if (typeof isSliding !== "boolean") return misconfigured(operation, "sliding", "must be true or false")
  if (near !== undefined && !(Number.isSafeInteger(near.capacity) && near.capacity >= 1 && near.capacity <= maxNear)) {
    return misconfigured(operation, "near.capacity", `must be a whole number from 1 to ${maxNear}`)
  }
  const timeToLiveMs = near === undefined ? 0 : millis(near.timeToLive ?? "30 seconds")
  if (!(timeToLiveMs >= 0)) return misconfigured(operation, "near.timeToLive", "must be a duration, zero or more")
  const checked = Exit.succeed({
    name,
    lifeMs: life.value,
    isSliding,
    staleForMs,
    near: near && { capacity: near.capacity, timeToLiveMs }
  })
  sound.set(region, checked)
  return checked
}

/** Whole milliseconds: zero where nothing is to be stored, Infinity for ever (promise C2). */
export const lifeMs = (operation: string, input: Duration.Input): Exit.Exit<number, BackendError> => {
  const ms = millis(input)
  if (Number.isNaN(ms)) return misconfigured(operation, "timeToLive", "must be a duration")
  return Exit.succeed(ms <= 0 ? 0 : ms > maxLifeMs ? Infinity : Math.ceil(ms))
}

/** What is wrong with a key, as it is encoded. */
export const keyFault = (key: string | number): string | undefined =>
  typeof key !== "number" ? Name.fault(key) : Number.isFinite(key) ? undefined : "must be finite"

export const invalidKey = (operation: string, rule: string): BackendError =>
  Name.invalidName(service, operation, "key", rule)

/** One call of `withLock`, in whole milliseconds. */
export interface LockTerms {
  readonly name: string
  readonly timeToLiveMs: number
  readonly waitMs: number
  /** Older than this, a proof of the lock proves nothing: a second before another may hold it (P6). */
  readonly proofMs: number
}

const lockOperation = "withLock"

export const lockTerms = (name: string, options: LockOptions | undefined): Exit.Exit<LockTerms, BackendError> => {
  const fault = Name.fault(name)
  if (fault !== undefined) return Exit.fail(Name.invalidName(service, lockOperation, "lock name", fault))
  const timeToLiveMs = Math.ceil(millis(options?.timeToLive ?? 30_000))
  if (!(timeToLiveMs >= 1_000 && timeToLiveMs <= 86_400_000)) {
    return misconfigured(lockOperation, "timeToLive", "must be from a second to a day")
  }
  const waitMs = Math.ceil(millis(options?.wait ?? 10_000))
  if (!(waitMs >= 0)) return misconfigured(lockOperation, "wait", "must be a duration, zero or more")
  // Two renewals fit in this, also where there is not a whole second to give up.
  return Exit.succeed({ name, timeToLiveMs, waitMs, proofMs: timeToLiveMs - Math.min(1_000, timeToLiveMs / 4) })
}

const noTags = Exit.succeed<ReadonlyArray<string>>([])

/** Each once. */
export const tags = (
  operation: string,
  given: Iterable<string> | undefined,
  most = maxTags
): Exit.Exit<ReadonlyArray<string>, BackendError> => {
  if (given === undefined) return noTags
  const tags = [...new Set(given)]
  if (tags.length > most) return misconfigured(operation, "tags", `must not be more than ${most}`)
  for (const tag of tags) {
    const fault = Name.fault(tag)
    if (fault !== undefined) return Exit.fail(Name.invalidName(service, operation, "tag", fault))
  }
  return Exit.succeed(tags)
}

export const tooManyRegions = new BackendError({
  service,
  operation: "region",
  reason: new CapacityExceeded({ message: `as many regions are in use as may: ${maxRegions}` }),
  outcome: "NotApplied"
})

export const tooManyLocks = new BackendError({
  service,
  operation: lockOperation,
  reason: new CapacityExceeded({ message: `as many locks are held or waited for as may: ${maxLocks}` }),
  outcome: "NotApplied"
})

const closed = (operation: string): BackendError =>
  new BackendError({
    service,
    operation,
    reason: new Closed({ message: "the layer is closed" }),
    outcome: "NotApplied"
  })

export const readsClosed = closed("get")
export const locksClosed = closed(lockOperation)

// -- internals ----------------------------------------------------------------------------------------------------

const misconfigured = (operation: string, field: string, rule: string): Exit.Exit<never, BackendError> =>
  Exit.fail(Name.misconfigured(service, operation, field, rule))
