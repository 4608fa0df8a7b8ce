/**
 * Cache through changes of a cluster, on the real clock and with the intervals of production: three peers read, write, load,
 * take away and lock all the while. Afterwards all of them work again in the time that A3 gives, and hear of each other's
 * writes; the checker reads what all of them saw.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import { missing } from "../../../scripts/missing.ts"
import { type Cluster, startCluster } from "../../../scripts/redis.ts"
import { ask } from "../../../scripts/redis/ask.ts"
import * as Keys from "../src/internal/Keys.ts"
import { slotOf } from "../src/internal/Slot.ts"
import type * as Checker from "./support/CacheChecker.ts"
import * as Crew from "./support/cacheCrew.ts"
import { keys, type RegionName, turn } from "./support/cached.ts"
import { busyMs, client, clients, pause, prefix, run, warm } from "./support/cacheRig.ts"
import { eventually } from "./support/client.ts"
import { now, until } from "./support/crew.ts"
import { move, ownerOf } from "./support/slots.ts"

const names = Keys.cache(Keys.prefix(prefix, 0), 32)
const slotOfKey = (region: RegionName, key: string): number => slotOf(names.part(region, names.partOf(key)))
const slotOfLock = (lock: string): number => slotOf(names.locks(names.partOf(lock)))
const locks = Array.from({ length: 8 }, (_, n) => `l${n}`)
/** Held for long, and renewed. */
const long = "long"

/** The slot that the changes are of, and a key that lies there and is touched by no turn, nor tagged. */
const slot = slotOfKey("near", keys[0]!)
const own = Array.from({ length: 10_000 }, (_, n) => `own${n}`).find((key) => slotOfKey("near", key) === slot)!

/** A key of nobody's in that slot. */
const marker = `${names.part("near", names.partOf(own))}:marker`

const rig = Effect.gen(function* () {
  const cluster = yield* Effect.acquireRelease(
    Effect.promise(() => startCluster()),
    (cluster) => Effect.promise(() => cluster.stop())
  )
  const crew = yield* Crew.make({ cluster: cluster.nodes }, prefix)
  const peers = yield* Effect.forEach(["first", "second", "third"], (name) => crew.peer(name, { client }))
  return { ...crew, cluster, peers }
})
type Rig = Effect.Success<typeof rig>

/** Gives how many locks were held so far. */
const load = ({ peers }: Rig) =>
  Effect.gen(function* () {
    let held = 0
    const locking = (peer: Crew.Peer) =>
      Effect.gen(function* () {
        const lock = locks[yield* Random.nextIntBetween(0, locks.length - 1)]!
        const ms = yield* Random.nextIntBetween(0, 40)
        const holding = peer.withLock(lock, ms, { timeToLive: 3_000, wait: 1_000 })
        yield* Effect.ignore(Effect.map(holding, () => (held += 1)))
        yield* Effect.sleep(yield* Random.nextIntBetween(1, 10))
      })
    /** Nothing but what is near, again and again. */
    const reading = (peer: Crew.Peer) =>
      Effect.gen(function* () {
        const key = keys[yield* Random.nextIntBetween(0, keys.length - 1)]!
        yield* Effect.ignore(peer.get("near", key))
        yield* Effect.sleep(2)
      })
    for (const peer of peers) {
      yield* Effect.forkScoped(Effect.forever(reading(peer)))
      yield* Effect.forEach([1, 2, 3], () => Effect.forkScoped(Effect.forever(turn(peer))))
      yield* Effect.forkScoped(Effect.forever(locking(peer)))
      const holding = peer.withLock(long, 60_000, { timeToLive: 3_000, wait: 60_000 })
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.ignore(holding), Effect.sleep(50))))
    }
    return () => held
  })

