/**
 * What Cache promises of locks, as laws: `withLock` (C12, and P5, P6, D3–D5, T17 where they speak of locks). Each is tried in
 * a world (`../World.ts`), on every backend; the identifiers are those of docs/guarantees.md.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as assert from "node:assert/strict"
import { type Law, lookAlikes, numbers, on, three, two } from "../internal/caching.ts"
import { times } from "../internal/loading.ts"
import { assertFree, assertInTurn, fault, type Held, held, holding, long, tagOf, tried } from "../internal/locking.ts"

/** C12 However many fibers on however many peers want a lock, one at a time has it, and all get it. */
export const oneHoldsALockAtATime: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* three(world)
    const all: Array<Held> = []
    yield* world.complete(
      Effect.forEach(
        peers,
        (peer) => times(5, holding(world, peer, all, Effect.sleep("1 second"), { wait: "1 minute" })),
        { concurrency: "unbounded" }
      )
    )
    assert.equal(all.length, 15)
    assertInTurn(all)
  })

/** C12 P5 A2 Nor do two ever have it where paths are cut, answers and pushes lost and the store away; and it is free afterwards. */
export const oneHoldsALockAtATimeWhateverFails: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* three(world)
    const all: Array<Held> = []
    for (const [i, peer] of [...peers, ...peers].entries()) {
      const body = Effect.sleep(300 + 1_700 * i)
      const call = holding(world, peer, all, body, { timeToLive: "4 seconds", wait: `${i * 2} seconds` })
      yield* Effect.forkScoped(Effect.forever(Effect.delay(Effect.exit(call), 300 + i)))
    }
    yield* Effect.forEach(numbers(16), (round) => fault(world, peers, round), { discard: true })
    assertInTurn(all)
    assert.ok(all.length > 8 && new Set(all.map(({ peer }) => peer)).size === 3, `${all.length} times`)
  })

/** C12 Fibers of one peer exclude each other as peers do, and the store is asked once for each. */
export const fibersOfOnePeerHoldALockInTurn: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const all: Array<Held> = []
    yield* world.complete(times(9, holding(world, a, all, Effect.sleep("900 millis"))))
    assert.equal(all.length, 9)
    assertInTurn(all)
    assert.equal((yield* a.requests).length, 18)
  })

/** C12 However its body ends, the lock is free when the call has ended, and the call ends as its body did. */
export const aLockIsFreeWhenItsBodyHasEnded: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const locked = <A, E>(body: Effect.Effect<A, E>) => on(a, (c) => Effect.exit(c.withLock("lock")(body)))
    assert.deepEqual(yield* locked(Effect.succeed(1)), Exit.succeed(1))
    yield* assertFree(b)
    assert.deepEqual(yield* locked(Effect.fail("no")), Exit.fail("no"))
    yield* assertFree(b)
    assert.deepEqual(yield* locked(Effect.die("never")), Exit.die("never"))
    yield* assertFree(b)
    const running = yield* Effect.forkScoped(on(a, (c) => c.withLock("lock")(long)))
    yield* world.advance("1 second")
    assert.equal(tagOf(yield* tried(b)), "LockTimeout")
    yield* Fiber.interrupt(running)
    yield* assertFree(b)
  })

/** C12 A crashed peer's lock is free when its time is over, and not before. */
export const aCrashedPeersLockIsFreeWhenItsTimeIsOver: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const all: Array<Held> = []
    yield* held(world, a, all, "10 seconds")
    yield* world.advance("2 seconds")
    yield* a.crash
    yield* world.complete(holding(world, b, all, Effect.void))
    const after = all[1]!.from - all[0]!.from
    assert.ok(after >= 10_000 && after <= 10_100, `${after} ms`)
    assert.ok(all[1]!.fence > all[0]!.fence)
  })

/** C12 A lock is renewed for as long as its body runs, and while what the body leaves behind is tidied up. */
export const aLockIsRenewedWhileItsBodyRuns: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const tidied = yield* Deferred.make<void>()
    const body = Effect.onInterrupt(long, () => Deferred.await(tidied))
    const running = yield* Effect.forkScoped(on(a, (c) => c.withLock("lock", { timeToLive: "3 seconds" })(body)))
    yield* Effect.addFinalizer(() => Deferred.succeed(tidied, undefined))
    const isBusy = Effect.map(tried(b), (exit) => assert.equal(tagOf(exit), "LockTimeout"))
    yield* world.advance("1 minute")
    yield* isBusy
    const ended = yield* Effect.forkScoped(Fiber.interrupt(running))
    yield* world.advance("1 minute")
    yield* isBusy
    yield* Deferred.succeed(tidied, undefined)
    yield* world.complete(Fiber.join(ended))
    yield* assertFree(b)
  })

