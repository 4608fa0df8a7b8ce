/** What a channel, a subscription and a publish may ask for; everything else is refused before anything is sent (A5, A6). */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import { BackendError, CapacityExceeded } from "../../BackendError.ts"
import * as Name from "../../Name.ts"
import type { Channel, SubscribeOptions } from "../../PubSub.ts"
import { type Entry, type History, maxBatchEntries } from "../../PubSubStore.ts"
import type { MessageCodec } from "./MessageCodec.ts"

export const maxHistory = 100_000
export const defaultBuffer = 4096
export const maxBuffer = 1_000_000

const service = "PubSub"

/** The history of a definition; one that is no Duration becomes zero long, which `history` refuses. */
export const definedHistory = (
  history: { readonly size: number; readonly timeToLive: Duration.Input } | undefined
): Channel<never>["history"] =>
  history && {
    size: history.size,
    timeToLive: Option.getOrElse(Duration.fromInput(history.timeToLive), () => Duration.zero)
  }

/** The channel's history as a store keeps it. Fails where the name or the history breaks a rule. Looked at once. */
export const history = <A>(operation: string, channel: Channel<A>): Exit.Exit<History | undefined, BackendError> => {
  const known = sound.get(channel)
  if (known !== undefined) return known
  const fault = Name.fault(channel.name)
  if (fault !== undefined) return Exit.fail(Name.invalidName(service, operation, "channel name", fault))
  let history: History | undefined
  if (channel.history !== undefined) {
    const { size, timeToLive } = channel.history
    if (!Number.isInteger(size) || size < 1 || size > maxHistory) {
      return Exit.fail(
        Name.misconfigured(service, operation, "history.size", `must be a whole number from 1 to ${maxHistory}`)
      )
    }
    const timeToLiveMs = Duration.toMillis(timeToLive)
    if (!(timeToLiveMs >= 1) || timeToLiveMs > Number.MAX_SAFE_INTEGER / 2) {
      const rule = "must be a finite duration of at least a millisecond"
      return Exit.fail(Name.misconfigured(service, operation, "history.timeToLive", rule))
    }
    history = { size, timeToLiveMs: Math.ceil(timeToLiveMs) }
  }
  const checked = Exit.succeed(history)
  sound.set(channel, checked)
  return checked
}

/** Definitions that were found sound. */
const sound = new WeakMap<object, Exit.Exit<History | undefined>>()

export const subscription = (
  options: SubscribeOptions | undefined,
  history: History | undefined
): Effect.Effect<void, BackendError> => {
  const { buffer, from } = options ?? {}
  if (buffer !== undefined && !(Number.isInteger(buffer) && buffer >= 1 && buffer <= maxBuffer)) {
    return refuse("subscribe", "buffer", `must be a whole number from 1 to ${maxBuffer}`)
  }
  if (from === undefined || from === "now") return Effect.void
  if (history === undefined) return refuse("subscribe", "from", `must be "now" on a channel without history`)
  if (from === "earliest") return Effect.void
  if ("last" in from) return count("subscribe", "from.last", from.last)
  return position("subscribe", "from", from)
}

export const position = (
  operation: string,
  field: string,
  position: { readonly epoch: string; readonly sequence: number }
): Effect.Effect<void, BackendError> =>
  typeof position.epoch === "string" && Number.isSafeInteger(position.sequence) && position.sequence >= 0
    ? Effect.void
    : refuse(operation, field, "must be a position that a message or a publish has given")

export const count = (operation: string, field: string, count: number | undefined): Effect.Effect<void, BackendError> =>
  count === undefined || (Number.isSafeInteger(count) && count >= 0)
    ? Effect.void
    : refuse(operation, field, "must be a whole number, zero or more")

/** Both keep the same. */
export const isAlike = (one: History | undefined, other: History | undefined): boolean =>
  one?.size === other?.size && one?.timeToLiveMs === other?.timeToLiveMs

/** What is wrong with a dedupe key on this channel, or undefined. */
export const dedupeKey = (key: string, history: History | undefined): BackendError | undefined => {
  if (history === undefined) return Name.misconfigured(service, "publish", "dedupeKey", "needs a channel with history")
  const rule = Name.fault(key)
  return rule === undefined ? undefined : Name.invalidName(service, "publish", "dedupeKey", rule)
}

/** The messages of one publishAll as entries: all of them fit the schema, and there are not too many. */
export const encodeAll = Effect.fnUntraced(function* <A>(
  codec: MessageCodec<A>,
  messages: Iterable<A>
): Effect.fn.Return<ReadonlyArray<Entry>, BackendError | Schema.SchemaError> {
  const entries: Array<Entry> = []
  for (const message of messages) {
    if (entries.length === maxBatchEntries) {
      return yield* new BackendError({
        service,
        operation: "publishAll",
        reason: new CapacityExceeded({ message: `more than ${maxBatchEntries} messages in one step` }),
        outcome: "NotApplied"
      })
    }
    entries.push({ payload: yield* codec.encode(message), dedupeKey: undefined })
  }
  return entries
})

const refuse = (operation: string, field: string, rule: string): Effect.Effect<never, BackendError> =>
  Effect.fail(Name.misconfigured(service, operation, field, rule))
