/** PubSub's laws on a server and on a cluster, and its model: the same game gives the same answers as in memory. */
import * as Conformance from "@troupe/testkit/Conformance"
import * as HistoryLaws from "@troupe/testkit/laws/HistoryLaws"
import * as PubSubLaws from "@troupe/testkit/laws/PubSubLaws"
import * as PubSubModel from "@troupe/testkit/laws/PubSubModel"
import * as MemoryPubSub from "@troupe/testkit/MemoryPubSub"
import * as RedisPubSub from "../src/RedisPubSub.ts"
import { playsAsMemoryDoes } from "./support/games.ts"
import { places } from "./support/places.ts"
import * as RedisWorld from "./support/RedisWorld.ts"

for (const { at, name, prefix, skip } of places) {
  const make = (options: { readonly seed: number; readonly notes?: boolean }) =>
    RedisWorld.make({ ...options, prefix, at, layer: () => RedisPubSub.layer })

  skip(`on a ${name}`, () => {
    Conformance.suite("PubSub", { ...PubSubLaws, ...HistoryLaws }, make)

    playsAsMemoryDoes(PubSubModel, MemoryPubSub.layer, make)
  })
}
