/** Places in rooms: taking one, what its holder may do, and giving it up; and words and removals from outside. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { type BackendError, PayloadTooLarge } from "../../BackendError.ts"
import type { Joining, JoinError, Member, Membership, Room, SayError } from "../../Chat.ts"
import type { Asking, Keep, Outcome } from "../../ChatStore.ts"
import type { Position } from "../../PubSub.ts"
import { chained } from "../Settled.ts"
import type { Door } from "./Door.ts"
import { AlreadyMember, NotMember, Rejected, RoomNotFound } from "./errors.ts"
import type { Hooks } from "./Hooks.ts"
import * as Limits from "./Limits.ts"
import type { Rooms } from "./Rooms.ts"
import type { Sweeper } from "./Sweeper.ts"

/** Told of what an operator counts. */
export interface Meter {
  readonly said: () => void
  readonly rejected: (hook: "join" | "say") => void
}

export interface Options {
  readonly rooms: Rooms
  readonly hooks: Hooks
  readonly sweeper: Sweeper
  readonly meter: Meter
  /** The name of this peer. */
  readonly peer: string
}

/** A word on its way. `refused`: what its speaker is told where the store does not take it. */
interface Speech<E> {
  readonly from: string
  readonly ref: string | undefined
  readonly keep: Keep
  readonly dedupeKey: string | undefined
  readonly refused: () => E
}

export class Places {
  private readonly options: Options
  private refs = 0

  constructor(options: Options) {
    this.options = options
  }

  readonly join = <A, M>(
    room: Room<A, M>,
    joining: Joining<M>
  ): Effect.Effect<Membership<A, M>, JoinError, Scope.Scope> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen({ self: this }, function* () {
        const { hooks, meter, rooms } = this.options
        const { id } = joining
        // From here to where the door knows who comes nobody else has a turn.
        const found = this.door("join", room)
        if (Exit.isFailure(found)) return yield* Exit.failCause(found.cause)
        const door = found.value
        const { keep } = door
        const fault = Limits.idFault("join", "member id", id)
        if (fault !== undefined) return yield* fault
        this.refs += 1
        const ref = `${rooms.base}.${this.refs.toString(36)}`
        const taken = Effect.gen({ self: this }, function* () {
          // Where a room asks for no details, M is void.
          const given = joining.details as M
          const joins = hooks.join<A, M>(room.name, id, given)
          const details = yield* Effect.tapError(joins, () => Effect.sync(() => meter.rejected("join")))
          const text = yield* this.details("join", room, details)
          const member = yield* this.member(room, id, text, details)
          return { member, joinedAt: yield* this.take(door, id, ref, text) }
        })
        const { joinedAt, member } = yield* door.during(ref, restore(taken))
        const place = new Place(this, room, door, keep, ref, { ...member, joinedAt: DateTime.makeUnsafe(joinedAt) })
        yield* Effect.addFinalizer(() => place.part)
        return place
      })
    )

  readonly announce = <A, M>(
    room: Room<A, M>,
    from: string,
    message: A
  ): Effect.Effect<Position, RoomNotFound | Rejected | BackendError | PayloadTooLarge | Schema.SchemaError> =>
    Effect.flatMap(this.door("announce", room), (door) => {
      const fault = Limits.idFault("announce", "from", from)
      if (fault !== undefined) return Effect.fail(fault)
      const { keep } = door
      const refused = () => new RoomNotFound({ room: room.name })
      return this.speak(room, door, message, { from, ref: undefined, keep, dedupeKey: undefined, refused })
    })

  readonly remove = <A, M>(room: Room<A, M>, id: string): Effect.Effect<boolean, BackendError> =>
    Effect.flatMap(this.door("remove", room), (door) => {
      const fault = Limits.idFault("remove", "member id", id)
      if (fault !== undefined) return Effect.fail(fault)
      return Effect.map(door.asked({ _tag: "Remove", id }, id.length * 3), (outcome) => outcome?._tag === "Done")
    })

  // The hot path: one primitive, no generator, and without middleware no turn before it leaves.
  speak<A, M, E>(
    room: Room<A, M>,
    door: Door,
    message: A,
    speech: Speech<E>
  ): Effect.Effect<Position, E | Rejected | BackendError | PayloadTooLarge | Schema.SchemaError> {
    const { hooks, meter } = this.options
    const codec = room["~codec"]
    const installed = hooks.of<A, M>(room.name)
    if (installed.length > 0) {
      const said = Effect.tapError(hooks.say(installed, speech.from, message), () =>
        Effect.sync(() => meter.rejected("say"))
      )
      return Effect.flatMap(said, (message) =>
        Effect.flatMap(codec.encodeMessage(message), (payload) => this.send(door, payload, speech))
      )
    }
    return chained(codec.encodeMessage(message), (payload) => this.send(door, payload, speech))
  }

  /** The text of details. */
  details<A, M>(
    operation: string,
    room: Room<A, M>,
    details: M
  ): Effect.Effect<string, BackendError | Schema.SchemaError> {
    return Effect.flatMap(room["~codec"].encodeDetails(details), (text) => {
      const fault = Limits.detailsFault(operation, text)
      return fault === undefined ? Effect.succeed(text) : Effect.fail(fault)
    })
  }

  /** As the others see it: what was written, read again (A7). A schema that cannot read what it wrote gives what it was given. */
  member<A, M>(room: Room<A, M>, id: string, text: string, details: M): Effect.Effect<Member<M>> {
    const { peer } = this.options
    return Effect.catch(room["~codec"].member({ id, peer, joinedAt: 0, details: text }), () =>
      Effect.succeed({ id, peer, joinedAt: DateTime.makeUnsafe(0), details })
    )
  }

  /** After it has left: the hooks of this peer hear of it. */
  left<A, M>(room: Room<A, M>, member: Member<M>): Effect.Effect<void> {
    return this.options.hooks.leave<A, M>(room.name, member)
  }

  private door<A, M>(operation: string, room: Room<A, M>): Exit.Exit<Door, BackendError> {
    const { rooms } = this.options
    const keep = Limits.keep(operation, room)
    if (Exit.isFailure(keep)) return Exit.failCause(keep.cause)
    if (rooms.isClosed) return Exit.fail(Limits.closed(operation))
    const door = rooms.door(room.name, keep.value)
    return door === undefined ? Exit.fail(Limits.tooManyRooms(operation)) : Exit.succeed(door)
  }

  private send<E>(
    door: Door,
    payload: string,
    { dedupeKey, from, keep, ref, refused }: Speech<E>
  ): Effect.Effect<Position, E | BackendError | PayloadTooLarge> {
    return Effect.callback((resume) => {
      const bytes = Limits.weighed(payload)
      if (typeof bytes !== "number") return resume(Exit.fail(bytes))
      return door.ask({ _tag: "Say", from, ref, payload, dedupeKey }, bytes, keep, (answer) => {
        if (Exit.isFailure(answer)) return resume(Exit.failCause(answer.cause))
        const outcome = answer.value
        if (outcome?._tag !== "Said") return resume(Exit.fail(refused()))
        this.options.meter.said()
        return resume(Exit.succeed({ epoch: outcome.epoch, sequence: outcome.sequence }))
      })
    })
  }

  /** A place; where somebody has it, its peer is looked at; where this peer's id is gone, it may have another by now. */
  private readonly take = Effect.fnUntraced(function* (
    this: Places,
    door: Door,
    id: string,
    ref: string,
    details: string
  ): Effect.fn.Return<number, JoinError> {
    const { rooms, sweeper } = this.options
    const bytes = details.length * 3
    const join = (by: Asking, over: string | undefined) =>
      door.join(by, { _tag: "Join", id, ref, details, over }, bytes)
    let by = yield* rooms.asking
    let outcome: Outcome | undefined = yield* join(by, undefined)
    if (outcome?._tag === "Gone") {
      const now = yield* rooms.asking
      if (now.id !== by.id) {
        by = now
        outcome = yield* join(by, undefined)
      }
    }
    if (outcome?._tag === "Taken" && outcome.peer !== by.id) {
      // Of two peers of one name the later has taken the place of the earlier, and this one is there (P7).
      const isSucceeded = outcome.name === by.name
      if (isSucceeded || (yield* sweeper.isDoubtful(outcome.peer))) outcome = yield* join(by, outcome.peer)
    }
    switch (outcome?._tag) {
      case "Joined":
        return outcome.joinedAt
      case undefined:
        return yield* new RoomNotFound({ room: door.room })
      case "Gone":
        return yield* Limits.isGone("join")
      default:
        return yield* new AlreadyMember({ room: door.room, member: id })
    }
  })
}

