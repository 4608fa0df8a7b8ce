/** How tasks go to the scripts of lua/TaskQueue and come back: flat arguments, records, replies. */
import * as Name from "@troupe/core/Name"
import {
  type Accepted,
  type Answer,
  type Batch,
  type Beat,
  type Beaten,
  type Claimed,
  type Counts,
  type DeathReason,
  type Enrolled,
  type Entry,
  type Fired,
  type FiringOutcome,
  type Holding,
  type Info,
  levelLane,
  type Outcome,
  type Page,
  type Settlement,
  type State,
  type Step,
  type Stepped
} from "@troupe/core/TaskQueueStore"
import * as Script from "./Script.ts"
import * as scripts from "./scripts.ts"

/** The lane of a task that says none. */
const bare = levelLane(undefined)

/** Scripts reckon in whole numbers that a double holds. */
export const bounded = (value: number): number => Math.min(Math.ceil(value), Number.MAX_SAFE_INTEGER)

/** A reply of this format; anything else was left as it is. */
const known = (reply: unknown): ReadonlyArray<unknown> => {
  if (!Array.isArray(reply) || reply[0] !== "") throw new TypeError("the queue's data is not of a format known here")
  return reply
}

export const given = <A>(value: A | undefined): A => {
  if (value === undefined) throw new TypeError("the queue holds what is not of a format known here")
  return value
}

const list = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])
const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined)

// Records: the header that lua/TaskQueue/parts/record.lua describes.

/** The lane that all entries share, where none of them has anything that the queue must look up or write down elsewhere. */
export const plainLane = (entries: ReadonlyArray<Entry>): string | undefined => {
  const lane = entries[0]?.lane
  for (const entry of entries) {
    if (entry.lane !== lane || entry.id !== undefined || entry.unique !== undefined || entry.due !== undefined) {
      return undefined
    }
  }
  return lane
}

export const entryArgs = (batch: Pick<Batch, "entries">, withFields: boolean): ReadonlyArray<Script.Arg> => {
  const args: Array<Script.Arg> = []
  for (const entry of batch.entries) {
    const { due, id, place, trace, unique } = entry
    let head = entry.lane === bare ? "" : ` l=${entry.lane}`
    const its = id === undefined ? "" : Name.encode(id)
    const key = unique === undefined ? "" : Name.encode(unique.key)
    if (its !== "") head += ` i=${its}`
    if (unique !== undefined) head += unique.windowMs > 0 ? ` u=${key} w=${bounded(unique.windowMs)}` : ` u=${key}`
    if (place !== undefined) head += ` p=${Name.encode(place.key)} n=${place.limit}`
    if (entry.keepMs > 0) head += ` k=${bounded(entry.keepMs)}`
    if (trace !== undefined) head += ` t=${Name.encode(trace)}`
    const rest = `${head}\n${entry.payload}`
    if (withFields) {
      const when = due === undefined ? "" : "at" in due ? `a${time(due.at)}` : `i${time(due.inMs)}`
      args.push(entry.lane, rest, when, its, key)
    } else args.push(rest)
  }
  return args
}

/** An entry that has neither an id nor a time of its own. */
export const firedArgs = (
  entry: Entry
): { readonly lane: string; readonly record: Script.Arg; readonly key: Script.Arg } => {
  const [, record = "", , , key = ""] = entryArgs({ entries: [entry] }, true)
  return { lane: entry.lane, record, key }
}

const time = (ms: number): number => Math.max(0, bounded(ms))

interface Header {
  readonly enqueuedAt: number
  readonly payload: string
  readonly lane: string
  readonly id: string | undefined
  readonly keepMs: number
  readonly trace: string | undefined
  /** Nothing but a lane and a trace. */
  readonly isPlain: boolean
}

const header = (record: string): Header => {
  const end = record.indexOf("\n")
  const space = record.indexOf(" ", 2)
  if (end < 0 || record.charCodeAt(0) !== 49 || record.charCodeAt(1) !== 32) given(undefined)
  const payload = record.slice(end + 1)
  if (space < 0 || space > end) {
    const enqueuedAt = Number(record.slice(2, end))
    return { enqueuedAt, payload, lane: bare, id: undefined, keepMs: 0, trace: undefined, isPlain: true }
  }
  let lane = bare
  let id: string | undefined
  let keepMs = 0
  let trace: string | undefined
  let isPlain = true
  for (const field of record.slice(space + 1, end).split(" ")) {
    const value = field.slice(2)
    const letter = field.charAt(0)
    if (letter === bare) lane = value
    else if (letter === "t") trace = given(Name.decode(value))
    else {
      isPlain = false
      if (letter === "i") id = given(Name.decode(value))
      else if (letter === "k") keepMs = Number(value)
    }
  }
  return { enqueuedAt: Number(record.slice(2, space)), payload, lane, id, keepMs, trace, isPlain }
}

