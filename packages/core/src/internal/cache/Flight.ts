/**
 * One key on its way into the region, and who of this process waits for it.
 *
 * Whoever comes while it is being loaded may have come after somebody took the value away, and must not be answered by a
 * load that began before (promise C5). So it is sure of its answer only if it came before the backend was asked for the
 * lease, or if the backend has said since that the lease still holds.
 */
import type * as Cause from "effect/Cause"
import type { Trip } from "./Trip.ts"

/**
 * - `Absent`: the load left it out.
 * - `Again`: this answer is not for those who came so late: they begin anew.
 *
 * Who loads one key is taken to fail in one way, whoever of this process asks: `any` stands for that.
 */
export type Outcome<A> =
  | { readonly _tag: "Value"; readonly value: A }
  | { readonly _tag: "Absent" }
  | { readonly _tag: "Again" }
  | { readonly _tag: "Failed"; readonly cause: Cause.Cause<any> }

export interface Waiter<A> {
  isSure: boolean
  readonly resume: (outcome: Outcome<A>) => void
}

export const again = { _tag: "Again" } as const

export class Flight<A> {
  readonly key: string
  trip: Trip<A>
  phase: "Asking" | "Waiting" | "Loading" | "Over" = "Asking"
  readonly waiters = new Set<Waiter<A>>()
  /** What may be given until the new one is there; on the monotonic clock, in ms. */
  stale: { readonly value: A; readonly until: number } | undefined
  /** There is a value that does not fit, and this is its version: it is taken for absent. */
  unfit: string | undefined
  /** The backend is being asked whether the lease still holds. */
  isAsked = false

  constructor(key: string, trip: Trip<A>) {
    this.key = key
    this.trip = trip
  }

  /** Those who are sure of it are answered, the others begin anew. */
  end(outcome: Outcome<A>): void {
    this.phase = "Over"
    const waiters = [...this.waiters]
    this.waiters.clear()
    for (const { isSure, resume } of waiters) resume(isSure ? outcome : again)
  }

  /** All who wait and are sure get this, and it goes on. */
  give(outcome: Outcome<A>): void {
    for (const waiter of this.sure) {
      this.waiters.delete(waiter)
      waiter.resume(outcome)
    }
  }

  get sure(): ReadonlyArray<Waiter<A>> {
    return [...this.waiters].filter(({ isSure }) => isSure)
  }

  get unsure(): ReadonlyArray<Waiter<A>> {
    return [...this.waiters].filter(({ isSure }) => !isSure)
  }
}
