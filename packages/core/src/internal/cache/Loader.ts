/**
 * Loads of one region in this process: one flight at a time for a key, shared by all who ask (promise C4), and what the
 * flights need of the backend.
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { BackendError } from "../../BackendError.ts"
import type { WriteError } from "../../Cache.ts"
import {
  type Acquired,
  type Committed,
  type Entry,
  type Found,
  type Load,
  maxKeys,
  type Service as Store
} from "../../CacheStore.ts"
import type { Cargo, Loaded } from "./Cargo.ts"
import { again, type Flight, type Outcome, type Waiter } from "./Flight.ts"
import { circle, dieOfCircle, type Loading } from "./Loading.ts"
import type { Meter } from "./Meter.ts"
import type { Outage } from "./Outage.ts"
import { missed, type Reader } from "./Reader.ts"
import { Trip } from "./Trip.ts"
import { grouped } from "./Writer.ts"
import type { Waits } from "./Waits.ts"

export interface Options<A> {
  readonly store: Store
  readonly name: string
  readonly staleForMs: number
  readonly leaseMs: number
  readonly reader: Reader<A>
  readonly meter: Meter
  readonly outage: Outage
  readonly waits: Waits
  readonly context: Context.Context<never>
  readonly start: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  readonly token: () => string
}

/** What is given back late is given back by time. */
const releaseWithin = Duration.seconds(1)

export class Loader<A> {
  readonly store: Store
  readonly name: string
  readonly staleForMs: number
  readonly leaseMs: number
  readonly meter: Meter
  readonly outage: Outage
  readonly waits: Waits
  readonly clock: Clock.Clock
  readonly start: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  readonly token: () => string
  private readonly reader: Reader<A>
  private readonly flights = new Map<string, Flight<A>>()
  private events = 0
  private hasWarned = false

  constructor(options: Options<A>) {
    this.store = options.store
    this.name = options.name
    this.staleForMs = options.staleForMs
    this.leaseMs = options.store.immortal ? Infinity : options.leaseMs
    this.reader = options.reader
    this.meter = options.meter
    this.outage = options.outage
    this.waits = options.waits
    this.clock = Context.get(options.context, Clock.Clock)
    this.start = options.start
    this.token = options.token
  }

  get isIdle(): boolean {
    return this.flights.size === 0
  }

  // -- what it does -----------------------------------------------------------------------------------------------

  /** What is there, or what is loaded. On a hit nothing of `cargo` runs. */
  get<R>(key: string, cargo: Effect.Effect<Cargo<A>, never, R>): Effect.Effect<A, any, R> {
    return Effect.callback((resume) => {
      const began = this.tick()
      const load = (isBare: boolean, why: string) => {
        const flown = Effect.flatMap(cargo, (cargo) => this.fly<R>(key, began, cargo, isBare))
        resume(Effect.andThen(missed(this.name, why), flown))
      }
      if (this.joinable(key) !== undefined) return load(false, "Loading")
      if (this.isAway(key)) return load(true, "Unavailable")
      const without = (error: BackendError) => {
        this.outage.note(this.name, key, error)
        load(true, "Unavailable")
      }
      const watched = this.outage.watch(without)
      const withdraw = this.reader.ask(key, (answer, why) => {
        watched.leave()
        if (Exit.isFailure(answer)) {
          const error = Option.getOrUndefined(Exit.findErrorOption(answer))
          return error === undefined ? load(true, "Unavailable") : without(error)
        }
        if (answer.value._tag === "Some") resume(Exit.succeed(answer.value.value))
        else load(false, why ?? "Absent")
      })
      return Effect.suspend(() => {
        watched.leave()
        return withdraw ?? Effect.void
      })
    })
  }

  private fly<R>(key: string, began: number, cargo: Cargo<A>, isBare: boolean): Effect.Effect<A, any, R> {
    return Effect.flatMap(
      Effect.suspend(() => {
        const flight = this.joinable(key)
        if (flight !== undefined) this.meter.count("joined")
        return this.joined(flight === undefined ? this.begin([key], cargo, isBare) : [flight], began, cargo.inside)
      }),
      ([outcome = again]): Effect.Effect<A, any, R> =>
        outcome._tag === "Value"
          ? Effect.succeed(outcome.value)
          : outcome._tag === "Failed"
            ? Effect.failCause(outcome.cause)
            : this.get(key, Effect.succeed(cargo))
    )
  }

