/**
 * The world's time and all that waits for it. It stands still until somebody moves it, and moves forward only, in
 * whole milliseconds.
 */
import type { Process } from "./Process.ts"

export interface Timer {
  readonly due: number
  readonly process: Process
  readonly fire: () => void
}

/** No zero, no negative score: a world begins late. */
export const beginning = Date.UTC(2030, 0, 1)

export class Time {
  now = beginning
  /** By due time; those of one time in the order they were set. */
  private readonly timers: Array<Timer> = []

  /** Calls `fire` once that time has come and the process' event loop turns. Returns how to take it back. */
  at(process: Process, due: number, fire: () => void): () => void {
    const timer: Timer = { due, process, fire }
    let index = this.timers.length
    while (index > 0 && this.timers[index - 1]!.due > due) index--
    this.timers.splice(index, 0, timer)
    return () => this.remove(timer)
  }

  fire(timer: Timer): void {
    this.remove(timer)
    timer.fire()
  }

  moveTo(time: number): void {
    if (time > this.now) this.now = time
  }

  /** When the next timer is due for whose process time means anything. */
  next(): number | undefined {
    const timer = this.timers.find(({ process }) => !process.frozen && !process.crashed)
    return timer === undefined || timer.due === Infinity ? undefined : timer.due
  }

  /**
   * The timers that may fire now: all that are due at this very time, but of a process that overslept (it was frozen)
   * only the first, and that before anything else reaches it: `late` has those processes.
   */
  due(): { readonly timers: ReadonlyArray<Timer>; readonly late: ReadonlySet<Process> } {
    const timers: Array<Timer> = []
    const late = new Set<Process>()
    for (const timer of this.timers) {
      if (timer.due > this.now) break
      const { crashed, frozen } = timer.process
      if (frozen || crashed || late.has(timer.process)) continue
      if (timer.due < this.now) late.add(timer.process)
      timers.push(timer)
    }
    return { timers, late }
  }

  /** The first timer of a crashed process that is closing: where nothing else is left to happen its time is over. */
  abandoned(): Timer | undefined {
    return this.timers.find(({ process }) => process.crashed && !process.ended)
  }

  /** Forgets what a process waited for. */
  forget(process: Process): void {
    for (const timer of this.timers.filter((timer) => timer.process === process)) this.remove(timer)
  }

  private remove(timer: Timer): void {
    const index = this.timers.indexOf(timer)
    if (index >= 0) this.timers.splice(index, 1)
  }
}
