/**
 * Work that any peer can do, and that no crash loses.
 *
 * A task is a value: a name, and schemas for what it is given, what it answers and how it fails. Whoever enqueues one is
 * told when the backend has it; from then on it runs at least once to success, or ends as a dead letter, or is cancelled
 * or purged, whatever peers crash (T1). One peer at a time runs it, under a lease; one that lost its lease can no longer
 * settle it (T2).
 */
import * as Context from "effect/Context"
import type * as Cron from "effect/Cron"
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { BackendError, PayloadTooLarge } from "./BackendError.ts"
import { Definition } from "./internal/tasks/Definition.ts"
import { QueueFull, TaskCancelled, TaskDead, TaskNotFound } from "./internal/tasks/errors.ts"
import type { Terms } from "./internal/tasks/Limits.ts"
import * as Office from "./internal/tasks/Office.ts"
import * as Shape from "./internal/tasks/Shape.ts"
import { DeathReason, TaskId, type TaskQueueStore } from "./TaskQueueStore.ts"

export { TaskId }

const TypeId = "~@troupe/core/TaskQueue/Task" as const

/** Any task, for what needs to know no more than which: counting, pausing, purging, a page that shows them all. */
export interface AnyTask {
  readonly [TypeId]: typeof TypeId
  readonly name: string
  readonly levels: ReadonlyArray<string>
  readonly payload: Schema.Codec<any, any>
  readonly success: Schema.Codec<any, any>
  readonly error: Schema.Codec<any, any>
  /** @internal */
  readonly "~terms": Terms
}

/** A named kind of work: its payload, what it answers, how it fails, and its levels. A plain value. */
export interface Task<in out A, in out B = void, in out E = never, out L extends string = string> extends AnyTask {
  readonly payload: Schema.Codec<A, any>
  readonly success: Schema.Codec<B, any>
  readonly error: Schema.Codec<E, any>
  readonly levels: ReadonlyArray<L>
  /** @internal */
  readonly "~definition": Definition<A, B, E>
}

/** A schema, or the fields of a struct, as in Rpc.make and Workflow.make. */
export type Fields = { readonly [key: PropertyKey]: Schema.ConstraintCodec<any, any> }
export type PayloadOf<P> = P extends Schema.Constraint ? P["Type"] : P extends Fields ? Schema.Struct.Type<P> : never

/** What may be said of a task. All of it has a default. */
export interface TaskOptions<P, B, E, L extends string> {
  /** Default Schema.Void: a task that says nothing but its name. */
  readonly payload?: P | undefined
  /** What its handler answers. Default Schema.Void. */
  readonly success?: Schema.Codec<B, any> | undefined
  /** How its handler fails, as `result` and `execute` are to know it. Default: it does not. */
  readonly error?: Schema.Codec<E, any> | undefined
  /** How long the answer is kept for `result`. Default 1 hour where `success` or `error` is declared, else nothing is kept. */
  readonly keepResult?: Duration.Input | undefined
  /** Runs of the handler before the task is dead. Default 5. A defect is a failed attempt like any other. */
  readonly maxAttempts?: number | undefined
  /** Delays between attempts, its input the number of the attempt that failed. Default exponential from 1 second, jittered, capped at 5 minutes. */
  readonly retry?: Schedule.Schedule<unknown, number> | undefined
  /** False: this failure is final, the task is dead (Rejected) and the error is the answer. Default: every failure is retried. */
  readonly retryWhile?: ((error: NoInfer<E>) => boolean) | undefined
  /** An attempt that runs longer is interrupted and counts as failed. Default: none. */
  readonly timeout?: Duration.Input | undefined
  /** Priority levels, first served first. A task enqueued without one comes after all of them. Default none. */
  readonly levels?: readonly [L, ...Array<L>] | undefined
  /** Two tasks with one key: the second enqueue answers Duplicate (T9), with a window also that long after the first's end. */
  readonly unique?:
    | ((payload: PayloadOf<P>) => string)
    | { readonly key: (payload: PayloadOf<P>) => string; readonly window: Duration.Input }
    | undefined
  /** At most `limit` (1) of the tasks with one key run at a time, in the whole cluster. */
  readonly concurrency?:
    | { readonly key: (payload: PayloadOf<P>) => string; readonly limit?: number | undefined }
    | undefined
  /** At most this many starts in any span of `window`, in the whole cluster. */
  readonly rateLimit?: { readonly limit: number; readonly window: Duration.Input } | undefined
}

