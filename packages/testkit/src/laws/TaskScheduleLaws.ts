/**
 * What TaskQueue promises of schedules, as laws (T14). Each is tried in a world (`../World.ts`), on every backend; the
 * identifiers are those of docs/guarantees.md.
 */
import * as TaskQueue from "@troupe/core/TaskQueue"
import * as Cron from "effect/Cron"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as assert from "node:assert/strict"
import {
  counted,
  counts,
  done,
  enqueue,
  enqueueAll,
  hire,
  lasting,
  type Law,
  Levels,
  listed,
  numbers,
  on,
  type Peer,
  type Ran,
  three,
  two,
  values
} from "../internal/working.ts"

const Tick = TaskQueue.task("tick", { payload: Schema.Int, maxAttempts: 1 })
const Patient = TaskQueue.task("patient", { payload: Schema.Int, maxAttempts: 2, retry: Schedule.spaced("25 seconds") })
const Unique = TaskQueue.task("unique tick", { payload: Schema.Int, unique: () => "one" })

/** Where worlds begin. */
const begin = Date.UTC(2030, 0, 1)

/** Which slot it is: seconds since the world began. */
const second = (slot: DateTime.Utc): number => (DateTime.toEpochMillis(slot) - begin) / 1_000

/** Runs a schedule for as long as the peer lives, and gives what ends it before. */
const run = <L extends string>(
  peer: Peer,
  task: TaskQueue.Task<number, void, never, L>,
  options: TaskQueue.ScheduleOptions<number, NoInfer<L>>
) =>
  on(peer, (queue) =>
    Effect.flatMap(Scope.make(), (scope) =>
      Effect.as(Effect.provideService(queue.schedule(task, options), Scope.Scope, scope), scope)
    )
  )

const every10 = { id: "ten", every: "10 seconds", payload: second } as const
const hourly = { id: "hourly", cron: "0 * * * *", payload: second } as const

/** The slots whose tasks wait, in their order. */
const fired = (peer: Peer, task: TaskQueue.Task<number, void> = Tick) =>
  Effect.map(listed(peer, task, "Ready"), (all) => all.map(({ payload }) => (payload as { value: number }).value))

/** Slots of `every10`, from one to another. */
const tens = (from: number, to: number) => numbers((to - from) / 10 + 1).map((n) => from + n * 10)

/** T14 A slot fires once, at its time, however many peers run its schedule. */
export const aSlotFiresOnce: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* three(world)
    const runs: Array<Ran> = []
    yield* hire(world, peers[0], runs, Tick, lasting(0))
    for (const peer of peers) yield* run(peer, Tick, every10)
    yield* world.advance("1 minute")
    assert.deepEqual(done(runs), tens(10, 60))
    assert.ok(runs.every(({ from, value }) => from === begin + value * 1_000))
  })

/** T14 A2 A slot whose firing lost its answer fires once all the same. */
export const aLostAnswerFiresOnce: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* a.loseAnswer("not applied")
    for (const peer of [a, b]) yield* world.complete(run(peer, Tick, every10))
    for (const n of numbers(8)) {
      yield* world.advance("5 seconds")
      for (const peer of n % 3 === 0 ? [a, b] : [a]) yield* peer.loseAnswer(n % 2 === 0 ? "applied" : "not applied")
      yield* world.advance("5 seconds")
    }
    assert.deepEqual(yield* fired(b), tens(10, 80))
  })

/** T14 Peers that crash take no slot with them; one that was frozen fires none again when it thaws. */
export const aSlotFiresOnceWhoeverCrashes: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* three(world)
    for (const peer of [a, b, c]) yield* run(peer, Tick, every10)
    yield* world.advance("15 seconds")
    yield* a.crash
    yield* b.freeze
    yield* world.advance("30 seconds")
    yield* b.thaw
    yield* c.crash
    yield* world.advance("15 seconds")
    assert.deepEqual(yield* fired(b), tens(10, 60))
  })

/** T14 A peer that was frozen alone fires the last slot of those it missed, and not the one it had waited for. */
export const aFrozenPeerFiresTheLastSlot: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* run(a, Tick, every10)
    yield* world.advance("15 seconds")
    yield* a.freeze
    yield* world.advance("30 seconds")
    yield* a.thaw
    yield* world.advance("20 seconds")
    assert.deepEqual(yield* fired(b), [10, 40, 50, 60])
  })

