import * as Conformance from "@troupe/testkit/Conformance"
import * as HistoryLaws from "@troupe/testkit/laws/HistoryLaws"
import * as PubSubLaws from "@troupe/testkit/laws/PubSubLaws"
import * as MemoryPubSub from "@troupe/testkit/MemoryPubSub"
import * as MemoryWorld from "@troupe/testkit/MemoryWorld"

Conformance.suite("PubSub on memory", { ...PubSubLaws, ...HistoryLaws }, (options) =>
  MemoryWorld.make({ ...options, layer: () => MemoryPubSub.layer })
)
