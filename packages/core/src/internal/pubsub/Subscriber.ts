/**
 * One reader of a topic: what waits for it, where it stands, and what it missed.
 *
 * Live, it is fed by the topic and holds at most `buffer` messages. A live reader of a channel with history that falls
 * behind stops being fed and reads the log itself, in its own time, until it stands where the topic stands (S6); so
 * does one that began at a position (S8), and, where the topic has a gap, one whose definition keeps something else.
 * Without a log the oldest waiting messages go, and a gap says how many.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { BackendError } from "../../BackendError.ts"
import type { Delivery, Gap, Position } from "../../PubSub.ts"
import type { History, Page } from "../../PubSubStore.ts"
import { isSettled } from "../Settled.ts"
import type { Step } from "./Lane.ts"
import { isAlike } from "./Limits.ts"
import type { Cell, MessageCodec } from "./MessageCodec.ts"
import type { Topic } from "./Topic.ts"

type Waiting<A> = Cell<A> | Gap

const isGap = <A>(waiting: Waiting<A>): waiting is Gap => "_tag" in waiting

export class Subscriber<A> {
  private waiting: Array<Waiting<A>> = []
  /** What stands before it in `waiting` was dropped: taking from an array's front is not for free. */
  private first = 0
  /** Taken from those and not given yet: decoding may take its time, and be interrupted. */
  private taken: ReadonlyArray<Waiting<A>> = []
  /** How many of the oldest were dropped since the last take; undefined where it is not known. */
  private dropped: number | undefined = 0
  private replaying: boolean
  private cursor: Position | undefined
  private ended: Exit.Exit<never, BackendError> | undefined
  private wake: (() => void) | undefined
  private readonly topic: Topic
  private readonly codec: MessageCodec<A>
  private readonly capacity: number
  private readonly history: History | undefined
  /** What its definition keeps is not what the topic's does: a gap of that one may be none here, or a longer one. */
  private readonly isApart: boolean

  /**
   * Live from `cursor` on (undefined: a channel without a log), or, with a first page of the log, replaying it. `history`:
   * by what definition it reads.
   */
  constructor(
    topic: Topic,
    codec: MessageCodec<A>,
    capacity: number,
    cursor: Position | undefined,
    page?: Page,
    history = topic.history
  ) {
    this.topic = topic
    this.codec = codec
    this.capacity = capacity
    this.cursor = cursor
    this.history = history
    this.isApart = !isAlike(history, topic.history)
    this.replaying = page !== undefined
    if (page !== undefined) this.accept(page)
  }

  /** The topic went on along its log. A reader that is not where the topic was finds its own way there. */
  advance(step: Step, cells: ReadonlyArray<Cell<A>>): void {
    const cursor = this.cursor
    if (this.replaying || this.ended !== undefined || cursor === undefined) return
    const { from, gap, to } = step
    const ahead = cursor.sequence - from.sequence
    const first = cells[0]?.stored.sequence ?? to.sequence + 1
    const isOwnWay = ahead > 0 || this.isApart
    if (cursor.epoch !== from.epoch || ahead < 0 || (isOwnWay && (to.epoch !== from.epoch || gap !== undefined))) {
      this.replaying = true
      this.signal()
      return
    }
    if (gap !== undefined) {
      this.gap(gap)
      this.cursor = { epoch: to.epoch, sequence: first - 1 }
    }
    for (const cell of cells) {
      const { sequence } = cell.stored
      if (ahead > 0 && sequence <= cursor.sequence) continue
      if (this.size >= this.capacity) {
        this.replaying = true
        this.signal()
        return
      }
      this.waiting.push(cell)
      this.cursor = { epoch: to.epoch, sequence }
    }
    if (ahead <= to.sequence - from.sequence) this.cursor = to
    this.signal()
  }

  /** The topic heard this, on a channel without a log. */
  offer(cells: ReadonlyArray<Cell<A>>): void {
    if (this.ended !== undefined) return
    for (const cell of cells) {
      if (this.size >= this.capacity) this.dropOldest()
      this.waiting.push(cell)
    }
    this.signal()
  }

  gap(gap: Gap): void {
    if (this.ended !== undefined) return
    if (gap.reason !== "Undecodable") this.topic.hub.onGap(gap.reason)
    const last = this.size > 0 ? this.waiting.at(-1) : undefined
    // Two gaps with nothing between them are one: a storm of reconnects cannot fill the buffer.
    if (last !== undefined && isGap(last) && last.reason === gap.reason) {
      const missed = last.missed === undefined || gap.missed === undefined ? undefined : last.missed + gap.missed
      this.waiting[this.waiting.length - 1] = makeGap(gap.reason, missed)
    } else {
      if (this.topic.history === undefined && this.size >= this.capacity) this.dropOldest()
      this.waiting.push(gap)
    }
    this.signal()
  }

  /** A take gives something at once. */
  get isWaiting(): boolean {
    return this.size > 0 || this.dropped !== 0 || this.taken.length > 0
  }

  /** What lies between is still to come, or a gap is. */
  isBefore(place: Position): boolean {
    return this.cursor !== undefined && this.cursor.epoch === place.epoch && this.cursor.sequence < place.sequence
  }

  /** No more comes; what waits is still given. */
  fail(error: BackendError): void {
    if (this.ended !== undefined) return
    this.ended = Exit.fail(error)
    this.signal()
  }

  /** What has come since the last take, at least one. Interrupting it loses nothing. */
  readonly take: Effect.Effect<Arr.NonEmptyReadonlyArray<Delivery<A>>, BackendError> = Effect.suspend(() => {
    if (this.isWaiting) return this.drain()
    if (this.ended !== undefined) return this.ended
    if (this.replaying) return Effect.andThen(this.replay, this.take)
    return Effect.andThen(this.arrival, this.take)
  })

  private readonly arrival = Effect.callback<void>((resume) => {
    this.wake = () => resume(Effect.void)
    return Effect.sync(() => {
      this.wake = undefined
    })
  })

  private signal(): void {
    const wake = this.wake
    this.wake = undefined
    wake?.()
  }

  private drain(): Effect.Effect<Arr.NonEmptyReadonlyArray<Delivery<A>>, BackendError> {
    if (this.taken.length === 0) this.taken = this.takeAll()
    const { taken } = this
    const deliveries: Array<Delivery<A>> = []
    for (let i = 0; i < taken.length; i++) {
      const next = taken[i]!
      if (isGap(next)) {
        deliveries.push(next)
        continue
      }
      const decoded = this.codec.decode(next)
      if (!isSettled(decoded) || Exit.isFailure(decoded)) return this.drainSlowly(deliveries, taken, i)
      deliveries.push(decoded.value)
    }
    return this.given(deliveries)
  }

  /** For schemas that decode asynchronously. What is interrupted here is given by the next take, in its place. */
  private drainSlowly(deliveries: Array<Delivery<A>>, taken: ReadonlyArray<Waiting<A>>, from: number) {
    let i = from
    const decoded = Effect.gen({ self: this }, function* () {
      for (; i < taken.length; i++) {
        const next = taken[i]!
        deliveries.push(isGap(next) ? next : yield* this.codec.decode(next))
      }
      return deliveries
    })
    return Effect.flatMap(decoded, (deliveries) => this.given(deliveries))
  }

  private takeAll(): ReadonlyArray<Waiting<A>> {
    const { dropped } = this
    const all = this.first === 0 ? this.waiting : this.waiting.slice(this.first)
    this.waiting = []
    this.first = 0
    this.dropped = 0
    if (dropped === 0) return all
    this.topic.hub.onGap("SlowConsumer")
    return [makeGap("SlowConsumer", dropped), ...all]
  }

  private given(deliveries: Array<Delivery<A>>): Effect.Effect<Arr.NonEmptyReadonlyArray<Delivery<A>>> {
    this.taken = []
    let messages = 0
    for (const delivery of deliveries) {
      if (delivery._tag === "Message") messages++
      else if (delivery.reason === "Undecodable") this.topic.hub.onGap("Undecodable")
    }
    if (messages > 0) this.topic.hub.onDelivered(messages)
    return Arr.isArrayNonEmpty(deliveries) ? Exit.succeed(deliveries) : Effect.die("a take gives at least one delivery")
  }

  /** Reads on in the log, and goes live where the log ends. */
  private readonly replay: Effect.Effect<void, BackendError> = Effect.suspend(() =>
    Effect.flatMap(this.topic.readFrom(this.cursor, this.capacity, this.history), (page) => {
      this.accept(page)
      // The log has another epoch than the topic knows of: once the topic has caught up, they can be compared.
      return this.replaying && page.end ? this.topic.reach(page.epoch) : Effect.void
    })
  )

  private accept(page: Page): void {
    if (page.gap !== undefined) this.gap(makeGap(page.gap.reason, page.gap.missed))
    for (const stored of page.entries) this.waiting.push(this.codec.cell(stored))
    this.cursor = { epoch: page.epoch, sequence: page.sequence }
    // The topic stands here or before: what it gives from now on leaves nothing out.
    if (page.end && this.topic.isAtOrBefore(this.cursor)) this.replaying = false
  }

  private get size(): number {
    return this.waiting.length - this.first
  }

  private dropOldest(): void {
    const oldest = this.waiting[this.first++]
    if (this.first > this.capacity) {
      this.waiting = this.waiting.slice(this.first)
      this.first = 0
    }
    if (oldest === undefined || this.dropped === undefined) return
    if (!isGap(oldest)) this.dropped += 1
    else this.dropped = oldest.missed === undefined ? undefined : this.dropped + oldest.missed
  }
}

export const makeGap = (reason: Gap["reason"], missed: number | undefined): Gap =>
  missed === undefined ? { _tag: "Gap", reason } : { _tag: "Gap", reason, missed }
