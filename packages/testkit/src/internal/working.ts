/** How the laws of TaskQueue speak: who enqueues, who works, what ran where and when. */
import * as TaskQueue from "@troupe/core/TaskQueue"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Cause from "effect/Cause"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as assert from "node:assert/strict"
import type { Node, World } from "../World.ts"

export type Work = World<TaskQueue.TaskQueue>
export type Law = (world: Work) => Effect.Effect<void, unknown, Scope.Scope>
export type Peer = Node<TaskQueue.TaskQueue>

/** A number, of which nothing is kept when it is done. */
export const Plain = TaskQueue.task("plain", { payload: Schema.Int, retry: Schedule.spaced("1 second") })
export const Levels = TaskQueue.task("levels", { payload: Schema.Int, levels: ["high", "low"] })
/** Fails as its payload says, and answers twice its payload. */
export const Twice = TaskQueue.task("twice", {
  payload: Schema.Int,
  success: Schema.Int,
  error: Schema.String,
  maxAttempts: 2,
  retry: Schedule.spaced("1 second")
})

/** One run of a handler, from its begin to its end; times are the server's. */
export interface Ran {
  readonly peer: string
  readonly value: number
  readonly attempt: number
  readonly fence: bigint
  readonly from: number
  until: number | undefined
  end: "Success" | "Failure" | "Interrupt" | undefined
}

export const on = <A, E, R>(peer: Peer, use: (queue: TaskQueue.Service) => Effect.Effect<A, E, R>) =>
  Effect.provide(Effect.flatMap(TaskQueue.TaskQueue, use), peer.context)

export const enqueue = <B, E, L extends string>(
  peer: Peer,
  task: TaskQueue.Task<number, B, E, L>,
  value: number,
  options?: TaskQueue.EnqueueOptions<NoInfer<L>>
) => on(peer, (queue) => queue.enqueue(task, value, options))

export const enqueueAll = <B, E, L extends string>(
  peer: Peer,
  task: TaskQueue.Task<number, B, E, L>,
  values: ReadonlyArray<number>,
  options?: TaskQueue.EnqueueAllOptions<NoInfer<L>>
) => on(peer, (queue) => queue.enqueueAll(task, values, options))

export type Body<B, E> = (value: number, run: TaskQueue.Run) => Effect.Effect<B, E>

/** Works for as long as the peer lives, and writes down each run. */
export const hire = <B, E, L extends string>(
  world: Work,
  peer: Peer,
  runs: Array<Ran>,
  task: TaskQueue.Task<number, B, E, L>,
  body: Body<B, E>,
  options?: TaskQueue.WorkerOptions
) =>
  on(peer, (queue) =>
    inAnOwnScope(
      queue.work(
        task,
        (value, run) =>
          Effect.gen(function* () {
            const { attempt, fence, peer } = run
            const ran: Ran = { peer, value, attempt, fence, from: yield* world.now, until: undefined, end: undefined }
            runs.push(ran)
            return yield* Effect.onExit(body(value, run), (exit) =>
              Effect.map(world.now, (now) => {
                ran.until = now
                ran.end = Exit.isSuccess(exit) ? "Success" : Cause.hasInterrupts(exit.cause) ? "Interrupt" : "Failure"
              })
            )
          }),
        options
      )
    )
  )

/** The peer's layer ends it, in its own time. */
const inAnOwnScope = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Scope.make(), (scope) => Effect.provideService(effect, Scope.Scope, scope))

/** Does nothing, for so long. */
export const lasting = (duration: Duration.Input) => (): Effect.Effect<void> => Effect.sleep(duration)

export const done = (runs: ReadonlyArray<Ran>): ReadonlyArray<number> =>
  runs.filter(({ end }) => end === "Success").map(({ value }) => value)

export const values = (runs: ReadonlyArray<Ran>): ReadonlyArray<number> => runs.map(({ value }) => value)

export const counts = (peer: Peer, task: TaskQueue.AnyTask) => on(peer, (queue) => queue.counts(task))

/** Ready, delayed, claimed, dead. */
export const counted = (peer: Peer, task: TaskQueue.AnyTask) =>
  Effect.map(counts(peer, task), ({ claimed, dead, delayed, ready }) => [ready, delayed, claimed, dead])

export const letters = <A, B, E, L extends string>(peer: Peer, task: TaskQueue.Task<A, B, E, L>) =>
  on(peer, (queue) => Stream.runCollect(queue.deadLetters(task)))

export const listed = <A, B, E, L extends string>(
  peer: Peer,
  task: TaskQueue.Task<A, B, E, L>,
  state: "Ready" | "Delayed" | "Claimed" | "Dead"
) => on(peer, (queue) => Stream.runCollect(queue.list(task, state)))

/** No two runs of one task overlap. */
export const assertOneAtATime = (runs: ReadonlyArray<Ran>): void => {
  for (const a of runs) {
    for (const b of runs) {
      if (a === b || a.value !== b.value || a.fence > b.fence) continue
      assert.ok(a.until !== undefined && a.until <= b.from, `${a.value} ran on ${a.peer} and ${b.peer} at once`)
    }
  }
}

export const eventually = (world: Work, check: () => void, within?: Duration.Input) =>
  world.eventually(Effect.sync(check), within)

/** Starts it, lets it get on its way, and gives how to see its end. */
export const started = <A, E>(peer: Peer, effect: Effect.Effect<A, E>) =>
  Effect.map(Effect.forkScoped(Effect.provide(effect, peer.context)), (fiber) => fiber)

export const numbers = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i)

export const two = (world: Work) => Effect.all([world.spawn(), world.spawn()])
export const three = (world: Work) => Effect.all([world.spawn(), world.spawn(), world.spawn()])
