/** The queue in memory, as a state machine: what is enqueued, who claims it, and how it is settled. */
import { knownMs, maxBatchEntries, rememberedMs } from "@troupe/core/TaskQueueStore"
import { describe, expect, it } from "@effect/vitest"
import { done, dead, entry, hour, leaseMs, payloads, Play, release, retry, told } from "./support/Play.ts"

describe("a batch", () => {
  it("is added in its order, under numbers that are never given again", () => {
    const play = new Play()
    expect(play.enqueue(entry("a"), entry("b"))).toEqual(["Enqueued 1.life", "Enqueued 2.life"])
    play.settle("p.1", ...play.claim("p.1", 2).map((claim) => done(claim)))
    expect(play.enqueue(entry("c"))).toEqual(["Enqueued 3.life"])
  })

  it("names its queue once", () => {
    const play = new Play()
    play.add("a")
    play.desk.life = "first"
    expect(play.enqueue(entry("b"))).toEqual(["Enqueued 2.first"])
  })

  it("is answered as before when it comes again, and refused when it comes late", () => {
    const play = new Play()
    expect(told(play.batch([entry("a")], { sequence: 7 }))).toEqual(["Enqueued 1.life"])
    expect(told(play.batch([entry("a")], { sequence: 7 }))).toEqual(["Enqueued 1.life"])
    expect(play.batch([entry("b")], { sequence: 6 })).toBeUndefined()
    expect(told(play.batch([entry("b")], { sequence: 1, sender: "other" }))).toEqual(["Enqueued 2.life"])
    expect(play.counts).toEqual([2, 0, 0, 0])
  })

  it("waits for the one that it follows, which is then answered as before, too", () => {
    const play = new Play()
    expect(play.batch([entry("b")], { sequence: 2, after: 1 })).toBeUndefined()
    expect(play.isEarly).toBe(true)
    expect(play.counts).toEqual([0, 0, 0, 0])
    const first = play.batch([entry("a")], { sequence: 1 })
    const second = play.batch([entry("b")], { sequence: 2, after: 1 })
    expect(told(second)).toEqual(["Enqueued 2.life"])
    expect(play.batch([entry("a")], { sequence: 1 })).toEqual(first)
    expect(play.batch([entry("b")], { sequence: 2, after: 1 })).toEqual(second)
    // One that follows nothing any more says that all before it are settled.
    play.batch([entry("c")], { sequence: 3 })
    expect(play.batch([entry("b")], { sequence: 2, after: 1 })).toBeUndefined()
    expect(play.isEarly).toBe(false)
    expect(play.counts).toEqual([3, 0, 0, 0])
  })

  it("is remembered for an hour, or until its sender departs", () => {
    const play = new Play()
    play.batch([entry("a")], { sequence: 7 })
    play.now += rememberedMs - 1
    expect(told(play.batch([entry("a")], { sequence: 7 }))).toEqual(["Enqueued 1.life"])
    play.now += 1
    expect(told(play.batch([entry("a")], { sequence: 7 }))).toEqual(["Enqueued 2.life"])
    play.depart("sender")
    expect(told(play.batch([entry("a")], { sequence: 7 }))).toEqual(["Enqueued 3.life"])
    play.now += rememberedMs + 1
    play.step("p.1")
    expect(play.desk.senders.size).toBe(0)
  })

  it("is forgotten an hour after the last of its sender, whoever came first", () => {
    const play = new Play()
    for (const sender of ["a", "b", "a"]) {
      play.batch([], { sender })
      play.now += 1_000
    }
    play.now += rememberedMs - 1_500
    play.step("p.1")
    expect([...play.desk.senders.keys()]).toEqual(["a"])
  })

  it("is full at the limit, and duplicates are told all the same", () => {
    const play = new Play()
    const limited = (...entries: ReadonlyArray<ReturnType<typeof entry>>) => told(play.batch(entries, { maxLength: 2 }))
    expect(limited(entry("a", { id: "x" }), entry("b", { due: { inMs: 10 } }), entry("c"))).toEqual([
      "Enqueued x",
      "Enqueued 2.life",
      "Full"
    ])
    expect(limited(entry("a", { id: "x" }))).toEqual(["Duplicate x"])
    const claim = play.one("p.1")
    expect(limited(entry("d"))).toEqual(["Enqueued 3.life"])
    expect(limited(entry("e"))).toEqual(["Full"])
    play.settle("p.1", dead(claim))
    expect(limited(entry("e"))).toEqual(["Full"])
    play.one("p.1")
    expect(limited(entry("e"))).toEqual(["Enqueued 4.life"])
  })

  it("sleeps until its time, rounded up; what is due is ready at once", () => {
    const play = new Play()
    play.enqueue(
      entry("past", { due: { at: play.now - 1 } }),
      entry("now", { due: { inMs: 0 } }),
      entry("before", { due: { inMs: -5 } }),
      entry("soon", { due: { inMs: 0.2 } }),
      entry("later", { due: { at: play.now + 1.5 } })
    )
    expect(play.counts).toEqual([3, 2, 0, 0])
    expect(play.inspect("4.life")?.runAt).toBe(play.now + 1)
    expect(play.inspect("5.life")?.runAt).toBe(play.now + 2)
  })
})

