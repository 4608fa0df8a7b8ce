/** Enqueueing: a whole batch in one step. */
import type { Accepted, Batch, Entry } from "@troupe/core/TaskQueueStore"
import { rememberedMs } from "@troupe/core/TaskQueueStore"
import { claimed, type Desk, type Task } from "./Desk.ts"
import { hold, holder, name, numberOf } from "./Ends.ts"
import * as Lanes from "./Lanes.ts"
import * as Ordered from "./Ordered.ts"
import { close, type Done, note, open, type Turn } from "./Turn.ts"

/**
 * Undefined: a later batch of this sender came before. Early: the one that it follows did not. `fresh` names a queue that
 * begins.
 */
export const enqueue = (
  desk: Desk,
  now: number,
  fresh: () => string,
  batch: Batch
): Done<ReadonlyArray<Accepted> | "Early" | undefined> => {
  const turn = open(desk, now)
  const { after, entries, maxLength, sender, sequence } = batch
  const known = desk.senders.get(sender)
  const memo = known !== undefined && known.at + rememberedMs > now ? known : undefined
  if (memo !== undefined && sequence <= memo.sequence) {
    const asked = sequence === memo.sequence ? memo : memo.before
    return close(turn, asked?.sequence === sequence ? asked.answers : undefined)
  }
  if ((memo?.sequence ?? 0) < after) return close(turn, "Early")
  if (desk.life === "") desk.life = fresh()
  const answers = entries.map((entry) => {
    const accepted = accept(turn, entry, maxLength)
    if (accepted?._tag === "Duplicate") keepLonger(desk, now, accepted.id, entry.keepMs)
    return accepted
  })
  // The order of the senders is that of their last batches.
  desk.senders.delete(sender)
  const before = after > 0 && memo !== undefined ? { sequence: memo.sequence, answers: memo.answers } : undefined
  desk.senders.set(sender, { at: now, sequence, answers, before })
  return close(turn, answers)
}

export const accept = (turn: Turn, entry: Entry, maxLength: number): Accepted => {
  const { desk, now } = turn
  const known = duplicate(desk, now, entry)
  if (known !== undefined) return { _tag: "Duplicate", id: known }
  const unfinished = desk.tasks.size - desk.dead.size
  // Who counts claims pays for it: only where there is something to refuse.
  if (unfinished >= maxLength && unfinished - claimed(desk) >= maxLength) return undefined
  return { _tag: "Enqueued", id: add(turn, entry) }
}

/** Somebody wants its answer. Who has claimed it to keep none would not give one. */
const keepLonger = (desk: Desk, now: number, id: string, keepMs: number): void => {
  const task = desk.tasks.get(numberOf(desk, now, id) ?? 0)
  if (task !== undefined && (task.claim === undefined || task.keepMs > 0)) task.keepMs = Math.max(task.keepMs, keepMs)
}

/** The id of the task that is there instead. */
const duplicate = (desk: Desk, now: number, { id, unique }: Entry): string | undefined => {
  if (id !== undefined) {
    const number = numberOf(desk, now, id)
    // An id of ours is taken while its task is there.
    if (number !== undefined && (desk.tasks.has(number) || isTaken(desk, now, id))) return id
  }
  return unique === undefined ? undefined : holder(desk, now, unique.key)?.id
}

/** It was given to a task that has ended not long ago. */
const isTaken = (desk: Desk, now: number, id: string): boolean => {
  const known = desk.known.kept.get(desk.ids.get(id) ?? 0)
  return known !== undefined && known.value.takenUntil > now
}

const add = (turn: Turn, entry: Entry): string => {
  const { desk, now } = turn
  const { due, keepMs, lane, payload, place, trace, unique } = entry
  const number = (desk.number += 1)
  const id = entry.id ?? `${number}.${desk.life}`
  const task: Task = {
    number,
    id,
    isNamed: entry.id !== undefined,
    payload,
    lane,
    enqueuedAt: now,
    unique,
    place,
    keepMs,
    trace,
    state: "Ready",
    at: due === undefined ? now : Math.ceil("at" in due ? due.at : now + due.inMs),
    attempts: 0,
    crashes: 0,
    error: undefined,
    progress: undefined,
    claim: undefined,
    reason: undefined
  }
  desk.tasks.set(number, task)
  if (task.isNamed) name(desk, id, number)
  if (unique !== undefined) hold(desk, task)
  note(turn, "E", task)
  if (task.at <= now) Lanes.append(turn, task)
  else sleep(turn, task)
  return id
}

/** Until the time it has by now. */
export const sleep = (turn: Turn, task: Task): void => {
  const { sleeping } = turn.desk
  task.state = "Delayed"
  if (task.at < Ordered.firstScore(sleeping)) turn.isEarlier = true
  Ordered.add(sleeping, task.at, task.number)
}
