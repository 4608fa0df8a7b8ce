/**
 * What TaskQueue promises of tasks and of who runs them, as laws; those of order, of how tasks end, and of keys, limits,
 * looking and cost stand in TaskOrderLaws.ts, TaskOutcomeLaws.ts and TaskLimitLaws.ts. Each is tried in a world
 * (`../World.ts`), on every backend; the identifiers are those of docs/guarantees.md.
 */
import type * as TaskQueue from "@troupe/core/TaskQueue"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as assert from "node:assert/strict"
import {
  assertOneAtATime,
  counted,
  done,
  enqueue,
  enqueueAll,
  eventually,
  hire,
  lasting,
  type Law,
  letters,
  Levels,
  numbers,
  on,
  Plain,
  type Ran,
  started,
  three,
  two,
  values
} from "../internal/working.ts"

/** T1 T2 What was enqueued runs, once, whoever works; and nothing of it is left. */
export const everyTaskRunsOnce: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* three(world)
    const runs: Array<Ran> = []
    for (const peer of peers) yield* hire(world, peer, runs, Plain, lasting("1 second"), { concurrency: 4 })
    yield* Effect.forEach(numbers(60), (n) => enqueue(peers[n % 3]!, Plain, n), { concurrency: "unbounded" })
    yield* eventually(world, () => assert.equal(done(runs).length, 60), "1 minute")
    assert.deepEqual(
      [...done(runs)].sort((a, b) => a - b),
      numbers(60)
    )
    assert.equal(new Set(runs.map(({ peer }) => peer)).size, 3)
    assert.deepEqual(yield* counted(peers[0], Plain), [0, 0, 0, 0])
  })

/** T1 A task outlives whoever enqueued it. */
export const aTaskOutlivesItsEnqueuer: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* enqueueAll(a, Plain, numbers(10))
    yield* a.crash
    yield* hire(world, b, runs, Plain, lasting(0))
    yield* eventually(world, () => assert.deepEqual(done(runs), numbers(10)))
  })

/** T1 T2 Whatever crashes, and when, each task runs to its end or is a dead letter, and on one peer at a time. */
export const noCrashLosesATask: Law = (world) =>
  Effect.gen(function* () {
    const [a, last] = yield* two(world)
    const runs: Array<Ran> = []
    yield* enqueueAll(a, Plain, numbers(40))
    for (const n of numbers(6)) {
      const peer = yield* world.spawn()
      yield* hire(world, peer, runs, Plain, lasting("3 seconds"), { concurrency: 2, prefetch: n })
      yield* world.advance(`${n * 900 + 700} millis`)
      if (n % 2 === 0) yield* peer.loseAnswer("applied")
      yield* world.advance("2 seconds")
      yield* peer.crash
    }
    yield* hire(world, last, runs, Plain, lasting("1 second"))
    yield* world.advance("2 minutes")
    const dead = (yield* letters(a, Plain)).map(({ payload }) => Option.getOrThrow(payload))
    assert.deepEqual(new Set([...done(runs), ...dead]), new Set(numbers(40)))
    assert.deepEqual(yield* counted(a, Plain), [0, 0, 0, dead.length])
    assertOneAtATime(runs)
  })

/** T1 A2 An enqueue whose answer was lost is asked for again and enqueues once. */
export const aLostAnswerEnqueuesOnce: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    for (const [n, which] of (["applied", "not applied"] as const).entries()) {
      yield* a.loseAnswer(which)
      const { _tag } = yield* world.complete(enqueue(a, Plain, n))
      assert.equal(_tag, "Enqueued")
    }
    yield* hire(world, b, runs, Plain, lasting(0))
    yield* world.advance("1 minute")
    assert.deepEqual(done(runs), [0, 1])
  })

/** T4 A2 What a peer enqueues at one time is there in that order, each once, whichever answer gets lost. */
export const nothingOvertakesOnItsWayIn: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    for (const which of ["applied", "not applied"] as const) {
      yield* a.loseAnswer(which)
      yield* world.complete(
        Effect.forEach(numbers(120), (n) => enqueue(a, Plain, n), { concurrency: "unbounded", discard: true })
      )
    }
    yield* hire(world, b, runs, Plain, lasting(0), { concurrency: 1 })
    yield* world.advance("1 minute")
    assert.deepEqual(done(runs), [...numbers(120), ...numbers(120)])
  })

