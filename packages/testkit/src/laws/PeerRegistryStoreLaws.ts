/**
 * What PeerRegistry's policy relies on in a store and no application can ask for: requests that come late, or twice.
 * The laws want a peer's store beside its registry.
 */
import type * as PeerRegistry from "@troupe/core/PeerRegistry"
import { PeerId, PeerRegistryStore, type Service } from "@troupe/core/PeerRegistryStore"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as assert from "node:assert/strict"
import { refusal } from "../internal/listening.ts"
import { listen, names } from "../internal/meeting.ts"
import type { Node, World } from "../World.ts"

type Services = PeerRegistry.PeerRegistry | PeerRegistryStore
export type Law = (world: World<Services>) => Effect.Effect<void, unknown, Scope.Scope>

const ask = <A, E>(peer: Node<Services>, use: (store: Service) => Effect.Effect<A, E>) =>
  Effect.provide(Effect.flatMap(PeerRegistryStore, use), peer.context)

/** P6 A join whose answer was lost, tried again after its peer was declared gone, does not bring it back. */
export const aJoinThatComesTooLateJoinsNobody: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    yield* world.advance(0)
    const told = yield* listen(a)
    yield* world.advance(0)
    const entry = { id: PeerId.make("late"), name: "late", metadata: {}, seat: 0, joinedAt: 0 }
    const enter = ask(b, (store) => store.enter({ ...entry, suspectAfterMs: 6_000, downAfterMs: 12_000 }))
    yield* b.loseAnswer("applied")
    assert.deepEqual(yield* refusal(enter), ["ConnectionLost", "Unknown"])
    // Tried again in time it is there already.
    assert.equal(yield* enter, "Alive")
    yield* world.advance("20 seconds")
    const story = ["Snapshot", "Joined late", "Suspected late", "Left Crashed late"]
    assert.deepEqual(told.shape(), story)
    assert.equal(yield* enter, "Gone")
    yield* world.advance("20 seconds")
    assert.deepEqual(told.shape(), story)
    assert.deepEqual(yield* names(a), ["peer-1", "peer-2"])
  })

/** P2 P6 Nor does one that comes after its peer has left without waiting for it. */
export const aJoinThatComesAfterTheLeaveJoinsNobody: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    yield* world.advance(0)
    const told = yield* listen(a)
    const id = PeerId.make("late")
    const entry = { id, name: "late", metadata: {}, seat: 0, joinedAt: 0, suspectAfterMs: 6_000, downAfterMs: 12_000 }
    yield* ask(b, (store) => store.leave(id, []))
    assert.equal(yield* ask(b, (store) => store.enter(entry)), "Gone")
    yield* world.advance("20 seconds")
    assert.deepEqual(told.shape(), ["Snapshot"])
    assert.deepEqual(yield* names(a), ["peer-1", "peer-2"])
  })
