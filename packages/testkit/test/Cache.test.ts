import * as Conformance from "@troupe/testkit/Conformance"
import * as CacheLaws from "@troupe/testkit/laws/CacheLaws"
import * as CacheLoadLaws from "@troupe/testkit/laws/CacheLoadLaws"
import * as CacheNearLaws from "@troupe/testkit/laws/CacheNearLaws"
import * as CacheLockLaws from "@troupe/testkit/laws/CacheLockLaws"
import * as CacheRaceLaws from "@troupe/testkit/laws/CacheRaceLaws"
import * as CacheTagLaws from "@troupe/testkit/laws/CacheTagLaws"
import * as MemoryCache from "@troupe/testkit/MemoryCache"
import * as MemoryWorld from "@troupe/testkit/MemoryWorld"

Conformance.suite(
  "Cache on memory",
  { ...CacheLaws, ...CacheTagLaws, ...CacheLoadLaws, ...CacheRaceLaws, ...CacheLockLaws, ...CacheNearLaws },
  (options) => MemoryWorld.make({ ...options, layer: () => MemoryCache.layer() })
)

// Its game is another one with each seed.
Conformance.suite(
  "Cache on memory, raced",
  { noAnswerIsOlderThanTheLastRemoval: CacheRaceLaws.noAnswerIsOlderThanTheLastRemoval },
  (options) => MemoryWorld.make({ ...options, layer: () => MemoryCache.layer() }),
  { runs: 100 }
)
