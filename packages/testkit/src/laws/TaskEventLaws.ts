/**
 * What TaskQueue promises of `events`, as laws (T20). Each is tried in a world (`../World.ts`), on every backend; the
 * identifiers are those of docs/guarantees.md.
 */
import * as TaskQueue from "@troupe/core/TaskQueue"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as assert from "node:assert/strict"
import {
  enqueue,
  enqueueAll,
  eventually,
  hire,
  lasting,
  type Law,
  numbers,
  on,
  type Peer,
  Plain,
  started,
  three,
  Twice,
  two,
  type Work
} from "../internal/working.ts"

/** Reads until it fails, and writes down what it reads; gives how to see its end. */
const read = (world: Work, peer: Peer, task: TaskQueue.AnyTask, seen: Array<TaskQueue.TaskEvent>) =>
  Effect.gen(function* () {
    const told = (event: TaskQueue.TaskEvent) => Effect.sync(() => void seen.push(event))
    const reading = on(peer, (queue) => Stream.runForEach(queue.events(task), told))
    const fiber = yield* started(peer, Effect.flip(reading))
    yield* world.advance("100 millis")
    return fiber
  })

const tags = (seen: ReadonlyArray<TaskQueue.TaskEvent>) => seen.map(({ _tag }) => _tag).join(" ")

const reasonOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "reason" in error ? tagOf(error.reason) : "none"
const tagOf = (reason: unknown): string =>
  typeof reason === "object" && reason !== null && "_tag" in reason ? String(reason._tag) : "none"

/** T20 A reader sees what happens to a task, in its order, with who, which attempt, why, and when. */
export const aReaderSeesALifeInOrder: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const seen: Array<TaskQueue.TaskEvent> = []
    yield* read(world, a, Twice, seen)
    const body = (n: number, { attempt }: TaskQueue.Run) =>
      Effect.andThen(Effect.sleep("2 seconds"), attempt === 1 ? Effect.fail("not\nyet 1 %") : Effect.succeed(n))
    yield* hire(world, b, [], Twice, body)
    const at = yield* world.now
    const { id } = yield* enqueue(b, Twice, 1, { id: "an id %" })
    yield* world.advance("10 seconds")
    const when = (seconds: number) => DateTime.makeUnsafe(at + seconds * 1_000)
    assert.deepEqual(seen, [
      { _tag: "Enqueued", id, at: when(0) },
      { _tag: "Started", id, at: when(0), peer: b.name, attempt: 1 },
      { _tag: "Failed", id, at: when(2), attempt: 1, message: "not\nyet 1 %" },
      { _tag: "Retrying", id, at: when(2), runAt: when(3) },
      { _tag: "Started", id, at: when(3), peer: b.name, attempt: 2 },
      { _tag: "Completed", id, at: when(5), peer: b.name }
    ])
  })

/** T20 Every reader sees all of it once, in one order, wherever it happens, however many read. */
export const everyReaderSeesOneOrder: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* three(world)
    const all: Array<Array<TaskQueue.TaskEvent>> = []
    for (const peer of [...peers, peers[0]]) {
      const seen: Array<TaskQueue.TaskEvent> = []
      all.push(seen)
      yield* read(world, peer, Plain, seen)
    }
    const body = (n: number) => Effect.sleep(n % 3)
    for (const peer of peers) yield* hire(world, peer, [], Plain, body, { concurrency: 2 })
    yield* Effect.forEach(numbers(60), (n) => enqueue(peers[n % 3]!, Plain, n), { concurrency: "unbounded" })
    yield* eventually(world, () => assert.equal(all[0]?.length, 180), "1 minute")
    for (const seen of all) assert.deepEqual(seen, all[0])
    const lives = Map.groupBy(all[0]!, ({ id }) => id)
    assert.equal(lives.size, 60)
    for (const life of lives.values()) assert.equal(tags(life), "Enqueued Started Completed")
  })

/** T20 A run whose peer has crashed, or hands it back, is seen as recovered; what had not begun is not. */
export const aCrashIsSeenAsRecovered: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* three(world)
    const seen: Array<TaskQueue.TaskEvent> = []
    yield* read(world, a, Plain, seen)
    const long = lasting("1 hour")
    yield* hire(world, b, [], Plain, long, { concurrency: 1, prefetch: 1 })
    yield* enqueueAll(a, Plain, [1, 2])
    yield* world.advance("1 second")
    yield* b.crash
    yield* hire(world, c, [], Plain, long, { concurrency: 1, prefetch: 1 })
    yield* world.advance("30 seconds")
    const [first, second] = seen.map(({ id }) => id)
    const story = seen.slice(2).map(({ _tag, id }) => `${_tag} ${id === first ? 1 : 2}`)
    assert.deepEqual([story, first === second], [["Started 1", "Recovered 1", "Started 1"], false])
    const last = seen.at(-1)
    assert.deepEqual(last?._tag === "Started" && [last.peer, last.attempt], [c.name, 2])
    yield* world.complete(c.stop)
    yield* world.advance("1 second")
    assert.equal(tags(seen.slice(5)), "Recovered")
  })

