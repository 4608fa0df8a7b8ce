/**
 * Registers laws with vitest, for us and for anyone who writes a backend: one test a law, titled by its name, tried in
 * a fresh world for each of several seeds.
 *
 *     Conformance.suite("PubSub on memory", PubSubLaws, (options) => MemoryWorld.make({ ...options, layer }))
 *
 * `TROUPE_RUNS` says how many seeds (default 5), `TROUPE_SEED` which is the first (default 1; given alone, the only
 * one). A failure names its seed.
 */
import { describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as World from "./World.ts"

export interface WorldOptions {
  readonly seed: number
  /** True for the laws that rewind. */
  readonly notes: boolean
}

export interface Options {
  /** Seeds a law is tried with where `TROUPE_RUNS` does not say. Default 5. */
  readonly runs?: number | undefined
  /** Of one law with all its seeds, real ms. Default 120,000. */
  readonly timeout?: number | undefined
}

/** A suite of that name: `laws` are the exports of a law file, or some of them. */
export const suite = <R>(
  name: string,
  laws: Readonly<Record<string, World.Law<R>>>,
  makeWorld: (options: WorldOptions) => Effect.Effect<World.World<R>, unknown, Scope.Scope>,
  options: Options = {}
): void => {
  describe(name, () => {
    for (const [title, law] of Object.entries(laws)) {
      it.live(
        title,
        () => Effect.forEach(seeds(options.runs), (seed) => keeps(title, makeWorld, law, seed), { discard: true }),
        options.timeout ?? 120_000
      )
    }
  })
}

const keeps = <R>(
  title: string,
  makeWorld: (options: WorldOptions) => Effect.Effect<World.World<R>, unknown, Scope.Scope>,
  law: World.Law<R>,
  seed: number
): Effect.Effect<void> =>
  World.prove(({ notes }) => makeWorld({ seed, notes }), law).pipe(
    Effect.catchCause((cause) =>
      Effect.die(
        new Error(`${title} fails with seed ${seed} (TROUPE_SEED=${seed} tries it again)`, {
          cause: Cause.squash(cause)
        })
      )
    )
  )

/** The seeds of one law. */
const seeds = (runs = 5): ReadonlyArray<number> => {
  const first = whole("TROUPE_SEED")
  const count = whole("TROUPE_RUNS") ?? (first === undefined ? runs : 1)
  return Array.from({ length: count }, (_, i) => (first ?? 1) + i)
}

const whole = (variable: string): number | undefined => {
  const text = process.env[variable]
  if (text === undefined || text === "") return undefined
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`${variable} is ${text}, and must be a whole number`)
  return value
}
