/** PubSub on Redis: a stream per channel with history, shard channels for the pushes. */
import { BackendError, CorruptData } from "@troupe/core/BackendError"
import { renamed } from "@troupe/core/Link"
import * as Name from "@troupe/core/Name"
import * as PubSub from "@troupe/core/PubSub"
import { type Appended, type Entry, type From, type Page, PubSubStore, type Stored } from "@troupe/core/PubSubStore"
import { Wire } from "@troupe/core/Wire"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import { ConnectionTypeId } from "./internal/Connection.ts"
import * as Keys from "./internal/Keys.ts"
import * as scripts from "./internal/scripts.ts"
import { RedisClient } from "./RedisClient.ts"

export const layer: Layer.Layer<PubSub.PubSub, never, RedisClient> = Layer.provide(
  PubSub.layer,
  Layer.effect(
    PubSubStore,
    Effect.gen(function* () {
      const client = yield* RedisClient
      const connection = client[ConnectionTypeId]
      const { server } = yield* Wire
      const clock = yield* Clock.Clock
      const keys = Keys.pubsub(connection.keyPrefix)
      const base = (yield* Random.nextIntBetween(0, 2 ** 52)).toString(36)
      let epochs = 0
      const fresh = (): string => `${base}.${(epochs += 1).toString(36)}`

      return PubSubStore.of({
        append: (channel, history, publisher, entries) => {
          const operation = "publish"
          return Effect.flatMap(
            connection.call(scripts.pubsubAppend, {
              service,
              operation,
              keys: { log: keys.log(channel), meta: keys.meta(channel), channel: keys.channel(channel) },
              args: {
                fresh: fresh(),
                size: history.size,
                ttl: history.timeToLiveMs,
                publisher: Name.encode(publisher),
                entries: entries.flatMap(({ dedupeKey, payload }) => [payload, dedupeKey ?? ""])
              }
            }),
            (reply) => answer(operation, appended(reply, entries))
          )
        },
        push: (channel, frame) => connection.publish(service, "publish", keys.channel(channel), frame),
        read: (channel, history, from, limit) => {
          const operation = "subscribe"
          return Effect.flatMap(
            connection.call(scripts.pubsubRead, {
              service,
              operation,
              keys: { log: keys.log(channel), meta: keys.meta(channel) },
              args: { fresh: fresh(), size: history.size, ttl: history.timeToLiveMs, limit, ...where(from) }
            }),
            (reply) => answer(operation, page(reply))
          )
        },
        // Of two to a slot that moves the second may be sent to the right place sooner.
        maxPushes: connection.isCluster ? 1 : 2,
        connect: (listener) =>
          renamed((listener) => connection.link(service, listener), listener, { to: keys.channel, from: keys.nameOf }),
        now: Effect.sync(() => clock.currentTimeMillisUnsafe()),
        commandTimeoutMs: connection.commandTimeoutMs,
        positionCheckMs: server === undefined ? connection.positionCheckMs : 30_000
      })
    })
  )
)

// -- internals ----------------------------------------------------------------------------------------------------

const service = "PubSub"

const where = (from: From) => ({
  from: from._tag,
  epoch: from._tag === "After" ? from.epoch : "",
  number: from._tag === "After" ? from.sequence : from._tag === "Last" ? from.count : 0
})

/** What a script gave, or what it says of data that this version does not know. */
const answer = <A>(operation: string, value: A | undefined): Effect.Effect<A, BackendError> =>
  value !== undefined
    ? Effect.succeed(value)
    : Effect.fail(
        new BackendError({
          service,
          operation,
          reason: new CorruptData({
            message: "the channel's data is not of a format known here; it was left as it is"
          }),
          outcome: "NotApplied"
        })
      )

const appended = (reply: unknown, entries: ReadonlyArray<Entry>): ReadonlyArray<Appended> | undefined => {
  if (!Array.isArray(reply) || reply[0] !== "") return undefined
  const [, epoch, first, ...duplicates]: Array<unknown> = reply
  let sequence = Number(first)
  let next = 0
  return entries.map((_, i): Appended => {
    if (duplicates[next] === i) {
      next += 3
      return { epoch: String(duplicates[next - 2]), sequence: Number(duplicates[next - 1]), duplicate: true }
    }
    return { epoch: String(epoch), sequence: sequence++, duplicate: false }
  })
}

const reasons = ["HistoryTrimmed", "EpochChanged", "Rewound"] as const

const page = (reply: unknown): Page | undefined => {
  if (!Array.isArray(reply) || reply[0] !== "") return undefined
  const [, epoch, sequence, end, gap, missed, ...rest]: Array<unknown> = reply
  const entries: Array<Stored> = []
  for (let i = 0; i + 2 < rest.length; i += 3) {
    const stored = entry(rest[i], rest[i + 1], rest[i + 2])
    if (stored === undefined) return undefined
    entries.push(stored)
  }
  const reason = reasons.find((reason) => reason === gap)
  return {
    gap: reason && { reason, missed: missed === "" ? undefined : Number(missed) },
    entries,
    epoch: String(epoch),
    sequence: Number(sequence),
    end: end === 1
  }
}

const entry = (id: unknown, head: unknown, payload: unknown): Stored | undefined => {
  const [epoch, at, encoded] = String(head).split(" ")
  const publisher = encoded === undefined ? undefined : Name.decode(encoded)
  return epoch === undefined || publisher === undefined || typeof payload !== "string"
    ? undefined
    : { epoch, sequence: Number.parseInt(String(id), 10), at: Number(at), publisher, payload }
}
