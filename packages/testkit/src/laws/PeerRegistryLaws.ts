/**
 * What PeerRegistry promises, as laws. Each is tried in a world (`../World.ts`), on every backend; the identifiers are
 * those of docs/guarantees.md. Times are the defaults: a heartbeat of 2 s (2.4 s with its jitter), suspected after 6 s,
 * gone after 12 s.
 */
import * as PeerRegistry from "@troupe/core/PeerRegistry"
import { PeerRegistryStore } from "@troupe/core/PeerRegistryStore"
import * as LocalPeer from "@troupe/core/LocalPeer"
import * as DateTime from "effect/DateTime"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as assert from "node:assert/strict"
import type { Node, World } from "../World.ts"

export type Law = (world: World<PeerRegistry.PeerRegistry>) => Effect.Effect<void, unknown, Scope.Scope>
type Peer = Node<PeerRegistry.PeerRegistry>

/** P1 A peer is in its own list when its layer is built, and in every other's within a message's way. */
export const aPeerIsListedAtOnce: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    assert.deepEqual(yield* names(a), ["peer-1"])
    const b = yield* world.spawn({ name: "日本: {b}" })
    assert.deepEqual(yield* names(b), ["peer-1", "日本: {b}"])
    yield* world.eventually(Effect.map(names(a), (all) => assert.deepEqual(all, ["peer-1", "日本: {b}"])))
    const { id } = yield* self(b)
    assert.equal(Option.getOrThrow(yield* on(a, (registry) => registry.get(id))).name, "日本: {b}")
    assert.deepEqual(yield* on(a, (registry) => registry.get(PeerRegistry.PeerId.make("nobody"))), Option.none())
  })

/** P1 Whoever does not hear of a change learns of it with its next heartbeat. */
export const aMissedMessageCostsOneHeartbeat: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    yield* a.deaf
    yield* world.spawn()
    assert.deepEqual(yield* names(a), ["peer-1"])
    yield* world.eventually(Effect.map(names(a), (all) => assert.deepEqual(all, ["peer-1", "peer-2"])), "2.4 seconds")
  })

/** P1 A view older than `downAfter` is not given, and is again as soon as there is a newer one. */
export const anOldViewIsRefused: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* world.eventually(Effect.map(names(a), (all) => assert.equal(all.length, 2)))
    const { id } = yield* self(b)
    yield* a.cut
    yield* world.always(Effect.map(names(a), (all) => assert.equal(all.length, 2)), "9 seconds")
    yield* world.advance("4 seconds")
    assert.deepEqual(yield* refusal(names(a)), ["Unavailable", "NotApplied"])
    assert.deepEqual(yield* refusal(on(a, (registry) => registry.get(id))), ["Unavailable", "NotApplied"])
    yield* a.heal
    yield* world.eventually(Effect.map(names(a), (all) => assert.equal(all.length, 2)), "5 seconds")
  })

/** P2 A peer whose scope closes is gone at once, also where the answer to its leave is lost. */
export const aClosedPeerIsGoneAtOnce: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* three(world)
    const told = yield* listen(a)
    yield* b.stop
    yield* world.eventually(check(() => assert.deepEqual(told.shape(), ["Snapshot", "Left Graceful peer-2"])))
    yield* c.loseAnswer("not applied")
    yield* c.stop
    yield* world.eventually(check(() => assert.equal(told.shape().at(-1), "Left Graceful peer-3")), "1 second")
    assert.deepEqual(yield* names(a), ["peer-1"])
  })

/** P3 From its last beat on a silent peer is suspected after 6 s and gone after 12 s, each at most 2.4 s later. */
export const aSilentPeerIsSuspectedAndThenGone: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const told = yield* listen(a)
    yield* world.advance("17 seconds")
    const b = yield* world.spawn()
    const last = yield* world.now
    yield* b.crash
    const at = (n: number) => world.eventually(check(() => assert.equal(told.events.length, n)), "15 seconds")
    yield* at(3)
    const [suspected, , gone] = [yield* world.now, yield* at(4), yield* world.now]
    assert.deepEqual(told.shape(), ["Snapshot", "Joined peer-2", "Suspected peer-2", "Left Crashed peer-2"])
    assert.ok(suspected >= last + 6_000 && suspected <= last + 8_400, `suspected after ${suspected - last} ms`)
    assert.ok(gone >= last + 12_000 && gone <= last + 14_400, `gone after ${gone - last} ms`)
    yield* world.advance("1 minute")
    assert.equal(told.events.length, 4)
  })

/** P3 A suspected peer that is heard of again recovers, and stays who it is. */
export const aSuspectedPeerRecovers: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const { id } = yield* self(b)
    const told = yield* listen(a)
    yield* b.freeze
    yield* world.eventually(check(() => assert.equal(told.shape().at(-1), "Suspected peer-2")), "9 seconds")
    assert.deepEqual((yield* list(a)).map(({ state }) => state), ["Live", "Suspected"])
    yield* b.thaw
    yield* world.eventually(check(() => assert.equal(told.shape().at(-1), "Recovered peer-2")), "3 seconds")
    yield* world.advance("20 seconds")
    assert.deepEqual(told.shape(), ["Snapshot", "Suspected peer-2", "Recovered peer-2"])
    assert.equal((yield* self(b)).id, id)
  })

