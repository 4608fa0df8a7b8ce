/** What can go wrong with a lock itself. Part of the service: `Cache.LockLost` and `Cache.LockTimeout`. */
import * as Schema from "effect/Schema"

/** The lock could not be proven any more: the body was interrupted, and has ended. */
export class LockLost extends Schema.TaggedError<LockLost>("@troupe/core/Cache/LockLost")("LockLost", {
  lock: Schema.String
}) {
  override get message(): string {
    return `lock ${this.lock} was lost`
  }
}

/** The lock was not free within `wait`: the body did not run. */
export class LockTimeout extends Schema.TaggedError<LockTimeout>("@troupe/core/Cache/LockTimeout")("LockTimeout", {
  lock: Schema.String
}) {
  override get message(): string {
    return `lock ${this.lock} was not free in time`
  }
}