const autoId = (number: number, life: unknown): string => `${number}.${String(life)}`

// Enqueueing.

/** Of a batch in which all are new and have ids of their own: the first number. Else what became of each. */
type Batched = { readonly life: string; readonly first: number } | ReadonlyArray<Accepted>

const batched = (reply: ReadonlyArray<unknown>): Batched => {
  const [, life, first, ...answers] = reply
  if (first !== "0") return { life: String(life), first: Number(first) }
  return answers.map((value) => {
    const answer = String(value)
    if (answer === "F") return undefined
    return { _tag: answer.startsWith("E") ? "Enqueued" : "Duplicate", id: given(Name.decode(answer.slice(1))) }
  })
}

export const accepted = (batched: Batched, count: number): ReadonlyArray<Accepted> => {
  if (!("first" in batched)) return batched
  const all: Array<Accepted> = []
  for (let i = 0; i < count; i++) all.push({ _tag: "Enqueued", id: autoId(batched.first + i, batched.life) })
  return all
}

// Steps.

/** Plain tasks that are done, and all others: where they stand among the settlements. */
interface Groups {
  readonly plain: ReadonlyArray<Settlement>
  readonly others: ReadonlyArray<Settlement>
  /** Undefined: all settlements are plain, in their order. */
  readonly isPlain: ReadonlyArray<boolean> | undefined
}

const isPlainDone = ({ _tag, claim, hasProgress }: Settlement): boolean =>
  _tag === "Done" && claim.isPlain && !hasProgress

export const groups = (settlements: ReadonlyArray<Settlement>): Groups =>
  settlements.every(isPlainDone)
    ? { plain: settlements, others: [], isPlain: undefined }
    : {
        plain: settlements.filter(isPlainDone),
        others: settlements.filter((settlement) => !isPlainDone(settlement)),
        isPlain: settlements.map(isPlainDone)
      }

const settlementArgs = (into: Array<Script.Arg>, settlement: Settlement): void => {
  const { fence, number } = settlement.claim
  switch (settlement._tag) {
    case "Done":
      return void into.push(number, fence, "D", "", "", settlement.answer)
    case "Retry":
      return void into.push(number, fence, "R", time(settlement.delayMs), settlement.error, "")
    case "Dead": {
      const { answer, error, hasRun, reason } = settlement
      return void into.push(
        number,
        fence,
        !hasRun ? "Z" : answer === undefined ? "X" : "Y",
        reason,
        error,
        answer ?? ""
      )
    }
    case "Release":
      return void into.push(number, fence, "B", "", "", "")
  }
}

export const stepArgs = (step: Step, { others, plain }: Groups) => {
  const rest: Array<Script.Arg> = [...step.lanes]
  for (const { claim } of plain) rest.push(claim.number)
  for (const { claim } of plain) rest.push(claim.fence)
  for (const number of step.begun) rest.push(number)
  for (const settlement of others) settlementArgs(rest, settlement)
  return {
    claimer: step.claimer,
    sequence: step.sequence,
    lease: bounded(step.leaseMs),
    free: step.free,
    ahead: step.ahead,
    suspect: step.takesSuspect ? 1 : 0,
    limit: step.rate?.limit ?? 0,
    window: bounded(step.rate?.windowMs ?? 0),
    capacity: bounded(step.letters.capacity),
    ttl: bounded(step.letters.timeToLiveMs),
    lanes: step.lanes.length,
    plain: plain.length,
    begun: step.begun.length,
    others: others.length,
    most: step.maxAttempts,
    rest
  }
}

const outcome = (letters: string, i: number): Outcome => {
  switch (letters.charCodeAt(i)) {
    case 67:
      return "Cancelled"
    case 76:
      return "Lost"
    default:
      return "Settled"
  }
}

const outcomes = (plain: string, others: string, count: number, { isPlain }: Groups): ReadonlyArray<Outcome> => {
  const all: Array<Outcome> = []
  let nextPlain = 0
  let nextOther = 0
  for (let i = 0; i < count; i++) {
    all.push(isPlain === undefined || isPlain[i] === true ? outcome(plain, nextPlain++) : outcome(others, nextOther++))
  }
  return all
}