/** T2 A2 A worker whose call lost its answer makes it again: nothing runs twice, and nothing is held by nobody. */
export const aLostStepIsRepeated: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* hire(world, b, runs, Plain, lasting("1 second"), { concurrency: 3 })
    for (const n of numbers(8)) {
      yield* b.loseAnswer(n % 2 === 0 ? "applied" : "not applied")
      yield* enqueueAll(a, Plain, [n * 3, n * 3 + 1, n * 3 + 2])
      yield* world.advance("400 millis")
      yield* b.loseAnswer(n % 3 === 0 ? "applied" : "not applied")
      yield* world.advance("2 seconds")
    }
    yield* eventually(world, () => assert.equal(runs.length, 24), "10 seconds")
    assert.deepEqual(
      [...done(runs)].sort((a, b) => a - b),
      numbers(24)
    )
    assert.ok(runs.every(({ attempt }) => attempt === 1))
  })

/** T2 A2 A call that lost its answer is repeated as it was, also where a try in between certainly failed: what ended since is told after it. */
export const aLostStepIsRepeatedAsItWas: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* hire(world, b, runs, Plain, (n) => Effect.sleep(`${n} seconds`), { concurrency: 3 })
    yield* enqueueAll(a, Plain, [2, 3, 9])
    yield* world.advance("1 second")
    yield* b.loseAnswer("applied")
    yield* eventually(world, () => assert.deepEqual(done(runs), [2]), "1 second")
    yield* world.store.stop
    yield* world.advance("2 seconds")
    yield* world.store.start
    yield* world.advance("1 minute")
    assert.deepEqual(done(runs), [2, 3, 9])
    assert.deepEqual(yield* counted(a, Plain), [0, 0, 0, 0])
  })

/** T2 A2 However long the path was gone: what a call claimed whose answer was lost is known to whoever holds it. */
export const aLostStepIsNotForgotten: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* hire(world, b, runs, Plain, lasting("1 second"))
    yield* world.advance("2 seconds")
    yield* b.loseAnswer("applied")
    yield* enqueue(a, Plain, 1)
    yield* world.advance(0)
    yield* b.cut
    yield* world.advance("62 minutes")
    yield* b.heal
    // Before a heartbeat could make up for it.
    yield* eventually(world, () => assert.equal(runs.length, 1), "2 seconds")
    yield* world.advance("1 minute")
    assert.deepEqual(done(runs), [1])
    assert.deepEqual(yield* counted(a, Plain), [0, 0, 0, 0])
  })

/** T2 D4 Who was frozen past its lease cannot settle; its run is interrupted, and the task completes elsewhere, once. */
export const aFrozenPeerCannotSettle: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* hire(world, a, runs, Plain, lasting("1 minute"))
    yield* enqueue(a, Plain, 1)
    yield* eventually(world, () => assert.equal(runs.length, 1))
    yield* hire(world, b, runs, Plain, lasting("10 seconds"))
    yield* a.freeze
    yield* eventually(world, () => assert.equal(runs.length, 2), "21 seconds")
    yield* a.thaw
    yield* world.advance("1 minute")
    assert.deepEqual(
      runs.map(({ end, peer }) => [peer, end]),
      [
        [a.name, "Interrupt"],
        [b.name, "Success"]
      ]
    )
    assert.ok(runs[1]!.fence > runs[0]!.fence)
    assert.deepEqual(yield* counted(b, Plain), [0, 0, 0, 0])
  })

/** T2 D4 A run that outlives the loss of its lease keeps its place, and whoever closes waits for both when its task is claimed again there. */
export const aRunThatWillNotStopKeepsItsPlace: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    const stubborn = () => Effect.uninterruptible(Effect.sleep("1 minute"))
    yield* hire(world, a, runs, Plain, stubborn, { concurrency: 2 })
    yield* enqueue(b, Plain, 1)
    yield* world.advance("1 second")
    yield* hire(world, b, [], Plain, lasting("1 hour"), { concurrency: 1 })
    yield* enqueueAll(b, Plain, [2], { peer: b.name })
    yield* world.advance("1 second")
    yield* a.cut
    yield* world.advance("30 seconds")
    yield* a.heal
    yield* world.advance("30 seconds")
    assert.deepEqual(values(runs), [1, 1])
    yield* world.complete(a.stop)
    assert.ok(runs.every(({ until }) => until !== undefined))
  })

