/** What an operator sees of tasks: metrics, each provoked and read, and the trace that goes on from peer to peer. */
import { assert, it } from "@effect/vitest"
import * as Metrics from "@troupe/core/Metrics"
import * as TaskQueue from "@troupe/core/TaskQueue"
import * as MemoryTaskQueue from "@troupe/testkit/MemoryTaskQueue"
import * as MemoryWorld from "@troupe/testkit/MemoryWorld"
import * as MemoryBackend from "@troupe/testkit/MemoryBackend"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import * as Tracer from "effect/Tracer"

const Watched = TaskQueue.task("watched", {
  payload: Schema.Int,
  maxAttempts: 2,
  retry: Schedule.spaced("1 second")
})
const memory = Layer.provide(MemoryTaskQueue.layer(), MemoryBackend.layer)

const count = <A extends { readonly count: number }>(metric: Metric.Metric<number, A>) =>
  Effect.map(Metric.value(Metric.withAttributes(metric, { task: "watched" })), ({ count }) => count)

it.effect("counts what is enqueued, done, tried again, dead, and how long it took", () =>
  Effect.gen(function* () {
    const queue = yield* TaskQueue.TaskQueue
    yield* queue.work(Watched, (n) => (n < 2 ? Effect.die("no") : Effect.sleep("2 seconds")))
    yield* queue.enqueueAll(Watched, [0, 1, 2, 3, 4])
    yield* TestClock.adjust("10 seconds")
    const all = [Metrics.tasksEnqueued, Metrics.tasksCompleted, Metrics.tasksRetried, Metrics.tasksDead]
    assert.deepStrictEqual(yield* Effect.forEach(all, count), [5, 3, 2, 2])
    const durations = yield* Metric.value(Metric.withAttributes(Metrics.taskDuration, { task: "watched" }))
    assert.deepStrictEqual([durations.count, durations.min, durations.max], [7, 0, 2_000])
  }).pipe(Effect.scoped, Effect.provide(memory), Effect.provideService(Metric.MetricRegistry, new Map()))
)

it.live("counts a run that lost its task", () =>
  Effect.gen(function* () {
    const world = yield* MemoryWorld.make({ seed: 1, layer: () => MemoryTaskQueue.layer() })
    yield* world.run(
      Effect.gen(function* () {
        const [a, b] = [yield* world.spawn(), yield* world.spawn()]
        for (const peer of [a, b]) {
          yield* Effect.provide(
            Effect.flatMap(TaskQueue.TaskQueue, (queue) => queue.work(Watched, () => Effect.sleep("1 minute"))),
            peer.context
          )
          if (peer === a) {
            yield* Effect.provide(
              Effect.flatMap(TaskQueue.TaskQueue, (queue) => queue.enqueue(Watched, 1)),
              a.context
            )
            yield* world.advance("1 second")
          }
        }
        yield* a.freeze
        yield* world.advance("30 seconds")
        yield* a.thaw
        yield* world.advance("2 minutes")
        assert.strictEqual(yield* count(Metrics.tasksLost), 1)
      })
    )
  }).pipe(Effect.scoped, Effect.provideService(Metric.MetricRegistry, new Map()))
)

it.effect("T19 the handler's span links to the enqueuer's, and is a root of its own", () =>
  Effect.gen(function* () {
    const queue = yield* TaskQueue.TaskQueue
    const spans: Array<Tracer.AnySpan> = []
    yield* queue.work(Watched, () =>
      Effect.asVoid(Effect.map(Effect.currentSpan, (span) => spans.push(span))).pipe(Effect.orDie)
    )
    const enqueuer = yield* queue.enqueue(Watched, 1).pipe(Effect.andThen(Effect.currentSpan), Effect.withSpan("order"))
    yield* queue.enqueue(Watched, 2)
    yield* TestClock.adjust("1 second")
    const [span] = spans
    assert.ok(span?._tag === "Span")
    assert.strictEqual(span.name, "TaskQueue.run")
    assert.deepStrictEqual(
      span.links.map(({ span }) => [span.traceId, span.spanId]),
      [[enqueuer.traceId, enqueuer.spanId]]
    )
    assert.ok(Option.isNone(span.parent))
    assert.strictEqual(span.attributes.get("task"), "watched")
  }).pipe(Effect.scoped, Effect.provide(memory))
)
