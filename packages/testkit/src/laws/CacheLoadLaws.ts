/** What Cache promises of loads: who loads, who gets what was loaded, and what is never put back. */
import * as Cache from "@troupe/core/Cache"
import { BackendError } from "@troupe/core/BackendError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as assert from "node:assert/strict"
import {
  type Caches,
  costOf,
  get,
  getMany,
  type Law,
  Numbers,
  numbers,
  on,
  type Peer,
  set,
  Stale,
  three,
  two
} from "../internal/caching.ts"
import { getOrSet, loading, type Ran, times } from "../internal/loading.ts"

/** C4 However many miss at once, on however many peers, one loads and all get its answer; also where it takes longer than the lease. */
export const oneLoadsForAll: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* three(world)
    for (const seconds of [0, 1, 45]) {
      const runs: Array<Ran> = []
      const calls = peers.map((peer, n) =>
        times(20, getOrSet(peer, Numbers, `${seconds}`, loading(world, peer, runs, seconds * 1_000, Effect.succeed(n))))
      )
      const answers = yield* world.complete(Effect.all(calls, { concurrency: "unbounded" }))
      assert.equal(runs.length, 1)
      const expected = peers.findIndex(({ name }) => name === runs[0]?.peer)
      assert.deepEqual(new Set(answers.flat()), new Set([expected]))
      for (const peer of peers) assert.equal(yield* get(peer, Numbers, `${seconds}`), expected)
    }
  })

/** C4 A failure goes to those of its own peer who waited; elsewhere one tries next. */
export const aFailureStaysAtHome: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* three(world)
    const runs: Array<Ran> = []
    const ends = [Effect.fail("no"), Effect.fail("never"), Effect.succeed(3)]
    const calls = peers.map((peer, n) => {
      const load = loading(world, peer, runs, "1 second", ends[n]!)
      return Effect.delay(Effect.exit(times(5, Effect.exit(getOrSet(peer, Numbers, "key", load)))), n * 100)
    })
    const answers = yield* world.complete(Effect.all(calls, { concurrency: "unbounded" }))
    for (const [n, exits] of answers.entries()) {
      assert.ok(Exit.isSuccess(exits))
      const [first] = exits.value
      for (const exit of exits.value) assert.deepEqual(exit, first)
      if (first !== undefined && Exit.isSuccess(first)) assert.equal(first.value, 3)
      else assert.deepEqual(first, Exit.fail(["no", "never"][n]))
    }
    assert.ok(runs.every(({ peer }, i) => runs.findIndex((one) => one.peer === peer) === i))
    for (const [i, { from }] of runs.slice(1).entries()) assert.equal(from, runs[i]!.until)
    assert.equal(yield* get(peers[0], Numbers, "key"), 3)
  })

/** C4 When the loading peer crashes, one other takes over within the lease. */
export const aCrashedLoadIsTakenOver: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* three(world)
    const runs: Array<Ran> = []
    const call = (peer: typeof a, n: number) =>
      Effect.forkScoped(
        times(3, getOrSet(peer, Numbers, "key", loading(world, peer, runs, "20 seconds", Effect.succeed(n))))
      )
    yield* call(a, 1)
    yield* world.advance("1 second")
    const others = [yield* call(b, 2), yield* call(c, 3)]
    yield* world.advance("12 seconds")
    assert.equal(runs.length, 1)
    yield* a.crash
    const crashedAt = yield* world.now
    const answers = yield* world.complete(Effect.forEach(others, Fiber.join))
    assert.equal(runs.length, 2)
    assert.ok(runs[1]!.from - crashedAt <= 10_000)
    assert.equal(new Set(answers.flat()).size, 1)
  })

/** C4 What is missing of many is loaded together, each key by one peer; what no load gives stays absent. */
export const manyAreLoadedTogether: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const asked: Array<ReadonlyArray<string>> = []
    const load = (missing: ReadonlyArray<string>) =>
      Effect.sync(() => {
        asked.push(missing)
        return missing.filter((key) => key !== "none").map((key) => [key, Number(key)] as const)
      }).pipe(Effect.delay("1 second"))
    const many = (peer: typeof a, keys: ReadonlyArray<string>) =>
      on(peer, (cache) => cache.getOrSetMany(Numbers, keys, load))
    yield* set(a, Numbers, "1", -1)
    const first = yield* Effect.forkScoped(many(a, ["1", "2", "3", "2", "none"]))
    yield* world.advance(100)
    const [second, single] = yield* world.complete(
      Effect.all([many(b, ["3", "4", "5"]), getOrSet(b, Numbers, "2", Effect.succeed(9))], { concurrency: 2 })
    )
    assert.deepEqual((yield* Fiber.join(first)).map(Option.getOrUndefined), [-1, 2, 3, 2, undefined])
    assert.deepEqual([second.map(Option.getOrUndefined), single], [[3, 4, 5], 2])
    assert.deepEqual(asked, [
      ["2", "3", "none"],
      ["4", "5"]
    ])
    assert.deepEqual(yield* getMany(a, Numbers, ["2", "3", "4", "5", "none"]), [2, 3, 4, 5, undefined])
    assert.deepEqual(yield* many(a, []), [])
  })

