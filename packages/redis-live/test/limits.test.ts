/** The limits of RedisClient (A5), and that closing leaves nothing behind (A4). */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as path from "node:path"
import { createInterface } from "node:readline"
import { missing } from "../../../scripts/missing.ts"
import { call, failure, increment, open, set } from "./support/client.ts"
import { Proxy } from "./support/Proxy.ts"
import { busyMs, type Rig, serve } from "./support/rig.ts"

describe.skipIf(missing.binary)("nothing grows without a limit (A5)", () => {
  it.live("10,000 calls are under way, the next is refused; it goes on when they are answered", () =>
    Effect.gen(function* () {
      const server = yield* serve
      const { client, connection } = yield* open({ url: server.url, commandTimeout: "1 minute" })
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
      const { client, connection } = yield* open({ url: server.url, commandTimeout: "1 minute" })
      const value = "x".repeat(1024 * 1024)
      const write = connection.call(set, { ...call, keys: { key: `${client.prefix}:{t}:v` }, args: { value } })
      server.signal("SIGSTOP")
      const fibers = yield* Effect.forEach(Array.from({ length: 60 }), () =>
        Effect.forkChild(write, { startImmediately: true })
      )
      const errors = yield* Effect.forEach(Array.from({ length: 60 }), () =>
        Effect.forkChild(Effect.flip(write), { startImmediately: true })
      )
      const last = yield* Fiber.join(errors.at(-1)!)
      expect(last.reason._tag).toBe("CapacityExceeded")
      server.signal("SIGCONT")
      // Of the latter the first few found room.
      yield* Effect.forEach([...fibers, ...errors], (fiber) => Fiber.await<unknown, unknown>(fiber))
    })
  )
})

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
        const server = yield* serve
        const proxy = yield* Effect.acquireRelease(
          Effect.promise(() => Proxy.start(server)),
          (proxy) => Effect.promise(() => proxy.stop())
        )
        const child = yield* Effect.acquireRelease(
          Effect.sync(() =>
            spawn(process.execPath, [path.join(import.meta.dirname, "support", "closing.ts")], {
              env: { ...process.env, REDIS_URL: proxy.url },
              stdio: ["pipe", "pipe", "inherit"]
            })
          ),
          (child) => Effect.sync(() => void child.kill("SIGKILL"))
        )
        const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
        const line = Effect.map(
          Effect.promise(() => lines.next()),
          ({ value }) => String(value)
        )
        expect(yield* line).toBe("open")
        fault({ server, proxy })
        const ended = once(child, "exit")
        child.stdin.write("\n")
        const start = performance.now()
        const { later, ms, pending } = JSON.parse(yield* line)
        const [code] = yield* Effect.promise(() => ended)
        // Nobody ends it: it ends when it has nothing left.
        expect(code).toBe(0)
        expect(performance.now() - start).toBeLessThan(5_000 + busyMs)
        expect(ms).toBeLessThan(5_000)
        // What was under way is told so, and nothing begins any more.
        for (const tag of pending) expect(["Success", "Closed", "Unavailable"]).toContain(tag)
        expect(later).toEqual(["Closed", "Closed"])
        server.signal("SIGCONT")
      })
    )
  }
})
