/** How the laws of locks speak: who held one from when until when, and how that ended. */
import type * as Cache from "@troupe/core/Cache"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as assert from "node:assert/strict"
import { type Caches, on, type Peer } from "./caching.ts"

/** One body; times are the server's. */
export interface Held {
  readonly peer: string
  readonly fence: bigint
  readonly from: number
  until: number | undefined
}

/** Holds the lock while this runs, and writes it down. */
export const holding = <A, E>(
  world: Caches,
  peer: Peer,
  all: Array<Held>,
  running: Effect.Effect<A, E>,
  options?: Cache.LockOptions,
  name = "lock"
) =>
  on(peer, (cache) =>
    cache.withLock(
      name,
      options
    )(
      Effect.fnUntraced(function* ({ fence }) {
        const held: Held = { peer: peer.name, fence, from: yield* world.now, until: undefined }
        all.push(held)
        return yield* Effect.ensuring(
          running,
          Effect.map(world.now, (now) => (held.until = now))
        )
      })
    )
  )

/** The body of whoever shall have it for long. */
export const long = Effect.sleep("1 hour")

/** Somebody holds it from now on; gives how its call ends. */
export const held = Effect.fnUntraced(function* (
  world: Caches,
  peer: Peer,
  all: Array<Held>,
  timeToLive: Duration.Input = "30 seconds",
  running: Effect.Effect<void> = long
) {
  const call = yield* Effect.forkScoped(Effect.result(holding(world, peer, all, running, { timeToLive })))
  yield* world.advance(0)
  return call
})

/** How a single try ends. */
export const tried = (peer: Peer, name = "lock") =>
  on(peer, (cache) => Effect.exit(cache.withLock(name, { wait: 0 })(Effect.void)))

export const assertFree = (peer: Peer) => Effect.map(tried(peer), (exit) => assert.ok(Exit.isSuccess(exit), "not free"))

export const tagOf = <A>(exit: Exit.Exit<A, { readonly _tag: string }>): string => {
  const error = Exit.findErrorOption(exit)
  return Exit.isSuccess(exit) ? "Success" : error._tag === "Some" ? error.value._tag : "Defect"
}

/** One of them loses an answer or a push, and it, or all, the store for a while; then all is well for a while. */
export const fault = Effect.fnUntraced(function* (world: Caches, peers: ReadonlyArray<Peer>, round: number) {
  const [which, loses, lasts, rests] = yield* Effect.all([
    Random.nextIntBetween(0, peers.length - 1),
    Random.nextBoolean,
    Random.nextIntBetween(0, 9_000),
    Random.nextIntBetween(0, 3_000)
  ]).pipe(Random.withSeed(`${world.seed} ${round}`))
  const peer = peers[which]
  if (peer === undefined) return
  yield* loses ? peer.loseAnswer(round % 2 === 0 ? "applied" : "not applied") : peer.losePush
  yield* round % 5 === 0 ? world.store.stop : round % 3 === 0 ? peer.cut : peer.deaf
  yield* world.advance(lasts)
  yield* Effect.andThen(world.store.start, Effect.andThen(peer.heal, peer.hear))
  yield* world.advance(rests)
})

/** No two at once, and whoever comes later has the higher fence. */
export const assertInTurn = (all: ReadonlyArray<Held>) => {
  for (const [i, { fence, from }] of all.entries()) {
    const before = all[i - 1]
    if (before === undefined) continue
    assert.ok(before.until !== undefined && before.until <= from, `${before.peer} held it still`)
    assert.ok(before.fence < fence, `${fence} after ${before.fence}`)
  }
}
