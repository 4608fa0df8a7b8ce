/**
 * PeerRegistry through faults on real servers, a proxy and the real clock, with the intervals of production for the
 * connections: afterwards all are who they were, one leads, nobody was told that anybody left, and it works again in
 * the time that A3 gives.
 */
import { describe, expect, it } from "@effect/vitest"
import * as LocalPeer from "@troupe/core/LocalPeer"
import * as PeerRegistry from "@troupe/core/PeerRegistry"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import { missing } from "../../../scripts/missing.ts"
import { type Server, type ServerOptions, startCluster, startServer } from "../../../scripts/redis.ts"
import { ask, withRedis } from "../../../scripts/redis/ask.ts"
import * as RedisClient from "../src/RedisClient.ts"
import * as RedisPeerRegistry from "../src/RedisPeerRegistry.ts"
import { eventually } from "./support/client.ts"
import { Proxy } from "./support/Proxy.ts"

const times = { heartbeat: 500, suspectAfter: 2_000, downAfter: 10_000 } as const

/** A peer with connections of its own, as a process has them, that campaigns, and everything its events told. */
const start = Effect.fnUntraced(function* (name: string, options: RedisClient.RedisOptions, terms: Array<Term>) {
  const context = yield* RedisPeerRegistry.layer(times).pipe(
    Layer.provide(RedisClient.layer(options)),
    Layer.provide([LocalPeer.layer(name), Logger.layer([])]),
    Layer.fresh,
    Layer.build,
    // The first heartbeat has half a second, which a server may have to wait for its turn.
    (build) => eventually(build)
  )
  const registry = yield* Effect.provide(PeerRegistry.PeerRegistry, context)
  const events: Array<PeerRegistry.PeerEvent> = []
  const keep = Stream.runForEach(registry.events, (event) => Effect.sync(() => events.push(event)))
  yield* Effect.forkScoped(Effect.ignore(keep), { startImmediately: true })
  const body = ({ fence }: PeerRegistry.Term) => {
    const term: Term = { name, fence, ended: false }
    terms.push(term)
    return Effect.ensuring(
      Effect.never,
      Effect.sync(() => (term.ended = true))
    )
  }
  yield* Effect.forkScoped(registry.lead("boss", body))
  return { registry, events }
})

interface Term {
  readonly name: string
  readonly fence: bigint
  ended: boolean
}

/** Three peers, the third behind a proxy. */
const rig = Effect.fnUntraced(function* (options: ServerOptions = {}, far: RedisClient.RedisOptions = {}) {
  const server = yield* Effect.acquireRelease(
    Effect.promise(() => startServer(options)),
    (server) => Effect.promise(() => server.stop())
  )
  const proxy = yield* Effect.acquireRelease(
    Effect.promise(() => Proxy.start(server)),
    (proxy) => Effect.promise(() => proxy.stop())
  )
  const terms: Array<Term> = []
  const peers = [
    yield* start("one", { url: server.url }, terms),
    yield* start("two", { url: server.url }, terms),
    yield* start("far", { ...far, url: proxy.url }, terms)
  ]
  return { server, proxy, peers, terms }
})

type Peers = ReadonlyArray<Effect.Success<ReturnType<typeof start>>>

const ids = (registry: PeerRegistry.Service) => Effect.map(registry.list, (all) => all.map(({ id }) => id))
let words = 0

/** Word goes from the first to the last and back. */
const works = Effect.fnUntraced(function* (peers: Peers, withinMs = 10_000) {
  const word = `${(words += 1)}`
  const ends = [peers[0]!, peers.at(-1)!]
  const end = performance.now() + withinMs
  for (const { registry } of ends) yield* eventually(registry.updateMetadata({ word }), withinMs)
  const heard = Effect.forEach(ends, ({ registry }) =>
    Effect.map(registry.list, (all) => expect(all.filter(({ metadata }) => metadata["word"] === word)).toHaveLength(2))
  )
  yield* eventually(heard, end - performance.now())
})

/** The fault happens; then all is as before, within the time that A3 gives. */
const survives = Effect.fnUntraced(function* (peers: Peers, terms: ReadonlyArray<Term>, fault: Work, withinMs = 2_500) {
  yield* works(peers)
  yield* eventually(Effect.sync(() => expect(terms).toHaveLength(1)))
  const before = yield* ids(peers[0]!.registry)
  yield* run(fault)
  yield* works(peers, withinMs + busyMs)
  yield* Effect.sleep(3_000)
  for (const { events, registry } of peers) {
    expect(yield* ids(registry)).toEqual(before)
    // Where the machine is busy somebody's beat may just be late.
    const states = Effect.map(registry.list, (all) => all.map(({ state }) => state))
    yield* eventually(Effect.map(states, (states) => expect(states).toEqual(before.map(() => "Live"))))
    expect(events.filter(({ _tag }) => _tag === "Left")).toEqual([])
  }
  yield* eventually(
    Effect.sync(() => expect(terms.filter(({ ended }) => !ended)).toHaveLength(1)),
    15_000
  )
  for (const [i, { fence }] of terms.entries()) expect(i === 0 || fence > terms[i - 1]!.fence).toBe(true)
})

/** What a machine on which many tests run at once adds. */
const busyMs = 2_500

