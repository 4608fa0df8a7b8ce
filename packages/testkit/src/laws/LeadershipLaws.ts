/**
 * What PeerRegistry promises of leadership, as laws: `lead`, `leader` and `singleton`. Each is tried in a world
 * (`../World.ts`), on every backend; the identifiers are those of docs/guarantees.md.
 */
import * as PeerRegistry from "@troupe/core/PeerRegistry"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as assert from "node:assert/strict"
import { check, silent } from "../internal/listening.ts"
import {
  assertOneAtATime,
  campaignAll,
  eventually,
  leads,
  on,
  three,
  two,
  whose,
  type Peer
} from "../internal/meeting.ts"
import type { World } from "../World.ts"

export type Law = (world: World<PeerRegistry.PeerRegistry>) => Effect.Effect<void, unknown, Scope.Scope>

/** P6 P9 A leader that is cut off stops at least a second before the next begins. */
export const aCutOffLeaderStopsBeforeTheNextBegins: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* two(world)
    const stage = yield* Effect.map(campaignAll(world, peers), ({ terms }) => terms)
    yield* eventually(world, () => assert.equal(stage.length, 1))
    const first = peers.findIndex(({ name }) => name === stage[0]!.peer)
    yield* world.advance("7 seconds")
    yield* peers[first]!.cut
    yield* eventually(world, () => assert.equal(stage.length, 2), "17 seconds")
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
    yield* leads(world, { terms }, 1)
    const frozen = whose(peers, terms[0])
    yield* frozen.freeze
    yield* leads(world, { terms }, 2, "17 seconds")
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
    yield* leads(world, { terms }, 1)
    yield* world.advance("6 seconds")
    const before = yield* world.now
    yield* world.store.stop
    yield* world.always(
      check(() => assert.equal(terms[0]!.until, undefined)),
      "8.5 seconds"
    )
    yield* world.advance("10 seconds")
    assert.ok(terms[0]!.until! <= before + 11_000, `${terms[0]!.until! - before} ms`)
    yield* world.store.start
    yield* leads(world, { terms }, 2, "17 seconds")
    assert.ok(terms[1]!.fence > terms[0]!.fence)
  })

/** P9 One leads at a time; when its body ends so does the term, `lead` returns, and the next candidate runs its own. */
export const oneLeadsAtATime: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* three(world)
    const { end, returned, terms } = yield* campaignAll(world, peers)
    for (const n of [1, 2, 3]) {
      yield* leads(world, { terms }, n)
      const leading = Option.getOrThrow(yield* on(peers[0]!, (registry) => registry.leader("boss")))
      assert.equal(leading.name, terms[n - 1]!.peer)
      yield* world.advance("10 seconds")
      assert.equal(terms.length, n)
      end()
    }
    yield* eventually(world, () => assert.equal(returned.length, 3))
    assert.deepEqual([...returned].sort(), ["peer-1", "peer-2", "peer-3"])
    assert.deepEqual(yield* on(peers[0]!, (registry) => registry.leader("boss")), Option.none())
    assertOneAtATime(terms)
  })

/** P9 A leader whose scope closes is followed at once. */
export const aClosedLeaderIsFollowedAtOnce: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* three(world)
    const { terms } = yield* campaignAll(world, peers)
    yield* leads(world, { terms }, 1)
    yield* whose(peers, terms[0]).stop
    yield* leads(world, { terms }, 2)
    assertOneAtATime(terms)
  })

/** P6 P7 A leader that is superseded and does not hear of it stops a second before another begins. */
export const aSupersededLeaderStopsBeforeTheNextBegins: Law = (world) =>
  Effect.gen(function* () {
    const [first, other] = [yield* world.spawn({ name: "web" }), yield* world.spawn()]
    const stage = yield* campaignAll(world, [first])
    yield* leads(world, stage, 1)
    yield* world.advance("5 seconds")
    yield* first.cut
    const later = yield* world.spawn({ name: "web" })
    const next = yield* campaignAll(world, [other, later])
    yield* leads(world, next, 1, "17 seconds")
    const [before, after] = [stage.terms[0]!, next.terms[0]!]
    assert.ok(before.until! <= after.from - 1_000, `${after.from - before.until!} ms`)
    assert.ok(after.fence > before.fence)
  })

