/** Memberships that end while something else is under way: none stays behind, and none is held on to (H4, A4, A5). */
import { assert, describe } from "@effect/vitest"
import { BackendError, Busy } from "@troupe/core/BackendError"
import * as Chat from "@troupe/core/Chat"
import { maxActions } from "@troupe/core/ChatStore"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { enter, noAnswer, test } from "./support/chatting.ts"

const Hall = Chat.room("hall", { message: Schema.String })

describe("a membership that ends", () => {
  test("is told though whoever ended it did not wait for that", (world) =>
    Effect.gen(function* () {
      const a = yield* enter(world)
      yield* world.complete(a.run(a.chat.create(Hall)))
      const held = yield* Scope.make()
      const x = yield* world.complete(a.run(Scope.provide(a.chat.join(Hall, { id: "x" }), held)))
      yield* a.node.holdAnswers
      const word = yield* a.fork(x.say("hello"))
      yield* world.advance(0)
      // It waits behind the word, and is given up.
      const leave = yield* a.fork(x.leave)
      yield* Fiber.interrupt(leave)
      yield* Scope.close(held, Exit.void)
      yield* a.node.passAnswers
      yield* world.complete(Fiber.join(word))
      yield* world.eventually(
        Effect.gen(function* () {
          const there = yield* world.complete(a.run(a.store.seats("hall", "")))
          assert.deepStrictEqual(there?.seats, [])
        }),
        "10 seconds"
      )
    }))

  test("before its answer has come leaves nothing behind on its peer", (world) =>
    Effect.gen(function* () {
      const a = yield* enter(world)
      yield* world.complete(a.run(a.chat.create(Hall)))
      const warm = yield* Scope.make()
      yield* world.complete(a.run(Scope.provide(a.chat.join(Hall, { id: "w" }), warm)))
      yield* world.complete(a.run(Scope.close(warm, Exit.void)))
      yield* a.node.holdAnswers
      const join = yield* a.fork(Effect.scoped(Effect.andThen(a.chat.join(Hall, { id: "x" }), Effect.never)))
      yield* world.advance(0)
      yield* Fiber.interrupt(join)
      yield* a.node.passAnswers
      yield* world.advance("2 minutes")
      const there = yield* world.complete(a.run(a.store.seats("hall", "")))
      assert.deepStrictEqual(there?.seats, [])
      // Nobody is there any more, and the index does not say so.
      assert.deepStrictEqual(yield* world.complete(a.run(a.store.peers)), [])
    }))

  test("in many rooms of one scope keeps that open no longer than one of them", (world) =>
    Effect.gen(function* () {
      let isSilent = false
      const a = yield* enter(world, {}, (store) => ({
        act: (room, keep, by, actions) =>
          isSilent ? Effect.andThen(Effect.sleep(5_000), noAnswer("act")) : store.act(room, keep, by, actions)
      }))
      const rooms = Array.from({ length: 20 }, (_, n) => Chat.room(`room ${n}`, { message: Schema.String }))
      const scope = yield* Scope.make()
      for (const room of rooms) {
        yield* world.complete(a.run(a.chat.create(room)))
        yield* world.complete(a.run(Scope.provide(a.chat.join(room, { id: "x" }), scope)))
      }
      isSilent = true
      const close = yield* a.fork(Scope.close(scope, Exit.void))
      yield* world.advance("5 seconds")
      assert.isDefined(close.pollUnsafe())
      isSilent = false
      yield* world.advance("20 seconds")
      for (const room of rooms) assert.strictEqual(yield* world.complete(a.run(a.chat.count(room))), 0)
    }))
})

