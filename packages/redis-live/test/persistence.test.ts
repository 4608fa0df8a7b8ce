/** `RedisClient.layerPersistence`: effect's `Redis` service, its commands, scripts, reserved connections, channels. */
import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Redis from "effect/persistence/Redis"
import * as Scope from "effect/Scope"
import { inspect } from "node:util"
import { inject } from "vitest"
import { missing } from "../../../scripts/missing.ts"
import { maxWaiting } from "../src/internal/Persistence.ts"
import { maxInLine, maxReserved } from "../src/internal/Pool.ts"
import * as RedisClient from "../src/RedisClient.ts"
import { eventually, took } from "./support/client.ts"
import { connections, reason, served, tell } from "./support/persistence.ts"

/** Of a call that is to be answered, by a server that may have to wait for its turn on the machine. */
const patience = 2_000
/** A1, and some turns of the event loop. */
const settleWithin = patience * 1.1 + 300

const add = Redis.script((key: string, n: number) => [key, n], {
  numberOfKeys: 1,
  lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])"
}).withReturnType<number>()

const nowhere = ["SUBSCRIBE", "subscribe", "MONITOR", "HELLO", "AUTH", "RESET", "QUIT"]
const shared: ReadonlyArray<readonly [string, ...Array<string>]> = [
  ["BLPOP", "l", "0"],
  ["blmpop", "0", "1", "l", "LEFT"],
  ["XREAD", "COUNT", "1", "BLOCK", "0", "STREAMS", "s", "$"],
  ["WAIT", "1", "0"],
  ["MULTI"],
  ["WATCH", "k"],
  ["SELECT", "1"],
  ["CLIENT", "TRACKING", "ON"],
  ["CLIENT", "setname", "me"]
]

describe.skipIf(missing.binary)("commands and scripts", () => {
  it.live("go over the shared connection; building sends nothing and opens nothing", () =>
    Effect.gen(function* () {
      const { redis, server } = yield* served({}, patience)
      for (const role of ["reserved", "listener"]) expect(yield* connections(server, role)).toBe(0)
      expect(yield* redis.send("SET", "k", "日本")).toBe("OK")
      expect(yield* redis.send("get", "k")).toBe("日本")
      expect(yield* redis.send("XREAD", "STREAMS", "block", "0")).toBe(null)
      // A script that the server has forgotten is sent again.
      expect(yield* redis.eval(add)("n", 2)).toBe(2)
      yield* tell(server, "SCRIPT", "FLUSH")
      expect(yield* redis.eval(add)("n", 3)).toBe(5)
      expect(yield* redis.eval(add)("n", 3)).toBe(8)
      expect(yield* connections(server, "command")).toBe(1)
    })
  )

  it.live("that hold or change the connection are refused before they are sent", () =>
    Effect.gen(function* () {
      const { redis, server } = yield* served({}, patience)
      yield* redis.send("PING")
      yield* tell(server, "CONFIG", "RESETSTAT")
      for (const [name, ...args] of shared) {
        expect([name, ...(yield* reason(redis.send(name, ...args)))]).toEqual([name, "Misconfigured", "NotApplied"])
      }
      const own = yield* redis.reserve
      for (const name of nowhere) {
        expect(yield* reason(redis.send(name, "a"))).toEqual(["Misconfigured", "NotApplied"])
        expect(yield* reason(own.send(name, "a"))).toEqual(["Misconfigured", "NotApplied"])
      }
      const stats = String(yield* tell(server, "INFO", "commandstats"))
      expect(stats).not.toMatch(/cmdstat_(blpop|blmpop|multi|watch|select|subscribe|monitor|wait|xread|reset)/)
      expect(yield* redis.send("PING")).toBe("PONG")
    })
  )

  it.live("fail with what happened, and show neither payload nor password", () =>
    Effect.gen(function* () {
      const { redis, server } = yield* served({}, patience)
      yield* redis.send("SET", "k", "v")
      const error = yield* Effect.flip(redis.send("LPUSH", "k", "secret-payload"))
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("secret-payload")
      expect(yield* reason(redis.send("NOSUCHCOMMAND"))).toEqual(["Misconfigured", "NotApplied"])
      yield* tell(server, "CONFIG", "SET", "maxmemory", "1")
      expect(yield* reason(redis.send("SET", "k", "v"))).toEqual(["CapacityExceeded", "NotApplied"])
      expect((yield* reason(redis.eval(add)("n", 1)))[0]).toBe("CapacityExceeded")
      expect(yield* redis.send("GET", "k")).toBe("v")
    })
  )
})

