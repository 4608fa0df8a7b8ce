import * as Conformance from "@troupe/testkit/Conformance"
import * as ChatGhostLaws from "@troupe/testkit/laws/ChatGhostLaws"
import * as ChatGraceLaws from "@troupe/testkit/laws/ChatGraceLaws"
import * as ChatLaws from "@troupe/testkit/laws/ChatLaws"
import * as ChatMiddlewareLaws from "@troupe/testkit/laws/ChatMiddlewareLaws"
import * as ChatPollLaws from "@troupe/testkit/laws/ChatPollLaws"
import * as ChatPresenceLaws from "@troupe/testkit/laws/ChatPresenceLaws"
import * as ChatWordLaws from "@troupe/testkit/laws/ChatWordLaws"
import * as MemoryChat from "@troupe/testkit/MemoryChat"
import * as MemoryPeerRegistry from "@troupe/testkit/MemoryPeerRegistry"
import * as MemoryWorld from "@troupe/testkit/MemoryWorld"
import * as Layer from "effect/Layer"

const laws = {
  ...ChatLaws,
  ...ChatWordLaws,
  ...ChatPresenceLaws,
  ...ChatGhostLaws,
  ...ChatGraceLaws,
  ...ChatMiddlewareLaws,
  ...ChatPollLaws
}

Conformance.suite("Chat on memory", laws, (options) =>
  MemoryWorld.make({ ...options, layer: () => Layer.provideMerge(MemoryChat.layer, MemoryPeerRegistry.layer()) })
)
