/** Which server a request goes to. A single server, a sentinel's primary, or the primaries of a cluster. */
import type { Failure } from "./errors.ts"
import { type Host, type Lane, Node } from "./Lane.ts"
import type { Request } from "./Request.ts"
import type { Endpoint, Session } from "./Session.ts"

export interface Router {
  /** For messages: where this client is connected to. */
  readonly where: string
  readonly nodes: Iterable<Node>
  /** Whether a key may have moved to another server before it is known here. */
  readonly mayMove: boolean
  /** Finds a server; told once, and what it learns later it keeps to itself. */
  readonly start: (done: (failure: Failure | undefined) => void) => void
  /** Hands the request to its lane. */
  readonly submit: (request: Request) => void
  readonly redirected: Host["redirected"]
  /** A lane is up, or down: done as far as it is of interest here. */
  readonly changed: (lane: Lane) => void
  /** Puts channels into groups that may go into one command, at most `limit` each. */
  readonly groups: (channels: ReadonlyArray<string>, limit: number) => ReadonlyArray<ReadonlyArray<string>>
  /** Whoever the channel's messages are published at: those of one answer together. */
  readonly place: (channel: string) => object
  /** Is this node still where the channel's messages are published? */
  readonly owns: (node: Node, channel: string) => boolean
  /** Slots moved away from this server: who owns them now? `then` runs when that is known. */
  readonly refresh: (session: Session, then: () => void) => void
  readonly close: () => Promise<void>
}

export const chunks = <A>(all: ReadonlyArray<A>, limit: number): ReadonlyArray<ReadonlyArray<A>> => {
  const out: Array<ReadonlyArray<A>> = []
  for (let i = 0; i < all.length; i += limit) out.push(all.slice(i, i + limit))
  return out
}

/** One server at a time has everything. */
export class Single implements Router {
  readonly where: string
  readonly nodes: ReadonlyArray<Node>
  readonly mayMove = false
  private readonly node: Node
  private started: ((failure: Failure | undefined) => void) | undefined

  constructor(host: Host, where: string, endpoint: () => Promise<Endpoint>) {
    this.where = where
    this.node = new Node(host, where, endpoint)
    this.nodes = [this.node]
  }

  start(done: (failure: Failure | undefined) => void): void {
    this.started = done
    this.node.lanes.command.want()
  }

  submit(request: Request): void {
    this.node.lanes[request.role].submit(request)
  }

  redirected(): boolean {
    return false
  }

  changed(lane: Lane): void {
    const { started } = this
    if (started === undefined || lane.role !== "command") return
    this.started = undefined
    started(lane.session === undefined ? lane.failure : undefined)
  }

  groups(channels: ReadonlyArray<string>, limit: number): ReadonlyArray<ReadonlyArray<string>> {
    return chunks(channels, limit)
  }

  place(): object {
    return this.node
  }

  owns(): boolean {
    return true
  }

  refresh(_: Session, then: () => void): void {
    then()
  }

  async close(): Promise<void> {
    await Promise.all(this.node.all.map((lane) => lane.close()))
  }
}
