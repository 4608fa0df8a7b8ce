/**
 * PubSub beside what it stands on and what people use: `node bench/run.ts pubsub`.
 *
 * - `1 → 1`: 200 publishes in flight, 250 bytes of JSON, every message through a schema; beside it a raw ioredis
 *   publish / subscribe loop with JSON.
 * - `1 → 1 with history`: the same on a channel that keeps its messages; beside it the same raw loop, which keeps none.
 * - `1 → 1000 local`: one channel, a thousand subscribers in one process; beside it effect's own PubSub fed by one
 *   ioredis subscriber.
 * - `fan-out 2 processes`: one publisher, a subscriber in its process and one in another; beside it socket.io's emitter
 *   and Redis adapter, where the adapter hands over.
 * - `p99 idle`: from publish to handler, one message at a time.
 */
import * as PubSub from "@troupe/core/PubSub"
import * as RedisClient from "@troupe/redis-live/RedisClient"
import * as RedisPubSub from "@troupe/redis-live/RedisPubSub"
import * as Effect from "effect/Effect"
import * as EffectPubSub from "effect/PubSub"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Stream from "effect/Stream"
import { Redis } from "ioredis"
import * as FanOut from "./fan-out.ts"
import { type Case, measure, perSecond, smoke } from "./harness.ts"
import { Body, body, workers, writers } from "./message.ts"

const count = (full: number): number => (smoke ? Math.min(full, 2_000) : full)

const p99 = (times: ReadonlyArray<number>): number => [...times].sort((a, b) => a - b)[Math.floor(times.length * 0.99)]!

const nobody = (): void => {}

