/**
 * A cluster in this process: one backend in memory, and each peer in a cell of its own, with services of its own. What
 * is different from Redis is said here, and nowhere else: which layers a peer is built on, and how one is harmed.
 */
import { type Cache, type Chat, LocalPeer, PeerRegistry, PubSub, Stats, TaskQueue } from "@troupe/core"
import {
  MemoryBackend,
  MemoryCache,
  MemoryChat,
  MemoryPeerRegistry,
  MemoryPubSub,
  MemoryStats,
  MemoryTaskQueue
} from "@troupe/testkit"
import {
  Array as Arr,
  type Context,
  Deferred,
  Effect,
  Exit,
  Layer,
  Option,
  PubSub as EffectPubSub,
  Schedule,
  Scope,
  Semaphore,
  Stream
} from "effect"
import * as Cluster from "./Cluster.ts"
import * as Forecast from "./Forecast.ts"
import { nameOf } from "./Names.ts"
import * as Peer from "./Peer.ts"
import { Cell } from "./Cell.ts"
import { queueOptions } from "./Work.ts"

type Services = PubSub.PubSub | PeerRegistry.PeerRegistry | TaskQueue.TaskQueue | Cache.Cache | Stats.Stats | Chat.Chat

interface Player {
  readonly name: string
  readonly cell: Cell
  readonly scope: Scope.Closeable
  readonly services: Context.Context<Services>
  /** It has crashed. */
  readonly gone: Deferred.Deferred<void>
}

/** One peer of the cluster, all of it: who it is, its services, and what it does with them. */
const peer = (name: string, cell: Cell, number: number, crash: Effect.Effect<void>) =>
  Peer.life(crash).pipe(
    Layer.provideMerge(
      Layer.mergeAll(
        MemoryPubSub.layer,
        MemoryTaskQueue.layer(queueOptions),
        MemoryCache.layer(Forecast.cacheOptions),
        MemoryStats.layer,
        // A place in a room lives as long as the registry's peer.
        Layer.provideMerge(
          MemoryChat.layer,
          MemoryPeerRegistry.layer(Peer.registryOptions({ "runs in": `cell ${number} of process ${process.pid}` }))
        )
      )
    ),
    // Who does something as this peer has its wire and its clock too.
    Layer.provideMerge(Layer.merge(LocalPeer.layer(name), cell.layer)),
    Layer.fresh
  )

/** Whoever shows the cluster only listens and gives orders: it is no peer, and does no work. */
const audience = Layer.mergeAll(
  MemoryPubSub.layer,
  MemoryTaskQueue.layer(queueOptions),
  MemoryCache.layer(Forecast.cacheOptions),
  MemoryStats.layer
).pipe(Layer.provideMerge(LocalPeer.layer("the page")), Layer.provide(new Cell().layer), Layer.fresh)

