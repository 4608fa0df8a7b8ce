/** effect's own modules on `RedisClient.layerPersistence`: they do their work, and again after every fault. */
import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Persistable from "effect/persistence/Persistable"
import * as PersistedCache from "effect/persistence/PersistedCache"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Persistence from "effect/persistence/Persistence"
import * as RateLimiter from "effect/persistence/RateLimiter"
import type * as Redis from "effect/persistence/Redis"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { inspect } from "node:util"
import { missing } from "../../../scripts/missing.ts"
import { eventually, took } from "./support/client.ts"
import { served, tell } from "./support/persistence.ts"
import { busyMs, commandTimeout, settleWithin } from "./support/rig.ts"

class Price extends Persistable.Class<{ payload: { id: string } }>()("Price", {
  primaryKey: ({ id }) => id,
  success: Schema.Date
}) {}

/** What each of the four does in one go: it asserts its own work, and fails while Redis cannot do it. */
const modules: ReadonlyArray<
  readonly [string, Effect.Effect<Effect.Effect<void, unknown>, never, Redis.Redis | Scope.Scope>]
> = [
  [
    "Persistence",
    Effect.gen(function* () {
      const context = yield* Layer.build(Persistence.layerRedis)
      const store = yield* Context.get(context, Persistence.Persistence).make({
        storeId: "prices",
        timeToLive: () => "1 minute"
      })
      let n = 0
      return Effect.gen(function* () {
        const [a, b] = [new Price({ id: `a${n}` }), new Price({ id: `b${n}` })]
        n += 1
        const exit = Exit.succeed(new Date(n))
        yield* store.set(a, exit)
        yield* store.setMany([[b, exit]])
        expect(yield* store.get(a)).toEqual(exit)
        expect(yield* store.getMany([a, b, new Price({ id: "none" })])).toEqual([exit, exit, undefined])
        yield* store.remove(a)
        expect(yield* store.get(a)).toBe(undefined)
        yield* store.clear
        expect(yield* store.get(b)).toBe(undefined)
      })
    })
  ],
  [
    "PersistedCache",
    Effect.gen(function* () {
      let loads = 0
      const peer = Effect.gen(function* () {
        const context = yield* Layer.build(Layer.fresh(Persistence.layerRedis))
        return yield* Effect.provide(
          PersistedCache.make<Price>(
            () =>
              Effect.sync(() => {
                loads += 1
                return new Date(loads)
              }),
            { storeId: "cache", timeToLive: () => "1 minute", inMemoryTTL: () => 0 }
          ),
          context
        )
      })
      const [one, other] = [yield* peer, yield* peer]
      let n = 0
      return Effect.gen(function* () {
        const price = new Price({ id: `p${n++}` })
        const first = yield* one.get(price)
        const before = loads
        // The other peer finds what this one has loaded.
        expect(yield* other.get(price)).toEqual(first)
        expect(loads).toBe(before)
        yield* one.invalidate(price)
        expect(yield* one.get(price)).not.toEqual(first)
      })
    })
  ],
  [
    "PersistedQueue",
    Effect.gen(function* () {
      const context = yield* Layer.build(
        Layer.provide(PersistedQueue.layer, PersistedQueue.layerStoreRedis({ prefix: "app:q:", pollInterval: 20 }))
      )
      const queue = yield* Effect.provide(
        PersistedQueue.make({ name: "jobs", schema: Schema.Date, retrySchedule: Schedule.spaced(1) }),
        context
      )
      let n = 0
      return Effect.gen(function* () {
        n += 1
        const id = `job${n}`
        yield* queue.offer(new Date(n), { id })
        yield* queue.offer(new Date(n), { id })
        // What an earlier round offered and could not take comes first.
        const taken: Array<readonly [string, number]> = []
        const take = queue.take((value, { attempts, id }) =>
          Effect.suspend(() => {
            expect(value).toBeInstanceOf(Date)
            taken.push([id, attempts])
            return attempts === 1 ? Effect.fail("again" as const) : Effect.void
          })
        )
        while (!taken.some(([taken, attempts]) => taken === id && attempts > 1)) {
          yield* Effect.catch(Effect.timeout(take, 1_000), (error) =>
            error === "again" ? Effect.void : Effect.fail(error)
          )
        }
      })
    })
  ],
  [
    "RateLimiter",
    Effect.gen(function* () {
      const context = yield* Layer.build(
        Layer.provide(RateLimiter.layer, RateLimiter.layerStoreRedis({ prefix: "app:limit:" }))
      )
      const { consume } = Context.get(context, RateLimiter.RateLimiter)
      let n = 0
      return Effect.gen(function* () {
        n += 1
        for (const algorithm of ["fixed-window", "token-bucket"] as const) {
          const one = consume({ algorithm, key: `${algorithm}${n}`, limit: 2, window: "1 minute", onExceeded: "fail" })
          expect((yield* one).remaining).toBe(1)
          expect((yield* one).remaining).toBe(0)
          expect((yield* Effect.flip(one)).reason._tag).toBe("RateLimitExceeded")
        }
      })
    })
  ]
]

type Rig = Effect.Success<ReturnType<typeof served>>

const faults: ReadonlyArray<readonly [string, (rig: Rig) => Effect.Effect<void>, (rig: Rig) => Effect.Effect<void>]> = [
  [
    "its server was killed and restarted",
    ({ server }) => Effect.promise(() => server.kill()),
    ({ server }) => Effect.promise(() => server.restart())
  ],
  [
    "its server stood still",
    ({ server }) => Effect.sync(() => server.signal("SIGSTOP")),
    ({ server }) => Effect.sync(() => server.signal("SIGCONT"))
  ],
  [
    "its connections were cut",
    ({ proxy }) =>
      Effect.sync(() => {
        proxy.accept = "close"
        proxy.kill()
      }),
    ({ proxy }) => Effect.sync(() => proxy.heal())
  ],
  [
    "answers did not come through",
    ({ proxy }) => Effect.sync(() => void (proxy.toClient = "drop")),
    ({ proxy }) => Effect.sync(() => proxy.heal())
  ],
  [
    "its server was full",
    ({ server }) => Effect.asVoid(tell(server, "CONFIG", "SET", "maxmemory", "1")),
    ({ server }) => Effect.asVoid(tell(server, "CONFIG", "SET", "maxmemory", "0"))
  ]
]

describe.skipIf(missing.binary)("effect's modules on RedisClient.layerPersistence", () => {
  for (const [module, start] of modules) {
    for (const [fault, harm, heal] of faults) {
      it.live(`${module} works, and works again after ${fault}`, () =>
        Effect.gen(function* () {
          const rig = yield* served()
          const work = yield* Effect.provide(start, rig.layer)
          yield* eventually(work)
          yield* eventually(work)
          yield* harm(rig)
          yield* Effect.forEach([1, 2, 3], () =>
            Effect.gen(function* () {
              const [exit, , awake] = yield* took(Effect.exit(work))
              // None of them makes more than three calls one after the other before the first that fails ends it.
              expect(awake).toBeLessThan(3 * settleWithin)
              const cause = Exit.isFailure(exit) ? exit.cause : undefined
              expect(cause === undefined || Cause.hasDies(cause)).toBe(false)
              expect(inspect(cause, { depth: 12 })).toMatch(/BackendError/)
            })
          )
          yield* Effect.sleep(commandTimeout)
          yield* heal(rig)
          const [, ms] = yield* took(eventually(work))
          expect(ms).toBeLessThan(2_500 + busyMs)
        })
      )
    }
  }
})
