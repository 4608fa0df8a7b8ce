/**
 * Sees to it that the `Left`s that a room holds back go when their time has come, though nobody asks anything of that room
 * then: looks at it when the next one is due.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import type { BackendError } from "../../BackendError.ts"
import type { Swept } from "../../ChatStore.ts"
import { monotonicMs } from "../monotonic.ts"
import { pause } from "../Pause.ts"
import * as Limits from "./Limits.ts"

export class Watch {
  /** Something is held back, as far as this peer knows. */
  isOn = false
  /** When it looks next, on the monotonic clock; infinite while it looks. */
  private looksAt = Number.POSITIVE_INFINITY
  private readonly sooner = Latch.makeUnsafe(false)
  private readonly look: Effect.Effect<Swept, BackendError>
  private readonly clock: Clock.Clock
  private readonly fork: (effect: Effect.Effect<void>) => void

  constructor(
    look: Effect.Effect<Swept, BackendError>,
    clock: Clock.Clock,
    fork: (effect: Effect.Effect<void>) => void
  ) {
    this.look = look
    this.clock = clock
    this.fork = fork
  }

  /** The next one is due then; or an earlier one that is known of. */
  begin(dueInMs: number): void {
    // No longer than anything is ever held back: the store's clock may have been wrong when it was asked.
    const looksAt = this.now + Math.min(Math.max(1, dueInMs), Limits.maxGraceMs)
    if (looksAt < this.looksAt) {
      this.looksAt = looksAt
      this.sooner.openUnsafe()
    }
    if (this.isOn) return
    this.isOn = true
    this.fork(this.run)
  }

  private readonly run: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    let failures = 0
    while (this.isOn) {
      const left = this.looksAt - this.now
      if (left > 0) {
        this.sooner.closeUnsafe()
        yield* Effect.raceFirst(Effect.sleep(Duration.millis(left)), this.sooner.await)
        continue
      }
      this.looksAt = Number.POSITIVE_INFINITY
      const looked = yield* Effect.exit(this.look)
      if (Exit.isSuccess(looked)) {
        failures = 0
        const { dueInMs } = looked.value
        if (dueInMs !== undefined) this.begin(dueInMs)
        this.isOn = this.looksAt < Number.POSITIVE_INFINITY
      } else {
        yield* pause((failures += 1))
        this.looksAt = this.now
      }
    }
  })

  private get now(): number {
    return monotonicMs(this.clock)
  }
}
