/**
 * One channel as this peer hears it: is the backend's subscription confirmed, where in the log does the peer stand,
 * and who reads along.
 *
 * On a channel with history the topic's position is the last message it gave on. A frame that does not follow it, a
 * replaced connection and a quiet half minute all lead to the same thing: reading the log from the position on
 * (`catchUp`). While that lasts, frames are not given on, for the log has them too (S2, S4, S5).
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { BackendError } from "../../BackendError.ts"
import type { Gap, Position } from "../../PubSub.ts"
import { type From, type History, type Page, pageEntries } from "../../PubSubStore.ts"
import * as Frame from "../../Frame.ts"
import type { Hub } from "./Hub.ts"
import type { Lane, Step } from "./Lane.ts"
import type { MessageCodec } from "./MessageCodec.ts"
import { makeGap, type Subscriber } from "./Subscriber.ts"

/** Who reads along, without the type of what it reads. */
type AnyLane = Pick<Lane<never>, "advance" | "offer" | "gap" | "fail">

const disconnected: Gap = { _tag: "Gap", reason: "Disconnected" }
const undecodable: Gap = { _tag: "Gap", reason: "Undecodable" }

export class Topic {
  readonly name: string
  readonly history: History | undefined
  readonly hub: Hub
  readers = 0
  /** Subscribers on their way to becoming readers. */
  joining = 0
  /** The backend has said that the subscription is active. */
  confirmed = false
  /** A round that subscribes or unsubscribes it is under way. */
  settling = false
  /** Grows whenever the subscription is lost: a confirmation that was under way then counts for nothing. */
  losses = 0
  /** Fibers that wait for the first confirmation. */
  readonly starting = new Set<(result: Effect.Effect<void, BackendError>) => void>()
  private readonly lanes = new Set<AnyLane>()
  private everConfirmed = false
  private position: Position | undefined
  private catching = false
  /** Something came that the read under way may not have seen. */
  private again = false
  /** A frame came on a subscription that is not confirmed yet. */
  private heardEarly = false
  /** A frame came since the last look at the log's position. */
  private heard = false
  private readonly waitingForCatchUp = new Set<() => void>()

  constructor(name: string, history: History | undefined, hub: Hub) {
    this.name = name
    this.history = history
    this.hub = hub
  }

  get wanted(): boolean {
    return this.readers > 0 || this.joining > 0
  }

  /** Both with history, or both without. */
  isLike(history: History | undefined): boolean {
    return (this.history === undefined) === (history === undefined)
  }

  /** True when a reader may be added at once. */
  get active(): boolean {
    return this.confirmed && (this.history === undefined || this.position !== undefined)
  }

  /** Back after a loss, and not yet where the log ends. */
  behind = false

  get head(): Position | undefined {
    return this.position
  }

  add<A>(codec: MessageCodec<A>, subscriber: Subscriber<A>): void {
    const lane = codec.lane(this)
    lane.subscribers.add(subscriber)
    this.lanes.add(lane)
    this.readers++
  }

  remove<A>(codec: MessageCodec<A>, subscriber: Subscriber<A>): void {
    const lane = codec.lane(this)
    if (!lane.subscribers.delete(subscriber)) return
    if (lane.subscribers.size === 0) this.lanes.delete(lane)
    this.readers--
  }

  isAtOrBefore(cursor: Position): boolean {
    return (
      this.position !== undefined && this.position.epoch === cursor.epoch && this.position.sequence <= cursor.sequence
    )
  }

  /** A page of the log after a reader's place, by its definition. Tries again for as long as the store is away. */
  readFrom(
    cursor: Position | undefined,
    limit: number,
    history: History | undefined
  ): Effect.Effect<Page, BackendError> {
    const from: From = cursor === undefined ? { _tag: "Earliest" } : { _tag: "After", ...cursor }
    return this.hub.patiently(this.hub.read(this, from, Math.min(limit, pageEntries), history))
  }

