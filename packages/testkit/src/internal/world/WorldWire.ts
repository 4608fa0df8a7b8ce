/**
 * The wire of one peer. Requests leave it in the world's order, and whatever comes back (answers, pushes, the news that
 * a connection ended) lies in one inbox, in the order it came, until the pump hands it over.
 *
 * A request whose path is cut hangs until its deadline. The peer notices a dead path after two seconds and a deaf
 * connection after seven; from then on, or from a connection that was ended, it is told so by `onDown`.
 */
import {
  BackendError,
  CapacityExceeded,
  ConnectionLost,
  type Reason,
  TimedOut,
  Unavailable
} from "@troupe/core/BackendError"
import type * as Wire from "@troupe/core/Wire"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Scheduler from "effect/Scheduler"
import type { Process } from "./Process.ts"
import type { Server } from "./Server.ts"
import type { Time } from "./Time.ts"

export const commandTimeoutMs = 5_000
export const cutNoticedMs = 2_000
export const deafNoticedMs = 7_000

export type Lost = "applied" | "not applied"

/** A request on its way: waiting for its turn, being served, hanging, or answered and not yet seen. */
export interface Sent {
  readonly wire: WorldWire
  readonly request: Wire.Request
  readonly since: number
  readonly lose: Lost | undefined
  /** Issued while its process stood still: it leaves with the thaw. */
  held: boolean
  /** Lets the server work on it; gives how the caller learns the answer. */
  readonly serve: Effect.Effect<() => void>
  readonly fail: (reason: Reason, outcome: BackendError["outcome"]) => void
}

/** What the peer's event loop has not seen yet; `sent` where it is an answer. */
interface Arrival {
  readonly sent: Sent | undefined
  readonly kind: "answer" | "push" | "down"
  readonly see: () => void
}

/** Where requests of all wires wait for their turn. */
export interface Outbox {
  /** Of the world: what a request does goes on while its process stands still. */
  readonly scheduler: Scheduler.Scheduler
  readonly enqueue: (sent: Sent) => void
  /** True when it was still waiting, and will not be served. */
  readonly withdraw: (sent: Sent) => boolean
  readonly waiting: (wire: WorldWire) => ReadonlyArray<Sent>
  /** Something lies in an inbox. */
  readonly wake: () => void
}

export class WorldWire implements Wire.Wire {
  readonly process: Process
  readonly server: Server
  readonly inbox: Array<Arrival> = []
  /** When each was sent. */
  readonly requests: Array<number> = []
  private readonly time: Time
  private readonly outbox: Outbox
  private readonly hanging = new Map<Sent, () => void>()
  private readonly downs = new Set<() => void>()
  private path: "open" | "cut" | "dead" = "open"
  private deafness: (() => void) | undefined
  private noticing: (() => void) | undefined
  /** The connections have ended and the peer has not seen it. */
  private ended = false
  /** Pushes were dropped and the peer does not know. */
  private dropped = false
  private losing: Lost | undefined
  private losingPush = false
  /** Answers that pushes overtake; undefined: none is held. */
  private late: Array<() => void> | undefined
  /** Told of the first request. */
  onFirst: (() => void) | undefined

  constructor(process: Process, server: Server, time: Time, outbox: Outbox) {
    this.process = process
    this.server = server
    this.time = time
    this.outbox = outbox
  }

  // What the backend of this peer does

