/**
 * What each call of Cache costs the server, in commands, those of scripts too: one at a time, on what was made ready before. Beside
 * it bentocache, or what one writes by hand over ioredis without what is promised here. Part of the cache's bench.
 */
import * as Cache from "@troupe/core/Cache"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Redis } from "ioredis"
import type { make as makeBento } from "./bento/bento.ts"
import { type Case, commandsRun, smoke } from "./harness.ts"

const Ids = Cache.region("commands", { value: Schema.Int, timeToLive: "1 hour" })
const Listed = Cache.region("commands listed", { value: Schema.Int, timeToLive: "1 hour" })
const Tagged = Cache.region("commands tagged", { value: Schema.Int, timeToLive: "1 hour" })
/** One call's keys where it has many. */
const many = 512
const calls = smoke ? 5 : 100
const hourMs = 3_600_000

export interface Options {
  readonly on: <A, E>(use: (cache: Cache.Service) => Effect.Effect<A, E>) => Promise<A>
  readonly raw: Redis
  readonly bento: ReturnType<typeof makeBento>["bento"]
  readonly prefix: string
}

type Keys = ReadonlyArray<string>

interface Operation {
  readonly name: string
  /** Not counted: what it finds. Default: nothing. */
  readonly before?: "One" | "All" | "Listed"
  readonly ours: (cache: Cache.Service, key: string, keys: Keys) => Effect.Effect<unknown, unknown>
  readonly peer: "bentocache" | "ioredis"
  readonly theirs: (key: string, keys: Keys) => Promise<unknown>
}

const pairs = (keys: Keys) => keys.map((key, id) => [key, id] as const)

const unlock = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"

const operations = ({ bento, prefix, raw }: Options): ReadonlyArray<Operation> => {
  const named = (key: string) => `${prefix}-raw-${key}`
  const setAll = (keys: Keys) => {
    const pipeline = raw.pipeline()
    for (const [key, id] of pairs(keys)) pipeline.set(named(key), `${id}`, "PX", hourMs)
    return pipeline.exec()
  }
  return [
    {
      name: "has",
      before: "One",
      ours: (cache, key) => cache.has(Ids, key),
      peer: "bentocache",
      theirs: (key) => bento.has({ key })
    },
    {
      name: `getMany of ${many}`,
      before: "All",
      ours: (cache, _, keys) => cache.getMany(Ids, keys),
      peer: "ioredis",
      theirs: (_, keys) => raw.mget(keys.map(named))
    },
    {
      name: `setMany of ${many}`,
      before: "All",
      ours: (cache, _, keys) => cache.setMany(Ids, pairs(keys)),
      peer: "ioredis",
      theirs: (_, keys) => setAll(keys)
    },
    {
      name: "setIfAbsent",
      ours: (cache, key) => cache.setIfAbsent(Ids, key, 1),
      peer: "ioredis",
      theirs: (key) => raw.set(named(key), "1", "PX", hourMs, "NX")
    },
    {
      name: "modify",
      before: "One",
      ours: (cache, key) =>
        cache.modify(Ids, key, (now) => [undefined, Option.some(Option.getOrElse(now, () => 0) + 1)]),
      peer: "ioredis",
      theirs: async (key) => {
        await raw.watch(named(key))
        const next = Number(await raw.get(named(key))) + 1
        await raw.multi().set(named(key), `${next}`, "PX", hourMs).exec()
      }
    },
    {
      name: "take",
      before: "One",
      ours: (cache, key) => cache.take(Ids, key),
      peer: "bentocache",
      theirs: (key) => bento.pull(key)
    },
    {
      name: "touch",
      before: "One",
      ours: (cache, key) => cache.touch(Ids, key, "1 hour"),
      peer: "ioredis",
      theirs: (key) => raw.pexpire(named(key), hourMs)
    },
    {
      name: "timeToLive",
      before: "One",
      ours: (cache, key) => cache.timeToLive(Ids, key),
      peer: "ioredis",
      theirs: (key) => raw.pttl(named(key))
    },
    {
      name: "remove, there",
      before: "One",
      ours: (cache, key) => cache.remove(Ids, key),
      peer: "bentocache",
      theirs: (key) => bento.delete({ key })
    },
    {
      name: `removeMany of ${many}`,
      before: "All",
      ours: (cache, _, keys) => cache.removeMany(Ids, keys),
      peer: "bentocache",
      theirs: (_, keys) => bento.deleteMany({ keys: [...keys] })
    },
    {
      name: `getOrSetMany of ${many}, loaded`,
      ours: (cache, _, keys) => cache.getOrSetMany(Ids, keys, (missing) => Effect.succeed(pairs(missing))),
      peer: "ioredis",
      theirs: async (_, keys) => {
        await raw.mget(keys.map(named))
        await setAll(keys)
      }
    },
    {
      name: "invalidateTags",
      ours: (cache) => cache.invalidateTags(Tagged, ["one"]),
      peer: "bentocache",
      theirs: () => bento.deleteByTag({ tags: ["one"] })
    },
    {
      name: "withLock",
      ours: (cache, key) => cache.withLock(key)(Effect.void),
      peer: "ioredis",
      theirs: async (key) => {
        await raw.set(named(key), "me", "PX", 30_000, "NX")
        await raw.eval(unlock, 1, named(key), "me")
      }
    },
    {
      name: "keys of 500, and of all else there is",
      before: "Listed",
      ours: (cache) => Stream.runDrain(cache.keys(Listed)),
      peer: "ioredis",
      theirs: async () => {
        for (let cursor = "0"; ;) {
          const [next] = await raw.scan(cursor, "MATCH", `${prefix}-raw-*`, "COUNT", many)
          if (next === "0") return
          cursor = next
        }
      }
    }
  ]
}

