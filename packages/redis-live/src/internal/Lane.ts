/**
 * One role at one server: keeps a session open from its first use to the end, replaces it whenever it is lost, and
 * sends what is asked of it. A call that comes while the first attempt after a loss is under way waits for it; after a
 * failed one calls fail at once until the next has succeeded.
 */
import {
  connectionLost,
  type Failure,
  fromOpening,
  fromReply,
  full,
  isReply,
  replyCode,
  unavailable
} from "./errors.ts"
import type { Request, Requests, Role } from "./Request.ts"
import { type Endpoint, type Identity, Session, type SessionConfig, type SessionEvents } from "./Session.ts"

/** What lanes have in common, and whom they tell. */
export interface Host {
  readonly config: SessionConfig
  readonly requests: Requests
  /** Takes over a request that the server refused with this code: sends it elsewhere, or later. */
  readonly redirected: (request: Request, code: string, message: string, lane: Lane) => boolean
  readonly up: (lane: Lane) => void
  /** Was up, with that session, or tried to be. `failure` says why it is not. */
  readonly down: (lane: Lane, session: Session | undefined, failure: Failure) => void
  /** A server is not in use any more: these were open, and are closed. */
  readonly retired: (sessions: ReadonlyArray<Session>) => void
  readonly message: (lane: Lane, session: Session, channel: string, payload: string) => void
  readonly changed: SessionEvents["changed"]
  readonly moved: (lane: Lane, session: Session) => void
  /** Slots have other owners than before. */
  readonly assigned: () => void
}

/** Bytes that may wait in one socket. */
export const maxBacklog = 64 * 1024 * 1024

const ignore = (): void => {}

/** A server, and our connections to it. */
export class Node {
  /** For people: `host:port`, or a sentinel's name for it. */
  readonly where: string
  readonly endpoint: () => Promise<Endpoint>
  readonly lanes: { readonly [R in Role]: Lane }
  /** Connections that were given up and perhaps still have something of ours under way. */
  ghosts: Array<Identity> = []

  constructor(host: Host, where: string, endpoint: () => Promise<Endpoint>) {
    this.where = where
    this.endpoint = endpoint
    this.lanes = {
      command: new Lane(host, this, "command"),
      subscriber: new Lane(host, this, "subscriber"),
      beat: new Lane(host, this, "beat"),
      tracking: new Lane(host, this, "tracking"),
      listener: new Lane(host, this, "listener")
    }
  }

  get all(): ReadonlyArray<Lane> {
    const { beat, command, listener, subscriber, tracking } = this.lanes
    return [command, subscriber, beat, tracking, listener]
  }

  /** Whichever connection answers next has ended this one first. */
  haunt(ghost: Identity): void {
    this.ghosts = [...this.ghosts, ghost].slice(-64)
    for (const { session } of this.all) session?.kill([ghost])
  }

  /** A session has opened, and so what it was given to end has ended; what came meanwhile goes before its first call. */
  laid(session: Session): void {
    this.ghosts = this.ghosts.filter((ghost) => !session.ghosts.includes(ghost))
    session.kill(this.ghosts)
  }
}

export class Lane {
  readonly node: Node
  readonly role: Role
  session: Session | undefined
  /** The last attempt's failure; undefined while there was none since the last success. */
  failure: Failure | undefined
  /** Somebody needed it: it is kept open from then on. */
  wanted = false
  private readonly host: Host
  private parked: Array<Request> = []
  private opening: Session | "endpoint" | undefined
  private timer: NodeJS.Timeout | undefined
  private nextAttempt = 0
  private openedAt = 0
  private attempts = 0
  private closed = false
  private readonly events: SessionEvents

  constructor(host: Host, node: Node, role: Role) {
    this.host = host
    this.node = node
    this.role = role
    this.events = {
      opened: (session) => this.opened(session),
      ended: (session, failure) => this.ended(session, failure),
      message: (session, channel, payload) => host.message(this, session, channel, payload),
      changed: host.changed,
      moved: (session) => host.moved(this, session)
    }
  }

  /** The request is one of `host.requests`, and settles through it. */
  submit(request: Request): void {
    if (request.settled) return
    if (this.session !== undefined) return this.write(request, this.session)
    if (this.closed) return this.settle(request, unavailable(`${this.node.where} is not in use any more`))
    if (this.failure !== undefined) {
      const { outcome, reason } = this.failure
      return this.settle(
        request,
        reason._tag === "Unavailable"
          ? unavailable(reason.message, Math.max(0, this.nextAttempt - performance.now()))
          : { outcome, reason }
      )
    }
    this.parked.push(request)
    this.want()
  }

