/**
 * What not every machine has. A test that needs it is skipped by name, and the runner lists and counts what was
 * skipped: `it.effect.skipIf(missing.redis)("a message arrives", () => …)`.
 */
import { inject } from "vitest"

export const missing = {
  /** A standalone server, at `inject("redisUrl")`. */
  redis: inject("redisUrl") === undefined,
  /** A Redis Cluster, at `inject("redisCluster")`. */
  cluster: inject("redisCluster") === undefined,
  /** Servers of the test's own: `startServer`, `startCluster`. */
  binary: !inject("redisBinary")
}
