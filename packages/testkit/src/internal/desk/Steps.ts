/** A claimer's step: settles, wakes what is due, claims, and renews the lease. */
import type { Step, Stepped } from "@troupe/core/TaskQueueStore"
import { begin, claimedOf, promote, rest, settle, take } from "./Claims.ts"
import type { Desk, Memo, Task } from "./Desk.ts"
import { collect, isRemembered } from "./Ends.ts"
import * as Lanes from "./Lanes.ts"
import { trim } from "./Letters.ts"
import * as Ordered from "./Ordered.ts"
import { closeFor, type Done, open } from "./Turn.ts"

/** Undefined: a later step of this claimer came before. */
export const step = (desk: Desk, now: number, given: Step): Done<Stepped | undefined> => {
  const { ahead, claimer, free, lanes, leaseMs, sequence } = given
  const memo = desk.memos.get(claimer)
  if (memo !== undefined && isRemembered(desk, now, claimer, memo) && sequence <= memo.sequence) {
    return { answer: sequence === memo.sequence ? again(desk, now, given, memo) : undefined, pushed: [] }
  }
  const turn = open(desk, now)
  const outcomes = given.settlements.map((settlement) => settle(turn, claimer, settlement))
  if (given.settlements.some(({ _tag }) => _tag === "Dead")) trim(turn, given.letters)
  begin(desk, claimer, given.begun)
  collect(turn)
  const isLate = promote(turn)

  const allowed = allowance(desk, now, given.rate)
  const claims = desk.isPaused ? nothing : take(turn, given, allowed)
  const { length } = claims.tasks
  count(desk, now, given.rate, claims.tasks)
  const left = allowed - length
  // The rate kept it from something only where there is something.
  const isKept = !desk.isPaused && left <= 0 && free + ahead > length && Lanes.isReady(desk, lanes)
  const isMore = isLate || claims.isMore
  const isIdle = free + ahead > 0 && length < free && !isMore

  if (desk.claims.has(claimer)) desk.leases.set(claimer, now + leaseMs)
  else desk.leases.delete(claimer)
  if (isIdle) desk.idle.add(claimer)
  else if (length >= free) desk.idle.delete(claimer)

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
    allowedAt: isKept ? allowedAt(desk, given.rate) : Infinity
  }
  desk.memos.set(claimer, made)
  // A suspect that this claimer may not have wakes another only if one was got: two that both may not would never rest.
  const others = desk.idle.size === 0 || left <= 0 ? 0 : rest(desk, lanes, claims.hasSuspect || turn.ready > 0)
  return closeFor(turn, stepped(desk, now, made, claims.tasks), others, claimer)
}

const nothing = { tasks: [], hasSuspect: false, isMore: false }

/** What it holds by that step, as it is now. */
const again = (desk: Desk, now: number, { claimer, leaseMs }: Step, memo: Memo): Stepped => {
  const tasks: Array<Task> = []
  for (const number of desk.claims.get(claimer) ?? []) {
    const task = desk.tasks.get(number)
    const fence = task?.claim?.fence ?? 0
    if (task !== undefined && fence >= memo.first && fence <= memo.last) tasks.push(task)
  }
  if (desk.claims.has(claimer)) desk.leases.set(claimer, now + leaseMs)
  // It was woken before it knew that it was idle.
  const isWoken = memo.isIdle && !desk.idle.has(claimer)
  return stepped(desk, now, { ...memo, isMore: memo.isMore || isWoken, isIdle: memo.isIdle && !isWoken }, tasks)
}

const stepped = (desk: Desk, now: number, memo: Memo, tasks: ReadonlyArray<Task>): Stepped => {
  const due = Math.min(Ordered.firstScore(desk.sleeping), memo.allowedAt)
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

/** When the oldest start that is in the way is older than the window. */
const allowedAt = ({ starts }: Desk, rate: Step["rate"]): number =>
  rate === undefined
    ? Infinity
    : (Ordered.scoreAt(starts.times, starts.times.size - rate.limit) ?? Infinity) + rate.windowMs
