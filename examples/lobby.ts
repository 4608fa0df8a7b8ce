/**
 * A room that two peers share: who is there, what is said and who comes and goes, in one order for all. A member's place
 * lives as long as the scope it was made in; a hook keeps shouting out of the room. On memory by default; with REDIS_URL on
 * Redis, and nothing else changes:
 *
 *     node examples/lobby.ts
 *     REDIS_URL=redis://localhost:6379 node examples/lobby.ts
 */
import { NodeRuntime } from "@effect/platform-node"
import { Chat, LocalPeer } from "@troupe/core"
import { RedisChat, RedisClient, RedisPeerRegistry } from "@troupe/redis-live"
import { MemoryBackend, MemoryChat, MemoryPeerRegistry } from "@troupe/testkit"
import { Config, Effect, Fiber, Layer, Option, Schema, Stream } from "effect"

// One person may have two tabs: an id for each of them, and who it is in the details.
const Lobby = Chat.room("lobby", {
  message: Schema.String,
  member: Schema.Struct({ user: Schema.String }),
  history: { size: 100, timeToLive: "1 day" }
})

/** The one place that says where the cluster lives. */
const backend = Layer.unwrap(
  Effect.map(Config.option(Config.String("REDIS_URL")), (url) =>
    Option.isSome(url)
      ? Layer.provide(RedisChat.layer, RedisPeerRegistry.layer()).pipe(
          Layer.provide(RedisClient.layer({ url: url.value, prefix: "troupe-example" }))
        )
      : Layer.provide(MemoryChat.layer, MemoryPeerRegistry.layer())
  )
)

/** One peer of the cluster, for as long as the scope lasts. In production: one process. */
const asPeer = (name: string) => backend.pipe(Layer.fresh, Layer.provide(LocalPeer.layer(name)))

/** Hooks act where they are installed: on the peers whose members speak. */
const politely = Chat.middleware(Lobby, {
  name: "politely",
  say: (from, message) =>
    message === message.toUpperCase()
      ? Effect.fail(new Chat.Rejected({ reason: `${from}, do not shout` }))
      : Effect.succeed(message)
})

const show = (event: Chat.RoomEvent<string, { readonly user: string }>): string =>
  event._tag === "Said"
    ? `${event.from}: ${event.message}`
    : event._tag === "Gap" || event._tag === "Destroyed"
      ? event._tag
      : `${event.member.details.user} ${event._tag.toLowerCase()}`

/** Somebody who comes, says a thing or two, and goes; all three by the end of one scope. */
const visitor = (id: string, user: string, ...words: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const chat = yield* Chat.Chat
    const { say } = yield* chat.join(Lobby, { id, details: { user } })
    for (const word of words) {
      yield* Effect.catchTag(say(word), "Rejected", ({ reason }) => Effect.log(`to ${user} alone: ${reason}`))
    }
  }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(politely, asPeer(`peer of ${id}`))))

const porter = Effect.gen(function* () {
  const chat = yield* Chat.Chat
  // What an earlier run has left on the same server.
  yield* Effect.ignore(chat.destroy(Lobby))
  yield* chat.create(Lobby)
  const events = yield* chat.events(Lobby)
  const heard = yield* Effect.forkChild(Stream.runForEach(events, (event) => Effect.log(show(event))))
  yield* visitor("tab-1", "Ada", "hello?", "IS ANYBODY HERE")
  yield* visitor("tab-2", "Bob", "hello, Ada", "gone already")
  const words = yield* chat.history(Lobby, { last: 2 })
  yield* Effect.log(`the last words: ${words.map(({ message }) => message).join(", ")}`)
  yield* chat.destroy(Lobby)
  yield* Fiber.join(heard)
})

NodeRuntime.runMain(
  porter.pipe(Effect.scoped, Effect.provide(Layer.provideMerge(asPeer("porter"), MemoryBackend.layer)))
)
