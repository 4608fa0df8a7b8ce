/**
 * RedisClient through faults on real servers and a proxy: A1 (settles in time), A2 (honest outcomes), A3 (works again),
 * with short intervals; at the end with those of production.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import { missing } from "../../../scripts/missing.ts"
import type { Server } from "../../../scripts/redis.ts"
import * as Timing from "../src/internal/Timing.ts"
import { call, eventually, failure, open, set, short, took } from "./support/client.ts"
import { busyMs, counted, listen, rig, rigged, type Rig, settleWithin, works, commandTimeout } from "./support/rig.ts"

const nothing = () => Effect.void

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
      yield* works(rig_, listener, 10_000)
      yield* fault(rig_)
      // While it lasts every call settles in time, and none succeeds more often than the server counts.
      const outcomes: Array<string> = []
      let longest = 0
      const worker = Effect.gen(function* () {
        const [result, , awake] = yield* took(Effect.result(rig_.increment))
        longest = Math.max(longest, awake)
        outcomes.push(Result.isSuccess(result) ? "Success" : result.failure.outcome)
        yield* Effect.sleep(5)
      })
      const fibers = yield* Effect.forEach([1, 2, 3, 4], () =>
        Effect.forkChild(Effect.forever(worker), { startImmediately: true })
      )
      yield* eventually(Effect.sync(() => expect(outcomes.length).toBeGreaterThan(8)))
      yield* Effect.sleep(commandTimeout * 2)
      yield* heal(rig_)
      const [, ms] = yield* took(works(rig_, listener, withinMs + busyMs))
      yield* Effect.forEach(fibers, Fiber.interrupt)
      expect(ms).toBeLessThan(withinMs + busyMs)
      expect(longest).toBeLessThan(settleWithin)
    })
  )

/** With the intervals of these tests. */
const soon = 2_500

/** Of a call that is to be answered, by a server that may have to wait for its turn on the machine. */
const patient = 2_000