describe.skipIf(missing.binary)("a reserved connection", () => {
  it.live("blocks for itself alone and longer than a call may take; it comes back to the pool", () =>
    Effect.gen(function* () {
      const { redis, server } = yield* served({ reservedIdle: 3_000 }, patience)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const own = yield* redis.reserve
          const waiting = yield* Effect.forkChild(own.send("BLPOP", "l", "0"), { startImmediately: true })
          yield* Effect.sleep(patience * 1.5)
          yield* redis.send("RPUSH", "l", "x")
          expect(yield* Fiber.join(waiting)).toEqual(["l", "x"])
          expect(yield* own.send("BLPOP", "l", "0.05")).toBe(null)
          expect(yield* own.eval(add)("n", 2)).toBe(2)
        })
      )
      expect(yield* connections(server, "reserved")).toBe(1)
      const first = yield* Effect.scoped(Effect.flatMap(redis.reserve, ({ send }) => send("CLIENT", "ID")))
      const second = yield* Effect.scoped(Effect.flatMap(redis.reserve, ({ send }) => send("CLIENT", "ID")))
      expect(second).toBe(first)
      yield* eventually(Effect.map(connections(server, "reserved"), (open) => expect(open).toBe(0)))
    })
  )

  const dirty: ReadonlyArray<readonly [string, (own: Redis.Connection) => Effect.Effect<unknown, Redis.RedisError>]> = [
    ["inside MULTI", ({ send }) => send("MULTI")],
    ["WATCHing", ({ send }) => send("WATCH", "k")],
    ["in another database", ({ send }) => send("SELECT", "3")],
    ["named otherwise", ({ send }) => send("CLIENT", "SETNAME", "x")],
    ["on which a command failed", ({ send }) => Effect.ignore(send("NOSUCHCOMMAND"))],
    [
      "on which a command is under way",
      ({ send }) => Effect.forkDetach(send("BLPOP", "l", "0"), { startImmediately: true })
    ]
  ]
  for (const [state, dirtied] of dirty) {
    it.live(`${state} is not given on`, () =>
      Effect.gen(function* () {
        const { redis, server } = yield* served({}, patience)
        const id = yield* Effect.scoped(
          Effect.gen(function* () {
            const own = yield* redis.reserve
            const id = yield* own.send("CLIENT", "ID")
            yield* dirtied(own)
            return id
          })
        )
        const next = yield* redis.reserve
        expect(yield* next.send("CLIENT", "ID")).not.toBe(id)
        expect(yield* next.send("SET", "k", "v")).toBe("OK")
        expect(yield* redis.send("GET", "k")).toBe("v")
        yield* eventually(Effect.map(connections(server, "reserved"), (open) => expect(open).toBe(1)))
      })
    )
  }

  it.live("that has ended its transaction is", () =>
    Effect.gen(function* () {
      const { redis } = yield* served({ reservedIdle: 60_000 }, patience)
      const id = Effect.scoped(
        Effect.gen(function* () {
          const own = yield* redis.reserve
          yield* own.send("WATCH", "n")
          yield* own.send("MULTI")
          expect(yield* own.eval(add)("n", 1)).toBe("QUEUED")
          expect(yield* own.send("EXEC")).toHaveLength(1)
          return yield* own.send("CLIENT", "ID")
        })
      )
      expect(yield* id).toBe(yield* id)
    })
  )

  it.live("that dies fails its user, whose next one works", () =>
    Effect.gen(function* () {
      const { proxy, redis } = yield* served({}, patience)
      const own = yield* redis.reserve
      const waiting = yield* Effect.forkChild(reason(own.send("BLPOP", "l", "0")), { startImmediately: true })
      yield* Effect.sleep(50)
      proxy.kill("reserved")
      expect(yield* Fiber.join(waiting)).toEqual(["ConnectionLost", "Unknown"])
      expect(yield* reason(own.send("PING"))).toEqual(["Unavailable", "NotApplied"])
      const next = yield* redis.reserve
      proxy.silence("reserved")
      const [late, , awake] = yield* took(reason(next.send("BLPOP", "l", "0.2")))
      expect(late).toEqual(["TimedOut", "Unknown"])
      expect(awake).toBeLessThan(settleWithin + 200)
      expect(yield* Effect.flatMap(redis.reserve, ({ send }) => send("PING"))).toBe("PONG")
    })
  )

  it.live(
    `is one of ${maxReserved}; ${maxInLine} wait for one in order, one more is refused, and none waits for ever`,
    () =>
      Effect.gen(function* () {
        const { redis, server } = yield* served({}, patience)
        const scope = yield* Scope.make()
        const held = Array.from({ length: maxReserved }, () => Scope.provide(redis.reserve, scope))
        const connected = yield* Effect.all(held, { concurrency: maxReserved })
        yield* Effect.forEach(connected, ({ send }) => send("PING"))
        expect(yield* connections(server, "reserved")).toBe(maxReserved)
        const [late, ms, awake] = yield* took(reason(redis.reserve))
        expect(late).toEqual(["CapacityExceeded", "NotApplied"])
        expect(ms).toBeGreaterThan(patience * 0.9)
        expect(awake).toBeLessThan(settleWithin)
        const served_: Array<number> = []
        const line = yield* Effect.forEach(
          Array.from({ length: maxInLine }, (_, i) => i),
          (i) =>
            Effect.forkChild(
              Effect.scoped(
                Effect.andThen(
                  redis.reserve,
                  Effect.sync(() => void served_.push(i))
                )
              ),
              { startImmediately: true }
            )
        )
        expect(yield* reason(redis.reserve)).toEqual(["CapacityExceeded", "NotApplied"])
        // Who gives up makes room, in the line and, where it was given one meanwhile, in the pool.
        yield* Effect.forEach(line.slice(0, 2), Fiber.interrupt)
        yield* Scope.close(scope, Exit.void)
        yield* Effect.forEach(line.slice(2), Fiber.join)
        expect(served_).toEqual(Array.from({ length: maxInLine - 2 }, (_, i) => i + 2))
        expect(yield* connections(server, "reserved")).toBeLessThanOrEqual(maxReserved)
      })
  )

  it.live("whose reserving is interrupted at any moment leaves nothing taken", () =>
    Effect.gen(function* () {
      const { redis, server } = yield* served({}, patience)
      for (let round = 0; round < 60; round++) {
        const fiber = yield* Effect.forkChild(Effect.scoped(Effect.andThen(redis.reserve, Effect.never)), {
          startImmediately: true
        })
        for (let turn = 0; turn < round % 12; turn++)
          yield* Effect.promise(() => new Promise((next) => setImmediate(next)))
        yield* Fiber.interrupt(fiber)
      }
      yield* Effect.forEach(Array.from({ length: maxReserved }), () => redis.reserve, { concurrency: maxReserved })
      yield* eventually(Effect.map(connections(server, "reserved"), (open) => expect(open).toBe(maxReserved)))
    })
  )
})

