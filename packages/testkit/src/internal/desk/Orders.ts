/** What is done to a queue and its tasks from outside: progress, cancelling, purging, pausing, departing. */
import { type Claimed, type Claimer, pageSize, rememberedMs } from "@troupe/core/TaskQueueStore"
import { handBack } from "./Claims.ts"
import { type Desk, held, type Task } from "./Desk.ts"
import { end, numberOf } from "./Ends.ts"
import * as Ordered from "./Ordered.ts"
import { close, type Done, note, open, type Push } from "./Turn.ts"

export const progress = (desk: Desk, claimer: Claimer, { fence, number }: Claimed, value: string): boolean => {
  const task = held(desk, claimer, number)
  if (task?.claim?.fence !== fence) return false
  task.progress = value
  return true
}

export const cancel = (desk: Desk, now: number, id: string): Done<boolean> => {
  const turn = open(desk, now)
  const task = desk.tasks.get(numberOf(desk, now, id) ?? 0)
  if (task === undefined || task.state === "Dead") return close(turn, false)
  if (task.claim?.isCancelled !== true) note(turn, "X", task)
  if (task.claim === undefined) end(turn, task, { _tag: "Cancelled" })
  else {
    task.claim.isCancelled = true
    turn.pushed.push({ to: "Claimer", claimer: task.claim.claimer, message: `cancel ${task.number}` })
  }
  return close(turn, true)
}

export const purge = (
  desk: Desk,
  now: number,
  state: "Ready" | "Delayed" | "Dead",
  cursor: string
): Done<{ readonly count: number; readonly cursor: string }> => {
  const turn = open(desk, now)
  const order = state === "Ready" ? undefined : state === "Delayed" ? desk.sleeping : desk.dead
  const latest = order === undefined ? Infinity : (Ordered.scoreAt(order, order.size - 1) ?? -Infinity)
  // Of what was there when it began: by its number, and by when it is due, or has died.
  const [last = 0, until = 0] = cursor === "" ? [desk.number, latest] : cursor.split(" ").map(Number)
  const found: Array<Task> = []
  for (const task of desk.tasks.values()) {
    if (found.length > pageSize || task.number > last) break
    if (task.state === state && (state === "Ready" || task.at <= until)) found.push(task)
  }
  const page = found.slice(0, pageSize)
  for (const task of page) {
    if (state !== "Dead") note(turn, "X", task)
    end(turn, task, state === "Dead" ? undefined : { _tag: "Cancelled" })
  }
  return close(turn, { count: page.length, cursor: found.length > pageSize ? `${last} ${until}` : "" })
}

export const pause = (desk: Desk, isPaused: boolean): Done<void> => {
  desk.isPaused = isPaused
  const told = isPaused ? [...desk.claims.keys()] : [...desk.idle]
  if (!isPaused) desk.idle.clear()
  return {
    answer: undefined,
    pushed: told.map((claimer): Push => ({ to: "Claimer", claimer, message: isPaused ? "pause" : "work" }))
  }
}

/**
 * Where nobody watches any more, or another server took over, a number is left out, which whoever has watched until then
 * will miss.
 */
export const watch = (desk: Desk, now: number, run: string, watchMs: number): number => {
  if (now >= desk.watched || desk.run !== run) desk.pushed = Math.max(desk.pushed + 1, now * 1_000)
  desk.run = run
  desk.watched = Math.max(desk.watched, now + watchMs)
  return desk.pushed
}

/** A claimer, or a sender. */
export const depart = (desk: Desk, now: number, who: string): Done<void> => {
  const turn = open(desk, now)
  for (const number of [...(desk.claims.get(who) ?? [])]) {
    const task = desk.tasks.get(number)
    if (task?.claim?.isCancelled === true) end(turn, task, { _tag: "Cancelled" })
    else if (task !== undefined) handBack(turn, task)
  }
  desk.leases.delete(who)
  desk.senders.delete(who)
  const wasIdle = desk.idle.delete(who)
  // Perhaps it had been woken, and leaves without having looked: then it is for another to look.
  const mayBeSent = !wasIdle && (desk.memos.get(who)?.at ?? -Infinity) + rememberedMs > now
  desk.memos.delete(who)
  return close(turn, undefined, Math.max(mayBeSent ? 1 : 0, turn.ready))
}
