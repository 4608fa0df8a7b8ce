/** Mistakes in locks: in the policy above the store, in the memory store, in the scripts. One at least for every law. */
import type { Mutant } from "./Mutant.ts"

const everywhere = ["memory", "redis", "cluster"] as const
const servers = ["redis", "cluster"] as const
const core = (name: string): string => `packages/core/src/internal/cache/${name}.ts`
const memory = "packages/testkit/src/internal/cache/Locks.ts"
const store = "packages/testkit/src/MemoryCache.ts"
const script = (name: string): string => `packages/redis-live/lua/Cache/${name}.lua`

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "a lock is given to whoever asks",
    law: "oneHoldsALockAtATime",
    file: memory,
    find: "if (held !== undefined && held.owner !== claim.owner) {",
    replace: "if (held !== undefined && held.owner === claim.owner) {"
  },
  {
    name: "the script gives a lock to whoever asks",
    law: "oneHoldsALockAtATime",
    file: script("lock"),
    find: "if held and held.owner ~= owner then",
    replace: "if held and held.owner == owner then",
    worlds: servers
  },
  {
    name: "a lock that was not proven in time is kept",
    law: "oneHoldsALockAtATimeWhateverFails",
    file: core("Limits"),
    find: "proofMs: timeToLiveMs - Math.min(1_000, timeToLiveMs / 4)",
    replace: "proofMs: timeToLiveMs * 1.5",
    worlds: everywhere
  },
  {
    name: "fibers of one peer ask side by side",
    law: "fibersOfOnePeerHoldALockInTurn",
    file: core("Locks"),
    find: "if (seats !== undefined && first(seats) === hold) return",
    replace: "if (seats !== undefined) return",
    worlds: everywhere
  },
  {
    name: "a lock is not given back",
    law: "aLockIsFreeWhenItsBodyHasEnded",
    file: core("Locks"),
    find: "yield* hold.release",
    replace: "yield* Effect.void",
    worlds: everywhere
  },
  {
    name: "what is given back is kept",
    law: "aLockIsFreeWhenItsBodyHasEnded",
    file: memory,
    find: "  drop(locks, name)\n  return held.isAwaited",
    replace: "  return held.isAwaited"
  },
  {
    name: "the script keeps what is given back",
    law: "aLockIsFreeWhenItsBodyHasEnded",
    file: script("unlock"),
    find: "free(ARGV[2])\n",
    replace: "",
    worlds: servers
  },
  {
    name: "a lock lasts a second longer than it was asked for",
    law: "aCrashedPeersLockIsFreeWhenItsTimeIsOver",
    file: memory,
    find: "  locks.held.set(name, held)\n  move(locks, held, now + timeToLiveMs)",
    replace: "  locks.held.set(name, held)\n  move(locks, held, now + timeToLiveMs + 1_000)"
  },
  {
    name: "the script has a lock last a second less than it was asked for",
    law: "aCrashedPeersLockIsFreeWhenItsTimeIsOver",
    file: script("lock"),
    find: "math.min(now + ARGV[4], forever)",
    replace: "math.min(now + ARGV[4] - 1000, forever)",
    worlds: servers
  },
  {
    name: "nobody renews a lock",
    law: "aLockIsRenewedWhileItsBodyRuns",
    file: core("Hold"),
    find: "if (!this.ground.store.immortal) this.keeper = this.ground.start(this.keeping)",
    replace: "",
    worlds: everywhere
  },
  {
    name: "a renewed lock lasts no longer",
    law: "aLockIsRenewedWhileItsBodyRuns",
    file: script("relock"),
    find: "keep(name, till, held.awaited",
    replace: "keep(name, held.ends, held.awaited",
    worlds: servers
  },
  {
    name: "a proof lasts as long as the lock",
    law: "aHolderThatIsCutOffStopsInTime",
    file: core("Limits"),
    find: "proofMs: timeToLiveMs - Math.min(1_000, timeToLiveMs / 4)",
    replace: "proofMs: timeToLiveMs",
    worlds: everywhere
  },
  {
    name: "a proof counts from its answer",
    law: "aLateAnswerProvesNoMore",
    file: core("Hold"),
    find: "          this.provenAt = sentAt\n",
    replace: "          this.provenAt = ground.now()\n",
    worlds: everywhere
  },
  {
    name: "who stood still takes its time",
    law: "aFrozenHolderStopsWithItsFirstTurn",
    file: core("Hold"),
    find: "if (leftMs <= 0) return this.lose()",
    replace: "if (leftMs <= 0) return yield* Effect.delay(Effect.sync(() => this.lose()), 100)",
    worlds: everywhere
  },
  {
    name: "a renewal that fails loses the lock",
    law: "aShortOutageLosesNoLock",
    file: core("Hold"),
    find: "dueAt = ground.now() + (yield* after(failures))",
    replace: "return this.lose()",
    worlds: everywhere
  },
  {
    name: "nobody watches how old the proof is",
    law: "aLongOutageLosesALock",
    file: core("Hold"),
    find: "if (leftMs <= 0) return this.lose()",
    replace: "if (leftMs <= 0) return yield* Effect.delay(Effect.sync(() => this.lose()), 5_000)",
    worlds: everywhere
  },
  {
    name: "a lock's fence is the time, and nothing else",
    law: "lockFencesGrow",
    file: memory,
    find: "Math.max(locks.last + 1, claim.above + 1, now * 1_000)",
    replace: "now * 1_000"
  },
  {
    name: "to the script a lock's fence is the time, and nothing else",
    law: "lockFencesGrow",
    file: script("lock"),
    find: "math.max(m.last + 1, ARGV[5] + 1, micros)",
    replace: "micros",
    worlds: servers
  },
  {
    name: "nobody says which fence it has seen",
    law: "lockFencesGrow",
    file: core("Hold"),
    find: "above: this.ground.fence()",
    replace: "above: 0",
    worlds: everywhere
  },
  {
    name: "what was forgotten stays so",
    law: "aForgetfulStoreLeavesALockToItsHolder",
    file: memory,
    find: "const isForgotten = locks.first === 0 || locks.first > fence || locks.last < fence",
    replace: "const isForgotten = false"
  },
  {
    name: "only the youngest lock outlives what was forgotten",
    law: "aForgetfulStoreLeavesALockToItsHolder",
    file: memory,
    find: "locks.first === 0 || locks.first > fence || ",
    replace: ""
  },
  {
    name: "the script leaves forgotten what was forgotten",
    law: "aForgetfulStoreLeavesALockToItsHolder",
    file: script("relock"),
    find: "if known and known <= fence and m.last >= fence then",
    replace: "if true then",
    worlds: servers
  },
  {
    name: "who is refused goes on",
    law: "whoIsReplacedStops",
    file: core("Hold"),
    find: "this.mayHold = false\n        return this.lose()",
    replace: "return",
    worlds: everywhere
  },
  {
    name: "a lock is renewed for whoever asks",
    law: "whoIsReplacedStops",
    file: memory,
    find: "  if (held.owner !== claim.owner) return false\n",
    replace: ""
  },
  {
    name: "the script renews a lock for whoever asks",
    law: "whoIsReplacedStops",
    file: script("relock"),
    find: "if held.owner ~= owner then return { '', 0 } end",
    replace: "",
    worlds: servers
  },
  {
    name: "nobody is told that a lock is given back",
    law: "whoWaitsIsToldAndDoesNotPoll",
    file: store,
    find: "if (isAwaited) backend.publish(topic(locksChannel(0)), Name.encode(name))",
    replace: ""
  },
  {
    name: "the script tells nobody that a lock is given back",
    law: "whoWaitsIsToldAndDoesNotPoll",
    file: script("unlock"),
    find: "if held.awaited == '1' then",
    replace: "if false then",
    worlds: servers
  },
  {
    name: "who waits asks each second",
    law: "whoWaitsIsToldAndDoesNotPoll",
    file: core("Hold"),
    find: "asked.success.leftMs + jitter * jitterMs",
    replace: "1_000 + jitter * jitterMs",
    worlds: everywhere
  },
  {
    name: "who is not told waits to the end",
    law: "whoIsNotToldAsksInTime",
    file: core("Hold"),
    find: "Math.min(this.leftMs, asked.success.leftMs + jitter * jitterMs)",
    replace: "this.leftMs + jitter * 0",
    worlds: everywhere
  },
  {
    name: "an outage ends all waiting",
    law: "anOutageIsWaitedThrough",
    file: core("Hold"),
    find: "!(isKnown || this.mayHold)",
    replace: "true",
    worlds: everywhere
  },
  {
    name: "who comes in an outage waits, too",
    law: "anOutageIsWaitedThrough",
    file: core("Hold"),
    find: "!(isKnown || this.mayHold)",
    replace: "false",
    worlds: everywhere
  },
  {
    name: "who asks again is refused",
    law: "aLostAnswerLeavesNoLockBehind",
    file: memory,
    find: "if (held !== undefined && held.owner !== claim.owner) {",
    replace: "if (held !== undefined) {"
  },
  {
    name: "the script refuses who asks again",
    law: "aLostAnswerLeavesNoLockBehind",
    file: script("lock"),
    find: "if held and held.owner ~= owner then",
    replace: "if held then",
    worlds: servers
  },
  {
    name: "a call that fails gives nothing back",
    law: "aLostAnswerLeavesNoLockBehind",
    file: core("Locks"),
    find: "          hold.forgo()\n          const error",
    replace: "          const error",
    worlds: everywhere
  },
  {
    name: "what was asked for and not answered is not given back",
    law: "anInterruptedCallLeavesNoLockBehind",
    file: core("Hold"),
    find: "this.mayHold = true",
    replace: "this.mayHold = mightHold",
    worlds: everywhere
  },
  {
    name: "who waits for another peer does not look at the time",
    law: "whoWaitsInVainIsTold",
    file: core("Hold"),
    find: "this.wait(Math.min(this.leftMs, asked",
    replace: "this.wait(Math.min(Infinity, asked",
    worlds: everywhere
  },
  {
    name: "who waits for its turn does not look at the time",
    law: "whoWaitsInVainIsTold",
    file: core("Locks"),
    find: "yield* hold.wait(leftMs)",
    replace: "yield* hold.wait(Infinity)",
    worlds: everywhere
  },
  {
    name: "a renewal adds",
    law: "aFullServerRenewsLocksAndFreesThem",
    file: store,
    find: "moveLock(false, (locks, now) => Locks.relock",
    replace: "moveLock(true, (locks, now) => Locks.relock"
  },
  {
    name: "a full server takes new locks",
    law: "aFullServerRenewsLocksAndFreesThem",
    file: store,
    find: "moveLock(true, (locks, now) => Locks.lock(",
    replace: "moveLock(false, (locks, now) => Locks.lock("
  },
  {
    name: "a closed layer says nothing to who holds a lock",
    law: "aClosedLayerGivesItsLocksBack",
    file: core("Locks"),
    find: "      hold.lose()\n",
    replace: "",
    worlds: everywhere
  },
  {
    name: "a lock is called by its first letter",
    law: "noLockMeetsAnother",
    file: core("Limits"),
    find: "Exit.succeed({ name, timeToLiveMs",
    replace: "Exit.succeed({ name: name.slice(0, 1), timeToLiveMs",
    worlds: everywhere
  },
  {
    name: "all locks are one",
    law: "noLockMeetsAnother",
    file: memory,
    find: "const held = locks.held.get(name)\n  return held === undefined || held.until <= now",
    replace: "const [held] = locks.held.values()\n  return held === undefined || held.until <= now"
  },
  {
    name: "all locks of a part are one",
    law: "noLockMeetsAnother",
    file: script("parts/locks"),
    find: "local text = call('HGET', base .. ':held', name)",
    replace: "local text = call('HVALS', base .. ':held')[1]",
    worlds: ["redis"]
  },
  {
    name: "a lock is asked for inside itself",
    law: "aLockInsideItselfIsADefect",
    file: core("Holding"),
    find: "if (holding.isOver || ",
    replace: "if (holding.inside === holding.inside || ",
    worlds: everywhere
  },
  {
    name: "a body that has ended holds its lock still",
    law: "aLockInsideItselfIsADefect",
    file: core("Locks"),
    find: "        around.isOver = true\n",
    replace: "",
    worlds: everywhere
  }
]
