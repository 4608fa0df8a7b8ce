/** The queue in memory, as a state machine: in which order, how many at a time, and who is woken. */
import { describe, expect, it } from "@effect/vitest"
import { dead, done, entry, leaseMs, payloads, Play, release, retry } from "./support/Play.ts"

/** A task that has taken a peer with it so many times, and stands in its lane. */
const crashed = (play: Play, payload: string, times: number, lane = "l") => {
  play.enqueue(entry(payload, { lane }))
  const task = [...play.desk.tasks.values()].at(-1)
  if (task === undefined) throw new Error("it was not enqueued")
  const claim = play.one("maker.1", { lanes: [lane] })
  task.crashes = times
  play.settle("maker.1", release(claim))
  play.depart("maker.1")
  play.heard()
}

describe("lanes", () => {
  it("are served strictly in the order of the step", () => {
    const play = new Play()
    play.enqueue(entry("low", { lane: "llow" }), entry("mine", { lane: "pp" }), entry("high", { lane: "lhigh" }))
    expect(payloads(play.claim("p.1", 2, { lanes: ["lhigh", "llow", "pp"] }))).toEqual(["high", "low"])
    play.enqueue(entry("again", { lane: "lhigh" }))
    expect(payloads(play.claim("p.1", 9, { lanes: ["lhigh", "llow", "pp"] }))).toEqual(["again", "mine"])
  })

  it("give their suspects first, then their front, each by number, then the list", () => {
    const play = new Play()
    crashed(play, "suspect", 2)
    play.add("b", "c", "d", "e")
    const [, b, c] = play.claim("p.1", 3)
    if (b === undefined || c === undefined) return expect.unreachable()
    play.settle("p.1", release(c), release(b))
    play.depart("p.1")
    expect(payloads(play.claim("p.2", 9))).toEqual(["suspect", "b", "c", "d", "e"])
  })

  it("give one suspect a step, and none to who runs one", () => {
    const play = new Play()
    crashed(play, "first", 2)
    crashed(play, "second", 2)
    play.add("plain")
    expect(payloads(play.claim("p.1", 3, { takesSuspect: false }))).toEqual(["plain"])
    expect(payloads(play.claim("p.1", 3))).toEqual(["first"])
    expect(payloads(play.claim("p.2", 3))).toEqual(["second"])
  })

  it("give a suspect no other way: not from the list either, and not ahead", () => {
    const play = new Play()
    crashed(play, "first", 2)
    crashed(play, "second", 2)
    const first = play.one("p.1")
    const second = play.one("p.2")
    play.settle("p.1", retry(first))
    play.settle("p.2", retry(second))
    expect(play.claim("p.1", 0, { ahead: 5 })).toEqual([])
    expect(play.claim("p.1", 5, { takesSuspect: false })).toEqual([])
    expect(payloads(play.claim("p.1", 5))).toEqual(["first"])
    expect(play.counts).toEqual([1, 0, 1, 0])
  })

  it("give ahead only from the list, and count who is beyond the free", () => {
    const play = new Play()
    play.add("a", "b", "c", "d", "e")
    const [a] = play.claim("p.1", 1)
    if (a === undefined) return expect.unreachable()
    play.settle("p.1", release(a))
    expect(play.step("p.2", { ahead: 1 })).toMatchObject({ claimed: [], ahead: 0, isIdle: false })
    const stepped = play.step("p.3", { free: 2, ahead: 1 })
    expect([payloads(stepped.claimed), stepped.ahead]).toEqual([["a", "b", "c"], 1])
    const last = play.step("p.3", { free: 3, ahead: 1 })
    expect([payloads(last.claimed), last.ahead, last.isIdle]).toEqual([["d", "e"], 0, true])
  })

  it("skip what is gone", () => {
    const play = new Play()
    play.add("a", "b", "c", "d", "e")
    expect([play.cancel("1.life"), play.cancel("3.life")]).toEqual([true, true])
    expect(payloads(play.claim("p.1", 2))).toEqual(["b", "d"])
    expect(play.counts).toEqual([1, 0, 2, 0])
    expect(play.cancel("5.life")).toBe(true)
    expect(play.step("p.1", { free: 2 })).toMatchObject({ claimed: [], isMore: false, isIdle: true })
    expect(play.desk.lanes.size).toBe(0)
  })

  it("are passed over four times what was asked for, and then there is more", () => {
    const play = new Play()
    play.batch(Array.from({ length: 10 }, (_, n) => entry(`${n}`)))
    for (let number = 1; number < 10; number++) play.cancel(`${number}.life`)
    expect(play.step("p.1", { free: 2 })).toMatchObject({ claimed: [], isMore: true, isIdle: false })
    expect(play.step("p.1", { free: 2 })).toMatchObject({ claimed: [{ payload: "9" }], isMore: false, isIdle: true })
  })

  it("are as long as they like: what is at their end costs nothing at their beginning", () => {
    const play = new Play()
    for (let i = 0; i < 10; i++) play.batch(Array.from({ length: 500 }, (_, n) => entry(`${i * 500 + n}`)))
    for (let i = 0; i < 50; i++) {
      const claims = play.claim("p.1", 100)
      expect(claims[0]?.payload).toBe(`${i * 100}`)
      play.settle("p.1", ...claims.map((claim) => done(claim)))
    }
    play.depart("p.1")
    play.depart("sender")
    expect(play.isEmpty).toBe(true)
  })
})

