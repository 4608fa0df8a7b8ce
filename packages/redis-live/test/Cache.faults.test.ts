/**
 * Cache through faults on real servers, a proxy and the real clock: one peer writes, another reads behind the proxy and
 * keeps what it read. Afterwards it works again in the time that A3 gives, and the checker reads what all of them saw.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Cache from "@troupe/core/Cache"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { missing } from "../../../scripts/missing.ts"
import type { Server } from "../../../scripts/redis.ts"
import { ask } from "../../../scripts/redis/ask.ts"
import { regions } from "./support/cached.ts"
import type * as Crew from "./support/cacheCrew.ts"
import { busyMs, clients, commandTimeout, pause, rig, run, survives, warm, works } from "./support/cacheRig.ts"
import { eventually, failure, took } from "./support/client.ts"
import { now } from "./support/crew.ts"
import type { Proxy } from "./support/Proxy.ts"

const Fill = Cache.region("fill", { value: Schema.String, timeToLive: "10 minutes" })

/** Five of them run at a time. */
const options = { concurrent: true, timeout: 120_000 }

describe.skipIf(missing.binary)("Cache through faults (C1, C5, C9, C10, A3)", options, () => {
  for (const role of ["tracking", "command", "subscriber"]) {
    it.live(`the server kills the ${role} connections ten times a second`, () =>
      Effect.gen(function* () {
        const its = yield* rig()
        let killed = 0
        const kill = run(async () => {
          // A subscriber comes back when somebody waits for a load again.
          for (let i = 0; i < 20 || killed <= 5; i++) {
            for (const id of await clients(its.server, role)) {
              await ask(its.server, "CLIENT", "KILL", "ID", id)
              killed++
            }
            await pause(100)
          }
          its.note("killer", { what: "met", fault: "killed" })
        })
        const { seen } = yield* survives(its, kill, { met: "killed" })
        expect(seen.near).toBeGreaterThan(0)
        // One connection each, however often it was replaced.
        yield* eventually(
          Effect.map(
            run(() => clients(its.server, "tracking")),
            (ids) => expect(ids).toHaveLength(2)
          )
        )
      })
    )
  }

  for (const [name, fault] of [
    ["nothing passes", (proxy: Proxy) => proxy.silence("tracking")],
    [
      "pushes do not come",
      (proxy: Proxy) => void Object.assign(proxy, { roles: new Set(["tracking"]), toClient: "drop" })
    ]
  ] as const) {
    it.live(`C10 the connection of the pushes is half open, ${name}: never later than 2 s`, () =>
      Effect.gen(function* () {
        const its = yield* rig()
        const { note, proxy, reader, writer } = its
        const deaf = <A, E>(during: Effect.Effect<A, E>) =>
          Effect.gen(function* () {
            note("reader", { what: "deaf" })
            fault(proxy)
            const result = yield* during
            // TCP loses nothing in the middle: what was dropped takes its connection along.
            proxy.kill("tracking")
            proxy.heal()
            note("reader", { what: "hears" })
            return result
          })
        const attempt = Effect.gen(function* () {
          yield* writer.set("near", "k")
          const old = Option.getOrThrow(yield* warm(reader))
          return yield* deaf(
            Effect.gen(function* () {
              const value = yield* writer.set("near", "k")
              const wrote = now()
              const isMet = Option.getOrNull(yield* reader.get("near", "k")) === old
              yield* eventually(
                Effect.map(reader.get("near", "k"), (found) => expect(Option.getOrNull(found)).toBe(value))
              )
              expect(now() - wrote).toBeLessThan(2_000 + busyMs)
              return isMet
            })
          )
        })
        // Where what was heard is too old by then for what is kept to be given, the fault was none.
        const told = Effect.repeat(attempt, { until: (isMet) => isMet })
        yield* told
        note("reader", { what: "met", fault: "deaf" })
        yield* survives(its, deaf(Effect.sleep(4_000)), { met: "deaf" }, 5_000)
        yield* told
      })
    )
  }

  for (const [name, change] of [
    ["the key", (writer: Crew.Peer) => writer.set("near", "k")],
    ["a tag of the key", (writer: Crew.Peer): Effect.Effect<unknown, unknown> => writer.invalidateTags("near", ["t"])],
    ["all of the region", (writer: Crew.Peer) => writer.clear("near")]
  ] as const) {
    for (const operation of ["get", "getOrSet"] as const) {
      it.live(
        `C10 the answer to ${operation} comes after the push that takes it back, of ${name}: it is not kept`,
        () =>
          Effect.gen(function* () {
            const { proxy, reader, writer } = yield* rig()
            const read: Effect.Effect<unknown, unknown> =
              operation === "get" ? Effect.map(reader.get("near", "k"), Option.getOrNull) : reader.getOrSet("near", "k")
            /** Pushed behind the change: what is asked for now is held up, and not answered by what was kept. */
            const isPushed = Effect.gen(function* () {
              const asking = yield* Effect.forkScoped(Effect.ignore(reader.get("near", "other")), {
                startImmediately: true
              })
              yield* Effect.yieldNow
              expect(asking.pollUnsafe()).toBe(undefined)
            })
            const attempt = Effect.gen(function* () {
              yield* writer.set("near", "other")
              const old = yield* writer.set("near", "k", ["t"])
              yield* Effect.sleep(100)
              yield* warm(reader, "other")
              Object.assign(proxy, { roles: new Set(["command"]), toClient: "hold" })
              const since = now()
              const reading = yield* Effect.forkScoped(Effect.exit(read), { startImmediately: true })
              yield* eventually(Effect.sync(() => expect(proxy.held).toBeGreaterThan(0)))
              yield* change(writer)
              yield* writer.set("near", "other")
              yield* eventually(isPushed)
              proxy.heal()
              const isInTime = now() - since < 200
              return { old, isInTime, read: yield* Fiber.join(reading) }
            })
            // Whoever gets no answer for 250 ms loads without the backend (C11): then it is tried again.
            let last = yield* attempt
            for (let n = 0; n < 50 && !last.isInTime; n++) last = yield* attempt
            expect(last.isInTime).toBe(true)
            expect(last.read).toEqual(Exit.succeed(last.old))
            const current = yield* writer.get("near", "k")
            expect(yield* reader.get("near", "k")).toEqual(current)
          })
      )
    }
  }

  for (const [name, fault] of [
    ["nothing passes in either direction", { toServer: "drop", toClient: "drop" }],
    ["answers and pushes do not come", { toClient: "drop" }],
    ["requests arrive late", { toServer: "hold" }]
  ] as const) {
    it.live(`the path of one: ${name}`, () =>
      Effect.gen(function* () {
        const its = yield* rig()
        const cut = run(async () => {
          its.note("reader", { what: "deaf" })
          for (let i = 0; i < 3; i++) {
            Object.assign(its.proxy, fault)
            await pause(1_000)
            its.proxy.kill()
            its.proxy.heal()
            await pause(200)
          }
          its.note("reader", { what: "hears" })
          its.note("proxy", { what: "met", fault: "cut" })
        })
        const { seen } = yield* survives(its, cut, { met: "cut" }, 5_000)
        expect(seen.bare).toBeGreaterThan(0)
      })
    )
  }

  it.live("C11 A1 the server stands still: readings fail, getOrSet loads within 250 ms, and then at once", () =>
    Effect.gen(function* () {
      const its = yield* rig()
      const { note, reader, server, writer } = its
      yield* writer.set("near", "k")
      yield* warm(reader)
      server.signal("SIGSTOP")
      // What this machine takes for 250 ms, looked at as often: for as long as this process stood still nobody was waited for.
      const [[, first], [, slow]] = yield* Effect.all(
        [took(writer.getOrSet("plain", "first")), took(Effect.replicateEffect(Effect.sleep(50), 5))],
        { concurrency: 2 }
      )
      expect(first).toBeGreaterThan(200)
      expect(first).toBeLessThan(slow + 250)
      const nexts: Array<number> = []
      for (let n = 0; n < 5; n++) {
        const [, ms] = yield* took(writer.getOrSet("plain", `next ${n}`))
        nexts.push(ms)
      }
      expect(nexts.toSorted((a, b) => a - b)[2]).toBeLessThan(100)
      const [error, failed] = yield* took(failure(writer.cache.get(regions.plain, "k")))
      expect(error.reason._tag).toMatch(/^(TimedOut|Unavailable|ConnectionLost)$/)
      expect(failed).toBeLessThan(commandTimeout * 1.1 + busyMs)
      // What is kept is not trusted for ever.
      yield* Effect.sleep(2_000)
      const [read, last] = yield* took(Effect.exit(reader.get("near", "k")))
      expect(Exit.isFailure(read)).toBe(true)
      expect(last).toBeLessThan(commandTimeout * 1.1 + busyMs)
      server.signal("SIGCONT")
      yield* works(its, 2_500 + busyMs)
      const freeze = run(async () => {
        server.signal("SIGSTOP")
        await pause(2_000)
        server.signal("SIGCONT")
        note("server", { what: "met", fault: "frozen" })
      })
      yield* survives(its, freeze, { met: "frozen" })
    })
  )

  it.live("T17 the server is full: what takes away goes on, getOrSet answers and stores nothing", () =>
    Effect.gen(function* () {
      const its = yield* rig()
      const { note, reader, server, writer } = its
      const limit = (bytes: string) => run(() => ask(server, "CONFIG", "SET", "maxmemory", bytes))
      for (const key of ["k", "removed", "tagged"]) yield* writer.set("near", key, key === "tagged" ? ["x"] : [])
      for (const key of ["removed", "tagged"]) yield* warm(reader, key)
      yield* limit("100kb")
      const error = yield* Effect.flip(writer.cache.set(regions.plain, "new", "value"))
      expect(error).toMatchObject({ reason: { _tag: "CapacityExceeded" }, outcome: "NotApplied" })
      yield* writer.getOrSet("plain", "loaded")
      expect((yield* writer.get("plain", "loaded"))._tag).toBe("None")
      expect(yield* writer.remove("near", "removed")).toBe(true)
      yield* writer.invalidateTags("near", ["x"])
      for (const key of ["removed", "tagged"]) {
        yield* eventually(
          Effect.map(reader.get("near", key), (found) => expect(found._tag).toBe("None")),
          100 + busyMs
        )
      }
      yield* warm(reader, "k")
      yield* writer.clear("near")
      yield* limit("0")
      const fill = Effect.gen(function* () {
        yield* limit("100kb")
        yield* Effect.sleep(1_500)
        yield* limit("0")
        note("server", { what: "met", fault: "full" })
      })
      yield* survives(its, fill, { met: "full" })
    })
  )

  for (const [name, fault] of [
    [
      "is killed and comes back with nothing",
      async (server: Server): Promise<unknown> => {
        await server.kill()
        await pause(300)
        return server.restart()
      }
    ],
    ["forgets all it has (FLUSHALL)", (server: Server) => ask(server, "FLUSHALL")]
  ] as const) {
    it.live(`D2 the server ${name}: nothing of before is kept`, () =>
      Effect.gen(function* () {
        const its = yield* rig()
        const { note, reader, server, writer } = its
        yield* writer.set("near", "k")
        yield* warm(reader)
        yield* run(() => fault(server))
        yield* Effect.sleep(100)
        // It may say that the server is away, and never that the value is there.
        yield* eventually(
          Effect.map(reader.get("near", "k"), (found) => expect(found._tag).toBe("None")),
          2_500 + busyMs
        )
        const again = Effect.andThen(
          run(() => fault(server)),
          Effect.sync(() => note("server", { what: "met", fault: "forgot" }))
        )
        yield* survives(its, again, { met: "forgot", forgets: true })
      })
    )
  }

  it.live("C2 values go under eviction, and what was taken away does not come back by it", () =>
    Effect.gen(function* () {
      const its = yield* rig({ args: ["--maxmemory-policy", "volatile-lru"] })
      const { note, server, writer } = its
      const evict = Effect.gen(function* () {
        const used = yield* run(() => ask(server, "INFO", "memory"))
        const [, bytes = ""] = /used_memory:(\d+)/.exec(used) ?? []
        yield* run(() => ask(server, "CONFIG", "SET", "maxmemory", `${Number(bytes) + 1_000_000}`))
        const body = "x".repeat(1_000)
        const evicted = Effect.map(
          run(() => ask(server, "INFO", "stats")),
          (stats) => Number(/evicted_keys:(\d+)/.exec(stats)?.[1] ?? 0)
        )
        for (let i = 0; i < 60 || (yield* evicted) <= 500; i++) {
          const some = Array.from({ length: 50 }, (_, n) => [`${i}.${n}`, body] as const)
          yield* Effect.ignore(writer.cache.setMany(Fill, some))
          yield* Effect.sleep(20)
        }
        note("server", { what: "met", fault: "evicted" })
        yield* run(() => ask(server, "CONFIG", "SET", "maxmemory", "0"))
      })
      yield* survives(its, evict, { met: "evicted", forgets: true })
    })
  )
})