describe("a given id", () => {
  it("answers Duplicate while its task is there and an hour after its end", () => {
    const play = new Play()
    const again = () => play.enqueue(entry("b", { id: "x" }))
    expect(play.enqueue(entry("a", { id: "x" }), entry("b", { id: "x" }))).toEqual(["Enqueued x", "Duplicate x"])
    const claim = play.one("p.1")
    expect(again()).toEqual(["Duplicate x"])
    play.settle("p.1", done(claim))
    play.now += knownMs - 1
    expect(again()).toEqual(["Duplicate x"])
    play.now += 1
    expect(again()).toEqual(["Enqueued x"])
    expect(play.inspect("x")?.payload).toBe("b")
    // What was known of the first does not end what is known of the second.
    play.step("p.1")
    expect(again()).toEqual(["Duplicate x"])
  })

  it("is known as a dead letter's", () => {
    const play = new Play()
    play.enqueue(entry("a", { id: "x" }))
    play.settle("p.1", dead(play.one("p.1")))
    play.now += 2 * hour
    expect(play.enqueue(entry("a", { id: "x" }))).toEqual(["Duplicate x"])
  })

  it("is not that of a task that has one of ours", () => {
    const play = new Play()
    play.add("a")
    expect(play.enqueue(entry("b", { id: "1.life" }))).toEqual(["Duplicate 1.life"])
    play.settle("p.1", done(play.one("p.1")))
    expect(play.enqueue(entry("b", { id: "1.life" }))).toEqual(["Enqueued 1.life"])
    expect(play.inspect("1.life")?.payload).toBe("b")
  })

  it("is kept as long as its answer", () => {
    const play = new Play()
    play.enqueue(entry("a", { id: "x", keepMs: 24 * hour }))
    play.settle("p.1", done(play.one("p.1")))
    play.now += 23 * hour
    play.step("p.1")
    expect(play.answer("x")).toEqual({ _tag: "Completed", answer: "answer" })
    // But others may have it: that answer is then nobody's.
    expect(play.enqueue(entry("b", { id: "x" }))).toEqual(["Enqueued x"])
    expect(play.answer("x")).toEqual({ _tag: "Waiting" })
  })

  it("comes before a key", () => {
    const play = new Play()
    play.enqueue(entry("a", { id: "x" }), entry("b", { id: "y", unique: { key: "k", windowMs: 0 } }))
    expect(play.enqueue(entry("c", { id: "x", unique: { key: "k", windowMs: 0 } }))).toEqual(["Duplicate x"])
    expect(play.enqueue(entry("c", { id: "z", unique: { key: "k", windowMs: 0 } }))).toEqual(["Duplicate y"])
    expect(play.inspect("z")).toBeUndefined()
  })
})

