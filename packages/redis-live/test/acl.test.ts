/** A user of Redis with no more rights than docs/operations.md names, and what is refused to it. */
import { describe, expect, it } from "@effect/vitest"
import { CacheStore } from "@troupe/core/CacheStore"
import * as PeerRegistry from "@troupe/core/PeerRegistry"
import * as PubSub from "@troupe/core/PubSub"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { readFile } from "node:fs/promises"
import { missing } from "../../../scripts/missing.ts"
import { type Server, startServer } from "../../../scripts/redis.ts"
import { ask, freePorts, until } from "../../../scripts/redis/ask.ts"
import * as scripts from "../src/internal/scripts.ts"
import * as RedisCache from "../src/RedisCache.ts"
import * as RedisClient from "../src/RedisClient.ts"
import * as RedisLive from "../src/RedisLive.ts"
import { call, eventually, failure, open, time } from "./support/client.ts"
import { entry, load } from "./support/region.ts"

/** What the connections themselves need, whatever runs on them. */
const own = [
  "ping",
  "client|info",
  "client|kill",
  "client|setname",
  "eval",
  "evalsha",
  "ssubscribe",
  "sunsubscribe",
  "spublish"
]
const inside = scripts.all.flatMap(({ commands }) => commands.map((command) => command.toLowerCase()))

const user = (
  server: Server,
  { more = [], without = [] }: { readonly more?: ReadonlyArray<string>; readonly without?: ReadonlyArray<string> } = {}
) =>
  ask(
    server,
    ...(["ACL", "SETUSER", "app", "reset", "on", ">pw", "~app:0:*", "&app:0:*", "-@all"] as const),
    ...[...new Set([...own, ...inside, ...more])]
      .filter((command) => !without.includes(command))
      .map((command) => `+${command}`)
  )

const serveWith = (args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.promise(() => startServer({ args })),
    (server) => Effect.promise(() => server.stop())
  )

const serve = serveWith([])

const options = (server: Server) => ({
  url: server.url,
  username: "app",
  password: Redacted.make("pw"),
  prefix: "app"
})

