/** TaskQueue in memory: for tests, and for a single process. What the peers share lives in the MemoryBackend. */
import { BackendError, CorruptData } from "@troupe/core/BackendError"
import { renamed } from "@troupe/core/Link"
import * as Name from "@troupe/core/Name"
import * as TaskQueue from "@troupe/core/TaskQueue"
import {
  claimerChannel,
  endsChannel,
  eventsChannel,
  nameChannel,
  TaskQueueStore,
  tooEarly
} from "@troupe/core/TaskQueueStore"
import { Wire } from "@troupe/core/Wire"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Batches from "./internal/desk/Batches.ts"
import * as Beats from "./internal/desk/Beats.ts"
import * as Desk from "./internal/desk/Desk.ts"
import * as Letters from "./internal/desk/Letters.ts"
import * as Looks from "./internal/desk/Looks.ts"
import * as Orders from "./internal/desk/Orders.ts"
import * as Steps from "./internal/desk/Steps.ts"
import * as Timetables from "./internal/desk/Timetables.ts"
import type { Done, Push } from "./internal/desk/Turn.ts"
import { MemoryBackend } from "./MemoryBackend.ts"

/** The store alone, for what speaks to it past the policy: tests of stores. */
export const store: Layer.Layer<TaskQueueStore, never, MemoryBackend> = Layer.effect(
  TaskQueueStore,
  Effect.gen(function* () {
    const backend = yield* MemoryBackend
    const wire = yield* Wire
    const base = (yield* Random.nextIntBetween(0, 2 ** 52)).toString(36)
    let lives = 0
    const fresh = (): string => `${base}-${(lives += 1).toString(36)}`
    const desks = new Map<string, () => Desk.Desk>()
    const deskOf = (queue: string): Desk.Desk => {
      const known = desks.get(queue)
      if (known !== undefined) return known()
      const desk = backend.state(`TaskQueue ${Name.encode(queue)}`, Desk.make)
      desks.set(queue, desk)
      return desk()
    }
    const push = <A>(queue: string, { answer, pushed }: Done<A>): A => {
      for (const one of pushed) backend.publish(topic(channelOf(queue, one)), one.message)
      return answer
    }
    const request = <A>(operation: string, adds: boolean, step: (now: number, run: string) => A) =>
      backend.request(wire, { service, operation, adds }, step)
    /** A step over one queue. */
    const move = <A>(
      operation: string,
      adds: boolean,
      queue: string,
      step: (desk: Desk.Desk, now: number) => Done<A>
    ): Effect.Effect<A, BackendError> => request(operation, adds, (now) => push(queue, step(deskOf(queue), now)))
    return TaskQueueStore.of({
      enqueue: (queue, batch) =>
        Effect.flatMap(
          inOrder(
            "enqueue",
            move("enqueue", true, queue, (desk, now) => Batches.enqueue(desk, now, fresh, batch))
          ),
          (answer) => (answer === "Early" ? Effect.fail(tooEarly) : Effect.succeed(answer))
        ),
      step: (queue, step) =>
        inOrder(
          "work",
          move("work", false, queue, (desk, now) => Steps.step(desk, now, step))
        ),
      beat: (beats) =>
        request("work", false, (now) =>
          beats.map((beat) => push(beat.queue, Beats.beat(deskOf(beat.queue), now, beat)))
        ),
      depart: (queue, who) => move("work", false, queue, (desk, now) => Orders.depart(desk, now, who)),
      progress: (queue, claimer, claim, value) =>
        request("progress", true, () => Orders.progress(deskOf(queue), claimer, claim, value)),
      cancel: (queue, id) => move("cancel", false, queue, (desk, now) => Orders.cancel(desk, now, id)),
      answer: (queue, id, waitMs) => request("result", false, (now) => Looks.answer(deskOf(queue), now, id, waitMs)),
      inspect: (queue, id) => request("inspect", false, (now) => Looks.inspect(deskOf(queue), now, id)),
      page: (queue, state, cursor) => request("list", false, () => Looks.page(deskOf(queue), state, cursor)),
      counts: (queue) => request("counts", false, () => Looks.counts(deskOf(queue))),
      redrive: (queue, which) => move("redrive", false, queue, (desk, now) => Letters.redrive(desk, now, which)),
      purge: (queue, state, cursor) =>
        move("purge", false, queue, (desk, now) => Orders.purge(desk, now, state, cursor)),
      pause: (queue, isPaused) => move("pause", false, queue, (desk) => Orders.pause(desk, isPaused)),
      enrol: (queue, enrolment) => request("schedule", true, (now) => Timetables.enrol(deskOf(queue), now, enrolment)),
      fire: (queue, firing) => move("schedule", true, queue, (desk, now) => Timetables.fire(desk, now, fresh, firing)),
      watch: (queue, watchMs) => request("events", false, (now, run) => Orders.watch(deskOf(queue), now, run, watchMs)),
      connect: (listener) =>
        renamed((listener) => backend.link(wire, listener), listener, { to: topic, from: withoutPrefix }),
      commandTimeoutMs: 5000,
      // Outside worlds a claimer of this process cannot die without closing its scope.
      immortal: wire.server === undefined
    })
  })
)

const layerOf = (options?: TaskQueue.Options): Layer.Layer<TaskQueue.TaskQueue, never, MemoryBackend> =>
  Layer.provide(
    Layer.unwrap(
      Effect.clockWith((clock) =>
        Effect.succeed(TaskQueue.layer(isTestClock(clock) ? { shutdownGrace: 0, ...options } : options))
      )
    ),
    store
  )
const layerDefault = layerOf()

/**
 * TaskQueue for one peer of the backend's cluster. Outside of worlds nobody beats, for nobody can crash: no timer runs.
 * Under effect's TestClock there is no `shutdownGrace` where none is given: nobody would let it pass when a test ends.
 */
export const layer = (options?: TaskQueue.Options): Layer.Layer<TaskQueue.TaskQueue, never, MemoryBackend> =>
  options === undefined ? layerDefault : layerOf(options)

// -- internals ----------------------------------------------------------------------------------------------------

const isTestClock = (clock: Clock.Clock): boolean => "adjust" in clock

const service = "TaskQueue"
const prefix = "TaskQueue "
const topic = (channel: string): string => prefix + channel
const withoutPrefix = (topic: string): string => topic.slice(prefix.length)

const channelOf = (queue: string, push: Push): string =>
  push.to === "Claimer"
    ? claimerChannel(queue, push.claimer)
    : push.to === "Name"
      ? nameChannel(queue, push.peer)
      : push.to === "Ends"
        ? endsChannel(queue)
        : eventsChannel(queue)

/** What was overtaken by its successor is not done, and nobody waits for it. */
const inOrder = <A>(
  operation: string,
  given: Effect.Effect<A | undefined, BackendError>
): Effect.Effect<A, BackendError> =>
  Effect.flatMap(given, (answer) => (answer === undefined ? Effect.fail(overtaken(operation)) : Effect.succeed(answer)))

const overtaken = (operation: string): BackendError =>
  new BackendError({
    service,
    operation,
    reason: new CorruptData({ message: "a later request of the same sender came before this one" }),
    outcome: "NotApplied"
  })
