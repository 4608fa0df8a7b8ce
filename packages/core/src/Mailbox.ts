/**
 * Letters for a client that can only poll: a browser, a device, a shell script. Any peer delivers, any peer answers the
 * polls, and nothing is kept for a client but its box.
 *
 * A poll gives letters and a cursor, and acknowledges with the cursor of the one before: so one whose answer got lost gives
 * the same letters again (M1). They come in the order of their delivery, and where some are gone, because the client stayed
 * away for too long, the poll says so (M2).
 */
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import type { BackendError, PayloadTooLarge } from "./BackendError.ts"
import { Bell } from "./internal/Bell.ts"
import * as Limits from "./internal/mailbox/Limits.ts"
import { Polls } from "./internal/mailbox/Polls.ts"
import { isSettled } from "./internal/Settled.ts"
import { Text, tooLarge } from "./internal/Text.ts"
import { MailboxStore, maxPageBytes, type Page } from "./MailboxStore.ts"
import * as Metrics from "./Metrics.ts"

const TypeId = "~@troupe/core/Mailbox/Box" as const

/** Any kind of boxes, for what needs to know no more than which. */
export interface AnyBox {
  readonly [TypeId]: typeof TypeId
  readonly name: string
  /** @internal */
  readonly "~terms": { readonly timeToLive: Duration.Input; readonly capacity: number }
}

/** A named kind of boxes, one for each client: the schema of their letters, and how long these wait. A plain value. */
export interface Box<in out A> extends AnyBox {
  readonly message: Schema.Codec<A, any>
  /** @internal */
  readonly "~text": Text<A>
}

export interface Letter<out A> {
  /** Acknowledges this letter and those before it, for whoever got no further. */
  readonly cursor: string
  readonly message: A
  /** When it was delivered, by the server's time. */
  readonly at: DateTime.Utc
}

export interface Mail<out A> {
  readonly letters: ReadonlyArray<Letter<A>>
  /** Acknowledge by passing it to the next poll. */
  readonly cursor: string
  /**
   * Something between the cursor given and the first letter is gone: it expired, the box overflowed or was closed, or the
   * server has lost it; or one of the letters does not fit the schema and is left out.
   */
  readonly lost: boolean
}

export interface PollOptions {
  /** The cursor of the last mail, or of the last letter of it that was taken. Default: what nobody has acknowledged yet. */
  readonly after?: string | undefined
  /** The most letters. 100; from 1 to 512. There may be fewer: a mail has 1 MiB of JSON, unless its first letter alone is more. */
  readonly limit?: number | undefined
  /** Where there is nothing, to wait for the first letter. Nothing; an hour at the most. */
  readonly wait?: Duration.Input | undefined
}

/** What the service does, by name, so that an editor says `Mailbox.Service` and not twenty lines. */
export interface Service {
  /**
   * When it succeeds, the letter is there for the client's next poll, behind those that were delivered before, until it is
   * acknowledged, `timeToLive` is over, or `capacity` newer ones came. One round trip. Where the outcome is `Unknown` it may
   * be there, and is there twice if it is delivered again.
   */
  readonly deliver: <A>(
    box: Box<A>,
    client: string,
    message: A
  ) => Effect.Effect<void, BackendError | PayloadTooLarge | Schema.SchemaError>
  /**
   * What came after the cursor, the oldest first, and deletes what that acknowledges. Asked again with the same cursor, by
   * any peer, it gives the same and what came since. A cursor that this box did not give, and one of a box that is gone,
   * begins at the beginning, and says `lost`; a text that is no cursor fails with Misconfigured.
   *
   * With `wait` it returns with the first letter, or when something was lost, or empty when the time is over. It fails as the
   * first question does; an outage after that is waited through. When the layer closes it fails with Closed; beyond 10,000
   * that wait in this process with CapacityExceeded. Interrupted, it leaves nothing behind.
   *
   * One round trip; with `wait` another when the box is heard, one when it is pushed to, and one every 5 s.
   */
  readonly poll: <A>(box: Box<A>, client: string, options?: PollOptions) => Effect.Effect<Mail<A>, BackendError>
  /**
   * Throws the box away, with all letters; it begins anew when something is delivered or asked. Again it changes nothing.
   * One round trip.
   */
  readonly close: <A>(box: Box<A>, client: string) => Effect.Effect<void, BackendError>
}

