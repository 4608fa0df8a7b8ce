/** Chat outside of worlds: in an application's own time, with nothing between a call and its answer. */
import { assert, it } from "@effect/vitest"
import * as Chat from "@troupe/core/Chat"
import { ChatStore } from "@troupe/core/ChatStore"
import * as Memory from "@troupe/testkit/Memory"
import * as MemoryBackend from "@troupe/testkit/MemoryBackend"
import * as MemoryChat from "@troupe/testkit/MemoryChat"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"

const Hall = Chat.room("hall", { message: Schema.String, leaveGrace: "10 seconds" })

const peer = (name: string) =>
  Effect.map(Layer.build(Memory.layerPeer({ name })), (context) => ({
    on: <A, E, R>(use: (chat: Chat.Service) => Effect.Effect<A, E, R>) =>
      Effect.provide(Effect.flatMap(Chat.Chat, use), context)
  }))

it.effect("H10 the grace of a room runs by the application's own clock, and no timer runs while nobody leaves", () =>
  Effect.gen(function* () {
    const [a, b] = [yield* peer("a"), yield* peer("b")]
    yield* a.on((chat) => chat.create(Hall))
    const told: Array<string> = []
    const events = yield* b.on((chat) => chat.events(Hall))
    yield* Effect.forkScoped(
      Stream.runForEach(events, (event) =>
        Effect.sync(() => told.push("member" in event ? `${event._tag} ${event.member.id}` : event._tag))
      )
    )
    const scope = yield* Scope.make()
    const x = yield* Scope.provide(
      a.on((chat) => chat.join(Hall, { id: "x" })),
      scope
    )
    yield* x.say("hello")
    const began = process.threadCpuUsage()
    yield* TestClock.adjust("30 days")
    assert.isBelow(process.threadCpuUsage(began).user / 1_000, 2_000)
    yield* Scope.close(scope, Exit.void)
    yield* TestClock.adjust("9999 millis")
    assert.deepStrictEqual(told, ["Joined x", "Said"])
    assert.strictEqual(yield* b.on((chat) => chat.count(Hall)), 1)
    yield* TestClock.adjust("2 millis")
    assert.deepStrictEqual(told, ["Joined x", "Said", "Left x"])
  }).pipe(Effect.scoped, Effect.provide(MemoryBackend.layer))
)

it.effect("H4 a peer that closes leaves its rooms", () =>
  Effect.gen(function* () {
    const a = yield* peer("a")
    const scope = yield* Scope.make()
    const b = yield* Scope.provide(peer("b"), scope)
    const Open = Chat.room("open", { message: Schema.String })
    yield* a.on((chat) => chat.create(Open))
    const x = yield* b.on((chat) => chat.join(Open, { id: "x" }))
    assert.strictEqual(yield* a.on((chat) => chat.count(Open)), 1)
    yield* Scope.close(scope, Exit.void)
    assert.strictEqual(yield* a.on((chat) => chat.count(Open)), 0)
    assert.strictEqual((yield* Effect.flip(x.say("still here")))._tag, "NotMember")
  }).pipe(Effect.scoped, Effect.provide(MemoryBackend.layer))
)

it.effect("A5 what a destroyed room has left goes after ten minutes", () =>
  Effect.gen(function* () {
    const store = yield* ChatStore
    const backend = yield* MemoryBackend.MemoryBackend
    const by = { id: "a", name: "a" }
    const keep = { history: undefined, leaveGraceMs: 0 }
    const epoch = Effect.map(store.read("room", keep, { _tag: "Earliest" }, 1), ({ epoch }) => epoch)
    yield* store.create("room", 1, by)
    const first = yield* epoch
    yield* store.destroy("room", by)
    yield* TestClock.adjust("599999 millis")
    assert.strictEqual(yield* epoch, first)
    yield* TestClock.adjust("1 millis")
    assert.strictEqual(yield* epoch, "-")
    yield* store.create("room", 2, by)
    assert.notInclude([first, "-"], yield* epoch)
    yield* store.destroy("room", by)
    yield* TestClock.adjust("10 minutes")
    yield* store.create("other", 3, by)
    yield* store.destroy("other", by)
    assert.notInclude((yield* backend.faults.keys).join(), '"room"')
  }).pipe(Effect.provide(Layer.provideMerge(MemoryChat.store, MemoryBackend.layer)))
)