/** C12 P5 P6 A holder that is cut off stops a second before another may begin; of a short time to live, a quarter before. */
export const aHolderThatIsCutOffStopsInTime: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    for (const [timeToLive, margin] of [
      ["30 seconds", 1_000],
      ["2 seconds", 500]
    ] as const) {
      const all: Array<Held> = []
      const call = yield* held(world, a, all, timeToLive)
      yield* world.advance("17 seconds")
      yield* a.cut
      yield* world.complete(holding(world, b, all, Effect.void, { wait: "1 minute" }))
      assert.ok(all[0]!.until! <= all[1]!.from - margin, `${all[1]!.from - all[0]!.until!} ms`)
      assert.ok(all[0]!.fence < all[1]!.fence)
      assert.equal(tagOf(yield* Effect.exit(Effect.fromResult(yield* Fiber.join(call)))), "LockLost")
      yield* a.heal
      yield* world.advance("10 seconds")
    }
  })

/** C12 P6 A proof is as old as the request, however late its answer is seen. */
export const aLateAnswerProvesNoMore: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const all: Array<Held> = []
    yield* Effect.forkScoped(Effect.exit(holding(world, a, all, long)), { startImmediately: true })
    yield* a.freeze
    yield* world.advance("5 seconds")
    yield* a.thaw
    yield* world.advance("1 second")
    yield* a.cut
    yield* world.complete(holding(world, b, all, Effect.void, { wait: "1 minute" }))
    assert.deepEqual(
      all.map(({ peer }) => peer),
      [a.name, b.name]
    )
    assert.ok(all[0]!.until! <= all[1]!.from - 1_000, `${all[1]!.from - all[0]!.until!} ms`)
  })

/** C12 P6 A holder that was frozen stops with the first turn of its loop, and is refused whatever it asks. */
export const aFrozenHolderStopsWithItsFirstTurn: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const all: Array<Held> = []
    yield* held(world, a, all, "10 seconds")
    yield* world.advance("4 seconds")
    yield* a.freeze
    yield* world.complete(holding(world, b, all, Effect.void, { wait: "1 minute" }))
    const running = yield* held(world, b, all)
    yield* world.advance("5 seconds")
    assert.equal(all[0]!.until, undefined)
    yield* a.thaw
    const thawed = yield* world.now
    yield* world.advance("20 seconds")
    assert.deepEqual([all.length, all[0]!.until, all[2]!.until], [3, thawed, undefined])
    assert.ok(all[0]!.fence < all[1]!.fence && running.pollUnsafe() === undefined)
  })

/** C12 P5 A store that is away and back before the proof is old interrupts nobody. */
export const aShortOutageLosesNoLock: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const all: Array<Held> = []
    const call = yield* held(world, a, all, "30 seconds", Effect.sleep("5 minutes"))
    for (const _ of [1, 2, 3]) {
      yield* world.advance("9 seconds")
      yield* world.store.stop
      yield* world.advance("18 seconds")
      yield* world.store.start
      yield* world.advance("5 seconds")
      assert.equal(tagOf(yield* tried(b)), "LockTimeout")
    }
    assert.equal((yield* world.complete(Fiber.join(call)))._tag, "Success")
    yield* assertFree(b)
  })

/** C12 P5 While the store is away the holder stops when its proof grows old, and the body's own end is not touched by that. */
export const aLongOutageLosesALock: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const all: Array<Held> = []
    const call = yield* held(world, a, all, "30 seconds")
    const other = yield* Effect.forkScoped(
      on(b, (c) => Effect.exit(c.withLock("other")(Effect.delay(Effect.fail("mine"), "20 seconds"))))
    )
    yield* world.advance("5 seconds")
    yield* world.store.stop
    yield* world.advance("1 minute")
    assert.ok(all[0]!.until! - all[0]!.from <= 29_000, `${all[0]!.until! - all[0]!.from} ms`)
    assert.equal((yield* Fiber.join(call))._tag, "Failure")
    assert.deepEqual(yield* Fiber.join(other), Exit.fail("mine"))
    yield* world.store.start
    yield* world.advance("1 second")
    yield* assertFree(b)
  })

