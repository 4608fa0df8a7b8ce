/** What a peer does where a server may have forgotten something, and what it leaves alone (D2, H4). */
import { assert, describe } from "@effect/vitest"
import { BackendError, CorruptData } from "@troupe/core/BackendError"
import * as Chat from "@troupe/core/Chat"
import { pageSize, type Service as Store } from "@troupe/core/ChatStore"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { type Chatter, enter, noAnswer, open, type Place, test } from "./support/chatting.ts"

const Hall = Chat.room("hall", { message: Schema.String })
const plain = { history: undefined, leaveGraceMs: 0 }

const join = Effect.fnUntraced(function* (world: Place, peer: Chatter, id: string) {
  const scope = yield* Scope.make()
  const member = yield* world.complete(peer.run(Scope.provide(peer.chat.join(Hall, { id }), scope)))
  return { member, leave: world.complete(peer.run(Scope.close(scope, Exit.void))) }
})

const made = (world: Place, peer: Chatter) => world.complete(peer.run(peer.chat.create(Hall)))

const membersOf = (world: Place, peer: Chatter) =>
  Effect.map(world.complete(peer.run(peer.chat.members(Hall))), (members) => members.map(({ id }) => id))

/** The server of the index was not replaced. */
const sameIndex = (store: Store): Partial<Store> => ({
  enter: (peer, rooms) => Effect.map(store.enter(peer, rooms), ({ gone }) => ({ gone, life: "the same" }))
})

/** A peer that leaves, as it thinks: until it is told otherwise the store hears of no leave. */
const leavingInVain = () => {
  const vain = { on: true }
  const change = (store: Store): Partial<Store> => ({
    act: (room, keep, by, actions) =>
      store.act(
        room,
        keep,
        by,
        vain.on ? actions.map((action) => (action._tag === "Leave" ? { ...action, ref: "none" } : action)) : actions
      )
  })
  return { vain, change }
}

describe("a room that has perhaps forgotten something", () => {
  test("is looked through, where its server is another one and that of the index is not", (world) =>
    Effect.gen(function* () {
      const a = yield* enter(world, {}, sameIndex)
      yield* made(world, a)
      const x = yield* join(world, a, "x")
      yield* x.leave
      yield* world.store.rewind(1)
      assert.deepStrictEqual(yield* membersOf(world, a), ["x"])
      yield* world.advance("37 seconds")
      assert.deepStrictEqual(yield* membersOf(world, a), [])
    }))

  test("is looked through, though nobody of the peer has been there at the last look", (world) =>
    Effect.gen(function* () {
      const { change, vain } = leavingInVain()
      const a = yield* enter(world, {}, change)
      yield* made(world, a)
      const x = yield* join(world, a, "x")
      yield* x.leave
      // One look has been by now, and not two.
      yield* world.advance("37 seconds")
      vain.on = false
      yield* world.store.rewind(0)
      yield* world.advance("36 seconds")
      assert.deepStrictEqual(yield* membersOf(world, a), [])
    }))

  test("does not end who is just coming", (world) =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      let isHeld = false
      let looked = 0
      const a = yield* enter(world, {}, (store) => ({
        act: (room, keep, by, actions) =>
          Effect.tap(store.act(room, keep, by, actions), () => (isHeld ? Deferred.await(gate) : Effect.void)),
        holders: (room, by, cursor) =>
          Effect.tap(store.holders(room, by, cursor), () => Effect.sync(() => (looked += 1))),
        positionCheckMs: 500
      }))
      yield* made(world, a)
      yield* join(world, a, "x")
      isHeld = true
      const coming = yield* a.fork(Scope.provide(a.chat.join(Hall, { id: "y" }), yield* Scope.make()))
      yield* world.advance(0)
      yield* world.store.rewind(0)
      yield* world.advance("2 seconds")
      assert.isAtLeast(looked, 1)
      isHeld = false
      yield* Deferred.succeed(gate, undefined)
      const y = yield* world.complete(Fiber.join(coming))
      yield* world.advance("10 seconds")
      yield* world.complete(a.run(y.say("hello")))
      assert.deepStrictEqual(yield* membersOf(world, a), ["x", "y"])
    }))

  test("does not end who is there by another Chat of the same peer", (world) =>
    Effect.gen(function* () {
      const node = yield* world.spawn()
      const [a, b] = [yield* open(node), yield* open(node)]
      yield* made(world, a)
      yield* join(world, a, "a")
      yield* join(world, b, "b")
      yield* world.store.rewind(0)
      yield* world.advance("2 minutes")
      assert.deepStrictEqual(yield* membersOf(world, a), ["a", "b"])
    }))

  test("whose end was lost is looked through by who has left it then", (world) =>
    Effect.gen(function* () {
      const a = yield* enter(world, {}, sameIndex)
      yield* made(world, a)
      const x = yield* join(world, a, "x")
      yield* world.complete(a.run(a.chat.destroy(Hall)))
      yield* x.leave
      // Its end, and that it was taken out of the list.
      yield* world.store.rewind(2)
      assert.deepStrictEqual(yield* membersOf(world, a), ["x"])
      yield* world.advance("80 seconds")
      assert.deepStrictEqual(yield* membersOf(world, a), [])
    }))

  test("stays known to the index for one Chat of a peer, though another has nobody there any more", (world) =>
    Effect.gen(function* () {
      const node = yield* world.spawn()
      const [a, b, c] = [yield* open(node), yield* open(node), yield* enter(world)]
      yield* made(world, a)
      const x = yield* join(world, a, "x")
      yield* join(world, b, "y")
      yield* x.leave
      yield* world.advance("2 minutes")
      yield* a.close
      assert.deepStrictEqual(yield* membersOf(world, c), ["y"])
      yield* b.crash
      yield* world.advance("1 minute")
      assert.deepStrictEqual(yield* membersOf(world, c), [])
    }))

  test("has who is known to nobody swept when that has been so for a while, by whoever is there then", (world) =>
    Effect.gen(function* () {
      const a = yield* enter(world)
      yield* made(world, a)
      yield* join(world, a, "a")
      const action = { _tag: "Join", id: "x", ref: "x", details: "null", over: undefined } as const
      yield* world.complete(a.run(a.store.act(Hall.name, plain, { id: "somebody", name: "somebody" }, [action])))
      yield* world.store.rewind(0)
      yield* world.advance("37 seconds")
      assert.deepStrictEqual(yield* membersOf(world, a), ["a", "x"])
      assert.include(yield* world.complete(a.run(a.store.peers)), "somebody")
      yield* world.advance("18 seconds")
      assert.deepStrictEqual(yield* membersOf(world, a), ["a"])
    }))

  test("of a newer format is given up, and the others are looked through", (world) =>
    Effect.gen(function* () {
      const { change, vain } = leavingInVain()
      const asked: Array<string> = []
      const reason = new CorruptData({ message: "of a newer format" })
      const corrupt = new BackendError({ service: "Chat", operation: "audit", reason, outcome: "NotApplied" })
      const other = Chat.room("other", { message: Schema.String })
      const a = yield* enter(world, {}, (store) => ({
        ...change(store),
        holders: (room, by, cursor) => {
          asked.push(room)
          return room === other.name ? Effect.fail(corrupt) : store.holders(room, by, cursor)
        }
      }))
      yield* world.complete(a.run(a.chat.create(other)))
      yield* world.complete(a.run(Scope.provide(a.chat.join(other, { id: "x" }), yield* Scope.make())))
      yield* made(world, a)
      yield* (yield* join(world, a, "x")).leave
      vain.on = false
      yield* world.store.rewind(0)
      yield* world.advance("37 seconds")
      assert.deepStrictEqual(yield* membersOf(world, a), [])
      assert.deepStrictEqual(asked.toSorted(), [Hall.name, other.name])
    }))
})

