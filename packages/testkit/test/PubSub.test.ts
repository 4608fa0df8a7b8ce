import { assert, it } from "@effect/vitest"
import * as PubSub from "@troupe/core/PubSub"
import * as MemoryBackend from "@troupe/testkit/MemoryBackend"
import * as Conformance from "@troupe/testkit/Conformance"
import * as HistoryLaws from "@troupe/testkit/laws/HistoryLaws"
import * as PubSubLaws from "@troupe/testkit/laws/PubSubLaws"
import * as MemoryPubSub from "@troupe/testkit/MemoryPubSub"
import * as MemoryWorld from "@troupe/testkit/MemoryWorld"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

Conformance.suite("PubSub on memory", { ...PubSubLaws, ...HistoryLaws }, (options) =>
  MemoryWorld.make({ ...options, layer: () => MemoryPubSub.layer })
)

const Kept = PubSub.channel("kept", { message: Schema.Int, history: { size: 10, timeToLive: "1 hour" } })

it.effect("outside worlds, what is published in the turn in which subscribe returns arrives (S1)", () =>
  Effect.gen(function* () {
    const pubsub = yield* PubSub.PubSub
    for (const round of [1, 2, 3]) {
      const { messages } = yield* pubsub.subscribe(Kept)
      yield* pubsub.publishAll(Kept, [round, round + 10])
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(messages, 2)), [round, round + 10])
    }
  }).pipe(Effect.scoped, Effect.provide(Layer.provide(MemoryPubSub.layer, MemoryBackend.layer)))
)
