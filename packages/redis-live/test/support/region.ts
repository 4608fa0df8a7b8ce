/** A region on a real server, its time in the test's hands: entries that are told in a word, loads that have a name. */
import * as CacheStore from "@troupe/core/CacheStore"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { ConnectionTypeId } from "../../src/internal/Connection.ts"
import * as RedisCache from "../../src/RedisCache.ts"
import { ear } from "./client.ts"
import type * as Primaries from "./Primaries.ts"
import { begin, open } from "./store.ts"

export { begin }

export const day = 86_400_000

/** An entry that lives a minute, unless more is said. */
export const entry = (key: string, body = "", more: Partial<CacheStore.Entry> = {}): CacheStore.Entry => ({
  key,
  body,
  timeToLiveMs: 60_000,
  isSliding: false,
  staleForMs: 0,
  tags: [],
  ...more
})

export const load = (token: string, more: Partial<CacheStore.Load> = {}): CacheStore.Load => ({
  token,
  leaseMs: 10_000,
  tags: [],
  ...more
})

export const bodies = (
  found: ReadonlyArray<CacheStore.Found | CacheStore.Missing | undefined>
): ReadonlyArray<string | undefined> => found.map((one) => (CacheStore.isFound(one) ? one.body : undefined))

/** `F` found, `W` won, `B` busy; with the body that is there. */
export const told = (acquired: ReadonlyArray<CacheStore.Acquired>): ReadonlyArray<string> =>
  acquired.map((one) =>
    one._tag === "Found"
      ? `F ${one.found.body}`
      : one.stale === undefined
        ? one._tag[0]!
        : `${one._tag[0]} ${one.stale.body}`
  )

export interface Options {
  readonly name?: string
  /** The server's own clock, and what Redis itself times. Default: the test's. */
  readonly isLive?: boolean
}

export const make = Effect.fnUntraced(function* (
  at: Primaries.At,
  { name = "a region: {1}", isLive = false }: Options = {}
) {
  const { client, clock, context, primaries } = yield* open(at, "region", RedisCache.store, isLive)
  const store = Context.get(context, CacheStore.CacheStore)
  const connection = client[ConnectionTypeId]
  const listener = ear()
  const link = yield* store.connect(listener)
  const one = <A>(answers: ReadonlyArray<A>): A => {
    const [answer] = answers
    if (answer === undefined || answers.length !== 1) throw new Error(`${answers.length} answers`)
    return answer
  }
  /** All that `next` gives, page by page. */
  const paged = Effect.fnUntraced(function* <A, E>(next: (cursor: string) => Effect.Effect<readonly [A, string], E>) {
    const pages: Array<A> = []
    let cursor = ""
    do {
      const [page, after] = yield* next(cursor)
      pages.push(page)
      cursor = after
    } while (cursor !== "")
    return pages
  })

  return {
    name,
    store,
    client,
    clock,
    primaries,
    write: (...entries: ReadonlyArray<CacheStore.Entry>) => store.write(name, entries, "Always"),
    add: (...entries: ReadonlyArray<CacheStore.Entry>) => store.write(name, entries, "Absent"),
    read: (...keys: ReadonlyArray<string>) => Effect.map(store.read(name, keys, "Always"), bodies),
    find: (key: string) =>
      Effect.map(store.read(name, [key], "Always"), ([found]) => (CacheStore.isFound(found) ? found : undefined)),
    why: (...keys: ReadonlyArray<string>) => store.read(name, keys, "Always"),
    look: (key: string) => store.look(name, key),
    acquire: (load: CacheStore.Load, ...keys: ReadonlyArray<string>) => store.acquire(name, keys, load),
    /** What becomes of one key, in a word. */
    ask: (load: CacheStore.Load, key: string) => Effect.map(store.acquire(name, [key], load), (all) => one(told(all))),
    commit: (load: CacheStore.Load, ...entries: ReadonlyArray<CacheStore.Entry>) => store.commit(name, entries, load),
    renew: (load: CacheStore.Load, ...keys: ReadonlyArray<string>) => store.renew(name, keys, load),
    release: (load: CacheStore.Load, ...keys: ReadonlyArray<string>) => store.release(name, keys, load),
    pages: (region = name) =>
      Effect.map(
        paged((cursor) => Effect.map(store.page(region, cursor), ({ cursor, keys }) => [keys, cursor] as const)),
        (pages) => pages.flat()
      ),
    sweep: (region = name) =>
      Effect.map(
        paged((cursor) => Effect.map(store.sweep(region, cursor), (cursor) => [undefined, cursor] as const)),
        (pages) => pages.length
      ),
    /** Hears of the loads of these keys. */
    listen: (...keys: ReadonlyArray<string>) =>
      link.subscribe([...new Set(keys.map((key) => CacheStore.loadsChannel(name, store.partOf(key))))]),
    /** What was pushed since it was last asked, without the channels' names. */
    heard: Effect.map(connection.barrier, () =>
      listener.heard.splice(0).map((line) => line.slice(line.lastIndexOf(":") + 1))
    ),
    /** What stands under the prefix, by what comes behind a part's name. */
    keys: Effect.map(
      Effect.promise(() => primaries.dump()),
      (dumps) => [...dumps.keys()].map((key) => key.slice(key.indexOf("}") + 1)).toSorted()
    ),
    /** ms that Redis keeps it: -1 for ever, -2 not at all. */
    keptFor: (kind: "v" | "l" | "t", key: string, part = store.partOf(key)) =>
      client.use("pttl", (redis) =>
        redis.pttl(`${client.prefix}:{c:${encodeURIComponent(name)}:${part}}:${kind}:${encodeURIComponent(key)}`)
      )
  }
})