/** What each of them writes all others read and keep, until the next writes; they load, and lock. All of it within that time. */
const works = ({ peers }: Rig, withinMs: number) =>
  Effect.suspend(() => {
    const until = now() + withinMs
    // The load may clear the region at any time: that is tried again by itself.
    const soon = <A, E>(step: Effect.Effect<A, E>) => Effect.suspend(() => eventually(step, until - now()))
    return Effect.forEach(peers, (writer) => {
      const others = peers.filter((peer) => peer !== writer)
      const written = Effect.gen(function* () {
        const value = yield* writer.set("near", own)
        yield* Effect.sleep(20)
        for (const reader of others) {
          expect(Option.getOrNull(yield* reader.get("near", own))).toBe(value)
          const before = reader.asked("near", own)
          expect(Option.getOrNull(yield* reader.get("near", own))).toBe(value)
          expect(reader.asked("near", own)).toBe(before)
        }
      })
      const loaded = Effect.gen(function* () {
        yield* writer.remove("plain", own)
        const value = yield* writer.getOrSet("plain", own)
        for (const reader of others) expect(Option.getOrNull(yield* reader.get("plain", own))).toBe(value)
      })
      return Effect.andThen(soon(written), Effect.andThen(soon(loaded), soon(writer.withLock(`works ${own}`, 0))))
    })
  })

/** All of them read the same of every key, and what one who has kept nothing reads. */
const coherent = Effect.fnUntraced(function* ({ peer, peers }: Rig) {
  const fresh = yield* peer("fresh", { client })
  const same = Effect.gen(function* () {
    for (const region of ["plain", "near"] as const) {
      for (const key of [...keys, own]) {
        const value = yield* fresh.get(region, key)
        for (const one of peers) expect(yield* one.get(region, key), `${one.name} ${region}/${key}`).toEqual(value)
      }
    }
  })
  // C10, and what was under way.
  yield* eventually(same, 100 + busyMs)
})

/** The changes happen under load, and give when the last was over; then it works, and the checker finds nothing. */
const survives = Effect.fnUntraced(function* (
  its: Rig,
  changes: Effect.Effect<unknown, unknown, Scope.Scope>,
  options: Checker.Options
) {
  const loaded = yield* Scope.fork(yield* Effect.scope)
  yield* works(its, 10_000)
  const held = yield* Scope.provide(load(its), loaded)
  yield* Effect.sleep(500)
  yield* changes
  yield* works(its, 2_500 + busyMs)
  yield* Effect.sleep(1_000)
  yield* eventually(
    Effect.sync(() => expect(held()).toBeGreaterThan(100)),
    60_000
  )
  yield* Scope.close(loaded, Exit.void)
  yield* coherent(its)
  const report = yield* its.verdict({ isCluster: true, ...options })
  expect(report.seen.near).toBeGreaterThan(0)
  return report
})

const ownerIs = (cluster: Cluster, expected: number, asked = 0) =>
  until(`node ${expected} has the slot`, async () => (await ownerOf(cluster, slot, asked)) === expected)

/** How many calls that node has sent elsewhere. */
const sentAway = ({ cluster }: Rig, node: number) =>
  run(async () => {
    const stats = await ask(cluster.nodes[node]!, "INFO", "errorstats")
    return Number(/errorstat_MOVED:count=(\d+)/.exec(stats)?.[1] ?? 0)
  })

/** Each peer is told by that node of what changes there. */
const tells = ({ cluster, peers }: Rig, node: number) =>
  eventually(
    Effect.map(
      run(() => clients(cluster.nodes[node]!, "tracking")),
      (ids) => expect(ids).toHaveLength(peers.length)
    )
  )

const promises = "C1, C5, C9, C10, C12, D1, D2, D5, A3"

