/**
 * What Stats promises of sums: exact, nothing twice, whatever becomes of a flush. What it promises of gauges, peers, series
 * and resets stands in StatsReadingLaws.ts. Each is tried in a world (`../World.ts`), on every backend; the identifiers are
 * those of docs/guarantees.md.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as assert from "node:assert/strict"
import {
  add,
  assertAddsUp,
  assertTotals,
  costOf,
  count,
  dies,
  flush,
  gauge,
  type Law,
  numbers,
  refused,
  series,
  totals,
  turns,
  two
} from "../internal/counting.ts"

/** X1 What all peers count adds up, up and down, about a second later, and for everyone alike. */
export const whatAllPeersCountAddsUp: Law = (world) =>
  Effect.gen(function* () {
    const peers = [...(yield* two(world)), yield* world.spawn({ name: "a" })]
    for (const n of numbers(300)) yield* count(peers[n % 3]!, `name ${n % 2}`, n % 7 === 0 ? -n : n)
    yield* count(peers[0]!, "one")
    yield* count(peers[1]!, "large", Number.MAX_SAFE_INTEGER)
    yield* count(peers[2]!, "down", -3)
    const sum = (rest: number) => numbers(300).reduce((sum, n) => sum + (n % 2 !== rest ? 0 : n % 7 === 0 ? -n : n), 0)
    const expected = { "name 0": sum(0), "name 1": sum(1), one: 1, large: Number.MAX_SAFE_INTEGER, down: -3 }
    yield* assertTotals(peers[2]!, {})
    yield* world.advance("1 second")
    for (const peer of peers) yield* assertTotals(peer, expected)
  })

/** X1 A flush whose answer is lost counts once, whether or not it had been applied; what was counted meanwhile does too. */
export const aFlushWhoseAnswerIsLostCountsOnce: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    for (const [n, which] of (["applied", "not applied", "applied"] as const).entries()) {
      yield* count(a, "name", 2)
      if (n === 0) yield* flush(a)
      yield* count(a, "name", 3)
      yield* a.loseAnswer(which)
      assert.equal(yield* refused(flush(a), "ConnectionLost"), "Unknown")
      yield* count(a, "name", 4)
      yield* world.eventually(assertTotals(b, { name: 9 * (n + 1) }), "3 seconds")
      yield* world.always(assertTotals(b, { name: 9 * (n + 1) }), "20 seconds")
    }
  })

/** X1 The very first word of a peer may be lost like any other. */
export const aFirstWordMayBeLost: Law = (world) =>
  Effect.gen(function* () {
    const b = yield* world.spawn()
    for (const [n, which] of (["applied", "not applied"] as const).entries()) {
      const a = yield* world.spawn()
      yield* count(a, "name", 5)
      yield* a.loseAnswer(which)
      yield* refused(flush(a), "ConnectionLost")
      yield* count(a, "name", 2)
      yield* world.eventually(assertTotals(b, { name: 7 * (n + 1) }), "3 seconds")
      yield* world.always(assertTotals(b, { name: 7 * (n + 1) }), "20 seconds")
    }
  })

/** X1 Counting costs no round trip; a flush costs one, and one the first time; who never counted sends nothing. */
export const countingCostsNoRoundTrip: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const counting = Effect.forEach(numbers(1_000), (n) => count(a, `name ${n % 100}`))
    assert.equal(yield* costOf(a, counting), 0)
    assert.equal(yield* costOf(a, flush(a)), 2)
    assert.equal(yield* costOf(a, flush(a)), 0)
    assert.equal(yield* costOf(a, Effect.andThen(counting, world.advance("1 second"))), 1)
    assert.equal(yield* costOf(a, Effect.andThen(counting, flush(a))), 1)
    assert.equal(yield* costOf(a, world.advance("1 minute")), 6)
    assert.equal((yield* b.requests).length, 0)
  })

