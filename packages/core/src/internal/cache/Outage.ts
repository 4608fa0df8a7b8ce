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

/** Who takes longer is taken for away; in a process that is too busy to listen the time does not count. */
const patienceMs = 250
const patience = Duration.millis(patienceMs)
/** After a loop that stood still timers come before answers: a turn between them lets an answer that is there be seen. */
const turnMs = 1
const turn = Effect.sleep(Duration.millis(turnMs))
/** So often it is looked at whether this process itself stood still: such time is not the backend's. */
const lookEveryMs = 50
const stillMs = 10

/** One call that is waited for, in a list of all of them. A class: see Batcher's Call. */
class Watched {
  before: Watched
  next: Watched
  readonly since: number
  until: number
  readonly expire: (error: BackendError) => void

  constructor(since: number, expire: (error: BackendError) => void) {
    this.since = since
    this.until = since + patienceMs - turnMs
    this.expire = expire
    this.before = this
    this.next = this
  }

  /** Twice is as good as once. */
  leave(): void {
    this.before.next = this.next
    this.next.before = this.before
    this.before = this
    this.next = this
  }
}

export class Outage {
  private readonly store: Store
  private readonly link: Link
  private readonly clock: Clock.Clock
  private readonly fork: (effect: Effect.Effect<void>) => void
  private readonly away = new Set<object>()
  /** Before the first and behind the last of them, in the order of their ends: who is answered leaves nothing behind. */
  private readonly watched = new Watched(Infinity, () => {})
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
      Effect.callback<never, BackendError>((resume) => {
        const watched = this.watch((error) => resume(Effect.fail(error)))
        return Effect.sync(() => watched.leave())
      })
    )
    return this.noting(region, keys, inTime)
  }

  /** What a failed call tells is known from then on. */
  note(region: string, key: string, error: BackendError): void {
    if (isOutage.has(error.reason._tag)) this.begin(region, key)
  }

  noting<A>(
    region: string,
    keys: ReadonlyArray<string>,
    call: Effect.Effect<A, BackendError>
  ): Effect.Effect<A, BackendError> {
    return Effect.tapError(call, (error) =>
      Effect.sync(() => {
        for (const key of keys) this.note(region, key, error)
      })
    )
  }

  /** Says when the call that begins now takes too long; one timer for all of them. It is to leave when it is over. */
  watch(expire: (error: BackendError) => void): Pick<Watched, "leave"> {
    // Of the empty list: nothing has to leave.
    if (this.store.immortal) return this.watched
    const watched = new Watched(monotonicMs(this.clock), expire)
    const { before } = this.watched
    watched.before = before
    watched.next = this.watched
    before.next = watched
    this.watched.before = watched
    if (!this.isWatching) {
      this.isWatching = true
      this.fork(this.expiring)
    }
    return watched
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
    // Not before it has begun to wait, however late this fiber's first turn comes.
    let dueMs = this.watched.next.since
    while (true) {
      const now = monotonicMs(this.clock)
      this.forgive(now, now - dueMs)
      let first = this.watched.next
      while (first.until <= now) {
        first.leave()
        first.expire(tooSlow)
        first = this.watched.next
      }
      if (first === this.watched) break
      const waitMs = Math.min(lookEveryMs, Math.max(1, first.until - now))
      yield* Effect.sleep(Duration.millis(waitMs))
      yield* turn
      dueMs = now + waitMs + turnMs
    }
    this.isWatching = false
  })

  /** For so long this process saw no answer, nor did what it had asked leave: they keep their order. */
  private forgive(now: number, lateMs: number): void {
    if (lateMs < stillMs) return
    for (let one = this.watched.next; one !== this.watched; one = one.next) {
      one.until += Math.min(lateMs, now - one.since)
    }
  }
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
