/** Regions under faults, a store that writes down what the backend answered of loads, and calls that are written down. */
import * as Cache from "@troupe/core/Cache"
import { CacheStore } from "@troupe/core/CacheStore"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as RedisCache from "../../src/RedisCache.ts"
import type * as RedisClient from "../../src/RedisClient.ts"
import type { Operation, Seen } from "./CacheHistory.ts"
import type { History } from "./History.ts"

const options = { value: Schema.String, timeToLive: "10 minutes" } as const

export const regions = {
  plain: Cache.region("plain", options),
  near: Cache.region("near", { ...options, near: { capacity: 1_000 } })
} as const
export type RegionName = keyof typeof regions

/** A lease that a test can wait for, ms. */
export const leaseMs = 400

const bodyOf = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.String))

/** What the store was asked, and has answered. */
class Desk {
  readonly history: History<Seen>
  /** Leases that were won, and whose load has not begun yet: tokens, by region and key. */
  private readonly won = new Map<string, Set<string>>()
  private readonly busy = new Set<string>()
  private readonly reads = new Map<string, number>()

  constructor(history: History<Seen>) {
    this.history = history
  }

  asked(region: string, key: string): void {
    const name = `${region}/${key}`
    this.reads.set(name, this.readsOf(region, key) + 1)
  }

  readsOf(region: string, key: string): number {
    return this.reads.get(`${region}/${key}`) ?? 0
  }

  told(region: string, key: string, token: string, tag: "Found" | "Won" | "Busy"): void {
    const name = `${region}/${key}`
    const id = `${name} ${token}`
    if (tag === "Busy") return void this.busy.add(id)
    if (tag === "Won") {
      const tokens = this.won.get(name) ?? new Set()
      this.won.set(name, tokens.add(token))
      if (this.busy.has(id)) this.history.write({ what: "tookOver", key: name })
    }
    this.busy.delete(id)
  }

  over(region: string, key: string, token: string): void {
    this.won.get(`${region}/${key}`)?.delete(token)
  }

  /** True: its lease was won. */
  begins(region: string, key: string): boolean {
    const tokens = this.won.get(`${region}/${key}`)
    const [token] = tokens ?? []
    return token !== undefined && tokens!.delete(token)
  }
}

const desks = new WeakMap<History<Seen>, Desk>()
const deskOf = (history: History<Seen>): Desk => {
  const desk = desks.get(history) ?? new Desk(history)
  desks.set(history, desk)
  return desk
}

/** Cache over a store that writes down what became of loads. */
export const layer = (
  history: History<Seen>,
  options: Cache.Options = { lease: leaseMs }
): Layer.Layer<Cache.Cache, never, RedisClient.RedisClient> =>
  Cache.layer(options).pipe(Layer.provide(watched(history)), Layer.provide(RedisCache.store))

const watched = (history: History<Seen>) =>
  Layer.effect(
    CacheStore,
    Effect.map(CacheStore, (store) => {
      const desk = deskOf(history)
      return CacheStore.of({
        ...store,
        read: (region, keys, slide) =>
          Effect.suspend(() => {
            for (const key of keys) desk.asked(region, key)
            return store.read(region, keys, slide)
          }),
        acquire: (region, keys, load) =>
          Effect.map(store.acquire(region, keys, load), (answers) => {
            answers.forEach(({ _tag }, i) => desk.told(region, keys[i]!, load.token, _tag))
            return answers
          }),
        release: (region, keys, load) =>
          Effect.suspend(() => {
            for (const key of keys) desk.over(region, key, load.token)
            return store.release(region, keys, load)
          }),
        commit: (region, entries, load) =>
          Effect.map(store.commit(region, entries, load), (answers) => {
            answers.forEach((answer, i) => {
              const { body, key } = entries[i]!
              desk.over(region, key, load.token)
              history.write({ what: answer === "Stored" ? "stored" : "refused", value: bodyOf(body) })
            })
            return answers
          })
      })
    })
  )

/** A load takes so long, ms, and its value carries these tags. */
export interface LoadOptions {
  readonly ms?: number
  readonly tags?: ReadonlyArray<string>
}

