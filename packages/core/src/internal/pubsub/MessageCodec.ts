/** Between a channel's messages and their text: JSON through the schema, made once per definition. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Schema from "effect/Schema"
import type { Gap, Message } from "../../PubSub.ts"
import type { Stored } from "../../PubSubStore.ts"
import { isSettled } from "../Settled.ts"
import type { Text } from "../Text.ts"
import { Lane } from "./Lane.ts"
import type { Topic } from "./Topic.ts"

/** A stored message on its way to readers, decoded when the first of them takes it and then shared by all (promise A7). */
export interface Cell<A> {
  readonly stored: Stored
  delivery: Message<A> | Gap | undefined
}

const undecodable: Gap = { _tag: "Gap", reason: "Undecodable", missed: 1 }

/** How a message is written. */
export type Wording<A> = Pick<Text<A>, "encode" | "decode">

export class MessageCodec<A> {
  private readonly text: Wording<A>
  /** One lane per peer and channel: kept here, where its type is known. */
  private readonly lanes = new WeakMap<Topic, Lane<A>>()

  constructor(text: Wording<A>) {
    this.text = text
  }

  /** The text of a message: JSON, on one line. */
  encode(message: A): Effect.Effect<string, Schema.SchemaError> {
    return this.text.encode(message)
  }

  cell(stored: Stored): Cell<A> {
    return { stored, delivery: undefined }
  }

  /** The message, or the gap that stands for one that does not fit the schema (promise S10). */
  decode(cell: Cell<A>): Effect.Effect<Message<A> | Gap> {
    if (cell.delivery !== undefined) return Exit.succeed(cell.delivery)
    const value = this.text.decode(cell.stored.payload)
    if (isSettled(value)) {
      return Exit.succeed((cell.delivery = Exit.isSuccess(value) ? message(value.value, cell.stored) : undecodable))
    }
    return Effect.match(value, {
      onFailure: () => (cell.delivery ??= undecodable),
      onSuccess: (value) => (cell.delivery ??= message(value, cell.stored))
    })
  }

  lane(topic: Topic): Lane<A> {
    let lane = this.lanes.get(topic)
    if (lane === undefined) {
      lane = new Lane(this)
      this.lanes.set(topic, lane)
    }
    return lane
  }
}

// Messages of one frame have one time.
let lastAt = Number.NaN
let last = DateTime.makeUnsafe(0)
const utc = (at: number): DateTime.Utc => {
  if (at === lastAt) return last
  lastAt = at
  return (last = DateTime.makeUnsafe(at))
}

const message = <A>(value: A, stored: Stored): Message<A> => ({
  _tag: "Message",
  value,
  position: { epoch: stored.epoch, sequence: stored.sequence },
  publishedAt: utc(stored.at),
  publisher: stored.publisher
})