/** P3 Who died while nobody lived is found out by the next who comes. */
export const whoDiedUnseenIsFoundOut: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* a.crash
    yield* b.crash
    yield* world.advance("1 hour")
    const c = yield* world.spawn()
    assert.deepEqual(yield* names(c), ["peer-1", "peer-2", "peer-3"])
    yield* world.eventually(Effect.map(names(c), (all) => assert.deepEqual(all, ["peer-3"])), "14.4 seconds")
  })

/** P3 However many die at once, each leaves once. */
export const whoeverDiesLeavesOnce: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const told = yield* listen(a)
    const others = yield* Effect.forEach(numbers(20), () => world.spawn())
    yield* Effect.forEach(others, (peer) => peer.crash)
    yield* world.eventually(Effect.map(names(a), (all) => assert.deepEqual(all, ["peer-1"])), "18 seconds")
    yield* world.advance("1 minute")
    const left = told.shape().filter((event) => event.startsWith("Left"))
    assert.deepEqual([...left].sort(), numbers(20).map((n) => `Left Crashed peer-${n + 2}`).sort())
  })

/** P4 No peer's clock changes a verdict, or a time that is shown. */
export const clocksOfPeersDecideNothing: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* three(world)
    const [told, now] = [yield* listen(c), yield* world.now]
    yield* a.skew("1 hour")
    yield* b.skew("-1 hour")
    yield* world.advance("1 minute")
    assert.deepEqual(told.shape(), ["Snapshot"])
    for (const { joinedAt, lastSeenAt } of yield* list(a)) {
      assert.equal(DateTime.toEpochMillis(joinedAt), now)
      assert.ok(Math.abs(DateTime.toEpochMillis(lastSeenAt) - now - 60_000) <= 4_800)
    }
    yield* b.crash
    yield* world.eventually(check(() => assert.equal(told.shape().at(-1), "Left Crashed peer-2")), "14.4 seconds")
  })

/** P5 D2 While the store is away nobody is judged, and afterwards all have their time again. */
export const anOutageKillsNobody: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* three(world)
    const told = yield* Effect.forEach(peers, listen)
    const before = yield* Effect.forEach(peers, self)
    for (const outage of ["4 seconds", "1 minute"] as const) {
      yield* world.advance("5 seconds")
      yield* world.store.stop
      yield* world.advance(outage)
      yield* world.store.start
      yield* peers[2]!.cut
      yield* world.advance("3 seconds")
      yield* peers[2]!.heal
      yield* world.advance("20 seconds")
    }
    for (const { shape } of told) assert.deepEqual(shape(), ["Snapshot"])
    assert.deepEqual((yield* list(peers[0]!)).map(({ id }) => id), before.map(({ id }) => id))
  })

/** P5 D2 A store that comes back empty finds the same peers, and every stream begins anew. */
export const aForgetfulStoreFindsTheSamePeers: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* three(world)
    const before = yield* Effect.forEach(peers, self)
    const told = yield* Effect.forEach(peers, listen)
    yield* world.advance("10 seconds")
    yield* world.store.forget
    yield* world.advance("5 seconds")
    for (const peer of peers) {
      const now = (yield* list(peer)).map(({ id, joinedAt, name }) => ({ id, joinedAt, name }))
      assert.deepEqual(now, before.map(({ id, joinedAt, name }) => ({ id, joinedAt, name })))
    }
    for (const { shape } of told) {
      assert.equal(shape().filter((event) => event === "Snapshot").length, 2)
      assert.equal(shape().filter((event) => event.startsWith("Left")).length, 0)
    }
  })

/** P5 D2 So does a store that has lost its last writes: who is not in it any more is again, under the same id. */
export const aRewoundStoreFindsTheSamePeers: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const told = yield* listen(a)
    yield* world.advance("10 seconds")
    const b = yield* world.spawn()
    const { id } = yield* self(b)
    yield* update(b, { role: "worker" })
    yield* world.store.rewind(3)
    yield* world.advance("5 seconds")
    for (const peer of [a, b]) {
      assert.deepEqual((yield* list(peer)).map(({ name }) => name), ["peer-1", "peer-2"])
      assert.deepEqual((yield* list(peer))[1]!.metadata, { role: "worker" })
    }
    assert.equal((yield* self(b)).id, id)
    assert.ok(told.shape().filter((event) => event === "Snapshot").length > 1)
    assert.equal(told.shape().filter((event) => event.startsWith("Left")).length, 0)
  })

