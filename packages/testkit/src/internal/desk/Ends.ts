/** How tasks leave where they are, how they end, what is kept of them then, and for how long. */
import { type Claimer, knownMs, maxCollected, rememberedMs, scheduleKnownMs } from "@troupe/core/TaskQueueStore"
import type { Desk, Ending, Memo, Task } from "./Desk.ts"
import * as Expiring from "./Expiring.ts"
import * as Ordered from "./Ordered.ts"
import * as Places from "./Places.ts"
import { tell, type Turn } from "./Turn.ts"

/** Takes a task from wherever it stands. Its place is free then; what else it holds it keeps. */
export const detach = (turn: Turn, task: Task): void => {
  const { desk } = turn
  if (task.state === "Ready") Places.leave(turn, task)
  else if (task.state === "Delayed") Ordered.remove(desk.sleeping, task.at, task.number)
  else if (task.state === "Dead") Ordered.remove(desk.dead, task.at, task.number)
  else if (task.claim !== undefined) {
    const { claimer } = task.claim
    const numbers = desk.claims.get(claimer)
    numbers?.delete(task.number)
    if (numbers?.size === 0) desk.claims.delete(claimer)
    task.claim = undefined
    Places.free(turn, task)
  }
}

/** Nothing remains but what is kept for its time. Undefined: nobody is told how it ended. */
export const end = (turn: Turn, task: Task, ending: Ending | undefined): void => {
  const { desk, now } = turn
  const { id, number } = task
  const wasDead = task.state === "Dead"
  detach(turn, task)
  desk.tasks.delete(number)
  if (!wasDead) release(desk, now, task)
  if (ending !== undefined) {
    keep(turn, task, ending)
    tell(turn, task)
  }
  if (!task.isNamed) return
  // As long as it has an answer it has its id, though that may be given anew before.
  const takenUntil = now + knownMs
  Expiring.put(desk.known, number, Math.max(takenUntil, Expiring.until(desk.answers, number)), { id, takenUntil })
}

export const keep = ({ desk, now }: Turn, task: Task, answer: Ending): void => {
  const { enqueuedAt, id, keepMs, number } = task
  if (keepMs > 0) Expiring.put(desk.answers, number, now + keepMs, { id, answer, enqueuedAt })
}

/** It holds its unique key no longer, but for the window. */
export const release = (desk: Desk, now: number, { id, number, unique }: Task): void => {
  if (unique === undefined || desk.unique.get(unique.key)?.number !== number) return
  const { key, windowMs } = unique
  if (windowMs > 0) {
    desk.unique.set(key, { number, id, until: now + windowMs })
    Expiring.put(desk.windows, number, now + windowMs, key)
  } else desk.unique.delete(key)
}

/** Who has the key now, if it is not free. */
export const holder = (
  desk: Desk,
  now: number,
  key: string
): { readonly id: string; readonly number: number } | undefined => {
  const found = desk.unique.get(key)
  return found === undefined || (found.until !== undefined && found.until <= now) ? undefined : found
}

export const hold = (desk: Desk, { id, number, unique }: Task): void => {
  if (unique === undefined) return
  const before = desk.unique.get(unique.key)
  if (before !== undefined) Expiring.drop(desk.windows, before.number)
  desk.unique.set(unique.key, { number, id, until: undefined })
}

/** The number that an id stands for: of a task that is there, or of one that is known or has an answer. */
export const numberOf = (desk: Desk, now: number, id: string): number | undefined => {
  const given = desk.ids.get(id)
  if (given !== undefined && (desk.tasks.has(given) || Expiring.get(desk.known, given, now) !== undefined)) return given
  const number = Number.parseInt(id, 10)
  const isAnswered = Expiring.get(desk.answers, number, now)?.id === id
  return isAnswered || desk.tasks.get(number)?.id === id ? number : undefined
}

/** Gives the id to a task. */
export const name = (desk: Desk, id: string, number: number): void => {
  const before = desk.ids.get(id)
  if (before !== undefined) Expiring.drop(desk.known, before)
  desk.ids.set(id, number)
}

/** Forgets a bounded part of what is over. */
export const collect = ({ desk, now }: Turn, most = maxCollected): void => {
  let left = most
  left -= Expiring.collect(desk.answers, now, left, () => {})
  left -= Expiring.collect(desk.known, now, left, (_, { id }) => {
    desk.ids.delete(id)
  })
  left -= Expiring.collect(desk.windows, now, left, (number, key) => {
    if (desk.unique.get(key)?.number === number) desk.unique.delete(key)
  })
  left -= collectOld(desk.senders, now, left, () => false)
  left -= collectOld(desk.memos, now, left, (claimer) => desk.claims.has(claimer))
  left -= collectOld(desk.schedules, now, left, () => false, scheduleKnownMs)
  const { starts } = desk
  for (; left > 0 && Ordered.firstScore(starts.times) + starts.windowMs <= now; left--) Ordered.shift(starts.times)
  if (starts.times.size === 0) starts.windowMs = 0
}

/** For as long as it holds something: what its last step gave it is known from this alone. */
export const isRemembered = (desk: Desk, now: number, claimer: Claimer, memo: Memo): boolean =>
  memo.at + rememberedMs > now || desk.claims.has(claimer)

const collectOld = <K>(
  memos: Map<K, { readonly at: number }>,
  now: number,
  max: number,
  isHeld: (who: K) => boolean,
  forMs = rememberedMs
): number => {
  let count = 0
  for (const [who, { at }] of memos) {
    if (count === max || at + forMs > now) break
    if (isHeld(who)) continue
    memos.delete(who)
    count += 1
  }
  return count
}
