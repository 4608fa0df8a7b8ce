/** Mistakes in how TaskQueue's tasks end: in the policy above the store, in the memory store. One at least for every law. */
import type { Mutant } from "./Mutant.ts"

const answers = "packages/core/src/internal/tasks/Answers.ts"
const claimer = "packages/core/src/internal/tasks/Claimer.ts"
const limits = "packages/core/src/internal/tasks/Limits.ts"
const office = "packages/core/src/internal/tasks/Office.ts"
const retry = "packages/core/src/internal/tasks/Retry.ts"
const runs = "packages/core/src/internal/tasks/Runs.ts"
const text = "packages/core/src/internal/Text.ts"
const claims = "packages/testkit/src/internal/desk/Claims.ts"
const ends = "packages/testkit/src/internal/desk/Ends.ts"
const letters = "packages/testkit/src/internal/desk/Letters.ts"
const looks = "packages/testkit/src/internal/desk/Looks.ts"
const orders = "packages/testkit/src/internal/desk/Orders.ts"

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "who is there already keeps no answer",
    law: "whatIsExecutedTwiceIsAnswered",
    file: "packages/testkit/src/internal/desk/Batches.ts",
    find: "Math.max(task.keepMs, keepMs)",
    replace: "Math.min(task.keepMs, keepMs)"
  },
  {
    name: "to the script who is there already keeps no answer",
    law: "whatIsExecutedTwiceIsAnswered",
    file: "packages/redis-live/lua/TaskQueue/parts/longer.lua",
    find: "if its >= keep then return end",
    replace: "if its <= keep then return end",
    worlds: ["redis", "cluster"]
  },
  {
    name: "every attempt is followed as the first is",
    law: "failuresRetryBySchedule",
    file: retry,
    find: "n <= attempt &&",
    replace: "n <= 1 &&"
  },
  {
    name: "the last attempt is not counted",
    law: "exhaustedTasksAreDeadLetters",
    file: claims,
    find: "if (settlement.hasRun) task.attempts += 1",
    replace: ""
  },
  {
    name: "what was not run any more counts as a run",
    law: "aCrashInTheLastRunIsTheEnd",
    file: claims,
    find: "if (settlement.hasRun) task.attempts += 1",
    replace: "task.attempts += 1"
  },
  {
    name: "an ended schedule goes on at once",
    law: "anEndedScheduleIsTheEnd",
    file: runs,
    find: 'delayMs === undefined ? dead : { _tag: "Retry", claim, hasProgress, delayMs, error }',
    replace: '({ _tag: "Retry", claim, hasProgress, delayMs: delayMs ?? 0, error })'
  },
  {
    name: "nobody asks whether another try would help",
    law: "aRefusedFailureIsFinal",
    file: runs,
    find: "definition.retryWhile?.(error) === false",
    replace: "false"
  },
  {
    name: "what one peer cannot read nobody can",
    law: "anotherPeerMayKnowAPayload",
    file: runs,
    find: 'return this.failed(running, "Undecodable", `the payload: ${error.message}`)',
    replace:
      'return Effect.succeed({ _tag: "Dead", claim, hasProgress, hasRun: true, reason: "Undecodable", error: "", answer: undefined })'
  },
  {
    name: "a peer that runs a suspect asks for another",
    law: "theKillerIsConvicted",
    file: claimer,
    find: "takesSuspect: this.crew.suspects === 0",
    replace: "takesSuspect: true"
  },
  {
    name: "the newest dead letter makes room",
    law: "deadLettersAreBounded",
    file: letters,
    find: "if (dead.size <= capacity && ",
    replace: "if ("
  },
  {
    name: "dead letters are kept for ever",
    law: "deadLettersAreBounded",
    file: letters,
    find: "if (dead.size <= capacity && Ordered.firstScore(dead) + timeToLiveMs > turn.now) return",
    replace: "if (dead.size <= capacity) return"
  },
  {
    name: "what is sent back keeps its attempts",
    law: "redrivenTasksRunAgain",
    file: letters,
    find: "task.attempts = 0",
    replace: ""
  },
  {
    name: "an attempt may take its time",
    law: "aTimeoutIsAFailure",
    file: runs,
    find: "timeoutMs === undefined\n        ? handled",
    replace: "timeoutMs !== 0\n        ? handled"
  },
  {
    name: "an answer is kept for half its time",
    law: "answersAreKept",
    file: ends,
    find: "now + keepMs, {",
    replace: "now + keepMs / 2, {"
  },
  {
    name: "who awaits an answer does not listen",
    law: "anAnswerComesAtOnce",
    file: answers,
    find: "this.bell.add(endsChannel(queue), room.ring)",
    replace: ""
  },
  {
    name: "who awaits an answer asks again with every third heartbeat",
    law: "anAnswerComesAtOnce",
    file: answers,
    find: "Exit.isSuccess(exit) ? this.heartbeatMs :",
    replace: "Exit.isSuccess(exit) ? this.heartbeatMs * 3 :"
  },
  {
    name: "a typed failure is no answer once the attempts are spent",
    law: "failuresAreAnswers",
    file: runs,
    find: '"AttemptsExhausted", text, this.options.plan.retry, kept)',
    replace: '"AttemptsExhausted", text, this.options.plan.retry)'
  },
  {
    name: "an outage ends whoever awaits an answer",
    law: "awaitingNeverHangs",
    file: answers,
    find: "if (!isKnown || !isOutage(exit))",
    replace: "if (isKnown || !isOutage(exit))"
  },
  {
    name: "what nobody knows may still come",
    law: "awaitingNeverHangs",
    file: looks,
    find: 'if (task === undefined) return { _tag: "Unknown" }',
    replace: 'if (task === undefined) return { _tag: "Waiting" }'
  },
  {
    name: "who does not wait any more cancels",
    law: "interruptingExecuteLeavesTheTask",
    file: office,
    find: "({ id }) => awaited(task, id, true))",
    replace:
      "({ id }) => Effect.onInterrupt(awaited(task, id, true), () => Effect.ignore(store.cancel(task.name, id))))"
  },
  {
    name: "what sleeps cannot be cancelled",
    law: "aWaitingTaskIsCancelled",
    file: orders,
    find: 'task.state === "Dead") return',
    replace: 'task.state === "Dead" || task.state === "Delayed") return'
  },
  {
    name: "what is done can be cancelled while its id is known",
    law: "aWaitingTaskIsCancelled",
    file: orders,
    find: 'if (task === undefined || task.state === "Dead") return close(turn, false)',
    replace:
      'if (task === undefined || task.state === "Dead") return close(turn, numberOf(desk, now, id) !== undefined)'
  },
  {
    name: "a running task is cancelled with the next heartbeat",
    law: "aRunningTaskIsCancelled",
    file: claimer,
    find: "this.cancel(Number(message.slice(7)))",
    replace: "this.awake()"
  },
  {
    name: "a beat does not look at what was cancelled",
    law: "aRunningTaskIsCancelled",
    file: claimer,
    find: "for (const number of answer.cancelled) this.cancel(number)",
    replace: ""
  },
  {
    name: "what was cancelled completes all the same",
    law: "aCancelledTaskNeverCompletes",
    file: claims,
    find: "if (task.claim.isCancelled) {",
    replace: 'if (task.claim.isCancelled && settlement._tag !== "Done") {'
  },
  {
    name: "what was cancelled is taken back from the dead",
    law: "aCancelledTaskDiesWithItsPeer",
    file: "packages/testkit/src/internal/desk/Beats.ts",
    find: "if (claim?.isCancelled === true) {",
    replace: "if (claim === undefined) {"
  },
  {
    name: "a worker ends with its queue's layer only",
    law: "aWorkerIsALayer",
    file: office,
    find: "({ close }) => close\n",
    replace: "() => Effect.void\n"
  },
  {
    name: "what was claimed counts as begun",
    law: "whatHasNotBegunIsNotCounted",
    file: "packages/testkit/src/internal/desk/Beats.ts",
    find: "if (claim?.hasBegun === true) {",
    replace: "if (claim !== undefined) {"
  },
  {
    name: "what begins later is never told to have begun",
    law: "whatHasNotBegunIsNotCounted",
    file: claimer,
    find: "if (this.uncounted.delete(claim.number)) this.begun.add(claim.number)",
    replace: "this.uncounted.delete(claim.number)"
  },
  {
    name: "every answer is kept",
    law: "onlyWhatIsExecutedIsKept",
    file: limits,
    find: "keepMs: terms.hasAnswer ? keepMs : 0",
    replace: "keepMs"
  },
  {
    name: "what was executed is kept as any other",
    law: "onlyWhatIsExecutedIsKept",
    file: office,
    find: "isExecuted ? Math.max(leastKeepMs, plan.keepExecutedMs) : plan.keepMs",
    replace: "plan.keepMs"
  },
  {
    name: "an hour is the time of every answer",
    law: "anAnswersTimeIsGiven",
    file: limits,
    find: "terms.keepResult ?? 3_600_000",
    replace: "3_600_000"
  },
  {
    name: "what was claimed ahead cannot be cancelled any more",
    law: "whatIsClaimedAheadIsCancelled",
    file: claimer,
    find: "if (index < 0) return",
    replace: "if (index >= 0 || index < 0) return"
  },
  {
    name: "a defect is final",
    law: "anythingIsAFailure",
    file: runs,
    find: 'if (error === undefined) return this.failed(running, "AttemptsExhausted", describe(Cause.squash(cause)))',
    replace:
      'if (error === undefined) return Effect.succeed({ _tag: "Dead", claim, hasProgress, hasRun: true, reason: "Rejected", error: "", answer: undefined })'
  },
  {
    name: "whatever can be written down is JSON",
    law: "whatIsNoJsonIsRefused",
    file: text,
    find: "if (text !== undefined) return Exit.succeed(text)",
    replace: 'return Exit.succeed(text ?? "null")'
  },
  {
    name: "what is stopped while it is weighed has failed",
    law: "anEndlessScheduleIsStopped",
    file: runs,
    find: 'Exit.isSuccess(exit) ? exit.value : { _tag: "Release", claim, hasProgress: running.hasProgress }',
    replace:
      'Exit.isSuccess(exit) ? exit.value : { _tag: "Retry", claim, hasProgress: false, delayMs: 1_000, error: "" }'
  },
  {
    name: "what is cancelled before its claim is known runs",
    law: "aTaskIsCancelledAsItIsClaimed",
    file: claimer,
    find: "if (this.pending !== undefined) this.cancelled.add(number)",
    replace: ""
  }
]
