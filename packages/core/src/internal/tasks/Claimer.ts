/**
 * One `work`: a loop that settles what has ended and claims what there are places for, in one call at a time.
 *
 * A call that lost its answer is made again, the same, until it is answered: so this process always knows what it holds.
 * What proves that it still holds it is the moment at which the last acknowledged call was sent, on the monotonic clock;
 * when that is older than the lease allows, everything is interrupted and goes back (promises T2, P5, P6).
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import type { BackendError } from "../../BackendError.ts"
import {
  type Beat,
  type Beaten,
  type Claimed,
  type Claimer as Name,
  type Lane,
  maxBatchEntries,
  type Service as Store,
  type Settlement,
  type Step,
  type Stepped
} from "../../TaskQueueStore.ts"
import { Signal } from "../Signal.ts"
import type { Plan, Settings } from "./Limits.ts"

/** What is run, as far as a claimer is concerned. */
export interface Crew {
  readonly size: number
  readonly suspects: number
  readonly start: (claim: Claimed) => void
  readonly stop: (number: number, stop: "Release" | "Lost") => void
  readonly stopUntil: (fence: number, stop: "Release" | "Lost") => void
}

/** Told of what an operator counts. */
export interface Meter {
  readonly settled: (what: Settlement["_tag"] | "Lost" | "Cancelled") => void
}

export interface Options {
  readonly store: Store
  readonly name: Name
  readonly plan: Plan
  readonly settings: Settings
  /** A peer's own lane comes last (promise T5). */
  readonly lanes: ReadonlyArray<Lane>
  readonly concurrency: number
  /** Undefined: as many as begin while one call is under way. */
  readonly prefetch: number | undefined
  readonly clock: Clock.Clock
  readonly meter: Meter
}

/** Runs longer than this gain nothing by being claimed ahead. */
const shortMs = 50
/** The most that is claimed ahead where nobody says how much. */
const maxAhead = 256

export class Claimer {
  readonly name: Name
  private readonly options: Options
  private readonly crew: Crew
  /** Claimed ahead: the next to begin is at `next`. */
  private ahead: Array<Claimed> = []
  private next = 0
  private settlements: Array<Settlement> = []
  private begun: Array<number> = []
  private pending: Step | undefined
  /** It may have been applied: nobody but the backend's own answer to it says what became of it. */
  private isUnsure = false
  private sequence = 0
  private readonly work = new Signal()
  private readonly holding = Latch.makeUnsafe(false)
  private readonly still = Latch.makeUnsafe(false)
  private woken = true
  private isIdle = false
  private isMore = false
  private isPaused = false
  private isClosing = false
  private isFilling = false
  private failures = 0
  private isLogged = false
  /** On the monotonic clock, in ms: when there may be more; when the last acknowledged call was sent. */
  private due = Number.POSITIVE_INFINITY
  private provenAt = Number.NEGATIVE_INFINITY
  /** How long runs take, how many ended since the last call, and how long a call takes: what `prefetch` is guessed from. */
  private runMs = Number.POSITIVE_INFINITY
  private endedRuns = 0
  private endedMs = 0
  private callMs = 0

  constructor(options: Options, crew: (claimer: Claimer) => Crew) {
    this.options = options
    this.name = options.name
    this.crew = crew(this)
  }

  // -- what it is told --------------------------------------------------------------------------------------------

  /** Something was pushed; undefined: something may have been missed. */
  readonly ring = (message: string | undefined): void => {
    if (message === "pause") this.pause()
    else if (message?.startsWith("cancel ")) this.cancel(Number(message.slice(7)))
    else {
      this.isIdle = false
      this.awake()
    }
  }

  /** A run is over. */
  readonly ended = (settlement: Settlement | undefined, ms: number): void => {
    this.endedRuns++
    this.endedMs += ms
    if (settlement === undefined) this.options.meter.settled("Lost")
    else this.settlements.push(settlement)
    this.fill()
    this.work.give()
  }

  readonly beat = (): Beat => ({
    queue: this.options.plan.name,
    claimer: this.name,
    leaseMs: this.options.settings.leaseMs,
    lanes: this.options.lanes,
    letters: this.options.settings.letters
  })

  /** What became of a beat that was sent then. */
  beaten(answer: Beaten, sentAt: number): void {
    if (answer.isHeld) this.provenAt = Math.max(this.provenAt, sentAt)
    else this.lose(answer.fence)
    for (const number of answer.cancelled) this.cancel(number)
    if (answer.dueInMs !== undefined) this.due = Math.min(this.due, this.now + answer.dueInMs)
    if (answer.isPaused) this.pause()
    else if (answer.isReady || this.isPaused) this.awake()
    else this.work.give()
  }

  // -- what it does -----------------------------------------------------------------------------------------------

