/** A peer of a cache behind proxies that are slow and count, and one past them. */
import { expect } from "@effect/vitest"
import * as Cache from "@troupe/core/Cache"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { startCluster, startServer } from "../../../../scripts/redis.ts"
import { ask, type At } from "../../../../scripts/redis/ask.ts"
import * as RedisCache from "../../src/RedisCache.ts"
import * as RedisClient from "../../src/RedisClient.ts"
import { eventually, took } from "./client.ts"
import type * as Primaries from "./Primaries.ts"
import { Proxy } from "./Proxy.ts"
import { type Count, RoundTrips } from "./RoundTrips.ts"

/** There and back, ms. */
const rttMs = 50

const peer = (at: Primaries.At) =>
  Effect.map(
    Layer.build(Layer.fresh(Layer.provide(RedisCache.layer(), RedisClient.layer({ ...at, prefix: "trips" })))),
    (context) => Context.get(context, Cache.Cache)
  )

const through = (target: { readonly host: string; readonly port: number }, trips: RoundTrips) =>
  Effect.acquireRelease(
    Effect.promise(async () => Object.assign(await Proxy.start(target), { trips, delayMs: rttMs / 2 })),
    (proxy) => Effect.promise(() => proxy.stop())
  )

/** Nothing is under way any more, in the background neither. */
export const quiet = (trips: RoundTrips) =>
  eventually(Effect.sync(() => expect(trips.quietMs).toBeGreaterThan(rttMs * 1.5)))

export const single = Effect.gen(function* () {
  const server = yield* Effect.acquireRelease(
    Effect.promise(() => startServer()),
    (server) => Effect.promise(() => server.stop())
  )
  const trips = new RoundTrips("command")
  const proxy = yield* through(server, trips)
  return { server, proxy, trips, cache: yield* peer({ url: proxy.url }), other: yield* peer({ url: server.url }) }
})
type Rig = Pick<Effect.Success<typeof single>, "cache" | "trips">

/** Each primary behind a proxy of its own, which is where it says that it is. */
export const clustered = Effect.gen(function* () {
  const cluster = yield* Effect.acquireRelease(
    Effect.promise(() => startCluster()),
    (cluster) => Effect.promise(() => cluster.stop())
  )
  const trips = new RoundTrips("command")
  const primaries = cluster.nodes.slice(0, 3)
  const proxies = yield* Effect.forEach(primaries, (node) => through(node, trips))
  const ports = proxies.map(({ port }) => `${port}`)
  yield* Effect.promise(() =>
    Promise.all(primaries.map((node, i) => ask(node, "CONFIG", "SET", "cluster-announce-port", ports[i]!)))
  )
  yield* eventually(
    Effect.gen(function* () {
      for (const node of primaries) {
        const slots = yield* Effect.promise(() => ask(node, "CLUSTER", "SLOTS"))
        for (const port of ports) expect(slots.split(",")).toContain(port)
      }
    })
  )
  return { trips, primaries, cache: yield* peer({ cluster: proxies.map(({ host, port }) => ({ host, port })) }) }
})

export interface Case {
  readonly name: string
  readonly trips: number
  readonly requests: number
  /** It is of so many keys that what it takes here says nothing of the way. */
  readonly isLarge?: boolean
  /** Requests that it leaves behind for nobody to wait for: where its caller has its turn late, they have left by then. Default: 0. */
  readonly behind?: number
  /** Before each time, not counted. */
  readonly prepare?: Effect.Effect<unknown, unknown>
  readonly call: Effect.Effect<unknown, unknown>
}

/**
 * Never more than its requests and round trips; and in one of several times it takes just these, and no longer. Where the
 * machine is busy `getOrSet` may take the backend for away, and load without it.
 */
export const measured = (
  { trips }: Rig,
  { behind = 0, call, isLarge = false, name, prepare = Effect.void, ...promised }: Case
) =>
  Effect.gen(function* () {
    const tries: Array<Count & { readonly ms: number }> = []
    const isIt = ({ ms, requests, trips }: Count & { readonly ms: number }): boolean =>
      requests === promised.requests && trips === promised.trips && (isLarge || ms < (promised.trips + 0.75) * rttMs)
    // The first time the server does not know the scripts.
    for (let time = 0; time <= 1 || (time < 10 && !tries.some(isIt)); time++) {
      yield* prepare
      yield* quiet(trips)
      trips.begin()
      const [count, ms] = yield* took(Effect.map(call, (): Count => trips.count))
      if (time > 0) tries.push({ ...count, ms })
    }
    const shown = `${name}: ${JSON.stringify(tries)}`
    expect(tries.some(isIt), shown).toBe(true)
    for (const { ms, requests, trips } of tries) {
      expect(requests, shown).toBeLessThanOrEqual(promised.requests + behind)
      expect(trips, shown).toBeLessThanOrEqual(promised.trips)
      // A timer may be a millisecond early at each end.
      expect(ms, shown).toBeGreaterThan(trips * (rttMs - 2))
    }
  })

/** What the server has run, commands of scripts among them. */
export const commandsOf = (at: At) =>
  Effect.map(
    Effect.promise(() => ask(at, "INFO", "commandstats")),
    (stats) => {
      let sum = 0
      for (const [, name = "", calls] of stats.matchAll(/cmdstat_([^:]+):calls=(\d+)/g))
        if (!/^(info|hello|client|auth|ping|select)/.test(name)) sum += Number(calls)
      return sum
    }
  )