describe.skipIf(missing.binary)("a client recovers (A1, A3)", { timeout: 60_000 }, () => {
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

describe.skipIf(missing.binary)("a server that is away", () => {
  it.live("is told at once, with the time until the next attempt", () =>
    Effect.gen(function* () {
      const rig_ = yield* rigged({ backoffBase: 60_000, backoffCap: 60_000 }, patient)
      yield* rig_.increment
      yield* Effect.promise(() => rig_.proxy.deafen())
      // The first attempt after a loss is waited for: it is made at once here, for it is another role's first.
      const error = yield* failure(rig_.beat)
      expect([error.reason._tag, error.outcome, error.retryAfter]).toEqual(["Unavailable", "NotApplied", undefined])
      const [again, ms] = yield* took(failure(rig_.beat))
      expect([again.reason._tag, again.outcome]).toEqual(["Unavailable", "NotApplied"])
      expect(again.retryAfter).toBeDefined()
      expect(ms).toBeLessThan(patient / 2)
      yield* Effect.promise(() => rig_.proxy.listen())
    })
  )
})

describe.skipIf(missing.binary)("a deaf subscriber is noticed (S12)", () => {
  it.live("when pushes and answers stop coming, while calls are answered", () =>
    Effect.gen(function* () {
      const rig_ = yield* rig
      const listener = yield* listen(rig_)
      rig_.proxy.roles = new Set(["subscriber"])
      rig_.proxy.toClient = "drop"
      const [, ms] = yield* took(eventually(Effect.sync(() => expect(listener.losses).toEqual([rig_.channel]))))
      expect(ms).toBeLessThan(short.probeInterval + short.probeDeadline + busyMs)
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
      const [, ms] = yield* took(eventually(Effect.sync(() => expect(listener.losses).toEqual([rig_.channel]))))
      expect(ms).toBeLessThan(short.probeInterval + short.probeDeadline + busyMs)
      yield* works(rig_, listener, soon)
    })
  )
})

describe.skipIf(missing.binary)("outcomes are honest (A2)", () => {
  it.live("an answer that is cut off after the execution is Unknown, and counted once", () =>
    Effect.gen(function* () {
      const rig_ = yield* rigged({}, patient)
      yield* rig_.increment
      const cut = rig_.proxy.cutAnswerTo(/evalsha/i)
      const error = yield* failure(rig_.increment)
      yield* Effect.promise(() => cut)
      expect([error.reason._tag, error.outcome]).toEqual(["ConnectionLost", "Unknown"])
      expect(yield* eventually(rig_.increment)).toBe(3)
    })
  )

  it.live("an answer that nobody asked for ends the connection, and is nobody's answer", () =>
    Effect.gen(function* () {
      const rig_ = yield* rigged({}, patient)
      yield* rig_.increment
      const accepted = rig_.proxy.accepted
      rig_.proxy.inject("command", ":999\r\n")
      yield* eventually(Effect.sync(() => expect(rig_.proxy.accepted).toBe(accepted + 1)))
      expect(yield* eventually(rig_.increment)).toBe(2)
    })
  )

  it.live("a write that comes out late is never seen after a newer one was answered", () =>
    Effect.gen(function* () {
      const rig_ = yield* rigged({}, patient)
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
      const rig_ = yield* rigged({}, patient)
      const outcomes = { Success: 0, NotApplied: 0, Unknown: 0 }
      const worker = Effect.gen(function* () {
        const result = yield* Effect.result(rig_.increment)
        outcomes[Result.isSuccess(result) ? "Success" : result.failure.outcome]++
        yield* Effect.yieldNow
      })
      const workers = yield* Effect.forEach(Array.from({ length: 20 }), () => Effect.forkChild(Effect.forever(worker)))
      // Until some were refused and some were cut off.
      const late = performance.now() + 15_000
      const unmet = () => outcomes.NotApplied === 0 || outcomes.Unknown === 0
      for (let i = 0; i < 40 || (unmet() && performance.now() < late); i++) {
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
      const rig_ = yield* rigged({}, patient)
      yield* rig_.increment
      // The connection opens, and is not open: what is asked now waits for it.
      rig_.proxy.toClient = "hold"
      rig_.proxy.kill()
      yield* eventually(Effect.sync(() => expect(rig_.logs.length).toBeGreaterThan(0)))
      const fiber = yield* Effect.forkChild(rig_.increment, { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      rig_.proxy.heal()
      expect(yield* eventually(rig_.increment)).toBe(2)
    })
  )
})

const read = (server: Server, key: string) =>
  Effect.scoped(Effect.flatMap(open({ url: server.url }), ({ client }) => client.use("get", (redis) => redis.get(key))))

describe.skipIf(missing.binary)("with the intervals of production (A3)", { timeout: 60_000 }, () => {
  it.live("everything works 2.5 s after the server's return", () =>
    Effect.gen(function* () {
      const rig_ = yield* rigged(Timing.defaults)
      const listener = yield* listen(rig_)
      yield* works(rig_, listener, 10_000)
      yield* Effect.promise(() => rig_.server.kill())
      // Long enough for the pauses to grow as long as they get.
      yield* Effect.sleep(5_000)
      yield* Effect.promise(() => rig_.server.restart())
      const [, ms] = yield* took(works(rig_, listener, 10_000))
      expect(ms).toBeLessThan(2_500 + busyMs)
    })
  )

  it.live("everything works 5 s after packets were dropped, and a deaf subscriber is noticed within 10 s (S12)", () =>
    Effect.gen(function* () {
      const rig_ = yield* rigged(Timing.defaults)
      const listener = yield* listen(rig_)
      yield* works(rig_, listener, 10_000)
      const { proxy } = rig_
      proxy.toServer = proxy.toClient = "drop"
      proxy.accept = "ignore"
      const noticed = Effect.sync(() => expect(listener.losses.length).toBe(1))
      const [, ms] = yield* took(eventually(noticed, 20_000))
      expect(ms).toBeLessThan(10_000 + busyMs)
      yield* Effect.sleep(2_000)
      proxy.heal()
      const [, again] = yield* took(works(rig_, listener, 10_000))
      expect(again).toBeLessThan(5_000 + busyMs)
    })
  )
})
