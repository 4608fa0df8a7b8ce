/** RedisClient on a Redis Cluster: every slot reached, slots that move, primaries that are replaced. */
import { describe, expect, it } from "@effect/vitest"
import type { BackendError } from "@troupe/core/BackendError"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { inject } from "vitest"
import { missing } from "../../../scripts/missing.ts"
import { startCluster, startServer } from "../../../scripts/redis.ts"
import { ask } from "../../../scripts/redis/ask.ts"
import { slotOf } from "../src/internal/Slot.ts"
import { call, ear, eventually, failure, increment, incrementBoth, open, type Opened, took } from "./support/client.ts"
import { busyMs } from "./support/rig.ts"
import { move, ownerOf } from "./support/slots.ts"

const prefix = `${inject("redisPrefix")}-cluster`

const names = Array.from({ length: 60 }, (_, i) => `n${i}`)
const channelOf = ({ client }: Opened, name: string) => `${client.prefix}:{${name}}`
const incrementOf = (opened: Opened, name: string) =>
  opened.connection.call(increment, { ...call, keys: { counter: `${channelOf(opened, name)}:n` }, args: {} })

/** `nodeTimeout`: a node that is silent for so long, ms, is replaced, whether it is dead or has to wait for its turn. */
const serve = (nodeTimeout: number) =>
  Effect.acquireRelease(
    Effect.promise(() => startCluster({ args: ["--cluster-node-timeout", `${nodeTimeout}`] })),
    (cluster) => Effect.promise(() => cluster.stop())
  )

/** Subscribes to all of them, again whenever one is lost. */
const listen = (opened: Opened, names: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const listener = ear()
    const link = yield* opened.connection.link("Test", {
      ...listener,
      lost: (channels) => {
        listener.lost(channels)
        Effect.runFork(eventually(link.subscribe(channels), 60_000))
      }
    })
    yield* link.subscribe(names.map((name) => channelOf(opened, name)))
    return listener
  })

/** Everything answers, and is heard. */
const works = (opened: Opened, listener: { readonly heard: Array<string> }, names: ReadonlyArray<string>) =>
  eventually(
    Effect.gen(function* () {
      const word = `${performance.now()}`
      const publish = (name: string) => opened.connection.publish("Test", "publish", channelOf(opened, name), word)
      yield* Effect.forEach(names, (name) => Effect.andThen(incrementOf(opened, name), publish(name)), {
        concurrency: 10
      })
      yield* opened.connection.barrier
      for (const name of names) expect(listener.heard).toContain(`${channelOf(opened, name)}:${word}`)
    }),
    30_000
  )

describe.skipIf(missing.cluster)("a client of a cluster", () => {
  const cluster = inject("redisCluster") ?? []

  it.live("reaches every slot, whichever nodes it is given, and hears every channel", () =>
    Effect.gen(function* () {
      // A dead one, then a replica.
      const opened = yield* open({ cluster: [{ host: "127.0.0.1", port: 1 }, cluster[4]!], prefix })
      expect(new Set(names.map((name) => Math.floor(slotOf(channelOf(opened, name)) / 5462))).size).toBe(3)
      const listener = yield* listen(opened, names)
      yield* works(opened, listener, names)
      expect(listener.losses).toEqual([])
    })
  )

  it.live("computes slots as the servers do", () =>
    Effect.gen(function* () {
      for (const key of ["a", "{a}b", "x{}y", "p:0:{ps:a%3Ab}:log", "{", "}{", "a{b}{c}", "{}{a}", "p{a"]) {
        expect(`${slotOf(key)} ${key}`).toBe(
          `${yield* Effect.promise(() => ask(cluster[0]!, "CLUSTER", "KEYSLOT", key))} ${key}`
        )
      }
    })
  )

  it.live("runs commands of one's own on ioredis' Cluster", () =>
    Effect.gen(function* () {
      const { client } = yield* open({ cluster, prefix })
      for (const name of names) yield* client.use("set", (redis) => redis.set(`${client.prefix}:own:${name}`, name))
      expect(yield* client.use("get", (redis) => redis.get(`${client.prefix}:own:n7`))).toBe("n7")
      const error = yield* failure(client.use("two", (redis) => redis.mget(`${client.prefix}:a`, `${client.prefix}:b`)))
      expect([error.reason._tag, error.outcome]).toEqual(["Misconfigured", "NotApplied"])
    })
  )
})

