/** The queue's store on Redis, sentence by sentence: what it answers, what it keeps, whom it tells. */
import { expect, it } from "@effect/vitest"
import type { BackendError } from "@troupe/core/BackendError"
import {
  abandonedMs,
  type Beaten,
  endsChannel,
  knownMs,
  levelLane,
  peerLane,
  rememberedMs,
  type Claimed,
  type Stepped
} from "@troupe/core/TaskQueueStore"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { failure } from "./support/client.ts"
import type { At } from "./support/Primaries.ts"
import { places } from "./support/places.ts"
import { dead, done, lease, letters, make, nothing, payloads, release, retry, task } from "./support/queue.ts"

type Queue = Effect.Success<ReturnType<typeof make>>

const only = ({ claimed }: Stepped): Claimed => {
  const [claim] = claimed
  if (claim === undefined || claimed.length !== 1) throw new Error(`${claimed.length} claims`)
  return claim
}

const tests = (at: At) => {
  const test = (name: string, run: (queue: Queue) => Effect.Effect<unknown, BackendError, Scope.Scope>) =>
    it.live(name, () => Effect.flatMap(make(at), run))

  // -- enqueueing ---------------------------------------------------------------------------------------------------

  test("a batch is answered again as before, a lower one is refused", (q) =>
    Effect.gen(function* () {
      const first = yield* q.enqueue([task("a"), task("b")], { sequence: 7 })
      expect(first.map((one) => one?._tag)).toEqual(["Enqueued", "Enqueued"])
      expect(yield* q.enqueue([task("a"), task("b")], { sequence: 7 })).toEqual(first)
      expect((yield* failure(q.enqueue([task("c")], { sequence: 6 }))).reason._tag).toBe("CorruptData")
      const mixed = [task("c", { id: "x" }), task("d", { id: "x" }), task("e")]
      const second = yield* q.enqueue(mixed, { sequence: 8, maxLength: 3 })
      expect(second.map((one) => one?._tag)).toEqual(["Enqueued", "Duplicate", undefined])
      expect(yield* q.enqueue(mixed, { sequence: 8, maxLength: 3 })).toEqual(second)
      expect((yield* q.store.counts(q.name)).ready).toBe(3)
      // Another sender counts for itself; one that departed begins anew.
      yield* q.enqueue([task("f")], { sender: "another", sequence: 1 })
      yield* q.store.depart(q.name, "s")
      expect((yield* q.enqueue([task("g")], { sequence: 1 }))[0]?._tag).toBe("Enqueued")
      expect((yield* q.memos).toSorted()).toEqual(["=another", "=s"])
    }))

  test("a batch waits for the one that it follows, which is then answered as before, too", (q) =>
    Effect.gen(function* () {
      const follows = { sequence: 2, after: 1 }
      const early = yield* failure(q.enqueue([task("b")], follows))
      expect([early.reason._tag, early.outcome]).toEqual(["Busy", "NotApplied"])
      const mixed = [task("a", { id: "x" }), task("d", { id: "x" })]
      const first = yield* q.enqueue(mixed, { sequence: 1 })
      const second = yield* q.enqueue([task("b")], follows)
      expect(yield* q.enqueue(mixed, { sequence: 1 })).toEqual(first)
      expect(yield* q.enqueue([task("b")], follows)).toEqual(second)
      const third = yield* q.enqueue([task("c", { id: "x" })], { sequence: 3, after: 2 })
      expect(yield* q.enqueue([task("b")], follows)).toEqual(second)
      expect(yield* q.enqueue([task("c")], { sequence: 3, after: 2 })).toEqual(third)
      expect((yield* failure(q.enqueue(mixed, { sequence: 1 }))).reason._tag).toBe("CorruptData")
      // One that follows nothing any more says that all before it are settled.
      yield* q.enqueue([task("e")], { sequence: 4 })
      expect((yield* failure(q.enqueue([task("c")], { sequence: 3, after: 2 }))).reason._tag).toBe("CorruptData")
      expect((yield* q.store.counts(q.name)).ready).toBe(3)
    }))

  test("a sender is forgotten an hour after its last batch", (q) =>
    Effect.gen(function* () {
      yield* q.enqueue([task("a")], { sender: "old" })
      q.clock.now += rememberedMs / 2
      yield* q.enqueue([task("b")], { sender: "old" })
      q.clock.now += rememberedMs / 2
      const worker = q.claimer("p")
      yield* worker.beat()
      expect(yield* q.memos).toEqual(["=old"])
      q.clock.now += rememberedMs / 2
      yield* worker.beat()
      expect(yield* q.memos).toEqual([])
    }))

  test("ids are numbers of this life, and what is in a task comes back as it was", (q) =>
    Effect.gen(function* () {
      const [one, two] = yield* q.enqueue([
        task("line\nline 1 l=x", { lane: levelLane("high: ü"), trace: "a b 1" }),
        task("", { id: "an id ü", keepMs: 5, lane: levelLane("high: ü"), unique: { key: "k k", windowMs: 0 } })
      ])
      expect(one?.id).toMatch(/^1\.[a-z0-9]+$/)
      expect(two).toEqual({ _tag: "Enqueued", id: "an id ü" })
      const { claimed } = yield* q.claimer("p").step({ free: 5, lanes: [levelLane("high: ü")] })
      const fence = q.clock.now * 1_000
      const common = { lane: levelLane("high: ü"), enqueuedAt: q.clock.now, attempts: 0, crashes: 0 }
      expect(claimed).toEqual([
        {
          ...common,
          number: 1,
          fence,
          id: one?.id,
          payload: "line\nline 1 l=x",
          keepMs: 0,
          trace: "a b 1",
          isPlain: true
        },
        {
          ...common,
          number: 2,
          fence: fence + 1,
          id: "an id ü",
          payload: "",
          keepMs: 5,
          trace: undefined,
          isPlain: false
        }
      ])
    }))

  test("a given id is a duplicate while its task is there and an hour longer", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      const again = Effect.map(q.enqueue([task("b", { id: "x" })]), ([one]) => one)
      const both = yield* q.enqueue([task("a", { id: "x" }), task("a", { id: "x" })])
      expect(both.map((one) => one?._tag)).toEqual(["Enqueued", "Duplicate"])
      expect(yield* again).toEqual({ _tag: "Duplicate", id: "x" })
      const claim = only(yield* worker.step())
      expect((yield* again)?._tag).toBe("Duplicate")
      yield* worker.settle(dead(claim))
      expect((yield* again)?._tag).toBe("Duplicate")
      yield* q.store.redrive(q.name, { id: "x" })
      yield* worker.settle(done(only(yield* worker.step())))
      q.clock.now += knownMs - 1
      expect((yield* again)?._tag).toBe("Duplicate")
      q.clock.now += 1
      expect((yield* again)?._tag).toBe("Enqueued")
      // An id that was made is known as long as its task is there.
      const made = yield* q.add("c")
      expect((yield* q.enqueue([task("d", { id: made })]))[0]).toEqual({ _tag: "Duplicate", id: made })
    }))

  test("a unique key is held until the end, with a window longer, and not by a dead letter", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      const add = (windowMs: number) =>
        Effect.map(q.enqueue([task("a", { unique: { key: "k 1", windowMs } })]), ([one]) => one)
      const [first, second, other] = yield* q.enqueue([
        task("a", { unique: { key: "k 1", windowMs: 0 } }),
        task("b", { unique: { key: "k 1", windowMs: 0 } }),
        task("c", { id: "given", unique: { key: "k 2", windowMs: 0 } })
      ])
      expect(second).toEqual({ _tag: "Duplicate", id: first?.id })
      expect(other).toEqual({ _tag: "Enqueued", id: "given" })
      expect((yield* q.enqueue([task("d", { unique: { key: "k 2", windowMs: 0 } })]))[0]?.id).toBe("given")
      const { claimed } = yield* worker.step({ free: 2 })
      expect((yield* add(0))?._tag).toBe("Duplicate")
      yield* worker.settle(...claimed.map((claim) => done(claim)))
      const third = yield* add(1_000)
      expect(third?._tag).toBe("Enqueued")
      yield* worker.settle(done(only(yield* worker.step())))
      q.clock.now += 999
      expect(yield* add(1_000)).toEqual({ _tag: "Duplicate", id: third?.id })
      q.clock.now += 1
      expect((yield* add(0))?._tag).toBe("Enqueued")
      yield* worker.settle(dead(only(yield* worker.step())))
      expect((yield* add(0))?._tag).toBe("Enqueued")
    }))

  test("both given, the id counts first", (q) =>
    Effect.gen(function* () {
      yield* q.add("a", { id: "x" })
      yield* q.add("b", { id: "y", unique: { key: "k", windowMs: 0 } })
      const [one] = yield* q.enqueue([task("c", { id: "x", unique: { key: "k", windowMs: 0 } })])
      expect(one).toEqual({ _tag: "Duplicate", id: "x" })
    }))

  test("a queue is full at its limit: what waits or sleeps counts, what is claimed or dead does not", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      const tags = (all: ReadonlyArray<{ readonly _tag: string } | undefined>) => all.map((one) => one?._tag)
      const maxLength = 3
      yield* q.enqueue([task("a"), task("b", { due: { inMs: 5_000 }, id: "b" })], { maxLength })
      expect(tags(yield* q.enqueue([task("c"), task("d")], { maxLength }))).toEqual(["Enqueued", undefined])
      expect(tags(yield* q.enqueue([task("b", { id: "b" })], { maxLength }))).toEqual(["Duplicate"])
      const { claimed } = yield* worker.step({ free: 2 })
      expect(tags(yield* q.enqueue([task("e"), task("f"), task("g")], { maxLength }))).toEqual([
        "Enqueued",
        "Enqueued",
        undefined
      ])
      yield* worker.settle(...claimed.map((claim) => dead(claim)))
      expect(tags(yield* q.enqueue([task("h")], { maxLength }))).toEqual([undefined])
      expect(yield* q.store.counts(q.name)).toEqual({ ready: 2, delayed: 1, claimed: 0, dead: 2, isPaused: false })
    }))

  test("what is due in the past, or in no time, is ready at once; fractions are rounded up", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      yield* q.enqueue([
        task("a", { due: { at: 5 } }),
        task("b", { due: { inMs: -1 } }),
        task("c", { due: { inMs: 0 } }),
        task("d", { due: { inMs: 0.1 } }),
        task("e", { due: { at: q.clock.now + 1.5 } })
      ])
      const first = yield* worker.step({ free: 9 })
      expect([payloads(first.claimed), first.dueInMs]).toEqual(["a b c", 1])
      q.clock.now += 1
      const second = yield* worker.step({ free: 9 })
      expect([payloads(second.claimed), second.dueInMs]).toEqual(["d", 1])
      q.clock.now += 1
      expect(payloads((yield* worker.step({ free: 9 })).claimed)).toBe("e")
    }))

  // -- claiming -----------------------------------------------------------------------------------------------------

  test("a step is answered again as before, a lower one is refused, and claims nothing more", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      yield* q.enqueue([task("a"), task("b"), task("c", { id: "c", keepMs: 9 }), task("d"), task("e")])
      const [a, b] = (yield* worker.step({ free: 2 })).claimed
      if (a === undefined || b === undefined) throw new Error("no claims")
      const gone = { ...b, fence: b.fence + 100 }
      const step = { settlements: [done(a), retry(gone)], free: 1, ahead: 1, sequence: 5 }
      const first = yield* worker.step(step)
      expect([first.outcomes, payloads(first.claimed), first.ahead]).toEqual([["Settled", "Lost"], "c d", 1])
      q.clock.now += 5
      expect(yield* worker.step(step)).toEqual(first)
      expect((yield* failure(worker.step({ ...step, sequence: 4 }))).reason._tag).toBe("CorruptData")
      expect((yield* q.store.counts(q.name)).claimed).toBe(3)
      // What was cancelled meanwhile is still among them, until it is settled.
      yield* q.store.cancel(q.name, "c")
      expect(payloads((yield* worker.step(step)).claimed)).toBe("c d")
    }))

  test("lanes go in their order, a later one only when those before it have nothing", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      const lanes = [levelLane("high"), levelLane("low"), peerLane("p")]
      yield* q.enqueue([
        task("p1", { lane: peerLane("p") }),
        task("l1", { lane: levelLane("low") }),
        task("h1", { lane: levelLane("high") }),
        task("l2", { lane: levelLane("low") }),
        task("h2", { lane: levelLane("high") }),
        task("x", { lane: peerLane("another") })
      ])
      expect(payloads((yield* worker.step({ lanes, free: 1, ahead: 2 })).claimed)).toBe("h1 h2 l1")
      expect(payloads((yield* worker.step({ lanes, free: 9 })).claimed)).toBe("l2 p1")
    }))

  test("the front goes before the list, by number, and never to what is claimed ahead", (q) =>
    Effect.gen(function* () {
      const one = q.claimer("one")
      const two = q.claimer("two")
      yield* q.enqueue([task("a"), task("b"), task("c"), task("d")])
      const { claimed } = yield* one.step({ free: 3 })
      yield* one.settle(...claimed.toReversed().map(release))
      const ahead = yield* two.step({ free: 0, ahead: 2 })
      expect([payloads(ahead.claimed), ahead.ahead, ahead.isIdle]).toEqual(["", 0, false])
      const both = yield* two.step({ free: 2, ahead: 5 })
      expect([payloads(both.claimed), both.ahead]).toEqual(["a b", 0])
      const rest = yield* two.step({ free: 1, ahead: 5 })
      expect([payloads(rest.claimed), rest.ahead]).toEqual(["c d", 1])
    }))

  test("what two peers died over runs alone: one a step, where it may", (q) =>
    Effect.gen(function* () {
      yield* q.enqueue([task("a"), task("b"), task("c")])
      for (const name of ["one", "two"]) {
        yield* q.claimer(name).step({ free: 2 })
        yield* reap(q)
      }
      const worker = q.claimer("three")
      expect(payloads((yield* worker.step({ free: 9, takesSuspect: false })).claimed)).toBe("c")
      expect((yield* worker.step({ free: 0, ahead: 9 })).claimed).toEqual([])
      const first = yield* worker.step({ free: 9 })
      expect(first.claimed).toMatchObject([{ payload: "a", attempts: 2, crashes: 2, isPlain: false }])
      // Handed back it is a suspect still.
      yield* worker.settle(...first.claimed.map(release))
      expect((yield* worker.step({ takesSuspect: false })).claimed).toEqual([])
      expect(payloads((yield* worker.step({ free: 9 })).claimed)).toBe("a")
      expect(payloads((yield* worker.step({ free: 9 })).claimed)).toBe("b")
      yield* reap(q)
      expect((yield* q.store.page(q.name, "Dead", "")).tasks).toMatchObject([
        { payload: "a", reason: "PeerCrashes", lastError: "its peer went away while it ran", attempts: 3 },
        { payload: "b", reason: "PeerCrashes", attempts: 3, claimer: undefined }
      ])
      expect(yield* q.store.counts(q.name)).toMatchObject({ ready: 1, dead: 2 })
    }))

  test("only so many run at once as a key has places; the others wait, and the oldest is let go next", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      const place = { key: "k {1}", limit: 2 }
      yield* q.enqueue(["a", "b", "c", "d", "e"].map((payload) => task(payload, { place })))
      yield* q.add("f")
      const first = yield* worker.step({ free: 9 })
      expect(payloads(first.claimed)).toBe("a b f")
      expect(first.isIdle).toBe(true)
      expect(yield* q.store.counts(q.name)).toMatchObject({ ready: 3, claimed: 3 })
      const [a, b] = first.claimed
      if (a === undefined || b === undefined) throw new Error("no claims")
      // What is freed in a step can be claimed in the same.
      const second = yield* worker.step({ settlements: [done(a)], free: 9 })
      expect(payloads(second.claimed)).toBe("c")
      const third = yield* worker.step({ settlements: [retry(b, 1_000)], free: 9 })
      expect(payloads(third.claimed)).toBe("d")
      // Cancelled while it runs, a task keeps its place.
      yield* q.store.cancel(q.name, only(second).id)
      expect((yield* worker.step({ free: 9 })).claimed).toEqual([])
      const fourth = yield* worker.step({ settlements: [done(only(second))], free: 9 })
      expect([fourth.outcomes, payloads(fourth.claimed)]).toEqual([["Cancelled"], "e"])
      q.clock.now += 1_000
      expect((yield* worker.step({ free: 9 })).claimed).toEqual([])
      yield* worker.settle(release(only(third)))
      expect(payloads((yield* worker.step({ free: 9 })).claimed)).toBe("b")
    }))

  test("one that waits for a place and is cancelled lets nobody wait for ever", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      const place = { key: "k", limit: 1 }
      const [, b, c] = yield* q.enqueue(["a", "b", "c", "d"].map((payload) => task(payload, { place })))
      const a = only(yield* worker.step({ free: 9 }))
      expect(yield* q.store.cancel(q.name, c?.id ?? "")).toBe(true)
      yield* worker.settle(done(a))
      // It stands in front now.
      expect(yield* q.store.cancel(q.name, b?.id ?? "")).toBe(true)
      expect(payloads((yield* worker.step({ free: 9 })).claimed)).toBe("d")
    }))

  test("a place whose holder nobody holds is free again", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      const place = { key: "k", limit: 1 }
      yield* q.enqueue(["a", "b"].map((payload) => task(payload, { place })))
      yield* worker.step()
      yield* Effect.promise(() => q.primaries.remove((key) => key.includes(":claimed:")))
      expect(payloads((yield* q.claimer("p2").step({ free: 9 })).claimed)).toBe("b")
    }))

  test("a crashed peer's place is free once its tasks are back", (q) =>
    Effect.gen(function* () {
      const place = { key: "k", limit: 1 }
      yield* q.enqueue(["a", "b"].map((payload) => task(payload, { place })))
      yield* q.claimer("one").step({ free: 9 })
      expect((yield* q.claimer("two").step({ free: 9 })).claimed).toEqual([])
      yield* reap(q)
      expect(payloads((yield* q.claimer("three").step({ free: 9 })).claimed)).toBe("a")
    }))

  test("no more start in any span of the window than the rate allows", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      const rate = { limit: 2, windowMs: 1_000 }
      yield* q.enqueue(["a", "b", "c", "d", "e"].map((payload) => task(payload)))
      const first = yield* worker.step({ rate })
      expect([payloads(first.claimed), first.dueInMs]).toEqual(["a", undefined])
      q.clock.now += 400
      const second = yield* worker.step({ rate, free: 9 })
      expect([payloads(second.claimed), second.dueInMs]).toEqual(["b", 600])
      q.clock.now += 599
      const none = yield* worker.step({ rate, free: 9 })
      expect([none.claimed.length, none.dueInMs]).toEqual([0, 1])
      q.clock.now += 1
      const third = yield* worker.step({ rate, free: 9 })
      expect([payloads(third.claimed), third.dueInMs]).toEqual(["c", 400])
      q.clock.now += 1_000
      expect(payloads((yield* q.claimer("another").step({ rate, free: 9 })).claimed)).toBe("d e")
    }))

  test("fences grow by one from claim to claim, and never fall", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      yield* q.enqueue(["a", "b", "c"].map((payload) => task(payload)))
      const two = (yield* worker.step({ free: 2 })).claimed.map(({ fence }) => fence)
      expect(two).toEqual([q.clock.now * 1_000, q.clock.now * 1_000 + 1])
      q.clock.now -= 60_000
      expect(only(yield* worker.step()).fence).toBe((q.clock.now + 60_000) * 1_000 + 2)
      expect((yield* worker.beat()).fence).toBe((q.clock.now + 60_000) * 1_000 + 2)
    }))

  test("what sleeps comes in the order of its time, equal times in theirs, at the end of its lane", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      yield* q.enqueue([
        task("later", { due: { inMs: 20 } }),
        ...["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"].map((payload) =>
          task(payload, { due: { inMs: 10 } })
        ),
        task("first")
      ])
      q.clock.now += 30
      expect(payloads((yield* worker.step({ free: 99 })).claimed)).toBe("first a b c d e f g h i j k later")
    }))

  test("256 at most are woken at once, and there is more", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      yield* q.enqueue(Array.from({ length: 300 }, (_, i) => task(`${i}`, { due: { inMs: 10 } })))
      q.clock.now += 10
      const first = yield* worker.step({ free: 400 })
      expect([first.claimed.length, first.isMore, first.isIdle, first.dueInMs]).toEqual([256, true, false, 0])
      const second = yield* worker.step({ free: 400 })
      expect([second.claimed.length, second.isMore, second.isIdle]).toEqual([44, false, true])
    }))

  test("numbers that stand for nothing are passed over, four times at most", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      const ids = yield* q.enqueue(Array.from({ length: 10 }, (_, i) => task(`${i}`)))
      for (const one of ids.slice(0, 8)) yield* q.store.cancel(q.name, one?.id ?? "")
      const first = yield* worker.step()
      expect([first.claimed.length, first.isMore, first.isIdle]).toEqual([0, true, false])
      yield* worker.step()
      expect(payloads((yield* worker.step()).claimed)).toBe("8")
    }))

  // -- settling -----------------------------------------------------------------------------------------------------

  test("a claim is settled by its fence alone, once", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      const other = q.claimer("o")
      yield* q.enqueue([task("a"), task("b"), task("c", { keepMs: 1_000 })])
      const { claimed } = yield* worker.step({ free: 3 })
      const wrong = claimed.map((claim) => done({ ...claim, fence: claim.fence + 1 }))
      expect((yield* worker.settle(...wrong)).outcomes).toEqual(["Lost", "Lost", "Lost"])
      expect((yield* other.settle(...claimed.map((claim) => done(claim)))).outcomes).toEqual(["Lost", "Lost", "Lost"])
      const right = claimed.map((claim) => done(claim))
      expect((yield* worker.settle(...right)).outcomes).toEqual(["Settled", "Settled", "Settled"])
      expect((yield* worker.settle(...right)).outcomes).toEqual(["Lost", "Lost", "Lost"])
      expect(yield* q.store.counts(q.name)).toMatchObject({ ready: 0, claimed: 0 })
    }))

  test("a retry counts, keeps its error, and stands at the end or sleeps", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      const [a] = yield* q.enqueue([task("a"), task("b")])
      yield* worker.settle(retry(only(yield* worker.step()), 0, "first\nerror"))
      expect(yield* q.store.inspect(q.name, a?.id ?? "")).toMatchObject({
        state: "Ready",
        attempts: 1,
        lastError: "first\nerror"
      })
      const { claimed } = yield* worker.step({ free: 2 })
      expect(claimed).toMatchObject([
        { payload: "b", attempts: 0, isPlain: true },
        { payload: "a", attempts: 1, crashes: 0, isPlain: false }
      ])
      const again = claimed[1]
      if (again === undefined) throw new Error("no claim")
      const stepped = yield* worker.settle(retry(again, 99.5, ""))
      expect(stepped.dueInMs).toBe(100)
      expect(yield* q.store.inspect(q.name, a?.id ?? "")).toMatchObject({
        state: "Delayed",
        attempts: 2,
        lastError: "",
        runAt: q.clock.now + 100
      })
      q.clock.now += 100
      const last = only(yield* worker.step())
      expect(last.attempts).toBe(2)
      expect((yield* worker.settle(done(last))).outcomes).toEqual(["Settled"])
      expect((yield* q.keys).filter((key) => /attempts|errors/.test(key))).toEqual([])
    }))

  test("a dead letter keeps reason, error and time; too many and too old ones go", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      const few = { capacity: 2, timeToLiveMs: 1_000 }
      yield* q.enqueue(["a", "b", "c", "d"].map((payload) => task(payload, { id: payload })))
      for (const reason of ["Rejected", "Undecodable", "AttemptsExhausted"] as const) {
        q.clock.now += 10
        yield* worker.step({
          settlements: [dead(only(yield* worker.step()), undefined, reason)],
          free: 0,
          letters: few
        })
      }
      expect((yield* q.store.page(q.name, "Dead", "")).tasks).toMatchObject([
        { id: "b", reason: "Undecodable", attempts: 1, lastError: "no more", diedAt: q.clock.now - 10, state: "Dead" },
        { id: "c", reason: "AttemptsExhausted", diedAt: q.clock.now }
      ])
      // A letter that is gone is known for its hour.
      expect((yield* q.enqueue([task("a", { id: "a" })]))[0]?._tag).toBe("Duplicate")
      expect(yield* q.store.answer(q.name, "a", 0)).toEqual({ _tag: "Unknown" })
      expect(yield* q.store.answer(q.name, "b", 0)).toEqual({ _tag: "Dead", reason: "Undecodable", error: "no more" })
      q.clock.now += 990
      yield* worker.beat({ letters: few })
      expect((yield* q.store.page(q.name, "Dead", "")).tasks.map(({ id }) => id)).toEqual(["c"])
      q.clock.now += 10
      yield* worker.beat({ letters: few })
      expect((yield* q.store.counts(q.name)).dead).toBe(0)
    }))

  test("a dead letter that was not run again has the attempts that there were", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      yield* q.add("a")
      yield* worker.settle(retry(only(yield* worker.step())))
      yield* worker.settle(dead(only(yield* worker.step()), undefined, "AttemptsExhausted", false))
      expect((yield* q.store.page(q.name, "Dead", "")).tasks).toMatchObject([{ attempts: 1, lastError: "no more" }])
    }))

  test("answers are kept as long as they were asked for", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      const answer = (id: string) => q.store.answer(q.name, id, 0)
      const ids = yield* q.enqueue([
        task("a", { keepMs: 1_000 }),
        task("b", { keepMs: 1_000 }),
        task("c"),
        task("d", { keepMs: 2 * knownMs, id: "d" }),
        task("e", { keepMs: 1_000, id: "e" })
      ])
      const [a, b, c] = ids.map((one) => one?.id ?? "")
      if (a === undefined || b === undefined || c === undefined) throw new Error("no ids")
      expect(yield* answer(a)).toEqual({ _tag: "Waiting" })
      const { claimed } = yield* worker.step({ free: 5 })
      const [one, two, three, four, five] = claimed
      if (!one || !two || !three || !four || !five) throw new Error("no claims")
      yield* worker.settle(done(one, "x\ny"), dead(two, "no"), done(three, "lost"), done(four, "four"), dead(five))
      expect(yield* answer(a)).toEqual({ _tag: "Completed", answer: "x\ny" })
      expect(yield* q.store.inspect(q.name, a)).toMatchObject({ state: "Completed", id: a, enqueuedAt: q.clock.now })
      expect(yield* answer(b)).toEqual({ _tag: "Failed", answer: "no" })
      expect(yield* answer(c)).toEqual({ _tag: "Unknown" })
      expect(yield* answer("e")).toEqual({ _tag: "Dead", reason: "AttemptsExhausted", error: "no more" })
      q.clock.now += 999
      expect((yield* answer(a))._tag).toBe("Completed")
      q.clock.now += 1
      expect(yield* answer(a)).toEqual({ _tag: "Unknown" })
      expect(yield* q.store.inspect(q.name, a)).toBeUndefined()
      expect((yield* answer(b))._tag).toBe("Dead")
      expect(yield* q.store.inspect(q.name, "d")).toMatchObject({ state: "Completed", id: "d" })
      // Longer than the id would be known.
      q.clock.now += 1.5 * knownMs
      yield* worker.beat()
      expect(yield* answer("d")).toEqual({ _tag: "Completed", answer: "four" })
      expect((yield* q.enqueue([task("again", { id: "d" })]))[0]?._tag).toBe("Enqueued")
      expect(yield* answer("nobody")).toEqual({ _tag: "Unknown" })
      expect(yield* answer("5.")).toEqual({ _tag: "Unknown" })
    }))

  test("an end that somebody awaits is pushed, several of a step in one message", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      yield* q.link.subscribe([endsChannel(q.name)])
      const [a] = yield* q.enqueue([
        task("a", { keepMs: 9_000 }),
        task("b", { keepMs: 9_000, id: "b 1" }),
        task("c"),
        task("d", { keepMs: 9_000, id: "d" }),
        task("e", { keepMs: 9_000, id: "e" })
      ])
      const { claimed } = yield* worker.step({ free: 4 })
      const [one, two, three, four] = claimed
      if (!one || !two || !three || !four) throw new Error("no claims")
      yield* q.store.answer(q.name, "b 1", 500)
      yield* worker.settle(done(one), dead(two), done(three))
      expect(yield* q.heard).toEqual([`!ends:${a?.id} b%201`])
      yield* q.store.cancel(q.name, "e")
      expect(yield* q.heard).toEqual(["!ends:e"])
      q.clock.now += 500
      yield* worker.settle(done(four))
      expect(yield* q.heard).toEqual([])
    }))

  // -- cancelling ---------------------------------------------------------------------------------------------------

  test("what waits, sleeps or stands in front ends when it is cancelled; what is dead or gone does not", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      const cancel = (id: string) => q.store.cancel(q.name, id)
      const kept = { keepMs: 1_000 }
      yield* q.enqueue([
        task("a", { id: "a", ...kept }),
        task("b", { id: "b", due: { inMs: 50 } }),
        task("c", { id: "c" }),
        task("d", { id: "d" })
      ])
      expect(yield* cancel("a")).toBe(true)
      expect(yield* q.store.answer(q.name, "a", 0)).toEqual({ _tag: "Cancelled" })
      expect(yield* q.store.inspect(q.name, "a")).toBeUndefined()
      expect(yield* cancel("a")).toBe(false)
      expect(yield* cancel("b")).toBe(true)
      const c = only(yield* worker.step())
      yield* worker.settle(release(c))
      expect(yield* cancel("c")).toBe(true)
      yield* worker.settle(dead(only(yield* worker.step())))
      expect(yield* cancel("d")).toBe(false)
      expect(yield* cancel("nobody")).toBe(false)
      q.clock.now += 50
      expect((yield* worker.step({ free: 9 })).claimed).toEqual([])
    }))

  test("what runs is marked, its claimer is told, and it ends cancelled whatever is said of it", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      yield* worker.listen
      yield* q.enqueue([task("a", { id: "a", keepMs: 1_000 }), task("b"), task("c", { id: "c" })])
      const { claimed } = yield* worker.step({ free: 3 })
      const [a, b, c] = claimed
      if (!a || !b || !c) throw new Error("no claims")
      for (const { id } of claimed) expect(yield* q.store.cancel(q.name, id)).toBe(true)
      expect(yield* q.heard).toEqual(claimed.map(({ number }) => `${worker.id}:cancel ${number}`))
      expect(yield* q.store.cancel(q.name, "a")).toBe(true)
      expect((yield* worker.beat()).cancelled.toSorted()).toEqual([1, 2, 3])
      expect((yield* q.claimer("o").beat()).cancelled).toEqual([])
      expect(yield* q.store.answer(q.name, "a", 0)).toEqual({ _tag: "Cancelled" })
      expect((yield* worker.settle(done(a, "x"), done(b), retry(c))).outcomes).toEqual(Array(3).fill("Cancelled"))
      expect(yield* q.store.answer(q.name, "a", 0)).toEqual({ _tag: "Cancelled" })
      expect(yield* q.store.answer(q.name, "c", 0)).toEqual({ _tag: "Unknown" })
      expect((yield* worker.beat()).cancelled).toEqual([])
      expect(yield* q.store.counts(q.name)).toMatchObject({ ready: 0, claimed: 0, dead: 0 })
    }))

  // -- beats --------------------------------------------------------------------------------------------------------

  test("a lease that is over is reaped: what had begun counts, what was claimed ahead does not, what was cancelled ends", (q) =>
    Effect.gen(function* () {
      const crashed = q.claimer("one")
      yield* q.enqueue(["a", "b", "c", "d", "e"].map((payload) => task(payload, { id: payload, keepMs: 100_000 })))
      const { ahead, claimed } = yield* crashed.step({ free: 2, ahead: 2 })
      expect([payloads(claimed), ahead]).toEqual(["a b c d", 2])
      yield* crashed.step({ free: 0, begun: [3, 99] })
      yield* q.store.cancel(q.name, "b")
      const late = yield* reap(q)
      expect(late.isReady).toBe(true)
      expect(yield* q.store.answer(q.name, "b", 0)).toEqual({ _tag: "Cancelled" })
      const all = (yield* q.claimer("three").step({ free: 9 })).claimed
      expect(all.map(({ attempts, crashes, payload }) => `${payload}${attempts}${crashes}`)).toEqual([
        "a11",
        "c11",
        "d00",
        "e00"
      ])
      expect((yield* crashed.step({ settlements: claimed.map((claim) => done(claim)), free: 0 })).outcomes).toEqual(
        Array(4).fill("Lost")
      )
      expect((yield* crashed.beat()).isHeld).toBe(false)
      expect((yield* q.memos).includes("=two.1")).toBe(false)
    }))

  test("whoever beats or steps in time keeps its lease", (q) =>
    Effect.gen(function* () {
      const one = q.claimer("one")
      const two = q.claimer("two")
      yield* q.enqueue([task("a"), task("b")])
      expect((yield* one.beat()).isHeld).toBe(false)
      yield* one.step()
      yield* two.step()
      for (let i = 0; i < 10; i++) {
        q.clock.now += lease / 2
        expect((yield* one.beat()).isHeld).toBe(true)
        yield* two.step({ free: 0 })
      }
      // The very end of a lease is not over it.
      q.clock.now += lease / 2
      yield* one.beat()
      q.clock.now += lease / 2
      yield* one.beat()
      expect((yield* q.store.counts(q.name)).claimed).toBe(2)
      q.clock.now += 1
      yield* one.beat()
      expect(yield* q.store.counts(q.name)).toMatchObject({ claimed: 1, ready: 1 })
    }))

  test("after a silence or a step back of the clock nobody is judged for one lease", (q) =>
    Effect.gen(function* () {
      const judge = q.claimer("judge")
      const held = Effect.map(q.store.counts(q.name), ({ claimed }) => claimed)
      const beats = (ms: number) =>
        Effect.gen(function* () {
          for (let left = ms; left > 0; left -= 1_000) {
            q.clock.now += Math.min(left, 1_000)
            yield* judge.beat()
          }
        })
      yield* q.add("a")
      yield* judge.beat()
      yield* q.claimer("one").step()
      q.clock.now += lease / 2 + 1
      yield* judge.beat()
      yield* beats(lease - 1)
      expect(yield* held).toBe(1)
      yield* beats(1)
      expect(yield* held).toBe(0)
      yield* q.claimer("two").step()
      q.clock.now -= 1
      yield* judge.beat()
      q.clock.now += 1
      yield* beats(lease - 2)
      expect(yield* held).toBe(1)
      yield* beats(3)
      expect(yield* held).toBe(0)
    }))

  test("many claims are taken away at once and come back in pages", (q) =>
    Effect.gen(function* () {
      yield* q.enqueue(Array.from({ length: 300 }, (_, i) => task(`${i}`)))
      const crashed = q.claimer("one")
      const { claimed } = yield* crashed.step({ free: 300 })
      const judge = q.claimer("two")
      yield* reap(q, judge)
      expect(yield* q.store.counts(q.name)).toMatchObject({ claimed: 44, ready: 256 })
      expect((yield* crashed.settle(...claimed.map((claim) => done(claim)))).outcomes).toEqual(Array(300).fill("Lost"))
      // It is cancelled where it lies.
      expect(yield* q.store.cancel(q.name, (yield* q.store.page(q.name, "Claimed", "")).tasks[0]?.id ?? "")).toBe(true)
      expect((yield* judge.beat()).isMore).toBe(false)
      expect(yield* q.store.counts(q.name)).toMatchObject({ claimed: 0, ready: 299 })
    }))

  test("several queues and claimers beat together", (q) =>
    Effect.gen(function* () {
      const one = q.claimer("one")
      const two = q.claimer("one", "2")
      yield* q.add("a", { id: "a" })
      yield* q.store.enqueue("other", { sender: "s", sequence: 1, after: 0, maxLength: 9, entries: [task("o")] })
      yield* two.step()
      yield* q.store.cancel(q.name, "a")
      const common = { leaseMs: lease, lanes: one.lanes, letters, ...nothing }
      const all = yield* q.store.beat([
        { queue: q.name, claimer: one.id, ...common },
        { queue: "other", claimer: one.id, ...common },
        { queue: q.name, claimer: two.id, ...common }
      ])
      expect(all.map(({ cancelled, isHeld, isReady }) => [isHeld, isReady, cancelled])).toEqual([
        [false, false, []],
        [false, true, []],
        [true, false, [1]]
      ])
      expect(yield* q.store.beat([])).toEqual([])
    }))

  test("what waits for a peer that is away goes to everyone after an hour, and not while it works", (q) =>
    Effect.gen(function* () {
      const lane = peerLane("away: 1")
      const worker = q.claimer("p")
      yield* worker.beat()
      yield* q.enqueue([
        task("a", { lane }),
        task("b", { lane }),
        task("later", { lane, due: { inMs: 3 * abandonedMs } })
      ])
      const away = q.claimer("away: 1")
      const ready = Effect.map(worker.beat(), ({ isReady }) => isReady)
      const pass = (ms: number, together: Effect.Effect<unknown, BackendError>) =>
        Effect.gen(function* () {
          for (let left = ms; left > 0; left -= lease / 2) {
            q.clock.now += Math.min(left, lease / 2)
            yield* together
          }
        })
      yield* pass(abandonedMs - 1, Effect.andThen(worker.beat(), away.beat()))
      yield* pass(abandonedMs - 1, worker.beat())
      expect(yield* ready).toBe(false)
      expect((yield* worker.step({ free: 9 })).claimed).toEqual([])
      yield* pass(2, worker.beat())
      const claimed = (yield* worker.step({ free: 9 })).claimed
      expect(claimed).toMatchObject([
        { payload: "a", lane: "l" },
        { payload: "b", lane: "l" }
      ])
      expect((yield* q.keys).includes(":names")).toBe(false)
      // What slept meanwhile waits for it still.
      q.clock.now += abandonedMs
      expect((yield* worker.step({ free: 9 })).claimed).toEqual([])
      expect((yield* q.store.counts(q.name)).ready).toBe(1)
      expect(payloads((yield* away.step({ free: 9 })).claimed)).toBe("later")
    }))

  test("whoever departs leaves nothing, and what it held is back uncounted", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      yield* q.enqueue([task("a"), task("b"), task("c", { id: "c" })])
      yield* worker.step({ free: 3 })
      yield* q.store.cancel(q.name, "c")
      yield* worker.depart
      yield* q.store.depart(q.name, "s")
      expect(yield* q.memos).toEqual([])
      const other = q.claimer("o")
      const { claimed } = yield* other.step({ free: 9 })
      expect(claimed).toMatchObject([
        { payload: "a", attempts: 0, crashes: 0 },
        { payload: "b", attempts: 0 }
      ])
      yield* other.settle(...claimed.map((claim) => done(claim)))
      yield* other.depart
      q.clock.now += knownMs
      yield* q.claimer("x").beat()
      expect(yield* q.keys).toEqual([":meta"])
      expect(yield* q.memos).toEqual([])
    }))

  test("progress is written by whoever holds the task", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      const id = yield* q.add("a")
      const claim = only(yield* worker.step())
      expect(yield* q.store.progress(q.name, worker.id, claim, "half")).toBe(true)
      expect(yield* q.store.progress(q.name, "other.1", claim, "no")).toBe(false)
      expect(yield* q.store.progress(q.name, worker.id, { ...claim, fence: claim.fence - 1 }, "no")).toBe(false)
      expect(yield* q.store.inspect(q.name, id)).toEqual({
        number: 1,
        id,
        state: "Claimed",
        payload: "a",
        attempts: 0,
        enqueuedAt: q.clock.now,
        runAt: undefined,
        claimer: worker.id,
        lastError: undefined,
        progress: "half",
        reason: undefined,
        diedAt: undefined
      })
      yield* worker.settle({ ...done(claim), hasProgress: true })
      expect((yield* q.keys).includes(":progress")).toBe(false)
      expect(yield* q.store.progress(q.name, worker.id, claim, "late")).toBe(false)
    }))

  // -- looking ------------------------------------------------------------------------------------------------------

  test("pages show every task of a state once", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      const all = (state: "Ready" | "Delayed" | "Claimed" | "Dead") =>
        Effect.gen(function* () {
          const seen: Array<number> = []
          let cursor = ""
          let pages = 0
          do {
            const page = yield* q.store.page(q.name, state, cursor)
            for (const task of page.tasks) {
              expect(task.state).toBe(state)
              seen.push(task.number)
            }
            cursor = page.cursor
            pages += 1
          } while (cursor !== "" && pages < 50)
          return seen
        })
      const numbers = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i)
      yield* q.enqueue(numbers(1, 300).map((i) => task(`${i}`)))
      yield* worker.settle(...(yield* worker.step({ free: 300 })).claimed.map((claim) => dead(claim)))
      yield* q.enqueue(numbers(301, 300).map((i) => task(`${i}`)))
      yield* worker.step({ free: 150 })
      yield* q.claimer("o").step({ free: 150 })
      yield* q.enqueue(numbers(601, 300).map((i) => task(`${i}`, { due: { inMs: 10 } })))
      yield* q.enqueue(numbers(901, 300).map((i) => task(`${i}`)))
      expect(yield* q.store.counts(q.name)).toEqual({
        ready: 300,
        delayed: 300,
        claimed: 300,
        dead: 300,
        isPaused: false
      })
      expect(yield* all("Dead")).toEqual(numbers(1, 300))
      expect((yield* all("Claimed")).toSorted((a, b) => a - b)).toEqual(numbers(301, 300))
      expect(yield* all("Delayed")).toEqual(numbers(601, 300))
      expect([...new Set(yield* all("Ready"))].toSorted((a, b) => a - b)).toEqual(numbers(901, 300))
    }))

  test("redriven letters begin anew; one whose key is taken stays", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      const unique = { key: "k", windowMs: 0 }
      yield* q.enqueue([task("a", { id: "a", unique, keepMs: 9_000 }), task("b", { id: "b" }), task("c", { id: "c" })])
      const { claimed } = yield* worker.step({ free: 3 })
      yield* worker.settle(...claimed.map((claim) => dead(claim, "no")))
      expect((yield* q.store.answer(q.name, "a", 0))._tag).toBe("Failed")
      const taker = yield* q.add("taker", { unique })
      expect(yield* q.store.redrive(q.name, { id: "a" })).toEqual({ count: 0, cursor: "" })
      expect(yield* q.store.redrive(q.name, { id: "nobody" })).toEqual({ count: 0, cursor: "" })
      expect(yield* q.store.redrive(q.name, { cursor: "" })).toEqual({ count: 2, cursor: "" })
      yield* q.store.cancel(q.name, taker)
      yield* worker.listen
      yield* worker.step({ free: 9 })
      yield* q.heard
      expect(yield* q.store.redrive(q.name, { id: "a" })).toEqual({ count: 1, cursor: "" })
      expect(yield* q.heard).toEqual([`${worker.id}:work`])
      expect(yield* q.store.answer(q.name, "a", 0)).toEqual({ _tag: "Waiting" })
      expect((yield* q.enqueue([task("x", { unique })]))[0]).toEqual({ _tag: "Duplicate", id: "a" })
      expect(yield* worker.step()).toMatchObject({ claimed: [{ id: "a", attempts: 0, crashes: 0 }] })
      expect((yield* q.store.inspect(q.name, "a"))?.lastError).toBeUndefined()
    }))

  test("a redrive of many goes by pages, and not over what dies again meanwhile", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      yield* q.enqueue(Array.from({ length: 200 }, (_, i) => task(`${i}`)))
      yield* worker.settle(...(yield* worker.step({ free: 200 })).claimed.map((claim) => dead(claim)))
      const first = yield* q.store.redrive(q.name, { cursor: "" })
      expect(first.count).toBe(128)
      q.clock.now += 1
      yield* worker.settle(...(yield* worker.step({ free: 200 })).claimed.map((claim) => dead(claim)))
      expect(yield* q.store.redrive(q.name, { cursor: first.cursor })).toEqual({ count: 72, cursor: "" })
    }))

  test("a purge ends what waits, sleeps or is dead, page by page", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      const purge = (state: "Ready" | "Delayed" | "Dead") =>
        Effect.gen(function* () {
          let cursor = ""
          let sum = 0
          do {
            const page = yield* q.store.purge(q.name, state, cursor)
            expect(page.count).toBeLessThanOrEqual(128)
            sum += page.count
            cursor = page.cursor
          } while (cursor !== "")
          return sum
        })
      const some = (count: number, more: Parameters<typeof task>[1] = {}) =>
        q.enqueue(Array.from({ length: count }, (_, i) => task(`${i}`, more)))
      yield* some(150)
      yield* worker.settle(...(yield* worker.step({ free: 150 })).claimed.map((claim) => dead(claim)))
      const place = { key: "k", limit: 1 }
      yield* some(5, { place })
      yield* worker.step({ free: 9 })
      yield* some(150, { due: { inMs: 9 } })
      yield* some(300, { place })
      yield* q.add("x", { id: "x", keepMs: 1_000 })
      expect(yield* purge("Ready")).toBe(305)
      expect(yield* q.store.answer(q.name, "x", 0)).toEqual({ _tag: "Cancelled" })
      expect(yield* purge("Delayed")).toBe(150)
      expect(yield* purge("Dead")).toBe(150)
      expect(yield* q.store.counts(q.name)).toEqual({ ready: 0, delayed: 0, claimed: 1, dead: 0, isPaused: false })
    }))

  // -- waking -------------------------------------------------------------------------------------------------------

  test("whoever got less than it asked for is idle, and as many are woken as there is to do, the longest idle first", (q) =>
    Effect.gen(function* () {
      const claimers = ["a", "b", "c"].map((name) => q.claimer(name))
      for (const claimer of claimers) {
        yield* claimer.listen
        expect((yield* claimer.step()).isIdle).toBe(true)
        q.clock.now += 1
      }
      yield* q.enqueue([task("1"), task("2")])
      expect(yield* q.heard).toEqual(["a.1:work", "b.1:work"])
      yield* q.add("3")
      expect(yield* q.heard).toEqual(["c.1:work"])
      yield* q.add("4")
      expect(yield* q.heard).toEqual([])
      // It leaves them once it has enough, or asks for nothing.
      const [a, b] = claimers
      if (a === undefined || b === undefined) throw new Error("no claimers")
      expect((yield* a.step({ free: 9 })).claimed.length).toBe(4)
      expect((yield* a.step({ free: 0 })).isIdle).toBe(false)
      yield* b.step()
      yield* q.enqueue([task("5"), task("6")])
      expect(yield* q.heard).toEqual(["b.1:work"])
    }))

  test("what a step leaves is for others that are idle; what waits for a peer is told to its name", (q) =>
    Effect.gen(function* () {
      const busy = q.claimer("busy")
      const idle = q.claimer("idle")
      yield* idle.listen
      yield* q.enqueue([task("1"), task("2")])
      const { claimed } = yield* busy.step({ free: 2 })
      yield* idle.step()
      yield* busy.step({ settlements: claimed.map(release), free: 1 })
      expect(yield* q.heard).toEqual(["idle.1:work"])
      expect((yield* busy.step({ free: 9 })).claimed.length).toBe(1)
      yield* q.add("3", { lane: peerLane("idle") })
      expect(yield* q.heard).toEqual(["@idle:work"])
    }))

  test("a claimer that departs wakes others, and so does one that is reaped", (q) =>
    Effect.gen(function* () {
      const idle = q.claimer("idle")
      yield* idle.listen
      yield* q.add("1")
      const one = q.claimer("one")
      yield* one.step()
      yield* idle.step()
      yield* one.depart
      expect(yield* q.heard).toEqual(["idle.1:work"])
      yield* q.claimer("two").step()
      yield* idle.step()
      yield* reap(q, idle)
      expect(yield* q.heard).toEqual(["idle.1:work"])
    }))

  test("a new earliest sleeper wakes one idle claimer, and not the one that made it", (q) =>
    Effect.gen(function* () {
      const one = q.claimer("one")
      const two = q.claimer("two")
      yield* one.listen
      yield* two.listen
      yield* q.add("1")
      const claim = only(yield* one.step())
      yield* one.step()
      q.clock.now += 1
      yield* two.step()
      yield* one.step({ settlements: [retry(claim, 5_000)] })
      expect(yield* q.heard).toEqual(["two.1:work"])
      yield* q.add("2", { due: { inMs: 6_000 } })
      expect(yield* q.heard).toEqual([])
      yield* q.add("3", { due: { inMs: 4_000 } })
      expect(yield* q.heard).toEqual(["one.1:work"])
    }))

  test("idle claimers do not wake each other over what none of them may take", (q) =>
    Effect.gen(function* () {
      const one = q.claimer("one")
      const two = q.claimer("two")
      yield* one.listen
      yield* two.listen
      yield* one.step()
      yield* two.step()
      yield* q.store.pause(q.name, true)
      yield* q.enqueue([task("1"), task("2")])
      expect(yield* q.heard).toEqual([])
      for (let i = 0; i < 3; i++) {
        expect(yield* one.step()).toMatchObject({ isPaused: true, isIdle: true, claimed: [] })
        yield* two.step()
      }
      expect(yield* q.heard).toEqual([])
      const rate = { limit: 1, windowMs: 1_000 }
      yield* q.store.pause(q.name, false)
      yield* q.heard
      yield* one.step({ rate })
      for (let i = 0; i < 3; i++) {
        yield* one.step({ rate })
        yield* two.step({ rate })
      }
      expect(yield* q.heard).toEqual([])
    }))

  test("while paused nothing is claimed, and settling and waking go on; a resume wakes all that are idle", (q) =>
    Effect.gen(function* () {
      const busy = q.claimer("busy")
      const idle = q.claimer("idle")
      yield* busy.listen
      yield* idle.listen
      yield* q.enqueue([task("1"), task("2", { due: { inMs: 10 } })])
      const claim = only(yield* busy.step())
      yield* idle.step()
      yield* q.store.pause(q.name, true)
      expect(yield* q.heard).toEqual(["busy.1:pause"])
      expect((yield* q.store.counts(q.name)).isPaused).toBe(true)
      expect((yield* idle.beat()).isPaused).toBe(true)
      q.clock.now += 10
      const paused = yield* busy.step({ settlements: [done(claim)] })
      expect(paused).toMatchObject({ outcomes: ["Settled"], claimed: [], isPaused: true, isIdle: true })
      expect(yield* q.store.counts(q.name)).toMatchObject({ ready: 1, delayed: 0 })
      yield* q.store.pause(q.name, false)
      expect((yield* q.heard).toSorted()).toEqual(["busy.1:work", "idle.1:work"])
      expect(payloads((yield* idle.step()).claimed)).toBe("2")
    }))

  // -- what is left, and what is lost -------------------------------------------------------------------------------

  test("when all has ended, everyone has gone and nothing is kept any more, only the meta is left", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      const other = q.claimer("o")
      const all = {
        id: "x",
        unique: { key: "u", windowMs: 5_000 },
        place: { key: "k", limit: 1 },
        keepMs: 5_000,
        trace: "a b 1"
      }
      yield* q.enqueue([
        task("1"),
        task("2", all),
        task("3", { ...all, id: "y", unique: { key: "u2", windowMs: 0 } }),
        task("4", { lane: peerLane("p") }),
        task("5", { due: { inMs: 20 } })
      ])
      const rate = { limit: 99, windowMs: 10_000 }
      const run: (most: number) => Effect.Effect<void, BackendError> = Effect.fnUntraced(function* (most) {
        const { claimed } = yield* worker.step({ free: 9, rate })
        for (const claim of claimed) {
          yield* q.store.progress(q.name, worker.id, claim, "x")
          const settlement = claim.attempts > 0 ? done(claim) : retry(claim, 5)
          yield* worker.settle({ ...settlement, hasProgress: true })
        }
        q.clock.now += 10
        if (most > 0) yield* run(most - 1)
      })
      yield* run(10)
      yield* other.step({ rate })
      expect(yield* q.store.counts(q.name)).toMatchObject({ ready: 0, delayed: 0, claimed: 0 })
      yield* worker.depart
      yield* other.depart
      yield* q.store.depart(q.name, "s")
      expect(yield* q.keys).toEqual([":expiring", ":ids", ":meta", ":results", ":starts", ":unique"])
      q.clock.now += knownMs
      yield* q.claimer("x").beat()
      expect(yield* q.keys).toEqual([":meta"])
      expect(yield* q.memos).toEqual([])
    }))

  test("where the data is forgotten everything begins anew, and old claims are lost", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      const before = yield* q.add("a")
      const claim = only(yield* worker.step())
      yield* Effect.promise(() => q.primaries.removeAll())
      expect((yield* worker.beat()).isHeld).toBe(false)
      expect(yield* q.store.answer(q.name, before, 0)).toEqual({ _tag: "Unknown" })
      const after = yield* q.add("b")
      expect(after.startsWith("1.")).toBe(true)
      const next = yield* worker.step({ settlements: [done(claim)] })
      expect(next.outcomes).toEqual(["Lost"])
      q.clock.now += 1
      expect(only(next).number).toBe(1)
    }))

  test("data of a newer format is refused and left as it is", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      yield* q.enqueue([task("a"), task("b")])
      yield* Effect.promise(() => q.primaries.hset((key) => key.endsWith(":tasks"), "1", "2 what?\na"))
      const first = yield* worker.step({ free: 9 })
      expect([payloads(first.claimed), first.isMore]).toEqual(["b", false])
      const id = only(first).id.replace("2.", "1.")
      expect((yield* failure(q.store.inspect(q.name, id))).reason._tag).toBe("CorruptData")
      expect((yield* failure(q.store.cancel(q.name, id))).reason._tag).toBe("CorruptData")
      expect((yield* q.store.counts(q.name)).ready).toBe(1)
      yield* Effect.promise(() => q.primaries.hset((key) => key.endsWith(":meta"), "format", "2"))
      const calls = [
        q.enqueue([task("c")]),
        worker.step(),
        worker.depart,
        q.store.counts(q.name),
        q.store.page(q.name, "Ready", ""),
        q.store.purge(q.name, "Ready", ""),
        q.store.pause(q.name, true),
        q.store.answer(q.name, id, 0)
      ]
      for (const call of calls) {
        expect((yield* failure(Effect.asVoid<unknown, BackendError, never>(call))).reason._tag).toBe("CorruptData")
      }
      // The heartbeat of other queues does not hang on it.
      expect(yield* worker.beat()).toMatchObject({ isHeld: false, fence: 0 })
    }))
}

/** Whoever holds something dies now: time passes until `judge`, or a peer that comes for it, reaps it. */
const reap: (q: Queue, judge?: ReturnType<Queue["claimer"]>) => Effect.Effect<Beaten, BackendError> = Effect.fnUntraced(
  function* (q, judge = q.claimer("reaper")) {
    yield* judge.beat()
    for (let i = 0; i < 2; i++) {
      q.clock.now += lease / 2
      yield* judge.beat()
    }
    q.clock.now += 1
    return yield* judge.beat()
  }
)

for (const { at, name, skip } of places) skip(`the queue's store on a ${name}`, () => tests(at))
