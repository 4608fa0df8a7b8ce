/**
 * A cluster of processes on Redis. This process is one peer of it; others may be started anywhere, and this one starts
 * more of itself. It harms only those: SIGSTOP and kill -9 are sent to processes that it has started, by their id.
 */
import { fileURLToPath } from "node:url"
import { type Cache, type Chat, LocalPeer, PeerRegistry, PubSub, Stats, TaskQueue } from "@troupe/core"
import {
  RedisCache,
  RedisChat,
  RedisClient,
  RedisPeerRegistry,
  RedisPubSub,
  RedisStats,
  RedisTaskQueue
} from "@troupe/redis-live"
import {
  Effect,
  Exit,
  Layer,
  Option,
  PubSub as EffectPubSub,
  type Redacted,
  References,
  Schedule,
  Scope,
  Semaphore,
  Stream
} from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import * as Cluster from "./Cluster.ts"
import * as Forecast from "./Forecast.ts"
import { randomName } from "./Names.ts"
import * as Peer from "./Peer.ts"
import { queueOptions } from "./Work.ts"

export interface Options {
  readonly url: Redacted.Redacted<string>
  readonly prefix: string
  readonly name: string
  /** The peer that started this one. */
  readonly startedBy: Option.Option<string>
}

interface Child {
  readonly pid: number
  readonly handle: ChildProcessSpawner.ChildProcessHandle
  readonly scope: Scope.Closeable
  isFrozen: boolean
}

const program = fileURLToPath(new URL("main.ts", import.meta.url))

/** How long a child has for its goodbye before it is killed: this program itself ends within five seconds. */
const grace = "3 seconds"

