import { BackendError } from "@troupe/core/BackendError"
import type { Link } from "@troupe/core/Link"
import { LocalPeer } from "@troupe/core/LocalPeer"
import { Wire } from "@troupe/core/Wire"
import { MemoryBackend } from "@troupe/testkit/MemoryBackend"
import * as MemoryWorld from "@troupe/testkit/MemoryWorld"
import * as World from "@troupe/testkit/World"
import { describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import { deepEqual, equal, ok, rejects } from "node:assert/strict"

/** The smallest service that shares something: a list of words, and a channel that says each of them. */
class Words extends Context.Service<
  Words,
  {
    readonly add: (word: string) => Effect.Effect<void, BackendError>
    readonly all: Effect.Effect<ReadonlyArray<string>, BackendError>
    readonly write: (words: ReadonlyArray<string>) => Effect.Effect<void, BackendError>
    readonly serverTime: Effect.Effect<number, BackendError>
    readonly run: Effect.Effect<string, BackendError>
    readonly link: Link
    readonly heard: Array<string>
  }
>()("test/Words") {}

const words = Layer.effect(
  Words,
  Effect.gen(function* () {
    const backend = yield* MemoryBackend
    const wire = yield* Wire
    const peer = yield* LocalPeer
    const state = backend.state<Array<string>>("Words", () => [])
    const heard: Array<string> = []
    const link = yield* backend.link(wire, {
      message: (_, payload) => heard.push(payload),
      lost: (channels) => heard.push(`lost ${channels}`)
    })
    const request = <A>(operation: string, adds: boolean, f: (now: number, run: string) => A) =>
      backend.request(wire, { service: "Words", operation, adds }, f)
    const add = (word: string) =>
      request("add", true, () => {
        state().push(word)
        backend.publish("words", word)
      })
    yield* Effect.addFinalizer(() =>
      Effect.andThen(Effect.sleep("10 seconds"), Effect.ignore(add(`${peer.name} leaves`)))
    )
    return {
      add,
      all: request("all", false, () => [...state()]),
      write: (words) => request("write", true, () => void state().splice(0, Infinity, ...words)),
      serverTime: request("time", false, (now) => now),
      run: request("run", false, (_, run) => run),
      link,
      heard
    }
  })
)

const law = (title: string, law: World.Law<Words>, seed = 1) =>
  it.live(title, () => World.prove(({ notes }) => MemoryWorld.make({ seed, notes, layer: () => words }), law))

/** What a law finds out in the world of each seed. */
const bySeed = <A>(seeds: number, find: (world: World.World<Words>) => Effect.Effect<A, unknown, Scope>) =>
  Effect.forEach(
    Array.from({ length: seeds }, (_, seed) => seed),
    (seed) =>
      Effect.scoped(
        Effect.flatMap(MemoryWorld.make({ seed, layer: () => words }), (world) => world.run(Effect.scoped(find(world))))
      )
  )
type Scope = import("effect/Scope").Scope

const of = (node: World.Node<Words>) => Context.get(node.context, Words)
const failure = <A>(effect: Effect.Effect<A, BackendError>) =>
  Effect.map(Effect.flip(effect), (error) => `${error.reason._tag} ${error.outcome}`)

describe("a world", () => {
  law(
    "lets a law's own calls through without time",
    Effect.fnUntraced(function* (world) {
      const a = of(yield* world.spawn())
      const b = of(yield* world.spawn())
      yield* b.link.subscribe(["words"])
      yield* a.add("one")
      deepEqual(yield* b.all, ["one"])
      yield* world.eventually(Effect.sync(() => deepEqual(b.heard, ["one"])))
      equal(yield* world.now, Date.UTC(2030, 0, 1))
      equal(yield* world.subscriptions, 1)
    })
  )

  law(
    "closes in good order by stop, and without a trace by crash",
    Effect.fnUntraced(function* (world) {
      const watcher = of(yield* world.spawn({ name: "watcher" }))
      const a = yield* world.spawn({ name: "a" })
      const b = yield* world.spawn({ name: "b" })
      yield* a.stop
      equal((yield* world.now) - Date.UTC(2030, 0, 1), 10_000)
      deepEqual(yield* watcher.all, ["a leaves"])
      yield* b.crash
      yield* world.advance("1 minute")
      deepEqual(yield* watcher.all, ["a leaves"])
      equal(yield* failure(of(b).add("from the grave")), "Unavailable NotApplied")
    })
  )

  law(
    "crashes a peer in no time, with what it had under way",
    Effect.fnUntraced(function* (world) {
      const watcher = of(yield* world.spawn())
      const a = yield* world.spawn()
      const asked = yield* Effect.forkChild(failure(of(a).add("perhaps")), { startImmediately: true })
      yield* a.crash
      equal(yield* Fiber.join(asked), "ConnectionLost Unknown")
      equal(yield* world.now, Date.UTC(2030, 0, 1))
      yield* world.advance("1 hour")
      deepEqual(
        (yield* watcher.all).filter((word) => word !== "perhaps"),
        []
      )
    })
  )

  law(
    "runs what a node runs by its own clock, random numbers and scheduler",
    Effect.fnUntraced(function* (world) {
      const a = yield* world.spawn()
      const fiber = yield* Effect.forkChild(Effect.provide(Effect.sleep("1 hour"), a.context))
      yield* a.skew("3 hours")
      equal((yield* Effect.provide(Clock.currentTimeMillis, a.context)) - (yield* world.now), 3 * 3_600_000)
      equal(yield* of(a).serverTime, yield* world.now)
      equal(yield* Effect.provide(Clock.monotonicTimeNanos, a.context), 0n)
      yield* world.advance("59 minutes")
      equal(fiber.pollUnsafe(), undefined)
      yield* world.advance("1 minute")
      ok(fiber.pollUnsafe() !== undefined)
      equal(yield* Effect.provide(Clock.monotonicTimeNanos, a.context), 3_600_000_000_000n)
    })
  )

  law(
    "wakes sleepers in the order of their time and ends exactly at its own",
    Effect.fnUntraced(function* (world) {
      const a = yield* world.spawn()
      const woken: Array<[number, number]> = []
      const begin = yield* world.now
      for (const ms of [700, 300, 500, 300, 1001]) {
        const sleeper = Effect.andThen(
          Effect.sleep(ms),
          Effect.map(world.now, (now) => woken.push([ms, now - begin]))
        )
        yield* Effect.forkChild(Effect.provide(sleeper, a.context))
      }
      yield* world.advance(1000)
      deepEqual(woken, [
        [300, 300],
        [300, 300],
        [500, 500],
        [700, 700]
      ])
      equal((yield* world.now) - begin, 1000)
    })
  )

  law(
    "freezes a node: no timer, no answer, no push; all of it at the thaw",
    Effect.fnUntraced(function* (world) {
      const a = yield* world.spawn()
      const b = of(yield* world.spawn())
      yield* of(a).link.subscribe(["words"])
      const seen: Array<string> = []
      yield* Effect.sleep("3 seconds").pipe(
        Effect.andThen(Effect.sync(() => seen.push("3 s"))),
        Effect.provide(a.context),
        Effect.forkChild
      )
      yield* Effect.sleep("2 seconds").pipe(
        Effect.andThen(Effect.sync(() => seen.push("2 s", ...of(a).heard))),
        Effect.provide(a.context),
        Effect.forkChild
      )
      const asked = yield* Effect.forkChild(of(a).add("before the freeze"), { startImmediately: true })
      yield* a.freeze
      yield* world.advance("1 minute")
      yield* b.add("during the freeze")
      yield* world.advance("1 minute")
      deepEqual(yield* b.all, ["before the freeze", "during the freeze"])
      deepEqual([seen, of(a).heard, asked.pollUnsafe()], [[], [], undefined])
      yield* a.thaw
      yield* Fiber.join(asked)
      yield* world.advance(0)
      deepEqual(
        [seen, of(a).heard],
        [
          ["2 s", "3 s"],
          ["before the freeze", "during the freeze"]
        ]
      )
    })
  )

  law(
    "cuts a node: calls hang until their deadline, then fail at once until it is healed",
    Effect.fnUntraced(function* (world) {
      const a = yield* world.spawn()
      const b = of(yield* world.spawn())
      yield* of(a).link.subscribe(["words"])
      yield* a.cut
      const hanging = yield* Effect.forkChild(failure(of(a).add("into the void")))
      yield* b.add("unheard")
      yield* world.advance(1999)
      deepEqual(of(a).heard, [])
      yield* world.advance(1)
      deepEqual(of(a).heard, ["lost words"])
      equal(yield* failure(of(a).add("too late")), "Unavailable NotApplied")
      yield* world.advance(2999)
      equal(hanging.pollUnsafe(), undefined)
      yield* world.advance(1)
      equal(yield* Fiber.join(hanging), "TimedOut Unknown")
      yield* a.heal
      yield* of(a).link.subscribe(["words"])
      yield* b.add("heard")
      yield* world.advance(0)
      deepEqual(
        [yield* b.all, of(a).heard],
        [
          ["unheard", "heard"],
          ["lost words", "heard"]
        ]
      )
    })
  )

  law(
    "tells of a short cut only where something was lost",
    Effect.fnUntraced(function* (world) {
      const a = yield* world.spawn()
      yield* of(a).link.subscribe(["words"])
      yield* a.cut
      yield* a.heal
      yield* world.advance("10 seconds")
      deepEqual(of(a).heard, [])
      yield* a.cut
      yield* of(yield* world.spawn()).add("unheard")
      yield* a.heal
      yield* world.advance(0)
      deepEqual(of(a).heard, ["lost words"])
    })
  )

  law(
    "deafens a node until it notices",
    Effect.fnUntraced(function* (world) {
      const a = yield* world.spawn()
      yield* of(a).link.subscribe(["words"])
      yield* a.deaf
      yield* of(a).add("answered")
      yield* world.advance(6999)
      deepEqual(of(a).heard, [])
      yield* world.advance(1)
      deepEqual(of(a).heard, ["lost words"])
      yield* of(a).link.subscribe(["words"])
      yield* of(a).add("heard")
      yield* world.advance(0)
      deepEqual(of(a).heard, ["lost words", "heard"])
    })
  )

  law(
    "loses an answer, of a request that was applied or was not",
    Effect.fnUntraced(function* (world) {
      const a = yield* world.spawn()
      yield* a.loseAnswer("applied")
      equal(yield* failure(of(a).add("one")), "ConnectionLost Unknown")
      yield* a.loseAnswer("not applied")
      equal(yield* failure(of(a).add("two")), "ConnectionLost Unknown")
      yield* of(a).add("three")
      deepEqual(yield* of(a).all, ["one", "three"])
    })
  )

  law(
    "stops the store, fills it, steps its clock, lets it forget",
    Effect.fnUntraced(function* (world) {
      const a = yield* world.spawn()
      yield* of(a).link.subscribe(["words"])
      yield* of(a).add("one")
      yield* world.store.stop
      equal(yield* failure(of(a).add("two")), "Unavailable NotApplied")
      yield* world.advance(0)
      deepEqual(of(a).heard, ["one", "lost words"])
      yield* world.store.start
      yield* world.store.full(true)
      equal(yield* failure(of(a).add("two")), "CapacityExceeded NotApplied")
      deepEqual(yield* of(a).all, ["one"])
      yield* world.store.stepClock("-1 hour")
      equal(yield* of(a).serverTime, Date.UTC(2029, 11, 31, 23))
      equal(yield* Effect.provide(Clock.currentTimeMillis, a.context), Date.UTC(2030, 0, 1))
      yield* world.store.forget
      deepEqual([yield* of(a).all, yield* world.keys], [[], []])
    })
  )

  law(
    "rewinds: another server takes over, without the last writes",
    Effect.fnUntraced(function* (world) {
      const a = of(yield* world.spawn())
      const run = yield* a.run
      yield* a.link.subscribe(["words"])
      for (const word of ["one", "two", "three"]) yield* a.add(word)
      yield* a.all
      yield* world.store.rewind(2)
      deepEqual(yield* a.all, ["one"])
      ok((yield* a.run) !== run)
      yield* world.advance(0)
      equal(a.heard.at(-1), "lost words")
    })
  )

  law(
    "withdraws the request of an interrupted caller",
    Effect.fnUntraced(function* (world) {
      const a = of(yield* world.spawn())
      const fiber = yield* Effect.forkChild(a.add("unwanted"), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      deepEqual(yield* a.all, [])
    })
  )

  law(
    "lets pass the time that a wait takes",
    Effect.fnUntraced(function* (world) {
      const a = yield* world.spawn()
      yield* a.cut
      equal(yield* world.complete(failure(of(a).add("into the void"))), "TimedOut Unknown")
      equal((yield* world.now) - Date.UTC(2030, 0, 1), 5000)
    })
  )

  law(
    "spends virtual time only, and fails with the last failure",
    Effect.fnUntraced(function* (world) {
      const begin = process.threadCpuUsage()
      let looks = 0
      yield* world.always(
        Effect.sync(() => void looks++),
        "30 days"
      )
      equal(looks, 2)
      const check = Effect.suspend(() => Effect.fail(`look ${++looks}`))
      yield* Effect.forkChild(Effect.sleep("10 days"))
      deepEqual(yield* Effect.exit(world.eventually(check, "30 days")), Exit.fail("look 5"))
      yield* world
        .eventually(
          Effect.suspend(() => (++looks < 8 ? Effect.die("not yet") : Effect.void)),
          "1 second"
        )
        .pipe(
          Effect.exit,
          Effect.map((exit) => ok(Exit.isFailure(exit)))
        )
      ok(process.threadCpuUsage(begin).user < 1_000_000)
    })
  )
})

describe("a seed", () => {
  const race = Effect.fnUntraced(function* (world: World.World<Words>) {
    const peers = yield* Effect.forEach(["a", "b", "c"], (name) => Effect.map(world.spawn({ name }), of))
    yield* Effect.forEach(peers, (peer, i) => Effect.forEach([1, 2, 3], (n) => peer.add(`${i}${n}`)), {
      concurrency: "unbounded"
    })
    return [yield* peers[0]!.all, yield* Effect.provide(Random.next, (yield* world.spawn()).context)]
  })

  it.live("gives one order of events, another seed another", () =>
    Effect.gen(function* () {
      const first = yield* bySeed(10, race)
      deepEqual(yield* bySeed(10, race), first)
      ok(new Set(first.map((found) => JSON.stringify(found))).size > 5)
    })
  )

  it.live("finds a lost update, and not always", () =>
    Effect.gen(function* () {
      const found = yield* bySeed(
        20,
        Effect.fnUntraced(function* (world) {
          const peers = [of(yield* world.spawn()), of(yield* world.spawn())]
          yield* Effect.forEach(
            peers,
            (peer) => Effect.flatMap(peer.all, (words) => peer.write([...words, "one more"])),
            { concurrency: "unbounded" }
          )
          return (yield* peers[0]!.all).length
        })
      )
      deepEqual([...new Set(found)].sort(), [1, 2])
    })
  )
})

const dies = (law: World.Law<Words>, why: RegExp) =>
  Effect.promise(() =>
    rejects(Effect.runPromise(World.prove(() => MemoryWorld.make({ seed: 1, layer: () => words }), law)), why)
  )

describe("a law that never ends", () => {
  it.live("dies where it waits for what never comes", () =>
    dies(() => Effect.sleep("1 second"), /waits for what time alone would bring/)
  )

  it.live("dies where its peers never come to rest", () =>
    dies(
      (world) =>
        Effect.flatMap(world.spawn(), (a) =>
          Effect.andThen(Effect.forkScoped(Effect.forever(of(a).all)), world.advance(0))
        ),
      /no rest/
    )
  )
})

describe("a law that fails", () => {
  it.live("says so though a peer that was cut off has not said its last word", () =>
    dies(
      Effect.fnUntraced(function* (world) {
        const a = yield* world.spawn()
        yield* Effect.forkScoped(Effect.onInterrupt(Effect.never, () => Effect.ignore(of(a).add("last"))))
        yield* world.advance(0)
        yield* a.cut
        return yield* Effect.die(new Error("this is why"))
      }),
      /this is why/
    )
  )
})
