/**
 * Typed channels between peers, without silent gaps.
 *
 * A channel is a value: a name, a schema, and perhaps a history. Whoever subscribes gets every message published from
 * then on, in order and at most once, or a `Gap` where some are missing. On a channel with history a subscriber that
 * was cut off, or slow, gets what it missed from the history; on any other it learns that it may have missed something.
 *
 * `effect` has a PubSub of its own for the fibers of one process: import one of the two under another name.
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { BackendError, PayloadTooLarge } from "./BackendError.ts"
import * as Hub from "./internal/pubsub/Hub.ts"
import * as Limits from "./internal/pubsub/Limits.ts"
import { MessageCodec } from "./internal/pubsub/MessageCodec.ts"
import { Publisher } from "./internal/pubsub/Publisher.ts"
import { Subscriber } from "./internal/pubsub/Subscriber.ts"
import type { Topic } from "./internal/pubsub/Topic.ts"
import { isSettled } from "./internal/Settled.ts"
import { Text } from "./internal/Text.ts"
import { LocalPeer } from "./LocalPeer.ts"
import * as Metrics from "./Metrics.ts"
import { type Entry, type From, type History, pageEntries, PubSubStore } from "./PubSubStore.ts"

const TypeId = "~@troupe/core/PubSub/Channel" as const

/** A named, schema-typed channel. A plain value: make one anywhere, any number of times. */
export interface Channel<in out A> {
  readonly [TypeId]: typeof TypeId
  readonly name: string
  readonly message: Schema.Codec<A, any>
  readonly history: { readonly size: number; readonly timeToLive: Duration.Duration } | undefined
  /** @internal */
  readonly "~codec": MessageCodec<A>
}

/** Where a message stands in its channel. A schema, so that it can travel to a browser and back. */
export const Position = Schema.Struct({ epoch: Schema.String, sequence: Schema.Int })
export interface Position extends Schema.Schema.Type<typeof Position> {}

/** What publishing answers. `duplicate`: a message with the same dedupe key is there already, at this position. */
export interface Published {
  readonly position: Position
  readonly duplicate: boolean
}

/** One message as it is delivered. `publishedAt` is the server's time on a channel with history, else the publisher's. */
export interface Message<out A> {
  readonly _tag: "Message"
  readonly value: A
  readonly position: Position
  readonly publishedAt: DateTime.Utc
  readonly publisher: string
}

/**
 * Messages this subscription did not and will not get. `missed`: how many, where that is known.
 *
 * - `Disconnected`: the connection was replaced; on a channel without history nobody knows what was missed, if anything.
 * - `SlowConsumer`: the buffer was full and there is no history; the oldest waiting messages went.
 * - `HistoryTrimmed`: what was missed is older than the history reaches.
 * - `EpochChanged`: the backend has forgotten the channel; what follows is what it knows.
 * - `Rewound`: a backend took over that had not heard of the last messages.
 * - `Undecodable`: one message does not fit the schema.
 */
export interface Gap {
  readonly _tag: "Gap"
  readonly reason: "Disconnected" | "SlowConsumer" | "HistoryTrimmed" | "EpochChanged" | "Rewound" | "Undecodable"
  readonly missed?: number | undefined
}

export type Delivery<A> = Message<A> | Gap

/** Two views with one cursor: run one of them, once. Outages never end it; Forbidden, Misconfigured and Closed do. */
export interface Subscription<out A> {
  /** The messages alone; gaps are passed over (`deliveries` has them, and the metric `troupe_pubsub_gaps` counts them). */
  readonly messages: Stream.Stream<A, BackendError>
  readonly deliveries: Stream.Stream<Delivery<A>, BackendError>
}

export interface SubscribeOptions {
  /**
   * Default "now". Any other needs a channel with history, else Misconfigured: "earliest" begins with the oldest
   * message kept, a Position with the one after it, `{ last: n }` with the last n there are.
   */
  readonly from?: "now" | "earliest" | Position | { readonly last: number } | undefined
  /** Messages that wait for this subscriber in memory, 4096. On overflow a channel with history catches up from it, another drops its oldest. */
  readonly buffer?: number | undefined
}

export type PublishError = BackendError | PayloadTooLarge | Schema.SchemaError

