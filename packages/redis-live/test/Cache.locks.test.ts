/** Locks on the real clock: among processes that are killed, stopped and asked to end, and on servers that are full. */
import { afterEach, describe, expect, it } from "@effect/vitest"
import * as Cache from "@troupe/core/Cache"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import * as path from "node:path"
import * as readline from "node:readline"
import { inject } from "vitest"
import { missing } from "../../../scripts/missing.ts"
import { type Server, startServer } from "../../../scripts/redis.ts"
import { until, withRedis } from "../../../scripts/redis/ask.ts"
import * as Keys from "../src/internal/Keys.ts"
import * as RedisCache from "../src/RedisCache.ts"
import * as RedisClient from "../src/RedisClient.ts"
import { eventually } from "./support/client.ts"

const url = inject("redisUrl") ?? ""
const timeToLive = 3_000
/** What a machine on which many tests run at once adds, ms. */
const busyMs = 3_000
const children = new Set<ChildProcess>()
let used = 0

interface Told {
  readonly what: string
  readonly at: number
  readonly fence?: string
  readonly how?: string
}

class Locker {
  readonly told: Array<Told> = []
  readonly process: ChildProcess

  constructor(prefix: string, name: string, timeToLive: number) {
    const program = path.join(import.meta.dirname, "support", "locker.ts")
    this.process = spawn(process.execPath, [program, url, prefix, name, `${timeToLive}`], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    children.add(this.process)
    readline.createInterface({ input: this.process.stdout! }).on("line", (line) => {
      this.told.push({ ...JSON.parse(line), at: performance.now() })
    })
  }

  async says(what: string): Promise<Told> {
    const end = performance.now() + 60_000
    while (performance.now() < end) {
      const found = this.told.find((told) => told.what === what)
      if (found !== undefined) return found
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    throw new Error(`nobody said "${what}": ${JSON.stringify(this.told)}`)
  }

  signal(signal: NodeJS.Signals): number {
    this.process.kill(signal)
    return performance.now()
  }
}

/** What the server keeps of a lock: for how long it is held from now on, ms, and whether somebody else has asked for it. */
const kept = (at: string, prefix: string, lock: string) =>
  withRedis(at, async (redis) => {
    const names = Keys.cache(Keys.prefix(prefix, 0), 1)
    const [seconds = 0, micros = 0] = await redis.time()
    const text = await redis.hget(`${names.locks(names.partOf(lock))}:held`, lock)
    if (text === null) throw new Error(`nobody holds ${lock}`)
    const ends = Number(text.slice(0, 16))
    return { ends, leftMs: ends - Number(seconds) * 1_000 - Number(micros) / 1_000, isAwaited: text[16] === "1" }
  })

/** One that holds the lock, one that was refused and waits for it. */
const two = async (timeToLiveMs = timeToLive) => {
  const prefix = `${inject("redisPrefix")}-locks-${(used += 1)}`
  const holder = new Locker(prefix, "first", timeToLiveMs)
  await holder.says("holds")
  const other = new Locker(prefix, "second", timeToLiveMs)
  await until("the other waits", async () => (await kept(url, prefix, "nightly")).isAwaited, 60_000)
  return { holder, other, prefix }
}

afterEach(() => {
  for (const child of children) child.kill("SIGKILL")
  children.clear()
})

describe.skipIf(missing.redis)("a lock among processes", { timeout: 180_000 }, () => {
  it("C12 one that is killed is followed when its time is over, and not before", async () => {
    const { holder, other, prefix } = await two()
    await new Promise((resolve) => setTimeout(resolve, timeToLive * 1.5))
    expect(other.told.map(({ what }) => what)).toEqual(["there"])
    const killed = holder.signal("SIGKILL")
    // How long ago the last renewal was the server knows; it counts whole ms.
    const { leftMs } = await kept(url, prefix, "nightly")
    const holds = await other.says("holds")
    expect(holds.at - killed).toBeGreaterThan(leftMs - 2)
    expect(holds.at - killed).toBeLessThan(timeToLive + busyMs)
    expect(BigInt(holds.fence!)).toBeGreaterThan(BigInt(holder.told.find(({ what }) => what === "holds")!.fence!))
  })

  it("C12 P6 one that is stopped past its time and woken stops with its first turn, with the lower fence", async () => {
    const { holder, other } = await two()
    const first = await holder.says("holds")
    const stopped = holder.signal("SIGSTOP")
    const holds = await other.says("holds")
    expect(holds.at - stopped).toBeLessThan(timeToLive + busyMs)
    await new Promise((resolve) => setTimeout(resolve, 500))
    const woken = holder.signal("SIGCONT")
    expect((await holder.says("stops")).at - woken).toBeLessThan(busyMs)
    expect((await holder.says("ended")).how).toBe("LockLost")
    expect(BigInt(first.fence!)).toBeLessThan(BigInt(holds.fence!))
    await new Promise((resolve) => setTimeout(resolve, timeToLive))
    expect(other.told.some(({ what }) => what === "stops")).toBe(false)
  })

  it("C12 one that is asked to end is followed at once", async () => {
    // Its time is not over for long.
    const { holder, other } = await two(60_000)
    const asked = holder.signal("SIGTERM")
    expect((await other.says("holds")).at - asked).toBeLessThan(1_000 + busyMs)
  })
})

const peer = (server: { readonly url: string }, prefix: string) =>
  Effect.map(
    Layer.build(Layer.fresh(Layer.provide(RedisCache.layer(), RedisClient.layer({ url: server.url, prefix })))),
    (context) => Context.get(context, Cache.Cache)
  )
const serve = (...args: ReadonlyArray<string>): Effect.Effect<Server, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(() => startServer({ args })),
    (server) => Effect.promise(() => server.stop())
  )
const Blobs = Cache.region("blobs", { value: Schema.String, key: Schema.Int, timeToLive: "1 hour" })

describe.skipIf(missing.binary)("a lock on a full server", { timeout: 120_000 }, () => {
  it.live("C12 D1 values are evicted, and a held lock is not", () =>
    Effect.gen(function* () {
      const server = yield* serve("--maxmemory", "4mb", "--maxmemory-policy", "volatile-lru")
      const [a, b] = [yield* peer(server, "full"), yield* peer(server, "full")]
      const isHeld = yield* Deferred.make<void>()
      const body = Effect.andThen(Deferred.succeed(isHeld, undefined), Effect.never)
      const call = yield* Effect.forkScoped(a.withLock("lock", { timeToLive: "1 hour" })(body))
      yield* Deferred.await(isHeld)
      yield* Effect.forEach(
        Array.from({ length: 1_000 }, (_, i) => i),
        (i) => b.set(Blobs, i, "x".repeat(10_000)),
        { concurrency: 16, discard: true }
      )
      const evicted = yield* Effect.promise(() => withRedis(server.url, (redis) => redis.info("stats")))
      expect(Number(/evicted_keys:(\d+)/.exec(evicted)?.[1])).toBeGreaterThan(100)
      expect((yield* Effect.flip(b.withLock("lock", { wait: 0 })(Effect.void)))._tag).toBe("LockTimeout")
      yield* Fiber.interrupt(call)
      yield* b.withLock("lock", { wait: 0 })(Effect.void)
    }).pipe(Effect.scoped)
  )

  it.live("C12 T17 what is held is renewed and given back, and what is asked for is refused", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const limit = (bytes: string) =>
        Effect.promise(() => withRedis(server.url, (redis) => redis.config("SET", "maxmemory", bytes)))
      const [a, b] = [yield* peer(server, "full"), yield* peer(server, "full")]
      const isHeld = yield* Deferred.make<void>()
      const end = yield* Deferred.make<void>()
      const body = Effect.andThen(Deferred.succeed(isHeld, undefined), Deferred.await(end))
      const call = yield* Effect.forkScoped(a.withLock("lock", { timeToLive: "4 seconds" })(body))
      yield* Deferred.await(isHeld)
      yield* limit("100kb")
      const refused = yield* Effect.flip(b.withLock("other")(Effect.void))
      expect(refused._tag === "BackendError" && refused.reason._tag).toBe("CapacityExceeded")
      // Renewed twice.
      const ends = new Set<number>()
      yield* eventually(
        Effect.gen(function* () {
          ends.add((yield* Effect.promise(() => kept(server.url, "full", "lock"))).ends)
          expect(ends.size).toBe(3)
        })
      )
      yield* Deferred.succeed(end, undefined)
      yield* Fiber.join(call)
      yield* limit("0")
      yield* b.withLock("lock", { wait: 0 })(Effect.void)
    }).pipe(Effect.scoped)
  )
})

describe.skipIf(missing.redis)("a lock that all want", { timeout: 120_000 }, () => {
  it.live("C12 whoever takes it again and again leaves it to others in between", () =>
    Effect.gen(function* () {
      const prefix = `${inject("redisPrefix")}-locks-${(used += 1)}`
      const [a, b] = [yield* peer({ url }, prefix), yield* peer({ url }, prefix)]
      let taken = 0
      const greedy = a.withLock("lock")(
        Effect.andThen(
          Effect.sleep("1 millis"),
          Effect.sync(() => (taken += 1))
        )
      )
      yield* Effect.forkScoped(Effect.forever(greedy))
      yield* Effect.forkScoped(Effect.forever(greedy))
      yield* eventually(Effect.sync(() => expect(taken).toBeGreaterThan(20)))
      const before = taken
      for (let i = 0; i < 20; i++) yield* b.withLock("lock", { wait: "20 seconds" })(Effect.void)
      expect(taken).toBeGreaterThan(before)
      // As often as somebody slow misses its turn; without leaving it, it would be many times as often.
      expect(taken - before).toBeLessThan(20 * 50)
    }).pipe(Effect.scoped)
  )
})
