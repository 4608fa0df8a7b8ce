/**
 * Values that all peers share, each for as long as it is to live.
 *
 * A region is a value: a name, the schemas of its keys and values, and how long they live. What one peer sets every peer
 * reads next (C1), and what has been removed, tagged away or cleared is gone for all of them (C9).
 *
 * A value's time is the store's: it is gone when that is over, to the millisecond (C2).
 *
 * Beside them, locks: of all fibers on all peers one at a time runs what it protects (C12).
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { BackendError, PayloadTooLarge } from "./BackendError.ts"
import type { CacheStore } from "./CacheStore.ts"
import { LockLost, LockTimeout } from "./internal/cache/errors.ts"
import { type Life, RegionCodec } from "./internal/cache/RegionCodec.ts"
import * as Regions from "./internal/cache/Regions.ts"

const TypeId = "~@troupe/core/Cache/Region" as const

/** Any region, for what needs to know no more than which. */
export interface AnyRegion {
  readonly [TypeId]: typeof TypeId
  readonly name: string
  /** @internal */
  readonly "~terms": {
    /** Undefined: each value says for itself. */
    readonly timeToLive: Duration.Input | undefined
    readonly isSliding: boolean
    readonly staleFor: Duration.Input | undefined
    readonly near: NearOptions | undefined
  }
}

/** How many values a process keeps of a region, and how long at most. */
export interface NearOptions {
  /** Values, from 1 to 1,000,000. Beyond, one that was not read for long makes room. */
  readonly capacity: number
  /** At most so long after it was read; then it is read again. 30 seconds. */
  readonly timeToLive?: Duration.Input | undefined
}

/** A named kind of values: their keys, their schema, and how long they live. A plain value. */
export interface Region<in out K, in out A> extends AnyRegion {
  readonly key: Schema.Codec<K, string | number>
  readonly value: Schema.Codec<A, any>
  /** @internal */
  readonly "~codec": RegionCodec<K, A>
}

/** What may be said of one writing. */
export interface SetOptions {
  /** Instead of the region's. */
  readonly timeToLive?: Duration.Input | undefined
  /** At most 64: `invalidateTags` with one of them takes the value away. Default none. */
  readonly tags?: ReadonlyArray<string> | undefined
}

export type WriteError = BackendError | PayloadTooLarge | Schema.SchemaError

/** What may be said of one lock. */
export interface LockOptions {
  /**
   * So long after its peer's last word a lock is free for others, by the server's clock. 30 seconds; from a second to a day.
   */
  readonly timeToLive?: Duration.Input | undefined
  /** How long to wait for it. 10 seconds; zero tries once, Infinity waits for ever. */
  readonly wait?: Duration.Input | undefined
}

/** A lock, as its body has it. */
export interface Lock {
  /** Higher than that of whoever had a lock before: what else the body writes to can refuse a lower one. */
  readonly fence: bigint
}

export { LockLost, LockTimeout }

/** Of the layer. A bad one fails every call with Misconfigured. */
export interface Options {
  /** So long without a word from a load's peer, and another may load. 10 seconds. */
  readonly lease?: Duration.Input | undefined
  /** Of a value's JSON. 1 MiB, and no more. */
  readonly maxPayloadBytes?: number | undefined
}

