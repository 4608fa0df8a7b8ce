/** Cache on Redis: a slot per part of a region, and one script for whatever is done to the keys of a part. */
import type { BackendError } from "@troupe/core/BackendError"
import * as Cache from "@troupe/core/Cache"
import { CacheStore, type Claim, type Entry, pageSize } from "@troupe/core/CacheStore"
import { renamed } from "@troupe/core/Link"
import * as Name from "@troupe/core/Name"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import { ConnectionTypeId } from "./internal/Connection.ts"
import * as Keys from "./internal/Keys.ts"
import { bounded, entryArgs, scripted, tagsArg, together, versionsArg } from "./internal/Values.ts"
import { RedisClient } from "./RedisClient.ts"

/** Where Cache keeps its regions, for those that share the RedisClient's server, database and prefix. */
export const store: Layer.Layer<CacheStore, never, RedisClient> = Layer.effect(
  CacheStore,
  Effect.gen(function* () {
    const client = yield* RedisClient
    const connection = client[ConnectionTypeId]
    const keys = Keys.cache(connection.keyPrefix, connection.isCluster ? partsOnCluster : 1)
    const base = (yield* Random.nextIntBetween(0, 36 ** 9)).toString(36).padStart(9, "0")
    let generations = 0
    // Another one each time: a generation that was lost must not come back under the old name.
    const fresh = (): string => base + (generations += 1).toString(36).padStart(7, "0")
    const on = (region: string, part: number) => ({ part: keys.part(region, part), meta: keys.meta(region, part) })
    const of = (region: string, key: string) => on(region, keys.partOf(key))

    const locking = (name: string) => {
      const part = keys.partOf(Name.encode(name))
      return { service, operation: "withLock", keys: { part: keys.locks(part), meta: keys.locksMeta(part) } }
    }

    /** One call a part, all at once; their answers in the order of what was asked. */
    const each = <Item, A>(
      items: ReadonlyArray<Item>,
      keyOf: (item: Item) => string,
      call: (part: number, items: ReadonlyArray<Item>) => Effect.Effect<ReadonlyArray<A>, BackendError>
    ): Effect.Effect<ReadonlyArray<A>, BackendError> => {
      if (items.length === 0) return Effect.succeed([])
      if (keys.parts.length === 1) return call(0, items)
      const groups = new Map<number, Array<Item>>()
      const places = items.map((item) => {
        const part = keys.partOf(keyOf(item))
        const group = groups.get(part)
        if (group === undefined) groups.set(part, [item])
        else group.push(item)
        return part
      })
      const calls = [...groups].map(([part, items]) =>
        Effect.map(call(part, items), (all) => [part, all.values()] as const)
      )
      return Effect.map(together(calls), (answers) => {
        const byPart = new Map(answers)
        const all: Array<A> = []
        for (const part of places) {
          const next = byPart.get(part)?.next()
          if (next !== undefined && next.done !== true) all.push(next.value)
        }
        return all
      })
    }
    const everywhere = (call: (part: number) => Effect.Effect<void, BackendError>): Effect.Effect<void, BackendError> =>
      Effect.asVoid(together(keys.parts.map(call)))

    /** Who has which parts, as far as is known: for each the first of its server's. */
    const layoutOf = (region: string): ReadonlyArray<number> => {
      const firsts = new Map<object, number>()
      return keys.parts.map((part) => {
        const place = connection.place(keys.part(region, part))
        const first = firsts.get(place) ?? part
        firsts.set(place, first)
        return first
      })
    }

    /**
     * Some of a region's keys, those of one primary after the other: for each part, the keys that it was found to have. The
     * cursor says who had which parts, whom to ask (by the first of its parts), and from where on in which run of it. Where
     * parts have moved it begins again: what moved from one that was still to be asked to one that had been is on neither's
     * page.
     */
    const scan = Effect.fnUntraced(function* (operation: string, region: string, kind: "v:" | "", from: string) {
      const layout = layoutOf(region)
      const said = saidOf(layout)
      const [before, which = "0", known = "", at = "0"] = from.split(" ")
      const first = before === said ? Number(which) : 0
      const page = yield* connection.call(scripted.scan, {
        service,
        operation,
        keys: on(region, first),
        args: { known: before === said ? known : "", cursor: at, kind, count: pageSize }
      })
      const found = new Map<number, Array<string>>()
      for (const key of page.keys) {
        const [part, rest] = keys.split(region, key)
        const names = found.get(part)
        if (names === undefined) found.set(part, [rest])
        else names.push(rest)
      }
      const next = layout.find((part, i) => part === i && part > first)
      const after = saidOf(layoutOf(region))
      return {
        found: [...found],
        cursor:
          after !== said
            ? `${after} 0`
            : page.cursor !== "0"
              ? `${said} ${first} ${page.run} ${page.cursor}`
              : next === undefined
                ? ""
                : `${said} ${next}`
      }
    })

    return CacheStore.of({
      read: (region, wanted, slide) =>
        each(wanted.map(Name.encode), itself, (part, keysOfPart) => {
          const head = keys.values(region, part)
          return connection.call(scripted.read, {
            service,
            operation: "get",
            keys: { ...on(region, part), values: keysOfPart.map((key) => head + key) },
            args: { slide }
          })
        }),
      look: (region, key) => {
        const encoded = Name.encode(key)
        return Effect.map(
          connection.call(scripted.look, {
            service,
            operation: "timeToLive",
            keys: of(region, encoded),
            args: { keys: [encoded] }
          }),
          ([left]) => left
        )
      },
      write: (region, entries, when) =>
        each(entries.map(withKey), keyOf, (part, entries) =>
          connection.call(scripted.write, {
            service,
            operation: "set",
            keys: on(region, part),
            args: { fresh: fresh(), when, entries: entries.flatMap(entryArgs) }
          })
        ),
      swap: (region, key, version, entry) => {
        const encoded = Name.encode(key)
        return connection.call(scripted.swap, {
          service,
          operation: "modify",
          keys: of(region, encoded),
          args: {
            fresh: fresh(),
            key: encoded,
            version: version ?? "",
            entry: entry === undefined ? [] : entryArgs([encoded, entry])
          }
        })
      },
      remove: (region, wanted) =>
        each(wanted.map(Name.encode), itself, (part, keysOfPart) =>
          connection.call(scripted.remove, {
            service,
            operation: "remove",
            keys: on(region, part),
            args: { keys: keysOfPart }
          })
        ),
      take: (region, key, version) => {
        const encoded = Name.encode(key)
        return connection.call(scripted.take, {
          service,
          operation: "take",
          keys: of(region, encoded),
          args: { key: encoded, version: version ?? "any" }
        })
      },
      touch: (region, key, timeToLiveMs) => {
        const encoded = Name.encode(key)
        return connection.call(scripted.touch, {
          service,
          operation: "touch",
          keys: of(region, encoded),
          args: { key: encoded, ttl: bounded(timeToLiveMs) }
        })
      },
      acquire: (region, wanted, load, unfit) => {
        const unfitArg = versionsArg(unfit)
        return each(wanted.map(Name.encode), itself, (part, keysOfPart) =>
          connection.call(scripted.acquire, {
            service,
            operation: "getOrSet",
            keys: on(region, part),
            args: {
              fresh: fresh(),
              token: Name.encode(load.token),
              lease: bounded(load.leaseMs),
              tags: tagsArg(load.tags),
              unfit: unfitArg,
              keys: keysOfPart
            }
          })
        )
      },
      renew: (region, wanted, load) =>
        each(wanted.map(Name.encode), itself, (part, keysOfPart) =>
          connection.call(scripted.renew, {
            service,
            operation: "getOrSet",
            keys: on(region, part),
            args: { token: Name.encode(load.token), lease: bounded(load.leaseMs), keys: keysOfPart }
          })
        ),
      commit: (region, entries, load) =>
        each(entries.map(withKey), keyOf, (part, entries) =>
          connection.call(scripted.commit, {
            service,
            operation: "getOrSet",
            keys: on(region, part),
            args: { fresh: fresh(), token: Name.encode(load.token), entries: entries.flatMap(entryArgs) }
          })
        ),
      release: (region, wanted, load) =>
        Effect.asVoid(
          each(wanted.map(Name.encode), itself, (part, keysOfPart) =>
            Effect.as(
              connection.call(scripted.release, {
                service,
                operation: "getOrSet",
                keys: on(region, part),
                args: { token: Name.encode(load.token), keys: keysOfPart }
              }),
              []
            )
          )
        ),
      invalidate: (region, tags) => {
        if (tags.length === 0) return Effect.void
        const encoded = tags.map(Name.encode)
        return everywhere((part) =>
          connection.call(scripted.invalidate, {
            service,
            operation: "invalidateTags",
            keys: on(region, part),
            args: { tags: encoded }
          })
        )
      },
      clear: (region) =>
        everywhere((part) =>
          connection.call(scripted.clear, {
            service,
            operation: "clear",
            keys: on(region, part),
            args: {}
          })
        ),
      sweep: (region, from) =>
        Effect.flatMap(scan("clear", region, "", from), ({ cursor, found }) =>
          Effect.as(
            together(
              found.map(([part, names]) =>
                connection.call(scripted.sweep, {
                  service,
                  operation: "clear",
                  keys: on(region, part),
                  args: { names }
                })
              )
            ),
            cursor
          )
        ),
      page: (region, from) =>
        Effect.flatMap(scan("keys", region, "v:", from), ({ cursor, found }) =>
          Effect.map(
            together(
              found.map(([part, names]) => {
                const wanted = names.map((name) => name.slice(2))
                return Effect.map(
                  connection.call(scripted.look, {
                    service,
                    operation: "keys",
                    keys: on(region, part),
                    args: { keys: wanted }
                  }),
                  (left) => wanted.filter((_, i) => left[i] !== undefined)
                )
              })
            ),
            (pages) => ({ cursor, keys: pages.flat().map(decoded) })
          )
        ),
      lock: (name, claim) =>
        connection.call(scripted.lock, {
          ...locking(name),
          args: { ...claimOf(name, claim), above: claim.above }
        }),
      relock: (name, claim, fence) =>
        connection.call(scripted.relock, { ...locking(name), args: { ...claimOf(name, claim), fence } }),
      unlock: (name, owner) =>
        connection.call(scripted.unlock, {
          ...locking(name),
          args: { name: Name.encode(name), owner: Name.encode(owner) }
        }),
      partOf: (key) => keys.partOf(Name.encode(key)),
      watch: (region, watcher) => {
        const metas = new Map(keys.parts.map((part) => [keys.meta(region, part), part]))
        const listener = {
          changed: (changed: ReadonlyArray<string>) => {
            for (const key of changed) {
              const [part, rest] = keys.split(region, key)
              if (rest.startsWith("v:")) watcher.changed(decoded(rest.slice(2)))
              else if (rest.startsWith("t:")) watcher.tagged(decoded(rest.slice(2)))
              else if (rest === "cleared") watcher.cleared(part)
            }
          },
          lost: () => watcher.lost()
        }
        return Effect.map(connection.watch(service, keys.region(region), listener), (watch) => ({
          ask: (heard) =>
            watch.ask([...metas.keys()], (meta) => {
              const part = metas.get(meta)
              if (part !== undefined) heard(part)
            })
        }))
      },
      connect: (listener) =>
        renamed((listener) => connection.link(service, listener), listener, { to: keys.channel, from: keys.nameOf }),
      commandTimeoutMs: connection.commandTimeoutMs,
      immortal: false
    })
  })
)

const layerOf = (options?: Cache.Options): Layer.Layer<Cache.Cache, never, RedisClient> =>
  Layer.provide(Cache.layer(options), store)
const layerDefault = layerOf()

/** Cache for one peer of those that share the RedisClient's server, database and prefix. */
export const layer = (options?: Cache.Options): Layer.Layer<Cache.Cache, never, RedisClient> =>
  options === undefined ? layerDefault : layerOf(options)

// -- internals ----------------------------------------------------------------------------------------------------

const service = "Cache"

/** Each lies somewhere: so a region's keys are spread over the primaries. */
const partsOnCluster = 32

const saidOf = (layout: ReadonlyArray<number>): string => layout.map((first) => first.toString(36)).join("")
const itself = (key: string): string => key
const claimOf = (name: string, { owner, timeToLiveMs }: Claim) => ({
  name: Name.encode(name),
  owner: Name.encode(owner),
  ttl: bounded(timeToLiveMs)
})
const withKey = (entry: Entry): readonly [key: string, entry: Entry] => [Name.encode(entry.key), entry]
const keyOf = ([key]: readonly [key: string, entry: Entry]): string => key
const decoded = (key: string): string => Name.decode(key) ?? key