/** P6 A peer that was declared gone never returns: it joins anew, under a new id. */
export const whoIsDeclaredGoneComesBackAsAnother: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const told = yield* listen(a)
    const old = yield* self(b)
    yield* b.freeze
    yield* world.advance("15 seconds")
    assert.equal(told.shape().at(-1), "Left Crashed peer-2")
    yield* b.thaw
    yield* world.eventually(check(() => assert.equal(told.shape().at(-1), "Joined peer-2")), "3 seconds")
    yield* world.advance("20 seconds")
    assert.notEqual((yield* self(b)).id, old.id)
    assert.deepEqual((yield* list(a)).map(({ id }) => id), [(yield* self(a)).id, (yield* self(b)).id])
    assert.deepEqual(told.shape(), ["Snapshot", "Suspected peer-2", "Left Crashed peer-2", "Joined peer-2"])
  })

/** P6 The store refuses what depends on a life that is over, also before that peer knows. */
export const theStoreRefusesWhoIsGone: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const told = yield* listen(a)
    const old = yield* self(b)
    yield* b.freeze
    yield* Effect.forkScoped(Effect.exit(update(b, { word: "from beyond" })))
    yield* world.advance("15 seconds")
    assert.equal(told.shape().at(-1), "Left Crashed peer-2")
    yield* b.thaw
    yield* world.advance("10 seconds")
    const words = told.events.filter((event) => event._tag === "Updated" && event.peer.id === old.id)
    assert.deepEqual(words, [])
    assert.equal((yield* list(a)).length, 2)
  })

/** P6 P9 A leader that is cut off stops at least a second before the next begins. */
export const aCutOffLeaderStopsBeforeTheNextBegins: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* two(world)
    const stage = yield* Effect.map(campaignAll(world, peers), ({ terms }) => terms)
    yield* world.eventually(check(() => assert.equal(stage.length, 1)))
    const first = peers.findIndex(({ name }) => name === stage[0]!.peer)
    yield* world.advance("7 seconds")
    yield* peers[first]!.cut
    yield* world.eventually(check(() => assert.equal(stage.length, 2)), "17 seconds")
    assert.notEqual(stage[1]!.peer, stage[0]!.peer)
    assert.ok(stage[0]!.until! <= stage[1]!.from - 1_000, `${stage[1]!.from - stage[0]!.until!} ms`)
    assert.ok(stage[1]!.fence > stage[0]!.fence)
    yield* peers[first]!.heal
    yield* world.advance("30 seconds")
    assert.equal(stage.length, 2)
  })

/** P6 P9 A leader that was frozen stops with the first turn of its loop, and what it holds is refused before. */
export const aFrozenLeaderStopsWithItsFirstTurn: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* two(world)
    const { terms } = yield* campaignAll(world, peers)
    yield* world.eventually(check(() => assert.equal(terms.length, 1)))
    const frozen = peers.find(({ name }) => name === terms[0]!.peer)!
    yield* frozen.freeze
    yield* world.eventually(check(() => assert.equal(terms.length, 2)), "17 seconds")
    yield* world.advance("5 seconds")
    assert.equal(terms[0]!.until, undefined)
    yield* frozen.thaw
    const thawed = yield* world.now
    yield* world.advance(0)
    assert.equal(terms[0]!.until, thawed)
    yield* world.advance("30 seconds")
    assert.equal(terms.length, 2)
  })

/** P5 P9 While the store is away a leader stops when its proof gets old; afterwards one leads again. */
export const anOutageEndsATermAndAnotherFollows: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* three(world)
    const { terms } = yield* campaignAll(world, peers)
    yield* world.eventually(check(() => assert.equal(terms.length, 1)))
    yield* world.advance("6 seconds")
    const before = yield* world.now
    yield* world.store.stop
    yield* world.always(check(() => assert.equal(terms[0]!.until, undefined)), "8.5 seconds")
    yield* world.advance("10 seconds")
    assert.ok(terms[0]!.until! <= before + 11_000, `${terms[0]!.until! - before} ms`)
    yield* world.store.start
    yield* world.eventually(check(() => assert.equal(terms.length, 2)), "17 seconds")
    assert.ok(terms[1]!.fence > terms[0]!.fence)
  })

/** P7 Of two peers of one name the later one stays; the earlier stops, says so, and does not come back. */
export const theLaterOfOneNameStays: Law = (world) =>
  Effect.gen(function* () {
    const [first, b] = [yield* world.spawn({ name: "web" }), yield* world.spawn()]
    const told = yield* listen(b)
    const { terms } = yield* campaignAll(world, [first])
    yield* world.eventually(check(() => assert.equal(terms.length, 1)))
    const old = yield* self(first)
    const later = yield* world.spawn({ name: "web" })
    yield* world.eventually(check(() => assert.notEqual(terms[0]!.until, undefined)))
    yield* world.advance("1 minute")
    assert.deepEqual(told.shape(), ["Snapshot", "Left Superseded web", "Joined web"])
    assert.deepEqual((yield* list(first)).map(({ id }) => id), [(yield* self(b)).id, (yield* self(later)).id])
    assert.equal((yield* self(first)).id, old.id)
    assert.deepEqual(yield* refusal(update(first, {})), ["Closed", "NotApplied"])
    assert.equal(terms.length, 1)
  })

