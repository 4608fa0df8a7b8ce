/** Values that processes keep, on real servers and the real clock: what is pushed, to whom, and what is without it. */
import { describe, expect, it } from "@effect/vitest"
import * as Cache from "@troupe/core/Cache"
import * as Metrics from "@troupe/core/Metrics"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { missing } from "../../../scripts/missing.ts"
import { startCluster } from "../../../scripts/redis.ts"
import { ask } from "../../../scripts/redis/ask.ts"
import { regions } from "./support/cached.ts"
import * as Crew from "./support/cacheCrew.ts"
import { busyMs, client, clients, prefix, rig, run, warm, works } from "./support/cacheRig.ts"
import { eventually, took } from "./support/client.ts"
import { now } from "./support/crew.ts"

const Later = Cache.region("later", { value: Schema.String, timeToLive: "10 minutes", near: { capacity: 1_000 } })

describe.skipIf(missing.binary)("near values on the real clock (C10)", { timeout: 120_000 }, () => {
  it.live("another peer's write is seen within 100 ms: the median of 100 rounds", () =>
    Effect.gen(function* () {
      const { reader, writer } = yield* rig()
      const all: Array<number> = []
      yield* writer.set("near", "k")
      for (let round = 0; round < 100; round++) {
        yield* warm(reader)
        const value = yield* writer.set("near", "k")
        const wrote = now()
        let found: string | null
        do {
          yield* Effect.sleep(0)
          found = Option.getOrNull(yield* reader.get("near", "k"))
        } while (found !== value)
        all.push(now() - wrote)
      }
      const median = all.toSorted((a, b) => a - b)[50]!
      expect(median).toBeLessThan(100)
    })
  )

  it.live("a connection to each primary of a cluster, and none where nothing is near (A4)", () =>
    Effect.gen(function* () {
      const cluster = yield* Effect.acquireRelease(
        Effect.promise(() => startCluster()),
        (cluster) => Effect.promise(() => cluster.stop())
      )
      const crew = yield* Crew.make({ cluster: cluster.nodes }, prefix)
      const peer = yield* crew.peer("peer", { client })
      const counts = (role: string) =>
        run(async () => (await Promise.all(cluster.nodes.map((node) => clients(node, role)))).map((ids) => ids.length))
      const keys = Array.from({ length: 100 }, (_, n) => `${n}`)
      yield* Effect.forEach(keys, (key) => peer.set("plain", key))
      yield* Effect.forEach(keys, (key) => peer.get("plain", key))
      expect(yield* counts("tracking")).toEqual(cluster.nodes.map(() => 0))
      yield* Effect.forEach(keys, (key) => peer.set("near", key))
      for (const key of keys) yield* warm(peer, key)
      yield* peer.cache.set(Later, "k", "v")
      yield* peer.cache.get(Later, "k")
      yield* Effect.sleep(1_500)
      yield* eventually(
        Effect.map(counts("tracking"), (all) => expect(all).toEqual(cluster.nodes.map((_, n) => (n < 3 ? 1 : 0))))
      )
      const [, ms] = yield* took(peer.close)
      expect(ms).toBeLessThan(5_000)
      for (const role of ["tracking", "command", "subscriber", "beat"]) {
        yield* eventually(Effect.map(counts(role), (all) => expect(all).toEqual(cluster.nodes.map(() => 0))))
      }
    })
  )

  it.live("A4 a layer closes, though the connection of the pushes is half open, and leaves none", () =>
    Effect.gen(function* () {
      const { proxy, reader, server, writer } = yield* rig()
      yield* writer.set("near", "k")
      yield* warm(reader)
      proxy.silence("tracking")
      // It is being asked whether it hears.
      yield* Effect.sleep(1_200)
      const [, ms] = yield* took(reader.close)
      expect(ms).toBeLessThan(5_000)
      yield* writer.close
      proxy.kill()
      for (const role of ["tracking", "command", "subscriber", "beat"]) {
        yield* eventually(
          Effect.map(
            run(() => clients(server, role)),
            (ids) => expect(ids).toEqual([])
          )
        )
      }
    })
  )

  it.live("a further region on the same connection: what is written while it begins to watch is seen in both", () =>
    Effect.gen(function* () {
      const { note, reader, server, verdict, writer } = yield* rig()
      const seen = (region: typeof Later, key: string, value: string) =>
        eventually(
          Effect.map(reader.cache.get(region, key), (found) => expect(Option.getOrNull(found)).toBe(value)),
          100 + busyMs
        )
      yield* writer.set("near", "k")
      yield* warm(reader)
      const before = yield* run(() => clients(server, "tracking"))
      let last = ""
      const writing = yield* Effect.forkScoped(
        Effect.forever(
          Effect.gen(function* () {
            last = yield* writer.set("near", "k")
            yield* writer.cache.set(Later, "k", last)
            yield* Effect.sleep(1)
          })
        )
      )
      const regions = Array.from({ length: 20 }, (_, n) =>
        Cache.region(`later ${n}`, { value: Schema.String, timeToLive: "10 minutes", near: { capacity: 10 } })
      )
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(reader.cache.get(Later, "k"), Effect.sleep(1))))
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(reader.get("near", "k"), Effect.sleep(1))))
      for (const region of regions) {
        yield* reader.cache.get(region, "k")
        yield* Effect.sleep(50)
      }
      yield* Fiber.interrupt(writing)
      last = yield* writer.set("near", "k")
      yield* writer.cache.set(Later, "k", last)
      yield* eventually(
        Effect.map(reader.get("near", "k"), (found) => expect(Option.getOrNull(found)).toBe(last)),
        100 + busyMs
      )
      yield* seen(Later, "k", last)
      yield* warm(reader)
      for (const region of [...regions, Later]) {
        yield* writer.cache.set(region, "k", "old")
        yield* seen(region, "k", "old")
        // Kept by now, or soon.
        yield* Effect.sleep(20)
        yield* reader.cache.get(region, "k")
        yield* writer.cache.set(region, "k", "new")
        yield* seen(region, "k", "new")
      }
      expect((yield* run(() => clients(server, "tracking"))).filter((id) => before.includes(id))).toEqual(before)
      note("reader", { what: "met", fault: "widened" })
      yield* verdict({ met: "widened" })
    })
  )

  it.live(
    "the server drops the connection of who does not keep up (client-output-buffer-limit): nothing old is read",
    () =>
      Effect.gen(function* () {
        const its = yield* rig()
        const { reader, server, writer } = its
        const keys = Array.from({ length: 512 }, (_, n) => `${n}`.padEnd(200, "-"))
        yield* run(() => ask(server, "CONFIG", "SET", "client-output-buffer-limit", "pubsub 32kb 32kb 0"))
        yield* writer.set("near", "k")
        yield* warm(reader)
        const before = yield* run(() => clients(server, "tracking"))
        const value = "another"
        yield* writer.cache.setMany(
          regions.near,
          [...keys, "k"].map((key) => [key, value] as const)
        )
        yield* eventually(
          Effect.map(reader.get("near", "k"), (found) => expect(Option.getOrNull(found)).toBe(value)),
          100 + busyMs
        )
        // It was dropped, or this was no test.
        expect(before).toHaveLength(1)
        yield* eventually(
          Effect.map(
            run(() => clients(server, "tracking")),
            (ids) => expect(ids).not.toContain(before[0])
          )
        )
        yield* works(its, 2_500 + busyMs)
      })
  )

  for (const [name, rules] of [
    ["may not be told", ["-client|tracking"]],
    ["may not hear the channel", ["resetchannels", "&faults:0:*"]]
  ] as const) {
    it.live(`a user that ${name} reads what is right, and says once that nothing is kept`, () =>
      Effect.gen(function* () {
        const { peer, server, writer } = yield* rig()
        yield* run(() => ask(server, "ACL", "SETUSER", "app", "on", ">pw", "~*", "&*", "+@all", ...rules))
        const reader = yield* peer("user", {
          client: { ...client, url: server.url, username: "app", password: Redacted.make("pw") }
        })
        for (let i = 0; i < 5; i++) {
          const value = yield* writer.set("near", "k")
          expect(Option.getOrNull(yield* reader.get("near", "k"))).toBe(value)
          const asked = reader.asked("near", "k")
          expect(Option.getOrNull(yield* reader.get("near", "k"))).toBe(value)
          expect(reader.asked("near", "k")).toBe(asked + 1)
          yield* reader.cache.set(Later, "k", value)
          yield* reader.cache.get(Later, "k")
          yield* Effect.sleep(100)
        }
        const warned = Effect.sync(() => reader.logs.filter((line) => line.includes("Near values are not kept")))
        const warnings = yield* eventually(Effect.tap(warned, (all) => Effect.sync(() => expect(all).toHaveLength(1))))
        expect(warnings[0]).toMatch(/^Warn /)
        const { count } = yield* Metric.value(Metric.withAttributes(Metrics.cacheNearRefused, { region: "near" }))
        expect(count).toBe(1)
      }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
    )
  }
})
