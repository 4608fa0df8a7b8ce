/**
 * PubSub through faults on real servers, a proxy and the real clock: one peer publishes all the while, another listens
 * behind the proxy. Afterwards S2–S5 and A2 are checked on what was acknowledged and what was heard, and it must work.
 */
import { describe, expect, it } from "@effect/vitest"
import * as PubSub from "@troupe/core/PubSub"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { missing } from "../../../scripts/missing.ts"
import { startCluster, type ServerOptions, startServer } from "../../../scripts/redis.ts"
import { ask, until, withRedis } from "../../../scripts/redis/ask.ts"
import * as Keys from "../src/internal/Keys.ts"
import { slotOf } from "../src/internal/Slot.ts"
import * as Timing from "../src/internal/Timing.ts"
import * as RedisClient from "../src/RedisClient.ts"
import * as RedisPubSub from "../src/RedisPubSub.ts"
import { eventually, short } from "./support/client.ts"
import { Proxy } from "./support/Proxy.ts"
import { ownerOf } from "./support/slots.ts"

const Kept = PubSub.channel("kept", { message: Schema.Int, history: { size: 100_000, timeToLive: "1 hour" } })
const Plain = PubSub.channel("plain", { message: Schema.Int })

type Heard = number | PubSub.Gap["reason"]

/** A peer of its own, quiet. */
const peer = (options: RedisClient.RedisOptions, timing: Partial<Timing.Timing> = {}) =>
  Effect.map(
    RedisPubSub.layer.pipe(
      Layer.provide(RedisClient.layer({ commandTimeout: 500, ...options })),
      Layer.provide([Layer.succeed(Timing.Timing, { ...short, ...timing }), Logger.layer([])]),
      Layer.fresh,
      Layer.build,
      // On a busy machine an attempt may take too long.
      Effect.retry({ times: 5 })
    ),
    Context.get(PubSub.PubSub)
  )

const hear = Effect.fnUntraced(function* (pubsub: PubSub.Service, channel: PubSub.Channel<number>) {
  const heard: Array<Heard> = []
  const { deliveries } = yield* pubsub.subscribe(channel)
  yield* Effect.forkScoped(
    Stream.runForEach(deliveries, (delivery) =>
      Effect.sync(() => heard.push(delivery._tag === "Gap" ? delivery.reason : delivery.value))
    )
  )
  return heard
})

const rig = Effect.fnUntraced(function* (
  options: ServerOptions = {},
  client: RedisClient.RedisOptions = {},
  timing: Partial<Timing.Timing> = {}
) {
  const server = yield* Effect.acquireRelease(
    Effect.promise(() => startServer(options)),
    (server) => Effect.promise(() => server.stop())
  )
  const proxy = yield* Effect.acquireRelease(
    Effect.promise(() => Proxy.start(server)),
    (proxy) => Effect.promise(() => proxy.stop())
  )
  const listener = yield* peer({ ...client, url: proxy.url }, timing)
  const speaker = yield* peer({ url: server.url })
  return { server, proxy, speaker, kept: yield* hear(listener, Kept), plain: yield* hear(listener, Plain) }
})

/** Publishes 1, 2, 3 … until told to stop, and keeps what became of each. */
const speak = Effect.fnUntraced(function* (speaker: PubSub.Service, channel: PubSub.Channel<number>) {
  const acknowledged: Array<number> = []
  const unknown = new Set<number>()
  let last = 0
  const turn = Effect.suspend(() => {
    const n = (last += 1)
    return Effect.matchEffect(speaker.publish(channel, n), {
      onSuccess: () =>
        Effect.andThen(
          Effect.sync(() => acknowledged.push(n)),
          Effect.sleep(1)
        ),
      onFailure: (error) => {
        if (error._tag === "BackendError" && error.outcome === "Unknown") unknown.add(n)
        return Effect.sleep(10)
      }
    })
  })
  const fiber = yield* Effect.forkScoped(Effect.forever(turn))
  return { acknowledged, unknown, stop: Fiber.interrupt(fiber) }
})

const isNumber = (heard: Heard): heard is number => typeof heard === "number"
const numbers = (heard: ReadonlyArray<Heard>) => heard.filter(isNumber)

