/** Claims: how a claimer gets tasks, and what becomes of them. */
import {
  type Claimed,
  type Claimer,
  type Lane,
  maxBatchEntries,
  maxPromoted,
  type Outcome,
  type Settlement,
  type Step
} from "@troupe/core/TaskQueueStore"
import { sleep } from "./Batches.ts"
import * as Deque from "./Deque.ts"
import { type Desk, held, type Task } from "./Desk.ts"
import { detach, end } from "./Ends.ts"
import * as Lanes from "./Lanes.ts"
import { bury } from "./Letters.ts"
import * as Ordered from "./Ordered.ts"
import * as Places from "./Places.ts"
import { note, type Turn, word } from "./Turn.ts"

/** So often numbers are taken from where they stand, as many as are still wanted, before a step is over. */
const maxRounds = 4

export interface Taken {
  readonly tasks: ReadonlyArray<Task>
  readonly isMore: boolean
}

/** As many as the step asks for, and no more than the rate allows. */
export const take = (turn: Turn, step: Step, allowed: number): Taken => {
  const { desk } = turn
  const asked = Math.min(step.free + step.ahead, maxBatchEntries)
  let most = Math.min(asked, allowed)
  const free = Math.min(step.free, most)
  const tasks: Array<Task> = []
  let hasSuspect = false
  let isCut = false
  const claim = (task: Task): void => {
    if (!Places.take(desk, task)) return
    mark(turn, step, task, tasks.length)
    tasks.push(task)
    if (Lanes.isSuspect(task)) hasSuspect = true
  }
  const takesSuspect = (): boolean => step.takesSuspect && !hasSuspect && tasks.length < free
  /** Until there are so many, or there is nothing more, or enough was passed over. */
  const draw = (most: number, next: () => number | undefined, met: (task: Task) => void): void => {
    for (let round = 0; round < maxRounds; round++) {
      for (let count = most - tasks.length; count > 0; count--) {
        const number = next()
        if (number === undefined) return
        const task = desk.tasks.get(number)
        if (task !== undefined) met(task)
      }
    }
    if (tasks.length < most) isCut = true
  }
  for (const name of step.lanes) {
    const line = desk.lanes.get(name)
    if (tasks.length >= most || isCut) break
    if (line === undefined) continue
    if (takesSuspect()) draw(tasks.length + 1, () => Ordered.shift(line.suspects), claim)
    draw(free, () => Ordered.shift(line.front), claim)
    // Behind those who stand in front nobody is claimed ahead: they would begin before them.
    if (line.front.size > 0) most = free
    draw(
      most,
      () => Deque.shift(line.list),
      (task) => (!Lanes.isSuspect(task) || takesSuspect() ? claim(task) : Lanes.suspect(turn, line, task))
    )
    Lanes.tidy(desk, name, line)
  }
  return { tasks, isMore: isCut || (asked < step.free + step.ahead && tasks.length === asked) }
}

/** At once: who looks for a place within the same step has to see it. */
const mark = (turn: Turn, { claimer, free, maxAttempts }: Step, task: Task, index: number): void => {
  const { desk, now } = turn
  const hasBegun = index < free && task.attempts < maxAttempts
  desk.fence = Math.max(desk.fence + 1, now * 1_000)
  task.state = "Claimed"
  task.claim = { claimer, fence: desk.fence, hasBegun, isCancelled: false }
  if (hasBegun) start(turn, task, claimer)
  const numbers = desk.claims.get(claimer)
  if (numbers === undefined) desk.claims.set(claimer, new Set([task.number]))
  else numbers.add(task.number)
}

const start = (turn: Turn, task: Task, claimer: Claimer): void => note(turn, "S", task, claimer, task.attempts + 1)

export const claimedOf = (task: Task): Claimed => ({
  number: task.number,
  fence: task.claim?.fence ?? 0,
  id: task.id,
  payload: task.payload,
  lane: task.lane,
  enqueuedAt: task.enqueuedAt,
  attempts: task.attempts,
  crashes: task.crashes,
  keepMs: task.keepMs,
  trace: task.trace,
  isPlain:
    !task.isNamed &&
    task.unique === undefined &&
    task.place === undefined &&
    task.keepMs === 0 &&
    task.attempts === 0 &&
    task.crashes === 0
})

export const settle = (turn: Turn, claimer: Claimer, settlement: Settlement): Outcome => {
  const { desk, now } = turn
  const { fence, number } = settlement.claim
  const task = held(desk, claimer, number)
  if (task?.claim?.fence !== fence) return "Lost"
  if (task.claim.isCancelled) {
    end(turn, task, { _tag: "Cancelled" })
    return "Cancelled"
  }
  const hasRun = settlement._tag === "Dead" ? settlement.hasRun : settlement._tag !== "Release"
  // What was claimed ahead may be over before it was told to have begun.
  if (hasRun && !task.claim.hasBegun) start(turn, task, claimer)
  switch (settlement._tag) {
    case "Done":
      note(turn, "C", task, claimer)
      end(turn, task, { _tag: "Completed", answer: settlement.answer })
      break
    case "Retry":
      detach(turn, task)
      task.attempts += 1
      task.error = settlement.error
      task.at = Math.max(now, Math.ceil(now + settlement.delayMs))
      note(turn, "F", task, task.attempts, word(settlement.error))
      note(turn, "R", task, task.at)
      if (task.at <= now) Lanes.append(turn, task)
      else sleep(turn, task)
      break
    case "Dead":
      if (settlement.hasRun) task.attempts += 1
      if (settlement.hasRun) note(turn, "F", task, task.attempts, word(settlement.error))
      bury(turn, task, settlement.reason, settlement.error, settlement.answer)
      break
    case "Release":
      handBack(turn, task)
  }
  return "Settled"
}

/** To the front of its lane, and nothing is counted. */
export const handBack = (turn: Turn, task: Task): void => {
  if (task.claim?.hasBegun === true) note(turn, "B", task)
  detach(turn, task)
  Lanes.stand(turn, task)
}

export const begin = (turn: Turn, claimer: Claimer, numbers: ReadonlyArray<number>): void => {
  for (const number of numbers) {
    const task = held(turn.desk, claimer, number)
    if (task?.claim === undefined || task.claim.hasBegun) continue
    task.claim.hasBegun = true
    if (!task.claim.isCancelled) start(turn, task, claimer)
  }
}

/** Whose time has come stands at the end of its lane. True: there are more of them. */
export const promote = (turn: Turn): boolean => {
  const { sleeping, tasks } = turn.desk
  for (let count = 0; Ordered.firstScore(sleeping) <= turn.now; count++) {
    if (count === maxPromoted) return true
    const task = tasks.get(Ordered.shift(sleeping) ?? 0)
    if (task !== undefined) Lanes.append(turn, task)
  }
  return false
}

/** What these lanes still have for others to claim. */
export const rest = (desk: Desk, lanes: Iterable<Lane>, withSuspects: boolean): number => {
  let count = 0
  for (const name of lanes) {
    const line = Lanes.isPeers(name) ? undefined : desk.lanes.get(name)
    if (line !== undefined) count += withSuspects ? Lanes.size(line) : Lanes.ordinary(line)
  }
  return count
}
