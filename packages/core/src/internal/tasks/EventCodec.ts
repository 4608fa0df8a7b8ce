/** What happened to tasks, as a store pushes it: TaskQueueStore's `eventsChannel` says how it is written. */
import * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"
import * as Name from "../../Name.ts"
import type { TaskEvent } from "../../TaskQueue.ts"
import { DeathReason, peerOf, TaskId } from "../../TaskQueueStore.ts"

export interface Push {
  readonly number: number
  readonly at: number
  /** Not read yet: a reader that is slow keeps it as it came. */
  readonly lines: string
}

/** Undefined for what is none. */
export const push = (message: string): Push | undefined => {
  const [, number, at, lines] = /^(\d+) (\d+)\n(.+)$/s.exec(message) ?? []
  return lines === undefined ? undefined : { number: Number(number), at: Number(at), lines }
}

/** In their order. Undefined where one is of a kind that is not known here. */
export const events = ({ at, lines }: Push): ReadonlyArray<TaskEvent> | undefined => {
  const time = DateTime.makeUnsafe(at)
  const all: Array<TaskEvent> = []
  for (const line of lines.split("\n")) {
    const event = read(line.split(" "), time)
    if (event === undefined) return undefined
    all.push(event)
  }
  return all
}

const read = (
  [letter, word, first = "", second = ""]: ReadonlyArray<string>,
  at: DateTime.Utc
): TaskEvent | undefined => {
  const text = Name.decode(word ?? "")
  if (text === undefined) return undefined
  const id = TaskId.make(text)
  switch (letter) {
    case "E":
      return { _tag: "Enqueued", id, at }
    case "S":
      return { _tag: "Started", id, at, peer: peerOf(first), attempt: Number(second) }
    case "C":
      return { _tag: "Completed", id, at, peer: peerOf(first) }
    case "F":
      return { _tag: "Failed", id, at, attempt: Number(first), message: Name.decode(second) ?? second }
    case "R":
      return { _tag: "Retrying", id, at, runAt: DateTime.makeUnsafe(Number(first)) }
    case "D":
      return isReason(first) ? { _tag: "Dead", id, at, reason: first } : undefined
    case "B":
      return { _tag: "Recovered", id, at }
    case "X":
      return { _tag: "Cancelled", id, at }
    default:
      return undefined
  }
}

const isReason = Schema.is(DeathReason)
