/**
 * A process that wants a lock: `locker.ts <url> <prefix> <name> <time to live in ms>`. Says on stdout, a JSON line each, what
 * becomes of it.
 */
import * as Cache from "@troupe/core/Cache"
import * as LocalPeer from "@troupe/core/LocalPeer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RedisCache from "../../src/RedisCache.ts"
import * as RedisClient from "../../src/RedisClient.ts"

const [, , url = "", prefix = "", name = "", timeToLive = ""] = process.argv

const say = (what: string, more: object = {}) =>
  Effect.sync(() => process.stdout.write(`${JSON.stringify({ what, ...more })}\n`))

const program = Effect.gen(function* () {
  const cache = yield* Cache.Cache
  yield* say("there")
  const lock = cache.withLock("nightly", { timeToLive: Number(timeToLive), wait: "1 minute" })
  const ended = yield* Effect.result(
    lock(({ fence }) =>
      say("holds", { fence: `${fence}` }).pipe(
        // A holder at work: it notices by itself whenever its loop turns.
        Effect.andThen(Effect.forever(Effect.sleep("10 millis"))),
        Effect.ensuring(say("stops"))
      )
    )
  )
  yield* say("ended", { how: ended._tag === "Failure" ? ended.failure._tag : "Success" })
})

const peer = RedisCache.layer().pipe(
  Layer.provide(RedisClient.layer({ url, prefix })),
  Layer.provide(LocalPeer.layer(name))
)

const fiber = Effect.runFork(program.pipe(Effect.provide(peer), Effect.scoped))
process.on("SIGTERM", () => fiber.interruptUnsafe())
