/**
 * A schedule as one peer runs it. Every peer tries at every slot, and the backend has one of them enqueue: nobody leads,
 * so nobody has to be found dead. Whether a slot has come the backend's clock says; this peer's only measures how long
 * to sleep until then (promise T14).
 *
 * A definition counts from its start on until a later start of another one. The backend is told of that start when it
 * happens, and of the same start again where it forgot: so it is the last one started that counts, in a rolling deploy,
 * after lost data and after a failover to what was known before.
 */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import type * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { BackendError } from "../../BackendError.ts"
import type { ScheduleOptions } from "../../TaskQueue.ts"
import type { Entry, Fired, Service as Store } from "../../TaskQueueStore.ts"
import { monotonicMs } from "../monotonic.ts"
import { pause } from "../Pause.ts"
import * as Calendar from "./Calendar.ts"
import { Rules } from "./Limits.ts"

/** Nobody sleeps longer without a look: the backend's clock may step, and what it knows may be lost. */
const maxSleepMs = 3_600_000

export interface Terms {
  readonly id: string
  readonly calendar: Calendar.Calendar
  readonly skips: boolean
}

export const terms = <A, L extends string>(
  options: ScheduleOptions<A, L>,
  now: number
): Exit.Exit<Terms, BackendError> => {
  const rules = new Rules("schedule")
  const { id, overlap = "allow" } = options
  rules.name("id", id)
  rules.check(overlap === "skip" || overlap === "allow", "overlap", 'must be "skip" or "allow"')
  return rules.exit({ id, calendar: Calendar.make(options, rules, now), skips: overlap === "skip" })
}

/** What a slot's task is given: the same for all, or made for each. It may be left out only where `A` has undefined. */
export const payloadOf = <A, L extends string>(options: ScheduleOptions<A, L>) =>
  options.payload as A | ((slot: DateTime.Utc) => A)

export const isMade = <A>(payload: A | ((slot: DateTime.Utc) => A)): payload is (slot: DateTime.Utc) => A =>
  typeof payload === "function"

export interface Options extends Terms {
  readonly store: Store
  readonly queue: string
  /** Texts: equal where two definitions are, but for their calendars. */
  readonly rest: ReadonlyArray<string>
  readonly maxLength: number
  readonly entry: (slot: number) => Effect.Effect<Entry, unknown>
  readonly clock: Clock.Clock
  readonly onEnqueued: (tasks: number) => void
}

export class Timetable {
  private readonly options: Options
  private readonly fingerprint: string
  private since: number | undefined
  /** What the backend has answered last: its time, the last slot; and when that was, on the monotonic clock, in ms. */
  private now = 0
  private last: number | undefined
  private at = 0
  /** The last slot that this peer has nothing to do with any more, whatever the backend says. */
  private passed = 0
  private isDue = true
  /** Another definition counted when it last asked. It does not ask whether that was forgotten, nor is it the first to say so. */
  private isReplaced = false
  private failures = 0
  private isLogged = false

  constructor(options: Options) {
    this.options = options
    const { calendar, rest, skips } = options
    this.fingerprint = `${hash(calendar.text)}.${hash(JSON.stringify([skips, ...rest]))}`
  }

  /** Tells the backend of it, if that can be reached. */
  readonly begin: Effect.Effect<void> = Effect.suspend(() => this.enrol)

  readonly run: Effect.Effect<never> = Effect.suspend(() => Effect.forever(this.turn))

  private readonly turn: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    if (this.failures > 0) yield* pause(this.failures, 25)
    if (this.isDue || this.last === undefined) return yield* this.enrol
    const { calendar } = this.options
    const now = this.now + this.elapsed - this.at
    const last = Math.max(this.last, this.passed)
    const missed = Calendar.last(calendar, last, now)
    if (missed !== undefined) return yield* this.fire(missed)
    const waitMs = Math.ceil((calendar.next(Math.max(last, now)) ?? Number.POSITIVE_INFINITY) - now)
    // A backend that cannot be lost is this process's own.
    const mostMs = this.options.store.immortal ? Number.POSITIVE_INFINITY : maxSleepMs
    this.isDue = waitMs > mostMs && !this.isReplaced
    yield* Effect.sleep(Duration.millis(Math.min(waitMs, mostMs)))
  })

  private readonly enrol: Effect.Effect<void> = Effect.suspend(() => {
    const { id, queue, store } = this.options
    const { fingerprint, last, since } = this
    return this.told(store.enrol(queue, { id, fingerprint, since, last }), (answer) => {
      this.since = answer.since
      this.isDue = false
      this.learn(answer)
    })
  })

  private fire(slot: number): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const { id, maxLength, queue, skips, store } = this.options
      const entry = yield* Effect.exit(this.options.entry(slot))
      if (Exit.isFailure(entry)) {
        this.passed = slot
        return yield* this.unmade(entry.cause)
      }
      const { fingerprint, since = 0 } = this
      const firing = { id, fingerprint, since, slot, skips, maxLength, entry: entry.value }
      let isFull = false
      yield* this.told(store.fire(queue, firing), (answer) => {
        this.learn(answer)
        if (answer.outcome === "Fired") this.options.onEnqueued(1)
        if (answer.outcome === "Replaced" || this.isReplaced) this.passed = slot
        if (answer.outcome === "Unknown") this.isDue = !this.isReplaced
        this.isReplaced = answer.outcome === "Replaced"
        isFull = answer.outcome === "Full"
      })
      if (isFull) yield* Effect.logWarning(`${this.title} has skipped a slot: ${maxLength} tasks wait`)
    })
  }

  private learn({ last, now, outcome }: Pick<Fired, "now" | "last"> & Partial<Fired>): void {
    this.now = now
    this.at = this.elapsed
    // Of what is unknown nothing is told: then this peer's word counts.
    if (outcome !== "Unknown") this.last = last
    // The backend's clock went back: what is to come has not passed.
    if (this.passed > now) this.passed = 0
  }

  private told<A>(call: Effect.Effect<A, BackendError>, then: (answer: A) => void): Effect.Effect<void> {
    return Effect.matchCauseEffect(call, {
      onSuccess: (answer) =>
        Effect.sync(() => {
          this.failures = 0
          this.isLogged = false
          then(answer)
        }),
      onFailure: (cause) => {
        this.failures++
        const error = Option.getOrUndefined(Cause.findErrorOption(cause))
        if (this.isLogged || error?.isRetryable === true || error?.reason._tag === "Closed") return Effect.void
        this.isLogged = true
        return Effect.logError(`${this.title} cannot go on`, cause)
      }
    })
  }

  private unmade(cause: Cause.Cause<unknown>): Effect.Effect<void> {
    if (this.isLogged) return Effect.void
    this.isLogged = true
    const said = `${this.title} has no task for a slot`
    // A schema's own words name values (promise A9).
    return Schema.isSchemaError(Option.getOrUndefined(Cause.findErrorOption(cause)))
      ? Effect.logError(`${said}: its payload does not fit the schema`)
      : Effect.logError(said, cause)
  }

  private get title(): string {
    return `Schedule ${JSON.stringify(this.options.id)} of ${JSON.stringify(this.options.queue)}`
  }

  private get elapsed(): number {
    return monotonicMs(this.options.clock)
  }
}

/** 53 bits of a text (cyrb53), the same in every version. */
const hash = (text: string): string => {
  let high = 0xdeadbeef
  let low = 0x41c6ce57
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    high = Math.imul(high ^ code, 2654435761)
    low = Math.imul(low ^ code, 1597334677)
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909)
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909)
  return (4294967296 * (2097151 & low) + (high >>> 0)).toString(36)
}
