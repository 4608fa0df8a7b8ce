/**
 * What a layer's regions keep, by their names: two definitions of one name are one region, and what is written through one
 * of them, or through one that keeps nothing, is forgotten by all.
 */
import * as Effect from "effect/Effect"
import type { Service as Store } from "../../CacheStore.ts"

/** Of one definition. */
export interface Keeping {
  readonly changed: (key: string) => void
  readonly tagged: (tag: string) => void
  readonly clearedAll: () => void
}

export class Nears {
  private readonly byName = new Map<string, Set<Keeping>>()

  add(name: string, keeping: Keeping): void {
    const known = this.byName.get(name)
    if (known === undefined) this.byName.set(name, new Set([keeping]))
    else known.add(keeping)
  }

  remove(name: string, keeping: Keeping): void {
    const known = this.byName.get(name)
    known?.delete(keeping)
    if (known?.size === 0) this.byName.delete(name)
  }

  /** The store, for what writes: when a call is over, whatever its end, what it may have changed is asked for again. */
  around(store: Store): Store {
    const over = <B, E>(
      name: string,
      call: Effect.Effect<B, E>,
      forget: (keeping: Keeping) => void
    ): Effect.Effect<B, E> =>
      Effect.ensuring(
        call,
        Effect.sync(() => this.byName.get(name)?.forEach(forget))
      )
    const keys =
      (keys: ReadonlyArray<string>) =>
      (keeping: Keeping): void => {
        for (const key of keys) keeping.changed(key)
      }
    const entries =
      (entries: ReadonlyArray<{ readonly key: string }>) =>
      (keeping: Keeping): void => {
        for (const { key } of entries) keeping.changed(key)
      }
    return {
      ...store,
      write: (name, all, when) => over(name, store.write(name, all, when), entries(all)),
      swap: (name, key, version, entry) => over(name, store.swap(name, key, version, entry), keys([key])),
      remove: (name, all) => over(name, store.remove(name, all), keys(all)),
      take: (name, key, version) => over(name, store.take(name, key, version), keys([key])),
      touch: (name, key, timeToLiveMs) => over(name, store.touch(name, key, timeToLiveMs), keys([key])),
      commit: (name, all, load) => over(name, store.commit(name, all, load), entries(all)),
      invalidate: (name, tags) =>
        over(name, store.invalidate(name, tags), (keeping) => {
          for (const tag of tags) keeping.tagged(tag)
        }),
      clear: (name) => over(name, store.clear(name), (keeping) => keeping.clearedAll())
    }
  }
}