describe("places", () => {
  const placed = (payload: string, limit = 1, lane = "l") => entry(payload, { place: { key: "k", limit }, lane })

  it("are taken from the claim on, and who finds none waits and is ready", () => {
    const play = new Play()
    play.enqueue(placed("a"), placed("b"), entry("other"), placed("c"))
    const [a] = play.claim("p.1", 4)
    expect(payloads(play.claim("p.2", 4))).toEqual([])
    expect(play.list("Claimed")).toEqual(["a", "other"])
    expect(play.list("Ready")).toEqual(["b", "c"])
    expect(play.counts).toEqual([2, 0, 2, 0])
    if (a === undefined) return expect.unreachable()
    play.add("later")
    play.settle("p.1", done(a))
    expect(payloads(play.claim("p.2", 1))).toEqual(["b"])
    expect(payloads(play.claim("p.2", 4))).toEqual(["later"])
  })

  it("are as many as a task says", () => {
    const play = new Play()
    play.enqueue(placed("a", 2), placed("b", 2), placed("c", 2))
    expect(payloads(play.claim("p.1", 3))).toEqual(["a", "b"])
    play.enqueue(placed("d", 3))
    expect(payloads(play.claim("p.1", 3))).toEqual(["d"])
  })

  it("are free again however a run ends", () => {
    for (const settle of [done, retry, dead, release]) {
      const play = new Play()
      play.enqueue(placed("a"), placed("b"))
      const [a] = play.claim("p.1", 2)
      if (a === undefined) return expect.unreachable()
      play.settle("p.1", settle(a))
      expect(payloads(play.claim("p.2", 1))).toEqual([settle === release ? "a" : "b"])
    }
    const play = new Play()
    play.enqueue(placed("a"), placed("b"))
    play.claim("p.1", 2)
    play.crash("p.1", "p.2")
    expect(payloads(play.claim("p.2", 2))).toEqual(["a"])
  })

  it("of a cancelled run are free when it was stopped", () => {
    const play = new Play()
    play.enqueue(placed("a"), placed("b"))
    const [a] = play.claim("p.1", 2)
    if (a === undefined) return expect.unreachable()
    play.cancel(a.id)
    expect(play.claim("p.2", 2)).toEqual([])
    play.settle("p.1", done(a))
    expect(payloads(play.claim("p.2", 2))).toEqual(["b"])
  })

  it("that nobody has are found by who needs one", () => {
    const play = new Play()
    play.enqueue(placed("a"), placed("b"))
    play.desk.running.set("k", new Set([77]))
    expect(payloads(play.claim("p.1", 2))).toEqual(["a"])
    expect(play.desk.running.get("k")).toEqual(new Set([1]))
  })

  it("go to the next also where the first was cancelled meanwhile", () => {
    for (const end of ["cancel", "purge"]) {
      const play = new Play()
      play.enqueue(placed("a"), placed("b"), placed("c"))
      const [a] = play.claim("p.1", 3)
      if (a === undefined) return expect.unreachable()
      play.settle("p.1", done(a))
      if (end === "cancel") play.cancel("2.life")
      else expect(play.purge("Ready").count).toBe(2)
      expect(payloads(play.claim("p.1", 3))).toEqual(end === "cancel" ? ["c"] : [])
      play.cancel("3.life")
      expect(play.desk.waiting.size).toBe(0)
    }
  })

  it("wait for no peer that is away", () => {
    const play = new Play()
    play.enqueue(placed("a"), placed("for q", 1, "pq"), placed("b"))
    const a = play.one("p.1")
    play.claim("q.1", 1, { lanes: ["pq"] })
    play.claim("p.1", 1)
    expect(play.desk.waiting.get("k")?.size).toBe(2)
    play.settle("p.1", done(a))
    const b = play.one("p.1")
    expect(b.payload).toBe("b")
    expect(play.claim("q.1", 1, { lanes: ["pq"] })).toEqual([])
    play.settle("p.1", done(b))
    expect(payloads(play.claim("q.1", 1, { lanes: ["pq"] }))).toEqual(["for q"])
  })

  it("put off no more than a bounded number a step", () => {
    const play = new Play()
    play.enqueue(...Array.from({ length: 20 }, (_, n) => placed(`${n}`)))
    play.one("p.1")
    expect(play.step("p.1", { free: 2 })).toMatchObject({ claimed: [], isMore: true, isIdle: false })
    expect(play.desk.waiting.get("k")?.size).toBe(8)
  })
})