/** They leave keys behind: these come last. */
export const cases = (options: Options): ReadonlyArray<Case> => {
  const { bento, on, prefix, raw } = options
  const commands = async (): Promise<number> => commandsRun(await raw.info("commandstats"))
  const keysOf = (call: number): Keys => Array.from({ length: many }, (_, i) => `${call}.${i}`)
  const cost = async (ready: (keys: Keys) => Promise<unknown>, use: (keys: Keys) => Promise<unknown>) => {
    let sum = 0
    for (let call = 0; call <= calls; call++) {
      const keys = keysOf(call)
      await ready(keys)
      const before = await commands()
      await use(keys)
      // The first time the server may not know the scripts.
      if (call > 0) sum += (await commands()) - before
    }
    return sum / calls
  }
  const readyOurs = ({ before }: Operation, keys: Keys) =>
    on((cache) =>
      before === "Listed"
        ? cache.setMany(Listed, pairs(keysOf(0).slice(0, 500)))
        : before === undefined
          ? cache.removeMany(Ids, keys)
          : cache.setMany(Ids, pairs(keys))
    )
  const readyTheirs = async ({ before, peer }: Operation, keys: Keys) => {
    if (before === "Listed") return
    const some = before === "All" ? keys : keys.slice(0, 1)
    if (before === undefined) await raw.unlink(some.map((key) => `${prefix}-raw-${key}`))
    else if (peer === "bentocache") for (const key of some) await bento.set({ key, value: 1 })
    else for (const key of some) await raw.set(`${prefix}-raw-${key}`, "1", "PX", hourMs)
  }
  return operations(options).map((of) => ({
    bench: "cache",
    name: `commands per ${of.name}`,
    peer: of.peer,
    unit: "commands",
    better: "less",
    ours: () =>
      cost(
        (keys) => readyOurs(of, keys),
        (keys) => on((cache) => of.ours(cache, keys[0]!, keys))
      ),
    theirs: () =>
      cost(
        (keys) => readyTheirs(of, keys),
        (keys) => of.theirs(keys[0]!, keys)
      )
  }))
}
