/**
 * Cache beside what people use: `node bench/run.ts cache`. Values of about 250 bytes through a schema, 1,000 keys that are
 * there, 100 callers unless the case says otherwise; each answer is looked at.
 *
 * - `get`, `set`, `getOrSet hit`: bentocache through Redis, and raw ioredis with JSON where it can.
 * - `near hit`: what is kept in the process; bentocache's layer in memory, which here nobody invalidates.
 * - `get c=100` also beside keyv, cacheable and cache-manager through @keyv/redis.
 * - `effect`: its PersistedCache on @effect/platform-node, without its layer in memory but for `near hit`.
 * - `clear 1M`: how long it takes with a million values there, beside ten; each time the memory is back within a minute.
 * - `commands per …`: what the server counts, commands of scripts too; of all calls, the others in `cache-commands.ts`.
 */
import KeyvRedis from "@keyv/redis"
import * as Cache from "@troupe/core/Cache"
import * as RedisCache from "@troupe/redis-live/RedisCache"
import * as RedisClient from "@troupe/redis-live/RedisClient"
import { Cacheable } from "cacheable"
import { createCache } from "cache-manager"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Redis } from "ioredis"
import { Keyv } from "keyv"
import { setTimeout as pause } from "node:timers/promises"
import * as Bento from "./bento/bento.ts"
import * as Commands from "./cache-commands.ts"
import { type Case, commandsRun, measure, perSecond, smoke } from "./harness.ts"
import { Body, body, workers, writers } from "./message.ts"
import * as Persisted from "./persisted.ts"

const count = (full: number): number => (smoke ? Math.min(full, 2_000) : full)
const keys = 1_000
const keyOf = (id: number): string => `k${id % keys}`

const check = (value: Body | null | undefined, id: number): void => {
  if (value?.id !== id % keys) throw new Error(`key ${keyOf(id)} gave ${JSON.stringify(value?.id)}`)
}
const all = Array.from({ length: keys }, (_, id) => id)

