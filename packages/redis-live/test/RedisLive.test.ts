/** All services on one client, as an application provides them. */
import { expect, it } from "@effect/vitest"
import * as PeerRegistry from "@troupe/core/PeerRegistry"
import * as PubSub from "@troupe/core/PubSub"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { inject } from "vitest"
import { missing } from "../../../scripts/missing.ts"
import * as RedisLive from "../src/RedisLive.ts"
import { eventually } from "./support/client.ts"

const url = inject("redisUrl") ?? ""
const prefix = `${inject("redisPrefix")}-live`
const Words = PubSub.channel("words", { message: Schema.String })

it.live.skipIf(missing.redis)("two peers know and hear each other", () =>
  Effect.gen(function* () {
    const one = yield* Layer.build(RedisLive.layer({ url, prefix, peer: { name: "one" } }))
    const other = yield* Layer.build(RedisLive.layer({ url, prefix, peer: { name: "other", metadata: { role: "b" } } }))
    const heard: Array<string> = []
    const { messages } = yield* Effect.provide(
      Effect.flatMap(PubSub.PubSub, (pubsub) => pubsub.subscribe(Words)),
      one
    )
    yield* Effect.forkScoped(Stream.runForEach(messages, (word) => Effect.sync(() => heard.push(word))))
    yield* Effect.provide(
      Effect.flatMap(PubSub.PubSub, (pubsub) => pubsub.publish(Words, "hello")),
      other
    )
    yield* eventually(Effect.sync(() => expect(heard).toEqual(["hello"])))
    yield* eventually(
      Effect.gen(function* () {
        const peers = yield* (yield* PeerRegistry.PeerRegistry).list
        expect(peers.map(({ metadata, name }) => [name, metadata]).sort()).toEqual([
          ["one", {}],
          ["other", { role: "b" }]
        ])
      }).pipe(Effect.provide(one))
    )
  })
)

it.live.skipIf(missing.redis)("it can be configured, and refuses what cannot work", () =>
  Effect.gen(function* () {
    const configured = RedisLive.layerConfig({
      url: Config.String("REDIS_URL"),
      prefix: Config.succeed(`${prefix}-config`),
      peer: { name: Config.String("PEER") }
    })
    const provider = ConfigProvider.fromUnknown({ REDIS_URL: url, PEER: "three" })
    const context = yield* Layer.build(Layer.provide(configured, ConfigProvider.layer(provider)))
    const self = yield* Effect.provide(
      Effect.flatMap(PeerRegistry.PeerRegistry, (registry) => registry.self),
      context
    )
    expect(self.name).toBe("three")
    const refused = yield* Effect.flip(Layer.build(RedisLive.layer({ url, prefix: "" })))
    expect(refused.message).toContain("prefix")
  })
)