/** P7 Also after the store has forgotten who came when, and where the earlier slept meanwhile. */
export const theLaterOfOneNameStaysAfterAll: Law = (world) =>
  Effect.gen(function* () {
    const [first, b] = [yield* world.spawn({ name: "web" }), yield* world.spawn()]
    yield* first.freeze
    yield* world.advance("20 seconds")
    const later = yield* world.spawn({ name: "web" })
    const { id } = yield* self(later)
    yield* world.store.forget
    yield* world.advance("5 seconds")
    yield* first.thaw
    yield* world.advance("1 minute")
    assert.deepEqual((yield* list(b)).map(({ name }) => name), ["peer-2", "web"])
    assert.equal((yield* list(b))[1]!.id, id)
    assert.equal((yield* self(later)).id, id)
  })

/** P8 Every stream has every change once, in one order, the same on every peer. */
export const allStreamsTellTheSame: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* two(world)
    const told = yield* Effect.forEach(peers, listen)
    const others = yield* Effect.forEach(numbers(4), () => world.spawn(), { concurrency: "unbounded" })
    yield* Effect.forEach([...peers, ...others], (peer, n) => update(peer, { n: `${n}` }), { concurrency: "unbounded" })
    yield* others[0]!.crash
    yield* others[1]!.stop
    yield* others[2]!.freeze
    yield* world.advance("9 seconds")
    yield* others[2]!.thaw
    yield* world.spawn({ name: others[3]!.name })
    yield* world.advance("20 seconds")
    assert.deepEqual(told[1]!.events.slice(1), told[0]!.events.slice(1))
    const versions = told[0]!.events.map(({ version }) => version)
    assert.deepEqual(versions, versions.map((_, i) => versions[0]! + i))
    const kinds = new Set(told[0]!.shape().map((event) => event.replace(/ peer.*/, "")))
    assert.equal(kinds.size, 8)
  })

/** P8 What a peer missed while it was cut off follows, without a break. */
export const whatWasMissedFollows: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const [heard, told] = [yield* listen(a), yield* listen(b)]
    yield* b.cut
    for (const n of numbers(100)) yield* update(a, { n: `${n}` })
    yield* world.advance("4 seconds")
    assert.deepEqual(told.shape(), ["Snapshot"])
    yield* b.heal
    yield* world.eventually(check(() => assert.deepEqual(told.events.slice(1), heard.events.slice(1))), "5 seconds")
    assert.equal(told.shape().filter((event) => event.startsWith("Updated")).length, 100)
  })

/** P8 Where more was missed than is kept there is a new snapshot, and it goes on from there. */
export const whatCannotFollowIsASnapshot: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const told = yield* listen(b)
    yield* world.advance(0)
    yield* b.cut
    yield* Effect.forEach(numbers(1_002), (n) => update(a, { n: `${n}` }), { concurrency: "unbounded" })
    yield* world.advance("4 seconds")
    yield* b.heal
    yield* world.eventually(check(() => assert.deepEqual(told.shape(), ["Snapshot", "Snapshot"])), "5 seconds")
    yield* update(a, { n: "last" })
    yield* world.eventually(check(() => assert.equal(told.shape().at(-1), "Updated peer-1")), "3 seconds")
    assert.equal(told.events[2]!.version, told.events[1]!.version + 1)
  })

/** P8 A5 A reader that lets too much wait begins anew, and holds back nobody. */
export const aSlowReaderBeginsAnew: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const told = yield* listen(a)
    const slow = yield* Stream.toPull(yield* on(a, ({ events }) => Effect.succeed(events)))
    assert.deepEqual((yield* slow).map(({ _tag }) => _tag), ["Snapshot"])
    yield* Effect.forEach(numbers(1_024), (n) => update(a, { n: `${n}` }), { concurrency: "unbounded" })
    assert.equal((yield* slow).length, 1_024)
    yield* Effect.forEach(numbers(1_025), (n) => update(a, { n: `${n}` }), { concurrency: "unbounded" })
    const [snapshot, ...more] = yield* slow
    assert.deepEqual([snapshot._tag, snapshot.version, more.length], ["Snapshot", told.events.at(-1)!.version, 0])
    assert.equal(told.events.length, 2_050)
  })

/** P9 One leads at a time; when its body ends so does the term, `lead` returns, and the next candidate runs its own. */
export const oneLeadsAtATime: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* three(world)
    const { end, returned, terms } = yield* campaignAll(world, peers)
    for (const n of [1, 2, 3]) {
      yield* world.eventually(check(() => assert.equal(terms.length, n)))
      const leading = Option.getOrThrow(yield* on(peers[0]!, (registry) => registry.leader("boss")))
      assert.equal(leading.name, terms[n - 1]!.peer)
      yield* world.advance("10 seconds")
      assert.equal(terms.length, n)
      end()
    }
    yield* world.eventually(check(() => assert.equal(returned.length, 3)))
    assert.deepEqual([...returned].sort(), ["peer-1", "peer-2", "peer-3"])
    assert.deepEqual(yield* on(peers[0]!, (registry) => registry.leader("boss")), Option.none())
    assertOneAtATime(terms)
  })