/** D5 Fences grow: from holder to holder, after a crash, whatever the store forgets and wherever its clock goes. */
export const lockFencesGrow: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* three(world)
    const all: Array<Held> = []
    const take = (peer: typeof a) => world.complete(holding(world, peer, all, Effect.void, { wait: "1 minute" }))
    yield* take(a)
    yield* world.store.stepClock("-1 hour")
    yield* take(a)
    yield* take(b)
    yield* world.store.forget
    yield* take(b)
    const crashed = yield* held(world, c, all)
    yield* c.crash
    yield* Fiber.join(crashed)
    yield* take(b)
    yield* world.store.stepClock("2 hours")
    yield* take(a)
    assert.equal(all.length, 7)
    for (const [i, { fence }] of all.entries()) assert.ok(i === 0 || fence > all[i - 1]!.fence, `${i}: ${fence}`)
  })

/** C12 D2 A store that has forgotten who holds a lock is told by the holder, whose body goes on where nobody was faster. */
export const aForgetfulStoreLeavesALockToItsHolder: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* three(world)
    const all: Array<Held> = []
    yield* held(world, a, all)
    yield* world.advance("1 second")
    const call = yield* Effect.forkScoped(Effect.exit(holding(world, c, all, long, undefined, "other")))
    yield* world.advance("1 second")
    yield* world.store.forget
    // The one is told first, and then the other, which has the higher fence; a third is given meanwhile.
    assert.equal(tagOf(yield* tried(b, "third")), "Success")
    yield* world.advance("1 minute")
    assert.equal(tagOf(yield* tried(b)), "LockTimeout")
    assert.equal(tagOf(yield* tried(b, "other")), "LockTimeout")
    assert.deepEqual([call.pollUnsafe(), all.length, all[0]!.until], [undefined, 2, undefined])
  })

/** C12 D2 Where somebody was faster, the one who is refused stops with its next renewal. */
export const whoIsReplacedStops: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const all: Array<Held> = []
    const call = yield* held(world, a, all)
    yield* world.store.forget
    yield* held(world, b, all)
    yield* world.advance("10.1 seconds")
    assert.equal((yield* Fiber.join(call))._tag, "Failure")
    yield* world.advance("1 minute")
    assert.deepEqual([all.length, all[1]!.until], [2, undefined])
  })

/** C12 Whoever waits is told when the lock is given back, and asks nothing in between. */
export const whoWaitsIsToldAndDoesNotPoll: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const all: Array<Held> = []
    yield* held(world, a, all, "1 day", Effect.sleep("5 minutes"))
    yield* world.complete(holding(world, b, all, Effect.void, { wait: Infinity }))
    assert.equal(all[1]!.from, all[0]!.until)
    // Two and a subscription, one when it is told, one to give it back.
    assert.deepEqual([(yield* a.requests).length, (yield* b.requests).length], [2, 5])
  })

/** C12 Whoever misses that asks when the holder's time would have been over. */
export const whoIsNotToldAsksInTime: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const all: Array<Held> = []
    yield* held(world, a, all, "10 seconds", Effect.sleep("3 seconds"))
    const waits = yield* Effect.forkScoped(holding(world, b, all, Effect.void, { wait: "1 minute" }))
    yield* world.advance("2 seconds")
    yield* b.losePush
    yield* world.advance("5 seconds")
    assert.equal(all.length, 1)
    yield* world.complete(Fiber.join(waits))
    assert.ok(all[1]!.from - all[0]!.from <= 10_100, `${all[1]!.from - all[0]!.from} ms`)
  })

/** C12 A3 An outage is waited through by whoever waits, and told at once to whoever comes. */
export const anOutageIsWaitedThrough: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const all: Array<Held> = []
    yield* held(world, a, all, "3 seconds")
    const waits = yield* Effect.forkScoped(holding(world, b, all, Effect.void, { wait: "2 minutes" }))
    yield* world.advance("1 second")
    yield* world.store.stop
    yield* world.advance("10 seconds")
    assert.equal(tagOf(yield* on(a, (c) => Effect.exit(c.withLock("other")(Effect.void)))), "BackendError")
    yield* world.store.start
    yield* world.advance("4 seconds")
    yield* Fiber.join(waits)
    assert.equal(all.length, 2)
  })

/** C12 A2 A lock whose answer is lost is asked for again, and given; where nobody wants it any more, it is given back. */
export const aLostAnswerLeavesNoLockBehind: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const all: Array<Held> = []
    yield* a.loseAnswer("applied")
    const start = yield* world.now
    yield* world.complete(holding(world, a, all, Effect.void))
    assert.ok(all[0]!.from - start <= 2_000)
    yield* a.loseAnswer("applied")
    const given = yield* Effect.forkScoped(Effect.exit(holding(world, a, all, Effect.void, { wait: 0 })))
    yield* world.advance(0)
    assert.equal(tagOf(yield* Fiber.join(given)), "BackendError")
    yield* world.advance("2 seconds")
    yield* assertFree(b)
  })

