/** Mistakes in leadership: in the policy above the store, in the memory store, in the scripts. One at least for every law. */
import type { Mutant } from "./Mutant.ts"

const heart = "packages/core/src/internal/peers/Heart.ts"
const leadership = "packages/core/src/internal/peers/Leadership.ts"
const limits = "packages/core/src/internal/peers/Limits.ts"
const registry = "packages/core/src/PeerRegistry.ts"
const book = "packages/testkit/src/internal/Book.ts"
const enter = "packages/redis-live/lua/PeerRegistry/enter.lua"
const terms = "packages/redis-live/lua/PeerRegistry/terms.lua"

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "a proof of life lasts as long as the patience with it",
    law: "aCutOffLeaderStopsBeforeTheNextBegins",
    file: limits,
    find: "leaseMs: downAfterMs - Math.min(1_000, downAfterMs / 4)",
    replace: "leaseMs: downAfterMs"
  },
  {
    name: "who loses a term is not told",
    law: "aFrozenLeaderStopsWithItsFirstTurn",
    file: leadership,
    find: `    seat.lost?.()
`,
    replace: ""
  },
  {
    name: "nobody watches how old the proof is",
    law: "anOutageEndsATermAndAnotherFollows",
    file: heart,
    find: "else this.leadership.lose()",
    replace: "else yield* Effect.sleep(Duration.seconds(1))"
  },
  {
    name: "a term is taken from who lives",
    law: "oneLeadsAtATime",
    file: book,
    find: "!(owner && book.records.has(owner)) && book.clock >=",
    replace: "book.clock >="
  },
  {
    name: "a candidate asks again with its next beat only",
    law: "aClosedLeaderIsFollowedAtOnce",
    file: leadership,
    find: `seat.pending = true
      this.life.wake()`,
    replace: "seat.pending = true"
  },
  {
    name: "a candidate does not see its leader die",
    law: "aCrashedLeaderIsFollowed",
    file: heart,
    find: `        this.leadership.ownerLeft(id)
`,
    replace: ""
  },
  {
    name: "a beat's count of what was given up is not looked at",
    law: "aDeafCandidateIsElectedToo",
    file: leadership,
    find: 'moved || seat.owner === ""',
    replace: 'seat.owner === ""'
  },
  {
    name: "fibers of one peer campaign side by side",
    law: "fibersOfOnePeerLeadInTurn",
    file: leadership,
    find: "turn.semaphore.withPermit(this.campaign(name, body))",
    replace: "this.campaign(name, body)"
  },
  {
    name: "an interrupted candidate gives nothing back",
    law: "anInterruptedCandidateHoldsNothing",
    file: leadership,
    find: "Exit.isFailure(exit) ? Effect.sync(() => this.drop(name)) : Effect.void",
    replace: "Effect.void"
  },
  {
    name: "a lost book gives away what may be held",
    law: "aForgetfulStoreHasOneLeader",
    file: book,
    find: "if (joinedAt > 0 && book.doubtful === 0) book.doubtful = book.clock + given.downAfterMs",
    replace: ""
  },
  {
    name: "a fence is the time, and nothing else",
    law: "fencesGrow",
    file: book,
    find: "Math.max(book.fence + 1, now * 1_000)",
    replace: "now * 1_000"
  },
  {
    name: "a singleton's terms share a scope",
    law: "aSingletonRunsOnce",
    file: registry,
    find: "Effect.scoped(body(term))",
    replace: "body(term)"
  },
  {
    name: "a script gives a term that is held",
    law: "oneLeadsAtATime",
    file: terms,
    find: "return not there and clock",
    replace: "return clock",
    worlds: ["redis"]
  },
  {
    name: "to a script a fence is the time, and nothing else",
    law: "fencesGrow",
    file: terms,
    find: "highest = math.max(highest + 1, micros)",
    replace: "highest = micros",
    worlds: ["redis"]
  },
  {
    name: "a script that has lost its book gives away what may be held",
    law: "aForgetfulStoreHasOneLeader",
    file: enter,
    find: "if joined > 0 and doubtful == 0 then doubtful = clock + ARGV[6] end",
    replace: "",
    worlds: ["redis"]
  },
  {
    name: "what a superseded peer led is free at once",
    law: "aSupersededLeaderStopsBeforeTheNextBegins",
    file: book,
    find: 'kind === "Crashed" ? book.clock : book.clock - now + seenAt + peer.downAfterMs',
    replace: "book.clock"
  },
  {
    name: "a script frees at once what a superseded peer led",
    law: "aSupersededLeaderStopsBeforeTheNextBegins",
    file: enter,
    find: "call('ZADD', KEYS[5], last + d, other)",
    replace: "call('ZADD', KEYS[5], clock, other)",
    worlds: ["redis"]
  },
  {
    name: "a leave gives up what is not over",
    law: "aSlowEndIsWaitedFor",
    file: leadership,
    find: "if (seat.told && !seat.running) held",
    replace: "if (seat.told) held"
  }
]
