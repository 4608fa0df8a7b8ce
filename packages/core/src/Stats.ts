/**
 * Counters the whole cluster adds to, and gauges of each of its peers.
 *
 * Counting is an addition in memory: no round trip, no fiber. What was counted is flushed about a second later, when
 * `flush` is called, and when the scope closes; the store counts each flush once, though its answer is lost (X1). So the
 * sums are exact, as long as they stay safe integers. A peer that crashes, or closes while the store is away, loses what it
 * had not flushed.
 *
 * A name is a counter or a gauge; where it is both, its value is their sum.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type { BackendError } from "./BackendError.ts"
import { Flusher } from "./internal/stats/Flusher.ts"
import * as Limits from "./internal/stats/Limits.ts"
import { Bridge } from "./internal/stats/Bridge.ts"
import { byPeer, points, totals } from "./internal/stats/Reading.ts"
import { Tally } from "./internal/stats/Tally.ts"
import { LocalPeer } from "./LocalPeer.ts"
import * as Metrics from "./Metrics.ts"
import type { Resolution } from "./StatsStore.ts"
import { StatsStore } from "./StatsStore.ts"

/** What was counted in a minute or an hour. */
export interface Point {
  /** Where it begins, by the server's time. */
  readonly at: DateTime.Utc
  readonly value: number
}

export interface SeriesOptions {
  /** So many buckets that this much time fits in, the present one among them. */
  readonly last: Duration.Input
  /** Minutes are kept for a day, hours for 90 days. */
  readonly resolution: Resolution
}

/** One of effect's metrics: `{ id: "requests", attributes: { method: "GET" } }`. */
export interface MetricKey {
  readonly id: string
  readonly attributes: Readonly<Record<string, string>>
}

/** Which of effect's metrics go to Stats, and when. */
export interface MetricsOptions {
  /** How often they are read. */
  readonly every: Duration.Input
  /** Default: all counters and gauges. */
  readonly filter?: ((metric: MetricKey) => boolean) | undefined
}

/** What the service does, by name, so that an editor says `Stats.Service` and not twenty lines. */
export interface Service {
  /**
   * Counts, by one where nothing else is said; `by` is a whole number, and may be negative. Costs no round trip: the others
   * see it when it was flushed. A bad name and a `by` that is not whole are defects (InvalidName, Misconfigured). Where
   * 10,000 names wait for the store, a further one is dropped and counted by `troupe_stats_dropped`.
   */
  readonly increment: (name: string, by?: number) => Effect.Effect<void>
  /**
   * Says how much there is of something here and now; flushed as increments are. The last value stands for as long as this
   * peer is live, that is until 30 s after its last flush: an idle one sends a word every 10 s.
   */
  readonly gauge: (name: string, value: number) => Effect.Effect<void>
  /**
   * When it succeeds, the store has all that was counted here before the call. One round trip per 512 names, behind the one
   * under way, and one more the first time; where nothing waits none, or one that keeps gauges. Interrupted, or where it
   * fails, what waits is flushed later: so the outcome of a failure is `Unknown`.
   */
  readonly flush: Effect.Effect<void, BackendError>
  /** Of all peers, live or not, since the beginning or a name's last `reset`; of gauges the sum over live peers. One round trip. */
  readonly totals: Effect.Effect<ReadonlyMap<string, number>, BackendError>
  /**
   * What each live peer has counted since it came, by its name, and its gauges. What is left of the totals stands under
   * `(gone)`: so all of it adds up to `totals`, as of one instant. One round trip, whose answer has every name of every peer.
   */
  readonly byPeer: Effect.Effect<ReadonlyMap<string, ReadonlyMap<string, number>>, BackendError>
  /**
   * Per bucket of the resolution, oldest first, zeros included; the last one is not over yet. Gauges have none. What waited
   * for the store is in the bucket in which it was counted. More than is kept fails with Misconfigured. One round trip.
   */
  readonly series: (name: string, options: SeriesOptions) => Effect.Effect<ReadonlyArray<Point>, BackendError>
  /**
   * Clears a name: totals, peers, series, gauges, and what waits for its flush here. What others flush afterwards counts,
   * unless a flush under way before it had lost its answer. One round trip, behind a flush under way.
   */
  readonly reset: (name: string) => Effect.Effect<void, BackendError>
}

