/** What lies in a queue of BullMQ, and what comes in meanwhile, is done by Troupe, each once and at its time. */
import { assert, it } from "@effect/vitest"
import { BackendError, TaskQueue } from "@troupe/core"
import { RedisClient, RedisTaskQueue } from "@troupe/redis-live"
import { FlowProducer, type JobsOptions, Queue, Worker } from "bullmq"
import { DateTime, Effect, Layer, Option, Schema, Stream } from "effect"
import { randomBytes } from "node:crypto"
import { inject } from "vitest"
import { missing } from "../../../scripts/missing.ts"
import { drain, type HandOver } from "../Drain.ts"

const Send = TaskQueue.task("send", { payload: { to: Schema.String }, levels: ["soon"] })
const decode = Schema.decodeUnknownEffect(Send.payload)

const handOver: HandOver<TaskQueue.TaskQueue> = (job, placing) =>
  Effect.gen(function* () {
    const queue = yield* TaskQueue.TaskQueue
    const level = job.priority === 1 ? { level: "soon" as const } : {}
    return yield* queue.enqueue(Send, yield* decode(job.data), { ...placing, ...level })
  })

/** An old queue and a new one, on keys of this test alone. */
const place = Effect.gen(function* () {
  const url = inject("redisUrl")!
  const prefix = `${inject("redisPrefix")}-${randomBytes(4).toString("hex")}`
  const old = { url, name: "mail", prefix: `${prefix}-old` }
  const connection = { url }
  const bull = yield* Effect.acquireRelease(
    Effect.sync(() => new Queue(old.name, { connection, prefix: old.prefix })),
    (queue) => Effect.promise(() => queue.close())
  )
  const add = (to: unknown, options?: JobsOptions) => Effect.promise(() => bull.add("send", { to }, options))
  const layer = (options?: TaskQueue.Options) =>
    RedisTaskQueue.layer(options).pipe(Layer.provide(RedisClient.layer({ url, prefix })))
  return { add, bull, layer, old }
})

const until = <E, R>(what: string, holds: Effect.Effect<boolean, E, R>): Effect.Effect<void, E, R> =>
  holds.pipe(
    Effect.delay("20 millis"),
    Effect.repeat({ until: (is) => is }),
    Effect.timeoutOrElse({ duration: "60 seconds", orElse: () => Effect.die(`never: ${what}`) }),
    Effect.asVoid
  )

const isEmpty = (bull: Queue) =>
  Effect.map(
    Effect.promise(() => bull.getJobCountByTypes("wait", "active", "delayed", "prioritized", "failed")),
    (count) => count === 0
  )

const done = (said: ReadonlyArray<string>, all: ReadonlyArray<string>) =>
  until(
    `all ${all.length}`,
    Effect.sync(() => said.length >= all.length)
  ).pipe(Effect.andThen(Effect.sync(() => assert.deepStrictEqual(said.toSorted(), all.toSorted()))))

const it_ = it.live.skipIf(missing.redis)

it_("what waits, what has a priority, what sleeps and what comes in meanwhile is done once", () =>
  Effect.gen(function* () {
    const { add, bull, layer, old } = yield* place
    const numbers = Array.from({ length: 150 }, (_, i) => `${i}`)
    for (const i of numbers) yield* add(i)
    yield* add("urgent", { priority: 1 })
    yield* add("named", { jobId: "order-7" })
    yield* add("short", { delay: 2_500 })
    yield* Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const said: Array<string> = []
      yield* queue.work(Send, ({ to }) => Effect.sync(() => void said.push(to)))
      yield* drain(old, handOver)
      for (const i of numbers) yield* add(`late ${i}`)
      yield* done(said, [...numbers, ...numbers.map((i) => `late ${i}`), "urgent", "named", "short"])
      yield* until("it is empty", isEmpty(bull))
      // A job's own id is the task's: a producer of either kind that says it again adds nothing.
      const again = yield* queue.enqueue(Send, { to: "named" }, { id: "order-7" })
      assert.deepStrictEqual({ ...again }, { _tag: "Duplicate", id: TaskQueue.TaskId.make("order-7") })
    }).pipe(Effect.scoped, Effect.provide(layer()))
  })
)

