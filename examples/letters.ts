/**
 * Letters for clients that can only ask: a kitchen tells a customer's phone how the order goes, and any peer of the cluster
 * answers the phone. An answer that gets lost on the way is given again, and a phone that was off for too long is told that
 * it missed something. On memory by default; with REDIS_URL on Redis, and nothing else changes:
 *
 *     node examples/letters.ts
 *     REDIS_URL=redis://localhost:6379 node examples/letters.ts
 */
import { NodeRuntime } from "@effect/platform-node"
import { LocalPeer, Mailbox } from "@troupe/core"
import { RedisClient, RedisMailbox } from "@troupe/redis-live"
import { MemoryBackend, MemoryMailbox } from "@troupe/testkit"
import { Config, Effect, Fiber, Layer, Option, Schema } from "effect"

const Step = Schema.Struct({ order: Schema.Int, is: Schema.Literals(["cooking", "on its way", "delivered"]) })
const Steps = Mailbox.box("steps", { message: Step, timeToLive: "1 hour", capacity: 3 })

/** The one place that says where the cluster lives. */
const backend = Layer.unwrap(
  Effect.map(Config.option(Config.String("REDIS_URL")), (url) =>
    Option.isSome(url)
      ? RedisMailbox.layer.pipe(Layer.provide(RedisClient.layer({ url: url.value, prefix: "troupe-example" })))
      : MemoryMailbox.layer
  )
)

/** One peer of the cluster, for as long as the scope lasts. In production: one process. */
const asPeer = (name: string) => backend.pipe(Layer.fresh, Layer.provide(LocalPeer.layer(name)))

/** Tells the phone; the kitchen knows nothing of where, or whether, it is. */
const tell = (...steps: ReadonlyArray<typeof Step.Type>) =>
  Effect.gen(function* () {
    const mailbox = yield* Mailbox.Mailbox
    for (const step of steps) yield* mailbox.deliver(Steps, "phone 7", step)
  }).pipe(Effect.provide(asPeer("kitchen")))

/** What a peer answers to `GET /steps?after=…`, whichever it is that the phone reaches. */
const answer = (peer: string, after?: string) =>
  Effect.gen(function* () {
    const mailbox = yield* Mailbox.Mailbox
    const { cursor, letters, lost } = yield* mailbox.poll(Steps, "phone 7", { after, wait: "20 seconds" })
    return { cursor, lost, steps: letters.map(({ message }) => `${message.order} is ${message.is}`) }
  }).pipe(Effect.provide(asPeer(peer)))

const program = Effect.gen(function* () {
  yield* Effect.scoped(
    Effect.gen(function* () {
      // What an earlier run has left on the same server.
      const mailbox = yield* Mailbox.Mailbox
      yield* mailbox.close(Steps, "phone 7")
    }).pipe(Effect.provide(asPeer("office")))
  )
  // The phone asks before there is anything, and is answered as soon as there is.
  const asked = yield* Effect.forkChild(answer("web 1"))
  yield* Effect.sleep("100 millis")
  yield* tell({ order: 1, is: "cooking" })
  const first = yield* Fiber.join(asked)
  yield* Effect.log(`the phone hears: ${first.steps.join(", ")}`)

  yield* tell({ order: 1, is: "on its way" }, { order: 2, is: "cooking" })
  const { steps } = yield* answer("web 1", first.cursor)
  yield* Effect.log(`lost in a tunnel: ${steps.join(", ")}`)
  // It knows no other cursor than the one before, and asks with that.
  const again = yield* answer("web 2", first.cursor)
  yield* Effect.log(`the phone asks again: ${again.steps.join(", ")}`)

  const later = [3, 4, 5, 6, 7].map((order) => ({ order, is: "delivered" as const }))
  yield* tell(...later)
  const last = yield* answer("web 1", again.cursor)
  yield* Effect.log(
    `the phone was off${last.lost ? ", and is told that it missed some" : ""}: ${last.steps.join(", ")}`
  )
})

NodeRuntime.runMain(Effect.provide(program, MemoryBackend.layer))
