/** A service's model: a generated game, played over real connections, gives the same answers as in memory. */
import { expect, it } from "@effect/vitest"
import * as MemoryWorld from "@troupe/testkit/MemoryWorld"
import type { World } from "@troupe/testkit/World"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import type * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"
import type * as MemoryBackend from "@troupe/testkit/MemoryBackend"

/** Of the games; printed where one fails. */
const seed = Number(process.env["TROUPE_SEED"] || Date.now() % 1_000_000)
const runs = Number(process.env["TROUPE_GAMES"] || 200)

export const playsAsMemoryDoes = <R, Game extends ReadonlyArray<unknown>, E>(
  model: {
    readonly games: Arbitrary.Arbitrary<Game>
    readonly play: (world: World<R>, game: Game) => Effect.Effect<ReadonlyArray<unknown>, E, Scope.Scope>
  },
  memory: Layer.Layer<R, never, MemoryBackend.MemoryBackend>,
  make: (options: { readonly seed: number }) => Effect.Effect<World<R>, unknown, Scope.Scope>,
  of = ""
): void =>
  it.live(
    `${of}plays every game as memory does`,
    () =>
      Effect.gen(function* () {
        const played = (game: Game, world: Effect.Effect<World<R>, unknown, Scope.Scope>) =>
          Effect.scoped(Effect.flatMap(world, (world) => world.run(Effect.scoped(model.play(world, game)))))
        const result = yield* Arbitrary.checkEffect(
          model.games,
          Effect.fnUntraced(function* (game) {
            const expected = yield* played(game, MemoryWorld.make({ seed: 1, layer: () => memory }))
            return Equal.equals(yield* played(game, make({ seed: 1 })), expected)
          }),
          { runs, seed, size: 40 }
        )
        expect(Arbitrary.formatCheckFailure(result), `seed ${seed}`).toBeUndefined()
        // A superseded peer says so.
      }).pipe(Effect.provide(Logger.layer([]))),
    300_000
  )