/** The calls of one peer, each written down. Writing makes a value that nobody else makes. */
export const recorded = (cache: Cache.Service, history: History<Seen>) => {
  const desk = deskOf(history)
  let calls = 0
  let values = 0
  const fresh = (kind: string) => `${history.who}-${kind}${(values += 1)}`

  const noted = <A, E>(
    what: {
      readonly operation: Operation
      readonly region: RegionName
      readonly key?: string
      readonly value?: string
      readonly tags?: ReadonlyArray<string>
    },
    run: Effect.Effect<A, E>,
    readOf: (answer: A) => string | null | undefined = () => undefined
  ): Effect.Effect<A, E> =>
    Effect.suspend(() => {
      const call = (calls += 1)
      const { key = "", operation, region } = what
      const asked = desk.readsOf(region, key)
      history.write({ what: "called", call, ...what })
      return Effect.onExit(run, (exit) =>
        Effect.sync(() => {
          if (Exit.isSuccess(exit)) {
            const isNear = operation === "get" && region === "near" && desk.readsOf(region, key) === asked
            history.write({ what: "returned", call, how: "Done", read: readOf(exit.value), isNear })
            return
          }
          const error = Option.getOrUndefined(Exit.findErrorOption(exit))
          history.write({ what: "returned", call, how: isNotApplied(error) ? "NotApplied" : "Unknown" })
        })
      )
    })

  return {
    /** Whether the load that begins now has the lease; without it, it loads for this process alone. */
    isLeased: (region: RegionName, key: string) => desk.begins(region, key),
    /** How often the backend was asked for it. */
    asked: (region: RegionName, key: string) => desk.readsOf(region, key),
    get: (region: RegionName, key: string) =>
      noted({ operation: "get", region, key }, cache.get(regions[region], key), Option.getOrNull),
    getOrSet: (region: RegionName, key: string, { ms = 0, tags = [] }: LoadOptions = {}) => {
      const load = Effect.suspend(() => {
        const value = fresh("l")
        history.write({ what: "loading", region, key, value, tags, isBare: !desk.begins(region, key) })
        return Effect.as(
          Effect.andThen(
            ms === 0 ? Effect.void : Effect.sleep(ms),
            Effect.sync(() => history.write({ what: "loaded", value }))
          ),
          value
        )
      })
      const operation = "getOrSet"
      return noted({ operation, region, key }, cache.getOrSet(regions[region], key, load, { tags }), (value) => value)
    },
    set: (region: RegionName, key: string, tags: ReadonlyArray<string> = []) =>
      Effect.suspend(() => {
        const value = fresh("s")
        return Effect.as(
          noted({ operation: "set", region, key, value, tags }, cache.set(regions[region], key, value, { tags })),
          value
        )
      }),
    remove: (region: RegionName, key: string) =>
      noted({ operation: "remove", region, key }, cache.remove(regions[region], key)),
    invalidateTags: (region: RegionName, tags: ReadonlyArray<string>) =>
      noted({ operation: "invalidateTags", region, tags }, cache.invalidateTags(regions[region], tags)),
    clear: (region: RegionName) => noted({ operation: "clear", region }, cache.clear(regions[region])),
    /** Holds it for so long, ms. */
    withLock: (lock: string, ms: number, options?: Cache.LockOptions) =>
      cache.withLock(
        lock,
        options
      )(({ fence }) =>
        Effect.acquireUseRelease(
          Effect.sync(() => history.write({ what: "held", lock, fence: `${fence}` })),
          () => Effect.sleep(ms),
          () => Effect.sync(() => history.write({ what: "freed", lock, fence: `${fence}` }))
        )
      )
  }
}

export type Recorded = ReturnType<typeof recorded>

const isNotApplied = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "outcome" in error && error.outcome === "NotApplied"

/** So many that most stand for a while: what is wrongly kept is not set right by the next writing at once. */
export const keys = Array.from({ length: 16 }, (_, n) => `k${n}`)
const tags = ["t", "u", "v"] as const

/** One of the things that a peer of a run without end does, by chance; some loads are longer than the lease. */
export const turn = (calls: Recorded): Effect.Effect<void> =>
  Effect.gen(function* () {
    const chance = yield* Random.next
    const key = yield* pick(keys)
    const region = yield* pick(["plain", "near"] as const)
    const some = (yield* Random.next) < 0.5 ? [] : [yield* pick(tags)]
    const ms = (yield* Random.next) < 0.1 ? leaseMs * 1.5 : yield* Random.nextIntBetween(0, 40)
    const call: Effect.Effect<unknown, unknown> =
      chance < 0.6
        ? calls.get(region, key)
        : chance < 0.8
          ? calls.getOrSet(region, key, { ms, tags: some })
          : chance < 0.88
            ? calls.set(region, key, some)
            : chance < 0.96
              ? calls.remove(region, key)
              : chance < 0.995
                ? calls.invalidateTags(region, [yield* pick(tags)])
                : calls.clear(region)
    yield* Effect.ignore(call)
    yield* Effect.sleep(yield* Random.nextIntBetween(1, 8))
  })

const pick = <A>(all: ReadonlyArray<A>): Effect.Effect<A> =>
  Effect.map(Random.nextIntBetween(0, all.length - 1), (i) => all[i]!)

/** Writes down when this process did nothing for longer than a tick. Gives how to end it. */
export const tick = (history: History<Seen>): (() => void) => {
  const now = () => Number(process.hrtime.bigint() / 1_000n) / 1_000
  const everyMs = 10
  let last = now()
  const timer = setInterval(() => {
    const at = now()
    if (at - last > everyMs * 2) history.write({ what: "stood", from: last })
    last = at
  }, everyMs)
  return () => clearInterval(timer)
}
