/**
 * One room as this peer acts in it. What its callers ask leaves as shared steps, in their order; which places this peer
 * has there is known here, and so is which of them ended without the store having been told: that is told with
 * whatever step leaves next, and tried again until it has been (promise H4).
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { type BackendError, Closed } from "../../BackendError.ts"
import {
  type Action,
  type Asking,
  type Keep,
  maxActionBytes,
  maxActions,
  type Origin,
  type Outcome,
  type Service as Store
} from "../../ChatStore.ts"
import { Batcher } from "../Batcher.ts"
import { alike, type Answer, Ask, isStale } from "./Ask.ts"
import * as Limits from "./Limits.ts"
import { Watch } from "./Watch.ts"

/** What all doors of a peer share. */
export interface House {
  readonly store: Store
  /** This peer, as the registry has it now. */
  readonly asking: Effect.Effect<Asking>
  readonly fork: (effect: Effect.Effect<void>) => void
  readonly context: Context.Context<never>
  /** Nothing that is forked from now on begins. */
  readonly isClosed: boolean
  /** A membership of that name was made here. */
  readonly isOurs: (ref: string) => boolean
  /** Doors at which a scope waited in vain for the store to hear of a leave, which has not heard of it yet. */
  readonly behind: Set<Door>
  /** Something is still to be told. */
  readonly onUntold: () => void
  /** So many more places. */
  readonly onPlaces: (difference: number) => void
  /** What the index said of its own life. */
  readonly onLife: (life: string) => void
  /** Some room has perhaps lost something. */
  readonly onDoubt: () => void
}

const layerClosed = new Closed({ message: "the layer is closed" })
const closed = Exit.fail(Limits.closed("join"))
const tooManyUntold = Exit.fail(Limits.tooManyUntold("join"))
const gone: Exit.Exit<Outcome> = Exit.succeed({ _tag: "Gone" })

/** What a scope waits for the store to hear of a leave. */
const partingMs = 1_000
/** Of the actions of a step those that are kept free for leaves: however much is said, they go along. */
const spare = 32

export class Door {
  readonly room: string
  keep: Keep
  /** Memberships that calls are about to make here: refs. */
  private readonly arriving = new Set<string>()
  /** Memberships of this peer: ref -> member. */
  readonly places = new Map<string, string>()
  /** Ended, and the store does not know: ref -> member. */
  readonly untold = new Map<string, string>()
  /** The id of this peer under which the index has this room. */
  indexed: string | undefined
  /** It had it, of a room that was not there then, or has perhaps lost something since. */
  private isUnsure = false
  /** Where the last answer was from that there was a room; undefined: none was yet. */
  origin: Origin | undefined
  /** How often it was doubted that the room has all it was told, since that was last looked through. */
  doubts = 0
  /** At the last look there was nothing to do here: at the next one it is given up. */
  isResting = false
  /** This peer has ended here what others left behind. */
  hasSwept = false
  private entering: { readonly peer: string; readonly done: Deferred.Deferred<boolean, BackendError> } | undefined
  /** Sees to it that what is held back in this room goes when its time has come. */
  readonly watch: Watch
  private readonly house: House
  private readonly ways: Batcher<Ask>

  constructor(room: string, keep: Keep, house: House) {
    this.room = room
    this.keep = keep
    this.house = house
    this.watch = new Watch(
      Effect.flatMap(house.asking, (by) => house.store.sweep(room, undefined, by)),
      Context.get(house.context, Clock.Clock),
      house.fork
    )
    this.ways = new Batcher<Ask>(
      {
        service: Limits.service,
        operation: "act",
        send: (asks) => this.send(asks),
        maxEntries: maxActions - spare,
        maxBytes: maxActionBytes,
        // Of two steps beside each other a word could overtake the join before it.
        maxUnderWay: 1,
        maxWaiting: Limits.maxWaiting,
        maxWaitingBytes: Limits.maxWaitingBytes,
        deadlineMs: house.store.commandTimeoutMs
      },
      house.context,
      house.fork
    )
  }

