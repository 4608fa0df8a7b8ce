import * as Conformance from "@troupe/testkit/Conformance"
import * as StatsLaws from "@troupe/testkit/laws/StatsLaws"
import * as StatsReadingLaws from "@troupe/testkit/laws/StatsReadingLaws"
import * as MemoryStats from "@troupe/testkit/MemoryStats"
import * as MemoryWorld from "@troupe/testkit/MemoryWorld"

Conformance.suite("Stats on memory", { ...StatsLaws, ...StatsReadingLaws }, (options) =>
  MemoryWorld.make({ ...options, layer: () => MemoryStats.layer })
)
