/**
 * What a backend implements for Cache: values by region and key, in which every step is atomic. Everything else (encoding,
 * batching, single flight, what is loaded when, stale values) stands above it, once, in `internal/cache`.
 *
 * A region lies in parts, each on one primary: one part on a single server, more on a cluster, and a key always in the same.
 * What is said of several keys is one step for those of one part, and one round trip for all.
 *
 * A value is there while its time is not over by the server's clock, while the generation of its part is still the one it was
 * written in, and while each of its tags still has the token it had then. A generation and a tag without a token match
 * nothing: so `clear` and `invalidate` take tokens away, whoever writes next makes new ones, and what an eviction takes away
 * can never bring back what was invalid. Tokens grow: the server's time in µs, or one more than the last where that is higher.
 *
 * Whoever is about to load a value holds the lease of its key. Whatever writes or removes the value drops the lease, and so
 * does taking the generation's or a tag's token: `commit` stores for nobody but who holds it (promise C5).
 *
 * Locks are of no region, and lie in as many parts as one does. What they rest on carries no time to live of the backend's
 * own: an owner and a time by the server's clock decide, and fences as tokens do.
 *
 * Names, keys and tags arrive unencoded and valid; times to live are in ms, Infinity for ever. Values are texts that a store
 * keeps as they are.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { BackendError } from "./BackendError.ts"
import type { Link, Listener } from "./Link.ts"
import * as Name from "./Name.ts"

// -- values -------------------------------------------------------------------------------------------------------

/** A value as it is written. */
export interface Entry {
  readonly key: string
  readonly body: string
  /** From now. Zero or less: nothing is stored, and what was there is gone (promise C2). */
  readonly timeToLiveMs: number
  /** Each reading has it live so long again. */
  readonly isSliding: boolean
  /** So long after its time it is still there for a load, and for nobody else. */
  readonly staleForMs: number
  readonly tags: ReadonlyArray<string>
}

/** A value as it is found. */
export interface Found {
  readonly body: string
  /** Of this writing of it: another one each time the key is written. */
  readonly version: string
  /** Of its time to live. Zero or less: it is stale. */
  readonly leftMs: number
  /** So long each reading has it live; zero: it is not sliding. */
  readonly slideMs: number
  readonly tags: ReadonlyArray<string>
}

/**
 * Why nothing is there, as far as the store can tell: its time is over, its region was cleared, one of its tags was taken
 * away. Absent: nothing was, or the store has given it up since.
 */
export type Missing = "Absent" | "Expired" | "Cleared" | "Tagged"

export const isFound = (found: Found | Missing | undefined): found is Found => typeof found === "object"

/**
 * Hears what becomes of a region's values. Called from the connection's own turn: must not block and must not throw. It may be
 * told of more than has changed, never of less, until it is `lost`.
 */
export interface Watcher {
  /** Written or removed, or its time is over or was changed. */
  readonly changed: (key: string) => void
  /** What carries this tag may be gone. */
  readonly tagged: (tag: string) => void
  /** All of this part may be gone. */
  readonly cleared: (part: number) => void
  /** Something may have been missed, and may be from now on until it is heard again. */
  readonly lost: () => void
}

export interface Watch {
  /**
   * Told for each part, once everything that was done to it before the asking has been told, and whatever is done from now on
   * will be. Fails where that cannot be said of some; a part that was told of stands nevertheless.
   */
  readonly ask: (heard: (part: number) => void) => Effect.Effect<void, BackendError>
}

// -- loads --------------------------------------------------------------------------------------------------------

/** Who loads: a token of its own for each load. */
export interface Load {
  readonly token: string
  readonly leaseMs: number
  /** What will be written carries these: taking one of them away drops the lease, and so does one of what it replaces. */
  readonly tags: ReadonlyArray<string>
}

/**
 * - `Found`: it is there.
 * - `Won`: it is not, and the lease is this load's from now on, or was already.
 * - `Busy`: it is not, and somebody else loads it: the lease has so long to go unless it is renewed. What becomes of it is
 *   pushed to the part's channel.
 */
export type Acquired =
  | { readonly _tag: "Found"; readonly found: Found }
  | { readonly _tag: "Won"; readonly stale: Found | undefined }
  | { readonly _tag: "Busy"; readonly leftMs: number; readonly stale: Found | undefined }

/** `Refused`: the lease was not this load's any more; nothing changed. */
export type Committed = "Stored" | "Refused"

// -- locks --------------------------------------------------------------------------------------------------------

/** Who wants a lock: an owner of its own for each time that it is wanted. */
export interface Claim {
  readonly owner: string
  readonly timeToLiveMs: number
  /** A fence that was seen, of any lock: the one that is given is higher. */
  readonly above: number
}

/**
 * - `Held`: the lock is this owner's from now on for so long as it asked for, or was already, with the fence that it had.
 * - `Busy`: another has it, with that fence, for so long unless it is renewed. That it was given back is pushed to the part's
 *   channel.
 */
export type Locked =
  | { readonly _tag: "Held"; readonly fence: number }
  | { readonly _tag: "Busy"; readonly fence: number; readonly leftMs: number }

// -- pages --------------------------------------------------------------------------------------------------------

/** Some keys of a region. An empty cursor: it is the last page. */
export interface Page {
  readonly keys: ReadonlyArray<string>
  readonly cursor: string
}

// -- bounds -------------------------------------------------------------------------------------------------------

/** The most keys of one call. */
export const maxKeys = 512
/** Bytes of one call's values; one that is larger goes alone. */
export const maxCallBytes = 1_048_576
/** The most tags of one value. */
export const maxTags = 64
/** About so many keys are looked at for one page. */
export const pageSize = 512

