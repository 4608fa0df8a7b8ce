/** An idle worker in a process of its own: `fork(worker.process.ts, [url, prefix])`. Says how long each task was on its way. */
import * as TaskQueue from "@troupe/core/TaskQueue"
import * as RedisClient from "@troupe/redis-live/RedisClient"
import * as RedisTaskQueue from "@troupe/redis-live/RedisTaskQueue"
import { Worker } from "bullmq"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { Body, connectionOf, now } from "./queues.ts"

export type Asked = { readonly side: "ours" | "theirs"; readonly name: string }
export type Told = { readonly working: true } | { readonly tookMs: number }

const [url = "", prefix = ""] = process.argv.slice(2)
const runtime = ManagedRuntime.make(RedisTaskQueue.layer().pipe(Layer.provide(RedisClient.layer({ url, prefix }))))
const tell = (told: Told): void => void process.send?.(told)
const took = ({ at }: Body): void => tell({ tookMs: now() - at })

process.on("message", ({ name, side }: Asked) => {
  if (side === "theirs") {
    const worker = new Worker(name, async ({ data }) => took(data), { connection: connectionOf(url), prefix })
    void worker.waitUntilReady().then(() => tell({ working: true }))
    return
  }
  const task = TaskQueue.task(name, { payload: Body })
  const work = Effect.gen(function* () {
    const queue = yield* TaskQueue.TaskQueue
    yield* queue.work(task, (body) => Effect.sync(() => took(body)))
    tell({ working: true })
    return yield* Effect.never
  })
  runtime.runFork(Effect.scoped(work))
})
process.on("disconnect", () => process.exit())