  /** Works until it is interrupted. */
  readonly run: Effect.Effect<never> = Effect.suspend(() => Effect.forever(this.turn, { disableYield: true }))

  /** Interrupts what cannot be proven any more, at the moment it cannot. Runs beside `run`. */
  readonly guard: Effect.Effect<never> = Effect.suspend(() =>
    this.options.store.immortal ? Effect.never : Effect.forever(this.watch)
  )

  /**
   * Claims no more, waits for what runs until the grace is over, interrupts the rest, settles and hands back. What the
   * backend cannot be told within its time goes back when the lease is over.
   */
  readonly close: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    this.isClosing = true
    this.giveBack()
    this.work.give()
    const { plan, settings, store } = this.options
    yield* Effect.timeoutOption(this.drained, Duration.millis(settings.graceMs))
    this.crew.stopUntil(Number.POSITIVE_INFINITY, "Release")
    yield* this.drained
    yield* Effect.timeoutOption(this.settled, Duration.millis(2_500))
    yield* Effect.ignore(Effect.timeoutOption(store.depart(plan.name, this.name), Duration.millis(2_000)))
  })

  private readonly drained: Effect.Effect<void> = Effect.suspend(() =>
    this.crew.size === 0 ? Effect.void : Effect.andThen(this.stirred, this.drained)
  )

  private readonly settled: Effect.Effect<void> = Effect.suspend(() =>
    this.pending === undefined && this.settlements.length === 0
      ? Effect.void
      : Effect.andThen(this.stirred, this.settled)
  )

  private readonly stirred: Effect.Effect<void> = Effect.suspend(() => {
    this.still.closeUnsafe()
    return this.still.await
  })

  private readonly turn: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    if (this.failures > 0) {
      const jitter = yield* Random.next
      yield* Effect.sleep(Duration.millis(Math.min(1_000, 25 * 2 ** Math.min(this.failures, 10)) * (0.5 + jitter / 2)))
    } else if (!this.hasWork) {
      const wait = this.isClosing ? Number.POSITIVE_INFINITY : this.due - this.now
      if (Number.isFinite(wait)) yield* Effect.timeoutOption(this.work.given, Duration.millis(Math.max(0, wait)))
      else yield* this.work.given
    }
    this.work.clear()
    if (this.hasWork) yield* this.exchange
    this.still.openUnsafe()
  })

  private get hasWork(): boolean {
    return (
      this.pending !== undefined ||
      this.settlements.length > 0 ||
      (!this.isClosing &&
        (this.woken || this.isMore || this.now >= this.due || (this.places > 0 && !this.isIdle && !this.isPaused)))
    )
  }

  private readonly exchange: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    const sentAt = this.now
    const step = (this.pending ??= this.build())
    const exit = yield* Effect.exit(this.options.store.step(this.options.plan.name, step))
    if (Exit.isSuccess(exit)) {
      this.failures = 0
      this.isLogged = false
      this.isUnsure = false
      this.pending = undefined
      this.accept(step, exit.value, sentAt)
      return
    }
    this.failures++
    const error = Option.getOrUndefined(Exit.findErrorOption(exit))
    if (error?.outcome !== "NotApplied") this.isUnsure = true
    else if (!this.isUnsure) this.take(step)
    yield* this.report(exit, error)
  })

  private build(): Step {
    const free = this.isClosing ? 0 : Math.min(maxBatchEntries, Math.max(0, this.places))
    const ahead = this.isClosing ? 0 : Math.max(0, Math.min(maxBatchEntries - free, this.wantedAhead - this.waiting))
    const settlements = this.settlements
    const { lanes, plan, settings } = this.options
    this.settlements = settlements.length > maxBatchEntries ? settlements.splice(maxBatchEntries) : []
    const begun = this.begun
    this.begun = []
    this.woken = false
    this.isMore = false
    this.due = Number.POSITIVE_INFINITY
    return {
      claimer: this.name,
      sequence: (this.sequence += 1),
      leaseMs: settings.leaseMs,
      settlements,
      begun,
      lanes,
      free,
      ahead,
      takesSuspect: this.crew.suspects === 0,
      rate: plan.rate,
      wasIdle: this.isIdle,
      letters: settings.letters
    }
  }

  /** It was never applied: what it said is still to be said, in another one of its number. */
  private take(step: Step): void {
    this.pending = undefined
    this.sequence = step.sequence - 1
    this.settlements = [...step.settlements, ...this.settlements]
    this.begun = [...step.begun, ...this.begun]
    this.woken = true
  }

  private accept(step: Step, answer: Stepped, sentAt: number): void {
    const { meter } = this.options
    this.provenAt = Math.max(this.provenAt, sentAt)
    this.measure(this.now - sentAt)
    answer.outcomes.forEach((outcome, i) => meter.settled(outcome === "Settled" ? step.settlements[i]!._tag : outcome))
    this.isIdle = answer.isIdle
    this.isMore = answer.isMore
    this.isPaused = answer.isPaused
    if (answer.dueInMs !== undefined) this.due = this.now + answer.dueInMs
    if (answer.claimed.length > 0) this.hold(answer)
    if (answer.isPaused || this.isClosing) this.giveBack()
    this.fill()
    if (this.crew.size + this.waiting > 0) this.holding.openUnsafe()
  }

  private hold({ ahead, claimed }: Stepped): void {
    if (this.next > 0) this.ahead = this.ahead.slice(this.next)
    this.next = 0
    const first = claimed.length - ahead
    // An answer older than its own lease proves nothing: somebody else may have them by now.
    const isProven = this.isProven && !this.isClosing
    for (let i = 0; i < claimed.length; i++) {
      if (i < first && isProven) this.crew.start(claimed[i]!)
      else this.ahead.push(claimed[i]!)
    }
    if (!isProven) this.giveBack()
  }

  /** Begins what was claimed ahead where a place is free. */
  private fill(): void {
    if (this.isFilling || this.isPaused || this.isClosing) return
    this.isFilling = true
    while (this.waiting > 0 && this.crew.size < this.options.concurrency && this.isProven) {
      const claim = this.ahead[this.next++]!
      this.begun.push(claim.number)
      this.crew.start(claim)
    }
    this.isFilling = false
  }

  private giveBack(): void {
    for (let i = this.next; i < this.ahead.length; i++) {
      this.settlements.push({ _tag: "Release", claim: this.ahead[i]!, hasProgress: false })
    }
    this.ahead = []
    this.next = 0
  }

  private pause(): void {
    this.isPaused = true
    this.giveBack()
    this.work.give()
  }

  private awake(): void {
    this.woken = true
    this.work.give()
  }

  private cancel(number: number): void {
    this.crew.stop(number, "Release")
    const index = this.ahead.findIndex((claim, i) => i >= this.next && claim.number === number)
    if (index < 0) return
    const [claim] = this.ahead.splice(index, 1)
    if (claim !== undefined) this.settlements.push({ _tag: "Release", claim, hasProgress: false })
    this.work.give()
  }

  /** What was claimed with that fence or a lower one is somebody else's. */
  private lose(fence: number): void {
    this.crew.stopUntil(fence, "Lost")
    this.ahead = this.ahead.filter((claim, i) => i >= this.next && claim.fence > fence)
    this.next = 0
  }

  private readonly watch: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    yield* this.holding.await
    if (this.crew.size + this.waiting === 0) return this.holding.closeUnsafe()
    const left = this.provenAt + this.options.settings.provenMs - this.now
    if (left > 0) return yield* Effect.sleep(Duration.millis(left))
    this.holding.closeUnsafe()
    this.crew.stopUntil(Number.POSITIVE_INFINITY, "Release")
    this.giveBack()
    this.awake()
  })

  private get isProven(): boolean {
    return this.options.store.immortal || this.now - this.provenAt < this.options.settings.provenMs
  }

  private get places(): number {
    return this.options.concurrency - this.crew.size - this.waiting
  }

  private get waiting(): number {
    return this.ahead.length - this.next
  }

  /** As many as will begin before the next call has been answered. */
  private get wantedAhead(): number {
    const { concurrency, plan, prefetch } = this.options
    if (plan.places > 0 || plan.rate !== undefined) return 0
    if (prefetch !== undefined) return prefetch
    if (!(this.runMs < shortMs)) return 0
    return Math.min(maxAhead, Math.ceil((concurrency * this.callMs * 2) / Math.max(this.runMs, 0.001)))
  }

  private measure(callMs: number): void {
    this.callMs = this.callMs === 0 ? callMs : this.callMs * 0.8 + callMs * 0.2
    if (this.endedRuns === 0) return
    const mean = this.endedMs / this.endedRuns
    this.runMs = Number.isFinite(this.runMs) ? this.runMs * 0.8 + mean * 0.2 : mean
    this.endedRuns = 0
    this.endedMs = 0
  }

  private report(exit: Exit.Exit<unknown, BackendError>, error: BackendError | undefined): Effect.Effect<void> {
    if (this.isLogged || error?.isRetryable === true || error?.reason._tag === "Closed" || Exit.isSuccess(exit)) {
      return Effect.void
    }
    this.isLogged = true
    return Effect.logError(`Nothing of ${JSON.stringify(this.options.plan.name)} can be claimed`, exit.cause)
  }

  private get now(): number {
    return Number(this.options.clock.monotonicTimeNanosUnsafe() / 1_000n) / 1_000
  }
}