/** P9 A leader whose body takes its time to end is not followed before its time is over. */
export const aSlowEndIsWaitedFor: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const ended = yield* Deferred.make<void>()
    const slow = on(a, ({ lead }) => lead("boss", () => Effect.ensuring(Effect.never, Deferred.await(ended))))
    yield* Effect.forkScoped(Effect.exit(slow))
    yield* Effect.addFinalizer(() => Deferred.succeed(ended, undefined))
    yield* world.advance("3 seconds")
    const stage = yield* campaignAll(world, [b])
    const asked = yield* world.now
    yield* a.stop
    yield* world.always(
      check(() => assert.equal(stage.terms.length, 0)),
      "6 seconds"
    )
    yield* Deferred.succeed(ended, undefined)
    yield* leads(world, stage, 1, "8 seconds")
    assert.ok(stage.terms[0]!.from >= asked + 9_000)
  })

/** P9 A leader that crashes is followed within `downAfter` and 5 s. */
export const aCrashedLeaderIsFollowed: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* three(world)
    const { terms } = yield* campaignAll(world, peers)
    yield* leads(world, { terms }, 1)
    yield* whose(peers, terms[0]).crash
    yield* leads(world, { terms }, 2, "17 seconds")
    assert.notEqual(terms[1]!.peer, terms[0]!.peer)
    assert.ok(terms[1]!.fence > terms[0]!.fence)
  })

/** P9 A candidate that does not hear that the term is free learns of it with its next heartbeat. */
export const aDeafCandidateIsElectedToo: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const first = yield* campaignAll(world, [a])
    yield* leads(world, first, 1)
    const second = yield* campaignAll(world, [b])
    yield* world.advance("5 seconds")
    yield* b.deaf
    first.end()
    yield* world.advance("10 millis")
    assert.equal(second.terms.length, 0)
    yield* leads(world, second, 1, "2.4 seconds")
  })

/** P9 Fibers of one peer exclude each other as peers do. */
export const fibersOfOnePeerLeadInTurn: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const { end, terms } = yield* campaignAll(world, [a, a, a])
    for (const n of [1, 2, 3]) {
      yield* leads(world, { terms }, n, "1 second")
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
    const isFree = Effect.map(
      on(a, (registry) => registry.leader("boss")),
      (who) => assert.deepEqual(who, Option.none())
    )
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
    yield* leads(world, { terms }, 1)
    yield* world.advance("5 seconds")
    yield* world.store.forget
    yield* world.advance("1 minute")
    assert.equal(terms.length, 1)
    assert.equal(terms[0]!.until, undefined)
    const leading = Option.getOrThrow(yield* on(peers[0]!, (registry) => registry.leader("boss")))
    assert.equal(leading.name, terms[0]!.peer)
    yield* whose(peers, terms[0]).stop
    yield* leads(world, { terms }, 2)
    assertOneAtATime(terms)
  })

/** D5 Fences grow from term to term, whatever the store forgets and wherever its clock goes. */
export const fencesGrow: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* two(world)
    const { end, terms } = yield* campaignAll(world, [...peers, ...peers, ...peers, ...peers])
    const faults = [
      world.store.stepClock("-1 hour"),
      world.store.forget,
      world.store.stepClock("-1 minute"),
      world.store.forget
    ]
    for (const fault of faults) {
      const before = terms.length
      yield* eventually(world, () => assert.ok(terms.length > before - 1), "20 seconds")
      yield* fault
      end()
      yield* eventually(world, () => assert.ok(terms.length > before), "20 seconds")
    }
    const fences = terms.map(({ fence }) => fence)
    assert.ok(fences.length >= 5)
    for (const [i, fence] of fences.entries())
      assert.ok(i === 0 || fence > fences[i - 1]!, `${fence} after ${fences[i - 1]}`)
  })

/** P9 A singleton runs once in the cluster, again where it failed, and goes on elsewhere when its peer ends. */
export const aSingletonRunsOnce: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* three(world)
    const running = new Set<string>()
    let runs = 0
    for (const peer of peers) {
      const body = Effect.andThen(
        Effect.acquireRelease(
          Effect.sync(() => running.add(peer.name)),
          () => Effect.sync(() => running.delete(peer.name))
        ),
        Effect.suspend(() => (++runs === 1 ? Effect.fail("at first") : Effect.never))
      )
      const singleton = PeerRegistry.singleton("boss", () => body)
      yield* Effect.forkScoped(Layer.launch(singleton).pipe(Effect.provide(silent), Effect.provide(peer.context)))
    }
    yield* world.advance("2 seconds")
    assert.deepEqual([running.size, runs], [1, 2])
    const leading = [...running][0]
    yield* peers.find(({ name }) => name === leading)!.stop
    yield* eventually(world, () => assert.ok(running.size === 1 && !running.has(leading!)), "1 second")
  })
