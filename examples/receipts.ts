/**
 * A queue of work: two peers, of which one hands out and one does, with retries, an answer and a priority. On memory by
 * default; with REDIS_URL on Redis, and nothing else changes:
 *
 *     node examples/receipts.ts
 *     REDIS_URL=redis://localhost:6379 node examples/receipts.ts
 */
import { NodeRuntime } from "@effect/platform-node"
import { LocalPeer, TaskQueue } from "@troupe/core"
import { RedisClient, RedisTaskQueue } from "@troupe/redis-live"
import { MemoryBackend, MemoryTaskQueue } from "@troupe/testkit"
import { Config, Effect, Layer, Option, Schedule, Schema } from "effect"

class PrinterJammed extends Schema.TaggedError<PrinterJammed>("PrinterJammed")("PrinterJammed", {}) {}

// A definition is a value: what the task is given, what it answers, how it fails, and what then.
const PrintReceipt = TaskQueue.task("print-receipt", {
  payload: { order: Schema.Int, lines: Schema.Array(Schema.String) },
  success: Schema.Struct({ pages: Schema.Int }),
  error: PrinterJammed,
  retry: Schedule.spaced("100 millis"),
  maxAttempts: 3,
  timeout: "10 seconds",
  levels: ["customer-waits", "archive"],
  // An order is printed once, however often it is asked for while the first is on its way.
  unique: ({ order }) => `${order}`
})

/** The one place that says where the cluster lives. */
const backend = Layer.unwrap(
  Effect.map(Config.option(Config.String("REDIS_URL")), (url) =>
    Option.isSome(url)
      ? RedisTaskQueue.layer().pipe(Layer.provide(RedisClient.layer({ url: url.value, prefix: "troupe-example" })))
      : MemoryTaskQueue.layer()
  )
)

/** Works for as long as the layer lives; what it cannot finish when it ends runs elsewhere. */
const printer = TaskQueue.worker(
  PrintReceipt,
  ({ lines, order }, { attempt }) =>
    Effect.gen(function* () {
      yield* Effect.log(`order ${order}, attempt ${attempt}`)
      if (order === 7 && attempt === 1) return yield* new PrinterJammed()
      return { pages: Math.ceil(lines.length / 2) }
    }),
  { concurrency: 4 }
)

const till = Effect.gen(function* () {
  const queue = yield* TaskQueue.TaskQueue
  yield* queue.enqueueAll(
    PrintReceipt,
    [1, 2, 3].map((order) => ({ order, lines: ["tea"] })),
    { level: "archive" }
  )
  const { pages } = yield* queue.execute(
    PrintReceipt,
    { order: 7, lines: ["tea", "cake", "milk"] },
    { level: "customer-waits" }
  )
  yield* Effect.log(`order 7 has ${pages} pages`)
})

/** One peer of the cluster, for as long as the scope lasts. In production: one process. */
const asPeer = (name: string) => backend.pipe(Layer.fresh, Layer.provide(LocalPeer.layer(name)))

const program = Effect.gen(function* () {
  yield* Layer.build(Layer.provide(printer, asPeer("printer")))
  yield* Effect.provide(till, asPeer("till"))
})

NodeRuntime.runMain(program.pipe(Effect.scoped, Effect.provide(MemoryBackend.layer)))