/** P9 A leader whose scope closes is followed at once. */
export const aClosedLeaderIsFollowedAtOnce: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* three(world)
    const { terms } = yield* campaignAll(world, peers)
    yield* world.eventually(check(() => assert.equal(terms.length, 1)))
    yield* peers.find(({ name }) => name === terms[0]!.peer)!.stop
    yield* world.eventually(check(() => assert.equal(terms.length, 2)))
    assertOneAtATime(terms)
  })

/** P9 A leader that crashes is followed within `downAfter` and 5 s. */
export const aCrashedLeaderIsFollowed: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* three(world)
    const { terms } = yield* campaignAll(world, peers)
    yield* world.eventually(check(() => assert.equal(terms.length, 1)))
    yield* peers.find(({ name }) => name === terms[0]!.peer)!.crash
    yield* world.eventually(check(() => assert.equal(terms.length, 2)), "17 seconds")
    assert.notEqual(terms[1]!.peer, terms[0]!.peer)
    assert.ok(terms[1]!.fence > terms[0]!.fence)
  })

/** P9 A candidate that does not hear that the term is free learns of it with its next heartbeat. */
export const aDeafCandidateIsElectedToo: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const first = yield* campaignAll(world, [a])
    yield* world.eventually(check(() => assert.equal(first.terms.length, 1)))
    const second = yield* campaignAll(world, [b])
    yield* world.advance("5 seconds")
    yield* b.deaf
    first.end()
    yield* world.advance("10 millis")
    assert.equal(second.terms.length, 0)
    yield* world.eventually(check(() => assert.equal(second.terms.length, 1)), "2.4 seconds")
  })

/** P9 Fibers of one peer exclude each other as peers do. */
export const fibersOfOnePeerLeadInTurn: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const { end, terms } = yield* campaignAll(world, [a, a, a])
    for (const n of [1, 2, 3]) {
      yield* world.eventually(check(() => assert.equal(terms.length, n)), "1 second")
      yield* world.advance("5 seconds")
      assert.equal(terms.length, n)
      end()
    }
    yield* world.advance(0)
    assertOneAtATime(terms)
  })

/** P9 Interrupting `lead` gives the term back, whether it was held, waited for, or granted by an answer that was lost. */
export const anInterruptedCandidateHoldsNothing: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const campaign = (peer: Peer) => on(peer, (registry) => registry.lead("boss", () => Effect.never))
    const isFree = Effect.map(on(a, (registry) => registry.leader("boss")), (who) => assert.deepEqual(who, Option.none()))
    const leading = yield* Effect.forkScoped(campaign(a))
    yield* world.advance(0)
    const waiting = yield* Effect.forkScoped(campaign(b))
    yield* world.advance(0)
    yield* Fiber.interrupt(waiting)
    yield* Fiber.interrupt(leading)
    yield* world.eventually(isFree)
    yield* b.loseAnswer("applied")
    const unaware = yield* Effect.forkScoped(campaign(b))
    yield* world.advance(0)
    yield* Fiber.interrupt(unaware)
    yield* world.eventually(isFree, "3 seconds")
    assert.equal((yield* Effect.exit(Fiber.join(unaware)))._tag, "Failure")
  })

/** P9 D2 A store that has forgotten who leads gives the term to nobody else while the leader lives. */
export const aForgetfulStoreHasOneLeader: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* three(world)
    const { terms } = yield* campaignAll(world, peers)
    yield* world.eventually(check(() => assert.equal(terms.length, 1)))
    yield* world.advance("5 seconds")
    yield* world.store.forget
    yield* world.advance("1 minute")
    assert.equal(terms.length, 1)
    assert.equal(terms[0]!.until, undefined)
    const leading = Option.getOrThrow(yield* on(peers[0]!, (registry) => registry.leader("boss")))
    assert.equal(leading.name, terms[0]!.peer)
    yield* peers.find(({ name }) => name === terms[0]!.peer)!.stop
    yield* world.eventually(check(() => assert.equal(terms.length, 2)))
    assertOneAtATime(terms)
  })

/** D5 Fences grow from term to term, whatever the store forgets and wherever its clock goes. */
export const fencesGrow: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* two(world)
    const { end, terms } = yield* campaignAll(world, [...peers, ...peers, ...peers, ...peers])
    const faults = [world.store.stepClock("-1 hour"), world.store.forget, world.store.stepClock("-1 minute"), world.store.forget]
    for (const fault of faults) {
      const before = terms.length
      yield* world.eventually(check(() => assert.ok(terms.length > before - 1)), "20 seconds")
      yield* fault
      end()
      yield* world.eventually(check(() => assert.ok(terms.length > before)), "20 seconds")
    }
    const fences = terms.map(({ fence }) => fence)
    assert.ok(fences.length >= 5)
    for (const [i, fence] of fences.entries()) assert.ok(i === 0 || fence > fences[i - 1]!, `${fence} after ${fences[i - 1]}`)
  })