describe.skipIf(missing.binary)("a process that is too busy to listen (C4)", { timeout: 120_000 }, () => {
  it.live("stands still with a question under way, and does not take the store for away", () =>
    Effect.gen(function* () {
      const { reader, server } = yield* rig()
      yield* reader.getOrSet("plain", "warm")
      const standing = Effect.fnUntraced(function* (kind: string, key: string) {
        const block = Effect.sync(() => {
          const end = now() + 400
          while (now() < end);
        })
        const all = Array.from({ length: 100 }, (_, n) => reader.getOrSet("plain", `${key}${n}`))
        const asking = yield* Effect.forkScoped(Effect.all(all, { concurrency: "unbounded" }), {
          startImmediately: true
        })
        // Before the question leaves, with the answer on its way, and while it is asked who loads.
        if (kind !== "a") yield* Effect.sleep(0)
        if (kind === "c") yield* Effect.sleep(0)
        yield* block
        // How long the store lets others wait meanwhile.
        let slowest = 0
        let since = now()
        const others = Effect.andThen(
          run(() => ask(server, "PING")),
          Effect.sync(() => {
            slowest = Math.max(slowest, now() - since)
            since = now()
          })
        )
        yield* Effect.raceFirst(Fiber.join(asking), Effect.forever(others))
        const found = yield* reader.get("plain", `${key}7`)
        return { found, slowest: Math.max(slowest, now() - since) }
      })
      for (const kind of ["a", "b", "c"]) {
        let last = yield* standing(kind, kind)
        // Where that is as long as it may take at the most, it was away (C4).
        for (let n = 0; n < 20 && last.found._tag === "None" && last.slowest > 100; n++)
          last = yield* standing(kind, `${kind}${n}.`)
        expect(last.found._tag).toBe("Some")
      }
    })
  )
})
