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
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import type { BackendError } from "../../BackendError.ts"
import {
  type Beat,
  type Beaten,
  type Claimed,
  type Claimer as Name,
  holding,
  type Lane,
  maxBatchBytes,
  maxBatchEntries,
  type Outcome,
  type Service as Store,
  type Settlement,
  type Step,
  type Stepped
} from "../../TaskQueueStore.ts"
import { monotonicMs } from "../monotonic.ts"
import { pause } from "../Pause.ts"
import { Signal } from "../Signal.ts"
import type { Plan, Settings } from "./Limits.ts"

/** What is run, as far as a claimer is concerned. */
export interface Crew {
  readonly size: number
  readonly suspects: number
  readonly start: (claim: Claimed) => void
  readonly stop: (number: number, stop: "Release" | "Lost") => void
  readonly stopUntil: (fence: number, stop: "Release" | "Lost") => void
  /** What was claimed with that fence. */
  readonly lose: (fence: number) => void
  /** Of what runs, but for what is lost. */
  readonly claims: Iterable<Claimed>
}

/** Told of what an operator counts. */
export interface Meter {
  readonly settled: (what: Settlement["_tag"] | "Lost" | "Cancelled", tasks: number) => void
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
/** The most that is claimed ahead where nobody says how much, and that one step claims for as long as there are places. */
const maxAhead = 512
const maxClaims = 256
/** So long runs are begun without a pause. */
const sliceMs = 10
/** The bytes of the answers that one step settles, beside one that is larger. */
const maxAnswerBytes = maxBatchBytes

export class Claimer {
  readonly name: Name
  private readonly options: Options
  private readonly crew: Crew
  /** Claimed, and not begun: the next to begin is at `next`. */
  private claims: Array<Claimed> = []
  private next = 0
  /** Of those: which the backend does not take for begun; and which have begun since, and still run. */
  private readonly uncounted = new Set<number>()
  private readonly begun = new Set<number>()
  private settlements: Array<Settlement> = []
  private pending: Step | undefined
  /** It may have been applied: nobody but the backend's own answer to it says what became of it. */
  private isUnsure = false
  /** Told of while a call is under way: its answer, from before, may be what brings them. */
  private readonly cancelled = new Set<number>()
  private sequence = 0
  /** The last step that was answered, and what the last beat said is held since. */
  private answered = 0
  private told: ReadonlyArray<Claimed> = []
  private readonly work = new Signal()
  private readonly holding = Latch.makeUnsafe(false)
  private readonly still = Latch.makeUnsafe(false)
  private woken = true
  private isIdle = false
  private isMore = false
  /** It asked for more than there was: no use in claiming ahead until something has come. */
  private isDrained = false
  private isPaused = false
  /** Told of a pause since the last call was sent. */
  private isToPause = false
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
    if (settlement === undefined) this.options.meter.settled("Lost", 1)
    else {
      this.begun.delete(settlement.claim.number)
      this.settlements.push(settlement)
    }
    this.fill()
    this.work.give()
    this.still.openUnsafe()
  }

  readonly beat = (): Beat => {
    const { lanes, plan, settings } = this.options
    const under = this.pending?.settlements.map(({ claim }) => claim)
    const rest = [...this.crew.claims, ...this.claims.slice(this.next), ...this.settlements.map(({ claim }) => claim)]
    this.told = under === undefined ? rest : [...rest, ...under]
    return {
      queue: plan.name,
      claimer: this.name,
      leaseMs: settings.leaseMs,
      lanes,
      letters: settings.letters,
      answered: this.answered,
      holds: holding(this.told),
      holdsNext: under && holding(rest)
    }
  }

