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

describe.skipIf(missing.binary)("Cache through faults (C1, C5, C9, C10, A3)", { concurrent: true }, () => {
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
            yield* during
            // TCP loses nothing in the middle: what was dropped takes its connection along.
            proxy.kill("tracking")
            proxy.heal()
            note("reader", { what: "hears" })
          })
        const told = Effect.gen(function* () {
          yield* writer.set("near", "k")
          const old = Option.getOrThrow(yield* warm(reader))
          yield* deaf(
            Effect.gen(function* () {
              const value = yield* writer.set("near", "k")
              const wrote = now()
              // It knows nothing of it, or the fault was none.
              expect(Option.getOrNull(yield* reader.get("near", "k"))).toBe(old)
              yield* eventually(
                Effect.map(reader.get("near", "k"), (found) => expect(Option.getOrNull(found)).toBe(value))
              )
              expect(now() - wrote).toBeLessThan(2_000 + busyMs)
            })
          )
        })
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
            yield* writer.set("near", "other")
            yield* warm(reader, "other")
            const old = yield* writer.set("near", "k", ["t"])
            yield* Effect.sleep(100)
            Object.assign(proxy, { roles: new Set(["command"]), toClient: "hold" })
            const read: Effect.Effect<unknown, unknown> =
              operation === "get" ? Effect.map(reader.get("near", "k"), Option.getOrNull) : reader.getOrSet("near", "k")
            const reading = yield* Effect.forkScoped(read, { startImmediately: true })
            yield* eventually(Effect.sync(() => expect(reader.asked("near", "k")).toBe(1)))
            // The server has answered, and what it says then is pushed.
            yield* Effect.sleep(30)
            yield* change(writer)
            yield* Effect.sleep(30)
            proxy.heal()
            expect(yield* Fiber.join(reading)).toBe(old)
            const now = yield* writer.get("near", "k")
            expect(yield* reader.get("near", "k")).toEqual(now)
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
      const [, first] = yield* took(writer.getOrSet("plain", "first"))
      expect(first).toBeGreaterThan(200)
      expect(first).toBeLessThan(250 + busyMs / 4)
      for (const key of ["second", "third"]) {
        const [, next] = yield* took(writer.getOrSet("plain", key))
        expect(next).toBeLessThan(busyMs / 10)
      }
      const [error, failed] = yield* took(failure(writer.cache.get(regions.plain, "k")))
      expect(error.reason._tag).toMatch(/^(TimedOut|Unavailable|ConnectionLost)$/)
      expect(failed).toBeLessThan(commandTimeout * 1.1 + busyMs / 4)
      // What is kept is not trusted for ever.
      yield* Effect.sleep(2_000)
      const [read, last] = yield* took(Effect.exit(reader.get("near", "k")))
      expect(Exit.isFailure(read)).toBe(true)
      expect(last).toBeLessThan(commandTimeout * 1.1 + busyMs / 4)
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
      yield* Effect.sleep(100)
      for (const key of ["removed", "tagged"]) expect((yield* reader.get("near", key))._tag).toBe("None")
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
        for (let i = 0; i < 60; i++) {
          const some = Array.from({ length: 50 }, (_, n) => [`${i}.${n}`, body] as const)
          yield* Effect.ignore(writer.cache.setMany(Fill, some))
          yield* Effect.sleep(20)
        }
        const stats = yield* run(() => ask(server, "INFO", "stats"))
        const [, evicted = "0"] = /evicted_keys:(\d+)/.exec(stats) ?? []
        if (Number(evicted) > 500) note("server", { what: "met", fault: "evicted" })
        yield* run(() => ask(server, "CONFIG", "SET", "maxmemory", "0"))
      })
      yield* survives(its, evict, { met: "evicted", forgets: true })
    })
  )
})

describe.skipIf(missing.binary)("a process that is too busy to listen (C4)", () => {
  it.live("stands still with a question under way, and does not take the store for away", () =>
    Effect.gen(function* () {
      const { reader } = yield* rig()
      yield* reader.getOrSet("plain", "warm")
      for (const key of ["a", "b", "c"]) {
        const block = Effect.sync(() => {
          const end = now() + 400
          while (now() < end);
        })
        const all = Array.from({ length: 100 }, (_, n) => reader.getOrSet("plain", `${key}${n}`))
        const asking = yield* Effect.forkScoped(Effect.all(all, { concurrency: "unbounded" }), {
          startImmediately: true
        })
        // Before the question leaves, with the answer on its way, and while it is asked who loads.
        if (key !== "a") yield* Effect.sleep(0)
        if (key === "c") yield* Effect.sleep(0)
        yield* block
        yield* Fiber.join(asking)
        expect((yield* reader.get("plain", `${key}7`))._tag).toBe("Some")
      }
    })
  )
})