/** T20 Claimed ahead is not started: that is told when its run begins, and before it is over. */
export const whatIsClaimedAheadStartsLater: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const seen: Array<TaskQueue.TaskEvent> = []
    yield* read(world, a, Plain, seen)
    const body = (n: number) => (n === 0 ? Effect.void : Effect.sleep(n))
    yield* hire(world, b, [], Plain, body, { concurrency: 1, prefetch: 3 })
    const at = yield* world.now
    yield* enqueueAll(a, Plain, [2_000, 3_000, 0, 5_000])
    yield* world.advance("6 seconds")
    const times = seen.flatMap((event) => (event._tag === "Started" ? DateTime.toEpochMillis(event.at) - at : []))
    assert.deepEqual(times, [0, 2_000, 5_000, 5_000])
    for (const life of Map.groupBy(seen, ({ id }) => id).values()) {
      assert.match(tags(life), /^Enqueued Started( Completed)?$/)
    }
    assert.equal(seen.filter(({ _tag }) => _tag === "Completed").length, 3)
  })

/** T20 A dead letter is seen with why: after its last failure, or by itself where its peers' crashes were its end. */
export const aDeathIsSeenWithItsReason: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const Picky = TaskQueue.task("picky", { payload: Schema.Int, maxAttempts: 1, retryWhile: () => false })
    const seen: Array<TaskQueue.TaskEvent> = []
    yield* read(world, a, Picky, seen)
    yield* hire(world, b, [], Picky, (n) => (n === 1 ? Effect.die("no") : Effect.sleep("1 hour")))
    const [failing, crashing] = yield* enqueueAll(a, Picky, [1, 2])
    yield* world.advance("1 second")
    yield* b.crash
    yield* hire(world, yield* world.spawn(), [], Picky, lasting(0))
    yield* world.advance("30 seconds")
    const of = (id: string | undefined) => seen.filter((event) => event.id === id)
    assert.equal(tags(of(failing?.id)), "Enqueued Started Failed Dead")
    assert.equal(tags(of(crashing?.id)), "Enqueued Started Recovered Dead")
    const reasons = seen.flatMap((event) => (event._tag === "Dead" ? event.reason : []))
    assert.deepEqual(reasons, ["AttemptsExhausted", "AttemptsExhausted"])
  })

/** T20 Who is convicted of its peers' deaths is seen to die of the last one. */
export const aConvictionIsSeen: Law = (world) =>
  Effect.gen(function* () {
    const [a] = yield* two(world)
    const seen: Array<TaskQueue.TaskEvent> = []
    yield* read(world, a, Plain, seen)
    yield* enqueue(a, Plain, 1)
    for (const _ of numbers(4)) {
      const victim = yield* world.spawn()
      yield* hire(world, victim, [], Plain, lasting("1 hour"))
      yield* world.advance("30 seconds")
      yield* victim.crash
    }
    const story = "Started Recovered Started Recovered Started Dead"
    assert.equal(tags(seen), `Enqueued ${story}`)
    const last = seen.at(-1)
    assert.equal(last?._tag === "Dead" && last.reason, "PeerCrashes")
  })

/** T20 Cancelled is seen once, whether it waits, sleeps or runs, and so is what is purged before it ran. */
export const aCancelledTaskIsSeen: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const seen: Array<TaskQueue.TaskEvent> = []
    yield* read(world, a, Plain, seen)
    const stubborn = Effect.uninterruptible(Effect.sleep("5 seconds"))
    yield* hire(world, b, [], Plain, () => stubborn, { concurrency: 1, prefetch: 0 })
    const [running, waiting] = yield* enqueueAll(a, Plain, [0, 1, 2])
    const sleeping = yield* enqueue(a, Plain, 3, { delay: "1 hour" })
    yield* enqueue(a, Plain, 4, { delay: "2 hours" })
    yield* world.advance("1 second")
    for (const state of ["Ready", "Delayed"] as const) {
      const { id } = state === "Ready" ? waiting! : sleeping
      assert.equal(yield* on(b, (queue) => queue.cancel(Plain, id)), true)
      assert.equal(yield* on(b, (queue) => queue.purge(Plain, state)), 1)
    }
    for (const again of [true, true, false]) {
      assert.equal(yield* on(b, (queue) => queue.cancel(Plain, running!.id)), again)
      if (again) yield* world.advance("3 seconds")
    }
    yield* world.advance("10 seconds")
    const lives = [...Map.groupBy(seen, ({ id }) => id).values()].map(tags).sort()
    assert.deepEqual(lives, [...Array(4).fill("Enqueued Cancelled"), "Enqueued Started Cancelled"])
  })

