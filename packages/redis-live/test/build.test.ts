/** Building the layer (A11), refusing bad options (A6), and keeping secrets (A9). */
import { describe, expect, it } from "@effect/vitest"
import type { BackendError } from "@troupe/core/BackendError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import { createServer } from "node:net"
import { inspect } from "node:util"
import { vi } from "vitest"
import { missing } from "../../../scripts/missing.ts"
import { startServer } from "../../../scripts/redis.ts"
import type * as RedisClient from "../src/RedisClient.ts"
import { call, ear, eventually, failure, increment, open, short, took } from "./support/client.ts"
import { Proxy } from "./support/Proxy.ts"

const serve = (args: ReadonlyArray<string> = []) =>
  Effect.acquireRelease(
    Effect.promise(() => startServer({ args })),
    (server) => Effect.promise(() => server.stop())
  )

const seen = (error: BackendError) => [error.service, error.operation, error.reason._tag, error.outcome]

describe("a layer that cannot be built", () => {
  it.live("is Unavailable where the server refuses", () =>
    Effect.gen(function* () {
      const error = yield* failure(open({ url: "redis://127.0.0.1:1" }))
      expect(seen(error)).toEqual(["RedisClient", "layer", "Unavailable", "NotApplied"])
      expect(error.message).toContain("127.0.0.1:1")
      expect(error.message).toContain("ECONNREFUSED")
    })
  )

  it.live("is Unavailable within the connect timeout where the server is silent", () =>
    Effect.gen(function* () {
      const silent = createServer((socket) => void socket.on("error", () => {}))
      yield* Effect.callback<void>((resume) => void silent.listen(0, "127.0.0.1", () => resume(Effect.void)))
      const address = silent.address()
      const port = address !== null && typeof address === "object" ? address.port : 0
      const [error, , awake] = yield* took(failure(open({ url: `redis://127.0.0.1:${port}` })))
      expect(seen(error)).toEqual(["RedisClient", "layer", "Unavailable", "NotApplied"])
      expect(error.message).toContain(`127.0.0.1:${port}`)
      expect(awake).toBeLessThan(short.connectTimeout + 500)
      silent.close()
    })
  )

  it.live.skipIf(missing.binary)("is Unavailable in time where the server greets, and then is silent", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const proxy = yield* Effect.acquireRelease(
        Effect.promise(() => Proxy.start(server)),
        (proxy) => Effect.promise(() => proxy.stop())
      )
      proxy.swallow = /PING/
      const [error, , awake] = yield* took(failure(open({ url: proxy.url })))
      expect(seen(error)).toEqual(["RedisClient", "layer", "Unavailable", "NotApplied"])
      expect(awake).toBeLessThan(2 * short.connectTimeout + 500)
    })
  )

  const options: ReadonlyArray<readonly [field: string, RedisClient.RedisOptions]> = [
    ["prefix", { prefix: "" }],
    ["prefix", { prefix: "x".repeat(513) }],
    ["prefix", { prefix: "\ud800" }],
    ["url", { url: "http://127.0.0.1" }],
    ["url", { url: "127.0.0.1:6379" }],
    ["url", { url: "redis://" }],
    ["url", { url: "redis://127.0.0.1/db" }],
    ["url", { url: "redis://127.0.0.1?family=6" }],
    ["url", { url: "redis://u:%E0%A4%A@127.0.0.1" }],
    ["commandTimeout", { commandTimeout: 0 }],
    ["commandTimeout", { commandTimeout: -1 }],
    ["commandTimeout", { commandTimeout: "Infinity" }],
    ["commandTimeout", { commandTimeout: Number.NaN }],
    ["username", { username: "u" }],
    ["username", { url: "redis://a:b@127.0.0.1", username: "u", password: Redacted.make("p") }],
    ["password", { url: "redis://a:b@127.0.0.1", password: Redacted.make("p") }],
    ["url and cluster", { url: "redis://127.0.0.1", cluster: [{ host: "127.0.0.1", port: 1 }] }],
    ["cluster", { cluster: [] }],
    [
      "cluster[1].port",
      {
        cluster: [
          { host: "127.0.0.1", port: 1 },
          { host: "127.0.0.1", port: 0 }
        ]
      }
    ],
    ["cluster[0].host", { cluster: [{ host: "", port: 1 }] }],
    ["sentinel.name", { sentinel: { name: "", nodes: [{ host: "127.0.0.1", port: 1 }] } }],
    ["sentinel.nodes", { sentinel: { name: "main", nodes: [] } }],
    ["tls", { url: "redis://127.0.0.1", tls: {} }],
    ["tls", { url: "rediss://127.0.0.1", tls: { cert: "no", key: Redacted.make("no") } }],
    ["tls.cert and tls.key", { url: "rediss://127.0.0.1", tls: { cert: "no" } }]
  ]
  for (const [field, option] of options) {
    it.live(
      `is Misconfigured where ${field} is wrong: ${inspect(option, { breakLength: Infinity }).slice(0, 90)}`,
      () =>
        Effect.gen(function* () {
          const error = yield* failure(open(option))
          expect(seen(error)).toEqual(["RedisClient", "layer", "Misconfigured", "NotApplied"])
          expect(error.reason.message.startsWith(`${field} `)).toBe(true)
        })
    )
  }
})

