/** TaskQueue on Redis: a slot per queue, one script for a batch of tasks, and one for a claimer's whole turn. */
import { renamed } from "@troupe/core/Link"
import * as Name from "@troupe/core/Name"
import { type Beat, type Beaten, TaskQueueStore, tooEarly } from "@troupe/core/TaskQueueStore"
import * as TaskQueue from "@troupe/core/TaskQueue"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import { ConnectionTypeId } from "./internal/Connection.ts"
import * as Keys from "./internal/Keys.ts"
import {
  accepted,
  beatArgs,
  bounded,
  entryArgs,
  firedArgs,
  given,
  groups,
  letters,
  plainLane,
  scripted,
  stepArgs,
  stepped
} from "./internal/Tasks.ts"
import { RedisClient } from "./RedisClient.ts"

/** Where TaskQueue keeps its queues, for those that share the RedisClient's server, database and prefix. */
export const store: Layer.Layer<TaskQueueStore, never, RedisClient> = Layer.effect(
  TaskQueueStore,
  Effect.gen(function* () {
    const client = yield* RedisClient
    const connection = client[ConnectionTypeId]
    const keys = Keys.tasks(connection.keyPrefix)
    const base = (yield* Random.nextIntBetween(0, 2 ** 52)).toString(36)
    let lives = 0
    const on = (queue: string) => ({ queue: keys.queue(queue), meta: keys.meta(queue) })
    const beatOf = (beats: ReadonlyArray<Beat>) =>
      connection.call(scripted.beat, {
        service,
        operation: "work",
        role: "beat",
        keys: { queues: beats.flatMap(({ queue }) => [keys.queue(queue), keys.meta(queue)]) },
        args: { rest: beats.flatMap(beatArgs) }
      })

    return TaskQueueStore.of({
      enqueue: (queue, batch) => {
        const lane = plainLane(batch.entries)
        return Effect.flatMap(
          connection.call(scripted.enqueue, {
            service,
            operation: "enqueue",
            keys: on(queue),
            args: {
              // Another one each time: data that was lost must not come back under the old name.
              life: `${base}${(lives += 1).toString(36)}`,
              sender: batch.sender,
              sequence: batch.sequence,
              after: batch.after,
              max: bounded(batch.maxLength),
              lane: lane ?? "",
              entries: entryArgs(batch, lane === undefined)
            }
          }),
          (reply) =>
            reply === undefined ? Effect.fail(tooEarly) : Effect.succeed(accepted(reply, batch.entries.length))
        )
      },
      step: (queue, step) => {
        const order = groups(step.settlements)
        return Effect.map(
          connection.call(scripted.step, {
            service,
            operation: "work",
            keys: on(queue),
            args: stepArgs(step, order)
          }),
          (reply) => stepped(reply, step.settlements.length, order)
        )
      },
      beat: (beats) =>
        beats.length === 0
          ? Effect.succeed([])
          : connection.isCluster
            ? Effect.map(
                Effect.forEach(byQueue(beats), (group) => Effect.map(beatOf(group), (all) => [group, all] as const), {
                  concurrency: "unbounded"
                }),
                (groups) => inOrder(beats, groups)
              )
            : beatOf(beats),
      depart: (queue, who) =>
        connection.call(scripted.depart, {
          service,
          operation: "work",
          keys: on(queue),
          args: { who }
        }),
      progress: (queue, claimer, claim, value) =>
        connection.call(scripted.progress, {
          service,
          operation: "progress",
          keys: on(queue),
          args: { claimer, number: claim.number, fence: claim.fence, value }
        }),
      cancel: (queue, id) =>
        connection.call(scripted.cancel, {
          service,
          operation: "cancel",
          keys: on(queue),
          args: { id: Name.encode(id) }
        }),
      answer: (queue, id, waitMs) =>
        connection.call(scripted.answer, {
          service,
          operation: "result",
          keys: on(queue),
          args: { id: Name.encode(id), wait: bounded(waitMs) }
        }),
      inspect: (queue, id) =>
        connection.call(scripted.inspect, {
          service,
          operation: "inspect",
          keys: on(queue),
          args: { id: Name.encode(id) }
        }),
      page: (queue, state, cursor) =>
        connection.call(scripted.page, {
          service,
          operation: state === "Dead" ? "deadLetters" : "list",
          keys: on(queue),
          args: { state: letters[state], cursor }
        }),
      counts: (queue) => connection.call(scripted.counts, { service, operation: "counts", keys: on(queue), args: {} }),
      redrive: (queue, which) =>
        connection.call(scripted.redrive, {
          service,
          operation: "redrive",
          keys: on(queue),
          args: "id" in which ? { id: Name.encode(which.id), cursor: "" } : { id: "", cursor: which.cursor }
        }),
      purge: (queue, state, cursor) =>
        connection.call(scripted.purge, {
          service,
          operation: "purge",
          keys: on(queue),
          args: { state: letters[state], cursor }
        }),
      pause: (queue, isPaused) =>
        connection.call(scripted.pause, {
          service,
          operation: isPaused ? "pause" : "resume",
          keys: on(queue),
          args: { paused: isPaused ? 1 : 0 }
        }),
      enrol: (queue, { fingerprint, id, last, since }) =>
        connection.call(scripted.enrol, {
          service,
          operation: "schedule",
          keys: on(queue),
          args: { id: Name.encode(id), fingerprint, since: since ?? "", last: last ?? "" }
        }),
      fire: (queue, firing) =>
        connection.call(scripted.fire, {
          service,
          operation: "schedule",
          keys: on(queue),
          args: {
            life: `${base}${(lives += 1).toString(36)}`,
            id: Name.encode(firing.id),
            fingerprint: firing.fingerprint,
            since: firing.since,
            slot: firing.slot,
            skips: firing.skips ? 1 : 0,
            max: bounded(firing.maxLength),
            ...firedArgs(firing.entry)
          }
        }),
      watch: (queue, watchMs) =>
        connection.call(scripted.watch, {
          service,
          operation: "events",
          keys: on(queue),
          args: { wait: bounded(watchMs) }
        }),
      connect: (listener) =>
        renamed((listener) => connection.link(service, listener), listener, { to: keys.channel, from: keys.nameOf }),
      commandTimeoutMs: connection.commandTimeoutMs,
      immortal: false
    })
  })
)

