/** How the laws of Chat speak: who is where, what was heard, who was seen. */
import * as Chat from "@troupe/core/Chat"
import type * as PeerRegistry from "@troupe/core/PeerRegistry"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HashMap from "effect/HashMap"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as assert from "node:assert/strict"
import type { Node, World } from "../World.ts"
import { refusal } from "./listening.ts"

export { costOf, turns } from "./sending.ts"

export type Rooms = World<Chat.Chat | PeerRegistry.PeerRegistry>
export type Law = (world: Rooms) => Effect.Effect<void, unknown, Scope.Scope>
export type Peer = Node<Chat.Chat | PeerRegistry.PeerRegistry>

export const Plain = Chat.room("plain", { message: Schema.Int })
export const Kept = Chat.room("kept", { message: Schema.Int, history: { size: 100, timeToLive: "1 hour" } })
export const Short = Chat.room("short", { message: Schema.Int, history: { size: 3, timeToLive: "10 minutes" } })
export const Graced = Chat.room("graced", { message: Schema.Int, leaveGrace: "10 seconds" })
export const Nicks = Chat.room("nicks", { message: Schema.Int, member: Schema.Struct({ nick: Schema.String }) })

/** A crashed peer's members have left by then: its silence, a heartbeat, and the sweep. */
export const swept = "19400 millis"

export const on = <A, E, R>(peer: Peer, use: (chat: Chat.Service) => Effect.Effect<A, E, R>) =>
  Effect.provide(Effect.flatMap(Chat.Chat, use), peer.context)

/** That many peers, who know each other; the first has made the room. */
export const gathered = Effect.fnUntraced(function* <A, M>(world: Rooms, count: 1 | 2 | 3, room: Chat.Room<A, M>) {
  const spawned: Array<Peer> = []
  for (let n = 0; n < count; n++) spawned.push(yield* world.spawn())
  const [a, b = a, c = b] = spawned
  assert.ok(a !== undefined && b !== undefined && c !== undefined)
  yield* world.advance(0)
  yield* create(a, room)
  return [a, b, c] as const
})

export const create = <A, M>(peer: Peer, room: Chat.Room<A, M>) => on(peer, (chat) => chat.create(room))
export const destroy = <A, M>(peer: Peer, room: Chat.Room<A, M>) => on(peer, (chat) => chat.destroy(room))
export const announce = <A, M>(peer: Peer, room: Chat.Room<A, M>, message: A) =>
  on(peer, (chat) => chat.announce(room, "somebody", message))
export const remove = <A, M>(peer: Peer, room: Chat.Room<A, M>, id: string) => on(peer, (chat) => chat.remove(room, id))
export const count = <A, M>(peer: Peer, room: Chat.Room<A, M>) => on(peer, (chat) => chat.count(room))
/** The ids of who is there, in the order they came. */
export const members = <A, M>(peer: Peer, room: Chat.Room<A, M>) =>
  Effect.map(
    on(peer, (chat) => chat.members(room)),
    (members) => members.map(({ id }) => id)
  )
export const history = <A, M>(peer: Peer, room: Chat.Room<A, M>) =>
  Effect.map(
    on(peer, (chat) => chat.history(room)),
    (said) => said.map(({ message }) => message)
  )
export const poll = <A, M>(peer: Peer, room: Chat.Room<A, M>, options?: Chat.PollOptions) =>
  Effect.map(
    on(peer, (chat) => chat.poll(room, options)),
    ({ cursor, lost, said }) => ({ said: said.map(({ message }) => message), cursor, lost })
  )

/** A membership in a scope of its own, which stays open until `end`. */
export const enter = Effect.fnUntraced(function* <A, M>(peer: Peer, room: Chat.Room<A, M>, joining: Chat.Joining<M>) {
  const scope = yield* Scope.make()
  const membership = yield* Effect.onError(
    Scope.provide(
      on(peer, (chat) => chat.join(room, joining)),
      scope
    ),
    () => Scope.close(scope, Exit.void)
  )
  const here = <B, E>(effect: Effect.Effect<B, E>) => Effect.provide(effect, peer.context)
  return {
    member: () => membership.member,
    say: (message: A, dedupeKey?: string) => here(membership.say(message, { dedupeKey })),
    update: (details: M) => here(membership.update(details)),
    leave: here(membership.leave),
    end: here(Scope.close(scope, Exit.void))
  }
})

export type Place = Effect.Success<ReturnType<typeof enter<number, void>>>

/** The same, of a room whose members have no details. */
export const join = <A>(peer: Peer, room: Chat.Room<A>, id: string) => enter(peer, room, { id })

/** Keeps what a room's events tell. */
export const listen = Effect.fnUntraced(function* <A, M>(
  peer: Peer,
  room: Chat.Room<A, M>,
  options?: Chat.EventsOptions
) {
  const events: Array<Chat.RoomEvent<A, M> | { readonly _tag: "End" }> = []
  const stream = yield* on(peer, (chat) => chat.events(room, options))
  const run = Stream.runForEach(stream, (event) => Effect.sync(() => events.push(event)))
  yield* Effect.forkScoped(
    Effect.provide(
      Effect.tap(run, () => Effect.sync(() => events.push({ _tag: "End" }))),
      peer.context
    )
  )
  return {
    events,
    said: () => events.flatMap((event) => (event._tag === "Said" ? [event.message] : [])),
    /** `["Joined x", "Said 1", "Left x Crashed", "Gap HistoryTrimmed 7", "Destroyed", "End"]`. */
    shape: () => events.map(told)
  }
})

