/**
 * What TaskQueue promises of keys, limits, pausing, looking and of what it costs, as laws. Each is tried in a world (`../World.ts`), on
 * every backend; the identifiers are those of docs/guarantees.md.
 */
import * as TaskQueue from "@troupe/core/TaskQueue"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as assert from "node:assert/strict"
import {
  counted,
  counts,
  done,
  enqueue,
  enqueueAll,
  eventually,
  hire,
  lasting,
  type Law,
  listed,
  numbers,
  on,
  Plain,
  type Ran,
  started,
  three,
  Twice,
  two,
  values
} from "../internal/working.ts"

const Unique = TaskQueue.task("unique", { payload: Schema.Int, unique: (n) => `${n % 10}`, maxAttempts: 1 })
const Windowed = TaskQueue.task("windowed", {
  payload: Schema.Int,
  unique: { key: (n) => `${n % 10}`, window: "1 minute" }
})
const Placed = TaskQueue.task("placed", {
  payload: Schema.Int,
  concurrency: { key: (n) => `${n % 2}`, limit: 2 }
})
const Rated = TaskQueue.task("rated", { payload: Schema.Int, rateLimit: { limit: 3, window: "10 seconds" } })

/** A1 An enqueue whose answer does not come ends in its time, though the peer's clock is set back meanwhile. */
export const anEnqueueEndsInItsTime: Law = (world) =>
  Effect.gen(function* () {
    const [a] = yield* two(world)
    for (const by of ["-1 hour", "2 hours"] as const) {
      yield* a.cut
      const from = yield* world.now
      const fiber = yield* started(a, Effect.exit(enqueue(a, Plain, 1)))
      yield* world.advance("100 millis")
      yield* a.skew(by)
      assert.equal((yield* world.complete(Fiber.join(fiber)))._tag, "Failure")
      assert.ok((yield* world.now) - from <= 5_500)
      yield* a.heal
    }
  })

/** T9 While one of its key waits, sleeps or runs, another is a Duplicate and answers the first's id; afterwards it is not. */
export const aKeyIsUnique: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    const first = yield* enqueue(a, Unique, 1, { delay: "10 seconds" })
    const tries = [yield* enqueue(b, Unique, 11), yield* enqueue(a, Unique, 2)]
    assert.deepEqual(
      [first, ...tries].map(({ _tag }) => _tag),
      ["Enqueued", "Duplicate", "Enqueued"]
    )
    assert.equal(tries[0]!.id, first.id)
    yield* hire(world, b, runs, Unique, lasting("5 seconds"))
    yield* world.advance("12 seconds")
    assert.equal((yield* enqueue(a, Unique, 21))._tag, "Duplicate")
    yield* world.advance("10 seconds")
    assert.equal((yield* enqueue(a, Unique, 31))._tag, "Enqueued")
    yield* world.advance("10 seconds")
    assert.deepEqual(values(runs), [2, 1, 31])
  })

/** T9 With a window the key stays taken that long after the end. */
export const aKeyHasAWindow: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* hire(world, b, [], Windowed, lasting(0))
    const { id } = yield* enqueue(a, Windowed, 1)
    yield* world.advance("59 seconds")
    assert.deepEqual(yield* enqueue(a, Windowed, 11), { _tag: "Duplicate", id })
    yield* world.advance("2 seconds")
    assert.equal((yield* enqueue(a, Windowed, 21))._tag, "Enqueued")
  })

/** T9 A dead letter holds no key; it is not sent back while another has it. */
export const aDeadLetterHoldsNoKey: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const body = (n: number) => (n === 1 ? Effect.die("no") : Effect.sleep("1 minute"))
    yield* hire(world, b, [], Unique, body)
    yield* enqueue(a, Unique, 1)
    yield* world.advance("1 second")
    assert.equal((yield* enqueue(a, Unique, 11))._tag, "Enqueued")
    assert.equal(yield* on(a, (queue) => queue.redrive(Unique)), 0)
    yield* world.advance("2 minutes")
    assert.equal(yield* on(a, (queue) => queue.redrive(Unique)), 1)
  })

/** T9 A given id is known while the task is there, and an hour after its end. */
export const aGivenIdIsKnownAnHour: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    for (const n of numbers(3)) yield* enqueue(n === 1 ? b : a, Plain, n, { id: "the {one}:*" })
    yield* hire(world, b, runs, Plain, lasting(0))
    yield* world.advance("59 minutes")
    assert.deepEqual(yield* enqueue(a, Plain, 5, { id: "the {one}:*" }), { _tag: "Duplicate", id: "the {one}:*" })
    yield* world.advance("2 minutes")
    assert.equal((yield* enqueue(a, Plain, 6, { id: "the {one}:*" }))._tag, "Enqueued")
    yield* eventually(world, () => assert.deepEqual(done(runs), [0, 6]))
  })