const secret = "canary-s3cret/%"
const payload = "canary-payload"

/** Every way to look at a failure. */
const views = (exit: Exit.Exit<unknown, BackendError>): string =>
  Exit.isSuccess(exit)
    ? ""
    : [
        Cause.pretty(exit.cause),
        inspect(exit, { depth: Infinity, showHidden: true }),
        JSON.stringify(exit),
        ...exit.cause.reasons.map((reason) =>
          reason._tag === "Fail" ? `${reason.error.message} ${String(reason.error)} ${reason.error.stack}` : ""
        )
      ].join("\n")

describe.skipIf(missing.binary)("a password (A9)", () => {
  it.live("that is wrong is Unauthenticated, and stands in no output", () =>
    Effect.gen(function* () {
      const console_ = ["log", "info", "warn", "error", "debug"] as const
      const spies = console_.map((method) => vi.spyOn(console, method).mockImplementation(() => {}))
      const { port } = yield* serve(["--requirepass", "right"])
      const at = `127.0.0.1:${port}`
      const encoded = encodeURIComponent(secret)
      for (const options of [
        { url: `redis://:${encoded}@${at}` },
        { url: Redacted.make(`redis://default:${encoded}@${at}`) },
        { url: `redis://${at}`, password: Redacted.make(secret) },
        { url: `redis://${at}`, username: "nobody", password: Redacted.make(secret) },
        { url: `redis://${at}` }
      ]) {
        const error = yield* failure(open(options))
        expect(seen(error)).toEqual(["RedisClient", "layer", "Unauthenticated", "NotApplied"])
        expect(error.message).toContain(at)
        const all = views(yield* Effect.exit(open(options)))
        expect(all).not.toContain(secret)
        expect(all).not.toContain(encoded)
      }
      expect(spies.flatMap((spy) => spy.mock.calls)).toEqual([])
      for (const spy of spies) spy.mockRestore()
    })
  )

  it.live("that is right opens all roles; one that is changed later is told as such, and mended", () =>
    Effect.gen(function* () {
      const server = yield* serve(["--requirepass", secret])
      const { client, connection, logs } = yield* open({ url: server.url, password: Redacted.make(secret) })
      const one = { ...call, keys: { counter: `${client.prefix}:{t}:n` }, args: {} }
      yield* connection.call(increment, one)
      yield* connection.call(increment, { ...one, role: "beat" })
      const link = yield* connection.link("Test", ear())
      yield* link.subscribe([`${client.prefix}:{t}`])
      const admin = yield* open({ url: server.url, password: Redacted.make(secret) })
      yield* admin.client.use("config", (redis) => redis.config("SET", "requirepass", "other"))
      // The changed password ends no connection; this does.
      yield* admin.client.use("kill", (redis) => redis.call("CLIENT", "KILL", "SKIPME", "yes"))
      const error = yield* eventually(
        Effect.map(failure(connection.call(increment, one)), (error) => {
          expect(error.reason._tag).toBe("Unauthenticated")
          return error
        })
      )
      expect(error.outcome).toBe("NotApplied")
      yield* admin.client.use("config", (redis) => redis.config("SET", "requirepass", secret))
      yield* eventually(connection.call(increment, one))
      expect(logs.join("\n")).not.toContain(secret)
    })
  )

  it.live("and a payload stand in no error of any call, through every fault", () =>
    Effect.gen(function* () {
      const server = yield* serve(["--requirepass", secret])
      const proxy = yield* Effect.acquireRelease(
        Effect.promise(() => Proxy.start(server)),
        (proxy) => Effect.promise(() => proxy.stop())
      )
      const { client, connection, logs } = yield* open({
        url: proxy.url,
        password: Redacted.make(secret),
        commandTimeout: 1_000
      })
      const exits: Array<Exit.Exit<unknown, BackendError>> = []
      const tryAll = Effect.gen(function* () {
        exits.push(
          yield* Effect.exit(connection.publish("Test", "publish", `${client.prefix}:{t}`, payload)),
          yield* Effect.exit(client.use("set", (redis) => redis.set("k", payload))),
          yield* Effect.exit(client.use("odd", (redis) => redis.call("NOSUCH", payload, secret))),
          yield* Effect.exit(client.use("type", (redis) => redis.lpush("k", payload))),
          yield* Effect.exit(
            client.use("script", (redis) => redis.eval(`return redis.call('NOSUCH', ARGV[1])`, 0, payload))
          )
        )
      })
      yield* tryAll
      const cut = proxy.cutAnswerTo(/canary-payload/)
      yield* tryAll
      yield* Effect.promise(() => cut)
      proxy.toServer = "drop"
      yield* tryAll
      proxy.heal()
      proxy.accept = "close"
      proxy.kill()
      yield* tryAll
      const reasons = new Set(
        exits.flatMap((exit) =>
          Exit.isFailure(exit)
            ? exit.cause.reasons.flatMap((reason) => (reason._tag === "Fail" ? [reason.error.reason._tag] : []))
            : []
        )
      )
      for (const tag of ["ConnectionLost", "TimedOut", "Unavailable", "Misconfigured", "CorruptData"] as const) {
        expect(reasons).toContain(tag)
      }
      const all = [...exits.map(views), ...logs].join("\n")
      expect(all).not.toContain(secret)
      expect(all).not.toContain(payload)
    })
  )
})
