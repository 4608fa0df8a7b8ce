/**
 * Gives back the space of what was cleared, a little at a time, beside everything else. What it removes nobody can read
 * any more: where it ends early, time, or whoever clears the region next, does the rest.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Service as Store } from "../../CacheStore.ts"
import { pause } from "../Pause.ts"
import { maxRegions } from "./Limits.ts"

/** Between two steps. */
const pace = Duration.millis(10)
/** Failures in a row, about ten seconds long: what the backend is away for longer is left to time. */
const maxFailures = 15

export class Sweeper {
  private readonly store: Store
  private readonly fork: (effect: Effect.Effect<void>) => void
  /** The first of them is being swept. */
  private readonly regions = new Set<string>()
  private isSweeping = false

  constructor(store: Store, fork: (effect: Effect.Effect<void>) => void) {
    this.store = store
    this.fork = fork
  }

  sweep(region: string): void {
    // Anew, behind the others: what is being swept may have passed by what was cleared just now.
    this.regions.delete(region)
    if (this.regions.size >= maxRegions) return
    this.regions.add(region)
    if (this.isSweeping) return
    this.isSweeping = true
    this.fork(this.run)
  }

  private readonly run: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    for (const region of this.regions) {
      this.regions.delete(region)
      yield* this.sweepOne(region)
    }
  }).pipe(Effect.ensuring(Effect.sync(() => (this.isSweeping = false))))

  private sweepOne(region: string): Effect.Effect<void> {
    const { store } = this
    return Effect.gen(function* () {
      let cursor = ""
      for (let failures = 0; failures < maxFailures;) {
        const next = yield* Effect.option(store.sweep(region, cursor))
        if (next._tag === "None") {
          failures += 1
          yield* pause(failures)
          continue
        }
        if (next.value === "") return
        failures = 0
        cursor = next.value
        if (store.immortal) yield* Effect.yieldNow
        else yield* Effect.sleep(pace)
      }
    })
  }
}
