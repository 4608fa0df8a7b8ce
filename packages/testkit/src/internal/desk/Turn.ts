/** One atomic step over a desk: its time, and what it has to tell when it is over. */
import * as Name from "@troupe/core/Name"
import type { Claimer, Lane } from "@troupe/core/TaskQueueStore"
import type { Desk, Task } from "./Desk.ts"
import { isPeers } from "./Lanes.ts"

/** To a claimer, to all claimers of a peer's name, to whoever awaits answers, or to whoever watches. */
export type Push =
  | { readonly to: "Claimer"; readonly claimer: Claimer; readonly message: string }
  | { readonly to: "Name"; readonly peer: string; readonly message: string }
  | { readonly to: "Ends"; readonly message: string }
  | { readonly to: "Events"; readonly message: string }

export interface Done<A> {
  readonly answer: A
  readonly pushed: ReadonlyArray<Push>
}

export interface Turn {
  readonly desk: Desk
  readonly now: number
  readonly pushed: Array<Push>
  /** How many became ready for levels, and in which lanes any did. */
  ready: number
  readonly lanes: Set<Lane>
  /** Another task than before is the next to wake. */
  isEarlier: boolean
  /** Ids of what ended and is awaited. */
  readonly ended: Array<string>
  /** Lines for whoever watches. */
  readonly happened: Array<string>
}

export const open = (desk: Desk, now: number): Turn => ({
  desk,
  now,
  pushed: [],
  ready: 0,
  lanes: new Set(),
  isEarlier: false,
  ended: [],
  happened: []
})

/** Its end may be awaited: whoever does is told when the step is over. */
export const tell = ({ desk, ended, now }: Turn, task: Task): void => {
  if (task.keepMs > 0 && now < desk.awaited) ended.push(task.id)
}

/** Something happened to that task: whoever watches is told when the step is over. */
export const note = (
  { desk, happened, now }: Turn,
  letter: string,
  { id }: Task,
  ...words: ReadonlyArray<string | number>
): void => {
  if (now < desk.watched) happened.push([letter, Name.encode(id), ...words].join(" "))
}

/** A text as one word of a line. */
export const word = (text: string): string => text.replace(/[% \n]/g, encodeURIComponent)

/** Wakes as many as there is work for. Whoever looks next learns when something is due. */
export const close = <A>(turn: Turn, answer: A, ready = turn.ready): Done<A> => {
  const { desk, ended, happened, lanes, now, pushed } = turn
  wake(turn, turn.isEarlier ? Math.max(1, ready) : ready)
  for (const lane of lanes) {
    if (!desk.isPaused && isPeers(lane)) {
      pushed.push({ to: "Name", peer: Name.decode(lane.slice(1)) ?? lane.slice(1), message: "work" })
    }
  }
  if (ended.length > 0) pushed.push({ to: "Ends", message: ended.map(Name.encode).join(" ") })
  if (happened.length > 0) {
    desk.pushed += 1
    pushed.push({ to: "Events", message: `${desk.pushed} ${now}\n${happened.join("\n")}` })
  }
  return { answer, pushed }
}

/** Those that are idle longest. While the queue is paused nobody: who is idle then is woken when it goes on. */
const wake = ({ desk, pushed }: Turn, count: number): void => {
  if (count === 0 || desk.isPaused) return
  let left = count
  for (const claimer of desk.idle) {
    desk.idle.delete(claimer)
    pushed.push({ to: "Claimer", claimer, message: "work" })
    left -= 1
    if (left === 0) return
  }
}
