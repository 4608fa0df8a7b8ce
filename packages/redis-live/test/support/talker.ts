/** Chat as its tests of faults use it: one peer with places in rooms, in this process or in one of its own. */
import * as Chat from "@troupe/core/Chat"
import * as LocalPeer from "@troupe/core/LocalPeer"
import * as PeerRegistry from "@troupe/core/PeerRegistry"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as RedisChat from "../../src/RedisChat.ts"
import * as RedisClient from "../../src/RedisClient.ts"
import * as RedisPeerRegistry from "../../src/RedisPeerRegistry.ts"
import * as Timing from "../../src/internal/Timing.ts"

/** Of every peer's registry, ms. */
export const times = { heartbeat: 500, suspectAfter: 2_000, downAfter: 6_000 }
/** When the last of a crashed peer's places has ended, ms (H4): P3's bound, and a sweep. A room's grace comes on top. */
export const goneMs = times.downAfter + times.heartbeat + 5_000
export const graceMs = 1_500

/** A room whose name begins with "graced" has a grace, one that begins with "kept" a history. */
export const roomOf = (name: string): Chat.Room<string> =>
  Chat.room(name, {
    message: Schema.String,
    ...(name.startsWith("graced") ? { leaveGrace: graceMs } : {}),
    ...(name.startsWith("kept") ? { history: { size: 10_000, timeToLive: "1 hour" } } : {})
  })

interface Tagged {
  readonly _tag: string
}

/** `RoomExists`, or of what failed below: `Disconnected Unknown`. */
const told = (error: Tagged | Effect.Error<Effect.Effect<never, Chat.SayError>>): string =>
  "outcome" in error ? `${error.reason._tag} ${error.outcome}` : error._tag

/** What became of it, in words. */
const said = <R>(effect: Effect.Effect<unknown, Tagged, R>, word: string): Effect.Effect<string, never, R> =>
  Effect.match(effect, { onFailure: told, onSuccess: () => word })

