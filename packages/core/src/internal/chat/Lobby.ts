/** The service above a store: its rooms on this peer, and what lives with them. */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Metric from "effect/Metric"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type { BackendError } from "../../BackendError.ts"
import type { Middleware, Room, Service } from "../../Chat.ts"
import type { Asking, Service as Store } from "../../ChatStore.ts"
import { LocalPeer } from "../../LocalPeer.ts"
import * as Metrics from "../../Metrics.ts"
import type { Service as Registry } from "../../PeerRegistry.ts"
import * as Hub from "../pubsub/Hub.ts"
import { Ear, source } from "./Ear.ts"
import { RoomExists, RoomNotFound } from "./errors.ts"
import { Hooks } from "./Hooks.ts"
import * as Limits from "./Limits.ts"
import { Places } from "./Places.ts"
import { Reading } from "./Reading.ts"
import { Rooms } from "./Rooms.ts"
import { Sweeper } from "./Sweeper.ts"

export const open = Effect.fnUntraced(function* (
  store: Store,
  registry: Registry
): Effect.fn.Return<Service, never, Scope.Scope> {
  const { name } = yield* LocalPeer
  const context = yield* Effect.context<never>()
  const asking: Effect.Effect<Asking> = Effect.map(registry.self, ({ id }) => ({ id, name }))
  const count = (metric: Metric.Metric<number, unknown>, by: number) => metric.updateUnsafe(by, context)
  const hub = yield* Hub.make(source(store), {
    delivered: () => {},
    gap: (reason) => count(Metric.withAttributes(Metrics.chatGaps, { reason }), 1),
    subscriptions: (rooms) => count(Metrics.chatListening, rooms)
  })
  const run = yield* FiberSet.makeRuntime<never, void, never>()
  const fork = (effect: Effect.Effect<void>): void => void run(effect)
  const rooms = new Rooms({
    store,
    asking,
    registry,
    fork,
    context,
    base: (yield* Random.nextIntBetween(0, 2 ** 52)).toString(36),
    onHolders: (room, peers) => sweeper.holders(room, peers),
    onPlaces: (places) => count(Metrics.chatMembers, places)
  })
  const hooks = new Hooks()
  const sweeper: Sweeper = new Sweeper({
    store,
    registry,
    asking,
    fork,
    adopt: (room, dueInMs) => rooms.adopt(room, dueInMs),
    remember: (room, origin) => rooms.remember(room, origin),
    onSwept: () => {
      rooms.onSwept()
      count(Metrics.chatSwept, 1)
    }
  })
  const places = new Places({
    rooms,
    hooks,
    sweeper,
    peer: name,
    meter: {
      said: () => count(Metrics.chatSaid, 1),
      rejected: (hook) => count(Metric.withAttributes(Metrics.chatRejected, { hook }), 1)
    }
  })
  const reading = new Reading({
    store,
    ear: new Ear(hub, store),
    hooks,
    meter: { heard: (events) => count(Metrics.chatHeard, events) },
    isClosed: () => rooms.isClosed
  })
  yield* Effect.addFinalizer(() => rooms.close)
  yield* Effect.forkScoped(rooms.tell)
  yield* Effect.forkScoped(rooms.audit)
  if (!store.immortal) yield* Effect.forkScoped(rooms.look)
  yield* Effect.forkScoped(sweeper.run)

  const checked = <A, M>(operation: string, room: Room<A, M>): Effect.Effect<unknown, BackendError> =>
    rooms.isClosed ? Effect.fail(Limits.closed(operation)) : Limits.keep(operation, room)

  const create: Service["create"] = Effect.fn("Chat.create")(function* (room) {
    yield* checked("create", room)
    const by = yield* asking
    // In the list first: whatever becomes of this call, no room is that is not in it.
    const stamp = yield* store.list(room.name)
    if (!(yield* store.create(room.name, stamp, by))) return yield* new RoomExists({ room: room.name })
  })

  const destroy: Service["destroy"] = Effect.fn("Chat.destroy")(function* (room) {
    yield* checked("destroy", room)
    const stamp = yield* Effect.flatMap(asking, (by) => store.destroy(room.name, by))
    if (stamp === undefined) return yield* new RoomNotFound({ room: room.name })
    // Whoever lists the rooms takes out what is left in the list.
    yield* Effect.ignore(store.unlist(room.name, stamp))
  })

  const use = <A, M, R>(
    room: Room<A, M>,
    middleware: Middleware<A, M, R>
  ): Effect.Effect<void, never, R | Scope.Scope> =>
    Effect.gen(function* () {
      yield* Effect.orDie(Limits.keep("use", room))
      const context = yield* Effect.context<R>()
      yield* Effect.acquireRelease(
        Effect.sync(() => hooks.install(room.name, middleware, context)),
        (remove) => Effect.sync(remove)
      )
    })

  return {
    create,
    destroy,
    exists: reading.exists,
    rooms: reading.rooms,
    join: places.join,
    announce: places.announce,
    remove: places.remove,
    members: reading.members,
    count: reading.count,
    events: reading.events,
    presence: reading.presence,
    poll: reading.poll,
    history: reading.history,
    use
  }
})
