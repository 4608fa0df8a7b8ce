/** How long to wait before something that failed is tried again: growing, jittered, and never more than a second. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

/** Milliseconds after so many failures, the first of which is followed by about twice `firstMs`. */
export const after = (failures: number, firstMs = 50): Effect.Effect<number> =>
  Effect.map(Random.next, (jitter) => Math.min(1_000, firstMs * 2 ** Math.min(failures, 10)) * (0.5 + jitter / 2))

/** Sleeps that long. */
export const pause = (failures: number, firstMs?: number): Effect.Effect<void> =>
  Effect.flatMap(after(failures, firstMs), (ms) => Effect.sleep(Duration.millis(ms)))
