/** Cache's laws on a server and on a cluster, and its model: the same game gives the same answers as in memory. */
import * as Conformance from "@troupe/testkit/Conformance"
import * as CacheLaws from "@troupe/testkit/laws/CacheLaws"
import * as CacheLoadLaws from "@troupe/testkit/laws/CacheLoadLaws"
import * as CacheNearLaws from "@troupe/testkit/laws/CacheNearLaws"
import * as CacheLockLaws from "@troupe/testkit/laws/CacheLockLaws"
import * as CacheLockModel from "@troupe/testkit/laws/CacheLockModel"
import * as CacheRaceLaws from "@troupe/testkit/laws/CacheRaceLaws"
import * as CacheModel from "@troupe/testkit/laws/CacheModel"
import * as CacheTagLaws from "@troupe/testkit/laws/CacheTagLaws"
import * as MemoryCache from "@troupe/testkit/MemoryCache"
import * as RedisCache from "../src/RedisCache.ts"
import { playsAsMemoryDoes } from "./support/games.ts"
import { places } from "./support/places.ts"
import * as RedisWorld from "./support/RedisWorld.ts"

for (const { at, name, prefix, skip } of places) {
  skip(`on a ${name}`, () => {
    Conformance.suite(
      "Cache",
      { ...CacheLaws, ...CacheTagLaws, ...CacheLoadLaws, ...CacheRaceLaws, ...CacheLockLaws, ...CacheNearLaws },
      (options) => RedisWorld.make({ ...options, prefix, at, layer: () => RedisCache.layer() })
    )

    const world = (options: { readonly seed: number }) =>
      RedisWorld.make({ ...options, prefix, at, layer: () => RedisCache.store })
    playsAsMemoryDoes(CacheModel, MemoryCache.store, world)
    playsAsMemoryDoes(CacheLockModel, MemoryCache.store, world, "locks: ")
  })
}