/** What the service does, by name, so that an editor says `Cache.Service` and not sixty lines. */
export interface Service {
  /**
   * What is there; None where nothing is, or what is there does not fit the schema (C14). A round trip, shared with what
   * else this process reads of the region at the time; who reads the same gets the same object. Prolongs what is sliding.
   *
   * The span that is open is given `troupe.cache.region` and `troupe.cache.miss` where nothing is found, by `getOrSet`, too: Absent
   * (or evicted), Expired (and kept for `staleFor`), Cleared, Tagged, Undecodable; of `getOrSet` also Loading (somebody in this
   * process loads it already) and Unavailable (it is loaded without the backend).
   */
  readonly get: <K, A>(region: Region<K, A>, key: K) => Effect.Effect<Option.Option<A>, BackendError>
  /**
   * In the order of the keys. A round trip per primary, all at once; another for each further 512 keys, or 4 MiB of them
   * (64 keys, where this process has not seen any value of the region yet).
   */
  readonly getMany: <K, A>(
    region: Region<K, A>,
    keys: Iterable<NoInfer<K>>
  ) => Effect.Effect<ReadonlyArray<Option.Option<A>>, BackendError>
  /** Whether `get` would find something, at the same cost. */
  readonly has: <K, A>(region: Region<K, A>, key: K) => Effect.Effect<boolean, BackendError>
  /**
   * Every peer reads it next. Takes the place of what was there, with its time to live and its tags. One round trip,
   * shared with what else this process sets in the region at the time; calls of one process keep their order. Where it is
   * to live for no time nothing is stored, and what was there is gone.
   *
   * Interrupted before it left, it is not written; afterwards it may be.
   */
  readonly set: <K, A>(region: Region<K, A>, key: K, value: A, options?: SetOptions) => Effect.Effect<void, WriteError>
  /**
   * All of them, 512 or 1 MiB a round trip; of two of one key the last counts. All are checked before the first is sent;
   * where it fails later, the error says how many of the first were written. One step only where one round trip is enough.
   */
  readonly setMany: <K, A>(
    region: Region<K, A>,
    entries: Iterable<readonly [NoInfer<K>, NoInfer<A>]>,
    options?: SetOptions
  ) => Effect.Effect<void, WriteError>
  /**
   * True: nothing was there, and now this is. False also where what is there does not fit the schema, for then it may be
   * what a newer version of the application wrote (C14). One round trip.
   */
  readonly setIfAbsent: <K, A>(
    region: Region<K, A>,
    key: K,
    value: A,
    options?: SetOptions
  ) => Effect.Effect<boolean, WriteError>
  /**
   * Writes what `f` makes of what is there, and loses nobody's change (C8). `f` is pure, and is called again where
   * somebody came first. None removes. What is written lives anew, by the region's time to live, and carries no tags.
   * Two round trips and two more for each time that somebody else came first; changes that this process makes to one key
   * at the same time share them.
   */
  readonly modify: <K, A, B>(
    region: Region<K, A>,
    key: K,
    f: (current: Option.Option<A>) => readonly [B, Option.Option<A>]
  ) => Effect.Effect<B, WriteError>
  /**
   * What is there, or what `load` gives. However many fibers on however many peers ask at once, one loads and all get its
   * answer (C4). Its failure goes to those of its own process who waited; elsewhere one tries next. What was removed,
   * overwritten, tagged away or cleared meanwhile is not put back, and answers nobody who came after that (C5). The last
   * interested fiber's interruption interrupts the load (C6).
   *
   * Fails only as `load` does. Where the backend is away, or does not answer within 250 ms, it loads all the same, once
   * per process and key, and stores nothing (C11). A value that cannot be kept is given to the caller, logged once per
   * region, and counted. What is wrong with the key or an option is a defect; so is a key that is asked for inside its own
   * load, and keys of one process whose loads ask for each other. The loads of one key are taken to fail alike.
   *
   * One round trip on a hit, shared as those of `get` are; two more on a miss, and one for whether it still holds where others
   * of this process join the load. With `staleFor` an old value is given at
   * once while one peer loads the new one, which is the layer's to do, with what this call provides (C7).
   */
  readonly getOrSet: <K, A, E, R>(
    region: Region<K, A>,
    key: K,
    load: Effect.Effect<A, E, R>,
    options?: SetOptions
  ) => Effect.Effect<A, E, R>
  /**
   * As `getOrSet`, in the order of the keys. What is missing is loaded together, as far as nobody else loads it already;
   * what `load` leaves out stays absent.
   */
  readonly getOrSetMany: <K, A, E, R>(
    region: Region<K, A>,
    keys: Iterable<NoInfer<K>>,
    load: (missing: ReadonlyArray<K>) => Effect.Effect<Iterable<readonly [NoInfer<K>, NoInfer<A>]>, E, R>,
    options?: SetOptions
  ) => Effect.Effect<ReadonlyArray<Option.Option<A>>, E, R>
  /** True: it was there. What loads it meanwhile stores nothing. One round trip. */
  readonly remove: <K, A>(region: Region<K, A>, key: K) => Effect.Effect<boolean, BackendError>
  /** How many of them were there. A round trip per 512. */
  readonly removeMany: <K, A>(region: Region<K, A>, keys: Iterable<NoInfer<K>>) => Effect.Effect<number, BackendError>
  /**
   * Reads and removes: of all who take it, one gets it. What does not fit the schema is None, and is left (C14). Two round
   * trips, and two more for each time that somebody else came first.
   */
  readonly take: <K, A>(region: Region<K, A>, key: K) => Effect.Effect<Option.Option<A>, BackendError>
  /** Lives so long from now, and after each reading where it is sliding; no time removes it. False: it was not there. */
  readonly touch: <K, A>(
    region: Region<K, A>,
    key: K,
    timeToLive: Duration.Input
  ) => Effect.Effect<boolean, BackendError>
  /** What is left of its time; Infinity for ever. Prolongs nothing. */
  readonly timeToLive: <K, A>(
    region: Region<K, A>,
    key: K
  ) => Effect.Effect<Option.Option<Duration.Duration>, BackendError>
  /**
   * Whatever was set with one of these tags is gone for every reader that starts after, on every peer, and no load that is
   * under way puts it back (C9, C5). A round trip per 512 tags, however many values carry them; on a Cluster one to each
   * part of the region, all at once. Where it fails, it holds for some.
   */
  readonly invalidateTags: <K, A>(region: Region<K, A>, tags: Iterable<string>) => Effect.Effect<void, BackendError>
  /**
   * All of the region is gone for every reader that starts after, on every peer, and no load that is under way puts it
   * back (C9, C5). Costs what `invalidateTags` costs; the space is given back in the background.
   */
  readonly clear: <K, A>(region: Region<K, A>) => Effect.Effect<void, BackendError>
  /**
   * The keys that are there, in no order: those that are there throughout at least once, perhaps twice. Never what was
   * cleared before. Two round trips per about 512 keys that the server has, of whichever region, one server after the other;
   * none of them holds the server up.
   */
  readonly keys: <K, A>(region: Region<K, A>) => Stream.Stream<K, BackendError>
  /**
   * Runs the body while nobody else of the cluster holds the lock of that name, other fibers of this process included (C12).
   * The lock is renewed each third of `timeToLive` for as long as the body runs, and given back when it has ended, however it
   * ended; a crashed peer's is free when its time is over. No order among those who wait is promised.
   *
   * Where it can no longer be proven the body is interrupted, and the call fails with LockLost: a second before another may
   * hold it (a quarter of `timeToLive`, where that is less), or, in a process that stood still, with the first turn of its
   * loop. For that turn two may run: give the fence to what the body writes to. So it is when the layer closes.
   *
   * A lock that is not free within `wait` fails with LockTimeout. It is asked for again when it is given back or its time is
   * over, not in between; an outage while it is waited for is waited through. Where the store cannot be asked at all the call
   * fails at once, and where it failed or was interrupted nothing stays locked: what cannot be told is told later, until the
   * lock's time is over. A lock that is asked for inside its own body is a defect.
   *
   * A round trip to take it, or three where it had to be waited for; one to give it back, and one for each renewal.
   */
  readonly withLock: (
    name: string,
    options?: LockOptions
  ) => <A, E, R>(
    body: Effect.Effect<A, E, R> | ((lock: Lock) => Effect.Effect<A, E, R>)
  ) => Effect.Effect<A, E | LockTimeout | LockLost | BackendError, R>
}

