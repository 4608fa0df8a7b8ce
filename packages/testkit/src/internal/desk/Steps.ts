/** A claimer's step: settles, wakes what is due, claims, and renews the lease. */
import { maxBatchEntries, maxCollected, type Step, type Stepped } from "@troupe/core/TaskQueueStore"
import { begin, claimedOf, promote, rest, settle, take } from "./Claims.ts"
import type { Desk, Memo, Task } from "./Desk.ts"
import { collect, isRemembered } from "./Ends.ts"
import { trim } from "./Letters.ts"
import * as Ordered from "./Ordered.ts"
import { close, type Done, open, type Turn } from "./Turn.ts"

/** Undefined: a later step of this claimer came before. */
export const step = (desk: Desk, now: number, given: Step): Done<Stepped | undefined> => {
  const { ahead, claimer, free, leaseMs, sequence } = given
  const memo = desk.memos.get(claimer)
  if (memo !== undefined && isRemembered(desk, now, claimer, memo) && sequence <= memo.sequence) {
    return { answer: sequence === memo.sequence ? again(desk, now, given, memo) : undefined, pushed: [] }
  }
  const turn = open(desk, now)
  const outcomes = given.settlements.map((settlement) => settle(turn, claimer, settlement))
  if (given.settlements.some(({ _tag }, i) => _tag === "Dead" && outcomes[i] === "Settled")) trim(turn, given.letters)
  begin(turn, claimer, given.begun)
  // No slower than answers and ids come to be kept.
  collect(turn, maxCollected + 2 * outcomes.length)
  const isLate = promote(turn)

  const allowed = allowance(desk, now, given.rate)
  const claims = desk.isPaused ? nothing : take(turn, given, allowed)
  const { length } = claims.tasks
  count(desk, now, given.rate, claims.tasks)
  // The rate kept it from something.
  const isCut = !desk.isPaused && allowed < Math.min(free + ahead, maxBatchEntries)
  const allowedAt = isCut ? nextStart(desk, given.rate) : Infinity
  const due = Math.min(Ordered.firstScore(desk.sleeping), allowedAt)
  const isMore = isLate || claims.isMore
  const isIdle = free + ahead > 0 && length < free && !isMore

  // Who is not heard of any more is not woken either.
  if (isIdle || desk.claims.has(claimer)) desk.leases.set(claimer, now + leaseMs)
  else desk.leases.delete(claimer)

  const first = claims.tasks[0]?.claim?.fence ?? desk.fence + 1
  // The order of the claimers is that of their last steps.
  desk.memos.delete(claimer)
  const made: Memo = {
    at: now,
    sequence,
    outcomes,
    first,
    last: first + length - 1,
    firstAhead: first + free,
    isMore,
    isIdle,
    due
  }
  desk.memos.set(claimer, made)
  desk.idle.delete(claimer)
  const others = allowedAt < Infinity ? 0 : left(turn, given)
  // What it took itself nobody is told of.
  for (const lane of turn.lanes) if (!desk.lanes.has(lane)) turn.lanes.delete(lane)
  const done = close(turn, stepped(desk, now, made, claims.tasks), others)
  if (isIdle) desk.idle.add(claimer)
  return done
}

const nothing = { tasks: [], isMore: false }

/** What there is for others: in the lanes of the step, and where something became ready. */
const left = ({ desk, lanes }: Turn, step: Step): number =>
  desk.idle.size === 0
    ? 0
    : // Two that may have no suspect would wake each other for ever over one that is there.
      rest(desk, new Set([...step.lanes, ...lanes]), step.takesSuspect || lanes.size > 0)

/** What it holds by that step, as it is now. */
const again = (desk: Desk, now: number, { claimer, leaseMs }: Step, memo: Memo): Stepped => {
  const tasks: Array<Task> = []
  for (const number of desk.claims.get(claimer) ?? []) {
    const task = desk.tasks.get(number)
    const fence = task?.claim?.fence ?? 0
    if (task !== undefined && fence >= memo.first && fence <= memo.last) tasks.push(task)
  }
  if (desk.leases.has(claimer)) desk.leases.set(claimer, now + leaseMs)
  // Whose lease was over since would be woken by nobody.
  return stepped(desk, now, { ...memo, isIdle: memo.isIdle && desk.idle.has(claimer) }, tasks)
}

const stepped = (desk: Desk, now: number, memo: Memo, tasks: ReadonlyArray<Task>): Stepped => {
  const { due } = memo
  let ahead = 0
  for (const { claim } of tasks) if (claim !== undefined && claim.fence >= memo.firstAhead) ahead += 1
  return {
    outcomes: memo.outcomes,
    claimed: tasks.map(claimedOf),
    ahead,
    isPaused: desk.isPaused,
    dueInMs: due === Infinity ? undefined : Math.max(0, due - now),
    isMore: memo.isMore,
    isIdle: memo.isIdle
  }
}

/** How many starts the rate allows now. */
const allowance = ({ starts }: Desk, now: number, rate: Step["rate"]): number => {
  if (rate === undefined) return Infinity
  while (Ordered.firstScore(starts.times) + rate.windowMs <= now) Ordered.shift(starts.times)
  return Math.max(0, rate.limit - starts.times.size)
}

const count = ({ starts }: Desk, now: number, rate: Step["rate"], tasks: ReadonlyArray<Task>): void => {
  if (rate === undefined || tasks.length === 0) return
  starts.windowMs = rate.windowMs
  for (const { claim } of tasks) Ordered.add(starts.times, now, claim?.fence ?? 0)
}

/** When the oldest start that is in the way is older than the window; Infinity: none is. */
const nextStart = ({ starts }: Desk, rate: Step["rate"]): number =>
  rate === undefined || starts.times.size < rate.limit
    ? Infinity
    : (Ordered.scoreAt(starts.times, starts.times.size - rate.limit) ?? Infinity) + rate.windowMs
