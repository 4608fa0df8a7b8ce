import { assert, it } from "@effect/vitest"
import * as PeerRegistry from "@troupe/core/PeerRegistry"
import * as PubSub from "@troupe/core/PubSub"
import * as Memory from "@troupe/testkit/Memory"
import * as MemoryBackend from "@troupe/testkit/MemoryBackend"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"

const Words = PubSub.channel("words", { message: Schema.String })

it.effect("one process has every service on a backend of its own", () =>
  Effect.gen(function* () {
    const registry = yield* PeerRegistry.PeerRegistry
    const self = yield* registry.self
    assert.deepStrictEqual(
      (yield* registry.list).map(({ id }) => id),
      [self.id]
    )
    yield* TestClock.adjust("30 days")
    assert.lengthOf(yield* registry.list, 1)
  }).pipe(Effect.provide(Memory.layer))
)

it.effect("peers on one backend know and hear each other, each by its name", () =>
  Effect.gen(function* () {
    const one = yield* Layer.build(Memory.layerPeer({ name: "one" }))
    const other = yield* Layer.build(Memory.layerPeer({ name: "other", metadata: { role: "speaker" } }))
    const { messages } = yield* Effect.provide(
      Effect.flatMap(PubSub.PubSub, (pubsub) => pubsub.subscribe(Words)),
      one
    )
    const heard = yield* Effect.forkChild(Stream.runHead(messages))
    yield* Effect.provide(
      Effect.flatMap(PubSub.PubSub, (pubsub) => pubsub.publish(Words, "hello")),
      other
    )
    assert.deepStrictEqual(yield* Fiber.join(heard), yield* Effect.succeedSome("hello"))
    const peers = yield* Effect.provide(
      Effect.flatMap(PeerRegistry.PeerRegistry, (registry) => registry.list),
      one
    )
    assert.deepStrictEqual(peers.map(({ metadata, name }) => [name, metadata]).sort(), [
      ["one", {}],
      ["other", { role: "speaker" }]
    ])
  }).pipe(Effect.scoped, Effect.provide(MemoryBackend.layer))
)