// -- pushes -------------------------------------------------------------------------------------------------------

/** Of one part of a region. Message: keys whose lease is over while others waited for it, percent-encoded, with spaces between. */
export const loadsChannel = (region: string, part: number): string => `${Name.encode(region)}:${part}`
/** Of one part of the locks, which is no region's. Message: the name of a lock that was given back while others waited, percent-encoded. */
export const locksChannel = (part: number): string => `!locks:${part}`

export interface Service {
  /**
   * What is there, in the order of the keys; what is sliding lives on: always, or only where half of its time is over, so that
   * those who keep it are not told of each reading. Stale ones are not among them.
   */
  readonly read: (
    region: string,
    keys: ReadonlyArray<string>,
    slide: "Always" | "Late"
  ) => Effect.Effect<ReadonlyArray<Found | Missing>, BackendError>
  /** How long it has to live; undefined: it is not there. Prolongs nothing. */
  readonly look: (region: string, key: string) => Effect.Effect<number | undefined, BackendError>
  /**
   * Writes in the order given; true: it was written, or it was to live for no time. Of two entries of one key the last
   * counts. Adds.
   */
  readonly write: (
    region: string,
    entries: ReadonlyArray<Entry>,
    when: "Always" | "Absent"
  ) => Effect.Effect<ReadonlyArray<boolean>, BackendError>
  /**
   * Writes, or without an entry removes, if what is there is still of that version (undefined: if nothing is there). False:
   * nothing changed. Adds.
   */
  readonly swap: (
    region: string,
    key: string,
    version: string | undefined,
    entry: Entry | undefined
  ) => Effect.Effect<boolean, BackendError>
  /** True: it was there. Frees. */
  readonly remove: (region: string, keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<boolean>, BackendError>
  /**
   * Reads and removes in one step, where a version is given only if what is there is of that one ("": if nothing is there).
   * Undefined: nothing was there, or another one. Frees.
   */
  readonly take: (region: string, key: string, version?: string) => Effect.Effect<Found | undefined, BackendError>
  /** Lives so long from now, and after each reading where it is sliding; zero or less removes it as `remove` does. False: it was not there. Frees. */
  readonly touch: (region: string, key: string, timeToLiveMs: number) => Effect.Effect<boolean, BackendError>
  /**
   * Finds each as `read` does, or takes its lease for a load. Again with the same token it answers as before. What is still of
   * the version that `unfit` names for its key is taken for absent. Frees: who may load is known on a full server, too, and a
   * lease is small and ends by itself.
   */
  readonly acquire: (
    region: string,
    keys: ReadonlyArray<string>,
    load: Load,
    unfit?: ReadonlyMap<string, string>
  ) => Effect.Effect<ReadonlyArray<Acquired>, BackendError>
  /** False: the lease is not this load's any more. Frees. */
  readonly renew: (
    region: string,
    keys: ReadonlyArray<string>,
    load: Load
  ) => Effect.Effect<ReadonlyArray<boolean>, BackendError>
  /** Writes what was loaded and gives the lease back, each if it is still this load's. Adds. */
  readonly commit: (
    region: string,
    entries: ReadonlyArray<Entry>,
    load: Load
  ) => Effect.Effect<ReadonlyArray<Committed>, BackendError>
  /** Gives leases back without a value. Frees. */
  readonly release: (region: string, keys: ReadonlyArray<string>, load: Load) => Effect.Effect<void, BackendError>
  /** Whatever carries one of these tags is gone, for whoever reads after that. Frees. */
  readonly invalidate: (region: string, tags: ReadonlyArray<string>) => Effect.Effect<void, BackendError>
  /** All of it is gone, for whoever reads after that; `sweep` gives the space back. Frees. */
  readonly clear: (region: string) => Effect.Effect<void, BackendError>
  /** Removes some of what cannot be read any more, and gives the next cursor; "" begins and ends. Frees. */
  readonly sweep: (region: string, cursor: string) => Effect.Effect<string, BackendError>
  /** Keys that are there: all that are there throughout are on one page at least, and nothing that was cleared. */
  readonly page: (region: string, cursor: string) => Effect.Effect<Page, BackendError>
  /**
   * Gives a lock where nobody has it or where its time is over, by the server's clock; no eviction ends it earlier. Again
   * with the same owner it answers as before, and lasts that long from then. Fences grow, whichever lock they are of. Adds.
   */
  readonly lock: (name: string, claim: Claim) => Effect.Effect<Locked, BackendError>
  /**
   * It is this owner's for so long from now. False: it is not, or its time was over. A store that has lost its data since
   * this fence was given gives it back to who had it, unless another was faster. Frees.
   */
  readonly relock: (name: string, claim: Claim, fence: number) => Effect.Effect<boolean, BackendError>
  /** Gives it back, where it is this owner's. True: others have asked for it meanwhile. Frees. */
  readonly unlock: (name: string, owner: string) => Effect.Effect<boolean, BackendError>
  /** In which part a key, or a lock, lies. */
  readonly partOf: (key: string) => number
  /** Begins to tell what becomes of a region's values, once it is asked to, until the scope closes. */
  readonly watch: (region: string, watcher: Watcher) => Effect.Effect<Watch, never, Scope.Scope>
  /** A link for pushes; its channels are those above. */
  readonly connect: (listener: Listener) => Effect.Effect<Link, never, Scope.Scope>
  /** No request outlives this, in ms. */
  readonly commandTimeoutMs: number
  /** True where no peer dies without its finalizers (in memory, outside of worlds): then no lease is renewed by a timer. */
  readonly immortal: boolean
}

export class CacheStore extends Context.Service<CacheStore, Service>()("@troupe/core/CacheStore") {}
