/** A user of Redis with no more rights than docs/operations.md names, and what is refused to it. */
import { describe, expect, it } from "@effect/vitest"
import { CacheStore } from "@troupe/core/CacheStore"
import { ChatStore } from "@troupe/core/ChatStore"
import * as Mailbox from "@troupe/core/Mailbox"
import * as PeerRegistry from "@troupe/core/PeerRegistry"
import * as PubSub from "@troupe/core/PubSub"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Stats from "@troupe/core/Stats"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Persistence from "effect/persistence/Persistence"
import * as RateLimiter from "effect/persistence/RateLimiter"
import * as Redis from "effect/persistence/Redis"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { readFile } from "node:fs/promises"
import { missing } from "../../../scripts/missing.ts"
import { type Server, startServer } from "../../../scripts/redis.ts"
import { ask, freePorts, until } from "../../../scripts/redis/ask.ts"
import * as scripts from "../src/internal/scripts.ts"
import * as RedisCache from "../src/RedisCache.ts"
import * as RedisChat from "../src/RedisChat.ts"
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
        const stats = yield* Stats.Stats
        yield* stats.increment("name")
        yield* stats.gauge("gauge", 1)
        yield* stats.flush
        expect((yield* stats.totals).size).toBe(2)
        expect((yield* stats.byPeer).size).toBe(1)
        expect((yield* stats.series("name", { last: "1 hour", resolution: "1 hour" })).length).toBe(1)
        yield* stats.reset("name")
        const Notes = Mailbox.box("notes", { message: Schema.String, timeToLive: "1 minute" })
        const mailbox = yield* Mailbox.Mailbox
        const waiting = yield* Effect.forkChild(mailbox.poll(Notes, "client", { wait: "10 seconds" }))
        yield* mailbox.deliver(Notes, "client", "a")
        const mail = yield* Fiber.join(waiting)
        expect(mail.letters.map(({ message }) => message)).toEqual(["a"])
        expect((yield* mailbox.poll(Notes, "client", { after: mail.cursor })).letters).toEqual([])
        yield* mailbox.close(Notes, "client")
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
        const claim = { owner: "o", timeToLiveMs: 60_000, above: 0 }
        const locked = yield* cache.lock("l", claim)
        yield* cache.lock("l", { ...claim, owner: "p" })
        expect(yield* cache.relock("l", claim, locked.fence)).toBe(true)
        expect(yield* cache.unlock("l", "o")).toBe(true)
      }).pipe(Effect.provide(Layer.provide(RedisCache.store, RedisClient.layer(options(server)))))
      yield* Effect.gen(function* () {
        const chat = yield* ChatStore
        const by = { id: "p", name: "peer" }
        const keep = { history: { size: 10, timeToLiveMs: 60_000 }, leaveGraceMs: 1 }
        const join = { _tag: "Join", details: "", over: undefined } as const
        const say = { _tag: "Say", from: "a", ref: undefined, payload: "1", dedupeKey: "k" } as const
        const stamp = yield* chat.list("r")
        expect(yield* chat.enter("p", ["r"])).toMatchObject({ gone: false })
        yield* chat.create("r", stamp, by)
        yield* chat.act("r", keep, by, [
          { ...join, id: "a", ref: "1" },
          { ...join, id: "b", ref: "2" },
          { _tag: "Update", id: "a", ref: "1", details: "2" },
          say,
          say,
          { _tag: "Leave", id: "b", ref: "2" }
        ])
        yield* eventually(Effect.map(chat.look("r"), (look) => expect(look?.members).toBe(1)))
        expect((yield* chat.seats("r", ""))?.seats.length).toBe(1)
        expect((yield* chat.words("r", keep, { _tag: "Last", count: 5 }, 10))?.words.length).toBe(1)
        expect((yield* chat.read("r", keep, { _tag: "Last", count: 5 }, 10)).entries.length).toBe(2)
        expect(yield* chat.sweep("r", "p", by)).toMatchObject({ left: 0 })
        expect((yield* chat.rooms("")).rooms).toEqual(["r"])
        expect([yield* chat.peers, yield* chat.bury("p")]).toEqual([["p"], ["r"]])
        yield* chat.exit("p", ["r"])
        expect(yield* chat.destroy("r", by)).toBe(stamp)
        yield* chat.prune(["r"])
        yield* chat.unlist("r", stamp)
      }).pipe(Effect.provide(Layer.provide(RedisChat.store, RedisClient.layer(options(server)))))
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

  it.live("needs more for layerPersistence, as that page says", () =>
    Effect.gen(function* () {
      const server = yield* serve
      const text = yield* Effect.promise(() =>
        readFile(new URL("../../../docs/operations.md", import.meta.url), "utf8")
      )
      const [, block = ""] = /```\n(ACL SETUSER app \+subscribe[^`]*)```/.exec(text) ?? []
      const more = [...block.matchAll(/\+(\S+)/g)].flatMap(([, command]) => command ?? [])
      // Of what Troupe's services run nothing but what the client itself asks at its start.
      const without = inside.filter((command) => command !== "info" && !more.includes(command))
      yield* Effect.promise(() => user(server, { more, without }))
      yield* Effect.promise(() => ask(server, "ACL", "SETUSER", "app", "~shop%3Avalues:*"))
      yield* Effect.gen(function* () {
        const redis = yield* Redis.Redis
        const heard = yield* redis.subscribe("app:0:c")
        yield* redis.send("PUBLISH", "app:0:c", "x")
        expect((yield* Queue.take(heard)).message).toBe("x")
        const own = yield* redis.reserve
        yield* own.send("SET", "app:0:k", "v")
        const stores = yield* Layer.build(
          Layer.mergeAll(
            Persistence.layerBackingRedis,
            RateLimiter.layerStoreRedis({ prefix: "app:0:limit:" }),
            PersistedQueue.layerStoreRedis({ prefix: "app:0:queue:", pollInterval: 20 })
          )
        )
        const limits = Context.get(stores, RateLimiter.RateLimiterStore)
        yield* limits.fixedWindow({ key: "k", tokens: 1, refillRate: Duration.seconds(1), limit: 2 })
        yield* limits.tokenBucket({
          key: "t",
          tokens: 1,
          refillRate: Duration.seconds(1),
          limit: 2,
          allowOverflow: false
        })
        const queue = yield* Effect.provide(
          Effect.flatMap(Layer.build(PersistedQueue.layer), (context) =>
            Effect.provide(
              PersistedQueue.make({ name: "q", schema: Schema.String, retrySchedule: Schedule.spaced(1) }),
              context
            )
          ),
          stores
        )
        const values = yield* Context.get(stores, Persistence.BackingPersistence).make("shop:values")
        yield* values.setMany([
          ["a", {}, Duration.minutes(1)],
          ["b", {}, undefined]
        ])
        yield* values.set("c", {}, undefined)
        expect(yield* values.getMany(["a", "c", "d"])).toEqual([{}, {}, undefined])
        expect(yield* values.get("b")).toEqual({})
        yield* values.remove("b")
        yield* values.clear
        yield* queue.offer("a")
        yield* queue.offer("b", { id: "b", delay: 1 })
        for (const _ of ["a", "b"]) yield* Effect.ignore(queue.take(() => Effect.fail("again")))
        for (const _ of ["a", "b"]) yield* queue.take(() => Effect.void)
        yield* Context.get(stores, PersistedQueue.PersistedQueueStore).cleanup({
          timeToLive: Duration.zero,
          failedTimeToLive: Duration.zero
        })
      }).pipe(
        Effect.scoped,
        Effect.provide(Layer.provide(RedisClient.layerPersistence, RedisClient.layer(options(server))))
      )
      expect(yield* Effect.promise(() => ask(server, "ACL", "LOG"))).toBe("")
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