const make = Effect.gen(function* () {
  // All of them end at the same time, not one after the other.
  const stage = yield* Effect.acquireRelease(Scope.make("parallel"), (scope, exit) => Scope.close(scope, exit))
  const backend = yield* Effect.context<MemoryBackend.MemoryBackend>()
  const news = yield* Cluster.newsroom
  const tell = (one: Cluster.News) => EffectPubSub.publish(news, one)
  const oneAtATime = yield* Semaphore.make(1)
  /** Whoever has not crashed. */
  const players = new Map<string, Player>()
  let cells = 0
  let leader: string | undefined
  let last: Cluster.Sight = { stale: undefined, backend: "Up", members: [], leader, now: Date.now() }

  const awake = Effect.sync(() => Arr.findFirst(players.values(), ({ cell }) => cell.state === "running"))
  const get = (name: string) => {
    const player = players.get(name)
    return player === undefined
      ? Effect.fail(new Cluster.NotInReach({ peer: name, why: "is not there any more" }))
      : Effect.succeed(player)
  }

  // Every peer sees the same changes in the same order: what one has told already, another need not.
  let version = 0
  const retell = (events: PeerRegistry.Service["events"]) =>
    Stream.runForEach(events, (event) => {
      if (event.version <= version) return Effect.void
      version = event.version
      return tell({ _tag: "Registry", event })
    }).pipe(Effect.ignore)

  const spawn = oneAtATime.withPermit(
    Effect.gen(function* () {
      if (players.size >= Cluster.maxPeers) return yield* new Cluster.TooManyPeers({ limit: Cluster.maxPeers })
      // No name is given twice: what somebody heard is not another's.
      const number = ++cells
      const name = nameOf(number)
      const cell = new Cell()
      const scope = yield* Scope.fork(stage)
      const services = yield* Layer.buildWithScope(peer(name, cell, number, Effect.ignore(crash(name))), scope).pipe(
        Effect.provideContext(backend),
        Effect.tapCause((cause) => Scope.close(scope, Exit.failCause(cause))),
        Effect.mapError((error) => new Cluster.SpawnFailed({ peer: name, why: error.message }))
      )
      const registry = yield* Effect.provideContext(PeerRegistry.PeerRegistry, services)
      yield* Effect.forkIn(retell(registry.events), scope)
      // Who is told to leave while it stands still must first wake.
      yield* Scope.addFinalizer(
        scope,
        Effect.sync(() => cell.thaw())
      )
      players.set(name, { name, cell, scope, services, gone: Deferred.makeUnsafe() })
      yield* tell({ _tag: "Changed" })
      return name
    })
  )

  const freeze = Effect.fnUntraced(function* (name: string) {
    const { cell } = yield* get(name)
    if (cell.state !== "running") return yield* new Cluster.NotInReach({ peer: name, why: "is frozen already" })
    cell.freeze()
    yield* tell({ _tag: "Changed" })
  })

  const thaw = Effect.fnUntraced(function* (name: string) {
    const { cell } = yield* get(name)
    if (cell.state !== "frozen") return yield* new Cluster.NotInReach({ peer: name, why: "is not frozen" })
    cell.thaw()
    yield* tell({ _tag: "Changed" })
  })

  const crash = Effect.fnUntraced(function* (name: string) {
    const { cell, gone, scope } = yield* get(name)
    players.delete(name)
    cell.crash()
    yield* Deferred.succeed(gone, undefined)
    yield* Effect.forkIn(Scope.close(scope, Exit.void), stage)
    yield* tell({ _tag: "Changed" })
  })

  const publish = Effect.fnUntraced(function* (as: string, channel: Peer.ChannelName, text: string) {
    const { cell, services } = yield* get(as)
    if (cell.state !== "running") return yield* new Cluster.NotInReach({ peer: as, why: "is frozen and cannot speak" })
    yield* Effect.provideContext(Peer.say(channel, text), services)
  })

  const look = Effect.gen(function* () {
    const player = yield* awake
    if (Option.isNone(player)) {
      const stale = players.size === 0 ? "Every peer has crashed." : "Every peer is frozen."
      const members = last.members.map((member) => ({ ...member, hold: hold(member.peer.name) }))
      return { ...last, stale: `${stale} This is what the last one saw.`, members }
    }
    const registry = yield* Effect.provideContext(PeerRegistry.PeerRegistry, player.value.services)
    const peers = yield* Effect.result(registry.list)
    if (peers._tag === "Success") {
      const members = Cluster.membersOf(peers.success, last.members, hold)
      last = { stale: undefined, backend: "Up", members, leader, now: Date.now() }
      return last
    }
    return { ...last, stale: peers.failure.message }
  })
  const hold = (name: string): Cluster.Hold => {
    const state = players.get(name)?.cell.state
    return state === undefined ? "crashed" : state
  }

  // Who leads is one question to the backend; it is asked once a heartbeat, by whoever is awake.
  const askLeader = Effect.gen(function* () {
    const player = yield* awake
    if (Option.isNone(player)) return
    const registry = yield* Effect.provideContext(PeerRegistry.PeerRegistry, player.value.services)
    const found = yield* registry.leader(Peer.director)
    leader = Option.getOrUndefined(found)?.name
  }).pipe(Effect.timeoutOption("1 second"), Effect.ignore)
  yield* askLeader.pipe(Effect.repeat(Schedule.spaced("500 millis")), Effect.forkScoped)

  const ear = yield* Layer.build(audience)
  const hearsay = yield* Cluster.hearsay.pipe(Effect.provideContext(ear), Effect.orDie)
  yield* hearsay.pipe(Stream.runForEach(tell), Effect.ignore, Effect.forkScoped)

  const forecasts = yield* Effect.provideContext(Forecast.orders, ear)
  const read = Effect.fnUntraced(function* (name: string | null) {
    if (name === null) return yield* forecasts.ask({ to: null, not: null, round: yield* Cluster.roundName })
    const { cell } = yield* get(name)
    if (cell.state !== "running") return yield* new Cluster.NotInReach({ peer: name, why: "is frozen and cannot read" })
    yield* forecasts.ask({ to: name, not: null, round: null })
  })

  const host = Effect.fnUntraced(function* (name: string | null) {
    const player = name === null ? yield* awake : Option.some(yield* get(name))
    if (Option.isNone(player)) return yield* new Cluster.NotInReach({ peer: "Nobody", why: "is awake" })
    const { cell, gone, name: peer, scope, services } = player.value
    if (cell.state !== "running") return yield* new Cluster.NotInReach({ peer, why: "is frozen and hears nobody" })
    return { peer, services, scope, gone: Deferred.await(gone) }
  })

  const stats = yield* Effect.provideContext(Stats.Stats, ear)
  /** Who stands still flushes once it is thawed. */
  const flush = Effect.suspend(() =>
    Effect.forEach(
      [...players.values()].filter(({ cell }) => cell.state === "running"),
      ({ services }) => Effect.flatMap(Effect.provideContext(Stats.Stats, services), ({ flush }) => flush),
      { concurrency: "unbounded", discard: true }
    )
  )

  return Cluster.Cluster.of({
    kind: "memory",
    look,
    news: Stream.fromPubSub(news),
    spawn,
    freeze,
    thaw,
    crash,
    publish,
    tasks: yield* Effect.provideContext(TaskQueue.TaskQueue, ear),
    forecasts,
    read,
    stats: { ...stats, flush },
    host,
    opened: () => Effect.void
  })
})

/** Three peers to begin with. */
export const layer: Layer.Layer<Cluster.Cluster> = Layer.effect(
  Cluster.Cluster,
  Effect.tap(make, (cluster) => Effect.orDie(Effect.repeat(cluster.spawn, { times: 2 })))
).pipe(Layer.provide(MemoryBackend.layer))