/** T20 What a schedule fires and what is redriven is enqueued; a Duplicate is not. */
export const whatIsFiredOrRedrivenIsEnqueued: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const Single = TaskQueue.task("single", { payload: Schema.Int, maxAttempts: 1 })
    const seen: Array<TaskQueue.TaskEvent> = []
    yield* read(world, a, Single, seen)
    yield* Effect.provideService(
      on(b, (queue) => queue.schedule(Single, { id: "s", every: "10 seconds", payload: 1 })),
      Scope.Scope,
      yield* Scope.make()
    )
    yield* world.advance("11 seconds")
    assert.equal(tags(seen), "Enqueued")
    for (const tag of ["Enqueued", "Duplicate"]) assert.equal((yield* enqueue(b, Single, 2, { id: "x" }))._tag, tag)
    yield* hire(world, b, [], Single, () => Effect.die("no"))
    yield* world.advance("1 second")
    assert.equal(tags(seen), "Enqueued Enqueued Started Started Failed Dead Failed Dead")
    yield* on(a, (queue) => queue.redrive(Single))
    yield* world.advance("1 second")
    assert.equal(tags(seen.slice(8)), "Enqueued Enqueued Started Started Failed Dead Failed Dead")
  })

/** T20 Where a push was lost, or a connection during which something happened, the reader fails, and only that one. */
export const aMissedEventFailsTheReader: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* three(world)
    const others: Array<TaskQueue.TaskEvent> = []
    const other = yield* read(world, c, Plain, others)
    for (const lose of [a.losePush, Effect.andThen(a.losePush, enqueue(b, Plain, 0)), a.deaf, a.cut]) {
      const seen: Array<TaskQueue.TaskEvent> = []
      const reading = yield* read(world, a, Plain, seen)
      yield* enqueue(b, Plain, 1)
      yield* world.advance("1 second")
      yield* lose
      yield* enqueue(b, Plain, 2)
      yield* world.advance("3 seconds")
      yield* a.hear
      yield* a.heal
      yield* eventually(world, () => assert.ok(reading.pollUnsafe() !== undefined), "11 seconds")
      assert.deepEqual([reasonOf(yield* Fiber.join(reading)), tags(seen)], ["ConnectionLost", "Enqueued"])
    }
    assert.deepEqual([others.length, other.pollUnsafe()], [9, undefined])
  })

/** T20 A reader that was cut off until its watch was over fails, though nothing was pushed to anybody. */
export const aReaderThatStoppedWatchingFails: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const seen: Array<TaskQueue.TaskEvent> = []
    const reading = yield* read(world, a, Plain, seen)
    yield* enqueue(b, Plain, 1)
    yield* world.advance("1 second")
    yield* a.cut
    yield* world.advance("16 seconds")
    yield* enqueue(b, Plain, 2)
    yield* a.heal
    yield* eventually(world, () => assert.ok(reading.pollUnsafe() !== undefined), "11 seconds")
    assert.deepEqual([reasonOf(yield* Fiber.join(reading)), tags(seen)], ["ConnectionLost", "Enqueued"])
  })

/** T20 D2 Where the backend forgot, or went back to what it was before, every reader fails. */
export const forgottenEventsFailTheReader: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const { forget, rewind, stepClock } = world.store
    for (const lose of [forget, rewind(1), Effect.andThen(stepClock("-1 hour"), forget)]) {
      const seen: Array<TaskQueue.TaskEvent> = []
      const reading = yield* read(world, a, Plain, seen)
      yield* enqueue(b, Plain, 1)
      yield* world.advance("1 second")
      yield* lose
      yield* eventually(world, () => assert.ok(reading.pollUnsafe() !== undefined), "16 seconds")
      assert.deepEqual([reasonOf(yield* Fiber.join(reading)), tags(seen)], ["ConnectionLost", "Enqueued"])
    }
  })

/** T20 D2 A server that takes over without the last pushes numbers others like them: who was away meanwhile fails. */
export const aFailoverFailsTheReader: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const seen: Array<TaskQueue.TaskEvent> = []
    const reading = yield* read(world, a, Plain, seen)
    for (const n of [1, 2]) yield* enqueue(b, Plain, n)
    yield* world.advance("1 second")
    yield* a.cut
    yield* world.store.rewind(1)
    yield* world.advance("3 seconds")
    yield* enqueue(b, Plain, 3)
    yield* a.heal
    yield* eventually(world, () => assert.ok(reading.pollUnsafe() !== undefined), "16 seconds")
    assert.deepEqual([reasonOf(yield* Fiber.join(reading)), tags(seen)], ["ConnectionLost", "Enqueued Enqueued"])
  })

