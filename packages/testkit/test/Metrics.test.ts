/** What an operator counts, each provoked and then read. */
import { assert, it } from "@effect/vitest"
import * as Metrics from "@troupe/core/Metrics"
import * as PubSub from "@troupe/core/PubSub"
import * as Memory from "@troupe/testkit/Memory"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

const Words = PubSub.channel("words", { message: Schema.String })

it.effect("published, delivered, gaps by reason, subscriptions", () =>
  Effect.gen(function* () {
    const pubsub = yield* PubSub.PubSub
    yield* Effect.scoped(
      Effect.gen(function* () {
        const { deliveries } = yield* pubsub.subscribe(Words, { buffer: 2 })
        yield* Effect.forEach(["a", "b", "c"], (word) => pubsub.publish(Words, word))
        // One was dropped: a gap and two messages.
        assert.lengthOf(yield* Stream.runCollect(Stream.take(deliveries, 3)), 3)
        assert.strictEqual((yield* Metric.value(Metrics.subscriptions)).value, 1)
      })
    )
    assert.strictEqual((yield* Metric.value(Metrics.published)).count, 3)
    assert.strictEqual((yield* Metric.value(Metrics.delivered)).count, 2)
    const slow = Metric.withAttributes(Metrics.gaps, { reason: "SlowConsumer" })
    assert.strictEqual((yield* Metric.value(slow)).count, 1)
    // The hub's fiber gives the subscription up.
    yield* Effect.yieldNow
    while ((yield* Metric.value(Metrics.subscriptions)).value !== 0) yield* Effect.yieldNow
  }).pipe(Effect.provide(Memory.layer), Effect.provideService(Metric.MetricRegistry, new Map()))
)
