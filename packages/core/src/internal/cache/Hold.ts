/**
 * One call of `withLock` as the store sees it: asks for the lock and waits for it, proves it for as long as the body runs,
 * gives it back.
 *
 * What proves a lock is the moment at which the last acknowledged request for it was sent, on the monotonic clock: however
 * long the answer took or the process stood still, the store cannot have heard of it earlier than that.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import type { BackendError } from "../../BackendError.ts"
import type { Claim, Locked, Service as Store } from "../../CacheStore.ts"
import { after, pause } from "../Pause.ts"
import { Signal } from "../Signal.ts"
import { LockTimeout } from "./errors.ts"
import * as Limits from "./Limits.ts"
import type { Waits } from "./Waits.ts"

/** What the calls of one layer share. */
export interface Ground {
  readonly store: Store
  readonly waits: Waits
  readonly start: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  readonly now: () => number
  readonly isClosed: () => boolean
  /** The highest fence that was seen. */
  readonly fence: () => number
  readonly saw: (fence: number) => void
  /** Until when others are to ask first. */
  readonly courtesyUntil: (name: string) => number
  /** Others wait for what this process has given back. */
  readonly yields: (name: string) => void
  /** The first time that it has to wait. */
  readonly waited: (hold: Hold) => void
  /** The store has nothing of it any more. */
  readonly over: (hold: Hold) => void
}

/** What is told late is told in the background. */
const toldWithin = Duration.seconds(1)
/** Those who wait for the same time to be over do not all ask at once. */
const jitterMs = 50

export class Hold {
  readonly terms: Limits.LockTerms
  /** When it has waited long enough. */
  readonly until: number
  readonly signal = new Signal()
  /** Nobody else of this process may take its turn yet. */
  isSeated = true
  /** The store may have given it the lock, and does not know that it is given back. */
  mayHold = false
  hasWaited = false
  fence = 0
  private isLost = false
  private readonly ground: Ground
  private readonly owner: string
  private readonly timeToLiveMs: number
  private askedAt = Number.NEGATIVE_INFINITY
  private provenAt = Number.NEGATIVE_INFINITY
  private lost: (() => void) | undefined
  private keeper: Fiber.Fiber<void> | undefined

  constructor(ground: Ground, terms: Limits.LockTerms, owner: string) {
    this.ground = ground
    this.terms = terms
    this.owner = owner
    this.timeToLiveMs = ground.store.immortal ? Infinity : terms.timeToLiveMs
    this.until = ground.now() + terms.waitMs
  }

  /** Until it is given, or that time is over; true: it was given. */
  wait(ms: number): Effect.Effect<boolean> {
    if (!this.hasWaited) {
      this.hasWaited = true
      this.ground.waited(this)
    }
    const given = Effect.as(this.signal.given, true)
    if (ms === Infinity) return given
    return Effect.raceFirst(given, Effect.as(Effect.sleep(Duration.millis(Math.ceil(ms))), false))
  }

  // -- asking -----------------------------------------------------------------------------------------------------

  /** Succeeds when the lock is this call's. */
  readonly acquire: Effect.Effect<void, BackendError | LockTimeout> = Effect.gen({ self: this }, function* () {
    const { ground, signal, terms } = this
    const courtesyMs = Math.min(ground.courtesyUntil(terms.name) - ground.now(), this.leftMs)
    if (courtesyMs > 0) yield* Effect.sleep(Duration.millis(Math.ceil(courtesyMs)))
    let isKnown = false
    let isEntered = false
    for (let failures = 0; ;) {
      if (ground.isClosed()) return yield* Effect.fail(Limits.locksClosed)
      signal.clear()
      const asked = yield* Effect.result(this.ask)
      if (asked._tag === "Failure") {
        failures += 1
        const pauseMs = yield* after(failures)
        // Who was never answered, and has left nothing behind, need not wait to know that the store is away.
        if (!asked.failure.isRetryable || !(isKnown || this.mayHold) || pauseMs >= this.leftMs) {
          return yield* Effect.fail(asked.failure)
        }
        yield* this.wait(pauseMs)
        continue
      }
      isKnown = true
      failures = 0
      if (asked.success._tag === "Held") {
        // What is proven no more when it is known may be another's already.
        if (this.isProven && !ground.isClosed()) return
        if (this.leftMs <= 0) return yield* this.timedOut
        continue
      }
      if (this.leftMs <= 0) return yield* this.timedOut
      if (!isEntered) {
        isEntered = true
        const leave = ground.waits.enterLock(terms.name, signal)
        yield* Effect.addFinalizer(() => Effect.sync(leave))
      }
      const jitter = yield* Random.next
      const isWoken = yield* this.wait(Math.min(this.leftMs, asked.success.leftMs + jitter * jitterMs))
      if (!isWoken && this.leftMs <= 0) return yield* this.timedOut
    }
  }).pipe(Effect.scoped)