describe("the rate", () => {
  const rate = { limit: 2, windowMs: 100 }

  it("holds in any span of its window", () => {
    const play = new Play()
    play.add("a", "b", "c", "d", "e")
    expect(payloads(play.claim("p.1", 1, { rate }))).toEqual(["a"])
    play.now += 60
    expect(play.step("p.2", { rate, free: 5 })).toMatchObject({
      claimed: [{ payload: "b" }],
      dueInMs: 40,
      isIdle: true
    })
    play.now += 39
    expect(play.step("p.2", { rate, free: 5 })).toMatchObject({ claimed: [], dueInMs: 1 })
    play.now += 1
    expect(play.step("p.2", { rate, free: 5 })).toMatchObject({ claimed: [{ payload: "c" }], dueInMs: 60 })
    play.now += 59
    expect(play.claim("p.1", 5, { rate })).toEqual([])
    play.now += 1
    expect(payloads(play.claim("p.1", 5, { rate }))).toEqual(["d"])
  })

  it("counts starts, however they ended", () => {
    const play = new Play()
    play.add("a")
    play.settle("p.1", release(play.one("p.1", { rate })))
    play.settle("p.1", release(play.one("p.1", { rate })))
    expect(play.step("p.1", { rate, free: 1 })).toMatchObject({ claimed: [], dueInMs: 100 })
  })

  it("names the earlier of its own time and the next sleeper's", () => {
    const play = new Play()
    play.enqueue(entry("a"), entry("b"), entry("c"), entry("later", { due: { inMs: 30 } }))
    expect(play.step("p.1", { rate, free: 3 }).dueInMs).toBe(30)
    play.now += 30
    expect(play.step("p.1", { rate, free: 3 }).dueInMs).toBe(70)
  })

  it("names no time where it kept nobody from anything", () => {
    const play = new Play()
    play.add("a", "b")
    expect(play.step("p.1", { rate, free: 2 }).dueInMs).toBeUndefined()
    play.now += 100
    expect(play.step("p.1", { rate, free: 2 }).dueInMs).toBeUndefined()
    play.add("c")
    expect(play.step("p.1", { rate, free: 9 })).toMatchObject({ claimed: [{ payload: "c" }], dueInMs: undefined })
  })

  it("wakes one that it sends away with the time, where whoever used it up is full", () => {
    const play = new Play()
    play.step("p.2", { rate, free: 1 })
    play.pause(true)
    play.add("a", "b", "c")
    play.pause(false)
    play.step("p.2", { free: 1, lanes: ["lother"] })
    play.heard()
    expect(play.step("p.1", { rate, free: 2 })).toMatchObject({ claimed: [{}, {}], dueInMs: undefined })
    expect(play.heard()).toEqual(["p.2 work"])
    expect(play.step("p.2", { rate, free: 1 })).toMatchObject({ claimed: [], dueInMs: 100, isIdle: true })
  })

  it("wakes nobody that it would send away", () => {
    const play = new Play()
    play.step("p.2", { rate, free: 1 })
    play.step("p.3", { rate, free: 1 })
    play.add("a", "b", "c", "d")
    expect(play.heard()).toEqual(["p.2 work", "p.3 work"])
    play.step("p.2", { rate, free: 2 })
    expect(play.step("p.3", { rate, free: 2 }).isIdle).toBe(true)
    play.step("p.2", { rate, free: 1 })
    expect(play.heard()).toEqual([])
  })

  it("is forgotten when its window is over", () => {
    const play = new Play()
    play.add("a")
    play.settle("p.1", done(play.one("p.1", { rate })))
    play.depart("p.1")
    play.depart("sender")
    expect(play.isEmpty).toBe(false)
    play.now += 100
    play.beat("p.2")
    expect(play.isEmpty).toBe(true)
  })
})

