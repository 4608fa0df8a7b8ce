/**
 * Rooms without ghosts: who is in a room, what is said there, and who comes and goes, in one order that is the same for
 * all.
 *
 * A room is a value: a name, a schema for its words, perhaps one for what its members say of themselves. A membership
 * lives as long as the scope it was made in: when that closes the member has left, and when its process dies the others
 * are told, once, however many of them die meanwhile. Whoever listens misses nothing, or is told that something is
 * missing; `presence` starts with who is there and follows every change.
 */
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { BackendError, PayloadTooLarge } from "./BackendError.ts"
import { ChatStore } from "./ChatStore.ts"
import type { AlreadyMember, NotMember, Rejected, RoomExists, RoomNotFound } from "./internal/chat/errors.ts"
import { open } from "./internal/chat/Lobby.ts"
import { RoomCodec } from "./internal/chat/RoomCodec.ts"
import { PeerRegistry } from "./PeerRegistry.ts"
import type { Gap, Position } from "./PubSub.ts"

const TypeId = "~@troupe/core/Chat/Room" as const

/** A named room. A plain value: make one anywhere, any number of times. `A`: its words, `M`: details of its members. */
export interface Room<in out A, in out M = void> {
  readonly [TypeId]: typeof TypeId
  readonly name: string
  readonly message: Schema.Codec<A, any>
  readonly member: Schema.Codec<M, any>
  readonly history: { readonly size: number; readonly timeToLive: Duration.Input } | undefined
  readonly leaveGrace: Duration.Input | undefined
  /** @internal */
  readonly "~codec": RoomCodec<A, M>
}

export interface RoomOptions<A, M> {
  readonly message: Schema.Codec<A, any>
  /** Of a member's details. Absent: members have none. */
  readonly member?: Schema.Codec<M, any> | undefined
  /** Keeps the last words. Absent: what is older than the room's last 5 minutes, or 1,000 events, is gone. */
  readonly history?: { readonly size: number; readonly timeToLive: Duration.Input } | undefined
  /** A member that is back on any peer within this time never left. Default: it has left at once. */
  readonly leaveGrace?: Duration.Input | undefined
}

/** Somebody in a room. `peer`: the name of the process it is connected to; `joinedAt`: by the store's clock. */
export interface Member<out M> {
  readonly id: string
  readonly details: M
  readonly peer: string
  readonly joinedAt: DateTime.Utc
}

/** Who joins: an id, and details where the room asks for them. */
export type Joining<M> =
  | { readonly id: string; readonly details: M }
  | (void extends M ? { readonly id: string; readonly details?: undefined } : never)

/** A word, with its place in the room's order. `at`: by the store's clock. */
export interface Said<out A> {
  readonly _tag: "Said"
  readonly from: string
  readonly message: A
  readonly at: DateTime.Utc
  readonly position: Position
}

/**
 * What happens in a room.
 *
 * - `Updated`: details changed, or the member is back on another peer without having left.
 * - `Left`: by itself or with its scope, with its crashed peer, or because somebody removed it.
 * - `Destroyed`: the room is no more; nothing follows.
 * - `Gap`: something was missed, as for PubSub.
 */
export type RoomEvent<A, M> =
  | Said<A>
  | { readonly _tag: "Joined"; readonly member: Member<M> }
  | { readonly _tag: "Updated"; readonly member: Member<M> }
  | { readonly _tag: "Left"; readonly member: Member<M>; readonly reason: "Left" | "Crashed" | "Removed" }
  | { readonly _tag: "Destroyed" }
  | Gap

export { AlreadyMember, NotMember, Rejected, RoomExists, RoomNotFound } from "./internal/chat/errors.ts"

export type SayError = NotMember | Rejected | BackendError | PayloadTooLarge | Schema.SchemaError
export type JoinError = RoomNotFound | AlreadyMember | Rejected | BackendError | Schema.SchemaError

export interface EventsOptions {
  /**
   * Default "now". "earliest": from the oldest word that is kept; a Position: behind it; `{ last: n }`: with the last n
   * words; neither of these two gives anything of a room of the same name that was destroyed before. Behind a Position of
   * such a room comes what is left of that one, and its `Destroyed`.
   */
  readonly from?: "now" | "earliest" | Position | { readonly last: number } | undefined
  /** The member who listens; what `hear` decides on. */
  readonly as?: string | undefined
}

