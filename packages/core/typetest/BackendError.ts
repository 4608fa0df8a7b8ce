import { BackendError } from "@troupe/core"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { Equal } from "./Equal.ts"

declare const call: Effect.Effect<number, BackendError.BackendError>

// The reasons are a closed list of tags.
true satisfies Equal<
  BackendError.Reason["_tag"],
  | "Unavailable"
  | "ConnectionLost"
  | "TimedOut"
  | "Busy"
  | "WritesRefused"
  | "CapacityExceeded"
  | "Unauthenticated"
  | "Forbidden"
  | "Misconfigured"
  | "CorruptData"
  | "Closed"
  | "InvalidName"
>

// One reason can be caught, with what it carries; the others stay.
const caught = call.pipe(
  Effect.catchReason("BackendError", "Unavailable", (reason, error) => {
    true satisfies Equal<typeof reason, BackendError.Unavailable>
    true satisfies Equal<typeof error.outcome, "NotApplied" | "Unknown">
    return Effect.succeed("later" as const)
  })
)
true satisfies Equal<Effect.Success<typeof caught>, number | "later">

// @ts-expect-error a reason that does not exist
export const misspelt = call.pipe(Effect.catchReason("BackendError", "Unavailible", () => Effect.void))

// `isRetryable` tells the type, and `Effect.retry` takes it.
declare const unknown: unknown
if (BackendError.isRetryable(unknown)) true satisfies Equal<typeof unknown, BackendError.BackendError>

const retried = Effect.retry(call, { while: BackendError.isRetryable, schedule: Schedule.recurs(3) })
true satisfies Equal<Effect.Error<typeof retried>, BackendError.BackendError>