describe("joins of which nobody knows whether they were applied", () => {
  const most = 16_384
  const unknown = Effect.fail(
    new BackendError({
      service: "Chat",
      operation: "join",
      reason: new Busy({ message: "nobody knows" }),
      outcome: "Unknown"
    })
  )

  test("are refused where too many wait to be given up, and welcome again when the store has heard of that", (world) =>
    Effect.gen(function* () {
      let isDeaf = false
      let asked = 0
      const a = yield* enter(world, {}, (store) => ({
        act: (room, keep, by, actions) => {
          asked += actions.filter(({ _tag }) => _tag === "Join").length
          return isDeaf ? unknown : store.act(room, keep, by, actions)
        }
      }))
      yield* world.complete(a.run(a.chat.create(Hall)))
      const join = (id: string) => world.complete(a.run(Effect.exit(Effect.scoped(a.chat.join(Hall, { id })))))
      const joined = (id: string) =>
        Effect.map(join(id), (exit) =>
          Option.match(Exit.findErrorOption(exit), {
            onNone: () => "Joined",
            onSome: (error) => (error._tag === "BackendError" ? `${error.reason._tag} ${error.outcome}` : error._tag)
          })
        )
      assert.strictEqual(yield* joined("w"), "Joined")
      isDeaf = true
      asked = 0
      yield* Effect.forEach(Array.from({ length: most - 1 }), (_, n) => join(`x ${n}`), { concurrency: "unbounded" })
      for (const [id, told] of [
        ["y", "Busy Unknown"],
        ["z", "CapacityExceeded NotApplied"]
      ] as const)
        assert.strictEqual(yield* joined(id), told)
      assert.strictEqual(asked, most)
      isDeaf = false
      yield* world.advance("1 minute")
      assert.strictEqual(yield* joined("z"), "Joined")
    }))
})

describe("a step of a room", () => {
  test("is never asked for more than one may have", (world) =>
    Effect.gen(function* () {
      let most = 0
      const gate = yield* Deferred.make<void>()
      let isGated = false
      const a = yield* enter(world, {}, (store) => ({
        act: (room, keep, by, actions) => {
          most = Math.max(most, actions.length)
          const act = store.act(room, keep, by, actions)
          return isGated ? Effect.andThen(Deferred.await(gate), act) : act
        }
      }))
      yield* world.complete(a.run(a.chat.create(Hall)))
      const x = yield* world.complete(a.run(Scope.provide(a.chat.join(Hall, { id: "x" }), yield* Scope.make())))
      const y = yield* world.complete(a.run(Scope.provide(a.chat.join(Hall, { id: "y" }), yield* Scope.make())))
      isGated = true
      const words = yield* Effect.forEach(Array.from({ length: 1_025 }), (_, n) => a.fork(y.say(`${n}`)))
      const leave = yield* a.fork(x.leave)
      isGated = false
      yield* Deferred.succeed(gate, undefined)
      yield* world.complete(Effect.forEach(words, (word) => Fiber.await(word), { discard: true }))
      yield* world.complete(Fiber.await(leave))
      assert.isAtMost(most, maxActions)
    }))
})

describe("a place in a room", () => {
  test("is in the index, though a hook was asked while nobody was there", (world) =>
    Effect.gen(function* () {
      const a = yield* enter(world)
      yield* world.complete(a.run(a.chat.create(Hall)))
      const gate = yield* Deferred.make<void>()
      const first = yield* Scope.make()
      yield* world.complete(a.run(Scope.provide(a.chat.join(Hall, { id: "w" }), first)))
      yield* world.complete(a.run(Scope.close(first, Exit.void)))
      yield* a.run(a.chat.use(Hall, { name: "slow", join: ({ details }) => Effect.as(Deferred.await(gate), details) }))
      yield* a.fork(Scope.provide(a.chat.join(Hall, { id: "x" }), yield* Scope.make()))
      // The index is looked after meanwhile, and found to have too much.
      yield* world.advance("40 seconds")
      yield* Deferred.succeed(gate, undefined)
      yield* world.advance("1 second")
      assert.strictEqual(yield* world.complete(a.run(a.chat.count(Hall))), 1)
      assert.strictEqual((yield* world.complete(a.run(a.store.peers))).length, 1)
    }))
})
