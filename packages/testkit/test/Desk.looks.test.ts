/** The queue in memory, as a state machine: what is told of it, and what is done to it from outside. */
import { describe, expect, it } from "@effect/vitest"
import { dead, done, entry, hour, payloads, Play, retry } from "./support/Play.ts"

const states = ["Ready", "Delayed", "Claimed", "Dead"] as const

/** So many, with their numbers for payloads. */
const many = (count: number, given: Parameters<typeof entry>[1] = {}) =>
  Array.from({ length: count }, (_, n) => entry(`${n}`, given))

describe("cancelling", () => {
  it("ends what waits, sleeps or has no place", () => {
    const play = new Play()
    const place = { key: "k", limit: 1 }
    play.enqueue(
      entry("ready", { keepMs: 100 }),
      entry("sleeping", { due: { inMs: 10 }, keepMs: 100 }),
      entry("running", { place, lane: "lother" }),
      entry("waiting", { place, lane: "lother" }),
      entry("front", { lane: "lfront" })
    )
    play.claim("p.1", 5, { lanes: ["lother"] })
    play.claim("p.2", 5, { lanes: ["lfront"] })
    play.depart("p.2")
    for (const number of [1, 2, 4, 5]) {
      expect(play.cancel(`${number}.life`)).toBe(true)
      expect(play.cancel(`${number}.life`)).toBe(false)
      expect(play.inspect(`${number}.life`)).toBeUndefined()
    }
    expect(play.counts).toEqual([0, 0, 1, 0])
    expect([play.answer("1.life")._tag, play.answer("2.life")._tag]).toEqual(["Cancelled", "Cancelled"])
    expect(play.answer("4.life")._tag).toBe("Unknown")
    play.now += 101
    expect(play.answer("1.life")._tag).toBe("Unknown")
  })

  it("tells the claimer of what runs, which then never completes", () => {
    const play = new Play()
    play.enqueue(entry("a", { id: "x" }))
    const claim = play.one("p.1")
    expect([play.cancel("x"), play.cancel("x")]).toEqual([true, true])
    expect(play.heard()).toEqual(["p.1 cancel 1", "p.1 cancel 1"])
    expect(play.answer("x")).toEqual({ _tag: "Cancelled" })
    expect(play.inspect("x")?.state).toBe("Claimed")
    expect(play.beat("p.1").cancelled).toEqual([1])
    expect(play.settle("p.1", done(claim))).toEqual(["Cancelled"])
    expect(play.cancel("x")).toBe(false)
  })

  it("does nothing to a dead letter or to nobody", () => {
    const play = new Play()
    play.enqueue(entry("a", { id: "x" }))
    play.settle("p.1", dead(play.one("p.1")))
    expect([play.cancel("x"), play.cancel("y"), play.cancel("1.life")]).toEqual([false, false, false])
    expect(play.counts).toEqual([0, 0, 0, 1])
  })

  it("frees the key", () => {
    const play = new Play()
    play.enqueue(entry("a", { unique: { key: "k", windowMs: 0 } }))
    play.cancel("1.life")
    expect(play.enqueue(entry("b", { unique: { key: "k", windowMs: 0 } }))).toEqual(["Enqueued 2.life"])
  })
})