/** C12 Whoever is interrupted while it asks or waits leaves nothing behind. */
export const anInterruptedCallLeavesNoLockBehind: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const all: Array<Held> = []
    yield* a.loseAnswer("applied")
    const asks = yield* Effect.forkScoped(holding(world, a, all, long))
    yield* world.advance(0)
    yield* Fiber.interrupt(asks)
    yield* world.advance("100 millis")
    yield* assertFree(b)
    yield* held(world, b, all)
    const waits = yield* Effect.forEach([1, 2, 3], () => Effect.forkScoped(holding(world, a, all, long)))
    yield* world.advance("1 second")
    yield* Fiber.interruptAll(waits)
    yield* world.advance(0)
    const sent = (yield* a.requests).length
    yield* world.advance("1 minute")
    assert.deepEqual([all.length, (yield* a.requests).length], [1, sent])
  })

/** C12 Whoever has waited as long as it was to is told so, to the moment, and its body does not run. */
export const whoWaitsInVainIsTold: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const all: Array<Held> = []
    yield* held(world, a, all)
    for (const [peer, wait] of [
      [b, 0],
      [b, 7_000],
      [a, 0],
      [a, 7_000]
    ] as const) {
      const start = yield* world.now
      const exit = yield* world.complete(Effect.exit(holding(world, peer, all, Effect.void, { wait })))
      assert.deepEqual([tagOf(exit), (yield* world.now) - start, all.length], ["LockTimeout", wait, 1])
    }
  })

/** C12 T17 On a full server a lock is renewed and given back; one that is asked for is refused. */
export const aFullServerRenewsLocksAndFreesThem: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const all: Array<Held> = []
    const call = yield* held(world, a, all, "5 seconds", Effect.sleep("1 minute"))
    yield* world.store.full(true)
    yield* world.advance("59 seconds")
    assert.equal(all[0]!.until, undefined)
    assert.equal(tagOf(yield* tried(b, "other")), "BackendError")
    yield* world.advance("1 second")
    assert.equal((yield* Fiber.join(call))._tag, "Success")
    yield* world.store.full(false)
    yield* assertFree(b)
  })

/** C12 A4 A layer that closes interrupts whoever holds a lock of it and gives the locks back. */
export const aClosedLayerGivesItsLocksBack: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const all: Array<Held> = []
    const call = yield* held(world, a, all)
    const waits = yield* Effect.forkScoped(Effect.exit(holding(world, a, all, long)))
    yield* world.advance("1 second")
    yield* a.stop
    assert.deepEqual([(yield* Fiber.join(call))._tag, tagOf(yield* Fiber.join(waits))], ["Failure", "BackendError"])
    yield* assertFree(b)
    assert.deepEqual([all.length, all[0]!.until! - all[0]!.from], [1, 1_000])
  })

/** C12 A6 No name of a lock meets another's, nor a region. */
export const noLockMeetsAnother: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const running = yield* Effect.forEach(lookAlikes, (name) => Effect.forkScoped(on(a, (c) => c.withLock(name)(long))))
    yield* world.advance("1 second")
    for (const name of lookAlikes) assert.equal(tagOf(yield* tried(b, name)), "LockTimeout")
    yield* Fiber.interruptAll(running.slice(1))
    for (const name of lookAlikes.slice(1)) assert.equal(tagOf(yield* tried(b, name)), "Success")
    assert.equal(tagOf(yield* tried(b, lookAlikes[0])), "LockTimeout")
  })

/** C12 A lock that is asked for inside its own body is a defect that names it; another one is not, nor what is asked for later. */
export const aLockInsideItselfIsADefect: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const inside = yield* on(a, (c) =>
      c.withLock("lock")(Effect.exit(c.withLock("other")(c.withLock("lock", { wait: 0 })(Effect.void))))
    )
    assert.ok(Exit.isFailure(inside) && Cause.pretty(inside.cause).includes('lock "lock" is asked for inside'))
    const later = yield* on(a, (c) =>
      c.withLock("lock")(Effect.forkDetach(Effect.delay(c.withLock("lock")(Effect.void), "1 second")))
    )
    yield* world.advance("2 seconds")
    assert.equal(later.pollUnsafe()?._tag, "Success")
  })
