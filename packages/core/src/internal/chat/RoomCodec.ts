/** Between a room's words and members and their texts: JSON through the definition's schemas, made once. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Schema from "effect/Schema"
import type { Member, RoomEvent, Said } from "../../Chat.ts"
import { read, type Seat } from "../../ChatStore.ts"
import type { Gap, Message } from "../../PubSub.ts"
import type { Stored } from "../../PubSubStore.ts"
import { MessageCodec } from "../pubsub/MessageCodec.ts"
import { isSettled, mapped } from "../Settled.ts"
import { Text, Undecodable } from "../Text.ts"

/** An entry of the log as it is read, before its place in the log is known. */
export type Entry<A, M> =
  | { readonly _tag: "Said"; readonly from: string; readonly message: A }
  | Exclude<RoomEvent<A, M>, Said<A> | Gap>

/** What an entry does to who is there. */
export type Change<M> =
  | { readonly _tag: "There"; readonly member: Member<M> }
  /** Or there with details that do not fit the schema: it is not shown. */
  | { readonly _tag: "Gone"; readonly id: string }
  | { readonly _tag: "Said" }
  | { readonly _tag: "Destroyed" }

const unknown = new Undecodable({ message: "it is no entry of a room's log" })
const destroyed = Exit.succeed({ _tag: "Destroyed" } as const)
const said = Exit.succeed({ _tag: "Said" } as const)

export class RoomCodec<A, M> {
  /** What a room's readers share: an entry is decoded once for all of a definition. */
  readonly entries: MessageCodec<Entry<A, M>>
  /** The same log, as far as it says who is there: what left is known by its id, whatever its details are. */
  readonly changes: MessageCodec<Change<M>>
  private readonly messages: Text<A>
  private readonly details: Text<M>

  constructor(message: Schema.Codec<A, unknown>, member: Schema.Codec<M, unknown>) {
    this.messages = new Text(message)
    this.details = new Text(member)
    this.entries = new MessageCodec<Entry<A, M>>({
      // Entries are written by the stores.
      encode: () => Effect.die("a room's entries are not written here"),
      decode: (text) => this.entry(text)
    })
    this.changes = new MessageCodec<Change<M>>({
      encode: () => Effect.die("a room's entries are not written here"),
      decode: (text) => this.change(text)
    })
  }

  encodeMessage(message: A): Effect.Effect<string, Schema.SchemaError> {
    return this.messages.encode(message)
  }

  encodeDetails(details: M): Effect.Effect<string, Schema.SchemaError> {
    return this.details.encode(details)
  }

  member(seat: Seat): Effect.Effect<Member<M>, Undecodable> {
    return mapped(this.details.decode(seat.details), (details) => ({
      id: seat.id,
      details,
      peer: seat.peer,
      joinedAt: DateTime.makeUnsafe(seat.joinedAt)
    }))
  }

  /** A word as it was kept. */
  said(stored: Stored): Effect.Effect<Said<A>, Undecodable> {
    const entry = read(stored.payload)
    if (entry?._tag !== "Said") return Exit.fail(unknown)
    return mapped(this.messages.decode(entry.message), (message) => ({
      _tag: "Said",
      from: entry.from,
      message,
      at: DateTime.makeUnsafe(stored.at),
      position: { epoch: stored.epoch, sequence: stored.sequence }
    }))
  }

  private entry(text: string): Effect.Effect<Entry<A, M>, Undecodable> {
    const entry = read(text)
    if (entry === undefined) return Exit.fail(unknown)
    switch (entry._tag) {
      case "Said":
        return mapped(this.messages.decode(entry.message), (message) => ({ _tag: "Said", from: entry.from, message }))
      case "Left":
        return mapped(this.member(entry.seat), (member) => ({ _tag: "Left", member, reason: entry.reason }))
      case "Destroyed":
        return destroyed
      default:
        return mapped(this.member(entry.seat), (member) => ({ _tag: entry._tag, member }))
    }
  }

  private change(text: string): Effect.Effect<Change<M>, Undecodable> {
    const entry = read(text)
    if (entry === undefined) return Exit.fail(unknown)
    if (entry._tag === "Said") return said
    if (entry._tag === "Destroyed") return destroyed
    const gone: Change<M> = { _tag: "Gone", id: entry.seat.id }
    if (entry._tag === "Left") return Exit.succeed(gone)
    const there = (member: Member<M>): Change<M> => ({ _tag: "There", member })
    const member = this.member(entry.seat)
    return isSettled(member)
      ? Exit.succeed(Exit.isSuccess(member) ? there(member.value) : gone)
      : Effect.match(member, { onFailure: () => gone, onSuccess: there })
  }
}

/** What a reader was given, as an event of the room. */
export const event = <A, M>(delivery: Message<Entry<A, M>> | Gap): RoomEvent<A, M> => {
  if (delivery._tag === "Gap") return delivery
  const { position, publishedAt, value } = delivery
  return value._tag === "Said"
    ? { _tag: "Said", from: value.from, message: value.message, at: publishedAt, position }
    : value
}
