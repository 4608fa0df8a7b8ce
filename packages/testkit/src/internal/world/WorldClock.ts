/** A process' own clock: the world's time and its skew. What it measures (monotonic time) no skew touches. */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Process } from "./Process.ts"
import { beginning, type Time } from "./Time.ts"

export const make = (time: Time, process: Process): Clock.Clock => {
  const millis = () => time.now + process.skewMs + process.sleptMs
  const nanos = () => BigInt(millis()) * 1_000_000n
  const monotonic = () => BigInt(time.now - beginning + process.sleptMs) * 1_000_000n
  return {
    currentTimeMillisUnsafe: millis,
    currentTimeNanosUnsafe: nanos,
    monotonicTimeNanosUnsafe: monotonic,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanos: Effect.sync(monotonic),
    sleep: (duration) =>
      Effect.suspend(() => {
        const ms = Math.ceil(Duration.toMillis(duration))
        if (!(ms > 0)) return Effect.yieldNow
        if (process.crashed && Number.isFinite(ms)) {
          process.sleptMs += ms
          return Effect.yieldNow
        }
        return Effect.callback<void>((resume) => {
          const cancel = time.at(process, time.now + ms, () => resume(Effect.void))
          return Effect.sync(cancel)
        })
      })
  }
}
