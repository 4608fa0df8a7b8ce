import * as Conformance from "@troupe/testkit/Conformance"
import * as CacheLaws from "@troupe/testkit/laws/CacheLaws"
import * as CacheTagLaws from "@troupe/testkit/laws/CacheTagLaws"
import * as MemoryCache from "@troupe/testkit/MemoryCache"
import * as MemoryWorld from "@troupe/testkit/MemoryWorld"

Conformance.suite("Cache on memory", { ...CacheLaws, ...CacheTagLaws }, (options) =>
  MemoryWorld.make({ ...options, layer: () => MemoryCache.layer() })
)