describe.skipIf(missing.binary)(`Cache through changes of a cluster (${promises})`, { timeout: 180_000 }, () => {
  it.live("a slot moves, and a replica takes over that has everything: nothing old is read", () =>
    Effect.gen(function* () {
      const its = yield* rig
      const { cluster, note } = its
      const changes = Effect.gen(function* () {
        const source = yield* run(() => ownerOf(cluster, slot))
        const target = (source + 1) % 3
        yield* move(slot, cluster.nodes[source]!, cluster.nodes[target]!, 5)
        expect(yield* run(() => ownerOf(cluster, slot, target))).toBe(target)
        yield* works(its, 2_500 + busyMs)
        yield* tells(its, target)
        const replica = target + 3
        expect(yield* run(() => clients(cluster.nodes[replica]!, "tracking"))).toEqual([])
        yield* run(() => ask(cluster.nodes[replica]!, "CLUSTER", "FAILOVER"))
        yield* run(() => ownerIs(cluster, replica, replica))
        yield* works(its, 2_500 + busyMs)
        yield* tells(its, replica)
        // Somebody had to be told.
        for (const node of [source, target]) if ((yield* sentAway(its, node)) === 0) return
        note("cluster", { what: "met", fault: "changed" })
      })
      yield* survives(its, changes, { met: "changed" })
    })
  )

  it.live(
    "C10 a primary hands over, and learns nothing of its successor: who reads near values alone learns it in 2 s",
    () =>
      Effect.gen(function* () {
        const its = yield* rig
        const { cluster, peers } = its
        const [writer, reader] = peers
        yield* works(its, 10_000)
        const old = yield* writer!.set("near", own)
        yield* warm(reader!, own)
        // Who asks who has which slots while all is being opened would learn it by chance.
        yield* Effect.sleep(2_000)
        expect(Option.getOrNull(yield* warm(reader!, own))).toBe(old)
        const primary = yield* run(() => ownerOf(cluster, slot))
        yield* run(() => ask(cluster.nodes[primary]!, "CONFIG", "SET", "masterauth", "wrong"))
        yield* run(() => ask(cluster.nodes[primary + 3]!, "CLUSTER", "FAILOVER"))
        yield* run(() => ownerIs(cluster, primary + 3, primary + 3))
        const value = yield* eventually(writer!.set("near", own))
        const wrote = now()
        yield* eventually(
          Effect.map(reader!.get("near", own), (found) => expect(Option.getOrNull(found)).toBe(value)),
          2_000 + busyMs
        )
        expect(now() - wrote).toBeLessThan(2_000 + busyMs)
        // It does not know: nobody has told by way of the old one.
        const replication = yield* run(() => ask(cluster.nodes[primary]!, "INFO", "replication"))
        expect(replication).toContain("master_link_status:down")
      })
  )

  it.live(
    "a primary is killed, and its replica takes over without what it did not get: all works, nothing is restarted",
    () =>
      Effect.gen(function* () {
        const its = yield* rig
        const { cluster, note, peers } = its
        const [writer] = peers
        const changes = Effect.gen(function* () {
          const primary = yield* run(() => ownerOf(cluster, slot))
          const replica = cluster.nodes[primary + 3]!
          const isThere = (slot: number) => run(async () => (await ownerOf(cluster, slot)) === primary)
          const lostKeys: Array<string> = []
          const lostLocks: Array<string> = []
          for (const region of ["plain", "near"] as const)
            for (const key of [...keys, own])
              if (yield* isThere(slotOfKey(region, key))) lostKeys.push(`${region}/${key}`)
          for (const lock of [...locks, long, `works ${own}`])
            if (yield* isThere(slotOfLock(lock))) lostLocks.push(lock)
          const mark = (word: string) => run(() => ask(cluster.nodes[primary]!, "SET", marker, word))
          yield* mark("old")
          const from = now()
          yield* run(async () => {
            // It has all of before; what is acknowledged from now on it does not get.
            const offset = async (at: typeof replica) =>
              Number(/master_repl_offset:(\d+)/.exec(await ask(at, "INFO", "replication"))?.[1])
            const sent = await offset(cluster.nodes[primary]!)
            await until("the replica has everything", async () => (await offset(replica)) >= sent)
            await ask(replica, "CONFIG", "SET", "masterauth", "wrong")
            await ask(replica, "CLIENT", "KILL", "TYPE", "master")
          })
          yield* mark("lost")
          const lost = yield* writer!.set("near", own)
          yield* run(() => pause(500))
          yield* run(() => cluster.servers[primary]!.kill())
          note("cluster", { what: "rewound", from, keys: lostKeys, locks: lostLocks })
          yield* run(() => ownerIs(cluster, primary + 3, (primary + 1) % 3))
          const back = now()
          const leftMs = () => 2_500 + busyMs - (now() - back)
          // What it did not get nobody has kept either.
          const read = Effect.forEach(peers, (peer) => eventually(peer.get("near", own), leftMs()))
          for (const found of yield* read) expect(Option.getOrNull(found)).not.toBe(lost)
          yield* works(its, leftMs())
          if ((yield* run(() => ask(replica, "GET", marker))) === "old")
            note("cluster", { what: "met", fault: "forgot" })
          yield* tells(its, primary + 3)
          yield* run(() => cluster.servers[primary]!.restart())
          yield* Effect.sleep(1_000)
        })
        yield* survives(its, changes, { met: "forgot" })
      })
  )
})