export const run = async (url: string): Promise<void> => {
  const prefix = `bench-${process.pid}`
  const runtime = ManagedRuntime.make(RedisPubSub.layer.pipe(Layer.provide(RedisClient.layer({ url, prefix }))))
  const pub = new Redis(url)
  const sub = new Redis(url)
  let unique = 0

  /** Publishes `n` messages and waits until all have come, each once and in order. */
  const ours = (n: number, history: boolean) => {
    const channel = PubSub.channel(`c${(unique += 1)}`, {
      message: Body,
      history: history ? { size: 1000, timeToLive: "1 minute" } : undefined
    })
    return runtime.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const pubsub = yield* PubSub.PubSub
          const { messages } = yield* pubsub.subscribe(channel, { buffer: 100_000 })
          let next = 0
          const all = messages.pipe(
            Stream.takeUntil((message) => {
              if (message.id !== next++) throw new Error(`message ${message.id} came as number ${next}`)
              return next === n
            }),
            Stream.runDrain
          )
          return yield* Effect.promise(() =>
            perSecond(n, () =>
              runtime
                .runPromise(
                  Effect.all([all, writers(n, (id) => pubsub.publish(channel, body(id)))], { concurrency: 2 })
                )
                .then(() => undefined)
            )
          )
        })
      )
    )
  }

  const raw = async (n: number) => {
    const channel = `${prefix}:raw${(unique += 1)}`
    let next = 0
    const { promise, reject, resolve } = Promise.withResolvers<void>()
    const onMessage = (on: string, text: string) => {
      if (on !== channel) return
      const message: Body = JSON.parse(text)
      if (message.id !== next++) reject(new Error(`message ${message.id} came as number ${next}`))
      if (next === n) resolve()
    }
    sub.on("message", onMessage)
    await sub.subscribe(channel)
    const rate = await perSecond(n, async () => {
      await workers(n, (id) => pub.publish(channel, JSON.stringify(body(id))))
      await promise
    })
    sub.off("message", onMessage)
    await sub.unsubscribe(channel)
    return rate
  }

  const local = 1000
  const oursLocal = (n: number) => {
    const channel = PubSub.channel(`l${(unique += 1)}`, { message: Body })
    return runtime.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const pubsub = yield* PubSub.PubSub
          const subscriptions = yield* Effect.forEach(Array.from({ length: local }), () =>
            pubsub.subscribe(channel, { buffer: 100_000 })
          )
          const readers = Effect.forEach(subscriptions, ({ messages }) => Stream.runDrain(Stream.take(messages, n)), {
            concurrency: "unbounded",
            discard: true
          })
          const writer = writers(n, (id) => pubsub.publish(channel, body(id)))
          return yield* Effect.promise(() =>
            perSecond(n * local, () =>
              runtime.runPromise(Effect.all([readers, writer], { concurrency: 2 })).then(() => undefined)
            )
          )
        })
      )
    )
  }

  const effectLocal = (n: number) =>
    Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const channel = `${prefix}:local${(unique += 1)}`
          const hub = yield* EffectPubSub.unbounded<Body>()
          const subscriptions = yield* Effect.forEach(Array.from({ length: local }), () => EffectPubSub.subscribe(hub))
          const onMessage = (on: string, text: string) => {
            if (on === channel) EffectPubSub.publishUnsafe(hub, JSON.parse(text))
          }
          sub.on("message", onMessage)
          yield* Effect.promise(() => sub.subscribe(channel))
          const readers = Effect.forEach(
            subscriptions,
            (subscription) => Stream.runDrain(Stream.take(Stream.fromSubscription(subscription), n)),
            { concurrency: "unbounded", discard: true }
          )
          const rate = yield* Effect.promise(() =>
            perSecond(n * local, async () => {
              const publish = (id: number) => pub.publish(channel, JSON.stringify(body(id)))
              await Promise.all([Effect.runPromise(readers), workers(n, publish)])
            })
          )
          sub.off("message", onMessage)
          yield* Effect.promise(() => sub.unsubscribe(channel))
          return rate
        })
      )
    )

  const oursIdle = (n: number) => {
    const channel = PubSub.channel(`i${(unique += 1)}`, { message: Body })
    return runtime.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const pubsub = yield* PubSub.PubSub
          let heard = nobody
          yield* pubsub.handle(channel, () => Effect.sync(() => heard()))
          const times: Array<number> = []
          for (let id = 0; id < n; id++) {
            const { promise, resolve } = Promise.withResolvers<void>()
            heard = resolve
            const start = performance.now()
            yield* pubsub.publish(channel, body(id))
            yield* Effect.promise(() => promise)
            times.push(performance.now() - start)
          }
          return p99(times)
        })
      )
    )
  }

  const rawIdle = async (n: number) => {
    const channel = `${prefix}:idle${(unique += 1)}`
    let heard = nobody
    const onMessage = (on: string, text: string) => {
      if (on === channel && JSON.parse(text)) heard()
    }
    sub.on("message", onMessage)
    await sub.subscribe(channel)
    const times: Array<number> = []
    for (let id = 0; id < n; id++) {
      const { promise, resolve } = Promise.withResolvers<void>()
      heard = resolve
      const start = performance.now()
      await pub.publish(channel, JSON.stringify(body(id)))
      await promise
      times.push(performance.now() - start)
    }
    sub.off("message", onMessage)
    await sub.unsubscribe(channel)
    return p99(times)
  }

  const fanOut = FanOut.make(url, prefix, runtime, pub)
  const n = count(40_000)
  const cases: ReadonlyArray<Case> = [
    {
      bench,
      name: "1 → 1",
      peer: "ioredis",
      unit: "/s",
      better: "more",
      goal: 3,
      ours: () => ours(n, false),
      theirs: () => raw(n)
    },
    {
      bench,
      name: "1 → 1 with history",
      peer: "ioredis",
      unit: "/s",
      better: "more",
      goal: 0.8,
      ours: () => ours(n, true),
      theirs: () => raw(n)
    },
    {
      bench,
      name: "1 → 1000 local",
      peer: "effect",
      unit: "/s",
      better: "more",
      goal: 10,
      ours: () => oursLocal(count(4_000) / 2),
      theirs: () => effectLocal(count(4_000) / 2)
    },
    {
      bench,
      name: "fan-out 2 processes",
      peer: "socket.io",
      unit: "/s",
      better: "more",
      goal: 3,
      ours: () => fanOut.ours(n),
      theirs: () => fanOut.theirs(n)
    },
    {
      bench,
      name: "p99 idle",
      peer: "ioredis",
      unit: "ms",
      better: "less",
      goal: 0.67,
      ours: () => oursIdle(count(2_000)),
      theirs: () => rawIdle(count(2_000))
    }
  ]
  try {
    await measure(cases)
  } finally {
    await fanOut.close()
    await runtime.dispose()
    pub.disconnect()
    sub.disconnect()
  }
}

const bench = "pubsub"
