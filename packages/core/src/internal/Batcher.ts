/**
 * Calls that arrive while one of their kind is under way leave together as the next one. The first call on an idle
 * batcher leaves at once: no timer, and no latency added where nothing is gained. Where the backend allows it and enough
 * of them wait, a second batch leaves beside the first, so that this process and the backend both have something to do.
 *
 * Calls keep their order. A call that is interrupted before it left never leaves; one that left is not called back.
 * What waits behind a call that fails for the infrastructure's sake fails with it, unsent: `NotApplied` (promise A1).
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { BackendError, CapacityExceeded, Closed, type Reason, TimedOut, Unavailable } from "../BackendError.ts"

/**
 * One call: what it weighs against the two bounds, and who is told. Implemented by classes: V8 takes object literals of
 * which many wait at a time for long-lived, and then only a full collection frees them and all they hold.
 */
export interface Call {
  readonly entries: number
  readonly bytes: number
  /** Since when it waits, ms; 0 where it did not have to. */
  since: number
  readonly resume: (failure: Exit.Exit<never, BackendError>) => void
}

export interface Options<C extends Call> {
  readonly service: string
  readonly operation: string
  /** Sends them as one. What it gives is then run for each of them, in order, and resumes it. */
  readonly send: (calls: ReadonlyArray<C>) => Effect.Effect<(call: C) => void, BackendError>
  readonly maxEntries: number
  readonly maxBytes: number
  /** Batches under way at a time. Of two it is for `send` to see that the second is never applied before the first. */
  readonly maxUnderWay: 1 | 2
  /** Whether it may leave beside the batch that is under way, and be applied before it. Absent: any may. */
  readonly mayPass?: ((call: C) => boolean) | undefined
  /** Calls, and bytes of theirs, that may wait; more is refused. */
  readonly maxWaiting: number
  readonly maxWaitingBytes: number
  /** From its arrival, ms. */
  readonly deadlineMs: number
}

/** A second one leaves for no fewer calls than that: below, one round trip for all of them is the better bargain. */
const leastBeside = 32

export class Batcher<C extends Call> {
  private waiting: Array<C> = []
  /** Numbers of those under way, the oldest first. */
  private readonly underWay: Array<number> = []
  private callsUnderWay = 0
  private batches = 0
  private waitingBytes = 0
  private closed = false
  private readonly options: Options<C>
  private readonly clock: Clock.Clock
  private readonly fork: (effect: Effect.Effect<void>) => void

  constructor(options: Options<C>, context: Context.Context<never>, fork: (effect: Effect.Effect<void>) => void) {
    this.options = options
    this.clock = Context.get(context, Clock.Clock)
    this.fork = fork
  }

  get idle(): boolean {
    return this.underWay.length === 0 && this.waiting.length === 0
  }

  /** Gives what takes the call back for as long as it has not left; nothing where it was refused, and told so. */
  submit(call: C): Effect.Effect<void> | undefined {
    const refusal = this.refusal(call.bytes)
    if (refusal !== undefined) return void call.resume(Exit.fail(refusal))
    this.waitingBytes += call.bytes
    if (this.underWay.length > 0) call.since = this.clock.currentTimeMillisUnsafe()
    this.waiting.push(call)
    if (this.mayLeave) this.fork(this.drain(this.leave()))
    return Effect.sync(() => this.withdraw(call))
  }

  private refusal(bytes: number): BackendError | undefined {
    if (this.closed) return this.error(layerClosed, "NotApplied")
    const { maxWaiting, maxWaitingBytes } = this.options
    return this.waiting.length >= maxWaiting || (this.waitingBytes > 0 && this.waitingBytes + bytes > maxWaitingBytes)
      ? this.full
      : undefined
  }

  private withdraw(call: C): void {
    const index = this.waiting.indexOf(call)
    if (index < 0) return
    this.waiting.splice(index, 1)
    this.waitingBytes -= call.bytes
  }

