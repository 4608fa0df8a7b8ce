/** What every peer counts, and all of them together: names, and one line to add to one. */
import { Stats } from "@troupe/core"
import { Effect } from "effect"

export const counters = [
  "messages published",
  "messages heard",
  "tasks done",
  "attempts failed",
  "cache loads",
  "cache hits",
  "words said",
  "fortunes told"
] as const
export type Counter = (typeof counters)[number]

/** Costs nothing: the others see it about a second later. */
export const count = (counter: Counter): Effect.Effect<void, never, Stats.Stats> =>
  Effect.flatMap(Stats.Stats, ({ increment }) => increment(counter))
