/**
 * One open page, talking: the rooms it is in, what it says there, and what it is told. It is a peer's client: it goes as
 * that peer goes, and stands still while that stands still.
 *
 * A page that does not read is not waited for. It is owed a few frames at most; what happens meanwhile waits in its outbox,
 * which is bounded, and a page that has read nothing for fifteen seconds is hung up on.
 */
import { BackendError, type Cache, Chat, type Stats, type TaskQueue } from "@troupe/core"
import {
  Clock,
  type Context,
  Data,
  DateTime,
  Effect,
  Exit,
  HashMap,
  Latch,
  Queue,
  Result,
  Schema,
  Scope,
  Stream
} from "effect"
import { Socket } from "effect/socket"
import { Bucket } from "./Bucket.ts"
import { Outbox } from "./Outbox.ts"
import * as Rooms from "./Rooms.ts"
import { Ask, rate, type RoomName, type Told, UserName, type UserView, type WordView } from "./Talk.ts"

export type Services = Chat.Chat | TaskQueue.TaskQueue | Cache.Cache | Stats.Stats

/** The peer that somebody talks to. */
export interface Host {
  readonly peer: string
  readonly services: Context.Context<Services>
  /** Ends with the peer: whatever it has of a page's. */
  readonly scope: Scope.Scope
  /** The peer is gone, however it went. */
  readonly gone: Effect.Effect<void>
}

/** A page that is owed so many frames is sent no further one; what it has not read after so long ends it. */
const window = 8
const patienceMs = 15_000
/** A page hears of something so often at least, and of everything so seldom. */
const beatMs = 2_000
const pauseMs = 40
/** Bytes that the system does not take: a page that says it has read what was never sent is hung up on by these. */
const maxUnsent = 1_048_576
/** For so long a page waits to come in. */
const joinMs = 8_000
/** Asked, and not done yet. */
const maxAsked = 32
/** Users that a page is shown. */
const maxUsers = 60

/** Why a page is hung up on. */
class HungUp extends Data.TaggedError("HungUp")<{ readonly code: number; readonly why: string }> {
  override get message(): string {
    return this.why
  }
}

interface Place {
  readonly membership: Chat.Membership<Rooms.Word, Rooms.Seat>
  readonly user: string
  readonly scope: Scope.Closeable
}

/**
 * Talks for as long as the page and the peer are there. Each place is given up with it, by the peer: nobody waits for a
 * store that does not answer. `unsent`: bytes that wait for the page's system.
 */
export const talk = (socket: Socket.Socket, seat: string, host: Host, unsent: () => number) =>
  Effect.gen(function* () {
    const { pull } = yield* socket.reader
    const writer = yield* socket.writer
    const changed = Latch.makeUnsafe(false)
    const outbox = new Outbox(() => changed.openUnsafe())
    const asked = yield* Queue.dropping<Exclude<Ask, { _tag: "Read" }>>(maxAsked)
    const bucket = new Bucket(rate, yield* Clock.currentTimeMillis)
    const places = yield* makePlaces(seat, host, outbox)
    let sent = 0
    const owed: Array<number> = []

    const send = (texts: ReadonlyArray<string>) => writer.write(`{"number":${(sent += 1)},"told":[${texts.join(",")}]}`)

    const write = Effect.gen(function* () {
      let last = 0
      while (true) {
        changed.closeUnsafe()
        const now = yield* Clock.currentTimeMillis
        const isFull = outbox.isOverfull || unsent() > maxUnsent
        if (isFull || (owed[0] !== undefined && now - owed[0] > patienceMs)) {
          return yield* new HungUp({ code: 1013, why: "The page reads nothing." })
        }
        if (owed.length < window && (!outbox.isEmpty || now - last >= beatMs)) {
          owed.push(now)
          last = now
          yield* send(outbox.take())
          yield* Effect.sleep(pauseMs)
        } else yield* Effect.timeoutOption(changed.await, "500 millis")
      }
    })

    const hear = Effect.fnUntraced(function* (text: string) {
      const ask = Result.getOrUndefined(decode(text))
      if (ask === undefined) return yield* new HungUp({ code: 1008, why: "That makes no sense." })
      if (ask._tag === "Read") {
        if (ask.number > sent) return yield* new HungUp({ code: 1008, why: "There is no such frame yet." })
        owed.splice(0, owed.length - (sent - ask.number))
        changed.openUnsafe()
        return
      }
      const isTooMuch = ask._tag === "Say" && !bucket.take(yield* Clock.currentTimeMillis)
      if (isTooMuch || !Queue.offerUnsafe(asked, ask)) {
        const number = ask._tag === "Say" ? ask.number : null
        const why = `Not so fast: ${rate.perSecond} words a second.`
        outbox.offer({ _tag: "Refused", room: ask.room, what: "Say", number, error: "TooFast", why })
      }
    })

    const read = Effect.forever(
      Effect.flatMap(pull, (chunks) =>
        Effect.forEach(
          chunks,
          (chunk) =>
            typeof chunk === "string"
              ? hear(chunk)
              : Effect.fail(new HungUp({ code: 1003, why: "Only text is read." })),
          { discard: true }
        )
      )
    )

    const obey = Effect.forever(
      Effect.flatMap(Queue.take(asked), (ask) =>
        Effect.gen(function* () {
          if (ask._tag === "Join") yield* places.join(ask)
          else if (ask._tag === "Leave") yield* places.leave(ask.room)
          else yield* places.say(ask)
        })
      )
    )

    outbox.offer({ _tag: "Here", peer: host.peer })
    yield* Effect.raceAllFirst([write, read, obey, host.gone]).pipe(
      // Asked to end, and not by the page: it is told, so that it goes elsewhere at once.
      Effect.onInterrupt(() =>
        Effect.ignore(
          Effect.andThen(
            send([JSON.stringify({ _tag: "Leaving" } satisfies Told)]),
            writer.write(new Socket.CloseEvent(1001, "The process ends."))
          )
        )
      ),
      Effect.catchTag("HungUp", ({ code, why }) => Effect.ignore(writer.write(new Socket.CloseEvent(code, why)))),
      // It has gone.
      Effect.catchTag("SocketError", () => Effect.void)
    )
  }).pipe(Effect.scoped, Effect.provideContext(host.services))

