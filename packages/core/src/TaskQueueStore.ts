/**
 * What a backend implements for TaskQueue: a queue per kind of task, in which every step is atomic, and pushes that wake
 * whoever has nothing to do. Everything else (encoding, batching, when to ask, retries, who interrupts what, awaiting
 * answers) stands above it, once, in `internal/tasks`.
 *
 * Inside a queue a task is its `number`, given once and never again while the queue's data lives, so that what is left of
 * a task that is gone can never stand for another. To the outside it is its id: the one it was given, or one made of its
 * number and of a random text that the queue's data got when it began.
 *
 * Who works is a claimer: one for every `work` of every process. It claims tasks under a lease, and each claim has a
 * fence, higher than any before, by which alone it is settled: no clock and no name decides whose a task is (promise T2).
 * A fence is the server's time in µs, or one more than the last where that is higher (D5).
 *
 * Names and keys arrive unencoded and valid; times are the server's, ms since 1970. Payloads, answers and errors are
 * texts that a store keeps as they are.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { BackendError, Busy } from "./BackendError.ts"
import type { Link, Listener } from "./Link.ts"
import * as Name from "./Name.ts"

/** Which task it is: the id it was given, or one that the backend made. */
export const TaskId = Schema.String.pipe(Schema.brand("@troupe/core/TaskId"))
export type TaskId = typeof TaskId.Type

// -- lanes --------------------------------------------------------------------------------------------------------

/**
 * Where a ready task waits: `l<level>` or `p<peer>`, the name percent-encoded; `l` where the definition has no levels.
 * In each lane first in, first out, but for what stands in front: what was recovered, handed back or had to wait for a
 * place, by its number, and before that the suspects, by theirs (promises T3, T4, T7).
 */
export type Lane = string

export const levelLane = (level: string | undefined): Lane => (level === undefined ? "l" : `l${Name.encode(level)}`)
export const peerLane = (peer: string): Lane => `p${Name.encode(peer)}`

// -- claimers -----------------------------------------------------------------------------------------------------

/** `<encoded name of its peer>.<letters and digits>`: one for every `work`. */
export type Claimer = string

export const claimer = (peer: string, random: string): Claimer => `${Name.encode(peer)}.${random}`
/** The name of the peer that a claimer belongs to. */
export const peerOf = (claimer: Claimer): string => Name.decode(claimer.slice(0, claimer.lastIndexOf("."))) ?? claimer

// -- enqueueing ---------------------------------------------------------------------------------------------------

/** A task as it is enqueued. */
export interface Entry {
  readonly payload: string
  readonly lane: Lane
  /** When it may run: at that time of the server, or that many ms from now. Undefined: at once. */
  readonly due: { readonly at: number } | { readonly inMs: number } | undefined
  /** The id it was given. Taken while the task is there, and for `knownMs` after its end (promise T9). */
  readonly id: string | undefined
  /** Held from now until its end and, with a window, that much longer; by a dead letter not at all. */
  readonly unique: { readonly key: string; readonly windowMs: number } | undefined
  /** It runs only in one of `limit` places of that key (promise T10). */
  readonly place: { readonly key: string; readonly limit: number } | undefined
  /** For how long its answer is kept after its end. 0: not at all. */
  readonly keepMs: number
  /** Where its trace comes from: `<traceId> <spanId> <0|1>`. */
  readonly trace: string | undefined
}

export interface Batch {
  /**
   * Whoever sends it, and a number that grows by one from batch to batch: the same one again is answered as before, a lower
   * one is refused, but for the one that the last one followed.
   */
  readonly sender: string
  readonly sequence: number
  /** The number of the batch before it, if that one is not answered yet and has to be there first; else 0. */
  readonly after: number
  /** Of tasks that wait or sleep. Beyond it an entry is Full. */
  readonly maxLength: number
  readonly entries: ReadonlyArray<Entry>
}

/**
 * What became of an entry. `Duplicate`: the id is that of the task that is there, and nothing changed but for how long that
 * keeps its answer: no less than the entry's `keepMs`, unless it is claimed and keeps none. Undefined: the queue is full.
 */
export type Accepted = { readonly _tag: "Enqueued" | "Duplicate"; readonly id: string } | undefined

