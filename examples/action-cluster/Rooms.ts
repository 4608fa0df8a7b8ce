/**
 * Where people talk: two rooms for everybody, and one that lets in who knows a word. What a member of a room is, what is
 * said there, and what every peer does for it. Nothing here knows whether the cluster lives in memory or on Redis.
 */
import { BackendError, Chat, type PubSub } from "@troupe/core"
import { Effect, Layer, Option, Schedule, Schema } from "effect"
import { count } from "./Counting.ts"
import * as Fortune from "./Fortune.ts"
import { RoomName, UserName } from "./Talk.ts"

// -- what is said, and who is there -------------------------------------------------------------------------------

/** Longer ones nobody reads. No control characters, and no half of a character. */
export const Text = Schema.Trim.check(
  Schema.isNonEmpty({ message: "Say something." }),
  Schema.isMaxLength(500, { message: "A word is no longer than 500 characters." }),
  Schema.isPattern(/^[^\p{Cc}\p{Cs}]*$/u, { message: "A word is one line of text." })
)

/** Who says it: a member, somebody who only polls, or the worker who was asked. */
export const Kind = Schema.Literals(["member", "guest", "fortune"])
export const Word = Schema.Struct({ kind: Kind, user: UserName, text: Text })
export type Word = typeof Word.Type

/** A member of a room is one open page. Who the user is stands in here: several pages may be one user's. */
export const Seat = Schema.Struct({
  user: UserName,
  /** What the vault asks for. Its middleware takes it away: nobody else is shown it. */
  word: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(64)))
})
export type Seat = typeof Seat.Type

/** Words that a page is shown when it comes. */
export const kept = 50
export type Room = Chat.Room<Word, Seat>
const room = (name: RoomName): Room =>
  Chat.room(name, {
    message: Word,
    member: Seat,
    history: { size: kept, timeToLive: "1 day" },
    // Who reloads the page, or is moved to another peer, has never left.
    leaveGrace: "4 seconds"
  })
export const rooms: { readonly [Name in RoomName]: Room } = {
  lobby: room("lobby"),
  workshop: room("workshop"),
  vault: room("vault")
}

/** The page says it too: it is no secret, it is an example. */
export const vaultWord = "sesame"
export const isPrivate = (name: RoomName): boolean => name === "vault"

// -- what every peer does for them --------------------------------------------------------------------------------

const doorkeeper = Chat.middleware(rooms.vault, {
  name: "doorkeeper",
  join: ({ details: { user, word } }) =>
    word === vaultWord
      ? Effect.succeed({ user })
      : Effect.fail(new Chat.Rejected({ reason: "The vault does not open to that word." })),
  // Who polls is nobody in particular, and hears nothing.
  hear: (said, listener) => Effect.succeed(listener === undefined ? Option.none() : Option.some(said))
})

/** There is such a room from then on, whoever made it. */
export const open = (room: Room): Effect.Effect<void, BackendError.BackendError, Chat.Chat> =>
  Chat.Chat.pipe(
    Effect.flatMap(({ create }) => create(room)),
    Effect.catchTag("RoomExists", () => Effect.void)
  )

const builder = Layer.effectDiscard(
  Effect.forEach(Object.values(rooms), open, { discard: true }).pipe(
    Effect.retry({ while: BackendError.isRetryable, schedule: Schedule.spaced("500 millis") }),
    Effect.catch((error) => Effect.logError("There are no rooms to talk in", error)),
    Effect.forkScoped
  )
)

export const life = Layer.mergeAll(
  doorkeeper,
  builder,
  Fortune.worker((name, text) => {
    const word: Word = { kind: "fortune", user: "fortune", text }
    return Effect.flatMap(Chat.Chat, ({ announce }) => announce(rooms[name], "fortune", word))
  })
)

// -- saying something ---------------------------------------------------------------------------------------------

/** Says it as it is told to; where it is a command, somebody is asked to do what it says. */
export const speak = <E, R>(name: RoomName, word: Word, say: Effect.Effect<PubSub.Position, E, R>) =>
  Effect.gen(function* () {
    const position = yield* say
    yield* count("words said")
    // Said once more after its answer was lost it has the same place, and asks nobody again.
    if (Fortune.isAsked(word.text)) yield* Fortune.ask(name, word.user, `${position.epoch} ${position.sequence}`)
  })