/** While both channels are spoken on the fault happens; then all is heard again, and what was heard is right. */
const survives = Effect.fnUntraced(function* (
  rig: { readonly kept: ReadonlyArray<Heard>; readonly plain: ReadonlyArray<Heard>; readonly speaker: PubSub.Service },
  fault: Effect.Effect<void>
) {
  const onKept = { ...(yield* speak(rig.speaker, Kept)), heard: rig.kept }
  const onPlain = { ...(yield* speak(rig.speaker, Plain)), heard: rig.plain }
  const both = [onKept, onPlain]
  /** A3: what is acknowledged from now on is heard, on both. */
  const works = Effect.suspend(() => {
    const from = both.map(({ acknowledged }) => acknowledged.length)
    return eventually(
      Effect.sync(() =>
        both.forEach(({ acknowledged, heard }, i) => {
          expect(acknowledged.length).toBeGreaterThan(from[i]! + 20)
          expect(acknowledged.slice(from[i]! + 10).some((n) => heard.includes(n))).toBe(true)
        })
      )
    )
  })
  yield* works
  yield* fault
  yield* works
  for (const { stop } of both) yield* stop
  const end = onKept.acknowledged.at(-1)!
  yield* eventually(Effect.sync(() => expect(rig.kept).toContain(end)))
  for (const { acknowledged, heard, unknown } of both) {
    // S2, S3: in the publisher's order, each once.
    const values = numbers(heard)
    expect(values).toEqual([...new Set(values)].sort((a, b) => a - b))
    // A2: nothing is heard that was refused.
    const last = acknowledged.at(-1)!
    expect(values.filter((n) => n < last && !acknowledged.includes(n) && !unknown.has(n))).toEqual([])
    // S4: where something acknowledged is missing between two that were heard, a gap stands between them.
    let before: number | undefined
    for (const one of heard) {
      const from = before
      before = isNumber(one) ? one : undefined
      if (from === undefined || !isNumber(one)) continue
      const silent = acknowledged.filter((n) => n > from && n < one)
      expect(silent.length, `missing without a gap: ${silent[0]} to ${silent.at(-1)}`).toBe(0)
    }
  }
  const missing = onKept.acknowledged.filter((n) => !rig.kept.includes(n))
  return { missing, gaps: rig.kept.filter((one) => !isNumber(one)) }
})

const run = (work: () => Promise<unknown> | void) => Effect.asVoid(Effect.promise(async () => work()))
const nothingLost = { missing: [], gaps: [] }

