/** Commands of an application's own: `RedisClient.use`. */
import type { BackendError } from "@troupe/core/BackendError"
import * as Effect from "effect/Effect"
import type * as Io from "ioredis"
import { backendError, closed, type Failure, fromUse, isReply, timedOut } from "./errors.ts"
import { Request, type Requests } from "./Request.ts"
import type { Router } from "./Router.ts"
import type { SessionConfig } from "./Session.ts"
import type { Settings } from "./Settings.ts"
import { SharedCluster } from "./SharedCluster.ts"

export const service = "RedisClient"

export type Raw = Io.Redis | Io.Cluster

type Got = { readonly failure: Failure } | { readonly client: Raw }

export class Use {
  private readonly config: SessionConfig
  private readonly settings: Settings
  private readonly requests: Requests
  private readonly router: Router
  private readonly cluster: SharedCluster | undefined
  /** Ends those under way. */
  private readonly open = new Set<() => void>()

  constructor(config: SessionConfig, settings: Settings, requests: Requests, router: Router) {
    this.config = config
    this.settings = settings
    this.requests = requests
    this.router = router
    this.cluster = settings.place._tag === "Cluster" ? new SharedCluster(config.io, settings) : undefined
  }

  readonly use = <A>(operation: string, f: (client: Raw) => Promise<A>): Effect.Effect<A, BackendError> =>
    Effect.callback<A, BackendError>((resume) => {
      const { timers } = this.config
      const { commandTimeoutMs } = this.settings
      let isRunning = false
      const done = (effect: Effect.Effect<A, BackendError>): void => {
        timers.cancel(timer)
        this.open.delete(stop)
        resume(effect)
      }
      const fail = (failure: Failure): void => done(Effect.fail(backendError(service, operation, failure)))
      const stop = (): void => fail(closed(isRunning))
      const timer = timers.after(commandTimeoutMs, () => {
        fail(timedOut(commandTimeoutMs, isRunning))
        // Perhaps the connection is dead: a call of our own finds out, and replaces it.
        if (isRunning && this.cluster === undefined) this.ping(() => {})
      })
      this.open.add(stop)
      this.borrow((got) => {
        if (!this.open.has(stop)) return
        if ("failure" in got) return fail(got.failure)
        isRunning = true
        rejecting(f, got.client).then(
          (value) => done(Effect.succeed(value)),
          (error: unknown) => (isOurs(error) ? fail(fromUse(this.router.where, error)) : done(Effect.die(error)))
        )
      })
      return Effect.sync(() => {
        timers.cancel(timer)
        this.open.delete(stop)
      })
    })

  close(): void {
    for (const stop of this.open) stop()
    this.cluster?.close()
  }

  /** The command connection, waited for where it is opening; on a cluster ioredis' own client. */
  private borrow(done: (got: Got) => void): void {
    if (this.cluster !== undefined) return void this.cluster.ready().then(done)
    const [node] = this.router.nodes
    const client = node?.lanes.command.session?.client
    if (client !== undefined) return done({ client })
    const request = this.ping((failure) => {
      if (failure !== undefined) return done({ failure })
      if (request.session !== undefined) done({ client: request.session.client })
    })
  }

  private ping(settle: (failure: Failure | undefined) => void): Request {
    const request = new Request("command", "PING", [], undefined, undefined, settle)
    if (this.requests.add(request)) this.router.submit(request)
    return request
  }
}

/** A synchronous throw is a rejection too. */
const rejecting = async <A>(f: (client: Raw) => Promise<A>, client: Raw): Promise<A> => f(client)

/** Redis' answers and the connection's failures; what else a caller's promise is rejected with is the caller's defect. */
const isOurs = (error: unknown): boolean =>
  isReply(error) ||
  (error instanceof Error &&
    ("command" in error ||
      "syscall" in error ||
      /^(Connection is closed|Stream isn't writeable|Command timed out|Reached the max retries|Too many Cluster|None of startup|Failed to refresh|Command aborted|Connection in subscriber mode)/.test(
        error.message
      )))