// -- working ------------------------------------------------------------------------------------------------------

/** A task that this claimer holds. */
export interface Claimed {
  readonly number: number
  readonly fence: number
  readonly id: string
  readonly payload: string
  readonly lane: Lane
  readonly enqueuedAt: number
  /** Runs before this one that count. */
  readonly attempts: number
  /** How many of them ended with their peer. */
  readonly crashes: number
  readonly keepMs: number
  readonly trace: string | undefined
  /** The queue keeps nothing of it but itself: no id, no key, no place, no answer, no attempt. A store may settle it quicker. */
  readonly isPlain: boolean
}

/**
 * - `AttemptsExhausted`: it failed as often as it may, or its schedule has ended.
 * - `PeerCrashes`: three peers went away over it.
 * - `Undecodable`: its payload fitted no schema of whoever tried it.
 * - `Rejected`: it failed in a way of which its definition says that another try would not help.
 */
export const DeathReason = Schema.Literals(["AttemptsExhausted", "PeerCrashes", "Undecodable", "Rejected"])
export type DeathReason = typeof DeathReason.Type

/** How long, and how many, dead letters are kept. */
export interface Letters {
  readonly capacity: number
  readonly timeToLiveMs: number
}

/** What became of a claim. An answer is kept where the task's `keepMs` says so. */
export type Settlement = {
  readonly claim: Claimed
  /** It wrote progress, so that there is more to clear away. */
  readonly hasProgress: boolean
} & (
  | { readonly _tag: "Done"; readonly answer: string }
  /** One attempt more; sleeps so long, then stands at the end of its lane. */
  | { readonly _tag: "Retry"; readonly delayMs: number; readonly error: string }
  /** One attempt more, and the last. With an answer the run failed as its definition says. */
  | {
      readonly _tag: "Dead"
      /** False: it had as many as it may before it was claimed, so that it was not run again: no attempt more. */
      readonly hasRun: boolean
      readonly reason: DeathReason
      readonly error: string
      readonly answer: string | undefined
    }
  /** Handed back, and no attempt: it stands in front of its lane. */
  | { readonly _tag: "Release" }
)

/** `Cancelled`: it was, and is now gone. `Lost`: it is not this claimer's any more; nothing changed. */
export type Outcome = "Settled" | "Cancelled" | "Lost"

export interface Step {
  readonly claimer: Claimer
  /**
   * Grows by one from step to step: the same one again is answered as before, without what it holds no more, and proves life;
   * a lower one is refused. So it is for an hour, whatever has become of the lease, and for as long as it holds something.
   */
  readonly sequence: number
  readonly leaseMs: number
  readonly settlements: ReadonlyArray<Settlement>
  /** Of what was claimed ahead: whose run has begun since, and counts from now on. */
  readonly begun: ReadonlyArray<number>
  /** Which lanes, in which order: a later one only when those before it have nothing. */
  readonly lanes: ReadonlyArray<Lane>
  /** How many runs may begin at once. */
  readonly free: number
  /** How many more to claim that begin later; nothing from the front of a lane is among them. */
  readonly ahead: number
  /** One suspect may be among them: none runs here now (promise T7). */
  readonly takesSuspect: boolean
  readonly rate: { readonly limit: number; readonly windowMs: number } | undefined
  /** Who has been tried as often is claimed so that it can be settled, and does not begin. */
  readonly maxAttempts: number
  readonly letters: Letters
}

export interface Stepped {
  /** One a settlement. */
  readonly outcomes: ReadonlyArray<Outcome>
  /** In the order they are to begin. */
  readonly claimed: ReadonlyArray<Claimed>
  /** How many of them, the last, are claimed ahead. */
  readonly ahead: number
  readonly isPaused: boolean
  /** When there may be more: the next sleeping task, or a start that the rate allows again. */
  readonly dueInMs: number | undefined
  /** A bound ended this step early: there may be more at once. */
  readonly isMore: boolean
  /**
   * It got less than it had free, and will be woken by what comes, after those that are idle already, for as long as it
   * beats: it has a lease as if it held something. Answered again: only if that is so still.
   */
  readonly isIdle: boolean
}

