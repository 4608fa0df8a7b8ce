/**
 * All subscriptions of one peer. What is wanted and what the backend has confirmed are kept apart, and rounds make them
 * agree: subscribing, unsubscribing and coming back after a lost connection are the same step (S1, S9, A3). Of one
 * place of the backend one round at a time is under way, so that nothing overtakes what came before it; what hangs at
 * one place holds nothing back at another (D6).
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Latch from "effect/Latch"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { BackendError, Closed, isRetryable, TimedOut } from "../../BackendError.ts"
import type { Link } from "../../Link.ts"
import type { Gap } from "../../PubSub.ts"
import type { From, History, Page, Service as Store } from "../../PubSubStore.ts"
import * as Name from "../../Name.ts"
import { pause } from "../Pause.ts"
import { Topic } from "./Topic.ts"

export type Status = "Up" | "Resyncing" | "Down"

/** What a hub reads and listens to, and what its errors call that. */
export interface Source extends Pick<Store, "read" | "connect" | "commandTimeoutMs" | "positionCheckMs"> {
  readonly service: string
  readonly operation: string
}

/** Told of what an operator counts. */
export interface Meter {
  readonly delivered: (messages: number) => void
  readonly gap: (reason: Gap["reason"]) => void
  readonly subscriptions: (channels: number) => void
}

/** The most channels in one request. */
const batch = 512
/** Pauses between tries while the store is away: 50 ms, growing to 1 s, jittered. */
const pauses = Schedule.jittered(
  Schedule.min([Schedule.exponential(Duration.millis(50)), Schedule.spaced(Duration.seconds(1))])
)

/** A place of the backend where what is wanted and what is confirmed differ. */
interface Place {
  /** Tries in a row that failed. */
  failures: number
  isUnderWay: boolean
  /** Something has come that a pause between two tries does not hold up. */
  readonly news: Latch.Latch
}

const closed = ({ operation, service }: Source): BackendError =>
  new BackendError({
    service,
    operation,
    reason: new Closed({ message: "the layer is closed" }),
    outcome: "NotApplied"
  })

export class Hub {
  readonly status: SubscriptionRef.SubscriptionRef<Status>
  readonly fork: (effect: Effect.Effect<void>) => void
  private readonly topics = new Map<string, Topic>()
  private readonly work = Latch.makeUnsafe(false)
  readonly closed: BackendError
  private readonly store: Source
  private readonly meter: Meter
  private readonly places = new Map<object, Place>()
  /** After a reconnect every channel wants to catch up: not all of a place at once. */
  private readonly reading = new WeakMap<object, Semaphore.Semaphore>()
  private link: Link | undefined
  private isClosed = false

  constructor(
    store: Source,
    meter: Meter,
    status: SubscriptionRef.SubscriptionRef<Status>,
    fork: (effect: Effect.Effect<void>) => void
  ) {
    this.store = store
    this.closed = closed(store)
    this.meter = meter
    this.status = status
    this.fork = fork
  }

  /**
   * Waits until the channel's subscription is active and gives the topic to `join`, which adds its reader. The
   * subscription is kept for as long as this lasts and a reader is there. Fails with what the first try failed with.
   * Interruptible while it waits; `join` itself says where it may be interrupted, so that no reader is left behind.
   */
  join<A>(
    name: string,
    history: History | undefined,
    join: (topic: Topic) => Effect.Effect<A, BackendError>
  ): Effect.Effect<A, BackendError> {
    return Effect.acquireUseRelease(
      Effect.suspend(() => {
        if (this.isClosed) return Effect.fail(this.closed)
        const known = this.topics.get(name)
        const topic =
          known === undefined || (!known.wanted && !known.isLike(history)) ? new Topic(name, history, this) : known
        if (!topic.isLike(history)) return Effect.fail(contradicts(this.store))
        this.topics.set(name, topic)
        topic.joining++
        return Effect.succeed(topic)
      }),
      (topic) =>
        Effect.tap(
          Effect.andThen(
            topic.active ? Effect.void : Effect.interruptible(this.activation(topic)),
            Effect.suspend(() => join(topic))
          ),
          // The hub closed meanwhile, and told those whom it knew.
          () => Effect.sync(() => this.isClosed && topic.fail(this.closed))
        ),
      (topic) =>
        Effect.sync(() => {
          topic.joining--
          this.work.openUnsafe()
        })
    )
  }

