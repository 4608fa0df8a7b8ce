/**
 * What every peer of this program does, wherever it runs: it listens on two channels and tells what it hears, it stands
 * for director, and it works. Nothing here knows whether the cluster lives in memory or on Redis.
 */
import { BackendError, LocalPeer, PeerRegistry, PubSub } from "@troupe/core"
import { DateTime, Effect, Layer, Random, Schedule, Schema, Stream } from "effect"
import { count } from "./Counting.ts"
import * as Forecast from "./Forecast.ts"
import * as Rooms from "./Rooms.ts"
import * as Work from "./Work.ts"

/** How often a peer says that it is there, and after how long a silence it is suspected, and gone. */
export const times = { heartbeatMs: 1_000, suspectAfterMs: 4_000, downAfterMs: 10_000 }

export const registryOptions = (metadata: Readonly<Record<string, string>>): PeerRegistry.Options => ({
  metadata,
  heartbeat: times.heartbeatMs,
  suspectAfter: times.suspectAfterMs,
  downAfter: times.downAfterMs
})

/** One of the peers leads at a time. */
export const director = "director"

// -- what travels -------------------------------------------------------------------------------------------------

export const Text = Schema.Trim.check(Schema.isNonEmpty(), Schema.isMaxLength(280))
const Say = Schema.Struct({ text: Text })

/** Two channels with the same messages. One keeps its last messages for whoever was away, the other keeps nothing. */
export const channels = {
  bulletin: PubSub.channel("bulletin", { message: Say, history: { size: 50, timeToLive: "1 hour" } }),
  shout: PubSub.channel("shout", { message: Say })
}
export const ChannelName = Schema.Literals(["bulletin", "shout"])
export type ChannelName = typeof ChannelName.Type

/** What one peer got on a channel: a message, or the news that some are missing. */
export const Heard = Schema.Struct({
  by: Schema.String,
  channel: ChannelName,
  what: Schema.Union([
    Schema.TaggedStruct("Message", { text: Schema.String, from: Schema.String, sequence: Schema.Int }),
    Schema.TaggedStruct("Gap", { reason: Schema.String, missed: Schema.optionalKey(Schema.Int) })
  ]),
  at: Schema.DateTimeUtcFromMillis
})
export type Heard = typeof Heard.Type

/** Where peers tell what they heard, for whoever shows it. */
export const reports = PubSub.channel("reports", { message: Heard, history: { size: 200, timeToLive: "10 minutes" } })

/**
 * From then on nothing that anyone publishes is missed without a Gap that says so. Whoever is frozen before that tries
 * again once it wakes.
 */
export const subscribe = Effect.fnUntraced(function* <A>(
  channel: PubSub.Channel<A>,
  options?: PubSub.SubscribeOptions
) {
  const pubsub = yield* PubSub.PubSub
  return yield* Effect.retry(pubsub.subscribe(channel, options), {
    while: BackendError.isRetryable,
    schedule: Schedule.spaced("500 millis"),
    times: 120
  })
})

// -- what a peer does ---------------------------------------------------------------------------------------------

/** Says something to all. */
export const say = Effect.fnUntraced(function* (channel: ChannelName, text: string) {
  const pubsub = yield* PubSub.PubSub
  yield* Effect.catchTag(pubsub.publish(channels[channel], { text }), ["PayloadTooLarge", "SchemaError"], Effect.die)
  yield* count("messages published")
})

const report = Effect.fnUntraced(function* (channel: ChannelName, delivery: PubSub.Delivery<typeof Say.Type>) {
  const pubsub = yield* PubSub.PubSub
  const { name } = yield* LocalPeer.LocalPeer
  if (delivery._tag === "Message") yield* count("messages heard")
  const heard: Heard = {
    by: name,
    channel,
    what:
      delivery._tag === "Message"
        ? { _tag: "Message", text: delivery.value.text, from: delivery.publisher, sequence: delivery.position.sequence }
        : {
            _tag: "Gap",
            reason: delivery.reason,
            ...(delivery.missed === undefined ? {} : { missed: delivery.missed })
          },
    at: yield* DateTime.now
  }
  // Tried again where the answer was lost, and yet told once: the key makes it so.
  const dedupeKey = `${name} ${yield* Random.nextIntBetween(0, Number.MAX_SAFE_INTEGER)}`
  yield* pubsub.publish(reports, heard, { dedupeKey }).pipe(
    Effect.retry({ while: BackendError.isRetryable, schedule: Schedule.spaced("500 millis"), times: 120 }),
    Effect.catch((error) => Effect.logWarning(`${name} could not tell what it heard: ${error.message}`))
  )
})

const listen = (channel: ChannelName) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const subscription = yield* subscribe(channels[channel])
      yield* subscription.deliveries.pipe(
        Stream.runForEach((delivery) => report(channel, delivery)),
        Effect.catch((error) =>
          error.reason._tag === "Closed" ? Effect.void : Effect.logError(`${channel} is not heard any more`, error)
        ),
        Effect.forkScoped
      )
    })
  )

/** However many peers have it, one of them runs it; when that one dies, another does. */
const direct = PeerRegistry.singleton(
  director,
  Effect.fnUntraced(function* (term) {
    yield* say("bulletin", `I am the director now (fence ${term.fence})`)
    return yield* Effect.never
  })
)

/** Reads the forecast when it is asked to. */
const answer = Layer.effectDiscard(
  Effect.gen(function* () {
    const { name } = yield* LocalPeer.LocalPeer
    const reader = yield* Forecast.Reader
    const subscription = yield* subscribe(Forecast.asks)
    yield* subscription.deliveries.pipe(
      Stream.runForEach((delivery) => {
        if (delivery._tag !== "Message") return Effect.void
        const { not, round, to } = delivery.value
        return (to ?? name) === name && not !== name ? reader.begin(round) : Effect.void
      }),
      Effect.ignore,
      Effect.forkScoped
    )
  })
)

/** Tells how its reading goes, until it is told: what came meanwhile is told at once. */
const tell = Layer.effectDiscard(
  Effect.gen(function* () {
    const pubsub = yield* PubSub.PubSub
    const reader = yield* Forecast.Reader
    yield* reader.reports.pipe(
      Stream.runForEach((report) =>
        Effect.ignore(
          Effect.retry(pubsub.publish(Forecast.tidings, report), {
            while: BackendError.isRetryable,
            schedule: Schedule.spaced("500 millis"),
            times: 120
          })
        )
      ),
      Effect.forkScoped
    )
  })
)

/** A peer's whole life: building it is joining, closing its scope is leaving. `crash` as in `Work.life`. */
export const life = (crash: Effect.Effect<void> | undefined) =>
  Layer.mergeAll(listen("bulletin"), listen("shout"), direct, Work.life(crash), answer, tell, Rooms.life).pipe(
    Layer.provideMerge(Forecast.layer)
  )
