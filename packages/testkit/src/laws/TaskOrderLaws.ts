/**
 * What TaskQueue promises of the order in which tasks are done, and of when and where, as laws: levels, tasks for one
 * peer, delays. Each is tried in a world (`../World.ts`), on every backend; the identifiers are those of
 * docs/guarantees.md.
 */
import * as Effect from "effect/Effect"
import * as assert from "node:assert/strict"
import {
  done,
  enqueue,
  enqueueAll,
  eventually,
  hire,
  lasting,
  type Law,
  Levels,
  numbers,
  Plain,
  type Ran,
  three,
  two,
  values
} from "../internal/working.ts"

/** T4 First in, first out; a retried task stands at the end. */
export const firstInFirstOut: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    for (const n of numbers(5)) yield* enqueue(a, Plain, n)
    const failing = (n: number, { attempt }: { readonly attempt: number }) =>
      n === 1 && attempt === 1 ? Effect.die("no") : Effect.sleep("1 second")
    yield* hire(world, b, runs, Plain, failing, { concurrency: 1 })
    yield* eventually(world, () => assert.equal(runs.length, 3), "10 seconds")
    for (const n of [5, 6]) yield* enqueue(a, Plain, n)
    yield* eventually(world, () => assert.equal(done(runs).length, 7), "20 seconds")
    assert.deepEqual(
      values(runs).filter((n) => n !== 1),
      [0, 2, 3, 4, 5, 6]
    )
    assert.ok(values(runs).lastIndexOf(1) > values(runs).indexOf(3))
  })

/** T4 What one peer enqueues keeps its order, call by call, also where it is more than one batch. */
export const theOrderOfEnqueuesIsKept: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* Effect.forEach(numbers(40), (n) => enqueue(a, Plain, n), { concurrency: "unbounded" })
    yield* enqueueAll(
      a,
      Plain,
      numbers(600).map((n) => n + 40)
    )
    yield* hire(world, b, runs, Plain, lasting(0), { concurrency: 1, prefetch: 20 })
    yield* eventually(world, () => assert.equal(runs.length, 640), "1 second")
    assert.deepEqual(done(runs), numbers(640))
  })

/** T4 Strictly by level; without one, after all levels. */
export const levelsAreStrict: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* enqueueAll(a, Levels, [30, 31])
    yield* enqueueAll(a, Levels, [20, 21], { level: "low" })
    yield* enqueueAll(a, Levels, [10, 11], { level: "high" })
    yield* hire(world, b, runs, Levels, lasting("1 second"), { concurrency: 1 })
    yield* eventually(world, () => assert.equal(runs.length, 3), "10 seconds")
    yield* enqueue(a, Levels, 12, { level: "high" })
    yield* eventually(world, () => assert.equal(done(runs).length, 7), "20 seconds")
    assert.deepEqual(values(runs), [10, 11, 20, 12, 21, 30, 31])
  })

/** T5 A task for one peer runs there alone, after what the shared queue has, and waits for its restart. */
export const aPeersTaskRunsThereAlone: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn({ name: "a" })
    const b = yield* world.spawn({ name: "b:{*}" })
    const runs: Array<Ran> = []
    yield* enqueueAll(a, Plain, [1, 2], { peer: "b:{*}" })
    yield* enqueueAll(a, Plain, [3, 4])
    yield* hire(world, b, runs, Plain, lasting("1 second"), { concurrency: 1 })
    yield* eventually(world, () => assert.deepEqual(values(runs), [3, 4, 1]), "10 seconds")
    yield* hire(world, a, runs, Plain, lasting("1 second"))
    yield* b.stop
    yield* world.advance("10 minutes")
    const again = yield* world.spawn({ name: "b:{*}" })
    yield* hire(world, again, runs, Plain, lasting(0))
    yield* eventually(world, () => assert.equal(done(runs).filter((n) => n === 2).length, 1))
    assert.ok(runs.filter(({ value }) => value < 3).every(({ peer }) => peer === "b:{*}"))
  })

/** T5 A task for a peer that is there wakes that peer. */
export const aPeersTaskWakesThatPeer: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* three(world)
    const runs: Array<Ran> = []
    for (const peer of [a, b, c]) yield* hire(world, peer, runs, Plain, lasting(0))
    yield* world.advance("1 second")
    for (const n of numbers(3)) {
      yield* enqueue(a, Plain, n, { peer: c.name })
      yield* eventually(world, () => assert.deepEqual(done(runs), numbers(n + 1)))
    }
    assert.ok(runs.every(({ peer }) => peer === c.name))
  })

/** T5 When no peer of the name has worked for an hour in which others did, its tasks are for everyone. */
export const anAbandonedPeersTasksAreForEveryone: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* enqueueAll(a, Plain, numbers(3), { peer: "gone" })
    yield* hire(world, a, runs, Plain, lasting(0))
    yield* world.advance("10 seconds")
    yield* world.complete(a.stop)
    yield* world.advance("3 hours")
    yield* hire(world, b, runs, Plain, lasting(0))
    yield* world.advance("59 minutes")
    assert.equal(runs.length, 0)
    yield* eventually(world, () => assert.deepEqual(done(runs), numbers(3)), "2 minutes")
  })

/** T6 A delayed task runs not before its time by the server's clock, then at once; equal times keep their order. */
export const aDelayedTaskWaits: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* a.skew("1 hour")
    yield* b.skew("-1 hour")
    yield* hire(world, b, runs, Plain, lasting(0), { concurrency: 1 })
    const from = yield* world.now
    for (const n of numbers(4)) yield* enqueue(a, Plain, n, { delay: "30 days" })
    yield* enqueue(a, Plain, 9, { delay: "3 seconds" })
    yield* world.advance("2500 millis")
    yield* enqueue(a, Plain, 8)
    yield* world.advance("499 millis")
    assert.deepEqual(done(runs), [8])
    yield* world.advance("1 millis")
    assert.deepEqual(done(runs), [8, 9])
    yield* enqueue(a, Plain, 7, { delay: "1 second" })
    yield* world.advance("1 second")
    assert.deepEqual(done(runs), [8, 9, 7])
    yield* b.stop
    const c = yield* world.spawn()
    yield* world.advance("30 days")
    yield* hire(world, c, runs, Plain, lasting(0), { concurrency: 1 })
    yield* eventually(world, () => assert.deepEqual(done(runs), [8, 9, 7, 0, 1, 2, 3]))
    assert.ok(runs[3]!.from - from >= 30 * 86_400_000)
  })

/** T6 A sleeping task belongs to nobody: whoever dies, it runs when it is due, 5 s late at most. */
export const aSleepingTaskSurvivesEveryCrash: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* three(world)
    const runs: Array<Ran> = []
    for (const peer of [b, c]) {
      yield* hire(world, peer, runs, Plain, lasting(0))
      yield* world.advance("1 second")
    }
    yield* enqueue(a, Plain, 1, { delay: "1 minute" })
    yield* a.crash
    yield* world.advance("30 seconds")
    yield* b.crash
    yield* world.advance("30 seconds")
    yield* eventually(world, () => assert.deepEqual(done(runs), [1]), "5 seconds")
  })
