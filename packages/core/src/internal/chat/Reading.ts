/** What is read of rooms: who is there, what happens, and what was said. */
import * as Arr from "effect/Array"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { BackendError } from "../../BackendError.ts"
import type { EventsOptions, Member, Polled, PollOptions, Room, RoomEvent, Said, Service } from "../../Chat.ts"
import {
  type Bookmark,
  type Keep,
  type Look,
  pageSize,
  type Service as Store,
  type Words,
  type WordsFrom
} from "../../ChatStore.ts"
import type { Position } from "../../PubSub.ts"
import type { From } from "../../PubSubStore.ts"
import type { MessageCodec } from "../pubsub/MessageCodec.ts"
import type { Ear, Reader } from "./Ear.ts"
import { RoomNotFound } from "./errors.ts"
import type { Hooks } from "./Hooks.ts"
import * as Limits from "./Limits.ts"
import { type Members, membersOf, presence } from "./Presence.ts"
import { type Entry, event } from "./RoomCodec.ts"

/** Told of what an operator counts. */
export interface Meter {
  readonly heard: (words: number) => void
}

export interface Options {
  readonly store: Store
  readonly ear: Ear
  readonly hooks: Hooks
  readonly meter: Meter
  readonly isClosed: () => boolean
}

/** Rooms that are looked at, at a time. */
const looks = 16

export class Reading {
  private readonly options: Options

  constructor(options: Options) {
    this.options = options
  }

  readonly exists = <A, M>(room: Room<A, M>): Effect.Effect<boolean, BackendError> =>
    Effect.map(this.look("exists", room), (look) => look !== undefined)

  readonly count = <A, M>(room: Room<A, M>): Effect.Effect<number, RoomNotFound | BackendError> =>
    Effect.flatMap(this.look("count", room), (look) => there(room, look && look.members))

  /** Who is in the list and not there is taken out of it. */
  readonly rooms: Service["rooms"] = Stream.suspend(() =>
    Stream.paginate("", (cursor: string) =>
      Effect.gen({ self: this }, function* () {
        const { store } = this.options
        if (this.options.isClosed()) return yield* Limits.closed("rooms")
        const page = yield* store.rooms(cursor)
        const found = yield* Effect.forEach(page.rooms, (room) => store.look(room), { concurrency: looks })
        const absent = page.rooms.filter((_, i) => found[i] === undefined)
        // What it takes out too late, the next one will.
        if (absent.length > 0) yield* Effect.ignore(store.prune(absent))
        const rooms = page.rooms.flatMap((name, i) => {
          const look = found[i]
          return look === undefined ? [] : [{ name, members: look.members }]
        })
        return [rooms, page.cursor === "" ? Option.none() : Option.some(page.cursor)] as const
      })
    )
  )

  readonly members = <A, M>(room: Room<A, M>): Effect.Effect<ReadonlyArray<Member<M>>, RoomNotFound | BackendError> =>
    Effect.gen({ self: this }, function* () {
      yield* this.checked("members", room)
      const page = yield* this.options.store.seats(room.name, "")
      if (page === undefined) return yield* new RoomNotFound({ room: room.name })
      if (page.cursor === "") return inOrder(yield* membersOf(room["~codec"], page))
      // More than one step can give: what changes between two steps is to be heard.
      const steps = 3 + Math.ceil(page.members / pageSize)
      const members = yield* Effect.timeoutOrElse(Stream.runHead(this.presence(room)), {
        duration: Duration.millis(this.options.store.commandTimeoutMs * steps),
        orElse: () => Effect.fail(Limits.tooLate("members"))
      })
      return Option.match(members, { onNone: () => [], onSome: (members) => inOrder(HashMap.values(members)) })
    })

  readonly events = <A, M>(
    room: Room<A, M>,
    options?: EventsOptions
  ): Effect.Effect<Stream.Stream<RoomEvent<A, M>, BackendError>, RoomNotFound | BackendError, Scope.Scope> =>
    Effect.map(this.listen("events", room, room["~codec"].entries, options?.from), (reader) =>
      Stream.takeUntil(
        Stream.fromPull(Effect.sync(() => this.heard(room, reader, options?.as))),
        ({ _tag }) => _tag === "Destroyed"
      )
    )

