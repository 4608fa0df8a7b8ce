/**
 * What makes a world go: one event at a time, and the next only when no fiber is about to run any more. An event is a
 * request that is served, an arrival that a peer sees, or a timer that is due; among those that could come next the
 * seed picks. So a seed gives one order of events, the same on every backend, and other seeds give others.
 *
 * Between two events the event loop turns until two turns in a row changed nothing. Where no event is left the world
 * has settled: nothing happens any more unless time moves or the law goes on.
 */
import * as Effect from "effect/Effect"
import type * as Random from "effect/Random"
import type * as Scheduler from "effect/Scheduler"
import type { Server } from "./Server.ts"
import type { Time } from "./Time.ts"
import type { Turns } from "./Turns.ts"
import { answerLost, type Outbox, refusedByFull, type Sent, type WorldWire } from "./WorldWire.ts"

/** How long a settled world waits for a law that waits for it, in real ms. */
const patienceMs = 5_000
/** Events of one moment: more than any law makes come of peers that never come to rest. */
const maxEvents = 200_000

export interface Options {
  readonly scheduler: Scheduler.Scheduler
  readonly turns: Turns
  readonly time: Time
  readonly server: Server
  readonly random: Random.Random
  /** Starts a request on the world's own scheduler. */
  readonly fork: <A>(effect: Effect.Effect<A>, onDone: (value: A) => void) => void
  /** After every request that reached the server. */
  readonly afterRequest: Effect.Effect<void>
}

export class Pump implements Outbox {
  readonly scheduler: Scheduler.Scheduler
  readonly wires: Array<WorldWire> = []
  private readonly options: Options
  private readonly queue: Array<Sent> = []
  private readonly settling: Array<() => void> = []
  private serving = false
  private turning = false
  private quiet = 0
  private seen = -1
  private holds = 0
  private closed = false
  private stuckTimer: ReturnType<typeof setTimeout> | undefined
  private readonly onStuck = new Set<(why: string) => void>()
  private events = { at: 0, count: 0 }

  constructor(options: Options) {
    this.options = options
    this.scheduler = options.scheduler
  }

  // What wires do

  enqueue(sent: Sent): void {
    this.queue.push(sent)
    this.wake()
  }

  withdraw(sent: Sent): boolean {
    const index = this.queue.indexOf(sent)
    if (index >= 0) this.queue.splice(index, 1)
    return index >= 0
  }

  waiting(wire: WorldWire): ReadonlyArray<Sent> {
    return this.queue.filter((sent) => sent.wire === wire)
  }

  readonly wake = (): void => {
    if (this.turning || this.serving || this.closed) return
    clearTimeout(this.stuckTimer)
    this.turning = true
    setImmediate(this.turn)
  }

  // What the world does

  /** Once nothing is under way and no event is left at this time. */
  readonly settled: Effect.Effect<void> = Effect.callback((resume) => {
    const settled = () => resume(Effect.void)
    this.settling.push(settled)
    this.wake()
    return Effect.sync(() => {
      const index = this.settling.indexOf(settled)
      if (index >= 0) this.settling.splice(index, 1)
    })
  })

  /** No event happens until `resume`: something real, of which the world knows no end, is under way. */
  hold(): void {
    this.holds++
  }

  resume(): void {
    this.holds--
    this.wake()
  }

  coin(): boolean {
    return this.options.random.nextDoubleUnsafe() < 0.5
  }

  /** Fails where the world has settled and nobody moves it, so that whoever waits waits for ever; or where it never settles. */
  readonly stuck: Effect.Effect<never> = Effect.callback((resume) => {
    const stuck = (why: string) => resume(Effect.die(new Error(why)))
    this.onStuck.add(stuck)
    this.wake()
    return Effect.sync(() => void this.onStuck.delete(stuck))
  })

  close(): void {
    this.closed = true
    clearTimeout(this.stuckTimer)
  }

  private readonly turn = (): void => {
    this.turning = false
    const { turns } = this.options
    if (turns.runnable > 0 || turns.activity !== this.seen) {
      this.seen = turns.activity
      this.quiet = 0
      return this.wake()
    }
    if (++this.quiet < 2) return this.wake()
    this.quiet = 0
    const event = this.holds > 0 ? this.lastResort() : this.pick()
    if (event !== undefined) this.happen(event)
    else if (this.holds > 0) return this.rest()
    else {
      const settled = this.settling.shift()
      if (settled === undefined) return this.rest()
      settled()
    }
    this.wake()
  }

  private happen(event: () => void): void {
    const { now } = this.options.time
    if (this.events.at !== now) this.events = { at: now, count: 0 }
    if (++this.events.count === maxEvents) this.giveUp(`no rest: ${maxEvents} events, and no time has passed`)
    event()
  }

  private giveUp(why: string): void {
    for (const stuck of this.onStuck) stuck(why)
  }

  private pick(): (() => void) | undefined {
    const { random, time } = this.options
    const { late, timers } = time.due()
    const events: Array<() => void> = []
    for (const sent of this.queue) if (!sent.held) events.push(() => this.serve(sent))
    for (const timer of timers) events.push(() => time.fire(timer))
    for (const wire of this.wires) {
      const { process } = wire
      if (wire.inbox.length > 0 && !process.frozen && !late.has(process)) events.push(() => wire.see())
    }
    return events.length < 2
      ? (events[0] ?? this.lastResort())
      : events[Math.floor(random.nextDoubleUnsafe() * events.length)]
  }

  private lastResort(): (() => void) | undefined {
    const { time } = this.options
    const timer = time.abandoned()
    return timer && (() => time.fire(timer))
  }

  private serve(sent: Sent): void {
    const { afterRequest, fork, server } = this.options
    const { wire } = sent
    this.withdraw(sent)
    if (sent.lose === "not applied") return wire.answer(sent, () => sent.fail(answerLost, "Unknown"))
    if (server.full && sent.request.adds) return wire.answer(sent, () => sent.fail(refusedByFull, "NotApplied"))
    const before = wire.inbox.length
    this.serving = true
    fork(
      Effect.tap(sent.serve, () => afterRequest),
      (answer) => {
        this.serving = false
        // Answers and pushes travel on connections of their own: either may be seen first.
        const first = wire.inbox.length > before && this.coin()
        const see = sent.lose === "applied" ? () => sent.fail(answerLost, "Unknown") : answer
        wire.answer(sent, see, first ? before : undefined)
        this.wake()
      }
    )
  }

  /** Settled, and nobody asked for it: the law goes on by itself, or never. */
  private rest(): void {
    clearTimeout(this.stuckTimer)
    if (this.onStuck.size === 0) return
    this.stuckTimer = setTimeout(
      () => this.giveUp("the law waits for what time alone would bring: advance it, or `complete` the wait"),
      patienceMs
    )
  }
}
