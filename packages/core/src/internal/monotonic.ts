/** Time that no change of the wall clock moves: what proofs and waits are measured by. */
import type * as Clock from "effect/Clock"

/** Milliseconds, to the microsecond. */
export const monotonicMs = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe() / 1_000n) / 1_000
