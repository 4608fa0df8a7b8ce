/** From effect's metrics to Stats: each reading sends what counters grew by since the last one, and the gauges that changed. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Name from "../../Name.ts"
import type { MetricKey, Service } from "../../Stats.ts"

/**
 * How much of a counter was sent, by what keeps its count: whoever reads it next, another layer or the same one built anew,
 * goes on from there.
 */
const sent = new WeakMap<object, number | bigint>()

/** `id`, or `id{a="1",b="2"}`: the attributes in their order, their values as JSON. */
export const nameOf = ({ attributes, id }: MetricKey): string => {
  const keys = Object.keys(attributes).sort()
  return keys.length === 0 ? id : `${id}{${keys.map((key) => `${key}=${JSON.stringify(attributes[key])}`).join(",")}}`
}

export class Bridge {
  private readonly stats: Service
  private readonly context: Context.Context<never>
  private readonly filter: (metric: MetricKey) => boolean
  private isLogged = false
  /** By name: a value that is the same is not sent again. */
  private readonly gauges = new Map<string, number>()

  constructor(stats: Service, context: Context.Context<never>, filter: ((metric: MetricKey) => boolean) | undefined) {
    this.stats = stats
    this.context = context
    this.filter = filter ?? (() => true)
  }

  run(everyMs: number): Effect.Effect<never> {
    return Effect.forever(Effect.andThen(Effect.sleep(Duration.millis(everyMs)), this.read))
  }

  readonly read: Effect.Effect<void> = Effect.suspend(() =>
    Effect.forEach(
      [...Context.get(this.context, Metric.MetricRegistry).values()],
      (metric) =>
        Effect.catchCause(
          Effect.suspend(() => this.send(metric)),
          this.complain
        ),
      { discard: true }
    )
  )

  private send({ attributes = {}, hooks, id, type }: Metric.Metric.Metadata<never, unknown>): Effect.Effect<void> {
    const key = { id, attributes }
    if ((type !== "Counter" && type !== "Gauge") || !this.filter(key)) return Effect.void
    const name = nameOf(key)
    // What cannot be a name has none: nobody is here to be told.
    if (Name.fault(name) !== undefined) return Effect.void
    const state = hooks.get(this.context)
    if (isCount(state)) return this.count(name, hooks, state)
    return isValue(state) ? this.gauge(name, Number(state.value)) : Effect.void
  }

  /** One that cannot be read keeps no other from being sent. */
  private readonly complain = (cause: Cause.Cause<never>): Effect.Effect<void> => {
    if (Cause.hasInterrupts(cause)) return Effect.failCause(cause)
    if (this.isLogged) return Effect.void
    this.isLogged = true
    return Effect.logError("A metric cannot be sent to Stats", cause)
  }

  private count(name: string, hooks: object, { count, incremental }: Count): Effect.Effect<void> {
    const before = sent.get(hooks) ?? 0
    // What only grows and fell has begun anew.
    const from = incremental && count < before ? 0 : before
    const by = typeof count === "bigint" ? Number(count - BigInt(from)) : Math.trunc(count - Number(from))
    if (by === 0 || !Number.isSafeInteger(by)) return Effect.void
    sent.set(hooks, typeof count === "bigint" ? BigInt(from) + BigInt(by) : Number(from) + by)
    return this.stats.increment(name, by)
  }

  private gauge(name: string, value: number): Effect.Effect<void> {
    if (!Number.isFinite(value) || this.gauges.get(name) === value) return Effect.void
    this.gauges.set(name, value)
    return this.stats.gauge(name, value)
  }
}

// -- internals ----------------------------------------------------------------------------------------------------

interface Count {
  readonly count: number | bigint
  readonly incremental: boolean
}

const isNumber = (value: unknown): value is number | bigint => typeof value === "number" || typeof value === "bigint"

const isCount = (state: unknown): state is Count =>
  typeof state === "object" && state !== null && "count" in state && "incremental" in state && isNumber(state.count)

const isValue = (state: unknown): state is { readonly value: number | bigint } =>
  typeof state === "object" && state !== null && "value" in state && isNumber(state.value)
