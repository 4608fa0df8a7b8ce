/** Places of peers that are gone, where whoever should see to them is hindered (H4, P6, T17). */
import { assert, describe } from "@effect/vitest"
import { BackendError, CorruptData } from "@troupe/core/BackendError"
import * as Chat from "@troupe/core/Chat"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Chatter, enter, type Place, test } from "./support/chatting.ts"

const Hall = Chat.room("hall", { message: Schema.String })
const Salon = (leaveGrace: number) => Chat.room("salon", { message: Schema.String, leaveGrace })

const join = Effect.fnUntraced(function* <A>(world: Place, peer: Chatter, room: Chat.Room<A>, id: string) {
  const scope = yield* Scope.make()
  const member = yield* world.complete(peer.run(Scope.provide(peer.chat.join(room, { id }), scope)))
  return { member, leave: world.complete(peer.run(Scope.close(scope, Exit.void))) }
})

const corrupt = Effect.fail(
  new BackendError({
    service: "Chat",
    operation: "sweep",
    reason: new CorruptData({ message: "of a newer format" }),
    outcome: "NotApplied"
  })
)

/** Who has left, as that peer hears. */
const farewells = Effect.fnUntraced(function* <A>(world: Place, peer: Chatter, room: Chat.Room<A>) {
  const left: Array<string> = []
  const events = yield* world.complete(peer.run(Scope.provide(peer.chat.events(room), yield* Scope.make())))
  yield* peer.fork(
    Stream.runForEach(events, (event) =>
      Effect.sync(() => event._tag === "Left" && left.push(`${event.member.id} ${event.reason}`))
    )
  )
  return left
})

describe("places of a peer that was declared gone", () => {
  test("end, though nobody else has Chat", (world) =>
    Effect.gen(function* () {
      const a = yield* enter(world)
      yield* world.spawn()
      yield* world.complete(a.run(a.chat.create(Hall)))
      const { member } = yield* join(world, a, Hall, "x")
      yield* a.node.freeze
      yield* world.advance("20 seconds")
      yield* a.node.thaw
      yield* world.advance("10 seconds")
      const said = yield* world.complete(a.run(Effect.flip(member.say("hello"))))
      assert.strictEqual(said._tag, "NotMember")
      assert.strictEqual(yield* world.complete(a.run(a.chat.count(Hall))), 0)
    }))

  test("end on a full server, in rooms that hold back too", (world) =>
    Effect.gen(function* () {
      const a = yield* enter(world)
      const b = yield* enter(world)
      const salon = Salon(10_000)
      yield* world.complete(a.run(a.chat.create(salon)))
      yield* join(world, a, salon, "x")
      const left = yield* farewells(world, b, salon)
      yield* world.store.full(true)
      yield* a.crash
      yield* world.advance("35 seconds")
      yield* world.store.full(false)
      assert.deepStrictEqual(left, ["x Crashed"])
    }))

  test("end, though one room cannot be read", (world) =>
    Effect.gen(function* () {
      const a = yield* enter(world)
      const b = yield* enter(world, {}, (store) => ({
        sweep: (room, dead, by) => (room === "room 0" ? corrupt : store.sweep(room, dead, by))
      }))
      const rooms = Array.from({ length: 12 }, (_, n) => Chat.room(`room ${n}`, { message: Schema.String }))
      for (const room of rooms) {
        yield* world.complete(a.run(a.chat.create(room)))
        yield* join(world, a, room, "x")
      }
      yield* a.crash
      yield* world.advance("30 seconds")
      const there = yield* Effect.forEach(rooms, (room) => world.complete(b.run(b.chat.count(room))))
      assert.deepStrictEqual(there, [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    }))

  test("end, though the store was away when they were to be judged", (world) =>
    Effect.gen(function* () {
      const a = yield* enter(world)
      yield* world.spawn()
      yield* world.complete(a.run(a.chat.create(Hall)))
      yield* join(world, a, Hall, "x")
      yield* a.crash
      yield* world.advance("30 seconds")
      const b = yield* enter(world)
      yield* world.advance("1 second")
      yield* world.store.stop
      yield* world.advance("16 seconds")
      yield* world.store.start
      yield* world.advance("1 minute")
      assert.strictEqual(yield* world.complete(b.run(b.chat.count(Hall))), 0)
    }))
})

describe("a Left that is held back", () => {
  test("waits no longer than it must, where one before it has longer to wait", (world) =>
    Effect.gen(function* () {
      const a = yield* enter(world)
      yield* world.complete(a.run(a.chat.create(Salon(1_000))))
      const left = yield* farewells(world, a, Salon(1_000))
      const x = yield* join(world, a, Salon(3_600_000), "x")
      yield* x.leave
      const y = yield* join(world, a, Salon(1_000), "y")
      yield* y.leave
      yield* world.advance("5 seconds")
      assert.deepStrictEqual(left, ["y Left"])
    }))

  test("is not overslept, though the store's clock was wrong for a while", (world) =>
    Effect.gen(function* () {
      const a = yield* enter(world)
      yield* world.complete(a.run(a.chat.create(Salon(60_000))))
      const left = yield* farewells(world, a, Salon(60_000))
      const x = yield* join(world, a, Salon(60_000), "x")
      yield* x.leave
      yield* world.store.stepClock("-1000 days")
      const y = yield* join(world, a, Salon(60_000), "y")
      yield* y.leave
      yield* world.advance("2 minutes")
      assert.deepStrictEqual(left, ["y Left"])
      yield* world.store.stepClock("1000 days")
      yield* world.advance("61 minutes")
      assert.deepStrictEqual(left, ["y Left", "x Left"])
    }))
})
