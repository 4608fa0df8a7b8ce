/** Peers of a Cache whose store does something more, or something less, than the memory's. */
import * as Cache from "@troupe/core/Cache"
import { CacheStore, type Service as Store } from "@troupe/core/CacheStore"
import * as MemoryCache from "@troupe/testkit/MemoryCache"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

export const Numbers = Cache.region("numbers", { value: Schema.Int, timeToLive: "1 minute" })
export const Stale = Cache.region("stale", { value: Schema.Int, timeToLive: "10 seconds", staleFor: "1 hour" })
/** The same region, as an application wrote it that was of another mind. */
export const Texts = Cache.region("numbers", { value: Schema.String, timeToLive: "1 minute" })

export const layer = (change: (store: Store) => Partial<Store>) =>
  Cache.layer().pipe(
    Layer.provide(
      Layer.effect(
        CacheStore,
        Effect.map(CacheStore, (store) => ({ ...store, ...change(store) }))
      )
    ),
    Layer.provide(MemoryCache.store)
  )

/** Lives until its scope ends. */
export const make = (change: (store: Store) => Partial<Store> = () => ({})) =>
  Effect.map(Layer.build(Layer.fresh(layer(change))), (context) => ({
    on: <A, E, R>(use: (cache: Cache.Service) => Effect.Effect<A, E, R>) =>
      Effect.provide(Effect.flatMap(Cache.Cache, use), context)
  }))

/** Enough of them for whatever needs no time. */
export const turns = Effect.forEach(Array.from({ length: 50 }), () => Effect.yieldNow, { discard: true })
