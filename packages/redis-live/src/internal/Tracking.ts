/**
 * Who is told of keys that change: by prefix, over a connection to each server that has some of them (CLIENT TRACKING in
 * broadcast mode, https://redis.io/docs/latest/develop/reference/client-side-caching/). ioredis 6 drops the pushes of
 * RESP3, so the connection speaks RESP2, and is redirected to itself: subscribed, it can do nothing else.
 *
 * Nothing is kept here but what each connection was told to watch. Where something may have been missed the listeners are
 * told so, and nothing is certain until they have asked again.
 */
import type { BackendError } from "@troupe/core/BackendError"
import * as Wire from "@troupe/core/Wire"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { backendError, connectionLost, type Failure, fromReply, isReply, misconfigured, unavailable } from "./errors.ts"
import { type Host, Node } from "./Lane.ts"
import { Request } from "./Request.ts"
import type { Router } from "./Router.ts"
import type { Session } from "./Session.ts"

/** Called from the connection's own turn: must not block and must not throw. */
export interface KeyListener {
  /** These keys of its prefix were written, removed, or have ended. */
  readonly changed: (keys: ReadonlyArray<string>) => void
  /** Something may have been missed, and may be until it is heard again. */
  readonly lost: () => void
}

export interface KeyWatch {
  /** `heard` for each of these keys whose server has told all that changed before, and will from now on. */
  readonly ask: (keys: ReadonlyArray<string>, heard: (key: string) => void) => Effect.Effect<void, BackendError>
}

interface Watched {
  readonly prefix: string
  readonly listener: KeyListener
}

/** What a connection was told to watch, and the last change of that. */
interface State {
  prefixes: ReadonlySet<string>
  work: Promise<Failure | undefined>
}

const channel = "__redis__:invalidate"
/** An answer that takes longer is worth nothing, and its connection is replaced. */
const patienceMs = 2_000
const ignore = (): void => {}

export class Tracking {
  private readonly host: Host
  private readonly router: () => Router
  private readonly wire: Wire.Wire
  private readonly watched = new Set<Watched>()
  private readonly states = new WeakMap<Session, State>()

  constructor(host: Host, router: () => Router, wire: Wire.Wire) {
    this.host = host
    this.router = router
    this.wire = wire
  }

  /** No prefix may be the beginning of another's. */
  watch(service: string, prefix: string, listener: KeyListener): Effect.Effect<KeyWatch, never, Scope.Scope> {
    const watched: Watched = { prefix, listener }
    return Effect.as(
      Effect.acquireRelease(
        Effect.sync(() => this.watched.add(watched)),
        () =>
          Effect.sync(() => {
            this.watched.delete(watched)
            if (this.watched.size === 0) for (const { lanes } of this.router().nodes) lanes.tracking.rest()
          })
      ),
      {
        ask: (keys, heard) => {
          const operation = "watch"
          const told = this.wire.send(
            { service, operation, adds: false },
            Effect.promise(() =>
              // Behind whatever a world still holds of what was pushed before.
              this.ask(keys, prefix, (keys) => this.wire.push(() => keys.forEach(heard)))
            )
          )
          return Effect.flatMap(told, (failure) =>
            failure === undefined ? Effect.void : Effect.fail(backendError(service, operation, failure))
          )
        }
      }
    )
  }

  /** Undefined: all keys there are. */
  deliver(keys: ReadonlyArray<string> | undefined): void {
    if (this.wire === Wire.open) return this.told(keys)
    this.wire.push(() => this.told(keys))
  }

  down(session: Session): void {
    if (this.states.delete(session)) this.lose(() => true)
  }

  /**
   * Everything may be lost, though the connections live: a world cut this peer off, or slots have moved to servers that do
   * not tell us yet.
   */
  cut(): void {
    this.lose(() => true)
  }

  /** Answers when all that changed before it was asked has been told. */
  async barrier(): Promise<void> {
    const open = [...this.router().nodes].map(({ lanes }) => lanes.tracking.session)
    await Promise.all(open.map((session) => session?.command("PING", []).catch(ignore)))
  }

  private told(keys: ReadonlyArray<string> | undefined): void {
    if (keys === undefined) return this.lose(() => true)
    for (const { listener, prefix } of this.watched) {
      const ours = keys.filter((key) => key.startsWith(prefix))
      if (ours.length > 0) listener.changed(ours)
    }
  }

  private lose(isLost: (prefix: string) => boolean): void {
    for (const { listener, prefix } of this.watched) if (isLost(prefix)) listener.lost()
  }