describe("what is told", () => {
  it("of an answer: waiting, or how it ended", () => {
    const play = new Play()
    play.enqueue(entry("a", { due: { inMs: 5 } }), entry("b", { keepMs: 10 }))
    expect([play.answer("1.life"), play.answer("2.life"), play.answer("3.life"), play.answer("x")]).toEqual([
      { _tag: "Waiting" },
      { _tag: "Waiting" },
      { _tag: "Unknown" },
      { _tag: "Unknown" }
    ])
    const claim = play.one("p.1")
    expect(play.answer("2.life")._tag).toBe("Waiting")
    play.settle("p.1", done(claim, "yes"))
    expect(play.answer("2.life")).toEqual({ _tag: "Completed", answer: "yes" })
  })

  it("to whoever awaits an end: in one message a step, and only while somebody does", () => {
    const play = new Play()
    const ended = () => play.heard().filter((text) => text.startsWith("!"))
    const keepMs = hour
    play.enqueue(...many(4, { keepMs }), entry("not kept"), entry("named", { keepMs, id: "a b" }))
    const claims = play.claim("p.1", 6)
    play.answer("77.life", 1_000)
    play.answer("1.life", 0)
    expect(play.desk.awaited).toBe(0)
    play.answer("1.life", 100)
    play.answer("1.life", 50)
    expect(play.desk.awaited).toBe(play.now + 100)
    const [a, b, c, d, plain, named] = claims
    if (!a || !b || !c || !d || !plain || !named) return expect.unreachable()
    play.now += 99
    play.settle("p.1", done(a), retry(b, 1_000), dead(c), done(plain), done(named))
    expect(ended()).toEqual(["! 1.life 3.life a%20b"])
    play.cancel("2.life")
    expect(ended()).toEqual(["! 2.life"])
    play.purge("Dead")
    expect(ended()).toEqual([])
    play.now += 1
    play.settle("p.1", done(d))
    expect(ended()).toEqual([])
  })

  it("to whoever awaits what a crash or a purge has ended", () => {
    const play = new Play()
    play.enqueue(...many(2, { keepMs: hour }))
    play.one("p.1")
    play.answer("1.life", hour)
    play.cancel("1.life")
    play.purge("Ready")
    play.heard()
    expect(play.answer("2.life")).toEqual({ _tag: "Cancelled" })
    play.crash("p.1", "p.2")
    expect(play.heard()).toEqual(["! 1.life"])
  })

  it("of a task in each state", () => {
    const play = new Play()
    play.enqueue(entry("a"), entry("b", { due: { inMs: 5 } }), entry("c", { lane: "lc" }), entry("d", { lane: "ld" }))
    const c = play.one("p.1", { lanes: ["lc"] })
    const d = play.one("p.1", { lanes: ["ld"] })
    expect(play.progress("p.1", c, "half")).toBe(true)
    play.settle("p.1", dead(d))
    const blank = {
      attempts: 0,
      enqueuedAt: play.now,
      runAt: undefined,
      claimer: undefined,
      lastError: undefined,
      progress: undefined,
      reason: undefined,
      diedAt: undefined
    }
    expect(["1.life", "2.life", "3.life", "4.life"].map((id) => play.inspect(id))).toEqual([
      { ...blank, id: "1.life", state: "Ready", payload: "a" },
      { ...blank, id: "2.life", state: "Delayed", payload: "b", runAt: play.now + 5 },
      { ...blank, id: "3.life", state: "Claimed", payload: "c", claimer: "p.1", progress: "half" },
      {
        ...blank,
        id: "4.life",
        state: "Dead",
        payload: "d",
        attempts: 1,
        lastError: "dead",
        reason: "AttemptsExhausted",
        diedAt: play.now
      }
    ])
    expect(play.counts).toEqual([1, 1, 1, 1])
    expect(states.map((state) => play.list(state))).toEqual([["a"], ["b"], ["c"], ["d"]])
  })

  it("of progress: by whoever holds the task", () => {
    const play = new Play()
    play.add("a")
    const claim = play.one("p.1")
    expect(play.progress("p.2", claim, "no")).toBe(false)
    expect(play.progress("p.1", { ...claim, fence: claim.fence + 1 }, "no")).toBe(false)
    expect(play.progress("p.1", claim, "yes")).toBe(true)
    play.settle("p.1", retry(claim))
    expect(play.progress("p.1", claim, "no")).toBe(false)
    expect(play.inspect("1.life")?.progress).toBe("yes")
  })

  it("page by page, once of each", () => {
    const play = new Play()
    const names = Array.from({ length: 300 }, (_, n) => `${n}`)
    play.batch(many(300))
    expect(play.list("Ready")).toEqual(names)
    play.claim("p.1", 150)
    play.claim("p.2", 150)
    expect(play.list("Claimed")).toEqual(names)
    const later = new Play()
    later.batch(many(300, { due: { inMs: 5 } }))
    later.enqueue(entry("first", { due: { inMs: 1 } }))
    expect(later.list("Delayed")).toEqual(["first", ...names])
    later.now += 5
    later.step("p.1")
    for (let i = 0; i < 2; i++) later.step("p.1")
    later.settle("p.1", ...later.claim("p.1", 300).map((claim) => dead(claim)))
    expect(later.list("Dead")).toEqual(["first", ...names.slice(0, 299)].sort((a, b) => deaths(later, a, b)))
  })
})