const takers: ReadonlyArray<
  readonly [left: number | undefined, take: (cache: Cache.Service) => Effect.Effect<unknown, unknown>]
> = [
  [undefined, (cache) => cache.remove(Numbers, "key")],
  [undefined, (cache) => cache.removeMany(Numbers, ["other", "key"])],
  [undefined, (cache) => cache.take(Numbers, "key")],
  [undefined, (cache) => cache.invalidateTags(Numbers, ["tag"])],
  [undefined, (cache) => cache.clear(Numbers)],
  [undefined, (cache) => cache.set(Numbers, "key", 7, { timeToLive: 0 })],
  [7, (cache) => cache.set(Numbers, "key", 7)],
  [7, (cache) => cache.setIfAbsent(Numbers, "key", 7)],
  [7, (cache) => cache.modify(Numbers, "key", (now) => [now, Option.some(7)])]
]

/** C5 What was taken away or written while a value was being loaded stays so: the load puts nothing back. */
export const whatWasTakenAwayIsNotPutBack: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    for (const [left, take] of takers) {
      const load = loading(world, a, [], "8 seconds", Effect.succeed(1))
      const first = yield* Effect.forkScoped(getOrSet(a, Numbers, "key", load, { tags: ["tag", "other"] }))
      yield* world.advance("2 seconds")
      yield* on(b, take)
      yield* world.advance("8 seconds")
      assert.equal(yield* Fiber.join(first), 1)
      assert.deepEqual(yield* getMany(b, Numbers, ["key"]), [left])
      yield* on(b, (cache) => cache.remove(Numbers, "key"))
    }
  })

/** C5 Whoever asks after a value was taken away is not answered by a load that began before, on no peer. */
export const whoComesAfterIsNotAnsweredByIt: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    for (const [left, take] of takers) {
      const call = (peer: typeof a, value: number, lasting: (string & "20 seconds") | "1 second") =>
        Effect.forkScoped(
          getOrSet(peer, Numbers, "key", loading(world, peer, [], lasting, Effect.succeed(value)), { tags: ["tag"] })
        )
      const first = yield* call(a, 1, "20 seconds")
      yield* world.advance("5 seconds")
      const joined = yield* call(a, 2, "1 second")
      yield* world.advance("1 second")
      yield* on(b, take)
      const later = [yield* call(a, 3, "1 second"), yield* call(b, 3, "1 second"), yield* call(a, 3, "1 second")]
      yield* world.advance("2 seconds")
      for (const fiber of later) assert.deepEqual(fiber.pollUnsafe(), Exit.succeed(left ?? 3))
      yield* world.advance("20 seconds")
      assert.deepEqual([yield* Fiber.join(first), yield* Fiber.join(joined)], [1, 1])
      assert.equal(yield* get(a, Numbers, "key"), left ?? 3)
      yield* on(b, (cache) => cache.clear(Numbers))
    }
  })

/** C6 The last interested fiber's interruption interrupts the load, and others may load at once; anyone else's does not. */
export const theLastToLeaveEndsTheLoad: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    const call = (peer: typeof a) =>
      Effect.forkScoped(getOrSet(peer, Numbers, "key", loading(world, peer, runs, "20 seconds", Effect.succeed(1))))
    const [one, two_, three_] = [yield* call(a), yield* call(a), yield* call(a)]
    yield* world.advance("1 second")
    const late = yield* call(a)
    const elsewhere = yield* call(b)
    yield* world.advance("1 second")
    for (const fiber of [one, late, three_]) yield* Fiber.interrupt(fiber)
    yield* world.advance("1 second")
    assert.deepEqual(
      runs.map(({ end }) => end),
      [undefined]
    )
    yield* Fiber.interrupt(two_)
    yield* world.advance(0)
    assert.deepEqual(
      runs.map(({ end, peer }) => [end, peer]),
      [
        ["Interrupt", a.name],
        [undefined, b.name]
      ]
    )
    assert.equal(yield* world.complete(Fiber.join(elsewhere)), 1)
  })

