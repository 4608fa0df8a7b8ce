/**
 * One peer's life. One fiber beats, and nothing else speaks to the book of this peer's life: joining, staying, coming
 * back under a new id (P6), learning of a successor (P7) and telling what became of its leaderships are steps of one
 * loop, of which no two are ever under way together.
 *
 * What proves the life is the moment at which the last acknowledged beat was sent, on the monotonic clock: however
 * long the answer took or the process stood still, the book cannot have heard of it earlier than that.
 */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import { BackendError, isRetryable, TimedOut } from "../../BackendError.ts"
import type { Peer } from "../../PeerRegistry.ts"
import {
  type Answer,
  type Beat,
  type Entry as Entered,
  type Metadata,
  PeerId,
  type Service as Store,
  type Status
} from "../../PeerRegistryStore.ts"
import { monotonicMs } from "../monotonic.ts"
import { Leadership } from "./Leadership.ts"
import * as Limits from "./Limits.ts"
import { type Entry, toPeer, View } from "./View.ts"

/** Told of what an operator counts. */
export interface Meter {
  readonly peers: (live: number, suspected: number) => void
  readonly late: () => void
  readonly lag: (ms: number) => void
}

export interface Options {
  readonly store: Store
  readonly name: string
  readonly metadata: Metadata
  readonly times: Limits.Times
  readonly clock: Clock.Clock
  readonly meter: Meter
}

export class Heart {
  readonly view: View
  readonly leadership: Leadership
  /** Undefined before the first beat of a life, and for good once a later peer has the name. */
  id: PeerId | undefined
  superseded = false
  /** The last that is known of this peer itself. */
  private self: Entry | undefined
  private readonly options: Options
  private readonly wake = Latch.makeUnsafe(false)
  private asked: Array<(round: Exit.Exit<void, BackendError>) => void> = []
  private closed = false
  /** The epoch in which this peer was last acknowledged. */
  private book = ""
  /** The book may have this id, acknowledged or not. */
  private entered = false
  /** The book has acknowledged this id. */
  private joined = false
  /** The next beat is not to wait for its time. */
  private again = false
  private failures = 0
  private logged = false
  /** When the next beat is due, this id was made, the last acknowledged beats were sent: all on the monotonic clock, in ms. */
  private due = Number.NEGATIVE_INFINITY
  private bornAt = Number.NEGATIVE_INFINITY
  private answeredAt = Number.NEGATIVE_INFINITY
  private provenAt = Number.NEGATIVE_INFINITY

  constructor(options: Options) {
    this.options = options
    const { clock, store } = options
    this.leadership = new Leadership(store, { wake: () => this.wake.openUnsafe(), isProven: () => this.isProven })
    this.view = new View(store.immortal ? () => clock.currentTimeMillisUnsafe() : undefined, {
      left: (id) => {
        if (id === this.id && this.joined) this.die()
        this.leadership.ownerLeft(id)
      },
      freed: (name) => this.leadership.freed(name),
      replaced: () => this.leadership.retry()
    })
  }

  /** The view is no older than `downAfter` (P1). */
  get isFresh(): boolean {
    return this.options.store.immortal || this.now - this.answeredAt <= this.options.times.downAfterMs
  }

  /** Nobody else may have begun what this peer's life holds (P6). */
  get isProven(): boolean {
    return this.now - this.provenAt < this.leaseMs
  }

  get isClosed(): boolean {
    return this.closed
  }

  /** This peer as it is, or as it last was. */
  get peer(): Peer | undefined {
    return this.self && toPeer(this.self.stored, this.self.seenAt)
  }

  /** In the book, as far as this peer knows. */
  get isMember(): boolean {
    return this.joined && !this.closed
  }

  /** Waits for a beat that begins from now on, and fails as it does. */
  readonly round: Effect.Effect<void, BackendError> = Effect.callback((resume) => {
    if (this.closed) return resume(Effect.fail(Limits.closed("beat")))
    this.asked.push(resume)
    this.wake.openUnsafe()
    return Effect.sync(() => {
      const index = this.asked.indexOf(resume)
      if (index >= 0) this.asked.splice(index, 1)
    })
  })

  /** Beats until this peer is in its own view, which is whole and not older than its proof. */
  readonly join: Effect.Effect<Peer, BackendError> = Effect.suspend(() => {
    const peer = this.id !== undefined && this.view.get(this.id)
    if (peer && this.isMember && this.isProven && !this.view.isBehind) return Effect.succeed(peer)
    // A later peer of this name came while this one was on its way in: there is nothing left to beat for (P7).
    if (this.superseded)
      return this.peer === undefined ? Effect.fail(Limits.superseded("layer")) : Effect.succeed(this.peer)
    return Effect.andThen(this.round, this.join)
  })

