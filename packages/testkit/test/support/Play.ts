/** A desk that a test plays with: time by hand, sequences by themselves, pushes as text. */
import {
  type Accepted,
  type Batch,
  type Beat,
  type Beaten,
  type Claimed,
  type Claimer,
  type Entry,
  holding,
  type Outcome,
  type Settlement,
  type Step,
  type Stepped
} from "@troupe/core/TaskQueueStore"
import * as Batches from "../../src/internal/desk/Batches.ts"
import * as Beats from "../../src/internal/desk/Beats.ts"
import * as Desk from "../../src/internal/desk/Desk.ts"
import * as Letters from "../../src/internal/desk/Letters.ts"
import * as Looks from "../../src/internal/desk/Looks.ts"
import * as Orders from "../../src/internal/desk/Orders.ts"
import * as Steps from "../../src/internal/desk/Steps.ts"
import type { Done, Push } from "../../src/internal/desk/Turn.ts"
import { describe } from "../../src/internal/memory/text.ts"

export const leaseMs = 15_000
export const hour = 3_600_000

const blank: Entry = {
  payload: "",
  lane: "l",
  due: undefined,
  id: undefined,
  unique: undefined,
  place: undefined,
  keepMs: 0,
  trace: undefined
}

export const entry = (payload: string, given: Partial<Entry> = {}): Entry => ({ ...blank, payload, ...given })

export const done = (claim: Claimed, answer = "answer"): Settlement => ({
  _tag: "Done",
  claim,
  hasProgress: false,
  answer
})
export const retry = (claim: Claimed, delayMs = 0, error = "error"): Settlement => ({
  _tag: "Retry",
  claim,
  hasProgress: false,
  delayMs,
  error
})
export const dead = (claim: Claimed, answer?: string, hasRun = true): Settlement => ({
  _tag: "Dead",
  claim,
  hasProgress: false,
  hasRun,
  reason: "AttemptsExhausted",
  error: "dead",
  answer
})
export const release = (claim: Claimed): Settlement => ({ _tag: "Release", claim, hasProgress: false })

export class Play {
  desk = Desk.make()
  now = 1_000_000
  letters = { capacity: 1_000, timeToLiveMs: 24 * hour }
  /** The last batch came before the one that it follows. */
  isEarly = false
  private pushed: Array<string> = []
  private readonly sequences = new Map<string, number>()

  /** What was pushed since the last look. */
  heard(): ReadonlyArray<string> {
    const { pushed } = this
    this.pushed = []
    return pushed
  }

  batch(entries: ReadonlyArray<Entry>, given: Partial<Batch> = {}): ReadonlyArray<Accepted> | undefined {
    const sender = given.sender ?? "sender"
    const batch = { sender, sequence: this.next(sender), after: 0, maxLength: Infinity, entries, ...given }
    const answer = this.keep(Batches.enqueue(this.desk, this.now, () => "life", batch))
    this.isEarly = answer === "Early"
    return answer === "Early" ? undefined : answer
  }

  /** Texts of what became of them: `Enqueued 1.life`. */
  enqueue(...entries: ReadonlyArray<Entry>): ReadonlyArray<string> {
    return told(this.batch(entries))
  }

  /** Plain tasks with these payloads. */
  add(...payloads: ReadonlyArray<string>): void {
    this.batch(payloads.map((payload) => entry(payload)))
  }

  stepOf(claimer: Claimer, given: Partial<Step> = {}): Step {
    return {
      claimer,
      sequence: given.sequence ?? this.next(claimer),
      leaseMs,
      settlements: [],
      begun: [],
      lanes: ["l"],
      free: 0,
      ahead: 0,
      takesSuspect: true,
      rate: undefined,
      maxAttempts: 100,
      letters: this.letters,
      ...given
    }
  }

  tryStep(step: Step): Stepped | undefined {
    return this.keep(Steps.step(this.desk, this.now, step))
  }

  step(claimer: Claimer, given: Partial<Step> = {}): Stepped {
    const stepped = this.tryStep(this.stepOf(claimer, given))
    if (stepped === undefined) throw new Error("the step was refused")
    return stepped
  }

  claim(claimer: Claimer, free: number, given: Partial<Step> = {}): ReadonlyArray<Claimed> {
    return this.step(claimer, { free, ...given }).claimed
  }

