/** What a load brings, and what it is loaded and kept with. */
import type * as Effect from "effect/Effect"
import type { WriteError } from "../../Cache.ts"
import type { Entry } from "../../CacheStore.ts"
import type { Awaiting, Loading } from "./Loading.ts"

/** What was loaded; undefined may be a value. */
export interface Loaded<A> {
  readonly value: A
}

/** What a trip is for. */
export interface Cargo<A> {
  /** By key; what is left out stays absent. */
  readonly load: (keys: ReadonlyArray<string>, trip: Awaiting) => Effect.Effect<ReadonlyMap<string, Loaded<A>>, any>
  readonly entryOf: (key: string, value: A) => Effect.Effect<Entry, WriteError>
  readonly tags: ReadonlyArray<string>
  /** The load that asks for it. */
  readonly inside: Loading | undefined
}