/** P9 A singleton runs once in the cluster, again where it failed, and goes on elsewhere when its peer ends. */
export const aSingletonRunsOnce: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* three(world)
    const running = new Set<string>()
    let runs = 0
    for (const peer of peers) {
      const body = Effect.andThen(
        Effect.acquireRelease(Effect.sync(() => running.add(peer.name)), () => Effect.sync(() => running.delete(peer.name))),
        Effect.suspend(() => (++runs === 1 ? Effect.fail("at first") : Effect.never))
      )
      const singleton = PeerRegistry.singleton("boss", () => body)
      yield* Effect.forkScoped(Layer.launch(singleton).pipe(Effect.provide(silent), Effect.provide(peer.context)))
    }
    yield* world.advance("2 seconds")
    assert.equal(running.size, 1)
    assert.equal(runs, 2)
    const leading = [...running][0]
    yield* peers.find(({ name }) => name === leading)!.stop
    yield* world.eventually(check(() => assert.ok(running.size === 1 && !running.has(leading!))), "1 second")
  })

/** P10 Metadata of one peer's update is what all peers read, this one when the call returns; the last one wins. */
export const metadataIsWhatAllRead: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* update(a, { role: "web" })
    assert.deepEqual((yield* self(a)).metadata, { role: "web" })
    yield* update(a, { role: "worker", "a b": "\u2028\n\"\\日本", "": "" })
    const expected = { role: "worker", "a b": "\u2028\n\"\\日本", "": "" }
    assert.deepEqual((yield* list(a))[0]!.metadata, expected)
    yield* world.eventually(Effect.map(list(b), ([first]) => assert.deepEqual(first!.metadata, expected)))
    yield* world.advance("10 seconds")
    const c = yield* world.spawn()
    assert.deepEqual((yield* list(c))[0]!.metadata, expected)
  })

/** P10 A2 An update whose answer is lost is seen once or not at all, and the next one holds. */
export const aLostUpdateIsOnceOrNotAtAll: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const told = yield* listen(b)
    for (const which of ["applied", "not applied"] as const) {
      yield* a.loseAnswer(which)
      assert.deepEqual(yield* refusal(update(a, { which })), ["ConnectionLost", "Unknown"])
      yield* world.advance("3 seconds")
    }
    yield* update(a, { which: "last" })
    yield* world.advance("3 seconds")
    const seen = told.events.flatMap((event) => (event._tag === "Updated" ? [event.peer.metadata["which"]] : []))
    assert.deepEqual(seen, ["applied", "last"])
  })

/** P11 `list`, `get` and `events` are answered from what the peer knows, without asking. */
export const listIsAnsweredLocally: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* world.eventually(Effect.map(names(a), (all) => assert.equal(all.length, 2)))
    const { id } = yield* self(b)
    yield* a.cut
    const now = yield* world.now
    for (const _ of numbers(100)) {
      assert.equal((yield* list(a)).length, 2)
      assert.ok(Option.isSome(yield* on(a, (registry) => registry.get(id))))
    }
    const told = yield* listen(a)
    yield* world.advance(0)
    assert.deepEqual(told.shape(), ["Snapshot"])
    assert.equal(yield* world.now, now)
  })

/** D3 A server clock that steps either way kills no peer, and saves none. */
export const aClockThatStepsKillsNobody: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* three(world)
    const told = yield* listen(peers[0]!)
    const { terms } = yield* campaignAll(world, peers.slice(0, 2))
    for (const step of ["1 hour", "-2 hours", "5 seconds", "-5 seconds"] as const) {
      yield* world.advance("5 seconds")
      yield* world.store.stepClock(step)
      yield* world.advance("20 seconds")
    }
    assert.deepEqual(told.shape(), ["Snapshot"])
    assert.equal(terms.length, 1)
    assert.equal(terms[0]!.until, undefined)
    yield* peers[2]!.crash
    yield* world.store.stepClock("-1 hour")
    yield* world.eventually(check(() => assert.equal(told.shape().at(-1), "Left Crashed peer-3")), "17 seconds")
  })

/** T17 On a full server peers go on living, leading, coming and leaving; what adds is refused. */
export const aFullServerKillsNobody: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* three(world)
    const told = yield* listen(peers[0]!)
    yield* world.store.full(true)
    const { terms } = yield* campaignAll(world, [peers[1]!, peers[2]!])
    yield* world.advance("30 seconds")
    assert.deepEqual(told.shape(), ["Snapshot"])
    assert.deepEqual(yield* refusal(update(peers[0]!, {})), ["CapacityExceeded", "NotApplied"])
    yield* peers.find(({ name }) => name === terms[0]!.peer)!.stop
    yield* world.eventually(check(() => assert.equal(terms.length, 2)))
    yield* peers.find(({ name }) => name === terms[1]!.peer)!.crash
    yield* world.spawn()
    yield* world.advance("20 seconds")
    assert.deepEqual(yield* names(peers[0]!), ["peer-1", "peer-4"])
  })