export class Cache extends Context.Service<Cache, Service>()("@troupe/core/Cache") {}

/**
 * A region by its name. Never throws: what is wrong with a name or an option is said by the first call that uses it
 * (`InvalidName`, `Misconfigured`).
 */
export const region = <A, K = string>(
  name: string,
  options: {
    readonly value: Schema.Codec<A, any>
    /** How a key is written. Default: it is a string. */
    readonly key?: Schema.Codec<K, string | number> | undefined
    /** May depend on what is kept: a token lives as long as it says. No time stores nothing; Infinity is for ever. */
    readonly timeToLive: Duration.Input | ((value: NoInfer<A>, key: NoInfer<K>) => Duration.Input)
    /** Each reading has it live so long again. Default false. */
    readonly sliding?: boolean | undefined
    /** After its time, `getOrSet` may serve the old value for this long while one peer loads the new one. Default none. */
    readonly staleFor?: Duration.Input | undefined
    /**
     * Keeps values that were read in this process, decoded: who reads one again asks nobody, and gets the same object, which
     * is not to be changed. What another peer writes is noticed within 100 ms; where the connection for that dies unnoticed,
     * within 2 s (C10). Costs a connection per primary, and a question a second while anything is kept (on a Cluster two: whether
     * the server still has the region's keys, too). What is sliding is then
     * prolonged by readings in the second half of its time. Default none: each reading asks the backend.
     */
    readonly near?: NearOptions | undefined
  }
): Region<K, A> => {
  const key: Schema.Codec<any, string | number> = options.key ?? Schema.String
  const timeToLive: Life<K, A> = options.timeToLive
  return {
    [TypeId]: TypeId,
    name,
    key,
    value: options.value,
    "~terms": {
      timeToLive: typeof timeToLive === "function" ? undefined : timeToLive,
      isSliding: options.sliding ?? false,
      staleFor: options.staleFor,
      near: options.near
    },
    "~codec": new RegionCodec<K, A>(key, options.value, timeToLive)
  }
}

const layerOf = (options: Options): Layer.Layer<Cache, never, CacheStore> =>
  Layer.effect(Cache, Effect.map(Regions.make(options), Cache.of))
const layerDefault = layerOf({})

/** Cache on any backend: the policy above a store. Without options always the same Layer. */
export const layer = (options?: Options): Layer.Layer<Cache, never, CacheStore> =>
  options === undefined ? layerDefault : layerOf(options)
