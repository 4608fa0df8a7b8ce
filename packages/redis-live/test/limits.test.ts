/** The limits of RedisClient (A5), and that closing leaves nothing behind (A4). */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { missing } from "../../../scripts/missing.ts"
import { call, ear, eventually, failure, increment, open, set, took } from "./support/client.ts"
import { Proxy } from "./support/Proxy.ts"
import { type Rig, serve } from "./support/rig.ts"

describe.skipIf(missing.binary)("nothing grows without a limit (A5)", () => {
  it.live("10,000 calls are under way, the next is refused; it goes on when they are answered", () =>
    Effect.gen(function* () {
      const server = yield* serve
      const { client, connection } = yield* open({ url: server.url })
      const once = connection.call(increment, { ...call, keys: { counter: `${client.prefix}:{t}:n` }, args: {} })
      server.signal("SIGSTOP")
      const fibers = yield* Effect.forEach(Array.from({ length: 10_000 }), () =>
        Effect.forkChild(once, { startImmediately: true })
      )
      const error = yield* failure(once)
      expect([error.reason._tag, error.outcome]).toEqual(["CapacityExceeded", "NotApplied"])
      server.signal("SIGCONT")
      yield* Effect.forEach(fibers, Fiber.join)
      expect(yield* once).toBe(10_001)
    })
  )

  it.live("64 MiB wait for the network, more is refused", () =>
    Effect.gen(function* () {
      const server = yield* serve
      const { client, connection } = yield* open({ url: server.url, commandTimeout: 2_000 })
      const value = "x".repeat(1024 * 1024)
      const write = connection.call(set, { ...call, keys: { key: `${client.prefix}:{t}:v` }, args: { value } })
      server.signal("SIGSTOP")
      const fibers = yield* Effect.forEach(Array.from({ length: 60 }), () =>
        Effect.forkChild(write, { startImmediately: true })
      )
      const errors = yield* Effect.forEach(Array.from({ length: 60 }), () =>
        Effect.forkChild(Effect.flip(write), { startImmediately: true })
      )
      const reasons = yield* Effect.forEach(errors, Fiber.join)
      expect(reasons.at(-1)?.reason._tag).toBe("CapacityExceeded")
      server.signal("SIGCONT")
      yield* Effect.forEach(fibers, (fiber) => Fiber.await(fiber))
    })
  )
})

/** Sockets and timers of this process. */
const left = () => {
  const all = process.getActiveResourcesInfo()
  return {
    sockets: all.filter((name) => name === "TCPSocketWrap").length,
    timers: all.filter((name) => name === "Timeout").length
  }
}

describe.skipIf(missing.binary)("closing ends everything (A4)", () => {
  const states: ReadonlyArray<readonly [string, (rig: Pick<Rig, "server" | "proxy">) => void]> = [
    ["that is well", () => {}],
    ["whose server stands still", ({ server }) => server.signal("SIGSTOP")],
    ["whose packets are dropped", ({ proxy }) => void (proxy.toServer = proxy.toClient = "drop")],
    [
      "that is connecting",
      ({ proxy }) => {
        proxy.accept = "ignore"
        proxy.kill()
      }
    ],
    [
      "that is refused",
      ({ proxy }) => {
        proxy.accept = "close"
        proxy.kill()
      }
    ]
  ]
  for (const [state, fault] of states) {
    it.live(`of a client ${state}`, () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const server = yield* serve
        const before = left()
        const proxy = yield* Effect.promise(() => Proxy.start(server))
        const { client, connection } = yield* Scope.provide(open({ url: proxy.url, commandTimeout: "1 minute" }), scope)
        const one = { ...call, keys: { counter: `${client.prefix}:{t}:n` }, args: {} }
        yield* connection.call(increment, { ...one, role: "beat" })
        const link = yield* Scope.provide(connection.link("Test", ear()), scope)
        yield* link.subscribe(["c"])
        fault({ server, proxy })
        const pending = yield* Effect.forEach(
          [
            connection.call(increment, one),
            link.subscribe(["d"]),
            client.use("never", () => new Promise<void>(() => {}))
          ],
          (effect) => Effect.forkChild(Effect.exit(effect), { startImmediately: true })
        )
        const [, ms] = yield* took(Scope.close(scope, Exit.void))
        expect(ms).toBeLessThan(1_000)
        // What was under way is told so, and nothing begins any more.
        yield* Effect.forEach(pending, Fiber.join)
        for (const effect of [connection.call(increment, one), client.use("get", (redis) => redis.get("k"))]) {
          const after = yield* failure<unknown, never>(effect)
          expect([after.reason._tag, after.outcome]).toEqual(["Closed", "NotApplied"])
        }
        server.signal("SIGCONT")
        yield* Effect.promise(() => proxy.stop())
        yield* eventually(
          Effect.sync(() => expect(left()).toEqual(before)),
          2_000
        )
      })
    )
  }
})
