/**
 * Empties a queue of BullMQ into Troupe, while old producers may still fill it.
 *
 * A BullMQ worker takes the place of the old workers: what it processes it hands over, and says done to BullMQ when
 * Troupe has it. What sleeps is handed over ahead of its time, to run when BullMQ would have run it. Each job is enqueued
 * under an id of its own, so that a crash between the two, after which BullMQ gives the job again, enqueues nothing twice;
 * an id is known until an hour after its task's end, so let no crashed drain lie longer.
 *
 * Old workers must have ended before this starts: two would do a job that sleeps, or that stalled. A job has its attempts
 * anew. What failed for good stays in BullMQ; `queue.retryJobs()` sends it here. A flow's children are not moved, for
 * what they answer their parent has no counterpart.
 */
import type { TaskQueue } from "@troupe/core"
import { DelayedError, type Job, Queue, UnrecoverableError, Worker } from "bullmq"
import { DateTime, Effect, Result, Schedule, type Scope } from "effect"
import { Redis } from "ioredis"

export interface OldQueue {
  readonly url: string
  readonly name: string
  /** Of its keys. Default: BullMQ's own, "bull". */
  readonly prefix?: string
}

/** The id to enqueue a job under, and, for one that sleeps, when it is due. */
export type Placing = { readonly id: string; readonly at?: DateTime.Utc }

/** Enqueues what a job asks for. May be called again with the same job, and the same id. */
export type HandOver<R> = (job: Job, placing: Placing) => Effect.Effect<TaskQueue.Enqueued, TaskQueue.EnqueueError, R>

const pauseMs = 1_000
const handedOverAtOnce = 50

/**
 * Hands over until the scope closes, and then finishes what it is at. Survives outages of either side, for which BullMQ
 * counts no attempt. What fits no schema, or is too large, fails for good in BullMQ, with the reason.
 */
export const drain = <R>(old: OldQueue, handOver: HandOver<R>): Effect.Effect<void, never, R | Scope.Scope> =>
  Effect.gen(function* () {
    const context = yield* Effect.context<R>()
    const run = Effect.runPromiseWith(context)
    const warn = (what: string): unknown => Effect.runForkWith(context)(Effect.logWarning(what))
    const heard = (error: Error): unknown => warn(`BullMQ: ${error.message}`)

    const redis = yield* Effect.acquireRelease(
      Effect.sync(() => new Redis(old.url, { maxRetriesPerRequest: null }).on("error", heard)),
      (redis) => Effect.sync(() => redis.disconnect())
    )
    const options = { connection: { url: old.url }, ...(old.prefix === undefined ? {} : { prefix: old.prefix }) }
    const queue = yield* Effect.acquireRelease(
      Effect.sync(() => new Queue(old.name, options).on("error", heard)),
      (queue) => Effect.promise(() => queue.close())
    )

    // BullMQ numbers the jobs of each queue alike, and refuses a number that somebody gives: only those meet by chance.
    const idOf = ({ id = "" }: Job): string => (/^\d+$/.test(id) ? `${old.name}:${id}` : id)

    const later = async (job: Job, token: string | undefined, why: string): Promise<never> => {
      warn(`job ${job.id} waits: ${why}`)
      // This is no failed attempt to BullMQ.
      await job.moveToDelayed(Date.now() + pauseMs, token)
      throw new DelayedError()
    }

    const process = async (job: Job, token: string | undefined): Promise<string> => {
      if (job.parentKey !== undefined) return later(job, token, "it belongs to a flow, which old workers must finish")
      const handed = await run(Effect.result(handOver(job, { id: idOf(job) })))
      if (Result.isSuccess(handed)) return handed.success.id
      const error = handed.failure
      const passes = error._tag === "BackendError" ? error.reason._tag !== "InvalidName" : error._tag === "QueueFull"
      if (passes) return later(job, token, error.message)
      throw new UnrecoverableError(error.message)
    }

    yield* Effect.acquireRelease(
      Effect.sync(() =>
        new Worker(old.name, process, {
          ...options,
          concurrency: handedOverAtOnce,
          // What a crashed drain had in hand comes back sooner than by BullMQ's own half minute, however often.
          lockDuration: 5_000,
          stalledInterval: 5_000,
          maxStalledCount: Number.MAX_SAFE_INTEGER
        }).on("error", heard)
      ),
      (worker) => Effect.promise(() => worker.close())
    )

    /** Whether it is gone from the old queue. A scheduler's next job stays: it makes the one after it when it is due. */
    const wake = (job: Job) =>
      Effect.gen(function* () {
        const { id, parentKey, repeatJobKey } = job
        if (id === undefined || parentKey !== undefined || repeatJobKey !== undefined) return false
        // What a job says of its delay counts from its making, its last failure or its last change; the score is a time.
        const score = yield* Effect.tryPromise(() => redis.zscore(queue.toKey("delayed"), id))
        if (score === null) return false
        yield* handOver(job, { id: idOf(job), at: DateTime.makeUnsafe(Math.floor(Number(score) / 0x1000)) })
        yield* Effect.tryPromise(() => job.remove({ removeChildren: false }))
        return true
      }).pipe(
        // Now due, and the worker has it; or it fits no schema, which the worker will say.
        Effect.catch((error) => Effect.as(Effect.logDebug(`job ${job.id} still sleeps: ${error.message}`), false))
      )

    const wakeAll = Effect.gen(function* () {
      for (let stay = 0; ;) {
        const jobs = yield* Effect.tryPromise(() => queue.getDelayed(stay, stay + 99))
        if (jobs.length === 0) return
        const gone = yield* Effect.forEach(jobs, wake, { concurrency: handedOverAtOnce })
        stay += gone.filter((isGone) => !isGone).length
      }
    })
    yield* wakeAll.pipe(
      Effect.catch((error) => Effect.logWarning(`BullMQ: ${error.message}`)),
      Effect.repeat(Schedule.spaced(pauseMs)),
      Effect.forkScoped
    )
  })
