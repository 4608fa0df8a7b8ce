/** Mistakes in how tasks come back, and in what a store does between two requests: TaskRecoveryLaws, TaskQueueStoreLaws. */
import type { Mutant } from "./Mutant.ts"

const everywhere = ["memory", "redis", "cluster"] as const
const servers = ["redis", "cluster"] as const
const core = (name: string): string => `packages/core/src/internal/tasks/${name}.ts`
const desk = (name: string): string => `packages/testkit/src/internal/desk/${name}.ts`
const script = (name: string): string => `packages/redis-live/lua/TaskQueue/${name}.lua`
const part = (name: string): string => script(`parts/${name}`)

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "who was thawed does not line up again",
    law: "aThawedIdlePeerIsWokenAgain",
    file: core("Claimer"),
    find: "if (this.isIdle) this.ring(undefined)",
    replace: "",
    worlds: everywhere
  },
  {
    name: "the youngest come back first",
    law: "theOldestComeBackFirst",
    file: desk("Beats"),
    find: "const number = Deque.shift(reaping)",
    replace: "const number = reaping.items.pop()"
  },
  {
    name: "the script gives back in no order",
    law: "theOldestComeBackFirst",
    file: part("reap"),
    find: "return tonumber(one[1]) < tonumber(other[1])",
    replace: "return one[2] < other[2]",
    worlds: servers
  },
  {
    name: "with its claims a claimer's last answer is forgotten",
    law: "anAnswerOutlivesTheLease",
    file: desk("Beats"),
    find: "    desk.claims.delete(claimer)",
    replace: "    desk.claims.delete(claimer)\n    desk.memos.delete(claimer)"
  },
  {
    name: "the script forgets a claimer's last answer with its claims",
    law: "anAnswerOutlivesTheLease",
    file: part("reap"),
    find: "call('ZADD', base .. ':leases', 0, taken)",
    replace: "call('ZADD', base .. ':leases', 0, taken) call('HDEL', base .. ':meta', '=' .. claimer)",
    worlds: servers
  },
  {
    name: "whoever would be woken by nobody is idle",
    law: "anAnswerOutlivesTheLease",
    file: desk("Steps"),
    find: "memo.isIdle && desk.idle.has(claimer)",
    replace: "memo.isIdle"
  },
  {
    name: "the script takes whoever would be woken by nobody for idle",
    law: "anAnswerOutlivesTheLease",
    file: part("again"),
    find: "w[8] == '1' and call('ZSCORE', base .. ':idle', ARGV[2]) and 1 or 0",
    replace: "tonumber(w[8])",
    worlds: servers
  },
  {
    name: "what a beat leaves behind waits for the next",
    law: "allOfACrashedPeersTasksComeBackInTime",
    file: core("Pulse"),
    find: "answers[i]!.isMore && this",
    replace: "!answers[i]!.isMore && !this",
    worlds: everywhere
  },
  {
    name: "a beat says nothing of what it leaves behind",
    law: "allOfACrashedPeersTasksComeBackInTime",
    file: desk("Beats"),
    find: "return count === maxReaped",
    replace: "return count > maxReaped"
  },
  {
    name: "the script says nothing of what it leaves behind",
    law: "allOfACrashedPeersTasksComeBackInTime",
    file: part("reap"),
    find: "return left == 0",
    replace: "return left < 0",
    worlds: servers
  },
  {
    name: "who is idle is taken for alive",
    law: "aDeadIdlePeerSwallowsNothing",
    file: desk("Steps"),
    find: "if (isIdle || desk.claims.has(claimer)) desk.leases",
    replace: "if (desk.claims.has(claimer)) desk.leases"
  },
  {
    name: "the script takes who is idle for alive",
    law: "aDeadIdlePeerSwallowsNothing",
    file: part("turn"),
    find: "if isIdle or #numbers > 0 or",
    replace: "if #numbers > 0 or",
    worlds: servers
  },
  {
    name: "what was forgotten runs on",
    law: "aRunWhoseTaskIsForgottenIsInterrupted",
    file: core("Claimer"),
    find: "for (const fence of lost) this.crew.lose(fence)",
    replace: ""
  },
  {
    name: "a beat says nothing of what is held",
    law: "aRunWhoseClaimIsForgottenIsInterrupted",
    file: desk("Beats"),
    find: "holds: contradiction(desk, given)",
    replace: "holds: undefined"
  },
  {
    name: "the script looks at how many are held alone",
    law: "whatIsHeldUnawaresComesBack",
    file: part("holds"),
    find: "sum + fence % 4294967296",
    replace: "tonumber(string.match(holdsNext ~= '' and holdsNext or holds, '%d+$'))",
    worlds: servers
  },
  {
    name: "the script says nothing of what is held",
    law: "aRunWhoseClaimIsForgottenIsInterrupted",
    file: script("beat"),
    find: "mine[8] = contradiction(claimer, at + 4)",
    replace: "mine[8] = ''",
    worlds: servers
  },
  {
    name: "what is held unawares is kept",
    law: "whatIsHeldUnawaresComesBack",
    file: core("Claimer"),
    find: "if (told.has(fence)) continue",
    replace: "if (told.has(fence) || !held.includes(unknown)) continue",
    worlds: everywhere
  },
  {
    name: "what the step under way was given is held unawares",
    law: "aBeatAmongStepsTakesNothing",
    file: desk("Beats"),
    find: "const known = isNext ?",
    replace: "const known = isNext && memo.first < 0 ?"
  },
  {
    name: "to the script what the step under way was given is held unawares",
    law: "aBeatAmongStepsTakesNothing",
    file: part("holds"),
    find: "if not isNext or fence",
    replace: "if true or fence",
    worlds: servers
  },
  {
    name: "a purge takes what comes meanwhile",
    law: "aPurgeIsOfWhatWasThere",
    file: desk("Orders"),
    find: "found.length > pageSize || task.number > last",
    replace: "found.length > pageSize"
  },
  {
    name: "the script purges what comes meanwhile",
    law: "aPurgeIsOfWhatWasThere",
    file: script("purge"),
    find: "tonumber(number) <= most and",
    replace: "",
    worlds: servers
  },
  {
    name: "the script looks at each that has come meanwhile for the same time",
    law: "aPurgeIsOfWhatWasThere",
    file: script("purge"),
    find: "if done ~= '' and tonumber",
    replace: "if done == '' and tonumber",
    worlds: servers
  },
  {
    name: "a purge takes who dies meanwhile",
    law: "whatDiesMeanwhileStaysDead",
    file: desk("Orders"),
    find: '(state === "Ready" || task.at <= until)',
    replace: "true"
  },
  {
    name: "a schedule is known for ever",
    law: "anOldScheduleIsForgotten",
    file: desk("Ends"),
    find: "() => false, scheduleKnownMs)",
    replace: "() => true, scheduleKnownMs)"
  },
  {
    name: "who enrols again is forgotten as well",
    law: "anOldScheduleIsForgotten",
    file: desk("Timetables"),
    find: "  touch(desk, now, id, known)\n  collect(",
    replace: "  collect("
  },
  {
    name: "to the scripts a schedule is known for ever",
    law: "anOldScheduleIsForgotten",
    file: part("collect"),
    find: "elseif kind == 'c' then",
    replace: "elseif kind == 'C' then",
    worlds: servers
  },
  {
    name: "to the script who fires is forgotten as well",
    law: "anOldScheduleIsForgotten",
    file: script("fire"),
    find: "touch(id)\n",
    replace: "",
    worlds: servers
  },
  {
    name: "a redrive takes who dies meanwhile",
    law: "whatDiesMeanwhileStaysDead",
    file: desk("Letters"),
    find: "at <= began",
    replace: "at >= 0"
  },
  {
    name: "the script redrives who dies meanwhile",
    law: "whatDiesMeanwhileStaysDead",
    file: script("redrive"),
    find: "ARGV[3] == '' and '0 0 ' .. int(now) or",
    replace: "",
    worlds: servers
  }
]
