/** Dead letters: how a task becomes one, how long it stays one, and how it comes back. */
import { type DeathReason, type Letters, pageSize } from "@troupe/core/TaskQueueStore"
import type { Desk, Task } from "./Desk.ts"
import { detach, end, hold, holder, keep, numberOf, release } from "./Ends.ts"
import * as Expiring from "./Expiring.ts"
import * as Lanes from "./Lanes.ts"
import * as Ordered from "./Ordered.ts"
import * as Pages from "./Pages.ts"
import { close, type Done, note, open, tell, type Turn } from "./Turn.ts"

/** So many are thrown away in one step. */
const maxTrimmed = 128

export const bury = (turn: Turn, task: Task, reason: DeathReason, error: string, answer: string | undefined): void => {
  const { desk, now } = turn
  detach(turn, task)
  release(desk, now, task)
  task.state = "Dead"
  task.at = now
  task.reason = reason
  task.error = error
  Ordered.add(desk.dead, now, task.number)
  note(turn, "D", task, reason)
  if (answer !== undefined) keep(turn, task, { _tag: "Failed", answer })
  tell(turn, task)
}

/** Throws away those that are too old or too many, the oldest first. */
export const trim = (turn: Turn, { capacity, timeToLiveMs }: Letters): void => {
  const { dead, tasks } = turn.desk
  for (let count = 0; count < maxTrimmed; count++) {
    if (dead.size <= capacity && Ordered.firstScore(dead) + timeToLiveMs > turn.now) return
    const task = tasks.get(Ordered.firstNumber(dead) ?? 0)
    if (task === undefined) return
    end(turn, task, undefined)
  }
}

export const redrive = (
  desk: Desk,
  now: number,
  which: { readonly id: string } | { readonly cursor: string }
): Done<{ readonly count: number; readonly cursor: string }> => {
  const turn = open(desk, now)
  if ("id" in which) {
    const task = desk.tasks.get(numberOf(desk, now, which.id) ?? 0)
    return close(turn, { count: task !== undefined && revive(turn, task) ? 1 : 0, cursor: "" })
  }
  const { cursor, tasks } = Pages.ordered(desk, desk.dead, which.cursor, pageSize)
  // What dies again while others are redriven is not among them.
  const began = Number(which.cursor.split(" ")[2] ?? now)
  const letters = tasks.filter(({ at }) => at <= began)
  const isLast = cursor === "" || letters.length < tasks.length
  const count = letters.filter((task) => revive(turn, task)).length
  return close(turn, { count, cursor: isLast ? "" : `${cursor} ${began}` })
}

const revive = (turn: Turn, task: Task): boolean => {
  const { desk, now } = turn
  if (task.state !== "Dead") return false
  if (task.unique !== undefined && (holder(desk, now, task.unique.key)?.number ?? task.number) !== task.number)
    return false
  detach(turn, task)
  hold(desk, task)
  Expiring.drop(desk.answers, task.number)
  task.attempts = 0
  task.crashes = 0
  task.error = undefined
  task.progress = undefined
  task.reason = undefined
  Lanes.append(turn, task)
  note(turn, "E", task)
  return true
}
