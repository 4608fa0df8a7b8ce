/** When a failed task runs again: its Schedule, replayed up to the attempt that failed, for nothing else of it is kept. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"

/** Exponential from a second, jittered, never more than five minutes. */
export const standard: Schedule.Schedule<unknown, number> = Schedule.min([
  Schedule.jittered(Schedule.exponential(Duration.seconds(1))),
  Schedule.spaced(Duration.minutes(5))
])

/** The longest pause: what is longer is as good as never. */
const maxDelayMs = 100 * 365 * 86_400_000

/** Milliseconds from now until the next attempt; undefined where the schedule has ended. Attempts count from 1. */
export const delay = Effect.fnUntraced(function* (
  schedule: Schedule.Schedule<unknown, number>,
  attempt: number
): Effect.fn.Return<number | undefined> {
  const step = yield* Schedule.toStep(schedule)
  let now = yield* Clock.currentTimeMillis
  let delayMs: number | undefined = 0
  for (let n = 1; n <= attempt && delayMs !== undefined; n++) {
    delayMs = yield* Pull.matchEffect(step(now, n), {
      onSuccess: ([, duration]) => Effect.succeed(Math.min(maxDelayMs, Math.max(0, Duration.toMillis(duration)))),
      onFailure: Effect.failCause,
      onDone: () => Effect.undefined
    })
    now += delayMs ?? 0
  }
  return delayMs
})
