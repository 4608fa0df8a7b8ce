/** RedisClient on a server that is well: what it calls, what it hears, what it says. */
import { describe, expect, it } from "@effect/vitest"
import * as Metrics from "@troupe/core/Metrics"
import * as Wire from "@troupe/core/Wire"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { inject } from "vitest"
import { missing } from "../../../scripts/missing.ts"
import { startServer } from "../../../scripts/redis.ts"
import * as Script from "../src/internal/Script.ts"
import * as RedisClient from "../src/RedisClient.ts"
import { call, ear, eventually, failure, increment, open, set, time, took } from "./support/client.ts"

const url = inject("redisUrl")
const prefix = `${inject("redisPrefix")}-client`

const server = Effect.acquireRelease(
  Effect.promise(() => startServer()),
  (server) => Effect.promise(() => server.stop())
)

describe.skipIf(missing.redis)("a client", () => {
  it.live("carries prefix and database in all its names", () =>
    Effect.gen(function* () {
      const { client } = yield* open({ url: `${url}/3`, prefix: "a:{b}" })
      expect(client.prefix).toBe("a%3A%7Bb%7D:3")
    })
  )

  it.live("runs a script with its keys and arguments, in a time that the server tells", () =>
    Effect.gen(function* () {
      const { client, connection } = yield* open({ url, prefix })
      const key = `${client.prefix}:{t}:set`
      expect(yield* connection.call(set, { ...call, keys: { key }, args: { value: "日本" } })).toEqual(["", ""])
      expect(yield* client.use("get", (redis) => redis.get(key))).toBe("日本")
      const reply = yield* connection.call(time, {
        ...call,
        role: "beat",
        keys: { any: key },
        args: { echo: "e", more: [1, 2] }
      })
      expect(reply).toEqual([expect.stringMatching(/^\d{10}$/), expect.stringMatching(/^[0-9a-f]{40}$/), key, "e", 2])
    })
  )

  it.live("gives scripts the time of a world, and sends every request and push through its wire", () =>
    Effect.gen(function* () {
      const requests: Array<Wire.Request> = []
      const pushes: Array<() => void> = []
      let down: (() => void) | undefined
      const wire: Wire.Wire = {
        server: { now: () => 1_893_456_000_000, run: () => "run-1" },
        send: (request, effect) => {
          requests.push({ ...request })
          return effect
        },
        push: (deliver) => void pushes.push(deliver),
        onDown: (run) => {
          down = run
          return () => {}
        }
      }
      const { client, connection } = yield* open({ url, prefix }, {}, Layer.succeed(Wire.Wire, wire))
      requests.length = 0
      const key = `${client.prefix}:{t}:world`
      const channel = `${client.prefix}:{t}`
      expect(yield* connection.call(set, { ...call, keys: { key }, args: { value: 1 } })).toEqual([
        "1893456000000",
        "run-1"
      ])
      const listener = ear()
      const link = yield* connection.link("Test", listener)
      yield* link.subscribe([channel])
      yield* connection.publish("Test", "publish", channel, "1")
      yield* connection.barrier
      expect(requests).toEqual([
        { service: "Test", operation: "call", adds: true },
        { service: "Test", operation: "subscribe", adds: false },
        { service: "Test", operation: "publish", adds: false }
      ])
      expect(listener.heard).toEqual([])
      for (const push of pushes) push()
      expect(listener.heard).toEqual([`${channel}:1`])
      down?.()
      expect(listener.losses).toEqual([channel])
      yield* connection.publish("Test", "publish", channel, "2")
      yield* link.subscribe([channel])
      yield* connection.publish("Test", "publish", channel, "3")
      yield* connection.barrier
      for (const push of pushes.slice(1)) push()
      expect(listener.heard).toEqual([`${channel}:1`, `${channel}:3`])
    })
  )

  it.effect("works under a clock that stands still", () =>
    Effect.gen(function* () {
      const { client, connection } = yield* open({ url, prefix })
      yield* TestClock.setTime(1)
      expect(
        yield* connection.call(increment, { ...call, keys: { counter: `${client.prefix}:{t}:still` }, args: {} })
      ).toBe(1)
    })
  )

  it.live("stays in its database (A8)", () =>
    Effect.gen(function* () {
      const three = yield* open({ url: `${url}/3`, prefix })
      const four = yield* open({ url: `${url}/4`, prefix })
      const key = `${prefix}:own`
      yield* three.client.use("set", (redis) => redis.set(key, "3"))
      expect(yield* four.client.use("get", (redis) => redis.get(key))).toBe(null)
      yield* three.client.use("del", (redis) => redis.del(key))
    })
  )

  it.live("fails with CorruptData where a reply is not what its script promises", () =>
    Effect.gen(function* () {
      const { client, connection } = yield* open({ url, prefix })
      const odd = Script.answering(increment, (reply): string => {
        if (typeof reply !== "string") throw new TypeError(`not text: ${String(reply)}`)
        return reply
      })
      const error = yield* failure(
        connection.call(odd, { ...call, keys: { counter: `${client.prefix}:{t}:odd` }, args: {} })
      )
      expect([error.reason._tag, error.outcome]).toEqual(["CorruptData", "Unknown"])
    })
  )

  it.live("hears what is published to its channels, in order, many in one call", () =>
    Effect.gen(function* () {
      const { client, connection } = yield* open({ url, prefix })
      const channels = Array.from({ length: 1_300 }, (_, i) => `${client.prefix}:{c${i}}`)
      const listener = ear()
      const link = yield* connection.link("Test", listener)
      yield* link.subscribe(channels)
      yield* Effect.forEach(channels, (channel) => connection.publish("Test", "publish", channel, "x"), {
        concurrency: 64
      })
      yield* connection.barrier
      expect(listener.heard.toSorted()).toEqual(channels.map((channel) => `${channel}:x`).toSorted())
      yield* link.unsubscribe(channels.slice(1))
      yield* connection.publish("Test", "publish", channels[1]!, "y")
      yield* connection.publish("Test", "publish", channels[0]!, "z")
      yield* connection.barrier
      expect(listener.heard.slice(1_300)).toEqual([`${channels[0]}:z`])
      expect(listener.losses).toEqual([])
    })
  )

  it.live("ends a link's subscriptions with its scope, and keeps those of others", () =>
    Effect.gen(function* () {
      const { client, connection } = yield* open({ url, prefix })
      const [one, two] = [`${client.prefix}:{one}`, `${client.prefix}:{two}`]
      const counts = client.use("count", (redis) => redis.call("PUBSUB", "SHARDNUMSUB", one, two))
      const kept = ear()
      yield* Effect.flatMap(connection.link("Test", kept), (link) => link.subscribe([two]))
      yield* Effect.scoped(
        Effect.gen(function* () {
          const link = yield* connection.link("Test", ear())
          yield* link.subscribe([one])
          expect(yield* counts).toEqual([one, 1, two, 1])
          const error = yield* failure(link.subscribe([two]))
          expect(error.reason._tag).toBe("Misconfigured")
        })
      )
      yield* eventually(Effect.map(counts, (counts) => expect(counts).toEqual([one, 0, two, 1])))
      yield* connection.publish("Test", "publish", two, "1")
      yield* connection.barrier
      expect(kept.heard).toEqual([`${two}:1`])
    })
  )

  it.live("keeps a subscribe that was interrupted from leaving anything behind", () =>
    Effect.gen(function* () {
      const { client, connection } = yield* open({ url, prefix })
      const channel = `${client.prefix}:{interrupted}`
      const link = yield* connection.link("Test", ear())
      yield* Effect.flatMap(Effect.forkChild(link.subscribe([channel])), Fiber.interrupt)
      yield* link.subscribe([channel])
      const fiber = yield* Effect.forkChild(link.subscribe([`${channel}2`]))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      yield* eventually(
        Effect.map(
          client.use("count", (redis) => redis.call("PUBSUB", "SHARDNUMSUB", channel, `${channel}2`)),
          (counts) => expect(counts).toEqual([channel, 1, `${channel}2`, 0])
        )
      )
    })
  )

  it.live("calls with `use`: Redis' refusals are BackendErrors, the caller's own mistakes defects", () =>
    Effect.gen(function* () {
      const { client } = yield* open({ url, prefix })
      const error = yield* failure(client.use("odd", (redis) => redis.call("NOSUCH", "secret-payload")))
      expect([error.service, error.operation, error.reason._tag, error.outcome]).toEqual([
        "RedisClient",
        "odd",
        "Misconfigured",
        "NotApplied"
      ])
      expect(error.message).not.toContain("secret-payload")
      const exit = yield* Effect.exit(client.use("mine", () => Promise.reject(new RangeError("mine"))))
      expect(Exit.isFailure(exit) && String(exit.cause)).toContain("mine")
    })
  )

  it.live("ends a `use` at its deadline", () =>
    Effect.gen(function* () {
      const { client } = yield* open({ url, prefix, commandTimeout: 200 })
      // Connected: what is waited for is the caller's promise alone.
      yield* eventually(client.use("ping", (redis) => redis.ping()))
      const [error, , awake] = yield* took(failure(client.use("slow", () => new Promise<void>(() => {}))))
      expect([error.reason._tag, error.outcome]).toEqual(["TimedOut", "Unknown"])
      expect(awake).toBeLessThan(200 * 1.1 + 300)
    })
  )
})