/** T2 P6 Who is cut off stops its runs at least a second before another may begin them; nothing runs twice at once. */
export const aCutOffPeerStopsFirst: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const runs: Array<Ran> = []
    yield* hire(world, a, runs, Plain, lasting("1 hour"))
    yield* enqueue(a, Plain, 1)
    yield* eventually(world, () => assert.equal(runs.length, 1))
    // Whenever the lease ends, one of them beats soon after.
    for (const _ of numbers(12)) {
      yield* hire(world, yield* world.spawn(), runs, Plain, lasting("1 second"))
      yield* world.advance("400 millis")
    }
    yield* world.advance("21 seconds")
    yield* a.cut
    yield* eventually(world, () => assert.equal(runs.length, 2), "21 seconds")
    assert.equal(runs[0]!.end, "Interrupt")
    assert.ok(runs[0]!.until! <= runs[1]!.from - 1_000, `${runs[1]!.from - runs[0]!.until!} ms`)
    yield* a.heal
    yield* world.advance("1 minute")
    assert.deepEqual(done(runs), [1])
  })

/** T2 A run whose task is not its peer's any more is interrupted when it tells of its progress, and nobody hears it. */
export const aLostRunTellsNothing: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    const telling = (_: number, { progress }: TaskQueue.Run) =>
      Effect.andThen(Effect.sleep("3 seconds"), Effect.andThen(Effect.orDie(progress("mine")), Effect.sleep("1 hour")))
    yield* hire(world, a, runs, Plain, telling)
    yield* enqueue(a, Plain, 1)
    yield* eventually(world, () => assert.equal(runs.length, 1))
    yield* world.store.forget
    yield* hire(world, b, runs, Plain, lasting("1 hour"))
    const { id } = yield* enqueue(b, Plain, 2)
    yield* eventually(world, () => assert.equal(runs.length, 2))
    yield* world.advance("4 seconds")
    assert.deepEqual(
      runs.map(({ end, peer }) => [peer, end]),
      [
        [a.name, "Interrupt"],
        [b.name, undefined]
      ]
    )
    const shown = Option.getOrThrow(yield* on(b, (queue) => queue.inspect(Plain, id)))
    assert.deepEqual([shown.peer, shown.progress], [b.name, undefined])
  })

/** T2 D5 Fences strictly grow from claim to claim, also when the data was lost. */
export const fencesOfClaimsGrow: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* hire(world, b, runs, Plain, lasting(0), { concurrency: 2 })
    for (const n of numbers(4)) {
      yield* enqueueAll(a, Plain, [n, n, n])
      yield* world.advance("6 seconds")
      if (n === 1) yield* world.store.forget
    }
    const fences = runs.map(({ fence }) => fence)
    assert.equal(fences.length, 12)
    assert.ok(fences.every((fence, i) => i === 0 || fence > fences[i - 1]!))
  })

/** T3 A crashed peer's tasks are back before what waits, oldest first, one attempt on. */
export const aCrashedPeersTasksComeBack: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* hire(world, a, runs, Plain, lasting("1 hour"), { concurrency: 3 })
    yield* enqueueAll(a, Plain, numbers(30))
    yield* eventually(world, () => assert.equal(runs.length, 3))
    yield* a.crash
    yield* hire(world, b, runs, Plain, lasting("2 seconds"), { concurrency: 1 })
    yield* eventually(world, () => assert.equal(done(runs).length, 30), "2 minutes")
    const second = runs.slice(3)
    const first = values(second).indexOf(0)
    assert.ok(first > 0 && first <= 11, `number ${first}`)
    assert.deepEqual(values(second.slice(first, first + 4)), [0, 1, 2, first + 3])
    assert.deepEqual(
      second.filter(({ attempt }) => attempt > 1).map(({ value }) => value),
      [0, 1, 2]
    )
  })

