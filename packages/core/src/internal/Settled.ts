/** Effects that are already done: what need not be run need not cost a turn. */
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

export const isSettled = <A, E, R>(effect: Effect.Effect<A, E, R>): effect is Exit.Exit<A, E> => Exit.isExit(effect)