const layerOf = (options?: TaskQueue.Options): Layer.Layer<TaskQueue.TaskQueue, never, RedisClient> =>
  Layer.provide(TaskQueue.layer(options), store)
const layerDefault = layerOf()

/** TaskQueue for one peer of those that share the RedisClient's server, database and prefix. */
export const layer = (options?: TaskQueue.Options): Layer.Layer<TaskQueue.TaskQueue, never, RedisClient> =>
  options === undefined ? layerDefault : layerOf(options)

// -- internals ----------------------------------------------------------------------------------------------------

const service = "TaskQueue"

const byQueue = (beats: ReadonlyArray<Beat>): ReadonlyArray<ReadonlyArray<Beat>> => {
  const groups = new Map<string, Array<Beat>>()
  for (const beat of beats) {
    const group = groups.get(beat.queue)
    if (group === undefined) groups.set(beat.queue, [beat])
    else group.push(beat)
  }
  return [...groups.values()]
}

const inOrder = (
  beats: ReadonlyArray<Beat>,
  groups: ReadonlyArray<readonly [ReadonlyArray<Beat>, ReadonlyArray<Beaten>]>
): ReadonlyArray<Beaten> => {
  const answers = new Map(groups.flatMap(([asked, told]) => asked.map((beat, i) => [beat, told[i]] as const)))
  return beats.map((beat) => given(answers.get(beat)))
}