  get leftMs(): number {
    return this.until - this.ground.now()
  }

  get timedOut(): Effect.Effect<never, LockTimeout> {
    return Effect.fail(new LockTimeout({ lock: this.terms.name }))
  }

  private get claim(): Claim {
    return { owner: this.owner, timeToLiveMs: this.timeToLiveMs, above: this.ground.fence() }
  }

  private readonly ask: Effect.Effect<Locked, BackendError> = Effect.suspend(() => {
    const { ground, mayHold: mightHold, terms } = this
    const sentAt = ground.now()
    this.mayHold = true
    this.askedAt = sentAt
    return Effect.tapError(
      Effect.map(ground.store.lock(terms.name, this.claim), (answer) => {
        ground.saw(answer.fence)
        this.mayHold = answer._tag === "Held"
        if (answer._tag === "Held") {
          this.fence = answer.fence
          this.provenAt = sentAt
        }
        return answer
      }),
      (error) =>
        Effect.sync(() => {
          if (error.outcome === "NotApplied") this.mayHold = mightHold
        })
    )
  })

  // -- proving ----------------------------------------------------------------------------------------------------

  /** Renews it from now on, until `release`. */
  keep(): void {
    if (!this.ground.store.immortal) this.keeper = this.ground.start(this.keeping)
  }

  /** When it is lost. */
  readonly loss: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.isLost) return resume(Effect.void)
    this.lost = () => resume(Effect.void)
    return Effect.sync(() => {
      this.lost = undefined
    })
  })

  /** It is not proven any more, or the layer closes. */
  lose(): void {
    this.isLost = true
    this.lost?.()
  }

  private get isProven(): boolean {
    return this.proofLeftMs > 0
  }

  private get proofLeftMs(): number {
    return this.ground.store.immortal ? Infinity : this.provenAt + this.terms.proofMs - this.ground.now()
  }

  private readonly keeping: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    const { ground, terms } = this
    const thirdMs = terms.timeToLiveMs / 3
    let dueAt = this.provenAt + thirdMs
    for (let failures = 0; ;) {
      const leftMs = this.proofLeftMs
      // Looked at in every turn: a loop that stood still finds out here.
      if (leftMs <= 0) return this.lose()
      const dueMs = dueAt - ground.now()
      if (dueMs > 0) {
        yield* Effect.sleep(Duration.millis(Math.ceil(Math.min(dueMs, leftMs))))
        continue
      }
      const sentAt = ground.now()
      this.askedAt = sentAt
      const renewal = ground.store.relock(terms.name, this.claim, this.fence)
      const renewed = yield* Effect.exit(
        Effect.timeoutOption(renewal, Duration.millis(Math.ceil(Math.min(thirdMs, leftMs))))
      )
      if (Exit.isFailure(renewed) || renewed.value._tag === "None") {
        failures += 1
        dueAt = ground.now() + (yield* after(failures))
        continue
      }
      if (!renewed.value.value) {
        this.mayHold = false
        return this.lose()
      }
      failures = 0
      this.provenAt = sentAt
      dueAt = sentAt + thirdMs
    }
  })

  // -- giving back ------------------------------------------------------------------------------------------------

  /** Gives it back. Succeeds when the store has been told, or has not answered for a second. */
  readonly release: Effect.Effect<void> = Effect.suspend(() => {
    const told = this.forgo()
    if (told === undefined) return Effect.void
    return this.ground.store.immortal ? told : Effect.raceFirst(told, Effect.sleep(toldWithin))
  })

  /** Gives it back in the background, as long as it takes, until its time is over. Gives when it has been tried once. */
  forgo(): Effect.Effect<void> | undefined {
    this.keeper?.interruptUnsafe()
    if (!this.mayHold) return undefined
    const tried = new Signal()
    const over = () => {
      this.mayHold = false
      this.ground.over(this)
    }
    const fiber = this.ground.start(
      Effect.ensuring(
        this.telling(() => tried.give()),
        Effect.sync(over)
      )
    )
    if (fiber.pollUnsafe() === undefined) return tried.given
    // A layer that is closed tells nothing any more.
    if (this.mayHold) over()
    return undefined
  }

  private telling(tried: () => void): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const { name } = this.terms
      const until = this.askedAt + this.timeToLiveMs
      for (let failures = 1; ; failures++) {
        const exit = yield* Effect.exit(this.ground.store.unlock(name, this.owner))
        if (Exit.isSuccess(exit) && exit.value) this.ground.yields(name)
        tried()
        if (Exit.isSuccess(exit) || this.ground.now() >= until) return
        yield* pause(failures)
      }
    })
  }
}