/** A member's place in a room. It ends with the scope it was made in. */
export interface Membership<in out A, in out M> {
  /** As this process last made it. */
  readonly member: Member<M>
  /**
   * Says a word; when it succeeds, the word is in the room's order. One round trip, shared with what else this peer does
   * in the room at the time; calls of one peer keep their order. With a `dedupeKey` (of this member) that a word which is
   * still kept has, nothing is said again and that word's position is answered. At most 1 MiB of JSON.
   *
   * Interrupted before it left, it is not said; afterwards it may be.
   */
  readonly say: (message: A, options?: { readonly dedupeKey?: string | undefined }) => Effect.Effect<Position, SayError>
  /** Replaces the details, at most 16 KiB of JSON (CapacityExceeded). One round trip. */
  readonly update: (details: M) => Effect.Effect<void, NotMember | BackendError | Schema.SchemaError>
  /**
   * Ends the membership, as the end of its scope does. When it fails the store was not reached: it is told as soon as it
   * answers again. With `leaveGrace` the others hear of it when that is over. A second time does nothing.
   */
  readonly leave: Effect.Effect<void, BackendError>
}

/**
 * Hooks in the way of a room's traffic, in the order of `order` (default 0; equal ones in the order they were
 * installed). They act on the peers that have them: install them where members of the room speak and listen.
 */
export interface Middleware<in out A, in out M, out R = never> {
  readonly name: string
  readonly order?: number | undefined
  /** Before anything changes: the details to join with, or a refusal. */
  readonly join?: ((member: { readonly id: string; readonly details: M }) => Effect.Effect<M, Rejected, R>) | undefined
  /** After a membership of this peer has ended by itself or with its scope. */
  readonly leave?: ((member: Member<M>) => Effect.Effect<void, never, R>) | undefined
  /** Before a word is said or announced: the word to say, or a refusal. */
  readonly say?: ((from: string, message: A) => Effect.Effect<A, Rejected, R>) | undefined
  /**
   * For each word and each listener, one after the other: what that listener hears, or nothing. `listener`: the member on
   * whose behalf `events` was asked for; undefined for a stream of nobody (a log, a bridge) and for `poll`.
   */
  readonly hear?:
    | ((said: Said<A>, listener: string | undefined) => Effect.Effect<Option.Option<Said<A>>, never, R>)
    | undefined
}

export interface PollOptions {
  /** The cursor of the last poll's answer. */
  readonly after?: string | undefined
  /** Words, 100; from 1 to 512. */
  readonly limit?: number | undefined
  /** How long it waits for the first word, at most an hour. Default: not at all. */
  readonly wait?: Duration.Input | undefined
}

/** What a poll gives. `cursor` is for the next one; `lost`: words between the cursor given and the first are gone. */
export interface Polled<out A> {
  readonly said: ReadonlyArray<Said<A>>
  readonly cursor: string
  readonly lost: boolean
}