/** X1 What is too much for one request is sent in several, and counts once though one of them loses its answer. */
export const manyNamesAreSentInSeveralSteps: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const names = numbers(1_300).map((n) => `name ${n}`)
    const counting = Effect.forEach(names, (name, n) => count(a, name, n))
    yield* counting
    assert.equal(yield* costOf(a, flush(a)), 4)
    yield* counting
    yield* gauge(a, "gauge", 1.5)
    yield* a.loseAnswer("applied")
    yield* refused(flush(a), "ConnectionLost")
    assert.equal(yield* costOf(a, flush(a)), 3)
    yield* assertTotals(b, { ...Object.fromEntries(names.map((name, n) => [name, 2 * n])), gauge: 1.5 })
  })

/** X1 What an outage holds up is flushed after it, into the minutes in which it was counted. */
export const whatAnOutageHoldsUpIsFlushedAfterIt: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* b.skew("25 minutes")
    yield* Effect.all([count(a, "name"), count(b, "name")])
    yield* world.advance("30 seconds")
    yield* a.cut
    yield* world.store.stop
    for (const n of numbers(10)) {
      yield* world.advance("1 minute")
      yield* count(a, "name", n)
      yield* count(b, "name", 100 * n)
    }
    yield* a.heal
    yield* world.store.start
    yield* world.advance("6 seconds")
    assert.deepEqual(yield* series(b, "name", "11 minutes"), [2, 0, 101, 202, 303, 404, 505, 606, 707, 808, 909])
    yield* assertTotals(b, { name: 2 + 101 * 45 })
  })

/** X1 A5 While the store is away 10,000 names wait; a further one is dropped, and the others go on. */
export const tenThousandNamesWait: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    yield* count(a, "known")
    yield* flush(a)
    yield* world.store.stop
    for (const n of numbers(9_999)) yield* count(a, `name ${n}`, n)
    yield* world.advance("2 minutes")
    for (const name of ["name 9998", "last", "too many", "too many"]) yield* count(a, name)
    yield* world.store.start
    yield* world.advance("2 seconds")
    const kept = yield* totals(a)
    assert.equal(Object.keys(kept).length, 10_001)
    assert.deepEqual([kept["name 9998"], kept["last"], kept["too many"]], [9_999, 1, undefined])
    yield* count(a, "too many")
    yield* flush(a)
    assert.equal((yield* totals(a))["too many"], 1)
  })

/** X1 While the store is away 60 minutes wait; beyond, the oldest merge, and nothing is lost. */
export const sixtyMinutesWait: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    yield* count(a, "name", 1_000)
    yield* flush(a)
    yield* world.store.stop
    for (const _ of numbers(75)) {
      yield* world.advance("1 minute")
      yield* count(a, "name")
    }
    yield* world.store.start
    yield* world.advance("2 seconds")
    // The oldest is on its way, and waits as it is.
    const kept = yield* series(a, "name", "75 minutes")
    assert.deepEqual(kept, [1, ...numbers(15).map(() => 0), 16, ...numbers(58).map(() => 1)])
    yield* assertTotals(a, { name: 1_075 })
  })

/** X1 A4 Closing flushes; where the store is away or silent it takes half a second, and what waited is lost. */
export const closingFlushes: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    for (const fault of ["none", "applied", "not applied", "stop", "cut"] as const) {
      const peer = yield* world.spawn({ name: fault })
      if (fault !== "none") yield* Effect.andThen(count(peer, fault), flush(peer))
      yield* count(peer, fault)
      if (fault === "applied" || fault === "not applied") yield* peer.loseAnswer(fault)
      if (fault === "stop") yield* world.store.stop
      if (fault === "cut") yield* peer.cut
      const before = yield* world.now
      yield* world.complete(peer.stop)
      assert.ok((yield* world.now) - before <= 500)
      yield* world.store.start
    }
    yield* world.complete(Effect.all([a.stop]))
    yield* assertTotals(b, { none: 1, applied: 2, "not applied": 2, stop: 1, cut: 1 })
  })

/** X1 A peer that crashes loses what it had not flushed, and nothing else. */
export const aCrashLosesWhatWasNotFlushed: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* count(a, "name", 2)
    yield* flush(a)
    yield* count(a, "name", 100)
    yield* a.crash
    yield* count(b, "name", 3)
    yield* flush(b)
    yield* world.always(assertTotals(b, { name: 5 }), "2 minutes")
  })

