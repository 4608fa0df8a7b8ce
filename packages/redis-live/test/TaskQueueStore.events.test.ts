/** The queue's store on Redis, sentence by sentence: what is pushed to whoever watches. */
import { expect, it } from "@effect/vitest"
import type { BackendError } from "@troupe/core/BackendError"
import { eventsChannel } from "@troupe/core/TaskQueueStore"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { places } from "./support/places.ts"
import type { At } from "./support/Primaries.ts"
import { dead, done, lease, make, release, retry, task } from "./support/queue.ts"

type Queue = Effect.Success<ReturnType<typeof make>>

/** Begins to watch; gives how to see the lines of the pushes since, each push's behind its number. */
const watch = Effect.fnUntraced(function* (q: Queue, watchMs = 600_000) {
  yield* q.link.subscribe([eventsChannel(q.name)])
  const from = yield* q.store.watch(q.name, watchMs)
  return Effect.map(q.heard, (heard) =>
    heard
      .filter((line) => line.startsWith("!events:"))
      .map((push) => {
        const [head = "", ...lines] = push.slice("!events:".length).split("\n")
        const [number, at] = head.split(" ").map(Number)
        expect(at).toBe(q.clock.now)
        return [Number(number) - from, ...lines.map((line) => line.replace(/^(. \d+)\.[a-z0-9]+/, "$1"))].join(" | ")
      })
  )
})

/** Whoever else holds something dies now. */
const reap = Effect.fnUntraced(function* (q: Queue, judge: ReturnType<Queue["claimer"]>) {
  yield* judge.beat()
  for (let i = 0; i < 3; i++) {
    q.clock.now += lease / 2
    yield* judge.beat()
  }
})