describe.skipIf(missing.redis)("a layer", () => {
  it("without options is always the same value", () => {
    expect(RedisClient.layer()).toBe(RedisClient.layer())
  })

  it.live("reads its options from configuration", () =>
    Effect.gen(function* () {
      const config = { url: Config.String("REDIS_URL"), prefix: Config.String("PREFIX") }
      const client = yield* RedisClient.RedisClient.pipe(
        Effect.provide(RedisClient.layerConfig(config)),
        Effect.provideService(
          ConfigProvider.ConfigProvider,
          ConfigProvider.fromUnknown({ REDIS_URL: `${url}/1`, PREFIX: "p" })
        )
      )
      expect(client.prefix).toBe("p:1")
    })
  )
})

describe.skipIf(missing.binary)("a client of a server of its own", () => {
  it.live("survives SCRIPT FLUSH at any moment", () =>
    Effect.gen(function* () {
      const { port } = yield* server
      const { client, connection } = yield* open({ url: `redis://127.0.0.1:${port}` })
      const counter = `${client.prefix}:{t}:n`
      const flush = Effect.forever(
        Effect.andThen(
          client.use("flush", (redis) => redis.script("FLUSH")),
          Effect.sleep(1)
        )
      )
      const fiber = yield* Effect.forkChild(flush)
      yield* Effect.forEach(
        Array.from({ length: 2_000 }),
        () => connection.call(increment, { ...call, keys: { counter }, args: {} }),
        { concurrency: 10, discard: true }
      )
      yield* Fiber.interrupt(fiber)
      expect(yield* client.use("get", (redis) => redis.get(counter))).toBe("2000")
    })
  )

  it.live("warns once of a server that evicts what it should keep, and of no other", () =>
    Effect.gen(function* () {
      const { port } = yield* server
      const options = { url: `redis://127.0.0.1:${port}` }
      const well = yield* open(options)
      yield* well.client.use("config", (redis) => redis.config("SET", "maxmemory-policy", "allkeys-lru"))
      const { logs } = yield* open(options)
      expect(well.logs).toEqual([])
      expect(logs).toEqual([expect.stringMatching(/^Warn.*allkeys-lru/)])
    })
  )

  it.live("tells a full server from others: what adds is refused, what frees goes on", () =>
    Effect.gen(function* () {
      const { port } = yield* server
      const { client, connection } = yield* open({ url: `redis://127.0.0.1:${port}` })
      yield* client.use("config", (redis) => redis.config("SET", "maxmemory", "1"))
      const counter = `${client.prefix}:{t}:n`
      const error = yield* failure(connection.call(increment, { ...call, keys: { counter }, args: {} }))
      expect([error.reason._tag, error.outcome]).toEqual(["CapacityExceeded", "NotApplied"])
      yield* connection.call(time, { ...call, keys: { any: counter }, args: { echo: "", more: [] } })
    })
  )

  it.live(
    "says what its connections are: every change of the status, one line each in the log, one in the metrics",
    () =>
      Effect.gen(function* () {
        const redis = yield* server
        const { client, connection, logs } = yield* open({ url: `redis://127.0.0.1:${redis.port}` })
        const listener = ear()
        const link = yield* connection.link("Test", listener)
        const channel = `${client.prefix}:{t}`
        yield* link.subscribe([channel])
        const count = Effect.map(
          Metric.value(Metric.withAttributes(Metrics.reconnects, { role: "subscriber" })),
          ({ count }) => count
        )
        const before = yield* count
        const seen: Array<string> = []
        yield* Effect.forkScoped(
          Stream.runForEach(client.status, (status) => Effect.sync(() => void seen.push(status)))
        )
        yield* eventually(Effect.sync(() => expect(seen).toEqual(["Up"])))
        yield* Effect.promise(() => redis.kill())
        yield* eventually(Effect.sync(() => expect(seen.at(-1)).toEqual("Down")))
        expect(listener.losses).toEqual([channel])
        yield* Effect.promise(() => redis.restart())
        // Back, and yet not whole: what was subscribed is not.
        yield* eventually(Effect.sync(() => expect(logs.filter((line) => /is back/.test(line)).length).toBe(2)))
        yield* eventually(Effect.sync(() => expect(seen.at(-1)).toBe("Degraded")))
        yield* link.subscribe([channel])
        yield* eventually(Effect.sync(() => expect(seen.at(-1)).toBe("Up")))
        expect(logs.filter((line) => /^Warn.*command connection to 127.0.0.1:\d+ is away/.test(line)).length).toBe(1)
        expect(logs.filter((line) => /^Warn.*subscriber connection/.test(line)).length).toBe(1)
        expect(logs.length).toBe(4)
        expect(yield* count).toBe(before + 1)
      })
  )
})
