/**
 * RedisClient through faults on real servers and a proxy: A1 (settles in time), A2 (honest outcomes), A3 (works again),
 * A4 (leaves nothing), A5 (bounded). Intervals are short; the bounds are checked against them.
 */
import { describe, expect, it } from "@effect/vitest"
import type { BackendError } from "@troupe/core/BackendError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import { missing } from "../../../scripts/missing.ts"
import { type Server, startServer } from "../../../scripts/redis.ts"
import { call, ear, eventually, failure, increment, open, type Opened, set, short, took } from "./support/client.ts"
import { Proxy } from "./support/Proxy.ts"

const commandTimeout = 400
/** A1, and what a busy machine adds. */
const settleWithin = commandTimeout * 1.1 + 150

const serve = Effect.acquireRelease(
  Effect.promise(() => startServer()),
  (server) => Effect.promise(() => server.stop())
)

interface Rig extends Opened {
  readonly server: Server
  readonly proxy: Proxy
  readonly counter: string
  readonly channel: string
  readonly increment: Effect.Effect<unknown, BackendError>
  readonly beat: Effect.Effect<unknown, BackendError>
}

/** A client behind a proxy. */
const rig = Effect.gen(function* () {
  const server = yield* serve
  const proxy = yield* Effect.acquireRelease(
    Effect.promise(() => Proxy.start(server)),
    (proxy) => Effect.promise(() => proxy.stop())
  )
  const opened = yield* open({ url: proxy.url, commandTimeout })
  const counter = `${opened.client.prefix}:{t}:n`
  const one = { ...call, keys: { counter }, args: {} }
  return {
    ...opened,
    server,
    proxy,
    counter,
    channel: `${opened.client.prefix}:{t}`,
    increment: opened.connection.call(increment, one),
    beat: opened.connection.call(increment, { ...one, role: "beat" })
  } satisfies Rig
})

/** What the server holds, asked past the proxy. */
const counted = ({ counter, server }: Rig) =>
  Effect.scoped(
    Effect.flatMap(open({ url: server.url }), ({ client }) =>
      Effect.map(
        client.use("get", (redis) => redis.get(counter)),
        Number
      )
    )
  )

/** A link that subscribes again whenever it lost something, as the hub does. */
const listen = ({ channel, connection }: Rig) =>
  Effect.gen(function* () {
    const listener = ear()
    const link = yield* connection.link("Test", {
      ...listener,
      lost: (channels) => {
        listener.lost(channels)
        Effect.runFork(eventually(link.subscribe(channels)))
      }
    })
    yield* link.subscribe([channel])
    return listener
  })

/** Works in all roles: calls, beats, and hearing what is published from now on. */
const works = (rig: Rig, listener: { readonly heard: Array<string> }, withinMs: number) =>
  eventually(
    Effect.gen(function* () {
      yield* Effect.all([rig.increment, rig.beat], { concurrency: 2 })
      const word = `${performance.now()}`
      yield* rig.connection.publish("Test", "publish", rig.channel, word)
      yield* rig.connection.barrier
      expect(listener.heard).toContain(`${rig.channel}:${word}`)
    }),
    withinMs
  )

const recovers = (
  name: string,
  fault: (rig: Rig) => Effect.Effect<void>,
  heal: (rig: Rig) => Effect.Effect<void>,
  withinMs: number
) =>
  it.live(name, () =>
    Effect.gen(function* () {
      const rig_ = yield* rig
      const listener = yield* listen(rig_)
      yield* rig_.beat
      yield* works(rig_, listener, 1_000)
      yield* fault(rig_)
      // While it lasts every call settles in time, and none succeeds more often than the server counts.
      const outcomes: Array<string> = []
      const worker = Effect.gen(function* () {
        const [result, ms] = yield* took(Effect.result(rig_.increment))
        expect(ms).toBeLessThan(settleWithin)
        outcomes.push(Result.isSuccess(result) ? "Success" : result.failure.outcome)
        yield* Effect.sleep(5)
      })
      const before = yield* Effect.orElseSucceed(
        Effect.map(rig_.increment, Number),
        () => undefined
      )
      void before
      const fibers = yield* Effect.forEach([1, 2, 3, 4], () =>
        Effect.forkChild(Effect.forever(worker), { startImmediately: true })
      )
      yield* eventually(Effect.sync(() => expect(outcomes.length).toBeGreaterThan(8)))
      yield* Effect.sleep(commandTimeout * 2)
      yield* heal(rig_)
      const [, ms] = yield* took(works(rig_, listener, withinMs))
      yield* Effect.forEach(fibers, Fiber.interrupt)
      expect(ms).toBeLessThan(withinMs)
    })
  )

/** With the intervals of these tests. */
const soon = 2_500