export class Mailbox extends Context.Service<Mailbox, Service>()("@troupe/core/Mailbox") {}

/**
 * A kind of boxes by its name. Never throws: what is wrong with a name or an option is said by the first call that uses it
 * (`InvalidName`, `Misconfigured`).
 */
export const box = <A>(
  name: string,
  options: {
    readonly message: Schema.Codec<A, any>
    /** A letter that nobody acknowledges is gone after so long, by the server's clock. */
    readonly timeToLive: Duration.Input
    /** Letters that a box holds: beyond, the oldest goes. 500; from 1 to 100,000. */
    readonly capacity?: number | undefined
  }
): Box<A> => ({
  [TypeId]: TypeId,
  name,
  message: options.message,
  "~terms": { timeToLive: options.timeToLive, capacity: options.capacity ?? Limits.defaultCapacity },
  "~text": new Text(options.message)
})

/** Mailbox on any backend: the policy above a store. */
export const layer: Layer.Layer<Mailbox, never, MailboxStore> = Layer.effect(
  Mailbox,
  Effect.gen(function* () {
    const store = yield* MailboxStore
    const context = yield* Effect.context<never>()
    const bell = new Bell()
    yield* Effect.forkScoped(Effect.scoped(bell.run(store)))
    const polls = new Polls(store, bell, context)
    yield* Effect.addFinalizer(() => polls.close)

    /** Whose box it is, or what is wrong with the call. */
    const addressOf = (operation: string, box: AnyBox, client: string) => {
      const bounds = Limits.bounds(operation, box)
      if (Exit.isFailure(bounds)) return Exit.failCause(bounds.cause)
      const fault = Limits.clientFault(operation, client) ?? polls.fault(operation)
      return fault === undefined ? Exit.succeed({ box: box.name, client, bounds: bounds.value }) : Exit.fail(fault)
    }

    return Mailbox.of({
      deliver: Effect.fnUntraced(function* (box, client, message) {
        const { bounds } = yield* addressOf("deliver", box, client)
        const payload = yield* box["~text"].encode(message)
        const excess = tooLarge(payload, maxPageBytes)
        if (excess !== undefined) return yield* excess
        yield* store.deliver(box.name, client, bounds, payload)
        Metrics.mailboxDelivered.updateUnsafe(1, context)
      }),
      poll: Effect.fnUntraced(function* (box, client, options) {
        const address = yield* addressOf("poll", box, client)
        const question = yield* Limits.question(options)
        const page = yield* polls.poll(address, question)
        const letters = yield* opened(box["~text"], page)
        const undecodable = page.letters.length - letters.length
        const lost = page.lost || undecodable > 0
        Metrics.mailboxPolled.updateUnsafe(letters.length, context)
        if (lost) Metrics.mailboxLost.updateUnsafe(1, context)
        if (undecodable > 0) Metrics.mailboxUndecodable.updateUnsafe(undecodable, context)
        return { letters, cursor: Limits.cursorOf(page.epoch, page.number), lost }
      }),
      close: (box, client) =>
        Effect.flatMap(
          Effect.suspend(() => addressOf("close", box, client)),
          () => store.close(box.name, client)
        )
    })
  })
)

// -- internals ----------------------------------------------------------------------------------------------------

/** The letters of a page that fit the schema. */
const opened = Effect.fnUntraced(function* <A>(text: Text<A>, { epoch, letters }: Page) {
  const all: Array<Letter<A>> = []
  for (const { at, number, payload } of letters) {
    const decoded = text.decode(payload)
    const message = isSettled(decoded) ? Exit.getSuccess(decoded) : yield* Effect.option(decoded)
    if (Option.isNone(message)) continue
    all.push({ cursor: Limits.cursorOf(epoch, number), message: message.value, at: DateTime.makeUnsafe(at) })
  }
  return all
})