export interface EnqueueOptions<out L extends string = string> {
  /** The task's own id; Duplicate while a task of that id is known, and for an hour after its end. Default: a new one. */
  readonly id?: string | undefined
  /** It runs not before that much of the server's time has passed. */
  readonly delay?: Duration.Input | undefined
  /** It runs not before that moment of the server's time. */
  readonly at?: DateTime.DateTime | undefined
  readonly level?: L | undefined
  /** Name of the one peer that may run it, when the shared queue has nothing for it (T5). */
  readonly peer?: string | undefined
}

export interface EnqueueAllOptions<out L extends string = string> extends Omit<EnqueueOptions<L>, "id"> {}

/** `Duplicate`: nothing was enqueued, the id is that of the task that is there. */
export type Enqueued = { readonly _tag: "Enqueued" | "Duplicate"; readonly id: TaskId }

export { DeathReason }

export { QueueFull, TaskCancelled, TaskDead, TaskNotFound }

export type EnqueueError = BackendError | PayloadTooLarge | QueueFull | Schema.SchemaError
export type ResultError = TaskDead | TaskCancelled | TaskNotFound | BackendError

/** What a handler knows of the run it is in. `fence` strictly grows with every claim: hand it to whatever must refuse a run that was taken over. */
export interface Run {
  readonly id: TaskId
  /** 1 for the first. */
  readonly attempt: number
  readonly enqueuedAt: DateTime.Utc
  readonly peer: string
  readonly fence: bigint
  /** Says how far it is: `inspect` and `list` show it. At most 16 KiB of JSON. One round trip. */
  readonly progress: (value: Schema.Json) => Effect.Effect<void, BackendError>
}

export interface TaskInfo<out A = unknown> {
  readonly id: TaskId
  readonly state: "Ready" | "Delayed" | "Claimed" | "Dead" | "Completed"
  /** None: it no longer fits the schema, or is no longer kept. */
  readonly payload: Option.Option<A>
  /** Runs that have ended and count. */
  readonly attempts: number
  readonly enqueuedAt: DateTime.Utc
  readonly runAt?: DateTime.Utc | undefined
  readonly peer?: string | undefined
  readonly lastError?: string | undefined
  readonly progress?: Schema.Json | undefined
}

export interface DeadLetter<out A = unknown> extends TaskInfo<A> {
  readonly reason: DeathReason
  readonly diedAt: DateTime.Utc
}

/** How many are in each state, at one instant. */
export interface Counts {
  readonly ready: number
  readonly delayed: number
  readonly claimed: number
  readonly dead: number
  readonly paused: boolean
}

interface EventOf<Tag extends string> {
  readonly _tag: Tag
  readonly id: TaskId
  /** The backend's time. */
  readonly at: DateTime.Utc
}

/** Something that happened to a task. */
export type TaskEvent =
  /** Enqueued, by a schedule too, or sent back to work from the dead letters. */
  | EventOf<"Enqueued">
  /** A run begins: the first is attempt 1. */
  | (EventOf<"Started"> & { readonly peer: string; readonly attempt: number })
  | (EventOf<"Completed"> & { readonly peer: string })
  /** A run has failed; Retrying or Dead follows. */
  | (EventOf<"Failed"> & { readonly attempt: number; readonly message: string })
  | (EventOf<"Retrying"> & { readonly runAt: DateTime.Utc })
  /** It is a dead letter. Without Failed before it, it died of its peers' crashes. */
  | (EventOf<"Dead"> & { readonly reason: DeathReason })
  /** It is ready again, its run not ended: its peer went away, or handed it back. */
  | EventOf<"Recovered">
  /** By `cancel`, also where it runs still; or purged before it ran. */
  | EventOf<"Cancelled">