/** What the service does, by name, so that an editor says `PubSub.Service` and not thirty lines. */
export interface Service {
  /**
   * Publishes one message. One round trip, shared with what else this peer publishes to the channel at the time; calls
   * of one peer keep their order. A message of more than 1 MiB of JSON is refused. With a `dedupeKey` (channels with
   * history alone) a message whose key is still in the history changes nothing and answers the first one's position.
   *
   * Interrupted before it left, it is not published; afterwards it may be.
   */
  readonly publish: <A>(
    channel: Channel<A>,
    message: NoInfer<A>,
    options?: { readonly dedupeKey?: string | undefined }
  ) => Effect.Effect<Published, PublishError>
  /**
   * Publishes all of them in one step and one round trip, in their order, with none of others in between. At most 512
   * messages (CapacityExceeded) and 1 MiB together (PayloadTooLarge); nothing is sent where one is refused.
   */
  readonly publishAll: <A>(
    channel: Channel<A>,
    messages: Iterable<NoInfer<A>>
  ) => Effect.Effect<ReadonlyArray<Published>, PublishError>
  /**
   * Returns once the backend has confirmed: whatever is published from then on is delivered or reported as a gap.
   * A round trip or two for the first subscriber of a channel on this peer, none for the others (from "now"). Fails
   * where the backend cannot be reached; once it has returned, outages are lived through. Ends with the scope.
   */
  readonly subscribe: <A>(
    channel: Channel<A>,
    options?: SubscribeOptions
  ) => Effect.Effect<Subscription<A>, BackendError, Scope.Scope>
  /** The messages, where nobody needs to know when the subscription became active. Subscribes when run, unsubscribes when it ends. */
  readonly stream: <A>(channel: Channel<A>, options?: SubscribeOptions) => Stream.Stream<A, BackendError>
  /**
   * Returns once subscribed; the handler runs in the background until the scope closes, for one message after the
   * other, each in a scope of its own. A handler that fails is logged, and the next message follows. At most once:
   * what was not handled when the peer crashed is not given again (S13).
   */
  readonly handle: <A, E, R>(
    channel: Channel<A>,
    handler: (message: Message<A>) => Effect.Effect<void, E, R>,
    options?: SubscribeOptions
  ) => Effect.Effect<void, BackendError, Exclude<R, Scope.Scope> | Scope.Scope>
  /**
   * What the channel keeps, oldest first: after a position, or the last n, or all. Empty for a channel without
   * history. A message that does not fit the schema is left out. One round trip per 512 messages.
   */
  readonly history: <A>(
    channel: Channel<A>,
    options?: { readonly after?: Position | undefined; readonly last?: number | undefined }
  ) => Effect.Effect<ReadonlyArray<Message<A>>, BackendError>
  /** Starts with the present. Down: a subscription is not confirmed. Resyncing: all are, and some still catch up. */
  readonly status: Stream.Stream<"Up" | "Resyncing" | "Down">
}

export class PubSub extends Context.Service<PubSub, Service>()("@troupe/core/PubSub") {}

/**
 * A channel by its name. With `history` the backend keeps the last `size` messages (at most 100,000), none older than
 * `timeToLive`, so that subscribers recover what they missed. Never throws: what is wrong with a name or an option is
 * said by the first call that uses the channel (`InvalidName`, `Misconfigured`).
 */
export const channel = <A, I>(
  name: string,
  options: {
    readonly message: Schema.Codec<A, I>
    /** Keeps the last messages, so that subscribers recover what they missed. Absent: at most once. */
    readonly history?: { readonly size: number; readonly timeToLive: Duration.Input } | undefined
  }
): Channel<A> => ({
  [TypeId]: TypeId,
  name,
  message: options.message,
  history: Limits.definedHistory(options.history),
  "~codec": new MessageCodec(new Text(options.message))
})

/** `handle` as a layer. */
export const handler = <A, E, R>(
  channel: Channel<A>,
  handler: (message: Message<A>) => Effect.Effect<void, E, R>,
  options?: SubscribeOptions
): Layer.Layer<never, BackendError, PubSub | Exclude<R, Scope.Scope>> =>
  Layer.effectDiscard(Effect.flatMap(PubSub, (pubsub) => pubsub.handle(channel, handler, options)))

