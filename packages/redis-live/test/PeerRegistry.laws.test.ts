/** PeerRegistry's laws on a server and on a cluster, and its model: the same game gives the same answers as in memory. */
import { expect, it } from "@effect/vitest"
import * as Conformance from "@troupe/testkit/Conformance"
import * as LeadershipLaws from "@troupe/testkit/laws/LeadershipLaws"
import * as PeerRegistryLaws from "@troupe/testkit/laws/PeerRegistryLaws"
import * as PeerRegistryModel from "@troupe/testkit/laws/PeerRegistryModel"
import * as MemoryPeerRegistry from "@troupe/testkit/MemoryPeerRegistry"
import * as MemoryWorld from "@troupe/testkit/MemoryWorld"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as RedisPeerRegistry from "../src/RedisPeerRegistry.ts"
import { places, seed } from "./support/places.ts"
import * as RedisWorld from "./support/RedisWorld.ts"

// A superseded peer says so.
const quiet = Layer.provide(RedisPeerRegistry.layer(), Logger.layer([]))

for (const { at, name, prefix, skip } of places) {
  const make = (options: { readonly seed: number; readonly notes?: boolean }) =>
    RedisWorld.make({ ...options, prefix, at, layer: () => quiet })

  skip(`on a ${name}`, () => {
    Conformance.suite("PeerRegistry", { ...PeerRegistryLaws, ...LeadershipLaws }, make)

    it.live(
      "plays every game as memory does",
      () =>
        Effect.gen(function* () {
          const runs = Number(process.env["TROUPE_RUNS"] ?? 200)
          const result = yield* Arbitrary.checkEffect(
            PeerRegistryModel.games,
            Effect.fnUntraced(function* (game) {
              const memory = yield* Effect.scoped(
                Effect.flatMap(MemoryWorld.make({ seed: 1, layer: () => MemoryPeerRegistry.layer() }), (world) =>
                  world.run(Effect.scoped(PeerRegistryModel.play(world, game)))
                )
              )
              const redis = yield* Effect.scoped(
                Effect.flatMap(make({ seed: 1 }), (world) =>
                  world.run(Effect.scoped(PeerRegistryModel.play(world, game)))
                )
              )
              return Equal.equals(redis, memory)
            }),
            { runs, seed, size: 40 }
          )
          expect(Arbitrary.formatCheckFailure(result), `seed ${seed}`).toBeUndefined()
        }).pipe(Effect.provide(Logger.layer([]))),
      300_000
    )
  })
}
