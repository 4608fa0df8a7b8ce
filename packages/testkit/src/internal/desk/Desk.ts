/**
 * A queue in memory: what lua/TaskQueue/*.lua keep under a queue's keys, as one plain object. What happens to it stands
 * in the files beside this one, as functions over it: each is one atomic step, and answers with what is to be pushed.
 *
 * A task is in one state, and its number then stands in one place: Ready in its lane or among those who wait for a place,
 * Delayed in `sleeping`, Claimed in the claims of its claimer or in `reaping`, Dead in `dead`. In a lane's list there may
 * also be numbers of tasks that are gone; they are never given again.
 */
import type { Accepted, Answer, Claimer, DeathReason, Entry, Lane, Outcome } from "@troupe/core/TaskQueueStore"
import * as Deque from "./Deque.ts"
import * as Expiring from "./Expiring.ts"
import * as Ordered from "./Ordered.ts"

export interface Desk {
  /** Stands in the ids that this queue makes; from the first batch on. */
  life: string
  /** The last number, and the last fence, given away. */
  number: number
  fence: number
  isPaused: boolean
  /** Until then somebody awaits answers. */
  awaited: number
  /** Until then somebody watches; and the number of the last push to whoever does. */
  watched: number
  pushed: number
  /** The server that was watched last. */
  run: string
  /** The server's time at the last beat; before `judgeFrom` nobody is judged. */
  tick: number | undefined
  judgeFrom: number
  readonly tasks: Map<number, Task>
  readonly lanes: Map<Lane, Line>
  readonly sleeping: Ordered.Ordered
  readonly dead: Ordered.Ordered
  /** In the order they were claimed. */
  readonly claims: Map<Claimer, Set<number>>
  /** Taken from claimers whose lease is over, and not yet given back to their lanes. */
  readonly reaping: Deque.Deque
  readonly leases: Map<Claimer, number>
  /** Who waits for a push, the longest first. */
  readonly idle: Set<Claimer>
  /** The last steps and batches, that of longest ago first. */
  readonly memos: Map<Claimer, Memo>
  readonly senders: Map<string, Sender>
  /** Who runs, and who waits, for a place of that key. */
  readonly running: Map<string, Set<number>>
  readonly waiting: Map<string, Ordered.Ordered>
  readonly starts: Starts
  /** Ids that were given: of tasks that are there, and of those in `known`. */
  readonly ids: Map<string, number>
  readonly known: Expiring.Expiring<Known>
  readonly unique: Map<string, Holder>
  /** Keys whose task has ended and whose window has not. */
  readonly windows: Expiring.Expiring<string>
  readonly answers: Expiring.Expiring<Kept>
  /** That which nobody has run for longest first. */
  readonly schedules: Map<string, Scheduled>
}

export interface Task {
  readonly number: number
  readonly id: string
  /** Its id was given. */
  readonly isNamed: boolean
  readonly payload: string
  lane: Lane
  readonly enqueuedAt: number
  readonly unique: Entry["unique"]
  readonly place: Entry["place"]
  keepMs: number
  readonly trace: string | undefined
  state: "Ready" | "Delayed" | "Claimed" | "Dead"
  /** Delayed: when it may run. Dead: since when. */
  at: number
  attempts: number
  crashes: number
  error: string | undefined
  progress: string | undefined
  claim: Claim | undefined
  reason: DeathReason | undefined
}

export interface Claim {
  readonly claimer: Claimer
  readonly fence: number
  hasBegun: boolean
  isCancelled: boolean
}

/** What stands in a lane. */
export interface Line {
  readonly suspects: Ordered.Ordered
  readonly front: Ordered.Ordered
  /** May hold numbers of what is gone: whoever meets them passes them over. */
  readonly list: Deque.Deque
  /** A peer's lane: when a peer of that name was last heard of, or else when something came to wait for it. */
  heard: number
}

export interface Memo {
  readonly at: number
  readonly sequence: number
  readonly outcomes: ReadonlyArray<Outcome>
  /** The fences it gave, and the first of what was claimed ahead. */
  readonly first: number
  readonly last: number
  readonly firstAhead: number
  readonly isMore: boolean
  readonly isIdle: boolean
  /** When there may be more; Infinity: nobody knows. */
  readonly due: number
}

/** What a sender's last batch was answered. */
export interface Sender {
  readonly at: number
  readonly sequence: number
  readonly answers: ReadonlyArray<Accepted>
  /** The batch that it followed, if that one may still be asked for. */
  readonly before: { readonly sequence: number; readonly answers: ReadonlyArray<Accepted> } | undefined
}

/** Times of the starts in the last window. */
export interface Starts {
  windowMs: number
  readonly times: Ordered.Ordered
}

/** Who has a unique key; without `until` its task is there. */
export interface Holder {
  readonly number: number
  readonly id: string
  readonly until: number | undefined
}

/** A given id whose task has ended; until then another one may not have it. */
export interface Known {
  readonly id: string
  readonly takenUntil: number
}

/** A schedule: when it was last enrolled or fired, its last slot, the definition that counts and since when, and the number of its last task. */
export interface Scheduled {
  at: number
  last: number
  since: number
  fingerprint: string
  number: number
}

/** How a task ended, and what is told of it then. */
export interface Kept {
  readonly id: string
  readonly answer: Ending
  readonly enqueuedAt: number
}

export type Ending = Extract<Answer, { readonly _tag: "Completed" | "Failed" | "Cancelled" }>

export const make = (): Desk => ({
  life: "",
  number: 0,
  fence: 0,
  isPaused: false,
  awaited: 0,
  watched: 0,
  pushed: 0,
  run: "",
  tick: undefined,
  judgeFrom: 0,
  tasks: new Map(),
  lanes: new Map(),
  sleeping: Ordered.make(),
  dead: Ordered.make(),
  claims: new Map(),
  reaping: Deque.make(),
  leases: new Map(),
  idle: new Set(),
  memos: new Map(),
  senders: new Map(),
  running: new Map(),
  waiting: new Map(),
  starts: { windowMs: 0, times: Ordered.make() },
  ids: new Map(),
  known: Expiring.make(),
  unique: new Map(),
  windows: Expiring.make(),
  answers: Expiring.make(),
  schedules: new Map()
})

/** How many are claimed: a sum over claimers, of whom there are few. */
export const claimed = (desk: Desk): number => {
  let count = Deque.length(desk.reaping)
  for (const numbers of desk.claims.values()) count += numbers.size
  return count
}

/** The task of that number while this claimer holds it. */
export const held = (desk: Desk, claimer: Claimer, number: number): Task | undefined =>
  desk.claims.get(claimer)?.has(number) === true ? desk.tasks.get(number) : undefined