/** T2 T9 A cancelled task's key, and its id when that is given again, stand for the new task alone. */
export const aTombstoneStaysDead: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    const Keyed = TaskQueue.task("keyed", { payload: Schema.Int, unique: () => "one" })
    for (const n of numbers(5)) {
      const { _tag, id } = yield* enqueue(a, Keyed, n, n % 2 === 0 ? { id: "mine" } : undefined)
      assert.equal(_tag, "Enqueued")
      if (n < 4) assert.equal(yield* on(b, (queue) => queue.cancel(Keyed, id)), true)
      if (n % 2 === 1) yield* world.advance("61 minutes")
    }
    assert.deepEqual(yield* counted(a, Keyed), [1, 0, 0, 0])
    for (const peer of [a, b]) yield* hire(world, peer, runs, Keyed, lasting("1 second"))
    yield* world.advance("5 seconds")
    assert.deepEqual(values(runs), [4])
  })

/** T10 No more of one key run at a time than it has places, on all peers together; the oldest goes first. */
export const placesAreTaken: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* three(world)
    const runs: Array<Ran> = []
    for (const peer of peers) yield* hire(world, peer, runs, Placed, lasting("2 seconds"), { concurrency: 4 })
    yield* enqueueAll(peers[0], Placed, numbers(16))
    yield* world.advance("1 minute")
    assert.equal(done(runs).length, 16)
    for (const { from } of runs) {
      for (const key of [0, 1]) {
        const held = runs.filter((ran) => ran.value % 2 === key && ran.from <= from && from < ran.until!)
        assert.ok(held.length <= 2, `${held.length} of key ${key}`)
      }
    }
    assert.ok(runs.every(({ attempt }) => attempt === 1))
    const even = values(runs).filter((n) => n % 2 === 0)
    assert.deepEqual(
      even,
      [...even].sort((a, b) => a - b)
    )
  })

/** T10 T12 A cancelled task keeps its place until its peer has stopped it; a crashed peer's places are free again. */
export const aPlaceIsFreeWhenItsTaskHasStopped: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* three(world)
    const runs: Array<Ran> = []
    const slowly = (n: number) =>
      n < 4 ? Effect.uninterruptible(Effect.sleep("10 seconds")) : Effect.sleep("1 second")
    yield* hire(world, b, runs, Placed, slowly)
    const ids = yield* enqueueAll(a, Placed, [0, 2, 4])
    yield* eventually(world, () => assert.deepEqual(values(runs), [0, 2]))
    assert.equal(yield* on(a, (queue) => queue.cancel(Placed, ids[0]!.id)), true)
    yield* world.advance("9 seconds")
    assert.deepEqual(values(runs), [0, 2])
    yield* world.advance("2 seconds")
    assert.deepEqual(values(runs), [0, 2, 4])
    yield* world.advance("10 seconds")
    yield* enqueueAll(a, Placed, [6, 8, 10])
    yield* hire(world, c, runs, Placed, slowly)
    yield* b.crash
    yield* eventually(world, () => assert.ok(done(runs).includes(10)), "30 seconds")
  })

/** T10 No more starts than the rate allows, in any span of its window, on all peers together; none is lost by it. */
export const startsAreRated: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* three(world)
    const runs: Array<Ran> = []
    yield* enqueueAll(peers[0], Rated, numbers(12))
    for (const peer of peers) {
      yield* hire(world, peer, runs, Rated, lasting("100 millis"), { prefetch: 5 })
      yield* world.advance("3 seconds")
    }
    yield* eventually(world, () => assert.equal(done(runs).length, 12), "40 seconds")
    const starts = runs.map(({ from }) => from).sort((a, b) => a - b)
    for (const [i, start] of starts.entries()) {
      if (i >= 3) assert.ok(start - starts[i - 3]! >= 10_000, `4 starts in ${start - starts[i - 3]!} ms`)
    }
    assert.ok(runs.every(({ attempt }) => attempt === 1))
  })

