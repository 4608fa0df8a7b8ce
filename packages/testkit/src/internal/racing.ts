/**
 * A game of any length about what is true: the truth behind a cache grows, is taken away from the cache or written to it,
 * and whoever asks must get nothing older than what the last of these calls that had returned left behind.
 */
import * as Cache from "@troupe/core/Cache"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import { type Caches, on, type Peer, three } from "./caching.ts"

export interface Race {
  /** Who was given what is older than it may be, or nothing at all. */
  readonly wrong: ReadonlyArray<string>
  /** Answers that something taken away or written before had to be seen in. */
  readonly told: number
}

const keys = ["a", "b", "c"]
const tags = ["t0", "t1"]
const regions = [
  Cache.region("lasting", { value: Schema.Int, timeToLive: "3 seconds" }),
  Cache.region("stale", { value: Schema.Int, timeToLive: "2 seconds", staleFor: "20 seconds" })
]

const below = (limit: number) => Random.nextIntBetween(0, limit - 1)
const oneOf = <A>(of: ReadonlyArray<A>) => Effect.map(below(of.length), (i) => of[i]!)
const pause = (maxMs: number) => Effect.flatMap(below(maxMs), (ms) => Effect.sleep(ms))

/** With trouble pushes are lost, leases, tags and values evicted, and everything is forgotten. */
export const race = (
  world: Caches,
  hasTrouble: boolean
): Effect.Effect<Race, unknown, Effect.Services<ReturnType<typeof three>>> =>
  Effect.gen(function* () {
    const peers = yield* three(world)
    const truth = new Map<string, number>()
    const least = new Map<string, number>()
    const wrong: Array<string> = []
    let told = 0
    let last = 0

    const ask = Effect.gen(function* () {
      const [peer, region] = [yield* oneOf(peers), yield* oneOf(regions)]
      const from = yield* below(keys.length)
      const asked = keys.slice(from, from + (yield* oneOf([1, 1, 1, 3])))
      const id = (key: string) => `${region.name}/${key}`
      const bounds = asked.map((key) => least.get(id(key)) ?? 0)
      const ms = yield* oneOf([0, 1_000, hasTrouble ? 14_000 : 3_000])
      const load = (missing: ReadonlyArray<string>) =>
        Effect.suspend(() => {
          const seen = missing.map((key) => [key, truth.get(id(key)) ?? 0] as const)
          return Effect.as(Effect.sleep(ms), seen)
        })
      const options = { tags: [yield* oneOf(tags)] }
      const fiber = yield* Effect.forkChild(
        on(peer, (cache) => {
          const [key = "", ...more] = asked
          return more.length > 0
            ? cache.getOrSetMany(region, asked, load, options)
            : Effect.map(
                cache.getOrSet(
                  region,
                  key,
                  Effect.map(load(asked), ([one]) => one?.[1] ?? 0),
                  options
                ),
                (value) => [Option.some(value)]
              )
        })
      )
      if ((yield* below(6)) === 0) return yield* Effect.andThen(pause(2_000), Fiber.interrupt(fiber))
      const exit = yield* Fiber.await(fiber)
      for (const [i, key] of asked.entries()) {
        const value = Exit.isSuccess(exit) ? Option.getOrUndefined(exit.value[i] ?? Option.none()) : undefined
        const bound = bounds[i] ?? 0
        if (bound > 0) told += 1
        if (value === undefined || value < bound) wrong.push(`${peer.name} ${id(key)} got ${value}, least ${bound}`)
      }
    })

    const change = Effect.gen(function* () {
      const [peer, region, key] = [yield* oneOf(peers), yield* oneOf(regions), yield* oneOf(keys)]
      const value = (last += 1)
      const [isOfAll, use] = yield* oneOf(changes(region, key, value))
      const changed = (isOfAll ? keys : [key]).map((key) => `${region.name}/${key}`)
      for (const id of changed) truth.set(id, value)
      yield* on(peer, use)
      for (const id of changed) least.set(id, Math.max(least.get(id) ?? 0, value))
    })

    const trouble = Effect.flatMap(oneOf(troubles(world)), (make) => Effect.flatMap(oneOf(peers), make))
    const player = (times: number, everyMs: number, step: Effect.Effect<void, unknown>) =>
      Effect.forEach(Array.from({ length: times }), () => Effect.andThen(pause(everyMs), step), { discard: true })
    const askers = keys.map(() => player(8, 600, ask))
    const all = [player(12, 500, change), player(hasTrouble ? 4 : 0, 2_000, trouble), ...askers]
    const game = yield* Effect.forkScoped(Effect.all(all, { concurrency: "unbounded" }))
    yield* world.complete(Fiber.join(game))
    return { wrong, told }
  }).pipe(Random.withSeed(`${world.seed}`))

type Region = (typeof regions)[number]

/** How a key is changed, and whether all of its region are. */
const changes = (
  region: Region,
  key: string,
  value: number
): ReadonlyArray<readonly [boolean, (cache: Cache.Service) => Effect.Effect<unknown, unknown>]> => [
  [false, (cache) => cache.remove(region, key)],
  [false, (cache) => cache.take(region, key)],
  [false, (cache) => cache.set(region, key, value, { tags: ["t0"] })],
  [false, (cache) => cache.modify(region, key, () => [0, Option.none()])],
  [false, (cache) => cache.touch(region, key, 0)],
  [true, (cache) => cache.clear(region)],
  [true, (cache) => cache.invalidateTags(region, tags)]
]

const troubles = (world: Caches): ReadonlyArray<(peer: Peer) => Effect.Effect<void>> => [
  (peer) => peer.losePush,
  ...[":l:", ":t:", ":v:", "meta"].map((part) => () => world.store.evict(part)),
  () => world.store.forget
]
