/** PeerRegistry's laws on a server and on a cluster, and its model: the same game gives the same answers as in memory. */
import * as PeerRegistry from "@troupe/core/PeerRegistry"
import * as Conformance from "@troupe/testkit/Conformance"
import * as LeadershipLaws from "@troupe/testkit/laws/LeadershipLaws"
import * as PeerRegistryLaws from "@troupe/testkit/laws/PeerRegistryLaws"
import * as PeerRegistryModel from "@troupe/testkit/laws/PeerRegistryModel"
import * as PeerRegistryStoreLaws from "@troupe/testkit/laws/PeerRegistryStoreLaws"
import * as MemoryPeerRegistry from "@troupe/testkit/MemoryPeerRegistry"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as RedisPeerRegistry from "../src/RedisPeerRegistry.ts"
import { playsAsMemoryDoes } from "./support/games.ts"
import { places } from "./support/places.ts"
import * as RedisWorld from "./support/RedisWorld.ts"

// A superseded peer says so.
const quiet = Layer.provide(Layer.provideMerge(PeerRegistry.layer(), RedisPeerRegistry.store), Logger.layer([]))

for (const { at, name, prefix, skip } of places) {
  const make = (options: { readonly seed: number; readonly notes?: boolean }) =>
    RedisWorld.make({ ...options, prefix, at, layer: () => quiet })

  skip(`on a ${name}`, () => {
    Conformance.suite("PeerRegistry", { ...PeerRegistryLaws, ...PeerRegistryStoreLaws, ...LeadershipLaws }, make)

    playsAsMemoryDoes(PeerRegistryModel, MemoryPeerRegistry.layer(), make)
  })
}
