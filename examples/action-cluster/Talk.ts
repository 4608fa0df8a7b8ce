/**
 * What a page and the program say to each other over a WebSocket: frames of JSON, both ways. The page joins rooms, speaks
 * in them and leaves, and says which frames it has read; the program answers, and tells what happens in the rooms.
 */
import { Schema } from "effect"

export const RoomName = Schema.Literals(["lobby", "workshop", "vault"])
export type RoomName = typeof RoomName.Type

/** What a person is called. Nothing invisible in it. */
export const UserName = Schema.Trim.check(
  Schema.isNonEmpty({ message: "A name is needed." }),
  Schema.isMaxLength(24, { message: "A name is no longer than 24 characters." }),
  Schema.isPattern(/^[^\p{C}]*$/u, { message: "A name has no invisible characters." })
)

/** Names one open page. Given by the page itself. */
export const SeatId = Schema.String.check(Schema.isPattern(/^[\w-]{8,64}$/))

/** Bytes of a frame that comes in: the server hangs up on what is longer. */
export const maxFrame = 4_096
/** What a page may say: so many words a second, and so many at once. */
export const rate = { perSecond: 5, burst: 8 }

const Position = Schema.Struct({ epoch: Schema.String.check(Schema.isMaxLength(200)), sequence: Schema.Int })

/** What a page asks for. What is wrong with a text or a name is told it; what is none of these hangs up. */
export const Ask = Schema.fromJsonString(
  Schema.Union([
    Schema.TaggedStruct("Join", {
      room: RoomName,
      user: Schema.String,
      word: Schema.NullOr(Schema.String),
      /** The last thing it heard there: it goes on behind that. Null: it is shown what is kept. */
      after: Schema.NullOr(Position)
    }),
    Schema.TaggedStruct("Leave", { room: RoomName }),
    /** `number` counts the page's words: sent again under the same number it is said once. */
    Schema.TaggedStruct("Say", { room: RoomName, text: Schema.String, number: Schema.Int }),
    /** It has read the frame of that number, and all before. */
    Schema.TaggedStruct("Read", { number: Schema.Int })
  ])
)
export type Ask = typeof Ask.Type

export interface WordView {
  readonly kind: "member" | "guest" | "fortune"
  readonly user: string
  readonly text: string
  /** Ms since 1970, by the store's clock. */
  readonly at: number
  /** This very page said it. */
  readonly isOwn: boolean
  readonly position: typeof Position.Type
}

/** A user is listed once, however many pages are open under that name. */
export interface UserView {
  readonly user: string
  readonly seats: number
  /** The peers that these pages talk to. */
  readonly peers: ReadonlyArray<string>
}

/** Of a room, whatever is in it. */
export type Told =
  | { readonly _tag: "Here"; readonly peer: string }
  | {
      readonly _tag: "In"
      readonly room: RoomName
      /** Null: it goes on where it was. */
      readonly words: ReadonlyArray<WordView> | null
    }
  | ({ readonly _tag: "Said"; readonly room: RoomName } & WordView)
  | { readonly _tag: "Came"; readonly room: RoomName; readonly user: string }
  | {
      readonly _tag: "Went"
      readonly room: RoomName
      readonly user: string
      readonly how: "Left" | "Crashed" | "Removed"
    }
  | {
      readonly _tag: "People"
      readonly room: RoomName
      readonly users: ReadonlyArray<UserView>
      /** There are this many more. */
      readonly more: number
    }
  /** Something is missing here: so much, where it is known. */
  | { readonly _tag: "Gap"; readonly room: RoomName; readonly missed: number | null; readonly why: string }
  | { readonly _tag: "Done"; readonly room: RoomName; readonly number: number }
  | {
      readonly _tag: "Refused"
      readonly room: RoomName
      readonly what: "Join" | "Say"
      /** Of the word that was not said, or said in vain. */
      readonly number: number | null
      readonly error: string
      readonly why: string
    }
  /** The place is gone; whoever wants it joins again. */
  | { readonly _tag: "Out"; readonly room: RoomName; readonly why: string }
  /** The process ends: nothing follows. */
  | { readonly _tag: "Leaving" }