/** T3 A crash is noticed within the lease and one heartbeat of another peer. */
export const aCrashIsNoticedInTime: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* hire(world, b, [], Levels, lasting(0))
    yield* hire(world, a, runs, Plain, lasting("1 hour"))
    yield* enqueue(a, Plain, 1)
    yield* eventually(world, () => assert.equal(runs.length, 1))
    yield* hire(world, b, runs, Plain, lasting(0))
    yield* world.advance("12 seconds")
    yield* a.crash
    yield* eventually(world, () => assert.deepEqual(done(runs), [1]), "20 seconds")
  })

/** T3 Where nobody was there when a peer crashed, who comes first takes back what it had, within a lease and a heartbeat. */
export const whoComesFirstTakesBack: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* hire(world, a, runs, Plain, lasting("1 hour"))
    yield* enqueueAll(a, Plain, [1, 2])
    yield* eventually(world, () => assert.equal(runs.length, 2))
    yield* a.crash
    yield* world.advance("1 hour")
    yield* hire(world, b, runs, Plain, lasting(0))
    yield* eventually(world, () => assert.deepEqual(done(runs), [1, 2]), "20 seconds")
  })

/** T3 A peer that closes hands back at once what it could not finish, and no attempt is counted. */
export const aClosingPeerHandsBack: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* hire(world, a, runs, Plain, (n) => Effect.sleep(n === 0 ? "4 seconds" : "1 hour"), {
      concurrency: 3,
      prefetch: 2
    })
    yield* enqueueAll(a, Plain, numbers(6))
    yield* eventually(world, () => assert.equal(runs.length, 3))
    yield* world.complete(a.stop)
    assert.deepEqual(
      runs.map(({ end }) => end),
      ["Success", "Interrupt", "Interrupt"]
    )
    yield* hire(world, b, runs, Plain, lasting(0), { concurrency: 1 })
    yield* eventually(world, () => assert.equal(runs.length, 8))
    assert.deepEqual(values(runs.slice(3)), [1, 2, 3, 4, 5])
    assert.ok(runs.every(({ attempt }) => attempt === 1))
  })

/** T3 A peer that closes keeps its lease while it finishes what it runs, and still hears of what is cancelled. */
export const aClosingPeerKeepsItsLease: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* hire(world, a, runs, Plain, (n) => Effect.sleep(n === 0 ? "14400 millis" : "1 hour"))
    yield* world.advance("100 millis")
    const [, cancelled] = yield* enqueueAll(b, Plain, [0, 1])
    yield* world.advance("4800 millis")
    const from = yield* world.now
    const cancel = on(b, (queue) => queue.cancel(Plain, cancelled!.id))
    yield* started(b, Effect.delay(cancel, "1 second"))
    yield* world.complete(a.stop)
    assert.deepEqual(
      runs.map(({ end, until }) => [end, until! - from]),
      [
        ["Success", 9_600],
        ["Interrupt", 1_000]
      ]
    )
  })

/** T3 P5 While the store is away nobody is judged; what is interrupted then goes on afterwards, and counts no attempt. */
export const anOutageCountsNoAttempt: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* hire(world, a, runs, Plain, lasting("30 seconds"))
    yield* hire(world, b, runs, Plain, lasting("30 seconds"))
    yield* world.advance("6 seconds")
    yield* enqueueAll(a, Plain, numbers(4))
    yield* eventually(world, () => assert.equal(runs.length, 4))
    yield* world.store.stop
    yield* world.advance("1 minute")
    assert.ok(runs.every(({ end, from, until }) => end === "Interrupt" && until! - from <= 20_000))
    yield* a.cut
    yield* world.store.start
    yield* world.advance("8 seconds")
    yield* a.heal
    yield* eventually(world, () => assert.equal(done(runs).length, 4), "1 minute")
    assert.deepEqual(
      runs.map(({ attempt }) => attempt),
      [1, 1, 1, 1, 1, 1, 1, 1]
    )
    assertOneAtATime(runs)
  })