type Work = () => Promise<unknown> | void
const run = (work: Work) => Effect.asVoid(Effect.promise(async () => work()))
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Killed, away for a while, back. */
const restart =
  (server: Server, awayMs: number): Work =>
  async () => {
    await server.kill()
    await pause(awayMs)
    await server.restart()
  }

const together = { concurrent: true, timeout: 120_000 }

describe.skipIf(missing.binary)("a registry through faults (A3, D2, P3–P7, P9)", together, () => {
  for (const [name, args] of [
    ["all it had", ["--appendonly", "yes", "--appendfsync", "always"]],
    ["nothing", []]
  ] as const) {
    it.live(`the server is killed and comes back with ${name}`, () =>
      Effect.gen(function* () {
        const { peers, server, terms } = yield* rig({ args })
        yield* survives(peers, terms, restart(server, 1_500))
        // The proof of life did not get too old meanwhile.
        expect(terms).toHaveLength(1)
      })
    )
  }

  it.live("the server is away for longer than a proof of life lasts", () =>
    Effect.gen(function* () {
      const { peers, server, terms } = yield* rig()
      yield* survives(peers, terms, restart(server, 11_000))
      expect(terms.length).toBeGreaterThan(1)
    })
  )

  it.live("FLUSHALL", () =>
    Effect.gen(function* () {
      const { peers, server, terms } = yield* rig()
      yield* survives(peers, terms, () => withRedis(server.url, (redis) => redis.flushall()))
      expect(terms).toHaveLength(1)
    })
  )

  it.live("the server stands still", () =>
    Effect.gen(function* () {
      const { peers, server, terms } = yield* rig()
      yield* survives(peers, terms, async () => {
        server.signal("SIGSTOP")
        await pause(4_000)
        server.signal("SIGCONT")
      })
    })
  )

  it.live("connections are killed ten times a second, on every role", () =>
    Effect.gen(function* () {
      const { peers, server, terms } = yield* rig()
      yield* survives(peers, terms, () =>
        withRedis(server.url, async (redis) => {
          for (let i = 0; i < 30; i++) {
            await redis.call("CLIENT", "KILL", "TYPE", i % 2 === 0 ? "pubsub" : "normal", "SKIPME", "yes")
            await pause(100)
          }
        })
      )
    })
  )

  it.live("the scripts are forgotten every 50 ms", () =>
    Effect.gen(function* () {
      const { peers, server, terms } = yield* rig()
      yield* survives(peers, terms, () =>
        withRedis(server.url, async (redis) => {
          for (let i = 0; i < 40; i++) {
            await redis.script("FLUSH")
            await pause(50)
          }
        })
      )
      expect(terms).toHaveLength(1)
    })
  )

  it.live("the server is full (T17)", () =>
    Effect.gen(function* () {
      const { peers, server, terms } = yield* rig()
      yield* survives(peers, terms, () =>
        withRedis(server.url, async (redis) => {
          await redis.config("SET", "maxmemory", "100kb")
          await pause(4_000)
          await redis.config("SET", "maxmemory", "0")
        })
      )
      expect(terms).toHaveLength(1)
    })
  )

  it.live("the beats' connection alone falls silent, and calls may take a minute", () =>
    Effect.gen(function* () {
      const { peers, proxy, terms } = yield* rig({}, { commandTimeout: "1 minute" })
      yield* survives(peers, terms, async () => {
        const accepted = proxy.accepted
        proxy.silence("beat")
        while (proxy.accepted === accepted) await pause(10)
      })
      expect(terms).toHaveLength(1)
    })
  )

  for (const [name, fault] of [
    ["nothing passes in either direction", { toServer: "drop", toClient: "drop" }],
    ["answers and pushes do not come", { toClient: "drop" }],
    ["requests do not arrive", { toServer: "drop" }]
  ] as const) {
    it.live(`the path of one: ${name}`, () =>
      Effect.gen(function* () {
        const { peers, proxy, terms } = yield* rig()
        const cut: Work = async () => {
          Object.assign(proxy, fault)
          await pause(3_000)
          // TCP loses nothing in the middle: what was dropped takes its connections along.
          proxy.kill()
          proxy.heal()
        }
        // It may be suspected; that is over as soon as it is heard of again.
        yield* survives(peers, terms, cut, 5_000)
      })
    )
  }

  it.live("a primary of the cluster is killed and its replica takes over", () =>
    Effect.gen(function* () {
      const cluster = yield* Effect.acquireRelease(
        Effect.promise(() => startCluster()),
        (cluster) => Effect.promise(() => cluster.stop())
      )
      const terms: Array<Term> = []
      const peers = [
        yield* start("one", { cluster: cluster.nodes }, terms),
        yield* start("two", { cluster: cluster.nodes }, terms)
      ]
      yield* works(peers)
      yield* eventually(Effect.sync(() => expect(terms).toHaveLength(1)))
      const before = yield* ids(peers[0]!.registry)
      const slot = Number(yield* Effect.promise(() => ask(cluster.nodes[0]!, "CLUSTER", "KEYSLOT", "{peers}")))
      yield* run(() => cluster.servers[Math.floor((slot * 3) / 16_384)]!.kill())
      yield* works(peers, 30_000)
      yield* Effect.sleep(3_000)
      for (const { registry } of peers) expect(yield* ids(registry)).toEqual(before)
      yield* eventually(
        Effect.sync(() => expect(terms.filter(({ ended }) => !ended)).toHaveLength(1)),
        30_000
      )
    })
  )
})