/** X1 A flush that is interrupted leaves what waits to the next one. */
export const anInterruptedFlushIsFlushedLater: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    for (const n of numbers(6)) {
      yield* count(a, "name")
      const flushing = yield* Effect.forkChild(flush(a), { startImmediately: true })
      if (n % 2 === 0) yield* turns
      yield* count(a, "name")
      if (n > 3) yield* world.eventually(Effect.void)
      yield* Fiber.interrupt(flushing)
    }
    yield* world.advance("1 second")
    yield* assertTotals(b, { name: 12 })
    yield* flush(a)
    yield* assertTotals(b, { name: 12 })
  })

/** X1 A peer that was silent for days with a flush unanswered counts nothing twice, and goes on. */
export const whoWasSilentForDaysCountsNothingTwice: Law = (world) =>
  Effect.gen(function* () {
    for (const [n, which] of (["applied", "not applied"] as const).entries()) {
      const a = yield* world.spawn()
      yield* count(a, which, 1)
      yield* flush(a)
      yield* count(a, which, 2)
      yield* a.loseAnswer(which)
      yield* refused(flush(a), "ConnectionLost")
      yield* a.freeze
      yield* world.advance("8 days")
      const b = yield* world.spawn()
      yield* count(b, which, 4)
      yield* flush(b)
      yield* a.thaw
      yield* count(a, which, 8)
      yield* world.advance("3 seconds")
      assert.equal((yield* totals(b))[which], n === 0 ? 15 : 13)
      yield* a.stop
      yield* b.stop
    }
  })

/** X1 D3 However the server's clock jumps, nothing counts twice and nothing that was answered is lost. */
export const aJumpingClockCountsNothingTwice: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* count(a, "name", 1)
    yield* flush(a)
    let sum = 1
    for (const jump of ["3 hours", "-9 hours", "100 days", "-101 days"] as const) {
      yield* count(a, "name", 3)
      yield* a.loseAnswer("applied")
      yield* Effect.exit(flush(a))
      yield* world.store.stepClock(jump)
      yield* count(a, "name", 4)
      sum += 7
      yield* world.advance("5 seconds")
      yield* assertTotals(b, { name: sum })
    }
  })

/** X1 D2 After the data was lost counting begins anew, and what was not answered then counts; gauges are back. */
export const whatTheStoreForgotBeginsAnew: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* Effect.all([count(a, "name", 1), gauge(a, "gauge", 7), count(b, "name", 8)])
    yield* Effect.all([flush(a), flush(b)])
    yield* count(a, "name", 2)
    yield* a.loseAnswer("applied")
    yield* refused(flush(a), "ConnectionLost")
    yield* world.store.forget
    yield* count(a, "name", 4)
    yield* world.advance("3 seconds")
    yield* assertTotals(b, { name: 6, gauge: 7 })
    yield* world.advance("1 minute")
    yield* count(b, "name", 16)
    yield* flush(b)
    yield* assertTotals(b, { name: 22, gauge: 7 })
  })

/** X1 D2 A server that lost the last flushes takes the next ones; gauges are back. */
export const whatAFailoverLostIsGoneAndNothingElse: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* count(a, "name", 1)
    yield* flush(a)
    yield* count(a, "name", 2)
    yield* gauge(a, "gauge", 7)
    yield* flush(a)
    yield* world.store.rewind(1)
    yield* assertTotals(b, { name: 1 })
    yield* world.advance("11 seconds")
    yield* assertTotals(b, { name: 1, gauge: 7 })
    yield* count(a, "name", 4)
    yield* flush(a)
    yield* assertTotals(b, { name: 5, gauge: 7 })
  })

