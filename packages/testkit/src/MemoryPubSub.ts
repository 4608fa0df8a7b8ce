/** PubSub in memory: for tests, and for a single process. What the peers share lives in the MemoryBackend. */
import * as Frame from "@troupe/core/Frame"
import { renamed } from "@troupe/core/Link"
import * as PubSub from "@troupe/core/PubSub"
import { PubSubStore } from "@troupe/core/PubSubStore"
import { Wire } from "@troupe/core/Wire"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Log from "./internal/Log.ts"
import { MemoryBackend } from "./MemoryBackend.ts"

/** PubSub for one peer of the backend's cluster. */
export const layer: Layer.Layer<PubSub.PubSub, never, MemoryBackend> = Layer.provide(
  PubSub.layer,
  Layer.effect(
    PubSubStore,
    Effect.gen(function* () {
      const backend = yield* MemoryBackend
      const wire = yield* Wire
      const logs = backend.state("PubSub", () => new Map<string, Log.Log>(), {
        evict: (logs, containing) => {
          // As on a server, where a log stands under two keys and is nothing without either.
          for (const name of [...logs.keys()]) {
            if ([`${name}:log`, `${name}:meta`].some((key) => key.includes(containing))) logs.delete(name)
          }
        }
      })
      const base = (yield* Random.nextIntBetween(0, 2 ** 47)).toString(36)
      let epochs = 0
      const fresh = (): string => `${base}.${(epochs += 1).toString(36)}`
      const open = (channel: string, run: string): Log.Log => Log.open(logs(), channel, run, fresh)
      const request = <A>(operation: string, adds: boolean, step: (now: number, run: string) => A) =>
        backend.request(wire, { service: "PubSub", operation, adds }, step)
      return PubSubStore.of({
        append: (channel, history, publisher, entries) =>
          request("publish", true, (now, run) => {
            const { added, answers } = Log.append(open(channel, run), history, publisher, entries, now)
            const first = added[0]
            if (first !== undefined) {
              const header = Frame.header(first.epoch, first.sequence, first.at, publisher)
              backend.publish(
                topic(channel),
                Frame.encode(
                  header,
                  added.map(({ payload }) => payload)
                )
              )
            }
            return answers
          }),
        push: (channel, frame) => request("publish", true, () => backend.publish(topic(channel), frame)),
        read: (channel, history, from, limit) =>
          request("subscribe", false, (now, run) => Log.read(open(channel, run), history, from, limit, now)),
        maxPushes: 1,
        connect: (listener) =>
          renamed((listener) => backend.link(wire, listener), listener, { to: topic, from: channelOf }),
        now: Clock.currentTimeMillis,
        commandTimeoutMs: 5000,
        // Outside worlds nothing comes between a push and its listener.
        positionCheckMs: wire.server === undefined ? undefined : 30_000
      })
    })
  )
)

const prefix = "PubSub "
const topic = (channel: string): string => prefix + channel
const channelOf = (topic: string): string => topic.slice(prefix.length)
