/** The batcher alone, in virtual time: its bounds, its deadlines, and what becomes of calls that never left. */
import { assert, describe, it } from "@effect/vitest"
import { BackendError, CapacityExceeded, TimedOut } from "@troupe/core/BackendError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Latch from "effect/Latch"
import * as TestClock from "effect/testing/TestClock"
import { Batcher, type Call, type Options } from "../src/internal/Batcher.ts"

/** A call that is answered with its name, or told why not. */
class Named implements Call {
  readonly name: string
  readonly entries = 1
  readonly bytes: number
  since = 0
  readonly resume: (failure: Exit.Exit<string, BackendError>) => void

  constructor(name: string, bytes: number, resume: Named["resume"]) {
    this.name = name
    this.bytes = bytes
    this.resume = resume
  }
}

const deadlineMs = 1_000
const limits = { maxEntries: 4, maxBytes: 80, maxUnderWay: 1, maxWaiting: 5, maxWaitingBytes: 100 } as const

const failed = (reason: BackendError["reason"], outcome: BackendError["outcome"]) =>
  new BackendError({ service: "Test", operation: "call", reason, outcome })

/** A batcher in front of a store that answers each item with its name, and what the store was sent. */
const make = Effect.fnUntraced(function* (
  serve: (batch: ReadonlyArray<string>) => Effect.Effect<void, BackendError> = () => Effect.void,
  other: Partial<Options<Named>> = {}
) {
  const sent: Array<ReadonlyArray<string>> = []
  const run = yield* FiberSet.makeRuntime<never, void, never>()
  const batcher = new Batcher<Named>(
    {
      service: "Test",
      operation: "call",
      send: (calls) =>
        Effect.suspend(() => {
          const names = calls.map(({ name }) => name)
          sent.push(names)
          return Effect.as(serve(names), ({ name, resume }: Named) => resume(Exit.succeed(name)))
        }),
      ...limits,
      deadlineMs,
      ...other
    },
    yield* Effect.context<never>(),
    (effect) => void run(effect)
  )
  /** The call's name, or why it was not answered. */
  const call = (name: string, bytes = 1) =>
    Effect.match(
      Effect.callback<string, BackendError>((resume) => batcher.submit(new Named(name, bytes, resume))),
      {
        onSuccess: (answer) => answer,
        onFailure: ({ outcome, reason }) => `${reason._tag} ${outcome}`
      }
    )
  const start = (name: string, bytes?: number) => Effect.forkScoped(call(name, bytes), { startImmediately: true })
  return { batcher, sent, call, start }
})

/** Serves nobody until it is opened. */
const gate = () => {
  const latch = Latch.makeUnsafe(false)
  return { serve: () => latch.await, open: Effect.sync(() => latch.openUnsafe()) }
}

/** As a store does: a call that gets no answer fails in time. */
const hanging = Effect.timeoutOrElse(Effect.never, {
  duration: Duration.millis(deadlineMs),
  orElse: () => Effect.fail(failed(new TimedOut({ message: "no answer" }), "Unknown"))
})

const names = (count: number): ReadonlyArray<string> => Array.from({ length: count }, (_, n) => `call ${n + 1}`)

