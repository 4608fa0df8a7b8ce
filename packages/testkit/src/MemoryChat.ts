/** Chat in memory: for tests, and for a single process. What the peers share lives in the MemoryBackend. */
import * as Chat from "@troupe/core/Chat"
import { ChatStore } from "@troupe/core/ChatStore"
import * as Frame from "@troupe/core/Frame"
import { renamed } from "@troupe/core/Link"
import type { PeerRegistry } from "@troupe/core/PeerRegistry"
import { Wire } from "@troupe/core/Wire"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Index from "./internal/rooms/Index.ts"
import * as Pages from "./internal/rooms/Pages.ts"
import { turn as turnOf, type Turn } from "./internal/rooms/Room.ts"
import * as Rooms from "./internal/rooms/Rooms.ts"
import * as Steps from "./internal/rooms/Steps.ts"
import { MemoryBackend } from "./MemoryBackend.ts"

/** The store alone, for what speaks to it past the policy: tests of stores. */
export const store: Layer.Layer<ChatStore, never, MemoryBackend> = Layer.effect(
  ChatStore,
  Effect.gen(function* () {
    const backend = yield* MemoryBackend
    const wire = yield* Wire
    // Outside worlds a peer of this process cannot die without closing its scope.
    const immortal = wire.server === undefined
    const rooms = backend.state("Chat", Rooms.make, { evict: Rooms.evict })
    const base = (yield* Random.nextIntBetween(0, 2 ** 47)).toString(36)
    let epochs = 0
    const fresh = (): string => `${base}.${(epochs += 1).toString(36)}`
    const request = <A>(operation: string, adds: boolean, step: (all: Rooms.Rooms, server: Rooms.Server) => A) =>
      backend.request(wire, { service: "Chat", operation, adds }, (now, run) => step(rooms(), { now, run, fresh }))
    const push = (room: string, { added, at, publisher }: Turn): void => {
      const first = added[0]
      if (first === undefined) return
      const header = Frame.header(first.epoch, first.sequence, at, publisher)
      backend.publish(
        topic(room),
        Frame.encode(
          header,
          added.map(({ payload }) => payload)
        )
      )
    }
    /** One step on a room that exists, and one frame of all that it logs. */
    const move = <A>(operation: string, adds: boolean, room: string, publisher: string, step: (turn: Turn) => A) =>
      request(operation, adds, (all, server) => {
        const found = Rooms.open(all, room, server)
        if (found === undefined) return undefined
        const turn = turnOf(found, server.now, publisher)
        const answer = step(turn)
        push(room, turn)
        return answer
      })
    return ChatStore.of({
      create: (room, listed) => request("create", true, (all, server) => Rooms.create(all, room, listed, server)),
      destroy: (room, by) =>
        request("destroy", false, (all, server) => {
          const found = Rooms.open(all, room, server)
          if (found === undefined) return undefined
          const turn = turnOf(found, server.now, by.name)
          const listed = Steps.destroy(turn)
          if (immortal) Rooms.end(all, room, server.now)
          push(room, turn)
          return listed
        }),
      act: (room, keep, by, actions) => {
        const adds = actions.some(({ _tag }) => _tag === "Join" || _tag === "Update" || _tag === "Say")
        return Effect.map(
          move(actions[0]?._tag.toLowerCase() ?? "act", adds, room, by.name, (turn) =>
            Steps.act(turn, keep, by, actions)
          ),
          (acted) => acted ?? { outcomes: undefined, origin: undefined, dueInMs: undefined }
        )
      },
      look: (room) => move("count", false, room, nobody, Steps.look),
      seats: (room, cursor) => move("members", false, room, nobody, (turn) => Steps.seats(turn, cursor)),
      read: (room, keep, from, limit) =>
        request("events", false, (all, server) => {
          const found = Rooms.find(all, room, server)
          return found === undefined
            ? Pages.nothing(from, server.now)
            : Pages.read(found, keep, from, limit, server.now)
        }),
      words: (room, keep, from, limit) =>
        move("history", false, room, nobody, ({ now, room }) => Pages.words(room, keep, from, limit, now)),
      sweep: (room, dead, by) =>
        request("sweep", false, (all, server) => {
          const found = Rooms.open(all, room, server)
          if (found === undefined) {
            Rooms.fence(all, room, dead, server)
            return { left: 0, origin: undefined, dueInMs: undefined }
          }
          const turn = turnOf(found, server.now, by.name)
          const swept = Steps.sweep(turn, dead)
          push(room, turn)
          return swept
        }),
      holders: (room, by, cursor) => move("audit", false, room, nobody, (turn) => Steps.holders(turn, by, cursor)),
      servers: (rooms) =>
        Effect.map(Effect.option(request("audit", false, (_, { run }) => run)), (run) =>
          rooms.map(() => Option.getOrUndefined(run))
        ),
      list: (room) => request("create", true, ({ index }, { now }) => Index.list(index, room, now)),
      unlist: (room, stamp) => request("destroy", false, ({ index }) => Index.unlist(index, room, stamp)),
      prune: (rooms) => request("rooms", false, ({ index }, { now }) => Index.prune(index, rooms, now)),
      rooms: (cursor) => request("rooms", false, ({ index }) => Index.rooms(index, cursor)),
      enter: (peer, rooms) =>
        request("join", true, ({ index }, { now, run }) => Index.enter(index, peer, rooms, now, run, fresh)),
      exit: (peer, rooms) => request("leave", false, ({ index }) => Index.exit(index, peer, rooms)),
      bury: (peer) => request("sweep", false, ({ index }, { now }) => Index.bury(index, peer, now)),
      peers: request("sweep", false, ({ index }) => Index.peers(index)),
      connect: (listener) => renamed((listener) => backend.link(wire, listener), listener, { to: topic, from: roomOf }),
      commandTimeoutMs: 5000,
      // Outside worlds nothing comes between a push and its listener.
      positionCheckMs: immortal ? undefined : 30_000,
      immortal
    })
  })
)

/** Chat for one peer of the backend's cluster, with the life of that peer's registry. */
export const layer: Layer.Layer<Chat.Chat, never, MemoryBackend | PeerRegistry> = Layer.provide(Chat.layer, store)

// -- internals ----------------------------------------------------------------------------------------------------

/** In whose name those are let go whose time has come while somebody only looked. */
const nobody = "-"

const prefix = "Chat "
const topic = (room: string): string => prefix + room
const roomOf = (topic: string): string => topic.slice(prefix.length)