/** One claimer's part of a heartbeat. */
export interface Beat {
  readonly queue: string
  readonly claimer: Claimer
  readonly leaseMs: number
  readonly lanes: ReadonlyArray<Lane>
  readonly letters: Letters
  /** The last of its steps that was answered; 0: none. */
  readonly answered: number
  /** What it holds by that answer; and what it holds of that when the step under way is applied. Undefined: none is. */
  readonly holds: Holding
  readonly holdsNext: Holding | undefined
}

/** Claims in short: sets of claims that are not the same differ in it. */
export interface Holding {
  readonly count: number
  /** Of their fences, each modulo 2³². */
  readonly sum: number
}

export const holding = (claims: Iterable<{ readonly fence: number }>): Holding => {
  let count = 0
  let sum = 0
  for (const { fence } of claims) {
    count += 1
    sum += fence % 4_294_967_296
  }
  return { count, sum }
}

export interface Beaten {
  /** The lease is there and is renewed. False: what was claimed with `fence` or a lower one is lost. */
  readonly isHeld: boolean
  /** The highest fence given in this queue at that moment. */
  readonly fence: number
  /** Of this claimer's tasks: which have been cancelled. */
  readonly cancelled: ReadonlyArray<number>
  /** Something is ready in these lanes. */
  readonly isReady: boolean
  readonly isPaused: boolean
  readonly dueInMs: number | undefined
  /** A bound ended the taking back early: there may be more to take back at once. */
  readonly isMore: boolean
  /**
   * Where data was lost (promise D2): all that the claimer holds, but for what its step under way was given, in any order.
   * Undefined: it is what the claimer says, or nobody can say, for a later step was applied than the beat knows of.
   */
  readonly holds: ReadonlyArray<Pick<Claimed, "number" | "fence">> | undefined
}

// -- looking ------------------------------------------------------------------------------------------------------

export type State = "Ready" | "Delayed" | "Claimed" | "Dead" | "Completed"

export interface Info {
  readonly id: string
  readonly state: State
  /** Completed: not kept with the answer, so empty, and no attempts. */
  readonly payload: string
  readonly attempts: number
  readonly enqueuedAt: number
  /** Delayed: when it may run. */
  readonly runAt: number | undefined
  /** Claimed: by whom. */
  readonly claimer: Claimer | undefined
  readonly lastError: string | undefined
  readonly progress: string | undefined
  /** Dead: why, and since when. */
  readonly reason: DeathReason | undefined
  readonly diedAt: number | undefined
}

export interface Counts {
  readonly ready: number
  readonly delayed: number
  readonly claimed: number
  readonly dead: number
  readonly isPaused: boolean
}

/** Some tasks of a state. An empty cursor: it is the last page. */
export interface Page {
  readonly tasks: ReadonlyArray<Info & { readonly number: number }>
  readonly cursor: string
}

/** What is known of a task's end. */
export type Answer =
  | { readonly _tag: "Waiting" }
  /** No such task, or its answer is not kept any more. */
  | { readonly _tag: "Unknown" }
  | { readonly _tag: "Cancelled" }
  | { readonly _tag: "Completed"; readonly answer: string }
  | { readonly _tag: "Failed"; readonly answer: string }
  | { readonly _tag: "Dead"; readonly reason: DeathReason; readonly error: string }

// -- schedules ----------------------------------------------------------------------------------------------------

/** A definition of a schedule, as one peer runs it. */
export interface Enrolment {
  readonly id: string
  /** `<calendar>.<the rest>`, letters and digits: each half is equal where the definitions are. */
  readonly fingerprint: string
  /** When this start of it was enrolled first, as that was answered. Undefined: it starts now, and comes after all others. */
  readonly since: number | undefined
  /** The last slot that this peer knows of: where the backend knows none of this calendar, no slot up to it is fired. */
  readonly last: number | undefined
}

export interface Enrolled {
  readonly now: number
  /** The last slot that was used up; of a new schedule, or a new calendar, the time when it began. */
  readonly last: number
  readonly since: number
}

export interface Firing {
  readonly id: string
  readonly fingerprint: string
  readonly since: number
  readonly slot: number
  /** Not while the last task of this schedule waits, sleeps or runs. */
  readonly skips: boolean
  /** As in a batch. */
  readonly maxLength: number
  readonly entry: Entry
}

