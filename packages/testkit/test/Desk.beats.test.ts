/** The queue in memory, as a state machine: who is dead, what becomes of their tasks, and what departs. */
import { abandonedMs, rememberedMs } from "@troupe/core/TaskQueueStore"
import { describe, expect, it } from "@effect/vitest"
import { done, entry, hour, leaseMs, payloads, Play, release, retry } from "./support/Play.ts"

describe("a beat", () => {
  it("renews a lease that is there", () => {
    const play = new Play()
    expect(play.beat("p.1")).toMatchObject({ isHeld: false, fence: 0 })
    play.add("a")
    const { fence } = play.one("p.1")
    play.now += 10
    expect(play.beat("p.1")).toMatchObject({ isHeld: true, fence })
    expect(play.desk.leases.get("p.1")).toBe(play.now + leaseMs)
  })

  it("tells which of the claimer's tasks are cancelled, what is ready and what is due", () => {
    const play = new Play()
    play.enqueue(entry("a"), entry("b"), entry("later", { due: { inMs: 9 } }), entry("other", { lane: "lother" }))
    const [, b] = play.claim("p.1", 2)
    play.cancel(b?.id ?? "")
    expect(play.beat("p.1")).toEqual({
      isHeld: true,
      fence: b?.fence,
      cancelled: [2],
      isReady: false,
      isPaused: false,
      dueInMs: 9,
      isMore: false,
      holds: undefined
    })
    expect(play.beat("p.1", { lanes: ["l", "lother"] }).isReady).toBe(true)
    expect(play.beat("p.2").cancelled).toEqual([])
    play.now += 20
    expect(play.beat("p.2").dueInMs).toBe(0)
  })
})

