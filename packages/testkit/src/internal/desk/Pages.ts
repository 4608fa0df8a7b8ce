/** Tasks page by page: what is in a state throughout is on one page. */
import type { Desk, Task } from "./Desk.ts"
import * as Ordered from "./Ordered.ts"

export interface Page {
  readonly tasks: ReadonlyArray<Task>
  readonly cursor: string
}

/** By number. */
export const ready = (desk: Desk, cursor: string, count: number): Page => {
  const last = Number(cursor)
  const tasks: Array<Task> = []
  for (const task of desk.tasks.values()) {
    if (task.number <= last || task.state !== "Ready") continue
    if (tasks.length === count) return { tasks, cursor: String(tasks.at(-1)?.number ?? "") }
    tasks.push(task)
  }
  return { tasks, cursor: "" }
}

/** By number. */
export const claimed = (desk: Desk, cursor: string, count: number): Page => {
  const last = Number(cursor)
  const numbers = [...desk.claims.values(), desk.reaping.items.slice(desk.reaping.head)].flatMap((numbers) => [
    ...numbers
  ])
  const rest = numbers.filter((number) => number > last).sort((a, b) => a - b)
  const page = rest.slice(0, count)
  return { tasks: found(desk, page), cursor: rest.length > count ? String(page.at(-1)) : "" }
}

/** By time, then by number. */
export const ordered = (desk: Desk, order: Ordered.Ordered, cursor: string, count: number): Page => {
  const [score = -Infinity, number = 0] = cursor === "" ? [] : cursor.split(" ").map(Number)
  const numbers = Ordered.after(order, score, number, count + 1)
  const tasks = found(desk, numbers.slice(0, count))
  const last = tasks.at(-1)
  return { tasks, cursor: numbers.length > count && last !== undefined ? `${last.at} ${last.number}` : "" }
}

const found = (desk: Desk, numbers: ReadonlyArray<number>): ReadonlyArray<Task> =>
  numbers.flatMap((number) => desk.tasks.get(number) ?? [])
