/** One command under way: from its arrival to its one answer, whatever becomes of the connections meanwhile. */
import { type Failure, full, timedOut, closed } from "./errors.ts"
import type { Arg } from "./Script.ts"
import type { Session } from "./Session.ts"
import type { Timers } from "./Timers.ts"

/** `listener` hears plain channels, which effect's own modules use; only `RedisClient.layerPersistence` needs it. */
export type Role = "command" | "subscriber" | "beat" | "tracking" | "listener"

/** What setTimeout can do. */
const longestTimer = 2 ** 31 - 1

/** Told once: with a failure, or with the reply. */
export type Settle = (failure: Failure | undefined, reply: unknown) => void

export class Request {
  readonly role: Role
  command: string
  /** For EVALSHA the hash comes first; NOSCRIPT puts the source in its place. */
  readonly args: Array<Arg>
  readonly source: string | undefined
  /** What a cluster routes by; undefined where the sender chose the node. */
  readonly key: string | undefined
  readonly settle: Settle
  /** Gives up after this long, where that is shorter than what all requests have. */
  patienceMs = Number.POSITIVE_INFINITY
  /** What the command itself may wait at the server, on top of that: a blocking one's own bound. */
  blocksMs = 0
  deadline = 0
  settled = false
  /** Where it was written; undefined while it was not, or was refused. */
  session: Session | undefined = undefined
  asking = false
  redirects = 0
  previous: Request | undefined = undefined
  next: Request | undefined = undefined

  constructor(
    role: Role,
    command: string,
    args: Array<Arg>,
    source: string | undefined,
    key: string | undefined,
    settle: Settle
  ) {
    this.role = role
    this.command = command
    this.args = args
    this.source = source
    this.key = key
    this.settle = settle
  }
}

/**
 * All requests of a client, soonest due first, with one deadline each and one timer for all. One that is over time ends
 * honestly, and the connection that did not answer it ends too.
 */
export class Requests {
  private head: Request | undefined
  private tail: Request | undefined
  private count = 0
  private timer: NodeJS.Timeout | undefined
  private sweepAt = 0
  private isClosed = false
  private readonly timers: Timers
  private readonly timeoutMs: number
  private readonly limit: number

  constructor(timers: Timers, timeoutMs: number, limit: number) {
    this.timers = timers
    this.timeoutMs = timeoutMs
    this.limit = limit
  }

  get size(): number {
    return this.count
  }

  /** False where it was refused, and told so. */
  add(request: Request): boolean {
    if (this.isClosed || this.count >= this.limit) {
      request.settled = true
      request.settle(this.isClosed ? closed(false) : full(`${this.limit} calls are under way`), undefined)
      return false
    }
    const patience = this.patience(request)
    request.deadline = performance.now() + patience
    // Nearly all have the same patience, and so their place at the end.
    let before = this.tail
    while (before !== undefined && before.deadline > request.deadline) before = before.previous
    const after = before === undefined ? this.head : before.next
    request.previous = before
    request.next = after
    if (before === undefined) this.head = request
    else before.next = request
    if (after === undefined) this.tail = request
    else after.previous = request
    this.count++
    if (this.timer === undefined || request.deadline < this.sweepAt) this.arm(patience)
    return true
  }

  settle(request: Request, failure: Failure | undefined, reply: unknown): void {
    if (request.settled) return
    request.settled = true
    if (request.previous === undefined) this.head = request.next
    else request.previous.next = request.next
    if (request.next === undefined) this.tail = request.previous
    else request.next.previous = request.previous
    request.previous = request.next = undefined
    this.count--
    request.settle(failure, reply)
  }

  /** A connection is gone: what was written to it and not answered. */
  lose(session: Session, failure: Failure): void {
    const lost: Array<Request> = []
    for (let request = this.head; request !== undefined; request = request.next) {
      if (request.session === session) lost.push(request)
    }
    // Whoever is told may ask or give up something at once, and so change the list.
    for (const request of lost) this.settle(request, failure, undefined)
  }

  close(): void {
    this.isClosed = true
    while (this.head !== undefined) this.settle(this.head, closed(this.head.session !== undefined), undefined)
  }

  private patience(request: Request): number {
    return Math.min(request.patienceMs, this.timeoutMs) + request.blocksMs
  }

  private arm(wanted: number): void {
    // One that may block for ever is the last of the list: the timer then finds nothing due, and goes on.
    const ms = Math.min(wanted, longestTimer)
    this.timers.cancel(this.timer)
    this.sweepAt = performance.now() + ms
    // What the kernel already holds is read before anyone is judged: after a freeze of this process all is late.
    this.timer = this.timers.after(Math.max(1, ms), () => setImmediate(() => this.sweep()))
  }

  private sweep(): void {
    const now = performance.now()
    this.timers.cancel(this.timer)
    this.timer = undefined
    while (this.head !== undefined && this.head.deadline <= now) {
      const request = this.head
      const { session } = request
      this.settle(request, timedOut(this.patience(request), session !== undefined), undefined)
      session?.end("a call timed out")
    }
    if (this.head !== undefined && !this.isClosed) this.arm(this.head.deadline - now)
  }
}
