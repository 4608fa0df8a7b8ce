/**
 * What sends a process' sums to the store. One fiber flushes, and nothing else does: about a second after something new was
 * counted, when somebody asks, and when the layer closes.
 *
 * What leaves is frozen under a number. An answer that was lost is asked for again, with the same number and the same sums,
 * until it comes: the store counts a number once. Where the store has forgotten this sender meanwhile (a week of silence)
 * nobody can tell whether that batch had counted: it is dropped, for nothing may count twice (promise X1). Where it has lost
 * its data, what it had counted is gone, and the batch counts anew.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Semaphore from "effect/Semaphore"
import { type BackendError, isRetryable } from "../../BackendError.ts"
import { type Answer, type Batch as Frame, type Heard, maxItems, type Service as Store } from "../../StatsStore.ts"
import { monotonicMs } from "../monotonic.ts"
import { after } from "../Pause.ts"
import { Signal } from "../Signal.ts"
import * as Limits from "./Limits.ts"
import type { Taken, Tally } from "./Tally.ts"

/** Told of what an operator counts. */
export interface Meter {
  readonly refused: (sums: number) => void
  readonly lost: (sums: number) => void
}

export interface Options {
  readonly store: Store
  readonly name: string
  readonly tally: Tally
  readonly clock: Clock.Clock
  readonly meter: Meter
}

/** Who this is to the store, in one life of its data. */
interface Sender {
  readonly id: string
  readonly life: string
  /** Of the last batch that was answered. */
  number: number
}

interface Batch extends Taken {
  /** When it was first sent, as far as that try may have counted, and the last reset known then. */
  sentAt: number | undefined
  reset: number
}

type Round = Exit.Exit<void, BackendError>

export class Flusher {
  private readonly options: Options
  private readonly signal = new Signal()
  /** Requests that change something leave one after the other. */
  private readonly requests = Semaphore.makeUnsafe(1)
  private sender: Sender | undefined
  private batch: Batch | undefined
  private reset = 0
  /** Those who wait for a round that has begun, and for one that is to begin. */
  private served: Array<(round: Round) => void> = []
  private asked: Array<(round: Round) => void> = []
  /** The next round is to begin then: for something new, and for a renewal. */
  private due = Number.POSITIVE_INFINITY
  private renewAt = Number.POSITIVE_INFINITY
  private isArmed = false
  private failures = 0
  private isLogged = false
  private isClosed = false

  constructor(options: Options) {
    this.options = options
  }

  /** Something new was counted. */
  notice(): void {
    if (!this.isArmed) this.arm(Limits.paceMs)
  }

  get closed(): boolean {
    return this.isClosed
  }

  /** Waits for a round that begins from now on, and fails as it does; or as the one under way, where that finds the store away. */
  readonly flush: Effect.Effect<void, BackendError> = Effect.callback((resume) => {
    if (this.isClosed) return resume(Effect.fail(Limits.closed("flush", "NotApplied")))
    this.asked.push(resume)
    this.signal.give()
    return Effect.sync(() => {
      const index = this.asked.indexOf(resume)
      if (index >= 0) this.asked.splice(index, 1)
    })
  })

  /**
   * Clears a name here and in the store. Behind what is under way, so that this process' own past does not come after it;
   * where it fails, what waited here waits again.
   */
  clear(name: string): Effect.Effect<void, BackendError> {
    const { store, tally } = this.options
    const clear = Effect.suspend(() => {
      const removed = tally.remove(name)
      const { batch } = this
      // What was never sent would count as if it were new.
      const isIdle = batch !== undefined && batch.sentAt === undefined
      const under = isIdle ? batch.sums.filter((sum) => sum.name === name) : []
      if (isIdle) {
        tally.done(under)
        this.batch = {
          ...batch,
          sums: batch.sums.filter((sum) => sum.name !== name),
          gauges: batch.gauges.filter((gauge) => gauge.name !== name)
        }
      }
      return Effect.onExit(store.reset(name), (exit) =>
        Effect.sync(() => {
          if (Exit.isSuccess(exit)) this.reset = Math.max(this.reset, exit.value)
          else {
            tally.restore(name, removed)
            for (const { by } of under) tally.add(name, by)
            if (tally.size > 0) this.notice()
          }
        })
      )
    })
    const { commandTimeoutMs } = store
    return Effect.timeoutOrElse(Effect.asVoid(this.requests.withPermit(clear)), {
      duration: Duration.millis(commandTimeoutMs),
      orElse: () => Effect.fail(Limits.tooLate("reset", commandTimeoutMs))
    })
  }

