/**
 * Where the backend is away: known from the first call that failed or took too long, until it answers in time again. Loads
 * go on without it meanwhile, and nothing is added to what they take themselves (promise C11).
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { BackendError, type Reason, TimedOut } from "../../BackendError.ts"
import { loadsChannel, type Service as Store } from "../../CacheStore.ts"
import type { Link } from "../../Link.ts"
import { monotonicMs } from "../monotonic.ts"
import { pause } from "../Pause.ts"
import { service } from "./Limits.ts"

/** Who takes longer is taken for away. */
const patienceMs = 250
const patience = Duration.millis(patienceMs)
/** After a loop that stood still timers come before answers: a turn between them lets an answer that is there be seen. */
const turnMs = 1
const turn = Effect.sleep(Duration.millis(turnMs))
const outOfPatience = Effect.andThen(Effect.sleep(Duration.millis(patienceMs - turnMs)), turn)

/** One call that is waited for. */
interface Watched {
  readonly until: number
  isOver: boolean
  readonly expire: () => void
}

export class Outage {
  private readonly store: Store
  private readonly link: Link
  private readonly clock: Clock.Clock
  private readonly fork: (effect: Effect.Effect<void>) => void
  private readonly away = new Set<object>()
  /** In the order of their ends. */
  private watched: Array<Watched> = []
  private isWatching = false

  constructor(store: Store, link: Link, context: Context.Context<never>, fork: (effect: Effect.Effect<void>) => void) {
    this.store = store
    this.link = link
    this.clock = Context.get(context, Clock.Clock)
    this.fork = fork
  }

  isAway(region: string, key: string): boolean {
    return this.away.size > 0 && this.away.has(this.place(region, key))
  }

  /** Those together that live together: each is best given a call of its own, for one place may be away and the others not. */
  byPlace<Item>(
    region: string,
    items: ReadonlyArray<Item>,
    keyOf: (item: Item) => string
  ): ReadonlyArray<ReadonlyArray<Item>> {
    if (items.length < 2) return [items]
    const groups = new Map<object, Array<Item>>()
    for (const item of items) {
      const place = this.place(region, keyOf(item))
      const group = groups.get(place)
      if (group === undefined) groups.set(place, [item])
      else group.push(item)
    }
    return [...groups.values()]
  }

  /** As the call; where it takes too long or fails as in an outage, that is known from then on. */
  guarded<A>(
    region: string,
    keys: ReadonlyArray<string>,
    call: Effect.Effect<A, BackendError>
  ): Effect.Effect<A, BackendError> {
    if (this.store.immortal) return call
    const inTime = Effect.raceFirst(
      call,
      Effect.flatMap(outOfPatience, () => Effect.fail(tooSlow))
    )
    return this.noting(region, keys, inTime)
  }

  /** What a failed call tells is known from then on. */
  noting<A>(
    region: string,
    keys: ReadonlyArray<string>,
    call: Effect.Effect<A, BackendError>
  ): Effect.Effect<A, BackendError> {
    return Effect.tapError(call, (error) =>
      Effect.sync(() => {
        if (!isOutage.has(error.reason._tag)) return
        for (const key of keys) this.begin(region, key)
      })
    )
  }

  /** Says when the call that begins now takes too long; one timer for all of them. Gives how to say that it is over. */
  readonly watch = (expire: (error: BackendError) => void): (() => void) => {
    if (this.store.immortal) return () => {}
    const watched: Watched = {
      until: monotonicMs(this.clock) + patienceMs - turnMs,
      isOver: false,
      expire: () => expire(tooSlow)
    }
    this.watched.push(watched)
    if (!this.isWatching) {
      this.isWatching = true
      this.fork(this.expiring)
    }
    return () => {
      watched.isOver = true
    }
  }

  private begin(region: string, key: string): void {
    const place = this.place(region, key)
    if (this.away.has(place)) return
    this.away.add(place)
    this.fork(this.probe(place, region, key))
  }

  /** Asks until it answers in time. */
  private probe(place: object, region: string, key: string): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      for (let failures = 1; ; failures++) {
        yield* pause(failures)
        const exit = yield* Effect.exit(Effect.timeoutOption(this.store.look(region, key), patience))
        if (Exit.isSuccess(exit) ? Option.isSome(exit.value) : !isOutageExit(exit)) break
      }
      this.away.delete(place)
    })
  }

  private place(region: string, key: string): object {
    return this.link.place(loadsChannel(region, this.store.partOf(key)))
  }

  /** Lets the oldest expire, one after the other, for as long as there are any. */
  private readonly expiring: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    while (true) {
      const now = monotonicMs(this.clock)
      let count = 0
      for (const { expire, isOver, until } of this.watched) {
        if (!isOver && until > now) break
        if (!isOver) expire()
        count += 1
      }
      this.watched = this.watched.slice(count)
      const [next] = this.watched
      if (next === undefined) break
      yield* Effect.sleep(Duration.millis(Math.max(1, next.until - now)))
      yield* turn
    }
    this.isWatching = false
  })
}

/** The path to the backend failed, not this call in particular. */
const isOutage = new Set<Reason["_tag"]>(["Unavailable", "ConnectionLost", "TimedOut", "Busy", "Closed"])

const isOutageExit = (exit: Exit.Failure<unknown, BackendError>): boolean => {
  const error = Exit.findErrorOption(exit)
  return Option.isNone(error) || isOutage.has(error.value.reason._tag)
}

const tooSlow = new BackendError({
  service,
  operation: "getOrSet",
  reason: new TimedOut({ message: `no answer within ${patienceMs} ms` }),
  outcome: "Unknown"
})