/**
 * - `Fired`: the entry was enqueued.
 * - `Skipped`, `Full`: it was not, for its predecessor is unfinished or its unique key is taken, or for want of room.
 *   The slot is used up all the same.
 * - `Taken`: the slot was used up before. `Early`: it has not come. `Replaced`: a later definition counts.
 * - `Unknown`: this definition is not known, or should count and does not: what was known is lost, enrol again.
 */
export type FiringOutcome = "Fired" | "Skipped" | "Full" | "Taken" | "Early" | "Replaced" | "Unknown"

export interface Fired {
  readonly outcome: FiringOutcome
  readonly now: number
  readonly last: number
}

// -- bounds -------------------------------------------------------------------------------------------------------

/** The most entries of one batch, settlements of one step, claims of one step. */
export const maxBatchEntries = 512
/** Bytes of one batch's payloads; an entry that is larger goes alone. */
export const maxBatchBytes = 1_048_576
/** Sleeping tasks that one step wakes; kept answers, ids and keys that one step or beat collects; tasks that one beat takes back. */
export const maxPromoted = 256
export const maxCollected = 128
export const maxReaped = 256
/** The most tasks of one page, and of one call of `redrive` or `purge`. */
export const pageSize = 128
/** After a task's end its given id is known for an hour. */
export const knownMs = 3_600_000
/** After so long without a peer of that name at work, while others were, what waits for it is for everyone (promise T5). */
export const abandonedMs = 3_600_000
/** A peer that dies so many times over one task convicts it; one less, and it is a suspect (promise T7). */
export const maxCrashes = 3
/** After so long in which it was neither enrolled nor fired a schedule is forgotten: who comes then begins anew (promise A5). */
export const scheduleKnownMs = 1_209_600_000
/** A last slot that is so much later than now is of a clock that was wrong: the schedule begins anew. */
export const maxAheadMs = 86_400_000
/** Memory of a sender's last batch; longer than any call may take. */
export const rememberedMs = 3_600_000

// -- pushes -------------------------------------------------------------------------------------------------------

/** A claimer's own channel. Messages: `work` (there is something to claim), `pause`, `cancel <number>`. */
export const claimerChannel = (queue: string, claimer: Claimer): string => `${Name.encode(queue)}:${claimer}`
/** All claimers of a peer's name. Message: `work`, for what waits in that peer's lane. */
export const nameChannel = (queue: string, peer: string): string => `${Name.encode(queue)}:@${Name.encode(peer)}`
/** Whoever awaits answers. Message: ids, percent-encoded, with spaces between. */
export const endsChannel = (queue: string): string => `${Name.encode(queue)}:!ends`
/**
 * Whoever watches. Message: `<number> <at ms>`, then a line (LF) for each event, its words with single spaces between:
 *
 *     E id                  enqueued, fired, or redriven
 *     S id claimer attempt  begun: claimed to run at once, or begun or settled of what was claimed ahead
 *     C id claimer          done
 *     F id attempt message  failed; then R or D
 *     R id runAt            tried again
 *     D id reason           a dead letter; alone where it was not run again, and where crashes convict it
 *     B id                  back, its run begun and not ended: handed back, or taken from a dead claimer
 *     X id                  cancelled, or purged from those that wait or sleep
 *
 * Ids are percent-encoded, and of the message what must be: `%`, space and LF. One push at the end of each step that has
 * any; each number is one higher than the last.
 */
export const eventsChannel = (queue: string): string => `${Name.encode(queue)}:!events`

