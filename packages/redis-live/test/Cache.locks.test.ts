/** Locks on the real clock: among processes that are killed, stopped and asked to end, and on servers that are full. */
import { afterEach, describe, expect, it } from "@effect/vitest"
import * as Cache from "@troupe/core/Cache"
import * as Context from "effect/Context"
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
import { withRedis } from "../../../scripts/redis/ask.ts"
import * as RedisCache from "../src/RedisCache.ts"
import * as RedisClient from "../src/RedisClient.ts"
import { eventually } from "./support/client.ts"

const url = inject("redisUrl") ?? ""
const timeToLive = 3_000
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

  constructor(prefix: string, name: string) {
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
    const end = performance.now() + 15_000
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

/** One that holds the lock, one that waits for it. */
const two = async (): Promise<readonly [holder: Locker, other: Locker]> => {
  const prefix = `${inject("redisPrefix")}-locks-${(used += 1)}`
  const holder = new Locker(prefix, "first")
  await holder.says("holds")
  const other = new Locker(prefix, "second")
  await other.says("there")
  return [holder, other]
}

afterEach(() => {
  for (const child of children) child.kill("SIGKILL")
  children.clear()
})

describe.skipIf(missing.redis)("a lock among processes", () => {
  it("C12 one that is killed is followed when its time is over, and not before", async () => {
    const [holder, other] = await two()
    await new Promise((resolve) => setTimeout(resolve, timeToLive * 1.5))
    expect(other.told.map(({ what }) => what)).toEqual(["there"])
    const killed = holder.signal("SIGKILL")
    const holds = await other.says("holds")
    // The last renewal was a third of it ago, at the most.
    expect(holds.at - killed).toBeGreaterThan(timeToLive * (2 / 3) - 300)
    expect(holds.at - killed).toBeLessThan(timeToLive + 500)
    expect(BigInt(holds.fence!)).toBeGreaterThan(BigInt(holder.told.find(({ what }) => what === "holds")!.fence!))
  })

  it("C12 P6 one that is stopped past its time and woken stops with its first turn, with the lower fence", async () => {
    const [holder, other] = await two()
    const first = await holder.says("holds")
    const stopped = holder.signal("SIGSTOP")
    const holds = await other.says("holds")
    expect(holds.at - stopped).toBeLessThan(timeToLive + 500)
    await new Promise((resolve) => setTimeout(resolve, 500))
    const woken = holder.signal("SIGCONT")
    expect((await holder.says("stops")).at - woken).toBeLessThan(1_000)
    expect((await holder.says("ended")).how).toBe("LockLost")
    expect(BigInt(first.fence!)).toBeLessThan(BigInt(holds.fence!))
    await new Promise((resolve) => setTimeout(resolve, timeToLive))
    expect(other.told.some(({ what }) => what === "stops")).toBe(false)
  })

  it("C12 one that is asked to end is followed at once", async () => {
    const [holder, other] = await two()
    // It has asked, and been refused.
    await new Promise((resolve) => setTimeout(resolve, 300))
    const asked = holder.signal("SIGTERM")
    expect((await other.says("holds")).at - asked).toBeLessThan(1_000)
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

describe.skipIf(missing.binary)("a lock on a full server", () => {
  it.live("C12 D1 values are evicted, and a held lock is not", () =>
    Effect.gen(function* () {
      const server = yield* serve("--maxmemory", "4mb", "--maxmemory-policy", "volatile-lru")
      const [a, b] = [yield* peer(server, "full"), yield* peer(server, "full")]
      const call = yield* Effect.forkScoped(a.withLock("lock", { timeToLive: "1 hour" })(Effect.never))
      yield* Effect.sleep("100 millis")
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
      const call = yield* Effect.forkScoped(a.withLock("lock", { timeToLive: "1 second" })(Effect.sleep("3 seconds")))
      yield* Effect.sleep("200 millis")
      yield* limit("100kb")
      const refused = yield* Effect.flip(b.withLock("other")(Effect.void))
      expect(refused._tag === "BackendError" && refused.reason._tag).toBe("CapacityExceeded")
      yield* Fiber.join(call)
      yield* limit("0")
      yield* b.withLock("lock", { wait: 0 })(Effect.void)
    }).pipe(Effect.scoped)
  )
})

describe.skipIf(missing.redis)("a lock that all want", () => {
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
      for (let i = 0; i < 20; i++) yield* b.withLock("lock", { wait: "1 second" })(Effect.void)
      expect(taken).toBeGreaterThan(before)
    }).pipe(Effect.scoped)
  )
})