describe("a unique key", () => {
  const unique = (windowMs: number) => ({ unique: { key: "k", windowMs } })

  it("is held while its task waits, sleeps or runs", () => {
    const play = new Play()
    expect(play.enqueue(entry("a", { ...unique(0), due: { inMs: 5 } }), entry("b", unique(0)))).toEqual([
      "Enqueued 1.life",
      "Duplicate 1.life"
    ])
    play.now += 5
    const claim = play.one("p.1")
    expect(play.enqueue(entry("b", unique(0)))).toEqual(["Duplicate 1.life"])
    play.settle("p.1", retry(claim))
    expect(play.enqueue(entry("b", unique(0)))).toEqual(["Duplicate 1.life"])
    play.settle("p.1", done(play.one("p.1")))
    expect(play.enqueue(entry("b", unique(0)))).toEqual(["Enqueued 2.life"])
  })

  it("is held as long as its window after the end", () => {
    const play = new Play()
    play.enqueue(entry("a", unique(100)))
    play.settle("p.1", done(play.one("p.1")))
    play.now += 99
    expect(play.enqueue(entry("b", unique(100)))).toEqual(["Duplicate 1.life"])
    play.now += 1
    expect(play.enqueue(entry("b", unique(100)))).toEqual(["Enqueued 2.life"])
    play.now += 1_000
    play.step("p.1")
    expect(play.enqueue(entry("c", unique(100)))).toEqual(["Duplicate 2.life"])
  })

  it("has no second window when a dead letter goes", () => {
    const play = new Play()
    play.enqueue(entry("a", unique(100)))
    play.settle("p.1", dead(play.one("p.1")))
    play.now += 60
    play.purge("Dead")
    play.now += 41
    expect(play.enqueue(entry("b", unique(100)))).toEqual(["Enqueued 2.life"])
  })

  it("is not held by a dead letter, but for the window", () => {
    const play = new Play()
    play.enqueue(entry("a", unique(0)))
    play.settle("p.1", dead(play.one("p.1")))
    expect(play.enqueue(entry("b", unique(100)))).toEqual(["Enqueued 2.life"])
    play.settle("p.1", dead(play.one("p.1")))
    expect(play.enqueue(entry("c", unique(100)))).toEqual(["Duplicate 2.life"])
    play.now += 101
    expect(play.enqueue(entry("c", unique(100)))).toEqual(["Enqueued 3.life"])
    // The end of a dead letter does nothing to the one who has the key now.
    play.purge("Dead")
    expect(play.enqueue(entry("d", unique(0)))).toEqual(["Duplicate 3.life"])
    play.cancel("3.life")
    play.now += 101
    expect(play.enqueue(entry("d", unique(0)))).toEqual(["Enqueued 4.life"])
  })
})

