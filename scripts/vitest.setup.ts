/**
 * What a run of vitest shares: one Redis and one Redis Cluster, started before the first test and ended after the last.
 * A test asks for them by `inject`; where something is missing it is undefined, and the test says so by `missing`.
 */
import { randomBytes } from "node:crypto"
import type { TestProject } from "vitest/node"
import { type Address, advice, findWay, hasBinary, startFor } from "./redis.ts"
import { withRedis } from "./redis/ask.ts"

declare module "vitest" {
  interface ProvidedContext {
    /** A standalone server, or undefined where none was found. */
    readonly redisUrl: string | undefined
    /** Whether this run started it: only then may a test flush, configure or kill anything on it. */
    readonly redisIsOurs: boolean
    /** What every key and channel of this run begins with; removed afterwards from a server that is not ours. */
    readonly redisPrefix: string
    /** The nodes of a Cluster: three primaries, then the replica of each. */
    readonly redisCluster: ReadonlyArray<Address> | undefined
    /** Whether `startServer` and `startCluster` work here: they need `redis-server` on PATH. */
    readonly redisBinary: boolean
  }
}

const removeAll = (url: string, prefix: string): Promise<void> =>
  withRedis(url, async (redis) => {
    for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1000 }))
      if (keys.length > 0) await redis.unlink(keys)
  })

export default async ({ provide }: TestProject) => {
  const way = await findWay()
  if (way === "none" && process.env["TROUPE_REDIS"] !== "none") console.error(advice)
  const found = way === "none" ? undefined : await startFor(way)
  const prefix = `troupe-test-${randomBytes(6).toString("hex")}`
  provide("redisUrl", found?.url)
  provide("redisIsOurs", found?.isOurs ?? false)
  provide("redisPrefix", prefix)
  provide("redisCluster", found?.cluster?.nodes)
  provide("redisBinary", way !== "none" && hasBinary())
  return async () => {
    if (found && !found.isOurs) await removeAll(found.url, prefix)
    await found?.stop()
  }
}