  /** Something was pushed. */
  hear(text: string): void {
    this.view.hear(text)
    this.noteSelf()
    if (this.view.isBehind) this.wake.openUnsafe()
  }

  /** Something may have been missed. */
  catchUp(): void {
    this.again = true
    this.wake.openUnsafe()
  }

  /** Beats for as long as it runs. */
  readonly run: Effect.Effect<never> = Effect.suspend(() =>
    Effect.forever(
      Effect.catchCause(this.turn, (cause) =>
        Cause.hasInterrupts(cause)
          ? Effect.failCause(cause)
          : Effect.andThen(Effect.logError("A turn of the heart failed", cause), Effect.sleep(Duration.seconds(1)))
      )
    )
  )

  /** Ends what depends on a life that cannot be proven any more, at the moment it cannot. Runs beside `run`. */
  readonly guard: Effect.Effect<never> = Effect.suspend(() =>
    this.options.store.immortal ? Effect.never : Effect.forever(this.watch)
  )

  /** After the last beat: whoever waits is told, and the peer leaves (P2). */
  readonly close: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    this.closed = true
    this.view.end(Limits.closed("events"))
    for (const resume of this.asked.splice(0)) resume(Exit.fail(Limits.closed("beat")))
    const held = yield* this.leadership.close
    if (this.id === undefined || !this.entered) return
    yield* this.options.store
      .leave(this.id, held)
      .pipe(
        Effect.retry({ while: isRetryable, schedule: Schedule.spaced(Duration.millis(100)) }),
        Effect.timeoutOption(Duration.seconds(2)),
        Effect.ignore
      )
  })

  private get now(): number {
    return monotonicMs(this.options.clock)
  }

  private get leaseMs(): number {
    return this.options.store.immortal ? Number.POSITIVE_INFINITY : this.options.times.leaseMs
  }

  /** One turn: waits for what there is to do, and does it. */
  private readonly turn: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    const from = this.now
    const wait = this.due - from
    if (wait > 0 && !this.isWanted && !this.hasTerms) {
      const woken = Number.isFinite(wait)
        ? yield* Effect.timeoutOption(this.wake.await, Duration.millis(wait))
        : Option.some(yield* this.wake.await)
      if (Option.isNone(woken)) this.options.meter.lag(Math.max(0, this.now - from - wait))
    }
    this.wake.closeUnsafe()
    if (this.isWanted || this.now >= this.due) yield* this.beat
    if (this.hasTerms) yield* this.tellTerms
  })

  private get isWanted(): boolean {
    return (
      this.asked.length > 0 ||
      (this.failures === 0 && (this.again || this.view.isBehind)) ||
      // Who stood still beats before acting.
      (this.hasTerms && this.now - this.answeredAt >= this.leaseMs)
    )
  }

  private get hasTerms(): boolean {
    return this.joined && this.failures === 0 && this.leadership.isPending
  }

  private readonly watch: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    yield* this.leadership.holds
    const left = this.provenAt + this.leaseMs - this.now
    if (left > 0) yield* Effect.sleep(Duration.millis(left))
    else this.leadership.lose()
  })

  private readonly beat: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    const asked = this.asked
    this.asked = []
    this.again = false
    // An entry that was never acknowledged may have been, and been judged, meanwhile.
    if (!this.joined && this.now - this.bornAt > this.options.times.downAfterMs) this.id = undefined
    if (this.id === undefined && !this.superseded) {
      this.id = yield* newId
      this.bornAt = this.now
    }
    const wasSuperseded = this.superseded
    const exit = yield* Effect.exit(this.exchange)
    if (this.superseded && !wasSuperseded) {
      yield* Effect.logWarning(
        `A later peer has taken the name ${JSON.stringify(this.options.name)}: this one stays out`
      )
    }
    yield* this.plan(exit)
    for (const resume of asked) resume(exit)
  })

  /** A heartbeat, and what its answer asks for: to be entered, or to read who is there. */
  private readonly exchange: Effect.Effect<void, BackendError> = Effect.gen({ self: this }, function* () {
    const { store } = this.options
    const { id } = this
    const sentAt = this.now
    this.view.asks()
    const answer = yield* this.within(store.beat(this.message()))
    this.accept(answer, sentAt)
    if (answer.status === "Unknown" && id !== undefined && id === this.id) yield* this.enter(id)
    while (this.view.draft !== undefined) {
      this.view.continue(yield* this.within(store.page(this.view.draft.epoch, this.view.draft.cursor)))
    }
    this.noteSelf()
    this.options.meter.peers(this.view.count("Live"), this.view.count("Suspected"))
  })

  private enter(id: PeerId): Effect.Effect<void, BackendError> {
    const wasEntered = this.entered
    this.entered = true
    return this.within(this.options.store.enter(this.entry(id))).pipe(
      Effect.map((status) => this.judge(status, id)),
      Effect.tapError((error) =>
        Effect.sync(() => {
          if (error.outcome === "NotApplied") this.entered = wasEntered
        })
      )
    )
  }

  private message(): Beat {
    const { name, times } = this.options
    const { downAfterMs, suspectAfterMs } = times
    const { id, joined, view } = this
    return { id, name, joined, suspectAfterMs, downAfterMs, epoch: view.epoch, version: view.version }
  }

  private entry(id: PeerId): Entered {
    const { metadata, name, times } = this.options
    const { downAfterMs, suspectAfterMs } = times
    const self = this.self?.stored
    return {
      id,
      name,
      metadata: self?.metadata ?? metadata,
      suspectAfterMs,
      downAfterMs,
      seat: self?.seat ?? 0,
      // Under a new id a peer comes anew, with the seat it had.
      joinedAt: self?.id === id ? self.joinedAt : 0
    }
  }

  private accept(answer: Answer, sentAt: number): void {
    const { id } = this
    this.view.accept(answer)
    const silence = sentAt - this.answeredAt
    if (Number.isFinite(silence) && silence > this.options.times.heartbeatMs * 1.5) this.options.meter.late()
    this.answeredAt = Math.max(this.answeredAt, sentAt)
    this.judge(answer.status, id)
    if (answer.status === "Alive" && id !== undefined && id === this.id) {
      this.joined = true
      // In another book the leaderships are nobody's until it has been told whose they are.
      if (answer.epoch !== this.book) this.leadership.verify()
      this.book = answer.epoch
      if (!this.leadership.isUnverified) this.provenAt = Math.max(this.provenAt, sentAt)
    }
    this.leadership.heardFreed(answer.freed)
  }

  /** What the book says of an id; of one that is no more it says nothing new. */
  private judge(status: Status, id: PeerId | undefined): void {
    if (status === "Alive" || id !== this.id) return
    if (status === "Superseded") this.superseded = true
    if (status === "Unknown") this.catchUp()
    else this.die()
  }

  /** This id is gone for good: what depended on it ends, and the next beat brings a new one, or only watches. */
  private die(): void {
    this.id = undefined
    this.entered = false
    this.joined = false
    this.provenAt = Number.NEGATIVE_INFINITY
    this.leadership.lose()
    this.leadership.forget()
    this.catchUp()
  }

  private noteSelf(): void {
    if (this.id !== undefined) this.self = this.view.entry(this.id) ?? this.self
  }

  private readonly tellTerms: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    const { answeredAt, id } = this
    if (id === undefined) return
    const exit = yield* Effect.exit(this.within(this.leadership.tell(id)))
    if (Exit.isFailure(exit)) yield* this.plan(exit)
    else if (!exit.value) this.catchUp()
    else if (id === this.id && !this.leadership.isUnverified) this.provenAt = Math.max(this.provenAt, answeredAt)
  })

  /** When the next beat is due. Tells the log of what no patience ends, once. */
  private plan(exit: Exit.Exit<unknown, BackendError>): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const { heartbeatMs } = this.options.times
      const jitter = yield* Random.next
      if (Exit.isSuccess(exit)) {
        this.failures = 0
        this.logged = false
        this.due = this.options.store.immortal
          ? Number.POSITIVE_INFINITY
          : this.now + heartbeatMs * (0.8 + 0.4 * jitter)
        return
      }
      this.failures++
      this.leadership.stopWaiting()
      this.due = this.now + Math.min(heartbeatMs, 1_000, 50 * 2 ** Math.min(this.failures, 10)) * (0.5 + jitter / 2)
      const error = Exit.findErrorOption(exit)
      if (this.logged || (Option.isSome(error) && error.value.isRetryable)) return
      this.logged = true
      yield* Effect.logError("This peer cannot beat", exit.cause)
    })
  }

  private within<A>(effect: Effect.Effect<A, BackendError>): Effect.Effect<A, BackendError> {
    const { deadlineMs } = this.options.times
    return Effect.timeoutOrElse(effect, {
      duration: Duration.millis(deadlineMs),
      orElse: () => Effect.fail(tooLate(deadlineMs))
    })
  }
}

const tooLate = (deadlineMs: number): BackendError =>
  new BackendError({
    service: Limits.service,
    operation: "beat",
    reason: new TimedOut({ message: `no answer within ${deadlineMs} ms` }),
    outcome: "Unknown"
  })

const part = Effect.map(Random.nextIntBetween(0, 2 ** 50), (n) => n.toString(36).padStart(10, "0"))
const newId = Effect.map(Effect.all([part, part]), (parts) => PeerId.make(parts.join("")))