describe.skipIf(missing.binary)("plain channels", () => {
  it.live("are subscribed to once for all subscribers, and left after the last", () =>
    Effect.gen(function* () {
      const rig = yield* served({}, patience)
      const { redis, server } = rig
      const one = yield* Scope.make()
      const first = yield* Scope.provide(redis.subscribe("c"), one)
      const second = yield* redis.subscribe("c")
      const count = Effect.map(tell(server, "PUBSUB", "NUMSUB", "c"), (reply) => expect(reply).toBe("c,1"))
      yield* count
      yield* redis.send("PUBLISH", "c", "x")
      for (const queue of [first, second]) expect(yield* Queue.take(queue)).toEqual({ channel: "c", message: "x" })
      yield* Scope.close(one, Exit.void)
      yield* count
      yield* redis.send("PUBLISH", "c", "y")
      expect((yield* Queue.take(second)).message).toBe("y")
      yield* Effect.scoped(redis.subscribe("d"))
      yield* eventually(Effect.map(tell(server, "PUBSUB", "CHANNELS", "*"), (channels) => expect(channels).toBe("c")))
      for (let i = 0; i < 50; i++) yield* Effect.forkChild(Effect.scoped(redis.subscribe("d")))
      const again = yield* redis.subscribe("d")
      yield* redis.send("PUBLISH", "d", "z")
      expect((yield* Queue.take(again)).message).toBe("z")
      expect(yield* connections(server, "listener")).toBe(1)
    })
  )

  it.live("are heard again after their connection is lost, cut, silent or the server was away", () =>
    Effect.gen(function* () {
      const { proxy, redis, server } = yield* served({}, patience)
      const queue = yield* redis.subscribe("c")
      const hears = (word: string) =>
        eventually(
          Effect.gen(function* () {
            yield* redis.send("PUBLISH", "c", word)
            const all = yield* Effect.timeout(Queue.takeAll(queue), 50)
            expect(all.at(-1)?.message).toBe(word)
          })
        )
      yield* hears("first")
      proxy.kill("listener")
      yield* hears("lost")
      proxy.silence("listener")
      yield* hears("silent")
      yield* Effect.promise(() => proxy.swapServer("listener"))
      yield* hears("forgotten")
      yield* Effect.promise(() => server.kill())
      yield* Effect.sleep(300)
      yield* Effect.promise(() => server.restart())
      yield* hears("restarted")
    })
  )

  it.live("fail their queue where they cannot be subscribed to, or it is not taken from", () =>
    Effect.gen(function* () {
      const { redis, server } = yield* served({}, patience)
      const slow = yield* redis.subscribe("c")
      for (let i = 0; i < maxWaiting; i += 512) {
        yield* Effect.all(
          Array.from({ length: 512 }, () => redis.send("PUBLISH", "c", "x")),
          { concurrency: 512 }
        )
      }
      yield* eventually(Effect.sync(() => expect(Queue.sizeUnsafe(slow)).toBe(maxWaiting)))
      yield* redis.send("PUBLISH", "c", "one more")
      yield* eventually(Effect.map(tell(server, "PUBSUB", "CHANNELS", "*"), (open) => expect(open).toBe("")))
      for (let i = 0; i < maxWaiting; i++) yield* Queue.take(slow)
      expect(yield* reason(Queue.take(slow))).toEqual(["CapacityExceeded", "NotApplied"])
      yield* Effect.promise(() => server.kill())
      yield* eventually(
        Effect.gen(function* () {
          const [queue, , awake] = yield* took(redis.subscribe("c"))
          expect(awake).toBeLessThan(settleWithin)
          expect(yield* reason(Queue.take(queue))).toEqual(["Unavailable", "NotApplied"])
        })
      )
    })
  )
})

