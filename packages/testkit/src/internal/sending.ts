/** What peers of a world send, as laws count it. */
import * as Effect from "effect/Effect"
import type * as World from "../World.ts"

/** How many requests it sent. */
export const costOf = <A, E, R>(peer: Pick<World.Node<never>, "requests">, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const before = (yield* peer.requests).length
    yield* effect
    return (yield* peer.requests).length - before
  })

/** What was begun has sent its request, and nothing has been answered yet. */
export const turns = Effect.repeat(Effect.yieldNow, { times: 8 })
