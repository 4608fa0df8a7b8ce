/** Cache's laws on a server and on a cluster. */
import * as Conformance from "@troupe/testkit/Conformance"
import * as CacheLaws from "@troupe/testkit/laws/CacheLaws"
import * as CacheLoadLaws from "@troupe/testkit/laws/CacheLoadLaws"
import * as CacheTagLaws from "@troupe/testkit/laws/CacheTagLaws"
import * as RedisCache from "../src/RedisCache.ts"
import { places } from "./support/places.ts"
import * as RedisWorld from "./support/RedisWorld.ts"

for (const { at, name, prefix, skip } of places) {
  skip(`on a ${name}`, () => {
    Conformance.suite("Cache", { ...CacheLaws, ...CacheTagLaws, ...CacheLoadLaws }, (options) =>
      RedisWorld.make({ ...options, prefix, at, layer: () => RedisCache.layer() })
    )
  })
}
