/** Effects that are already done: what need not be run need not cost a turn. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

export const isSettled = <A, E, R>(effect: Effect.Effect<A, E, R>): effect is Exit.Exit<A, E> => Exit.isExit(effect)

/** As `Effect.map`, without a turn where it is done already. */
export const mapped = <A, B, E, R>(effect: Effect.Effect<A, E, R>, f: (a: A) => B): Effect.Effect<B, E, R> =>
  isSettled(effect) && Exit.isSuccess(effect) ? Exit.succeed(f(effect.value)) : Effect.map(effect, f)

/** As `Effect.flatMap`, without a turn where it is done already. */
export const chained = <A, B, E, R, E2, R2>(
  effect: Effect.Effect<A, E, R>,
  f: (a: A) => Effect.Effect<B, E2, R2>
): Effect.Effect<B, E | E2, R | R2> =>
  isSettled(effect) && Exit.isSuccess(effect) ? f(effect.value) : Effect.flatMap(effect, f)
