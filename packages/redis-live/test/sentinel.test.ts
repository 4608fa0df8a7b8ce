/** Three sentinels: the primary is found, followed when it is killed, and only ever a primary is talked to. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { missing } from "../../../scripts/missing.ts"
import { type Server, startServer } from "../../../scripts/redis.ts"
import { ask, freePorts, until } from "../../../scripts/redis/ask.ts"
import * as fs from "node:fs"
import * as path from "node:path"
import { call, ear, eventually, failure, increment, open, took } from "./support/client.ts"
import { busyMs } from "./support/rig.ts"

const file = (name: string) => path.join(import.meta.dirname, "support", "tls", name)
const tls = [
  "--tls-cert-file",
  file("server.pem"),
  "--tls-key-file",
  file("server.key"),
  "--tls-ca-cert-file",
  file("ca.pem"),
  "--tls-auth-clients",
  "no",
  "--tls-replication",
  "yes"
]

const keep = (start: () => Promise<Server>) =>
  Effect.acquireRelease(Effect.promise(start), (server) => Effect.promise(() => server.stop()))

/** A primary, its replica, and three sentinels that know of both. */
const watched = Effect.gen(function* () {
  const primary = yield* keep(() => startServer({ args: ["--repl-diskless-sync-delay", "0"] }))
  const replica = yield* keep(() =>
    startServer({ args: ["--replicaof", `${primary.host} ${primary.port}`, "--repl-diskless-sync-delay", "0"] })
  )
  yield* Effect.promise(() =>
    until("the replica follows", async () => (await ask(replica, "INFO", "replication")).includes("link_status:up"))
  )
  const config = [
    `sentinel monitor main ${primary.host} ${primary.port} 2`,
    // Until it is killed it is not taken for dead, however late it answers.
    "sentinel down-after-milliseconds main 60000",
    "sentinel failover-timeout main 2000"
  ].join("\n")
  const sentinels = yield* Effect.forEach([1, 2, 3], () => keep(() => startServer({ config, args: ["--sentinel"] })))
  yield* Effect.promise(() =>
    until("the sentinels know each other and the replica", async () => {
      const known = await Promise.all(sentinels.map((sentinel) => ask(sentinel, "SENTINEL", "MASTER", "main")))
      return known.every((one) => one.includes("num-slaves,1") && one.includes("num-other-sentinels,2"))
    })
  )
  return { primary, replica, sentinels }
})

const at = ({ host, port }: Server) => ({ host, port })

describe.skipIf(missing.binary)("a client of sentinels", { timeout: 120_000 }, () => {
  it.live("follows the primary when it is killed, in all roles", () =>
    Effect.gen(function* () {
      const { primary, replica, sentinels } = yield* watched
      const nodes = [{ host: "127.0.0.1", port: 1 }, ...sentinels.map(at)]
      const { client, connection } = yield* open({ sentinel: { name: "main", nodes }, commandTimeout: 2_000 })
      const one = { ...call, keys: { counter: `${client.prefix}:{t}:n` }, args: {} }
      const listener = ear()
      const link = yield* connection.link("Test", {
        ...listener,
        lost: (channels) => void Effect.runFork(eventually(link.subscribe(channels), 60_000))
      })
      yield* link.subscribe(["c"])
      const works = (word: string) =>
        Effect.gen(function* () {
          yield* connection.call(increment, one)
          yield* connection.call(increment, { ...one, role: "beat" })
          yield* connection.publish("Test", "publish", "c", word)
          yield* connection.barrier
          expect(listener.heard).toContain(`c:${word}`)
        })
      yield* works("before")
      yield* Effect.promise(async () => {
        await primary.kill()
        for (const sentinel of sentinels)
          await ask(sentinel, "SENTINEL", "SET", "main", "down-after-milliseconds", "500")
        const leads = async (sentinel: Server) =>
          (await ask(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main")).endsWith(`${replica.port}`)
        await until("they agree", async () => (await Promise.all(sentinels.map(leads))).every(Boolean), 60_000)
      })
      // How long they take for that is theirs.
      const [, ms] = yield* took(eventually(works("after"), 20_000))
      expect(ms).toBeLessThan(2_500 + busyMs)
      // It comes back as a replica: nobody talks to it.
      yield* Effect.promise(() => primary.restart())
      yield* works("again")
    })
  )

  it.live("is Unavailable where the sentinels do not know the name, or do not answer", () =>
    Effect.gen(function* () {
      const sentinel = yield* keep(() => startServer({ config: "", args: ["--sentinel"] }))
      const unknown = yield* failure(open({ sentinel: { name: "main", nodes: [at(sentinel)] } }))
      expect([unknown.reason._tag, unknown.outcome]).toEqual(["Unavailable", "NotApplied"])
      expect(unknown.message).toContain(`know no primary "main"`)
      const away = yield* failure(open({ sentinel: { name: "main", nodes: [{ host: "127.0.0.1", port: 1 }] } }))
      expect(away.reason._tag).toBe("Unavailable")
    })
  )

  it.live("does not talk to a server that is no primary, whatever the sentinels say", () =>
    Effect.gen(function* () {
      const primary = yield* keep(() => startServer())
      const replica = yield* keep(() => startServer({ args: ["--replicaof", `${primary.host} ${primary.port}`] }))
      const sentinel = yield* keep(() =>
        startServer({
          config: `sentinel monitor main ${replica.host} ${replica.port} 3\nsentinel down-after-milliseconds main 60000`,
          args: ["--sentinel"]
        })
      )
      const error = yield* failure(open({ sentinel: { name: "main", nodes: [at(sentinel)] } }))
      expect(error.reason._tag).toBe("Unavailable")
      expect(error.message).toContain("it is not the primary")
    })
  )

  it.live("speaks TLS to the sentinels and to the primary alike", () =>
    Effect.gen(function* () {
      const primary = yield* keep(() => startServer({ tls: true, args: tls }))
      const [port] = yield* Effect.promise(() => freePorts(1))
      const sentinel = yield* keep(() =>
        startServer({
          tls: true,
          port: port!,
          config: `sentinel monitor main ${primary.host} ${primary.port} 1`,
          args: [...tls, "--sentinel"]
        })
      )
      const place = { sentinel: { name: "main", nodes: [at(sentinel)] } }
      const ca = fs.readFileSync(file("ca.pem"), "utf8")
      const { client, connection } = yield* open({ ...place, tls: { ca } })
      expect(
        yield* connection.call(increment, { ...call, keys: { counter: `${client.prefix}:{t}:n` }, args: {} })
      ).toBe(1)
      expect((yield* failure(open({ ...place, tls: {} }))).message).toContain("SELF_SIGNED_CERT_IN_CHAIN")
      expect((yield* failure(open(place))).reason._tag).toBe("Unavailable")
    })
  )
})