export type Heard = Effect.Success<ReturnType<typeof listen>>

const told = (event: Chat.RoomEvent<unknown, unknown> | { readonly _tag: "End" }): string => {
  switch (event._tag) {
    case "Said":
      return `Said ${String(event.message)}`
    case "Joined":
    case "Updated":
      return `${event._tag} ${event.member.id}`
    case "Left":
      return `Left ${event.member.id} ${event.reason}`
    case "Gap":
      return event.missed === undefined ? `Gap ${event.reason}` : `Gap ${event.reason} ${event.missed}`
    default:
      return event._tag
  }
}

/** Keeps whom a room's presence shows: each time their ids. */
export const watch = Effect.fnUntraced(function* <A, M>(peer: Peer, room: Chat.Room<A, M>) {
  const seen: Array<ReadonlyArray<string>> = []
  const run = on(peer, (chat) =>
    Stream.runForEach(chat.presence(room), (members) => Effect.sync(() => seen.push([...HashMap.keys(members)].sort())))
  )
  yield* Effect.forkScoped(run)
  return { seen, now: () => seen.at(-1) }
})

/** That is what was heard, no more and no less, within that much time. */
export const hears = (
  world: Rooms,
  heard: { readonly shape: () => ReadonlyArray<string> },
  shape: ReadonlyArray<string>,
  within?: Duration.Input
) =>
  world.eventually(
    Effect.sync(() => assert.deepEqual(heard.shape(), shape)),
    within
  )

/** Those are who is shown at last. */
export const shows = (
  world: Rooms,
  watched: { readonly now: () => ReadonlyArray<string> | undefined },
  ids: ReadonlyArray<string>,
  within?: Duration.Input
) =>
  world.eventually(
    Effect.sync(() => assert.deepEqual(watched.now(), [...ids].sort())),
    within
  )

/** Those are who is there, whoever is asked. */
export const assertMembers = <A, M>(
  peers: ReadonlyArray<Peer>,
  room: Chat.Room<A, M>,
  ids: ReadonlyArray<string>
): Effect.Effect<void, unknown> =>
  Effect.forEach(
    peers,
    (peer) =>
      Effect.gen(function* () {
        assert.deepEqual([...(yield* members(peer, room))].sort(), [...ids].sort())
        assert.equal(yield* count(peer, room), ids.length)
      }),
    { discard: true }
  )

export const inRoom = <A, M>(
  world: Rooms,
  peers: ReadonlyArray<Peer>,
  room: Chat.Room<A, M>,
  ids: ReadonlyArray<string>,
  within?: Duration.Input
) => world.eventually(assertMembers(peers, room, ids), within)

export type Ordeal = Effect.Success<ReturnType<typeof ordeal>>

/**
 * Puts peers through whatever may befall them while members come and go on them, in an order that the world's seed picks;
 * gives the places that were never given up.
 */
export const ordeal = Effect.fnUntraced(function* (world: Rooms, first: ReadonlyArray<Peer>, room: Chat.Room<number>) {
  const random = yield* Random.Random.pipe(Random.withSeed(`ordeal ${world.seed}`))
  const peers = [...first]
  const open: Array<{ readonly id: string; readonly peer: Peer; readonly place: Place }> = []
  const below = (limit: number) => random.nextIntUnsafe() % limit
  const upTo = (seconds: number) => Effect.suspend(() => world.advance(random.nextDoubleUnsafe() * seconds * 1_000))
  const pick = () => peers[Math.abs(below(peers.length))]!
  for (let n = 0; n < 40; n++) {
    const peer = pick()
    const what = Math.abs(below(20))
    const lost = n % 2 === 0 ? "applied" : "not applied"
    if (what > 16) yield* peer.loseAnswer(lost)
    if (what < 7 || what > 16) {
      const id = `m${n % 6}`
      const exit = yield* Effect.exit(world.complete(join(peer, room, id)))
      if (Exit.isSuccess(exit)) open.push({ id, peer, place: exit.value })
    } else if (what < 10 || what === 16) {
      const [ended] = open.splice(Math.abs(below(open.length + 1)), 1)
      if (what === 16) yield* ended?.peer.loseAnswer(lost) ?? Effect.void
      if (ended !== undefined) yield* world.complete(ended.place.end)
    } else if (what === 10) yield* Effect.andThen(Effect.andThen(peer.cut, upTo(30)), peer.heal)
    else if (what === 11) yield* Effect.andThen(Effect.andThen(peer.freeze, upTo(30)), peer.thaw)
    else if (what === 12) yield* Effect.andThen(Effect.andThen(peer.deaf, upTo(20)), peer.hear)
    else if (what === 13) yield* Effect.andThen(Effect.andThen(world.store.stop, upTo(20)), world.store.start)
    else if (what === 14) yield* peer.cut
    else if (peers.length > 2) {
      yield* peer.crash
      peers.splice(peers.indexOf(peer), 1, yield* world.spawn())
    }
    yield* upTo(3)
    if (n % 4 === 3) for (const peer of peers) yield* peer.heal
  }
  for (const peer of peers) yield* peer.heal
  return { peers, open: open.filter(({ peer }) => peers.includes(peer)) }
})

/** Each of them is refused, and so. */
export const refused = (calls: ReadonlyArray<Effect.Effect<unknown, unknown>>, expected: ReadonlyArray<string>) =>
  Effect.forEach(calls, (call) => Effect.map(refusal(call), (refused) => assert.deepEqual(refused, expected)), {
    discard: true
  })
