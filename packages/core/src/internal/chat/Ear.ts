/**
 * Listening to rooms: PubSub's hub over the rooms' logs, so that a cut, a slow reader and a failover are what they are on a
 * channel with history. What is asked of a room that is not there is said when somebody begins to listen.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { BackendError } from "../../BackendError.ts"
import { type Keep, type Look, pageSize, type Service as Store } from "../../ChatStore.ts"
import type { From, Page } from "../../PubSubStore.ts"
import * as Hub from "../pubsub/Hub.ts"
import type { MessageCodec } from "../pubsub/MessageCodec.ts"
import { Subscriber } from "../pubsub/Subscriber.ts"
import type { Topic } from "../pubsub/Topic.ts"
import * as Limits from "./Limits.ts"

/** A reader of a room's log. */
export type Reader<E> = Subscriber<E>

/** What a hub is told of a room that keeps no words: a size that no definition has. */
const nothing = { size: 0, timeToLiveMs: 0 }

export const source = (store: Store): Hub.Source => ({
  service: Limits.service,
  operation: "events",
  read: (room, history, from, limit) =>
    store.read(room, { history: history.size === 0 ? undefined : history, leaveGraceMs: 0 }, from, limit),
  connect: (listener) => store.connect(listener),
  commandTimeoutMs: store.commandTimeoutMs,
  positionCheckMs: store.positionCheckMs
})

export class Ear {
  private readonly hub: Hub.Hub
  private readonly store: Store

  constructor(hub: Hub.Hub, store: Store) {
    this.hub = hub
    this.store = store
  }

  /**
   * A reader from a place on, or from now; undefined: there is no such room. Whatever happens in the room once this has
   * succeeded is given, or a gap.
   */
  listen<E>(
    room: string,
    codec: MessageCodec<E>,
    keep: Keep,
    from: From | undefined
  ): Effect.Effect<Reader<E> | undefined, BackendError, Scope.Scope> {
    const history = keep.history ?? nothing
    const begin = (topic: Topic) =>
      Effect.gen({ self: this }, function* () {
        const look = yield* Effect.interruptible(this.store.look(room))
        if (look === undefined) return undefined
        const page =
          from === undefined ? here(look) : yield* Effect.interruptible(this.hub.read(topic, from, pageSize, history))
        const subscriber = new Subscriber(topic, codec, Limits.buffer, undefined, page, history)
        topic.add(codec, subscriber)
        return { subscriber, topic }
      })
    return Effect.acquireRelease(this.hub.join(room, history, begin), (reading) =>
      Effect.sync(() => {
        if (reading === undefined) return
        reading.topic.remove(codec, reading.subscriber)
        reading.subscriber.fail(this.hub.closed)
        this.hub.released()
      })
    ).pipe(Effect.map((reading) => reading?.subscriber))
  }
}

/** Nothing yet, and behind that whatever comes. */
const here = ({ epoch, sequence }: Look): Page => ({ gap: undefined, entries: [], epoch, sequence, end: true })