  /** The index has this room, as that peer's. */
  isKnownOf({ id }: Asking): boolean {
    return this.indexed === id && !this.isUnsure
  }

  /** Nothing here needs to be remembered, but perhaps that the index has this room. */
  get isIdle(): boolean {
    return this.isEmpty && this.ways.idle && this.entering === undefined && this.doubts === 0
  }

  /** Nobody of this peer is here, or about to be. */
  get isEmpty(): boolean {
    return this.places.size === 0 && this.untold.size === 0 && this.arriving.size === 0 && !this.watch.isOn
  }

  /** Gives what takes it back for as long as it has not left. `keep`: of the definition that asks. */
  ask(
    action: Action,
    bytes: number,
    keep: Keep | undefined,
    resume: (answer: Answer) => void
  ): Effect.Effect<void> | undefined {
    if (this.house.isClosed) return void resume(Exit.fail(Limits.closed("act")))
    return this.ways.submit(new Ask(action, bytes, { keep }, resume))
  }

  /** The same, for whom a turn more does not matter. */
  asked(action: Action, bytes: number): Effect.Effect<Outcome | undefined, BackendError> {
    return Effect.callback((resume) => this.ask(action, bytes, undefined, resume))
  }

  /**
   * A place for a member, under this peer's present id; false: that id is fenced. Where it is interrupted, or its answer
   * is lost, the place that may have been made is given up again.
   */
  join(
    by: Asking,
    action: Extract<Action, { readonly _tag: "Join" }>,
    bytes: number
  ): Effect.Effect<Outcome | undefined, BackendError> {
    const { id, ref } = action
    let ask: Ask | undefined
    let isAbandoned = false
    const giveBack = () => {
      this.untold.set(ref, id)
      this.house.onUntold()
    }
    const abandon = () => {
      isAbandoned = true
      if (this.places.delete(ref)) this.house.onPlaces(-1)
      if (ask?.sent === true) giveBack()
    }
    const join = Effect.callback<Outcome | undefined, BackendError>((resume) => {
      ask = new Ask(action, bytes, { peer: by.id }, (answer) => {
        if (Exit.isSuccess(answer) && answer.value?._tag === "Joined") {
          // Nobody is there any more who would give it up.
          if (isAbandoned) return giveBack()
          if (this.house.isClosed) {
            giveBack()
            return resume(Exit.fail(Limits.error("join", layerClosed, "Unknown")))
          }
          this.places.set(ref, id)
          this.house.onPlaces(1)
        } else if (Exit.isFailure(answer) && mayHaveHappened(answer)) abandon()
        resume(answer)
      })
      return this.ways.submit(ask)
    })
    return Effect.suspend(() => {
      if (this.house.isClosed) return closed
      if (this.untold.size >= Limits.maxUntold) return tooManyUntold
      return Effect.flatMap(this.enter(by), (isKnown) => (!isKnown ? gone : this.house.isClosed ? closed : join)).pipe(
        // Before anybody knows of a place in a room that is not the one it was; what fails now is done with the next look.
        Effect.tap(() => (this.places.has(ref) && !this.isKnownOf(by) ? Effect.ignore(this.enter(by)) : Effect.void)),
        Effect.onInterrupt(() => Effect.sync(abandon))
      )
    })
  }

  /**
   * What makes this membership, once, in a region that cannot be interrupted. From this very call on whoever comes finds this
   * door: of two doors of one room, one would give up what the other holds.
   */
  during<A, E, R>(ref: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    this.arriving.add(ref)
    return Effect.ensuring(
      effect,
      Effect.sync(() => {
        this.arriving.delete(ref)
      })
    )
  }

