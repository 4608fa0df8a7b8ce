/** What a definition, an enqueue, a worker and the layer may ask for; everything else is refused before anything is sent (A5, A6). */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Schedule from "effect/Schedule"
import { BackendError, CapacityExceeded, Closed } from "../../BackendError.ts"
import * as Name from "../../Name.ts"
import type { AnyTask, EnqueueOptions, Options, WorkerOptions } from "../../TaskQueue.ts"
import { type Entry, type Lane, type Letters, levelLane, maxBatchBytes, peerLane } from "../../TaskQueueStore.ts"
import * as Retry from "./Retry.ts"
import type { Fault } from "./Shape.ts"

export const service = "TaskQueue"

export const maxLevels = 16
export const maxAttempts = 10_000
export const maxConcurrency = 10_000
export const maxPrefetch = 10_000
/** Bytes of an error's text, of an answer, of a progress. */
export const maxErrorBytes = 4_096
export const maxAnswerBytes = maxBatchBytes
export const maxProgressBytes = 16_384

/** The layer's options, in whole milliseconds. */
export interface Settings {
  readonly leaseMs: number
  /** Older than this a proof of the lease proves nothing: a second before another may begin (P6). */
  readonly provenMs: number
  readonly heartbeatMs: number
  readonly graceMs: number
  readonly maxLength: number
  readonly maxPayloadBytes: number
  readonly letters: Letters
}

export const settings = (options: Options): Exit.Exit<Settings, BackendError> => {
  const rules = new Rules("layer")
  const leaseMs = rules.duration("lease", options.lease ?? 15_000)
  const heartbeatMs = rules.duration("heartbeat", options.heartbeat ?? 5_000)
  const graceMs = rules.duration("shutdownGrace", options.shutdownGrace ?? 10_000, 0)
  const maxLength = rules.whole("maxLength", options.maxLength ?? 1_000_000, 1, Number.MAX_SAFE_INTEGER)
  const maxPayloadBytes = rules.whole("maxPayloadBytes", options.maxPayloadBytes ?? 262_144, 1, maxBatchBytes)
  const capacity = rules.whole("deadLetters.capacity", options.deadLetters?.capacity ?? 10_000, 1, 10_000_000)
  const timeToLiveMs = rules.duration("deadLetters.timeToLive", options.deadLetters?.timeToLive ?? 14 * 86_400_000)
  rules.check(heartbeatMs * 3 <= leaseMs, "lease", "must be at least three heartbeats")
  return rules.exit({
    leaseMs,
    provenMs: leaseMs - Math.min(1_000, leaseMs / 4),
    heartbeatMs,
    graceMs,
    maxLength,
    maxPayloadBytes,
    letters: { capacity, timeToLiveMs }
  })
}

/** What a definition asks for, in whole milliseconds. */
export interface Plan {
  readonly name: string
  /** A level's lane; of undefined the one that is served after all levels. */
  readonly laneOf: ReadonlyMap<string | undefined, Lane>
  /** In the order they are served. */
  readonly lanes: ReadonlyArray<Lane>
  readonly maxAttempts: number
  readonly retry: Schedule.Schedule<unknown, number>
  readonly timeoutMs: number | undefined
  /** How long an answer is kept: of every task, and of one that was executed. */
  readonly keepMs: number
  readonly keepExecutedMs: number
  readonly windowMs: number
  readonly places: number
  readonly rate: { readonly limit: number; readonly windowMs: number } | undefined
}

/** What a definition says, without its types. */
export interface Terms {
  /** What is wrong with it already, and then nothing else of it is here. */
  readonly fault: Fault | undefined
  readonly keepResult?: Duration.Input | undefined
  readonly hasAnswer: boolean
  readonly maxAttempts?: number | undefined
  readonly retry?: Schedule.Schedule<unknown, number> | undefined
  readonly timeout?: Duration.Input | undefined
  readonly window?: Duration.Input | undefined
  readonly hasPlaces: boolean
  readonly places?: number | undefined
  readonly rateLimit?: { readonly limit: number; readonly window: Duration.Input } | undefined
}

const sound = new WeakMap<object, Exit.Exit<Plan>>()

/** Fails where the name or an option breaks a rule. Looked at once. */
export const plan = (operation: string, task: AnyTask): Exit.Exit<Plan, BackendError> => {
  const known = sound.get(task)
  if (known !== undefined) return known
  const { levels, name, "~terms": terms } = task
  const rules = new Rules(operation)
  rules.name("task name", name)
  if (terms.fault !== undefined) rules.check(false, ...terms.fault)
  for (const level of levels) rules.name("level", level)
  rules.check(levels.length <= maxLevels, "levels", `must not be more than ${maxLevels}`)
  rules.check(new Set(levels).size === levels.length, "levels", "must differ from one another")
  // What is no name has no lane.
  const named = rules.exit(undefined)
  if (Exit.isFailure(named)) return Exit.failCause(named.cause)
  const keepMs = rules.duration("keepResult", terms.keepResult ?? 3_600_000, 0)
  const laneOf = new Map<string | undefined, Lane>(levels.map((level) => [level, levelLane(level)]))
  laneOf.set(undefined, levelLane(undefined))
  const exit = rules.exit<Plan>({
    name,
    laneOf,
    lanes: [...laneOf.values()],
    maxAttempts: rules.whole("maxAttempts", terms.maxAttempts ?? 5, 1, maxAttempts),
    retry: terms.retry ?? Retry.standard,
    timeoutMs: terms.timeout === undefined ? undefined : rules.duration("timeout", terms.timeout),
    keepMs: terms.hasAnswer ? keepMs : 0,
    keepExecutedMs: keepMs,
    windowMs: terms.window === undefined ? 0 : rules.duration("unique.window", terms.window, 0),
    places: terms.hasPlaces ? rules.whole("concurrency.limit", terms.places ?? 1, 1, 1_000_000) : 0,
    rate: terms.rateLimit && {
      limit: rules.whole("rateLimit.limit", terms.rateLimit.limit, 1, 1_000_000),
      windowMs: rules.duration("rateLimit.window", terms.rateLimit.window)
    }
  })
  if (Exit.isFailure(exit)) return exit
  const checked = Exit.succeed(exit.value)
  sound.set(task, checked)
  return checked
}