const decode = Schema.decodeUnknownResult(Ask)
const decodeUser = Schema.decodeUnknownEffect(UserName)
const decodeText = Schema.decodeUnknownEffect(Rooms.Text)

// -- the rooms it is in -------------------------------------------------------------------------------------------

const makePlaces = Effect.fnUntraced(function* (seat: string, host: Host, outbox: Outbox) {
  const chat = yield* Chat.Chat
  const places = new Map<RoomName, Place>()

  const end = (name: RoomName) =>
    Effect.suspend(() => {
      const place = places.get(name)
      places.delete(name)
      // The peer gives it up, however long that takes: the page is free.
      return place === undefined ? Effect.void : Effect.forkIn(Scope.close(place.scope, Exit.void), host.scope)
    })
  yield* Effect.addFinalizer(() => Effect.forEach([...places.keys()], end, { discard: true }))

  const out = (name: RoomName, why: string) =>
    Effect.suspend(() => {
      if (!places.has(name)) return Effect.void
      outbox.offer({ _tag: "Out", room: name, why })
      return end(name)
    })

  const refuse = (room: RoomName, what: "Join" | "Say", number: number | null) => (error: Failure) =>
    Effect.sync(() => outbox.offer({ _tag: "Refused", room, what, number, error: error._tag, why: sentence(error) }))

  const join = ({ after, room: name, user: given, word }: Extract<Ask, { _tag: "Join" }>) =>
    Effect.gen(function* () {
      const user = yield* decodeUser(given)
      yield* end(name)
      const room = Rooms.rooms[name]
      const scope = yield* Scope.fork(host.scope)
      const enter = chat.join(room, { id: seat, details: { user, ...(word === null ? {} : { word }) } })
      const entered = Effect.gen(function* () {
        // Whoever comes first, or after the backend has lost everything, makes the room.
        const membership = yield* Effect.catchTag(enter, "RoomNotFound", () => Effect.andThen(Rooms.open(room), enter))
        const events = yield* chat.events(room, { as: seat, ...(after === null ? {} : { from: after }) })
        const words = after === null ? yield* chat.history(room, { last: Rooms.kept }) : null
        places.set(name, { membership, user, scope })
        outbox.forget(name)
        outbox.offer({ _tag: "In", room: name, words: words && words.map((said) => wordView(said, seat)) })
        const present = watch(name, outbox, { seat, isPast: after !== null })
        yield* Effect.forkIn(follow(name, events, words?.at(-1)?.position, present), scope)
        yield* chat.presence(room).pipe(
          Stream.runForEach((members) => Effect.sync(() => present.set(members))),
          Effect.ignore,
          Effect.forkIn(scope)
        )
      })
      yield* entered.pipe(
        Scope.provide(scope),
        // What the page asks for next is not to wait for ever.
        Effect.timeoutOrElse({
          duration: joinMs,
          orElse: () => Effect.fail({ _tag: "Late", message: "The backend does not answer" })
        }),
        Effect.onError(() => Effect.forkIn(Scope.close(scope, Exit.void), host.scope))
      )
    }).pipe(Effect.catch(refuse(name, "Join", null)))

  /** Tells what happens; behind what it has shown already. */
  const follow = (
    name: RoomName,
    events: Stream.Stream<Chat.RoomEvent<Rooms.Word, Rooms.Seat>, Failure>,
    shown: Chat.Said<Rooms.Word>["position"] | undefined,
    present: Watch
  ) =>
    events.pipe(
      Stream.runForEach((event) => {
        switch (event._tag) {
          case "Said": {
            const { epoch, sequence } = event.position
            const isKnown = shown !== undefined && epoch === shown.epoch && sequence <= shown.sequence
            if (!isKnown) outbox.offer({ _tag: "Said", room: name, ...wordView(event, seat) })
            break
          }
          case "Joined":
            present.came(event.member)
            break
          case "Left":
            if (event.member.id === seat) return out(name, "Your place here was taken away.")
            present.went(event.member, event.reason)
            break
          case "Gap": {
            const { missed, reason } = event
            outbox.offer({ _tag: "Gap", room: name, missed: missed ?? null, why: gaps[reason] })
            break
          }
          case "Destroyed":
            return out(name, "The room is no more.")
          case "Updated":
            if (event.member.id === seat) present.came(event.member)
        }
        return Effect.void
      }),
      Effect.catch((error) => out(name, error.message))
    )

  const say = ({ number, room: name, text: given }: Extract<Ask, { _tag: "Say" }>) =>
    Effect.gen(function* () {
      const text = yield* decodeText(given)
      const place = places.get(name)
      if (place === undefined) return yield* new Chat.NotMember({ room: name, member: seat })
      const said = place.membership.say({ kind: "member", user: place.user, text }, { dedupeKey: `${seat} ${number}` })
      yield* Rooms.speak(name, { kind: "member", user: place.user, text }, said)
      outbox.offer({ _tag: "Done", room: name, number })
    }).pipe(
      Effect.tapErrorTag("NotMember", () => out(name, "Your place here is gone.")),
      Effect.catch(refuse(name, "Say", number))
    )

  return { join, leave: end, say }
})

