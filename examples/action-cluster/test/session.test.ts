/** A page's conversation in virtual time: what it is owed, and when it is hung up on. */
import { assert, it } from "@effect/vitest"
import type { Cache, Chat, Stats, TaskQueue } from "@troupe/core"
import { Memory } from "@troupe/testkit"
import { Effect, Fiber, Queue, Scope } from "effect"
import { Socket } from "effect/socket"
import { TestClock } from "effect/testing"
import { talk } from "../Session.ts"

/** A page at the other end of a socket that takes everything: what it was sent, and what it asks. */
const page = Effect.gen(function* () {
  const asked = yield* Queue.unbounded<string, Socket.SocketError>()
  const sent: Array<string | Uint8Array | Socket.CloseEvent> = []
  const socket = Socket.make({
    reader: Effect.succeed({ pull: Queue.takeAll(asked), upgrade: Socket.SocketUpgradeError.unsupported }),
    writer: Effect.succeed({
      write: (chunk) => Effect.sync(() => void sent.push(chunk)),
      writeAll: (chunks) => Effect.sync(() => void sent.push(...chunks))
    })
  })
  const services = yield* Effect.context<Chat.Chat | TaskQueue.TaskQueue | Cache.Cache | Stats.Stats>()
  const host = { peer: "ada", services, scope: yield* Scope.Scope, gone: Effect.never }
  const frames = () => sent.filter((one) => typeof one === "string")
  const code = () => sent.find(Socket.isCloseEvent)?.code
  return { asked, code, frames, begin: (unsent: number) => talk(socket, "seat-of-a-page", host, () => unsent) }
})

it.effect("a page that reads is told something every two seconds, for as long as it likes", () =>
  Effect.gen(function* () {
    const { asked, begin, code, frames } = yield* page
    const talking = yield* Effect.forkChild(begin(0))
    for (let second = 0; second < 60; second++) {
      yield* TestClock.adjust("1 second")
      yield* Queue.offer(asked, JSON.stringify({ _tag: "Read", number: frames().length }))
    }
    assert.isAtLeast(frames().length, 24)
    assert.strictEqual(code(), undefined)
    yield* Fiber.interrupt(talking)
    assert.deepStrictEqual(JSON.parse(frames().at(-1)!).told, [{ _tag: "Leaving" }])
    assert.strictEqual(code(), 1001)
  }).pipe(Effect.scoped, Effect.provide(Memory.layer))
)

it.effect("a page that reads nothing is sent eight frames, and hung up on", () =>
  Effect.gen(function* () {
    const { begin, code, frames } = yield* page
    const talking = yield* Effect.forkChild(begin(0))
    yield* TestClock.adjust("16 seconds")
    yield* Fiber.join(talking)
    assert.isAtMost(frames().length, 8)
    assert.strictEqual(code(), 1013)
  }).pipe(Effect.scoped, Effect.provide(Memory.layer))
)

it.effect("a page that says it has read what its system never took is hung up on", () =>
  Effect.gen(function* () {
    const { begin, code } = yield* page
    yield* begin(2_000_000)
    assert.strictEqual(code(), 1013)
  }).pipe(Effect.scoped, Effect.provide(Memory.layer))
)
