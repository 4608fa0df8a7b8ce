/** PubSub's laws on a server and on a cluster, and its model: the same game gives the same answers as in memory. */
import { expect, it } from "@effect/vitest"
import * as Conformance from "@troupe/testkit/Conformance"
import * as HistoryLaws from "@troupe/testkit/laws/HistoryLaws"
import * as PubSubLaws from "@troupe/testkit/laws/PubSubLaws"
import * as PubSubModel from "@troupe/testkit/laws/PubSubModel"
import * as MemoryPubSub from "@troupe/testkit/MemoryPubSub"
import * as MemoryWorld from "@troupe/testkit/MemoryWorld"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as RedisPubSub from "../src/RedisPubSub.ts"
import { places, seed } from "./support/places.ts"
import * as RedisWorld from "./support/RedisWorld.ts"

for (const { at, name, prefix, skip } of places) {
  const make = (options: { readonly seed: number; readonly notes?: boolean }) =>
    RedisWorld.make({ ...options, prefix, at, layer: () => RedisPubSub.layer })

  skip(`on a ${name}`, () => {
    Conformance.suite("PubSub", { ...PubSubLaws, ...HistoryLaws }, make)

    it.live(
      "plays every game as memory does",
      () =>
        Effect.gen(function* () {
          const runs = Number(process.env["TROUPE_RUNS"] || 200)
          const result = yield* Arbitrary.checkEffect(
            PubSubModel.games,
            Effect.fnUntraced(function* (game) {
              const memory = yield* Effect.scoped(
                Effect.flatMap(MemoryWorld.make({ seed: 1, layer: () => MemoryPubSub.layer }), (world) =>
                  world.run(Effect.scoped(PubSubModel.play(world, game)))
                )
              )
              const redis = yield* Effect.scoped(
                Effect.flatMap(make({ seed: 1 }), (world) => world.run(Effect.scoped(PubSubModel.play(world, game))))
              )
              return Equal.equals(redis, memory)
            }),
            { runs, seed, size: 40 }
          )
          expect(Arbitrary.formatCheckFailure(result), `seed ${seed}`).toBeUndefined()
        }),
      300_000
    )
  })
}