describe.skipIf(missing.binary)("the layer", () => {
  it.live("closes under load: every call ends, no connection is left", () =>
    Effect.gen(function* () {
      // Who waits in line gives up later than all this takes.
      const { client, server } = yield* served({}, 60_000)
      const scope = yield* Scope.make()
      const context = yield* Scope.provide(
        Layer.build(Layer.provide(RedisClient.layerPersistence, Layer.succeed(RedisClient.RedisClient, client))),
        scope
      )
      const use = Effect.provide(
        Effect.gen(function* () {
          const { send } = yield* (yield* Redis.Redis).reserve
          return yield* send("BLPOP", "l", "0")
        }),
        context
      )
      const fibers = yield* Effect.forEach(Array.from({ length: maxReserved + 5 }), () =>
        Effect.forkChild(reason(Effect.scoped(use)), { startImmediately: true })
      )
      yield* eventually(Effect.map(connections(server, "reserved"), (open) => expect(open).toBe(maxReserved)))
      server.signal("SIGSTOP")
      const [, ms] = yield* took(Scope.close(scope, Exit.void))
      expect(ms).toBeLessThan(5_000)
      for (const [tag] of yield* Effect.forEach(fibers, Fiber.join)) expect(tag).toBe("Closed")
      expect(yield* reason(Effect.scoped(use))).toEqual(["Closed", "NotApplied"])
      server.signal("SIGCONT")
      yield* eventually(Effect.map(connections(server, "reserved"), (open) => expect(open).toBe(0)))
    })
  )
})

const cluster = inject("redisCluster")

describe.skipIf(cluster === undefined)("on a cluster", () => {
  it.live("it dies with Misconfigured when it is built", () =>
    Effect.gen(function* () {
      const exit = yield* RedisClient.layerPersistence.pipe(
        Layer.provide(RedisClient.layer({ cluster: cluster ?? [] })),
        Layer.build,
        Effect.exit
      )
      const defect = Exit.isFailure(exit) ? exit.cause.reasons.find(Cause.isDieReason)?.defect : undefined
      expect(defect).toMatchObject({ _tag: "BackendError", outcome: "NotApplied", reason: { _tag: "Misconfigured" } })
      expect(Option.isNone(Exit.getSuccess(exit))).toBe(true)
    })
  )
})
