/** Mailbox in memory: for tests, and for a single process. What the peers share lives in the MemoryBackend. */
import { renamed } from "@troupe/core/Link"
import * as Mailbox from "@troupe/core/Mailbox"
import { channelOf, MailboxStore } from "@troupe/core/MailboxStore"
import { Wire } from "@troupe/core/Wire"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Boxes from "./internal/mailbox/Boxes.ts"
import { MemoryBackend } from "./MemoryBackend.ts"

/** The store alone, for what speaks to it past the policy: tests of stores. */
export const store: Layer.Layer<MailboxStore, never, MemoryBackend> = Layer.effect(
  MailboxStore,
  Effect.gen(function* () {
    const backend = yield* MemoryBackend
    const wire = yield* Wire
    const boxes = backend.state("Mailbox", (): Boxes.Boxes => new Map(), { evict: Boxes.evict })
    const base = (yield* Random.nextIntBetween(0, 2 ** 47)).toString(36)
    let epochs = 0
    const fresh = (): string => `${base}.${(epochs += 1).toString(36)}`
    const move = <A>(operation: string, adds: boolean, step: (turn: Boxes.Turn) => A) =>
      backend.request(wire, { service: "Mailbox", operation, adds }, (now, run) =>
        step({ boxes: boxes(), now, run, collects: wire.server === undefined, fresh })
      )
    return MailboxStore.of({
      deliver: (box, client, bounds, payload) =>
        move("deliver", true, (turn) => {
          const channel = channelOf(box, client)
          Boxes.deliver(turn, channel, bounds, payload)
          backend.publish(topic(channel), "1")
        }),
      poll: (box, client, bounds, after, limit) =>
        move("poll", false, (turn) => Boxes.poll(turn, channelOf(box, client), bounds, after, limit)),
      close: (box, client) => move("close", false, ({ boxes }) => void boxes.delete(channelOf(box, client))),
      connect: (listener) =>
        renamed((listener) => backend.link(wire, listener), listener, { to: topic, from: withoutPrefix }),
      commandTimeoutMs: 5000
    })
  })
)

/** Mailbox for one peer of the backend's cluster. */
export const layer: Layer.Layer<Mailbox.Mailbox, never, MemoryBackend> = Layer.provide(Mailbox.layer, store)

// -- internals ----------------------------------------------------------------------------------------------------

const prefix = "Mailbox "
const topic = (channel: string): string => prefix + channel
const withoutPrefix = (topic: string): string => topic.slice(prefix.length)
