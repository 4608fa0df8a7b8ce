/** A seed's order of events is the same in memory, on a server and on a cluster: a law that fails there fails here. */
import * as PubSub from "@troupe/core/PubSub"
import * as MemoryPubSub from "@troupe/testkit/MemoryPubSub"
import * as MemoryWorld from "@troupe/testkit/MemoryWorld"
import type * as World from "@troupe/testkit/World"
import { expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as RedisPubSub from "../src/RedisPubSub.ts"
import { places } from "./support/places.ts"
import * as RedisWorld from "./support/RedisWorld.ts"

const News = PubSub.channel("news", { message: Schema.String, history: { size: 100, timeToLive: "1 hour" } })

/** Three peers publish and hear at once, one of them cut off for a while; gives what happened, in its order. */
const story = Effect.fnUntraced(function* (world: World.World<PubSub.PubSub>) {
  const told: Array<string> = []
  const peers = yield* Effect.forEach(["a", "b", "c"], (name) => world.spawn({ name }))
  for (const { context, name } of peers) {
    const { messages } = yield* Context.get(context, PubSub.PubSub).subscribe(News)
    const hear = Stream.runForEach(messages, (message) => Effect.sync(() => told.push(`${name} hears ${message}`)))
    yield* Effect.forkScoped(Effect.provide(hear, context))
  }
  const say = Effect.fnUntraced(function* ({ context, name }: World.Node<PubSub.PubSub>) {
    for (const n of [1, 2, 3, 4]) {
      yield* Context.get(context, PubSub.PubSub).publish(News, `${name}${n}`)
      told.push(`${name} said ${n}`)
      yield* Effect.provide(Effect.sleep("700 millis"), context)
    }
  })
  yield* Effect.forEach([...peers, ...peers], (peer) => Effect.forkScoped(Effect.ignore(say(peer))), { discard: true })
  yield* world.advance("500 millis")
  yield* peers[1]!.cut
  yield* world.advance("10 seconds")
  yield* peers[1]!.heal
  yield* world.advance("10 seconds")
  return told
})

const tell = <E>(make: Effect.Effect<World.World<PubSub.PubSub>, E, Scope.Scope>) =>
  Effect.scoped(Effect.flatMap(make, (world) => world.run(Effect.scoped(story(world)))))

for (const { at, name, prefix, skip } of places) {
  skip(`the world on a ${name}`, () => {
    it.live("goes as the one in memory does, seed by seed", () =>
      Effect.gen(function* () {
        const stories = new Set<string>()
        for (let seed = 1; seed <= 20; seed++) {
          const memory = yield* tell(MemoryWorld.make({ seed, layer: () => MemoryPubSub.layer }))
          const redis = yield* tell(RedisWorld.make({ seed, at, prefix, layer: () => RedisPubSub.layer }))
          expect(redis, `seed ${seed}`).toEqual(memory)
          stories.add(memory.join())
        }
        expect(stories.size).toBeGreaterThan(10)
      })
    )
  })
}
