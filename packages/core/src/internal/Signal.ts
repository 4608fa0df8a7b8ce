/**
 * Wakes the one fiber that waits for it, in the turn in which it is given: what follows from an event happens before
 * time goes on, also under a test's clock.
 */
import * as Effect from "effect/Effect"

export class Signal {
  private isGiven = false
  private resume: (() => void) | undefined

  give(): void {
    this.isGiven = true
    const { resume } = this
    this.resume = undefined
    resume?.()
  }

  clear(): void {
    this.isGiven = false
  }

  /** At once where it was given since it was last cleared. */
  readonly given: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.isGiven) return resume(Effect.void)
    this.resume = () => resume(Effect.void)
    return Effect.sync(() => {
      this.resume = undefined
    })
  })
}
