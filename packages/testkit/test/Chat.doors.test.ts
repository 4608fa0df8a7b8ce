/** What a peer remembers of rooms in which nobody of it is any more (A5, H4). */
import { assert, describe, it } from "@effect/vitest"
import * as Chat from "@troupe/core/Chat"
import { ChatStore } from "@troupe/core/ChatStore"
import { PeerRegistry } from "@troupe/core/PeerRegistry"
import * as MemoryBackend from "@troupe/testkit/MemoryBackend"
import * as MemoryChat from "@troupe/testkit/MemoryChat"
import * as MemoryPeerRegistry from "@troupe/testkit/MemoryPeerRegistry"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { enter, test } from "./support/chatting.ts"

const room = (n: number) => Chat.room(`room ${n}`, { message: Schema.String })

/** A single process, in which nobody dies. */
const alone = Layer.provide(
  Layer.provideMerge(Chat.layer, Layer.merge(MemoryChat.store, MemoryPeerRegistry.layer())),
  MemoryBackend.layer
)

describe("rooms that nobody of this peer is in any more", () => {
  it.effect("are not remembered for ever, nor by the index", () =>
    Effect.gen(function* () {
      const chat = yield* Chat.Chat
      const store = yield* ChatStore
      for (let n = 0; n < 2_500; n++) {
        yield* chat.create(room(n))
        yield* Effect.scoped(chat.join(room(n), { id: "x" }))
        yield* chat.destroy(room(n))
      }
      const { id } = yield* Effect.flatMap(PeerRegistry, ({ self }) => self)
      let left = 0
      for (let page = yield* store.bury(id); page.length > 0; page = yield* store.bury(id)) {
        left += page.length
        yield* store.exit(id, page)
      }
      assert.isAtMost(left, 1_024)
    }).pipe(Effect.provide(alone))
  )

  test("are taken out of the index but for those that somebody enters meanwhile", (world) =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const a = yield* enter(world, {}, (store) => ({
        exit: (peer, rooms) => Effect.andThen(store.exit(peer, rooms), Deferred.await(gate))
      }))
      const count = 600
      for (let n = 0; n < count; n++) {
        const scope = yield* Scope.make()
        yield* world.complete(a.run(a.chat.create(room(n))))
        yield* world.complete(a.run(Scope.provide(a.chat.join(room(n), { id: "x" }), scope)))
        yield* world.complete(a.run(Scope.close(scope, Exit.void)))
      }
      yield* world.advance("80 seconds")
      const last = room(count - 1)
      yield* world.complete(a.run(Scope.provide(a.chat.join(last, { id: "x" }), yield* Scope.make())))
      yield* Deferred.succeed(gate, undefined)
      yield* world.advance("1 second")
      const [peer] = yield* world.complete(a.run(a.store.peers))
      assert.isDefined(peer)
      assert.include(yield* world.complete(a.run(a.store.bury(peer))), last.name)
    }))
})
