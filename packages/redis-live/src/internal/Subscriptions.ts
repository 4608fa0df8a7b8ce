/**
 * Who hears what: links by channel, and the subscriber connections that carry them. A link keeps nothing and repairs
 * nothing (core/Link); this keeps what the servers have confirmed, and says so where it is gone: with its connection,
 * with its slot, or when the server, asked at intervals, counts otherwise than we do.
 */
import type { BackendError } from "@troupe/core/BackendError"
import type { Link, Listener } from "@troupe/core/Link"
import * as Wire from "@troupe/core/Wire"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { backendError, connectionLost, type Failure, fromReply, isReply, misconfigured, replyCode } from "./errors.ts"
import type { Host, Lane } from "./Lane.ts"
import { Request } from "./Request.ts"
import type { Router } from "./Router.ts"
import type { Session } from "./Session.ts"

interface Route {
  readonly listener: Listener
  /** The connection that carries it; undefined until the server has confirmed it. */
  session: Session | undefined
}

/** What tells shard channels, at the owner of their slot, from plain ones: the connection, the commands, the count. */
export interface Kind {
  readonly role: "subscriber" | "listener"
  readonly subscribe: string
  readonly unsubscribe: string
  readonly counted: RegExp
}

export const sharded: Kind = {
  role: "subscriber",
  subscribe: "SSUBSCRIBE",
  unsubscribe: "SUNSUBSCRIBE",
  counted: / ssub=(\d+)/
}

/**
 * On a connection of their own: ioredis takes the end of the last plain subscription for the end of all, and would then
 * swallow what comes on shard channels.
 */
export const plain: Kind = {
  role: "listener",
  subscribe: "SUBSCRIBE",
  unsubscribe: "UNSUBSCRIBE",
  counted: / sub=(\d+)/
}

/** Channels in one command. */
const maxChannels = 512

const ignore = (): void => {}

export class Subscriptions {
  private readonly kind: Kind
  private readonly host: Host
  private readonly router: () => Router
  private readonly wire: Wire.Wire
  private readonly changed: () => void
  private readonly routes = new Map<string, Route>()
  /** Told lost, and not subscribed to again yet. */
  private readonly missing = new Map<string, Listener>()
  private readonly probes = new Map<Session, NodeJS.Timeout | undefined>()

  /** `changed` is called when `isWhole` may have changed. */
  constructor(kind: Kind, host: Host, router: () => Router, wire: Wire.Wire, changed: () => void) {
    this.kind = kind
    this.host = host
    this.router = router
    this.wire = wire
    this.changed = changed
  }

  /** False while something that was lost is not subscribed to again. */
  get isWhole(): boolean {
    return this.missing.size === 0
  }

  link(service: string, listener: Listener): Effect.Effect<Link, never, Scope.Scope> {
    const send = (operation: string, run: () => Promise<Failure | undefined>): Effect.Effect<void, BackendError> =>
      this.wire.send(
        { service, operation, adds: false },
        Effect.flatMap(Effect.promise(run), (failure) =>
          failure === undefined ? Effect.void : Effect.fail(backendError(service, operation, failure))
        )
      )
    return Effect.acquireRelease(
      Effect.succeed<Link>({
        subscribe: (channels) =>
          Effect.suspend(() => {
            if (channels.some((channel) => (this.routes.get(channel)?.listener ?? listener) !== listener)) {
              const taken = misconfigured("another link is subscribed to one of these channels")
              return Effect.fail(backendError(service, "subscribe", taken))
            }
            const wanted = channels.filter((channel) => this.routes.get(channel)?.session === undefined)
            return Effect.onExit(
              send("subscribe", () => this.subscribe(listener, wanted)),
              (exit) => (Exit.isSuccess(exit) ? Effect.void : Effect.sync(() => this.drop(listener, wanted)))
            )
          }),
        unsubscribe: (channels) => send("unsubscribe", () => this.unsubscribe(listener, channels)),
        // A world serves one request after the other, in an order that does not depend on what a channel lives on.
        place: (channel) => (this.wire === Wire.open ? this.router().place(channel) : this)
      }),
      () =>
        Effect.sync(() => {
          this.drop(listener, [...this.routes.keys()])
          this.found(listener, [...this.missing.keys()])
        })
    )
  }

  deliver(session: Session, channel: string, payload: string): void {
    const route = this.routes.get(channel)
    if (route === undefined || (route.session !== undefined && route.session !== session)) return
    if (this.wire === Wire.open) return route.listener.message(channel, payload)
    this.wire.push(() => {
      if (this.routes.get(channel) === route) route.listener.message(channel, payload)
    })
  }

  up(lane: Lane, session: Session): void {
    const { timers, timing } = this.host.config
    const next = (): void => {
      this.probes.set(
        session,
        timers.after(timing.probeInterval, () => this.probe(session, next))
      )
    }
    if (lane.role === this.kind.role) next()
  }

  down(session: Session): void {
    this.host.config.timers.cancel(this.probes.get(session))
    this.probes.delete(session)
    session.subscribed.clear()
    this.lose(([, route]) => route.session === session)
  }

  /** The server took subscriptions of this connection away: those whose slot it does not own any more. */
  taken(session: Session): void {
    const router = this.router()
    router.refresh(session, () => {
      const node = [...router.nodes].find(({ lanes }) => lanes[this.kind.role].session === session)
      this.lose(([channel, route]) => {
        if (route.session !== session || (node !== undefined && router.owns(node, channel))) return false
        this.forget(session, [channel])
        return true
      })
      // Where nobody can say which, they are all gone.
      if (!session.ended) this.count(session).catch(ignore)
    })
  }