/** C7 The old value is given at once while one peer loads the new one, which goes on whoever leaves. */
export const theOldValueIsGivenMeanwhile: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* three(world)
    const runs: Array<Ran> = []
    const ask = (peer: (typeof peers)[0], value: number) =>
      getOrSet(peer, Stale, "key", loading(world, peer, runs, "5 seconds", Effect.succeed(value)))
    yield* set(peers[0], Stale, "key", 1)
    yield* world.advance("10 seconds")
    for (const peer of [...peers, ...peers]) {
      const before = yield* world.now
      assert.deepEqual(yield* times(4, ask(peer, 2)), [1, 1, 1, 1])
      assert.equal(yield* world.now, before)
      yield* Effect.flatMap(Effect.forkScoped(ask(peer, 2), { startImmediately: true }), Fiber.interrupt)
    }
    yield* world.advance("5 seconds")
    assert.equal(runs.length, 1)
    for (const peer of peers) assert.equal(yield* ask(peer, 3), 2)
    yield* world.advance("70 minutes")
    assert.equal(yield* world.complete(ask(peers[1], 4)), 4)
  })

/** C7 Where the new one fails the old one stays; once it was removed, tagged away or cleared it is never given again. */
export const theOldValueIsGivenWhileItIsValid: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const ask = (peer: typeof a, answer: Effect.Effect<number, string>) =>
      Effect.forkScoped(getOrSet(peer, Stale, "key", loading(world, peer, [], "5 seconds", answer), { tags: ["tag"] }))
    const takers: ReadonlyArray<(cache: Cache.Service) => Effect.Effect<unknown, unknown>> = [
      (cache) => cache.remove(Stale, "key"),
      (cache) => cache.invalidateTags(Stale, ["tag"]),
      (cache) => cache.clear(Stale)
    ]
    for (const take of takers) {
      yield* set(a, Stale, "key", 1, { tags: ["tag"] })
      yield* world.advance("10 seconds")
      for (const peer of [a, b]) {
        assert.equal(yield* Effect.flatMap(ask(peer, Effect.fail("no")), Fiber.join), 1)
        yield* world.advance("6 seconds")
      }
      assert.equal(yield* Effect.flatMap(ask(a, Effect.succeed(2)), Fiber.join), 1)
      yield* on(b, take)
      const later = [yield* ask(a, Effect.succeed(3)), yield* ask(b, Effect.succeed(3))]
      assert.deepEqual(yield* world.complete(Effect.forEach(later, Fiber.join)), [3, 3])
      assert.equal(yield* get(b, Stale, "key"), 3)
    }
  })

/** C11 Without the backend each peer loads once for all who ask, at most 250 ms later, and later at once; nothing is stored. */
export const withoutTheBackendItLoads: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    for (const { away, back } of outages(world, [a, b])) {
      yield* away
      for (const patience of [250, 0]) {
        const runs: Array<Ran> = []
        const before = yield* world.now
        const calls = [a, b].map((peer, n) =>
          times(10, getOrSet(peer, Numbers, "key", loading(world, peer, runs, "1 second", Effect.succeed(n))))
        )
        const answers = yield* world.complete(Effect.all(calls, { concurrency: 2 }))
        assert.deepEqual(
          answers.map((all) => [...new Set(all)]),
          [[0], [1]]
        )
        assert.equal(runs.length, 2)
        assert.ok(
          runs.every(({ from }) => from - before <= patience),
          `after ${runs.map(({ from }) => from - before)} ms`
        )
      }
      yield* back
      yield* world.advance("10 seconds")
      assert.equal(yield* get(a, Numbers, "key"), undefined)
    }
  })

/** C11 What else is asked while the backend is away fails, and is not made up for; afterwards all is as it was. */
export const withoutTheBackendTheRestFails: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    for (const { away, back } of outages(world, [a])) {
      yield* set(b, Numbers, "kept", 1)
      yield* away
      const calls = [
        get(a, Numbers, "kept"),
        set(a, Numbers, "kept", 2),
        on(a, (cache) => cache.remove(Numbers, "kept")),
        on(a, (cache) => cache.clear(Numbers)),
        on(a, (cache) => cache.modify(Numbers, "kept", () => [0, Option.none()]))
      ]
      for (const call of calls) {
        const error = yield* world.complete(Effect.flip(call))
        assert.ok(error instanceof BackendError)
      }
      yield* back
      yield* world.advance("10 seconds")
      assert.equal(yield* get(a, Numbers, "kept"), 1)
      assert.equal(yield* getOrSet(a, Numbers, "new", Effect.succeed(5)), 5)
      assert.deepEqual(
        [yield* get(b, Numbers, "new"), yield* on(b, (cache) => cache.remove(Numbers, "new"))],
        [5, true]
      )
    }
  })

