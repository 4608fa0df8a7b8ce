/**
 * The heartbeat of all claimers of this process, together: it renews their leases, has the claims of dead ones taken
 * back, and makes up for every push that got lost. One request however many queues there are (promise T15).
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Random from "effect/Random"
import type { BackendError } from "../../BackendError.ts"
import type { Service as Store } from "../../TaskQueueStore.ts"
import { monotonicMs } from "../monotonic.ts"
import type { Claimer } from "./Claimer.ts"

export class Pulse {
  private readonly claimers = new Set<Claimer>()
  private readonly some = Latch.makeUnsafe(false)
  private readonly store: Store
  private readonly heartbeatMs: number
  private readonly clock: Clock.Clock

  constructor(store: Store, heartbeatMs: number, clock: Clock.Clock) {
    this.store = store
    this.heartbeatMs = heartbeatMs
    this.clock = clock
  }

  add(claimer: Claimer): void {
    this.claimers.add(claimer)
    this.some.openUnsafe()
  }

  remove(claimer: Claimer): void {
    this.claimers.delete(claimer)
    if (this.claimers.size === 0) this.some.closeUnsafe()
  }

  /** Beats for as long as it runs. Where nobody can die nobody beats. */
  readonly run: Effect.Effect<never> = Effect.suspend(() => {
    if (this.store.immortal) return Effect.never
    let waitMs = this.heartbeatMs
    return Effect.forever(
      Effect.gen({ self: this }, function* () {
        yield* this.some.await
        yield* Effect.sleep(Duration.millis(waitMs))
        const jitter = yield* Random.next
        const beaten = yield* Effect.isSuccess(Effect.suspend(() => this.beat([...this.claimers])))
        waitMs = beaten ? this.heartbeatMs : Math.min(this.heartbeatMs, 1_000) * (0.5 + jitter / 2)
      })
    )
  })

  private beat(claimers: ReadonlyArray<Claimer>): Effect.Effect<void, BackendError> {
    if (claimers.length === 0) return Effect.void
    const sentAt = monotonicMs(this.clock)
    return Effect.flatMap(this.store.beat(claimers.map((claimer) => claimer.beat())), (answers) => {
      answers.forEach((answer, i) => claimers[i]!.beaten(answer, sentAt))
      // What a beat left behind has no time to wait for the next one (promise T3).
      return this.beat(claimers.filter((claimer, i) => answers[i]!.isMore && this.claimers.has(claimer)))
    })
  }
}