/** What can go wrong, as a person reads it. */
interface Failure {
  readonly _tag: string
  readonly message: string
}

// -- who is there -------------------------------------------------------------------------------------------------

interface Watch {
  readonly set: (members: HashMap.HashMap<string, Chat.Member<Rooms.Seat>>) => void
  readonly came: (member: Chat.Member<Rooms.Seat>) => void
  readonly went: (member: Chat.Member<Rooms.Seat>, how: "Left" | "Crashed" | "Removed") => void
}

/** A user comes with the first page, and goes with the last. */
const watch = (room: RoomName, outbox: Outbox, options: { readonly seat: string; readonly isPast: boolean }): Watch => {
  let present = HashMap.empty<string, Chat.Member<Rooms.Seat>>()
  // Who goes on behind a word is told the words. Who came and went has no place: the page was told of some before, and
  // who is there stands beside. Its own coming is where the present begins.
  let { isPast } = options
  const isElsewhere = ({ details, id }: Chat.Member<Rooms.Seat>): boolean =>
    HashMap.some(present, (member) => member.details.user === details.user && member.id !== id)
  return {
    set(members) {
      present = members
      const users = usersOf(HashMap.values(members))
      outbox.offer({
        _tag: "People",
        room,
        users: users.slice(0, maxUsers),
        more: Math.max(0, users.length - maxUsers)
      })
    },
    came(member) {
      if (member.id === options.seat) isPast = false
      else if (!isPast && !isElsewhere(member)) outbox.offer({ _tag: "Came", room, user: member.details.user })
    },
    went(member, how) {
      if (!isPast && !isElsewhere(member)) outbox.offer({ _tag: "Went", room, user: member.details.user, how })
    }
  }
}

/** In the order they came. */
const usersOf = (members: Iterable<Chat.Member<Rooms.Seat>>): ReadonlyArray<UserView> => {
  const users = new Map<string, { seats: number; since: number; peers: Set<string> }>()
  for (const { details, joinedAt, peer } of members) {
    const since = DateTime.toEpochMillis(joinedAt)
    const user = users.get(details.user) ?? { seats: 0, since, peers: new Set() }
    user.seats += 1
    user.since = Math.min(user.since, since)
    user.peers.add(peer)
    users.set(details.user, user)
  }
  return [...users]
    .toSorted(([a, one], [b, other]) => one.since - other.since || (a < b ? -1 : 1))
    .map(([user, { peers, seats }]) => ({ user, seats, peers: [...peers].toSorted() }))
}

// -- what is shown ------------------------------------------------------------------------------------------------

/** What a schema says stands in the first line; where it says it, in the others. */
const sentence = (error: Failure): string => {
  if (!(error instanceof BackendError.BackendError)) return error.message.split("\n", 1)[0]!
  // The page sends the same word under the same number.
  const known = error.outcome === "NotApplied" ? "Not done." : "Perhaps it was done; tried again, it is done once."
  return `${known} ${error.message}`
}

const gaps: {
  readonly [Reason in Extract<Chat.RoomEvent<Rooms.Word, Rooms.Seat>, { _tag: "Gap" }>["reason"]]: string
} = {
  Disconnected: "the connection was replaced",
  SlowConsumer: "the peer was too slow",
  HistoryTrimmed: "it is not kept any more",
  EpochChanged: "the room was forgotten",
  Rewound: "the backend lost its last words",
  Undecodable: "it makes no sense"
}

const wordView = ({ at, from, message, position }: Chat.Said<Rooms.Word>, seat: string): WordView => ({
  ...message,
  at: DateTime.toEpochMillis(at),
  isOwn: from === seat,
  position
})