describe("a step", () => {
  it("claims in order, each with a higher fence", () => {
    const play = new Play()
    play.add("a", "b", "c")
    const [a, b] = play.claim("p.1", 2)
    expect([a?.payload, b?.payload]).toEqual(["a", "b"])
    expect([a?.fence, b?.fence]).toEqual([play.now * 1_000, play.now * 1_000 + 1])
    // The clock goes back, fences do not.
    play.now -= 500
    expect(play.one("p.2").fence).toBe((b?.fence ?? 0) + 1)
    expect(play.beat("p.2").fence).toBe((b?.fence ?? 0) + 1)
  })

  it("gives a task with all that is known of it", () => {
    const play = new Play()
    play.enqueue(entry("a"), entry("b", { id: "x", lane: "lhigh", keepMs: 5, trace: "t s 1" }))
    const enqueuedAt = play.now
    play.now += 10
    const [b, a] = play.claim("p.1", 2, { lanes: ["lhigh", "l"] })
    expect(b).toEqual({
      number: 2,
      fence: play.now * 1_000,
      id: "x",
      payload: "b",
      lane: "lhigh",
      enqueuedAt,
      attempts: 0,
      crashes: 0,
      keepMs: 5,
      trace: "t s 1",
      isPlain: false
    })
    expect(a?.isPlain).toBe(true)
    play.settle("p.1", ...[a, b].flatMap((claim) => (claim === undefined ? [] : [retry(claim)])))
    expect(play.one("p.1")).toMatchObject({ payload: "a", attempts: 1, crashes: 0, isPlain: false })
  })

  it("is answered as before when it comes again", () => {
    const play = new Play()
    play.add("a", "b", "c", "d")
    const [a] = play.claim("p.1", 1)
    const step = play.stepOf("p.1", { free: 1, ahead: 1, settlements: a === undefined ? [] : [done(a)] })
    const first = play.tryStep(step)
    expect(first).toMatchObject({ outcomes: ["Settled"], ahead: 1 })
    expect(payloads(first?.claimed ?? [])).toEqual(["b", "c"])
    expect(play.tryStep(step)).toEqual(first)
    expect(play.counts).toEqual([1, 0, 2, 0])
    // Records are read anew, and what it holds no more is not among them.
    const claims = first?.claimed ?? []
    play.claim("p.1", 0, { settlements: claims.slice(0, 1).map((claim) => done(claim)) })
    expect(play.tryStep(step)).toBeUndefined()
  })

  it("is answered with what is still held", () => {
    const play = new Play()
    play.add("a", "b", "c")
    play.enqueue(entry("later", { due: { inMs: 50 } }))
    const step = play.stepOf("p.1", { free: 2, ahead: 1 })
    expect(play.tryStep(step)).toMatchObject({ ahead: 1, dueInMs: 50 })
    play.now += 20
    play.pause(true)
    // As if its server had lost one of them.
    play.desk.claims.get("p.1")?.delete(3)
    const again = play.tryStep(step)
    expect(payloads(again?.claimed ?? [])).toEqual(["a", "b"])
    expect(again).toMatchObject({ ahead: 0, dueInMs: 30, isPaused: true })
  })

  it("that comes again proves life, and gives nobody another turn", () => {
    const play = new Play()
    const [a] = (play.add("a"), play.claim("p.1", 1))
    const step = play.stepOf("p.1", { free: 1 })
    const first = play.tryStep(step)
    expect(first).toMatchObject({ isIdle: true, isMore: false })
    play.now += 10
    play.add("b")
    // It has been woken since.
    expect(play.tryStep(step)).toEqual({ ...first, isIdle: false })
    expect([play.desk.leases.get("p.1"), play.desk.idle.size]).toEqual([play.now + leaseMs, 0])
    if (a !== undefined) expect(play.settle("p.1", done(a))).toEqual(["Settled"])
  })

  it("is refused when a later one came before", () => {
    const play = new Play()
    play.add("a")
    play.step("p.1", { sequence: 9 })
    expect(play.tryStep(play.stepOf("p.1", { sequence: 8, free: 1 }))).toBeUndefined()
    expect(play.counts).toEqual([1, 0, 0, 0])
    play.now += rememberedMs + 1
    expect(play.tryStep(play.stepOf("p.1", { sequence: 8, free: 1 }))?.claimed.length).toBe(1)
  })

  it("settles, then wakes what is due, then claims", () => {
    const play = new Play()
    play.add("a")
    const a = play.one("p.1")
    play.enqueue(entry("due", { due: { inMs: 5 } }))
    play.now += 5
    const { claimed, outcomes } = play.step("p.1", { settlements: [retry(a)], free: 3 })
    expect([outcomes, payloads(claimed)]).toEqual([["Settled"], ["a", "due"]])
  })

  it("wakes sleepers by their time, then by their number, at the end of their lanes", () => {
    const play = new Play()
    play.enqueue(
      entry("third", { due: { inMs: 30 } }),
      entry("first", { due: { inMs: 10 } }),
      entry("second", { due: { inMs: 10 } }),
      entry("ready")
    )
    expect(play.step("p.1").dueInMs).toBe(10)
    play.now += 9
    expect(payloads(play.claim("p.1", 4))).toEqual(["ready"])
    play.now += 21
    play.add("late")
    expect(payloads(play.claim("p.1", 5))).toEqual(["late", "first", "second", "third"])
    expect(play.step("p.1").dueInMs).toBeUndefined()
  })

  it("wakes a bounded number of them, and says that there are more", () => {
    const play = new Play()
    for (let i = 0; i < 2; i++) play.batch(Array.from({ length: 200 }, () => entry("", { due: { inMs: 1 } })))
    play.now += 1
    expect(play.step("p.1")).toMatchObject({ isMore: true, dueInMs: 0 })
    expect(play.counts).toEqual([256, 144, 0, 0])
    expect(play.step("p.1", { free: 600 })).toMatchObject({ isMore: false, isIdle: true })
    expect(play.counts).toEqual([0, 0, 400, 0])
  })

  it("claims no more than a batch", () => {
    const play = new Play()
    for (let i = 0; i < 2; i++) play.batch(Array.from({ length: 300 }, () => entry("")))
    const { claimed, isMore } = play.step("p.1", { free: 600 })
    expect([claimed.length, isMore]).toEqual([maxBatchEntries, true])
  })

  it("renews the lease of who holds something, and leaves none to who does not", () => {
    const play = new Play()
    play.add("a")
    const a = play.one("p.1")
    expect(play.desk.leases.get("p.1")).toBe(play.now + leaseMs)
    play.now += 10
    play.step("p.1")
    expect(play.desk.leases.get("p.1")).toBe(play.now + leaseMs)
    play.settle("p.1", done(a))
    expect(play.desk.leases.has("p.1")).toBe(false)
  })
})

