/**
 * One load and its lease, for one key or many: asks the backend who loads what, loads what is this trip's, stores it, and
 * waits for what others load. What others do not bring to an end is asked for again, and one takes it over (promise C4).
 *
 * A bare trip loads without the backend, and stores nothing (promise C11).
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { type Acquired, type Entry, type Found, type Load } from "../../CacheStore.ts"
import { monotonicMs } from "../monotonic.ts"
import { Signal } from "../Signal.ts"
import type { Cargo, Loaded } from "./Cargo.ts"
import { again, Flight, type Outcome } from "./Flight.ts"
import type { Loader } from "./Loader.ts"
import type { Awaited, Awaiting } from "./Loading.ts"

export class Trip<A> implements Awaiting {
  flights: ReadonlyArray<Flight<A>>
  /** By the loader's count of events: when the backend was last asked for the leases. */
  askedAt = 0
  isBare: boolean
  /** It is bare because the backend was away when it began. */
  isOutage: boolean
  /** What is old was served: the new one is the region's, whoever still waits (promise C7). */
  private isRefresh = false
  readonly awaits = new Set<ReadonlyArray<Awaited>>()
  private readonly loader: Loader<A>
  private readonly cargo: Cargo<A>
  private readonly lease: Load
  /** Whose lease may be this trip's. */
  private readonly held = new Set<string>()
  private fiber: Fiber.Fiber<void> | undefined
  /** Others are known to load all of it, and their leases have so long to go, ms. */
  private busyMs: number | undefined
  private hasDeparted = false
  private hasBegun = false
  private readonly signal = new Signal()
  isEnding = false

  constructor(loader: Loader<A>, keys: ReadonlyArray<string>, cargo: Cargo<A>, isBare: boolean) {
    this.loader = loader
    this.cargo = cargo
    this.isBare = isBare
    this.isOutage = isBare && keys.some((key) => loader.isAway(key))
    this.lease = { token: loader.token(), leaseMs: loader.leaseMs, tags: cargo.tags }
    this.flights = keys.map((key) => new Flight(key, this))
  }

  /** Once those who wait for it do. */
  depart(): void {
    if (this.hasDeparted) return
    this.hasDeparted = true
    this.fiber = this.loader.start(this.run)
    if (this.isEnding) this.fiber.interruptUnsafe()
    // A layer that is closed runs nothing any more.
    if (this.hasBegun || this.fiber.pollUnsafe() === undefined) return
    for (const flight of this.flights) this.over(flight, { _tag: "Failed", cause: Cause.interrupt() })
  }

  /** The last one who waited has gone, and nobody else is served by it (promise C6). */
  abandoned(): void {
    if (this.isRefresh || this.isEnding || this.flights.some(({ waiters }) => waiters.size > 0)) return
    this.isEnding = true
    for (const flight of this.flights) this.loader.detach(flight)
    this.fiber?.interruptUnsafe()
  }

  /** Someone came while somebody else loads: whether that is still so is asked anew. */
  askAgain(flight: Flight<A>): void {
    if (flight.phase === "Waiting") this.signal.give()
  }

  /** Someone came late: asks whether the lease still holds, once for all who come meanwhile. */
  confirm(flight: Flight<A>): void {
    if (flight.isAsked || flight.phase !== "Loading") return
    const asked = flight.unsure
    if (asked.length === 0) return
    flight.isAsked = true
    this.loader.start(
      Effect.map(Effect.exit(this.holds(flight)), (exit) => {
        flight.isAsked = false
        if (flight.phase === "Over") return
        if (Exit.isSuccess(exit) && exit.value) {
          for (const waiter of asked) waiter.isSure = true
          this.serveStale(flight)
          if (flight.unsure.length > 0) this.confirm(flight)
          return
        }
        this.loader.detach(flight)
        for (const waiter of flight.unsure) {
          flight.waiters.delete(waiter)
          waiter.resume(again)
        }
        this.abandoned()
      })
    )
  }

  // -- internals --------------------------------------------------------------------------------------------------

  private readonly run: Effect.Effect<void> = Effect.suspend(() => {
    this.hasBegun = true
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.exit(restore(this.isBare ? this.loadBare(this.flights) : this.fly())), (exit) => {
        const cause = Exit.isFailure(exit) ? exit.cause : Cause.interrupt()
        for (const flight of this.flights) this.over(flight, { _tag: "Failed", cause })
        return this.release([...this.held])
      })
    )
  })

  private fly(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const { signal } = this
      const leaves: Array<() => void> = []
      yield* Effect.addFinalizer(() => Effect.sync(() => leaves.forEach((leave) => leave())))
      while (true) {
        const wasBusy = this.busyMs !== undefined
        if (this.busyMs !== undefined) {
          if (leaves.length === 0) this.enter(leaves)
          yield* this.waited(this.busyMs)
        }
        signal.clear()
        this.askedAt = this.loader.tick()
        for (const flight of this.flights) {
          flight.phase = "Asking"
          this.held.add(flight.key)
        }
        const own: Array<Flight<A>> = []
        const others: Array<Flight<A>> = []
        const unknown: Array<Flight<A>> = []
        let leftMs = Infinity
        for (let asking = this.flights; asking.length > 0;) {
          const answers = yield* this.asked(asking)
          const unfit: Array<Flight<A>> = []
          for (const [i, flight] of asking.entries()) {
            const answer = answers[i]
            if (answer?._tag === "Busy") leftMs = Math.min(leftMs, answer.leftMs)
            const whose = answer === undefined ? "Unknown" : yield* this.told(flight, answer, wasBusy)
            if (whose === "Own") own.push(flight)
            else if (whose === "Other") others.push(flight)
            else if (whose === "Unknown") unknown.push(flight)
            else if (whose === "Unfit") unfit.push(flight)
          }
          asking = unfit
        }
        if (unknown.length > 0) {
          if (unknown.length === this.flights.length) return yield* this.loadBare(this.flights)
          this.part(unknown, undefined)
        }
        if (own.length > 0 && others.length > 0) this.part(others, leftMs)
        this.flights = own.length > 0 ? own : others
        if (own.length > 0) return yield* this.load(own)
        if (others.length === 0) return
        this.busyMs = leftMs
      }
    }).pipe(Effect.scoped)
  }

  /** What others load goes on by itself, for what is loaded here may take longer; and so does what is loaded without the backend. */
  private part(flights: ReadonlyArray<Flight<A>>, leftMs: number | undefined): void {
    const trip = new Trip(this.loader, [], this.cargo, leftMs === undefined)
    trip.flights = flights
    trip.busyMs = leftMs
    trip.askedAt = this.askedAt
    for (const flight of flights) flight.trip = trip
    // Someone may have come since the backend was asked; and all may have gone.
    trip.signal.give()
    trip.abandoned()
    if (!trip.isEnding) trip.depart()
  }

  private enter(leaves: Array<() => void>): void {
    const { name, waits } = this.loader
    for (const { key } of this.flights) leaves.push(waits.enter(name, key, this.signal))
  }

  /** Until it may be worth asking again. */
  private waited(leftMs: number): Effect.Effect<void> {
    const { given } = this.signal
    return leftMs === Infinity ? given : Effect.raceFirst(given, Effect.sleep(Duration.millis(Math.max(1, leftMs))))
  }

  private asked(flights: ReadonlyArray<Flight<A>>): Effect.Effect<ReadonlyArray<Acquired | undefined>> {
    let unfit: Map<string, string> | undefined
    for (const { key, unfit: version } of flights) if (version !== undefined) (unfit ??= new Map()).set(key, version)
    return this.loader.acquire(
      flights.map(({ key }) => key),
      this.lease,
      unfit
    )
  }

  /** What the backend has said of one of them. */
  private told(
    flight: Flight<A>,
    answer: Acquired,
    isBusy: boolean
  ): Effect.Effect<"Own" | "Other" | "Over" | "Unfit"> {
    return Effect.gen({ self: this }, function* () {
      if (answer._tag === "Found") {
        const value = yield* this.loader.decoded(answer.found)
        if (value._tag === "None") {
          flight.unfit = answer.found.version
          return "Unfit"
        }
        this.held.delete(flight.key)
        this.over(flight, { _tag: "Value", value: value.value })
        return "Over"
      }
      if (answer.stale !== undefined) yield* this.keepStale(flight, answer.stale)
      if (answer._tag === "Busy") {
        this.held.delete(flight.key)
        if (flight.stale !== undefined) {
          // Somebody else refreshes it.
          this.loader.meter.count("stale", flight.sure.length)
          this.over(flight, { _tag: "Value", value: flight.stale.value })
          return "Over"
        }
        flight.phase = "Waiting"
        if (flight.unsure.length > 0) this.signal.give()
        for (const waiter of flight.unsure) waiter.isSure = true
        if (!isBusy) this.loader.meter.count("joined", flight.waiters.size)
        return "Other"
      }
      if (isBusy) this.loader.meter.count("takeovers")
      flight.phase = "Loading"
      this.serveStale(flight)
      if (flight.unsure.length > 0) this.confirm(flight)
      return "Own"
    })
  }

  private keepStale(flight: Flight<A>, found: Found): Effect.Effect<void> {
    if (this.loader.staleForMs === 0) return Effect.void
    return Effect.map(this.loader.decoded(found), (value) => {
      if (value._tag === "None") return
      const until = this.now + found.leftMs + this.loader.staleForMs
      flight.stale = { value: value.value, until }
    })
  }

  /** Those who wait and are sure get what is old; the new one is for whoever comes after. */
  serveStale(flight: Flight<A>): void {
    const { stale } = flight
    if (stale === undefined || stale.until <= this.now) return
    const served = flight.sure.length
    if (served === 0) return
    this.isRefresh = true
    this.loader.meter.count("stale", served)
    flight.give({ _tag: "Value", value: stale.value })
  }

  private load(own: ReadonlyArray<Flight<A>>): Effect.Effect<void> {
    const keys = own.map(({ key }) => key)
    return Effect.gen({ self: this }, function* () {
      const loaded = yield* Effect.exit(Effect.raceFirst(this.timed(keys), this.renewing(own)))
      if (Exit.isFailure(loaded)) {
        if (this.isRefresh && !Exit.hasInterrupts(loaded)) {
          yield* Effect.logWarning(
            `A value of region ${JSON.stringify(this.loader.name)} was not refreshed`,
            loaded.cause
          )
        }
        for (const flight of own) this.over(flight, { _tag: "Failed", cause: loaded.cause })
        if (!Exit.hasInterrupts(loaded)) yield* this.rest(own)
        return yield* this.release(keys)
      }
      const leased: Array<Entry> = []
      for (const { key } of own) {
        const one = loaded.value.get(key)
        const entry = one && (yield* this.entryOf(key, one.value))
        if (entry !== undefined) leased.push(entry)
      }
      const answer = () => {
        for (const flight of own) {
          const one = loaded.value.get(flight.key)
          this.over(flight, one === undefined ? absent : { _tag: "Value", value: one.value })
        }
      }
      yield* this.store(leased, answer)
      answer()
      yield* this.release(keys)
    })
  }

  /** What is old is given for a while before anyone tries again: until then the lease is nobody's to take. */
  private rest(own: ReadonlyArray<Flight<A>>): Effect.Effect<void> {
    const stale = own.filter(({ stale }) => stale !== undefined && stale.until > this.now + restMs)
    const keys = stale.map(({ key }) => key).filter((key) => this.held.has(key))
    if (keys.length === 0) return Effect.void
    return Effect.map(this.loader.renew(keys, { ...this.lease, leaseMs: restMs }), (held) => {
      for (const [i, key] of keys.entries()) if (held[i] === true) this.held.delete(key)
    })
  }

  private loadBare(pending: ReadonlyArray<Flight<A>>): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.isBare = true
      this.isOutage = pending.some(({ key }) => this.loader.isAway(key))
      for (const flight of pending) {
        flight.phase = "Loading"
        for (const waiter of flight.waiters) waiter.isSure = true
      }
      return Effect.map(Effect.exit(this.timed(pending.map(({ key }) => key))), (loaded) => {
        for (const flight of pending) {
          const one = Exit.isSuccess(loaded) ? loaded.value.get(flight.key) : undefined
          if (Exit.isFailure(loaded)) this.over(flight, { _tag: "Failed", cause: loaded.cause })
          else this.over(flight, one === undefined ? absent : { _tag: "Value", value: one.value })
        }
      })
    })
  }

  private timed(keys: ReadonlyArray<string>): Effect.Effect<ReadonlyMap<string, Loaded<A>>, any> {
    return Effect.suspend(() => {
      const since = this.now
      return Effect.onExit(this.cargo.load(keys, this), () =>
        Effect.sync(() => this.loader.meter.loaded(this.now - since))
      )
    })
  }

  /** Keeps the leases for as long as it runs; one that is lost is nobody's to join any more. */
  private renewing(own: ReadonlyArray<Flight<A>>): Effect.Effect<never> {
    const { leaseMs, store } = this.loader
    if (store.immortal) return Effect.never
    const renew = Effect.suspend(() => {
      const kept = own.filter(({ key }) => this.held.has(key))
      if (kept.length === 0) return Effect.void
      const keys = kept.map(({ key }) => key)
      return Effect.map(this.loader.renew(keys, this.lease), (held) => {
        for (const [i, flight] of kept.entries()) {
          if (held[i] !== false) continue
          this.held.delete(flight.key)
          this.loader.detach(flight)
        }
      })
    })
    return Effect.forever(Effect.andThen(Effect.sleep(Duration.millis(leaseMs / 3)), renew))
  }

  /** What is to be written; undefined where it cannot be kept. */
  private entryOf(key: string, value: A): Effect.Effect<Entry | undefined> {
    return Effect.matchCauseEffect(this.cargo.entryOf(key, value), {
      onFailure: (cause) => this.loader.unkept(cause),
      onSuccess: (entry) => Effect.succeed(entry)
    })
  }

  /** Whoever waits is answered when it is stored, or when that takes too long. */
  private store(entries: ReadonlyArray<Entry>, answer: () => void): Effect.Effect<void> {
    return Effect.forEach(
      this.loader.grouped(entries),
      (group) =>
        Effect.gen({ self: this }, function* () {
          const late = this.loader.outage.watch(answer)
          const committed = yield* Effect.exit(this.loader.commit(group, this.lease))
          late.leave()
          if (Exit.isFailure(committed)) return yield* this.loader.unkept(committed.cause)
          for (const { key } of group) this.held.delete(key)
          this.loader.meter.count("refused", committed.value.filter((one) => one === "Refused").length)
        }),
      { concurrency: 4, discard: true }
    )
  }

  private holds(flight: Flight<A>): Effect.Effect<boolean> {
    return Effect.map(this.loader.renew([flight.key], this.lease), ([isHeld]) => isHeld === true)
  }

  private over(flight: Flight<A>, outcome: Outcome<A>): void {
    if (flight.phase === "Over") return
    this.loader.detach(flight)
    flight.end(outcome)
  }

  /** Whoever waits elsewhere may load now. */
  private release(keys: ReadonlyArray<string>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const held = keys.filter((key) => this.held.delete(key))
      return held.length === 0 ? Effect.void : this.loader.release(held, this.lease)
    })
  }

  private get now(): number {
    return monotonicMs(this.loader.clock)
  }
}

/** Between two tries to replace what is old, on whichever peers. */
const restMs = 1_000

const absent = { _tag: "Absent" } as const
