/** What an operator counts, task by task. */
import type * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import * as Metrics from "../../Metrics.ts"
import type { Outcome, Settlement } from "../../TaskQueueStore.ts"

export interface Meter {
  readonly enqueued: (tasks: number) => void
  readonly settled: (what: Settlement["_tag"] | Exclude<Outcome, "Settled">, tasks: number) => void
  readonly ran: (ms: number) => void
}

export class Meters {
  private readonly all = new Map<string, Meter>()
  private readonly context: Context.Context<never>

  constructor(context: Context.Context<never>) {
    this.context = context
  }

  of(task: string): Meter {
    const known = this.all.get(task)
    if (known !== undefined) return known
    const { context } = this
    const enqueued = Metric.withAttributes(Metrics.tasksEnqueued, { task })
    const duration = Metric.withAttributes(Metrics.taskDuration, { task })
    const counters = {
      Done: Metric.withAttributes(Metrics.tasksCompleted, { task }),
      Retry: Metric.withAttributes(Metrics.tasksRetried, { task }),
      Dead: Metric.withAttributes(Metrics.tasksDead, { task }),
      Lost: Metric.withAttributes(Metrics.tasksLost, { task })
    }
    const meter: Meter = {
      enqueued: (tasks) => enqueued.updateUnsafe(tasks, context),
      settled: (what, tasks) => {
        if (what !== "Release" && what !== "Cancelled") counters[what].updateUnsafe(tasks, context)
      },
      ran: (ms) => duration.updateUnsafe(ms, context)
    }
    this.all.set(task, meter)
    return meter
  }
}
