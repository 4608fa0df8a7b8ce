/**
 * What the peers keep for one another: a forecast that takes two seconds to load, once for all who ask. Each peer reads it
 * when it is asked to, and tells where its answer came from. Nothing here knows whether the cluster lives in memory or on
 * Redis.
 */
import { type BackendError, Cache, LocalPeer, PubSub, Stats } from "@troupe/core"
import {
  Clock,
  Context,
  DateTime,
  Duration,
  Effect,
  Layer,
  type Option,
  PubSub as EffectPubSub,
  Random,
  Schema,
  Stream
} from "effect"

import type { Counter } from "./Counting.ts"

/** Who loads and dies is succeeded after three seconds, so that one sees it. */
export const cacheOptions: Cache.Options = { lease: "3 seconds" }
/** What the page says of it. */
export const terms = { loadMs: 2_000, leaseMs: 3_000, timeToLiveMs: 120_000, nearMs: 30_000 }
/** Readings of one peer at a time: beyond, it is not asked any more. */
const maxUnderWay = 64

// -- what is kept -------------------------------------------------------------------------------------------------

export const Forecast = Schema.Struct({
  degrees: Schema.Int,
  /** Who has loaded it, and when. */
  by: Schema.String,
  at: Schema.DateTimeUtcFromMillis
})
export type Forecast = typeof Forecast.Type

const forecasts = Cache.region("forecasts", {
  value: Forecast,
  timeToLive: terms.timeToLiveMs,
  near: { capacity: 16, timeToLive: terms.nearMs }
})
const place = "here"
const weather = "weather"

// -- what travels -------------------------------------------------------------------------------------------------

/** Who is to read: one, or all but one. */
const Ask = Schema.Struct({
  to: Schema.NullOr(Schema.String),
  not: Schema.NullOr(Schema.String),
  /** What all are asked at once has a name. */
  round: Schema.NullOr(Schema.String)
})
export type Ask = typeof Ask.Type
/** Where peers are asked to read. Who is away is not waited for. */
export const asks = PubSub.channel("forecast-asks", { message: Ask })

/** Where an answer came from: this process, the backend, a load that somebody else had begun, or a load here. */
export const Source = Schema.Literals(["Near", "Shared", "Waited", "Loaded"])
export type Source = typeof Source.Type

/** Since the peer began. Who began a load has loaded, whatever became of it. */
export const Counts = Schema.Struct({
  reads: Schema.Int,
  near: Schema.Int,
  shared: Schema.Int,
  waited: Schema.Int,
  loaded: Schema.Int
})
export type Counts = typeof Counts.Type
export const noCounts: Counts = { reads: 0, near: 0, shared: 0, waited: 0, loaded: 0 }

/** All there is to know of one peer's reading: the last one stands for all before. */
export const Report = Schema.TaggedStruct("Report", {
  by: Schema.String,
  /** Of one life of the peer the higher number is the later one. */
  life: Schema.String,
  number: Schema.Int,
  counts: Counts,
  /** Of its last reading. */
  round: Schema.NullOr(Schema.String),
  askedAt: Schema.Int,
  phase: Schema.Union([Schema.Literals(["Asks", "Loads"]), Source]),
  /** For so long it waited for somebody else's load before it loaded itself. */
  waitedMs: Schema.Int,
  /** Null: it is not over. */
  tookMs: Schema.NullOr(Schema.Int),
  forecast: Schema.NullOr(Forecast)
})
export type Report = typeof Report.Type

/** What was kept is gone for all. */
export const Removed = Schema.TaggedStruct("Removed", {
  how: Schema.Literals(["Invalidated", "Cleared"]),
  by: Schema.String,
  at: Schema.Int
})
export type Removed = typeof Removed.Type

/** Where it is told, for whoever shows it. */
export const tidings = PubSub.channel("forecast-tidings", {
  message: Schema.Union([Report, Removed]),
  history: { size: 100, timeToLive: "10 minutes" }
})

// -- how it is read -----------------------------------------------------------------------------------------------

export interface Reading {
  /** Reads, and waits for nothing. */
  readonly begin: (round: string | null) => Effect.Effect<void>
  /** From now on; who reads too slowly gets the last one. */
  readonly reports: Stream.Stream<Report>
}
/** One peer's reading. */
export class Reader extends Context.Service<Reader, Reading>()("examples/action-cluster/Reader") {}