  one(claimer: Claimer, given: Partial<Step> = {}): Claimed {
    const [claim] = this.claim(claimer, 1, given)
    if (claim === undefined) throw new Error("nothing was claimed")
    return claim
  }

  settle(claimer: Claimer, ...settlements: ReadonlyArray<Settlement>): ReadonlyArray<Outcome> {
    return this.step(claimer, { settlements }).outcomes
  }

  beat(claimer: Claimer, given: Partial<Beat> = {}): Beaten {
    const none = { answered: 0, holds: holding([]), holdsNext: undefined }
    const beat = { queue: "q", claimer, leaseMs, lanes: ["l"], letters: this.letters, ...none, ...given }
    return this.keep(Beats.beat(this.desk, this.now, beat))
  }

  /** So much time, in which that claimer beats as it should. */
  pass(ms: number, claimer: Claimer, given: Partial<Beat> = {}): void {
    const end = this.now + ms
    while (this.now < end) {
      this.now = Math.min(end, this.now + 5_000)
      this.beat(claimer, given)
    }
  }

  /** That claimer holds what it has until nobody believes in it. */
  crash(claimer: Claimer, witness: Claimer): void {
    this.beat(witness)
    this.pass(2 * leaseMs, witness)
    if (this.desk.leases.has(claimer)) throw new Error("it was not reaped")
  }

  depart(who: string): void {
    this.keep(Orders.depart(this.desk, this.now, who))
  }

  cancel(id: string): boolean {
    return this.keep(Orders.cancel(this.desk, this.now, id))
  }

  watch(watchMs: number, run = "run"): number {
    return Orders.watch(this.desk, this.now, run, watchMs)
  }

  pause(isPaused: boolean): void {
    this.keep(Orders.pause(this.desk, isPaused))
  }

  progress(claimer: Claimer, claim: Claimed, value: string): boolean {
    return Orders.progress(this.desk, claimer, claim, value)
  }

  purge(state: "Ready" | "Delayed" | "Dead", cursor = ""): { readonly count: number; readonly cursor: string } {
    return this.keep(Orders.purge(this.desk, this.now, state, cursor))
  }

  redrive(which: { readonly id: string } | { readonly cursor: string } = { cursor: "" }) {
    return this.keep(Letters.redrive(this.desk, this.now, which))
  }

  answer(id: string, waitMs = 0) {
    return Looks.answer(this.desk, this.now, id, waitMs)
  }

  inspect(id: string) {
    return Looks.inspect(this.desk, this.now, id)
  }

  /** Ready, delayed, claimed, dead. */
  get counts(): ReadonlyArray<number> {
    const { claimed, dead, delayed, ready } = Looks.counts(this.desk)
    return [ready, delayed, claimed, dead]
  }

  /** Payloads of all pages of a state. */
  list(state: "Ready" | "Delayed" | "Claimed" | "Dead"): ReadonlyArray<string> {
    const payloads: Array<string> = []
    let cursor = ""
    do {
      const page = Looks.page(this.desk, state, cursor)
      payloads.push(...page.tasks.map(({ payload }) => payload))
      cursor = page.cursor
    } while (cursor !== "")
    return payloads
  }

  /** Nothing is there but what a queue knows of itself. */
  get isEmpty(): boolean {
    const { awaited, fence, isPaused, judgeFrom, life, number, pushed, run, tick, watched } = this.desk
    const known = { awaited, fence, isPaused, judgeFrom, life, number, pushed, run, tick, watched }
    return describe(this.desk) === describe({ ...Desk.make(), ...known })
  }

  private next(who: string): number {
    const sequence = (this.sequences.get(who) ?? 0) + 1
    this.sequences.set(who, sequence)
    return sequence
  }

  private keep<A>({ answer, pushed }: Done<A>): A {
    this.pushed.push(...pushed.map(textOf))
    return answer
  }
}

export const told = (answers: ReadonlyArray<Accepted> | undefined): ReadonlyArray<string> =>
  (answers ?? []).map((accepted) => (accepted === undefined ? "Full" : `${accepted._tag} ${accepted.id}`))

export const payloads = (claims: ReadonlyArray<Claimed>): ReadonlyArray<string> => claims.map(({ payload }) => payload)

const textOf = (push: Push): string =>
  push.to === "Claimer"
    ? `${push.claimer} ${push.message}`
    : push.to === "Name"
      ? `@${push.peer} ${push.message}`
      : push.to === "Ends"
        ? `! ${push.message}`
        : `!! ${push.message}`
