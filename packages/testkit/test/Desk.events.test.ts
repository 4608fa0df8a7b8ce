/** The queue in memory, as a state machine: what is told to whoever watches. */
import { describe, expect, it } from "@effect/vitest"
import { dead, done, entry, leaseMs, Play, release, retry } from "./support/Play.ts"

/** Lines of the pushes since the last look, each push's behind its number since `from`. */
const pushed = (play: Play, from: number): ReadonlyArray<string> =>
  play
    .heard()
    .filter((line) => line.startsWith("!! "))
    .map((push) => {
      const [head = "", ...lines] = push.slice(3).split("\n")
      const [number, at] = head.split(" ").map(Number)
      expect(at).toBe(play.now)
      return [Number(number) - from, ...lines].join(" | ")
    })

describe("whoever watches", () => {
  it("is told what happens under numbers that follow one another, once for each step", () => {
    const play = new Play()
    const from = play.watch(60_000)
    expect(from).toBe(play.now * 1_000)
    play.enqueue(entry("a", { id: "a b%" }), entry("b"), entry("c", { due: { inMs: 10 } }))
    expect(pushed(play, from)).toEqual(["1 | E a%20b%25 | E 2.life | E 3.life"])
    const [a, b] = play.claim("p.1", 2)
    if (a === undefined || b === undefined) return expect.unreachable()
    expect(pushed(play, from)).toEqual(["2 | S a%20b%25 p.1 1 | S 2.life p.1 1"])
    play.settle("p.1", retry(a, 5.5, "100 % wrong\nat line 1"), done(b))
    const at = play.now + 6
    expect(pushed(play, from)).toEqual([
      `3 | F a%20b%25 1 100%20%25%20wrong%0Aat%20line%201 | R a%20b%25 ${at} | C 2.life p.1`
    ])
    play.now += 10
    play.settle("p.1", ...play.claim("p.1", 2).map((claim) => dead(claim)))
    expect(pushed(play, from)).toEqual([
      "4 | S a%20b%25 p.1 2 | S 3.life p.1 1",
      "5 | F a%20b%25 2 dead | D a%20b%25 AttemptsExhausted | F 3.life 1 dead | D 3.life AttemptsExhausted"
    ])
    play.redrive()
    expect(pushed(play, from)).toEqual(["6 | E a%20b%25 | E 3.life"])
  })

  it("is told for as long as the longest of all said, and then by nobody", () => {
    const play = new Play()
    play.add("a")
    expect(play.heard()).toEqual([])
    const from = play.watch(100)
    expect(play.watch(10)).toBe(from)
    play.now += 99
    play.add("b")
    expect(pushed(play, from)).toEqual(["1 | E 2.life"])
    expect(play.watch(1)).toBe(from + 1)
    play.now += 1
    play.add("c")
    expect(play.heard()).toEqual([])
    // Whoever still reads sees that something is missing; also where another server goes on from what it has.
    expect(play.watch(10)).toBe(play.now * 1_000)
    play.now += 1
    expect(play.watch(10, "another")).toBe(play.now * 1_000)
    play.now += 10
    expect(play.watch(10)).toBe(play.now * 1_000)
    play.now -= 1_000
    play.desk.watched = 0
    expect(play.watch(10)).toBe((play.now + 1_000) * 1_000 + 1)
  })

  it("is told what was claimed ahead to begin when it does, or is over", () => {
    const play = new Play()
    play.add("a", "b", "c", "d", "e")
    const [a, b, c, d, e] = play.claim("p.1", 1, { ahead: 4 })
    if (!a || !b || !c || !d || !e) return expect.unreachable()
    const from = play.watch(60_000)
    play.step("p.1", { begun: [b.number, b.number, a.number] })
    expect(pushed(play, from)).toEqual(["1 | S 2.life p.1 1"])
    play.settle("p.1", release(d), done(c), release(b), dead(e, undefined, false))
    expect(pushed(play, from)).toEqual(["2 | S 3.life p.1 1 | C 3.life p.1 | B 2.life | D 5.life AttemptsExhausted"])
  })

  it("is not told that who has had its runs begins, and its next crash is none", () => {
    const play = new Play()
    play.add("a")
    play.settle("p.1", retry(play.one("p.1")))
    play.watch(600_000)
    expect(play.one("p.1", { maxAttempts: 1 }).attempts).toBe(1)
    expect(play.heard()).toEqual([])
    play.crash("p.1", "p.2")
    expect(play.one("p.2", { maxAttempts: 1 })).toMatchObject({ attempts: 1, crashes: 0 })
    expect(pushed(play, 0)).toEqual([])
  })

  it("is told what dead claimers and departing ones had begun", () => {
    const play = new Play()
    play.add("a", "b", "c")
    const claims = play.claim("p.1", 2, { ahead: 1 })
    play.watch(600_000)
    play.cancel(claims[1]?.id ?? "")
    expect(play.cancel(claims[1]?.id ?? "")).toBe(true)
    play.crash("p.1", "p.2")
    const told = play.heard().map((push) => push.split("\n").slice(1).join(" | "))
    expect(told.filter((lines) => lines !== "")).toEqual(["X 2.life", "B 1.life"])
    const from = play.watch(10 * leaseMs)
    const next = play.claim("p.2", 1, { ahead: 1 })
    expect(next.length).toBe(1)
    play.claim("p.2", 0, { ahead: 1 })
    play.depart("p.2")
    expect(pushed(play, from)).toEqual(["1 | S 1.life p.2 2", "2 | B 1.life"])
  })

  it("is told of a conviction by itself", () => {
    const play = new Play()
    play.add("a")
    for (const name of ["a", "b", "c"]) {
      play.one(`${name}.1`)
      if (name === "c") play.watch(10 * leaseMs)
      play.crash(`${name}.1`, "p.1")
    }
    expect(play.heard().map((push) => push.split("\n")[1])).toContain("D 1.life PeerCrashes")
    play.redrive()
    expect(play.heard().join()).toContain("E 1.life")
  })

  it("is told what is cancelled and purged before it ran, and of no dead letter that goes", () => {
    const play = new Play()
    play.enqueue(entry("a"), entry("b"), entry("c", { due: { inMs: 100 } }), entry("d", { due: { inMs: 100 } }))
    play.settle("p.1", dead(play.one("p.1")))
    const from = play.watch(10_000)
    play.purge("Ready")
    play.cancel("3.life")
    play.purge("Delayed")
    play.purge("Dead")
    expect(pushed(play, from)).toEqual(["1 | X 2.life", "2 | X 3.life", "3 | X 4.life"])
  })
})