/** What is asked of a peer, wherever it runs; each answers with what became of it. */
export interface Commands {
  readonly create: (room: string) => Effect.Effect<string>
  readonly destroy: (room: string) => Effect.Effect<string>
  /** All at once. */
  readonly join: (room: string, ids: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<string>>
  readonly say: (room: string, id: string, text: string) => Effect.Effect<string>
  readonly leave: (room: string, ids: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<string>>
  /** Ends the scopes of these places. */
  readonly part: (room: string, ids: ReadonlyArray<string>) => Effect.Effect<void>
  /** Who has a place in the room that was made here, and has not ended as far as is known here. */
  readonly open: (room: string) => Effect.Effect<ReadonlyArray<string>>
}

export interface Options {
  readonly name: string
  readonly prefix: string
  readonly client: RedisClient.RedisOptions
  readonly timing?: Partial<Timing.Timing> | undefined
}

interface Place {
  readonly membership: Chat.Membership<string, void>
  readonly scope: Scope.Closeable
}

/** What a listener heard: `J a`, `U a`, `L Crashed a`, `S a hello`, `D`, `Gap HistoryTrimmed`, and, where it ended, `.`. */
const heardAs = (event: Chat.RoomEvent<string, void>): string => {
  switch (event._tag) {
    case "Said":
      return `S ${event.from} ${event.message}`
    case "Joined":
      return `J ${event.member.id}`
    case "Updated":
      return `U ${event.member.id}`
    case "Left":
      return `L ${event.reason} ${event.member.id}`
    case "Destroyed":
      return "D"
    case "Gap":
      return `Gap ${event.reason}`
  }
}

/** A peer in this process, until the scope closes. */
export const make = Effect.fnUntraced(function* ({ client, name, prefix, timing }: Options) {
  const outer = yield* Scope.fork(yield* Effect.scope)
  const layer = Layer.provideMerge(RedisChat.layer, RedisPeerRegistry.layer(times)).pipe(
    Layer.provide(RedisClient.layer({ ...client, prefix })),
    Layer.provide([
      LocalPeer.layer(name),
      Logger.layer([]),
      Layer.succeed(Timing.Timing, { ...Timing.defaults, ...timing })
    ]),
    Layer.fresh
  )
  // On a busy machine an attempt may take too long.
  const context = yield* Effect.retry(Scope.provide(Layer.build(layer), outer), { times: 5 })
  const chat = Context.get(context, Chat.Chat)
  const registry = Context.get(context, PeerRegistry.PeerRegistry)
  const rooms = new Map<string, Map<string, Place>>()
  const places = (room: string) => {
    const known = rooms.get(room) ?? new Map<string, Place>()
    rooms.set(room, known)
    return known
  }
  const joinOne = (room: string, id: string) =>
    Effect.gen(function* () {
      const scope = yield* Scope.fork(outer)
      const membership = yield* Scope.provide(chat.join(roomOf(room), { id }), scope)
      places(room).set(id, { membership, scope })
    })
  const each = <A>(ids: ReadonlyArray<string>, one: (id: string) => Effect.Effect<A>) =>
    Effect.forEach(ids, one, { concurrency: "unbounded" })
  const take = (room: string, id: string) => {
    const place = places(room).get(id)
    places(room).delete(id)
    return place
  }
  const commands: Commands = {
    create: (room) => said(chat.create(roomOf(room)), "Created"),
    destroy: (room) => said(chat.destroy(roomOf(room)), "Destroyed"),
    join: (room, ids) => each(ids, (id) => said(joinOne(room, id), "Joined")),
    say: (room, id, text) =>
      Effect.tap(said(places(room).get(id)?.membership.say(text) ?? Effect.fail({ _tag: "NoPlace" }), "Said"), (word) =>
        Effect.sync(() => word === "NotMember" && take(room, id))
      ),
    leave: (room, ids) => each(ids, (id) => said(take(room, id)?.membership.leave ?? Effect.void, "Left")),
    part: (room, ids) =>
      Effect.asVoid(
        each(ids, (id) => {
          const place = take(room, id)
          return place === undefined ? Effect.void : Scope.close(place.scope, Exit.void)
        })
      ),
    open: (room) => Effect.sync(() => [...places(room).keys()])
  }
  /** From now on. */
  const listen = Effect.fnUntraced(function* (room: string) {
    const heard: Array<string> = []
    const events = yield* Scope.provide(chat.events(roomOf(room)), outer)
    const keep = Stream.runForEach(events, (event) => Effect.sync(() => heard.push(heardAs(event))))
    const ended = (exit: Exit.Exit<void, unknown>) =>
      Effect.sync(() => heard.push(Exit.isSuccess(exit) ? "." : "failed"))
    yield* Scope.provide(Effect.forkScoped(Effect.ignore(Effect.onExit(keep, ended))), outer)
    return heard
  })
  /** Who is there, as presence says last. */
  const watch = Effect.fnUntraced(function* (room: string) {
    let last: ReadonlyArray<string> | undefined
    const keep = Stream.runForEach(chat.presence(roomOf(room)), (members) =>
      Effect.sync(() => (last = [...HashMap.keys(members)].toSorted()))
    )
    yield* Scope.provide(Effect.forkScoped(Effect.ignore(keep)), outer)
    return () => last
  })
  return {
    ...commands,
    name,
    chat,
    registry,
    listen,
    watch,
    members: (room: string) =>
      Effect.map(chat.members(roomOf(room)), (members) => members.map(({ id }) => id).toSorted()),
    count: (room: string) => chat.count(roomOf(room)),
    /** Its states, by name. */
    peers: Effect.map(
      Effect.option(registry.list),
      (peers) => new Map(Option.getOrElse(peers, () => []).map((peer) => [peer.name, peer.state]))
    ),
    close: Scope.close(outer, Exit.void)
  }
})

export type Talker = Effect.Success<ReturnType<typeof make>>
