/** Stats' laws on a server and on a cluster, and its model: the same game gives the same answers as in memory. */
import * as Conformance from "@troupe/testkit/Conformance"
import * as StatsLaws from "@troupe/testkit/laws/StatsLaws"
import * as StatsModel from "@troupe/testkit/laws/StatsModel"
import * as StatsReadingLaws from "@troupe/testkit/laws/StatsReadingLaws"
import * as MemoryStats from "@troupe/testkit/MemoryStats"
import * as RedisStats from "../src/RedisStats.ts"
import { playsAsMemoryDoes } from "./support/games.ts"
import { places } from "./support/places.ts"
import * as RedisWorld from "./support/RedisWorld.ts"

for (const { at, name, prefix, skip } of places) {
  skip(`on a ${name}`, () => {
    Conformance.suite("Stats", { ...StatsLaws, ...StatsReadingLaws }, (options) =>
      RedisWorld.make({ ...options, prefix, at, layer: () => RedisStats.layer })
    )

    playsAsMemoryDoes(StatsModel, MemoryStats.store, (options) =>
      RedisWorld.make({ ...options, prefix, at, layer: () => RedisStats.store })
    )
  })
}
