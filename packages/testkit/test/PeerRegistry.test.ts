import * as Conformance from "@troupe/testkit/Conformance"
import * as LeadershipLaws from "@troupe/testkit/laws/LeadershipLaws"
import * as PeerRegistryLaws from "@troupe/testkit/laws/PeerRegistryLaws"
import * as MemoryPeerRegistry from "@troupe/testkit/MemoryPeerRegistry"
import * as MemoryWorld from "@troupe/testkit/MemoryWorld"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"

// A superseded peer says so.
const layer = Layer.provide(MemoryPeerRegistry.layer(), Logger.layer([]))

Conformance.suite("PeerRegistry on memory", { ...PeerRegistryLaws, ...LeadershipLaws }, (options) =>
  MemoryWorld.make({ ...options, layer: () => layer })
)
