/** Mistakes in PeerRegistry: in the policy above the store, in the memory store, in the scripts. One at least for every law. */
import type { Mutant } from "./Mutant.ts"

const heart = "packages/core/src/internal/peers/Heart.ts"
const limits = "packages/core/src/internal/peers/Limits.ts"
const reader = "packages/core/src/internal/peers/Reader.ts"
const registry = "packages/core/src/PeerRegistry.ts"
const view = "packages/core/src/internal/peers/View.ts"
const texts = "packages/core/src/PeerRegistryStore.ts"
const book = "packages/testkit/src/internal/Book.ts"
const store = "packages/testkit/src/MemoryPeerRegistry.ts"
const beat = "packages/redis-live/lua/PeerRegistry/beat.lua"
const enter = "packages/redis-live/lua/PeerRegistry/enter.lua"
const update = "packages/redis-live/lua/PeerRegistry/update.lua"

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "who comes is told to nobody",
    law: "aPeerIsListedAtOnce",
    file: book,
    find: 'return { status: "Alive", pushed: frame(book, first, []) }',
    replace: 'return { status: "Alive", pushed: undefined }'
  },
  {
    name: "a heart beats at half its pace",
    law: "aMissedMessageCostsOneHeartbeat",
    file: heart,
    find: "heartbeatMs * (0.8 + 0.4 * jitter)",
    replace: "heartbeatMs * (1.4 + 0.4 * jitter)"
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
    find: "monotonicMs(this.options.clock)",
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
    name: "who is entered again comes now",
    law: "aForgetfulStoreFindsTheSamePeers",
    file: book,
    find: "joinedAt: joinedAt || now",
    replace: "joinedAt: now"
  },
  {
    name: "a server that takes over goes on with the epoch",
    law: "aRewoundStoreFindsTheSamePeers",
    file: book,
    find: "book.epoch = fresh()",
    replace: "book.epoch ||= fresh()"
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
    find: `if (peer === undefined) return undefined
  const first`,
    replace: `if (peer === undefined) {
    const gone = book.changes.findLast((change) => change.peer.id === id)?.peer
    if (gone === undefined) return undefined
    change(book, "Updated", now, { ...gone, metadata })
    return frame(book, book.version, [])
  }
  const first`
  },
  {
    name: "two of one name live side by side",
    law: "theLaterOfOneNameStays",
    file: book,
    find: "if (holder !== undefined) {",
    replace: "if (holder !== undefined && seat > 0) {"
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
    find: `      name,
      metadata`,
    replace: `      name: name.normalize(),
      metadata`
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
  },
  {
    name: "a script counts down from the suspicion",
    law: "aSilentPeerIsSuspectedAndThenGone",
    file: beat,
    find: "call('ZADD', due, last + d, peer)",
    replace: "call('ZADD', due, clock + d, peer)",
    worlds: ["redis"]
  },
  {
    name: "to a script an outage is a silence like any other",
    law: "anOutageKillsNobody",
    file: beat,
    find: "now - m[5] > suspect / 2",
    replace: "now - m[5] > suspect * 1000",
    worlds: ["redis"]
  },
  {
    name: "a script's time goes back with the server's",
    law: "aClockThatStepsKillsNobody",
    file: beat,
    find: "now < m[5] or ",
    replace: "",
    worlds: ["redis"]
  },
  {
    name: "a script does not ask who came later",
    law: "theLaterOfOneNameStaysAfterAll",
    file: enter,
    find: "if seat > 0 and tonumber(taken) > seat then",
    replace: "if false then",
    worlds: ["redis"]
  },
  {
    name: "a script goes on with the epoch of another server",
    law: "aRewoundStoreFindsTheSamePeers",
    file: beat,
    find: `if m[3] ~= run then
  epoch`,
    replace: `if not m[3] then
  epoch`,
    worlds: ["redis"]
  },
  {
    name: "a script keeps twice as many changes",
    law: "whatCannotFollowIsASnapshot",
    file: update,
    find: "'MAXLEN', 1000",
    replace: "'MAXLEN', 2000",
    worlds: ["redis"]
  },
  {
    name: "a script updates who is gone",
    law: "theStoreRefusesWhoIsGone",
    file: update,
    find: "if not record then return { '' } end",
    replace: "if not record then record = '1 L 6000 12000 1 1 gone {}' redis.call('ZADD', KEYS[3], 0, ARGV[2]) end",
    worlds: ["redis"]
  },
  {
    name: "who is gone may enter again",
    law: "aJoinThatComesTooLateJoinsNobody",
    file: book,
    find: 'if (book.grave.has(id)) return { status: holder ? "Superseded" : "Gone", pushed: undefined }',
    replace: ""
  },
  {
    name: "a script lets who is gone enter again",
    law: "aJoinThatComesTooLateJoinsNobody",
    file: enter,
    find: "if call('ZSCORE', KEYS[5], id) then return { '', other and 'Superseded' or 'Gone' } end",
    replace: "",
    worlds: ["redis"]
  },
  {
    name: "who leaves unheard of leaves no trace",
    law: "aJoinThatComesAfterTheLeaveJoinsNobody",
    file: book,
    find: "else bury(book, id, book.clock)",
    replace: ""
  }
]
