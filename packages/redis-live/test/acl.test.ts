/** A user of Redis with no more rights than docs/operations.md names, and what is refused to it. */
import { describe, expect, it } from "@effect/vitest"
import * as PubSub from "@troupe/core/PubSub"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { missing } from "../../../scripts/missing.ts"
import { type Server, startServer } from "../../../scripts/redis.ts"
import { ask } from "../../../scripts/redis/ask.ts"
import * as scripts from "../src/internal/scripts.ts"
import * as RedisClient from "../src/RedisClient.ts"
import * as RedisPubSub from "../src/RedisPubSub.ts"
import { call, eventually, failure, open, time } from "./support/client.ts"

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
const inside = [...new Set(["TIME", "INFO", ...scripts.all.flatMap(({ commands }) => commands)])].map((command) =>
  command.toLowerCase()
)

const user = (server: Server, without: ReadonlyArray<string> = []) =>
  ask(
    server,
    ...(["ACL", "SETUSER", "app", "reset", "on", ">pw", "~app:0:*", "&app:0:*", "-@all"] as const),
    ...[...new Set([...own, ...inside])].filter((command) => !without.includes(command)).map((command) => `+${command}`)
  )

const serve = Effect.acquireRelease(
  Effect.promise(() => startServer()),
  (server) => Effect.promise(() => server.stop())
)

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
      }).pipe(Effect.provide(Layer.provide(RedisPubSub.layer, RedisClient.layer(options(server)))))
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
      yield* Effect.promise(() => user(server, ["client|info", "client|kill", "client|setname"]))
      const { connection } = yield* open(options(server))
      const link = yield* connection.link("Test", { message: () => {}, lost: () => {} })
      yield* link.subscribe(["app:0:{t}"])
      yield* connection.call(time, { ...call, keys: { any: "app:0:{t}" }, args: { echo: "", more: [] } })
    })
  )

  it.live("without `ping` cannot connect, and is told why", () =>
    Effect.gen(function* () {
      const server = yield* serve
      yield* Effect.promise(() => user(server, ["ping"]))
      const error = yield* failure(open(options(server)))
      expect(error.reason._tag).toBe("Forbidden")
      expect(error.message).toContain("ping")
    })
  )
})
