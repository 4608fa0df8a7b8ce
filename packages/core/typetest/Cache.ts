import type { BackendError, PayloadTooLarge } from "@troupe/core/BackendError"
import * as Cache from "@troupe/core/Cache"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { Equal } from "./Equal.ts"

declare const cache: Cache.Service

class Gone extends Schema.TaggedError<Gone>("Gone")("Gone", {}) {}
class Source extends Context.Service<Source, { readonly fetch: Effect.Effect<User, Gone> }>()("Source") {}

interface User {
  readonly name: string
  readonly seen: Date
}
const User = Schema.Struct({ name: Schema.String, seen: Schema.Date })

const Users = Cache.region("users", { value: User, key: Schema.Int, timeToLive: "1 hour" })
const Tokens = Cache.region("tokens", {
  value: Schema.Struct({ secret: Schema.String, minutes: Schema.Int }),
  timeToLive: ({ minutes }, key) => (key.startsWith("short") ? 1_000 : `${minutes} minutes`),
  sliding: true,
  staleFor: "1 day"
})

// The definition says it all, without an annotation.
export const usersType: Equal<typeof Users, Cache.Region<number, { readonly name: string; readonly seen: Date }>> = true
export const keyIsText: Equal<
  typeof Tokens,
  Cache.Region<string, { readonly secret: string; readonly minutes: number }>
> = true

const found = cache.get(Users, 1)
export const getType: Equal<typeof found, Effect.Effect<Option.Option<User>, BackendError>> = true

const many = cache.getMany(Users, new Set([1, 2]))
export const getManyType: Equal<typeof many, Effect.Effect<ReadonlyArray<Option.Option<User>>, BackendError>> = true

const written = cache.set(Users, 1, { name: "Ada", seen: new Date(0) }, { tags: ["users"], timeToLive: Infinity })
export const setType: Equal<
  typeof written,
  Effect.Effect<void, BackendError | PayloadTooLarge | Schema.SchemaError>
> = true

const changed = cache.modify(Users, 1, (user) => [Option.isSome(user), user])
export const modifyType: Equal<typeof changed, Effect.Effect<boolean, Cache.WriteError>> = true

// Loading fails and needs what the load does, and nothing else.
const loaded = cache.getOrSet(
  Users,
  1,
  Effect.flatMap(Source, ({ fetch }) => fetch)
)
export const getOrSetType: Equal<typeof loaded, Effect.Effect<User, Gone, Source>> = true

const loadedMany = cache.getOrSetMany(Users, [1, 2], (missing) =>
  Effect.map(
    Effect.flatMap(Source, ({ fetch }) => fetch),
    (user) => missing.map((id) => [id, user] as const)
  )
)
export const getOrSetManyType: Equal<
  typeof loadedMany,
  Effect.Effect<ReadonlyArray<Option.Option<User>>, Gone, Source>
> = true

const left = cache.timeToLive(Tokens, "a")
export const timeToLiveType: Equal<typeof left, Effect.Effect<Option.Option<Duration.Duration>, BackendError>> = true

const keys = cache.keys(Users)
export const keysType: Equal<typeof keys, Stream.Stream<number, BackendError>> = true

// A body fails and needs what it does, and what can happen to a lock comes on top.
const locked = cache.withLock("nightly", { timeToLive: "1 minute", wait: 0 })(
  Effect.flatMap(Source, ({ fetch }) => fetch)
)
export const withLockType: Equal<
  typeof locked,
  Effect.Effect<User, Gone | Cache.LockTimeout | Cache.LockLost | BackendError, Source>
> = true

const fenced = cache.withLock("nightly")(({ fence }) => Effect.succeed(fence))
export const fenceType: Equal<
  typeof fenced,
  Effect.Effect<bigint, Cache.LockTimeout | Cache.LockLost | BackendError>
> = true

export const anyRegion: Cache.AnyRegion = Users
export const layerType: Layer.Layer<Cache.Cache, never, never> extends ReturnType<typeof Cache.layer> ? true : false =
  true

// @ts-expect-error a key is what the region says
cache.get(Users, "1")
// @ts-expect-error a value is what the region says
cache.set(Users, 1, { name: "Ada" })
// @ts-expect-error a load gives what the region keeps
cache.getOrSet(Users, 1, Effect.succeed("Ada"))
// @ts-expect-error without a time to live nobody knows how long
Cache.region("forgotten", { value: User })
