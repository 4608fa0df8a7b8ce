/** Mistakes in what TaskQueue does with tasks and with who runs them: in the policy above the store, in the memory store. One at least for every law. */
import type { Mutant } from "./Mutant.ts"

const bell = "packages/core/src/internal/Bell.ts"
const claimer = "packages/core/src/internal/tasks/Claimer.ts"
const enqueuer = "packages/core/src/internal/tasks/Enqueuer.ts"
const limits = "packages/core/src/internal/tasks/Limits.ts"
const office = "packages/core/src/internal/tasks/Office.ts"
const runs = "packages/core/src/internal/tasks/Runs.ts"
const batches = "packages/testkit/src/internal/desk/Batches.ts"
const beats = "packages/testkit/src/internal/desk/Beats.ts"
const claims = "packages/testkit/src/internal/desk/Claims.ts"
const ends = "packages/testkit/src/internal/desk/Ends.ts"
const orders = "packages/testkit/src/internal/desk/Orders.ts"
const steps = "packages/testkit/src/internal/desk/Steps.ts"

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "what a dead peer had not begun is forgotten",
    law: "noCrashLosesATask",
    file: beats,
    find: "for (const number of numbers) Deque.push",
    replace: "for (const number of numbers) if (desk.tasks.get(number)?.claim?.hasBegun) Deque.push"
  },
  {
    name: "a beat takes back one",
    law: "noCrashLosesATask",
    file: beats,
    find: "count < maxReaped",
    replace: "count < Math.min(1, maxReaped)"
  },
  {
    name: "what is told of a run is not asked whose it is",
    law: "aLostRunTellsNothing",
    file: orders,
    find: "const task = held(desk, claimer, number)\n  if (task?.claim?.fence !== fence) return false",
    replace: "const task = desk.tasks.get(number)\n  if (task === undefined) return false"
  },
  {
    name: "a run that is lost goes on",
    law: "aLostRunTellsNothing",
    file: runs,
    find: "if (isHeld) return Effect.void",
    replace: "return Effect.void"
  },
  {
    name: "after a silence everybody has two leases",
    law: "whoComesFirstTakesBack",
    file: beats,
    find: "desk.judgeFrom = now + leaseMs",
    replace: "desk.judgeFrom = now + leaseMs * 2"
  },
  {
    name: "who comes last leaves first",
    law: "theOrderOfEnqueuesIsKept",
    file: "packages/core/src/internal/Batcher.ts",
    find: "this.waiting.push(call)",
    replace: "this.waiting.unshift(call)"
  },
  {
    name: "what was claimed ahead begins the other way round",
    law: "theOrderOfEnqueuesIsKept",
    file: claimer,
    find: "this.claims.push(claim)",
    replace:
      "if (i >= claimed.length - ahead) this.claims.splice(claimed.length - ahead, 0, claim)\n      else this.claims.push(claim)"
  },
  {
    name: "a beat does not say that something waits",
    law: "aDeadWorkersWakeUpIsMadeUpFor",
    file: beats,
    find: "isReady: Lanes.isReady(desk, lanes)",
    replace: "isReady: false"
  },
  {
    name: "what ends while a step is under way is forgotten",
    law: "everyTaskRunsOnce",
    file: claimer,
    find: "this.answered = step.sequence\n",
    replace: "this.answered = step.sequence\n    this.settlements = []\n"
  },
  {
    name: "who enqueues many does not wait for the store",
    law: "aTaskOutlivesItsEnqueuer",
    file: office,
    find: "way.enqueueAll(group.entries, group.bytes), (error)",
    replace: `Effect.sync(() => {
          fork(Effect.delay(Effect.ignore(way.enqueueAll(group.entries, group.bytes)), 1))
          return group.entries.map(() => ({ _tag: "Enqueued", id: "soon" }))
        }), (error)`
  },
  {
    name: "a batch that is sent again is a new one",
    law: "aLostAnswerEnqueuesOnce",
    file: enqueuer,
    find: "store.enqueue(queue, { sender, sequence, after,",
    replace: "store.enqueue(queue, { sender, sequence: (this.sequence += 1), after,"
  },
  {
    name: "a batch does not say which one it follows",
    law: "nothingOvertakesOnItsWayIn",
    file: enqueuer,
    find: "const after = before.isOpen() ? 0 : sequence - 1",
    replace: "const after = 0"
  },
  {
    name: "a batch is taken before the one that it follows",
    law: "nothingOvertakesOnItsWayIn",
    file: batches,
    find: 'if ((memo?.sequence ?? 0) < after) return close(turn, "Early")',
    replace: ""
  },
  {
    name: "the batch before the last one is forgotten",
    law: "nothingOvertakesOnItsWayIn",
    file: batches,
    find: "const before = after > 0 && memo !== undefined",
    replace: "const before = after > 0 && memo === undefined"
  },
  {
    name: "a batch that was answered is enqueued again",
    law: "aLostAnswerEnqueuesOnce",
    file: batches,
    find: "memo !== undefined && sequence <= memo.sequence",
    replace: "memo !== undefined && sequence < memo.sequence"
  },
  {
    name: "a step whose answer was lost is followed by the next",
    law: "aLostStepIsRepeated",
    file: claimer,
    find: 'if (error?.outcome !== "NotApplied") this.isUnsure = true',
    replace: 'if (error?.outcome !== "NotApplied") this.pending = undefined'
  },
  {
    name: "a step that was answered is done again",
    law: "aLostStepIsNotForgotten",
    file: steps,
    find: "sequence <= memo.sequence",
    replace: "sequence < memo.sequence"
  },
  {
    name: "a settlement is not asked whose claim it is",
    law: "aFrozenPeerCannotSettle",
    file: claims,
    find: 'const task = held(desk, claimer, number)\n  if (task?.claim?.fence !== fence) return "Lost"',
    replace: 'const task = desk.tasks.get(number)\n  if (task?.claim === undefined) return "Lost"'
  },
  {
    name: "a proof of the lease lasts as long as the lease",
    law: "aCutOffPeerStopsFirst",
    file: limits,
    find: "provenMs: leaseMs - Math.min(1_000, leaseMs / 4)",
    replace: "provenMs: leaseMs"
  },
  {
    name: "nobody watches how old the proof of a lease is",
    law: "aCutOffPeerStopsFirst",
    file: claimer,
    find: "this.options.store.immortal ? Effect.never : Effect.forever(this.watch)",
    replace: "Effect.never"
  },
  {
    name: "the fence of a claim is the time, and nothing else",
    law: "fencesOfClaimsGrow",
    file: claims,
    find: "Math.max(desk.fence + 1, now * 1_000)",
    replace: "now * 1_000"
  },
  {
    name: "the fence of a claim is one more than the last, and nothing else",
    law: "fencesOfClaimsGrow",
    file: claims,
    find: "Math.max(desk.fence + 1, now * 1_000)",
    replace: "desk.fence + 1"
  },
  {
    name: "what was taken back from the dead stands at the end",
    law: "aCrashedPeersTasksComeBack",
    file: beats,
    find: "Lanes.stand(turn, task)",
    replace: "Lanes.append(turn, task)"
  },
  {
    name: "a crash counts no attempt",
    law: "aCrashedPeersTasksComeBack",
    file: beats,
    find: "task.attempts += 1\n",
    replace: ""
  },
  {
    name: "who is late has half a lease more",
    law: "aCrashIsNoticedInTime",
    file: beats,
    find: "until >= now) continue",
    replace: "until + 7_500 >= now) continue"
  },
  {
    name: "a closing peer waits for nothing",
    law: "aClosingPeerHandsBack",
    file: claimer,
    find: "yield* Effect.timeoutOption(this.drained, Duration.millis(settings.graceMs))",
    replace: ""
  },
  {
    name: "a closing peer's runs have failed",
    law: "aClosingPeerHandsBack",
    file: runs,
    find: 'stop === "Release" && Cause.hasInterrupts(exit.cause)',
    replace: "stop === undefined && Cause.hasInterrupts(exit.cause)"
  },
  {
    name: "an outage is a silence like any other, for claims",
    law: "anOutageCountsNoAttempt",
    file: beats,
    find: "now < tick || now - tick > leaseMs / 2",
    replace: "now < tick"
  },
  {
    name: "a call that was refused takes its settlements along",
    law: "aShortOutageDisturbsNobody",
    file: claimer,
    find: "this.settlements = [...step.settlements, ...this.settlements]",
    replace: ""
  },
  {
    name: "a step of the clock is a silence like any other",
    law: "aClockThatStepsLosesNothing",
    file: beats,
    find: "now < tick || now - tick > leaseMs / 2",
    replace: "now - tick > leaseMs * 4_000"
  },
  {
    name: "who slept stands in front",
    law: "firstInFirstOut",
    file: claims,
    find: "if (task !== undefined) Lanes.append(turn, task)",
    replace: "if (task !== undefined) Lanes.stand(turn, task)"
  },
  {
    name: "what has no level comes first",
    law: "levelsAreStrict",
    file: limits,
    find: "lanes: [...laneOf.values()]",
    replace: "lanes: [...laneOf.values()].sort()"
  },
  {
    name: "what is for one peer comes first",
    law: "aPeersTaskRunsThereAlone",
    file: office,
    find: "lanes: [...plan.lanes, peerLane(peer)]",
    replace: "lanes: [peerLane(peer), ...plan.lanes]"
  },
  {
    name: "a peer does not listen to its name",
    law: "aPeersTaskWakesThatPeer",
    file: office,
    find: "[claimerChannel(queue, claimer.name), nameChannel(queue, peer)]",
    replace: "[claimerChannel(queue, claimer.name)]"
  },
  {
    name: "what is for a peer that is gone waits for ever",
    law: "anAbandonedPeersTasksAreForEveryone",
    file: beats,
    find: "  adopt(turn, lanes)\n",
    replace: ""
  },
  {
    name: "an hour of silence counts, whether or not others worked",
    law: "anAbandonedPeersTasksAreForEveryone",
    file: beats,
    find: "if (tick === undefined || now < tick || now - tick > leaseMs / 2) desk.judgeFrom = now + leaseMs",
    replace: "desk.judgeFrom ||= now + leaseMs"
  },
  {
    name: "what is due before all others is told to nobody",
    law: "aDelayedTaskWaits",
    file: batches,
    find: "if (task.at < Ordered.firstScore(sleeping)) turn.isEarlier = true",
    replace: ""
  },
  {
    name: "a step does not say when the next is due",
    law: "aDelayedTaskWaits",
    file: claimer,
    find: "if (answer.dueInMs !== undefined) this.due = this.now + answer.dueInMs",
    replace: ""
  },
  {
    name: "whose time comes within the second is woken with the others",
    law: "aDelayedTaskWaits",
    file: claims,
    find: "Ordered.firstScore(sleeping) <= turn.now",
    replace: "Ordered.firstScore(sleeping) <= turn.now + 1_000"
  },
  {
    name: "only one knows when the next is due",
    law: "aSleepingTaskSurvivesEveryCrash",
    file: claimer,
    find: "if (answer.dueInMs !== undefined) this.due = Math.min(this.due, this.now + answer.dueInMs)",
    replace: ""
  },
  {
    name: "a lost wake-up is lost",
    law: "anIdleWorkerIsWoken",
    file: claimer,
    find: "else if (answer.isReady || this.isPaused) this.awake()",
    replace: "else if (this.isPaused) this.awake()"
  },
  {
    name: "nobody hears what is pushed",
    law: "anIdleWorkerIsWoken",
    file: bell,
    find: "message: (channel, message) => this.ring(channel, message)",
    replace: "message: () => {}"
  },
  {
    name: "who runs something is not idle",
    law: "noTaskWaitsForABusyWorker",
    file: steps,
    find: "if (isIdle) desk.idle.add(claimer)",
    replace: "if (isIdle && length === 0) desk.idle.add(claimer)"
  },
  {
    name: "a claimer that nobody knows is refused",
    law: "workGoesOnAfterALoss",
    file: steps,
    find: "const turn = open(desk, now)",
    replace:
      "if (memo === undefined && sequence > 1) return { answer: undefined, pushed: [] }\n  const turn = open(desk, now)"
  },
  {
    name: "a step that certainly failed is another one, whatever became of it before",
    law: "aLostStepIsRepeatedAsItWas",
    file: claimer,
    find: "else if (!this.isUnsure) this.take(step)",
    replace: "else this.take(step)"
  },
  {
    name: "what a claimer's last step gave it is forgotten in an hour",
    law: "aLostStepIsNotForgotten",
    file: ends,
    find: "memo.at + rememberedMs > now || desk.claims.has(claimer)",
    replace: "memo.at + rememberedMs > now"
  },
  {
    name: "two runs of one task are one",
    law: "aRunThatWillNotStopKeepsItsPlace",
    file: runs,
    find: "    this.all.delete(claim.fence)",
    replace:
      "    for (const [fence, { claim: other }] of this.all) if (other.number === claim.number) this.all.delete(fence)"
  },
  {
    name: "who closes hears nothing more",
    law: "aClosingPeerKeepsItsLease",
    file: office,
    find: "        claimer.close.pipe(",
    replace:
      "        Effect.andThen(Effect.sync(() => channels.forEach((channel) => bell.remove(channel, claimer.ring))), claimer.close).pipe("
  }
]