  /** Two round trips, or what is still under way before them: no more than that is waited for (promise A1). */
  private activation(topic: Topic): Effect.Effect<void, BackendError> {
    const activation = Effect.callback<void, BackendError>((resume) => {
      topic.starting.add(resume)
      this.work.openUnsafe()
      return Effect.sync(() => {
        topic.starting.delete(resume)
      })
    })
    const duration = Duration.millis(2 * this.store.commandTimeoutMs)
    return Effect.timeoutOrElse(activation, { duration, orElse: () => Effect.fail(late(this.store, duration)) })
  }

  /** Readers of this topic have gone: the backend forgets the subscription after the last. */
  released(): void {
    this.work.openUnsafe()
  }

  /** By the definition of whoever reads, where that is another than the topic's. */
  read(topic: Topic, from: From, limit: number, history = topic.history): Effect.Effect<Page, BackendError> {
    return Effect.suspend(() =>
      this.isClosed || history === undefined
        ? Effect.fail(this.closed)
        : this.permits(topic).withPermits(1)(this.store.read(topic.name, history, from, limit))
    )
  }

  /** Waits out an outage. */
  patiently<A>(effect: Effect.Effect<A, BackendError>): Effect.Effect<A, BackendError> {
    return Effect.retry(effect, { while: isRetryable, schedule: pauses })
  }

  onGap(reason: Gap["reason"]): void {
    this.meter.gap(reason)
  }

  onDelivered(messages: number): void {
    this.meter.delivered(messages)
  }

  onCaughtUp(): void {
    this.work.openUnsafe()
  }

