/** Data of a newer format is refused and left as it is (A10). */
import { expect, it } from "@effect/vitest"
import * as PubSub from "@troupe/core/PubSub"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { inject } from "vitest"
import { missing } from "../../../scripts/missing.ts"
import { withRedis } from "../../../scripts/redis/ask.ts"
import * as RedisClient from "../src/RedisClient.ts"
import * as RedisPubSub from "../src/RedisPubSub.ts"
import { failure } from "./support/client.ts"

const url = inject("redisUrl") ?? ""
const prefix = `${inject("redisPrefix")}-format`
const Later = PubSub.channel("later", { message: Schema.Int, history: { size: 10, timeToLive: "1 minute" } })

it.live.skipIf(missing.redis)("a channel's log of a later version is not read and not written", () =>
  Effect.gen(function* () {
    const pubsub = yield* PubSub.PubSub
    const meta = `${prefix}:0:{ps:later}:meta`
    yield* Effect.promise(() => withRedis(url, (redis) => redis.hset(meta, "format", "2", "new", "thing")))
    const calls = [
      failure(Effect.asVoid(Effect.catchTag(pubsub.publish(Later, 1), ["PayloadTooLarge", "SchemaError"], Effect.die))),
      failure(pubsub.history(Later)),
      failure(pubsub.subscribe(Later))
    ]
    for (const call of calls) {
      const { outcome, reason } = yield* call
      expect([reason._tag, outcome]).toEqual(["CorruptData", "NotApplied"])
    }
    const kept = yield* Effect.promise(() => withRedis(url, (redis) => redis.hgetall(meta)))
    expect({ ...kept }).toEqual({ format: "2", new: "thing" })
  }).pipe(Effect.provide(RedisPubSub.layer.pipe(Layer.provide(RedisClient.layer({ url, prefix })))))
)
