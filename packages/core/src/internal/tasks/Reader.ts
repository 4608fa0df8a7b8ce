/** One reader of events: which pushes are its own, what of them waits for it, and why it ends. */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import { BackendError, ConnectionLost, CorruptData } from "../../BackendError.ts"
import type { TaskEvent } from "../../TaskQueue.ts"
import { maxBatchBytes } from "../../TaskQueueStore.ts"
import { Signal } from "../Signal.ts"
import type { Ring } from "../Bell.ts"
import * as EventCodec from "./EventCodec.ts"
import * as Limits from "./Limits.ts"

/** Pushes that wait for one reader, and their characters (promise A5). */
const maxWaiting = 1_024
const maxWaitingSize = 16 * maxBatchBytes

export class Reader {
  /** The number of the last push that came; undefined until it is known which is the first to come. */
  last: number | undefined
  private waiting: Array<EventCodec.Push> = []
  private size = 0
  private ended: BackendError | undefined
  private readonly come = new Signal()
  /** The channel is active, or active again; or this reader has ended. */
  readonly rung = new Signal()

  get hasEnded(): boolean {
    return this.ended !== undefined
  }

  readonly ring: Ring = (message) => {
    if (message === undefined) return this.rung.give()
    const push = EventCodec.push(message)
    if (push === undefined) this.end(unreadable)
    else this.accept(push)
  }

  /** The backend has pushed so many; `before` had come when it was asked. */
  reach(number: number, before: number | undefined): void {
    if (before !== undefined) {
      if (number < before) this.end(missed)
      return
    }
    const early = this.waiting
    this.waiting = []
    this.size = 0
    this.last = number
    for (const push of early) if (push.number > number) this.accept(push)
    this.come.give()
  }

  /** By now all of them must have come. */
  confirm(number: number): void {
    if (this.last !== undefined && this.last < number) this.end(missed)
  }

  end(error: BackendError): void {
    this.ended ??= error
    this.rung.give()
    this.come.give()
  }

  /** What has come since the last take, at least one. Interrupting it loses nothing. */
  readonly take: Effect.Effect<Arr.NonEmptyReadonlyArray<TaskEvent>, BackendError> = Effect.suspend(() => {
    const taken: Array<TaskEvent> = []
    for (const push of this.last === undefined ? [] : this.waiting.splice(0)) {
      const events = EventCodec.events(push)
      if (events === undefined) {
        this.end(unreadable)
        break
      }
      for (const event of events) taken.push(event)
    }
    this.come.clear()
    if (Arr.isArrayNonEmpty(taken)) {
      this.size = 0
      return Effect.succeed(taken)
    }
    if (this.ended !== undefined) return Effect.fail(this.ended)
    return Effect.andThen(this.come.given, this.take)
  })

  private accept(push: EventCodec.Push): void {
    if (this.ended !== undefined) return
    if (this.last !== undefined && push.number !== this.last + 1) return this.end(missed)
    if (this.waiting.length === maxWaiting || this.size + push.lines.length > maxWaitingSize) return this.end(slow)
    if (this.last !== undefined) this.last = push.number
    this.size += push.lines.length
    this.waiting.push(push)
    this.come.give()
  }
}

const failed = (reason: BackendError["reason"]): BackendError =>
  new BackendError({ service: Limits.service, operation: "events", reason, outcome: "NotApplied" })

const missed = failed(new ConnectionLost({ message: "events may have been missed" }))
const unreadable = failed(new CorruptData({ message: "a push is not of a format known here" }))
const slow = Limits.tooMuch("events", `more than ${maxWaiting} pushes, or 16 MiB of them, wait for this reader`)