it_("what sleeps is handed over ahead, and is due when it was due", () =>
  Effect.gen(function* () {
    const { add, bull, layer, old } = yield* place
    const hour = 3_600_000
    const made = yield* add("later", { delay: hour, jobId: "later" })
    const changed = yield* add("changed", { delay: hour, jobId: "changed" })
    const before = Date.now()
    yield* Effect.promise(() => changed.changeDelay(2 * hour))
    for (let i = 0; i < 120; i++) yield* add(`${i}`, { delay: hour })
    yield* Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      yield* drain(old, handOver)
      yield* until("it is empty", isEmpty(bull))
      assert.strictEqual((yield* queue.counts(Send)).delayed, 122)
      const dueOf = (id: string) =>
        queue.inspect(Send, TaskQueue.TaskId.make(id)).pipe(
          Effect.map(Option.flatMap(({ runAt }) => Option.fromUndefinedOr(runAt))),
          Effect.map((at) => DateTime.toEpochMillis(Option.getOrThrow(at)))
        )
      assert.strictEqual(yield* dueOf("later"), made.timestamp + hour)
      assert.isAtLeast(yield* dueOf("changed"), before + 2 * hour)
    }).pipe(Effect.scoped, Effect.provide(layer()))
  })
)

it_("what was handed over, but not to the drain's knowledge, is handed over again and enqueued once", () =>
  Effect.gen(function* () {
    const { add, bull, layer, old } = yield* place
    yield* add("twice", { attempts: 2 })
    yield* add("asleep", { delay: 3_600_000 })
    const given: Array<string> = []
    const lost = new BackendError.BackendError({
      service: "TaskQueue",
      operation: "enqueue",
      reason: new BackendError.TimedOut({ message: "no answer" }),
      outcome: "Unknown"
    })
    /** The first time it is enqueued, and the answer is lost. */
    const forgetful: HandOver<TaskQueue.TaskQueue> = (job, placing) =>
      Effect.tap(handOver(job, placing), ({ _tag }) => {
        const isFirst = !given.some((line) => line.startsWith(placing.id))
        given.push(`${placing.id} ${_tag}`)
        return isFirst ? Effect.fail(lost) : Effect.void
      })
    yield* Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      yield* drain(old, forgetful)
      yield* until("it is empty", isEmpty(bull))
      // When one is due again, the worker and what looks after sleepers may both be at it.
      for (const id of ["mail:1", "mail:2"]) {
        const [first, ...further] = given.filter((line) => line.startsWith(id))
        assert.strictEqual(first, `${id} Enqueued`)
        assert.isNotEmpty(further)
        for (const line of further) assert.strictEqual(line, `${id} Duplicate`)
      }
      const { delayed, ready } = yield* queue.counts(Send)
      assert.deepStrictEqual([ready, delayed], [1, 1])
    }).pipe(Effect.scoped, Effect.provide(layer()))
  })
)

it_("what a drain had in hand when it crashed is enqueued once", () =>
  Effect.gen(function* () {
    const { add, bull, layer, old } = yield* place
    yield* add("crash")
    yield* Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const placing = { id: "mail:1" }
      const run = Effect.runPromiseWith(yield* Effect.context<TaskQueue.TaskQueue>())
      const crashed = new Worker(
        old.name,
        async (job) => {
          await run(handOver(job, placing))
          return new Promise(() => {})
        },
        {
          connection: { url: old.url },
          prefix: old.prefix,
          lockDuration: 1_000,
          // It is the drain that finds it, and not this one itself where it has no turn for a second.
          skipStalledCheck: true,
          skipLockRenewal: true
        }
      )
      yield* until(
        "it is enqueued",
        Effect.map(queue.counts(Send), ({ ready }) => ready === 1)
      )
      yield* Effect.promise(() => crashed.close(true))
      assert.strictEqual(yield* Effect.promise(() => bull.getActiveCount()), 1)
      yield* drain(old, handOver)
      yield* until("it is empty", isEmpty(bull))
      assert.deepStrictEqual(
        Array.from(yield* Stream.runCollect(queue.list(Send, "Ready")), ({ id }) => id),
        [TaskQueue.TaskId.make(placing.id)]
      )
    }).pipe(Effect.scoped, Effect.provide(layer()))
  })
)

