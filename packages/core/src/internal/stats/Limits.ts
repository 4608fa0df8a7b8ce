/** What a call may ask for, and how much may wait; everything else is refused before anything is sent (A5, A6). */
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { BackendError, Closed, TimedOut } from "../../BackendError.ts"
import * as Name from "../../Name.ts"
import { type Resolution, resolutions } from "../../StatsStore.ts"

export const service = "Stats"

/** Names whose sums wait for the store, and names whose gauges are kept, one process each. */
export const maxNames = 10_000
/** Minutes of series that wait for the store. */
export const maxMinutes = 60
/** From what is new to its flush. */
export const paceMs = 1_000
/** A peer that says nothing for so long is not live any more. */
export const keepMs = 30_000
/** A live peer that has nothing to say says so. */
export const renewMs = 10_000
/** What closing a layer waits for the store. */
export const closingMs = 500

/** The sums that are exact. */
const most = Number.MAX_SAFE_INTEGER
export const bounded = (sum: number): number => (sum > most ? most : sum < -most ? -most : sum)

/** What is wrong with a name. */
export const nameFault = (operation: string, name: string): BackendError | undefined => {
  const rule = Name.fault(name)
  return rule === undefined ? undefined : Name.invalidName(service, operation, "name", rule)
}

export const notWhole = Name.misconfigured(service, "increment", "by", "must be a whole number of at most 2^53 - 1")
export const notFinite = Name.misconfigured(service, "gauge", "value", "must be a finite number")

/** How many buckets that is, the present one among them. */
export const buckets = (last: Duration.Input, resolution: Resolution): Exit.Exit<number, BackendError> => {
  const known = Object.hasOwn(resolutions, resolution) ? resolutions[resolution] : undefined
  if (known === undefined) return misconfigured("resolution", `must be one of ${Object.keys(resolutions).join(", ")}`)
  const ms = Option.match(Duration.fromInput(last), { onNone: () => Number.NaN, onSome: Duration.toMillis })
  const count = Math.ceil(ms / known.spanMs)
  return count >= 1 && count <= known.kept
    ? Exit.succeed(count)
    : misconfigured("last", `must be more than nothing and at most ${known.kept} times ${resolution}`)
}

/** The interval of a bridge, in ms. */
export const every = (input: Duration.Input): Exit.Exit<number, BackendError> => {
  const ms = Option.match(Duration.fromInput(input), { onNone: () => Number.NaN, onSome: Duration.toMillis })
  return ms >= 1 && ms < Number.POSITIVE_INFINITY
    ? Exit.succeed(ms)
    : Exit.fail(Name.misconfigured(service, "layerMetrics", "every", "must be a finite duration of 1 ms or more"))
}

const layerClosed = new Closed({ message: "the layer is closed" })
export const closed = (operation: string, outcome: BackendError["outcome"]): BackendError =>
  new BackendError({ service, operation, reason: layerClosed, outcome })

export const tooLate = (operation: string, ms: number): BackendError =>
  new BackendError({
    service,
    operation,
    reason: new TimedOut({ message: `no answer within ${ms} ms` }),
    outcome: "Unknown"
  })

/** Of a flush that failed: what waits is flushed later, so nobody can be told that it never will be (promise A2). */
export const undecided = (error: BackendError): BackendError =>
  new BackendError({ service, operation: "flush", reason: error.reason, outcome: "Unknown" })

// -- internals ----------------------------------------------------------------------------------------------------

const misconfigured = (field: string, rule: string): Exit.Exit<never, BackendError> =>
  Exit.fail(Name.misconfigured(service, "series", field, rule))
