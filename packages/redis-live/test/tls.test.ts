/** TLS: it is spoken from the first byte on, and nobody is trusted who is not named. */
import { describe, expect, it } from "@effect/vitest"
import type { BackendError } from "@troupe/core/BackendError"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { Redis } from "ioredis"
import * as fs from "node:fs"
import * as path from "node:path"
import { missing } from "../../../scripts/missing.ts"
import { startServer } from "../../../scripts/redis.ts"
import { freePorts, until } from "../../../scripts/redis/ask.ts"
import type * as RedisClient from "../src/RedisClient.ts"
import { call, ear, eventually, failure, increment, open, set } from "./support/client.ts"
import { Proxy } from "./support/Proxy.ts"

const file = (name: string) => path.join(import.meta.dirname, "support", "tls", name)
const pem = (name: string) => fs.readFileSync(file(name), "utf8")

const tlsArgs = (name: string, clients: "no" | "yes" = "no"): ReadonlyArray<string> => [
  "--tls-cert-file",
  file(`${name}.pem`),
  "--tls-key-file",
  file(`${name}.key`),
  "--tls-ca-cert-file",
  file("ca.pem"),
  "--tls-auth-clients",
  clients
]

const serve = (name: string, clients: "no" | "yes" = "no") =>
  Effect.gen(function* () {
    const server = yield* Effect.acquireRelease(
      Effect.promise(() => startServer({ tls: true, args: tlsArgs(name, clients) })),
      (server) => Effect.promise(() => server.stop())
    )
    return yield* Effect.acquireRelease(
      Effect.promise(() => Proxy.start(server)),
      (proxy) => Effect.promise(() => proxy.stop())
    )
  })

const works = (options: RedisClient.RedisOptions) =>
  Effect.gen(function* () {
    const { client, connection } = yield* open(options)
    const one = { ...call, keys: { counter: `${client.prefix}:{t}:n` }, args: {} }
    yield* connection.call(increment, one)
    yield* connection.call(increment, { ...one, role: "beat" })
    const listener = ear()
    const link = yield* connection.link("Test", listener)
    yield* link.subscribe(["c"])
    yield* connection.publish("Test", "publish", "c", "1")
    yield* connection.barrier
    expect(listener.heard).toEqual(["c:1"])
  })

const tagOf = (error: BackendError) => error.reason._tag

const secure = ({ host, port }: Proxy) => `rediss://${host}:${port}`

