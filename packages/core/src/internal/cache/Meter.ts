/** What an operator counts of one region. */
import type * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import * as Metrics from "../../Metrics.ts"

const counters = {
  hits: Metrics.cacheHits,
  nearHits: Metrics.cacheNearHits,
  nearBypassed: Metrics.cacheNearBypassed,
  nearEvictions: Metrics.cacheNearEvictions,
  nearRefused: Metrics.cacheNearRefused,
  misses: Metrics.cacheMisses,
  undecodable: Metrics.cacheUndecodable,
  loads: Metrics.cacheLoads,
  joined: Metrics.cacheJoined,
  takeovers: Metrics.cacheTakeovers,
  stale: Metrics.cacheStale,
  refused: Metrics.cacheRefused,
  unkept: Metrics.cacheUnkept
}

export type Counted = keyof typeof counters

export class Meter {
  private readonly context: Context.Context<never>
  private readonly region: string
  private readonly known = new Map<Counted, Metric.Counter<number>>()
  private readonly duration: Metric.Histogram<number>

  constructor(region: string, context: Context.Context<never>) {
    this.region = region
    this.context = context
    this.duration = Metric.withAttributes(Metrics.cacheLoadDuration, { region })
  }

  count(what: Counted, times = 1): void {
    if (times > 0) this.counter(what).updateUnsafe(times, this.context)
  }

  loaded(ms: number): void {
    this.count("loads")
    this.duration.updateUnsafe(ms, this.context)
  }

  private counter(what: Counted): Metric.Counter<number> {
    const known = this.known.get(what)
    if (known !== undefined) return known
    const counter = Metric.withAttributes(counters[what], { region: this.region })
    this.known.set(what, counter)
    return counter
  }
}
