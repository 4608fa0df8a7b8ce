/** TaskQueue's laws on a server and on a cluster, and its model: the same game gives the same answers as in memory. */
import * as TaskQueue from "@troupe/core/TaskQueue"
import * as Conformance from "@troupe/testkit/Conformance"
import * as TaskEventLaws from "@troupe/testkit/laws/TaskEventLaws"
import * as TaskLimitLaws from "@troupe/testkit/laws/TaskLimitLaws"
import * as TaskOrderLaws from "@troupe/testkit/laws/TaskOrderLaws"
import * as TaskOutcomeLaws from "@troupe/testkit/laws/TaskOutcomeLaws"
import * as TaskQueueLaws from "@troupe/testkit/laws/TaskQueueLaws"
import * as TaskRecoveryLaws from "@troupe/testkit/laws/TaskRecoveryLaws"
import * as TaskScheduleLaws from "@troupe/testkit/laws/TaskScheduleLaws"
import * as TaskQueueModel from "@troupe/testkit/laws/TaskQueueModel"
import * as TaskQueueStoreLaws from "@troupe/testkit/laws/TaskQueueStoreLaws"
import * as MemoryTaskQueue from "@troupe/testkit/MemoryTaskQueue"
import * as Layer from "effect/Layer"
import * as RedisTaskQueue from "../src/RedisTaskQueue.ts"
import { playsAsMemoryDoes } from "./support/games.ts"
import { places } from "./support/places.ts"
import * as RedisWorld from "./support/RedisWorld.ts"

/** Bounds that the laws can reach. */
const bounded: TaskQueue.Options = { maxLength: 1_000, deadLetters: { capacity: 50, timeToLive: "14 days" } }
const both = Layer.provideMerge(TaskQueue.layer(bounded), RedisTaskQueue.store)

for (const { at, name, prefix, skip } of places) {
  skip(`on a ${name}`, () => {
    Conformance.suite(
      "TaskQueue",
      {
        ...TaskQueueLaws,
        ...TaskOrderLaws,
        ...TaskOutcomeLaws,
        ...TaskLimitLaws,
        ...TaskRecoveryLaws,
        ...TaskScheduleLaws,
        ...TaskEventLaws
      },
      (options) => RedisWorld.make({ ...options, prefix, at, layer: () => RedisTaskQueue.layer(bounded) }),
      // A law of four thousand queues takes seconds for each seed.
      { timeout: 120_000 }
    )

    Conformance.suite("TaskQueueStore", TaskQueueStoreLaws, (options) =>
      RedisWorld.make({ ...options, prefix, at, layer: () => both })
    )

    playsAsMemoryDoes(TaskQueueModel, MemoryTaskQueue.store, (options) =>
      RedisWorld.make({ ...options, prefix, at, layer: () => RedisTaskQueue.store })
    )
  })
}