  /** What became of a beat that was sent then. */
  beaten(answer: Beaten, sentAt: number): void {
    if (answer.isHeld) this.provenAt = Math.max(this.provenAt, sentAt)
    else {
      this.lose(answer.fence)
      // Whoever took its lease has taken it from those that are woken, too.
      if (this.isIdle) this.ring(undefined)
    }
    if (answer.holds !== undefined) this.reconcile(answer.holds)
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
    const { settings } = this.options
    yield* Effect.timeoutOption(this.drained, Duration.millis(settings.graceMs))
    this.crew.stopUntil(Number.POSITIVE_INFINITY, "Release")
    yield* this.drained
    yield* Effect.timeoutOption(this.settled, Duration.millis(2_500))
  })

  /** After `run` has ended: a call of its own that came behind this would claim for nobody. */
  readonly depart: Effect.Effect<void> = Effect.suspend(() => {
    const { plan, store } = this.options
    return Effect.ignore(Effect.timeoutOption(store.depart(plan.name, this.name), Duration.millis(2_000)))
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
      yield* pause(this.failures, 25)
    } else {
      if (!this.hasWork) yield* this.fillAll
      if (!this.hasWork) yield* this.rest
    }
    this.work.clear()
    if (this.hasWork) yield* this.exchange
    this.still.openUnsafe()
  })

  /** Until something is given, or due. */
  private readonly rest: Effect.Effect<unknown> = Effect.suspend(() => {
    const wait = this.isClosing ? Number.POSITIVE_INFINITY : this.due - this.now
    return Number.isFinite(wait)
      ? Effect.timeoutOption(this.work.given, Duration.millis(Math.max(0, wait)))
      : this.work.given
  })

  private get hasWork(): boolean {
    return (
      this.pending !== undefined ||
      this.settlements.length > 0 ||
      // A run that began while a call was under way, after which nothing else would be said for as long as it runs.
      this.begun.size > 0 ||
      (!this.isClosing && (this.woken || this.isMore || this.now >= this.due || this.hasRoom))
    )
  }

  /** There is a place for a run, or for as many claims ahead that a call is worth it. */
  private get hasRoom(): boolean {
    if (this.isPaused || this.isIdle) return false
    return this.places > 0 || (!this.isDrained && this.room > 0 && this.room * 2 >= this.wantedAhead)
  }

  private readonly exchange: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    const sentAt = this.now
    const step = (this.pending ??= this.build())
    const call = yield* Effect.forkChild(this.options.store.step(this.options.plan.name, step), {
      startImmediately: true
    })
    // While the backend works on the one, this process works on the other.
    yield* this.fillAll
    const exit = yield* Fiber.await(call)
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
    const free = this.isClosing ? 0 : Math.min(maxBatchEntries, this.places)
    const ahead =
      this.isClosing || this.isPaused ? 0 : Math.max(0, Math.min(Math.max(free, maxClaims) - free, this.room))
    const settlements = this.settlements
    const { lanes, plan, settings } = this.options
    this.settlements = settlements.splice(settled(settlements))
    const begun = [...this.begun]
    this.begun.clear()
    this.woken = false
    this.isToPause = false
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
      maxAttempts: plan.maxAttempts,
      letters: settings.letters
    }
  }

  /** It was never applied: what it said is still to be said, in another one of its number. */
  private take(step: Step): void {
    this.pending = undefined
    this.sequence = step.sequence - 1
    this.settlements = [...step.settlements, ...this.settlements]
    for (const number of step.begun) this.begun.add(number)
    this.woken = true
  }

  private accept(step: Step, answer: Stepped, sentAt: number): void {
    this.provenAt = Math.max(this.provenAt, sentAt)
    this.answered = step.sequence
    this.measure(this.now - sentAt)
    this.count(step, answer)
    this.isIdle = answer.isIdle
    this.isMore = answer.isMore
    this.isPaused = answer.isPaused
    this.isDrained = !answer.isMore && answer.claimed.length < step.free + step.ahead
    if (answer.dueInMs !== undefined) this.due = this.now + answer.dueInMs
    this.hold(answer)
    this.cancelled.clear()
    // The answer may be of a moment before the word that came while it was under way.
    if (this.isToPause) {
      this.isPaused = true
      this.woken = true
    }
    // An answer older than its own lease proves nothing: somebody else may have them by now.
    if (this.isPaused || this.isClosing || !this.isProven) this.giveBack()
    if (this.crew.size + this.waiting > 0) this.holding.openUnsafe()
  }

  private count({ settlements }: Step, { outcomes }: Stepped): void {
    const counts = new Map<Settlement["_tag"] | Exclude<Outcome, "Settled">, number>()
    for (const [i, outcome] of outcomes.entries()) {
      const what = outcome === "Settled" ? settlements[i]!._tag : outcome
      counts.set(what, (counts.get(what) ?? 0) + 1)
    }
    for (const [what, tasks] of counts) this.options.meter.settled(what, tasks)
  }

  private hold({ ahead, claimed }: Stepped): void {
    if (this.next > 0) this.claims = this.claims.slice(this.next)
    this.next = 0
    for (let i = 0; i < claimed.length; i++) {
      const claim = claimed[i]!
      if (this.cancelled.has(claim.number)) {
        this.settlements.push({ _tag: "Release", claim, hasProgress: false })
        continue
      }
      this.claims.push(claim)
      if (i >= claimed.length - ahead) this.uncounted.add(claim.number)
    }
  }

  /**
   * Begins what has been claimed, as far as there are places. True: there are more, but others must have their turn first,
   * for runs that never pause are as long as what they compute.
   */
  private fill(): boolean {
    if (this.isFilling || !this.canFill || !this.isProven) return false
    this.isFilling = true
    const since = this.now
    const { endedRuns } = this
    for (let i = 1; this.canFill && (i % 16 !== 0 || this.now - since < sliceMs); i++) {
      const claim = this.claims[this.next++]!
      if (this.uncounted.delete(claim.number)) this.begun.add(claim.number)
      this.crew.start(claim)
    }
    // Runs that end in the turn in which they begin are too short for the clock one by one.
    if (this.endedRuns > endedRuns) this.endedMs += this.now - since
    this.isFilling = false
    return this.canFill
  }

  private get canFill(): boolean {
    return this.waiting > 0 && this.crew.size < this.options.concurrency && !this.isPaused && !this.isClosing
  }

  private readonly fillAll: Effect.Effect<void> = Effect.suspend(() =>
    this.fill() ? Effect.andThen(Effect.yieldNow, this.fillAll) : Effect.void
  )

  private giveBack(): void {
    for (let i = this.next; i < this.claims.length; i++) {
      this.settlements.push({ _tag: "Release", claim: this.claims[i]!, hasProgress: false })
    }
    this.claims = []
    this.next = 0
    this.uncounted.clear()
  }

  private pause(): void {
    this.isPaused = true
    this.isToPause = true
    this.giveBack()
    this.work.give()
  }

  private awake(): void {
    this.woken = true
    this.isDrained = false
    this.work.give()
  }

  private cancel(number: number): void {
    this.crew.stop(number, "Release")
    if (this.pending !== undefined) this.cancelled.add(number)
    const index = this.claims.findIndex((claim, i) => i >= this.next && claim.number === number)
    if (index < 0) return
    const [claim] = this.claims.splice(index, 1)
    this.uncounted.delete(number)
    if (claim !== undefined) this.settlements.push({ _tag: "Release", claim, hasProgress: false })
    this.work.give()
  }

  /**
   * The data is of a moment before, or began anew: what it does not know of is lost, and what only it knows of goes back.
   * No step that is answered later changes either.
   */
  private reconcile(held: NonNullable<Beaten["holds"]>): void {
    const told = new Set(this.told.map(({ fence }) => fence))
    const fences = new Set(held.map(({ fence }) => fence))
    const lost = new Set([...told].filter((fence) => !fences.has(fence)))
    this.claims = this.claims.filter((claim, i) => i >= this.next && !lost.has(claim.fence))
    this.next = 0
    for (const { fence, number } of held) {
      if (told.has(fence)) continue
      this.settlements.push({ _tag: "Release", claim: { ...unknown, number, fence }, hasProgress: true })
    }
    // After that: who is interrupted makes room at once.
    for (const fence of lost) this.crew.lose(fence)
    this.work.give()
  }

  /** What was claimed with that fence or a lower one is somebody else's. */
  private lose(fence: number): void {
    this.crew.stopUntil(fence, "Lost")
    this.claims = this.claims.filter((claim, i) => i >= this.next && claim.fence > fence)
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

  /** Runs that could begin if there were tasks. */
  private get places(): number {
    return Math.max(0, this.options.concurrency - this.crew.size - this.waiting)
  }

  /** Claims that could be made ahead of those. */
  private get room(): number {
    const { concurrency } = this.options
    return concurrency + this.wantedAhead - Math.max(concurrency, this.crew.size + this.waiting)
  }

  private get waiting(): number {
    return this.claims.length - this.next
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
    return monotonicMs(this.options.clock)
  }
}

/** Of a claim that only the backend knows of. */
const unknown: Claimed = {
  number: 0,
  fence: 0,
  id: "",
  payload: "",
  lane: "",
  enqueuedAt: 0,
  attempts: 0,
  crashes: 0,
  keepMs: 0,
  trace: undefined,
  isPlain: false
}

/** How many of them one step takes. */
const settled = (settlements: ReadonlyArray<Settlement>): number => {
  let bytes = 0
  let count = 0
  for (const settlement of settlements) {
    // Three bytes for a character are no less than it takes.
    if ("answer" in settlement) bytes += 3 * (settlement.answer?.length ?? 0)
    if (count === maxBatchEntries || (count > 0 && bytes > maxAnswerBytes)) break
    count++
  }
  return count
}