describe("a claimer that is dead", () => {
  it("is one whose lease is over while others beat", () => {
    const play = new Play()
    play.add("a", "b", "c")
    const [a] = play.claim("p.1", 2)
    if (a === undefined) return expect.unreachable()
    play.beat("p.2")
    play.pass(leaseMs, "p.2")
    expect(play.counts).toEqual([1, 0, 2, 0])
    play.now += 1
    play.beat("p.2")
    expect(play.counts).toEqual([3, 0, 0, 0])
    // What it held counts an attempt and a crash, and stands in front.
    expect(play.settle("p.1", done(a))).toEqual(["Lost"])
    expect(play.beat("p.1").isHeld).toBe(false)
    const claims = play.claim("p.2", 3)
    expect(claims.map(({ attempts, crashes, payload }) => [payload, attempts, crashes])).toEqual([
      ["a", 1, 1],
      ["b", 1, 1],
      ["c", 0, 0]
    ])
  })

  it("is not the caller", () => {
    const play = new Play()
    play.add("a")
    play.one("p.1")
    play.beat("p.2")
    play.pass(leaseMs, "p.2")
    play.now += 5_000
    expect(play.beat("p.1").isHeld).toBe(true)
    expect(play.counts).toEqual([0, 0, 1, 0])
  })

  it("is forgotten: its turn, its lease, and after an hour what its last step was answered", () => {
    const play = new Play()
    play.add("a")
    play.step("p.1", { free: 2 })
    play.crash("p.1", "p.2")
    expect([play.desk.idle.has("p.1"), play.desk.leases.size, play.desk.memos.has("p.1")]).toEqual([false, 0, true])
    play.now += rememberedMs + 1
    play.beat("p.2")
    expect(play.desk.memos.has("p.1")).toBe(false)
  })

  it("takes nothing of what had not begun with it", () => {
    const play = new Play()
    play.add("a", "b", "c")
    play.step("p.1", { free: 1, ahead: 2 })
    play.step("p.1", { begun: [2, 77] })
    play.step("p.2", { begun: [3] })
    play.crash("p.1", "p.2")
    expect(play.claim("p.2", 3).map(({ crashes }) => crashes)).toEqual([1, 1, 0])
  })

  it("ends what was cancelled", () => {
    const play = new Play()
    play.enqueue(entry("a", { keepMs: hour }), entry("b"))
    const [a] = play.claim("p.1", 2)
    play.cancel(a?.id ?? "")
    play.crash("p.1", "p.2")
    expect(play.answer("1.life")).toEqual({ _tag: "Cancelled" })
    expect(play.counts).toEqual([1, 0, 0, 0])
  })

  it("makes a suspect with its second crash, and a dead letter with its third", () => {
    const play = new Play()
    play.enqueue(entry("a", { keepMs: hour }), entry("b"))
    for (const claimer of ["p.1", "p.2"]) {
      play.claim(claimer, 2)
      play.crash(claimer, "w.1")
    }
    expect(play.counts).toEqual([2, 0, 0, 0])
    expect(play.desk.lanes.get("l")?.suspects.size).toBe(2)
    play.add("c")
    expect(payloads(play.claim("p.3", 5))).toEqual(["a", "c"])
    play.crash("p.3", "w.1")
    expect(play.inspect("1.life")).toMatchObject({
      state: "Dead",
      attempts: 3,
      reason: "PeerCrashes",
      lastError: "its peer went away while it ran"
    })
    expect(play.answer("1.life")).toMatchObject({ _tag: "Dead", reason: "PeerCrashes" })
    expect(play.inspect("2.life")).toMatchObject({ state: "Ready", attempts: 2 })
  })

  it("loses all at once, and it is given back page by page", () => {
    const play = new Play()
    for (let i = 0; i < 3; i++) {
      play.batch(Array.from({ length: 200 }, (_, n) => entry(`${i * 200 + n}`)))
    }
    const claims = [...play.claim("p.1", 300), ...play.claim("p.1", 300)]
    const last = claims.at(-1)
    if (last === undefined) return expect.unreachable()
    play.beat("p.2")
    play.pass(leaseMs, "p.2")
    play.now += 1
    expect(play.beat("p.2").isMore).toBe(true)
    expect(play.counts).toEqual([256, 0, 344, 0])
    expect(play.settle("p.1", done(last))).toEqual(["Lost"])
    expect(play.list("Claimed").length).toBe(344)
    expect(play.cancel(last.id)).toBe(true)
    expect(play.beat("p.2").isMore).toBe(true)
    expect(play.beat("p.2").isMore).toBe(false)
    expect(play.counts).toEqual([599, 0, 0, 0])
    expect(payloads(play.claim("p.2", 3))).toEqual(["0", "1", "2"])
  })

  it("is nobody right after a silence", () => {
    const play = new Play()
    play.add("a")
    play.one("p.1")
    play.beat("p.2")
    play.pass(10_000, "p.2")
    // The server was away for all of half a lease: everybody has a lease to be heard again.
    play.now += 10 * leaseMs
    play.beat("p.2")
    play.pass(leaseMs - 5_000, "p.2")
    expect(play.counts).toEqual([0, 0, 1, 0])
    play.pass(5_000, "p.2")
    expect(play.counts).toEqual([1, 0, 0, 0])
  })

  it("is somebody after a silence that is no longer than half a lease", () => {
    const play = new Play()
    play.add("a")
    play.one("p.1")
    play.beat("p.2")
    play.pass(leaseMs, "p.2")
    play.now += leaseMs / 2
    play.beat("p.2")
    expect(play.counts).toEqual([1, 0, 0, 0])
  })

  it("is nobody when the clock steps", () => {
    for (const step of [-hour, hour]) {
      const play = new Play()
      play.add("a")
      play.one("p.1")
      play.beat("p.2")
      play.pass(10_000, "p.2")
      play.now += step
      play.beat("p.2")
      expect(play.beat("p.1").isHeld).toBe(true)
      for (let i = 0; i < 10; i++) {
        play.pass(5_000, "p.2")
        play.beat("p.1")
      }
      expect(play.counts).toEqual([0, 0, 1, 0])
    }
  })

  it("is soon found when the clock has come back", () => {
    const play = new Play()
    play.add("a")
    play.one("p.1")
    play.beat("p.2")
    play.now += hour
    play.beat("p.2")
    play.now -= hour
    play.crash("p.1", "p.2")
    expect(play.counts).toEqual([1, 0, 0, 0])
  })

  it("may come back, and claims anew", () => {
    const play = new Play()
    play.add("a")
    const before = play.one("p.1")
    play.crash("p.1", "p.2")
    const after = play.one("p.1")
    expect(after.fence).toBeGreaterThan(before.fence)
    expect(play.settle("p.1", done(before), done(after))).toEqual(["Lost", "Settled"])
  })
})