  /** Waits until the topic stands in that epoch, or has at least looked. */
  reach(epoch: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.position?.epoch === epoch) return Effect.void
      this.catchUp()
      return Effect.callback<void>((resume) => {
        const done = () => resume(Effect.void)
        this.waitingForCatchUp.add(done)
        return Effect.sync(() => this.waitingForCatchUp.delete(done))
      })
    })
  }

  /** The backend confirmed the subscription, for the first time or on a new connection. */
  onConfirmed(): void {
    this.confirmed = true
    if (this.history !== undefined) {
      this.behind = this.everConfirmed
      // Where the topic stands already, whoever waits need not wait for it to catch up, which may take an outage.
      if (this.position !== undefined) this.started(Effect.void)
      this.catchUp()
    } else this.started(Effect.void)
    this.everConfirmed = true
  }

  onLost(): void {
    this.interrupted()
    this.confirmed = false
    this.losses++
  }

  /**
   * Whatever subscription there was is over: from here on something may be missing, on a channel without history. Told
   * at once, and not when the subscription is back: by then the first messages of the new connection may have come,
   * and the gap belongs before them (S4).
   */
  interrupted(): void {
    const heard = this.confirmed ? this.everConfirmed : this.heardEarly
    this.heardEarly = false
    if (this.history === undefined && heard) this.gap(disconnected)
  }

  onFrame(text: string): void {
    const messages = Frame.decode(text)
    this.heard = true
    if (!this.confirmed) this.heardEarly = true
    if (this.history === undefined) {
      if (messages === undefined) this.gap(undecodable)
      else for (const lane of this.lanes) lane.offer(messages)
      return
    }
    const position = this.position
    const first = messages?.[0]
    const last = messages?.at(-1)
    if (
      messages !== undefined &&
      first !== undefined &&
      last !== undefined &&
      position !== undefined &&
      !this.catching
    ) {
      if (first.epoch === position.epoch) {
        if (last.sequence <= position.sequence) return
        if (first.sequence === position.sequence + 1) {
          this.advance({ from: position, gap: undefined, messages, to: { epoch: last.epoch, sequence: last.sequence } })
          return
        }
      }
    }
    this.catchUp()
  }

  /** Once per check interval: a log from which nothing was heard may have grown unheard, or shrunk. */
  check(): void {
    if (this.history !== undefined && this.confirmed && !this.heard) this.catchUp()
    this.heard = false
  }

  fail(error: BackendError): void {
    if (this.position === undefined) this.confirmed = false
    for (const lane of this.lanes) lane.fail(error)
    this.started(Effect.fail(error))
  }

  /** Lets those go that wait for the subscription to become active. */
  started(result: Effect.Effect<void, BackendError>): void {
    for (const resume of this.starting) resume(result)
    this.starting.clear()
  }

  private advance(step: Step): void {
    this.position = step.to
    for (const lane of this.lanes) lane.advance(step)
  }

  private gap(gap: Gap): void {
    for (const lane of this.lanes) lane.gap(gap)
  }

  private catchUp(): void {
    this.again = true
    if (this.catching) return
    this.catching = true
    this.hub.fork(this.caughtUp)
  }

  /** Reads until nothing came in between, then follows the frames again. */
  private readonly caughtUp: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    while (this.again) {
      this.again = false
      const where: From = this.position === undefined ? { _tag: "Last", count: 0 } : { _tag: "After", ...this.position }
      const read = this.hub.read(this, where, pageEntries)
      // Whoever waits for the first position is told of a failure; afterwards an outage is waited out.
      const page = yield* this.position === undefined ? read : this.hub.patiently(read)
      const to = { epoch: page.epoch, sequence: page.sequence }
      const from = this.position ?? to
      this.advance({ from, gap: page.gap && makeGap(page.gap.reason, page.gap.missed), messages: page.entries, to })
      if (!page.end) this.again = true
    }
  }).pipe(
    Effect.onExit((exit) => Effect.sync(() => this.onCaughtUp(Exit.findErrorOption(exit)))),
    Effect.ignore
  )

  private onCaughtUp(failure: Option.Option<BackendError>): void {
    // First, for whoever is told goes on in this very turn, and may publish.
    this.catching = false
    this.behind = false
    if (Option.isSome(failure)) this.fail(failure.value)
    else {
      if (this.again) this.catchUp()
      this.started(Effect.void)
    }
    for (const done of this.waitingForCatchUp) done()
    this.waitingForCatchUp.clear()
    this.hub.onCaughtUp()
  }
}