/** A4 A closed layer leaves no subscription; its streams end, and what it is asked is refused. */
export const aClosedRegistryLeavesNothing: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    assert.equal(yield* world.subscriptions, 2)
    const ended = yield* Effect.forkScoped(Effect.exit(on(b, ({ events }) => Stream.runDrain(events))))
    const campaign = yield* Effect.forkScoped(Effect.exit(on(b, (registry) => registry.lead("boss", () => Effect.never))))
    yield* world.advance(0)
    yield* b.stop
    assert.equal(yield* world.subscriptions, 1)
    assert.deepEqual(yield* refusal(Effect.flatten(Fiber.join(ended))), ["Closed", "NotApplied"])
    assert.deepEqual(yield* refusal(Effect.flatten(Fiber.join(campaign))), ["Closed", "NotApplied"])
    for (const call of [list(b), update(b, {}), on(b, (registry) => registry.leader("boss"))]) {
      assert.deepEqual(yield* refusal(call), ["Closed", "NotApplied"])
    }
    yield* world.eventually(Effect.map(names(a), (all) => assert.deepEqual(all, ["peer-1"])))
  })

/** A5 Metadata has a bound, which may be reached. */
export const metadataIsBounded: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const room = 16_384 - JSON.stringify({ k: "" }).length
    yield* update(a, { k: "x".repeat(room) })
    yield* world.eventually(Effect.map(list(b), ([first]) => assert.equal(first!.metadata["k"]!.length, room)))
    assert.deepEqual(yield* refusal(update(a, { k: "x".repeat(room + 1) })), ["CapacityExceeded", "NotApplied"])
    assert.deepEqual(yield* refusal(update(a, { k: "ü".repeat(room / 2 + 1) })), ["CapacityExceeded", "NotApplied"])
    for (const wrong of ['{"k":1}', "[]", "null", '"k"']) {
      assert.deepEqual(yield* refusal(update(a, JSON.parse(wrong))), ["Misconfigured", "NotApplied"])
    }
  })

/** A6 Names of peers and leaderships: any text of up to 512 bytes, none of which meet; others are refused at once. */
export const noTwoNamesMeet: Law = (world) =>
  Effect.gen(function* () {
    const good = ["a:b", "a{b}", "a", "*", "%", "%25", " ", "a\nb", "A", "日本", "é", "e\u0301", "x".repeat(512)]
    const peers = yield* Effect.forEach(good, (name) => world.spawn({ name }))
    yield* world.advance("3 seconds")
    assert.deepEqual(yield* names(peers[0]!), good)
    const held = yield* Effect.forEach(good, (name) => campaignAll(world, [peers[0]!], name))
    yield* world.eventually(check(() => assert.ok(held.every(({ terms }) => terms.length === 1))))
    for (const name of ["", "x".repeat(513), "\ud800", "é".repeat(257)]) {
      assert.deepEqual(yield* refusal(world.spawn({ name })), ["InvalidName", "NotApplied"])
      const leading = on(peers[0]!, (registry) => registry.lead(name, () => Effect.void))
      assert.deepEqual(yield* refusal(leading), ["InvalidName", "NotApplied"])
      assert.deepEqual(yield* refusal(on(peers[0]!, ({ leader }) => leader(name))), ["InvalidName", "NotApplied"])
    }
  })

/** A6 Times that contradict one another are refused before anything is sent, with an error that names field and rule. */
export const badTimesAreRefused: Law = () =>
  Effect.gen(function* () {
    const build = (options: PeerRegistry.Options) =>
      Effect.scoped(Layer.build(Layer.provide(PeerRegistry.layer(options), [nobody, LocalPeer.layer("a")])))
    const bad = [
      [{ heartbeat: "2001 millis" }, "suspectAfter must be at least three heartbeats"],
      [{ suspectAfter: "12 seconds" }, "downAfter must be longer than suspectAfter"],
      [{ heartbeat: 0 }, "heartbeat must be a finite duration of at least a millisecond"],
      [{ downAfter: "Infinity" }, "downAfter must be a finite duration of at least a millisecond"],
      [{ suspectAfter: Number.NaN }, "suspectAfter must be a finite duration of at least a millisecond"]
    ] as const
    for (const [options, message] of bad) {
      const error = yield* Effect.flip(build(options))
      assert.deepEqual([error.reason._tag, error.outcome, error.reason.message], ["Misconfigured", "NotApplied", message])
    }
    assert.deepEqual(yield* refusal(build({ heartbeat: "1 second" })), ["Nobody", ""])
  })

/** A7 Changing an object afterwards changes nothing that is kept. */
export const whatIsKeptDoesNotChange: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const metadata: Record<string, string> = { role: "web" }
    yield* update(a, metadata)
    metadata["role"] = "worker"
    yield* world.advance("3 seconds")
    for (const peer of [a, b]) {
      const [first] = yield* list(peer)
      assert.deepEqual(first!.metadata, { role: "web" })
      assert.ok(!Reflect.set(first!.metadata, "role", "changed"))
    }
    yield* world.store.forget
    yield* world.advance("5 seconds")
    assert.deepEqual((yield* list(b))[0]!.metadata, { role: "web" })
  })

// -- how laws speak -----------------------------------------------------------------------------------------------