describe("a peer's lane", () => {
  const mine = (payload: string) => entry(payload, { lane: "pq" })

  it("is for everyone when nobody of that name has worked for an hour in which others did", () => {
    const play = new Play()
    play.enqueue(entry("shared", { lane: "llow" }), mine("a"), mine("b"))
    play.beat("p.1")
    play.pass(leaseMs + abandonedMs - 5_000, "p.1", { lanes: ["lhigh", "llow", "pp"] })
    expect(play.desk.lanes.has("pq")).toBe(true)
    play.step("p.1", { free: 1, lanes: ["lhigh"] })
    play.heard()
    play.pass(5_000, "p.1", { lanes: ["lhigh", "llow", "pp"] })
    expect(play.desk.lanes.has("pq")).toBe(false)
    expect(play.heard()).toEqual(["p.1 work"])
    const claims = play.claim("p.1", 3, { lanes: ["lhigh", "llow", "pp"] })
    expect(claims.map(({ lane, payload }) => [lane, payload])).toEqual([
      ["llow", "shared"],
      ["llow", "a"],
      ["llow", "b"]
    ])
    // From now on they belong there.
    play.settle("p.1", ...claims.map((claim) => release(claim)))
    expect(play.claim("q.1", 9, { lanes: ["pq"] })).toEqual([])
  })

  it("is its own as long as it beats", () => {
    const play = new Play()
    play.enqueue(mine("a"))
    play.beat("p.1")
    for (let i = 0; i < 3; i++) {
      play.pass(abandonedMs - leaseMs, "p.1")
      play.beat("q.1", { lanes: ["l", "pq"] })
    }
    expect(play.desk.lanes.has("pq")).toBe(true)
  })

  it("waits through an outage", () => {
    const play = new Play()
    play.enqueue(mine("a"))
    play.beat("p.1")
    play.pass(abandonedMs, "p.1")
    play.now += 10 * hour
    play.beat("p.1")
    play.pass(abandonedMs, "p.1")
    expect(play.desk.lanes.has("pq")).toBe(true)
    play.pass(leaseMs, "p.1")
    expect(play.desk.lanes.has("pq")).toBe(false)
  })

  it("is emptied in bounded parts, and by none that has no lane for it", () => {
    const play = new Play()
    play.batch(Array.from({ length: 200 }, () => mine("")))
    play.beat("p.1")
    play.pass(abandonedMs + leaseMs, "p.1", { lanes: ["pp"] })
    expect(play.desk.lanes.has("l")).toBe(false)
    play.beat("p.1")
    expect(play.desk.lanes.get("l")?.list.items.length).toBe(128)
    play.beat("p.1")
    expect(play.desk.lanes.get("l")?.list.items.length).toBe(200)
  })

  it("counts from when something came to wait in it", () => {
    const play = new Play()
    play.enqueue(entry("a", { lane: "pq", due: { inMs: 2 * hour } }))
    play.beat("p.1")
    play.pass(2 * hour, "p.1")
    play.step("p.1")
    play.pass(abandonedMs - 5_000, "p.1")
    expect(play.desk.lanes.has("pq")).toBe(true)
    play.pass(5_000, "p.1")
    expect(play.desk.lanes.has("pq")).toBe(false)
  })
})

