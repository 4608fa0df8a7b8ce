/**
 * Three peers, one of which leads. On memory by default; with REDIS_URL on Redis, and nothing else changes:
 *
 *     node examples/peers.ts
 *     REDIS_URL=redis://localhost:6379 node examples/peers.ts
 */
import { NodeRuntime } from "@effect/platform-node"
import { LocalPeer, PeerRegistry } from "@troupe/core"
import { RedisClient, RedisPeerRegistry } from "@troupe/redis-live"
import { MemoryBackend, MemoryPeerRegistry } from "@troupe/testkit"
import { Config, Effect, Exit, Fiber, Layer, Option, Scope, Stream } from "effect"

/** The one place that says where the cluster lives. */
const backend = Layer.unwrap(
  Effect.map(Config.option(Config.String("REDIS_URL")), (url) =>
    Option.isSome(url)
      ? RedisPeerRegistry.layer({ metadata: { role: "web" } }).pipe(
          Layer.provide(RedisClient.layer({ url: url.value, prefix: "troupe-example" }))
        )
      : MemoryPeerRegistry.layer({ metadata: { role: "web" } })
  )
)

/** Runs on one peer at a time. What it writes elsewhere it marks with the fence: an older one is to be refused there. */
const Janitor = PeerRegistry.singleton("janitor", ({ fence }) =>
  Effect.gen(function* () {
    const registry = yield* PeerRegistry.PeerRegistry
    const { name } = yield* registry.self
    yield* Effect.log(`${name} cleans up, with fence ${fence}`)
    yield* registry.updateMetadata({ role: "web", cleans: "yes" })
    return yield* Effect.never
  })
)

/** One peer of the cluster. In production: one process. */
const start = Effect.fn("start")(function* (name: string) {
  const scope = yield* Scope.make()
  const peer = Layer.provideMerge(Janitor, backend.pipe(Layer.fresh, Layer.provide(LocalPeer.layer(name))))
  const context = yield* Layer.buildWithScope(peer, scope)
  return { context, stop: Scope.close(scope, Exit.void) }
})

/** Ends when a peer that cleans has come after another that did has left. */
const watch = Effect.gen(function* () {
  const registry = yield* PeerRegistry.PeerRegistry
  let left = false
  yield* registry.events.pipe(
    Stream.tap((event) =>
      event._tag === "Snapshot"
        ? Effect.log(`${event.peers.length} peers are there`)
        : Effect.log(`${event.peer.name}: ${event._tag}${event._tag === "Left" ? ` ${event.reason}` : ""}`)
    ),
    Stream.takeUntil((event) => {
      if (event._tag === "Left" && event.peer.metadata["cleans"] === "yes") left = true
      return left && event._tag === "Updated"
    }),
    Stream.runDrain
  )
})

const program = Effect.gen(function* () {
  const first = yield* start("first")
  const others = [yield* start("second"), yield* start("third")]
  const watching = yield* Effect.forkScoped(Effect.provide(watch, others[0]!.context), { startImmediately: true })
  const leader = PeerRegistry.PeerRegistry.pipe(
    Effect.flatMap((registry) => registry.leader("janitor")),
    Effect.provide(others[0]!.context)
  )
  while (Option.isNone(yield* leader)) yield* Effect.sleep("50 millis")
  // Its leadership goes over to another peer at once.
  yield* first.stop
  yield* Fiber.join(watching)
  for (const { stop } of others) yield* stop
})

NodeRuntime.runMain(program.pipe(Effect.scoped, Effect.provide(MemoryBackend.layer)))