/** T20 A reader lives through an outage in which nothing happened. */
export const anOutageWithoutEventsIsNoLoss: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const seen: Array<TaskQueue.TaskEvent> = []
    const reading = yield* read(world, a, Plain, seen)
    yield* enqueue(b, Plain, 1)
    for (const cut of [a.cut, world.store.stop]) {
      yield* world.advance("1 second")
      yield* cut
      yield* world.advance("6 seconds")
      yield* a.heal
      yield* world.store.start
      yield* world.advance("20 seconds")
      yield* enqueue(b, Plain, 2)
    }
    yield* world.advance("1 minute")
    assert.deepEqual([tags(seen), reading.pollUnsafe()], ["Enqueued Enqueued Enqueued", undefined])
  })

/** T20 A watch is renewed: a reader sees what happens hours after anything has. */
export const aReaderSeesForHours: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const seen: Array<TaskQueue.TaskEvent> = []
    const reading = yield* read(world, a, Plain, seen)
    for (const n of numbers(3)) {
      yield* world.advance("10 minutes")
      yield* enqueue(b, Plain, n)
    }
    yield* world.advance("1 second")
    assert.deepEqual([tags(seen), reading.pollUnsafe()], ["Enqueued Enqueued Enqueued", undefined])
  })

/** T20 A reader that falls 1,024 pushes behind fails when it has read those, and holds back nobody. */
export const aSlowReaderFailsAlone: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const seen: Array<TaskQueue.TaskEvent> = []
    yield* read(world, a, Plain, seen)
    let count = 0
    const pausing = () => (count++ === 0 ? Effect.sleep("1 minute") : Effect.void)
    const slow = yield* started(a, Effect.flip(on(a, (queue) => Stream.runForEach(queue.events(Plain), pausing))))
    yield* world.advance("1 second")
    for (const n of numbers(515)) {
      const { id } = yield* enqueue(b, Plain, n)
      yield* on(b, (queue) => queue.cancel(Plain, id))
    }
    yield* world.advance("1 second")
    assert.deepEqual([seen.length, slow.pollUnsafe()], [1_030, undefined])
    yield* world.advance("1 minute")
    assert.ok(slow.pollUnsafe() !== undefined)
    assert.deepEqual([reasonOf(yield* Fiber.join(slow)), count], ["CapacityExceeded", 1_025])
  })

/** T20 A reader costs a request per heartbeat, and nothing once it has gone. */
export const nobodyLooksNothingIsAsked: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const before = yield* world.subscriptions
    const reading = yield* read(world, a, Plain, [])
    assert.equal((yield* world.subscriptions) - before, 1)
    const begun = (yield* a.requests).length
    yield* world.advance("50 seconds")
    assert.equal((yield* a.requests).length - begun, 10)
    yield* Fiber.interrupt(reading)
    yield* world.advance("1 second")
    assert.equal(yield* world.subscriptions, before)
    const gone = (yield* a.requests).length
    yield* enqueue(b, Plain, 1)
    yield* world.advance("1 minute")
    assert.equal((yield* a.requests).length, gone)
  })

/** T20 T17 A full server is watched like any other. */
export const aFullServerIsWatched: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const { id } = yield* enqueue(b, Plain, 1)
    yield* world.store.full(true)
    const seen: Array<TaskQueue.TaskEvent> = []
    const reading = yield* read(world, a, Plain, seen)
    yield* on(b, (queue) => queue.cancel(Plain, id))
    yield* world.advance("20 seconds")
    assert.deepEqual([tags(seen), reading.pollUnsafe()], ["Cancelled", undefined])
  })

/** T20 A6 What is wrong with a definition fails the reader, and the layer's end does. */
export const aReaderIsToldWhy: Law = (world) =>
  Effect.gen(function* () {
    const [a] = yield* two(world)
    const bad = yield* read(world, a, TaskQueue.task("bad", { maxAttempts: 0 }), [])
    assert.equal(reasonOf(yield* Fiber.join(bad)), "Misconfigured")
    const nameless = yield* read(world, a, TaskQueue.task(""), [])
    assert.equal(reasonOf(yield* Fiber.join(nameless)), "InvalidName")
    const open = yield* read(world, a, Plain, [])
    yield* world.complete(a.stop)
    assert.ok(open.pollUnsafe() !== undefined)
    assert.equal(reasonOf(yield* Fiber.join(open)), "Closed")
  })
