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

class LoadsItself extends Data.TaggedError("LoadsItself")<{ readonly message: string }> {}