  /** Opens it, if it is not open or opening. */
  want(): void {
    this.wanted = true
    if (!this.closed && this.session === undefined && this.opening === undefined && this.timer === undefined)
      this.attempt()
  }

  /** Nobody needs it for now: closed, and opened again when somebody does. */
  rest(): void {
    if (!this.wanted || this.closed) return
    this.wanted = false
    this.host.config.timers.cancel(this.timer)
    this.timer = undefined
    const open = [this.session, this.opening].filter((session) => session instanceof Session)
    this.session = this.opening = this.failure = undefined
    this.drain(unavailable(`nobody uses ${this.node.where} any more`))
    this.host.retired(open)
    for (const session of open) void session.close()
  }

  /** Ends it for good. What is written to it and unanswered is the caller's to settle. */
  async close(): Promise<void> {
    this.closed = true
    this.wanted = false
    this.host.config.timers.cancel(this.timer)
    this.timer = undefined
    const open = [this.session, this.opening].filter((session) => session instanceof Session)
    this.session = this.opening = undefined
    this.drain(unavailable(`${this.node.where} is not in use any more`))
    await Promise.all(open.map((session) => session.close()))
  }

  private attempt(): void {
    this.opening = "endpoint"
    this.node
      .endpoint()
      .then((endpoint) => {
        if (this.closed || this.opening !== "endpoint") return
        this.opening = new Session(this.host.config, endpoint, this.role, this.node.ghosts, this.events)
      })
      .catch((error: unknown) => {
        if (!this.closed) this.failed(fromOpening(this.node.where, error))
      })
  }

  private opened(session: Session): void {
    if (this.closed) return
    this.opening = undefined
    this.session = session
    this.failure = undefined
    this.openedAt = performance.now()
    this.node.laid(session)
    this.host.up(this)
    const { parked } = this
    this.parked = []
    for (const request of parked) this.submit(request)
  }

  private ended(session: Session, failure: Failure): void {
    if (this.closed) return
    if (session !== this.session) return this.failed(failure)
    this.session = undefined
    const { config, requests } = this.host
    if (session.identity !== undefined) this.node.haunt(session.identity)
    if (performance.now() - this.openedAt >= config.timing.steadyAfter) this.attempts = 0
    // Before anyone is told: who is may ask for something at once.
    this.later(failure)
    requests.lose(session, connectionLost(session.where))
    this.host.down(this, session, failure)
  }

  private failed(failure: Failure): void {
    this.opening = undefined
    this.failure = failure
    this.later(failure)
    this.host.down(this, undefined, failure)
    this.drain(failure)
  }

  private later(failure: Failure): void {
    const { timers, timing } = this.host.config
    const jitter = Math.random() * Math.min(timing.backoffCap, timing.backoffBase * 2 ** Math.min(this.attempts++, 16))
    const delay = failure.reason._tag === "Unavailable" ? jitter : timing.refusedPause + jitter
    this.nextAttempt = performance.now() + delay
    this.timer = timers.after(delay, () => {
      this.timer = undefined
      this.attempt()
    })
  }

  private drain(failure: Failure): void {
    const { parked } = this
    this.parked = []
    for (const request of parked) this.settle(request, failure)
  }

  private write(request: Request, session: Session): void {
    if (session.backlog > maxBacklog) {
      return this.settle(request, full(`${maxBacklog} bytes wait for the network`))
    }
    request.session = session
    session.underWay += 1
    if (request.asking) session.command("ASKING", []).catch(ignore)
    session.command(request.command, request.args).then(
      (reply) => {
        session.underWay -= 1
        this.host.requests.settle(request, undefined, reply)
      },
      (error: unknown) => {
        session.underWay -= 1
        this.refused(request, session, error)
      }
    )
  }

  private refused(request: Request, session: Session, error: unknown): void {
    if (request.settled) return
    if (!isReply(error)) {
      const unsent = error instanceof Error && error.message.includes("enableOfflineQueue")
      return this.settle(
        request,
        unsent ? unavailable(`not connected to ${session.where}`) : connectionLost(session.where)
      )
    }
    request.session = undefined
    const code = replyCode(error)
    if (code === "NOSCRIPT" && request.source !== undefined && request.command === "EVALSHA") {
      request.command = "EVAL"
      request.args[0] = request.source
      return this.submit(request)
    }
    if (this.host.redirected(request, code, error.message, this)) return
    this.settle(request, fromReply(error))
    // A primary that became a replica: whoever takes its place is found by connecting anew.
    if (code === "READONLY") session.end("the server is a replica")
  }

  private settle(request: Request, failure: Failure): void {
    this.host.requests.settle(request, failure, undefined)
  }
}
