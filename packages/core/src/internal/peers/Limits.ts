/** What the registry's options, metadata and names may be; everything else is refused before anything is sent (A5, A6). */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { BackendError, CapacityExceeded, Closed, Unavailable } from "../../BackendError.ts"
import * as Name from "../../Name.ts"
import type { Options } from "../../PeerRegistry.ts"
import { decodeMetadata, encodeMetadata, isMetadata, maxMetadataBytes, type Metadata } from "../../PeerRegistryStore.ts"

export const service = "PeerRegistry"

/** Times in whole milliseconds. */
export interface Times {
  readonly heartbeatMs: number
  readonly suspectAfterMs: number
  readonly downAfterMs: number
  /** Older than this, a proof of life proves nothing: a second before another may begin (P6). */
  readonly leaseMs: number
  /** What one heartbeat may take. */
  readonly deadlineMs: number
}

export const times = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Times, BackendError> {
  const heartbeatMs = yield* duration("heartbeat", options.heartbeat ?? 2_000)
  const suspectAfterMs = yield* duration("suspectAfter", options.suspectAfter ?? 6_000)
  const downAfterMs = yield* duration("downAfter", options.downAfter ?? 12_000)
  if (heartbeatMs * 3 > suspectAfterMs)
    return yield* refuse("layer", "suspectAfter", "must be at least three heartbeats")
  if (suspectAfterMs >= downAfterMs) return yield* refuse("layer", "downAfter", "must be longer than suspectAfter")
  return {
    heartbeatMs,
    suspectAfterMs,
    downAfterMs,
    // Three heartbeats are less than this, also where downAfter is too short to give up a whole second of it.
    leaseMs: downAfterMs - Math.min(1_000, downAfterMs / 4),
    deadlineMs: Math.min(1_500, Math.max(500, heartbeatMs * 0.75))
  }
})

const duration = (field: string, input: Duration.Input): Effect.Effect<number, BackendError> => {
  const ms = Option.match(Duration.fromInput(input), { onNone: () => Number.NaN, onSome: Duration.toMillis })
  return ms >= 1 && ms <= Number.MAX_SAFE_INTEGER / 4096
    ? Effect.succeed(Math.ceil(ms))
    : refuse("layer", field, "must be a finite duration of at least a millisecond")
}

/** A copy that nobody can change. */
export const metadata = (operation: string, given: unknown): Effect.Effect<Metadata, BackendError> => {
  if (!isMetadata(given)) return refuse(operation, "metadata", "must be an object of strings")
  const text = encodeMetadata(given)
  const copy = decodeMetadata(text)
  if (copy === undefined) return refuse(operation, "metadata", "must be an object of strings")
  if (Name.byteLength(text) > maxMetadataBytes) {
    return Effect.fail(
      failure(
        operation,
        new CapacityExceeded({ message: `metadata must not be longer than ${maxMetadataBytes} bytes of JSON` })
      )
    )
  }
  return Effect.succeed(copy)
}

export const name = (operation: string, field: string, given: unknown): Effect.Effect<void, BackendError> =>
  Name.check(service, operation, field, given)

export const closed = (operation: string): BackendError =>
  failure(operation, new Closed({ message: "the layer is closed" }))

export const superseded = (operation: string): BackendError =>
  failure(operation, new Closed({ message: "a later peer has taken this one's name" }))

export const unavailable = (operation: string, message: string): BackendError =>
  failure(operation, new Unavailable({ message }))

const failure = (operation: string, reason: BackendError["reason"]): BackendError =>
  new BackendError({ service, operation, reason, outcome: "NotApplied" })

const refuse = (operation: string, field: string, rule: string): Effect.Effect<never, BackendError> =>
  Effect.fail(Name.misconfigured(service, operation, field, rule))
