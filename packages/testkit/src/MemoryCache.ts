/** Cache in memory: for tests, and for a single process. What the peers share lives in the MemoryBackend. */
import * as Cache from "@troupe/core/Cache"
import { CacheStore, loadsChannel, locksChannel } from "@troupe/core/CacheStore"
import { type Listener, renamed } from "@troupe/core/Link"
import * as Name from "@troupe/core/Name"
import { Wire } from "@troupe/core/Wire"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Locks from "./internal/cache/Locks.ts"
import * as Region from "./internal/cache/Region.ts"
import * as Steps from "./internal/cache/Steps.ts"
import { MemoryBackend } from "./MemoryBackend.ts"

/** The store alone, for what speaks to it past the policy: tests of stores. */
export const store: Layer.Layer<CacheStore, never, MemoryBackend> = Layer.effect(
  CacheStore,
  Effect.gen(function* () {
    const backend = yield* MemoryBackend
    const wire = yield* Wire
    const regions = new Map<string, () => Region.Region>()
    const regionOf = (name: string): Region.Region => {
      const known = regions.get(name)
      if (known !== undefined) return known()
      const encoded = Name.encode(name)
      const region = backend.state(`Cache ${encoded}`, Region.make, {
        evict: (region, containing) => evict(region, `{c:${encoded}:0}`, containing),
        changed: () => backend.publish(watched(name), "c")
      })
      regions.set(name, region)
      return region()
    }
    const move = <A>(operation: string, adds: boolean, name: string, step: (turn: Region.Turn) => A) =>
      backend.request(wire, { service: "Cache", operation, adds }, (now) => {
        const turn: Region.Turn = { region: regionOf(name), now, ended: [], changed: [] }
        const answer = step(turn)
        if (turn.ended.length > 0) {
          backend.publish(topic(loadsChannel(name, 0)), turn.ended.map(Name.encode).join(" "))
        }
        for (const what of turn.changed) backend.publish(watched(name), what)
        return answer
      })
    // No region is called that, and nothing of it may be evicted.
    const locks = backend.state("Cache !locks", Locks.make)
    const moveLock = <A>(adds: boolean, step: (locks: Locks.Locks, now: number) => A) =>
      backend.request(wire, { service: "Cache", operation: "withLock", adds }, (now) => step(locks(), now))
    return CacheStore.of({
      read: (region, keys, slide) => move("get", false, region, (turn) => Steps.read(turn, keys, slide)),
      look: (region, key) => move("timeToLive", false, region, (turn) => Steps.look(turn, key)),
      write: (region, entries, when) => move("set", true, region, (turn) => Steps.write(turn, entries, when)),
      swap: (region, key, version, entry) =>
        move("modify", true, region, (turn) => Steps.swap(turn, key, version, entry)),
      remove: (region, keys) => move("remove", false, region, (turn) => Steps.remove(turn, keys)),
      take: (region, key, version) => move("take", false, region, (turn) => Steps.take(turn, key, version)),
      touch: (region, key, timeToLiveMs) =>
        move("touch", false, region, (turn) => Steps.touch(turn, key, timeToLiveMs)),
      acquire: (region, keys, load, unfit) =>
        move("getOrSet", false, region, (turn) => Steps.acquire(turn, keys, load, unfit)),
      renew: (region, keys, load) => move("getOrSet", false, region, (turn) => Steps.renew(turn, keys, load)),
      commit: (region, entries, load) => move("getOrSet", true, region, (turn) => Steps.commit(turn, entries, load)),
      release: (region, keys, load) => move("getOrSet", false, region, (turn) => Steps.release(turn, keys, load)),
      invalidate: (region, tags) => move("invalidateTags", false, region, (turn) => Region.invalidate(turn, tags)),
      clear: (region) => move("clear", false, region, Region.clear),
      sweep: (region, cursor) => move("clear", false, region, (turn) => Steps.sweep(turn, cursor)),
      page: (region, cursor) => move("keys", false, region, (turn) => Steps.page(turn, cursor)),
      lock: (name, claim) => moveLock(true, (locks, now) => Locks.lock(locks, now, name, claim)),
      relock: (name, claim, fence) => moveLock(false, (locks, now) => Locks.relock(locks, now, name, claim, fence)),
      unlock: (name, owner) =>
        moveLock(false, (locks, now) => {
          const isAwaited = Locks.unlock(locks, now, name, owner)
          if (isAwaited) backend.publish(topic(locksChannel(0)), Name.encode(name))
          return isAwaited
        }),
      partOf: () => 0,
      watch: (region, watcher) => {
        const topic = watched(region)
        let isHeard = false
        const listener: Listener = {
          message: (_, what) => {
            if (what === "c") watcher.cleared(0)
            else if (what.startsWith("v")) watcher.changed(what.slice(1))
            else watcher.tagged(what.slice(1))
          },
          lost: () => {
            isHeard = false
            watcher.lost()
          }
        }
        const ask = { service: "Cache", operation: "watch", adds: false }
        return Effect.map(backend.link(wire, listener), (link) => ({
          ask: (heard) =>
            Effect.gen(function* () {
              if (isHeard) yield* backend.request(wire, ask, () => undefined)
              else {
                isHeard = true
                yield* Effect.onError(link.subscribe([topic]), () => Effect.sync(() => (isHeard = false)))
              }
              wire.push(() => heard(0))
            })
        }))
      },
      connect: (listener) =>
        renamed((listener) => backend.link(wire, listener), listener, { to: topic, from: withoutPrefix }),
      commandTimeoutMs: 5000,
      // Outside worlds a load of this process cannot end without its finalizers.
      immortal: wire.server === undefined
    })
  })
)

const layerOf = (options?: Cache.Options): Layer.Layer<Cache.Cache, never, MemoryBackend> =>
  Layer.provide(Cache.layer(options), store)
const layerDefault = layerOf()

/** Cache for one peer of the backend's cluster. Outside of worlds no lease is renewed, for nobody can crash: no timer runs. */
export const layer = (options?: Cache.Options): Layer.Layer<Cache.Cache, never, MemoryBackend> =>
  options === undefined ? layerDefault : layerOf(options)

// -- internals ----------------------------------------------------------------------------------------------------

const prefix = "Cache "
const topic = (channel: string): string => prefix + channel
/** What becomes of a region's values, for whoever keeps some. */
const watched = (region: string): string => `CacheWatch ${region}`
const withoutPrefix = (topic: string): string => topic.slice(prefix.length)

/** By the keys that a server would keep them under. */
const evict = (region: Region.Region, tag: string, containing: string): void => {
  const kinds = { Value: "v", Lease: "l", Tag: "t" } as const
  for (const what of [...region.values.values(), ...region.leases.values(), ...region.tags.values()]) {
    if (`${tag}:${kinds[what.kind]}:${Name.encode(what.key)}`.includes(containing)) Region.drop(region, what)
  }
  if (`${tag}:meta`.includes(containing)) region.generation = 0
}
