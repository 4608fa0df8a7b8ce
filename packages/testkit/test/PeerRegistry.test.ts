import * as Conformance from "@troupe/testkit/Conformance"
import * as LeadershipLaws from "@troupe/testkit/laws/LeadershipLaws"
import * as PeerRegistryLaws from "@troupe/testkit/laws/PeerRegistryLaws"
import * as MemoryPeerRegistry from "@troupe/testkit/MemoryPeerRegistry"
import * as MemoryWorld from "@troupe/testkit/MemoryWorld"

Conformance.suite("PeerRegistry on memory", { ...PeerRegistryLaws, ...LeadershipLaws }, (options) =>
  MemoryWorld.make({ ...options, layer: () => MemoryPeerRegistry.layer() })
)
