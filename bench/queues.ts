/**
 * Task queues side by side, each with its documented fast settings: filled, then worked off. Everything is over when the
 * server holds no task any more, and only what the server has acknowledged counts. A task that ran twice fails the run.
 */
import * as NodeRedis from "@effect/platform-node/NodeRedis"
import * as Memory from "@troupe/testkit/Memory"
import * as TaskQueue from "@troupe/core/TaskQueue"
import * as RedisClient from "@troupe/redis-live/RedisClient"
import * as RedisTaskQueue from "@troupe/redis-live/RedisTaskQueue"
import BeeQueue from "bee-queue"
import { Queue, Worker } from "bullmq"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Schema from "effect/Schema"
import { Queue as GroupQueue, Worker as GroupWorker } from "groupmq"
import { Redis } from "ioredis"

export const Body = Schema.Struct({
  id: Schema.Int,
  at: Schema.Number,
  kind: Schema.String,
  text: Schema.String
})
export type Body = typeof Body.Type

export const body = (id: number, at = 1_900_000_000_000 + id): Body => ({
  id,
  at,
  kind: "measurement",
  text: "x".repeat(80)
})

/** Processes of one machine read the same clock by it. */
export const now = (): number => performance.timeOrigin + performance.now()

const numbers = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i)
export const chunks = (n: number, size: number): ReadonlyArray<ReadonlyArray<number>> =>
  numbers(Math.ceil(n / size)).map((i) => numbers(Math.min(size, n - i * size)).map((j) => i * size + j))

/** Every number from 0 to n - 1 once. */
const roll = (n: number) => {
  const seen = new Uint8Array(n)
  let left = n
  const { promise, reject, resolve } = Promise.withResolvers<void>()
  return {
    all: promise,
    call: ({ id }: Body): void => {
      if (seen[id] !== 0) reject(new Error(`task ${id} ran twice`))
      seen[id] = 1
      if (--left === 0) resolve()
    }
  }
}

/** Looks until it holds: the end of a run, as the server sees it. */
const until = async (holds: () => Promise<boolean>): Promise<void> => {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 1))
}

/** One queue of its own. */
export interface Bench {
  /** Adds one: for callers of whom many run at a time. */
  readonly add: (body: Body) => Promise<unknown>
  /** Adds as many at once as it can. */
  readonly addAll: (ids: ReadonlyArray<number>) => Promise<unknown>
  /** Works off the `n` tasks that are there, and is back when the server holds none. */
  readonly process: (n: number, concurrency: number) => Promise<void>
  readonly close: () => Promise<void>
}

/** How many tasks one call of `addAll` is given. */
const perCall = 1_000
export const fill = async (queue: Bench, n: number): Promise<void> => {
  for (const ids of chunks(n, perCall)) await queue.addAll(ids)
}

export const runtimeFor = (layer: Layer.Layer<TaskQueue.TaskQueue, unknown>) => {
  const runtime = ManagedRuntime.make(layer)
  return { ...oursOn(runtime), dispose: () => runtime.dispose() }
}

const oursOn = (runtime: ManagedRuntime.ManagedRuntime<TaskQueue.TaskQueue, unknown>) => {
  const on = <A, E>(use: (queue: TaskQueue.Service) => Effect.Effect<A, E>): Promise<A> =>
    runtime.runPromise(Effect.flatMap(TaskQueue.TaskQueue, use))
  return {
    /** As an application would: fibers, not promises. */
    addEach: (task: TaskQueue.Task<Body>, n: number, inFlight: number) =>
      on((queue) => {
        let id = 0
        const writer = Effect.whileLoop({
          while: () => id < n,
          body: () => queue.enqueue(task, body(id++)),
          step: () => {}
        })
        return Effect.all(
          numbers(inFlight).map(() => writer),
          { concurrency: "unbounded", discard: true }
        )
      }),
    /** The first `n` of those that are there, as soon as they have run. */
    processSome: (task: TaskQueue.Task<Body>, n: number, concurrency: number) =>
      on((queue) =>
        Effect.scoped(
          Effect.gen(function* () {
            const { promise, resolve } = Promise.withResolvers<void>()
            let left = n
            const call = () => {
              if (--left === 0) resolve()
            }
            yield* queue.work(task, () => Effect.sync(call), { concurrency })
            yield* Effect.promise(() => promise)
          })
        )
      ),
    purge: (task: TaskQueue.Task<Body>) => on((queue) => queue.purge(task, "Ready")),
    queue: (name: string): Bench & { readonly task: TaskQueue.Task<Body> } => {
      const task = TaskQueue.task(name, { payload: Body })
      return {
        task,
        add: (body) => on((queue) => queue.enqueue(task, body)),
        addAll: (ids) =>
          on((queue) =>
            queue.enqueueAll(
              task,
              ids.map((id) => body(id))
            )
          ),
        process: (n, concurrency) =>
          on((queue) =>
            Effect.scoped(
              Effect.gen(function* () {
                const { all, call } = roll(n)
                yield* queue.work(task, (body) => Effect.sync(() => call(body)), { concurrency })
                yield* Effect.promise(() => all)
                while (true) {
                  const { claimed, ready } = yield* queue.counts(task)
                  if (claimed + ready === 0) return
                }
              })
            )
          ),
        close: async () => {}
      }
    }
  }
}

