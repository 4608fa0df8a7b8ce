/** What TaskQueue promises of tasks whose peer is gone, and of peers whose data is: who gets them back, and how soon. */
import * as Effect from "effect/Effect"
import * as assert from "node:assert/strict"
import {
  counted,
  done,
  enqueue,
  enqueueAll,
  eventually,
  hire,
  lasting,
  type Law,
  numbers,
  Plain,
  type Ran,
  three,
  two
} from "../internal/working.ts"

/** T3 However many tasks a crashed peer held, all of them are back within the lease and one heartbeat. */
export const allOfACrashedPeersTasksComeBackInTime: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* hire(world, b, [], Plain, lasting("1 hour"), { concurrency: 1 })
    yield* enqueueAll(b, Plain, [0])
    yield* world.advance("7 seconds")
    yield* hire(world, a, [], Plain, lasting("1 hour"), { concurrency: 400, prefetch: 200 })
    yield* enqueueAll(b, Plain, numbers(600))
    yield* world.advance("4 seconds")
    assert.deepEqual(yield* counted(b, Plain), [0, 0, 601, 0])
    yield* a.crash
    const check = Effect.map(counted(b, Plain), (counts) => assert.deepEqual(counts, [600, 0, 1, 0]))
    yield* world.eventually(check, "20 seconds")
  })

/** T15 Peers that crashed while they had nothing to do swallow no wake-up once their lease is over: who is there begins at once. */
export const aDeadIdlePeerSwallowsNothing: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* three(world)
    const runs: Array<Ran> = []
    for (const peer of [a, b, c]) {
      yield* hire(world, peer, runs, Plain, lasting(0))
      yield* world.advance("1 second")
    }
    yield* a.crash
    yield* b.crash
    yield* world.advance("20 seconds")
    for (const n of numbers(3)) {
      yield* enqueue(c, Plain, n)
      yield* eventually(world, () => assert.deepEqual(done(runs), numbers(n + 1)))
    }
  })
