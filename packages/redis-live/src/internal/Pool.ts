/**
 * Connections that one caller at a time has for itself. At most `maxReserved` are open; who comes when all are taken
 * stands in line, in order, at most `maxInLine` of them and no longer than a call may take. One that comes back as it
 * was given is kept for the next, for a while; one on which something failed, is still under way or has changed what
 * the connection is, is closed. Nothing is repaired: who has a connection that is lost reserves another.
 */
import { Marks } from "./Commands.ts"
import { closed, connectionLost, type Failure, fromOpening, fromReply, full, isReply, replyCode } from "./errors.ts"
import { timedOut, unavailable } from "./errors.ts"
import { maxBacklog, type Node } from "./Lane.ts"
import type { Request, Requests } from "./Request.ts"
import { Session, type SessionConfig } from "./Session.ts"

/** Connections at a time. */
export const maxReserved = 10
/** Callers that wait for one. */
export const maxInLine = 100

/** One caller's claim to a connection, from its asking to its giving back. */
export class Lease {
  /** Told once: that the connection is there, or why not. */
  readonly settle: (failure: Failure | undefined) => void
  session: Session | undefined
  state: "waiting" | "opening" | "held" | "over" = "waiting"
  marks = new Marks()
  hasFailed = false
  timer: NodeJS.Timeout | undefined

  constructor(settle: (failure: Failure | undefined) => void) {
    this.settle = settle
  }
}

export class Pool {
  private readonly config: SessionConfig
  private readonly requests: Requests
  private readonly node: Node
  private readonly timeoutMs: number
  private readonly idle = new Map<Session, NodeJS.Timeout | undefined>()
  private readonly leases = new Set<Lease>()
  private line: Array<Lease> = []
  private isClosed = false

  constructor(config: SessionConfig, requests: Requests, node: Node, timeoutMs: number) {
    this.config = config
    this.requests = requests
    this.node = node
    this.timeoutMs = timeoutMs
  }

  ask(lease: Lease): void {
    if (this.isClosed) return this.fail(lease, closed(false))
    if (this.leases.size >= maxReserved && this.line.length >= maxInLine) {
      return this.fail(lease, full(`${maxReserved} connections are reserved and ${maxInLine} callers wait for one`))
    }
    lease.timer = this.config.timers.after(this.timeoutMs, () =>
      this.fail(
        lease,
        lease.state === "waiting"
          ? full(`${maxReserved} connections are reserved, and none came back within ${this.timeoutMs} ms`)
          : timedOut(this.timeoutMs, false)
      )
    )
    if (this.leases.size < maxReserved) this.grant(lease)
    else this.line.push(lease)
  }

  submit(lease: Lease, request: Request): void {
    const { session } = lease
    if (request.settled) return
    if (lease.state !== "held" || session === undefined || session.ended) {
      return this.requests.settle(
        request,
        unavailable(lease.state === "over" ? "the reservation is over" : "the reserved connection is gone"),
        undefined
      )
    }
    if (session.backlog > maxBacklog) {
      return this.requests.settle(request, full(`${maxBacklog} bytes wait for the network`), undefined)
    }
    request.session = session
    session.underWay += 1
    session.command(request.command, request.args).then(
      (reply) => {
        session.underWay -= 1
        this.requests.settle(request, undefined, reply)
      },
      (error: unknown) => {
        session.underWay -= 1
        if (!isReply(error)) return this.requests.settle(request, connectionLost(session.where), undefined)
        if (replyCode(error) === "NOSCRIPT" && request.source !== undefined && request.command === "EVALSHA") {
          request.command = "EVAL"
          request.args[0] = request.source
          return this.submit(lease, request)
        }
        lease.hasFailed = true
        this.requests.settle(request, fromReply(error), undefined)
      }
    )
  }

  /** Gives it back, in whatever state it is. */
  release(lease: Lease): void {
    const { session, state } = lease
    if (state === "over") return
    lease.state = "over"
    this.config.timers.cancel(lease.timer)
    this.line = this.line.filter((waiting) => waiting !== lease)
    const isClean = state === "held" && session?.underWay === 0 && !lease.hasFailed && !lease.marks.isDirty
    if (session !== undefined && !session.ended) {
      if (isClean && !this.isClosed) this.keep(session)
      else if (state === "held") session.end("it was given back in use")
      else void session.close()
    }
    if (this.leases.delete(lease)) this.next()
  }

  async close(): Promise<void> {
    this.isClosed = true
    const sessions = [...this.idle.keys()]
    for (const timer of this.idle.values()) this.config.timers.cancel(timer)
    this.idle.clear()
    for (const lease of [...this.line, ...this.leases]) {
      const { session, state } = lease
      lease.state = "over"
      this.config.timers.cancel(lease.timer)
      if (state !== "held") lease.settle(closed(false))
      if (session === undefined || session.ended) continue
      this.requests.lose(session, closed(true))
      sessions.push(session)
    }
    this.line = []
    this.leases.clear()
    await Promise.all(sessions.map((session) => session.close()))
  }

  private next(): void {
    const lease = this.line.shift()
    if (lease !== undefined) this.grant(lease)
  }

  private grant(lease: Lease): void {
    this.leases.add(lease)
    const session = [...this.idle.keys()].at(-1)
    if (session === undefined) return this.open(lease)
    this.config.timers.cancel(this.idle.get(session))
    this.idle.delete(session)
    this.hold(lease, session)
  }

  private open(lease: Lease): void {
    lease.state = "opening"
    this.node.endpoint().then(
      (endpoint) => {
        if (lease.state !== "opening") return
        lease.session = new Session(this.config, endpoint, "reserved", this.node.ghosts, {
          opened: (session) => {
            this.node.laid(session)
            if (lease.state === "opening") this.hold(lease, session)
          },
          ended: (session, failure) => {
            if (lease.state === "opening") return this.fail(lease, failure)
            this.config.timers.cancel(this.idle.get(session))
            this.idle.delete(session)
            if (session.identity !== undefined) this.node.haunt(session.identity)
            this.requests.lose(session, connectionLost(session.where))
          },
          message: () => {},
          changed: () => {},
          moved: () => {}
        })
      },
      (error: unknown) => this.fail(lease, fromOpening(this.node.where, error))
    )
  }

  private hold(lease: Lease, session: Session): void {
    lease.session = session
    lease.state = "held"
    this.config.timers.cancel(lease.timer)
    lease.settle(undefined)
  }

  private keep(session: Session): void {
    const { timers, timing } = this.config
    const timer = timers.after(timing.reservedIdle, () => {
      this.idle.delete(session)
      void session.close()
    })
    this.idle.set(session, timer)
  }

  private fail(lease: Lease, failure: Failure): void {
    if (lease.state === "over" || lease.state === "held") return
    this.release(lease)
    lease.settle(failure)
  }
}
