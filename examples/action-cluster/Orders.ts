/** What the page may have done with the work. */
import { type BackendError, TaskQueue } from "@troupe/core"
import { Effect, Schema } from "effect"
import { errand, Handmade, Kind, tasks } from "./Work.ts"

/** The most that one order enqueues. */
export const maxCount = 100_000
/** Made and sent in one go: no more than that is in memory, and others have their turn in between. */
const chunk = 2_048

/** Some were enqueued, and then no more. */
export class Interrupted extends Schema.TaggedError<Interrupted>("examples/action-cluster/Interrupted")("Interrupted", {
  enqueued: Schema.Int,
  of: Schema.Int,
  why: Schema.String
}) {
  override get message(): string {
    const [enqueued, all] = [this.enqueued, this.of].map((count) => count.toLocaleString("en"))
    return `${enqueued} of ${all} are known to be enqueued. ${this.why}`
  }
}

export const Enqueue = Schema.Struct({
  kind: Handmade,
  count: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: maxCount }))
})
export const Which = Schema.Struct({ kind: Kind })
export const One = Schema.Struct({ kind: Kind, id: Schema.NonEmptyString.check(Schema.isMaxLength(512)) })

export interface Orders {
  /** How many were enqueued, all of them. Interrupted between two chunks it leaves those that were sent. */
  readonly enqueue: (
    order: typeof Enqueue.Type
  ) => Effect.Effect<number, BackendError.BackendError | TaskQueue.QueueFull | Interrupted>
  readonly cancel: (order: typeof One.Type) => Effect.Effect<boolean, BackendError.BackendError>
  readonly pause: (order: typeof Which.Type) => Effect.Effect<void, BackendError.BackendError>
  readonly resume: (order: typeof Which.Type) => Effect.Effect<void, BackendError.BackendError>
  /** Removes what waits and what sleeps, and says how many. */
  readonly purge: (order: typeof Which.Type) => Effect.Effect<number, BackendError.BackendError>
  readonly redrive: (order: typeof One.Type) => Effect.Effect<number, BackendError.BackendError>
  readonly redriveAll: Effect.Effect<number, BackendError.BackendError>
  readonly purgeDead: Effect.Effect<number, BackendError.BackendError>
}

export const make = (queue: TaskQueue.Service): Orders => {
  const numbers = new Map<Kind, number>()
  const next = (kind: Kind, isTold: boolean) => {
    const number = (numbers.get(kind) ?? 0) + 1
    numbers.set(kind, number)
    return errand(kind, `${kind} ${number}`, isTold)
  }
  const ofAll = (order: (task: (typeof tasks)[Kind]) => Effect.Effect<number, BackendError.BackendError>) =>
    Effect.map(Effect.forEach(Object.values(tasks), order), (counts) => counts.reduce((sum, count) => sum + count, 0))

  const enqueue: Orders["enqueue"] = Effect.fnUntraced(function* ({ count, kind }) {
    let enqueued = 0
    while (enqueued < count) {
      const errands = Array.from({ length: Math.min(chunk, count - enqueued) }, () => next(kind, count === 1))
      yield* queue.enqueueAll(tasks[kind], errands).pipe(
        Effect.catchTag(["PayloadTooLarge", "SchemaError"], Effect.die),
        Effect.mapError((error) => {
          const known = enqueued + (error.accepted ?? 0)
          return known === 0 ? error : new Interrupted({ enqueued: known, of: count, why: error.message })
        })
      )
      enqueued += errands.length
    }
    return count
  })

  return {
    enqueue,
    cancel: ({ id, kind }) => queue.cancel(tasks[kind], TaskQueue.TaskId.make(id)),
    pause: ({ kind }) => queue.pause(tasks[kind]),
    resume: ({ kind }) => queue.resume(tasks[kind]),
    purge: ({ kind }) =>
      Effect.map(
        Effect.all([queue.purge(tasks[kind], "Ready"), queue.purge(tasks[kind], "Delayed")]),
        ([ready, delayed]) => ready + delayed
      ),
    redrive: ({ id, kind }) => queue.redrive(tasks[kind], TaskQueue.TaskId.make(id)),
    redriveAll: ofAll((task) => queue.redrive(task)),
    purgeDead: ofAll((task) => queue.purge(task, "Dead"))
  }
}
