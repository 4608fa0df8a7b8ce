import * as PeerRegistry from "@troupe/core/PeerRegistry"
import * as Conformance from "@troupe/testkit/Conformance"
import * as LeadershipLaws from "@troupe/testkit/laws/LeadershipLaws"
import * as PeerRegistryLaws from "@troupe/testkit/laws/PeerRegistryLaws"
import * as PeerRegistryStoreLaws from "@troupe/testkit/laws/PeerRegistryStoreLaws"
import * as MemoryPeerRegistry from "@troupe/testkit/MemoryPeerRegistry"
import * as MemoryWorld from "@troupe/testkit/MemoryWorld"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"

// A superseded peer says so.
const layer = Layer.provide(Layer.provideMerge(PeerRegistry.layer(), MemoryPeerRegistry.store), Logger.layer([]))

const laws = { ...PeerRegistryLaws, ...PeerRegistryStoreLaws, ...LeadershipLaws }

Conformance.suite("PeerRegistry on memory", laws, (options) => MemoryWorld.make({ ...options, layer: () => layer }))