describe("departing", () => {
  it("hands everything back, uncounted", () => {
    const play = new Play()
    play.enqueue(entry("a"), entry("b", { keepMs: hour }), entry("c"), entry("d", { lane: "pp" }))
    const claims = play.claim("p.1", 4, { lanes: ["l", "pp"] })
    play.cancel("2.life")
    play.depart("p.1")
    expect(play.counts).toEqual([3, 0, 0, 0])
    expect(play.answer("2.life")._tag).toBe("Cancelled")
    expect(play.settle("p.1", ...claims.map((claim) => done(claim)))).toEqual(["Lost", "Lost", "Lost", "Lost"])
    play.depart("p.1")
    const again = play.claim("p.2", 4, { lanes: ["l", "pp"] })
    expect(again.map(({ attempts, payload }) => [payload, attempts])).toEqual([
      ["a", 0],
      ["c", 0],
      ["d", 0]
    ])
  })

  it("keeps a suspect among its like", () => {
    const play = new Play()
    play.add("a")
    for (const claimer of ["p.1", "p.2"]) {
      play.claim(claimer, 1)
      play.crash(claimer, "w.1")
    }
    play.claim("p.3", 1)
    play.depart("p.3")
    expect(play.claim("p.4", 1, { takesSuspect: false })).toEqual([])
    expect(play.claim("p.4", 1).length).toBe(1)
  })

  it("leaves nothing", () => {
    const play = new Play()
    play.add("a")
    play.settle("p.1", done(play.one("p.1")))
    play.step("p.1", { free: 1 })
    expect(play.isEmpty).toBe(false)
    play.depart("p.1")
    play.depart("sender")
    play.depart("nobody")
    expect(play.isEmpty).toBe(true)
  })
})

describe("nothing is left behind", () => {
  it("when everything has ended, whatever it was", () => {
    const play = new Play()
    const rate = { limit: 100, windowMs: 1_000 }
    const lanes = ["lhigh", "l", "pq"]
    play.enqueue(
      ...["done", "retry", "dead", "cancel", "crash", "purge"].flatMap((payload) => [
        entry(payload, { id: payload, keepMs: 10 * hour }),
        entry(payload, { lane: "lhigh", unique: { key: payload, windowMs: 5_000 } }),
        entry(payload, { lane: "pq", place: { key: "k", limit: 1 } }),
        entry(payload, { due: { inMs: 100 } })
      ])
    )
    for (let i = 0; i < 60; i++) {
      const { claimed } = play.step("q.1", { free: 5, lanes, rate })
      play.now += 50
      for (const claim of claimed) {
        play.progress("q.1", claim, "half")
        if (claim.payload === "cancel") play.cancel(claim.id)
        else if (claim.payload === "crash" && claim.crashes === 0) play.crash("q.1", "p.1")
        else if (claim.payload === "retry" && claim.attempts < 2) play.settle("q.1", retry(claim, 10))
        else if (claim.payload === "dead") {
          const settlement = {
            claim,
            hasProgress: true,
            hasRun: true,
            reason: "Rejected",
            error: "no",
            answer: "E"
          } as const
          play.settle("q.1", { _tag: "Dead", ...settlement })
        } else if (claim.payload === "purge") {
          play.settle("q.1", release(claim))
          play.purge("Ready")
        } else play.settle("q.1", done(claim))
      }
    }
    expect(play.counts.slice(0, 3)).toEqual([0, 0, 0])
    expect(play.purge("Dead").count).toBeGreaterThan(0)
    for (const who of ["q.1", "sender"]) play.depart(who)
    play.pass(11 * hour, "p.1")
    expect(play.isEmpty).toBe(true)
  })

  it("of what was over and not collected: at most a bounded number at a time", () => {
    const play = new Play()
    for (let i = 0; i < 3; i++) {
      play.enqueue(...Array.from({ length: 100 }, (_, n) => entry("", { id: `${i}-${n}`, keepMs: 10 })))
      play.settle("p.1", ...play.claim("p.1", 100).map((claim) => done(claim)))
    }
    play.depart("p.1")
    play.depart("sender")
    play.now += hour + 1
    expect(play.answer("0-0")._tag).toBe("Unknown")
    const left = () => play.desk.answers.kept.size + play.desk.known.kept.size
    expect(left()).toBe(600)
    play.beat("p.1")
    expect(left()).toBe(472)
    play.pass(20_000, "p.1")
    expect(play.isEmpty).toBe(true)
  })
})
