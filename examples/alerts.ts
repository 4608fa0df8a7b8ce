/**
 * Two peers and a channel. On memory by default; with REDIS_URL on Redis, and nothing else changes:
 *
 *     node examples/alerts.ts
 *     REDIS_URL=redis://localhost:6379 node examples/alerts.ts
 */
import { NodeRuntime } from "@effect/platform-node"
import { LocalPeer, PubSub } from "@troupe/core"
import { RedisClient, RedisPubSub } from "@troupe/redis-live"
import { MemoryBackend, MemoryPubSub } from "@troupe/testkit"
import { Config, Deferred, Effect, Layer, Option, Schema } from "effect"

const Alert = Schema.Struct({ level: Schema.Literals(["yellow", "red"]), text: Schema.String })
// A definition is a value. The history lets a subscriber that was cut off catch up.
const Alerts = PubSub.channel("alerts", { message: Alert, history: { size: 100, timeToLive: "1 hour" } })

/** The one place that says where the cluster lives. */
const backend = Layer.unwrap(
  Effect.map(Config.option(Config.String("REDIS_URL")), (url) =>
    Option.isSome(url)
      ? RedisPubSub.layer.pipe(Layer.provide(RedisClient.layer({ url: url.value, prefix: "troupe-example" })))
      : MemoryPubSub.layer
  )
)

const watcher = Effect.gen(function* () {
  const pubsub = yield* PubSub.PubSub
  const red = yield* Deferred.make<void>()
  // Once `handle` has returned, nothing that anyone publishes is missed.
  yield* pubsub.handle(Alerts, ({ position, publisher, value }) =>
    Effect.andThen(
      Effect.log(`${publisher} says ${value.level}: ${value.text} (number ${position.sequence})`),
      value.level === "red" ? Deferred.succeed(red, undefined) : Effect.void
    )
  )
  return Deferred.await(red)
})

const sensor = Effect.gen(function* () {
  const pubsub = yield* PubSub.PubSub
  yield* pubsub.publish(Alerts, { level: "yellow", text: "the queue grows" })
  yield* pubsub.publish(Alerts, { level: "red", text: "the queue is full" })
})

/** One peer of the cluster, for as long as the scope lasts. In production: one process. */
const asPeer = (name: string) => Layer.build(backend.pipe(Layer.fresh, Layer.provide(LocalPeer.layer(name))))

const program = Effect.gen(function* () {
  const [one, other] = [yield* asPeer("watcher"), yield* asPeer("sensor")]
  const heard = yield* Effect.provide(watcher, one)
  yield* Effect.provide(sensor, other)
  yield* heard
})

NodeRuntime.runMain(program.pipe(Effect.scoped, Effect.provide(MemoryBackend.layer)))