const tries = (value: unknown): readonly [attempts: number, crashes: number] => {
  if (typeof value !== "string") return [0, 0]
  const space = value.indexOf(" ")
  return [Number(value.slice(0, space)), Number(value.slice(space + 1))]
}

const claims = (life: unknown, fences: unknown, numbers: unknown, records: unknown, tried: unknown) => {
  const all: Array<Claimed> = []
  const texts = list(records)
  const before = list(tried)
  const each = Array.isArray(fences) ? list(fences) : undefined
  const first = each === undefined ? Number(fences) : 0
  let i = 0
  for (const value of list(numbers)) {
    const number = Number(value)
    const { enqueuedAt, id, isPlain, keepMs, lane, payload, trace } = header(String(texts[i]))
    const [attempts, crashes] = tries(before[i])
    all.push({
      number,
      fence: each === undefined ? first + i : Number(each[i]),
      id: id ?? autoId(number, life),
      payload,
      lane,
      enqueuedAt,
      attempts,
      crashes,
      keepMs,
      trace,
      isPlain: isPlain && attempts === 0
    })
    i++
  }
  return all
}

/** All of a step's answer but its outcomes, which stand in the order in which they were sent. */
interface Turn extends Omit<Stepped, "outcomes"> {
  readonly plain: string
  readonly others: string
}

const turn = (reply: ReadonlyArray<unknown>): Turn => {
  const [, life, plain, others, paused, due, more, idle, ahead, fences, numbers, records, tried] = reply
  return {
    plain: String(plain),
    others: String(others),
    claimed: claims(life, fences, numbers, records, tried),
    ahead: Number(ahead),
    isPaused: paused === 1,
    dueInMs: wait(due),
    isMore: more === 1,
    isIdle: idle === 1
  }
}

export const stepped = ({ others, plain, ...turn }: Turn, count: number, order: Groups): Stepped => ({
  outcomes: outcomes(plain, others, count, order),
  ...turn
})

const wait = (due: unknown): number | undefined => {
  const ms = Number(due)
  return ms < 0 ? undefined : ms
}

// Beats.

const held = ({ count, sum }: Holding): string => `${count} ${sum}`

export const beatArgs = ({
  answered,
  claimer,
  holds,
  holdsNext,
  lanes,
  leaseMs,
  letters
}: Beat): ReadonlyArray<Script.Arg> => [
  claimer,
  bounded(leaseMs),
  bounded(letters.capacity),
  bounded(letters.timeToLiveMs),
  answered,
  held(holds),
  holdsNext === undefined ? "" : held(holdsNext),
  lanes.length,
  ...lanes
]

/** A queue of a newer format is nobody's here; that the others' leases go on does not depend on it. */
const foreign: Beaten = {
  isHeld: false,
  fence: 0,
  cancelled: [],
  isReady: false,
  isPaused: false,
  dueInMs: undefined,
  isMore: false,
  holds: undefined
}

const pairs = (flat: ReadonlyArray<unknown>): NonNullable<Beaten["holds"]> =>
  flat.flatMap((number, i) => (i % 2 === 0 ? [{ number: Number(number), fence: Number(flat[i + 1]) }] : []))

const beaten = (reply: unknown): Beaten => {
  const [format, held, fence, ready, paused, due, more, holds, ...cancelled] = list(reply)
  if (format !== "") return foreign
  return {
    isHeld: held === 1,
    fence: Number(fence),
    cancelled: cancelled.map(Number),
    isReady: ready === 1,
    isPaused: paused === 1,
    dueInMs: wait(due),
    isMore: more === 1,
    holds: Array.isArray(holds) ? pairs(holds) : undefined
  }
}

// Looking.

export const letters = { Ready: "R", Delayed: "S", Claimed: "C", Dead: "X" } as const

const states: { readonly [letter: string]: State | undefined } = {
  R: "Ready",
  S: "Delayed",
  C: "Claimed",
  X: "Dead",
  E: "Completed"
}

const reasons: ReadonlyArray<DeathReason> = ["AttemptsExhausted", "PeerCrashes", "Undecodable", "Rejected"]
const reasonOf = (value: string): DeathReason => given(reasons.find((reason) => reason === value))