const outages = (world: Caches, peers: ReadonlyArray<Peer>) => [
  { away: world.store.stop, back: world.store.start },
  {
    away: Effect.forEach(peers, ({ cut }) => cut),
    back: Effect.forEach(peers, ({ heal }) => heal)
  }
]

/** C11 T17 What cannot be kept is given all the same: too large, no fit, or a server that takes no more. */
export const whatCannotBeKeptIsGiven: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const Texts = Cache.region("texts", { value: Schema.String, timeToLive: "1 minute" })
    const large = "x".repeat(1_048_577)
    assert.equal(yield* getOrSet(a, Texts, "key", Effect.succeed(large)), large)
    assert.equal(yield* getOrSet(b, Texts, "key", Effect.succeed("small")), "small")
    assert.equal(yield* getOrSet(a, Numbers, "half", Effect.succeed(0.5)), 0.5)
    assert.equal(yield* getOrSet(b, Numbers, "half", Effect.succeed(1)), 1)
    assert.equal(yield* getOrSet(a, Numbers, "zero", Effect.succeed(1), { timeToLive: 0 }), 1)
    yield* world.store.full(true)
    assert.equal(yield* getOrSet(a, Numbers, "full", Effect.succeed(1)), 1)
    assert.equal(yield* getOrSet(a, Numbers, "half", Effect.succeed(2)), 1)
    yield* world.store.full(false)
    assert.deepEqual(yield* getMany(a, Numbers, ["full", "half", "zero"]), [undefined, 1, undefined])
    assert.equal(yield* get(a, Texts, "key"), "small")
  })

/** C14 What does not fit is loaded anew, once, and replaced by what was loaded, unless somebody wrote meanwhile. */
export const whatDoesNotFitIsReplaced: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const Texts = Cache.region("numbers", { value: Schema.String, timeToLive: "1 minute" })
    for (const meanwhile of [undefined, 9]) {
      yield* set(a, Texts, "key", "text")
      const runs: Array<Ran> = []
      const ask = Effect.forkScoped(
        times(5, getOrSet(b, Numbers, "key", loading(world, b, runs, "2 seconds", Effect.succeed(1))))
      )
      const first = yield* ask
      yield* world.advance("1 second")
      const second = yield* ask
      yield* world.advance(0)
      if (meanwhile !== undefined) yield* set(a, Numbers, "key", meanwhile)
      const answers = yield* world.complete(Effect.forEach([first, second], Fiber.join))
      assert.deepEqual([new Set(answers.flat()), runs.length], [new Set([1]), 1])
      assert.equal(yield* get(a, Numbers, "key"), meanwhile ?? 1)
    }
  })

/** C15 A hit costs `getOrSet` one request, and a miss two more. */
export const aHitIsOneRequest: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const call = getOrSet(a, Numbers, "key", Effect.succeed(1))
    assert.equal((yield* costOf(a, call)).requests.length, 3)
    assert.equal((yield* costOf(a, call)).requests.length, 1)
    const many = yield* costOf(a, times(500, call))
    assert.ok(many.requests.length < 10)
    const cold = yield* costOf(a, times(500, getOrSet(a, Numbers, "cold", Effect.succeed(1))))
    assert.ok(cold.requests.length < 10, `${cold.requests.length}`)
  })

/** A6 What is wrong with a call of `getOrSet` is a defect that carries the error, and nothing is loaded. */
export const aBadLoadIsADefect: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const Bad = Cache.region("", { value: Schema.Int, timeToLive: 1 })
    const load = Effect.die("was loaded")
    const table = [
      ["InvalidName", getOrSet(a, Bad, "key", load)],
      ["InvalidName", getOrSet(a, Numbers, "", load)],
      ["InvalidName", getOrSet(a, Numbers, "key", load, { tags: [""] })],
      ["Misconfigured", getOrSet(a, Numbers, "key", load, { tags: numbers(65).map(String) })],
      ["Misconfigured", getOrSet(a, Numbers, "key", load, { timeToLive: Number.NaN })],
      ["InvalidName", on(a, (cache) => cache.getOrSetMany(Numbers, ["good", ""], () => load))]
    ] as const
    const { requests } = yield* costOf(
      a,
      Effect.forEach(table, ([tag, call]) =>
        Effect.map(Effect.exit<unknown, unknown, never>(call), (exit) => {
          assert.ok(Exit.isFailure(exit))
          const error = Cause.squash(exit.cause)
          assert.ok(error instanceof BackendError && error.reason._tag === tag)
        })
      )
    )
    assert.deepEqual(requests, [])
  })