const tests = (at: At) => {
  const test = (name: string, run: (queue: Queue) => Effect.Effect<unknown, BackendError, Scope.Scope>) =>
    it.live(name, () => Effect.flatMap(make(at), run))

  test("what happens is pushed once for each step, under numbers that follow one another", (q) =>
    Effect.gen(function* () {
      const told = yield* watch(q)
      const worker = q.claimer("p q")
      yield* q.enqueue([task("a", { id: "a b%" }), task("b"), task("c", { due: { inMs: 10 } })])
      expect(yield* told).toEqual(["1 | E a%20b%25 | E 2 | E 3"])
      const [a, b] = (yield* worker.step({ free: 2 })).claimed
      if (a === undefined || b === undefined) throw new Error("no claims")
      expect(yield* told).toEqual(["2 | S a%20b%25 p%20q.1 1 | S 2 p%20q.1 1"])
      yield* worker.settle(retry(a, 5.5, "100 % wrong\nat line 1"), done(b))
      const message = "100%20%25%20wrong%0Aat%20line%201"
      expect(yield* told).toEqual([`3 | C 2 p%20q.1 | F a%20b%25 1 ${message} | R a%20b%25 ${q.clock.now + 6}`])
      q.clock.now += 10
      const { claimed } = yield* worker.step({ free: 2 })
      yield* worker.settle(...claimed.map((claim) => dead(claim, undefined, "Rejected")))
      expect(yield* told).toEqual([
        "4 | S a%20b%25 p%20q.1 2 | S 3 p%20q.1 1",
        "5 | F a%20b%25 2 no%20more | D a%20b%25 Rejected | F 3 1 no%20more | D 3 Rejected"
      ])
      yield* q.store.redrive(q.name, { cursor: "" })
      expect(yield* told).toEqual(["6 | E a%20b%25 | E 3"])
    }))

  test("a batch of 512 is one push, and a memory of it is none", (q) =>
    Effect.gen(function* () {
      const told = yield* watch(q)
      const entries = Array.from({ length: 512 }, (_, i) => task(`${i}`))
      yield* q.enqueue(entries, { sequence: 9 })
      yield* q.enqueue(entries, { sequence: 9 })
      yield* q.enqueue([task("a", { id: "a" }), task("b", { id: "a" })], { sequence: 10 })
      const [first, second, ...more] = yield* told
      expect(first?.split(" | ").length).toBe(513)
      expect(first?.startsWith("1 | E 1 | E 2 | ")).toBe(true)
      expect([second, more]).toEqual(["2 | E a", []])
      const worker = q.claimer("p")
      const { claimed } = yield* worker.step({ free: 100, sequence: 5 })
      yield* worker.step({ free: 100, sequence: 5 })
      yield* worker.step({ free: 0, sequence: 6, settlements: claimed.map((claim) => done(claim)) })
      expect((yield* told).map((push) => push.split(" | ").length)).toEqual([101, 101])
    }))

  test("where nobody watches nothing is pushed, and a number is left out", (q) =>
    Effect.gen(function* () {
      yield* q.link.subscribe([eventsChannel(q.name)])
      yield* q.add("a")
      expect(yield* q.heard).toEqual([])
      const told = yield* watch(q, 100)
      const from = q.clock.now * 1_000
      expect(yield* q.store.watch(q.name, 10)).toBe(from)
      q.clock.now += 99
      yield* q.add("b")
      expect(yield* told).toEqual(["1 | E 2"])
      expect(yield* q.store.watch(q.name, 1)).toBe(from + 1)
      q.clock.now += 1
      yield* q.add("c")
      expect(yield* q.heard).toEqual([])
      expect(yield* q.store.watch(q.name, 10)).toBe(q.clock.now * 1_000)
      // A clock that went back gives no number twice.
      const last = q.clock.now * 1_000
      q.clock.now += 10
      yield* q.store.watch(q.name, 1_000_000)
      q.clock.now += 1_000_000
      yield* Effect.promise(() => q.primaries.hset((key) => key.endsWith(":meta"), "watched", "0"))
      q.clock.now -= 2_000_000
      expect(yield* q.store.watch(q.name, 10)).toBe(last + 10_001)
    }))

  test("what was claimed ahead begins when it does, or is over", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      yield* q.enqueue(
        ["a", "b", "c", "d", "e", "f"].map((payload) => task(payload, payload === "f" ? { id: "f" } : {}))
      )
      const [a, b, c, d, e, f] = (yield* worker.step({ free: 1, ahead: 5 })).claimed
      if (!a || !b || !c || !d || !e || !f) throw new Error("no claims")
      const told = yield* watch(q)
      yield* worker.step({ free: 0, begun: [b.number, a.number] })
      expect(yield* told).toEqual(["1 | S 2 p.1 1"])
      const unrun = dead(e, undefined, "AttemptsExhausted", false)
      yield* worker.settle(release(d), done(c), release(b), unrun, done(f))
      expect(yield* told).toEqual(["2 | S 3 p.1 1 | C 3 p.1 | B 2 | D 5 AttemptsExhausted | S f p.1 1 | C f p.1"])
    }))

  test("who has had its runs does not begin, and its next crash is none", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      yield* q.add("a")
      yield* worker.settle(...(yield* worker.step()).claimed.map((claim) => retry(claim)))
      const told = yield* watch(q)
      expect((yield* worker.step({ maxAttempts: 1 })).claimed).toMatchObject([{ attempts: 1 }])
      const judge = q.claimer("judge")
      yield* reap(q, judge)
      expect((yield* judge.step({ maxAttempts: 1 })).claimed).toMatchObject([{ attempts: 1, crashes: 0 }])
      expect(yield* told).toEqual([])
    }))

  test("what a dead claimer had begun comes back, and so does what a departing one had", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      const judge = q.claimer("judge")
      yield* q.enqueue([task("a"), task("b", { id: "b" }), task("c")])
      yield* worker.step({ free: 2, ahead: 1 })
      const told = yield* watch(q)
      expect(yield* q.store.cancel(q.name, "b")).toBe(true)
      expect(yield* q.store.cancel(q.name, "b")).toBe(true)
      expect(yield* told).toEqual(["1 | X b"])
      yield* reap(q, judge)
      expect(yield* told).toEqual(["2 | B 1"])
      yield* judge.step()
      yield* judge.depart
      expect(yield* told).toEqual(["3 | S 1 judge.1 2", "4 | B 1"])
      for (const random of ["2", "3"]) {
        yield* q.claimer("p", random).step()
        yield* reap(q, judge)
      }
      const lines = (yield* q.heard).map((push) => push.slice(push.indexOf("\n") + 1).replace(/\.[a-z0-9]+/, ""))
      expect(lines).toEqual(["S 1 p.2 2", "B 1", "S 1 p.3 3", "D 1 PeerCrashes"])
    }))

  test("what is cancelled or purged before it ran is told, and of no dead letter that goes", (q) =>
    Effect.gen(function* () {
      const worker = q.claimer("p")
      const soon = { due: { inMs: 100 } }
      yield* q.enqueue([task("a"), task("b"), task("c", { id: "c", ...soon }), task("d", soon)])
      yield* worker.settle(...(yield* worker.step()).claimed.map((claim) => dead(claim)))
      const told = yield* watch(q)
      yield* q.store.purge(q.name, "Ready", "")
      yield* q.store.cancel(q.name, "c")
      yield* q.store.purge(q.name, "Delayed", "")
      yield* q.store.purge(q.name, "Dead", "")
      expect(yield* told).toEqual(["1 | X 2", "2 | X c", "3 | X 4"])
    }))
}

for (const { at, name, skip } of places) skip(`what a queue tells on a ${name}`, () => tests(at))
