/** Chat on Redis: a slot per room, and one for the index of all; one script for each step. */
import type { BackendError } from "@troupe/core/BackendError"
import * as Chat from "@troupe/core/Chat"
import { ChatStore, graveMs, pageSize, pruneMs, sweepPage } from "@troupe/core/ChatStore"
import { renamed } from "@troupe/core/Link"
import * as Name from "@troupe/core/Name"
import type { PeerRegistry } from "@troupe/core/PeerRegistry"
import { Wire } from "@troupe/core/Wire"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import { ConnectionTypeId } from "./internal/Connection.ts"
import * as Keys from "./internal/Keys.ts"
import {
  actionArgs,
  areEndings,
  bookmarkOf,
  endingArgs,
  graceOf,
  historyOf,
  placeOf,
  sayArgs,
  scripted,
  type Speaker
} from "./internal/Rooms.ts"
import type * as Script from "./internal/Script.ts"
import { RedisClient } from "./RedisClient.ts"

/** Where Chat keeps its rooms, for those that share the RedisClient's server, database and prefix. */
export const store: Layer.Layer<ChatStore, never, RedisClient> = Layer.effect(
  ChatStore,
  Effect.gen(function* () {
    const client = yield* RedisClient
    const connection = client[ConnectionTypeId]
    const { server } = yield* Wire
    const keys = Keys.rooms(connection.keyPrefix)
    const base = (yield* Random.nextIntBetween(0, 2 ** 52)).toString(36)
    let epochs = 0
    const speakers = new Map<string, Speaker>()
    const fresh = (): string => `${base}.${(epochs += 1).toString(36)}`
    const on = (room: string) => ({ room: keys.room(room), meta: keys.meta(room) })
    const call = <K, Args, Reply>(
      operation: string,
      script: Script.Script<K, Args, Reply>,
      keys: K,
      args: Args
    ): Effect.Effect<Reply, BackendError> => connection.call(script, { service: "Chat", operation, keys, args })
    const inIndex = <Args, Reply>(
      operation: string,
      script: Script.Script<typeof keys.index, Args, Reply>,
      args: Args
    ): Effect.Effect<Reply, BackendError> => call(operation, script, keys.index, args)

    return ChatStore.of({
      create: (room, listed) => call("create", scripted.create, on(room), { fresh: fresh(), listed }),
      destroy: (room, by) =>
        call("destroy", scripted.destroy, on(room), { fresh: fresh(), publisher: Name.encode(by.name) }),
      act: (room, keep, by, actions) => {
        const operation = actions[0]?._tag.toLowerCase() ?? "say"
        const args = { fresh: fresh(), publisher: Name.encode(by.name), grace: graceOf(keep) }
        if (areEndings(actions)) {
          return call(operation, scripted.leave, on(room), { ...args, actions: endingArgs(actions) })
        }
        const act = (patienceMs?: number) =>
          connection.call(scripted.act, {
            service: "Chat",
            operation,
            keys: on(room),
            args: { ...args, ...historyOf(keep), peer: Name.encode(by.id), actions: actionArgs(actions) },
            patienceMs
          })
        const words = sayArgs(by, actions, speakers)
        if (words === undefined) return act()
        const since = performance.now()
        const say = call(operation, scripted.say, on(room), { ...args, ...historyOf(keep), ...words })
        // Nothing was said: which of them may not be is act's to tell, in the time that is left.
        return Effect.flatMap(say, (said) =>
          said === undefined
            ? act(Math.max(1, connection.commandTimeoutMs - (performance.now() - since)))
            : Effect.succeed(said(actions.length))
        )
      },
      look: (room) => call("count", scripted.look, on(room), { fresh: fresh() }),
      seats: (room, cursor) => call("members", scripted.seats, on(room), { fresh: fresh(), cursor }),
      read: (room, keep, from, limit) =>
        call("events", scripted.read, on(room), { fresh: fresh(), ...historyOf(keep), ...placeOf(from), limit }),
      words: (room, keep, from, limit) =>
        call("history", scripted.words, on(room), { fresh: fresh(), ...historyOf(keep), ...bookmarkOf(from), limit }),
      sweep: (room, dead, by) =>
        call("sweep", scripted.sweep, on(room), {
          fresh: fresh(),
          publisher: Name.encode(by.name),
          dead: dead === undefined ? "" : Name.encode(dead),
          grave: graveMs,
          page: sweepPage
        }),
      holders: (room, by, cursor) =>
        call("audit", scripted.holders, on(room), {
          fresh: fresh(),
          peer: Name.encode(by.id),
          after: cursor,
          count: pageSize,
          most: mostPeers
        }),
      servers: (rooms) =>
        Effect.suspend(() => {
          const places = rooms.map((room) => connection.place(keys.room(room)))
          const one = (room: string) => Effect.option(call("audit", scripted.server, on(room), { fresh: fresh() }))
          // A room of each is enough to know.
          const firsts = new Map<object, string>()
          for (const [i, place] of places.entries()) if (!firsts.has(place)) firsts.set(place, rooms[i]!)
          const asked = Effect.forEach(firsts.values(), one, { concurrency: "unbounded" })
          return Effect.map(asked, (runs) => {
            const found = new Map([...firsts.keys()].map((place, i) => [place, Option.getOrUndefined(runs[i]!)]))
            return places.map((place) => found.get(place))
          })
        }),

      list: (room) => inIndex("create", scripted.list, { room }),
      unlist: (room, stamp) => inIndex("destroy", scripted.unlist, { room, stamp }),
      prune: (rooms) => inIndex("rooms", scripted.prune, { age: pruneMs, rooms }),
      rooms: (cursor) => inIndex("rooms", scripted.rooms, { after: cursor, count: pageSize }),
      enter: (peer, rooms) =>
        inIndex("join", scripted.enter, { fresh: fresh(), peer: Name.encode(peer), grave: graveMs, rooms }),
      exit: (peer, rooms) => inIndex("leave", scripted.exit, { peer: Name.encode(peer), rooms }),
      bury: (peer) => inIndex("sweep", scripted.bury, { peer: Name.encode(peer), grave: graveMs, count: pageSize }),
      peers: Effect.suspend(() => inIndex("sweep", scripted.peers, { count: mostPeers })),

      connect: (listener) =>
        renamed((listener) => connection.link("Chat", listener), listener, { to: keys.room, from: keys.nameOf }),
      commandTimeoutMs: connection.commandTimeoutMs,
      positionCheckMs: server === undefined ? connection.positionCheckMs : 30_000,
      immortal: false
    })
  })
)

/** Chat for one peer of those that share the RedisClient's server, database and prefix, with the life of that peer's registry. */
export const layer: Layer.Layer<Chat.Chat, never, RedisClient | PeerRegistry> = Layer.provide(Chat.layer, store)

// -- internals ----------------------------------------------------------------------------------------------------

/** As many as `peers` gives, and `holders`. */
const mostPeers = 10_000
