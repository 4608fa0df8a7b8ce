/**
 * The way in: what a process enqueues to one queue at about the same time leaves as one step, in its order.
 *
 * A batch has a number, and whoever keeps the queue answers the same number as before. So a batch whose answer got lost
 * is sent again, until it is answered or its time is over, and enqueues nothing twice (promise A2). Where two are under way
 * the second says which one it follows, and is not taken before that one.
 */
import type * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import { BackendError, TimedOut } from "../../BackendError.ts"
import {
  type Accepted,
  type Entry,
  maxBatchBytes,
  maxBatchEntries,
  type Service as Store
} from "../../TaskQueueStore.ts"
import { Batcher, type Call } from "../Batcher.ts"
import { weigh } from "../Text.ts"

/** Calls of one queue that may wait for the backend, and their bytes (promise A5). */
const maxWaiting = 16_384
const maxWaitingBytes = 16 * maxBatchBytes

/** One task on its way. */
class One implements Call {
  readonly entry: Entry
  readonly entries = 1
  readonly bytes: number
  since = 0
  readonly resume: (result: Exit.Exit<Accepted, BackendError>) => void

  constructor(entry: Entry, resume: One["resume"]) {
    this.entry = entry
    this.bytes = weigh(entry.payload)
    this.resume = resume
  }
}

/** Tasks of one call: they leave together. */
class Many implements Call {
  readonly all: ReadonlyArray<Entry>
  readonly entries: number
  readonly bytes: number
  since = 0
  readonly resume: (result: Exit.Exit<ReadonlyArray<Accepted>, BackendError>) => void

  constructor(all: ReadonlyArray<Entry>, bytes: number, resume: Many["resume"]) {
    this.all = all
    this.entries = all.length
    this.bytes = bytes
    this.resume = resume
  }
}

export interface Options {
  readonly store: Store
  readonly queue: string
  readonly sender: string
  readonly maxLength: number
  readonly clock: Clock.Clock
  readonly onEnqueued: (tasks: number) => void
}

export class Enqueuer {
  private readonly batcher: Batcher<One | Many>
  private readonly options: Options
  private sequence = 0
  /** Batches of which nobody knows yet what became of them. */
  private unsettled = 0
  /** Opened when the last batch is settled. */
  private last = Latch.makeUnsafe(true)

  constructor(options: Options, context: Context.Context<never>, fork: (effect: Effect.Effect<void>) => void) {
    this.options = options
    this.batcher = new Batcher<One | Many>(
      {
        service: "TaskQueue",
        operation: "enqueue",
        send: (calls) => this.send(calls),
        maxEntries: maxBatchEntries,
        maxBytes: maxBatchBytes,
        maxUnderWay: 2,
        maxWaiting,
        maxWaitingBytes,
        deadlineMs: options.store.commandTimeoutMs
      },
      context,
      fork
    )
  }

  get isIdle(): boolean {
    return this.batcher.idle
  }

  /** Gives what takes it back for as long as it has not left. */
  enqueue(entry: Entry, resume: One["resume"]): Effect.Effect<void> | undefined {
    return this.batcher.submit(new One(entry, resume))
  }

  /** At most `maxBatchEntries` of them, and so many bytes as they weigh. */
  enqueueAll(entries: ReadonlyArray<Entry>, bytes: number): Effect.Effect<ReadonlyArray<Accepted>, BackendError> {
    return Effect.callback((resume) => this.batcher.submit(new Many(entries, bytes, resume)))
  }

  close(): void {
    this.batcher.close()
  }

  /** It sends no more: the backend need not remember its last batch. But one that is under way may be sent again. */
  readonly departed: Effect.Effect<void> = Effect.suspend(() => {
    const { queue, sender, store } = this.options
    return this.sequence === 0 || this.unsettled > 0 ? Effect.void : Effect.ignore(store.depart(queue, sender))
  })

  private send(calls: ReadonlyArray<One | Many>): Effect.Effect<(call: One | Many) => void, BackendError> {
    const { clock, onEnqueued, store } = this.options
    const entries: Array<Entry> = []
    for (const call of calls) {
      if (call instanceof One) entries.push(call.entry)
      else for (const entry of call.all) entries.push(entry)
    }
    const since = clock.monotonicTimeNanosUnsafe()
    const left = (): number => store.commandTimeoutMs - Number(clock.monotonicTimeNanosUnsafe() - since) / 1e6
    this.unsettled++
    const before = this.last
    const settled = (this.last = Latch.makeUnsafe(false))
    const enqueue = this.enqueueAfter(before, (this.sequence += 1), entries, left)
    // Once it may have been applied, no answer but the backend's own says what became of it.
    const again = (lost: BackendError): Effect.Effect<ReadonlyArray<Accepted>, BackendError> =>
      Effect.catch(enqueue, (error) =>
        error.isRetryable ? Effect.andThen(Effect.sleep(pause), again(lost)) : Effect.fail(lost)
      )
    const answered = Effect.catch(enqueue, (error) =>
      error.outcome === "NotApplied" || !error.isRetryable || left() <= 0
        ? Effect.fail(error)
        : Effect.timeoutOrElse(again(error), { duration: Duration.millis(left()), orElse: () => Effect.fail(error) })
    )
    const done = Effect.onExit(answered, () =>
      Effect.sync(() => {
        this.unsettled--
        settled.openUnsafe()
      })
    )
    return Effect.map(done, (accepted) => {
      let enqueued = 0
      for (const one of accepted) if (one?._tag === "Enqueued") enqueued++
      onEnqueued(enqueued)
      let next = 0
      return (call) =>
        call instanceof One
          ? call.resume(Exit.succeed(accepted[next++]))
          : call.resume(Exit.succeed(call.all.map(() => accepted[next++])))
    })
  }

  /** In its place: while the batch before it may still come, the backend takes this one only once that one is there. */
  private enqueueAfter(
    before: Latch.Latch,
    sequence: number,
    entries: ReadonlyArray<Entry>,
    left: () => number
  ): Effect.Effect<ReadonlyArray<Accepted>, BackendError> {
    const { maxLength, queue, sender, store } = this.options
    return Effect.suspend(() => {
      const after = before.isOpen() ? 0 : sequence - 1
      const sent = store.enqueue(queue, { sender, sequence, after, maxLength, entries })
      if (after === 0) return sent
      return Effect.catch(sent, (error) => {
        if (error.reason._tag !== "Busy") return Effect.fail(error)
        const settled = Effect.timeoutOrElse(before.await, {
          duration: Duration.millis(Math.max(0, left())),
          orElse: () => Effect.fail(error)
        })
        const again = Effect.suspend(() =>
          left() <= 0
            ? Effect.fail(error)
            : Effect.timeoutOrElse(this.enqueueAfter(before, sequence, entries, left), {
                duration: Duration.millis(left()),
                orElse: () => Effect.fail(overdue)
              })
        )
        return Effect.andThen(settled, again)
      })
    })
  }
}

const pause = Duration.millis(50)

const overdue = new BackendError({
  service: "TaskQueue",
  operation: "enqueue",
  reason: new TimedOut({ message: "no answer in time" }),
  outcome: "Unknown"
})