  /** As `get`, for all of them; what is missing is loaded together. What no load gives is left out. */
  getMany(keys: ReadonlyArray<string>, cargo: Cargo<A>): Effect.Effect<ReadonlyMap<string, Loaded<A>>, any> {
    return Effect.gen({ self: this }, function* () {
      const values = new Map<string, Loaded<A>>()
      for (let open = keys; open.length > 0;) {
        const began = this.tick()
        const flights: Array<Flight<A>> = []
        const bare: Array<string> = []
        const unknown: Array<string> = []
        for (const key of open) {
          const flight = this.joinable(key)
          if (flight !== undefined) flights.push(flight)
          else if (this.isAway(key)) bare.push(key)
          else unknown.push(key)
        }
        const missing: Array<string> = []
        for (const { keys, values: read } of yield* this.read(unknown)) {
          for (const [i, key] of keys.entries()) {
            const value = read?.[i]
            const flight = this.joinable(key)
            if (value !== undefined && Option.isSome(value)) values.set(key, value)
            else if (flight !== undefined) flights.push(flight)
            else if (read !== undefined) missing.push(key)
            else bare.push(key)
          }
        }
        this.meter.count("joined", flights.length)
        const joinedOnly = flights.length
        flights.push(...this.begin(missing, cargo, false), ...this.begin(bare, cargo, true))
        const outcomes = flights.length === 0 ? [] : yield* this.joined(flights, began, cargo.inside)
        const next: Array<string> = []
        for (const [i, { key }] of flights.entries()) {
          const outcome = outcomes[i] ?? again
          if (outcome._tag === "Value") values.set(key, outcome)
          else if (outcome._tag === "Failed") return yield* Effect.failCause(outcome.cause)
          else if (outcome._tag === "Again" || i < joinedOnly) next.push(key)
        }
        open = next
      }
      return values
    })
  }