/** X1 T17 A full server takes nothing new and loses nothing: gauges stay, what waits is flushed when there is room. */
export const onAFullServerNothingIsLost: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* count(a, "name", 1)
    yield* gauge(a, "gauge", 7)
    yield* flush(a)
    yield* world.store.full(true)
    yield* count(a, "name", 2)
    yield* refused(flush(a), "CapacityExceeded")
    yield* world.always(assertTotals(b, { name: 1, gauge: 7 }), "1 minute")
    yield* world.store.full(false)
    yield* world.advance("2 seconds")
    yield* assertTotals(b, { name: 3, gauge: 7 })
  })

/** X1 A1 A2 A flush and whoever waits behind it settle in time while the store is silent, and all of it counts afterwards. */
export const aSilentStoreHoldsNobodyUp: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* count(a, "name")
    yield* flush(a)
    yield* a.cut
    yield* count(a, "name")
    const first = yield* Effect.forkChild(Effect.exit(flush(a)))
    yield* world.advance("2 seconds")
    yield* count(a, "name")
    const second = yield* Effect.forkChild(Effect.exit(flush(a)))
    yield* world.advance("3500 millis")
    for (const fiber of [first, second]) {
      assert.ok(fiber.pollUnsafe() !== undefined)
      assert.ok(Exit.isFailure(yield* Fiber.join(fiber)))
    }
    // It counts later: nobody may be told that it never will.
    assert.equal(yield* refused(flush(a), "Unavailable"), "Unknown")
    yield* a.heal
    yield* world.advance("2 seconds")
    yield* assertTotals(b, { name: 3 })
  })

/** X1 Whatever becomes of flushes, in whatever order, the sum is what was counted, and each minute's is its own. */
export const noFaultChangesTheSum: Law = (world) =>
  Effect.gen(function* () {
    const peers = [...(yield* two(world)), yield* world.spawn({ name: "a" })]
    let sum = 0
    for (const n of numbers(40)) {
      const peer = peers[yield* Random.nextIntBetween(0, 2)]!
      yield* count(peer, `name ${n % 3}`, n)
      sum += n
      const faults = [
        ...[peer.loseAnswer("applied"), peer.loseAnswer("not applied"), peer.cut, peer.heal, peer.freeze, peer.thaw],
        ...[world.store.stop, world.store.start, world.store.full(true), world.store.full(false), turns]
      ]
      yield* faults[yield* Random.nextIntBetween(0, faults.length - 1)]!
      if (n % 4 === 0) yield* Effect.forkChild(Effect.ignore(flush(peer)), { startImmediately: true })
      yield* world.advance([0, 1, 300, 1_000, 7_000, 40_000][yield* Random.nextIntBetween(0, 5)]!)
    }
    yield* Effect.all([world.store.start, world.store.full(false), ...peers.flatMap(({ heal, thaw }) => [heal, thaw])])
    yield* world.advance("12 seconds")
    const all = yield* Effect.forEach(numbers(3), (n) => series(peers[0]!, `name ${n}`, "1 hour"))
    for (const sums of [Object.values(yield* totals(peers[1]!)), all.flat()]) assert.equal(sums.reduce(add, 0), sum)
    yield* assertAddsUp(peers[2]!)
  }).pipe(Random.withSeed(`${world.seed}`))

/** X1 A6 What is no whole number, no finite gauge or no name is a defect that says so, and counts nothing. */
export const whatCannotBeCountedIsADefect: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    for (const by of [0.5, NaN, Infinity, 2 ** 53]) yield* dies(count(a, "name", by), "Misconfigured")
    for (const value of [NaN, Infinity, -Infinity]) yield* dies(gauge(a, "name", value), "Misconfigured")
    for (const name of ["", "x".repeat(513), "\uD800"]) {
      yield* dies(count(a, name), "InvalidName")
      yield* dies(gauge(a, name, 1), "InvalidName")
      assert.equal(yield* refused(series(a, name, "1 hour"), "InvalidName"), "NotApplied")
    }
    for (const last of [0, "1441 minutes", NaN, Infinity] as const) {
      assert.equal(yield* refused(series(a, "name", last), "Misconfigured"), "NotApplied")
    }
    yield* refused(series(a, "name", "2161 hours", "1 hour"), "Misconfigured")
    yield* flush(a)
    yield* assertTotals(a, {})
  })