describe.skipIf(missing.binary)("a client recovers (A1, A3)", () => {
  const nothing = () => Effect.void
  recovers(
    "when its server is killed and comes back",
    ({ server }) => Effect.promise(() => server.kill()),
    ({ server }) => Effect.promise(() => server.restart()),
    soon
  )
  recovers(
    "when its server stands still",
    ({ server }) => Effect.sync(() => server.signal("SIGSTOP")),
    ({ server }) => Effect.sync(() => server.signal("SIGCONT")),
    soon
  )
  recovers(
    "when every connection is killed at once, again and again",
    ({ proxy }) =>
      Effect.andThen(
        Effect.sync(() => proxy.kill()),
        Effect.sleep(30)
      ).pipe(Effect.repeat({ times: 20 })),
    nothing,
    soon
  )
  for (const role of ["command", "subscriber", "beat"]) {
    recovers(
      `when the server kills the ${role} connection ten times a second`,
      ({ server }) =>
        Effect.scoped(
          Effect.gen(function* () {
            const { client } = yield* open({ url: server.url })
            const id = new RegExp(`id=(\\d+) [^\\n]*name=troupe:${role} [^\\n]*`, "g")
            for (let i = 0; i < 10; i++) {
              const list = String(yield* client.use("list", (redis) => redis.client("LIST")))
              const me = String(yield* client.use("id", (redis) => redis.client("ID")))
              for (const [, other] of list.matchAll(id)) {
                if (other !== undefined && other !== me) {
                  yield* client.use("kill", (redis) => redis.client("KILL", "ID", Number(other)))
                }
              }
              yield* Effect.sleep(100)
            }
          })
        ).pipe(Effect.orDie),
      nothing,
      soon
    )
  }
  recovers(
    "when packets are dropped both ways",
    ({ proxy }) =>
      Effect.sync(() => {
        proxy.toServer = proxy.toClient = "drop"
        proxy.accept = "ignore"
      }),
    ({ proxy }) => Effect.sync(() => proxy.heal()),
    soon
  )
  recovers(
    "when requests get through and answers do not",
    ({ proxy }) => Effect.sync(() => void (proxy.toClient = "drop")),
    ({ proxy }) => Effect.sync(() => proxy.heal()),
    soon
  )
  recovers(
    "when answers would get through and requests do not",
    ({ proxy }) => Effect.sync(() => void (proxy.toServer = "drop")),
    ({ proxy }) => Effect.sync(() => proxy.heal()),
    soon
  )
  recovers(
    "when connections are accepted and closed",
    ({ proxy }) =>
      Effect.sync(() => {
        proxy.accept = "close"
        proxy.kill()
      }),
    ({ proxy }) => Effect.sync(() => proxy.heal()),
    soon
  )
  recovers(
    "when nobody listens",
    ({ proxy }) =>
      Effect.promise(async () => {
        await proxy.deafen()
        proxy.kill()
      }),
    ({ proxy }) => Effect.promise(() => proxy.listen()),
    soon
  )
})

describe.skipIf(missing.binary)("a deaf subscriber is noticed (S12)", () => {
  it.live("when pushes and answers stop coming, while calls are answered", () =>
    Effect.gen(function* () {
      const rig_ = yield* rig
      const listener = yield* listen(rig_)
      rig_.proxy.roles = new Set(["subscriber"])
      rig_.proxy.toClient = "drop"
      const [, ms] = yield* took(
        eventually(Effect.sync(() => expect(listener.losses).toEqual([rig_.channel])))
      )
      expect(ms).toBeLessThan(short.probeInterval + short.probeDeadline + 150)
      yield* rig_.increment
      rig_.proxy.heal()
      yield* works(rig_, listener, soon)
    })
  )

  it.live("when it answers, but its subscription is gone", () =>
    Effect.gen(function* () {
      const rig_ = yield* rig
      const listener = yield* listen(rig_)
      // A middle box that opened another connection to the server in our name: it answers, and hears nothing.
      yield* Effect.promise(async () => {
        const lost = rig_.proxy.swapServer("subscriber")
        await lost
      })
      const [, ms] = yield* took(
        eventually(Effect.sync(() => expect(listener.losses).toEqual([rig_.channel])))
      )
      expect(ms).toBeLessThan(short.probeInterval + short.probeDeadline + 150)
      yield* works(rig_, listener, soon)
    })
  )
})

