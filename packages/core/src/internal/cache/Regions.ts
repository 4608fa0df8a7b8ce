/** What Cache does: the regions of one layer, and its calls. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { BackendError } from "../../BackendError.ts"
import type { Options, Region, Service, SetOptions, WriteError } from "../../Cache.ts"
import { CacheStore, type Entry, maxKeys } from "../../CacheStore.ts"
import { Bell } from "../Bell.ts"
import { chained, isSettled } from "../Settled.ts"
import type { Cargo, Loaded } from "./Cargo.ts"
import { Client, type House } from "./Client.ts"
import * as Limits from "./Limits.ts"
import { type Awaiting, check, Loading } from "./Loading.ts"
import type { Kept } from "./Near.ts"
import { Locks } from "./Locks.ts"
import { Nears } from "./Nears.ts"
import { Outage } from "./Outage.ts"
import { Sweeper } from "./Sweeper.ts"
import { Waits } from "./Waits.ts"

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
  const bell = new Bell()
  yield* Effect.forkScoped(Effect.scoped(bell.run(store)))
  // For what lives where: nothing is heard on it.
  const link = yield* store.connect({ message: () => {}, lost: () => {} })
  const base = (yield* Random.nextIntBetween(0, 2 ** 52)).toString(36)
  let loads = 0
  let hasWarned = false
  const nears = new Nears()
  const token = () => `${base}.${(loads += 1).toString(36)}`
  const waits = new Waits(store, bell)
  const house = Exit.map(settings, (settings): House => ({
    store,
    settings,
    context,
    fork,
    start: run,
    outage: new Outage(store, link, context, fork),
    waits,
    nears,
    around: nears.around(store),
    warnNear: (error) =>
      Effect.suspend(() => {
        if (hasWarned) return Effect.void
        hasWarned = true
        return Effect.logWarning(`Near values are not kept: ${error.reason.message}`)
      }),
    token
  }))
  const locks = new Locks({ store, context, start: run, waits, token })
  yield* Effect.addFinalizer(() => locks.close)
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
      client.forget()
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
      return chained(client.value.textOf(operation, key), (text) => use(client.value, text))
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
      chained(client.entryOf(operation, key, text, value, options), (entry) => write(client, entry))
    )

  /** What this process keeps: on the hottest path nothing is made but the answer. */
  const keptHere = <K, A>(region: Region<K, A>, key: K): Kept<A> | undefined => {
    if (Exit.isFailure(house)) return undefined
    const codec = region["~codec"]
    const kept = codec.clients.get(house.value)?.near
    const text = kept === undefined ? undefined : codec.plainText(key)
    return text === undefined ? undefined : kept?.hit(text)
  }

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
      for (const wasThere of yield* client.store.remove(region.name, texts.slice(i, i + maxKeys)))
        if (wasThere) count += 1
    }
    return count
  })

  /** What a call of `getOrSet` loads with: all that can be wrong with it is wrong before anything is loaded. */
  const cargoOf = <K, A, R>(
    operation: string,
    client: Client<K, A>,
    options: SetOptions | undefined,
    keys: ReadonlyMap<string, { readonly key: K }>,
    load: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyMap<string, Loaded<A>>, unknown, R>
  ): Effect.Effect<Cargo<A>, never, R> =>
    Effect.contextWith((context: Context.Context<R>) => {
      const { name } = client.plan
      const inside = Context.get(context, Loading)
      return Effect.as(check(inside, sweeper, name, [...keys.keys()]), {
        tags: [...new Set(options?.tags)],
        inside,
        load: (texts: ReadonlyArray<string>, trip: Awaiting) =>
          Effect.suspend(() => {
            const around: Loading = { layer: sweeper, isOver: false, region: name, keys: texts, inside, trip }
            return Effect.ensuring(
              Effect.provideContext(
                Effect.suspend(() => load(texts)),
                Context.add(context, Loading, around)
              ),
              Effect.sync(() => (around.isOver = true))
            )
          }),
        entryOf: (text: string, value: A) => client.entryOf(operation, keys.get(text)!.key, text, value, options)
      })
    })

  /** As `using`, for what fails only as its load does: what is wrong with the call is a defect (promise A6). */
  const loading = <K, A>(
    operation: string,
    region: Region<K, A>,
    options: SetOptions | undefined
  ): Exit.Exit<Client<K, A>> => {
    const tags = Limits.tags(operation, options?.tags)
    if (Exit.isFailure(tags)) return defect(tags)
    const life = options?.timeToLive === undefined ? undefined : Limits.lifeMs(operation, options.timeToLive)
    if (life !== undefined && Exit.isFailure(life)) return defect(life)
    const client = clientOf(operation, region)
    return Exit.isSuccess(client) ? Exit.succeed(client.value) : defect(client)
  }

  /** Hot where it finds something: then nothing is made but what asks. */
  const getOrSet: Service["getOrSet"] = <K, A, E, R>(
    region: Region<K, A>,
    key: K,
    load: Effect.Effect<A, E, R>,
    options?: SetOptions
  ) =>
    Effect.suspend((): Effect.Effect<A, E, R> => {
      const kept = options === undefined ? keptHere(region, key) : undefined
      if (kept !== undefined) return kept.value
      const client = loading("getOrSet", region, options)
      if (Exit.isFailure(client)) return Exit.failCause(client.cause)
      const { loader, near } = client.value
      const use = (text: string): Effect.Effect<A, E, R> =>
        near?.get(text)?.value ??
        loader.get(
          text,
          Effect.suspend(() =>
            cargoOf("getOrSet", client.value, options, new Map([[text, { key }]]), () =>
              Effect.map(load, (value) => new Map([[text, { value }]]))
            )
          )
        )
      const text = client.value.textOf("getOrSet", key)
      return isSettled(text) && Exit.isSuccess(text) ? use(text.value) : Effect.flatMap(Effect.orDie(text), use)
    })

  const getOrSetMany: Service["getOrSetMany"] = Effect.fnUntraced(function* <K, A, E, R>(
    region: Region<K, A>,
    keys: Iterable<K>,
    load: (missing: ReadonlyArray<K>) => Effect.Effect<Iterable<readonly [K, A]>, E, R>,
    options?: SetOptions
  ) {
    const client = yield* loading("getOrSetMany", region, options)
    const all = [...keys]
    const texts = yield* Effect.orDie(client.textsOf("getOrSetMany", all))
    const byText = new Map(texts.map((text, i) => [text, { key: all[i]! }]))
    const cargo = yield* cargoOf("getOrSetMany", client, options, byText, (missing) =>
      Effect.gen(function* () {
        const given = yield* load(missing.map((text) => byText.get(text)!.key))
        const loaded = new Map<string, Loaded<A>>()
        for (const [key, value] of given) {
          const text = yield* Effect.option(client.textOf("getOrSetMany", key))
          if (Option.isSome(text)) loaded.set(text.value, { value })
        }
        return loaded
      })
    )
    const values = yield* client.loader.getMany([...byText.keys()], cargo)
    return texts.map((text) => Option.map(Option.fromNullishOr(values.get(text)), ({ value }) => value))
  })

  const invalidateTags: Service["invalidateTags"] = Effect.fnUntraced(function* (region, given) {
    const { plan, store } = yield* clientOf("invalidateTags", region)
    const tags = yield* Limits.tags("invalidateTags", given, Infinity)
    for (let i = 0; i < tags.length; i += maxKeys) yield* store.invalidate(plan.name, tags.slice(i, i + maxKeys))
  })

  const clear: Service["clear"] = Effect.fnUntraced(function* (region) {
    const { plan, store } = yield* clientOf("clear", region)
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
      writing("setIfAbsent", region, key, value, options, ({ plan, store }, entry) =>
        Effect.map(store.write(plan.name, [entry], "Absent"), ([written]) => written === true)
      ),
    modify: (region, key, f) =>
      using("modify", region, key, (client, text) =>
        client.modifier.modify(text, f, (value) => client.entryOf("modify", key, text, value, undefined))
      ),
    remove: (region, key) =>
      using("remove", region, key, ({ plan, store }, text) =>
        Effect.map(store.remove(plan.name, [text]), ([wasThere]) => wasThere === true)
      ),
    removeMany,
    take: (region, key) => using("take", region, key, (client, text) => client.take(text)),
    touch: (region, key, timeToLive) =>
      using("touch", region, key, ({ plan, store }, text) =>
        Effect.flatMap(Limits.lifeMs("touch", timeToLive), (ms) => store.touch(plan.name, text, ms))
      ),
    timeToLive: (region, key) =>
      using("timeToLive", region, key, ({ plan }, text) =>
        Effect.map(store.look(plan.name, text), (ms) =>
          ms === undefined ? Option.none() : Option.some(Duration.millis(ms))
        )
      ),
    getOrSet,
    getOrSetMany,
    invalidateTags,
    clear,
    keys,
    withLock: (name, options) => (body) =>
      Effect.andThen(
        Effect.suspend(() => settings),
        locks.withLock(name, options, Effect.isEffect(body) ? () => body : body)
      )
  }
})

const defect = (exit: Exit.Failure<unknown, BackendError>): Exit.Exit<never> => Exit.die(Cause.squash(exit.cause))