  private async ask(
    keys: ReadonlyArray<string>,
    prefix: string,
    heard: (keys: ReadonlyArray<string>) => void
  ): Promise<Failure | undefined> {
    const places = new Map<object, Array<string>>()
    for (const key of keys) {
      const place = this.router().place(key)
      const there = places.get(place)
      if (there === undefined) places.set(place, [key])
      else there.push(key)
    }
    const failures = await Promise.all(
      [...places].map(async ([node, keys]) => {
        const failure =
          node instanceof Node ? await this.hear(node, prefix, keys) : unavailable("no server owns the slot")
        // Whoever answered is not held up by who does not.
        if (failure === undefined) heard(keys)
        return failure
      })
    )
    return failures.find((failure) => failure !== undefined)
  }

  private async hear(node: Node, prefix: string, keys: ReadonlyArray<string>): Promise<Failure | undefined> {
    const session = await this.session(node)
    if (!("client" in session)) return session
    const refused = await this.widen(session, prefix)
    if (refused !== undefined) return refused
    const failures = await Promise.all([this.send(session, "PING", []), this.owned(keys)])
    return failures.find((failure) => failure !== undefined)
  }

  /**
   * A primary that has handed over answers as ever, and tells what its successor tells it, or nothing: only who asks it for a key
   * hears that it has none. Where it does, all is lost.
   */
  private owned([key]: ReadonlyArray<string>): Promise<Failure | undefined> {
    if (key === undefined || !this.router().mayMove) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      const request = new Request("command", "HGET", [key, "format"], undefined, key, (failure) =>
        // A cluster that is down (CLUSTERDOWN) comes back: it refuses to tell no more than one that is away.
        resolve(failure?.reason._tag === "WritesRefused" ? unavailable(failure.reason.message) : failure)
      )
      // Without a patience of its own: who runs out of one has the connection replaced, and this one carries everybody's calls.
      if (this.host.requests.add(request)) this.router().submit(request)
    })
  }

  /** The connection there is, or the one that this opens. */
  private session(node: Node): Promise<Session | Failure> {
    const lane = node.lanes.tracking
    if (lane.session !== undefined) return Promise.resolve(lane.session)
    return new Promise((resolve) => {
      const request: Request = new Request("tracking", "PING", [], undefined, undefined, (failure) =>
        resolve(failure ?? request.session ?? connectionLost(node.where))
      )
      request.patienceMs = patienceMs
      if (this.host.requests.add(request)) lane.submit(request)
    })
  }

  /** Has the connection watch this prefix, too. */
  private widen(session: Session, prefix: string): Promise<Failure | undefined> {
    const state = this.states.get(session) ?? { prefixes: new Set(), work: Promise.resolve(undefined) }
    this.states.set(session, state)
    return (state.work = state.work.then(() => (state.prefixes.has(prefix) ? undefined : this.begin(session, state))))
  }

  /** Watches all that is to be watched. What changes meanwhile nobody is told of. */
  private async begin(session: Session, state: State): Promise<Failure | undefined> {
    const before = state.prefixes
    const prefixes = new Set([...this.watched].map(({ prefix }) => prefix))
    state.prefixes = new Set()
    if (before.size > 0) {
      this.lose((prefix) => before.has(prefix))
      const failure = await this.send(session, "unsubscribe", [channel])
      if (failure !== undefined) {
        // Subscribed, it can be told nothing else: the next one is told of all prefixes.
        session.end("it cannot unsubscribe")
        return failure
      }
    }
    const id = session.identity?.id
    if (id === undefined) return misconfigured("near values need the right to +client|info")
    const each = [...prefixes].flatMap((prefix) => ["PREFIX", prefix])
    const failure =
      (await this.send(session, "CLIENT", ["TRACKING", "OFF"])) ??
      (await this.send(session, "CLIENT", ["TRACKING", "ON", "REDIRECT", id, "BCAST", ...each])) ??
      (await this.send(session, "subscribe", [channel]))
    if (failure === undefined) state.prefixes = prefixes
    return failure
  }

  private send(session: Session, command: string, args: Array<string>): Promise<Failure | undefined> {
    return new Promise((resolve) => {
      const { requests } = this.host
      const request = new Request("tracking", command, args, undefined, undefined, resolve)
      request.patienceMs = patienceMs
      if (!requests.add(request)) return
      request.session = session
      if (session.ended) return requests.settle(request, connectionLost(session.where), undefined)
      session.command(command, args).then(
        () => requests.settle(request, undefined, undefined),
        (error: unknown) =>
          requests.settle(request, isReply(error) ? fromReply(error) : connectionLost(session.where), undefined)
      )
    })
  }
}