/** T10 What has places or a rate is not claimed ahead: what one peer cannot begin, another can. */
export const whatIsLimitedIsNotClaimedAhead: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    for (const [task, values] of [
      [Placed, [0, 2]],
      [Rated, [0, 1, 2]]
    ] as const) {
      const runs: Array<Ran> = []
      yield* hire(world, a, runs, task, lasting("1 minute"), { concurrency: 1, prefetch: 5 })
      yield* enqueueAll(a, task, values)
      yield* eventually(world, () => assert.equal(runs.length, 1))
      assert.equal((yield* counts(a, task)).claimed, 1)
      yield* hire(world, b, runs, task, lasting("1 minute"))
      yield* eventually(world, () => assert.equal(runs.length, values.length))
    }
  })

/** T13 When `pause` has returned nothing is claimed any more; what runs ends, what was claimed ahead goes back. */
export const aPausedTaskIsNotClaimed: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* hire(world, b, runs, Plain, lasting("2 seconds"), { concurrency: 1, prefetch: 3 })
    yield* enqueueAll(a, Plain, numbers(6))
    yield* eventually(world, () => assert.equal(runs.length, 1))
    yield* on(a, (queue) => queue.pause(Plain))
    yield* world.advance("10 seconds")
    assert.deepEqual(done(runs), [0])
    assert.deepEqual(yield* counts(a, Plain), { ready: 5, delayed: 0, claimed: 0, dead: 0, paused: true })
    yield* enqueue(a, Plain, 6)
    yield* world.advance("10 seconds")
    assert.equal(runs.length, 1)
    yield* on(a, (queue) => queue.resume(Plain))
    yield* eventually(world, () => assert.equal(runs.length, 2))
    yield* world.advance("20 seconds")
    assert.deepEqual(done(runs), numbers(7))
  })

/** T13 A pause reaches whoever did not hear of it within a heartbeat. */
export const aPauseIsNotMissed: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* hire(world, b, runs, Plain, lasting("1 minute"), { concurrency: 1, prefetch: 3 })
    yield* enqueueAll(a, Plain, numbers(6))
    yield* eventually(world, () => assert.equal(runs.length, 1))
    yield* b.losePush
    yield* on(a, (queue) => queue.pause(Plain))
    yield* world.advance("6 seconds")
    assert.equal((yield* counts(a, Plain)).claimed, 1)
    yield* b.losePush
    yield* on(a, (queue) => queue.resume(Plain))
    yield* world.advance("6 seconds")
    assert.equal((yield* counts(a, Plain)).paused, false)
    yield* world.advance("55 seconds")
    assert.deepEqual(values(runs), [0, 1])
  })

/** T16 `counts` and `inspect` tell the truth at every step of a task's life. */
export const countsTellTheTruth: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const { id } = yield* enqueue(a, Twice, 1, { delay: "10 seconds" })
    const inspect = Effect.map(
      on(a, (queue) => queue.inspect(Twice, id)),
      Option.getOrThrow
    )
    const state = Effect.map(Effect.all([inspect, counted(a, Twice)]), ([{ state }, counts]) => [state, ...counts])
    assert.deepEqual(yield* state, ["Delayed", 0, 1, 0, 0])
    yield* world.advance("10 seconds")
    yield* hire(world, b, [], Twice, (n, { attempt, progress }) =>
      attempt === 1
        ? Effect.fail("no")
        : Effect.as(Effect.andThen(Effect.orDie(progress({ half: true })), Effect.sleep("5 seconds")), n)
    )
    yield* world.advance("500 millis")
    assert.deepEqual(yield* state, ["Delayed", 0, 1, 0, 0])
    const retrying = yield* inspect
    assert.deepEqual([retrying.attempts, retrying.lastError], [1, "no"])
    yield* world.advance("1 second")
    assert.deepEqual(yield* state, ["Claimed", 0, 0, 1, 0])
    const running = yield* inspect
    assert.deepEqual([running.peer, running.progress], [b.name, { half: true }])
    yield* world.advance("10 seconds")
    assert.deepEqual(yield* state, ["Completed", 0, 0, 0, 0])
  })

/** T16 A list names what is in the state throughout, once, though others come and go meanwhile. */
export const aListNamesEachOnce: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* enqueueAll(
      a,
      Plain,
      numbers(300).map((n) => n + 1_000),
      { delay: "1 hour" }
    )
    yield* enqueueAll(a, Plain, numbers(300))
    yield* hire(world, b, [], Plain, lasting("1 second"), { concurrency: 3 })
    for (const [state, from] of [
      ["Delayed", 1_000],
      ["Ready", 0]
    ] as const) {
      const shown = (yield* listed(a, Plain, state)).map(({ payload }) => Option.getOrThrow(payload))
      assert.equal(new Set(shown).size, shown.length)
      const all = new Set(shown)
      assert.ok(numbers(200).every((n) => all.has(from + 99 + n)))
    }
    assert.equal((yield* listed(a, Plain, "Claimed")).length, 3)
  })

