/** Mistakes in TaskQueue's keys, limits, pausing and looking: in the policy above the store, in the memory store. One at least for every law. */
import type { Mutant } from "./Mutant.ts"

const claimer = "packages/core/src/internal/tasks/Claimer.ts"
const enqueuer = "packages/core/src/internal/tasks/Enqueuer.ts"
const office = "packages/core/src/internal/tasks/Office.ts"
const pulse = "packages/core/src/internal/tasks/Pulse.ts"
const runs = "packages/core/src/internal/tasks/Runs.ts"
const batches = "packages/testkit/src/internal/desk/Batches.ts"
const claims = "packages/testkit/src/internal/desk/Claims.ts"
const ends = "packages/testkit/src/internal/desk/Ends.ts"
const letters = "packages/testkit/src/internal/desk/Letters.ts"
const looks = "packages/testkit/src/internal/desk/Looks.ts"
const orders = "packages/testkit/src/internal/desk/Orders.ts"
const pages = "packages/testkit/src/internal/desk/Pages.ts"
const places = "packages/testkit/src/internal/desk/Places.ts"
const steps = "packages/testkit/src/internal/desk/Steps.ts"
const store = "packages/testkit/src/MemoryTaskQueue.ts"

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "what sleeps holds no key",
    law: "aKeyIsUnique",
    file: batches,
    find: "if (unique !== undefined) hold(desk, task)",
    replace: "if (unique !== undefined && task.at <= now) hold(desk, task)"
  },
  {
    name: "a key is free at the end",
    law: "aKeyHasAWindow",
    file: ends,
    find: "if (windowMs > 0) {",
    replace: "if (windowMs < 0) {"
  },
  {
    name: "a dead letter keeps its key",
    law: "aDeadLetterHoldsNoKey",
    file: letters,
    find: "  release(desk, now, task)\n",
    replace: ""
  },
  {
    name: "what is sent back does not ask who has its key",
    law: "aDeadLetterHoldsNoKey",
    file: letters,
    find: "if (task.unique !== undefined && (holder",
    replace: "if (task.unique === undefined && (holder"
  },
  {
    name: "a given id is forgotten at the end",
    law: "aGivenIdIsKnownAnHour",
    file: ends,
    find: "const takenUntil = now + knownMs",
    replace: "const takenUntil = now"
  },
  {
    name: "what was cancelled keeps its key",
    law: "aTombstoneStaysDead",
    file: ends,
    find: "if (!wasDead) release(desk, now, task)",
    replace: 'if (!wasDead && ending?._tag !== "Cancelled") release(desk, now, task)'
  },
  {
    name: "an id stands for the first that had it",
    law: "aTombstoneStaysDead",
    file: ends,
    find: "desk.ids.set(id, number)",
    replace: "if (before === undefined) desk.ids.set(id, number)"
  },
  {
    name: "a key has one place more",
    law: "placesAreTaken",
    file: places,
    find: "if (running.size < limit) {",
    replace: "if (running.size <= limit) {"
  },
  {
    name: "who was interrupted is settled before it has stopped",
    law: "aPlaceIsFreeWhenItsTaskHasStopped",
    file: runs,
    find: "running.fiber?.interruptUnsafe()",
    replace:
      'running.fiber?.interruptUnsafe()\n    this.settle(running, { _tag: "Release", claim: running.claim, hasProgress: false })'
  },
  {
    name: "a place that was given back is nobody's",
    law: "aPlaceIsFreeWhenItsTaskHasStopped",
    file: places,
    find: "if (running?.size === 0) turn.desk.running.delete(key)\n  call(turn, key)",
    replace: "if (running?.size === 0) turn.desk.running.delete(key)"
  },
  {
    name: "a start is forgotten after half the window",
    law: "startsAreRated",
    file: steps,
    find: "while (Ordered.firstScore(starts.times) + rate.windowMs <= now)",
    replace: "while (Ordered.firstScore(starts.times) + rate.windowMs / 2 <= now)"
  },
  {
    name: "a pause is the workers' own affair",
    law: "aPausedTaskIsNotClaimed",
    file: steps,
    find: "const claims = desk.isPaused ? nothing : take(turn, given, allowed)",
    replace: "const claims = take(turn, given, allowed)"
  },
  {
    name: "a beat does not look whether there is a pause",
    law: "aPauseIsNotMissed",
    file: claimer,
    find: "if (answer.isPaused) this.pause()\n",
    replace: "if (answer.isPaused) this.isPaused = true\n"
  },
  {
    name: "a retry forgets its error",
    law: "countsTellTheTruth",
    file: claims,
    find: "task.error = settlement.error",
    replace: ""
  },
  {
    name: "what is claimed counts as ready too",
    law: "countsTellTheTruth",
    file: looks,
    find: "- counted.claimed - counted.dead",
    replace: "- counted.dead"
  },
  {
    name: "a page leaves out the next",
    law: "aListNamesEachOnce",
    file: pages,
    find: 'cursor: String(tasks.at(-1)?.number ?? "")',
    replace: "cursor: String(task.number)"
  },
  {
    name: "what sleeps is listed by a page's number",
    law: "aListNamesEachOnce",
    file: pages,
    find: "`${last.at} ${last.number}`",
    replace: "`${last.at} ${last.number + 1}`"
  },
  {
    name: "a purge ends with its first page",
    law: "aPurgeRemovesOneState",
    file: office,
    find: 'if (next === "") return sum',
    replace: "return sum"
  },
  {
    name: "what runs waits, as far as the limit is concerned",
    law: "aQueueHasALimit",
    file: batches,
    find: "&& unfinished - claimed(desk) >= maxLength",
    replace: ""
  },
  {
    name: "who did not fit does not say how many did",
    law: "aQueueHasALimit",
    file: office,
    find: "new QueueFull({ task, limit, accepted: all.length })",
    replace: "new QueueFull({ task, limit })"
  },
  {
    name: "a full server refuses those who work",
    law: "aFullServerIsWorkedOff",
    file: store,
    find: 'move("work", false, queue, (desk, now) => Steps.step(desk, now, step))',
    replace: 'move("work", true, queue, (desk, now) => Steps.step(desk, now, step))'
  },
  {
    name: "a full server takes one more",
    law: "aFullServerIsWorkedOff",
    file: store,
    find: 'move("enqueue", true, queue,',
    replace: 'move("enqueue", false, queue,'
  },
  {
    name: "who departs is remembered",
    law: "nothingIsLeft",
    file: orders,
    find: "desk.memos.delete(who)",
    replace: ""
  },
  {
    name: "a sender that ends does not say so",
    law: "nothingIsLeft",
    file: enqueuer,
    find: "Effect.ignore(store.depart(queue, sender))",
    replace: "Effect.void"
  },
  {
    name: "a beat has everybody look",
    law: "anIdlePeerIsQuiet",
    file: claimer,
    find: "else this.work.give()\n  }",
    replace: "else this.awake()\n  }"
  },
  {
    name: "each queue beats for itself",
    law: "anIdlePeerIsQuiet",
    file: pulse,
    find: "this.store.beat(claimers.map((claimer) => claimer.beat()))",
    replace:
      "Effect.map(Effect.forEach(claimers, (claimer) => Effect.delay(this.store.beat([claimer.beat()]), 1)), (all) => all.flat())"
  },
  {
    name: "a full server refuses heartbeats",
    law: "aFullServerIsWorkedOff",
    file: store,
    find: 'beat: (beats) =>\n        request("work", false,',
    replace: 'beat: (beats) =>\n        request("work", true,'
  },
  {
    name: "a full server cancels nothing",
    law: "aFullServerObeys",
    file: store,
    find: 'move("cancel", false,',
    replace: 'move("cancel", true,'
  },
  {
    name: "a full server sends nothing back",
    law: "aFullServerObeys",
    file: store,
    find: 'move("redrive", false,',
    replace: 'move("redrive", true,'
  },
  {
    name: "answers are collected by nobody",
    law: "whatIsKeptHasItsEnd",
    file: ends,
    find: "left -= Expiring.collect(desk.answers, now, left, () => {})",
    replace: ""
  },
  {
    name: "a known id is forgotten, and what it stood for is not",
    law: "whatIsKeptHasItsEnd",
    file: ends,
    find: "    desk.ids.delete(id)\n",
    replace: ""
  },
  {
    name: "a window is over, and its key is not",
    law: "whatIsKeptHasItsEnd",
    file: ends,
    find: "if (desk.unique.get(key)?.number === number) desk.unique.delete(key)",
    replace: ""
  },
  {
    name: "what has places is claimed ahead",
    law: "whatIsLimitedIsNotClaimedAhead",
    file: claimer,
    find: "if (plan.places > 0 || plan.rate !== undefined) return 0",
    replace: "if (plan.rate !== undefined) return 0"
  },
  {
    name: "what has a rate is claimed ahead",
    law: "whatIsLimitedIsNotClaimedAhead",
    file: claimer,
    find: "if (plan.places > 0 || plan.rate !== undefined) return 0",
    replace: "if (plan.places > 0) return 0"
  },
  {
    name: "a list knows what an earlier reading has shown",
    law: "aListCanBeRunAgain",
    file: office,
    find: "        const seen = new Set<number>()\n",
    replace: "        const seen = ((task as any)[state] ??= new Set<number>())\n"
  },
  {
    name: "no enqueuer makes room for another",
    law: "anyNumberOfQueuesIsEnqueuedTo",
    file: office,
    find: "      for (const [key] of idle) enqueuers.delete(key)\n",
    replace: ""
  },
  {
    name: "an enqueue's time is that of the wall clock",
    law: "anEnqueueEndsInItsTime",
    file: enqueuer,
    find: "const since = clock.monotonicTimeNanosUnsafe()",
    replace: "const since = BigInt(clock.currentTimeMillisUnsafe()) * 1_000_000n"
  }
]
