/** Mailbox on Redis: a stream and a hash per box, in one slot, and one script for each step. */
import { renamed } from "@troupe/core/Link"
import * as Mailbox from "@troupe/core/Mailbox"
import { type Bounds, channelOf, MailboxStore, maxPageBytes, type Page, type Stored } from "@troupe/core/MailboxStore"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import { ConnectionTypeId } from "./internal/Connection.ts"
import * as Keys from "./internal/Keys.ts"
import * as Script from "./internal/Script.ts"
import * as scripts from "./internal/scripts.ts"
import { RedisClient } from "./RedisClient.ts"

/** Where Mailbox keeps its boxes, for those that share the RedisClient's server, database and prefix. */
export const store: Layer.Layer<MailboxStore, never, RedisClient> = Layer.effect(
  MailboxStore,
  Effect.gen(function* () {
    const client = yield* RedisClient
    const connection = client[ConnectionTypeId]
    const keys = Keys.mailbox(connection.keyPrefix)
    const base = (yield* Random.nextIntBetween(0, 2 ** 52)).toString(36)
    let epochs = 0
    const terms = ({ timeToLiveMs }: Bounds) => ({
      fresh: `${base}.${(epochs += 1).toString(36)}`,
      ttl: timeToLiveMs
    })
    return MailboxStore.of({
      deliver: (box, client, bounds, payload) =>
        connection.call(scripted.deliver, {
          service,
          operation: "deliver",
          keys: keys.box(channelOf(box, client)),
          args: { ...terms(bounds), capacity: bounds.capacity, payload }
        }),
      poll: (box, client, bounds, after, limit) =>
        connection.call(scripted.poll, {
          service,
          operation: "poll",
          keys: keys.box(channelOf(box, client)),
          args: {
            ...terms(bounds),
            epoch: after?.epoch ?? "",
            number: after?.number ?? 0,
            limit,
            bytes: maxPageBytes
          }
        }),
      close: (box, client) =>
        connection.call(scripted.close, {
          service,
          operation: "close",
          keys: keys.box(channelOf(box, client)),
          args: {}
        }),
      connect: (listener) =>
        renamed((listener) => connection.link(service, listener), listener, {
          to: keys.channel,
          from: keys.nameOf
        }),
      commandTimeoutMs: connection.commandTimeoutMs
    })
  })
)

/** Mailbox for one peer of those that share the RedisClient's server, database and prefix. */
export const layer: Layer.Layer<Mailbox.Mailbox, never, RedisClient> = Layer.provide(Mailbox.layer, store)

// -- internals ----------------------------------------------------------------------------------------------------

const service = "Mailbox"

/** A reply of this format; anything else was left as it is. */
const known = (reply: unknown): ReadonlyArray<unknown> => {
  if (!Array.isArray(reply) || reply[0] !== "") throw new TypeError("the box is not of a format known here")
  return reply
}

const done = (reply: unknown): void => void known(reply)

const page = (reply: unknown): Page => {
  const [, epoch, number, lost, ...rest] = known(reply)
  const letters: Array<Stored> = []
  for (let i = 0; i + 2 < rest.length; i += 3) {
    letters.push({ number: Number(rest[i]), at: Number(rest[i + 1]), payload: String(rest[i + 2]) })
  }
  return { epoch: String(epoch), letters, number: Number(number), lost: lost === 1 }
}

const scripted = {
  deliver: Script.answering(scripts.mailboxDeliver, done),
  poll: Script.answering(scripts.mailboxPoll, page),
  close: Script.answering(scripts.mailboxClose, done)
}