/** What the service does, by name, so that an editor says `Chat.Service` and not sixty lines. */
export interface Service {
  /** Makes a room, empty. Of two at once one fails with RoomExists. Two round trips. */
  readonly create: <A, M>(room: Room<A, M>) => Effect.Effect<void, RoomExists | BackendError>
  /** Ends every membership, without a `Left`, and every `events` stream with `Destroyed`. Two round trips. */
  readonly destroy: <A, M>(room: Room<A, M>) => Effect.Effect<void, RoomNotFound | BackendError>
  /** One round trip. */
  readonly exists: <A, M>(room: Room<A, M>) => Effect.Effect<boolean, BackendError>
  /** Every room that exists throughout, and perhaps some that do not. One round trip a room, and one per 512. */
  readonly rooms: Stream.Stream<{ readonly name: string; readonly members: number }, BackendError>
  /**
   * Takes a place in a room, until the scope closes. Who has the id already is in the way (AlreadyMember) while its peer
   * is live; from a peer that is suspected or gone the place is taken over, and nobody has left. One round trip, two the
   * first time this peer enters that room, or when its server was replaced. Interrupted, it leaves no place behind.
   *
   * When the process dies, the others hear `Left` with the reason "Crashed": within 12 s and a heartbeat (PeerRegistry's
   * `downAfter`), the room's `leaveGrace`, and 5 s. A membership of a peer that was declared gone has ended: NotMember.
   */
  readonly join: <A, M>(room: Room<A, M>, member: Joining<M>) => Effect.Effect<Membership<A, M>, JoinError, Scope.Scope>
  /** A word of somebody who need not be a member. One round trip. */
  readonly announce: <A, M>(
    room: Room<A, M>,
    from: string,
    message: A
  ) => Effect.Effect<Position, RoomNotFound | Rejected | BackendError | PayloadTooLarge | Schema.SchemaError>
  /** Takes a member's place away, wherever it is connected, at once. False: it has none. One round trip. */
  readonly remove: <A, M>(room: Room<A, M>, member: string) => Effect.Effect<boolean, BackendError>
  /** Who is there, in the order they came. One round trip up to 512 members; beyond, as `presence` begins. */
  readonly members: <A, M>(room: Room<A, M>) => Effect.Effect<ReadonlyArray<Member<M>>, RoomNotFound | BackendError>
  /** One round trip, and one step of the store, however many there are. */
  readonly count: <A, M>(room: Room<A, M>) => Effect.Effect<number, RoomNotFound | BackendError>
  /**
   * From now on, in the room's one order. Returned once confirmed: whatever happens afterwards is in it, or a `Gap` is.
   * Lives through outages, and catches up from the room's last 5 minutes (1,000 events) and its history. Ends behind
   * `Destroyed`. Two or three round trips for the first listener of a room on this peer, one for the others.
   */
  readonly events: <A, M>(
    room: Room<A, M>,
    options?: EventsOptions
  ) => Effect.Effect<Stream.Stream<RoomEvent<A, M>, BackendError>, RoomNotFound | BackendError, Scope.Scope>
  /**
   * Who is there: at first, and after every change; where several changes came at once, after the last of them. A HashMap:
   * one change costs one path, not a copy of everybody. Ends, with nobody there, when the room is destroyed. As `events`,
   * and one round trip per 512 members.
   */
  readonly presence: <A, M>(
    room: Room<A, M>
  ) => Stream.Stream<HashMap.HashMap<string, Member<M>>, RoomNotFound | BackendError>
  /**
   * For clients that can only poll: the room's words after a cursor (without one: all that are kept), at most `limit` (100;
   * up to 512), from the room's own log; nothing is stored per client. Where there are none it waits up to `wait` (not at
   * all; up to an hour) for the first. `lost` where the log no longer reaches. One round trip; one that waits subscribes.
   */
  readonly poll: <A, M>(
    room: Room<A, M>,
    options?: PollOptions
  ) => Effect.Effect<Polled<A>, RoomNotFound | BackendError>
  /**
   * Words that the room's `history` keeps, oldest first: after a position, or the last n, or all. Empty for a room without
   * history. What does not fit the schema is left out; `hear` is not asked. One round trip per 512.
   */
  readonly history: <A, M>(
    room: Room<A, M>,
    options?: { readonly after?: Position | undefined; readonly last?: number | undefined }
  ) => Effect.Effect<ReadonlyArray<Said<A>>, RoomNotFound | BackendError>
  /** Installs a middleware on this peer until the scope closes, for the room of that name. A bad name is a defect. */
  readonly use: <A, M, R>(
    room: Room<A, M>,
    middleware: Middleware<NoInfer<A>, NoInfer<M>, R>
  ) => Effect.Effect<void, never, R | Scope.Scope>
}

export class Chat extends Context.Service<Chat, Service>()("@troupe/core/Chat") {}

/**
 * A room by its name. Members' details need a schema where they have any. `history` keeps the last `size` words (at
 * most 100,000), none older than `timeToLive`. With `leaveGrace` (at most an hour) nobody has left who is back, on
 * any peer, before that is over; until then they count as there. Never throws: what is wrong with a name or an option
 * is said by the first call that uses the room (`InvalidName`, `Misconfigured`).
 */
export const room: <A, M = void>(name: string, options: RoomOptions<A, M>) => Room<A, M> = (
  name: string,
  { history, leaveGrace, member = Schema.Void, message }: RoomOptions<any, any>
): Room<any, any> => ({
  [TypeId]: TypeId,
  name,
  message,
  member,
  history,
  leaveGrace,
  "~codec": new RoomCodec(message, member)
})

/** `use` as a layer. */
export const middleware = <A, M, R = never>(
  room: Room<A, M>,
  middleware: Middleware<NoInfer<A>, NoInfer<M>, R>
): Layer.Layer<never, never, Chat | Exclude<R, Scope.Scope>> =>
  Layer.effectDiscard(Effect.flatMap(Chat, (chat) => chat.use(room, middleware)))

/**
 * Chat on any backend: the policy above a store. Its places are those of the registry's peer, for that one's life. Built
 * without a round trip.
 */
export const layer: Layer.Layer<Chat, never, ChatStore | PeerRegistry> = Layer.effect(
  Chat,
  Effect.gen(function* () {
    const store = yield* ChatStore
    const registry = yield* PeerRegistry
    return Chat.of(yield* open(store, registry))
  })
)