/** T14 A cron is read in UTC where it names no zone, whatever zone its process is in. */
export const aCronIsReadInUtc: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* run(a, Tick, { id: "text", cron: "0 6 * * *", payload: second })
    yield* run(b, Tick, { id: "cron", cron: Cron.parseUnsafe("30 7 * * 1-5"), payload: second })
    yield* world.advance("5 days")
    // 2030 begins with a Tuesday.
    const texts = numbers(5).map((day) => (day * 24 + 6) * 3_600)
    const crons = numbers(4).map((day) => (day * 24 + 7.5) * 3_600)
    assert.deepEqual(
      yield* fired(a),
      [...texts, ...crons].sort((a, b) => a - b)
    )
  })

/** T14 A cron in a zone of its own keeps to that zone's clock. What this skips in spring comes when it goes on. */
export const aCronKeepsItsZoneInSpring: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* world.store.stepClock(Date.UTC(2030, 2, 30) - begin)
    for (const peer of [a, b])
      yield* run(peer, Tick, { ...hourly, cron: Cron.parseUnsafe("30 2 * * *", "Europe/Berlin") })
    yield* world.advance("3 days")
    const expected = ["2030-03-30T01:30Z", "2030-03-31T01:30Z", "2030-04-01T00:30Z"]
    assert.deepEqual(
      yield* fired(a),
      expected.map((time) => (Date.parse(time) - begin) / 1_000)
    )
  })

/** T14 An hour that the zone's clock has twice in autumn fires once. */
export const aCronKeepsItsZoneInAutumn: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* world.store.stepClock(Date.UTC(2030, 9, 26) - begin)
    for (const peer of [a, b])
      yield* run(peer, Tick, { ...hourly, cron: Cron.parseUnsafe("30 2 * * *", "Europe/Berlin") })
    yield* world.advance("3 days")
    const expected = ["2030-10-26T00:30Z", "2030-10-27T00:30Z", "2030-10-28T01:30Z"]
    assert.deepEqual(
      yield* fired(a),
      expected.map((time) => (Date.parse(time) - begin) / 1_000)
    )
  })

/** T14 An interval counts from 1970, and so on every peer alike, whenever it came. */
export const anIntervalCountsFrom1970: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const options = { id: "seven", every: "7 seconds", payload: second } as const
    yield* world.advance("2 seconds")
    yield* run(a, Tick, options)
    yield* world.advance("9 seconds")
    yield* run(b, Tick, options)
    yield* world.advance("29 seconds")
    const all = yield* fired(a)
    assert.deepEqual(
      all,
      numbers(41).filter((n) => n > 2 && (begin / 1_000 + n) % 7 === 0)
    )
  })

/** T14 A new schedule fires nothing of the past. */
export const aNewScheduleFiresNothingOfThePast: Law = (world) =>
  Effect.gen(function* () {
    const [a] = yield* two(world)
    yield* world.advance("30 minutes")
    yield* run(a, Tick, hourly)
    yield* world.advance("29 minutes")
    assert.deepEqual(yield* fired(a), [])
    yield* world.advance("1 minutes")
    assert.deepEqual(yield* fired(a), [3_600])
  })

/** T14 Of the slots that were missed while no peer ran it, the last fires, once, late. */
export const theLastOfMissedSlotsFires: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* three(world)
    yield* run(a, Tick, hourly)
    yield* world.advance("90 minutes")
    yield* a.stop
    yield* world.advance("3 hours")
    for (const peer of [b, c]) yield* run(peer, Tick, hourly)
    yield* world.advance("5 minutes")
    assert.deepEqual(yield* fired(b), [3_600, 4 * 3_600])
    yield* world.advance("30 minutes")
    assert.deepEqual(yield* fired(b), [3_600, 4 * 3_600, 5 * 3_600])
  })

/** T14 A3 An outage ends no schedule: the last slot it hid fires when it is over. */
export const anOutageHidesNoMoreThanItLasts: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* run(a, Tick, every10)
    yield* world.advance("15 seconds")
    yield* world.store.stop
    yield* world.complete(run(b, Tick, { ...every10, id: "born then" }))
    yield* world.advance("30 seconds")
    yield* world.store.start
    yield* world.advance("2500 millis")
    const late = yield* fired(a)
    assert.ok(late.length === 2 && late[0] === 10 && late[1]! >= 40)
    yield* world.advance("20 seconds")
    assert.equal((yield* fired(a)).length, 2 + 2 * 2)
  })

/** T14 With `skip` a slot is passed over while the task before waits or runs; each schedule looks at its own. */
export const aSlotIsSkippedForItsPredecessor: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    for (const peer of [a, b]) yield* run(peer, Tick, { ...every10, overlap: "skip" })
    yield* world.advance("22 seconds")
    yield* enqueue(a, Tick, 0, { delay: "1 hour" })
    yield* hire(world, b, runs, Tick, lasting("15 seconds"))
    yield* world.advance("58 seconds")
    assert.deepEqual(values(runs), [10, 40, 60, 80])
  })