export interface WorkerOptions {
  /** Runs at a time, of this worker. 10. */
  readonly concurrency?: number | undefined
  /** Claimed ahead of a free place. Default: as many as begin during one round trip, where runs are short. */
  readonly prefetch?: number | undefined
}

export type Handler<A, B, E, R> = (payload: A, run: Run) => Effect.Effect<B, E, R>

/** A calendar or an interval: exactly one of the two. */
export type Slots =
  /** A string, and a Cron without a zone, are read in UTC. */
  | { readonly cron: Cron.Cron | string; readonly every?: undefined }
  /** Counted from 1970: every 15 minutes is at :00, :15, :30 and :45. */
  | { readonly every: Duration.Input; readonly cron?: undefined }

export type ScheduleOptions<A, L extends string = string> = Slots & {
  /** Which schedule of this task it is, in the whole cluster. */
  readonly id: string
  /** What becomes of a slot while the task of an earlier one waits, sleeps or runs. Default "allow": it is enqueued as well. */
  readonly overlap?: "skip" | "allow" | undefined
  readonly level?: L | undefined
} & (
    | { readonly payload: A | ((slot: DateTime.Utc) => A) }
    | (void extends A ? { readonly payload?: undefined } : never)
  )

/** Of the layer. A bad one fails every call with Misconfigured. */
export interface Options {
  /** So long without a word from it, and a peer's claims go back. 15 seconds. */
  readonly lease?: Duration.Input | undefined
  /** 5 seconds; three fit into the lease. */
  readonly heartbeat?: Duration.Input | undefined
  /** How long running tasks may go on when their worker ends. 10 seconds. */
  readonly shutdownGrace?: Duration.Input | undefined
  /** Waiting tasks of one kind; QueueFull beyond. 1,000,000. */
  readonly maxLength?: number | undefined
  /** Of JSON. 256 KiB, at most 1 MiB. */
  readonly maxPayloadBytes?: number | undefined
  /** 10,000 for 14 days. */
  readonly deadLetters?: { readonly capacity: number; readonly timeToLive: Duration.Input } | undefined
}

