import type * as TaskQueue from "@troupe/core/TaskQueue"
import * as Conformance from "@troupe/testkit/Conformance"
import * as TaskLimitLaws from "@troupe/testkit/laws/TaskLimitLaws"
import * as TaskOutcomeLaws from "@troupe/testkit/laws/TaskOutcomeLaws"
import * as TaskQueueLaws from "@troupe/testkit/laws/TaskQueueLaws"
import * as MemoryTaskQueue from "@troupe/testkit/MemoryTaskQueue"
import * as MemoryWorld from "@troupe/testkit/MemoryWorld"

/** Bounds that the laws can reach. */
const bounded: TaskQueue.Options = { maxLength: 1_000, deadLetters: { capacity: 50, timeToLive: "14 days" } }

Conformance.suite("TaskQueue on memory", { ...TaskQueueLaws, ...TaskOutcomeLaws, ...TaskLimitLaws }, (options) =>
  MemoryWorld.make({ ...options, layer: () => MemoryTaskQueue.layer(bounded) })
)
