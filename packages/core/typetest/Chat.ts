import type { BackendError } from "@troupe/core/BackendError"
import * as Chat from "@troupe/core/Chat"
import type { ChatStore } from "@troupe/core/ChatStore"
import type { PeerRegistry } from "@troupe/core/PeerRegistry"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HashMap from "effect/HashMap"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Equal } from "./Equal.ts"

declare const chat: Chat.Service

const Lobby = Chat.room("lobby", { message: Schema.String })
const Table = Chat.room("table", {
  message: Schema.Struct({ card: Schema.Int }),
  member: Schema.Struct({ name: Schema.String }),
  history: { size: 50, timeToLive: "1 day" },
  leaveGrace: "10 seconds"
})
type Card = { readonly card: number }
type Player = { readonly name: string }

// The definition types the call, without an annotation; without a schema members have no details.
export const lobbyType: Equal<typeof Lobby, Chat.Room<string>> = true
export const tableType: Equal<typeof Table, Chat.Room<Card, Player>> = true

const joined = chat.join(Table, { id: "ada", details: { name: "Ada" } })
export const joinType: Equal<
  typeof joined,
  Effect.Effect<Chat.Membership<Card, Player>, Chat.JoinError, Scope.Scope>
> = true

// Who has no details need not say so, and may.
chat.join(Lobby, { id: "ada" })
chat.join(Lobby, { id: "ada", details: undefined })
// @ts-expect-error the table asks for a name
chat.join(Table, { id: "ada" })
// @ts-expect-error no such word
chat.announce(Table, "dealer", "hello")
// @ts-expect-error a room needs a schema for its words
Chat.room("none", {})
// @ts-expect-error a place is "now", "earliest", a position or the last n
chat.events(Table, { from: "yesterday" })

const events = chat.events(Table, { from: { last: 3 }, as: "ada" })
export const eventsType: Equal<
  typeof events,
  Effect.Effect<
    Stream.Stream<Chat.RoomEvent<Card, Player>, BackendError>,
    Chat.RoomNotFound | BackendError,
    Scope.Scope
  >
> = true

const presence = chat.presence(Table)
export const presenceType: Equal<
  typeof presence,
  Stream.Stream<HashMap.HashMap<string, Chat.Member<Player>>, Chat.RoomNotFound | BackendError>
> = true

// A middleware's hooks are typed by the room, and its needs are the caller's.
class Words extends Context.Service<Words, { readonly allowed: (word: Card) => boolean }>()("Words") {}
const used = chat.use(Table, {
  name: "rules",
  say: (_, message) =>
    Effect.flatMap(Words, ({ allowed }) =>
      allowed(message) ? Effect.succeed(message) : Effect.fail(new Chat.Rejected({ reason: "not that card" }))
    ),
  hear: (said, listener) => Effect.succeed(listener === said.from ? Option.none() : Option.some(said))
})
export const useType: Equal<typeof used, Effect.Effect<void, never, Words | Scope.Scope>> = true

const layer = Chat.middleware(Table, { name: "names", join: ({ details }) => Effect.succeed(details) })
export const middlewareType: Equal<typeof layer, Layer.Layer<never, never, Chat.Chat>> = true

export const layerType: Equal<typeof Chat.layer, Layer.Layer<Chat.Chat, never, ChatStore | PeerRegistry>> = true