/** T16 A list is a value: whoever runs it again sees what is there then. */
export const aListCanBeRunAgain: Law = (world) =>
  Effect.gen(function* () {
    const [a] = yield* two(world)
    const shown = yield* on(a, (queue) => Effect.succeed(Stream.runCollect(queue.list(Plain, "Ready"))))
    for (const n of numbers(3)) {
      yield* enqueue(a, Plain, n)
      assert.equal((yield* shown).length, n + 1)
    }
  })

/** T16 What is purged is gone, and what is of another state stays. */
export const aPurgeRemovesOneState: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* enqueueAll(a, Plain, numbers(200))
    yield* enqueueAll(a, Plain, numbers(150), { delay: "1 minute" })
    assert.equal(yield* on(b, (queue) => queue.purge(Plain, "Ready")), 200)
    assert.deepEqual(yield* counted(a, Plain), [0, 150, 0, 0])
    yield* hire(world, b, runs, Plain, lasting(0))
    yield* world.advance("30 seconds")
    assert.equal(runs.length, 0)
    assert.equal(yield* on(a, (queue) => queue.purge(Plain, "Delayed")), 150)
    yield* world.advance("2 minutes")
    assert.equal(runs.length, 0)
  })

/** T1 A5 A queue has a limit: what does not fit is refused, and says how much was accepted. */
export const aQueueHasALimit: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* enqueueAll(a, Plain, numbers(990), { delay: "1 hour" })
    const full = yield* Effect.flip(enqueueAll(b, Plain, numbers(20)))
    assert.ok(full._tag === "QueueFull" && full.limit === 1_000 && full.accepted === 10)
    assert.equal((yield* Effect.flip(enqueue(a, Plain, 1)))._tag, "QueueFull")
    yield* hire(world, b, runs, Plain, lasting("1 minute"), { concurrency: 4 })
    yield* eventually(world, () => assert.equal(runs.length, 4))
    yield* enqueueAll(a, Plain, numbers(4))
    assert.equal((yield* Effect.flip(enqueue(a, Plain, 1)))._tag, "QueueFull")
  })

/** T1 A5 A process may enqueue to any number of queues, one after the other: nothing it says is taken for what it said before. */
export const anyNumberOfQueuesIsEnqueuedTo: Law = (world) =>
  Effect.gen(function* () {
    const [a] = yield* two(world)
    const queue = (n: number) => TaskQueue.task(`queue ${n}`, { payload: Schema.Int })
    const first = yield* enqueue(a, queue(0), 1)
    yield* Effect.forEach(numbers(4_096), (n) => enqueue(a, queue(n + 1), 1), { concurrency: 64, discard: true })
    assert.notEqual((yield* enqueue(a, queue(0), 2)).id, first.id)
    assert.deepEqual(yield* counted(a, queue(0)), [2, 0, 0, 0])
  })

/** T15 Who has nothing to do asks once in 5 s: with one request, or where there are many queues with all of them together. */
export const anIdlePeerIsQuiet: Law = (world) =>
  Effect.gen(function* () {
    const [a, one, many] = yield* three(world)
    yield* hire(world, one, [], Plain, lasting(0))
    for (const n of numbers(3)) {
      const task = TaskQueue.task(`idle ${n}`, { payload: Schema.Int })
      yield* hire(world, many, [], task, lasting(0))
      yield* enqueue(a, task, 1, { delay: "1 day" })
      yield* world.advance("1 second")
    }
    yield* enqueueAll(a, Plain, [1, 2, 3])
    yield* world.advance("10 seconds")
    const before = [(yield* one.requests).length, (yield* many.requests).length]
    yield* world.advance("1 minute")
    const since = [(yield* one.requests).slice(before[0]), (yield* many.requests).slice(before[1])] as const
    assert.ok(since[0].length > 0 && since[0].length <= 12, `${since[0].length} requests`)
    assert.ok(new Set(since[1]).size <= 12 && since[1].length <= 36, `${since[1].length} requests`)
  })

