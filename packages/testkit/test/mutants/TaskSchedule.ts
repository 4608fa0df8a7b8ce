/** Mistakes in schedules: in the policy above the store, in the memory store, in the scripts. One at least for every law. */
import type { Mutant } from "./Mutant.ts"

const calendar = "packages/core/src/internal/tasks/Calendar.ts"
const office = "packages/core/src/internal/tasks/Office.ts"
const timetable = "packages/core/src/internal/tasks/Timetable.ts"
const desk = "packages/testkit/src/internal/desk/Timetables.ts"
const enrol = "packages/redis-live/lua/TaskQueue/enrol.lua"
const fire = "packages/redis-live/lua/TaskQueue/fire.lua"
const part = "packages/redis-live/lua/TaskQueue/parts/timetable.lua"

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "a slot that is used up fires again",
    law: "aSlotFiresOnce",
    file: desk,
    find: `  if (slot <= known.last) return answer("Taken")
`,
    replace: ""
  },
  {
    name: "a slot whose call failed is given up",
    law: "aLostAnswerFiresOnce",
    file: timetable,
    find: "this.failures++",
    replace: "this.failures++, (this.passed = this.now + this.elapsed - this.at)"
  },
  {
    name: "who came too late for a slot fires no other",
    law: "aSlotFiresOnceWhoeverCrashes",
    file: timetable,
    find: 'if (answer.outcome === "Fired") this.options.onEnqueued(1)',
    replace: 'if (answer.outcome === "Taken") this.passed = Number.MAX_VALUE'
  },
  {
    name: "of missed slots the first fires",
    law: "aFrozenPeerFiresTheLastSlot",
    file: calendar,
    find: "beyond - found > 1",
    replace: "beyond < 0"
  },
  {
    name: "a text is read in a zone of its process",
    law: "aCronIsReadInUtc",
    file: calendar,
    find: 'Cron.parse(cron, "UTC")',
    replace: 'Cron.parse(cron, "America/New_York")'
  },
  {
    name: "a Cron without a zone is left as it is",
    law: "aCronIsReadInUtc",
    file: calendar,
    find: "Cron.make({ ...cron, tz: utc })",
    replace: 'Cron.make({ ...cron, tz: DateTime.zoneMakeNamedUnsafe("Asia/Tokyo") })'
  },
  {
    name: "a Cron's own zone is not looked at",
    law: "aCronKeepsItsZoneInSpring",
    file: calendar,
    find: "return Option.isSome(cron.tz) ? cron : Cron.make",
    replace: "return Cron.make"
  },
  {
    name: "an hour that comes twice fires twice",
    law: "aCronKeepsItsZoneInAutumn",
    file: calendar,
    find: "return Option.isSome(cron.tz) ? cron :",
    replace: 'return Option.isSome(cron.tz) ? Cron.make({ ...cron, tz: cron.tz.value, onDstOverlap: "both" }) :'
  },
  {
    name: "an interval counts from whenever it is asked",
    law: "anIntervalCountsFrom1970",
    file: calendar,
    find: "(Math.floor(after / everyMs) + 1) * everyMs",
    replace: "Math.floor(after) + everyMs"
  },
  {
    name: "a new schedule has missed all that was",
    law: "aNewScheduleFiresNothingOfThePast",
    file: desk,
    find: "bounded(now, last ?? now)",
    replace: "bounded(now, last ?? 0)"
  },
  {
    name: "a schedule that nobody ran has missed nothing",
    law: "theLastOfMissedSlotsFires",
    file: desk,
    find: `  known.last = bounded(now, known.last)
  if (mine`,
    replace: `  known.last = now
  if (mine`
  },
  {
    name: "who could not tell of its start never does",
    law: "anOutageHidesNoMoreThanItLasts",
    file: timetable,
    find: "if (this.isDue || this.last === undefined) return yield* this.enrol",
    replace: `if (this.last === undefined) return yield* Effect.never
    if (this.isDue) return yield* this.enrol`
  },
  {
    name: "any unfinished task is the predecessor",
    law: "aSlotIsSkippedForItsPredecessor",
    file: desk,
    find: "skips && isUnfinished(desk, known)",
    replace: "skips && desk.tasks.size > desk.dead.size"
  },
  {
    name: "a dead letter is unfinished",
    law: "aDeadPredecessorIsFinished",
    file: desk,
    find: 'task !== undefined && task.state !== "Dead"',
    replace: "task !== undefined"
  },
  {
    name: "a sleeping task is finished",
    law: "aDeadPredecessorIsFinished",
    file: desk,
    find: 'task.state !== "Dead"',
    replace: 'task.state !== "Dead" && task.state !== "Delayed"'
  },
  {
    name: "every schedule skips",
    law: "aSlotMayOverlap",
    file: timetable,
    find: 'skips: overlap === "skip"',
    replace: "skips: true"
  },
  {
    name: "whatever definition counts, all fire",
    law: "theLastDefinitionCounts",
    file: desk,
    find: `  if (known.fingerprint !== fingerprint) return answer(since > known.since ? "Unknown" : "Replaced")
`,
    replace: ""
  },
  {
    name: "who is replaced stays it",
    law: "theLastDefinitionCounts",
    file: timetable,
    find: 'this.isReplaced = answer.outcome === "Replaced"',
    replace: 'if (answer.outcome === "Replaced") this.passed = Number.MAX_VALUE'
  },
  {
    name: "a new calendar has missed what it names of the past",
    law: "aNewCalendarBeginsNow",
    file: desk,
    find: "known.last = Math.max(known.last, from)",
    replace: "known.last = Math.min(known.last, from)"
  },
  {
    name: "a new payload is a new schedule",
    law: "aNewCalendarBeginsNow",
    file: desk,
    find: "calendarOf(known.fingerprint) !== calendarOf(fingerprint)",
    replace: "known.fingerprint !== fingerprint"
  },
  {
    name: "what is lost stays lost",
    law: "aForgottenScheduleGoesOn",
    file: timetable,
    find: `        if (answer.outcome === "Unknown") this.isDue = !this.isReplaced
`,
    replace: ""
  },
  {
    name: "a peer that comes back to an empty store begins anew",
    law: "aForgottenScheduleGoesOn",
    file: timetable,
    find: "{ id, fingerprint, since, last }",
    replace: "{ id, fingerprint, since, last: undefined }"
  },
  {
    name: "a definition says but once that it counts",
    law: "aForgottenReplacementCountsAgain",
    file: desk,
    find: 'since > known.since ? "Unknown" : "Replaced"',
    replace: '"Replaced"'
  },
  {
    name: "a pause holds slots back",
    law: "aPauseSkipsNoSlot",
    file: desk,
    find: `  if (slot > now) return answer("Early")
  known.last = slot
`,
    replace: `  if (slot > now) return answer("Early")
  known.last = slot
  if (desk.isPaused) return answer("Skipped")
`
  },
  {
    name: "the peer's time says whether a slot has come",
    law: "aClockThatStepsFiresNothingTwice",
    file: desk,
    find: `  if (slot > now) return answer("Early")
`,
    replace: ""
  },
  {
    name: "a last slot in ten years is waited for",
    law: "aClockThatWasWrongStopsNothing",
    file: desk,
    find: "last > now + maxAheadMs ? now : last",
    replace: "last"
  },
  {
    name: "a peer goes by its own clock",
    law: "aSkewedPeerFiresInTime",
    file: timetable,
    find: "const now = this.now + this.elapsed - this.at",
    replace: "const now = this.options.clock.currentTimeMillisUnsafe()"
  },
  {
    name: "a payload that does not fit ends its schedule",
    law: "whatCannotBeEnqueuedCostsItsSlot",
    file: timetable,
    find: "this.passed = slot\n        return",
    replace: "this.passed = Number.MAX_VALUE\n        return"
  },
  {
    name: "a schedule ends with its layer",
    law: "aScheduleEndsWithItsScope",
    file: office,
    find: `Effect.sync(() => fork(timetable.run)),
      Fiber.interrupt`,
    replace: `Effect.sync(() => fork(timetable.run)),
      () => Effect.void`
  },
  {
    name: "a calendar without a day is a calendar",
    law: "aBadScheduleIsADefect",
    file: calendar,
    find: 'rules.check(calendar.next(now) !== undefined, "cron", "must name a time that comes")',
    replace: ""
  },
  {
    name: "to a script a slot that is used up fires again",
    law: "aSlotFiresOnce",
    file: fire,
    find: "if slot <= last then return answer('T') end",
    replace: "",
    worlds: ["redis"]
  },
  {
    name: "to a script a new schedule has missed all that was",
    law: "aNewScheduleFiresNothingOfThePast",
    file: enrol,
    find: "sane(tonumber(ARGV[5]) or now)",
    replace: "sane(tonumber(ARGV[5]) or 0)",
    worlds: ["redis"]
  },
  {
    name: "a script skips for nobody",
    law: "aSlotIsSkippedForItsPredecessor",
    file: fire,
    find: "ARGV[7] == '1' and isUnfinished()",
    replace: "ARGV[7] == '2' and isUnfinished()",
    worlds: ["redis"]
  },
  {
    name: "to a script a dead letter is unfinished",
    law: "aDeadPredecessorIsFinished",
    file: fire,
    find: " and not call('ZSCORE', base .. ':dead', pad(number))",
    replace: "",
    worlds: ["redis"]
  },
  {
    name: "a script lets all definitions fire",
    law: "theLastDefinitionCounts",
    file: fire,
    find: "if print ~= ARGV[4] then",
    replace: "if print == '' and print ~= ARGV[4] then",
    worlds: ["redis"]
  },
  {
    name: "to a script a definition says but once that it counts",
    law: "aForgottenReplacementCountsAgain",
    file: fire,
    find: "tonumber(ARGV[5]) > since and 'U' or 'R'",
    replace: "tonumber(ARGV[5]) < 0 and 'U' or 'R'",
    worlds: ["redis"]
  },
  {
    name: "to a script a new calendar has missed what it names of the past",
    law: "aNewCalendarBeginsNow",
    file: enrol,
    find: "last = math.max(last, from)",
    replace: "last = math.min(last, from)",
    worlds: ["redis"]
  },
  {
    name: "to a script the peer's time says whether a slot has come",
    law: "aClockThatStepsFiresNothingTwice",
    file: fire,
    find: "if slot > now then return answer('E') end",
    replace: "",
    worlds: ["redis"]
  },
  {
    name: "a script waits for a last slot in ten years",
    law: "aClockThatWasWrongStopsNothing",
    file: part,
    find: "return last > now + 86400000 and now or last",
    replace: "return last",
    worlds: ["redis"]
  },
  {
    name: "a script takes in more than the queue holds",
    law: "whatCannotBeEnqueuedCostsItsSlot",
    file: fire,
    find: "elseif isFull() then",
    replace: "elseif false then",
    worlds: ["redis"]
  }
]
