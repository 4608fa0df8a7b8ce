/** Rooms of which there are several: by their definitions, or one after the other (H1, H6). */
import { assert, describe } from "@effect/vitest"
import * as Chat from "@troupe/core/Chat"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { enter, test } from "./support/chatting.ts"

const Hall = Chat.room("hall", { message: Schema.String })
const Kept = Chat.room("hall", { message: Schema.String, history: { size: 100, timeToLive: "1 day" } })

describe("a word", () => {
  test("is kept as its speaker has defined the room, whatever others there ask by another definition", (world) =>
    Effect.gen(function* () {
      const a = yield* enter(world)
      yield* world.complete(a.run(a.chat.create(Kept)))
      const x = yield* world.complete(a.run(Scope.provide(a.chat.join(Kept, { id: "x" }), yield* Scope.make())))
      yield* world.complete(a.run(a.chat.remove(Hall, "nobody")))
      // The first leaves alone, the others together.
      const words = ["1", "2", "3", "4"]
      const speak = (word: string): Effect.Effect<unknown, unknown> =>
        Number(word) % 2 === 1 ? x.say(word) : a.chat.announce(Hall, "y", word)
      const said = yield* Effect.forEach(words, (word) => a.fork(speak(word)))
      yield* world.complete(Effect.forEach(said, Fiber.join))
      const kept = yield* world.complete(a.run(a.chat.history(Kept)))
      assert.deepStrictEqual(
        kept.map(({ message }) => message),
        ["1", "3"]
      )
    }))
})

describe("events from a position", () => {
  test("go to the end of that life of the room, and no further", (world) =>
    Effect.gen(function* () {
      const a = yield* enter(world)
      const announce = (word: string) => world.complete(a.run(a.chat.announce(Hall, "y", word)))
      yield* world.complete(a.run(a.chat.create(Hall)))
      const from = yield* announce("1")
      yield* announce("2")
      yield* world.complete(a.run(a.chat.destroy(Hall)))
      yield* world.complete(a.run(a.chat.create(Hall)))
      yield* announce("3")
      const heard = Effect.scoped(Effect.flatMap(a.chat.events(Hall, { from }), Stream.runCollect))
      const events = yield* world.complete(a.run(heard))
      assert.deepStrictEqual(
        events.map((event) => (event._tag === "Said" ? event.message : event._tag)),
        ["2", "Destroyed"]
      )
    }))
})
