/**
 * Work that one process does at a time: two peers want to write tonight's report, one writes it, and the other finds it
 * written. What they write to keeps the fence, and so refuses whoever stood still too long. On memory by default; with
 * REDIS_URL on Redis, and nothing else changes:
 *
 *     node examples/nightly.ts
 *     REDIS_URL=redis://localhost:6379 node examples/nightly.ts
 */
import { NodeRuntime } from "@effect/platform-node"
import { Cache, LocalPeer } from "@troupe/core"
import { RedisCache, RedisClient } from "@troupe/redis-live"
import { MemoryBackend, MemoryCache } from "@troupe/testkit"
import { Config, Effect, Layer, Option } from "effect"

/** A ledger that remembers the highest fence it has seen, as a database does with one column more. */
class Ledger {
  private fence = 0n
  readonly lines: Array<string> = []

  write(fence: bigint, line: string): boolean {
    if (fence < this.fence) return false
    this.fence = fence
    this.lines.push(line)
    return true
  }
}

/** Interrupted where the lock can no longer be proven: then another peer may already write. */
const report = (ledger: Ledger, peer: string) =>
  Effect.flatMap(Cache.Cache, (cache) =>
    cache.withLock("nightly report", { timeToLive: "10 seconds", wait: "1 minute" })(
      Effect.fnUntraced(function* ({ fence }) {
        if (ledger.lines.length > 0) return yield* Effect.log(`${peer} finds it written`)
        yield* Effect.sleep("300 millis")
        if (ledger.write(fence, "tea: 3")) yield* Effect.log(`${peer} has written it`)
      })
    )
  )

/** The one place that says where the cluster lives. */
const backend = Layer.unwrap(
  Effect.map(Config.option(Config.String("REDIS_URL")), (url) =>
    Option.isSome(url)
      ? RedisCache.layer().pipe(Layer.provide(RedisClient.layer({ url: url.value, prefix: "troupe-example" })))
      : MemoryCache.layer()
  )
)

/** One peer of the cluster, for as long as the scope lasts. In production: one process. */
const asPeer = (name: string) => backend.pipe(Layer.fresh, Layer.provide(LocalPeer.layer(name)))

const program = Effect.gen(function* () {
  const ledger = new Ledger()
  yield* Effect.forEach(["north", "south"], (name) => Effect.provide(report(ledger, name), asPeer(name)), {
    concurrency: "unbounded"
  })
})

NodeRuntime.runMain(program.pipe(Effect.scoped, Effect.provide(MemoryBackend.layer)))
