/**
 * A process that works: `worker.process.ts <options as JSON>`. Says `ready` on stdout once it works, `enqueued` once it has
 * enqueued what it was to. Ends when it is asked to by SIGTERM; one that only enqueues, when its stdin ends. By SIGUSR2 its
 * event loop is blocked, until there is a file beside its history. What it saw stands in its history.
 */
import * as LocalPeer from "@troupe/core/LocalPeer"
import * as TaskQueue from "@troupe/core/TaskQueue"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { once } from "node:events"
import * as fs from "node:fs"
import * as RedisClient from "../../src/RedisClient.ts"
import { History } from "./History.ts"
import { kinds, layer, type Payload, work, type WorkOptions } from "./watched.ts"

export interface Options {
  readonly url: string
  readonly prefix: string
  readonly name: string
  readonly history: string
  readonly queue?: TaskQueue.Options
  readonly work?: WorkOptions
  /** It does nothing but enqueue as many plain tasks. */
  readonly enqueues?: number
}

const { enqueues, history: file, name, prefix, queue: options, url, work: how }: Options = JSON.parse(process.argv[2]!)
const history = new History(file, name)
const say = (word: string) => Effect.sync(() => process.stdout.write(`${word}\n`))

const program = Effect.gen(function* () {
  const queue = yield* TaskQueue.TaskQueue
  if (enqueues === undefined) {
    yield* work(queue, history, how)
    yield* say("ready")
    return yield* Effect.never
  }
  for (let n = 0; n < enqueues; n++) {
    const task = `plain::${n}`
    const payload: Payload = { task, ms: 0, how: "sleep" }
    yield* queue.enqueue(kinds.plain, payload)
    history.write({ what: "enqueued", task })
  }
  yield* say("enqueued")
  process.stdin.resume()
  return yield* Effect.promise(() => once(process.stdin, "end"))
})

const peer = layer(history, options).pipe(
  Layer.provide(RedisClient.layer({ url, prefix })),
  Layer.provide(LocalPeer.layer(name))
)
const fiber = Effect.runFork(program.pipe(Effect.provide(peer), Effect.scoped))
process.on("SIGTERM", () => fiber.interruptUnsafe())
process.on("SIGUSR2", () => {
  while (!fs.existsSync(`${file}.unblock`));
})
