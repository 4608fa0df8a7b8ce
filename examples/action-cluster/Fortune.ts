/**
 * What `/fortune` does: some peer, whichever is free, is asked for a fortune and tells it in the room. To find one takes
 * a moment, so what was found is kept for a minute, for all.
 */
import { Cache, type Chat, LocalPeer, type Stats, TaskQueue } from "@troupe/core"
import { Effect, Layer, Random, Schedule, Schema } from "effect"
import { count } from "./Counting.ts"
import { RoomName, UserName } from "./Talk.ts"

export const isAsked = (text: string): boolean => /^\/fortune\b/.test(text)

const fortunes = [
  "A watched queue never drains.",
  "You will be told once, and only once.",
  "Somebody near you holds a lock that you need. Be patient with them.",
  "What you have lost was never acknowledged.",
  "A gap that is told is better than a silence that is kept.",
  "An old friend will join under a new id.",
  "Do not argue with the server about what time it is.",
  "He who retries without a key says everything twice.",
  "Your next deployment will be quiet. Enjoy it.",
  "The leader you seek has left in good order."
]

// -- what is asked and kept ---------------------------------------------------------------------------------------

const Question = Schema.Struct({ room: RoomName, user: UserName })

class Untold extends Schema.TaggedError<Untold>("Untold")("Untold", { why: Schema.String }) {
  override get message(): string {
    return this.why
  }
}

const task = TaskQueue.task("fortune", {
  payload: Question,
  error: Untold,
  // Nobody waits for the answer: the room is told.
  keepResult: 0,
  maxAttempts: 5,
  retry: Schedule.spaced("2 seconds")
})

const kept = Cache.region("fortunes", {
  value: Schema.Struct({ text: Schema.String, by: Schema.String }),
  timeToLive: "1 minute"
})

// -- how it is asked and told -------------------------------------------------------------------------------------

/** Nobody will answer. */
export class Unheard extends Schema.TaggedError<Unheard>("examples/action-cluster/Unheard")("Unheard", {
  why: Schema.String
}) {
  override get message(): string {
    return `Said, but nobody could be asked for a fortune: ${this.why}`
  }
}

/** Under one name it is asked once. */
export const ask = (room: RoomName, user: string, name: string): Effect.Effect<void, Unheard, TaskQueue.TaskQueue> =>
  Effect.flatMap(TaskQueue.TaskQueue, ({ enqueue }) => enqueue(task, { room, user }, { id: `${room} ${name}` })).pipe(
    Effect.mapError((error) => new Unheard({ why: error.message })),
    Effect.asVoid
  )

const answer = Effect.fnUntraced(function* ({ user }: typeof Question.Type) {
  const cache = yield* Cache.Cache
  const { name } = yield* LocalPeer.LocalPeer
  const find = Effect.gen(function* () {
    yield* Effect.sleep("700 millis")
    return { text: fortunes[yield* Random.nextIntBetween(0, fortunes.length - 1)]!, by: name }
  })
  const { by, text } = yield* cache.getOrSet(kept, "now", find)
  return `For ${user}: “${text}” ${by === name ? `Found by ${by}.` : `Told by ${name}, found by ${by}.`}`
})

type TellError = Effect.Error<ReturnType<Chat.Service["announce"]>>

/**
 * Answers whoever asks. `tell` says it in the room; where it cannot it is tried again: then a room may hear it twice, for
 * what is announced has no key.
 */
export const worker = (
  tell: (room: RoomName, text: string) => Effect.Effect<unknown, TellError, Chat.Chat>
): Layer.Layer<never, never, Cache.Cache | Chat.Chat | Stats.Stats | TaskQueue.TaskQueue> =>
  TaskQueue.worker(
    task,
    Effect.fnUntraced(function* (question: typeof Question.Type) {
      const text = yield* answer(question)
      yield* Effect.mapError(tell(question.room, text), ({ message: why }) => new Untold({ why }))
      yield* count("fortunes told")
    }),
    { concurrency: 2 }
  )
