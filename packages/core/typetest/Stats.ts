import type { BackendError } from "@troupe/core/BackendError"
import * as Stats from "@troupe/core/Stats"
import type { StatsStore } from "@troupe/core/StatsStore"
import type * as DateTime from "effect/DateTime"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type { Equal } from "./Equal.ts"

declare const stats: Stats.Service

// Counting cannot fail.
const counted = stats.increment("name")
export const incrementType: Equal<typeof counted, Effect.Effect<void>> = true
const measured = stats.gauge("name", 1.5)
export const gaugeType: Equal<typeof measured, Effect.Effect<void>> = true
export const flushType: Equal<typeof stats.flush, Effect.Effect<void, BackendError>> = true
export const totalsType: Equal<typeof stats.totals, Effect.Effect<ReadonlyMap<string, number>, BackendError>> = true

const series = stats.series("name", { last: "1 day", resolution: "1 minute" })
export const seriesType: Effect.Effect<
  ReadonlyArray<{ readonly at: DateTime.Utc; readonly value: number }>,
  BackendError
> = series
// @ts-expect-error there are minutes and hours
stats.series("name", { last: "1 day", resolution: "1 day" })
// @ts-expect-error a series is so long
stats.series("name", { resolution: "1 hour" })

export const layerType: Equal<typeof Stats.layer, Layer.Layer<Stats.Stats, never, StatsStore>> = true
const bridge = Stats.layerMetrics({ every: "10 seconds", filter: ({ attributes, id }) => id === attributes["a"] })
export const bridgeType: Equal<typeof bridge, Layer.Layer<never, never, Stats.Stats>> = true
