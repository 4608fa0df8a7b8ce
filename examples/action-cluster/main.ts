/**
 * A small cluster to look at, and to do harm to: peers join, beat, crash and leave, what they publish travels, they do
 * tasks, keep for one another what is slow to load, and count what they do.
 *
 *     npm start                                          three peers in this process, in memory
 *     REDIS_URL=redis://localhost:6379 npm start         one peer; start as many as you like
 *
 * PORT and HOST say where the page is served; the next free port is taken where that one is busy.
 *
 * Read on in Peer.ts, Work.ts, Forecast.ts and Counting.ts (what a peer does), MemoryCluster.ts and Fleet.ts (where it
 * lives), Events.ts and Http.ts (what the page is told, and may ask), page/ (what is seen).
 */
import { createServer } from "node:http"
import { NodeHttpServer, NodeRuntime, NodeServices } from "@effect/platform-node"
import { Cause, Config, Console, Effect, Exit, Fiber, Layer, Option, Schema, Scope, Stdio, Stream } from "effect"
import { HttpServer, HttpServerError } from "effect/http"
import { Cluster } from "./Cluster.ts"
import * as Events from "./Events.ts"
import * as Fleet from "./Fleet.ts"
import * as Http from "./Http.ts"
import * as MemoryCluster from "./MemoryCluster.ts"
import { randomName } from "./Names.ts"
import { maxFrame } from "./Talk.ts"

const config = Config.all({
  host: Config.String("HOST").pipe(Config.withDefault("127.0.0.1")),
  // 0 is any free port.
  port: Config.schema(
    Schema.FiniteFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 0, maximum: 65_535 })),
    "PORT"
  ).pipe(Config.withDefault(3000)),
  redis: Config.option(Config.Redacted("REDIS_URL")),
  prefix: Config.String("REDIS_PREFIX").pipe(Config.withDefault("action-cluster")),
  name: Config.option(Config.NonEmptyString("PEER_NAME")),
  startedBy: Config.option(Config.NonEmptyString("STARTED_BY"))
})

/** Where the cluster lives, and what this process is in it. */
const cluster = Layer.unwrap(
  Effect.gen(function* () {
    const { name, prefix, redis, startedBy } = yield* config
    if (Option.isNone(redis)) return MemoryCluster.layer
    return Fleet.layer({
      url: redis.value,
      prefix,
      name: Option.isSome(name) ? name.value : yield* randomName,
      startedBy
    })
  })
)

const isBusy = ({ cause }: HttpServerError.ServeError): boolean =>
  cause instanceof Error && "code" in cause && cause.code === "EADDRINUSE"

/** Listens at that port, or at the next one that is free. */
const listen = (host: string, port: number, attempts = 100): ReturnType<typeof listenAt> =>
  Layer.catchTag(listenAt(host, port), "ServeError", (error) =>
    isBusy(error) && attempts > 1 && port < 65_535
      ? listen(host, port + 1, attempts - 1)
      : Layer.effectContext(Effect.fail(error))
  )
/** A longer frame closes the connection; a page that does not answer a goodbye is not waited for. */
const websocket = { maxPayload: maxFrame, closeTimeout: 1_000 }
const listenAt = (host: string, port: number) =>
  NodeHttpServer.layer(() => createServer({ requestTimeout: 10_000 }), {
    host,
    port,
    // Pages that are open are told nothing more; nobody waits for them to go.
    gracefulShutdownTimeout: "250 millis",
    websocket
  })

const opened = Layer.effectDiscard(
  Effect.gen(function* () {
    const { address } = yield* HttpServer.HttpServer
    const url = HttpServer.formatAddress(address).replace(
      /\/\/(127\.0\.0\.1|0\.0\.0\.0|\[::1?\])(?=:|$)/,
      "//localhost"
    )
    const { opened } = yield* Cluster
    yield* opened(url)
    // Whoever was started from a page is found on it.
    const { name, startedBy } = yield* config
    yield* Option.isNone(startedBy)
      ? Console.log(url)
      : Effect.log(`${Option.getOrElse(name, () => "A peer")} has joined; its page is ${url}`)
  })
)

const program = Layer.unwrap(
  Effect.map(config, ({ host, port }) =>
    opened.pipe(
      Layer.provide(Http.layer({ isLoopback: /^(localhost|127\.|::1$)/i.test(host) })),
      Layer.provide(Events.layer),
      Layer.provide(cluster),
      Layer.provide(listen(host, port))
    )
  )
)

/**
 * Everything, until it is interrupted. Its end has a limit, whatever does not answer: what could not be said by then the
 * others find out when its lease is over.
 */
const launched = Effect.acquireUseRelease(
  Scope.make(),
  (scope) => Effect.andThen(Layer.buildWithScope(program, scope), Effect.never),
  (scope, exit) =>
    Effect.forkDetach(Scope.close(scope, exit)).pipe(
      Effect.flatMap((closing) => Effect.interruptible(Fiber.await(closing))),
      Effect.timeoutOption("4 seconds")
    )
)

/** Ends when the one that started this peer is gone, however it went: then the pipe to it is closed. */
const untilAlone = Effect.gen(function* () {
  const { startedBy } = yield* config
  if (Option.isNone(startedBy)) return yield* Effect.never
  const { stdin } = yield* Stdio.Stdio
  yield* Effect.ignore(Stream.runDrain(stdin))
})

NodeRuntime.runMain(Effect.raceFirst(launched, untilAlone).pipe(Effect.provide(NodeServices.layer)), {
  // Being asked to end is no failure.
  teardown: (exit, onExit) => onExit(Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) ? 0 : 1)
})
