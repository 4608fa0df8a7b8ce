/**
 * What PeerRegistry promises of who is there, as laws; what it promises of who leads is in LeadershipLaws.ts. Each is
 * tried in a world (`../World.ts`), on every backend; the identifiers are those of docs/guarantees.md. Times are the
 * defaults: a heartbeat of 2 s (2.4 s with its jitter), suspected after 6 s, gone after 12 s.
 */
import * as PeerRegistry from "@troupe/core/PeerRegistry"
import * as LocalPeer from "@troupe/core/LocalPeer"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type * as Scope from "effect/Scope"
import * as assert from "node:assert/strict"
import { numbers, refusal } from "../internal/listening.ts"
import {
  campaignAll,
  eventually,
  leads,
  list,
  listen,
  lists,
  names,
  nobody,
  on,
  self,
  tells,
  three,
  two,
  update,
  whose
} from "../internal/meeting.ts"
import type { World } from "../World.ts"

export type Law = (world: World<PeerRegistry.PeerRegistry>) => Effect.Effect<void, unknown, Scope.Scope>

/** P1 A peer is in its own list when its layer is built, and in every other's within a message's way. */
export const aPeerIsListedAtOnce: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    assert.deepEqual(yield* names(a), ["peer-1"])
    const b = yield* world.spawn({ name: "日本: {b}" })
    assert.deepEqual(yield* names(b), ["peer-1", "日本: {b}"])
    yield* lists(world, a, ["peer-1", "日本: {b}"])
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
    yield* lists(world, a, ["peer-1", "peer-2"], "2.4 seconds")
  })

/** P1 A view older than `downAfter` is not given, and is again as soon as there is a newer one. */
export const anOldViewIsRefused: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* world.eventually(Effect.map(names(a), (all) => assert.equal(all.length, 2)))
    const { id } = yield* self(b)
    yield* a.cut
    yield* world.always(
      Effect.map(names(a), (all) => assert.equal(all.length, 2)),
      "9 seconds"
    )
    yield* world.advance("4 seconds")
    assert.deepEqual(yield* refusal(names(a)), ["Unavailable", "NotApplied"])
    assert.deepEqual(yield* refusal(on(a, (registry) => registry.get(id))), ["Unavailable", "NotApplied"])
    yield* a.heal
    yield* world.eventually(
      Effect.map(names(a), (all) => assert.equal(all.length, 2)),
      "5 seconds"
    )
  })

/** P2 A peer whose scope closes is gone at once, also where the answer to its leave is lost. */
export const aClosedPeerIsGoneAtOnce: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* three(world)
    const told = yield* listen(a)
    yield* b.stop
    yield* eventually(world, () => assert.deepEqual(told.shape(), ["Snapshot", "Left Graceful peer-2"]))
    yield* c.loseAnswer("not applied")
    yield* c.stop
    yield* tells(world, told, "Left Graceful peer-3", "1 second")
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
    const at = (n: number) => eventually(world, () => assert.equal(told.events.length, n), "15 seconds")
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
    yield* tells(world, told, "Suspected peer-2", "9 seconds")
    assert.deepEqual(
      (yield* list(a)).map(({ state }) => state),
      ["Live", "Suspected"]
    )
    yield* b.thaw
    yield* tells(world, told, "Recovered peer-2", "3 seconds")
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
    yield* lists(world, c, ["peer-3"], "14.4 seconds")
  })

/** P3 However many die at once, each leaves once. */
export const whoeverDiesLeavesOnce: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const told = yield* listen(a)
    const others = yield* Effect.forEach(numbers(20), () => world.spawn())
    yield* Effect.forEach(others, (peer) => peer.crash)
    yield* lists(world, a, ["peer-1"], "18 seconds")
    yield* world.advance("1 minute")
    const left = told.shape().filter((event) => event.startsWith("Left"))
    assert.deepEqual(
      [...left].sort(),
      numbers(20)
        .map((n) => `Left Crashed peer-${n + 2}`)
        .sort()
    )
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
    yield* tells(world, told, "Left Crashed peer-2", "14.4 seconds")
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
    assert.deepEqual(
      (yield* list(peers[0]!)).map(({ id }) => id),
      before.map(({ id }) => id)
    )
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
      assert.deepEqual(
        now,
        before.map(({ id, joinedAt, name }) => ({ id, joinedAt, name }))
      )
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
      assert.deepEqual(
        (yield* list(peer)).map(({ name }) => name),
        ["peer-1", "peer-2"]
      )
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
    yield* tells(world, told, "Joined peer-2", "3 seconds")
    yield* world.advance("20 seconds")
    assert.notEqual((yield* self(b)).id, old.id)
    assert.deepEqual(
      (yield* list(a)).map(({ id }) => id),
      [(yield* self(a)).id, (yield* self(b)).id]
    )
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

