/** An application's own tests of its cluster: no server, and no waiting, for Effect's TestClock is the cluster's clock. */
import { assert, it } from "@effect/vitest"
import { LocalPeer, PeerRegistry } from "@troupe/core"
import { MemoryBackend, MemoryPeerRegistry } from "@troupe/testkit"
import { DateTime, Effect, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"

/** A peer that counts the days, unless another one does. */
const start = Effect.fnUntraced(function* (name: string, days: Array<string>) {
  const counting = PeerRegistry.singleton("calendar", () =>
    Effect.forever(
      Effect.andThen(
        Effect.sleep("1 day"),
        Effect.sync(() => days.push(name))
      )
    )
  )
  const peer = Layer.provideMerge(
    counting,
    MemoryPeerRegistry.layer().pipe(Layer.fresh, Layer.provide(LocalPeer.layer(name)))
  )
  return Effect.provide(PeerRegistry.PeerRegistry, yield* Layer.build(peer))
})

it.effect("one peer counts the days, and another goes on when it leaves", () =>
  Effect.gen(function* () {
    const days: Array<string> = []
    const one = yield* Scope.make()
    yield* Effect.asVoid(Scope.provide(start("one", days), one))
    const other = yield* yield* start("other", days)
    // Nobody can crash in here, so nobody beats: thirty days take no time.
    yield* TestClock.adjust("30 days")
    assert.deepEqual(
      days,
      Array.from({ length: 30 }, () => "one")
    )
    const peers = yield* other.list
    assert.deepEqual(
      peers.map(({ name, state }) => `${name} ${state}`),
      ["one Live", "other Live"]
    )
    assert.strictEqual(DateTime.toEpochMillis(peers[0]!.lastSeenAt), 30 * 86_400_000)
    yield* Scope.close(one, yield* Effect.exit(Effect.void))
    yield* TestClock.adjust("2 days")
    assert.deepEqual(days.slice(30), ["other", "other"])
    assert.deepEqual(
      (yield* other.list).map(({ name }) => name),
      ["other"]
    )
  }).pipe(Effect.provide(MemoryBackend.layer))
)
