/** How long a task is on its way from one process to an idle worker in another: before it is enqueued until it runs. */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import * as path from "node:path"
import { type Bench, body, now } from "./queues.ts"
import type { Asked, Told } from "./worker.process.ts"

export const make = (url: string, prefix: string) => {
  const workers: Array<ChildProcess> = []
  const start = async (asked: Asked): Promise<ChildProcess> => {
    const worker = fork(path.join(import.meta.dirname, "worker.process.ts"), [url, prefix])
    workers.push(worker)
    worker.send(asked)
    await once(worker, "message")
    return worker
  }
  return {
    /** Sorted, in ms; each task is enqueued when the one before has run and all is quiet again. */
    times: async (side: Asked["side"], name: string, queue: Bench, n: number): Promise<ReadonlyArray<number>> => {
      const worker = await start({ side, name })
      const times: Array<number> = []
      for (let id = 0; id < n + 20; id++) {
        const told = once(worker, "message")
        await queue.add(body(id, now()))
        const [message]: Array<Told> = await told
        if (message !== undefined && "tookMs" in message && id >= 20) times.push(message.tookMs)
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
      worker.disconnect()
      await once(worker, "exit")
      return times.sort((a, b) => a - b)
    },
    close: () => {
      for (const worker of workers) if (worker.exitCode === null) worker.kill("SIGKILL")
    }
  }
}