  /** Runs until the scope closes; then every reader's stream ends with Closed. */
  readonly run: Effect.Effect<void, never, Scope.Scope> = Effect.gen({ self: this }, function* () {
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        this.isClosed = true
        for (const topic of this.topics.values()) topic.fail(this.closed)
        this.topics.clear()
      })
    )
    const link = yield* this.store.connect({
      message: (channel, frame) => this.topics.get(channel)?.onFrame(frame),
      lost: (channels) => {
        for (const channel of channels) this.topics.get(channel)?.onLost()
        this.work.openUnsafe()
      }
    })
    this.link = link
    const fork = yield* FiberSet.makeRuntime<never, void, never>()
    const start = (round: Effect.Effect<void>): void => void fork(round)
    const turn = Effect.gen({ self: this }, function* () {
      yield* this.work.await
      this.work.closeUnsafe()
      this.settle(link, start, true)
      yield* this.report
    })
    yield* Effect.forkScoped(Effect.forever(turn))
    const every = this.store.positionCheckMs
    if (every !== undefined) {
      const check = Effect.sync(() => {
        for (const topic of this.topics.values()) topic.check()
      })
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(Duration.millis(every)), check)))
    }
  })

  private permits(topic: Topic): Semaphore.Semaphore {
    const place = this.link?.place(topic.name) ?? this
    let permits = this.reading.get(place)
    if (permits === undefined) {
      permits = Semaphore.makeUnsafe(256)
      this.reading.set(place, permits)
    }
    return permits
  }

  /** Begins a round wherever something is to be settled. News ends the pauses between two tries. */
  private settle(link: Link, start: (round: Effect.Effect<void>) => void, isNews: boolean): void {
    const differences = new Map<object, Array<Topic>>()
    for (const topic of this.topics.values()) {
      if (topic.wanted && topic.confirmed) continue
      const where = link.place(topic.name)
      const topics = differences.get(where)
      if (topics === undefined) differences.set(where, [topic])
      else topics.push(topic)
    }
    for (const [where, { isUnderWay }] of this.places) {
      if (!isUnderWay && !differences.has(where)) this.places.delete(where)
    }
    for (const [where, topics] of differences) {
      const place = this.places.get(where) ?? { failures: 0, isUnderWay: false, news: Latch.makeUnsafe(false) }
      this.places.set(where, place)
      if (place.isUnderWay) {
        if (isNews) place.news.openUnsafe()
        continue
      }
      // Those that lived elsewhere until now may be under way there.
      const ready = topics.filter(({ settling }) => !settling)
      if (ready.length === 0) continue
      place.isUnderWay = true
      place.news.closeUnsafe()
      for (const topic of ready) topic.settling = true
      start(
        Effect.andThen(
          this.round(link, place, ready),
          Effect.suspend(() => {
            place.isUnderWay = false
            this.settle(link, start, false)
            return this.report
          })
        )
      )
    }
    this.meter.subscriptions(this.topics.size)
  }

  /** Settles what differs at one place, and where that failed waits before the next try. */
  private round(link: Link, place: Place, topics: ReadonlyArray<Topic>): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const [unwanted, missing] = [topics.filter(({ wanted }) => !wanted), topics.filter(({ wanted }) => wanted)]
      let failed = 0
      for (let i = 0; i < unwanted.length; i += batch)
        failed += yield* this.unsubscribe(link, unwanted.slice(i, i + batch))
      for (let i = 0; i < missing.length; i += batch) failed += yield* this.subscribe(link, missing.slice(i, i + batch))
      return failed > 0
    }).pipe(
      Effect.catchCause((cause) =>
        Cause.hasInterrupts(cause)
          ? Effect.failCause(cause)
          : Effect.as(Effect.logError("A round of subscriptions failed", cause), true)
      ),
      Effect.flatMap((isFailed) => {
        for (const topic of topics) topic.settling = false
        place.failures = isFailed ? place.failures + 1 : 0
        return isFailed ? Effect.andThen(this.report, pauseOf(place)) : Effect.void
      })
    )
  }

  /** The number of channels that could not be subscribed. One that fails does not hold back the others (D6). */
  private subscribe(link: Link, topics: ReadonlyArray<Topic>): Effect.Effect<number> {
    const losses = topics.map((topic) => topic.losses)
    return link.subscribe(topics.map((topic) => topic.name)).pipe(
      Effect.matchEffect({
        onSuccess: () =>
          Effect.sync(() => {
            topics.forEach((topic, i) => {
              if (topic.losses === losses[i]) topic.onConfirmed()
              else this.work.openUnsafe()
            })
            return 0
          }),
        onFailure: (error) => {
          if (topics.length > 1) {
            return Effect.map(
              Effect.forEach(topics, (topic) => this.subscribe(link, [topic]), { concurrency: 16 }),
              (counts) => counts.reduce((sum, count) => sum + count, 0)
            )
          }
          return Effect.sync(() => {
            for (const topic of topics) {
              // It may have been active for a while, and given messages.
              topic.interrupted()
              if (isRetryable(error) && topic.readers > 0) topic.started(Effect.fail(error))
              else topic.fail(error)
            }
            return 1
          })
        }
      })
    )
  }

  private unsubscribe(link: Link, unwanted: ReadonlyArray<Topic>): Effect.Effect<number> {
    // Others were given up before these: somebody may have come.
    const topics = unwanted.filter((topic) => !topic.wanted && this.topics.get(topic.name) === topic)
    if (topics.length === 0) return Effect.succeed(0)
    // Whoever comes while this is under way finds no topic and makes a new one, whose turn is after this one's.
    for (const topic of topics) this.topics.delete(topic.name)
    return Effect.match(link.unsubscribe(topics.map((topic) => topic.name)), {
      onSuccess: () => 0,
      onFailure: () => {
        // Known to the backend perhaps, perhaps not: as one that is not confirmed it is given up once more, and who
        // comes to it now subscribes again.
        for (const { history, name } of topics) {
          if (!this.topics.has(name)) this.topics.set(name, new Topic(name, history, this))
        }
        return 1
      }
    })
  }

  private readonly report: Effect.Effect<void> = Effect.suspend(() => {
    let lost = false
    let behind = false
    for (const { failures } of this.places.values()) if (failures > 0) lost = true
    for (const topic of this.topics.values()) {
      if (topic.readers === 0) continue
      if (!topic.confirmed) lost = true
      else if (topic.behind) behind = true
    }
    const status: Status = lost ? "Down" : behind ? "Resyncing" : "Up"
    return SubscriptionRef.getUnsafe(this.status) === status ? Effect.void : SubscriptionRef.set(this.status, status)
  })
}

/** Ends early where there is news. */
const pauseOf = ({ failures, news }: Place): Effect.Effect<void> => Effect.raceFirst(news.await, pause(failures))

/** A hub for as long as the scope lasts. */
export const make = Effect.fnUntraced(function* (store: Source, meter: Meter) {
  const status = yield* SubscriptionRef.make<Status>("Up")
  const run = yield* FiberSet.makeRuntime<never, void, never>()
  const hub = new Hub(store, meter, status, (effect) => void run(effect))
  yield* hub.run
  return hub
})

const late = ({ operation, service }: Source, duration: Duration.Duration): BackendError =>
  new BackendError({
    service,
    operation,
    reason: new TimedOut({ message: `not confirmed within ${Duration.format(duration)}` }),
    outcome: "NotApplied"
  })

const contradicts = ({ operation, service }: Source): BackendError =>
  Name.misconfigured(
    service,
    operation,
    "history",
    "must be given by all definitions of a channel that a peer subscribes to, or by none"
  )
