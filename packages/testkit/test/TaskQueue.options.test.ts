/** A6: a definition never throws, whatever it is given; the first call says what is wrong with it, before anything is sent. */
import { describe, expect, it } from "@effect/vitest"
import { BackendError } from "@troupe/core/BackendError"
import * as TaskQueue from "@troupe/core/TaskQueue"
import * as MemoryBackend from "@troupe/testkit/MemoryBackend"
import * as MemoryTaskQueue from "@troupe/testkit/MemoryTaskQueue"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

const memory = Layer.provide(MemoryTaskQueue.layer(), MemoryBackend.layer)

const key = () => "k"
const schemas: ReadonlyArray<unknown> = [
  null,
  1,
  "text",
  true,
  [],
  new Date(0),
  Symbol("s"),
  () => 1,
  { a: 1 },
  [Schema.Int]
]
const durations: ReadonlyArray<unknown> = [null, Number.NaN, "soon", true, Symbol("s"), () => 1, [], -1, "Infinity"]
const counts: ReadonlyArray<unknown> = [
  null,
  0,
  -1,
  1.5,
  Number.NaN,
  Infinity,
  "5",
  true,
  {},
  [],
  5n,
  Symbol("s"),
  () => 1
]

/** Every option, and what it may not be. */
const wrong: Readonly<
  Record<Exclude<keyof TaskQueue.TaskOptions<never, never, never, never>, never>, ReadonlyArray<unknown>>
> = {
  payload: [...schemas, { [Symbol("s")]: Schema.Int }, { a: Schema.Int, b: null }],
  success: [...schemas, { a: Schema.Int }],
  error: [...schemas, { a: Schema.Int }],
  keepResult: durations,
  maxAttempts: [...counts, 10_001],
  retry: [null, 1, "exponential", {}, [], () => 1, true],
  retryWhile: [null, 1, "no", {}, [], true],
  timeout: [...durations, 0, {}],
  levels: [
    null,
    1,
    "high",
    {},
    { length: 1 },
    [1],
    [null],
    [Symbol("s")],
    [""],
    ["\ud800"],
    ["a", "a"],
    new Set(["a"]),
    () => ["a"]
  ],
  unique: [
    null,
    1,
    "k",
    {},
    [],
    true,
    { key: "k", window: 1 },
    { key },
    ...durations.map((window) => ({ key, window }))
  ],
  concurrency: [
    null,
    1,
    "k",
    {},
    [],
    true,
    key,
    { key: "k" },
    { key: null },
    ...counts.map((limit) => ({ key, limit }))
  ],
  rateLimit: [
    null,
    1,
    "1/s",
    {},
    [],
    true,
    { limit: 1 },
    { window: 1 },
    ...counts.map((limit) => ({ limit, window: 1_000 })),
    ...durations.map((window) => ({ limit: 1, window }))
  ]
}

/** As JavaScript calls it. */
const define = (...given: ReadonlyArray<unknown>): TaskQueue.Task<unknown, unknown, unknown> =>
  Reflect.apply(TaskQueue.task, undefined, given)

/** What the first call says of it; also where that can only be a defect. */
const said = (task: TaskQueue.Task<unknown, unknown, unknown>) =>
  Effect.gen(function* () {
    const queue = yield* TaskQueue.TaskQueue
    const error = yield* Effect.flip(queue.enqueue(task, undefined))
    const defect = yield* Effect.exit(Effect.scoped(queue.work(task, () => Effect.void)))
    expect(Exit.isFailure(defect) && Exit.hasDies(defect) && Cause.squash(defect.cause)).toMatchObject({
      _tag: error._tag
    })
    if (!(error instanceof BackendError)) return expect.unreachable()
    expect(error.outcome).toBe("NotApplied")
    return error.reason
  }).pipe(Effect.provide(memory))

describe("an option of a task that is not what it should be", () => {
  for (const [field, values] of Object.entries(wrong)) {
    it.effect(`is told by the first call: ${field}`, () =>
      Effect.gen(function* () {
        for (const value of values) {
          const reason = yield* said(define("task", { [field]: value }))
          expect([field, value, reason?._tag]).toEqual([
            field,
            value,
            expect.stringMatching(/^(Misconfigured|InvalidName)$/)
          ])
          expect(reason?.message).toMatch(new RegExp(`^(${field}|${field.replace(/s$/, "")})`))
        }
      })
    )
  }

  it.effect("is told by the first call: all of them, and the name", () =>
    Effect.gen(function* () {
      for (const options of [null, 1, "text", [], true, Symbol("s")]) {
        expect((yield* said(define("task", options)))?._tag).toBe("Misconfigured")
      }
      for (const name of [undefined, null, 1, {}, Symbol("s"), "", "\ud800"]) {
        expect((yield* said(define(name)))?._tag).toBe("InvalidName")
      }
    })
  )
})