const make = Effect.fnUntraced(function* (options: Options) {
  const own = yield* Effect.scope
  const services = yield* Effect.context<PubSub.PubSub | Stats.Stats | Chat.Chat | TaskQueue.TaskQueue | Cache.Cache>()
  const registry = yield* PeerRegistry.PeerRegistry
  const redis = yield* RedisClient.RedisClient
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const news = yield* Cluster.newsroom
  const tell = (one: Cluster.News) => EffectPubSub.publish(news, one)
  const oneAtATime = yield* Semaphore.make(1)
  // All of them end at the same time, not one after the other.
  const stage = yield* Effect.acquireRelease(Scope.make("parallel"), (scope, exit) => Scope.close(scope, exit))
  const children = new Map<string, Child>()
  const crashed = new Set<string>()
  let backend: Cluster.Sight["backend"] = "Up"
  let leader: string | undefined
  /** What the server's clock shows more than ours. */
  let ahead = 0
  let members: ReadonlyArray<Cluster.Member> = []

  // -- seeing

  const hold = (name: string): Cluster.Hold => {
    if (name === options.name) return "own"
    const child = children.get(name)
    if (child !== undefined) return child.isFrozen ? "frozen" : "running"
    return crashed.has(name) ? "crashed" : "foreign"
  }
  const look = Effect.gen(function* () {
    const peers = yield* Effect.result(registry.list)
    if (peers._tag === "Success") members = Cluster.membersOf(peers.success, members, hold)
    const stale =
      backend !== "Up"
        ? "Redis does not answer. Until it does nobody is judged, and this is what was known last."
        : peers._tag === "Failure"
          ? peers.failure.message
          : undefined
    return { stale, backend, members, leader, now: Date.now() + ahead }
  })

  const ask = Effect.gen(function* () {
    const found = yield* registry.leader(Peer.director)
    leader = Option.getOrUndefined(found)?.name
    const [seconds, micros] = yield* redis.use("time", (client) => client.time())
    ahead = Number(seconds) * 1_000 + Number(micros) / 1_000 - Date.now()
  })
  yield* ask.pipe(Effect.ignore, Effect.repeat(Schedule.spaced("1 second")), Effect.forkScoped)

  yield* redis.status.pipe(
    Stream.runForEach((status) => {
      backend = status
      return tell({ _tag: "Changed" })
    }),
    Effect.forkScoped
  )
  yield* registry.events.pipe(
    Stream.runForEach((event) => {
      if (event._tag === "Left") crashed.delete(event.peer.name)
      return tell({ _tag: "Registry", event })
    }),
    Effect.ignore,
    Effect.forkScoped
  )
  // What this peer itself reads is seen here though the others cannot be told.
  const reader = yield* Forecast.Reader
  yield* reader.reports.pipe(
    Stream.runForEach((tiding) => tell({ _tag: "Tidings", tiding })),
    Effect.forkScoped
  )
  const hearsay = yield* Cluster.hearsay
  yield* hearsay.pipe(Stream.runForEach(tell), Effect.ignore, Effect.forkScoped)

  // -- processes

  const start = Effect.fnUntraced(function* (name: string) {
    const scope = yield* Scope.fork(stage)
    const handle = yield* spawner
      .spawn(
        ChildProcess.make(process.execPath, [program], {
          env: { PEER_NAME: name, STARTED_BY: options.name },
          extendEnv: true,
          // It ends when this pipe does, so that it cannot outlive this process, whatever ends that.
          stdin: "pipe",
          stdout: "inherit",
          stderr: "inherit",
          detached: false,
          forceKillAfter: grace
        })
      )
      .pipe(
        Scope.provide(scope),
        Effect.mapError((error) => new Cluster.SpawnFailed({ peer: name, why: error.message }))
      )
    const child: Child = { pid: handle.pid, handle, scope, isFrozen: false }
    // Who stands still cannot be told to leave.
    yield* Scope.addFinalizer(
      scope,
      Effect.sync(() => signal(child, "SIGCONT"))
    )
    children.set(name, child)
    yield* Effect.exit(handle.exitCode).pipe(
      Effect.tap((exit) =>
        Effect.sync(() => {
          children.delete(name)
          // Whatever killed it, it did not say goodbye.
          if (Exit.isFailure(exit)) crashed.add(name)
        })
      ),
      Effect.andThen(tell({ _tag: "Changed" })),
      Effect.andThen(Effect.forkIn(Scope.close(scope, Exit.void), own)),
      Effect.forkIn(own)
    )
    return child
  })

  /** It is ours as long as its end has not been seen: until then nobody else can have its id. */
  const signal = (child: Child, name: "SIGSTOP" | "SIGCONT"): void => {
    if (![...children.values()].includes(child)) return
    try {
      process.kill(child.pid, name)
    } catch {
      // It has just ended.
    }
  }

  const joined = (name: string) =>
    registry.list.pipe(
      Effect.map((peers) => peers.some((peer) => peer.name === name)),
      Effect.orElseSucceed(() => false),
      Effect.repeat({ until: (isThere) => isThere, schedule: Schedule.spaced("50 millis") })
    )

  const spawn = oneAtATime.withPermit(
    Effect.gen(function* () {
      if (children.size >= Cluster.maxPeers) return yield* new Cluster.TooManyPeers({ limit: Cluster.maxPeers })
      const name = yield* randomName
      const child = yield* start(name)
      const ended = Effect.flatMap(Effect.exit(child.handle.exitCode), (exit) =>
        Effect.fail(
          new Cluster.SpawnFailed({
            peer: name,
            why: Exit.isSuccess(exit) ? `its process ended with code ${exit.value}` : "its process was killed"
          })
        )
      )
      yield* joined(name).pipe(
        Effect.raceFirst(ended),
        Effect.timeoutOrElse({
          duration: "30 seconds",
          orElse: () => Effect.fail(new Cluster.SpawnFailed({ peer: name, why: "it did not join within 30 seconds" }))
        }),
        Effect.onError(() => Scope.close(child.scope, Exit.void))
      )
      return name
    })
  )

  const get = (name: string) => {
    const child = children.get(name)
    return child === undefined
      ? Effect.fail(new Cluster.NotInReach({ peer: name, why: "is not a process that this one has started" }))
      : Effect.succeed(child)
  }

  const freeze = Effect.fnUntraced(function* (name: string) {
    const child = yield* get(name)
    if (child.isFrozen) return yield* new Cluster.NotInReach({ peer: name, why: "is frozen already" })
    signal(child, "SIGSTOP")
    child.isFrozen = true
    yield* tell({ _tag: "Changed" })
  })

  const thaw = Effect.fnUntraced(function* (name: string) {
    const child = yield* get(name)
    if (!child.isFrozen) return yield* new Cluster.NotInReach({ peer: name, why: "is not frozen" })
    signal(child, "SIGCONT")
    child.isFrozen = false
    yield* tell({ _tag: "Changed" })
  })

  const crash = Effect.fnUntraced(function* (name: string) {
    const child = yield* get(name)
    crashed.add(name)
    yield* Effect.ignore(child.handle.kill({ killSignal: "SIGKILL" }))
  })

  // -- speaking

  const publish = Effect.fnUntraced(function* (as: string, channel: Peer.ChannelName, text: string) {
    if (as !== options.name) {
      return yield* new Cluster.NotInReach({ peer: as, why: "is another process: open its own page to speak as it" })
    }
    yield* Effect.provideContext(Peer.say(channel, text), services)
  })

  const forecasts = yield* Forecast.orders
  const read = Effect.fnUntraced(function* (name: string | null) {
    if (name === options.name) return yield* reader.begin(null)
    if (name === null) {
      const round = yield* Cluster.roundName
      // This peer reads, whether the others can be asked or not.
      yield* reader.begin(round)
      return yield* forecasts.ask({ to: null, not: options.name, round })
    }
    if (!members.some(({ peer }) => peer.name === name)) {
      return yield* new Cluster.NotInReach({ peer: name, why: "is not there any more" })
    }
    if (hold(name) === "frozen") {
      return yield* new Cluster.NotInReach({ peer: name, why: "is frozen and cannot read" })
    }
    yield* forecasts.ask({ to: name, not: null, round: null })
  })

  const host = (name: string | null) =>
    name === null || name === options.name
      ? Effect.succeed({ peer: options.name, services, scope: own, gone: Effect.never })
      : Effect.fail(new Cluster.NotInReach({ peer: name, why: "is another process: open its own page to talk to it" }))

  const opened = (page: string) =>
    registry
      .updateMetadata({ ...metadata(options), page })
      .pipe(
        Effect.retry({ while: (error) => error.isRetryable, schedule: Schedule.spaced("1 second") }),
        Effect.ignore,
        Effect.forkIn(own),
        Effect.asVoid
      )

  return Cluster.Cluster.of({
    kind: "redis",
    look,
    news: Stream.fromPubSub(news),
    spawn,
    freeze,
    thaw,
    crash,
    publish,
    tasks: yield* TaskQueue.TaskQueue,
    forecasts,
    read,
    stats: yield* Stats.Stats,
    host,
    opened
  })
})

