import { assert, it } from "@effect/vitest"
import * as TaskQueue from "@troupe/core/TaskQueue"
import * as MemoryBackend from "@troupe/testkit/MemoryBackend"
import * as MemoryTaskQueue from "@troupe/testkit/MemoryTaskQueue"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

const memory = Layer.provide(MemoryTaskQueue.layer(), MemoryBackend.layer)
const Number = TaskQueue.task("number", { payload: Schema.Int })

it.effect("T12 a run that cancels its own task is interrupted, though nothing of it was asynchronous", () =>
  Effect.gen(function* () {
    const queue = yield* TaskQueue.TaskQueue
    const ended = yield* Deferred.make<boolean>()
    yield* queue.work(Number, (_, { id }) =>
      Effect.onExit(Effect.andThen(Effect.orDie(queue.cancel(Number, id)), Effect.never), (exit) =>
        Deferred.succeed(ended, Exit.hasInterrupts(exit))
      )
    )
    yield* queue.enqueue(Number, 1)
    assert.isTrue(yield* Deferred.await(ended))
  }).pipe(Effect.scoped, Effect.provide(memory))
)

it.effect("A5 an answer of a mebibyte is kept, one byte more is a failure", () =>
  Effect.gen(function* () {
    const queue = yield* TaskQueue.TaskQueue
    const Long = TaskQueue.task("long", { payload: Schema.Int, success: Schema.String, maxAttempts: 1 })
    yield* queue.work(Long, (n) => Effect.succeed("x".repeat(n)))
    assert.lengthOf(yield* queue.execute(Long, 1_048_574), 1_048_574)
    const error = yield* Effect.flip(queue.execute(Long, 1_048_575))
    assert.strictEqual(error._tag, "TaskDead")
    assert.match(error.message, /longer than 1048576 bytes/)
  }).pipe(Effect.scoped, Effect.provide(memory))
)

it.effect("T20 a reader sees in its own test's time what happens, though nothing renews its watch", () =>
  Effect.gen(function* () {
    const queue = yield* TaskQueue.TaskQueue
    const seen: Array<string> = []
    const read = Stream.runForEach(Stream.take(queue.events(Number), 4), ({ _tag }) =>
      Effect.sync(() => seen.push(_tag))
    )
    const reading = yield* Effect.forkChild(read, { startImmediately: true })
    yield* TestClock.adjust("30 days")
    yield* queue.work(Number, () => Effect.sleep("1 hour"))
    yield* queue.enqueue(Number, 1)
    yield* TestClock.adjust("1 hour")
    const { id } = yield* queue.enqueue(Number, 2, { delay: "1 day" })
    yield* queue.cancel(Number, id)
    yield* Fiber.join(reading)
    assert.deepStrictEqual(seen, ["Enqueued", "Started", "Completed", "Enqueued"])
  }).pipe(Effect.scoped, Effect.provide(memory))
)