describe.skipIf(missing.binary)("a user with the rights of docs/operations.md", () => {
  it.live("can do all that Troupe does, and nothing is refused to it", () =>
    Effect.gen(function* () {
      const server = yield* serve
      yield* Effect.promise(() => user(server))
      const Words = PubSub.channel("words", { message: Schema.String, history: { size: 10, timeToLive: "1 minute" } })
      const Signals = PubSub.channel("signals", { message: Schema.String })
      yield* Effect.gen(function* () {
        const pubsub = yield* PubSub.PubSub
        const words = yield* pubsub.subscribe(Words)
        const signals = yield* pubsub.subscribe(Signals)
        yield* pubsub.publish(Words, "a")
        yield* pubsub.publish(Signals, "b")
        expect(yield* Stream.runCollect(Stream.take(words.messages, 1))).toEqual(["a"])
        expect(yield* Stream.runCollect(Stream.take(signals.messages, 1))).toEqual(["b"])
        expect((yield* pubsub.history(Words)).length).toBe(1)
        const registry = yield* PeerRegistry.PeerRegistry
        expect((yield* registry.list).length).toBe(1)
        yield* registry.updateMetadata({ a: "1" })
        expect(yield* registry.lead("main", (term) => Effect.as(registry.leader("main"), term.fence > 0))).toBe(true)
      }).pipe(Effect.provide(RedisLive.layer(options(server))))
      yield* Effect.gen(function* () {
        const cache = yield* CacheStore
        const a = entry("a", "1", { tags: ["t"], isSliding: true })
        const x = load("x", { tags: ["t"] })
        yield* cache.write("r", [a], "Always")
        expect(yield* cache.read("r", ["a"], "Always")).toMatchObject([{ body: "1" }])
        yield* cache.touch("r", "a", Infinity)
        yield* cache.acquire("r", ["b"], x)
        yield* cache.acquire("r", ["b"], load("y"))
        yield* cache.commit("r", [entry("b")], x)
        yield* cache.invalidate("r", ["t"])
        expect((yield* cache.page("r", "")).keys).toEqual(["b"])
        yield* cache.clear("r")
        yield* cache.sweep("r", "")
      }).pipe(Effect.provide(Layer.provide(RedisCache.store, RedisClient.layer(options(server)))))
      // Lost connections need rights of their own.
      const { connection } = yield* open(options(server))
      const probe = connection.call(time, {
        ...call,
        keys: { any: "app:0:{t}" },
        args: { echo: "", more: [] }
      })
      yield* probe
      yield* Effect.promise(() => ask(server, "CLIENT", "KILL", "USER", "app"))
      yield* eventually(probe)
      expect(yield* Effect.promise(() => ask(server, "ACL", "LOG"))).toBe("")
    })
  )

  it.live("is the one of docs/operations.md", () =>
    Effect.gen(function* () {
      const text = yield* Effect.promise(() =>
        readFile(new URL("../../../docs/operations.md", import.meta.url), "utf8")
      )
      const [, block = ""] = /```\n(ACL SETUSER[^`]*)```/.exec(text) ?? []
      // Of every service: whoever adds a script adds its commands there.
      const expected = new Set([...own, ...inside])
      expect([...block.matchAll(/\+(\S+)/g)].map(([, command]) => command).toSorted()).toEqual([...expected].toSorted())
    })
  )

  it.live("needs `cluster|slots` on a cluster, and no more", () =>
    Effect.gen(function* () {
      const [bus] = yield* Effect.promise(() => freePorts(1))
      const args = ["--cluster-enabled", "yes", "--cluster-port", `${bus}`, "--cluster-announce-ip", "127.0.0.1"]
      const server = yield* serveWith(args)
      yield* Effect.promise(async () => {
        await user(server, { more: ["cluster|slots"] })
        await ask(server, "CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        await until("the cluster is whole", async () => (await ask(server, "CLUSTER", "INFO")).includes("state:ok"))
      })
      const { url: _, ...rest } = options(server)
      const { connection } = yield* open({ ...rest, cluster: [server] })
      const link = yield* connection.link("Test", { message: () => {}, lost: () => {} })
      yield* link.subscribe(["app:0:{t}"])
      yield* connection.publish("Test", "publish", "app:0:{t}", "")
      yield* connection.call(time, { ...call, keys: { any: "app:0:{t}" }, args: { echo: "", more: [] } })
      yield* connection.barrier
      expect(yield* Effect.promise(() => ask(server, "ACL", "LOG"))).toBe("")
    })
  )

  it.live("reaches no key of others", () =>
    Effect.gen(function* () {
      const server = yield* serve
      yield* Effect.promise(() => user(server))
      const { connection } = yield* open(options(server))
      const error = yield* failure(
        connection.call(time, { ...call, keys: { any: "other:0:{t}" }, args: { echo: "", more: [] } })
      )
      expect([error.reason._tag, error.outcome]).toEqual(["Forbidden", "NotApplied"])
      expect((yield* failure(connection.publish("Test", "publish", "other:0:{t}", ""))).reason._tag).toBe("Forbidden")
    })
  )

  it.live("without `client|info` and `client|kill` works, and keeps late writes away no more", () =>
    Effect.gen(function* () {
      const server = yield* serve
      yield* Effect.promise(() => user(server, { without: ["client|info", "client|kill", "client|setname"] }))
      const { connection } = yield* open(options(server))
      const link = yield* connection.link("Test", { message: () => {}, lost: () => {} })
      yield* link.subscribe(["app:0:{t}"])
      yield* connection.call(time, { ...call, keys: { any: "app:0:{t}" }, args: { echo: "", more: [] } })
    })
  )

  it.live("without `ping` cannot connect, and is told why", () =>
    Effect.gen(function* () {
      const server = yield* serve
      yield* Effect.promise(() => user(server, { without: ["ping"] }))
      const error = yield* failure(open(options(server)))
      expect(error.reason._tag).toBe("Forbidden")
      expect(error.message).toContain("ping")
    })
  )
})