const make = Effect.gen(function* () {
  const cache = yield* Cache.Cache
  const stats = yield* Stats.Stats
  const { name } = yield* LocalPeer.LocalPeer
  const add = (counter: Counter) => stats.increment(counter)
  const scope = yield* Effect.scope
  const changes = yield* EffectPubSub.sliding<Report>({ capacity: 1, replay: 1 })
  const life = (yield* Random.nextIntBetween(0, 36 ** 8)).toString(36)
  let number = 0
  let begun = 0
  let underWay = 0
  let counts = noCounts
  /** What was read last: who is answered by its own process gets the same object again. */
  let held: Forecast | undefined

  const read = Effect.fnUntraced(function* (round: string | null) {
    if (underWay >= maxUnderWay) return
    underWay += 1
    const mine = (begun += 1)
    const before = held
    const askedAt = yield* Clock.currentTimeMillis
    let current: Omit<Report, "counts" | "number"> = {
      _tag: "Report",
      by: name,
      life,
      round,
      askedAt,
      phase: "Asks",
      waitedMs: 0,
      tookMs: null,
      forecast: null
    }
    const tell = (now: Partial<typeof current>) => {
      current = { ...current, ...now }
      // Of two readings at a time the later one is shown; both are counted.
      return mine === begun ? EffectPubSub.publish(changes, { ...current, counts, number: ++number }) : Effect.void
    }
    const load = Effect.gen(function* () {
      counts = { ...counts, loaded: counts.loaded + 1 }
      yield* add("cache loads")
      yield* tell({ phase: "Loads", waitedMs: (yield* Clock.currentTimeMillis) - askedAt })
      yield* Effect.sleep(Duration.millis(terms.loadMs))
      return { degrees: yield* Random.nextIntBetween(-9, 35), by: name, at: yield* DateTime.now }
    })
    counts = { ...counts, reads: counts.reads + 1 }
    yield* tell({})
    const forecast = yield* Effect.ensuring(
      cache.getOrSet(forecasts, place, load, { tags: [weather] }),
      Effect.sync(() => (underWay -= 1))
    )
    held = forecast
    const phase: Source =
      current.phase === "Loads"
        ? "Loaded"
        : forecast === before
          ? "Near"
          : DateTime.toEpochMillis(forecast.at) >= askedAt
            ? "Waited"
            : "Shared"
    if (phase === "Near" || phase === "Shared") yield* add("cache hits")
    if (phase === "Near") counts = { ...counts, near: counts.near + 1 }
    if (phase === "Shared") counts = { ...counts, shared: counts.shared + 1 }
    if (phase === "Waited") counts = { ...counts, waited: counts.waited + 1 }
    yield* tell({ phase, tookMs: (yield* Clock.currentTimeMillis) - askedAt, forecast })
  })

  return Reader.of({
    begin: (round) => Effect.asVoid(Effect.forkIn(read(round), scope)),
    reports: Stream.fromPubSub(changes)
  })
})

export const layer: Layer.Layer<Reader, never, Cache.Cache | Stats.Stats> = Layer.effect(Reader, make)

// -- what may be done with it -------------------------------------------------------------------------------------

export interface Orders {
  /** Where nobody hears it nothing happens. */
  readonly ask: (ask: Ask) => Effect.Effect<void, BackendError.BackendError>
  /** By the tag, or all of the region. */
  readonly remove: (how: Removed["how"]) => Effect.Effect<void, BackendError.BackendError>
  /** How long what is kept is still kept. */
  readonly left: Effect.Effect<Option.Option<Duration.Duration>, BackendError.BackendError>
}

export const orders: Effect.Effect<Orders, never, Cache.Cache | PubSub.PubSub> = Effect.gen(function* () {
  const cache = yield* Cache.Cache
  const pubsub = yield* PubSub.PubSub
  const { name: by } = yield* LocalPeer.LocalPeer
  const publish = <A>(channel: PubSub.Channel<A>, message: A) =>
    Effect.catchTag(pubsub.publish(channel, message), ["PayloadTooLarge", "SchemaError"], Effect.die)
  return {
    ask: (ask) => publish(asks, ask),
    remove: Effect.fnUntraced(function* (how) {
      yield* how === "Cleared" ? cache.clear(forecasts) : cache.invalidateTags(forecasts, [weather])
      // It is gone, whether anyone hears of it or not.
      yield* Effect.ignore(publish(tidings, { _tag: "Removed", how, by, at: yield* Clock.currentTimeMillis }))
    }),
    left: cache.timeToLive(forecasts, place)
  }
})
