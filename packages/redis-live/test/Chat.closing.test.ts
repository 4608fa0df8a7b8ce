/** The end of a process that has places in very many rooms, at a real server: each room hears that its member has left. */
import { describe, expect, it } from "@effect/vitest"
import * as Chat from "@troupe/core/Chat"
import { ChatStore } from "@troupe/core/ChatStore"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { missing } from "../../../scripts/missing.ts"
import * as RedisChat from "../src/RedisChat.ts"
import * as RedisClient from "../src/RedisClient.ts"
import * as RedisPeerRegistry from "../src/RedisPeerRegistry.ts"
import { Proxy } from "./support/Proxy.ts"
import { serve } from "./support/rig.ts"

const rooms = Array.from({ length: 5_000 }, (_, n) => Chat.room(`room ${n}`, { message: Schema.String }))
const keep = { history: undefined, leaveGraceMs: 0 }
const inParallel = { concurrency: 256 }

/** Of so many rooms the last thing that happened there, once the peer who was in them has closed; and who is in the index. */
const ended = Effect.fnUntraced(function* (prefix: string) {
  const server = yield* serve
  const proxy = yield* Effect.acquireRelease(
    Effect.promise(() => Proxy.start(server)),
    (proxy) => Effect.promise(() => proxy.stop())
  )
  const client = RedisClient.layer({ url: proxy.url, prefix })
  const peer = yield* Scope.make()
  const chat = Context.get(
    yield* Layer.buildWithScope(
      Layer.provideMerge(RedisChat.layer, RedisPeerRegistry.layer()).pipe(Layer.provide(Layer.fresh(client))),
      peer
    ),
    Chat.Chat
  )
  const store = Context.get(yield* Layer.build(Layer.provide(RedisChat.store, Layer.fresh(client))), ChatStore)
  const come = (room: Chat.Room<string>) => Effect.andThen(chat.create(room), chat.join(room, { id: "x" }))
  yield* Effect.forEach(rooms, come, inParallel)
  proxy.delayMs = 5
  yield* Scope.close(peer, Exit.void)
  proxy.delayMs = 0
  const last = ({ name }: Chat.Room<string>) =>
    Effect.map(store.read(name, keep, { _tag: "Earliest" }, 10), ({ entries }) => entries.at(-1)?.payload.slice(0, 6))
  const told = yield* Effect.forEach(rooms, last, inParallel)
  return { left: told.filter((text) => text === "L L x ").length, peers: yield* store.peers }
})

describe.skipIf(missing.binary)("a layer with members in five thousand rooms", { timeout: 120_000 }, () => {
  it.live("H4 tells each of them that its member has left, over a path of ten milliseconds", () =>
    Effect.gen(function* () {
      // A busy machine may have no time for so many; what is too slow is so each time.
      let last = yield* Effect.scoped(ended("closing.0"))
      for (let n = 1; n < 3 && last.left < rooms.length; n++) last = yield* Effect.scoped(ended(`closing.${n}`))
      expect(last).toEqual({ left: rooms.length, peers: [] })
    })
  )
})
