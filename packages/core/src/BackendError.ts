/**
 * The one infrastructure failure that every service can raise: what failed, a tagged reason, and an honest outcome.
 *
 * Shaped like effect's `SqlError`: one error whose `reason` says why, so that `Effect.catchReason` can pick one out.
 * No secret and no payload ever stands in a message (promise A9).
 */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"

const ReasonTypeId = "~@troupe/core/BackendError/Reason" as const
const fields = { message: Schema.String }

/** Nothing was sent: still connecting, refused, loading, or given up on after repeated failures. */
export class Unavailable extends Schema.TaggedError<Unavailable>("@troupe/core/BackendError/Unavailable")(
  "Unavailable",
  { ...fields, retryAfter: Schema.optionalKey(Schema.Duration) }
) {
  readonly [ReasonTypeId] = ReasonTypeId
  get isRetryable(): boolean {
    return true
  }
}

/** Sent, and the connection was gone before the answer came. */
export class ConnectionLost extends Schema.TaggedError<ConnectionLost>("@troupe/core/BackendError/ConnectionLost")(
  "ConnectionLost",
  fields
) {
  readonly [ReasonTypeId] = ReasonTypeId
  get isRetryable(): boolean {
    return true
  }
}

/** No answer within the time a call is given. */
export class TimedOut extends Schema.TaggedError<TimedOut>("@troupe/core/BackendError/TimedOut")("TimedOut", fields) {
  readonly [ReasonTypeId] = ReasonTypeId
  get isRetryable(): boolean {
    return true
  }
}

/** The server works on something else and refused; nothing was done. */
export class Busy extends Schema.TaggedError<Busy>("@troupe/core/BackendError/Busy")("Busy", fields) {
  readonly [ReasonTypeId] = ReasonTypeId
  get isRetryable(): boolean {
    return true
  }
}

/** The server answers but takes no writes: a replica, a failing disk, a cluster that is down. */
export class WritesRefused extends Schema.TaggedError<WritesRefused>("@troupe/core/BackendError/WritesRefused")(
  "WritesRefused",
  fields
) {
  readonly [ReasonTypeId] = ReasonTypeId
  get isRetryable(): boolean {
    return true
  }
}

/** A bound was reached: the server's memory, or one of ours (the table of bounds stands in docs/guarantees.md). */
export class CapacityExceeded extends Schema.TaggedError<CapacityExceeded>(
  "@troupe/core/BackendError/CapacityExceeded"
)("CapacityExceeded", fields) {
  readonly [ReasonTypeId] = ReasonTypeId
  get isRetryable(): boolean {
    return true
  }
}

/** The server did not accept our name or password. */
export class Unauthenticated extends Schema.TaggedError<Unauthenticated>("@troupe/core/BackendError/Unauthenticated")(
  "Unauthenticated",
  fields
) {
  readonly [ReasonTypeId] = ReasonTypeId
  get isRetryable(): boolean {
    return false
  }
}

/** The server knows us and does not let us do this. */
export class Forbidden extends Schema.TaggedError<Forbidden>("@troupe/core/BackendError/Forbidden")(
  "Forbidden",
  fields
) {
  readonly [ReasonTypeId] = ReasonTypeId
  get isRetryable(): boolean {
    return false
  }
}

/** An option, or the server's own configuration, cannot work. Names the field and the rule. */
export class Misconfigured extends Schema.TaggedError<Misconfigured>("@troupe/core/BackendError/Misconfigured")(
  "Misconfigured",
  fields
) {
  readonly [ReasonTypeId] = ReasonTypeId
  get isRetryable(): boolean {
    return false
  }
}

/** What is stored is not what this version of Troupe writes, or of a newer format; it was left as it is. */
export class CorruptData extends Schema.TaggedError<CorruptData>("@troupe/core/BackendError/CorruptData")(
  "CorruptData",
  fields
) {
  readonly [ReasonTypeId] = ReasonTypeId
  get isRetryable(): boolean {
    return false
  }
}

/** The layer this call belongs to is closing or closed. */
export class Closed extends Schema.TaggedError<Closed>("@troupe/core/BackendError/Closed")("Closed", fields) {
  readonly [ReasonTypeId] = ReasonTypeId
  get isRetryable(): boolean {
    return false
  }
}

/** A name or a key that is empty, ill-formed or longer than 512 bytes (promise A6). Nothing was sent. */
export class InvalidName extends Schema.TaggedError<InvalidName>("@troupe/core/BackendError/InvalidName")(
  "InvalidName",
  fields
) {
  readonly [ReasonTypeId] = ReasonTypeId
  get isRetryable(): boolean {
    return false
  }
}

/** Why a call failed. Every reason has `isRetryable`: may the same call succeed when tried again. */
export const Reason = Schema.Union([
  Unavailable,
  ConnectionLost,
  TimedOut,
  Busy,
  WritesRefused,
  CapacityExceeded,
  Unauthenticated,
  Forbidden,
  Misconfigured,
  CorruptData,
  Closed,
  InvalidName
])
export type Reason = typeof Reason.Type

/**
 * A call to the backend failed.
 *
 * `outcome` is a promise (A2): after `NotApplied` the effect is never seen later; `Unknown` says that it was applied
 * once or not at all.
 */
export class BackendError extends Schema.TaggedError<BackendError>("@troupe/core/BackendError")("BackendError", {
  service: Schema.String,
  operation: Schema.String,
  reason: Reason,
  outcome: Schema.Literals(["NotApplied", "Unknown"]),
  /** Of a call that does many things in several steps: how many of the first were done before this one failed. */
  accepted: Schema.optionalKey(Schema.Int)
}) {
  override get message(): string {
    const also = this.accepted === undefined ? "" : `; the first ${this.accepted} were accepted`
    return `${this.service}.${this.operation}: ${this.reason.message}${also}`
  }
  get isRetryable(): boolean {
    return this.reason.isRetryable
  }
  /** How long to wait before trying again, where the backend knows. */
  get retryAfter(): Duration.Duration | undefined {
    return this.reason._tag === "Unavailable" ? this.reason.retryAfter : undefined
  }
}

/** True for a BackendError that may succeed when tried again: `Effect.retry({ while: BackendError.isRetryable, schedule })`. */
export const isRetryable = (u: unknown): u is BackendError => u instanceof BackendError && u.isRetryable

/** A value larger than the bound for it; nothing was sent. */
export class PayloadTooLarge extends Schema.TaggedError<PayloadTooLarge>("@troupe/core/PayloadTooLarge")(
  "PayloadTooLarge",
  { bytes: Schema.Int, limit: Schema.Int }
) {
  override get message(): string {
    return `${this.bytes} bytes, the limit is ${this.limit}`
  }
}
