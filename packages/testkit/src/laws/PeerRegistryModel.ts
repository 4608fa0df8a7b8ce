/**
 * PeerRegistry as a game of any length: operations that say all they do, and what a world answers to them. Two backends
 * that keep the laws give the same answers to the same game.
 *
 * Heartbeats come at their own times, and who hears first is nobody's promise. So a fault is either over before anyone
 * can be suspected of it or lasts until everyone has judged it, every operation is lived through to its end, and what
 * depends on the moment alone (which candidate is first, when somebody was last seen) is not told.
 */
import * as PeerRegistry from "@troupe/core/PeerRegistry"
import * as Arbitrary from "effect/Arbitrary"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { on, type Peer } from "../internal/meeting.ts"
import type { World } from "../World.ts"

const below = (limit: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: limit - 1 }))
const peer = below(6)
const name = below(2)
const long = Schema.Boolean

const Operation = Schema.Union([
  Schema.TaggedStruct("Spawn", { name: below(3) }),
  Schema.TaggedStruct("Stop", { peer }),
  Schema.TaggedStruct("Crash", { peer }),
  Schema.TaggedStruct("Freeze", { peer, long }),
  Schema.TaggedStruct("Cut", { peer, long }),
  Schema.TaggedStruct("Update", { peer, lost: Schema.Literals(["", "applied", "not applied"]) }),
  Schema.TaggedStruct("List", { peer }),
  Schema.TaggedStruct("Leader", { peer, name }),
  Schema.TaggedStruct("Lead", { peer, name }),
  Schema.TaggedStruct("End", { name }),
  Schema.TaggedStruct("Away", { long }),
  Schema.TaggedStruct("Step", { back: Schema.Boolean }),
  Schema.TaggedStruct("Full", { on: below(4) }),
  Schema.TaggedStruct("Forget", { really: below(3) })
])
export type Operation = typeof Operation.Type

/** Games of thirty operations and more. */
export const games: Arbitrary.Arbitrary<ReadonlyArray<Operation>> = Arbitrary.array(Arbitrary.schema(Operation), {
  minLength: 30,
  maxLength: 40
})

/** At most as many peers live at a time. */
const maxPeers = 6

/** Plays it; gives every answer and everything that was told, as comparable text. */
export const play = Effect.fnUntraced(function* (
  world: World<PeerRegistry.PeerRegistry>,
  game: ReadonlyArray<Operation>
) {
  const told: Array<unknown> = []
  const peers: Array<Peer> = []
  const ids = new Map<PeerRegistry.PeerId, number>()
  const led = [0, 1].map(() => ({ ends: new Set<() => void>(), last: 0n }))
  let updates = 0

  // Ids are random: what counts is which are the same.
  const who = (id: PeerRegistry.PeerId): number => {
    const number = ids.get(id) ?? ids.size
    ids.set(id, number)
    return number
  }
  const shown = ({ id, metadata, name, state }: PeerRegistry.Peer) =>
    `${name}/${who(id)} ${state} ${JSON.stringify(metadata)}`
  const happened = (event: PeerRegistry.PeerEvent) =>
    event._tag === "Snapshot"
      ? `${event.version} Snapshot ${event.peers.map(shown).join(", ")}`
      : `${event.version} ${event._tag} ${event._tag === "Left" ? event.reason : ""} ${shown(event.peer)}`

  const spawn = Effect.fnUntraced(function* (name: string) {
    const spawned = yield* Effect.exit(world.spawn({ name }))
    if (Exit.isFailure(spawned)) return void told.push(refused(spawned.cause))
    const events: Array<string> = []
    const listen = on(spawned.value, (registry) =>
      Stream.runForEach(registry.events, (event) => Effect.sync(() => events.push(happened(event))))
    )
    peers.push(spawned.value)
    told.push(events)
    yield* Effect.forkScoped(Effect.ignore(listen), { startImmediately: true })
  })
  const lead = (peer: Peer, name: number) => {
    const body = ({ fence }: PeerRegistry.Term) =>
      Effect.callback<void>((resume) => {
        const { ends, last } = led[name]!
        told.push(`${name} is led ${ends.size === 0 && fence > last ? "" : "by two"}`)
        led[name]!.last = fence
        const end = () => resume(Effect.void)
        ends.add(end)
        return Effect.sync(() => ends.delete(end))
      })
    return Effect.forkScoped(Effect.exit(on(peer, (registry) => registry.lead(`leader ${name}`, body))))
  }
  const ask = <A>(peer: Peer, call: (registry: PeerRegistry.Service) => Effect.Effect<A, unknown>) =>
    Effect.map(Effect.exit(world.complete(on(peer, call))), (exit) => {
      told.push(Exit.isSuccess(exit) ? exit.value : refused(exit.cause))
    })

  yield* spawn("web-0")
  yield* spawn("web-1")
  for (const operation of game) {
    const at = "peer" in operation ? operation.peer % peers.length : 0
    const peer = peers[at]!
    const duration = "long" in operation && operation.long ? "30 seconds" : "2 seconds"
    switch (operation._tag) {
      case "Spawn":
        if (peers.length < maxPeers) yield* spawn(`web-${operation.name}`)
        break
      case "Stop":
      case "Crash":
        if (peers.length === 1) break
        peers.splice(at, 1)
        yield* operation._tag === "Stop" ? peer.stop : Effect.andThen(peer.crash, world.advance("30 seconds"))
        break
      case "Freeze":
        yield* peer.freeze
        yield* world.advance(duration)
        yield* peer.thaw
        break
      case "Cut":
        yield* peer.cut
        yield* world.advance(duration)
        yield* peer.heal
        break
      case "Update": {
        if (operation.lost !== "") yield* peer.loseAnswer(operation.lost)
        yield* ask(peer, (registry) => registry.updateMetadata({ n: `${(updates += 1)}` }))
        break
      }
      case "List":
        yield* ask(peer, (registry) => Effect.map(registry.list, (all) => all.map(shown)))
        break
      case "Leader":
        yield* ask(peer, (registry) => Effect.map(registry.leader(`leader ${operation.name}`), Option.isSome))
        break
      case "Lead":
        yield* lead(peer, operation.name)
        break
      case "End":
        for (const end of [...led[operation.name]!.ends]) end()
        break
      case "Away":
        yield* world.store.stop
        yield* world.advance(duration)
        yield* world.store.start
        break
      case "Step":
        yield* world.store.stepClock(operation.back ? "-1 minute" : "1 minute")
        break
      case "Full":
        yield* world.store.full(operation.on === 0)
        break
      case "Forget":
        if (operation.really === 0) yield* world.store.forget
    }
    yield* world.advance("5 seconds")
  }
  yield* world.store.full(false)
  yield* world.advance("40 seconds")
  for (const peer of peers) yield* ask(peer, (registry) => Effect.map(registry.list, (all) => all.map(shown)))
  // Who ends later than others hears them go: that is no answer any more.
  return structuredClone(told)
})

const refused = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return error instanceof Error && "reason" in error && "outcome" in error && error.reason instanceof Error
    ? `refused: ${"_tag" in error.reason ? String(error.reason._tag) : ""} ${String(error.outcome)}`
    : String(error)
}