it_("while the new queue is full the old one keeps its jobs, and counts no attempt", () =>
  Effect.gen(function* () {
    const { add, bull, layer, old } = yield* place
    for (const to of ["one", "two", "three"]) yield* add(to)
    yield* Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      yield* drain(old, handOver)
      let attempts: ReadonlyArray<number> = []
      yield* until(
        "two are back",
        Effect.promise(async () => {
          attempts = (await bull.getDelayed()).map(({ attemptsMade }) => attemptsMade)
          return attempts.length === 2
        })
      )
      assert.deepStrictEqual(attempts, [0, 0])
      const said: Array<string> = []
      yield* queue.work(Send, ({ to }) => Effect.sync(() => void said.push(to)))
      yield* done(said, ["one", "two", "three"])
      yield* until("it is empty", isEmpty(bull))
    }).pipe(Effect.scoped, Effect.provide(layer({ maxLength: 1 })))
  })
)

it_("what fits no schema fails in the old queue, whatever attempts it has left", () =>
  Effect.gen(function* () {
    const { add, bull, layer, old } = yield* place
    yield* add(7, { attempts: 5, backoff: 3_600_000 })
    yield* Effect.gen(function* () {
      yield* drain(old, handOver)
      yield* until(
        "it has failed",
        Effect.map(
          Effect.promise(() => bull.getFailed()),
          ([job]) => job?.failedReason?.includes("Expected string") === true
        )
      )
    }).pipe(Effect.scoped, Effect.provide(layer()))
  })
)

it_("a scheduler goes on, and a flow waits for old workers", () =>
  Effect.gen(function* () {
    const { bull, layer, old } = yield* place
    yield* Effect.promise(() => bull.upsertJobScheduler("tick", { every: 500 }, { name: "send", data: { to: "tick" } }))
    const yearly = { pattern: "0 0 1 1 *" }
    yield* Effect.promise(() => bull.upsertJobScheduler("yearly", yearly, { name: "send", data: { to: "year" } }))
    const flows = yield* Effect.acquireRelease(
      Effect.sync(() => new FlowProducer({ connection: { url: old.url }, prefix: old.prefix })),
      (flows) => Effect.promise(() => flows.close())
    )
    const child = { name: "send", queueName: old.name, data: { to: "child" } }
    yield* Effect.promise(() => flows.add({ name: "sum", queueName: "sums", children: [child] }))
    yield* Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const said: Array<string> = []
      yield* queue.work(Send, ({ to }) => Effect.sync(() => void said.push(to)))
      yield* drain(old, handOver)
      yield* until(
        "three ticks",
        Effect.sync(() => said.length >= 3)
      )
      assert.deepStrictEqual(new Set(said), new Set(["tick"]))
      yield* until(
        "it has none but the child",
        Effect.promise(async () => {
          await bull.removeJobScheduler("tick")
          await bull.removeJobScheduler("yearly")
          const left = await bull.getJobs(["wait", "delayed", "active"])
          return left.length === 1 && left[0]!.data.to === "child"
        })
      )
      // Of a scheduler that is removed nothing is left here either.
      assert.strictEqual((yield* queue.counts(Send)).delayed, 0)
    }).pipe(Effect.scoped, Effect.provide(layer()))
  })
)
