/** What calls are told, and what is left behind, where Chat closes while they are under way (A1, A4). */
import { assert, describe } from "@effect/vitest"
import * as Chat from "@troupe/core/Chat"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { enter, noAnswer, test } from "./support/chatting.ts"

const Hall = Chat.room("hall", { message: Schema.String })

describe("a layer that closes", () => {
  test("while the store is silent lets no later word wait for ever", (world) =>
    Effect.gen(function* () {
      let isSilent = false
      const a = yield* enter(world, {}, (store) => ({
        act: (room, keep, by, actions) =>
          isSilent ? Effect.andThen(Effect.sleep(5_000), noAnswer("act")) : store.act(room, keep, by, actions)
      }))
      const members: Array<Chat.Membership<string, void>> = []
      for (let n = 0; n < 20; n++) {
        const room = Chat.room(`room ${n}`, { message: Schema.String })
        yield* world.complete(a.run(a.chat.create(room)))
        members.push(yield* world.complete(a.run(Scope.provide(a.chat.join(room, { id: "x" }), yield* Scope.make()))))
      }
      isSilent = true
      const close = yield* a.fork(a.close)
      yield* world.advance("5 seconds")
      assert.isDefined(close.pollUnsafe())
      const said = yield* Effect.forEach(members, (member) => a.fork(Effect.exit(member.say("hello"))))
      yield* world.advance("10 seconds")
      assert.deepStrictEqual(
        said.map((fiber) => fiber.pollUnsafe() !== undefined),
        members.map(() => true)
      )
    }))

  test("answers a join whose hook was slower than that", (world) =>
    Effect.gen(function* () {
      const a = yield* enter(world)
      yield* world.complete(a.run(a.chat.create(Hall)))
      const gate = yield* Deferred.make<void>()
      yield* a.run(a.chat.use(Hall, { name: "slow", join: ({ details }) => Effect.as(Deferred.await(gate), details) }))
      const join = yield* a.fork(Effect.exit(Scope.provide(a.chat.join(Hall, { id: "x" }), yield* Scope.make())))
      yield* world.complete(a.close)
      yield* Deferred.succeed(gate, undefined)
      yield* world.advance("10 seconds")
      const exit = join.pollUnsafe()
      assert.isDefined(exit)
      assert.isTrue(Exit.isSuccess(exit) && Exit.isFailure(exit.value))
    }))

  test("tells a join that waits for the index so, instead of ending it as nobody asked", (world) =>
    Effect.gen(function* () {
      const a = yield* enter(world, {}, (store) => ({
        enter: (peer, rooms) => (rooms.length === 0 ? store.enter(peer, rooms) : Effect.never)
      }))
      yield* world.complete(a.run(a.chat.create(Hall)))
      const joining = Scope.provide(a.chat.join(Hall, { id: "x" }), yield* Scope.make())
      const join = yield* a.fork(Effect.flip(joining))
      yield* world.advance(0)
      yield* world.complete(a.close)
      yield* world.advance("10 seconds")
      const exit = join.pollUnsafe()
      assert.isTrue(exit !== undefined && Exit.isSuccess(exit))
    }))

  test("takes back the place that is just being made", (world) =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const a = yield* enter(world, {}, (store) => ({
        act: (room, keep, by, actions) =>
          Effect.tap(store.act(room, keep, by, actions), () =>
            actions[0]?._tag === "Join" ? Deferred.await(gate) : Effect.void
          )
      }))
      yield* world.complete(a.run(a.chat.create(Hall)))
      yield* a.fork(Effect.exit(Scope.provide(a.chat.join(Hall, { id: "x" }), yield* Scope.make())))
      yield* world.advance(0)
      const close = yield* a.fork(a.close)
      yield* world.advance("100 millis")
      yield* Deferred.succeed(gate, undefined)
      yield* world.advance("5 seconds")
      assert.isDefined(close.pollUnsafe())
      // The registry goes on: nobody else would ever take it away.
      assert.deepStrictEqual((yield* world.complete(a.run(a.store.seats("hall", ""))))?.seats, [])
    }))

  test("tells a thousand rooms that their members have left, though each answer takes its time", (world) =>
    Effect.gen(function* () {
      const a = yield* enter(world, {}, (store) => ({
        act: (room, keep, by, actions) => Effect.delay(store.act(room, keep, by, actions), 40)
      }))
      const held = yield* Scope.make()
      const rooms = Array.from({ length: 1_000 }, (_, n) => Chat.room(`room ${n}`, { message: Schema.String }))
      const come = Effect.forEach(
        rooms,
        (room) => Effect.andThen(a.chat.create(room), Scope.provide(a.chat.join(room, { id: "x" }), held)),
        { concurrency: "unbounded" }
      )
      yield* world.complete(a.run(come))
      const close = yield* a.fork(a.close)
      yield* world.advance("2 seconds")
      assert.isDefined(close.pollUnsafe())
      const left = yield* Effect.forEach(rooms, ({ name }) => a.run(a.store.look(name)))
      assert.strictEqual(left.filter((look) => look?.members === 0).length, rooms.length)
      assert.deepStrictEqual(yield* world.complete(a.run(a.store.peers)), [])
    }))
})
