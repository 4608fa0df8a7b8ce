/** Whose places are ended, and whose are not, as far as the registry has changed its mind. */
import { describe, expect, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as EffectPubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { Sweeper } from "../src/internal/chat/Sweeper.ts"
import { type Peer, type PeerEvent, PeerId } from "../src/PeerRegistry.ts"

const peer: Peer = {
  id: PeerId.make("ada-1"),
  name: "ada",
  metadata: {},
  joinedAt: DateTime.makeUnsafe(0),
  lastSeenAt: DateTime.makeUnsafe(0),
  state: "Live"
}

/** One that hears these events of a peer that is there now, and what it has asked of the store by then. */
const make = Effect.fnUntraced(function* (events: ReadonlyArray<PeerEvent>) {
  const asked: Array<string> = []
  const said = yield* EffectPubSub.unbounded<PeerEvent>({ replay: events.length })
  yield* EffectPubSub.publishAll(said, events)
  const context = yield* Effect.context()
  const sweeper = new Sweeper({
    store: {
      bury: (peer) => Effect.sync(() => (asked.push(`bury ${peer}`), [])),
      enter: (peer, rooms) =>
        Effect.sync(() => (asked.push(`enter ${peer} ${rooms.join()}`), { gone: false, life: "" })),
      exit: () => Effect.void,
      peers: Effect.succeed([]),
      sweep: (room, dead) =>
        Effect.sync(() => (asked.push(`sweep ${room} ${dead}`), { left: 0, dueInMs: undefined, origin: undefined }))
    },
    registry: {
      events: Stream.fromPubSub(said),
      get: () => Effect.succeed(Option.some(peer)),
      list: Effect.succeed([peer])
    },
    asking: Effect.succeed({ id: "grace-1", name: "grace" }),
    adopt: () => Effect.void,
    remember: () => {},
    fork: (effect) => void Effect.runForkWith(context)(effect),
    onSwept: () => {}
  })
  yield* Effect.forkScoped(sweeper.run)
  yield* TestClock.adjust("10 seconds")
  return { asked, sweeper }
})

const left: PeerEvent = { _tag: "Left", version: 2, peer, reason: "Crashed" }

describe("a peer that was gone", () => {
  it.effect("is swept from a room that has places of it after all", () =>
    Effect.gen(function* () {
      const { asked, sweeper } = yield* make([left])
      expect(asked).toEqual([`bury ${peer.id}`])
      expect(yield* sweeper.isDoubtful(peer.id)).toBe(true)
      yield* sweeper.holders("room", [peer.id])
      expect(asked.slice(1)).toEqual([`sweep room ${peer.id}`])
    })
  )

  for (const again of [
    { _tag: "Joined", version: 3, peer },
    { _tag: "Snapshot", version: 1, peers: [peer] }
  ] satisfies ReadonlyArray<PeerEvent>)
    it.effect(`and is there again (${again._tag}), for the registry has lost its book, keeps its places`, () =>
      Effect.gen(function* () {
        const { asked, sweeper } = yield* make([left, again])
        expect(asked).toEqual([`bury ${peer.id}`])
        expect(yield* sweeper.isDoubtful(peer.id)).toBe(false)
        yield* sweeper.holders("room", [peer.id])
        expect(asked.slice(1)).toEqual([])
      })
    )
})
