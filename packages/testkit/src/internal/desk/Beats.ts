/** Heartbeats: leases are renewed, and what belongs to the dead is given back. */
import {
  abandonedMs,
  type Beat,
  type Beaten,
  type Claimer,
  holding,
  type Lane,
  maxCrashes,
  maxReaped
} from "@troupe/core/TaskQueueStore"
import * as Deque from "./Deque.ts"
import type { Desk, Task } from "./Desk.ts"
import { collect, detach, end } from "./Ends.ts"
import * as Lanes from "./Lanes.ts"
import { bury, trim } from "./Letters.ts"
import * as Ordered from "./Ordered.ts"
import { close, type Done, note, open, type Turn } from "./Turn.ts"

/** So many leave an abandoned lane in one beat. */
const maxMoved = 128

export const beat = (desk: Desk, now: number, given: Beat): Done<Beaten> => {
  const { claimer, lanes, leaseMs, letters } = given
  const turn = open(desk, now)
  judge(desk, now, leaseMs)
  const isHeld = desk.leases.has(claimer)
  if (isHeld) desk.leases.set(claimer, now + leaseMs)
  const own = desk.lanes.get(laneOf(claimer))
  if (own !== undefined) own.heard = now
  if (now >= desk.judgeFrom) convict(desk, now)
  const isMore = reap(turn)
  adopt(turn, lanes)
  collect(turn)
  trim(turn, letters)
  const due = Ordered.firstScore(desk.sleeping)
  return close(turn, {
    isHeld,
    fence: desk.fence,
    cancelled: [...(desk.claims.get(claimer) ?? [])].filter(
      (number) => desk.tasks.get(number)?.claim?.isCancelled === true
    ),
    isReady: Lanes.isReady(desk, lanes),
    isPaused: desk.isPaused,
    dueInMs: due === Infinity ? undefined : Math.max(0, due - now),
    isMore,
    holds: contradiction(desk, given)
  })
}

/** What the claimer holds, where that is not what it says and there is no step that it does not know of. */
const contradiction = (desk: Desk, { answered, claimer, holds, holdsNext }: Beat): Beaten["holds"] => {
  const memo = desk.memos.get(claimer)
  const isNext = memo !== undefined && memo.sequence > answered
  if (isNext && (memo.sequence > answered + 1 || holdsNext === undefined)) return undefined
  const all = [...(desk.claims.get(claimer) ?? [])].map((number) => ({
    number,
    fence: desk.tasks.get(number)?.claim?.fence ?? 0
  }))
  // What the step under way was given nobody has been told of.
  const known = isNext ? all.filter(({ fence }) => fence < memo.first || fence > memo.last) : all
  const { count, sum } = holding(known)
  const said = isNext ? holdsNext : holds
  return said?.count === count && said.sum === sum ? undefined : known
}

/** After a silence, or a step of the clock, everybody has a lease to be heard again. */
const judge = (desk: Desk, now: number, leaseMs: number): void => {
  const { tick } = desk
  if (tick === undefined || now < tick || now - tick > leaseMs / 2) desk.judgeFrom = now + leaseMs
  desk.tick = now
}

/** From here on they hold nothing, however long it takes to give it back, and are not woken. */
const convict = (desk: Desk, now: number): void => {
  for (const [claimer, until] of desk.leases) {
    if (until >= now) continue
    desk.leases.delete(claimer)
    desk.idle.delete(claimer)
    const numbers = desk.claims.get(claimer)
    if (numbers === undefined) continue
    for (const number of numbers) Deque.push(desk.reaping, number)
    desk.claims.delete(claimer)
  }
}

/** True: as many as one beat may. */
const reap = (turn: Turn): boolean => {
  const { reaping, tasks } = turn.desk
  let count = 0
  for (; count < maxReaped; count++) {
    const number = Deque.shift(reaping)
    if (number === undefined) break
    const task = tasks.get(number)
    if (task !== undefined) recover(turn, task)
  }
  if (Deque.length(reaping) === 0) Deque.keep(reaping, () => true)
  return count === maxReaped
}

const recover = (turn: Turn, task: Task): void => {
  const { claim } = task
  if (claim?.isCancelled === true) {
    end(turn, task, { _tag: "Cancelled" })
    return
  }
  if (claim?.hasBegun === true) {
    task.attempts += 1
    task.crashes += 1
  }
  if (task.crashes >= maxCrashes) bury(turn, task, "PeerCrashes", "its peer went away while it ran", undefined)
  else {
    if (claim?.hasBegun === true) note(turn, "B", task)
    detach(turn, task)
    Lanes.stand(turn, task)
  }
}

/** What waits for peers that have not been heard of for long is for everyone: in the last lane that the caller has. */
const adopt = (turn: Turn, lanes: ReadonlyArray<Lane>): void => {
  const { desk, now } = turn
  const last = lanes.findLast((lane) => !Lanes.isPeers(lane))
  if (last === undefined || now < desk.judgeFrom + abandonedMs) return
  let left = maxMoved
  for (const [name, line] of desk.lanes) {
    if (!Lanes.isPeers(name) || Math.max(line.heard, desk.judgeFrom) + abandonedMs > now) continue
    for (; left > 0; left--) {
      const number = Lanes.shiftAny(line)
      if (number === undefined) break
      const task = desk.tasks.get(number)
      if (task === undefined) continue
      task.lane = last
      Lanes.append(turn, task)
    }
    Lanes.tidy(desk, name, line)
  }
}

const laneOf = (claimer: Claimer): Lane => `p${claimer.slice(0, claimer.lastIndexOf("."))}`