describe("who is woken", () => {
  const idle = (play: Play, ...claimers: ReadonlyArray<string>) => {
    for (const claimer of claimers) play.step(claimer, { free: 1 })
    play.heard()
  }

  it("is whoever is idle longest, one a task", () => {
    const play = new Play()
    idle(play, "p.1", "p.2", "p.3")
    play.add("a", "b")
    expect(play.heard()).toEqual(["p.1 work", "p.2 work"])
    play.add("c", "d")
    expect(play.heard()).toEqual(["p.3 work"])
    play.add("e")
    expect(play.heard()).toEqual([])
  })

  it("is nobody for a duplicate or a full queue", () => {
    const play = new Play()
    play.enqueue(entry("a", { id: "x" }))
    play.one("p.1")
    idle(play, "p.2")
    play.batch([entry("a", { id: "x" }), entry("b")], { maxLength: 0 })
    expect(play.heard()).toEqual([])
  })

  it("is idle who got less than it had free, and no longer when it is full", () => {
    const play = new Play()
    play.add("a")
    expect(play.step("p.1", { free: 2 }).isIdle).toBe(true)
    expect(play.step("p.1", { free: 0 }).isIdle).toBe(false)
    expect(play.desk.idle.size).toBe(0)
    expect(play.step("p.1", { free: 1 }).isIdle).toBe(true)
    play.add("b")
    expect(play.desk.idle.size).toBe(0)
    expect(play.step("p.1", { free: 1 }).isIdle).toBe(false)
  })

  it("is last in line when it asks in vain", () => {
    const play = new Play()
    idle(play, "p.1", "p.2", "p.1")
    play.add("a")
    expect(play.heard()).toEqual(["p.2 work"])
  })

  it("is another for a suspect that came to the head where it may not run", () => {
    const play = new Play()
    crashed(play, "first", 2)
    const first = play.one("p.1")
    idle(play, "p.2", "p.3")
    play.settle("p.1", retry(first))
    expect(play.heard()).toEqual(["p.2 work"])
    play.step("p.2", { free: 1, takesSuspect: false })
    expect(play.heard()).toEqual(["p.3 work"])
    for (const claimer of ["p.3", "p.2", "p.3"]) play.step(claimer, { free: 1, takesSuspect: false })
    expect(play.heard()).toEqual([])
  })

  it("is told by a peer's lane at its name", () => {
    const play = new Play()
    idle(play, "p.1")
    play.enqueue(entry("a", { lane: "pa%20b" }), entry("b", { lane: "pa%20b" }))
    expect(play.heard()).toEqual(["@a b work"])
  })

  it("is another where a step leaves something, and never the caller", () => {
    const play = new Play()
    play.add("a", "b", "c", "d")
    const claims = play.claim("p.1", 4)
    idle(play, "p.2", "p.3", "p.1")
    play.step("p.1", { settlements: claims.map((claim) => retry(claim)), free: 3 })
    expect(play.heard()).toEqual(["p.2 work"])
    expect([...play.desk.idle]).toEqual(["p.3"])
  })

  it("is never the caller, who has looked", () => {
    const play = new Play()
    play.add("a")
    const a = play.one("p.1")
    expect(play.step("p.1", { settlements: [retry(a, 10)], free: 1 })).toMatchObject({ isIdle: true, dueInMs: 10 })
    crashed(play, "suspect", 2)
    crashed(play, "another", 2)
    expect(play.step("p.1", { free: 2 })).toMatchObject({ isIdle: true, claimed: [{ payload: "suspect" }] })
    expect(play.heard()).toEqual([])
  })

  it("is nobody where the caller takes it all", () => {
    const play = new Play()
    play.add("a")
    const a = play.one("p.1")
    idle(play, "p.2", "p.1")
    play.step("p.1", { settlements: [retry(a)], free: 2 })
    expect(play.heard()).toEqual([])
  })

  it("is one for a sleeper that is the next, and none for a later one", () => {
    const play = new Play()
    idle(play, "p.1", "p.2", "p.3")
    play.enqueue(entry("a", { due: { inMs: 100 } }))
    expect(play.heard()).toEqual(["p.1 work"])
    play.enqueue(entry("b", { due: { inMs: 200 } }))
    expect(play.heard()).toEqual([])
    play.enqueue(entry("c", { due: { inMs: 50 } }))
    expect(play.heard()).toEqual(["p.2 work"])
    const play2 = new Play()
    play2.add("a")
    const a = play2.one("p.1")
    idle(play2, "p.2")
    play2.step("p.1", { settlements: [retry(a, 10)], free: 1 })
    expect(play2.heard()).toEqual(["p.2 work"])
  })

  it("is not two over a suspect that neither may have", () => {
    const play = new Play()
    for (const name of ["a", "b", "c"]) crashed(play, name, 2)
    play.claim("p.1", 2)
    play.claim("p.2", 2)
    expect(play.list("Ready")).toEqual(["c"])
    play.heard()
    for (let i = 0; i < 3; i++) {
      play.step("p.1", { free: 1, takesSuspect: false })
      play.step("p.2", { free: 1, takesSuspect: false })
    }
    expect(play.heard()).toEqual([])
  })

  it("is not somebody else for a lane that nobody here serves", () => {
    const play = new Play()
    idle(play, "p.1", "p.2")
    play.enqueue(entry("a", { lane: "lold" }))
    expect(play.heard()).toEqual(["p.1 work"])
    play.step("p.1", { free: 1 })
    expect(play.heard()).toEqual([])
  })

  it("is another when the one that was woken leaves without having looked", () => {
    const play = new Play()
    idle(play, "p.1", "p.2")
    play.add("a")
    play.depart("p.1")
    expect(play.heard()).toEqual(["p.1 work", "p.2 work"])
    idle(play, "p.3")
    play.depart("sender")
    expect(play.heard()).toEqual([])
  })

  it("comes back from a crash, a departure and a redrive", () => {
    const play = new Play()
    play.add("a", "b", "c")
    const c = play.claim("p.1", 3).at(-1)
    if (c === undefined) return expect.unreachable()
    idle(play, "p.2", "p.3", "p.4")
    play.settle("p.1", dead(c))
    play.depart("p.1")
    expect(play.heard()).toEqual(["p.2 work", "p.3 work"])
    play.redrive()
    expect(play.heard()).toEqual(["p.4 work"])
    play.claim("p.2", 3)
    idle(play, "p.3", "p.4", "p.5", "p.6")
    play.crash("p.2", "p.3")
    expect(play.heard()).toEqual(["p.3 work"])
  })

  it("is nobody who is not heard of any more", () => {
    const play = new Play()
    idle(play, "p.1", "p.2")
    play.beat("p.2")
    play.pass(2 * leaseMs, "p.2")
    play.add("a")
    expect(play.heard()).toEqual(["p.2 work"])
    // It comes back, and is told again.
    play.settle("p.2", ...play.claim("p.2", 1).map((claim) => done(claim)))
    idle(play, "p.1")
    play.add("b")
    expect(play.heard()).toEqual(["p.1 work"])
  })
})

describe("a paused queue", () => {
  it("gives nothing, but settles and promotes", () => {
    const play = new Play()
    play.enqueue(entry("a"), entry("b"), entry("later", { due: { inMs: 10 } }))
    const a = play.one("p.1")
    play.heard()
    play.pause(true)
    expect(play.heard()).toEqual(["p.1 pause"])
    play.now += 10
    expect(play.step("p.1", { settlements: [done(a)], free: 3 })).toEqual({
      outcomes: ["Settled"],
      claimed: [],
      ahead: 0,
      isPaused: true,
      dueInMs: undefined,
      isMore: false,
      isIdle: true
    })
    expect(play.counts).toEqual([2, 0, 0, 0])
    expect(play.beat("p.1")).toMatchObject({ isPaused: true, isReady: true })
    play.step("p.2", { free: 1 })
    play.add("more")
    expect(play.heard()).toEqual([])
    play.pause(false)
    expect(play.heard()).toEqual(["p.1 work", "p.2 work"])
    expect(play.desk.idle.size).toBe(0)
    expect(payloads(play.claim("p.1", 9))).toEqual(["b", "later", "more"])
  })
})