describe.skipIf(missing.binary)("TLS", () => {
  it.live("is spoken in all roles, from the first byte on", () =>
    Effect.gen(function* () {
      const proxy = yield* serve("server")
      yield* works({ url: secure(proxy), tls: { ca: pem("ca.pem") } })
      // A TLS record of a handshake begins with 0x16.
      expect(new Set(proxy.firstBytes)).toEqual(new Set([0x16]))
      expect(proxy.firstBytes.length).toBeGreaterThanOrEqual(3)
    })
  )

  const refusals: ReadonlyArray<readonly [string, string, RedisClient.RedisOptions["tls"], string]> = [
    ["by an unknown authority", "server", {}, "SELF_SIGNED_CERT_IN_CHAIN"],
    ["by another authority", "server", { ca: pem("other-ca.pem") }, "SELF_SIGNED_CERT_IN_CHAIN"],
    ["for another host", "elsewhere", { ca: pem("ca.pem") }, "ERR_TLS_CERT_ALTNAME_INVALID"]
  ]
  for (const [what, name, tls, code] of refusals) {
    it.live(`refuses a certificate ${what}`, () =>
      Effect.gen(function* () {
        const proxy = yield* serve(name)
        const error = yield* failure(open({ url: secure(proxy), tls }))
        expect([error.reason._tag, error.outcome]).toEqual(["Misconfigured", "NotApplied"])
        expect(error.message).toContain(code)
        expect(error.message).toContain(`${proxy.host}:${proxy.port}`)
      })
    )
  }

  it.live("accepts a certificate for the name that `servername` says", () =>
    Effect.gen(function* () {
      const proxy = yield* serve("elsewhere")
      yield* works({ url: secure(proxy), tls: { ca: pem("ca.pem"), servername: "redis.example" } })
    })
  )

  it.live("shows a certificate of its own where the server asks for one", () =>
    Effect.gen(function* () {
      const proxy = yield* serve("server", "yes")
      const tls = { ca: pem("ca.pem") }
      const error = yield* failure(open({ url: secure(proxy), tls }))
      expect(["Unavailable", "Misconfigured"]).toContain(error.reason._tag)
      const key = Redacted.make(pem("client.key"))
      yield* works({ url: secure(proxy), tls: { ...tls, cert: pem("client.pem"), key } })
    })
  )

  it.live("does not fall back to plain text where the server speaks nothing else", () =>
    Effect.gen(function* () {
      const plain = yield* Effect.acquireRelease(
        Effect.promise(() => startServer()),
        (server) => Effect.promise(() => server.stop())
      )
      const error = yield* failure(open({ url: `rediss://${plain.host}:${plain.port}` }))
      expect(error.outcome).toBe("NotApplied")
      expect(["Unavailable", "Misconfigured"]).toContain(error.reason._tag)
    })
  )

  it.live("is spoken to a cluster, in all roles and in `use`, with a name and a password", () =>
    Effect.gen(function* () {
      const [bus] = yield* Effect.promise(() => freePorts(1))
      const server = yield* Effect.acquireRelease(
        Effect.promise(() =>
          startServer({
            tls: true,
            args: [
              ...tlsArgs("server"),
              ...[
                "--cluster-enabled yes",
                "--tls-cluster yes",
                `--cluster-port ${bus}`,
                "--cluster-announce-ip 127.0.0.1",
                "--requirepass pw"
              ].flatMap((line) => line.split(" "))
            ]
          })
        ),
        (server) => Effect.promise(() => server.stop())
      )
      const tls = { ca: pem("ca.pem") }
      const password = Redacted.make("pw")
      yield* Effect.promise(async () => {
        const admin = new Redis({ host: server.host, port: server.port, tls, password: "pw" })
        await admin.cluster("ADDSLOTSRANGE", 0, 16383)
        await until("the cluster is whole", async () =>
          String(await admin.cluster("INFO")).includes("cluster_state:ok")
        )
        admin.disconnect()
      })
      const cluster = [{ host: server.host, port: server.port }]
      yield* works({ cluster, tls, password })
      const { client } = yield* open({ cluster, tls, username: "default", password })
      yield* client.use("set", (redis) => redis.set("a", "1"))
      expect(yield* client.use("get", (redis) => redis.get("a"))).toBe("1")
      expect(tagOf(yield* failure(open({ cluster, tls, password: Redacted.make("no") })))).toBe("Unauthenticated")
      expect(tagOf(yield* failure(open({ cluster, tls: {}, password })))).toBe("Misconfigured")
      expect(tagOf(yield* failure(open({ cluster, password })))).toBe("Unavailable")
    })
  )

  it.live("keeps late writes away as plain connections do (A2)", () =>
    Effect.gen(function* () {
      const proxy = yield* serve("server")
      const { client, connection } = yield* open({
        url: secure(proxy),
        tls: { ca: pem("ca.pem") },
        commandTimeout: 2_000
      })
      const key = `${client.prefix}:{t}:register`
      const write = (value: string) => connection.call(set, { ...call, keys: { key }, args: { value } })
      yield* write("v0")
      proxy.toServer = "hold"
      const error = yield* failure(write("v1"))
      expect(error.outcome).toBe("Unknown")
      proxy.toServer = "pass"
      yield* eventually(write("v2"))
      proxy.release()
      const later = yield* open({ url: secure(proxy), tls: { ca: pem("ca.pem") } })
      expect(yield* later.client.use("get", (redis) => redis.get(key))).toBe("v2")
    })
  )
})
