import type { BackendError, PayloadTooLarge } from "@troupe/core/BackendError"
import * as Mailbox from "@troupe/core/Mailbox"
import type { MailboxStore } from "@troupe/core/MailboxStore"
import type * as DateTime from "effect/DateTime"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Equal } from "./Equal.ts"

declare const mailbox: Mailbox.Service

const Orders = Mailbox.box("orders", { message: Schema.Struct({ at: Schema.Date }), timeToLive: "1 day" })
export const boxType: Equal<typeof Orders, Mailbox.Box<{ readonly at: Date }>> = true

const delivered = mailbox.deliver(Orders, "client", { at: new Date() })
export const deliverType: Equal<
  typeof delivered,
  Effect.Effect<void, BackendError | PayloadTooLarge | Schema.SchemaError>
> = true
// @ts-expect-error a letter is of its box
mailbox.deliver(Orders, "client", { at: "today" })
// @ts-expect-error a letter has a client
mailbox.deliver(Orders, { at: new Date() })

const polled = mailbox.poll(Orders, "client", { after: undefined, limit: 10, wait: "30 seconds" })
export const pollType: Equal<typeof polled, Effect.Effect<Mailbox.Mail<{ readonly at: Date }>, BackendError>> = true
export const letterType: Equal<Mailbox.Letter<number>["at"], DateTime.Utc> = true
const closed = mailbox.close(Orders, "client")
export const closeType: Equal<typeof closed, Effect.Effect<void, BackendError>> = true

// @ts-expect-error letters live for a time
Mailbox.box("box", { message: Schema.Int })

export const layerType: Equal<typeof Mailbox.layer, Layer.Layer<Mailbox.Mailbox, never, MailboxStore>> = true
