/**
 * Mailbox through faults on real servers, a proxy and the real clock: what a client gets that polls on whatever happens.
 * Each letter once for each cursor, in order, and nothing silently gone (M1, M2, A3).
 */
import { describe, expect, it } from "@effect/vitest"
import * as Mailbox from "@troupe/core/Mailbox"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import { missing } from "../../../scripts/missing.ts"
import { startServer } from "../../../scripts/redis.ts"
import { ask } from "../../../scripts/redis/ask.ts"
import * as Timing from "../src/internal/Timing.ts"
import * as RedisClient from "../src/RedisClient.ts"
import * as RedisMailbox from "../src/RedisMailbox.ts"
import { eventually, failure, short, took } from "./support/client.ts"
import { Proxy } from "./support/Proxy.ts"

const Notes = Mailbox.box("notes", { message: Schema.Int, timeToLive: "10 minutes" })
/** So long that none of the calls runs out of it by itself. */
const commandTimeout = 3_000
/** What a machine on which many tests run at once adds. */
const busyMs = 2_500

/** A server that keeps all it acknowledged, a peer beside it that delivers, and one behind a proxy that polls. */
const rig = Effect.gen(function* () {
  const server = yield* Effect.acquireRelease(
    Effect.promise(() => startServer({ args: ["--appendonly", "yes", "--appendfsync", "always"] })),
    (server) => Effect.promise(() => server.stop())
  )
  const proxy = yield* Effect.acquireRelease(
    Effect.promise(() => Proxy.start(server)),
    (proxy) => Effect.promise(() => proxy.stop())
  )
  const peer = (url: string) =>
    Effect.map(
      RedisMailbox.layer.pipe(
        Layer.provide(RedisClient.layer({ url, commandTimeout })),
        Layer.provide([Layer.succeed(Timing.Timing, short), Logger.layer([])]),
        Layer.fresh,
        Layer.build,
        // On a busy machine an attempt may take too long.
        Effect.retry({ times: 5 })
      ),
      (context) => Context.get(context, Mailbox.Mailbox)
    )
  return { server, proxy, near: yield* peer(server.url), far: yield* peer(proxy.url) }
})

const told = ({ letters, lost }: Mailbox.Mail<number>): ReadonlyArray<number | "lost"> => [
  ...(lost ? (["lost"] as const) : []),
  ...letters.map(({ message }) => message)
]

/** The poll has asked, and hears of what is delivered. */
const isHeard = (server: Parameters<typeof ask>[0]) =>
  eventually(
    Effect.map(
      Effect.promise(() => ask(server, "PUBSUB", "SHARDCHANNELS")),
      (channels) => expect(channels).toContain("{mail:notes:client}")
    )
  )

/** Five of them run at a time. */
const options = { concurrent: true, timeout: 120_000 }

