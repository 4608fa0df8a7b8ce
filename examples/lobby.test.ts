/** An application's own tests of its room: no server, and no waiting, for Effect's TestClock is the server's clock. */
import { assert, it } from "@effect/vitest"
import { Chat } from "@troupe/core"
import { RedisChat, RedisClient, RedisPeerRegistry } from "@troupe/redis-live"
import { Memory, MemoryBackend } from "@troupe/testkit"
import { Effect, Exit, Layer, Schema, Scope } from "effect"
import { TestClock } from "effect/testing"
import { inject } from "vitest"
import { missing } from "../scripts/missing.ts"

const redis = Layer.provide(RedisChat.layer, RedisPeerRegistry.layer()).pipe(
  Layer.provide(RedisClient.layer({ url: inject("redisUrl") ?? "", prefix: `${inject("redisPrefix")}-lobby` }))
)
const Lobby = Chat.room("lobby", {
  message: Schema.String,
  history: { size: 2, timeToLive: "1 hour" },
  leaveGrace: "10 seconds"
})
const members = Effect.flatMap(Chat.Chat, (chat) =>
  Effect.map(chat.members(Lobby), (members) => members.map(({ id }) => id))
)

it.effect("who reloads the page never left", () =>
  Effect.gen(function* () {
    const chat = yield* Chat.Chat
    yield* chat.create(Lobby)
    const [page, reloaded] = [yield* Scope.make(), yield* Scope.make()]
    yield* Scope.provide(chat.join(Lobby, { id: "ada" }), page)
    yield* Scope.close(page, Exit.void)
    yield* TestClock.adjust("9 seconds")
    yield* Scope.provide(chat.join(Lobby, { id: "ada" }), reloaded)
    yield* TestClock.adjust("1 minute")
    assert.deepStrictEqual(yield* members, ["ada"])
    yield* Scope.close(reloaded, Exit.void)
    yield* TestClock.adjust("10 seconds")
    assert.deepStrictEqual(yield* members, [])
  }).pipe(Effect.provide(Memory.layer))
)

it.effect("a client that polls has the words it has not had, on any peer, as long as they are kept", () =>
  Effect.gen(function* () {
    const chat = yield* Chat.Chat
    const other = yield* Layer.build(Memory.layerPeer({ name: "other" }))
    const poll = (after?: string) =>
      Effect.map(
        Effect.flatMap(Chat.Chat, (chat) => chat.poll(Lobby, { after })),
        ({ cursor, lost, said }) => ({ cursor, lost, words: said.map(({ message }) => message) })
      ).pipe(Effect.provide(other))
    yield* chat.create(Lobby)
    yield* chat.announce(Lobby, "porter", "one")
    const first = yield* poll()
    assert.deepStrictEqual([first.words, first.lost], [["one"], false])
    for (const word of ["two", "three", "four"]) yield* chat.announce(Lobby, "porter", word)
    const second = yield* poll(first.cursor)
    assert.deepStrictEqual([second.words, second.lost], [["three", "four"], true])
  }).pipe(Effect.provide(Memory.layerPeer({ name: "one" })), Effect.scoped, Effect.provide(MemoryBackend.layer))
)

it.live.skipIf(missing.redis)("on Redis nothing else changes", () =>
  Effect.gen(function* () {
    const chat = yield* Chat.Chat
    yield* chat.create(Lobby)
    const { say } = yield* chat.join(Lobby, { id: "ada" })
    yield* say("hello")
    assert.deepStrictEqual(
      (yield* chat.history(Lobby)).map(({ from, message }) => [from, message]),
      [["ada", "hello"]]
    )
    assert.deepStrictEqual(yield* members, ["ada"])
  }).pipe(Effect.scoped, Effect.provide(redis))
)
