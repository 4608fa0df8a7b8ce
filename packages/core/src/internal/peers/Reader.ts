/** One subscriber of events: what waits for it, and no more of that than fits; beyond, it begins anew with a Snapshot. */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type { BackendError } from "../../BackendError.ts"
import type { PeerEvent } from "../../PeerRegistry.ts"

/** Events that wait for one subscriber (promise A5). */
export const maxWaiting = 1_024

export class Reader {
  private waiting: Array<PeerEvent> = []
  /** What waits is not what comes next: the present is. */
  private anew = true
  private ended: BackendError | undefined
  private wake: (() => void) | undefined
  private readonly snapshot: () => PeerEvent

  constructor(snapshot: () => PeerEvent) {
    this.snapshot = snapshot
  }

  offer(event: PeerEvent): void {
    if (this.anew || this.ended !== undefined) return
    if (this.waiting.length >= maxWaiting) {
      this.waiting = []
      this.anew = true
    } else this.waiting.push(event)
    this.signal()
  }

  /** No more comes; what waits is still given. */
  end(error: BackendError): void {
    this.ended ??= error
    this.signal()
  }

  /** What has come since the last take, at least one. Interrupting it loses nothing. */
  readonly take: Effect.Effect<Arr.NonEmptyReadonlyArray<PeerEvent>, BackendError> = Effect.suspend(() => {
    const taken = this.anew && this.ended === undefined ? [this.snapshot()] : this.waiting
    this.waiting = []
    this.anew = false
    if (Arr.isArrayNonEmpty(taken)) return Effect.succeed(taken)
    if (this.ended !== undefined) return Effect.fail(this.ended)
    return Effect.andThen(this.arrival, this.take)
  })

  private readonly arrival = Effect.callback<void>((resume) => {
    this.wake = () => resume(Effect.void)
    return Effect.sync(() => {
      this.wake = undefined
    })
  })

  private signal(): void {
    const wake = this.wake
    this.wake = undefined
    wake?.()
  }
}