/** Of one moment, so by number: the one that was first to wake was enqueued last. */
const deaths = (play: Play, a: string, b: string): number => {
  const number = (payload: string) =>
    [...play.desk.tasks.values()].find((task) => task.payload === payload)?.number ?? 0
  return number(a) - number(b)
}

describe("purging", () => {
  it("ends what is ready, page by page, and nothing that runs", () => {
    const play = new Play()
    play.batch(many(200, { keepMs: hour }))
    play.enqueue(
      entry("running", { lane: "lk", place: { key: "k", limit: 1 } }),
      entry("waiting", { lane: "lk", place: { key: "k", limit: 1 } }),
      entry("later", { due: { inMs: 5 } })
    )
    const [running] = play.claim("p.1", 2, { lanes: ["lk"] })
    const first = play.purge("Ready")
    expect(first.count).toBe(128)
    expect(play.purge("Ready", first.cursor)).toEqual({ count: 73, cursor: "" })
    expect(play.counts).toEqual([0, 1, 1, 0])
    expect(play.answer("5.life")).toEqual({ _tag: "Cancelled" })
    expect(play.claim("p.1", 500)).toEqual([])
    expect([play.desk.lanes.size, play.desk.waiting.size]).toEqual([0, 0])
    if (running !== undefined) expect(play.settle("p.1", done(running))).toEqual(["Settled"])
  })

  it("ends what sleeps, and dead letters", () => {
    const play = new Play()
    play.enqueue(entry("a", { due: { inMs: 5 }, keepMs: hour }), entry("b", { keepMs: hour }), entry("c", { id: "c" }))
    play.settle("p.1", ...play.claim("p.1", 2).map((claim) => dead(claim, "E")))
    expect(play.purge("Delayed")).toEqual({ count: 1, cursor: "" })
    expect(play.purge("Dead")).toEqual({ count: 2, cursor: "" })
    expect(play.counts).toEqual([0, 0, 0, 0])
    expect([play.answer("1.life")._tag, play.answer("2.life")._tag]).toEqual(["Cancelled", "Failed"])
    expect(play.enqueue(entry("c", { id: "c" }))).toEqual(["Duplicate c"])
  })
})

describe("data that was lost", () => {
  it("begins anew: what was claimed is Lost", () => {
    const play = new Play()
    play.add("a", "b")
    const [a] = play.claim("p.1", 1)
    const other = new Play()
    play.desk = other.desk
    if (a === undefined) return expect.unreachable()
    expect(play.settle("p.1", done(a))).toEqual(["Lost"])
    expect(play.enqueue(entry("new"))).toEqual(["Enqueued 1.life"])
    play.now += 1
    const claim = play.one("p.1")
    expect([claim.payload, claim.fence > a.fence]).toEqual(["new", true])
    expect(play.settle("p.1", done(a))).toEqual(["Lost"])
  })

  it("of a moment before is the state of then", () => {
    const play = new Play()
    play.add("a", "b", "c")
    play.claim("p.1", 1)
    const copy = structuredClone(play.desk)
    const claims = play.claim("p.1", 1)
    play.desk = copy
    expect(play.settle("p.1", ...claims.map((claim) => done(claim)))).toEqual(["Lost"])
    expect(payloads(play.claim("p.1", 5))).toEqual(["b", "c"])
  })
})