describe.skipIf(missing.binary)("Mailbox through faults (M1, M2, M3, A3)", options, () => {
  it.live("the answer of a poll is cut off: the next one gives the same letters again", () =>
    Effect.gen(function* () {
      const { far, near, proxy } = yield* rig
      let after: string | undefined
      for (const n of [0, 10, 20]) {
        for (const message of [n, n + 1]) yield* near.deliver(Notes, "client", message)
        const cut = proxy.cutAnswerTo(/evalsha/i)
        const error = yield* failure(far.poll(Notes, "client", { after }))
        expect([error.reason._tag, error.outcome]).toEqual(["ConnectionLost", "Unknown"])
        yield* Effect.promise(() => cut)
        const mail = yield* eventually(far.poll(Notes, "client", { after }))
        expect(told(mail)).toEqual([n, n + 1])
        after = mail.cursor
      }
      expect(told(yield* near.poll(Notes, "client", { after }))).toEqual([])
    })
  )

  it.live("the server stands still during a long poll: it ends when its time is over, and afterwards all works", () =>
    Effect.gen(function* () {
      const { far, near, server } = yield* rig
      yield* near.deliver(Notes, "client", 1)
      const { cursor: after } = yield* far.poll(Notes, "client")
      const waiting = yield* Effect.forkScoped(took(far.poll(Notes, "client", { after, wait: "3 seconds" })))
      yield* isHeard(server)
      server.signal("SIGSTOP")
      const [mail, ms] = yield* Fiber.join(waiting)
      expect(told(mail)).toEqual([])
      expect(ms).toBeGreaterThan(2_900)
      expect(ms).toBeLessThan(3_000 + commandTimeout * 1.1 + busyMs)
      server.signal("SIGCONT")
      yield* eventually(near.deliver(Notes, "client", 2))
      const next = yield* eventually(far.poll(Notes, "client", { after: mail.cursor, wait: "10 seconds" }))
      expect(told(next).at(-1)).toBe(2)
      expect(next.lost).toBe(false)
    })
  )

  it.live(
    "the server is killed during a long poll: what is delivered when it is back ends that, and nothing is lost",
    () =>
      Effect.gen(function* () {
        const { far, near, server } = yield* rig
        yield* near.deliver(Notes, "client", 1)
        const { cursor: after } = yield* far.poll(Notes, "client")
        const waiting = yield* Effect.forkScoped(far.poll(Notes, "client", { after, wait: "1 minute" }))
        yield* isHeard(server)
        yield* Effect.promise(() => server.kill())
        yield* Effect.sleep(500)
        yield* Effect.promise(() => server.restart())
        const back = performance.now()
        yield* eventually(near.deliver(Notes, "client", 2))
        expect(told(yield* Fiber.join(waiting)).at(-1)).toBe(2)
        expect(performance.now() - back).toBeLessThan(2_500 + busyMs)
        // Another run of the server, which knows where the last one ended.
        const mail = yield* far.poll(Notes, "client", { after })
        expect(mail.lost).toBe(false)
      })
  )

  it.live("pushes do not come: a letter is found all the same, and soon where that shows", () =>
    Effect.gen(function* () {
      const { far, near, proxy, server } = yield* rig
      const first = yield* Effect.forkScoped(took(far.poll(Notes, "client", { wait: "1 minute" })))
      yield* isHeard(server)
      Object.assign(proxy, { roles: new Set(["subscriber"]), toClient: "drop" })
      yield* near.deliver(Notes, "client", 1)
      const [mail, ms] = yield* Fiber.join(first)
      expect(told(mail)).toEqual([1])
      expect(ms).toBeLessThan(10_000 + busyMs)
      proxy.heal()
      const second = yield* Effect.forkScoped(far.poll(Notes, "client", { after: mail.cursor, wait: "1 minute" }))
      yield* isHeard(server)
      for (let n = 0; n < 5; n++) {
        proxy.kill("subscriber")
        yield* Effect.sleep(50)
      }
      yield* near.deliver(Notes, "client", 2)
      expect(told(yield* Fiber.join(second))).toEqual([2])
    })
  )

  it.live("when a wait is interrupted, and when its layer ends, the server knows no subscription", () =>
    Effect.gen(function* () {
      const { server } = yield* rig
      const none = eventually(
        Effect.map(
          Effect.promise(() => ask(server, "PUBSUB", "SHARDCHANNELS")),
          (channels) => expect(channels).not.toContain("mail")
        )
      )
      const closed = yield* Effect.scoped(
        Effect.gen(function* () {
          const context = yield* Layer.build(Layer.provide(RedisMailbox.layer, RedisClient.layer({ url: server.url })))
          const mailbox = yield* Effect.provide(Mailbox.Mailbox, context)
          const poll = mailbox.poll(Notes, "client", { wait: "1 hour" })
          const first = yield* Effect.forkDetach(poll)
          yield* isHeard(server)
          yield* Fiber.interrupt(first)
          yield* none
          const second = yield* Effect.forkDetach(poll)
          yield* isHeard(server)
          return second
        })
      )
      expect((yield* failure(Fiber.join(closed))).reason._tag).toBe("Closed")
      yield* none
    })
  )
})
