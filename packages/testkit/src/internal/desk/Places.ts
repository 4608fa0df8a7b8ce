/**
 * Places: at most so many tasks of a key run at a time. Who finds none waits outside of its lane, and comes to its front
 * when one is free; then it has to find a place like any other, for it may be late.
 */
import type { Desk, Task } from "./Desk.ts"
import * as Lanes from "./Lanes.ts"
import * as Ordered from "./Ordered.ts"
import type { Turn } from "./Turn.ts"

/** Takes a place for what is about to run. False: it waits for one from now on. */
export const take = (desk: Desk, task: Task): boolean => {
  if (task.place === undefined) return true
  const { key, limit } = task.place
  const running = desk.running.get(key)
  if (running === undefined) {
    desk.running.set(key, new Set([task.number]))
    return true
  }
  if (running.size >= limit) {
    // Where the data was rewound a place may belong to nobody.
    for (const number of running) if (desk.tasks.get(number)?.state !== "Claimed") running.delete(number)
  }
  if (running.size < limit) {
    running.add(task.number)
    return true
  }
  const waiting = desk.waiting.get(key) ?? Ordered.make()
  desk.waiting.set(key, waiting)
  Ordered.add(waiting, 0, task.number)
  return false
}

/** It runs no more: its place is for the next. */
export const free = (turn: Turn, task: Task): void => {
  if (task.place === undefined) return
  const { key } = task.place
  const running = turn.desk.running.get(key)
  running?.delete(task.number)
  if (running?.size === 0) turn.desk.running.delete(key)
  call(turn, key)
}

/** Takes away what is ready and does not run: from those who wait, or from its lane. */
export const leave = (turn: Turn, task: Task): void => {
  const { desk } = turn
  if (task.place === undefined) {
    Lanes.leave(desk, task)
    return
  }
  const { key } = task.place
  const waiting = desk.waiting.get(key)
  if (waiting !== undefined && Ordered.remove(waiting, 0, task.number)) {
    if (waiting.size === 0) desk.waiting.delete(key)
    return
  }
  Lanes.leave(desk, task)
  // Perhaps it was the one that a free place had been for: nobody else would call the next.
  call(turn, key)
}

/**
 * If a place is free the oldest goes to the front; and where that is for one peer alone, which may be away, the next as
 * well.
 */
const call = (turn: Turn, key: string): void => {
  const { desk } = turn
  const waiting = desk.waiting.get(key)
  if (waiting === undefined) return
  while (waiting.size > 0) {
    const task = desk.tasks.get(Ordered.firstNumber(waiting) ?? 0)
    if (task?.place !== undefined && (desk.running.get(key)?.size ?? 0) >= task.place.limit) break
    Ordered.shift(waiting)
    if (task === undefined) continue
    Lanes.stand(turn, task)
    if (!Lanes.isPeers(task.lane)) break
  }
  if (waiting.size === 0) desk.waiting.delete(key)
}
