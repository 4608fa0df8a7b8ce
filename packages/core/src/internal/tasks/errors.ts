/** What can go wrong with a task itself. Part of the service: `TaskQueue.QueueFull` and so on. */
import * as Schema from "effect/Schema"
import { DeathReason, TaskId } from "../../TaskQueueStore.ts"

/** As many tasks wait as may (`maxLength`). `accepted`: how many of the first an `enqueueAll` had enqueued by then. */
export class QueueFull extends Schema.TaggedError<QueueFull>("@troupe/core/TaskQueue/QueueFull")("QueueFull", {
  task: Schema.String,
  limit: Schema.Int,
  accepted: Schema.optionalKey(Schema.Int)
}) {
  override get message(): string {
    const also = this.accepted === undefined ? "" : `; the first ${this.accepted} were enqueued`
    return `${this.task} has ${this.limit} tasks waiting${also}`
  }
}

/** The task is a dead letter: how its last attempt ended stands in the message. */
export class TaskDead extends Schema.TaggedError<TaskDead>("@troupe/core/TaskQueue/TaskDead")("TaskDead", {
  id: TaskId,
  reason: DeathReason,
  message: Schema.String
}) {}

export class TaskCancelled extends Schema.TaggedError<TaskCancelled>("@troupe/core/TaskQueue/TaskCancelled")(
  "TaskCancelled",
  { id: TaskId }
) {
  override get message(): string {
    return `task ${this.id} was cancelled`
  }
}

/** No such task, or its answer is no longer kept. */
export class TaskNotFound extends Schema.TaggedError<TaskNotFound>("@troupe/core/TaskQueue/TaskNotFound")(
  "TaskNotFound",
  { id: TaskId }
) {
  override get message(): string {
    return `no task ${this.id}, or its answer is no longer kept`
  }
}