/** What the service does, by name, so that an editor says `TaskQueue.Service` and not sixty lines. */
export interface Service {
  /**
   * The backend has the task when this returns. One round trip, shared with what else this process enqueues at the time;
   * calls of one process keep their order. A lost answer is asked for again, so that nothing is enqueued twice.
   * Interrupted before it left it is not enqueued; afterwards it may be.
   */
  readonly enqueue: <A, B, E, L extends string>(
    task: Task<A, B, E, L>,
    payload: A,
    options?: EnqueueOptions<NoInfer<L>>
  ) => Effect.Effect<Enqueued, EnqueueError>
  /**
   * All of them, in their order, 512 or 1 MiB a round trip. All are checked before the first is sent; where it fails
   * later, the error says how many of the first were enqueued.
   */
  readonly enqueueAll: <A, B, E, L extends string>(
    task: Task<A, B, E, L>,
    payloads: Iterable<NoInfer<A>>,
    options?: EnqueueAllOptions<NoInfer<L>>
  ) => Effect.Effect<ReadonlyArray<Enqueued>, EnqueueError>
  /**
   * Enqueues, and waits for the answer. Fails with E where the last run failed with it, with TaskDead where it ended
   * otherwise (defect, timeout, crash). Interrupting it leaves the task alone. Outages are lived through once the task
   * is enqueued. Where that task is there already (its `id`, its `unique` key) it waits for the answer of the one that is,
   * and fails with TaskNotFound where there is none: that one had ended, or was enqueued to keep no answer and claimed by
   * a worker before.
   */
  readonly execute: <A, B, E, L extends string>(
    task: Task<A, B, E, L>,
    payload: A,
    options?: EnqueueOptions<NoInfer<L>>
  ) => Effect.Effect<B, E | TaskDead | TaskCancelled | TaskNotFound | EnqueueError>
  /** Waits for the answer of a task that keeps one. A round trip, and one more when the task has ended, or per heartbeat. */
  readonly result: <A, B, E, L extends string>(task: Task<A, B, E, L>, id: TaskId) => Effect.Effect<B, E | ResultError>
  /** Removes a waiting or sleeping task; interrupts a running one, on whichever peer. False: no such task. One round trip. */
  readonly cancel: (task: AnyTask, id: TaskId) => Effect.Effect<boolean, BackendError>
  /** What is known of it, at one instant. One round trip. */
  readonly inspect: <A, B, E, L extends string>(
    task: Task<A, B, E, L>,
    id: TaskId
  ) => Effect.Effect<Option.Option<TaskInfo<A>>, BackendError>
  /** All of a state, page by page, none twice; what is in the state throughout is among them. A round trip per 128. */
  readonly list: <A, B, E, L extends string>(
    task: Task<A, B, E, L>,
    state: "Ready" | "Delayed" | "Claimed" | "Dead"
  ) => Stream.Stream<TaskInfo<A>, BackendError>
  /** Oldest first. As `list`. */
  readonly deadLetters: <A, B, E, L extends string>(
    task: Task<A, B, E, L>
  ) => Stream.Stream<DeadLetter<A>, BackendError>
  /** One round trip. */
  readonly counts: (task: AnyTask) => Effect.Effect<Counts, BackendError>
  /**
   * Sends dead tasks back to work, attempts at zero, and says how many. Where no id is given all that are dead by then: what
   * dies again meanwhile stays. A round trip per 128.
   */
  readonly redrive: (task: AnyTask, id?: TaskId) => Effect.Effect<number, BackendError>
  /** Removes all tasks of a state that are there by then, and says how many; what comes meanwhile stays. A round trip per 128. */
  readonly purge: (task: AnyTask, state: "Ready" | "Delayed" | "Dead") => Effect.Effect<number, BackendError>
  /** When it returns nothing is claimed any more in the whole cluster; what runs is finished. One round trip. */
  readonly pause: (task: AnyTask) => Effect.Effect<void, BackendError>
  readonly resume: (task: AnyTask) => Effect.Effect<void, BackendError>
  /**
   * What happens to tasks of that kind, wherever they run: from the moment it has begun to listen each event once, in
   * one order, the same for every reader. Nothing is told of a Duplicate, of what was claimed ahead and given back, of a
   * sleeping task that becomes ready, and of dead letters that are purged, or too old, or too many.
   *
   * It fails where something may have been missed: with ConnectionLost after a lost push or forgotten data, a heartbeat
   * or two later where nothing happens that would show it sooner; with CapacityExceeded where 1,024 pushes, or 16 MiB of
   * them, wait for this reader. Both are retryable: subscribe again (`Stream.retry`), then look (`counts`, `list`). It
   * lives through an outage in which nothing happened and no other server took over, and ends with the layer (Closed).
   *
   * A round trip to begin, and one per heartbeat. While anybody reads, one push for each request that changed something,
   * however many tasks; at most three heartbeats after the last reader has gone, none.
   */
  readonly events: (task: AnyTask) => Stream.Stream<TaskEvent, BackendError>
  /**
   * Works until the scope closes; then takes no more, finishes what it runs within the grace, and hands the rest back.
   * Survives every outage. Each run has a scope of its own. A bad definition or option is a defect.
   */
  readonly work: <A, B, E, L extends string, R>(
    task: Task<A, B, E, L>,
    handler: Handler<A, NoInfer<B>, NoInfer<E>, R>,
    options?: WorkerOptions
  ) => Effect.Effect<void, never, Exclude<R, Scope.Scope> | Scope.Scope>
  /**
   * Enqueues a task per slot until the scope closes: once for the whole cluster, however many peers run it, at the
   * slot's time by the backend's clock (T14). Of slots that were missed while nobody ran it the last one is enqueued,
   * late; a new schedule or a new calendar begins with its first slot to come. The same id with other options replaces
   * what ran before, on every peer; with the same ones it joins. Options are the same where calendar, level, overlap and
   * a payload that is no function are. A payload that cannot be made or does not fit the schema costs this peer that
   * slot, a full queue the cluster; both are logged.
   *
   * Survives every outage. One round trip before it returns, or its failure; then one per slot, and one an hour. Bad
   * options are a defect.
   */
  readonly schedule: <A, B, E, L extends string>(
    task: Task<A, B, E, L>,
    options: ScheduleOptions<NoInfer<A>, NoInfer<L>>
  ) => Effect.Effect<void, never, Scope.Scope>
}