export interface Service {
  /**
   * Adds the entries in their order, in one step and one round trip. At most `maxBatchEntries`. Busy, and nothing changed,
   * where the batch that it follows is not there. Adds: a full server refuses.
   */
  readonly enqueue: (queue: string, batch: Batch) => Effect.Effect<ReadonlyArray<Accepted>, BackendError>
  /**
   * Settles, marks what has begun, wakes what is due, claims, and renews the lease: one step, one round trip. Frees: a
   * full server takes it.
   */
  readonly step: (queue: string, step: Step) => Effect.Effect<Stepped, BackendError>
  /**
   * Renews leases, and takes back what belongs to claimers whose lease is over, `maxReaped` tasks of a queue at most: each
   * counts an attempt and a crash if its run had begun. One round trip for all of them together; on a cluster one a queue,
   * all at once.
   *
   * Nobody is judged within one lease after a silence of all of half a lease, or a step of the clock (P5, D3).
   */
  readonly beat: (beats: ReadonlyArray<Beat>) => Effect.Effect<ReadonlyArray<Beaten>, BackendError>
  /** Hands back, uncounted, all that this claimer still holds, and forgets it. A sender likewise has its last batch forgotten. */
  readonly depart: (queue: string, who: Claimer | string) => Effect.Effect<void, BackendError>
  /** What a run says of itself. False: it is not this claimer's any more. Adds. */
  readonly progress: (
    queue: string,
    claimer: Claimer,
    claim: Claimed,
    value: string
  ) => Effect.Effect<boolean, BackendError>
  /** Ends a task that waits or sleeps; tells the claimer of one that runs, which then never completes. False: no such task, or a dead one. */
  readonly cancel: (queue: string, id: string) => Effect.Effect<boolean, BackendError>
  /** What is known of its end; with `waitMs`, its end is pushed to `endsChannel` if it comes within that time. */
  readonly answer: (queue: string, id: string, waitMs: number) => Effect.Effect<Answer, BackendError>
  readonly inspect: (queue: string, id: string) => Effect.Effect<Info | undefined, BackendError>
  /** At most about `pageSize` tasks, from the cursor "" on. What is in the state throughout is on one page at least. */
  readonly page: (
    queue: string,
    state: Exclude<State, "Completed">,
    cursor: string
  ) => Effect.Effect<Page, BackendError>
  readonly counts: (queue: string) => Effect.Effect<Counts, BackendError>
  /**
   * Sends dead letters back to the end of their lanes, attempts at zero: that one, or at most `pageSize` of those that were
   * dead at the first page, the oldest first. Stays: one whose key is taken.
   */
  readonly redrive: (
    queue: string,
    which: { readonly id: string } | { readonly cursor: string }
  ) => Effect.Effect<{ readonly count: number; readonly cursor: string }, BackendError>
  /**
   * Removes at most `pageSize` of them, cancelled as far as anyone awaits them: nothing that was enqueued after the first
   * page, or has died since, however much that is.
   */
  readonly purge: (
    queue: string,
    state: "Ready" | "Delayed" | "Dead",
    cursor: string
  ) => Effect.Effect<{ readonly count: number; readonly cursor: string }, BackendError>
  /** From then on nothing is claimed, until it is called with false. Tells all claimers that hold something. */
  readonly pause: (queue: string, isPaused: boolean) => Effect.Effect<void, BackendError>
  /**
   * Has a definition of a schedule count, if it is of a later start than the one that does. It takes over the last slot,
   * but not from another calendar: a new one fires nothing of the past. Adds.
   */
  readonly enrol: (queue: string, enrolment: Enrolment) => Effect.Effect<Enrolled, BackendError>
  /** Enqueues a slot's entry, if the slot has come and nobody has used it up: one step, and again it is Taken. Adds. */
  readonly fire: (queue: string, firing: Firing) => Effect.Effect<Fired, BackendError>
  /**
   * Has what happens pushed to `eventsChannel` for that long from now on, or longer where somebody else said so; gives
   * the number of the last push. Where nobody was watching any more, or another server has taken over since the last
   * watch, that is a number which no push has, higher than all before: whoever reads since then sees that something may
   * be missing. Frees.
   */
  readonly watch: (queue: string, watchMs: number) => Effect.Effect<number, BackendError>
  /** A link for pushes; its channels are those above. */
  readonly connect: (listener: Listener) => Effect.Effect<Link, never, Scope.Scope>
  /** No request outlives this, in ms. */
  readonly commandTimeoutMs: number
  /** True where no claimer dies without departing (in memory, outside of worlds): then nobody beats, and no timer runs. */
  readonly immortal: boolean
}

/** How a store refuses a batch while the one that it follows is not there. */
export const tooEarly = new BackendError({
  service: "TaskQueue",
  operation: "enqueue",
  reason: new Busy({ message: "the batch before this one is not there" }),
  outcome: "NotApplied"
})

export class TaskQueueStore extends Context.Service<TaskQueueStore, Service>()("@troupe/core/TaskQueueStore") {}