export class Stats extends Context.Service<Stats, Service>()("@troupe/core/Stats") {}

/** Stats on any backend: the policy above a store. A peer of its own each time it is built. */
export const layer: Layer.Layer<Stats, never, StatsStore> = Layer.effect(
  Stats,
  Effect.gen(function* () {
    const store = yield* StatsStore
    const { name } = yield* LocalPeer
    const clock = yield* Clock.Clock
    const context = yield* Effect.context<never>()
    const peerFault = Limits.nameFault("layer", name)
    const tally = new Tally(clock)
    const drop = (times: number): void => Metrics.statsDropped.updateUnsafe(times, context)
    const flusher = new Flusher({
      store,
      name,
      tally,
      clock,
      meter: { refused: drop, lost: (sums) => Metrics.statsLost.updateUnsafe(sums, context) }
    })
    yield* Effect.addFinalizer(() => flusher.close)
    yield* Effect.forkScoped(flusher.run)

    /** What is wrong with a call, checked before anything else: it is a defect where a call cannot fail (promise A6). */
    const faultOf = (operation: string, name: string): BackendError | undefined =>
      peerFault ?? Limits.nameFault(operation, name)
    const note = (isKept: boolean): void => {
      if (!isKept || flusher.closed) drop(1)
      else flusher.notice()
    }
    const sound = peerFault === undefined ? Effect.void : Effect.fail(peerFault)

    return Stats.of({
      increment: (name, by = 1) =>
        Effect.suspend(() => {
          const fault = Number.isSafeInteger(by) ? faultOf("increment", name) : Limits.notWhole
          if (fault !== undefined) return Effect.die(fault)
          note(tally.add(name, by))
          return Effect.void
        }),
      gauge: (name, value) =>
        Effect.suspend(() => {
          const fault = Number.isFinite(value) ? faultOf("gauge", name) : Limits.notFinite
          if (fault !== undefined) return Effect.die(fault)
          note(tally.measure(name, value))
          return Effect.void
        }),
      flush: Effect.andThen(sound, flusher.flush),
      totals: Effect.map(store.totals, totals),
      byPeer: Effect.map(store.byPeer, byPeer),
      series: (name, { last, resolution }) =>
        Effect.suspend(() => {
          const fault = Limits.nameFault("series", name)
          const count = Limits.buckets(last, resolution)
          if (fault !== undefined) return Effect.fail(fault)
          return Exit.isFailure(count)
            ? Exit.failCause(count.cause)
            : Effect.map(store.series(name, resolution, count.value), (series) => points(series, resolution))
        }),
      reset: (name) =>
        Effect.suspend(() => {
          const fault = Limits.nameFault("reset", name)
          return fault === undefined ? flusher.clear(name) : Effect.fail(fault)
        })
    })
  })
)

/**
 * Sends effect's counters, as what they grew by since they were last read, and its gauges, under their names:
 * `requests{method="GET"}` where there are attributes. They are read at each interval and when the layer closes.
 *
 * A process counts once, however often this layer is built: what was read is remembered with the metric. Of a counter that
 * counts in fractions the whole part is sent, and what is left of it the next time.
 */
export const layerMetrics = (options: MetricsOptions): Layer.Layer<never, never, Stats> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const stats = yield* Stats
      const everyMs = yield* Effect.orDie(Limits.every(options.every))
      const bridge = new Bridge(stats, yield* Effect.context<never>(), options.filter)
      yield* Effect.addFinalizer(() => bridge.read)
      yield* Effect.forkScoped(bridge.run(everyMs))
    })
  )