  readonly presence = <A, M>(room: Room<A, M>): Stream.Stream<Members<M>, RoomNotFound | BackendError> =>
    Stream.unwrap(
      Effect.map(this.listen("presence", room, room["~codec"].changes, undefined), (reader) =>
        presence(this.options.store, room.name, room["~codec"], reader)
      )
    )

  readonly poll = <A, M>(
    room: Room<A, M>,
    { after, limit: most, wait }: PollOptions = {}
  ): Effect.Effect<Polled<A>, RoomNotFound | BackendError> =>
    Effect.gen({ self: this }, function* () {
      yield* this.checked("poll", room)
      const limit = yield* Limits.limit(most)
      const waitMs = yield* Limits.wait(wait)
      const bookmark = after === undefined ? undefined : yield* Limits.bookmarkOf(after)
      let polled = yield* this.page(room, bookmark, limit)
      if (waitMs === 0 || !isNothing(polled)) return answer(polled)
      // Whoever listens before asking again misses nothing in between.
      const waited = Effect.gen({ self: this }, function* () {
        const reader = yield* this.listen("poll", room, room["~codec"].changes, undefined)
        while (true) {
          polled = yield* this.page(room, polled.bookmark, limit)
          if (!isNothing(polled)) return
          yield* reader.take
        }
      })
      yield* Effect.timeoutOption(Effect.scoped(waited), Duration.millis(waitMs))
      return answer(polled)
    })

  readonly history = <A, M>(
    room: Room<A, M>,
    options: { readonly after?: Position | undefined; readonly last?: number | undefined } = {}
  ): Effect.Effect<ReadonlyArray<Said<A>>, RoomNotFound | BackendError> =>
    Effect.gen({ self: this }, function* () {
      const { after, last } = options
      const keep = yield* this.checked("history", room)
      const fault =
        Limits.countFault("history", "last", last) ?? (after && Limits.positionFault("history", "after", after))
      if (fault !== undefined) return yield* fault
      const said: Array<Said<A>> = []
      if (keep.history === undefined || last === 0) {
        yield* there(room, yield* this.options.store.look(room.name))
        return said
      }
      let from: WordsFrom =
        after !== undefined
          ? { _tag: "After", bookmark: { ...after, number: 0 } }
          : last !== undefined
            ? { _tag: "Last", count: last }
            : { _tag: "Earliest" }
      for (let left = keep.history.size; left > 0;) {
        const words = yield* this.words(room, keep, from, pageSize)
        said.push(...(yield* this.decoded(room, words)).said)
        if (words.end) break
        left -= words.words.length
        from = { _tag: "After", bookmark: words.bookmark }
      }
      return last === undefined ? said : said.slice(-last)
    })

  private checked<A, M>(operation: string, room: Room<A, M>): Exit.Exit<Keep, BackendError> {
    return this.options.isClosed() ? Exit.fail(Limits.closed(operation)) : Limits.keep(operation, room)
  }

  private look<A, M>(operation: string, room: Room<A, M>): Effect.Effect<Look | undefined, BackendError> {
    return Effect.suspend(() => Effect.andThen(this.checked(operation, room), this.options.store.look(room.name)))
  }

  private listen<A, M, E>(
    operation: string,
    room: Room<A, M>,
    codec: MessageCodec<E>,
    from: EventsOptions["from"]
  ): Effect.Effect<Reader<E>, RoomNotFound | BackendError, Scope.Scope> {
    return Effect.suspend(() => {
      const keep = this.checked(operation, room)
      if (Exit.isFailure(keep)) return Effect.failCause(keep.cause)
      const start = startOf(operation, from)
      if (Exit.isFailure(start)) return Effect.failCause(start.cause)
      return Effect.flatMap(this.options.ear.listen(room.name, codec, keep.value, start.value), (reader) =>
        there(room, reader)
      )
    })
  }

