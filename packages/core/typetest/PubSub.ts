import type { BackendError, PayloadTooLarge } from "@troupe/core/BackendError"
import * as PubSub from "@troupe/core/PubSub"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Equal } from "./Equal.ts"

declare const pubsub: PubSub.Service

const Alerts = PubSub.channel("alerts", { message: Schema.Struct({ level: Schema.Literals(["red", "green"]) }) })
type Alert = { readonly level: "red" | "green" }

// The definition types the call, without an annotation.
export const channelType: Equal<typeof Alerts, PubSub.Channel<Alert>> = true

const published = pubsub.publish(Alerts, { level: "red" })
export const publishType: Equal<
  typeof published,
  Effect.Effect<PubSub.Published, BackendError | PayloadTooLarge | Schema.SchemaError>
> = true

// @ts-expect-error a level that the schema does not know
pubsub.publish(Alerts, { level: "blue" })
// @ts-expect-error the definition decides the type, not the messages
pubsub.publishAll(Alerts, ["red"])
// @ts-expect-error a place is "now", "earliest", a position or the last n
pubsub.subscribe(Alerts, { from: "yesterday" })
// @ts-expect-error a history needs both bounds
PubSub.channel("c", { message: Schema.Int, history: { size: 1 } })

const subscribed = pubsub.subscribe(Alerts, { from: { last: 3 }, buffer: 10 })
export const subscribeType: Equal<
  typeof subscribed,
  Effect.Effect<PubSub.Subscription<Alert>, BackendError, Scope.Scope>
> = true

const stream = pubsub.stream(Alerts)
export const streamType: Equal<typeof stream, Stream.Stream<Alert, BackendError>> = true

// A handler's needs are the caller's, but for the scope that each message brings along.
declare const handle: (message: PubSub.Message<Alert>) => Effect.Effect<void, "failed", "database" | Scope.Scope>
const handled = pubsub.handle(Alerts, handle)
export const handleType: Equal<typeof handled, Effect.Effect<void, BackendError, "database" | Scope.Scope>> = true