describe("a settlement", () => {
  it("is Lost without exactly that fence", () => {
    const play = new Play()
    play.add("a")
    const claim = play.one("p.1")
    expect(play.settle("p.2", done(claim))).toEqual(["Lost"])
    expect(play.settle("p.1", done({ ...claim, fence: claim.fence + 1 }))).toEqual(["Lost"])
    expect(play.settle("p.1", done(claim), done(claim))).toEqual(["Settled", "Lost"])
    expect(play.settle("p.1", release({ ...claim, number: 77 }))).toEqual(["Lost"])
  })

  it("of a cancelled task ends it, whatever it says", () => {
    for (const settle of [done, retry, dead, release]) {
      const play = new Play()
      play.enqueue(entry("a", { keepMs: 10 }))
      const claim = play.one("p.1")
      expect(play.cancel(claim.id)).toBe(true)
      expect(play.settle("p.1", settle(claim))).toEqual(["Cancelled"])
      expect([play.counts, play.answer(claim.id)]).toEqual([[0, 0, 0, 0], { _tag: "Cancelled" }])
    }
  })

  it("Done ends the task, and keeps its answer for its time", () => {
    const play = new Play()
    play.enqueue(entry("a", { keepMs: 100 }), entry("b"))
    play.settle("p.1", ...play.claim("p.1", 2).map((claim) => done(claim, `of ${claim.payload}`)))
    expect(play.answer("1.life")).toEqual({ _tag: "Completed", answer: "of a" })
    expect(play.answer("2.life")).toEqual({ _tag: "Unknown" })
    expect(play.inspect("1.life")).toMatchObject({ state: "Completed", payload: "", attempts: 0 })
    play.now += 99
    expect(play.answer("1.life")._tag).toBe("Completed")
    play.now += 1
    expect(play.answer("1.life")._tag).toBe("Unknown")
    expect(play.inspect("1.life")).toBeUndefined()
  })

  it("Retry counts an attempt, and stands at the end or sleeps", () => {
    const play = new Play()
    play.add("a", "b")
    play.settle("p.1", retry(play.one("p.1"), 0, "no"))
    expect(play.inspect("1.life")).toMatchObject({ state: "Ready", attempts: 1, lastError: "no" })
    expect(payloads(play.claim("p.1", 1))).toEqual(["b"])
    play.settle("p.1", retry(play.one("p.1"), 1.5, "no again"))
    expect(play.inspect("1.life")).toMatchObject({
      state: "Delayed",
      runAt: play.now + 2,
      attempts: 2,
      lastError: "no again"
    })
    play.now += 2
    expect(play.one("p.1")).toMatchObject({ payload: "a", attempts: 2, crashes: 0 })
  })

  it("Release counts nothing, and stands in front by its number", () => {
    const play = new Play()
    play.add("a", "b", "c")
    const [a, b] = play.claim("p.1", 2)
    if (a === undefined || b === undefined) return expect.unreachable()
    play.settle("p.1", release(b), release(a))
    const claims = play.claim("p.1", 3)
    expect(payloads(claims)).toEqual(["a", "b", "c"])
    expect(claims[0]?.attempts).toBe(0)
  })

  it("Dead makes a letter, and keeps an answer as Failed", () => {
    const play = new Play()
    play.enqueue(entry("a", { keepMs: 100 }), entry("b"))
    const [a, b] = play.claim("p.1", 2)
    if (a === undefined || b === undefined) return expect.unreachable()
    play.settle("p.1", dead(a, "E"), dead(b, "E"))
    expect(play.answer("1.life")).toEqual({ _tag: "Failed", answer: "E" })
    expect(play.answer("2.life")).toEqual({ _tag: "Dead", reason: "AttemptsExhausted", error: "dead" })
    expect(play.inspect("1.life")).toMatchObject({
      state: "Dead",
      attempts: 1,
      lastError: "dead",
      reason: "AttemptsExhausted",
      diedAt: play.now
    })
    play.now += 101
    expect(play.answer("1.life")._tag).toBe("Dead")
    expect(play.counts).toEqual([0, 0, 0, 2])
  })

  it("Dead counts no attempt where it was not run again", () => {
    const play = new Play()
    play.add("a")
    play.settle("p.1", retry(play.one("p.1")))
    play.settle("p.1", dead(play.one("p.1"), undefined, false))
    expect(play.inspect("1.life")).toMatchObject({ state: "Dead", attempts: 1 })
  })
})

