/**
 * TaskQueue beside what people use: `node bench/run.ts tasks`.
 *
 * Producers are done before workers start; the clock stops when the server holds no task, and only what the server has
 * acknowledged counts. A task that ran twice, or not at all, fails the run. Each peer has its documented fast settings.
 */
import * as TaskQueue from "@troupe/core/TaskQueue"
import * as RedisClient from "@troupe/redis-live/RedisClient"
import * as RedisTaskQueue from "@troupe/redis-live/RedisTaskQueue"
import BeeQueue from "bee-queue"
import { Queue, Worker } from "bullmq"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Schema from "effect/Schema"
import { Queue as GroupQueue, Worker as GroupWorker } from "groupmq"
import { Redis } from "ioredis"
import { type Case, measure, perSecond, smoke } from "./harness.ts"

const Body = Schema.Struct({
  id: Schema.Int,
  at: Schema.Number,
  kind: Schema.String,
  text: Schema.String
})
const body = (id: number): typeof Body.Type => ({
  id,
  at: 1_900_000_000_000 + id,
  kind: "measurement",
  text: "x".repeat(80)
})

const inFlight = 100
const count = (full: number): number => (smoke ? Math.min(full, 500) : full)

const define = (name: string) => TaskQueue.task(name, { payload: Body })
type Task = ReturnType<typeof define>

/** Every number from 0 to n - 1 once. */
const roll = (n: number) => {
  const seen = new Uint8Array(n)
  let left = n
  const { promise, reject, resolve } = Promise.withResolvers<void>()
  return {
    all: promise,
    call: (id: number): void => {
      if (seen[id] !== 0) reject(new Error(`task ${id} ran twice`))
      seen[id] = 1
      if (--left === 0) resolve()
    }
  }
}

/** As many at a time as may be in flight, each with the next one as soon as its last was answered. */
const spread = async (n: number, add: (id: number) => Promise<unknown>): Promise<void> => {
  let id = 0
  const writer = async () => {
    while (id < n) await add(id++)
  }
  await Promise.all(Array.from({ length: inFlight }, writer))
}

const chunks = (n: number, size: number): ReadonlyArray<ReadonlyArray<number>> =>
  Array.from({ length: Math.ceil(n / size) }, (_, i) =>
    Array.from({ length: Math.min(size, n - i * size) }, (_, j) => i * size + j)
  )

/** Looks until it holds: the end of a run, as the server sees it. */
const until = async (holds: () => Promise<boolean>): Promise<void> => {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 1))
}