/** PubSub on any backend: the policy above a store. */
export const layer: Layer.Layer<PubSub, never, PubSubStore> = Layer.effect(
  PubSub,
  Effect.gen(function* () {
    const store = yield* PubSubStore
    const { name: peer } = yield* LocalPeer
    const context = yield* Effect.context<never>()
    const source: Hub.Source = {
      service: "PubSub",
      operation: "subscribe",
      read: (channel, history, from, limit) => store.read(channel, history, from, limit),
      connect: (listener) => store.connect(listener),
      commandTimeoutMs: store.commandTimeoutMs,
      positionCheckMs: store.positionCheckMs
    }
    const hub = yield* Hub.make(source, {
      delivered: (messages) => Metrics.delivered.updateUnsafe(messages, context),
      gap: (reason) => gaps[reason].updateUnsafe(1, context),
      subscriptions: (channels) => Metrics.subscriptions.updateUnsafe(channels, context)
    })
    const run = yield* FiberSet.makeRuntime<never, void, never>()
    const epoch = (yield* Random.nextIntBetween(0, 2 ** 47)).toString(36)
    const publisher = new Publisher(
      store,
      peer,
      epoch,
      context,
      (effect) => void run(effect),
      (messages) => Metrics.published.updateUnsafe(messages, context)
    )
    yield* Effect.addFinalizer(() => Effect.sync(() => publisher.close()))

    // The hot path: one primitive, no generator, and where nothing waits no turn.
    const publish: Service["publish"] = (channel, message, options) =>
      Effect.callback<Published, PublishError>((resume) => {
        const history = Limits.history("publish", channel)
        if (Exit.isFailure(history)) return resume(Exit.failCause(history.cause))
        const dedupeKey = options?.dedupeKey
        const fault = dedupeKey === undefined ? undefined : Limits.dedupeKey(dedupeKey, history.value)
        if (fault !== undefined) return resume(Exit.fail(fault))
        const payload = channel["~codec"].encode(message)
        if (isSettled(payload) && Exit.isSuccess(payload)) {
          return publisher.publish(channel.name, history.value, payload.value, dedupeKey, resume)
        }
        const send = (payload: string) =>
          Effect.callback<Published, PublishError>((resume) =>
            publisher.publish(channel.name, history.value, payload, dedupeKey, resume)
          )
        return resume(Effect.flatMap(payload, send))
      })

    const send = (channel: string, history: History | undefined, entries: ReadonlyArray<Entry>) =>
      Effect.callback<ReadonlyArray<Published>, BackendError | PayloadTooLarge>((resume) =>
        publisher.publishAll(channel, history, entries, resume)
      )

    const publishAll: Service["publishAll"] = Effect.fnUntraced(function* (channel, messages) {
      const history = yield* Limits.history("publishAll", channel)
      const payloads = yield* Limits.encodeAll(channel["~codec"], messages)
      if (payloads.length === 0) return []
      return yield* send(channel.name, history, payloads)
    })

    const join = <A>(channel: Channel<A>, history: History | undefined, options: SubscribeOptions) => {
      const codec = channel["~codec"]
      const buffer = options.buffer ?? Limits.defaultBuffer
      const from = start(options.from)
      const add = (topic: Topic, subscriber: Subscriber<A>) => {
        topic.add(codec, subscriber)
        return { topic, subscriber }
      }
      return hub.join(channel.name, history, (topic) =>
        from === undefined
          ? Effect.sync(() => add(topic, new Subscriber(topic, codec, buffer, topic.head, undefined, history)))
          : Effect.map(Effect.interruptible(hub.read(topic, from, Math.min(buffer, pageEntries), history)), (page) =>
              add(topic, new Subscriber(topic, codec, buffer, undefined, page, history))
            )
      )
    }

    const subscribe: Service["subscribe"] = Effect.fn("PubSub.subscribe")(function* <A>(
      channel: Channel<A>,
      options?: SubscribeOptions
    ) {
      const history = yield* Limits.history("subscribe", channel)
      yield* Limits.subscription(options, history)
      const { subscriber } = yield* Effect.acquireRelease(
        join(channel, history, options ?? {}),
        ({ subscriber, topic }) =>
          Effect.sync(() => {
            topic.remove(channel["~codec"], subscriber)
            subscriber.fail(hub.closed)
            hub.released()
          })
      )
      return subscription(subscriber)
    })

    const stream: Service["stream"] = (channel, options) =>
      Stream.unwrap(Effect.map(subscribe(channel, options), ({ messages }) => messages))

    const handle: Service["handle"] = Effect.fnUntraced(function* (channel, handler, options) {
      const { deliveries } = yield* subscribe(channel, options)
      yield* deliveries.pipe(
        Stream.runForEach((delivery) =>
          delivery._tag === "Gap"
            ? Effect.void
            : Effect.catchCause(Effect.scoped(handler(delivery)), (cause) =>
                Effect.logError(`The handler of channel ${JSON.stringify(channel.name)} failed`, cause)
              )
        ),
        Effect.catchCause((cause) => {
          const error = Option.getOrUndefined(Cause.findErrorOption(cause))
          return Cause.hasInterrupts(cause) || error?.reason._tag === "Closed"
            ? Effect.void
            : Effect.logError(`The subscription of a handler of channel ${JSON.stringify(channel.name)} ended`, cause)
        }),
        Effect.forkScoped
      )
    })

    const history: Service["history"] = Effect.fn("PubSub.history")(function* <A>(
      channel: Channel<A>,
      options?: { readonly after?: Position | undefined; readonly last?: number | undefined }
    ) {
      const bounds = yield* Limits.history("history", channel)
      yield* Limits.count("history", "last", options?.last)
      if (options?.after !== undefined) yield* Limits.position("history", "after", options.after)
      const messages: Array<Message<A>> = []
      if (bounds === undefined || options?.last === 0) return messages
      let from: From =
        options?.after !== undefined
          ? { _tag: "After", ...options.after }
          : options?.last !== undefined
            ? { _tag: "Last", count: options.last }
            : { _tag: "Earliest" }
      for (let left = bounds.size; left > 0;) {
        const page = yield* store.read(channel.name, bounds, from, pageEntries)
        for (const stored of page.entries) {
          const delivery = yield* channel["~codec"].decode(channel["~codec"].cell(stored))
          if (delivery._tag === "Message") messages.push(delivery)
        }
        if (page.end) break
        left -= page.entries.length
        from = { _tag: "After", epoch: page.epoch, sequence: page.sequence }
      }
      return options?.last === undefined ? messages : messages.slice(-options.last)
    })

    return PubSub.of({
      publish,
      publishAll,
      subscribe,
      stream,
      handle,
      history,
      status: Stream.changes(SubscriptionRef.changes(hub.status))
    })
  })
)