describe("rooms that a peer has swept", () => {
  test("are looked at, 10,000 of them, until the second look from then", (world) =>
    Effect.gen(function* () {
      const left = new Set(Array.from({ length: 10_001 }, (_, n) => `room ${n}`))
      const looks: Array<number> = []
      // Rooms of a store that does nothing: in a world each request takes its time.
      yield* enter(world, {}, () => ({
        bury: () => Effect.sync(() => [...left].slice(0, pageSize)),
        sweep: () => Effect.succeed({ left: 0, origin: { epoch: "epoch", server: "server" }, dueInMs: undefined }),
        exit: (_, rooms) =>
          Effect.sync(() => {
            for (const room of rooms) left.delete(room)
          }),
        servers: (rooms) =>
          Effect.sync(() => {
            looks.push(rooms.length)
            return rooms.map(() => "server")
          })
      }))
      const gone = yield* world.spawn()
      yield* world.advance(0)
      yield* gone.crash
      yield* world.advance("3 minutes")
      assert.deepStrictEqual([left.size, looks], [0, [10_000, 10_000]])
    }))
})

describe("a room that was made anew", () => {
  test("is joined, though the index gives no answer, and the index has it all the same soon", (world) =>
    Effect.gen(function* () {
      let isAway = false
      const a = yield* enter(world, {}, (store) => ({
        enter: (peer, rooms) => (isAway && rooms.length > 0 ? noAnswer("join") : store.enter(peer, rooms))
      }))
      yield* made(world, a)
      yield* join(world, a, "x")
      yield* world.store.forget
      yield* made(world, a)
      isAway = true
      yield* join(world, a, "y")
      isAway = false
      yield* world.advance("5 seconds")
      const [peer] = yield* world.complete(a.run(a.store.peers))
      assert.isDefined(peer)
      assert.deepStrictEqual(yield* world.complete(a.run(a.store.bury(peer))), [Hall.name])
    }))
})