  /** What is there, by place; none where that is away. */
  private read(keys: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<Read<A>>> {
    if (keys.length === 0) return noneRead
    return Effect.forEach(
      this.byPlace(keys),
      (keys) =>
        Effect.map(Effect.exit(this.reader.getMany(keys, (part, read) => this.guarded(part, read))), (exit) => ({
          keys,
          values: Exit.isSuccess(exit) ? exit.value : undefined
        })),
      { concurrency: "unbounded" }
    )
  }

  /** One flight each; those that are bare load without the backend. */
  private begin(keys: ReadonlyArray<string>, cargo: Cargo<A>, isBare: boolean): ReadonlyArray<Flight<A>> {
    if (keys.length === 0) return []
    const { flights } = new Trip(this, keys, cargo, isBare)
    for (const flight of flights) this.flights.set(flight.key, flight)
    return flights
  }

  /** A flight that may answer who comes now. */
  private joinable(key: string): Flight<A> | undefined {
    const flight = this.flights.get(key)
    if (flight === undefined) return undefined
    const { isBare, isOutage } = flight.trip
    const isAway = this.isAway(key)
    if (isBare ? isAway || !isOutage : !isAway) return flight
    // Where the backend is away nobody knows whether a lease still holds, and where it is back a value may be there.
    this.detach(flight)
    return undefined
  }

  /** Waits for all of them, or for the first that fails. The flights that nobody waits for any more end. */
  private joined(
    flights: ReadonlyArray<Flight<A>>,
    began: number,
    inside: Loading | undefined
  ): Effect.Effect<ReadonlyArray<Outcome<A>>> {
    const load = inside?.isOver === false ? inside.trip : undefined
    return Effect.callback((resume) => {
      const outcomes: Array<Outcome<A>> = []
      let open = flights.length
      const waiters: Array<Waiter<A>> = []
      const leave = () => {
        load?.awaits.delete(flights)
        for (const [i, flight] of flights.entries()) flight.waiters.delete(waiters[i]!)
        for (const trip of new Set(flights.map(({ trip }) => trip))) trip.abandoned()
      }
      for (const [i, flight] of flights.entries()) {
        const { phase, trip } = flight
        waiters.push({
          isSure: trip.isBare || phase === "Waiting" || trip.askedAt === 0 || began < trip.askedAt,
          resume: (outcome) => {
            outcomes[i] = outcome
            open -= 1
            if (open > 0 && outcome._tag !== "Failed") return
            load?.awaits.delete(flights)
            resume(Effect.succeed(outcomes))
            if (open > 0) leave()
          }
        })
      }
      for (const [i, flight] of flights.entries()) {
        if (flight.phase === "Over" || flight.trip.isEnding) waiters[i]!.resume(again)
        else flight.waiters.add(waiters[i]!)
      }
      for (const flight of flights) {
        flight.trip.serveStale(flight)
        flight.trip.confirm(flight)
        flight.trip.askAgain(flight)
        flight.trip.depart()
      }
      if (load === undefined || open === 0) return Effect.sync(leave)
      load.awaits.add(flights)
      const keys = circle(flights, load)
      if (keys !== undefined) {
        leave()
        return resume(dieOfCircle(keys))
      }
      return Effect.sync(leave)
    })
  }

  // -- what its trips ask -----------------------------------------------------------------------------------------

  tick(): number {
    return (this.events += 1)
  }

  /** Nobody joins it any more; who waits for it is still answered. */
  detach(flight: Flight<A>): void {
    if (this.flights.get(flight.key) === flight) this.flights.delete(flight.key)
  }

  isAway(key: string): boolean {
    return this.outage.isAway(this.name, key)
  }

  decoded(found: Found): Effect.Effect<Option.Option<A>> {
    return this.reader.decoded(found)
  }

  /** Undefined for what lives where nobody answers. */
  acquire(
    keys: ReadonlyArray<string>,
    load: Load,
    unfit: ReadonlyMap<string, string> | undefined
  ): Effect.Effect<ReadonlyArray<Acquired | undefined>> {
    return this.each(keys, (part) => this.store.acquire(this.name, part, load, unfit))
  }

  renew(keys: ReadonlyArray<string>, load: Load): Effect.Effect<ReadonlyArray<boolean | undefined>> {
    return this.each(keys, (part) => this.store.renew(this.name, part, load))
  }

  private each<B>(
    keys: ReadonlyArray<string>,
    call: (part: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<B>, BackendError>
  ): Effect.Effect<ReadonlyArray<B | undefined>> {
    const answers = new Map<string, B>()
    const parts = this.byPlace(keys).flatMap((keys) => Arr.chunksOf(keys, maxKeys))
    const told = (part: ReadonlyArray<string>) =>
      Effect.map(Effect.exit(this.guarded(part, call(part))), (all) => {
        if (Exit.isSuccess(all)) for (const [i, key] of part.entries()) answers.set(key, all.value[i]!)
      })
    return Effect.map(Effect.forEach(parts, told, { concurrency: 4, discard: true }), () =>
      keys.map((key) => answers.get(key))
    )
  }

  /** What goes in one call. */
  grouped(entries: ReadonlyArray<Entry>): ReadonlyArray<ReadonlyArray<Entry>> {
    return this.outage.byPlace(this.name, entries, ({ key }) => key).flatMap(grouped)
  }

  private byPlace(keys: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> {
    return this.outage.byPlace(this.name, keys, itself)
  }

  commit(entries: ReadonlyArray<Entry>, load: Load): Effect.Effect<ReadonlyArray<Committed>, BackendError> {
    const keys = entries.map(({ key }) => key)
    return this.outage.noting(this.name, keys, this.store.commit(this.name, entries, load))
  }

  release(keys: ReadonlyArray<string>, load: Load): Effect.Effect<void> {
    const release = Effect.forEach(Arr.chunksOf(keys, maxKeys), (part) => this.store.release(this.name, part, load), {
      concurrency: 4
    })
    const inTime = this.store.immortal ? release : Effect.timeoutOption(release, releaseWithin)
    return Effect.uninterruptible(Effect.ignore(inTime))
  }

  /** What was loaded cannot be kept: it is counted, and said once, without a word of the value itself (promise A9). */
  unkept(cause: Cause.Cause<WriteError>): Effect.Effect<undefined> {
    return Effect.suspend(() => {
      this.meter.count("unkept")
      if (this.hasWarned) return nothing
      this.hasWarned = true
      const error = Option.getOrUndefined(Cause.findErrorOption(cause))
      const why = error === undefined || error._tag === "SchemaError" ? "it does not fit its schema" : error.message
      return Effect.as(
        Effect.logWarning(`A value of region ${JSON.stringify(this.name)} is not kept: ${why}`),
        undefined
      )
    })
  }

  private guarded<B>(
    keys: ReadonlyArray<string>,
    call: Effect.Effect<B, BackendError>
  ): Effect.Effect<B, BackendError> {
    return this.outage.guarded(this.name, keys, call)
  }
}

interface Read<A> {
  readonly keys: ReadonlyArray<string>
  readonly values: ReadonlyArray<Option.Option<A>> | undefined
}

const noneRead = Effect.succeed([])
const itself = (key: string): string => key
const nothing = Effect.succeed(undefined)