// -- internals ----------------------------------------------------------------------------------------------------

const counted = (reason: Gap["reason"]) => Metric.withAttributes(Metrics.gaps, { reason })
const gaps = {
  Disconnected: counted("Disconnected"),
  SlowConsumer: counted("SlowConsumer"),
  HistoryTrimmed: counted("HistoryTrimmed"),
  EpochChanged: counted("EpochChanged"),
  Rewound: counted("Rewound"),
  Undecodable: counted("Undecodable")
}

const start = (from: SubscribeOptions["from"]): From | undefined =>
  from === undefined || from === "now"
    ? undefined
    : from === "earliest"
      ? { _tag: "Earliest" }
      : "last" in from
        ? { _tag: "Last", count: from.last }
        : { _tag: "After", epoch: from.epoch, sequence: from.sequence }

const subscription = <A>(subscriber: Subscriber<A>): Subscription<A> => ({
  deliveries: Stream.fromPull(Effect.succeed(subscriber.take)),
  messages: Stream.fromPull(Effect.succeed(takeMessages(subscriber)))
})

/** The values of the messages among what has come; waits on where there are only gaps. */
const takeMessages = <A>(subscriber: Subscriber<A>): Effect.Effect<Arr.NonEmptyReadonlyArray<A>, BackendError> =>
  Effect.flatMap(subscriber.take, (deliveries) => {
    const values: Array<A> = []
    for (const delivery of deliveries) if (delivery._tag === "Message") values.push(delivery.value)
    return Arr.isArrayNonEmpty(values) ? Effect.succeed(values) : takeMessages(subscriber)
  })
