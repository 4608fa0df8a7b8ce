/** An application's own tests: no server, and no waiting, for Effect's TestClock is the cluster's clock. */
import { assert, it } from "@effect/vitest"
import { PubSub } from "@troupe/core"
import { MemoryBackend, MemoryPubSub } from "@troupe/testkit"
import { Effect, Fiber, Layer, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"

const Alerts = PubSub.channel("alerts", {
  message: Schema.Struct({ text: Schema.String }),
  history: { size: 100, timeToLive: "30 days" }
})
const cluster = Layer.provide(MemoryPubSub.layer, MemoryBackend.layer)

it.effect("whoever comes later gets what was said before", () =>
  Effect.gen(function* () {
    const pubsub = yield* PubSub.PubSub
    yield* pubsub.publish(Alerts, { text: "the queue grows" })
    const heard = yield* Effect.forkChild(
      pubsub.stream(Alerts, { from: "earliest" }).pipe(Stream.take(2), Stream.runCollect)
    )
    yield* pubsub.publish(Alerts, { text: "the queue is full" })
    assert.deepStrictEqual(yield* Fiber.join(heard), [{ text: "the queue grows" }, { text: "the queue is full" }])
  }).pipe(Effect.provide(cluster))
)

it.effect("what is older than the history's thirty days is gone", () =>
  Effect.gen(function* () {
    const pubsub = yield* PubSub.PubSub
    yield* pubsub.publish(Alerts, { text: "long ago" })
    yield* TestClock.adjust("29 days")
    assert.lengthOf(yield* pubsub.history(Alerts), 1)
    yield* TestClock.adjust("2 days")
    assert.lengthOf(yield* pubsub.history(Alerts), 0)
  }).pipe(Effect.provide(cluster))
)