describe("dead letters", () => {
  const kill = (play: Play, ...names: ReadonlyArray<string>) => {
    play.enqueue(...names.map((name) => entry(name, { id: name })))
    play.settle("p.1", ...play.claim("p.1", names.length).map((claim) => dead(claim)))
  }

  it("are trimmed beyond their number, the oldest first", () => {
    const play = new Play()
    play.letters = { capacity: 2, timeToLiveMs: hour }
    kill(play, "a", "b")
    expect(play.list("Dead")).toEqual(["a", "b"])
    play.now += 1
    kill(play, "c")
    expect(play.list("Dead")).toEqual(["b", "c"])
    expect([play.answer("a")._tag, play.inspect("a")]).toEqual(["Unknown", undefined])
    // Its id is known for an hour more.
    expect(play.enqueue(entry("a", { id: "a" }))).toEqual(["Duplicate a"])
  })

  it("are trimmed when they are too old, a bounded number at a time", () => {
    const play = new Play()
    for (let i = 0; i < 2; i++) kill(play, ...Array.from({ length: 100 }, (_, n) => `${i}-${n}`))
    play.letters = { capacity: 1_000, timeToLiveMs: hour }
    play.now += hour - 1
    play.beat("p.1")
    expect(play.counts).toEqual([0, 0, 0, 200])
    play.now += 1
    play.beat("p.1")
    expect(play.counts).toEqual([0, 0, 0, 72])
    kill(play, "last")
    expect(play.list("Dead")).toEqual(["last"])
  })

  it("come back at the end of their lanes with nothing against them", () => {
    const play = new Play()
    play.enqueue(entry("a", { keepMs: hour }))
    play.settle("p.1", dead(play.one("p.1"), "E"))
    play.add("b")
    expect(play.redrive({ id: "1.life" })).toEqual({ count: 1, cursor: "" })
    expect(play.redrive({ id: "1.life" })).toEqual({ count: 0, cursor: "" })
    expect(play.redrive({ id: "nobody" })).toEqual({ count: 0, cursor: "" })
    expect(play.answer("1.life")._tag).toBe("Waiting")
    expect(play.inspect("1.life")).toMatchObject({
      state: "Ready",
      attempts: 0,
      lastError: undefined,
      reason: undefined
    })
    expect(payloads(play.claim("p.1", 2))).toEqual(["b", "a"])
  })

  it("stay where their key is taken", () => {
    const play = new Play()
    const unique = { key: "k", windowMs: 10 }
    play.enqueue(entry("a", { unique }))
    play.settle("p.1", dead(play.one("p.1")))
    // Its own window does not keep it.
    expect(play.redrive().count).toBe(1)
    expect(play.enqueue(entry("b", { unique }))).toEqual(["Duplicate 1.life"])
    play.settle("p.1", dead(play.one("p.1")))
    play.now += 11
    play.enqueue(entry("b", { unique }))
    expect(play.redrive().count).toBe(0)
    play.cancel("2.life")
    expect(play.redrive().count).toBe(0)
    play.now += 11
    expect(play.redrive().count).toBe(1)
    expect(play.enqueue(entry("b", { unique }))).toEqual(["Duplicate 1.life"])
  })

  it("come back page by page, the oldest first", () => {
    const play = new Play()
    for (let i = 0; i < 2; i++) kill(play, ...Array.from({ length: 100 }, (_, n) => `${i}-${n}`))
    const { count, cursor } = play.redrive()
    expect([count, cursor]).toEqual([128, `${play.now} 128 ${play.now}`])
    // What dies again meanwhile is not among them.
    play.now += 1
    play.settle("p.1", ...play.claim("p.1", 128).map((claim) => dead(claim)))
    expect(play.redrive({ cursor })).toEqual({ count: 72, cursor: "" })
    expect(play.counts).toEqual([72, 0, 0, 128])
  })
})