const info = (life: unknown, value: unknown): Info & { readonly number: number } => {
  const [which, record, letter, at, tried, failed, progress] = list(value)
  const number = Number(which)
  const { enqueuedAt, id, payload } = header(String(record))
  const state = given(states[String(letter)])
  const error = text(failed)
  const end = error?.indexOf("\n") ?? -1
  return {
    number,
    id: id ?? autoId(number, life),
    state,
    payload,
    attempts: tries(tried)[0],
    enqueuedAt,
    runAt: state === "Delayed" ? Number(at) : undefined,
    // What was taken away from it and is not back yet is its own for all that can be seen.
    claimer: state === "Claimed" ? String(at).replace(/!.*$/, "") : undefined,
    lastError: error?.slice(end + 1),
    progress: text(progress),
    reason: state === "Dead" ? reasonOf(error?.slice(0, end) ?? "") : undefined,
    diedAt: state === "Dead" ? Number(at) : undefined
  }
}

const inspected = (reply: ReadonlyArray<unknown>): Info | undefined => {
  const [, life, row] = reply
  return row === undefined ? undefined : info(life, row)
}

const paged = (reply: ReadonlyArray<unknown>): Page => {
  const [, life, cursor, ...rows] = reply
  return { tasks: rows.map((row) => info(life, row)), cursor: String(cursor) }
}

const counted = (reply: ReadonlyArray<unknown>): Counts => {
  const [, all, delayed, claimed, dead, paused] = reply
  return {
    ready: Number(all) - Number(delayed) - Number(claimed) - Number(dead),
    delayed: Number(delayed),
    claimed: Number(claimed),
    dead: Number(dead),
    isPaused: paused === 1
  }
}

const answered = (reply: ReadonlyArray<unknown>): Answer => {
  const [, kind, first, second] = reply
  switch (kind) {
    case "W":
      return { _tag: "Waiting" }
    case "U":
      return { _tag: "Unknown" }
    case "X":
      return { _tag: "Cancelled" }
    case "C":
      return { _tag: "Completed", answer: String(first) }
    case "F":
      return { _tag: "Failed", answer: String(first) }
    case "D":
      return { _tag: "Dead", reason: reasonOf(String(first)), error: String(second) }
    default:
      throw new TypeError("an answer of a kind that is not known here")
  }
}

const some = (reply: ReadonlyArray<unknown>): { readonly count: number; readonly cursor: string } => ({
  count: Number(reply[1]),
  cursor: String(reply[2])
})

// Schedules.

const enrolled = ([, now, last, since]: ReadonlyArray<unknown>): Enrolled => ({
  now: Number(now),
  last: Number(last),
  since: Number(since)
})

const firings: { readonly [letter: string]: FiringOutcome | undefined } = {
  F: "Fired",
  S: "Skipped",
  L: "Full",
  T: "Taken",
  E: "Early",
  R: "Replaced",
  U: "Unknown"
}

const fired = ([, letter, now, last]: ReadonlyArray<unknown>): Fired => ({
  outcome: given(firings[String(letter)]),
  now: Number(now),
  last: Number(last)
})

const isTrue = (reply: unknown): boolean => known(reply)[1] === 1

export const scripted = {
  /** Undefined: it came too early. */
  enqueue: Script.answering(scripts.taskqueueEnqueue, (reply) =>
    list(reply)[0] === "early" ? undefined : batched(known(reply))
  ),
  step: Script.answering(scripts.taskqueueStep, (reply) => turn(known(reply))),
  beat: Script.answering(scripts.taskqueueBeat, (reply) => known(reply).slice(1).map(beaten)),
  depart: Script.answering(scripts.taskqueueDepart, (reply): void => void known(reply)),
  progress: Script.answering(scripts.taskqueueProgress, isTrue),
  cancel: Script.answering(scripts.taskqueueCancel, isTrue),
  answer: Script.answering(scripts.taskqueueAnswer, (reply) => answered(known(reply))),
  inspect: Script.answering(scripts.taskqueueInspect, (reply) => inspected(known(reply))),
  page: Script.answering(scripts.taskqueuePage, (reply) => paged(known(reply))),
  counts: Script.answering(scripts.taskqueueCounts, (reply) => counted(known(reply))),
  redrive: Script.answering(scripts.taskqueueRedrive, (reply) => some(known(reply))),
  purge: Script.answering(scripts.taskqueuePurge, (reply) => some(known(reply))),
  pause: Script.answering(scripts.taskqueuePause, (reply): void => void known(reply)),
  enrol: Script.answering(scripts.taskqueueEnrol, (reply) => enrolled(known(reply))),
  fire: Script.answering(scripts.taskqueueFire, (reply) => fired(known(reply))),
  watch: Script.answering(scripts.taskqueueWatch, (reply) => Number(known(reply)[1]))
}