  /**
   * Ends a membership, if it has not ended yet. From the first moment on it is among what is to be told; when this
   * succeeds, the store knows.
   */
  leave(ref: string): Effect.Effect<void, BackendError> {
    return Effect.suspend(() => {
      const id = this.places.get(ref)
      if (id === undefined) return Effect.void
      this.places.delete(ref)
      this.house.onPlaces(-1)
      this.untold.set(ref, id)
      const told: Effect.Effect<void, BackendError> = Effect.flatMap(this.tell, () =>
        this.untold.has(ref) ? told : Effect.void
      )
      return told.pipe(
        // It will be told: nobody can be promised that it never happens (promise A2).
        Effect.catch((error) => Effect.fail(Limits.error("leave", error.reason, "Unknown"))),
        // Also where nobody waits for it any more.
        Effect.ensuring(Effect.sync(() => this.untold.has(ref) && this.house.onUntold()))
      )
    })
  }

  /**
   * The same at the end of a scope, which an absent store does not hold up (promise A4): one wait is enough to know, for
   * however many rooms.
   */
  part(ref: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { behind, fork } = this.house
      const told = Effect.ignore(this.leave(ref))
      if (behind.size > 0) return Effect.sync(() => fork(told))
      const isInTime = Effect.timeoutOption(Effect.interruptible(told), Duration.millis(partingMs))
      return Effect.map(isInTime, (done) => {
        if (Option.isNone(done) && this.untold.has(ref)) behind.add(this)
      })
    })
  }

  /** Tells what is still to be told; a membership that ended before this peer's id was gone has been swept. */
  readonly tell: Effect.Effect<void, BackendError> = Effect.asVoid(
    Effect.callback<Outcome | undefined, BackendError>((resume) => this.ways.submit(new Ask(undefined, 0, {}, resume)))
  )

  /** The index does not have this room any more, or not for this life of it. */
  forget(): void {
    this.indexed = undefined
  }

  /** The room, or the index, has perhaps lost something. */
  doubt(): void {
    this.isUnsure = true
    this.doubts += 1
    this.house.onDoubt()
  }

  /** The server that the room lives on now; undefined: it gave no answer, and whatever it lost will show. */
  livesOn(server: string | undefined): void {
    if (server === undefined) this.isResting = false
    else if (this.origin !== undefined && this.origin.server !== server) {
      this.origin = { ...this.origin, server }
      this.doubt()
    }
  }

  /** An answer is from there. The index was told of this room as it was then. */
  hear(origin: Origin | undefined): void {
    const { origin: known } = this
    // Where it was counts on: a room whose end was lost is there again with the next server.
    if (origin === undefined) return void (this.isUnsure = true)
    this.origin = origin
    if (known !== undefined && (known.epoch !== origin.epoch || known.server !== origin.server)) this.doubt()
  }

  /** The room has these places of this peer: those that it has given up, the room has forgotten that. */
  give(places: ReadonlyArray<{ readonly id: string; readonly ref: string }>): void {
    for (const { id, ref } of places) {
      if (!this.house.isOurs(ref) || this.places.has(ref) || this.arriving.has(ref)) continue
      this.untold.set(ref, id)
      this.house.onUntold()
    }
  }

  /** Everything that this peer has here ends with it, and what is just being made: that is waited for. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    for (const [ref, id] of this.places) this.untold.set(ref, id)
    this.house.onPlaces(-this.places.size)
    this.places.clear()
    const rounds: Effect.Effect<void, BackendError> = Effect.flatMap(this.tell, () =>
      this.untold.size === 0 ? Effect.void : rounds
    )
    return this.untold.size === 0 && this.ways.idle ? Effect.void : Effect.ignore(rounds)
  })

  /** Nothing leaves any more. */
  shut(): void {
    this.ways.close()
  }

  /** Sees to it that the index has this room before a place is made in it; one request, however many wait for it. */
  enter(by: Asking): Effect.Effect<boolean, BackendError> {
    return Effect.suspend(() => {
      if (this.isKnownOf(by)) return Effect.succeed(true)
      const under = this.entering
      if (under !== undefined && under.peer === by.id) return Deferred.await(under.done)
      const entering = { peer: by.id, done: Deferred.makeUnsafe<boolean, BackendError>() }
      this.entering = entering
      const enter = Effect.map(this.house.store.enter(by.id, [this.room]), ({ gone, life }) => {
        if (gone) return false
        this.house.onLife(life)
        this.indexed = by.id
        this.isUnsure = false
        return true
      })
      this.house.fork(
        Effect.onExit(Effect.ignore(Effect.onExit(enter, (exit) => told(entering.done, exit))), () =>
          Effect.sync(() => {
            if (this.entering === entering) this.entering = undefined
            Deferred.doneUnsafe(entering.done, Effect.fail(Limits.closed("join")))
          })
        )
      )
      return Deferred.await(entering.done)
    })
  }

  /** One step, or, where definitions differ in what words they keep, one for each that follow each other. */
  private send(asks: ReadonlyArray<Ask>): Effect.Effect<(ask: Ask) => void, BackendError> {
    const count = alike(asks)
    if (count === asks.length) return this.step(asks)
    return Effect.flatMap(this.step(asks.slice(0, count)), (first) =>
      Effect.map(Effect.exit(this.send(asks.slice(count))), (rest) => {
        const ofFirst = new Set(asks.slice(0, count))
        return (ask: Ask): void => {
          if (ofFirst.has(ask)) first(ask)
          else if (Exit.isSuccess(rest)) rest.value(ask)
          else ask.resume(Exit.failCause(rest.cause))
        }
      })
    )
  }

  private step(asks: ReadonlyArray<Ask>): Effect.Effect<(ask: Ask) => void, BackendError> {
    return Effect.flatMap(this.house.asking, (by) => {
      const actions: Array<Action> = []
      const told: Array<string> = []
      const asked = asks.reduce((sum, { entries }) => sum + entries, 0)
      // First: who comes back to a place that this peer has left finds it free.
      for (const [ref, id] of this.untold) {
        if (told.length + asked >= maxActions) break
        told.push(ref)
        actions.push({ _tag: "Leave", id, ref })
      }
      let hasLeaves = told.length > 0
      for (const ask of asks) {
        if (ask.action === undefined || isStale(ask, by)) continue
        ask.sent = true
        if (ask.action._tag === "Leave") hasLeaves = true
        actions.push(ask.action)
      }
      const answer = (outcomes: ReadonlyArray<Outcome> | undefined) => {
        let next = told.length
        return (ask: Ask): void =>
          isStale(ask, by)
            ? ask.resume(gone)
            : ask.resume(Exit.succeed(ask.action === undefined ? undefined : outcomes?.[next++]))
      }
      if (actions.length === 0) return Effect.succeed(answer([]))
      const { history } = asks.find(({ keep }) => keep !== undefined)?.keep ?? this.keep
      return Effect.map(this.house.store.act(this.room, { ...this.keep, history }, by, actions), (acted) => {
        for (const ref of told) this.untold.delete(ref)
        if (this.untold.size === 0) this.house.behind.delete(this)
        if (acted.dueInMs !== undefined && hasLeaves) this.watch.begin(acted.dueInMs)
        this.isResting = false
        this.hear(acted.origin)
        return answer(acted.outcomes)
      })
    })
  }
}

const mayHaveHappened = (answer: Exit.Failure<unknown, BackendError>): boolean =>
  Option.match(Exit.findErrorOption(answer), { onNone: () => true, onSome: ({ outcome }) => outcome === "Unknown" })

/** Interrupted is what asks when the layer closes, not who waits for it. */
const told = (done: Deferred.Deferred<boolean, BackendError>, exit: Exit.Exit<boolean, BackendError>) =>
  Exit.hasInterrupts(exit) ? Effect.void : Deferred.done(done, exit)