  /** A world cut this peer off: everything is lost, though the connection lives. */
  cut(): void {
    this.lose(([channel, route]) => {
      if (route.session !== undefined) this.forget(route.session, [channel])
      return true
    })
  }

  /** Answers when all that was published before it was asked has been delivered. */
  async barrier(): Promise<void> {
    const open = [...this.router().nodes].map(({ lanes }) => lanes[this.kind.role].session)
    await Promise.all(open.map((session) => session?.command("PING", []).catch(ignore)))
  }

  private async subscribe(listener: Listener, channels: ReadonlyArray<string>): Promise<Failure | undefined> {
    for (const channel of channels) this.routes.set(channel, { listener, session: undefined })
    const failures = await Promise.all(
      this.router()
        .groups(channels, maxChannels)
        .map((group) => this.ask(group, (session) => this.confirm(group, session)))
    )
    return failures.find((failure) => failure !== undefined)
  }

  private confirm(channels: ReadonlyArray<string>, session: Session): Failure | undefined {
    if (session.ended) return connectionLost(session.where)
    let failure: Failure | undefined
    for (const channel of channels) {
      session.subscribed.add(channel)
      const route = this.routes.get(channel)
      if (route === undefined) {
        this.forget(session, [channel])
        failure = connectionLost(session.where)
      } else {
        route.session = session
        this.missing.delete(channel)
      }
    }
    this.changed()
    return failure
  }

  private async unsubscribe(listener: Listener, channels: ReadonlyArray<string>): Promise<Failure | undefined> {
    const carriers = this.remove(listener, channels)
    this.found(listener, channels)
    const failures = await Promise.all(
      [...carriers].flatMap(([session, channels]) =>
        this.router()
          .groups(channels, maxChannels)
          .map((group) => this.leave(session, group))
      )
    )
    return failures.find((failure) => failure !== undefined)
  }

  /** Without waiting for anybody. */
  private drop(listener: Listener, channels: ReadonlyArray<string>): void {
    for (const [session, carried] of this.remove(listener, channels)) this.forget(session, carried)
  }

  private remove(listener: Listener, channels: ReadonlyArray<string>): Map<Session, Array<string>> {
    const carriers = new Map<Session, Array<string>>()
    for (const channel of channels) {
      const route = this.routes.get(channel)
      if (route?.listener !== listener) continue
      this.routes.delete(channel)
      if (route.session === undefined || route.session.ended) continue
      const carried = carriers.get(route.session)
      if (carried === undefined) carriers.set(route.session, [channel])
      else carried.push(channel)
    }
    return carriers
  }

  /** Subscribed to again, or not wanted any more. */
  private found(listener: Listener, channels: ReadonlyArray<string>): void {
    for (const channel of channels) if (this.missing.get(channel) === listener) this.missing.delete(channel)
    this.changed()
  }

  private forget(session: Session, channels: ReadonlyArray<string>): void {
    for (const group of this.router().groups(channels, maxChannels)) void this.leave(session, group)
  }

  private leave(session: Session, channels: ReadonlyArray<string>): Promise<Failure | undefined> {
    return new Promise((resolve) => {
      const { requests } = this.host
      const request = new Request(this.kind.role, this.kind.unsubscribe, [...channels], undefined, undefined, resolve)
      if (!requests.add(request)) return
      request.session = session
      const gone = (): void => {
        for (const channel of channels) session.subscribed.delete(channel)
        requests.settle(request, undefined, undefined)
      }
      // MOVED: the server took it when the slot went. No answer: it went with its connection.
      session
        .command(request.command, request.args)
        .then(gone, (error: unknown) =>
          isReply(error) && replyCode(error) !== "MOVED"
            ? requests.settle(request, fromReply(error), undefined)
            : gone()
        )
    })
  }

  private ask(
    channels: ReadonlyArray<string>,
    done: (session: Session) => Failure | undefined
  ): Promise<Failure | undefined> {
    return new Promise((resolve) => {
      const request: Request = new Request(
        this.kind.role,
        this.kind.subscribe,
        [...channels],
        undefined,
        channels[0],
        (failure) => resolve(failure ?? (request.session === undefined ? undefined : done(request.session)))
      )
      if (this.host.requests.add(request)) this.router().submit(request)
    })
  }

  private lose(isLost: (entry: [string, Route]) => boolean): void {
    const lost = new Map<Listener, Array<string>>()
    for (const entry of this.routes) {
      if (!isLost(entry)) continue
      const [channel, { listener }] = entry
      this.routes.delete(channel)
      this.missing.set(channel, listener)
      const channels = lost.get(listener)
      if (channels === undefined) lost.set(listener, [channel])
      else channels.push(channel)
    }
    if (lost.size === 0) return
    this.changed()
    for (const [listener, channels] of lost) listener.lost(channels)
  }

  private probe(session: Session, next: () => void): void {
    const { timers, timing } = this.host.config
    if (session.ended) return void this.probes.delete(session)
    const deadline = timers.after(timing.probeDeadline, () => setImmediate(() => session.end("it does not answer")))
    this.count(session).then(
      () => {
        timers.cancel(deadline)
        if (!session.ended) next()
      },
      () => timers.cancel(deadline)
    )
  }

  /** Answers come in order: when this one does, all that was confirmed before it is what the server counted. */
  private count(session: Session): Promise<void> {
    return session.command("CLIENT", ["INFO"]).then(
      (reply) => {
        const [, counted] = this.kind.counted.exec(String(reply)) ?? []
        if (counted !== undefined && Number(counted) !== session.subscribed.size) {
          session.end("it lost subscriptions")
        }
      },
      // Without +client|info the count stays unknown; an answer is an answer.
      () => session.command("PING", []).then(ignore)
    )
  }
}