  send<A, E, R>(request: Wire.Request, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | BackendError, R> {
    return Effect.contextWith((context: Context.Context<R>) =>
      Effect.callback<A, E | BackendError>((resume) => {
        this.onFirst?.()
        this.onFirst = undefined
        this.requests.push(this.time.now)
        const refused = this.refusal()
        if (refused !== undefined) return resume(Effect.fail(error(request, refused, "NotApplied")))
        const sent: Sent = {
          wire: this,
          request,
          since: this.time.now,
          lose: this.losing,
          held: this.process.frozen,
          serve: Effect.map(
            Effect.exit(
              Effect.provideContext(effect, Context.add(context, Scheduler.Scheduler, this.outbox.scheduler))
            ),
            (exit) => () => resume(exit)
          ),
          fail: (reason, outcome) => resume(Effect.fail(error(request, reason, outcome)))
        }
        this.losing = undefined
        if (this.path === "open") this.outbox.enqueue(sent)
        else this.hang(sent)
        return Effect.sync(() => this.withdraw(sent))
      })
    )
  }

  readonly push = (deliver: () => void): void => {
    if (this.process.crashed || this.ended) return
    if (this.losingPush) {
      this.losingPush = false
      return
    }
    if (this.path === "open" && this.deafness === undefined)
      this.arrive({ sent: undefined, kind: "push", see: deliver })
    else if (this.path !== "dead") this.dropped = true
  }

  readonly onDown = (down: () => void): (() => void) => {
    this.downs.add(down)
    return () => void this.downs.delete(down)
  }

  // What the world does to it

  /** The answer is there; `ahead` of pushes that came with it, where its place says so. */
  answer(sent: Sent, see: () => void, place = this.inbox.length): void {
    if (this.process.crashed) return
    if (this.late !== undefined) this.late.push(() => this.answer(sent, see))
    else if (this.path === "open") {
      this.inbox.splice(place, 0, { sent, kind: "answer", see })
      this.outbox.wake()
    } else this.hang(sent)
  }

  /** Hands over what came first. */
  see(): void {
    this.inbox.shift()?.see()
  }

  cut(): void {
    if (this.path !== "open") return
    this.path = "cut"
    for (const sent of this.outbox.waiting(this)) {
      this.outbox.withdraw(sent)
      this.hang(sent)
    }
    for (const arrival of this.inbox.splice(0)) {
      if (arrival.kind === "down") this.inbox.push(arrival)
      else if (arrival.sent !== undefined) this.hang(arrival.sent)
      else this.dropped = true
    }
    this.noticing = this.time.at(this.process, this.time.now + cutNoticedMs, () => this.die())
  }

  heal(): void {
    this.noticing?.()
    this.noticing = undefined
    this.path = "open"
    if (this.dropped && this.deafness === undefined) this.end()
  }

  deaf(): void {
    if (this.deafness !== undefined) return
    this.deafness = this.time.at(this.process, this.time.now + deafNoticedMs, () => {
      this.deafness = undefined
      this.down()
    })
  }

  hear(): void {
    this.deafness?.()
    this.deafness = undefined
    if (this.dropped && this.path === "open") this.end()
  }

  loseAnswer(which: Lost): void {
    this.losing = which
  }

  holdAnswers(): void {
    this.late ??= []
  }

  passAnswers(): void {
    const { late = [] } = this
    this.late = undefined
    for (const answer of late) answer()
  }

  losePush(): void {
    this.losingPush = true
  }

  /** The server ends the connections: what waited for it is lost, what had come is still seen. */
  end(): void {
    if (this.process.crashed) return
    if (this.path === "cut") this.dropped = true
    if (this.path !== "open") return
    for (const sent of this.outbox.waiting(this)) {
      this.outbox.withdraw(sent)
      this.answer(sent, () => sent.fail(new ConnectionLost({ message: "the connection ended" }), "Unknown"))
    }
    if (this.ended) return
    this.ended = true
    this.arrive({ sent: undefined, kind: "down", see: () => this.down() })
  }

  /** Nothing passes any more, in either direction, for ever. What had left may arrive or not, as the coin falls. */
  crash(coin: () => boolean): void {
    const lost = new ConnectionLost({ message: "this peer crashed" })
    const left = this.outbox.waiting(this)
    for (const sent of left) if (sent.held || coin()) this.outbox.withdraw(sent)
    const callers = [...left, ...this.hanging.keys(), ...this.inbox.flatMap(({ sent }) => sent ?? [])]
    this.inbox.length = 0
    this.noticing?.()
    this.deafness?.()
    for (const cancel of this.hanging.values()) cancel()
    this.hanging.clear()
    for (const sent of callers) sent.fail(lost, "Unknown")
  }

  /** What was issued while the event loop stood still leaves now. */
  release(): void {
    for (const sent of this.outbox.waiting(this)) sent.held = false
    this.outbox.wake()
  }

  private refusal(): Reason | undefined {
    if (this.process.crashed || this.process.ended) return new Unavailable({ message: "this peer is gone" })
    if (this.path === "dead") return new Unavailable({ message: "the path to the server is down" })
    if (this.path === "open" && this.server.stopped) return new Unavailable({ message: "the server is away" })
    return undefined
  }

  private arrive(arrival: Arrival): void {
    this.inbox.push(arrival)
    this.outbox.wake()
  }

  private hang(sent: Sent): void {
    const cancel = this.time.at(this.process, Math.max(this.time.now, sent.since + commandTimeoutMs), () => {
      this.hanging.delete(sent)
      if (this.path === "cut") this.die()
      sent.fail(new TimedOut({ message: `no answer within ${commandTimeoutMs} ms` }), "Unknown")
    })
    this.hanging.set(sent, cancel)
  }

  /** The caller has gone: what has not left will not leave, what comes is not seen. */
  private withdraw(sent: Sent): void {
    this.outbox.withdraw(sent)
    this.hanging.get(sent)?.()
    this.hanging.delete(sent)
    const index = this.inbox.findIndex((arrival) => arrival.sent === sent)
    if (index >= 0) this.inbox.splice(index, 1)
  }

  /** The peer finds the path dead. */
  private die(): void {
    this.noticing?.()
    this.noticing = undefined
    this.path = "dead"
    this.down()
  }

  private down(): void {
    this.ended = false
    this.dropped = false
    for (const down of this.downs) down()
  }
}

const error = (request: Wire.Request, reason: Reason, outcome: BackendError["outcome"]): BackendError =>
  new BackendError({ service: request.service, operation: request.operation, reason, outcome })

export const refusedByFull = new CapacityExceeded({ message: "the server is full" })
export const answerLost = new ConnectionLost({ message: "the connection ended before the answer came" })
