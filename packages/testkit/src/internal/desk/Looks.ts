/** What is known of a queue and its tasks. */
import type { Answer, Counts, Info, Page, State } from "@troupe/core/TaskQueueStore"
import { pageSize } from "@troupe/core/TaskQueueStore"
import { claimed, type Desk, type Task } from "./Desk.ts"
import { numberOf } from "./Ends.ts"
import * as Expiring from "./Expiring.ts"
import * as Pages from "./Pages.ts"

/** With `waitMs` its end is pushed, if it comes within that time. */
export const answer = (desk: Desk, now: number, id: string, waitMs: number): Answer => {
  const number = numberOf(desk, now, id) ?? 0
  const kept = Expiring.get(desk.answers, number, now)
  if (kept !== undefined) return kept.answer
  const task = desk.tasks.get(number)
  if (task === undefined) return { _tag: "Unknown" }
  if (task.state === "Dead" && task.reason !== undefined) {
    return { _tag: "Dead", reason: task.reason, error: task.error ?? "" }
  }
  if (task.claim?.isCancelled === true) return { _tag: "Cancelled" }
  if (waitMs > 0) desk.awaited = Math.max(desk.awaited, now + waitMs)
  return { _tag: "Waiting" }
}

export const inspect = (desk: Desk, now: number, id: string): Info | undefined => {
  const number = numberOf(desk, now, id) ?? 0
  const task = desk.tasks.get(number)
  if (task !== undefined) return infoOf(task)
  const kept = Expiring.get(desk.answers, number, now)
  if (kept?.answer._tag !== "Completed") return undefined
  // Nothing else is kept with the answer.
  return { ...blank, id, state: "Completed", payload: "", attempts: 0, enqueuedAt: kept.enqueuedAt }
}

export const page = (desk: Desk, state: Exclude<State, "Completed">, cursor: string): Page => {
  const found = pages[state](desk, cursor, pageSize)
  return { tasks: found.tasks.map((task) => ({ ...infoOf(task), number: task.number })), cursor: found.cursor }
}

export const pages: Record<Exclude<State, "Completed">, (desk: Desk, cursor: string, count: number) => Pages.Page> = {
  Ready: Pages.ready,
  Delayed: (desk, cursor, count) => Pages.ordered(desk, desk.sleeping, cursor, count),
  Claimed: Pages.claimed,
  Dead: (desk, cursor, count) => Pages.ordered(desk, desk.dead, cursor, count)
}

export const counts = (desk: Desk): Counts => {
  const counted = { delayed: desk.sleeping.size, claimed: claimed(desk), dead: desk.dead.size }
  const ready = desk.tasks.size - counted.delayed - counted.claimed - counted.dead
  return { ready, ...counted, isPaused: desk.isPaused }
}

const blank = {
  runAt: undefined,
  claimer: undefined,
  lastError: undefined,
  progress: undefined,
  reason: undefined,
  diedAt: undefined
}

const infoOf = ({ at, attempts, claim, enqueuedAt, error, id, payload, progress, reason, state }: Task): Info => ({
  id,
  state,
  payload,
  attempts,
  enqueuedAt,
  runAt: state === "Delayed" ? at : undefined,
  claimer: claim?.claimer,
  lastError: error,
  progress,
  reason,
  diedAt: state === "Dead" ? at : undefined
})
