/** One RedisClient: its connections, what it tells of them, and the calls that stores and applications make. */
import type { BackendError } from "@troupe/core/BackendError"
import * as Metrics from "@troupe/core/Metrics"
import * as Wire from "@troupe/core/Wire"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { Cluster } from "./Cluster.ts"
import * as Commands from "./Commands.ts"
import type { Call, Connection, Reserve } from "./Connection.ts"
import { backendError, type Failure, misconfigured, undecodable } from "./errors.ts"
import type { Host, Lane } from "./Lane.ts"
import { Lease, Pool } from "./Pool.ts"
import { Request, Requests, type Role } from "./Request.ts"
import { type Router, Single } from "./Router.ts"
import type { Arg, Script } from "./Script.ts"
import * as Sentinel from "./Sentinel.ts"
import type { Ioredis, SessionConfig } from "./Session.ts"
import type { Settings } from "./Settings.ts"
import { plain, sharded, Subscriptions } from "./Subscriptions.ts"
import { Tracking } from "./Tracking.ts"
import { Timers } from "./Timers.ts"
import { Timing } from "./Timing.ts"
import { service, Use } from "./Use.ts"

/** Calls under way; one more is refused with CapacityExceeded. */
const maxCalls = 10_000

export type Status = "Up" | "Degraded" | "Down"

export interface Client {
  readonly connection: Connection
  readonly status: Stream.Stream<Status>
  readonly use: Use["use"]
}

