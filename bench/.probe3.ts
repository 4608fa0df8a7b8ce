import * as Cache from "@troupe/core/Cache"
import * as RedisCache from "@troupe/redis-live/RedisCache"
import * as RedisClient from "@troupe/redis-live/RedisClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { Redis } from "ioredis"
import { startServer } from "../scripts/redis.ts"
import { Body, body, writers, workers } from "./message.ts"
const server = await startServer()
const raw = new Redis(server.url)
const runtime = ManagedRuntime.make(
  RedisCache.layer().pipe(Layer.provide(RedisClient.layer({ url: server.url, prefix: "p" })))
)
const cpu = async () => {
  const info = await raw.info("cpu")
  const u = Number(/used_cpu_user:([\d.]+)/.exec(info)![1]),
    s = Number(/used_cpu_sys:([\d.]+)/.exec(info)![1])
  const n = process.cpuUsage()
  return { redis: (u + s) * 1e6, node: n.user + n.system }
}
const measure = async (name: string, n: number, f: () => Promise<unknown>) => {
  const a = await cpu(),
    t = performance.now()
  await f()
  const ms = performance.now() - t,
    b = await cpu()
  console.log(
    name.padEnd(16),
    (n / ms).toFixed(1) + " k/s",
    "wall",
    ((ms * 1000) / n).toFixed(2),
    "node",
    ((b.node - a.node) / n).toFixed(2),
    "redis",
    ((b.redis - a.redis) / n).toFixed(2)
  )
}
const region = Cache.region("m", { value: Body, timeToLive: "1 hour" })
const on = <A, E>(use: (cache: Cache.Service) => Effect.Effect<A, E>) =>
  runtime.runPromise(Effect.flatMap(Cache.Cache, use))
const key = (id: number) => `k${id % 1000}`
await on((c) =>
  Effect.forEach(
    Array.from({ length: 1000 }, (_, i) => i),
    (i) => c.set(region, key(i), body(i)),
    { concurrency: 100 }
  )
)
for (let i = 0; i < 1000; i++) await raw.set(`raw${key(i)}`, JSON.stringify(body(i)))
const n = 60_000
for (let r = 0; r < Number(process.argv[2] ?? 4); r++) {
  await measure("get c=100", n, () => on((c) => writers(n, (i) => c.get(region, key(i)), 100)))
  if (process.argv[3] !== "get")
    await measure("getOrSet c=100", n, () =>
      on((c) => writers(n, (i) => c.getOrSet(region, key(i), Effect.die("no")), 100))
    )
  if (process.argv[3] !== "get")
    await measure("set c=100", n, () => on((c) => writers(n, (i) => c.set(region, key(i), body(i)), 100)))
  if (process.argv[3] !== "get")
    await measure("get c=1", 5000, () => on((c) => writers(5000, (i) => c.get(region, key(i)), 1)))
  if (process.argv[3] !== "get")
    await measure("raw c=100", n, () => workers(n, async (i) => JSON.parse((await raw.get(`raw${key(i)}`))!), 100))
  if (process.argv[3] !== "get")
    await measure("raw c=1", 5000, () => workers(5000, async (i) => JSON.parse((await raw.get(`raw${key(i)}`))!), 1))
}
raw.disconnect()
await runtime.dispose()
await server.stop()
