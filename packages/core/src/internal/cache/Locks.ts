/**
 * The locks of one process: one call at a time contends for a name, or holds it, the others wait for their turn here. So the
 * store is asked by processes, however many fibers wait.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import type { BackendError } from "../../BackendError.ts"
import type { Lock, LockOptions } from "../../Cache.ts"
import type { Service as Store } from "../../CacheStore.ts"
import * as Metrics from "../../Metrics.ts"
import { monotonicMs } from "../monotonic.ts"
import { LockLost, type LockTimeout } from "./errors.ts"
import { type Ground, Hold } from "./Hold.ts"
import { check, Holding } from "./Holding.ts"
import * as Limits from "./Limits.ts"
import type { Waits } from "./Waits.ts"

export interface Options {
  readonly store: Store
  readonly context: Context.Context<never>
  readonly start: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  readonly waits: Waits
  /** Another one each time. */
  readonly token: () => string
}

/** How long the layer's end waits for bodies to end: what they hold then is nobody's until its time is over. */
const patience = Duration.seconds(2)
/** What was given back while other processes waited for it is not asked for again at once: they have yet to hear of it. */
const courtesyMs = 20

export class Locks {
  private readonly ground: Ground
  private readonly context: Context.Context<never>
  private readonly token: () => string
  /** By name, in the order of their coming: the first one's turn it is. */
  private readonly seats = new Map<string, Set<Hold>>()
  /** All that have a seat, or that the store may yet have something of. */
  private readonly holds = new Set<Hold>()
  private readonly courtesies = new Map<string, number>()
  private readonly ended = Latch.makeUnsafe(false)
  private isClosed = false
  private fence = 0
  private held = 0

  constructor({ context, start, store, token, waits }: Options) {
    const clock = Context.get(context, Clock.Clock)
    this.context = context
    this.token = token
    this.ground = {
      store,
      waits,
      start,
      now: () => monotonicMs(clock),
      isClosed: () => this.isClosed,
      fence: () => this.fence,
      saw: (fence) => {
        this.fence = Math.max(this.fence, fence)
      },
      courtesyUntil: (name) => this.courtesies.get(name) ?? Number.NEGATIVE_INFINITY,
      yields: (name) => this.yields(name),
      waited: () => Metrics.cacheLocksWaited.updateUnsafe(1, context),
      over: (hold) => this.over(hold)
    }
  }

  withLock<A, E, R>(
    name: string,
    options: LockOptions | undefined,
    body: (lock: Lock) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | LockTimeout | LockLost | BackendError, R> {
    return Effect.gen({ self: this }, function* () {
      const terms = yield* Limits.lockTerms(name, options)
      const inside = yield* Holding
      yield* check(inside, this, name)
      return yield* Effect.acquireUseRelease(
        Effect.suspend(() => this.enter(terms)),
        (hold) => this.inTurn(hold, inside, body),
        (hold) => Effect.sync(() => this.leave(hold))
      )
    })
  }

  /** Nobody gets a lock any more, and whoever holds one is interrupted. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.isClosed = true
    for (const hold of this.holds) {
      hold.lose()
      hold.signal.give()
    }
    return Effect.asVoid(Effect.timeoutOption(this.allOver, patience))
  })

  // -- internals --------------------------------------------------------------------------------------------------

  private enter(terms: Limits.LockTerms): Exit.Exit<Hold, BackendError> {
    if (this.isClosed) return Exit.fail(Limits.locksClosed)
    if (this.holds.size >= Limits.maxLocks) return Exit.fail(Limits.tooManyLocks)
    const hold = new Hold(this.ground, terms, this.token())
    const seats = this.seats.get(terms.name) ?? new Set()
    this.seats.set(terms.name, seats.add(hold))
    this.holds.add(hold)
    return Exit.succeed(hold)
  }

  private leave(hold: Hold): void {
    const { name } = hold.terms
    const seats = this.seats.get(name)
    seats?.delete(hold)
    const next = seats && first(seats)
    if (next === undefined) this.seats.delete(name)
    else next.signal.give()
    hold.isSeated = false
    this.over(hold)
  }

  private over(hold: Hold): void {
    if (hold.isSeated || hold.mayHold) return
    this.holds.delete(hold)
    this.ended.openUnsafe()
  }

  private inTurn<A, E, R>(
    hold: Hold,
    inside: Holding | undefined,
    body: (lock: Lock) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | LockTimeout | LockLost | BackendError, R> {
    const { name } = hold.terms
    return Effect.uninterruptibleMask((restore) =>
      Effect.gen({ self: this }, function* () {
        const acquired = yield* Effect.exit(restore(Effect.andThen(this.turn(hold), hold.acquire)))
        if (Exit.isFailure(acquired)) {
          hold.forgo()
          const error = Exit.findErrorOption(acquired)
          if (Option.isSome(error) && error.value._tag === "LockTimeout") {
            Metrics.cacheLocksTimedOut.updateUnsafe(1, this.context)
          }
          return yield* Exit.failCause(acquired.cause)
        }
        const around: Holding = { layer: this, isOver: false, name, inside }
        this.hold(1)
        hold.keep()
        // Where the lock is lost already, the body does not begin.
        const ran = yield* Effect.exit(
          restore(
            Effect.raceFirst(
              Effect.as(hold.loss, Option.none<A>()),
              Effect.asSome(
                Effect.provideService(
                  Effect.suspend(() => body({ fence: BigInt(hold.fence) })),
                  Holding,
                  around
                )
              )
            )
          )
        )
        around.isOver = true
        this.hold(-1)
        if (Exit.isSuccess(ran) && Option.isNone(ran.value)) {
          hold.forgo()
          Metrics.cacheLocksLost.updateUnsafe(1, this.context)
          return yield* Effect.fail(new LockLost({ lock: name }))
        }
        yield* hold.release
        return yield* Exit.map(ran, Option.getOrThrow)
      })
    )
  }

  /** Until it is this call's turn. */
  private turn(hold: Hold): Effect.Effect<void, BackendError | LockTimeout> {
    return Effect.gen({ self: this }, function* () {
      while (true) {
        hold.signal.clear()
        const seats = this.seats.get(hold.terms.name)
        if (seats !== undefined && first(seats) === hold) return
        if (this.isClosed) return yield* Exit.fail(Limits.locksClosed)
        const { leftMs } = hold
        if (leftMs <= 0) return yield* hold.timedOut
        yield* hold.wait(leftMs)
      }
    })
  }

  private yields(name: string): void {
    if (this.ground.store.immortal) return
    const until = this.ground.now() + courtesyMs
    this.courtesies.set(name, until)
    this.ground.start(
      Effect.andThen(
        Effect.sleep(Duration.millis(courtesyMs)),
        Effect.sync(() => {
          if (this.courtesies.get(name) === until) this.courtesies.delete(name)
        })
      )
    )
  }

  private hold(change: 1 | -1): void {
    this.held += change
    Metrics.cacheLocksHeld.updateUnsafe(this.held, this.context)
  }

  private readonly allOver: Effect.Effect<void> = Effect.suspend(() => {
    if (this.holds.size === 0) return Effect.void
    this.ended.closeUnsafe()
    return Effect.andThen(this.ended.await, this.allOver)
  })
}

const first = <A>(all: Iterable<A>): A | undefined => {
  for (const one of all) return one
  return undefined
}
