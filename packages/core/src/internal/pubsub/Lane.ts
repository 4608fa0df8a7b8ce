/** The subscribers of one topic that read it through one schema: a message is decoded once for all of them. */
import type { Gap, Position } from "../../PubSub.ts"
import type { BackendError } from "../../BackendError.ts"
import type { Stored } from "../../PubSubStore.ts"
import type { Cell, MessageCodec } from "./MessageCodec.ts"
import type { Subscriber } from "./Subscriber.ts"

/** One advance of a topic along its log: from a place, past what is gone, over messages, to another place. */
export interface Step {
  readonly from: Position
  readonly gap: Gap | undefined
  readonly messages: ReadonlyArray<Stored>
  readonly to: Position
}

export class Lane<A> {
  readonly subscribers = new Set<Subscriber<A>>()
  readonly codec: MessageCodec<A>

  constructor(codec: MessageCodec<A>) {
    this.codec = codec
  }

  /** On a channel with history. */
  advance(step: Step): void {
    if (this.subscribers.size === 0) return
    const cells: Array<Cell<A>> = step.messages.map((stored) => this.codec.cell(stored))
    for (const subscriber of this.subscribers) subscriber.advance(step, cells)
  }

  /** On any other. */
  offer(messages: ReadonlyArray<Stored>): void {
    if (this.subscribers.size === 0) return
    const cells: Array<Cell<A>> = messages.map((stored) => this.codec.cell(stored))
    for (const subscriber of this.subscribers) subscriber.offer(cells)
  }

  /** Every subscriber missed what was published while nobody listened. */
  gap(gap: Gap): void {
    for (const subscriber of this.subscribers) subscriber.gap(gap)
  }

  fail(error: BackendError): void {
    for (const subscriber of this.subscribers) subscriber.fail(error)
  }
}
