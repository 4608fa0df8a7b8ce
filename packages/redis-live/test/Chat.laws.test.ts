/** Chat's model on a server and on a cluster: the same game gives the same answers as in memory. */
import * as ChatModel from "@troupe/testkit/laws/ChatModel"
import * as MemoryChat from "@troupe/testkit/MemoryChat"
import * as RedisChat from "../src/RedisChat.ts"
import { playsAsMemoryDoes } from "./support/games.ts"
import { places } from "./support/places.ts"
import * as RedisWorld from "./support/RedisWorld.ts"

for (const { at, name, prefix, skip } of places) {
  skip(`on a ${name}`, () => {
    playsAsMemoryDoes(ChatModel, MemoryChat.store, (options) =>
      RedisWorld.make({ ...options, prefix, at, layer: () => RedisChat.store })
    )
  })
}
