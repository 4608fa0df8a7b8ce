/** Mistakes in how polls wait, and in what is refused: MailboxWaitLaws. */
import type { Mutant } from "./Mutant.ts"

const core = (name: string): string => `packages/core/src/internal/mailbox/${name}.ts`
const memory = "packages/testkit/src/MemoryMailbox.ts"
const everywhere = ["memory", "redis", "cluster"] as const

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "nobody is told of a letter",
    law: "aWaitEndsWithTheFirstLetter",
    file: memory,
    find: 'backend.publish(topic(channel), "1")',
    replace: ""
  },
  {
    name: "who waits asks from the beginning",
    law: "aWaitEndsWithTheFirstLetter",
    file: core("Polls"),
    find: "this.ask(address, { epoch, number }, limit)",
    replace: "this.ask(address, { epoch, number: number + 1 }, limit)",
    worlds: everywhere
  },
  {
    name: "a wait is as long as its pauses",
    law: "aWaitEndsWhenItsTimeIsOver",
    file: core("Polls"),
    find: "Duration.millis(Math.min(leftMs, pauseMs))",
    replace: "Duration.millis(pauseMs)",
    worlds: everywhere
  },
  {
    name: "who waits is told of letters alone",
    law: "aWaitEndsWithALoss",
    file: core("Polls"),
    find: "lost || letters.length > 0",
    replace: "letters.length > 0",
    worlds: everywhere
  },
  {
    name: "who waits does not ask again when it is heard",
    law: "nothingFallsBetweenAPollAndItsWait",
    file: core("Polls"),
    find: "const ring: Ring = () => signal.give()",
    replace: "const ring: Ring = (message) => message !== undefined && signal.give()",
    worlds: everywhere
  },
  {
    name: "who waits trusts in pushes",
    law: "aLostPushCostsFiveSeconds",
    file: core("Limits"),
    find: "askAgainMs = 5_000",
    replace: "askAgainMs = 50_000",
    worlds: everywhere
  },
  {
    name: "who waits asks twice as often",
    law: "aWaitAsksEveryFiveSeconds",
    file: core("Limits"),
    find: "askAgainMs = 5_000",
    replace: "askAgainMs = 2_500",
    worlds: everywhere
  },
  {
    name: "a wait that has ended listens on",
    law: "waitsAtABoxShareASubscription",
    file: core("Polls"),
    find: "this.bell.remove(channel, ring)",
    replace: "this.bell.remove(channel, () => {})",
    worlds: everywhere
  },
  {
    name: "a wait that its layer ends is one whose time is over",
    law: "aWaitThatIsEndedLeavesNothing",
    file: core("Polls"),
    find: 'if (this.isClosed) return yield* Exit.fail(Limits.layerClosed("poll"))',
    replace: "if (this.isClosed) return page",
    worlds: everywhere
  },
  {
    name: "a closed layer takes calls",
    law: "aWaitThatIsEndedLeavesNothing",
    file: core("Polls"),
    find: "return this.isClosed ? Limits.layerClosed(operation) : undefined",
    replace: "return undefined"
  },
  {
    name: "an outage ends a wait",
    law: "aWaitLivesThroughAnOutage",
    file: core("Polls"),
    find: "Effect.catchIf(question, isRetryable, () => Effect.undefined)",
    replace: "question",
    worlds: everywhere
  },
  {
    name: "who waits through an outage forgets the time",
    law: "aSilentStoreHoldsNobodyUp",
    file: core("Polls"),
    find: "page = answer ?? page",
    replace: "page = answer ?? page\n        if (answer === undefined) until = Number.POSITIVE_INFINITY",
    worlds: everywhere
  },
  {
    name: "a full server gives nothing",
    law: "aFullServerGivesAndFrees",
    file: memory,
    find: 'move("poll", false',
    replace: 'move("poll", true'
  },
  {
    name: "a full server closes nothing",
    law: "aFullServerGivesAndFrees",
    file: memory,
    find: 'move("close", false',
    replace: 'move("close", true'
  },
  {
    name: "a letter may live for no time",
    law: "whatCannotBeABoxIsSaid",
    file: core("Limits"),
    find: "timeToLiveMs >= 1 &&",
    replace: "timeToLiveMs >= 0 &&",
    worlds: everywhere
  },
  {
    name: "a box may hold one letter too many",
    law: "whatCannotBeABoxIsSaid",
    file: core("Limits"),
    find: "maxCapacity = 100_000",
    replace: "maxCapacity = 100_001",
    worlds: everywhere
  },
  {
    name: "a cursor may be written in several ways",
    law: "whatCannotBeAskedForIsSaid",
    file: core("Limits"),
    find: "(0|[1-9][0-9]{0,15})",
    replace: "([0-9]{1,16})",
    worlds: everywhere
  },
  {
    name: "a wait may be a millisecond longer than an hour",
    law: "whatCannotBeAskedForIsSaid",
    file: core("Limits"),
    find: "maxWaitMs = 3_600_000",
    replace: "maxWaitMs = 3_600_001",
    worlds: everywhere
  }
]
