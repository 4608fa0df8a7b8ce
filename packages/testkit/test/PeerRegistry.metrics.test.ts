/** What an operator counts of peers, each provoked and then read. */
import { assert, it } from "@effect/vitest"
import * as Metrics from "@troupe/core/Metrics"
import * as MemoryPeerRegistry from "@troupe/testkit/MemoryPeerRegistry"
import * as MemoryWorld from "@troupe/testkit/MemoryWorld"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"

const inState = (state: string) =>
  Effect.map(Metric.value(Metric.withAttributes(Metrics.peers, { state })), ({ value }) => value)

it.live("peers by state, beats late, event-loop lag", () =>
  Effect.flatMap(MemoryWorld.make({ seed: 1, layer: () => MemoryPeerRegistry.layer() }), (world) =>
    world.run(
      Effect.gen(function* () {
        const [a, b] = [yield* world.spawn(), yield* world.spawn()]
        yield* world.advance("5 seconds")
        assert.deepEqual([yield* inState("Live"), yield* inState("Suspected")], [2, 0])
        assert.strictEqual((yield* Metric.value(Metrics.beatsLate)).count, 0)
        assert.isBelow((yield* Metric.value(Metrics.eventLoopLag)).value, 1)
        yield* b.crash
        yield* world.advance("9 seconds")
        assert.deepEqual([yield* inState("Live"), yield* inState("Suspected")], [1, 1])
        yield* a.freeze
        yield* world.advance("8 seconds")
        yield* a.thaw
        yield* world.advance(0)
        assert.strictEqual((yield* Metric.value(Metrics.beatsLate)).count, 1)
        assert.isAbove((yield* Metric.value(Metrics.eventLoopLag)).value, 5_000)
      })
    )
  ).pipe(Effect.scoped, Effect.provideService(Metric.MetricRegistry, new Map()))
)