describe.skipIf(missing.binary)("a client of a cluster that changes", { timeout: 120_000 }, () => {
  it.live("is Misconfigured where the server is none, and a server's client where it is one", () =>
    Effect.gen(function* () {
      const server = yield* Effect.acquireRelease(
        Effect.promise(() => startServer()),
        (server) => Effect.promise(() => server.stop())
      )
      const error = yield* failure(open({ cluster: [server] }))
      expect(error.reason._tag).toBe("Misconfigured")
      expect(error.message).toContain("`url`")
    })
  )

  it.live("follows a slot that moves under traffic: no call fails, and what is published afterwards is heard", () =>
    Effect.gen(function* () {
      const cluster = yield* serve(10_000)
      const opened = yield* open({ cluster: cluster.nodes })
      const listener = yield* listen(opened, names)
      yield* works(opened, listener, names)
      // One that hears nothing learns of the move from refusals alone.
      const deaf = yield* open({ cluster: cluster.nodes }, { topologyInterval: 60_000 })
      const channel = channelOf(opened, "n0")
      const slot = slotOf(channel)
      const source = yield* Effect.promise(() => ownerOf(cluster, slot))
      const target = (source + 1) % 3
      const failures: Array<string> = []
      const sums = { one: 0, two: 0 }
      const traffic = (name: "one" | "two", effect: Effect.Effect<unknown, BackendError>) =>
        Effect.forever(
          Effect.match(effect, {
            onSuccess: () => void sums[name]++,
            onFailure: (error) => void failures.push(`${name}: ${error}`)
          })
        )
      const keys = { a: `${channel}:a`, b: `${channel}:b` }
      const two = ({ connection }: Opened) => connection.call(incrementBoth, { ...call, keys, args: {} })
      const fibers = yield* Effect.forEach(
        [opened, deaf].flatMap((client) => [traffic("one", incrementOf(client, "n0")), traffic("two", two(client))]),
        (traffic) => Effect.forkChild(traffic)
      )
      yield* move(slot, cluster.nodes[source]!, cluster.nodes[target]!, 100)
      yield* eventually(Effect.sync(() => expect(listener.losses).toEqual([channel])))
      yield* works(opened, listener, names)
      // And back: a slot that was left and entered again.
      yield* move(slot, cluster.nodes[target]!, cluster.nodes[source]!, 10)
      yield* eventually(Effect.sync(() => expect(listener.losses).toEqual([channel, channel])))
      yield* works(opened, listener, names)
      yield* eventually(Effect.sync(() => expect(sums.one).toBeGreaterThan(100)))
      yield* Effect.forEach(fibers, Fiber.interrupt)
      expect(failures).toEqual([])
      // Each was done once; what was interrupted may have been.
      const total = yield* two(opened)
      const [a, b]: ReadonlyArray<unknown> = Array.isArray(total) ? total : []
      expect(a).toBe(b)
      expect(a).toBeGreaterThan(sums.two)
      expect(a).toBeLessThanOrEqual(sums.two + 1 + 2)
    })
  )

  it.live("goes on where a primary is killed and its replica takes over; the other primaries' slots never stop", () =>
    Effect.gen(function* () {
      const cluster = yield* serve(2_000)
      const commandTimeout = 2_000
      const opened = yield* open(
        { cluster: cluster.nodes.slice(0, 3), commandTimeout },
        // It does not wait for its turn to ask who took over.
        { topologyInterval: 60_000 }
      )
      const listener = yield* listen(opened, names)
      const seen: Array<string> = []
      yield* Effect.forkScoped(
        Stream.runForEach(opened.client.status, (status) => Effect.sync(() => void seen.push(status)))
      )
      yield* works(opened, listener, names)
      const victim = yield* Effect.promise(() => ownerOf(cluster, slotOf(channelOf(opened, "n0"))))
      const owners = yield* Effect.forEach(names, (name) =>
        Effect.promise(() => ownerOf(cluster, slotOf(channelOf(opened, name))))
      )
      const others = names.filter((_, i) => owners[i] !== victim)
      yield* Effect.promise(() => cluster.servers[victim]!.kill())
      const refused: Array<string> = []
      const [, ms] = yield* took(
        Effect.raceFirst(
          works(opened, listener, names),
          Effect.forever(
            Effect.gen(function* () {
              const [result, , awake] = yield* took(Effect.result(incrementOf(opened, others[0]!)))
              expect(awake).toBeLessThan(commandTimeout * 1.1 + 300)
              // Redis itself says CLUSTERDOWN everywhere until the replica has taken over.
              if (Result.isFailure(result) && result.failure.reason._tag !== "WritesRefused") {
                refused.push(`${result.failure}`)
              }
              yield* Effect.sleep(10)
            })
          )
        )
      )
      expect(refused).toEqual([])
      yield* eventually(Effect.sync(() => expect([seen.includes("Degraded"), seen.at(-1)]).toEqual([true, "Up"])))
      // The cluster's own time (two seconds until it suspects, an election) and ours.
      expect(ms).toBeLessThan(9_000 + busyMs)
      expect(new Set(listener.losses)).toEqual(
        new Set(names.filter((_, i) => owners[i] === victim).map((name) => channelOf(opened, name)))
      )
    })
  )
})
