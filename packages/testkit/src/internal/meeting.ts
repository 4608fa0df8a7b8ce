/** How the laws of PeerRegistry speak: who calls, what its events told, who led when. */
import * as PeerRegistry from "@troupe/core/PeerRegistry"
import { PeerRegistryStore } from "@troupe/core/PeerRegistryStore"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as assert from "node:assert/strict"
import type { Node, World } from "../World.ts"
import { check } from "./listening.ts"

export type Peer = Node<PeerRegistry.PeerRegistry>
type Worlds = World<PeerRegistry.PeerRegistry>

/** Peers that know each other. */
export const two = Effect.fnUntraced(function* (world: Worlds) {
  const peers: readonly [Peer, Peer] = [yield* world.spawn(), yield* world.spawn()]
  yield* world.advance(0)
  return peers
})
export const three = Effect.fnUntraced(function* (world: Worlds) {
  const peers: readonly [Peer, Peer, Peer] = [...(yield* two(world)), yield* world.spawn()]
  yield* world.advance(0)
  return peers
})

export const on = <A, E, R>(peer: Peer, use: (registry: PeerRegistry.Service) => Effect.Effect<A, E, R>) =>
  Effect.provide(Effect.flatMap(PeerRegistry.PeerRegistry, use), peer.context)

export const self = (peer: Peer) => on(peer, (registry) => registry.self)
export const list = (peer: Peer) => on(peer, (registry) => registry.list)
export const names = (peer: Peer) => Effect.map(list(peer), (peers) => peers.map(({ name }) => name))
export const update = (peer: Peer, metadata: Readonly<Record<string, string>>) =>
  on(peer, (registry) => registry.updateMetadata(metadata))

/** Keeps what a peer's events tell. */
export const listen = (peer: Peer) => {
  const events: Array<PeerRegistry.PeerEvent> = []
  const run = on(peer, (registry) =>
    Stream.runForEach(registry.events, (event) => Effect.sync(() => events.push(event)))
  )
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

export interface Led {
  readonly peer: string
  readonly fence: bigint
  readonly from: number
  until: number | undefined
}

/** Lets each of them campaign, and notes who leads when. `end` ends the body that runs. */
export const campaignAll = (world: Worlds, peers: ReadonlyArray<Peer>, name = "boss") => {
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
  return Effect.as(
    Effect.forEach(peers, (peer) => Effect.forkScoped(Effect.exit(campaign(peer)))),
    {
      terms,
      returned,
      end: () => {
        for (const end of [...ends]) end()
        ends.clear()
      }
    }
  )
}

export const assertOneAtATime = (terms: ReadonlyArray<Led>) => {
  for (const [i, { fence, from }] of terms.entries()) {
    const before = terms[i - 1]
    assert.ok(before === undefined || (before.until !== undefined && before.until <= from && before.fence < fence))
  }
}

/** There are that many terms, within that much time. */
export const leads = (
  world: Worlds,
  { terms }: { readonly terms: ReadonlyArray<Led> },
  count: number,
  within?: Duration.Input
) =>
  world.eventually(
    check(() => assert.equal(terms.length, count)),
    within
  )

/** That is what the events told last, within that much time. */
export const tells = (
  world: Worlds,
  told: { readonly shape: () => ReadonlyArray<string> },
  last: string,
  within?: Duration.Input
) =>
  world.eventually(
    check(() => assert.equal(told.shape().at(-1), last)),
    within
  )

/** These are the names that this peer lists, within that much time. */
export const lists = (world: Worlds, peer: Peer, expected: ReadonlyArray<string>, within?: Duration.Input) =>
  world.eventually(
    Effect.map(names(peer), (all) => assert.deepEqual(all, expected)),
    within
  )

/** Whose term that is. */
export const whose = (peers: ReadonlyArray<Peer>, term: Led | undefined): Peer => {
  const peer = peers.find(({ name }) => name === term?.peer)
  assert.ok(peer !== undefined, "nobody led")
  return peer
}

/** Holds within that much time. */
export const eventually = (world: Worlds, assertion: () => void, within?: Duration.Input) =>
  world.eventually(check(assertion), within)

/** A store that was asked: nothing may be sent. */
class Nobody extends Error {
  readonly _tag = "Nobody"
}
const asked = Effect.suspend(() => Effect.die(new Nobody()))
export const nobody = Layer.succeed(PeerRegistryStore, {
  beat: () => asked,
  enter: () => asked,
  page: () => asked,
  update: () => asked,
  leave: () => asked,
  terms: () => asked,
  leader: () => asked,
  connect: () => asked,
  immortal: false
})
