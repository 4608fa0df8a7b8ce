/**
 * The primaries of a Redis Cluster, and which slots they own. Every primary gets connections of its own in all roles,
 * with the same promises as on a single server; what ioredis' Cluster does is not relied on (E16).
 *
 * The map of slots is asked for at the start, at intervals, whenever a server says MOVED, and often while an owner is
 * away. A call that meets MOVED, ASK or TRYAGAIN was not done and is sent again within its time.
 */
import { type Failure, unavailable } from "./errors.ts"
import { type Host, type Lane, Node } from "./Lane.ts"
import { Request } from "./Request.ts"
import { chunks, type Router } from "./Router.ts"
import type { Endpoint, Session } from "./Session.ts"
import { slotOf, slots } from "./Slot.ts"

const maxRedirects = 16

interface Range {
  readonly from: number
  readonly to: number
  readonly host: string
  readonly port: number
}

export class Cluster implements Router {
  readonly where: string
  readonly mayMove = true
  private readonly host: Host
  private readonly seeds: ReadonlyArray<Endpoint>
  /** By `host:port`. */
  private readonly known = new Map<string, Node>()
  private owners: Array<Node | undefined> = nobody()
  private primaries = new Set<Node>()
  private asking = false
  private again = false
  private timer: NodeJS.Timeout | undefined
  private dueAt = Number.POSITIVE_INFINITY
  private readonly waiting = new Set<() => void>()
  private closed = false

  constructor(host: Host, seeds: ReadonlyArray<Endpoint>) {
    this.host = host
    this.seeds = seeds
    this.where = seeds.map(name).join(", ")
  }

  get nodes(): Iterable<Node> {
    return this.known.values()
  }

  start(done: (failure: Failure | undefined) => void): void {
    let left = this.seeds.length
    let isDone = false
    for (const seed of this.seeds) {
      this.ask(this.node(seed), (failure) => {
        left -= 1
        if (isDone || (failure !== undefined && left > 0)) return
        isDone = true
        if (failure === undefined) this.later(this.host.config.timing.topologyInterval)
        done(failure)
      })
    }
  }

  submit(request: Request): void {
    const owner = request.key === undefined ? this.candidates()[0] : this.owners[slotOf(request.key)]
    if (owner !== undefined) return owner.lanes[request.role].submit(request)
    this.soon()
    this.host.requests.settle(request, unavailable("no server of the cluster owns the slot"), undefined)
  }

  redirected(request: Request, code: string, message: string, lane: Lane): boolean {
    if (request.key === undefined) return false
    const { config } = this.host
    switch (code) {
      case "MOVED":
      case "ASK": {
        const target = address(message, lane)
        if (target === undefined || request.redirects++ >= maxRedirects) return false
        const node = this.node(target)
        if (code === "MOVED") {
          this.owners[slotOf(request.key)] = node
          this.primaries.add(node)
          this.soon()
        }
        request.asking = code === "ASK"
        node.lanes[request.role].submit(request)
        return true
      }
      case "TRYAGAIN":
        // A slot on the move sends it to and fro until it has arrived: its time is the bound.
        request.redirects = 0
        return config.timers.after(config.timing.tryAgainPause, () => this.submit(request)) !== undefined
      case "CLUSTERDOWN":
        this.soon()
        return false
      default:
        return false
    }
  }

  changed(lane: Lane): void {
    if (lane.session === undefined && this.primaries.has(lane.node)) this.soon()
  }

  groups(channels: ReadonlyArray<string>, limit: number): ReadonlyArray<ReadonlyArray<string>> {
    const bySlot = new Map<number, Array<string>>()
    for (const channel of channels) {
      const slot = slotOf(channel)
      const group = bySlot.get(slot)
      if (group === undefined) bySlot.set(slot, [channel])
      else group.push(channel)
    }
    return [...bySlot.values()].flatMap((group) => chunks(group, limit))
  }

  place(channel: string): object {
    return this.owners[slotOf(channel)] ?? this
  }

  owns(node: Node, channel: string): boolean {
    return this.owners[slotOf(channel)] === node
  }

  refresh(session: Session, then: () => void): void {
    const settle = (): void => {
      if (this.waiting.delete(settle)) then()
    }
    this.waiting.add(settle)
    // It has just given a slot away: nobody knows better who has it.
    session.command("CLUSTER", ["SLOTS"]).then(
      (reply) => {
        this.learn(reply, session.where)
        settle()
      },
      () => {
        this.soon()
        settle()
      }
    )
  }

  async close(): Promise<void> {
    this.closed = true
    this.waiting.clear()
    await Promise.all([...this.known.values()].flatMap((node) => node.all.map((lane) => lane.close())))
  }

