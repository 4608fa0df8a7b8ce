import * as TaskQueue from "@troupe/core/TaskQueue"
import * as Conformance from "@troupe/testkit/Conformance"
import * as TaskEventLaws from "@troupe/testkit/laws/TaskEventLaws"
import * as TaskLimitLaws from "@troupe/testkit/laws/TaskLimitLaws"
import * as TaskOrderLaws from "@troupe/testkit/laws/TaskOrderLaws"
import * as TaskOutcomeLaws from "@troupe/testkit/laws/TaskOutcomeLaws"
import * as TaskQueueLaws from "@troupe/testkit/laws/TaskQueueLaws"
import * as TaskQueueStoreLaws from "@troupe/testkit/laws/TaskQueueStoreLaws"
import * as TaskRecoveryLaws from "@troupe/testkit/laws/TaskRecoveryLaws"
import * as TaskScheduleLaws from "@troupe/testkit/laws/TaskScheduleLaws"
import * as MemoryTaskQueue from "@troupe/testkit/MemoryTaskQueue"
import * as MemoryWorld from "@troupe/testkit/MemoryWorld"
import * as Layer from "effect/Layer"
import { bounded } from "./bounded.ts"

Conformance.suite(
  "TaskQueue on memory",
  {
    ...TaskQueueLaws,
    ...TaskOrderLaws,
    ...TaskOutcomeLaws,
    ...TaskLimitLaws,
    ...TaskRecoveryLaws,
    ...TaskScheduleLaws,
    ...TaskEventLaws
  },
  (options) => MemoryWorld.make({ ...options, layer: () => MemoryTaskQueue.layer(bounded) })
)

const both = Layer.provideMerge(TaskQueue.layer(bounded), MemoryTaskQueue.store)
Conformance.suite("TaskQueueStore on memory", TaskQueueStoreLaws, (options) =>
  MemoryWorld.make({ ...options, layer: () => both })
)