export const onRedis = (url: string, prefix: string) =>
  runtimeFor(RedisTaskQueue.layer().pipe(Layer.provide(RedisClient.layer({ url, prefix }))))
export const inMemory = () => runtimeFor(Memory.layer)

export type Connection = { readonly host: string; readonly port: number }
export const connectionOf = (url: string): Connection => {
  const { hostname, port } = new URL(url)
  return { host: hostname, port: Number(port) }
}

export const bull = (connection: Connection, prefix: string, name: string): Bench => {
  const queue = new Queue(name, { connection, prefix, defaultJobOptions: { removeOnComplete: true } })
  let worker: Worker | undefined
  return {
    add: (body) => queue.add("t", body),
    addAll: (ids) => queue.addBulk(ids.map((id) => ({ name: "t", data: body(id) }))),
    process: async (n, concurrency) => {
      const { all, call } = roll(n)
      worker = new Worker(name, async ({ data }) => call(data), { connection, prefix, concurrency })
      await all
      await until(async () => (await queue.getJobCountByTypes("active", "waiting", "prioritized", "delayed")) === 0)
    },
    close: async () => {
      await worker?.close()
      await queue.obliterate({ force: true })
      await queue.close()
    }
  }
}

export const bee = (redis: Connection, prefix: string, name: string): Bench => {
  const queue = new BeeQueue<Body>(name, {
    prefix,
    redis,
    removeOnSuccess: true,
    storeJobs: false,
    getEvents: false,
    sendEvents: false
  })
  return {
    add: (body) => queue.createJob(body).save(),
    addAll: (ids) => queue.saveAll(ids.map((id) => queue.createJob(body(id)))),
    process: async (n, concurrency) => {
      const { all, call } = roll(n)
      queue.process(concurrency, async ({ data }: { readonly data: Body }) => call(data))
      await all
      await until(async () => {
        const { active, waiting } = await queue.checkHealth()
        return active + waiting === 0
      })
    },
    close: () => queue.close()
  }
}

/** Groups are worked off in order: as many as there are places keep them all busy. */
export const group = (redis: Redis, name: string, groups: number): Bench => {
  const queue = new GroupQueue<Body>({ redis, namespace: name, keepCompleted: 0 })
  let worker: GroupWorker<Body> | undefined
  const add = (body: Body) => queue.add({ groupId: `${body.id % groups}`, data: body })
  return {
    add,
    addAll: (ids) => Promise.all(ids.map((id) => add(body(id)))),
    process: async (n, concurrency) => {
      const { all, call } = roll(n)
      worker = new GroupWorker<Body>({ queue, concurrency, handler: async ({ data }) => call(data) })
      void worker.run()
      await all
      await until(async () => (await queue.getActiveCount()) + (await queue.getWaitingCount()) === 0)
    },
    close: async () => void (await worker?.close())
  }
}

/** effect's own: whoever works takes one at a time, so there are as many who do as may run. */
export const effect = (connection: Connection, prefix: string) => {
  const runtime = ManagedRuntime.make(
    PersistedQueue.layer.pipe(
      Layer.provide(PersistedQueue.layerStoreRedis({ prefix })),
      Layer.provide(NodeRedis.layer({ socket: connection }))
    )
  )
  const raw = new Redis(connection)
  return {
    queue: async (name: string): Promise<Bench> => {
      const queue = await runtime.runPromise(PersistedQueue.make({ name, schema: Body }))
      return {
        add: (body) => runtime.runPromise(queue.offer(body)),
        addAll: (ids) =>
          runtime.runPromise(
            Effect.forEach(ids, (id) => queue.offer(body(id)), { concurrency: "unbounded", discard: true })
          ),
        process: async (n, concurrency) => {
          const { all, call } = roll(n)
          const taker = Effect.forever(queue.take((body) => Effect.sync(() => call(body))))
          const takers = Effect.all(
            numbers(concurrency).map(() => taker),
            { concurrency: "unbounded", discard: true }
          )
          await runtime.runPromise(
            Effect.race(
              takers,
              Effect.promise(() => all)
            )
          )
          await until(
            async () => (await raw.llen(`${prefix}${name}`)) + (await raw.hlen(`${prefix}${name}:pending`)) === 0
          )
        },
        close: async () => {}
      }
    },
    dispose: async () => {
      raw.disconnect()
      await runtime.dispose()
    }
  }
}