/** T3 A short outage disturbs nobody: what runs goes on, and is settled afterwards. */
export const aShortOutageDisturbsNobody: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* hire(world, a, runs, Plain, lasting("6 seconds"))
    yield* hire(world, b, runs, Plain, lasting("6 seconds"))
    yield* enqueueAll(a, Plain, numbers(4))
    yield* eventually(world, () => assert.equal(runs.length, 4))
    yield* world.store.stop
    yield* world.advance("8 seconds")
    yield* world.store.start
    yield* world.advance("30 seconds")
    assert.deepEqual([...done(runs)].sort(), numbers(4))
    assert.equal(runs.length, 4)
    assert.deepEqual(yield* counted(a, Plain), [0, 0, 0, 0])
  })

/** T3 D3 A server's clock that steps loses nothing, takes nothing from anybody and lets nothing complete twice. */
export const aClockThatStepsLosesNothing: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    for (const peer of [a, b]) yield* hire(world, peer, runs, Plain, lasting("4 seconds"), { concurrency: 2 })
    yield* world.advance("21 seconds")
    yield* enqueueAll(a, Plain, numbers(12))
    for (const step of ["1 hour", "-2 hours", "30 seconds"] as const) {
      yield* world.advance("3 seconds")
      yield* world.store.stepClock(step)
    }
    yield* world.advance("2 minutes")
    assert.deepEqual(
      [...done(runs)].sort((a, b) => a - b),
      numbers(12)
    )
    assert.equal(runs.length, 12)
    assert.deepEqual(yield* counted(b, Plain), [0, 0, 0, 0])
  })

/** T15 An idle worker begins what is enqueued elsewhere at once; where the word was lost, within 5 s. */
export const anIdleWorkerIsWoken: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* hire(world, b, runs, Plain, lasting(0))
    yield* world.advance("2 seconds")
    yield* enqueue(a, Plain, 1)
    yield* eventually(world, () => assert.deepEqual(done(runs), [1]))
    yield* b.losePush
    yield* enqueue(a, Plain, 2)
    yield* eventually(world, () => assert.deepEqual(done(runs), [1, 2]), "5 seconds")
  })

/** T15 No ready task waits while a worker has a free place. */
export const noTaskWaitsForABusyWorker: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* three(world)
    const runs: Array<Ran> = []
    for (const peer of peers) yield* hire(world, peer, runs, Plain, lasting("1 minute"), { concurrency: 2 })
    yield* world.advance("1 second")
    yield* enqueue(peers[0], Plain, 0)
    yield* eventually(world, () => assert.equal(runs.length, 1))
    yield* enqueueAll(peers[0], Plain, [1, 2, 3, 4, 5])
    yield* eventually(world, () => assert.equal(runs.length, 6))
    yield* enqueueAll(peers[0], Plain, [6, 7])
    yield* world.advance("30 seconds")
    assert.equal(runs.length, 6)
    yield* eventually(world, () => assert.equal(runs.length, 8), "30 seconds")
  })

/** T15 Where the worker that was woken is dead, another begins within 5 s. */
export const aDeadWorkersWakeUpIsMadeUpFor: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* three(world)
    const runs: Array<Ran> = []
    for (const peer of [b, c]) {
      yield* hire(world, peer, runs, Plain, lasting(0))
      yield* world.advance("1 second")
    }
    yield* b.crash
    yield* enqueue(a, Plain, 1)
    yield* eventually(world, () => assert.deepEqual(done(runs), [1]), "5 seconds")
  })

/** D2 When the store has forgotten everything, work goes on without a restart. */
export const workGoesOnAfterALoss: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* hire(world, b, runs, Plain, lasting("5 seconds"))
    yield* enqueueAll(a, Plain, [0, 1])
    yield* eventually(world, () => assert.equal(runs.length, 2))
    yield* world.store.forget
    yield* enqueueAll(a, Plain, [2, 3])
    yield* eventually(
      world,
      () =>
        assert.deepEqual(
          done(runs).filter((n) => n > 1),
          [2, 3]
        ),
      "30 seconds"
    )
    yield* world.advance("1 minute")
    assert.deepEqual(yield* on(a, (queue) => queue.counts(Plain)), {
      ready: 0,
      delayed: 0,
      claimed: 0,
      dead: 0,
      paused: false
    })
  })