/** Without a log. */
const silent = Logger.layer([])

/** A store that was asked: nothing may be sent. */
class Nobody extends Error {
  readonly _tag = "Nobody"
}
const nobody = Layer.succeed(PeerRegistryStore, {
  beat: () => Effect.die(new Nobody()),
  enter: () => Effect.die(new Nobody()),
  page: () => Effect.die(new Nobody()),
  update: () => Effect.die(new Nobody()),
  leave: () => Effect.die(new Nobody()),
  terms: () => Effect.die(new Nobody()),
  leader: () => Effect.die(new Nobody()),
  connect: () => Effect.die(new Nobody()),
  immortal: false
})

/** Peers that know each other. */
const two = Effect.fnUntraced(function* (world: World<PeerRegistry.PeerRegistry>) {
  const peers: readonly [Peer, Peer] = [yield* world.spawn(), yield* world.spawn()]
  yield* world.advance(0)
  return peers
})
const three = Effect.fnUntraced(function* (world: World<PeerRegistry.PeerRegistry>) {
  const peers: readonly [Peer, Peer, Peer] = [...(yield* two(world)), yield* world.spawn()]
  yield* world.advance(0)
  return peers
})

const on = <A, E, R>(peer: Peer, use: (registry: PeerRegistry.Service) => Effect.Effect<A, E, R>) =>
  Effect.provide(Effect.flatMap(PeerRegistry.PeerRegistry, use), peer.context)

const self = (peer: Peer) => on(peer, (registry) => registry.self)
const list = (peer: Peer) => on(peer, (registry) => registry.list)
const names = (peer: Peer) => Effect.map(list(peer), (peers) => peers.map(({ name }) => name))
const update = (peer: Peer, metadata: Readonly<Record<string, string>>) =>
  on(peer, (registry) => registry.updateMetadata(metadata))

/** Keeps what a peer's events tell. */
const listen = (peer: Peer) => {
  const events: Array<PeerRegistry.PeerEvent> = []
  const run = on(peer, (registry) => Stream.runForEach(registry.events, (event) => Effect.sync(() => events.push(event))))
  return Effect.as(Effect.forkScoped(Effect.ignore(run), { startImmediately: true }), {
    events,
    /** `["Snapshot", "Joined peer-2", "Left Crashed peer-2"]`. */
    shape: () =>
      events.map((event) =>
        event._tag === "Snapshot"
          ? event._tag
          : `${event._tag}${event._tag === "Left" ? ` ${event.reason}` : ""} ${event.peer.name}`
      )
  })
}

interface Led {
  readonly peer: string
  readonly fence: bigint
  readonly from: number
  until: number | undefined
}

/** Lets each of them campaign, and notes who leads when. `end` ends the body that runs. */
const campaignAll = (world: World<PeerRegistry.PeerRegistry>, peers: ReadonlyArray<Peer>, name = "boss") => {
  const terms: Array<Led> = []
  const returned: Array<string> = []
  const ends = new Set<() => void>()
  const body = (peer: string) =>
    Effect.fnUntraced(function* ({ fence }: PeerRegistry.Term) {
      const led: Led = { peer, fence, from: yield* world.now, until: undefined }
      terms.push(led)
      yield* Effect.callback<void>((resume) => {
        const end = () => resume(Effect.void)
        ends.add(end)
        return Effect.sync(() => ends.delete(end))
      }).pipe(Effect.ensuring(Effect.map(world.now, (now) => (led.until = now))))
    })
  const campaign = (peer: Peer) =>
    Effect.andThen(
      on(peer, (registry) => registry.lead(name, body(peer.name))),
      Effect.sync(() => returned.push(peer.name))
    )
  return Effect.as(Effect.forEach(peers, (peer) => Effect.forkScoped(Effect.exit(campaign(peer)))), {
    terms,
    returned,
    end: () => {
      for (const end of [...ends]) end()
      ends.clear()
    }
  })
}

const assertOneAtATime = (terms: ReadonlyArray<Led>) => {
  for (const [i, { fence, from }] of terms.entries()) {
    const before = terms[i - 1]
    assert.ok(before === undefined || (before.until !== undefined && before.until <= from && before.fence < fence))
  }
}

const check = (assertion: () => void) => Effect.sync(assertion)

const numbers = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, n) => n)

/** Fails unless the call does; the reason and the outcome, or the error's tag. */
const refusal = <A, E, R>(call: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Effect.exit(call), (exit): Effect.Effect<ReadonlyArray<string>> => {
    if (Exit.isSuccess(exit)) return Effect.die(new assert.AssertionError({ message: "the call was not refused" }))
    const error = Cause.squash(exit.cause)
    if (!(error instanceof Error) || !("_tag" in error)) return Effect.die(error)
    if (!("reason" in error) || !("outcome" in error)) return Effect.succeed([String(error._tag), ""])
    const { reason } = error
    const tag = typeof reason === "object" && reason !== null && "_tag" in reason ? String(reason._tag) : ""
    return Effect.succeed([tag, String(error.outcome)])
  })
