/** What Cache does: the regions of one layer, and its calls. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { BackendError } from "../../BackendError.ts"
import type { Options, Region, Service, WriteError } from "../../Cache.ts"
import { CacheStore, type Entry, maxKeys } from "../../CacheStore.ts"
import { isSettled } from "../Settled.ts"
import { Client, type House } from "./Client.ts"
import * as Limits from "./Limits.ts"
import { Sweeper } from "./Sweeper.ts"

/** A client, without its types. */
interface Known {
  readonly isIdle: boolean
  readonly close: () => void
}

export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Service, never, CacheStore | Scope.Scope> {
  const store = yield* CacheStore
  const context = yield* Effect.context<never>()
  const settings = Limits.settings(options)
  const run = yield* FiberSet.makeRuntime<never, void, never>()
  const fork = (effect: Effect.Effect<void>): void => void run(effect)
  const house = Exit.map(settings, (settings): House => ({ store, settings, context, fork }))
  const sweeper = new Sweeper(store, fork)
  /** How each is forgotten. */
  const clients = new Map<Known, () => void>()
  let isClosed = false
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      isClosed = true
      for (const client of clients.keys()) client.close()
    })
  )

  const clientOf = <K, A>(operation: string, region: Region<K, A>): Exit.Exit<Client<K, A>, BackendError> => {
    if (Exit.isFailure(house)) return Exit.failCause(house.cause)
    const codec = region["~codec"]
    const known = codec.clients.get(house.value)
    if (known !== undefined) return Exit.succeed(known)
    const plan = Limits.plan(operation, region)
    if (Exit.isFailure(plan)) return Exit.failCause(plan.cause)
    if (clients.size >= Limits.maxRegions) for (const [client, forget] of clients) if (client.isIdle) forget()
    if (clients.size >= Limits.maxRegions) return Exit.fail(Limits.tooManyRegions)
    const client = new Client(house.value, plan.value, codec)
    if (isClosed) client.close()
    codec.clients.set(house.value, client)
    clients.set(client, () => {
      clients.delete(client)
      codec.clients.delete(house.value)
    })
    return Exit.succeed(client)
  }

  /** The hot path: no generator, and no turn where nothing waits. */
  const using = <K, A, B, E>(
    operation: string,
    region: Region<K, A>,
    key: K,
    use: (client: Client<K, A>, text: string) => Effect.Effect<B, E>
  ): Effect.Effect<B, E | BackendError> =>
    Effect.suspend((): Effect.Effect<B, E | BackendError> => {
      const client = clientOf(operation, region)
      if (Exit.isFailure(client)) return Exit.failCause(client.cause)
      const text = client.value.textOf(operation, key)
      return isSettled(text) && Exit.isSuccess(text)
        ? use(client.value, text.value)
        : Effect.flatMap(text, (text) => use(client.value, text))
    })

  const writing = <K, A, B>(
    operation: string,
    region: Region<K, A>,
    key: K,
    value: A,
    options: Parameters<Service["set"]>[3],
    write: (client: Client<K, A>, entry: Entry) => Effect.Effect<B, BackendError>
  ): Effect.Effect<B, WriteError> =>
    using(operation, region, key, (client, text) =>
      Effect.flatMap(client.entryOf(operation, key, text, value, options), (entry) => write(client, entry))
    )

  const get: Service["get"] = (region, key) => using("get", region, key, ({ reader }, text) => reader.get(text))

  const getMany: Service["getMany"] = Effect.fnUntraced(function* (region, keys) {
    const client = yield* clientOf("getMany", region)
    const texts = yield* client.textsOf("getMany", keys)
    return texts.length === 0 ? [] : yield* client.reader.getMany(texts)
  })

  const setMany: Service["setMany"] = Effect.fnUntraced(function* (region, entries, options) {
    const client = yield* clientOf("setMany", region)
    const all: Array<Entry> = []
    for (const [key, value] of entries) {
      // A million of them must not stand in everyone's way.
      if (all.length % maxKeys === maxKeys - 1) yield* Effect.yieldNow
      const text = yield* client.textOf("setMany", key)
      all.push(yield* client.entryOf("setMany", key, text, value, options))
    }
    yield* client.writer.setMany(all)
  })

  const removeMany: Service["removeMany"] = Effect.fnUntraced(function* (region, keys) {
    const client = yield* clientOf("removeMany", region)
    const texts = [...new Set(yield* client.textsOf("removeMany", keys))]
    let count = 0
    for (let i = 0; i < texts.length; i += maxKeys) {
      for (const wasThere of yield* store.remove(region.name, texts.slice(i, i + maxKeys))) if (wasThere) count += 1
    }
    return count
  })

  const invalidateTags: Service["invalidateTags"] = Effect.fnUntraced(function* (region, given) {
    const { plan } = yield* clientOf("invalidateTags", region)
    const tags = yield* Limits.tags("invalidateTags", given, Infinity)
    for (let i = 0; i < tags.length; i += maxKeys) yield* store.invalidate(plan.name, tags.slice(i, i + maxKeys))
  })

  const clear: Service["clear"] = Effect.fnUntraced(function* (region) {
    const { plan } = yield* clientOf("clear", region)
    yield* store.clear(plan.name)
    sweeper.sweep(plan.name)
  })

  const keys: Service["keys"] = <K, A>(region: Region<K, A>) =>
    Stream.unwrap(
      Effect.map(
        Effect.suspend(() => clientOf("keys", region)),
        () =>
          Stream.paginate("", (cursor: string) =>
            Effect.gen(function* () {
              const page = yield* store.page(region.name, cursor)
              const found: Array<K> = []
              for (const text of page.keys) {
                const key = yield* Effect.option(region["~codec"].decodeKey(text))
                if (Option.isSome(key)) found.push(key.value)
              }
              return [found, page.cursor === "" ? Option.none() : Option.some(page.cursor)] as const
            })
          )
      )
    )

  return {
    get,
    getMany,
    has: (region, key) => Effect.map(get(region, key), Option.isSome),
    set: (region, key, value, options) =>
      writing("set", region, key, value, options, ({ writer }, entry) => writer.set(entry)),
    setMany,
    setIfAbsent: (region, key, value, options) =>
      writing("setIfAbsent", region, key, value, options, ({ plan }, entry) =>
        Effect.map(store.write(plan.name, [entry], "Absent"), ([written]) => written === true)
      ),
    modify: (region, key, f) =>
      using("modify", region, key, (client, text) =>
        client.modifier.modify(text, f, (value) => client.entryOf("modify", key, text, value, undefined))
      ),
    remove: (region, key) =>
      using("remove", region, key, ({ plan }, text) =>
        Effect.map(store.remove(plan.name, [text]), ([wasThere]) => wasThere === true)
      ),
    removeMany,
    take: (region, key) =>
      using("take", region, key, ({ plan, reader }, text) =>
        Effect.flatMap(store.take(plan.name, text), (found) => reader.decoded(found))
      ),
    touch: (region, key, timeToLive) =>
      using("touch", region, key, ({ plan }, text) =>
        Effect.flatMap(Limits.lifeMs("touch", timeToLive), (ms) => store.touch(plan.name, text, ms))
      ),
    timeToLive: (region, key) =>
      using("timeToLive", region, key, ({ plan }, text) =>
        Effect.map(store.look(plan.name, text), (ms) =>
          ms === undefined ? Option.none() : Option.some(Duration.millis(ms))
        )
      ),
    invalidateTags,
    clear,
    keys
  }
})
