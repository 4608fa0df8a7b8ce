import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

/** Milliseconds; NaN for what is no duration. */
export const millis = (input: Duration.Input): number =>
  typeof input === "number" && Number.isNaN(input)
    ? Number.NaN
    : Option.match(Duration.fromInput(input), { onNone: () => Number.NaN, onSome: Duration.toMillis })