describe.skipIf(missing.binary)("a channel through faults (S2–S5, A2, A3)", { timeout: 120_000 }, () => {
  it.live("the server is killed and comes back with all it had: no gap with history", () =>
    Effect.gen(function* () {
      const it = yield* rig({ args: ["--appendonly", "yes", "--appendfsync", "always"] })
      const restart = Effect.andThen(
        run(() => it.server.kill()),
        Effect.andThen(
          Effect.sleep(300),
          run(() => it.server.restart())
        )
      )
      expect(yield* survives(it, restart)).toEqual(nothingLost)
      expect(it.plain.filter((one) => one === "Disconnected").length).toBeGreaterThan(0)
    })
  )

  it.live("the server is killed and comes back with nothing: a gap says so (D2)", () =>
    Effect.gen(function* () {
      const it = yield* rig()
      const { gaps } = yield* survives(
        it,
        run(() => it.server.restart())
      )
      expect(gaps).toEqual(["EpochChanged"])
    })
  )

  it.live("FLUSHALL: a gap says so (D2)", () =>
    Effect.gen(function* () {
      const it = yield* rig()
      const { gaps } = yield* survives(
        it,
        run(() => withRedis(it.server.url, (redis) => redis.flushall()))
      )
      expect(gaps).toEqual(["EpochChanged"])
    })
  )

  it.live("the server stands still for longer than a call may take", () =>
    Effect.gen(function* () {
      const it = yield* rig()
      const freeze = Effect.gen(function* () {
        it.server.signal("SIGSTOP")
        yield* Effect.sleep(1_200)
        it.server.signal("SIGCONT")
      })
      expect(yield* survives(it, freeze)).toEqual(nothingLost)
    })
  )

  it.live("connections are killed ten times a second, on every role", () =>
    Effect.gen(function* () {
      const it = yield* rig()
      const storm = run(() =>
        withRedis(it.server.url, async (redis) => {
          for (let i = 0; i < 10; i++) {
            await redis.call("CLIENT", "KILL", "TYPE", i % 2 === 0 ? "pubsub" : "normal", "SKIPME", "yes")
            await new Promise((resolve) => setTimeout(resolve, 100))
          }
        })
      )
      expect(yield* survives(it, storm)).toEqual(nothingLost)
    })
  )

  for (const [name, fault] of [
    ["nothing passes in either direction", { toServer: "drop", toClient: "drop" }],
    ["answers and pushes do not come", { toClient: "drop" }],
    ["requests do not arrive", { toServer: "drop" }],
    ["the subscriber alone is deaf (S12)", { toClient: "drop", roles: new Set(["subscriber"]) }]
  ] as const) {
    it.live(`the listener's path: ${name}`, () =>
      Effect.gen(function* () {
        const it = yield* rig()
        const accepted = it.proxy.accepted
        const cut = Effect.gen(function* () {
          Object.assign(it.proxy, fault)
          yield* Effect.sleep(1_000)
          it.proxy.kill()
          it.proxy.roles = undefined
          it.proxy.heal()
        })
        expect(yield* survives(it, cut)).toEqual(nothingLost)
        expect(it.proxy.accepted).toBeGreaterThan(accepted)
        expect(it.plain).toContain("Disconnected")
      })
    )
  }

  it.live("the listener is let in and thrown out again and again", () =>
    Effect.gen(function* () {
      const it = yield* rig()
      const revolving = Effect.gen(function* () {
        it.proxy.accept = "close"
        it.proxy.kill()
        yield* Effect.sleep(1_000)
        it.proxy.heal()
      })
      expect(yield* survives(it, revolving)).toEqual(nothingLost)
    })
  )

  it.live("the scripts are forgotten every 50 ms", () =>
    Effect.gen(function* () {
      // No connection is given up for being slow: that would be a gap of its own.
      const it = yield* rig({}, { commandTimeout: "1 minute" }, { connectTimeout: 60_000, probeDeadline: 60_000 })
      const flush = run(() =>
        withRedis(it.server.url, async (redis) => {
          for (let i = 0; i < 20; i++) {
            await redis.script("FLUSH")
            await new Promise((resolve) => setTimeout(resolve, 50))
          }
        })
      )
      expect(yield* survives(it, flush)).toEqual(nothingLost)
      expect(it.plain.filter((one) => !isNumber(one))).toEqual([])
    })
  )

  it.live("the server is full for a while: what is published is refused, what is there is read", () =>
    Effect.gen(function* () {
      const it = yield* rig()
      const full = run(() =>
        withRedis(it.server.url, async (redis) => {
          await redis.config("SET", "maxmemory", "100kb")
          await new Promise((resolve) => setTimeout(resolve, 500))
          await redis.config("SET", "maxmemory", "0")
        })
      )
      expect(yield* survives(it, full)).toEqual(nothingLost)
    })
  )

  it.live("a primary of the cluster is killed and its replica takes over", () =>
    Effect.gen(function* () {
      const cluster = yield* Effect.acquireRelease(
        Effect.promise(() => startCluster()),
        (cluster) => Effect.promise(() => cluster.stop())
      )
      const listener = yield* peer({ cluster: cluster.nodes })
      const speaker = yield* peer({ cluster: cluster.nodes })
      const it = { speaker, kept: yield* hear(listener, Kept), plain: yield* hear(listener, Plain) }
      const owner = yield* Effect.promise(() => ownerOf(cluster, slotOf(channelOf(Kept.name))))
      const failover = run(async () => {
        await cluster.servers[owner]!.kill()
        const other = (owner + 1) % 3
        await until(
          "its replica takes over",
          async () => (await ownerOf(cluster, slotOf(channelOf(Kept.name)), other)) === owner + 3,
          60_000
        )
      })
      const { missing } = yield* survives(it, failover)
      // A replica may not have heard of the last moment (D1): then there is a gap in its place, and S4 was checked.
      expect(missing.length).toBeLessThan(100)
    })
  )
})

const { channel: channelOf } = Keys.pubsub(Keys.prefix("troupe", 0))
const history = { size: 10, timeToLive: "1 hour" } as const

