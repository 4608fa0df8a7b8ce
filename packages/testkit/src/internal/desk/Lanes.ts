/** Where ready tasks stand: suspects, then the front, then the list. A lane with nothing in it is not there. */
import { maxCrashes, type Lane } from "@troupe/core/TaskQueueStore"
import * as Deque from "./Deque.ts"
import type { Desk, Line, Task } from "./Desk.ts"
import * as Ordered from "./Ordered.ts"
import type { Turn } from "./Turn.ts"

/** One peer's alone. */
export const isPeers = (lane: Lane): boolean => lane.startsWith("p")

/** One more crash convicts it. */
export const isSuspect = (task: Task): boolean => task.crashes >= maxCrashes - 1

/** At the end of its lane. */
export const append = (turn: Turn, task: Task): void => Deque.push(enter(turn, task).list, task.number)

/** In front of its lane, by its number. */
export const stand = (turn: Turn, task: Task): void => {
  const line = enter(turn, task)
  Ordered.add(isSuspect(task) ? line.suspects : line.front, 0, task.number)
}

/** It came to the head of the list, and may not run with others: it waits with its like. */
export const suspect = (turn: Turn, line: Line, task: Task): void => {
  Ordered.add(line.suspects, 0, task.number)
  turn.lanes.add(task.lane)
}

const enter = (turn: Turn, task: Task): Line => {
  const { desk, lanes, now } = turn
  const { lane } = task
  task.state = "Ready"
  lanes.add(lane)
  if (!isPeers(lane)) turn.ready += 1
  const line = desk.lanes.get(lane)
  if (line !== undefined) return line
  const made = { suspects: Ordered.make(), front: Ordered.make(), list: Deque.make(), heard: now }
  desk.lanes.set(lane, made)
  return made
}

/** Takes away a ready task that stands in its lane, and is about to be gone; in the list its number stays. */
export const leave = (desk: Desk, task: Task): void => {
  const line = desk.lanes.get(task.lane)
  if (line === undefined) return
  Ordered.remove(line.suspects, 0, task.number)
  Ordered.remove(line.front, 0, task.number)
  tidy(desk, task.lane, line)
}

/** The next of all that stands in the lane; perhaps it is gone. */
export const shiftAny = (line: Line): number | undefined =>
  Ordered.shift(line.suspects) ?? Ordered.shift(line.front) ?? Deque.shift(line.list)

export const tidy = (desk: Desk, lane: Lane, line: Line): void => {
  if (size(line) === 0) desk.lanes.delete(lane)
}

/** How many stand there, suspects apart. */
export const ordinary = ({ front, list }: Line): number => front.size + Deque.length(list)

export const size = (line: Line): number => line.suspects.size + ordinary(line)

export const isReady = (desk: Desk, lanes: ReadonlyArray<Lane>): boolean => lanes.some((lane) => desk.lanes.has(lane))