  private node(endpoint: Endpoint): Node {
    const key = name(endpoint)
    const known = this.known.get(key)
    if (known !== undefined) return known
    const node = new Node(this.host, key, () => Promise.resolve(endpoint))
    this.known.set(key, node)
    return node
  }

  /** Asks again at once, or right after the answer that is under way. */
  private soon(): void {
    if (this.asking) this.again = true
    else this.later(0)
  }

  private later(ms: number): void {
    const { timers } = this.host.config
    const due = performance.now() + ms
    if (due >= this.dueAt || this.closed) return
    timers.cancel(this.timer)
    this.dueAt = due
    this.timer = timers.after(ms, () => {
      this.dueAt = Number.POSITIVE_INFINITY
      this.refreshFrom(this.candidates())
    })
  }

  /** Those who answer first, those we were given last. */
  private candidates(): ReadonlyArray<Node> {
    const all = [...this.known.values()]
    const up = all.filter((node) => node.lanes.command.session !== undefined)
    const spare = all.filter((node) => node.lanes.command.session === undefined)
    return [...up.sort(() => Math.random() - 0.5), ...spare, ...this.seeds.map((seed) => this.node(seed))]
  }

  private refreshFrom([first, ...others]: ReadonlyArray<Node>): void {
    if (this.closed) return
    const { timing } = this.host.config
    if (first === undefined) return this.later(timing.topologyUrgent)
    this.asking = true
    this.ask(first, (failure) => {
      this.asking = false
      if (failure !== undefined) return this.refreshFrom(others)
      const isWhole = [...this.primaries].every(({ all }) =>
        all.every((lane) => !lane.wanted || lane.session !== undefined)
      )
      const again = this.again
      this.again = false
      this.later(again || !isWhole ? timing.topologyUrgent : timing.topologyInterval)
    })
  }

  private ask(node: Node, done: (failure: Failure | undefined) => void): void {
    const request = new Request("command", "CLUSTER", ["SLOTS"], undefined, undefined, (failure, reply) => {
      if (this.closed) return
      if (failure !== undefined) return done(failure)
      done(this.learn(reply, node.where) ? undefined : unavailable(`${node.where} knows no owner of any slot`))
    })
    if (this.host.requests.add(request)) node.lanes.command.submit(request)
  }

  private learn(reply: unknown, from: string): boolean {
    if (this.closed) return false
    const ranges = read(reply, from)
    if (ranges.length === 0) return false
    const primaries = new Set<Node>()
    const owners = nobody()
    for (const range of ranges) {
      const node = this.node(range)
      primaries.add(node)
      owners.fill(node, range.from, range.to + 1)
    }
    const hasMoved = owners.some((node, slot) => node !== this.owners[slot])
    this.owners = owners
    this.primaries = primaries
    if (hasMoved) this.host.assigned()
    for (const [key, node] of this.known) if (!primaries.has(node)) this.retire(key, node)
    return true
  }

  /** Not an owner any more: ends its connections once nothing is under way on them. */
  private retire(key: string, node: Node): void {
    const isUsed = node.all.some(({ session }) => session !== undefined && session.underWay > 0)
    if (isUsed) return this.soon()
    this.known.delete(key)
    const open = node.all.flatMap(({ session }) => (session === undefined ? [] : [session]))
    for (const lane of node.all) void lane.close()
    this.host.retired(open)
  }
}

const nobody = (): Array<Node | undefined> => Array.from({ length: slots }, () => undefined)

const name = ({ host, port }: Endpoint): string => `${host}:${port}`

const hostOf = (where: string): string => where.slice(0, where.lastIndexOf(":"))

/** `MOVED 3999 127.0.0.1:6381`; without a host it is the one that answered. */
const address = (message: string, lane: Lane): Endpoint | undefined => {
  const [, host, port] = /^(?:MOVED|ASK) \d+ (.*):(\d+)/.exec(message) ?? []
  return port === undefined || host === undefined
    ? undefined
    : { host: host === "" ? hostOf(lane.node.where) : host, port: Number(port) }
}

const read = (reply: unknown, from: string): ReadonlyArray<Range> => {
  const ranges: Array<Range> = []
  if (!Array.isArray(reply)) return ranges
  for (const entry of reply) {
    if (!Array.isArray(entry) || !Array.isArray(entry[2])) continue
    const [first, last]: ReadonlyArray<unknown> = entry
    const [host, port]: ReadonlyArray<unknown> = entry[2]
    if (typeof first !== "number" || typeof last !== "number" || typeof port !== "number") continue
    ranges.push({ from: first, to: last, host: typeof host === "string" && host !== "" ? host : hostOf(from), port })
  }
  return ranges
}
