/** Mistakes in TaskQueue's scripts, one at least for every law that a script can break. */
import type { Mutant } from "./Mutant.ts"

const servers = ["redis", "cluster"] as const
const script = (name: string): string => `packages/redis-live/lua/TaskQueue/${name}.lua`
const part = (name: string): string => script(`parts/${name}`)

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "the script does not know the batch before",
    law: "aLostAnswerEnqueuesOnce",
    file: script("enqueue"),
    find: "elseif sequence <= tonumber(last) then",
    replace: "elseif false then",
    worlds: servers
  },
  {
    name: "the script takes a batch before the one that it follows",
    law: "nothingOvertakesOnItsWayIn",
    file: script("enqueue"),
    find: "if tonumber(last) < after then return { 'early' } end",
    replace: "",
    worlds: servers
  },
  {
    name: "the script forgets the batch before the last one",
    law: "nothingOvertakesOnItsWayIn",
    file: script("enqueue"),
    find: "if after > 0 then memo",
    replace: "if after < 0 then memo",
    worlds: servers
  },
  {
    name: "the script lets one more into a full queue",
    law: "aQueueHasALimit",
    file: script("enqueue"),
    find: "elseif room <= 0 then",
    replace: "elseif room < 0 then",
    worlds: servers
  },
  {
    name: "the script halves every delay",
    law: "aDelayedTaskWaits",
    file: script("enqueue"),
    find: "and now + ms or ms",
    replace: "and now + ms / 2 or ms",
    worlds: servers
  },
  {
    name: "a key is free while its task is there",
    law: "aKeyIsUnique",
    file: part("held"),
    find: "if till == '' then return isThere(number, fresh) and id end",
    replace: "if till == '' then return end",
    worlds: servers
  },
  {
    name: "a key has no window",
    law: "aKeyHasAWindow",
    file: part("held"),
    find: "return tonumber(till) > now and id",
    replace: "return false",
    worlds: servers
  },
  {
    name: "a given id is free when its task has ended",
    law: "aGivenIdIsKnownAnHour",
    file: part("held"),
    find: "if number and (till == '' or tonumber(till) > now) then return id end",
    replace: "if number and till == '' then return id end",
    worlds: servers
  },
  {
    name: "to a script a dead letter keeps its key",
    law: "aDeadLetterHoldsNoKey",
    file: part("dead"),
    find: "pad(number))\n  unhold(number, record)",
    replace: "pad(number))",
    worlds: servers
  },
  {
    name: "a key has a place too many",
    law: "placesAreTaken",
    file: part("place"),
    find: "local isFull = call('HLEN', running) >= limit",
    replace: "local isFull = call('HLEN', running) > limit",
    worlds: servers
  },
  {
    name: "nobody is called to a place that is free",
    law: "aPlaceIsFreeWhenItsTaskHasStopped",
    file: part("end"),
    find: "  summon(key)\n",
    replace: "  ",
    worlds: servers
  },
  {
    name: "to the script whatever dies has run once more",
    law: "aCrashInTheLastRunIsTheEnd",
    file: part("settle"),
    find: "kind == 'Z' and attempts or attempts + 1, crashes)",
    replace: "attempts + 1, crashes)",
    worlds: servers
  },
  {
    name: "answers are kept a minute at most",
    law: "answersAreKept",
    file: part("end"),
    find: "local over = now + tonumber(field(record, 'k') or 0)",
    replace: "local over = now + math.min(60000, tonumber(field(record, 'k') or 0))",
    worlds: servers
  },
  {
    name: "an end is told where there are two",
    law: "anAnswerComesAtOnce",
    file: part("end"),
    find: "if #ended > 0 then tell(",
    replace: "if #ended > 1 then tell(",
    worlds: servers
  },
  {
    name: "the script claims more than the rate allows",
    law: "startsAreRated",
    file: script("step"),
    find: "isRated, total = left < total, math.min(left, total)",
    replace: "isRated = left < total",
    worlds: servers
  },
  {
    name: "a step that comes again is another",
    law: "aLostStepIsNotForgotten",
    file: script("step"),
    find: "if sequence == before then return again() elseif sequence",
    replace: "if sequence",
    worlds: servers
  },
  {
    name: "fences are the time alone",
    law: "fencesOfClaimsGrow",
    file: script("step"),
    find: "local first, count = math.max(m.fence + 1, micros), #numbers",
    replace: "local first, count = micros, #numbers",
    worlds: servers
  },
  {
    name: "the last lane comes first",
    law: "levelsAreStrict",
    file: script("step"),
    find: "total = draw(ARGV[i], room, total)",
    replace: "total = draw(ARGV[plainAt + lanesAt - 1 - i], room, total)",
    worlds: servers
  },
  {
    name: "a lease has half a minute of grace",
    law: "aCrashIsNoticedInTime",
    file: script("beat"),
    find: "if now >= m.judgeFrom then take",
    replace: "if now >= m.judgeFrom + 30000 then take",
    worlds: servers
  },
  {
    name: "what is claimed is told to be dead",
    law: "countsTellTheTruth",
    file: script("counts"),
    find: "sleeping, claimed, dead, m.isPaused",
    replace: "sleeping, dead, claimed, m.isPaused",
    worlds: servers
  },
  {
    name: "who sleeps is taken for dead",
    law: "aPurgeRemovesOneState",
    file: script("purge"),
    find: "state == 'S' and ':delayed' or ':dead'",
    replace: "state == 'S' and ':dead' or ':delayed'",
    worlds: servers
  },
  {
    name: "what is cancelled frees its key and stays",
    law: "aTombstoneStaysDead",
    file: script("cancel"),
    find: "  finish(number, record, 'X', '')\n",
    replace: "  unhold(number, record)\n",
    worlds: servers
  },
  {
    name: "who runs a task is not told that it is cancelled",
    law: "aRunningTaskIsCancelled",
    file: script("cancel"),
    find: "  tell(claimer, 'cancel ' .. number)\n",
    replace: "",
    worlds: servers
  },
  {
    name: "what is taken from the dead stays theirs as well",
    law: "aFrozenPeerCannotSettle",
    file: part("reap"),
    find: "call('RENAME', held,",
    replace: "call('COPY', held,",
    worlds: servers
  },
  {
    name: "what is recovered stands at the end",
    law: "aCrashedPeersTasksComeBack",
    file: part("reap"),
    find: "toFront(number, laneOf(record), crashes)",
    replace: "toEnd(number, laneOf(record))",
    worlds: servers
  },
  {
    name: "no crash convicts",
    law: "theKillerIsConvicted",
    file: part("reap"),
    find: "if letter == 'r' and crashes >= 3 then",
    replace: "if letter == 'r' and crashes >= 30 then",
    worlds: servers
  },
  {
    name: "what is handed back counts",
    law: "aClosingPeerHandsBack",
    file: part("settle"),
    find: "if kind == 'B' then toFront(",
    replace: "if kind == 'B' then call('HSET', base .. ':attempts', number, '1 0') toFront(",
    worlds: servers
  },
  {
    name: "no attempt counts",
    law: "failuresRetryBySchedule",
    file: part("settle"),
    find: "int(attempts + 1) .. ' ' .. int(crashes))",
    replace: "int(attempts) .. ' ' .. int(crashes))",
    worlds: servers
  },
  {
    name: "a failure is no answer",
    law: "failuresAreAnswers",
    file: part("settle"),
    find: "if kind == 'Y' then keep(number, record, 'F', ARGV[i + 5]) else toldTo(number, record) end",
    replace: "toldTo(number, record)",
    worlds: servers
  },
  {
    name: "what is cancelled completes all the same",
    law: "aCancelledTaskNeverCompletes",
    file: part("settle"),
    find: "  if string.byte(held) == 99 then finish(number, record, 'X', '') return 'C' end\n",
    replace: "",
    worlds: servers
  },
  {
    name: "the list is taken from its end",
    law: "firstInFirstOut",
    file: part("claim"),
    find: "call('LPOP', key, count)",
    replace: "call('RPOP', key, count)",
    worlds: servers
  },
  {
    name: "nobody's lane is his own",
    law: "aPeersTaskRunsThereAlone",
    file: part("abandoned"),
    find: "m.judgeFrom) + 3600000 <= now",
    replace: "m.judgeFrom) <= now",
    worlds: servers
  },
  {
    name: "a peer may be away for ten hours",
    law: "anAbandonedPeersTasksAreForEveryone",
    file: part("abandoned"),
    find: "m.judgeFrom) + 3600000 <= now",
    replace: "m.judgeFrom) + 36000000 <= now",
    worlds: servers
  },
  {
    name: "nobody is woken for what is enqueued",
    law: "anIdleWorkerIsWoken",
    file: part("lanes"),
    find: "count = math.max(count, least or 0, sooner and 1 or 0)",
    replace: "count = least or 0",
    worlds: servers
  },
  {
    name: "every reason is the same",
    law: "exhaustedTasksAreDeadLetters",
    file: part("dead"),
    find: "number, reason .. '\\n' .. error)",
    replace: "number, 'Rejected\\n' .. error)",
    worlds: servers
  },
  {
    name: "dead letters go by their age alone",
    law: "deadLettersAreBounded",
    file: part("dead"),
    find: "math.min(128, math.max(old, call('ZCARD', dead) - capacity))",
    replace: "math.min(128, old)",
    worlds: servers
  },
  {
    name: "what is redriven has been tried",
    law: "redrivenTasksRunAgain",
    file: script("redrive"),
    find: "{ ':attempts', ':errors', ':progress', ':results' }",
    replace: "{ ':errors', ':progress', ':results' }",
    worlds: servers
  },
  {
    name: "a key is left of every end",
    law: "nothingIsLeft",
    file: part("end"),
    find: "  gone[#gone + 1] = number\n",
    replace: "  gone[#gone + 1] = number\n  call('HSET', base .. ':gone:' .. number, 'x', 'x')\n",
    worlds: servers
  },
  {
    name: "a pause is not written down",
    law: "aPauseIsNotMissed",
    file: script("pause"),
    find: "'paused', '1')",
    replace: "'paused', '0')",
    worlds: servers
  },
  {
    name: "a page leaves out what follows the page before",
    law: "aListNamesEachOnce",
    file: part("pages"),
    find: "string.sub(page[i], 1, 16) > pad(number)",
    replace: "string.sub(page[i], 1, 16) > pad(number + 150)",
    worlds: servers
  },
  {
    name: "what is gone can be cancelled",
    law: "aWaitingTaskIsCancelled",
    file: script("cancel"),
    find: "if not record then return { '', 0 } end",
    replace: "if not record then return { '', 1 } end",
    worlds: servers
  },
  {
    name: "what waits for a peer wakes nobody",
    law: "aPeersTaskWakesThatPeer",
    file: part("lanes"),
    find: "then tell('@' .. string.sub(lane, 2), 'work') else count",
    replace: "then count = count else count",
    worlds: servers
  },
  {
    name: "what nobody knows is waited for",
    law: "awaitingNeverHangs",
    file: script("answer"),
    find: "if not number then return { '', 'U' } end",
    replace: "if not number then return { '', 'W' } end",
    worlds: servers
  },
  {
    name: "a beat does not tell what is due",
    law: "aSleepingTaskSurvivesEveryCrash",
    file: script("beat"),
    find: "local due = tonumber(call('ZRANGE', base .. ':delayed', 0, 0, 'WITHSCORES')[2])",
    replace: "local due",
    worlds: servers
  }
]