/** A name of a channel that lives on the n-th primary of a new cluster, which has its slots by thirds. */
const nameAt = (primary: number, word: string): string => {
  for (let n = 0; ; n++) {
    const name = `${word}-${n}`
    if (Math.floor((slotOf(channelOf(name)) * 3) / 16_384) === primary) return name
  }
}
const plainAt = (primary: number, word: string) => PubSub.channel(nameAt(primary, word), { message: Schema.Int })
const keptAt = (primary: number, word: string) =>
  PubSub.channel(nameAt(primary, word), { message: Schema.Int, history })

describe.skipIf(missing.binary)("while one primary of a cluster stands still (D6)", { timeout: 120_000 }, () => {
  it.live("channels of the others are subscribed to, caught up with and given up as ever", () =>
    Effect.gen(function* () {
      const cluster = yield* Effect.acquireRelease(
        Effect.promise(() => startCluster({ args: ["--cluster-node-timeout", "60000"] })),
        (cluster) => Effect.promise(() => cluster.stop())
      )
      // What hangs hangs until the end of the test: nothing here gives up before.
      const patience = { connectTimeout: 120_000, probeInterval: 120_000, topologyInterval: 120_000 }
      const pubsub = yield* peer({ cluster: cluster.nodes, commandTimeout: "2 minutes" }, patience)
      const kept = keptAt(0, "first")
      yield* Effect.forEach([kept, keptAt(1, "first"), keptAt(2, "first")], (channel) => hear(pubsub, channel))
      const given = yield* Scope.fork(yield* Effect.scope)
      yield* Scope.provide(hear(pubsub, plainAt(0, "given up")), given)
      cluster.servers[0]!.signal("SIGSTOP")
      const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkScoped(effect, { startImmediately: true })
      const stuck: Array<Fiber.Fiber<unknown, unknown>> = [
        yield* fork(hear(pubsub, plainAt(0, "alone"))),
        // More than may read at the same time.
        ...(yield* Effect.replicateEffect(fork(pubsub.subscribe(kept, { from: "earliest" })), 300))
      ]
      yield* Scope.close(given, Exit.void)
      for (const word of ["second", "third"]) {
        const together = [plainAt(0, word), plainAt(1, word), keptAt(2, word), keptAt(1, `kept ${word}`)] as const
        const [hanging, ...others] = yield* Effect.forEach(together, (channel) => fork(hear(pubsub, channel)))
        stuck.push(hanging)
        const heard = yield* Effect.forEach(others, Fiber.join)
        yield* Effect.forEach(together.slice(1), (channel, n) => pubsub.publish(channel, n))
        yield* eventually(Effect.sync(() => expect(heard).toEqual([[0], [1], [2]])))
      }
      const last = plainAt(1, "last")
      yield* Effect.scoped(hear(pubsub, last))
      const known = Effect.promise(() => ask(cluster.nodes[1]!, "PUBSUB", "SHARDCHANNELS"))
      yield* eventually(Effect.map(known, (all) => expect(all).not.toContain(channelOf(last.name))))
      expect(stuck.filter((fiber) => fiber.pollUnsafe() !== undefined)).toEqual([])
      cluster.servers[0]!.signal("SIGCONT")
      yield* Effect.forEach(stuck, Fiber.join)
    })
  )
})

describe.skipIf(missing.binary)("what the server knows of subscriptions (S9)", () => {
  it.live("one for each peer and channel, and none ten seconds after the last", () =>
    Effect.gen(function* () {
      const server = yield* Effect.acquireRelease(
        Effect.promise(() => startServer()),
        (server) => Effect.promise(() => server.stop())
      )
      const pubsub = yield* peer({ url: server.url })
      const known = Effect.promise(() => withRedis(server.url, (redis) => redis.call("PUBSUB", "SHARDCHANNELS")))
      yield* Effect.scoped(
        Effect.gen(function* () {
          for (let i = 0; i < 3; i++) yield* hear(pubsub, Plain)
          expect(yield* known).toHaveLength(1)
        })
      )
      yield* eventually(
        Effect.flatMap(known, (channels) => Effect.sync(() => expect(channels).toEqual([]))),
        10_000
      )
    })
  )
})