/** A membership of this process. */
class Place<A, M> implements Membership<A, M> {
  member: Member<M>
  private readonly places: Places
  private readonly room: Room<A, M>
  private readonly door: Door
  private readonly keep: Keep
  private readonly ref: string

  constructor(places: Places, room: Room<A, M>, door: Door, keep: Keep, ref: string, member: Member<M>) {
    this.places = places
    this.room = room
    this.door = door
    this.keep = keep
    this.ref = ref
    this.member = member
  }

  readonly say = (
    message: A,
    options?: { readonly dedupeKey?: string | undefined }
  ): Effect.Effect<Position, SayError> => {
    const dedupeKey = options?.dedupeKey
    const fault = dedupeKey === undefined ? undefined : Limits.idFault("say", "dedupeKey", dedupeKey)
    if (fault !== undefined) return Effect.fail(fault)
    return Effect.suspend(() =>
      this.isOpen
        ? this.places.speak(this.room, this.door, message, {
            from: this.member.id,
            ref: this.ref,
            keep: this.keep,
            dedupeKey,
            refused: this.refused
          })
        : Effect.fail(this.refused())
    )
  }

  readonly update = Effect.fnUntraced(function* (
    this: Place<A, M>,
    details: M
  ): Effect.fn.Return<void, NotMember | BackendError | Schema.SchemaError> {
    const { id } = this.member
    const text = yield* this.places.details("update", this.room, details)
    const member = yield* this.places.member(this.room, id, text, details)
    if (!this.isOpen) return yield* this.refused()
    const outcome = yield* this.door.asked({ _tag: "Update", id, ref: this.ref, details: text }, text.length * 3)
    if (outcome?._tag !== "Done") return yield* this.refused()
    this.member = { ...member, joinedAt: this.member.joinedAt }
  }).bind(this)

  readonly leave: Effect.Effect<void, BackendError> = Effect.suspend(() =>
    this.isOpen ? Effect.ensuring(this.door.leave(this.ref), this.left) : Effect.void
  )

  /** At the end of its scope. */
  readonly part: Effect.Effect<void> = Effect.suspend(() =>
    this.isOpen ? Effect.ensuring(this.door.part(this.ref), this.left) : Effect.void
  )

  private readonly left: Effect.Effect<void> = Effect.suspend(() => this.places.left(this.room, this.member))

  private get isOpen(): boolean {
    return this.door.places.has(this.ref)
  }

  private readonly refused = (): NotMember => new NotMember({ room: this.room.name, member: this.member.id })
}
