import * as Conformance from "@troupe/testkit/Conformance"
import * as PubSubLaws from "@troupe/testkit/laws/PubSubLaws"
import * as MemoryPubSub from "@troupe/testkit/MemoryPubSub"
import * as MemoryWorld from "@troupe/testkit/MemoryWorld"

Conformance.suite("PubSub on memory", PubSubLaws, (options) =>
  MemoryWorld.make({ ...options, layer: () => MemoryPubSub.layer })
)
