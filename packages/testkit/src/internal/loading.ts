/** How the laws of loads speak: what was loaded where, from when until when, and how it ended. */
import * as Cause from "effect/Cause"
import type * as Cache from "@troupe/core/Cache"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Caches, Peer } from "./caching.ts"
import { on } from "./caching.ts"

/** One run of a load; times are the server's. */
export interface Ran {
  readonly peer: string
  readonly from: number
  until: number | undefined
  end: "Success" | "Failure" | "Interrupt" | undefined
}

/** A load that takes so long, gives that, and is written down. */
export const loading = <A, E>(
  world: Caches,
  peer: Peer,
  runs: Array<Ran>,
  lasting: Duration.Input,
  answer: Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.gen(function* () {
    const ran: Ran = { peer: peer.name, from: yield* world.now, until: undefined, end: undefined }
    runs.push(ran)
    return yield* Effect.onExit(Effect.andThen(Effect.sleep(lasting), answer), (exit) =>
      Effect.map(world.now, (now) => {
        ran.until = now
        ran.end = Exit.isSuccess(exit) ? "Success" : Cause.hasInterrupts(exit.cause) ? "Interrupt" : "Failure"
      })
    )
  })

export const getOrSet = <K, A, E>(
  peer: Peer,
  region: Cache.Region<K, A>,
  key: K,
  load: Effect.Effect<A, E>,
  options?: Cache.SetOptions
) => on(peer, (cache) => cache.getOrSet(region, key, load, options))

/** That many at once, each to its end. */
export const times = <A, E, R>(count: number, effect: Effect.Effect<A, E, R>) =>
  Effect.all(
    Array.from({ length: count }, () => effect),
    { concurrency: "unbounded" }
  )