export class TaskQueue extends Context.Service<TaskQueue, Service>()("@troupe/core/TaskQueue") {}

/** A task by its name. Never throws: what is wrong with a name or an option is said by the first call that uses it. */
export const task: <
  P extends Schema.Codec<any, any> | Fields = Schema.Void,
  B = void,
  E = never,
  const L extends string = never
>(
  name: string,
  options?: TaskOptions<P, B, E, L>
) => Task<PayloadOf<P>, B, E, L> = (
  name: string,
  given: TaskOptions<any, any, any, any> = {}
): Task<any, any, any, any> => {
  const fault = Shape.fault(given)
  const options = fault === undefined ? given : {}
  const {
    concurrency,
    error = Schema.Never,
    payload = Schema.Void,
    retryWhile,
    success = Schema.Void,
    unique
  } = options
  const schema = isCodec(payload) ? payload : structOf(payload)
  const { keepResult, levels = [], maxAttempts, rateLimit, retry, timeout } = options
  const window = typeof unique === "object" ? unique.window : undefined
  return {
    [TypeId]: TypeId,
    name,
    levels,
    payload: schema,
    success,
    error,
    "~terms": {
      fault,
      keepResult,
      hasAnswer: options.success !== undefined || options.error !== undefined,
      maxAttempts,
      retry,
      timeout,
      window,
      hasPlaces: concurrency !== undefined,
      places: concurrency?.limit,
      rateLimit
    },
    "~definition": new Definition({
      payload: schema,
      success,
      error,
      retryWhile,
      uniqueKey: typeof unique === "object" ? unique.key : unique,
      placeKey: concurrency?.key
    })
  }
}

/** `work` as a layer. */
export const worker = <A, B, E, L extends string, R>(
  task: Task<A, B, E, L>,
  handler: Handler<A, NoInfer<B>, NoInfer<E>, R>,
  options?: WorkerOptions
): Layer.Layer<never, never, TaskQueue | Exclude<R, Scope.Scope>> =>
  Layer.effectDiscard(Effect.flatMap(TaskQueue, (queue) => queue.work(task, handler, options)))

/** `schedule` as a layer: it lives while a peer runs it. */
export const schedule = <A, B, E, L extends string>(
  task: Task<A, B, E, L>,
  options: ScheduleOptions<NoInfer<A>, NoInfer<L>>
): Layer.Layer<never, never, TaskQueue> =>
  Layer.effectDiscard(Effect.flatMap(TaskQueue, (queue) => queue.schedule(task, options)))

const layerOf = (options: Options): Layer.Layer<TaskQueue, never, TaskQueueStore> =>
  Layer.effect(TaskQueue, Effect.map(Office.make(options), TaskQueue.of))
const layerDefault = layerOf({})

/** TaskQueue on any backend: the policy above a store. Without options always the same Layer. */
export const layer = (options?: Options): Layer.Layer<TaskQueue, never, TaskQueueStore> =>
  options === undefined ? layerDefault : layerOf(options)

// -- internals ----------------------------------------------------------------------------------------------------

const isCodec = (payload: Schema.Codec<any, any> | Fields): payload is Schema.Codec<any, any> =>
  Schema.isSchema(payload)
const structOf = (fields: Fields): Schema.Codec<any, any> => Schema.Struct(fields)