/** T14 A predecessor that sleeps until its next attempt is unfinished; one that is dead is finished. */
export const aDeadPredecessorIsFinished: Law = (world) =>
  Effect.gen(function* () {
    const [a] = yield* two(world)
    const runs: Array<Ran> = []
    yield* run(a, Patient, { ...every10, overlap: "skip" })
    yield* hire(world, a, runs, Patient, () => Effect.die("no"))
    yield* world.advance("75 seconds")
    assert.deepEqual(values(runs), [10, 10, 40, 40, 70])
    assert.deepEqual(yield* counted(a, Patient), [0, 1, 0, 2])
  })

/** T14 Without it slots fire whatever becomes of their predecessors. */
export const aSlotMayOverlap: Law = (world) =>
  Effect.gen(function* () {
    const [a] = yield* two(world)
    const runs: Array<Ran> = []
    yield* run(a, Tick, every10)
    yield* hire(world, a, runs, Tick, lasting("25 seconds"))
    yield* world.advance("40 seconds")
    assert.deepEqual(values(runs), tens(10, 40))
    assert.deepEqual(yield* counted(a, Tick), [0, 0, 3, 0])
  })

/** T14 The definition that started last counts, on all peers: in a rolling deploy, and when it is rolled back. */
export const theLastDefinitionCounts: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* three(world)
    for (const peer of [a, b]) yield* run(peer, Tick, { ...every10, payload: 1 })
    yield* world.advance("15 seconds")
    yield* run(c, Tick, { id: "ten", every: "15 seconds", payload: 2 })
    yield* world.advance("30 seconds")
    assert.deepEqual(yield* fired(a), [1, 2, 2])
    yield* b.stop
    const back = yield* world.spawn()
    yield* run(back, Tick, { ...every10, payload: 1 })
    yield* back.crash
    yield* world.advance("20 seconds")
    assert.deepEqual(yield* fired(a), [1, 2, 2, 1, 1])
  })

/** T14 A new calendar fires nothing of the past; a new payload takes over the slots that were missed. */
export const aNewCalendarBeginsNow: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* run(a, Tick, { ...hourly, payload: 1 })
    yield* world.advance("90 minutes")
    yield* a.stop
    yield* run(b, Tick, { ...hourly, cron: "*/20 * * * *", payload: 2 })
    yield* world.advance("5 minutes")
    assert.deepEqual(yield* fired(b), [1])
    yield* b.stop
    yield* world.advance("30 minutes")
    const c = yield* world.spawn()
    yield* run(c, Tick, { ...hourly, cron: "*/20 * * * *", payload: 3 })
    yield* world.advance("1 minute")
    assert.deepEqual(yield* fired(c), [1, 3])
  })

/** T14 D2 Where the store forgets, each schedule goes on with the slot that comes, by the definition that counted, and its queue's others with it. */
export const aForgottenScheduleGoesOn: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* run(a, Tick, { ...every10, payload: (slot) => -second(slot) })
    yield* run(b, Tick, { id: "other", every: "10 seconds", payload: 5 })
    yield* run(b, Tick, { ...every10, payload: 7 })
    yield* world.advance("15 seconds")
    assert.deepEqual((yield* fired(a)).toSorted(), [5, 7])
    yield* world.store.forget
    yield* world.advance("10 seconds")
    assert.deepEqual((yield* fired(a)).toSorted(), [5, 7])
    yield* world.advance("20 seconds")
    assert.deepEqual((yield* fired(a)).toSorted(), [5, 5, 5, 7, 7, 7])
  })

/** T14 Where a failover lost that a definition was replaced, it is replaced again. */
export const aForgottenReplacementCountsAgain: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* run(a, Tick, { ...every10, payload: 1 })
    yield* world.advance("5 seconds")
    yield* run(b, Tick, { id: "ten", every: "5 seconds", payload: 2 })
    yield* world.store.rewind(1)
    yield* world.advance("6 seconds")
    const [first] = yield* fired(b)
    yield* world.advance("9 seconds")
    assert.ok(first !== undefined)
    assert.deepEqual((yield* fired(b)).slice(1), [2, 2])
  })

/** T13 T14 A pause keeps no slot from firing: what it brings waits like anything else. */
export const aPauseSkipsNoSlot: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* run(a, Tick, every10)
    yield* hire(world, b, runs, Tick, lasting(0))
    yield* on(a, (queue) => queue.pause(Tick))
    yield* world.advance("35 seconds")
    assert.deepEqual(values(runs), [])
    yield* on(a, (queue) => queue.resume(Tick))
    yield* world.advance("1 second")
    assert.deepEqual(values(runs), [10, 20, 30])
  })