/** T17 On a full server what is there is worked off, and what adds is refused. */
export const aFullServerIsWorkedOff: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* enqueueAll(a, Plain, numbers(20))
    yield* world.store.full(true)
    const refused = yield* Effect.flip(enqueue(a, Plain, 99))
    assert.ok(refused._tag === "BackendError" && refused.reason._tag === "CapacityExceeded")
    assert.equal(refused.outcome, "NotApplied")
    const failing = (n: number, { attempt }: { readonly attempt: number }) =>
      n === 3 && attempt === 1 ? Effect.die("no") : Effect.sleep(n === 19 ? "40 seconds" : "3 seconds")
    yield* hire(world, b, runs, Plain, failing, { concurrency: 4 })
    yield* eventually(world, () => assert.equal(done(runs).length, 20), "1 minute")
    assert.equal(runs.length, 21)
    yield* world.store.full(false)
    yield* enqueue(a, Plain, 20)
    yield* eventually(world, () => assert.equal(done(runs).length, 21), "5 seconds")
  })

/** T17 On a full server what is there can still be cancelled, purged and sent back, and a pause is kept. */
export const aFullServerObeys: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* hire(world, b, runs, Unique, (n) => (n < 3 ? Effect.die("no") : Effect.sleep("1 minute")))
    const [sleeping] = yield* enqueueAll(a, Unique, [5, 6], { delay: "1 hour" })
    const [running] = yield* enqueueAll(a, Unique, [3, 1, 2])
    yield* world.advance("1 second")
    yield* world.store.full(true)
    yield* on(a, (queue) => queue.pause(Unique))
    assert.equal(yield* on(a, (queue) => queue.cancel(Unique, sleeping!.id)), true)
    assert.equal(yield* on(a, (queue) => queue.cancel(Unique, running!.id)), true)
    assert.equal(yield* on(a, (queue) => queue.purge(Unique, "Delayed")), 1)
    assert.equal(yield* on(a, (queue) => queue.redrive(Unique)), 2)
    yield* world.advance("1 second")
    assert.deepEqual(yield* counts(a, Unique), { ready: 2, delayed: 0, claimed: 0, dead: 0, paused: true })
    yield* on(a, (queue) => queue.resume(Unique))
    yield* eventually(world, () => assert.equal(runs.length, 5))
  })

/** T18 Where no answer is kept and no id was given, nothing is left of any number of tasks. */
export const nothingIsLeft: Law = (world) =>
  Effect.gen(function* () {
    const traces: Array<ReadonlyArray<string>> = []
    for (const count of [1, 40]) {
      const [a, b] = yield* two(world)
      const runs: Array<Ran> = []
      const body = (n: number, { attempt }: { readonly attempt: number }) =>
        n % 4 === 3 && attempt < 3 ? Effect.die("no") : Effect.void
      yield* hire(world, b, runs, Plain, body)
      yield* enqueueAll(a, Plain, numbers(count))
      yield* enqueue(a, Plain, 50, { delay: "1 minute" })
      yield* enqueue(a, Plain, 51, { peer: b.name })
      yield* eventually(world, () => assert.equal(done(runs).length, count + 2), "2 minutes")
      yield* world.advance("10 seconds")
      yield* world.complete(Effect.all([a.stop, b.stop]))
      traces.push((yield* world.keys).map(shape))
    }
    assert.deepEqual(traces[1], traces[0])
  })

/** T18 Answers, ids and windows are gone an hour after, however many there were. */
export const whatIsKeptHasItsEnd: Law = (world) =>
  Effect.gen(function* () {
    const traces: Array<ReadonlyArray<string>> = []
    const Short = TaskQueue.task("short", { payload: Schema.Int, unique: { key: (n) => `${n}`, window: "1 minute" } })
    for (const count of [1, 300]) {
      const [a, b] = yield* two(world)
      yield* hire(world, b, [], Twice, (n) => Effect.succeed(n))
      yield* hire(world, b, [], Short, lasting(0))
      yield* enqueueAll(a, Twice, numbers(count))
      yield* enqueueAll(a, Short, numbers(count))
      for (const n of numbers(Math.min(count, 20))) yield* enqueue(a, Short, n + count, { id: `id ${n}` })
      yield* world.advance("62 minutes")
      yield* world.complete(Effect.all([a.stop, b.stop]))
      traces.push((yield* world.keys).map(shape))
    }
    assert.deepEqual(traces[1], traces[0])
  })

/** What is kept, without what its values are now: numbers, or a digest. */
const shape = (key: string): string => key.replace(/ [0-9a-f]{20,}$/, "").replaceAll(/\d+/g, "0")
