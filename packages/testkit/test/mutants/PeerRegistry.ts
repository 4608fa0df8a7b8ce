/** Mistakes in PeerRegistry: in the policy above the store, and in the stores. One at least for every law. */
import type { Mutant } from "./Mutant.ts"

const heart = "packages/core/src/internal/peers/Heart.ts"
const leadership = "packages/core/src/internal/peers/Leadership.ts"
const limits = "packages/core/src/internal/peers/Limits.ts"
const reader = "packages/core/src/internal/peers/Reader.ts"
const registry = "packages/core/src/PeerRegistry.ts"
const view = "packages/core/src/internal/peers/View.ts"
const texts = "packages/core/src/PeerRegistryStore.ts"
const book = "packages/testkit/src/internal/Book.ts"
const store = "packages/testkit/src/MemoryPeerRegistry.ts"

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "what a beat changes is pushed to nobody",
    law: "aPeerIsListedAtOnce",
    file: book,
    find: "pushed: frame(book, first, []),",
    replace: "pushed: undefined,"
  },
  {
    name: "a beat's answer brings no changes",
    law: "aMissedMessageCostsOneHeartbeat",
    file: view,
    find: "for (const change of answer.missed) this.apply(change)\n      if (this.version < answer.version) this.heard = true",
    replace: ""
  },
  {
    name: "an old view is given too",
    law: "anOldViewIsRefused",
    file: heart,
    find: "return this.options.store.immortal || this.now - this.answeredAt <=",
    replace: "return true || this.now - this.answeredAt <="
  },
  {
    name: "a leave is tried once",
    law: "aClosedPeerIsGoneAtOnce",
    file: heart,
    find: "Effect.retry({ while: isRetryable, schedule: Schedule.spaced(Duration.millis(100)) }),",
    replace: ""
  },
  {
    name: "down is counted from the suspicion",
    law: "aSilentPeerIsSuspectedAndThenGone",
    file: book,
    find: "book.due.set(id, due - patience + peer.downAfterMs)",
    replace: "book.due.set(id, due + peer.downAfterMs)"
  },
  {
    name: "who recovers stays suspected",
    law: "aSuspectedPeerRecovers",
    file: book,
    find: 'change(book, "Recovered", now, { ...peer, state: "Live" })',
    replace: 'change(book, "Recovered", now, peer)'
  },
  {
    name: "after an outage nobody is judged any more",
    law: "whoDiedUnseenIsFoundOut",
    file: book,
    find: "passed > given.suspectAfterMs / 2) book.resumed = book.clock",
    replace:
      "passed > given.suspectAfterMs / 2) book.resumed = book.records.size > 1 ? Number.MAX_SAFE_INTEGER : book.clock"
  },
  {
    name: "a beat judges one",
    law: "whoeverDiesLeavesOnce",
    file: book,
    find: "overdue.slice(0, nearest)",
    replace: "overdue.slice(0, 1)"
  },
  {
    name: "a heart beats by the clock on the wall",
    law: "clocksOfPeersDecideNothing",
    file: heart,
    find: "Number(this.options.clock.monotonicTimeNanosUnsafe() / 1_000n) / 1_000",
    replace: "this.options.clock.currentTimeMillisUnsafe()"
  },
  {
    name: "an outage is a silence like any other",
    law: "anOutageKillsNobody",
    file: book,
    find: "passed > given.suspectAfterMs / 2",
    replace: "passed > given.suspectAfterMs * 1_000"
  },
  {
    name: "who is unknown comes back as another",
    law: "aForgetfulStoreFindsTheSamePeers",
    file: heart,
    find: 'if (status === "Unknown") this.catchUp()',
    replace: 'if (status === "Unknown" && this.book === "") this.catchUp()'
  },
  {
    name: "a server that takes over goes on with the epoch",
    law: "aRewoundStoreFindsTheSamePeers",
    file: book,
    find: "if (book.run !== run) {",
    replace: 'if (book.epoch === "") {'
  },
  {
    name: "who was declared gone only watches",
    law: "whoIsDeclaredGoneComesBackAsAnother",
    file: heart,
    find: "if (this.id === undefined && !this.superseded) {",
    replace: 'if (this.id === undefined && !this.superseded && this.book === "") {'
  },
  {
    name: "an update brings back who is gone",
    law: "theStoreRefusesWhoIsGone",
    file: book,
    find: "if (peer === undefined) return undefined\n  const first",
    replace: `if (peer === undefined) {
    const gone = book.changes.findLast((change) => change.peer.id === id)?.peer
    if (gone === undefined) return undefined
    change(book, "Updated", now, { ...gone, metadata })
    return frame(book, book.version, [])
  }
  const first`
  },
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
    find: "    seat.lost?.()\n",
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
    name: "two of one name live side by side",
    law: "theLaterOfOneNameStays",
    file: book,
    find: "if (holder !== undefined) {",
    replace: "if (holder !== undefined && record.seat > 0) {"
  },
  {
    name: "who comes back sits down anew",
    law: "theLaterOfOneNameStaysAfterAll",
    file: heart,
    find: "seat: self?.seat ?? 0",
    replace: "seat: 0"
  },
  {
    name: "a change is applied again",
    law: "allStreamsTellTheSame",
    file: view,
    find: "if (change.version !== this.version + 1) {",
    replace: "if (change.version > this.version + 1) {"
  },
  {
    name: "fifty changes are kept",
    law: "whatWasMissedFollows",
    file: book,
    find: "book.changes.length > keptChanges",
    replace: "book.changes.length > 50"
  },
  {
    name: "twice as many changes are kept",
    law: "whatCannotFollowIsASnapshot",
    file: book,
    find: "book.changes.length > keptChanges",
    replace: "book.changes.length > keptChanges * 2"
  },
  {
    name: "one event more may wait",
    law: "aSlowReaderBeginsAnew",
    file: reader,
    find: "this.waiting.length >= maxWaiting",
    replace: "this.waiting.length > maxWaiting"
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
    find: "seat.pending = true\n      this.life.wake()",
    replace: "seat.pending = true"
  },
  {
    name: "a candidate does not see its leader die",
    law: "aCrashedLeaderIsFollowed",
    file: heart,
    find: "        this.leadership.ownerLeft(id)\n",
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
    name: "a peer sees its own update when it is pushed",
    law: "metadataIsWhatAllRead",
    file: registry,
    find: "heart.hear(frame)",
    replace: ""
  },
  {
    name: "an update whose answer was lost is sent again",
    law: "aLostUpdateIsOnceOrNotAtAll",
    file: registry,
    find: "store.update(heart.id, metadata)",
    replace: "Effect.retry(store.update(heart.id, metadata), { times: 1 })"
  },
  {
    name: "list asks the store",
    law: "listIsAnsweredLocally",
    file: registry,
    find: 'list: fresh("list", () => view.peers)',
    replace: 'list: Effect.andThen(heart.round, fresh("list", () => view.peers))'
  },
  {
    name: "the book's time goes back with the server's",
    law: "aClockThatStepsKillsNobody",
    file: book,
    find: "passed < 0 || ",
    replace: ""
  },
  {
    name: "a full server refuses beats",
    law: "aFullServerKillsNobody",
    file: store,
    find: 'request("beat", false, (now, run)',
    replace: 'request("beat", true, (now, run)'
  },
  {
    name: "a closed registry asks who leads",
    law: "aClosedRegistryLeavesNothing",
    file: registry,
    find: 'if (heart.isClosed) return yield* Limits.closed("leader")',
    replace: ""
  },
  {
    name: "metadata is measured in characters",
    law: "metadataIsBounded",
    file: limits,
    find: "Name.byteLength(text) > maxMetadataBytes",
    replace: "text.length > maxMetadataBytes"
  },
  {
    name: "names that look alike are one",
    law: "noTwoNamesMeet",
    file: heart,
    find: "      name,\n      metadata",
    replace: "      name: name.normalize(),\n      metadata"
  },
  {
    name: "two heartbeats are patience enough",
    law: "badTimesAreRefused",
    file: limits,
    find: "heartbeatMs * 3 > suspectAfterMs",
    replace: "heartbeatMs * 2 > suspectAfterMs"
  },
  {
    name: "metadata that is given can be changed",
    law: "whatIsKeptDoesNotChange",
    file: texts,
    find: "Object.freeze(value)",
    replace: "value"
  }
]