export const make = (io: Ioredis, settings: Settings): Effect.Effect<Client, BackendError, Scope.Scope> =>
  Effect.gen(function* () {
    const context = yield* Effect.context<never>()
    const wire = Context.get(context, Wire.Wire)
    const timing = Context.get(context, Timing)
    const status = yield* SubscriptionRef.make<Status>("Up")
    const run = Effect.runForkWith(context)
    const timers = new Timers()
    const requests = new Requests(timers, settings.commandTimeoutMs, maxCalls)

    const config: SessionConfig = {
      io,
      timers,
      timing,
      username: settings.username,
      password: settings.password,
      database: settings.database,
      tls: settings.tls,
      mustBePrimary: settings.place._tag === "Sentinel"
    }
    const told = new WeakSet<Lane>()
    let isBuilt = false

    const changed = (): void => {
      const lanes = [...router.nodes].flatMap(({ all }) => all).filter(({ wanted }) => wanted)
      const up = lanes.filter(({ session }) => session !== undefined).length
      const next =
        up === 0 ? "Down" : up === lanes.length && subscriptions.isWhole && channels.isWhole ? "Up" : "Degraded"
      if (SubscriptionRef.getUnsafe(status) !== next) run(SubscriptionRef.set(status, next))
    }

    const host: Host = {
      config,
      requests,
      redirected: (request, code, message, lane) => {
        // What its answer brings is told of by a server that may not tell us yet.
        if (code === "MOVED" || code === "ASK") tracking.cut()
        return router.redirected(request, code, message, lane)
      },
      assigned: () => tracking.cut(),
      up: (lane) => {
        if (lane.session !== undefined) {
          subscriptions.up(lane, lane.session)
          channels.up(lane, lane.session)
        }
        router.changed(lane)
        if (told.delete(lane)) run(Effect.logInfo(`Redis: the ${lane.role} connection to ${lane.node.where} is back`))
        changed()
      },
      down: (lane, session, { reason }) => {
        if (session !== undefined) {
          reconnects[lane.role].updateUnsafe(1, context)
          subscriptions.down(session)
          channels.down(session)
          tracking.down(session)
          // Whatever is behind the address may be another server now: commands and pushes must be of the same.
          if (lane.role === "command") lane.node.lanes.tracking.session?.end("the command connection was lost")
        }
        router.changed(lane)
        if (isBuilt && !told.has(lane)) {
          told.add(lane)
          run(Effect.logWarning(`Redis: the ${lane.role} connection to ${lane.node.where} is away: ${reason.message}`))
        }
        changed()
      },
      retired: (sessions) => {
        for (const session of sessions) {
          subscriptions.down(session)
          channels.down(session)
          tracking.down(session)
        }
        changed()
      },
      message: ({ role }, session, channel, payload) =>
        (role === "listener" ? channels : subscriptions).deliver(session, channel, payload),
      changed: (keys) => tracking.deliver(keys),
      moved: (_, session) => subscriptions.taken(session)
    }
    const router = route(host, settings)
    const channels: Subscriptions = new Subscriptions(plain, host, () => router, wire, changed)
    const subscriptions: Subscriptions = new Subscriptions(sharded, host, () => router, wire, changed)
    const tracking: Tracking = new Tracking(host, () => router, wire)
    const raw = new Use(config, settings, requests, router)

    yield* Effect.acquireRelease(
      Effect.sync(() =>
        wire.onDown(() => {
          subscriptions.cut()
          channels.cut()
          tracking.cut()
        })
      ),
      (stop) =>
        Effect.promise(async () => {
          stop()
          requests.close()
          raw.close()
          timers.close()
          await router.close()
        })
    )
    yield* Effect.callback<void, BackendError>((resume) => {
      router.start((failure) =>
        resume(failure === undefined ? Effect.void : Effect.fail(backendError(service, "layer", failure)))
      )
    })
    isBuilt = true
    changed()

    /** One request, as an effect. What is not written yet when it is interrupted never is. */
    const send = <A>(
      operation: { readonly service: string; readonly operation: string },
      make: (settle: (failure: Failure | undefined, reply: unknown) => void) => Request,
      read: (reply: unknown) => A,
      submit: (request: Request) => void = (request) => router.submit(request)
    ): Effect.Effect<A, BackendError> =>
      Effect.callback<A, BackendError>((resume) => {
        const request = make((failure, reply) => {
          if (failure !== undefined) {
            return resume(Effect.fail(backendError(operation.service, operation.operation, failure)))
          }
          try {
            resume(Effect.succeed(read(reply)))
          } catch {
            resume(Effect.fail(backendError(operation.service, operation.operation, undecodable())))
          }
        })
        if (requests.add(request)) submit(request)
        return Effect.sync(() => {
          if (request.session === undefined) requests.settle(request, undefined, undefined)
        })
      })

    const call = <Keys, Args, Reply>(
      script: Script<Keys, Args, Reply>,
      call: Call<Keys, Args>
    ): Effect.Effect<Reply, BackendError> => {
      const effect = send(
        call,
        (settle) => {
          const args: Array<Arg> = [script.sha, script.numberOfKeys(call.keys)]
          script.write(args, call.keys, call.args, wire.server?.now() ?? "", wire.server?.run() ?? "")
          const key = script.route(call.keys)
          const request = new Request(call.role ?? "command", "EVALSHA", args, script.source, key, settle)
          if (call.patienceMs !== undefined) request.patienceMs = call.patienceMs
          return request
        },
        script.decode
      )
      return wire === Wire.open
        ? effect
        : wire.send({ service: call.service, operation: call.operation, adds: script.adds }, effect)
    }

    /** Any command, on the shared connection or on the one of a lease. */
    const anything =
      (lease: Lease | undefined, submit?: (request: Request) => void): Connection["command"] =>
      (command, args, source) =>
        Effect.suspend(() => {
          const operation = command.toUpperCase()
          const refusal = Commands.refusal(command, args, lease === undefined ? "shared" : "reserved")
          if (refusal !== undefined) return Effect.fail(backendError(service, operation, refusal))
          const sent = send(
            { service, operation },
            (settle) => {
              // NOSCRIPT would come with EXEC, too late to send the source.
              const [name, hash] =
                source !== undefined && lease?.marks.queueing === true ? ["EVAL", source] : [command, args[0]]
              const all = hash === undefined ? [] : [hash, ...args.slice(1)]
              const request = new Request("command", name, all, source, undefined, settle)
              request.blocksMs = Commands.blocksMs(command, args)
              lease?.marks.note(command, args)
              return request
            },
            (reply) => reply,
            submit
          )
          return wire.send({ service, operation, adds: true }, sent)
        })

    const reserve = (pool: Pool): Reserve =>
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          let answer: (failure: Failure | undefined) => void = () => {}
          const lease = new Lease((failure) => answer(failure))
          const given = Effect.callback<void, BackendError>((resume) => {
            answer = (failure) =>
              resume(failure === undefined ? Effect.void : Effect.fail(backendError(service, "reserve", failure)))
            pool.ask(lease)
          })
          const release = Effect.sync(() => pool.release(lease))
          yield* Effect.onError(restore(given), () => release)
          yield* Effect.addFinalizer(() => release)
          return { command: anything(lease, (request) => pool.submit(lease, request)) }
        })
      )

    const connection: Connection = {
      keyPrefix: settings.keyPrefix,
      commandTimeoutMs: settings.commandTimeoutMs,
      positionCheckMs: timing.positionCheck,
      isCluster: settings.place._tag === "Cluster",
      call,
      publish: (service, operation, channel, payload) =>
        wire.send(
          { service, operation, adds: false },
          send(
            { service, operation },
            (settle) => new Request("command", "SPUBLISH", [channel, payload], undefined, channel, settle),
            () => undefined
          )
        ),
      command: anything(undefined),
      listen: (service, listener) => channels.link(service, listener),
      pool: Effect.map(
        Effect.acquireRelease(
          Effect.sync(() => {
            const [node] = router.nodes
            return node === undefined || settings.place._tag === "Cluster"
              ? undefined
              : new Pool(config, requests, node, settings.commandTimeoutMs)
          }),
          (pool) => Effect.promise(async () => pool?.close())
        ),
        (pool) =>
          pool === undefined
            ? Effect.fail(backendError(service, "reserve", misconfigured("connections of a cluster are not reserved")))
            : reserve(pool)
      ),
      pause: (ms) =>
        Effect.callback((resume) => {
          const timer = timers.after(ms, () => resume(Effect.void))
          return Effect.sync(() => timers.cancel(timer))
        }),
      place: (key) => router.place(key),
      link: (service, listener) => subscriptions.link(service, listener),
      watch: (service, prefix, listener) => tracking.watch(service, prefix, listener),
      barrier: Effect.promise(async () => {
        await Promise.all([subscriptions.barrier(), channels.barrier(), tracking.barrier()])
      })
    }

    const use: Use["use"] = (operation, f) => wire.send({ service, operation, adds: true }, raw.use(operation, f))

    yield* send(
      { service, operation: "layer" },
      (settle) => new Request("command", "INFO", ["memory"], undefined, undefined, settle),
      evicting
    ).pipe(
      Effect.flatMap((policy) =>
        policy === undefined
          ? Effect.void
          : Effect.logWarning(
              `Redis evicts with ${policy}: it may drop what Troupe needs. Use noeviction or volatile-*`
            )
      ),
      // Not everyone may ask.
      Effect.catch(() => Effect.void)
    )
    return { connection, status: Stream.changes(SubscriptionRef.changes(status)), use }
  })

// -- internals ----------------------------------------------------------------------------------------------------

const reconnects: { readonly [R in Role]: Metric.Counter<number> } = {
  command: Metric.withAttributes(Metrics.reconnects, { role: "command" }),
  subscriber: Metric.withAttributes(Metrics.reconnects, { role: "subscriber" }),
  beat: Metric.withAttributes(Metrics.reconnects, { role: "beat" }),
  tracking: Metric.withAttributes(Metrics.reconnects, { role: "tracking" }),
  listener: Metric.withAttributes(Metrics.reconnects, { role: "listener" })
}

const route = (host: Host, { place }: Settings): Router => {
  switch (place._tag) {
    case "Server": {
      const { endpoint } = place
      return new Single(host, `${endpoint.host}:${endpoint.port}`, () => Promise.resolve(endpoint))
    }
    case "Sentinel":
      return new Single(host, `the primary of "${place.name}"`, Sentinel.primary(host.config, place.nodes, place.name))
    case "Cluster":
      return new Cluster(host, place.nodes)
  }
}

/** What evicts keys without a time to live evicts Troupe's. */
const evicting = (info: unknown): string | undefined => /maxmemory_policy:(allkeys-\S+)/.exec(String(info))?.[1]
