/** What a layer that closes leaves behind, told by a store that answers late or not at all. */
import { assert, describe, it } from "@effect/vitest"
import { BackendError, Busy, ConnectionLost, TimedOut } from "@troupe/core/BackendError"
import * as TaskQueue from "@troupe/core/TaskQueue"
import { type Service as Store, TaskQueueStore } from "@troupe/core/TaskQueueStore"
import * as MemoryBackend from "@troupe/testkit/MemoryBackend"
import * as MemoryTaskQueue from "@troupe/testkit/MemoryTaskQueue"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"

const Numbered = TaskQueue.task("numbered", { payload: Schema.Int })

const failed = (operation: string, reason: BackendError["reason"], outcome: BackendError["outcome"]) =>
  Effect.fail(new BackendError({ service: "TaskQueue", operation, reason, outcome }))
const lost = new ConnectionLost({ message: "the connection ended" })

/** TaskQueue over a store that behaves as it is told, in a scope of its own. */
const over = Effect.fnUntraced(function* (change: (store: Store) => Partial<Store>) {
  const base = yield* TaskQueueStore
  const scope = yield* Scope.make()
  const store = Layer.succeed(TaskQueueStore, { ...base, ...change(base) })
  const layer = Layer.provide(TaskQueue.layer({ shutdownGrace: 0 }), store)
  const queue = Context.get(yield* Layer.buildWithScope(layer, scope), TaskQueue.TaskQueue)
  const close = Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
  return { base, queue, scope, close }
})

const pass = (ms: number) =>
  Effect.forEach(Array.from({ length: ms / 10 }), () => TestClock.adjust(10), { discard: true })

const memory = Layer.provide(MemoryTaskQueue.store, MemoryBackend.layer)

describe("a layer that closes (A1, A2, T1, T3)", () => {
  it.effect("has its batch remembered for as long as it may be sent again", () =>
    Effect.gen(function* () {
      let tries = 0
      const { base, close, queue } = yield* over((store) => ({
        // Applied and its answer lost; then refused; then as it should be.
        enqueue: (name, batch) =>
          Effect.suspend(() => {
            tries++
            if (tries === 1) return Effect.andThen(store.enqueue(name, batch), failed("enqueue", lost, "Unknown"))
            return tries === 2 ? failed("enqueue", lost, "NotApplied") : store.enqueue(name, batch)
          }),
        depart: (name, who) => Effect.andThen(store.depart(name, who), Effect.sleep(100))
      }))
      const enqueueing = yield* Effect.forkChild(queue.enqueue(Numbered, 1), { startImmediately: true })
      yield* Effect.yieldNow
      const closing = yield* close
      yield* pass(1_000)
      yield* Fiber.join(closing)
      yield* Fiber.await(enqueueing)
      assert.strictEqual((yield* base.counts("numbered")).ready, 1)
    }).pipe(Effect.provide(memory))
  )

  it.effect("claims nothing behind its own farewell", () =>
    Effect.gen(function* () {
      let isAway = false
      let hasDeparted = false
      const { base, close, queue, scope } = yield* over((store) => ({
        step: (name, step) =>
          Effect.suspend(() => {
            if (isAway) return failed("work", lost, "Unknown")
            const stepped = store.step(name, step)
            return hasDeparted ? Effect.tap(stepped, () => Effect.sleep(1_500)) : stepped
          }),
        depart: (name, who) =>
          Effect.suspend(() => {
            isAway = false
            hasDeparted = true
            return Effect.andThen(store.depart(name, who), Effect.sleep(1_500))
          })
      }))
      yield* Scope.provide(
        queue.work(Numbered, () => Effect.never),
        scope
      )
      yield* pass(100)
      isAway = true
      yield* Effect.forkChild(queue.enqueue(Numbered, 1), { startImmediately: true })
      yield* pass(100)
      const closing = yield* close
      yield* pass(8_000)
      yield* Fiber.join(closing)
      const { claimed, ready } = yield* base.counts("numbered")
      assert.deepStrictEqual({ claimed, ready }, { claimed: 0, ready: 1 })
    }).pipe(Effect.provide(memory))
  )
})

it.effect("A1 a batch that came too early has one deadline all the same", () =>
  Effect.gen(function* () {
    const { base, queue } = yield* over((store) => ({
      enqueue: (_, { after }) =>
        after > 0
          ? failed("enqueue", new Busy({ message: "the batch before this one is not there" }), "NotApplied")
          : Effect.timeoutOrElse(Effect.never, {
              duration: store.commandTimeoutMs,
              orElse: () => failed("enqueue", new TimedOut({ message: "no answer" }), "Unknown")
            })
    }))
    yield* Effect.forkChild(queue.enqueue(Numbered, 0), { startImmediately: true })
    yield* TestClock.adjust(10)
    const since = yield* Clock.currentTimeMillis
    let last = 0
    const noted = Effect.map(Clock.currentTimeMillis, (now) => void (last = now - since))
    const all = yield* Effect.forEach(Array.from({ length: 32 }), () =>
      Effect.forkChild(Effect.ensuring(queue.enqueue(Numbered, 1), noted), { startImmediately: true })
    )
    yield* pass(12_000)
    for (const one of all) yield* Fiber.await(one)
    assert.isAtMost(last, base.commandTimeoutMs * 1.1)
  }).pipe(Effect.provide(memory))
)