export const run = async (url: string): Promise<void> => {
  const prefix = `bench-${process.pid}`
  const runtime = ManagedRuntime.make(RedisCache.layer().pipe(Layer.provide(RedisClient.layer({ url, prefix }))))
  const raw = new Redis(url)
  const { bento, close } = Bento.make(url, prefix)
  const persisted = await Persisted.make(url, prefix)
  const store = new KeyvRedis(url, { namespace: prefix })
  const keyv = new Keyv({ store, namespace: `${prefix}-keyv` })
  const cacheable = new Cacheable({
    secondary: new Keyv({ store: new KeyvRedis(url), namespace: `${prefix}-cacheable` })
  })
  const manager = createCache({ stores: [new Keyv({ store: new KeyvRedis(url), namespace: `${prefix}-manager` })] })

  const region = Cache.region("measurements", { value: Body, timeToLive: "1 hour" })
  const near = Cache.region("measurements", {
    value: Body,
    timeToLive: "1 hour",
    near: { capacity: 10_000, timeToLive: "1 hour" }
  })
  const ids = Cache.region("ids", { value: Schema.Int, timeToLive: "1 hour" })
  const tiered = bento.use("tiered")
  const on = <A, E>(use: (cache: Cache.Service) => Effect.Effect<A, E>): Promise<A> =>
    runtime.runPromise(Effect.flatMap(Cache.Cache, use))
  const found = (id: number) => (value: Option.Option<Body>) => check(Option.getOrUndefined(value), id)

  await on((cache) => Effect.forEach(all, (id) => cache.set(region, keyOf(id), body(id)), { concurrency: 100 }))
  for (const id of all) {
    const key = keyOf(id)
    await raw.set(`${prefix}-raw-${key}`, JSON.stringify(body(id)), "PX", 3_600_000)
    await bento.set({ key, value: body(id) })
    await keyv.set(key, body(id), 3_600_000)
    await cacheable.set(key, body(id), 3_600_000)
    await manager.set(key, body(id), 3_600_000)
  }

  await on((cache) => cache.get(near, keyOf(0)))
  await pause(100)
  await on((cache) => cache.getMany(near, all.map(keyOf)))
  for (const id of all) await tiered.get({ key: keyOf(id) })
  await persisted.run(Effect.forEach(all, persisted.near, { concurrency: 100 }))

  const rate = (n: number, inFlight: number, use: (id: number) => Promise<unknown>) => () =>
    perSecond(n, () => workers(n, use, inFlight))
  const ours =
    (n: number, inFlight: number, use: (cache: Cache.Service, id: number) => Effect.Effect<unknown, unknown>) => () =>
      perSecond(n, () => on((cache) => writers(n, (id) => use(cache, id), inFlight)).then(() => undefined))
  const effects = (n: number, use: (id: number) => Effect.Effect<Body, unknown>) => () =>
    perSecond(n, () =>
      persisted
        .run(writers(n, (id) => Effect.map(use(id % keys), (value) => check(value, id)), 100))
        .then(() => undefined)
    )
  /** How long a clear takes where so many are there; waits until their memory is back, a minute at the most. */
  const cleared = (many: number) => async () => {
    const used = async () => Number(/used_memory:(\d+)/.exec(await raw.info("memory"))?.[1])
    const before = await used()
    await on((cache) =>
      Effect.forEach(
        Array.from({ length: Math.ceil(many / 512) }, (_, i) => i * 512),
        (from) =>
          cache.setMany(
            ids,
            Array.from({ length: Math.min(512, many - from) }, (_, i) => [`${from + i}`, i] as const)
          ),
        { concurrency: 4, discard: true }
      )
    )
    const full = await used()
    const start = performance.now()
    await on((cache) => cache.clear(ids))
    const ms = performance.now() - start
    for (const until = start + 60_000; (await used()) > before + (full - before) / 20 + 2_000_000;) {
      if (performance.now() > until) throw new Error("the memory is not back within a minute")
      await pause(100)
    }
    return ms
  }
  const more = { bench: "cache", unit: "/s", better: "more" } as const

  const get = (cache: Cache.Service, id: number) => Effect.map(cache.get(region, keyOf(id)), found(id))
  const rawGet = async (id: number) => check(JSON.parse((await raw.get(`${prefix}-raw-${keyOf(id)}`)) ?? "null"), id)
  const commands = async (): Promise<number> => commandsRun(await raw.info("commandstats"))
  /** Another one each time: what was missed once is there the next time. */
  let round = 0
  const costs = (n: number, run: () => Promise<unknown>) => async () => {
    round += 1
    const before = await commands()
    await run()
    return ((await commands()) - before) / n
  }
  const others: ReadonlyArray<readonly [peer: string, get: (id: number) => Promise<Body | null | undefined>]> = [
    ["keyv", (id) => keyv.get<Body>(keyOf(id))],
    // Its layer in memory would answer: what is measured is the way to Redis.
    ["cacheable", async (id) => (await cacheable.primary.clear(), cacheable.get<Body>(keyOf(id)))],
    ["cache-manager", (id) => manager.get<Body>(keyOf(id))]
  ]
  const n = count(60_000)
  const few = count(5_000)
  const absent = () => Promise.reject(new Error("there is one"))
  const operations: ReadonlyArray<
    readonly [
      name: string,
      ours: (cache: Cache.Service, id: number) => Effect.Effect<unknown, unknown>,
      theirs: (id: number) => Promise<unknown>
    ]
  > = [
    ["get", get, (id) => bento.get({ key: keyOf(id) })],
    [
      "set",
      (cache, id) => cache.set(region, keyOf(id), body(id % keys)),
      (id) => bento.set({ key: keyOf(id), value: body(id % keys) })
    ],
    [
      "getOrSet hit",
      (cache, id) => cache.getOrSet(region, keyOf(id), Effect.die("there is one")),
      (id) => bento.getOrSet({ key: keyOf(id), factory: absent })
    ],
    [
      "getOrSet miss",
      (cache, id) =>
        cache.getOrSet(
          region,
          `miss ${id} ${round}`,
          Effect.sync(() => body(id))
        ),
      (id) => bento.getOrSet({ key: `miss ${id} ${round}`, factory: () => body(id) })
    ],
    [
      "near hit",
      (cache, id) => cache.getOrSet(near, keyOf(id), Effect.die("there is one")),
      (id) => tiered.getOrSet({ key: keyOf(id), factory: absent })
    ],
    ["remove", (cache, id) => cache.remove(region, `no ${id}`), (id) => bento.delete({ key: `no ${id}` })]
  ]

  const cases: ReadonlyArray<Case> = [
    {
      ...more,
      name: "get c=100",
      peer: "bentocache",
      goal: 2,
      ours: ours(n, 100, get),
      theirs: rate(n, 100, async (id) => check(await bento.get<Body>({ key: keyOf(id) }), id))
    },
    { ...more, name: "get c=100", peer: "ioredis", goal: 1.3, ours: ours(n, 100, get), theirs: rate(n, 100, rawGet) },
    ...others.map(([peer, theirs]): Case => ({
      ...more,
      name: "get c=100",
      peer,
      goal: 1,
      ours: ours(n, 100, get),
      theirs: rate(count(20_000), 100, async (id) => check(await theirs(id), id))
    })),
    {
      ...more,
      name: "get c=1",
      peer: "ioredis",
      goal: 0.9,
      ours: ours(count(8_000), 1, get),
      theirs: rate(count(8_000), 1, rawGet)
    },
    {
      ...more,
      name: "set c=100",
      peer: "bentocache",
      goal: 1.5,
      ours: ours(n, 100, (cache, id) => cache.set(region, keyOf(id), body(id % keys))),
      theirs: rate(n, 100, (id) => bento.set({ key: keyOf(id), value: body(id % keys) }))
    },
    {
      ...more,
      name: "getOrSet hit",
      peer: "bentocache",
      goal: 3,
      ours: ours(n, 100, (cache, id) =>
        Effect.map(cache.getOrSet(region, keyOf(id), Effect.die("there is one")), (value) => check(value, id))
      ),
      theirs: rate(n, 100, async (id) =>
        check(
          await bento.getOrSet<Body>({ key: keyOf(id), factory: () => Promise.reject(new Error("there is one")) }),
          id
        )
      )
    },
    {
      ...more,
      name: "near hit",
      peer: "bentocache",
      goal: 10,
      ours: ours(count(1_000_000), 100, (cache, id) =>
        Effect.map(cache.getOrSet(near, keyOf(id), Effect.die("there is one")), (value) => check(value, id))
      ),
      theirs: rate(n, 100, async (id) =>
        check(
          await tiered.getOrSet<Body>({ key: keyOf(id), factory: () => Promise.reject(new Error("there is one")) }),
          id
        )
      )
    },
    {
      ...more,
      name: "getOrSet hit",
      peer: "effect",
      goal: 1,
      ours: ours(n, 100, (cache, id) => cache.getOrSet(region, keyOf(id), Effect.die("there is one"))),
      theirs: effects(n, persisted.far)
    },
    {
      ...more,
      name: "near hit",
      peer: "effect",
      goal: 1,
      ours: ours(count(1_000_000), 100, (cache, id) => cache.getOrSet(near, keyOf(id), Effect.die("there is one"))),
      theirs: effects(count(1_000_000), persisted.near)
    },
    {
      bench: "cache",
      name: "clear 1M",
      peer: "clear 10",
      unit: "ms",
      better: "less",
      goal: 0.5,
      ours: cleared(count(1_000_000)),
      theirs: cleared(10)
    },
    ...[1, 100].flatMap((inFlight) =>
      operations.map(([name, use, theirs]): Case => ({
        bench: "cache",
        name: `commands per ${name} c=${inFlight}`,
        peer: "bentocache",
        unit: "commands",
        better: "less",
        ours: costs(few, ours(few, inFlight, use)),
        theirs: costs(few, rate(few, inFlight, theirs))
      }))
    ),
    ...Commands.cases({ on, raw, bento, prefix })
  ]
  try {
    await measure(cases)
  } finally {
    await close()
    await persisted.close()
    await keyv.disconnect()
    await cacheable.disconnect()
    await manager.disconnect()
    raw.disconnect()
    await runtime.dispose()
  }
}