export const run = async (url: string): Promise<void> => {
  const prefix = `bench-${process.pid}`
  const runtime = ManagedRuntime.make(RedisTaskQueue.layer().pipe(Layer.provide(RedisClient.layer({ url, prefix }))))
  const raw = new Redis(url)
  const { hostname: host, port } = new URL(url)
  const connection = { host, port: Number(port) }
  let unique = 0
  const name = (peer: string): string => `${prefix}-${peer}-${(unique += 1)}`

  const ours = {
    task: () => define(name("ours")),
    enqueue: (task: Task, n: number) =>
      runtime.runPromise(
        Effect.flatMap(TaskQueue.TaskQueue, (queue) => {
          let id = 0
          const writer = Effect.whileLoop({
            while: () => id < n,
            body: () => queue.enqueue(task, body(id++)),
            step: () => {}
          })
          return Effect.all(
            Array.from({ length: inFlight }, () => writer),
            { concurrency: "unbounded", discard: true }
          )
        })
      ),
    enqueueAll: (task: Task, ids: ReadonlyArray<number>) =>
      runtime.runPromise(Effect.flatMap(TaskQueue.TaskQueue, (queue) => queue.enqueueAll(task, ids.map(body)))),
    /** Works off what is there, and is back when the server holds none of it. */
    process: (task: Task, n: number, concurrency: number) =>
      runtime.runPromise(
        Effect.scoped(
          Effect.gen(function* () {
            const queue = yield* TaskQueue.TaskQueue
            const { all, call } = roll(n)
            yield* queue.work(task, ({ id }) => Effect.sync(() => call(id)), { concurrency })
            yield* Effect.promise(() => all)
            while (true) {
              const { claimed, ready } = yield* queue.counts(task)
              if (claimed + ready === 0) return
            }
          })
        )
      )
  }
  const bull = {
    settings: { connection, prefix, defaultJobOptions: { removeOnComplete: true } },
    process: async (queue: Queue, n: number, concurrency: number) => {
      const { all, call } = roll(n)
      const worker = new Worker(queue.name, async ({ data }) => call(data.id), { connection, prefix, concurrency })
      await all
      await until(async () => (await queue.getJobCountByTypes("active", "waiting", "prioritized", "delayed")) === 0)
      return () => worker.close()
    }
  }

  const oursProcess = (n: number, concurrency: number) => async () => {
    const task = ours.task()
    await ours.enqueueAll(
      task,
      Array.from({ length: n }, (_, id) => id)
    )
    return perSecond(n, () => ours.process(task, n, concurrency))
  }
  const bullProcess = (n: number, concurrency: number) => async () => {
    const queue = new Queue(name("bull"), bull.settings)
    for (const ids of chunks(n, 1_000)) await queue.addBulk(ids.map((id) => ({ name: "t", data: body(id) })))
    let close: () => Promise<void> = async () => {}
    const rate = await perSecond(n, async () => {
      close = await bull.process(queue, n, concurrency)
    })
    await close()
    await queue.obliterate({ force: true })
    await queue.close()
    return rate
  }
  const beeProcess = (n: number, concurrency: number) => async () => {
    const queue = new BeeQueue<typeof Body.Type>(name("bee"), {
      prefix,
      redis: connection,
      removeOnSuccess: true,
      storeJobs: false,
      getEvents: false,
      sendEvents: false
    })
    await queue.ready()
    for (const ids of chunks(n, 1_000)) await queue.saveAll(ids.map((id) => queue.createJob(body(id))))
    const { all, call } = roll(n)
    const rate = await perSecond(n, async () => {
      queue.process(concurrency, async ({ data }: { readonly data: typeof Body.Type }) => call(data.id))
      await all
      await until(async () => {
        const { active, waiting } = await queue.checkHealth()
        return active + waiting === 0
      })
    })
    await queue.close()
    return rate
  }
  const groupProcess = (n: number, concurrency: number) => async () => {
    const queue = new GroupQueue<typeof Body.Type>({ redis: raw, namespace: name("group"), keepCompleted: 0 })
    for (const ids of chunks(n, 200)) {
      // Groups are worked off in order: as many as there are places keep them all busy.
      await Promise.all(ids.map((id) => queue.add({ groupId: `${id % concurrency}`, data: body(id) })))
    }
    const { all, call } = roll(n)
    let worker: GroupWorker<typeof Body.Type> | undefined
    const rate = await perSecond(n, async () => {
      worker = new GroupWorker<typeof Body.Type>({ queue, concurrency, handler: async ({ data }) => call(data.id) })
      void worker.run()
      await all
      await until(async () => (await queue.getActiveCount()) + (await queue.getWaitingCount()) === 0)
    })
    await worker?.close()
    return rate
  }

  const cases: ReadonlyArray<Case> = [
    {
      bench: "tasks",
      name: "enqueue c=100",
      peer: "bullmq",
      unit: "/s",
      better: "more",
      goal: 5,
      ours: async () => {
        const n = count(40_000)
        const task = ours.task()
        return perSecond(n, () => ours.enqueue(task, n))
      },
      theirs: async () => {
        const n = count(10_000)
        const queue = new Queue(name("bull"), bull.settings)
        await queue.waitUntilReady()
        const rate = await perSecond(n, () => spread(n, (id) => queue.add("t", body(id))))
        await queue.obliterate({ force: true })
        await queue.close()
        return rate
      }
    },
    {
      bench: "tasks",
      name: "enqueueAll 1000",
      peer: "bullmq",
      unit: "/s",
      better: "more",
      goal: 5,
      ours: async () => {
        const n = count(40_000)
        const task = ours.task()
        return perSecond(n, async () => {
          for (const ids of chunks(n, 1_000)) await ours.enqueueAll(task, ids)
        })
      },
      theirs: async () => {
        const n = count(10_000)
        const queue = new Queue(name("bull"), bull.settings)
        await queue.waitUntilReady()
        const rate = await perSecond(n, async () => {
          for (const ids of chunks(n, 1_000)) await queue.addBulk(ids.map((id) => ({ name: "t", data: body(id) })))
        })
        await queue.obliterate({ force: true })
        await queue.close()
        return rate
      }
    },
    ...(
      [
        [1, 3, 20_000, 3_000],
        [10, 4, 40_000, 10_000],
        [100, 6, 60_000, 10_000]
      ] as const
    ).map(([concurrency, goal, our, their]): Case => ({
      bench: "tasks",
      name: `process c=${concurrency}`,
      peer: "bullmq",
      unit: "/s",
      better: "more",
      goal,
      ours: oursProcess(count(our), concurrency),
      theirs: bullProcess(count(their), concurrency)
    })),
    {
      bench: "tasks",
      name: "process c=100",
      peer: "bee-queue",
      unit: "/s",
      better: "more",
      goal: 1,
      ours: oursProcess(count(60_000), 100),
      theirs: beeProcess(count(10_000), 100)
    },
    {
      bench: "tasks",
      name: "process c=100",
      peer: "groupmq",
      unit: "/s",
      better: "more",
      goal: 1,
      ours: oursProcess(count(60_000), 100),
      theirs: groupProcess(count(5_000), 100)
    }
  ]
  try {
    await measure(cases)
  } finally {
    raw.disconnect()
    await runtime.dispose()
  }
}
