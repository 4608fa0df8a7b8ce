/**
 * Knows whether any fiber of the world is about to run: every fiber, of the law as of its peers, is scheduled through
 * here. Fibers of a frozen process wait for its thaw.
 */
import type * as Scheduler from "effect/Scheduler"
import type { Process } from "./Process.ts"

export class Turns {
  /** Tasks that are scheduled and have not run. */
  runnable = 0
  /** Grows with every task: two equal readings with nothing runnable mean that nothing happened in between. */
  activity = 0
  private readonly parent: Scheduler.Scheduler

  constructor(parent: Scheduler.Scheduler) {
    this.parent = parent
  }

  scheduler(process: Process): Scheduler.Scheduler {
    const { parent } = this
    return {
      executionMode: parent.executionMode,
      shouldYield: (fiber) => parent.shouldYield(fiber),
      makeDispatcher: () => {
        const dispatcher = parent.makeDispatcher()
        const schedule = (task: () => void, priority: number): void => {
          this.runnable++
          this.activity++
          dispatcher.scheduleTask(() => {
            this.runnable--
            if (process.frozen) process.held.push(() => schedule(task, priority))
            else task()
          }, priority)
        }
        return {
          scheduleTask: (task, priority) => process.run(() => schedule(task, priority)),
          flush: () => dispatcher.flush()
        }
      }
    }
  }
}
