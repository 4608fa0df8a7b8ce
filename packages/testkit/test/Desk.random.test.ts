/** The queue in memory, as a state machine, under anything that may happen to it in any order. */
import type { Claimed, Claimer, Settlement } from "@troupe/core/TaskQueueStore"
import { describe, expect, it } from "@effect/vitest"
import * as Lanes from "../src/internal/desk/Lanes.ts"
import type { Ordered } from "../src/internal/desk/Ordered.ts"
import { dead, done, entry, leaseMs, Play, release, retry } from "./support/Play.ts"

/** Numbers below `limit`, the same ones for the same seed. */
const random = (seed: number) => {
  let state = seed
  return (limit: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}

class Game {
  readonly play = new Play()
  readonly held = new Map<Claimer, ReadonlyArray<Claimed>>()
  /** Ids of what was enqueued and has not been seen to end. */
  readonly open = new Set<string>()
  private readonly sent = new Set<Claimer>()
  private readonly below: (limit: number) => number
  private readonly completed = new Set<string>()
  /** Told to be cancelled while they ran: they end with their run, or with whoever holds them. */
  private readonly cancelled = new Set<string>()
  private fence = 0

  constructor(seed: number) {
    this.below = random(seed)
    this.play.letters = { capacity: 1_000_000, timeToLiveMs: 1e12 }
  }

  turn(): void {
    const { play } = this
    const claimer = `p${this.below(2)}.${this.below(3)}`
    switch (this.below(12)) {
      case 0:
      case 1:
      case 2:
        this.enqueue()
        break
      case 3:
      case 4:
      case 5:
      case 6:
        this.step(claimer)
        break
      case 7: {
        const { cancelled, isHeld } = play.beat(claimer, { lanes: this.lanes(claimer) })
        const claims = this.held.get(claimer) ?? []
        expect(cancelled.every((number) => claims.some((claim) => claim.number === number))).toBe(true)
        if (!isHeld) this.held.delete(claimer)
        break
      }
      case 8: {
        const id = this.someOpen()
        if (id === undefined) break
        const isClaimed = play.inspect(id)?.state === "Claimed"
        if (!play.cancel(id)) break
        if (isClaimed) this.cancelled.add(id)
        else this.open.delete(id)
        break
      }
      case 9:
        play.now += this.below(this.below(4) === 0 ? leaseMs : 3_000) - (this.below(10) === 0 ? 5_000 : 0)
        break
      case 10:
        if (this.below(3) === 0) {
          play.depart(claimer)
          this.sent.delete(claimer)
          this.held.delete(claimer)
        } else play.redrive()
        break
      default:
        play.pause(this.below(3) === 0)
    }
    this.check()
  }

  private lanes(claimer: Claimer): ReadonlyArray<string> {
    return ["lhigh", "l", `p${claimer.slice(0, 2)}`]
  }

  private enqueue(): void {
    const entries = Array.from({ length: 1 + this.below(4) }, () =>
      entry("", {
        lane: ["lhigh", "l", "l", "pp0", "pp1"][this.below(5)] ?? "l",
        due: this.below(4) === 0 ? { inMs: this.below(5_000) } : undefined,
        id: this.below(5) === 0 ? `given ${this.below(1e9)}` : undefined,
        unique: this.below(6) === 0 ? { key: `u${this.below(3)}`, windowMs: this.below(2) * 500 } : undefined,
        place: this.below(3) === 0 ? { key: `k${this.below(2)}`, limit: 1 + this.below(2) } : undefined,
        keepMs: this.below(2) * 1_000
      })
    )
    for (const accepted of this.play.batch(entries, { maxLength: 60 }) ?? []) {
      if (accepted?._tag === "Enqueued") this.open.add(accepted.id)
    }
  }

  private step(claimer: Claimer): void {
    const { play } = this
    const claims = this.held.get(claimer) ?? []
    const settled = claims.filter(() => this.below(2) === 0)
    const settlements = settled.map((claim): Settlement => {
      const kind = this.below(8)
      return kind === 0
        ? dead(claim, "E")
        : kind === 1
          ? release(claim)
          : kind === 2
            ? retry(claim, this.below(2_000))
            : done(claim)
    })
    const runs = new Set(claims.map(({ number }) => number))
    const given = play.stepOf(claimer, {
      settlements,
      begun: claims.filter(() => this.below(2) === 0).map(({ number }) => number),
      lanes: this.lanes(claimer),
      free: this.below(4),
      ahead: this.below(3),
      takesSuspect: this.below(2) === 0
    })
    this.sent.delete(claimer)
    const stepped = play.tryStep(given)
    if (stepped === undefined) throw new Error("the step was refused")
    // What was said is said again.
    if (this.below(4) === 0)
      expect(play.tryStep(given)).toMatchObject({ outcomes: stepped.outcomes, claimed: stepped.claimed })
    for (const [index, outcome] of stepped.outcomes.entries()) {
      const settlement = settlements[index]
      if (settlement === undefined) throw new Error("an outcome too many")
      const { id, number } = settlement.claim
      if (outcome === "Lost") continue
      if (outcome === "Cancelled" || settlement._tag === "Done") {
        expect(this.completed.has(id)).toBe(false)
        expect(this.cancelled.has(id)).toBe(outcome === "Cancelled")
        this.completed.add(id)
        this.open.delete(id)
      }
      runs.delete(number)
    }
    for (const { fence } of stepped.claimed) {
      expect(fence).toBeGreaterThan(this.fence)
      this.fence = fence
    }
    expect(stepped.claimed.length - stepped.ahead).toBeLessThanOrEqual(given.free)
    expect(stepped.ahead).toBeLessThanOrEqual(given.ahead)
    if (stepped.isMore) this.sent.add(claimer)
    this.held.set(claimer, [...claims.filter(({ number }) => runs.has(number)), ...stepped.claimed])
  }

  private seeCancelled(): void {
    const ids = new Set(Array.from(this.play.desk.tasks.values(), ({ id }) => id))
    for (const id of this.cancelled) if (!ids.has(id)) this.open.delete(id)
  }

  private someOpen(): string | undefined {
    return [...this.open][this.below(this.open.size)]
  }

  private check(): void {
    const { desk } = this.play
    const ids = new Set(Array.from(desk.tasks.values(), ({ id }) => id))
    this.seeCancelled()
    // Nothing is lost: what was enqueued and has not ended is there, and nothing else.
    expect(ids).toEqual(this.open)
    expect(this.play.counts.reduce((sum, count) => sum + count, 0)).toBe(desk.tasks.size)
    expect(this.play.counts[0]).toBeGreaterThanOrEqual(0)
    expect(this.misplaced()).toEqual([])
    for (const [key, numbers] of desk.running) {
      expect(numbers.size === 1 || numbers.size === 2).toBe(true)
      for (const number of numbers) expect(desk.tasks.get(number)).toMatchObject({ state: "Claimed", place: { key } })
    }
    // Who waits for a place is called by the end of a run, or after one that was called before it.
    for (const key of desk.waiting.keys()) {
      const isCalled = [...desk.tasks.values()].some(
        ({ lane, number, place, state }) =>
          place?.key === key && state === "Ready" && lane.startsWith("l") && !this.waits(key, number)
      )
      expect(desk.running.has(key) || isCalled || this.onlyForPeers(key)).toBe(true)
    }
    this.see()
    // Nobody is idle beside work, unless somebody was sent for it.
    const levels = ["lhigh", "l"].flatMap((lane) => desk.lanes.get(lane) ?? [])
    const ready = levels.reduce((sum, line) => sum + Lanes.ordinary(line), 0)
    expect(desk.isPaused || ready === 0 || desk.idle.size === 0 || this.sent.size > 0).toBe(true)
  }

  private waits(key: string, number: number): boolean {
    return this.play.desk.waiting.get(key)?.chunks.some(({ numbers }) => numbers.includes(number)) === true
  }

  private onlyForPeers(key: string): boolean {
    const numbers = this.play.desk.waiting.get(key)?.chunks.flatMap(({ numbers }) => numbers) ?? []
    return numbers.every((number) => this.play.desk.tasks.get(number)?.lane.startsWith("p") === true)
  }

  /** Who has been woken and has not looked yet. */
  private see(): void {
    for (const text of this.play.heard()) {
      const [who = "", message] = text.split(" ")
      if (message === "work" && !who.startsWith("@")) this.sent.add(who)
    }
  }

  /** Numbers that stand twice, nowhere, or where they should not. */
  private misplaced(): ReadonlyArray<string> {
    const { desk } = this.play
    const found: Array<string> = []
    const places = new Map<number, string>()
    const stand = (numbers: Iterable<number>, place: string) => {
      for (const number of numbers) {
        if (!desk.tasks.has(number)) continue
        if (places.has(number)) found.push(`${number}: ${places.get(number)} and ${place}`)
        places.set(number, place)
      }
    }
    const all = ({ chunks }: Ordered) => chunks.flatMap(({ numbers }) => numbers)
    for (const [claimer, numbers] of desk.claims) stand(numbers, `Claimed ${claimer}`)
    stand(desk.reaping.items.slice(desk.reaping.head), "Claimed")
    stand(all(desk.sleeping), "Delayed")
    stand(all(desk.dead), "Dead")
    for (const waiting of desk.waiting.values()) stand(all(waiting), "Ready")
    for (const [name, { front, list, suspects }] of desk.lanes) {
      for (const numbers of [all(suspects), all(front), list.items.slice(list.head)]) stand(numbers, `Ready ${name}`)
    }
    for (const { claim, lane, number, state } of desk.tasks.values()) {
      const [stated, where] = places.get(number)?.split(" ") ?? []
      const expected = state === "Ready" ? lane : claim?.claimer
      if (stated !== state || (where !== undefined && where !== expected)) {
        found.push(`${number}: ${state} ${expected}, stands at ${places.get(number)}`)
      }
    }
    return found
  }

  /** All goes on, until everything has ended and everybody has left. */
  finish(): void {
    const { play } = this
    play.pause(false)
    for (const claimer of this.held.keys()) play.depart(claimer)
    this.held.clear()
    this.seeCancelled()
    for (let turn = 0; this.open.size > play.desk.dead.size; turn++) {
      if (turn > 500) throw new Error(`${this.open.size - play.desk.dead.size} never ran`)
      play.now += 1_000
      // Those who crashed may have left something to reap.
      play.beat("w.1")
      this.seeCancelled()
      for (const name of ["p0", "p1"]) {
        const claimer = `${name}.end`
        const { claimed } = play.step(claimer, { free: 5, lanes: this.lanes(claimer) })
        play.settle(claimer, ...claimed.map((claim) => done(claim)))
        for (const { id } of claimed) this.open.delete(id)
      }
    }
    while (play.desk.dead.size > 0) play.purge("Dead")
    for (const claimer of [...play.desk.memos.keys()]) play.depart(claimer)
    play.depart("sender")
    expect(play.desk.waiting.size + play.desk.running.size + play.desk.lanes.size).toBe(0)
    for (let hours = 0; hours < 2; hours++) {
      play.now += 3_600_001
      for (let beats = 0; beats < 100; beats++) play.beat("w.1")
    }
    expect(play.isEmpty).toBe(true)
  }
}

describe("anything in any order", () => {
  // Another run tries others.
  const first = Math.floor(Math.random() * 1e9)
  for (let seed = first; seed < first + 10; seed++) {
    it(`loses nothing, gives nothing to two, and leaves nothing behind: seed ${seed}`, () => {
      const game = new Game(seed)
      for (let turn = 0; turn < 400; turn++) game.turn()
      game.finish()
    })
  }
})
