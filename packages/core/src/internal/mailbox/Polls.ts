/**
 * Polls that wait. Each asks, and where there is nothing asks again when the backend pushes, as soon as it is heard, after
 * each lost connection, and every five seconds besides. Whoever waits at the same box of a process shares its subscription.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { type BackendError, isRetryable } from "../../BackendError.ts"
import { type Bounds, channelOf, type Page, type Place, type Service as Store } from "../../MailboxStore.ts"
import * as Metrics from "../../Metrics.ts"
import type { Bell, Ring } from "../Bell.ts"
import { monotonicMs } from "../monotonic.ts"
import { Signal } from "../Signal.ts"
import * as Limits from "./Limits.ts"

/** Whose letters are asked for. */
export interface Address {
  readonly box: string
  readonly client: string
  readonly bounds: Bounds
}

export class Polls {
  private readonly store: Store
  private readonly bell: Bell
  private readonly context: Context.Context<never>
  private readonly clock: Clock.Clock
  private readonly waiting = new Set<Signal>()
  private isClosed = false

  constructor(store: Store, bell: Bell, context: Context.Context<never>) {
    this.store = store
    this.bell = bell
    this.context = context
    this.clock = Context.get(context, Clock.Clock)
  }

  /** What is wrong with any call, once the layer is closed. */
  fault(operation: string): BackendError | undefined {
    return this.isClosed ? Limits.layerClosed(operation) : undefined
  }

  /** What there is; where that is nothing and nothing is lost, what there is once something is, or the time is over. */
  poll(address: Address, question: Limits.Question): Effect.Effect<Page, BackendError> {
    return question.waitMs === 0
      ? this.ask(address, question.after, question.limit)
      : Effect.acquireUseRelease(
          Effect.suspend(() => this.enter()),
          (signal) => this.wait(address, question, signal),
          (signal) => Effect.sync(() => this.leave(signal))
        )
  }

  /** Ends all that wait. */
  readonly close: Effect.Effect<void> = Effect.sync(() => {
    this.isClosed = true
    for (const signal of this.waiting) signal.give()
  })

  // -- internals --------------------------------------------------------------------------------------------------

  private ask({ bounds, box, client }: Address, after: Place | undefined, limit: number) {
    return this.store.poll(box, client, bounds, after, limit)
  }

  private enter(): Exit.Exit<Signal, BackendError> {
    if (this.waiting.size >= Limits.maxWaiting) return Exit.fail(Limits.tooManyWait)
    const signal = new Signal()
    this.waiting.add(signal)
    this.count()
    return Exit.succeed(signal)
  }

  private leave(signal: Signal): void {
    this.waiting.delete(signal)
    this.count()
  }

  private count(): void {
    Metrics.mailboxWaiting.updateUnsafe(this.waiting.size, this.context)
  }

  private wait(address: Address, question: Limits.Question, signal: Signal): Effect.Effect<Page, BackendError> {
    const { after, limit, waitMs } = question
    return Effect.gen({ self: this }, function* () {
      const until = monotonicMs(this.clock) + waitMs
      const page = yield* this.ask(address, after, limit)
      if (isNews(page)) return page
      const channel = channelOf(address.box, address.client)
      const ring: Ring = () => signal.give()
      // What came between that answer and the subscription was pushed to nobody: the bell rings once it hears.
      return yield* Effect.acquireUseRelease(
        Effect.sync(() => this.bell.add(channel, ring)),
        () => this.listen(address, page, limit, until, signal),
        () => Effect.sync(() => this.bell.remove(channel, ring))
      )
    })
  }

  private listen(
    address: Address,
    empty: Page,
    limit: number,
    until: number,
    signal: Signal
  ): Effect.Effect<Page, BackendError> {
    return Effect.gen({ self: this }, function* () {
      let page = empty
      let pauseMs = Limits.askAgainMs
      while (true) {
        const leftMs = until - monotonicMs(this.clock)
        if (leftMs <= 0) return page
        const rung = yield* Effect.timeoutOption(signal.given, Duration.millis(Math.min(leftMs, pauseMs)))
        if (this.isClosed) return yield* Exit.fail(Limits.layerClosed("poll"))
        if (Option.isNone(rung) && leftMs <= pauseMs) return page
        signal.clear()
        const { epoch, number } = page
        const question = this.ask(address, { epoch, number }, limit)
        // An outage is waited through: what there is comes after it, or to the next poll.
        const answer = yield* Effect.catchIf(question, isRetryable, () => Effect.undefined)
        pauseMs = answer === undefined ? Limits.tryAgainMs : Limits.askAgainMs
        page = answer ?? page
        if (isNews(page)) return page
      }
    })
  }
}

const isNews = ({ letters, lost }: Page): boolean => lost || letters.length > 0
