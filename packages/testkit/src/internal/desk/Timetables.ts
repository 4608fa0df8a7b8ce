/** Schedules: whose definition counts, and which slots are used up. */
import { type Enrolled, type Enrolment, type Fired, type Firing, maxAheadMs } from "@troupe/core/TaskQueueStore"
import { accept } from "./Batches.ts"
import type { Desk, Scheduled } from "./Desk.ts"
import { collect } from "./Ends.ts"
import { close, type Done, open } from "./Turn.ts"

export const enrol = (desk: Desk, now: number, { fingerprint, id, last, since }: Enrolment): Enrolled => {
  const known = desk.schedules.get(id)
  const mine = since ?? Math.max(now, (known?.since ?? 0) + 1)
  const from = bounded(now, last ?? now)
  if (known === undefined) {
    touch(desk, now, id, { at: now, last: from, since: mine, fingerprint, number: 0 })
    collect(open(desk, now))
    return { now, last: from, since: mine }
  }
  known.last = bounded(now, known.last)
  if (mine > known.since) {
    // What a new calendar names of the past is not its own.
    if (calendarOf(known.fingerprint) !== calendarOf(fingerprint)) known.last = Math.max(known.last, from)
    known.since = mine
    known.fingerprint = fingerprint
  }
  touch(desk, now, id, known)
  collect(open(desk, now))
  return { now, last: known.last, since: mine }
}

/** Somebody runs it. */
const touch = (desk: Desk, now: number, id: string, schedule: Scheduled): void => {
  schedule.at = now
  desk.schedules.delete(id)
  desk.schedules.set(id, schedule)
}

export const fire = (desk: Desk, now: number, fresh: () => string, firing: Firing): Done<Fired> => {
  const turn = open(desk, now)
  const { entry, fingerprint, id, maxLength, since, skips, slot } = firing
  const known = desk.schedules.get(id)
  const answer = (outcome: Fired["outcome"]) => close(turn, { outcome, now, last: known?.last ?? 0 })
  if (known === undefined) return answer("Unknown")
  known.last = bounded(now, known.last)
  if (known.fingerprint !== fingerprint) return answer(since > known.since ? "Unknown" : "Replaced")
  if (slot <= known.last) return answer("Taken")
  if (slot > now) return answer("Early")
  known.last = slot
  touch(desk, now, id, known)
  if (skips && isUnfinished(desk, known)) return answer("Skipped")
  if (desk.life === "") desk.life = fresh()
  const accepted = accept(turn, entry, maxLength)
  if (accepted === undefined) return answer("Full")
  if (accepted._tag === "Duplicate") return answer("Skipped")
  known.number = desk.number
  return answer("Fired")
}

const isUnfinished = (desk: Desk, { number }: Scheduled): boolean => {
  const task = desk.tasks.get(number)
  return task !== undefined && task.state !== "Dead"
}

const calendarOf = (fingerprint: string): string => fingerprint.slice(0, fingerprint.indexOf("."))

/** A clock that was wrong must not stop a schedule until it would have been right. */
const bounded = (now: number, last: number): number => (last > now + maxAheadMs ? now : last)
