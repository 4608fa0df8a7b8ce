import type { BackendError, PayloadTooLarge } from "@troupe/core/BackendError"
import * as TaskQueue from "@troupe/core/TaskQueue"
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Equal } from "./Equal.ts"

declare const queue: TaskQueue.Service
declare const id: TaskQueue.TaskId

class Jammed extends Schema.TaggedError<Jammed>("Jammed")("Jammed", {}) {}
class Printer extends Context.Service<Printer, { readonly print: Effect.Effect<number> }>()("Printer") {}

const Tick = TaskQueue.task("tick")
const Print = TaskQueue.task("print", {
  payload: { pages: Schema.Int },
  success: Schema.Number,
  error: Jammed,
  levels: ["now", "later"],
  retryWhile: (error) => error._tag === "Jammed",
  unique: ({ pages }) => `${pages}`,
  concurrency: { key: ({ pages }) => `${pages}`, limit: 2 }
})
type Pages = { readonly pages: number }

// The definition says it all, without an annotation.
export const tickType: Equal<typeof Tick, TaskQueue.Task<void, void, never, never>> = true
export const printType: Equal<typeof Print, TaskQueue.Task<Pages, number, Jammed, "now" | "later">> = true

const enqueued = queue.enqueue(Print, { pages: 1 }, { level: "later" })
export const enqueueType: Equal<
  typeof enqueued,
  Effect.Effect<TaskQueue.Enqueued, BackendError | PayloadTooLarge | TaskQueue.QueueFull | Schema.SchemaError>
> = true

const executed = queue.execute(Print, { pages: 1 })
export const executeType: Equal<
  typeof executed,
  Effect.Effect<
    number,
    Jammed | TaskQueue.TaskDead | TaskQueue.TaskCancelled | TaskQueue.TaskNotFound | TaskQueue.EnqueueError
  >
> = true

const inspected = queue.inspect(Print, id)
export const inspectType: Equal<
  typeof inspected,
  Effect.Effect<Option.Option<TaskQueue.TaskInfo<Pages>>, BackendError>
> = true

const read = queue.events(Print)
export const eventsType: Equal<typeof read, Stream.Stream<TaskQueue.TaskEvent, BackendError>> = true

// The tag says what else there is.
export const told = (event: TaskQueue.TaskEvent): string | number | DateTime.Utc => {
  switch (event._tag) {
    case "Started":
      return event.attempt
    case "Completed":
      return event.peer
    case "Failed":
      return event.message
    case "Retrying":
      return event.runAt
    case "Dead":
      return event.reason
    case "Enqueued":
    case "Recovered":
    case "Cancelled":
      return event.id
  }
}
export const attemptOf = (event: TaskQueue.TaskEvent): number =>
  // @ts-expect-error not every event is of a run
  event.attempt

// A worker needs what its handler needs, but for the scope that every run has of its own.
const working = queue.work(Print, ({ pages }) =>
  Effect.gen(function* () {
    yield* Effect.addFinalizer(() => Effect.void)
    return pages + (yield* (yield* Printer).print)
  })
)
export const workType: Equal<typeof working, Effect.Effect<void, never, Printer | Scope.Scope>> = true

const layer = TaskQueue.worker(Tick, () => Effect.asVoid(Effect.scope))
export const workerType: Equal<typeof layer, Layer.Layer<never, never, TaskQueue.TaskQueue>> = true

// @ts-expect-error a level that the definition does not know
queue.enqueue(Print, { pages: 1 }, { level: "never" })
// @ts-expect-error a task without levels has none
queue.enqueue(Tick, undefined, { level: "now" })
// @ts-expect-error the payload's shape
queue.enqueue(Print, { pages: "one" })
// @ts-expect-error the definition decides the type, not the payloads
queue.enqueueAll(Print, ["one"])
// @ts-expect-error what the handler answers
queue.work(Print, () => Effect.succeed("one"))
// @ts-expect-error an id is one that an enqueue has answered
queue.cancel(Print, "1")
// @ts-expect-error levels are texts, and one at least
TaskQueue.task("t", { levels: [] })
