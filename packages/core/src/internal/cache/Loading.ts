/** Which loads a fiber runs inside of: one that asks for what it loads itself would wait for ever. */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

export interface Loading {
  /** Which layer loads. */
  readonly layer: object
  isOver: boolean
  readonly region: string
  readonly keys: ReadonlyArray<string>
  readonly inside: Loading | undefined
  readonly trip: Awaiting
}

/** What runs a load, and what that load waits for, once for each of its fibers that do. */
export interface Awaiting {
  readonly awaits: Set<ReadonlyArray<Awaited>>
}

export interface Awaited {
  readonly key: string
  /** Who waits gets this and waits no more. */
  readonly stale: object | undefined
  readonly trip: Awaiting
}

export const Loading: Context.Reference<Loading | undefined> = Context.Reference("@troupe/core/Cache/Loading", {
  defaultValue: (): Loading | undefined => undefined
})

/** Dies where one of these keys is being loaded around it. */
export const check = (
  around: Loading | undefined,
  layer: object,
  region: string,
  keys: ReadonlyArray<string>
): Effect.Effect<void> => {
  for (let loading = around; loading !== undefined; loading = loading.inside) {
    if (loading.isOver || loading.layer !== layer || loading.region !== region) continue
    const loaded = new Set(loading.keys)
    const key = keys.find((key) => loaded.has(key))
    if (key !== undefined)
      return Effect.die(
        new LoadsItself({
          message: `key ${JSON.stringify(key)} of region ${JSON.stringify(region)} is asked for inside its own load`
        })
      )
  }
  return Effect.void
}

/** Dies of keys that would wait for the load that asks for them. */
export const dieOfCircle = (keys: ReadonlyArray<string>): Effect.Effect<never> =>
  Effect.die(
    new LoadsItself({
      message: `keys ask for each other in their loads: ${keys.map((key) => JSON.stringify(key)).join(", ")}`
    })
  )

/** The keys from what is waited for to that load, where any way leads there. */
export const circle = (
  awaited: ReadonlyArray<Awaited>,
  load: Awaiting,
  seen = new Set<Awaiting>()
): ReadonlyArray<string> | undefined => {
  for (const { key, stale, trip } of awaited) {
    if (stale !== undefined || seen.has(trip)) continue
    if (trip === load) return [key]
    seen.add(trip)
    for (const further of trip.awaits) {
      const keys = circle(further, load, seen)
      if (keys !== undefined) return [key, ...keys]
    }
  }
  return undefined
}

class LoadsItself extends Data.TaggedError("LoadsItself")<{ readonly message: string }> {}