/** P7 Of two peers of one name the later one stays; the earlier stops, says so, and does not come back. */
export const theLaterOfOneNameStays: Law = (world) =>
  Effect.gen(function* () {
    const [first, b] = [yield* world.spawn({ name: "web" }), yield* world.spawn()]
    const told = yield* listen(b)
    const { terms } = yield* campaignAll(world, [first])
    yield* leads(world, { terms }, 1)
    const old = yield* self(first)
    const later = yield* world.spawn({ name: "web" })
    yield* eventually(world, () => assert.notEqual(terms[0]!.until, undefined))
    yield* world.advance("1 minute")
    assert.deepEqual(told.shape(), ["Snapshot", "Left Superseded web", "Joined web"])
    assert.deepEqual(
      (yield* list(first)).map(({ id }) => id),
      [(yield* self(b)).id, (yield* self(later)).id]
    )
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
    assert.deepEqual(
      (yield* list(b)).map(({ name }) => name),
      ["peer-2", "web"]
    )
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
    assert.deepEqual(
      versions,
      versions.map((_, i) => versions[0]! + i)
    )
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
    yield* eventually(world, () => assert.deepEqual(told.events.slice(1), heard.events.slice(1)), "5 seconds")
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
    yield* eventually(world, () => assert.deepEqual(told.shape(), ["Snapshot", "Snapshot"]), "5 seconds")
    yield* update(a, { n: "last" })
    yield* tells(world, told, "Updated peer-1", "3 seconds")
    assert.equal(told.events[2]!.version, told.events[1]!.version + 1)
  })

/** P8 A5 A reader that lets too much wait begins anew, and holds back nobody. */
export const aSlowReaderBeginsAnew: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const told = yield* listen(a)
    const slow = yield* Stream.toPull(yield* on(a, ({ events }) => Effect.succeed(events)))
    assert.deepEqual(
      (yield* slow).map(({ _tag }) => _tag),
      ["Snapshot"]
    )
    yield* Effect.forEach(numbers(1_024), (n) => update(a, { n: `${n}` }), { concurrency: "unbounded" })
    assert.equal((yield* slow).length, 1_024)
    yield* Effect.forEach(numbers(1_025), (n) => update(a, { n: `${n}` }), { concurrency: "unbounded" })
    const [snapshot, ...more] = yield* slow
    assert.deepEqual([snapshot._tag, snapshot.version, more.length], ["Snapshot", told.events.at(-1)!.version, 0])
    assert.equal(told.events.length, 2_050)
  })

/** P10 Metadata of one peer's update is what all peers read, this one when the call returns; the last one wins. */
export const metadataIsWhatAllRead: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* update(a, { role: "web" })
    assert.deepEqual((yield* self(a)).metadata, { role: "web" })
    yield* update(a, { role: "worker", "a b": '\u2028\n"\\日本', "": "" })
    const expected = { role: "worker", "a b": '\u2028\n"\\日本', "": "" }
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
    yield* tells(world, told, "Left Crashed peer-3", "17 seconds")
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
    yield* whose(peers, terms[0]).stop
    yield* leads(world, { terms }, 2)
    yield* whose(peers, terms[1]).crash
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
    const campaign = yield* Effect.forkScoped(
      Effect.exit(on(b, (registry) => registry.lead("boss", () => Effect.never)))
    )
    yield* world.advance(0)
    yield* b.stop
    assert.equal(yield* world.subscriptions, 1)
    assert.deepEqual(yield* refusal(Effect.flatten(Fiber.join(ended))), ["Closed", "NotApplied"])
    assert.deepEqual(yield* refusal(Effect.flatten(Fiber.join(campaign))), ["Closed", "NotApplied"])
    for (const call of [list(b), update(b, {}), on(b, (registry) => registry.leader("boss"))]) {
      assert.deepEqual(yield* refusal(call), ["Closed", "NotApplied"])
    }
    yield* lists(world, a, ["peer-1"])
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
    yield* eventually(world, () => assert.ok(held.every(({ terms }) => terms.length === 1)))
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
      assert.deepEqual(
        [error.reason._tag, error.outcome, error.reason.message],
        ["Misconfigured", "NotApplied", message]
      )
    }
    assert.deepEqual(yield* refusal(build({ heartbeat: "1 second" })), ["Nobody"])
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