describe("a batcher", () => {
  it.effect("sends an idle one's call at once, and what came meanwhile together, in order", () =>
    Effect.gen(function* () {
      const { open, serve } = gate()
      const { sent, start } = yield* make(serve)
      const calls = [yield* start("first"), ...(yield* Effect.forEach(names(3), (name) => start(name)))]
      assert.deepEqual(sent, [["first"]])
      yield* open
      assert.deepEqual(yield* Effect.forEach(calls, Fiber.join), ["first", ...names(3)])
      assert.deepEqual(sent, [["first"], names(3)])
    })
  )

  it.effect("has a second batch leave beside the first where many wait, both of one size", () =>
    Effect.gen(function* () {
      const gates = Array.from({ length: 9 }, gate)
      let next = 0
      const { sent, start } = yield* make(() => gates[next++]!.serve(), {
        maxUnderWay: 2,
        maxEntries: 512,
        maxWaiting: 512,
        maxBytes: 512,
        maxWaitingBytes: 512
      })
      const calls = yield* Effect.forEach(names(32), (name) => start(name))
      // As long as fewer than 32 wait, they wait for each other.
      assert.deepEqual(
        sent.map(({ length }) => length),
        [1]
      )
      calls.push(...(yield* Effect.forEach(names(100), (name) => start(name))))
      yield* gates[0]!.open
      yield* Fiber.join(calls[0]!)
      yield* gates[1]!.open
      yield* gates[2]!.open
      for (const { open } of gates) yield* open
      yield* Effect.forEach(calls, Fiber.join)
      assert.deepEqual(sent.flat(), [...names(32), ...names(100)])
      assert.deepEqual(
        sent.map(({ length }) => length),
        [1, 32, 66, 33]
      )
    })
  )

  it.effect("does not have one that failed take along the one beside it", () =>
    Effect.gen(function* () {
      const { open, serve } = gate()
      const { sent, start } = yield* make((batch) => (batch.length === 1 ? hanging : serve()), {
        maxUnderWay: 2,
        maxEntries: 64,
        maxWaiting: 64
      })
      const calls = yield* Effect.forEach(names(34), (name) => start(name))
      assert.equal(sent.length, 2)
      yield* TestClock.adjust(deadlineMs)
      yield* open
      assert.deepEqual(yield* Effect.forEach(calls, Fiber.join), [
        "TimedOut Unknown",
        ...names(33).slice(1),
        "Unavailable NotApplied"
      ])
    })
  )

  it.effect("lets as many calls wait as may, and refuses one more", () =>
    Effect.gen(function* () {
      const { open, serve } = gate()
      const { call, sent, start } = yield* make(serve)
      const calls = [yield* start("first"), ...(yield* Effect.forEach(names(limits.maxWaiting), (name) => start(name)))]
      assert.equal(yield* call("one more"), "CapacityExceeded NotApplied")
      yield* open
      assert.deepEqual(yield* Effect.forEach(calls, Fiber.join), ["first", ...names(limits.maxWaiting)])
      assert.equal(yield* call("later"), "later")
      assert.notInclude(sent.flat(), "one more")
    })
  )

  it.effect("lets as many bytes wait as may, and refuses one more", () =>
    Effect.gen(function* () {
      const { open, serve } = gate()
      const { call, sent, start } = yield* make(serve)
      const calls = [yield* start("first"), yield* start("a", 60), yield* start("b", 40)]
      assert.equal(yield* call("one more", 1), "CapacityExceeded NotApplied")
      yield* open
      assert.deepEqual(yield* Effect.forEach(calls, Fiber.join), ["first", "a", "b"])
      // Each fits into one call, both do not.
      assert.deepEqual(sent, [["first"], ["a"], ["b"]])
      assert.equal(yield* call("later", 100), "later")
    })
  )

  it.effect("fills a call up to its bounds, and begins another beyond", () =>
    Effect.gen(function* () {
      const { open, serve } = gate()
      const { sent, start } = yield* make(serve)
      const calls = [yield* start("first"), ...(yield* Effect.forEach(names(5), (name) => start(name, 20)))]
      yield* open
      yield* Effect.forEach(calls, Fiber.join)
      assert.deepEqual(sent, [["first"], names(4), names(5).slice(4)])
    })
  )

  it.effect("fails what waits behind a call that hangs, unsent, and no later than that one", () =>
    Effect.gen(function* () {
      const { call, sent, start } = yield* make(([first]) => (first === "hangs" ? hanging : Effect.void))
      const [hangs, early] = [yield* start("hangs"), yield* start("early")]
      yield* TestClock.adjust(deadlineMs - 1)
      const late = yield* start("late")
      assert.deepEqual(
        [hangs, early, late].map((fiber) => fiber.pollUnsafe()),
        [undefined, undefined, undefined]
      )
      yield* TestClock.adjust(1)
      assert.deepEqual(yield* Effect.forEach([hangs, early, late], Fiber.join), [
        "TimedOut Unknown",
        "Unavailable NotApplied",
        "Unavailable NotApplied"
      ])
      assert.equal(yield* call("later"), "later")
      assert.deepEqual(sent, [["hangs"], ["later"]])
    })
  )

  it.effect("gives a call that waited for a slow one only what is left of its time", () =>
    Effect.gen(function* () {
      const { sent, start } = yield* make(([first]) => (first === "slow" ? Effect.sleep(900) : Effect.never))
      const slow = yield* start("slow")
      yield* TestClock.adjust(100)
      const waited = yield* start("waited")
      yield* TestClock.adjust(800)
      assert.equal(yield* Fiber.join(slow), "slow")
      const behind = yield* start("behind")
      yield* TestClock.adjust(199)
      assert.equal(waited.pollUnsafe(), undefined)
      yield* TestClock.adjust(1)
      assert.deepEqual(
        [yield* Fiber.join(waited), yield* Fiber.join(behind)],
        ["TimedOut Unknown", "Unavailable NotApplied"]
      )
      assert.deepEqual(sent, [["slow"], ["waited"]])
    })
  )

  it.effect("never sends what was interrupted before it left, and gives its room to others", () =>
    Effect.gen(function* () {
      const { open, serve } = gate()
      const { call, sent, start } = yield* make(serve)
      const [first, ...waiting] = [
        yield* start("first"),
        ...(yield* Effect.forEach(names(limits.maxWaiting), (name) => start(name, 20)))
      ]
      assert.equal(yield* call("no room"), "CapacityExceeded NotApplied")
      yield* Fiber.interrupt(waiting[1]!)
      const instead = yield* start("instead", 20)
      assert.equal(yield* call("no room"), "CapacityExceeded NotApplied")
      yield* open
      yield* Effect.forEach([first!, waiting[0]!, ...waiting.slice(2), instead], Fiber.join)
      assert.deepEqual(sent.flat(), ["first", "call 1", "call 3", "call 4", "call 5", "instead"])
    })
  )

  it.effect("lets what waits behind a refused call leave all the same", () =>
    Effect.gen(function* () {
      const refusal = failed(new CapacityExceeded({ message: "the store is full" }), "NotApplied")
      const { open, serve } = gate()
      const { sent, start } = yield* make(([first]) =>
        first === "refused" ? Effect.andThen(serve(), Effect.fail(refusal)) : Effect.void
      )
      const calls = [yield* start("refused"), yield* start("behind")]
      yield* open
      assert.deepEqual(yield* Effect.forEach(calls, Fiber.join), ["CapacityExceeded NotApplied", "behind"])
      assert.deepEqual(sent, [["refused"], ["behind"]])
    })
  )

  it.effect("tells what waits when it closes that it is not applied, and takes nothing more", () =>
    Effect.gen(function* () {
      const { open, serve } = gate()
      const { batcher, call, sent, start } = yield* make(serve)
      const calls = [yield* start("first"), yield* start("waits")]
      batcher.close()
      assert.equal(yield* Fiber.join(calls[1]!), "Closed NotApplied")
      assert.equal(yield* call("later"), "Closed NotApplied")
      yield* open
      assert.equal(yield* Fiber.join(calls[0]!), "first")
      assert.deepEqual(sent, [["first"]])
    })
  )
})
