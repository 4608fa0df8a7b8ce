/** Chat's laws on a server and on a cluster, and its model: the same game gives the same answers as in memory. */
import * as Conformance from "@troupe/testkit/Conformance"
import * as ChatGhostLaws from "@troupe/testkit/laws/ChatGhostLaws"
import * as ChatGraceLaws from "@troupe/testkit/laws/ChatGraceLaws"
import * as ChatLaws from "@troupe/testkit/laws/ChatLaws"
import * as ChatMiddlewareLaws from "@troupe/testkit/laws/ChatMiddlewareLaws"
import * as ChatModel from "@troupe/testkit/laws/ChatModel"
import * as ChatPollLaws from "@troupe/testkit/laws/ChatPollLaws"
import * as ChatPresenceLaws from "@troupe/testkit/laws/ChatPresenceLaws"
import * as ChatWordLaws from "@troupe/testkit/laws/ChatWordLaws"
import * as MemoryChat from "@troupe/testkit/MemoryChat"
import * as Layer from "effect/Layer"
import * as RedisChat from "../src/RedisChat.ts"
import * as RedisPeerRegistry from "../src/RedisPeerRegistry.ts"
import { playsAsMemoryDoes } from "./support/games.ts"
import { places } from "./support/places.ts"
import * as RedisWorld from "./support/RedisWorld.ts"

const laws = {
  ...ChatLaws,
  ...ChatWordLaws,
  ...ChatPresenceLaws,
  ...ChatGhostLaws,
  ...ChatGraceLaws,
  ...ChatMiddlewareLaws,
  ...ChatPollLaws
}

for (const { at, name, prefix, skip } of places) {
  skip(`on a ${name}`, () => {
    Conformance.suite("Chat", laws, (options) =>
      RedisWorld.make({
        ...options,
        prefix,
        at,
        layer: () => Layer.provideMerge(RedisChat.layer, RedisPeerRegistry.layer())
      })
    )

    playsAsMemoryDoes(ChatModel, MemoryChat.store, (options) =>
      RedisWorld.make({ ...options, prefix, at, layer: () => RedisChat.store })
    )
  })
}
