/**
 * Locks as a game of any length: who asks, holds on and gives back, early, late or twice, while the store forgets and its
 * clock steps. Two backends that keep the laws give the same answers to the same game.
 */
import * as Store from "@troupe/core/CacheStore"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type { Node, World } from "../World.ts"

const below = (limit: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: limit - 1 }))
const who = below(3)
const name = below(3)

const Operation = Schema.Union([
  Schema.TaggedStruct("Lock", { who, name, again: below(4), life: below(4) }),
  Schema.TaggedStruct("Lock", { who, name, again: below(4), life: below(4) }),
  Schema.TaggedStruct("Relock", { who, name, life: below(4) }),
  Schema.TaggedStruct("Relock", { who, name, life: below(4) }),
  Schema.TaggedStruct("Unlock", { who, name }),
  Schema.TaggedStruct("Fault", { which: below(6) }),
  Schema.TaggedStruct("Pass", { ms: below(5) }),
  Schema.TaggedStruct("Pass", { ms: below(5) })
])
export type Operation = typeof Operation.Type

/** Games of forty operations and more. */
export const games: Arbitrary.Arbitrary<ReadonlyArray<Operation>> = Arbitrary.array(Arbitrary.schema(Operation), {
  minLength: 40,
  maxLength: 80
})

/** Of one part on a Cluster, too: what is let go of with what is a part's own affair. */
const names = ["a", "b:2", "日本59"]
const lives = [1, 1_000, 10_000, 60_000]
const spans = [0, 1, 999, 5_000, 60_000]

/** What one of them last asked for under a name. */
interface Asked {
  readonly owner: string
  readonly fence: number
}

/** Plays it; gives every answer as comparable values. */
export const play = Effect.fnUntraced(function* (world: World<Store.CacheStore>, game: ReadonlyArray<Operation>) {
  const told: Array<unknown> = []
  const nodes: Array<Node<Store.CacheStore>> = []
  for (const n of [0, 1, 2]) nodes.push(yield* world.spawn({ name: `p${n}` }))
  const asked = new Map<string, Asked>()
  let above = 0
  const ask = <A>(who: number, use: (store: Store.Service) => Effect.Effect<A, unknown>) => {
    const program = Effect.flatMap(Store.CacheStore, use)
    const node = nodes[who]
    return Effect.map(
      Effect.exit(node === undefined ? Effect.die(who) : Effect.provide(program, node.context)),
      (exit) => (Exit.isFailure(exit) ? undefined : exit.value)
    )
  }
  for (const operation of game) {
    told.push(operation._tag)
    const text = "name" in operation ? (names[operation.name] ?? "a") : ""
    const key = "who" in operation ? `${operation.who} ${text}` : ""
    const last = asked.get(key) ?? { owner: "nobody", fence: 1 }
    const timeToLiveMs = "life" in operation ? (lives[operation.life] ?? 1) : 0
    switch (operation._tag) {
      case "Lock": {
        const owner = operation.again === 0 ? last.owner : `${key} ${told.length}`
        const answer = yield* ask(operation.who, (store) => store.lock(text, { owner, timeToLiveMs, above }))
        told.push(answer)
        if (answer === undefined) break
        above = Math.max(above, answer.fence)
        if (answer._tag === "Held") asked.set(key, { owner, fence: answer.fence })
        break
      }
      case "Relock": {
        const claim = { owner: last.owner, timeToLiveMs, above }
        told.push(yield* ask(operation.who, (store) => store.relock(text, claim, last.fence)))
        break
      }
      case "Unlock":
        told.push(yield* ask(operation.who, (store) => store.unlock(text, last.owner)))
        break
      case "Fault":
        if (operation.which === 0) yield* world.store.forget
        if (operation.which === 1) yield* world.store.stepClock("-7 seconds")
        if (operation.which === 2) yield* world.store.stepClock("7 seconds")
        break
      case "Pass":
        yield* world.advance(spans[operation.ms] ?? 0)
    }
  }
  return structuredClone(told)
})