const metadata = ({ startedBy }: Options): Readonly<Record<string, string>> => ({
  "runs in": `process ${process.pid}`,
  ...(Option.isSome(startedBy) ? { "started by": startedBy.value } : {})
})

/** This process, on the spot. */
const crash = Effect.sync(() => void process.kill(process.pid, "SIGKILL"))

/** This process as a peer on that Redis, and the hold it has on those it starts. */
export const layer = (options: Options) =>
  Layer.effect(Cluster.Cluster, make(options)).pipe(
    // Who serves a page that somebody has opened by hand is not to die of what is clicked there.
    Layer.provide(Peer.life(Option.isSome(options.startedBy) ? crash : undefined)),
    Layer.provide(
      Layer.mergeAll(
        RedisPubSub.layer,
        RedisTaskQueue.layer(queueOptions),
        RedisCache.layer(Forecast.cacheOptions),
        RedisStats.layer,
        // A place in a room lives as long as the registry's peer.
        Layer.provideMerge(RedisChat.layer, RedisPeerRegistry.layer(Peer.registryOptions(metadata(options))))
      )
    ),
    Layer.provide(RedisClient.layer({ url: options.url, prefix: options.prefix })),
    Layer.provide(LocalPeer.layer(options.name)),
    // Several processes may write to one terminal.
    Layer.provide(Layer.succeed(References.CurrentLogAnnotations, { peer: options.name }))
  )