  /** All that waits at once; where the room has middleware one event at a time, so that a slow hook keeps back no more than what follows. */
  private heard<A, M>(room: Room<A, M>, reader: Reader<Entry<A, M>>, listener: string | undefined) {
    const { hooks, meter } = this.options
    let waiting: ReadonlyArray<RoomEvent<A, M>> = []
    const next: Effect.Effect<Arr.NonEmptyReadonlyArray<RoomEvent<A, M>>, BackendError> = Effect.suspend(() => {
      const [first, ...rest] = waiting
      if (first === undefined) {
        return Effect.flatMap(reader.take, (deliveries) => {
          waiting = Arr.map(deliveries, event<A, M>)
          return next
        })
      }
      if (hooks.of(room.name).length === 0) {
        waiting = []
        meter.heard(1 + rest.length)
        return Effect.succeed<Arr.NonEmptyReadonlyArray<RoomEvent<A, M>>>([first, ...rest])
      }
      const given: Effect.Effect<Option.Option<RoomEvent<A, M>>> =
        first._tag === "Said" ? hooks.hear<A, M>(room.name, first, listener) : Effect.succeedSome(first)
      return Effect.flatMap(given, (event) => {
        // Only now: interrupted, it is heard by the next take.
        waiting = rest
        if (Option.isNone(event)) return next
        meter.heard(1)
        return Effect.succeed<Arr.NonEmptyReadonlyArray<RoomEvent<A, M>>>([event.value])
      })
    })
    return next
  }

  private words<A, M>(room: Room<A, M>, keep: Keep, from: WordsFrom, limit: number) {
    return Effect.flatMap(this.options.store.words(room.name, keep, from, limit), (words) => there(room, words))
  }

  /** What a poll gives of one step. */
  private page<A, M>(
    room: Room<A, M>,
    after: Bookmark | undefined,
    limit: number
  ): Effect.Effect<Page<A>, RoomNotFound | BackendError> {
    const { hooks } = this.options
    return Effect.gen({ self: this }, function* () {
      const keep = yield* this.checked("poll", room)
      const from: WordsFrom = after === undefined ? { _tag: "Earliest" } : { _tag: "After", bookmark: after }
      const words = yield* this.words(room, keep, from, limit)
      const { lost, said } = yield* this.decoded(room, words)
      const heard = yield* Effect.forEach(said, (said) => hooks.hear<A, M>(room.name, said, undefined))
      return { said: Arr.getSomes(heard), lost: words.lost || lost, bookmark: words.bookmark }
    })
  }

  /** A word that does not fit the schema is lost to whoever reads by it. */
  private decoded<A, M>(room: Room<A, M>, { words }: Words) {
    return Effect.map(
      Effect.forEach(words, (stored) => Effect.option(room["~codec"].said(stored))),
      (found) => ({ said: Arr.getSomes(found), lost: found.some(Option.isNone) })
    )
  }
}

interface Page<A> {
  readonly said: ReadonlyArray<Said<A>>
  readonly lost: boolean
  readonly bookmark: Bookmark
}

const isNothing = ({ lost, said }: Page<unknown>): boolean => said.length === 0 && !lost

const answer = <A>({ bookmark, lost, said }: Page<A>): Polled<A> => ({ said, cursor: Limits.cursorOf(bookmark), lost })

const there = <A, M, B>(room: Room<A, M>, found: B | undefined): Effect.Effect<B, RoomNotFound> =>
  found === undefined ? Effect.fail(new RoomNotFound({ room: room.name })) : Effect.succeed(found)

const inOrder = <M>(members: Iterable<Member<M>>): ReadonlyArray<Member<M>> =>
  [...members].sort(
    (a, b) => DateTime.toEpochMillis(a.joinedAt) - DateTime.toEpochMillis(b.joinedAt) || (a.id < b.id ? -1 : 1)
  )

const startOf = (operation: string, from: EventsOptions["from"]): Exit.Exit<From | undefined, BackendError> => {
  if (from === undefined || from === "now") return Exit.succeed(undefined)
  if (from === "earliest") return Exit.succeed({ _tag: "Earliest" })
  const fault =
    "last" in from
      ? Limits.countFault(operation, "from.last", from.last)
      : Limits.positionFault(operation, "from", from)
  if (fault !== undefined) return Exit.fail(fault)
  return Exit.succeed(
    "last" in from ? { _tag: "Last", count: from.last } : { _tag: "After", epoch: from.epoch, sequence: from.sequence }
  )
}