  /** Sends until nothing waits. Interrupted, it tells those under way that it does not know, and the others no. */
  private drain(number: number): Effect.Effect<void> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.gen({ self: this }, function* () {
        for (let own = number; ; own = this.leave()) {
          const batch = this.next()
          if (batch.length === 0) return this.returned(own)
          this.callsUnderWay += batch.length
          const exit = yield* Effect.exit(restore(this.send(batch)))
          this.callsUnderWay -= batch.length
          this.settle(batch, exit)
          this.returned(own)
          if (!this.mayLeave) return
        }
      })
    )
  }

  private leave(): number {
    this.underWay.push((this.batches += 1))
    return this.batches
  }

  private returned(number: number): void {
    this.underWay.splice(this.underWay.indexOf(number), 1)
  }

  /** None leaves before the one that is two before it is back: a batch is only ever beside its neighbour. */
  private get mayLeave(): boolean {
    const [first] = this.waiting
    if (first === undefined) return false
    const [oldest] = this.underWay
    if (oldest === undefined) return true
    const { mayPass, maxUnderWay } = this.options
    return this.batches + 1 - oldest < maxUnderWay && this.waiting.length >= leastBeside && mayPass?.(first) !== false
  }

  private settle(batch: ReadonlyArray<C>, exit: Exit.Exit<(call: C) => void, BackendError>): void {
    if (Exit.isSuccess(exit)) {
      for (const call of batch) exit.value(call)
      return
    }
    const error = Exit.hasInterrupts(exit)
      ? this.error(layerClosed, "Unknown")
      : Option.getOrUndefined(Exit.findErrorOption(exit))
    // Taken before anyone is told: a caller that hears of it may call again at once, and that is another call.
    const behind = error !== undefined && isOutage.has(error.reason._tag) ? this.takeAll() : []
    const cause = error === undefined ? exit.cause : Cause.fail(error)
    for (const call of batch) call.resume(Exit.failCause(cause))
    if (behind.length === 0 || error === undefined) return
    const { reason } = error
    const told =
      reason._tag === "Closed" ? reason : new Unavailable({ message: `a call before it failed: ${reason.message}` })
    for (const call of behind) call.resume(Exit.fail(this.error(told, "NotApplied")))
  }

  private next(): ReadonlyArray<C> {
    const { maxBytes, maxEntries, maxUnderWay } = this.options
    // Where one of them may not pass the one under way, all wait for that: together they are the better bargain.
    const mayPass = this.underWay.length > 1 ? this.options.mayPass : undefined
    // Two that take turns do so best where they are of one size.
    const maxCalls =
      maxUnderWay === 1
        ? Number.POSITIVE_INFINITY
        : Math.max(leastBeside, Math.ceil((this.callsUnderWay + this.waiting.length) / 2))
    let count = 0
    let sumEntries = 0
    let sumBytes = 0
    for (const call of this.waiting) {
      sumEntries += call.entries
      sumBytes += call.bytes
      if (count > 0 && (sumEntries > maxEntries || sumBytes > maxBytes || count === maxCalls)) break
      if (mayPass?.(call) === false) return []
      count++
    }
    if (count === this.waiting.length) return this.takeAll()
    const taken = this.waiting.splice(0, count)
    for (const { bytes } of taken) this.waitingBytes -= bytes
    return taken
  }

  private takeAll(): ReadonlyArray<C> {
    const all = this.waiting
    this.waiting = []
    this.waitingBytes = 0
    return all
  }

  private send(batch: ReadonlyArray<C>): Effect.Effect<(call: C) => void, BackendError> {
    const send = this.options.send(batch)
    const since = batch[0]?.since ?? 0
    if (since === 0) return send
    // The oldest has waited for the call before it: what is left of its time is this call's.
    const waited = this.clock.currentTimeMillisUnsafe() - since
    if (waited < this.options.deadlineMs / 10) return send
    return Effect.timeoutOrElse(send, {
      duration: Duration.millis(Math.max(1, this.options.deadlineMs - waited)),
      orElse: () =>
        Effect.fail(this.error(new TimedOut({ message: `no answer within ${this.options.deadlineMs} ms` }), "Unknown"))
    })
  }

  /** No call leaves any more: the fibers that would send it are gone. */
  close(): void {
    this.closed = true
    const told = this.error(layerClosed, "NotApplied")
    for (const call of this.takeAll()) call.resume(Exit.fail(told))
  }

  private get full(): BackendError {
    return this.error(
      new CapacityExceeded({
        message: `as many calls wait for the backend as may: ${this.options.maxWaiting}, or ${this.options.maxWaitingBytes} bytes`
      }),
      "NotApplied"
    )
  }

  private error(reason: BackendError["reason"], outcome: BackendError["outcome"]): BackendError {
    const { operation, service } = this.options
    return new BackendError({ service, operation, reason, outcome })
  }
}

const layerClosed = new Closed({ message: "the layer is closed" })

/** The path to the backend failed, not this call in particular. */
const isOutage = new Set<Reason["_tag"]>(["Unavailable", "ConnectionLost", "TimedOut", "Closed"])