/** Where and when an enqueued task stands. */
export const place = (
  operation: string,
  plan: Plan,
  options: EnqueueOptions<string> | undefined
): Exit.Exit<Pick<Entry, "lane" | "due" | "id">, BackendError> => {
  if (options === undefined) return anywhere
  const { at, delay, id, level, peer } = options
  const rules = new Rules(operation)
  if (id !== undefined) rules.name("id", id)
  if (peer !== undefined) rules.name("peer", peer)
  const lane = plan.laneOf.get(level)
  rules.check(lane !== undefined, "level", "must be one of the task's levels")
  rules.check(peer === undefined || level === undefined, "level", "cannot be given together with a peer")
  rules.check(delay === undefined || at === undefined, "at", "cannot be given together with a delay")
  const due =
    delay !== undefined
      ? { inMs: rules.duration("delay", delay, 0) }
      : at !== undefined
        ? { at: rules.time("at", at) }
        : undefined
  return rules.exit({ lane: peer === undefined ? (lane ?? "l") : peerLane(peer), due, id })
}

const anywhere = Exit.succeed({ lane: levelLane(undefined), due: undefined, id: undefined })

export const worker = (
  options: WorkerOptions
): Exit.Exit<{ readonly concurrency: number; readonly prefetch: number | undefined }, BackendError> => {
  const rules = new Rules("work")
  return rules.exit({
    concurrency: rules.whole("concurrency", options.concurrency ?? 10, 1, maxConcurrency),
    prefetch: options.prefetch === undefined ? undefined : rules.whole("prefetch", options.prefetch, 0, maxPrefetch)
  })
}

export const key = (operation: string, field: string, key: string): BackendError | undefined => {
  const rule = Name.fault(key)
  return rule === undefined ? undefined : Name.invalidName(service, operation, field, rule)
}

export const isKeepable = (answer: string): boolean =>
  answer.length * 3 <= maxAnswerBytes || Name.byteLength(answer) <= maxAnswerBytes

/** No more than so many bytes of it. */
export const cut = (text: string, bytes = maxErrorBytes): string => {
  const whole = text.toWellFormed()
  return Name.byteLength(whole) <= bytes ? whole : `${whole.slice(0, Math.floor(bytes / 3) - 1).toWellFormed()}…`
}

export const closed = (operation: string): BackendError =>
  new BackendError({
    service,
    operation,
    reason: new Closed({ message: "the layer is closed" }),
    outcome: "NotApplied"
  })

export const tooMuch = (operation: string, message: string): BackendError =>
  new BackendError({ service, operation, reason: new CapacityExceeded({ message }), outcome: "NotApplied" })

/** Collects the first rule that is broken. */
export class Rules {
  private fault: BackendError | undefined
  private readonly operation: string

  constructor(operation: string) {
    this.operation = operation
  }

  check(holds: boolean, field: string, rule: string): void {
    if (!holds) this.fault ??= Name.misconfigured(service, this.operation, field, rule)
  }

  name(field: string, name: string): void {
    const rule = Name.fault(name)
    if (rule !== undefined) this.fault ??= Name.invalidName(service, this.operation, field, rule)
  }

  whole(field: string, value: number, least: number, most: number): number {
    this.check(
      Number.isSafeInteger(value) && value >= least && value <= most,
      field,
      most === Number.MAX_SAFE_INTEGER
        ? `must be a whole number, ${least} or more`
        : `must be a whole number from ${least} to ${most}`
    )
    return value
  }

  duration(field: string, input: Duration.Input, leastMs = 1): number {
    // It would be no time at all.
    const given = Number.isNaN(input) ? Option.none() : Duration.fromInput(input)
    const ms = Option.match(given, { onNone: () => Number.NaN, onSome: Duration.toMillis })
    const rule = leastMs === 0 ? "must be a finite duration" : "must be a finite duration of at least a millisecond"
    this.check(ms >= leastMs && ms <= Number.MAX_SAFE_INTEGER / 4_096, field, rule)
    return Math.ceil(ms)
  }

  time(field: string, time: DateTime.DateTime): number {
    const ms = DateTime.isDateTime(time) ? DateTime.toEpochMillis(time) : Number.NaN
    this.check(Number.isFinite(ms), field, "must be a point in time")
    return Math.max(0, Math.ceil(ms))
  }

  exit<A>(value: A): Exit.Exit<A, BackendError> {
    return this.fault === undefined ? Exit.succeed(value) : Exit.fail(this.fault)
  }
}