describe.skipIf(missing.binary)("outcomes are honest (A2)", () => {
  it.live("an answer that is cut off after the execution is Unknown, and counted once", () =>
    Effect.gen(function* () {
      const rig_ = yield* rig
      yield* rig_.increment
      const cut = rig_.proxy.cutAnswerTo(/evalsha/i)
      const error = yield* failure(rig_.increment)
      yield* Effect.promise(() => cut)
      expect([error.reason._tag, error.outcome]).toEqual(["ConnectionLost", "Unknown"])
      expect(yield* eventually(rig_.increment)).toBe(3)
    })
  )

  it.live("a write that comes out late is never seen after a newer one was answered", () =>
    Effect.gen(function* () {
      const rig_ = yield* rig
      const { connection, proxy } = rig_
      const key = `${rig_.client.prefix}:{t}:register`
      const write = (value: string, role: "command" | "beat" = "command") =>
        connection.call(set, { ...call, role, keys: { key }, args: { value } })
      yield* write("v0")
      yield* write("v0", "beat")
      proxy.toServer = "hold"
      proxy.roles = new Set(["command"])
      const error = yield* failure(write("v1"))
      expect([error.reason._tag, error.outcome]).toEqual(["TimedOut", "Unknown"])
      // Through another role at once, and through the same one once it is back.
      yield* write("v2", "beat")
      proxy.toServer = "pass"
      proxy.release()
      expect(yield* read(rig_.server, key)).toBe("v2")
      yield* eventually(write("v3"))
      expect(yield* read(rig_.server, key)).toBe("v3")
    })
  )

  it.live("what was refused was not applied, and what succeeded was, once", () =>
    Effect.gen(function* () {
      const rig_ = yield* rig
      const outcomes = { Success: 0, NotApplied: 0, Unknown: 0 }
      const worker = Effect.gen(function* () {
        const result = yield* Effect.result(rig_.increment)
        outcomes[Result.isSuccess(result) ? "Success" : result.failure.outcome]++
        yield* Effect.yieldNow
      })
      const workers = yield* Effect.forEach(Array.from({ length: 20 }), () =>
        Effect.forkChild(Effect.forever(worker))
      )
      for (let i = 0; i < 40; i++) {
        yield* Effect.sleep(15)
        if (i % 4 === 0) rig_.proxy.accept = "close"
        rig_.proxy.kill()
        if (i % 4 === 1) rig_.proxy.accept = "pass"
      }
      rig_.proxy.heal()
      yield* Effect.forEach(workers, Fiber.interrupt)
      const count = yield* counted(rig_)
      expect(outcomes.NotApplied).toBeGreaterThan(0)
      expect(outcomes.Unknown).toBeGreaterThan(0)
      expect(count).toBeGreaterThanOrEqual(outcomes.Success)
      // Interrupted ones may have been applied, too.
      expect(count).toBeLessThanOrEqual(outcomes.Success + outcomes.Unknown + workers.length)
    })
  )

  it.live("what is interrupted before it was written is never sent", () =>
    Effect.gen(function* () {
      const rig_ = yield* rig
      yield* rig_.increment
      rig_.proxy.kill()
      yield* eventually(Effect.sync(() => expect(rig_.logs.length).toBeGreaterThan(0)))
      const fiber = yield* Effect.forkChild(rig_.increment, { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      expect(yield* eventually(rig_.increment)).toBe(2)
    })
  )
})

const read = (server: Server, key: string) =>
  Effect.scoped(
    Effect.flatMap(open({ url: server.url }), ({ client }) => client.use("get", (redis) => redis.get(key)))
  )

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

describe.skipIf(missing.binary)("closing ends everything (A4)", () => {
  const states: ReadonlyArray<readonly [string, (rig: Rig) => void]> = [
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
        const rig_ = yield* rig
        const handles = process.getActiveResourcesInfo().filter((name) => name !== "TCPSocketWrap").length
        const { client, connection } = yield* Scope.provide(open({ url: rig_.proxy.url, commandTimeout }), scope)
        const one = { ...call, keys: { counter: `${client.prefix}:{t}:n` }, args: {} }
        yield* connection.call(increment, { ...one, role: "beat" })
        const link = yield* Scope.provide(connection.link("Test", ear()), scope)
        yield* link.subscribe([rig_.channel])
        fault(rig_)
        const pending = yield* Effect.forkChild(Effect.exit(connection.call(increment, one)), {
          startImmediately: true
        })
        const [, ms] = yield* took(Scope.close(scope, Exit.void))
        expect(ms).toBeLessThan(1_000)
        yield* Fiber.join(pending)
        const after = yield* failure(connection.call(increment, one))
        expect([after.reason._tag, after.outcome]).toEqual(["Closed", "NotApplied"])
        rig_.server.signal("SIGCONT")
        yield* eventually(
          Effect.sync(() => {
            const now = process.getActiveResourcesInfo().filter((name) => name !== "TCPSocketWrap").length
            expect(now).toBeLessThanOrEqual(handles + 1)
          })
        )
      })
    )
  }
})
