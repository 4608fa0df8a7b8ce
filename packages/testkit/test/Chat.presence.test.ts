/** Presence where something is missing, or cannot be read (H5, D2). */
import { assert, describe } from "@effect/vitest"
import * as Chat from "@troupe/core/Chat"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HashMap from "effect/HashMap"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Chatter, enter, test } from "./support/chatting.ts"

/** More than a log keeps. */
const words = Array.from({ length: 1_100 }, (_, n) => `${n}`)

const Hall = Chat.room("hall", { message: Schema.String })

/** Who is there, as that peer last heard. */
const watched = Effect.fnUntraced(function* <A, M>(peer: Chatter, room: Chat.Room<A, M>) {
  const seen: Array<ReadonlyArray<string>> = []
  const watch = yield* peer.fork(
    Stream.runForEach(peer.chat.presence(room), (members) =>
      Effect.sync(() => seen.push([...HashMap.keys(members)].sort()))
    )
  )
  return { seen, watch }
})

describe("presence", () => {
  for (const isAnew of [false, true])
    test(`ends with its room where more was missed while it asked who is there${isAnew ? ", though there is another" : ""}`, (world) =>
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        const a = yield* enter(world)
        const b = yield* enter(world, {}, (store) => ({
          seats: (room, cursor) => Effect.andThen(Deferred.await(gate), store.seats(room, cursor))
        }))
        yield* world.complete(a.run(a.chat.create(Hall)))
        const { seen, watch } = yield* watched(b, Hall)
        yield* world.advance("1 second")
        yield* b.node.cut
        yield* Effect.forEach(words, (word) => world.complete(a.run(a.chat.announce(Hall, "somebody", word))))
        yield* world.complete(a.run(a.chat.destroy(Hall)))
        if (isAnew) yield* world.complete(a.run(a.chat.create(Hall)))
        yield* b.node.heal
        yield* world.advance("10 seconds")
        yield* Deferred.succeed(gate, undefined)
        yield* world.advance("2 minutes")
        assert.isDefined(watch.pollUnsafe())
        assert.deepStrictEqual(seen.at(-1), [])
      }))

  test("ends where the store forgets the room while it asks who is there", (world) =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const a = yield* enter(world, {}, (store) => ({
        seats: (room, cursor) => Effect.andThen(Deferred.await(gate), store.seats(room, cursor))
      }))
      yield* world.complete(a.run(a.chat.create(Hall)))
      const { seen, watch } = yield* watched(a, Hall)
      yield* world.advance("1 second")
      yield* world.store.forget
      yield* Deferred.succeed(gate, undefined)
      yield* world.advance("2 minutes")
      assert.isDefined(watch.pollUnsafe())
      assert.deepStrictEqual(seen.at(-1), [])
    }))

  test("lets those go whose details it cannot read", (world) =>
    Effect.gen(function* () {
      const Old = Chat.room("hall", { message: Schema.String, member: Schema.Struct({ name: Schema.String }) })
      const New = Chat.room("hall", { message: Schema.String, member: Schema.Struct({ title: Schema.String }) })
      const a = yield* enter(world)
      yield* world.complete(a.run(a.chat.create(Old)))
      const scope = yield* Scope.make()
      const { seen } = yield* watched(a, Old)
      yield* world.complete(a.run(Scope.provide(a.chat.join(Old, { id: "x", details: { name: "Xenia" } }), scope)))
      yield* world.advance("1 second")
      assert.deepStrictEqual(seen.at(-1), ["x"])
      // Another peer, of another version of the application, takes over.
      const b = yield* enter(world)
      yield* a.node.freeze
      yield* world.advance("8 seconds")
      const scopeB = yield* Scope.make()
      yield* world.complete(b.run(Scope.provide(b.chat.join(New, { id: "x", details: { title: "Dr" } }), scopeB)))
      yield* a.node.thaw
      yield* world.advance("1 second")
      yield* world.complete(b.run(Scope.close(scopeB, Exit.void)))
      yield* world.advance("1 second")
      assert.deepStrictEqual(seen.at(-1), [])
    }))
})