/** T14 D3 A server's clock that steps has no slot fire twice, and goes on with the slots of its time. */
export const aClockThatStepsFiresNothingTwice: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    for (const peer of [a, b]) yield* run(peer, Tick, every10)
    yield* world.advance("25 seconds")
    yield* world.store.stepClock("10 minutes")
    yield* world.advance("20 seconds")
    yield* world.store.stepClock("-10 minutes")
    yield* world.advance("5 minutes")
    assert.equal((yield* fired(a)).at(-1), 640)
    yield* world.advance("15 minutes")
    const slots = yield* fired(a)
    assert.equal(new Set(slots).size, slots.length)
    assert.deepEqual(slots.slice(0, 2), [10, 20])
    assert.ok(tens(630, 1_240).every((slot) => slots.includes(slot)))
    assert.equal(slots.at(-1), 1_240)
  })

/** T14 D3 A clock that was wrong by more than a day does not stop a schedule until it would have been right. */
export const aClockThatWasWrongStopsNothing: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    for (const peer of [a, b]) yield* run(peer, Tick, every10)
    yield* world.store.stepClock("30 days")
    yield* world.advance("15 seconds")
    yield* world.store.stepClock("-30 days")
    yield* world.advance("45 seconds")
    const slots = yield* fired(a)
    assert.equal(slots.at(-1), 60)
  })

/** T14 A peer's own clock changes nothing. */
export const aSkewedPeerFiresInTime: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* a.skew("3 hours")
    yield* b.skew("-3 hours")
    yield* hire(world, b, runs, Tick, lasting(0))
    for (const peer of [a, b]) yield* run(peer, Tick, every10)
    yield* world.advance("25 seconds")
    yield* a.skew("-1 hour")
    yield* world.advance("20 seconds")
    assert.deepEqual(values(runs), tens(10, 40))
    assert.ok(runs.every(({ from, value }) => from === begin + value * 1_000))
  })

/** T14 A5 A full queue, a taken unique key, a payload that does not fit: each costs its slot, and no more. */
export const whatCannotBeEnqueuedCostsItsSlot: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* run(a, Tick, { ...every10, payload: (slot) => (second(slot) === 30 ? 0.5 : second(slot)) })
    yield* enqueueAll(a, Tick, numbers(512))
    yield* enqueueAll(a, Tick, numbers(488))
    yield* run(b, Unique, every10)
    yield* world.advance("15 seconds")
    assert.equal(yield* on(a, (queue) => queue.purge(Tick, "Ready")), 1_000)
    assert.deepEqual(yield* fired(b, Unique), [10])
    yield* world.advance("30 seconds")
    assert.deepEqual(yield* fired(a), [20, 40])
    assert.deepEqual(yield* fired(b, Unique), [10])
  })

/** T14 A schedule ends with its scope, and its tasks stand at their level. */
export const aScheduleEndsWithItsScope: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    const low = yield* run(a, Levels, { ...every10, level: "low" })
    const high = yield* run(a, Levels, { ...every10, id: "high", level: "high", payload: (slot) => -second(slot) })
    yield* world.advance("15 seconds")
    yield* Scope.close(high, Exit.void)
    yield* world.advance("10 seconds")
    yield* Scope.close(low, Exit.void)
    yield* world.advance("30 seconds")
    assert.equal((yield* counts(b, Levels)).ready, 3)
    yield* hire(world, b, runs, Levels, lasting(0), { concurrency: 1 })
    yield* world.advance("1 second")
    assert.deepEqual(values(runs), [-10, 10, 20])
  })

/** A6 T14 What is wrong with a schedule is a defect, and nothing is sent. */
export const aBadScheduleIsADefect: Law = (world) =>
  Effect.gen(function* () {
    const [a] = yield* two(world)
    const before = yield* world.keys
    const bad: ReadonlyArray<TaskQueue.ScheduleOptions<number>> = [
      { id: "", every: "1 second", payload: 1 },
      { id: "a", every: 0, payload: 1 },
      { id: "a", every: "Infinity", payload: 1 },
      { id: "a", cron: "every day", payload: 1 },
      { id: "a", cron: "0 0 30 2 *", payload: 1 },
      { id: "a", cron: "* * * * *", payload: 1, level: "none" }
    ]
    for (const options of bad) {
      const exit = yield* Effect.exit(run(a, Tick as TaskQueue.Task<number>, options))
      assert.ok(Exit.hasDies(exit), JSON.stringify(options))
    }
    assert.deepEqual(yield* world.keys, before)
  })
