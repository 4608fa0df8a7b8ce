/** Kinds of tasks under faults, a worker for each, and a store that writes down what the backend answered. */
import type { BackendError } from "@troupe/core/BackendError"
import * as TaskQueue from "@troupe/core/TaskQueue"
import { type Claimed, TaskQueueStore } from "@troupe/core/TaskQueueStore"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as RedisClient from "../../src/RedisClient.ts"
import * as RedisTaskQueue from "../../src/RedisTaskQueue.ts"
import type { Limit } from "./Checker.ts"
import type { History } from "./History.ts"

/** `stubborn` cannot be interrupted. */
const Payload = Schema.Struct({
  task: Schema.String,
  ms: Schema.Number,
  how: Schema.Literals(["sleep", "stubborn"])
})
export type Payload = typeof Payload.Type

export const limits = {
  placed: { places: 2 },
  rated: { starts: 10, windowMs: 250 }
} satisfies Record<string, Limit>

/** Tasks are named `<kind>:<key>:<n>`. */
export const kinds = {
  plain: TaskQueue.task("plain", { payload: Payload }),
  placed: TaskQueue.task("placed", {
    payload: Payload,
    concurrency: { key: ({ task }) => task.split(":")[1] ?? "", limit: limits.placed.places }
  }),
  rated: TaskQueue.task("rated", {
    payload: Payload,
    rateLimit: { limit: limits.rated.starts, window: limits.rated.windowMs }
  })
} as const
export type Kind = keyof typeof kinds
export const allKinds = [kinds.plain, kinds.placed, kinds.rated] as const

export const kindOf = (task: string) => allKinds.find(({ name }) => name === task.split(":")[0]) ?? kinds.plain

/** Leases that a test can wait for. */
export const times = { lease: 1_500, heartbeat: 400 } as const

const isPayload = Schema.is(Payload)
const taskOf = ({ payload }: Claimed): string => {
  const value: unknown = JSON.parse(payload)
  if (!isPayload(value)) throw new Error(`no payload: ${payload}`)
  return value.task
}

/** TaskQueue over a store that writes down what it answers. */
export const layer = (
  history: History,
  options: TaskQueue.Options = {}
): Layer.Layer<TaskQueue.TaskQueue, never, RedisClient.RedisClient> =>
  TaskQueue.layer({ ...times, ...options }).pipe(Layer.provide(watched(history)), Layer.provide(RedisTaskQueue.store))

const watched = (history: History) =>
  Layer.effect(
    TaskQueueStore,
    Effect.map(TaskQueueStore, (store) => {
      const held = new Map<string, Map<number, Claimed>>()
      const noted = <A>(call: string, effect: Effect.Effect<A, BackendError>, told: (answer: A) => void = () => {}) =>
        Effect.tapError(
          Effect.map(effect, (answer) => {
            told(answer)
            return answer
          }),
          (error) =>
            Effect.sync(() => {
              if (error.outcome === "Unknown") history.write({ what: "cut", call })
            })
        )
      return TaskQueueStore.of({
        ...store,
        enqueue: (queue, batch) => noted("enqueue", store.enqueue(queue, batch)),
        step: (queue, step) =>
          Effect.suspend(() => {
            const mine = held.get(step.claimer) ?? new Map<number, Claimed>()
            held.set(step.claimer, mine)
            // A beat may be answered between this step's end and its answer.
            for (const { claim } of step.settlements) mine.delete(claim.fence)
            return noted("step", store.step(queue, step), ({ claimed, outcomes }) => {
              step.settlements.forEach(({ _tag: how, claim }, i) => {
                const outcome = outcomes[i] ?? "Settled"
                // What it held unawares it gives back without having seen it (promise D2).
                if (claim.payload !== "")
                  history.write({ what: "settled", task: taskOf(claim), fence: claim.fence, how, outcome })
              })
              for (const claim of claimed) {
                const { attempts, fence } = claim
                mine.set(fence, claim)
                history.write({ what: "claimed", task: taskOf(claim), fence, attempts })
              }
            })
          }),
        beat: (beats) =>
          noted("beat", store.beat(beats), (answers) =>
            answers.forEach(({ fence, isHeld }, i) => {
              const mine = held.get(beats[i]!.claimer)
              if (isHeld || mine === undefined) return
              const lost = [...mine.keys()].filter((its) => its <= fence)
              for (const its of lost) mine.delete(its)
              if (lost.length > 0) history.write({ what: "lapsed" })
            })
          ),
        depart: (queue, who) => noted("depart", store.depart(queue, who)),
        progress: (queue, claimer, claim, value) => noted("progress", store.progress(queue, claimer, claim, value))
      })
    })
  )

export interface WorkOptions extends TaskQueue.WorkerOptions {
  /** Whatever a task asks for, it is done at once. */
  readonly quick?: boolean | undefined
}

/** A handler that writes down what becomes of it, and takes as long, and in such a way, as its payload says. */
const handler =
  (history: History, isQuick: boolean): TaskQueue.Handler<Payload, void, never, never> =>
  ({ how, ms, task }, run) =>
    Effect.suspend(() => {
      const fence = Number(run.fence)
      history.write({ what: "began", task, fence, attempt: run.attempt })
      return Effect.onExit(isQuick ? Effect.void : body(how, ms), (exit) =>
        Effect.sync(() => history.write({ what: exit._tag === "Success" ? "ended" : "interrupted", task, fence }))
      )
    })

const body = (how: Payload["how"], ms: number): Effect.Effect<void> => {
  if (how === "stubborn") return Effect.uninterruptible(Effect.sleep(ms))
  return ms === 0 ? Effect.void : Effect.sleep(ms)
}

/** Works on every kind until the scope closes. */
export const work = Effect.fnUntraced(function* (
  queue: TaskQueue.Service,
  history: History,
  { quick = false, ...options }: WorkOptions = {}
) {
  for (const task of allKinds) yield* queue.work(task, handler(history, quick), options)
})