  /** Flushes for as long as it runs. */
  readonly run: Effect.Effect<never> = Effect.suspend(() =>
    Effect.forever(
      Effect.gen({ self: this }, function* () {
        yield* this.wait
        this.served = this.asked
        this.asked = []
        this.isArmed = false
        this.due = Number.POSITIVE_INFINITY
        const exit = yield* Effect.exit(this.round)
        yield* this.plan(exit)
        this.settle(exit)
      })
    )
  )

  /** After the last round of `run`: what waits is sent, for half a second at the most. */
  readonly close: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    const { meter, store, tally } = this.options
    this.isClosed = true
    if (this.sender !== undefined && store.immortal) this.renewAt = Number.NEGATIVE_INFINITY
    const exit = yield* Effect.exit(
      this.round.pipe(
        Effect.retry({ while: isRetryable, schedule: Schedule.spaced(Duration.millis(50)) }),
        Effect.timeoutOption(Duration.millis(Limits.closingMs))
      )
    )
    const isDone = Exit.isSuccess(exit) && Option.isSome(exit.value)
    this.asked.push(...this.served)
    this.settle(isDone ? Exit.void : Exit.fail(Limits.closed("flush", "Unknown")))
    const names = tally.waiting
    if (names === 0) return
    meter.lost(names)
    yield* Effect.logWarning(`Stats closed before the store had taken the sums of ${names} names: they are lost`)
  })

  private get now(): number {
    return monotonicMs(this.options.clock)
  }

  private arm(ms: number): void {
    this.isArmed = true
    this.due = Math.min(this.due, this.now + ms)
    this.signal.give()
  }

  private readonly wait: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    while (true) {
      this.signal.clear()
      const ms = Math.min(this.due, this.renewAt) - this.now
      if (this.asked.length > 0 || ms <= 0) return
      if (Number.isFinite(ms)) yield* Effect.timeoutOption(this.signal.given, Duration.millis(ms))
      else yield* this.signal.given
    }
  })

  /** Sends all that waits as it begins, and what the store may have lost of it. */
  private readonly round: Effect.Effect<void, BackendError> = Effect.gen({ self: this }, function* () {
    const { tally } = this.options
    let left = tally.size
    // Whoever asks for a flush has it counted for one, though only gauges would know.
    const isIdle = left === 0 && this.batch === undefined && tally.hasGauges
    if (isIdle && this.served.length > 0 && this.sender !== undefined) this.renewAt = this.now
    while (this.batch !== undefined || left > 0) {
      if (this.batch === undefined) {
        const taken = tally.take(maxItems, this.reset)
        const items = taken.sums.length + taken.gauges.length
        // A reset may have taken the rest away.
        if (items === 0) break
        left -= items
        this.batch = { ...taken, sentAt: undefined, reset: 0 }
      }
      if (yield* this.requests.withPermit(this.send)) left = Math.max(left, tally.size)
    }
    if (this.now >= this.renewAt && this.sender !== undefined) yield* this.renew(this.sender)
  })

  /** True: the store may have lost gauges, and they wait again. */
  private readonly send: Effect.Effect<boolean, BackendError> = Effect.gen({ self: this }, function* () {
    const { meter, store, tally } = this.options
    const { batch } = this
    if (batch === undefined) return false
    const sender = this.sender ?? (yield* this.join)
    const at = this.now
    const { sentAt } = batch
    if (sentAt === undefined) batch.reset = this.reset
    // Should this be interrupted, it may have counted.
    batch.sentAt = sentAt ?? at
    const answer = yield* Effect.tapError(store.flush(this.frame(sender, batch, at, sentAt)), (error) =>
      Effect.sync(() => {
        if (error.outcome === "NotApplied") batch.sentAt = sentAt
      })
    )
    const isLost = answer._tag === "Unknown" && sentAt !== undefined && answer.life === sender.life
    if (answer._tag === "Known") {
      sender.number += 1
      if (answer.refused > 0) meter.refused(answer.refused)
    } else batch.sentAt = undefined
    if (answer._tag === "Known" || isLost) {
      tally.done(batch.sums)
      this.batch = undefined
    }
    const isBehind = this.accept(answer, at)
    if (isLost) {
      meter.lost(batch.sums.length)
      yield* Effect.logWarning(`Stats was silent for too long: nobody knows whether ${batch.sums.length} sums counted`)
    }
    return isBehind
  })

  private frame(sender: Sender, batch: Batch, at: number, sentAt: number | undefined): Frame {
    const sentMs = sentAt === undefined ? undefined : at - sentAt
    return {
      sender: sender.id,
      number: sender.number + 1,
      keepMs: this.keepMs,
      sentMs,
      reset: batch.reset,
      sums: batch.sums.map(({ by, name, since }) => ({ name, by, ageMs: at - since })),
      gauges: batch.gauges.map(({ name, sent, value }) => ({
        name,
        value,
        sentMs: sent === undefined ? sentMs : at - sent.at,
        reset: sent === undefined ? batch.reset : sent.reset
      }))
    }
  }

  private renew(sender: Sender): Effect.Effect<void, BackendError> {
    return Effect.suspend(() => {
      const at = this.now
      return Effect.map(this.options.store.renew(sender.id, sender.number, this.keepMs), (answer) => {
        if (this.accept(answer, at)) this.arm(0)
      })
    })
  }

  private readonly join: Effect.Effect<Sender, BackendError> = Effect.gen({ self: this }, function* () {
    const { name, store } = this.options
    const at = this.now
    const id = yield* newId
    const joined = yield* store.join(id, name, yield* newId, this.keepMs)
    this.hear(joined, at)
    return (this.sender = { id, life: joined.life, number: 0 })
  })

  /** True: the store may have lost gauges, and they wait again. */
  private accept(answer: Answer, at: number): boolean {
    const { tally } = this.options
    if (answer._tag === "Known") this.hear(answer, at)
    else {
      this.sender = undefined
      this.renewAt = Number.POSITIVE_INFINITY
    }
    if (answer._tag === "Known" && !answer.isBehind) return false
    tally.repeatGauges()
    return true
  }

  private hear({ now, reset }: Heard, at: number): void {
    const { store, tally } = this.options
    const answeredAt = this.now
    // An answer that was seen late says little of when it was given.
    if (answeredAt - at < Limits.paceMs) tally.heard(now, (at + answeredAt) / 2)
    this.reset = reset
    this.renewAt = store.immortal ? Number.POSITIVE_INFINITY : answeredAt + Limits.renewMs
  }

  /** In memory nobody dies without closing: what there is stays for as long as the layer, and no timer renews it. */
  private get keepMs(): number {
    return this.options.store.immortal && !this.isClosed ? Number.POSITIVE_INFINITY : Limits.keepMs
  }

  /** When the next round is due. Tells the log of what no patience ends, once. */
  private plan(exit: Round): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      if (Exit.isSuccess(exit)) {
        this.failures = 0
        this.isLogged = false
        if (this.options.tally.size > 0) this.notice()
        return
      }
      this.failures += 1
      const error = Exit.findErrorOption(exit)
      // A full server takes nothing new, and keeps alive what there is (promise T17).
      if (Option.isSome(error) && error.value.reason._tag === "CapacityExceeded") yield* this.keepAlive
      this.due = Number.POSITIVE_INFINITY
      this.arm(yield* after(this.failures))
      this.renewAt = Math.max(this.renewAt, this.due)
      if (this.isLogged || (Option.isSome(error) && error.value.isRetryable)) return
      this.isLogged = true
      yield* Effect.logError("Stats cannot be flushed", exit.cause)
    })
  }

  private readonly keepAlive: Effect.Effect<void> = Effect.suspend(() =>
    this.sender !== undefined && this.now >= this.renewAt ? Effect.ignore(this.renew(this.sender)) : Effect.void
  )

  /** Where the path to the store failed, those who came meanwhile wait for no other try (promise A1). */
  private settle(exit: Round): void {
    const error = Option.getOrUndefined(Exit.findErrorOption(exit))
    const told = this.served
    this.served = []
    if (error !== undefined || this.isClosed) told.push(...this.asked.splice(0))
    const honest = error === undefined ? exit : Exit.fail(Limits.undecided(error))
    for (const resume of told) resume(honest)
  }
}

const part = Effect.map(Random.nextIntBetween(0, 2 ** 50), (n) => n.toString(36).padStart(10, "0"))
const newId = Effect.map(Effect.all([part, part]), (parts) => parts.join(""))
