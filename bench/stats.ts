/**
 * Stats beside what people write by hand: `node bench/run.ts stats`. A hundred names; each run looks at the sums.
 *
 * - `increment`: a call of ours, and HINCRBY over ioredis, a hundred at a time.
 * - `increment in memory`: the same beside effect's own counter, which nobody else sees.
 * - `commands per increment`: what the server counts, commands of scripts too.
 */
import * as Stats from "@troupe/core/Stats"
import * as RedisClient from "@troupe/redis-live/RedisClient"
import * as RedisStats from "@troupe/redis-live/RedisStats"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Metric from "effect/Metric"
import { Redis } from "ioredis"
import { type Case, commandsRun, measure, perSecond, smoke } from "./harness.ts"
import { workers } from "./message.ts"

const count = (full: number): number => (smoke ? Math.min(full, 2_000) : full)
const names = Array.from({ length: 100 }, (_, id) => `name ${id}`)
const nameOf = (id: number): string => names[id % names.length] ?? ""

export const run = async (url: string): Promise<void> => {
  const prefix = `bench-${process.pid}`
  const runtime = ManagedRuntime.make(RedisStats.layer.pipe(Layer.provide(RedisClient.layer({ url, prefix }))))
  const raw = new Redis(url)
  const on = <A, E>(use: (stats: Stats.Service) => Effect.Effect<A, E>): Promise<A> =>
    runtime.runPromise(Effect.flatMap(Stats.Stats, use))
  const counters = names.map((name) => Metric.counter(name, { incremental: true }))

  let counted = 0
  /** Counts, flushes, and looks whether all of it is there. */
  const ours = (n: number) => () =>
    perSecond(n, () =>
      on((stats) =>
        Effect.gen(function* () {
          for (let id = 0; id < n; id++) yield* stats.increment(nameOf(id))
          yield* stats.flush
          counted += n
          let sum = 0
          for (const value of (yield* stats.totals).values()) sum += value
          if (sum !== counted) return yield* Effect.die(new Error(`${counted} were counted, ${sum} are there`))
        })
      )
    )
  const theirs = (n: number) => () =>
    perSecond(n, () => workers(n, (id) => raw.hincrby(`${prefix}-raw`, nameOf(id), 1), 100))
  const commands = async (): Promise<number> => commandsRun(await raw.info("commandstats"))
  const costs = (n: number, run: () => Promise<unknown>) => async () => {
    const before = await commands()
    await run()
    return ((await commands()) - before) / n
  }

  const cases: ReadonlyArray<Case> = [
    {
      bench: "stats",
      name: "increment",
      peer: "ioredis",
      unit: "/s",
      better: "more",
      goal: 10,
      ours: ours(count(500_000)),
      theirs: theirs(count(60_000))
    },
    {
      bench: "stats",
      name: "increment in memory",
      peer: "effect",
      unit: "/s",
      better: "more",
      ours: ours(count(500_000)),
      theirs: () =>
        perSecond(count(500_000), () =>
          runtime.runPromise(
            Effect.gen(function* () {
              for (let id = 0; id < count(500_000); id++) yield* Metric.update(counters[id % 100]!, 1)
            })
          )
        )
    },
    {
      bench: "stats",
      name: "commands per increment",
      peer: "ioredis",
      unit: "commands",
      better: "less",
      ours: costs(count(20_000), ours(count(20_000))),
      theirs: costs(count(20_000), theirs(count(20_000)))
    }
  ]
  try {
    await measure(cases)
  } finally {
    await runtime.dispose()
    const keys = await raw.keys(`${prefix}*`)
    if (keys.length > 0) await raw.unlink(...keys)
    raw.disconnect()
  }
}
