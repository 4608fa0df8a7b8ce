/**
 * Everything in one program: a bakery of as many processes as one starts. On memory by default; with REDIS_URL on Redis, and
 * nothing else changes:
 *
 *     node examples/bakery.ts
 *     REDIS_URL=redis://localhost:6379 node examples/bakery.ts
 */
import { NodeRuntime } from "@effect/platform-node"
import { Cache, Chat, Mailbox, PeerRegistry, PubSub, Stats, TaskQueue } from "@troupe/core"
import { RedisLive } from "@troupe/redis-live"
import { Memory } from "@troupe/testkit"
import { Config, Effect, Layer, Option, Schedule, Schema } from "effect"

const Bake = TaskQueue.task("bake", { payload: { bread: Schema.String, phone: Schema.String }, maxAttempts: 3 })
const Prices = Cache.region("prices", { value: Schema.Number, timeToLive: "1 hour" })
const News = PubSub.channel("news", { message: Schema.String, history: { size: 100, timeToLive: "1 day" } })
const Counter = Chat.room("counter", { message: Schema.String })
const Letters = Mailbox.box("letters", { message: Schema.String, timeToLive: "1 day" })

// Any process bakes. Where one dies at the oven, another bakes on; what fails is tried again.
const oven = TaskQueue.worker(Bake, ({ bread, phone }) =>
  Effect.gen(function* () {
    const price = yield* (yield* Cache.Cache).getOrSet(Prices, bread, Effect.as(Effect.sleep("1 second"), 4.5))
    yield* (yield* Stats.Stats).increment(`baked ${bread}`)
    yield* (yield* PubSub.PubSub).publish(News, `fresh ${bread}`)
    yield* (yield* Mailbox.Mailbox).deliver(Letters, phone, `your ${bread} bread is ready: ${price}, please`)
  }).pipe(Effect.orDie)
)
// One process of all minds the counter. Where that one dies, another does.
const clerk = PeerRegistry.singleton("clerk", () =>
  Effect.flatMap(Chat.Chat, (chat) => Effect.andThen(Effect.ignore(chat.create(Counter)), Effect.never))
)
const customer = Effect.gen(function* () {
  const [chat, mailbox, queue] = [yield* Chat.Chat, yield* Mailbox.Mailbox, yield* TaskQueue.TaskQueue]
  const phone = yield* Effect.sync(() => crypto.randomUUID())
  const { say } = yield* Effect.retry(chat.join(Counter, { id: phone }), {
    schedule: Schedule.spaced("100 millis"),
    times: 50
  })
  yield* say("a rye bread, please")
  yield* queue.enqueue(Bake, { bread: "rye", phone })
  const { letters } = yield* mailbox.poll(Letters, phone, { wait: "20 seconds" })
  yield* Effect.forEach(letters, ({ message }) => Effect.log(message))
})

/** The one place that says where the cluster lives. */
const everything = Layer.unwrap(
  Effect.map(Config.option(Config.String("REDIS_URL")), (url) =>
    Option.isSome(url) ? RedisLive.layer({ url: url.value, prefix: "troupe-bakery" }) : Memory.layer
  )
)
NodeRuntime.runMain(
  customer.pipe(Effect.scoped, Effect.provide(Layer.provideMerge(Layer.merge(oven, clerk), everything)))
)
