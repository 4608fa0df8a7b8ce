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
  two,
  values
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

/** T15 A peer that was frozen while it had nothing to do, and lost its place among those that are woken, has it again after a heartbeat. */
export const aThawedIdlePeerIsWokenAgain: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* hire(world, b, [], Plain, lasting("10 hours"), { concurrency: 1 })
    yield* enqueue(b, Plain, 0)
    yield* world.advance("7 seconds")
    yield* hire(world, a, runs, Plain, lasting(0))
    yield* world.advance("7 seconds")
    yield* a.freeze
    yield* world.advance("60 seconds")
    yield* a.thaw
    yield* world.advance("16 seconds")
    yield* enqueue(b, Plain, 1)
    yield* eventually(world, () => assert.deepEqual(done(runs), [1]))
  })

/** T2 D2 A run whose task was lost with all data is interrupted within a heartbeat, also where its worker claims anew before. */
export const aRunWhoseTaskIsForgottenIsInterrupted: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* hire(world, b, runs, Plain, lasting("1 hour"), { concurrency: 2 })
    yield* enqueue(a, Plain, 1)
    yield* world.advance("6 seconds")
    yield* world.store.forget
    yield* enqueue(a, Plain, 2)
    yield* eventually(world, () => assert.equal(runs[0]?.end, "Interrupt"), "5 seconds")
    yield* eventually(world, () => assert.deepEqual(values(runs), [1, 2]), "5 seconds")
    yield* world.advance("1 minute")
    assert.deepEqual([runs[1]?.end, yield* counted(a, Plain)], [undefined, [0, 0, 1, 0]])
  })

/** T2 D2 A run whose claim was lost in a failover is interrupted within a heartbeat, though its worker has claimed it anew. */
export const aRunWhoseClaimIsForgottenIsInterrupted: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* hire(world, b, runs, Plain, lasting("1 hour"), { concurrency: 2 })
    yield* world.advance("6 seconds")
    yield* enqueue(a, Plain, 1)
    yield* eventually(world, () => assert.equal(runs.length, 1))
    yield* world.advance("100 millis")
    yield* world.store.rewind(1)
    yield* eventually(world, () => assert.deepEqual([values(runs), runs[0]?.end], [[1, 1], "Interrupt"]), "10 seconds")
    yield* world.advance("1 minute")
    assert.deepEqual([runs[1]?.end, yield* counted(a, Plain)], [undefined, [0, 0, 1, 0]])
  })

/** T1 D2 What a worker holds by the data of before, and does not know of, is handed back within two heartbeats, uncounted. */
export const whatIsHeldUnawaresComesBack: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* hire(world, b, runs, Plain, lasting("8 seconds"), { concurrency: 1 })
    yield* world.advance("6 seconds")
    yield* enqueueAll(a, Plain, [1, 2])
    yield* world.advance("8100 millis")
    assert.deepEqual([done(runs), yield* counted(a, Plain)], [[1], [0, 0, 1, 0]])
    // The step that settled the one and claimed the other.
    yield* world.store.rewind(1)
    assert.deepEqual(yield* counted(a, Plain), [1, 0, 1, 0])
    yield* eventually(world, () => assert.deepEqual(values(runs), [1, 2, 1]), "10 seconds")
    yield* world.advance("1 minute")
    assert.deepEqual([done(runs), runs[1]?.end, yield* counted(a, Plain)], [[1, 1, 2], "Interrupt", [0, 0, 0, 0]])
    assert.ok(runs.every(({ attempt }) => attempt === 1))
  })

/** T2 Where nothing was lost a heartbeat takes nothing from anybody, whatever is claimed and settled at that moment. */
export const aBeatAmongStepsTakesNothing: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    for (const peer of [a, b])
      yield* hire(world, peer, runs, Plain, lasting("250 millis"), { concurrency: 4, prefetch: 3 })
    yield* enqueueAll(a, Plain, numbers(700))
    yield* eventually(world, () => assert.equal(done(runs).length, 700), "1 minute")
    assert.ok(runs.every(({ attempt, end }) => attempt === 1 && end === "Success"))
    assert.equal(runs.length, 700)
  })
