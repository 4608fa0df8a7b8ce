/** Mistakes in TaskQueue's events: in the policy above the store, in the memory store, in the scripts. */
import type { Mutant } from "./Mutant.ts"

const events = "packages/core/src/internal/tasks/Events.ts"
const office = "packages/core/src/internal/tasks/Office.ts"
const reader = "packages/core/src/internal/tasks/Reader.ts"
const desk = (name: string): string => `packages/testkit/src/internal/desk/${name}.ts`
const servers = ["redis", "cluster"] as const
const script = (name: string): string => `packages/redis-live/lua/TaskQueue/${name}.lua`
const part = (name: string): string => script(`parts/${name}`)

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "a message may have spaces",
    law: "aReaderSeesALifeInOrder",
    file: desk("Turn"),
    find: "text.replace(/[% \\n]/g, encodeURIComponent)",
    replace: 'text.replaceAll("\\n", "%0A")'
  },
  {
    name: "nobody is told when a task is tried again",
    law: "aReaderSeesALifeInOrder",
    file: desk("Claims"),
    find: 'note(turn, "R", task, task.at)',
    replace: ""
  },
  {
    name: "every watch leaves a number out",
    law: "everyReaderSeesOneOrder",
    file: desk("Orders"),
    find: "if (now >= desk.watched || desk.run !== run) desk.pushed",
    replace: "desk.pushed"
  },
  {
    name: "what comes back from the dead is not told",
    law: "aCrashIsSeenAsRecovered",
    file: desk("Beats"),
    find: 'if (claim?.hasBegun === true) note(turn, "B", task)',
    replace: ""
  },
  {
    name: "whatever comes back from the dead had begun",
    law: "aCrashIsSeenAsRecovered",
    file: desk("Beats"),
    find: 'if (claim?.hasBegun === true) note(turn, "B", task)',
    replace: 'note(turn, "B", task)'
  },
  {
    name: "what is handed back is not told",
    law: "aCrashIsSeenAsRecovered",
    file: desk("Claims"),
    find: 'if (task.claim?.hasBegun === true) note(turn, "B", task)',
    replace: ""
  },
  {
    name: "what is claimed has begun, for those who look",
    law: "whatIsClaimedAheadStartsLater",
    file: desk("Claims"),
    find: "if (hasBegun) start(turn, task, claimer)",
    replace: "start(turn, task, claimer)"
  },
  {
    name: "what is over before it was told to begin never began",
    law: "whatIsClaimedAheadStartsLater",
    file: desk("Claims"),
    find: "if (hasRun && !task.claim.hasBegun) start(turn, task, claimer)",
    replace: ""
  },
  {
    name: "what begins while a call is under way is told when there is something else to say",
    law: "whatIsClaimedAheadStartsLater",
    file: "packages/core/src/internal/tasks/Claimer.ts",
    find: "      this.begun.size > 0 ||\n",
    replace: ""
  },
  {
    name: "whatever dies has failed, for those who look",
    law: "aDeathIsSeenWithItsReason",
    file: desk("Claims"),
    find: 'if (settlement.hasRun) note(turn, "F"',
    replace: 'note(turn, "F"'
  },
  {
    name: "what has had its runs begins once more",
    law: "aDeathIsSeenWithItsReason",
    file: desk("Claims"),
    find: "index < free && task.attempts < maxAttempts",
    replace: "index < free"
  },
  {
    name: "who is convicted is not seen to die",
    law: "aConvictionIsSeen",
    file: desk("Letters"),
    find: 'note(turn, "D", task, reason)',
    replace: 'if (reason !== "PeerCrashes") note(turn, "D", task, reason)'
  },
  {
    name: "who is cancelled twice is told of twice",
    law: "aCancelledTaskIsSeen",
    file: desk("Orders"),
    find: 'if (task.claim?.isCancelled !== true) note(turn, "X", task)',
    replace: 'note(turn, "X", task)'
  },
  {
    name: "what is purged just goes",
    law: "aCancelledTaskIsSeen",
    file: desk("Orders"),
    find: 'if (state !== "Dead") note(turn, "X", task)',
    replace: ""
  },
  {
    name: "what is redriven is not told",
    law: "whatIsFiredOrRedrivenIsEnqueued",
    file: desk("Letters"),
    find: 'note(turn, "E", task)',
    replace: ""
  },
  {
    name: "a reader takes any number for the next",
    law: "aMissedEventFailsTheReader",
    file: reader,
    find: "if (this.last !== undefined && push.number !== this.last + 1) return this.end(missed)",
    replace: ""
  },
  {
    name: "a reader never asks whether all has come",
    law: "aMissedEventFailsTheReader",
    file: reader,
    find: "if (this.last !== undefined && this.last < number) this.end(missed)",
    replace: ""
  },
  {
    name: "a watch that begins anew leaves no number out",
    law: "aReaderThatStoppedWatchingFails",
    file: desk("Orders"),
    find: "Math.max(desk.pushed + 1, now * 1_000)",
    replace: "Math.max(desk.pushed, 1)"
  },
  {
    name: "any server goes on with the numbers of the last",
    law: "aFailoverFailsTheReader",
    file: desk("Orders"),
    find: "if (now >= desk.watched || desk.run !== run) desk.pushed",
    replace: "if (now >= desk.watched) desk.pushed"
  },
  {
    name: "numbers that go back are not noticed",
    law: "forgottenEventsFailTheReader",
    file: reader,
    find: "if (number < before) this.end(missed)",
    replace: ""
  },
  {
    name: "an outage ends every reader",
    law: "anOutageWithoutEventsIsNoLoss",
    file: events,
    find: "if (!error.isRetryable || before === undefined) reader.end(error)",
    replace: "reader.end(error)"
  },
  {
    name: "a watch is not renewed",
    law: "aReaderSeesForHours",
    file: events,
    find: "if (Option.isNone(rung)) reader.confirm(last)",
    replace: "if (Option.isNone(rung)) yield* Effect.never"
  },
  {
    name: "any number of pushes waits for a reader",
    law: "aSlowReaderFailsAlone",
    file: reader,
    find: "if (this.waiting.length === maxWaiting || this.size",
    replace: "if (this.size"
  },
  {
    name: "the channel of a reader is never left",
    law: "nobodyLooksNothingIsAsked",
    file: events,
    find: "yield* this.bell.hang(",
    replace: "this.bell.add("
  },
  {
    name: "a reader asks twice in a heartbeat",
    law: "nobodyLooksNothingIsAsked",
    file: events,
    find: "Duration.millis(this.heartbeatMs)",
    replace: "Duration.millis(this.heartbeatMs / 2)"
  },
  {
    name: "a full server is not watched",
    law: "aFullServerIsWatched",
    file: "packages/testkit/src/MemoryTaskQueue.ts",
    find: 'request("events", false,',
    replace: 'request("events", true,'
  },
  {
    name: "readers wait for ever on a closed layer",
    law: "aReaderIsToldWhy",
    file: office,
    find: "      events.close()\n",
    replace: ""
  },
  {
    name: "nobody looks at the definition of what is read",
    law: "aReaderIsToldWhy",
    file: office,
    find: 'Stream.unwrap(Effect.map(checked("events", task), ({ name }) => events.read(name)))',
    replace: "events.read(task.name)"
  },
  {
    name: "to the script a message may have spaces",
    law: "aReaderSeesALifeInOrder",
    file: part("events"),
    find: "[' '] = '%20', ",
    replace: "",
    worlds: servers
  },
  {
    name: "every push of a script has the same number",
    law: "aReaderSeesALifeInOrder",
    file: part("events"),
    find: "m.pushed = m.pushed + 1",
    replace: "m.pushed = m.pushed + 0",
    worlds: servers
  },
  {
    name: "every watch of the script leaves a number out",
    law: "everyReaderSeesOneOrder",
    file: script("watch"),
    find: "isSame and m.pushed or math.max(",
    replace: "math.max(",
    worlds: servers
  },
  {
    name: "a watch of the script that begins anew leaves no number out",
    law: "aReaderThatStoppedWatchingFails",
    file: script("watch"),
    find: "isSame and m.pushed or math.max(m.pushed + 1, micros)",
    replace: "m.pushed",
    worlds: servers
  },
  {
    name: "to the script any server goes on with the numbers of the last",
    law: "aFailoverFailsTheReader",
    file: script("watch"),
    find: "m.isWatched and call('HGET', base .. ':meta', 'run') == run",
    replace: "m.isWatched",
    worlds: servers
  },
  {
    name: "the script does not tell what comes back from the dead",
    law: "aCrashIsSeenAsRecovered",
    file: part("reap"),
    find: "    event('B', number, record)\n",
    replace: "",
    worlds: servers
  },
  {
    name: "the script tells of claims ahead as begun",
    law: "whatIsClaimedAheadStartsLater",
    file: part("turn"),
    find: "if begins and isWatched then",
    replace: "if isWatched then",
    worlds: servers
  },
  {
    name: "to the script what is over before it was told to begin never began",
    law: "whatIsClaimedAheadStartsLater",
    file: part("settle"),
    find: "if string.byte(value) == 97 then started(number, '') end",
    replace: "",
    worlds: servers
  },
  {
    name: "to the script what has had its runs begins once more",
    law: "aDeathIsSeenWithItsReason",
    file: part("turn"),
    find: "i <= free and (not tried[i] or tries(tried[i]) < most)",
    replace: "i <= free",
    worlds: servers
  },
  {
    name: "the script tells of no death",
    law: "aConvictionIsSeen",
    file: part("dead"),
    find: "  event('D', number, record, reason)\n",
    replace: "",
    worlds: servers
  },
  {
    name: "the script tells twice of who is cancelled twice",
    law: "aCancelledTaskIsSeen",
    file: script("cancel"),
    find: "if state ~= 'C' or string.byte(held) ~= 99 then event(",
    replace: "if state then event(",
    worlds: servers
  },
  {
    name: "the script does not tell what is fired",
    law: "whatIsFiredOrRedrivenIsEnqueued",
    file: script("fire"),
    find: "  event('E', number, ARGV[10])\n",
    replace: "",
    worlds: servers
  },
  {
    name: "the script does not tell what is redriven",
    law: "whatIsFiredOrRedrivenIsEnqueued",
    file: script("redrive"),
    find: "  event('E', number, record)\n",
    replace: "",
    worlds: servers
  }
]
