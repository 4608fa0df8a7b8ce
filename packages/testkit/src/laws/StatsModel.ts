/**
 * The sums as a game of any length: what senders, readers and resets ask of the store, and what it answers. Two backends that
 * keep the laws give the same answers to the same game, whatever policy stands above them.
 */
import * as Store from "@troupe/core/StatsStore"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type { Node, World } from "../World.ts"

const below = (limit: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: limit - 1 }))
const who = below(3)
const sum = Schema.Struct({ name: below(5), by: below(7), age: below(8) })
const gauge = Schema.Struct({ name: below(5), value: below(5), sent: below(5), reset: below(3) })

const Flush = Schema.TaggedStruct("Flush", {
  who,
  // Behind the last, the last again, the next, one too far.
  number: below(5),
  sent: below(5),
  reset: below(3),
  keep: below(4),
  sums: Schema.Array(sum),
  gauges: Schema.Array(gauge)
})

// What makes sums is asked for more often than what looks at them.
const Operation = Schema.Union([
  Schema.TaggedStruct("Join", { who, isNew: below(3), keep: below(4) }),
  Flush,
  Flush,
  Flush,
  Schema.TaggedStruct("Renew", { who, number: below(5), keep: below(4) }),
  Schema.TaggedStruct("Read", { who }),
  Schema.TaggedStruct("Series", { who, name: below(5), count: below(4), hours: below(2) }),
  Schema.TaggedStruct("Reset", { who, name: below(5) }),
  Schema.TaggedStruct("Step", { ms: below(4) }),
  Schema.TaggedStruct("Pass", { ms: below(9) }),
  Schema.TaggedStruct("Pass", { ms: below(9) })
])
export type Operation = typeof Operation.Type

/** Games of forty operations and more. */
export const games: Arbitrary.Arbitrary<ReadonlyArray<Operation>> = Arbitrary.array(Arbitrary.schema(Operation), {
  minLength: 40,
  maxLength: 80
})

const names = ["a", "b:c", "*", "ü\n", "__proto__"]
const amounts = [1, -1, 0, 1_000, Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER, -7]
const values = [0, 1.5, -3e21, 1e-7, 42]
const ages = [0, 0.25, 999, 60_000, 3_600_000, 86_340_000, 86_400_000, 7_776_000_000]
const sents = [undefined, 0, 1, 1_000, 60_000]
const keeps = [1, 1_000, 30_000, 60_000]
const counts = [1, 5, 60, 1_440]
const steps = [-60_000, 1_000, 3_600_000, -3_600_000]
const spans = [0, 1, 999, 1_000, 29_000, 60_000, 3_600_000, 86_400_000, 7 * 86_400_000]

const at = <A>(all: ReadonlyArray<A>, i: number, otherwise: A): A => all[i] ?? otherwise

interface Player {
  readonly node: Node<Store.StatsStore>
  id: string
  /** Of the last batch it was told of. */
  number: number
  /** The resets that it knows, the last first. */
  resets: ReadonlyArray<number>
}

/** Plays it; gives every answer as comparable values. */
export const play = Effect.fnUntraced(function* (world: World<Store.StatsStore>, game: ReadonlyArray<Operation>) {
  const told: Array<unknown> = []
  const players: Array<Player> = []
  for (const n of [0, 1, 2]) {
    const node = yield* world.spawn({ name: `p${n}` })
    players.push({ node, id: `p${n}`, number: 0, resets: [] })
  }
  const ask = <A>(player: Player, use: (store: Store.Service) => Effect.Effect<A, unknown>) =>
    Effect.map(Effect.exit(Effect.provide(Effect.flatMap(Store.StatsStore, use), player.node.context)), (exit) => {
      if (Exit.isFailure(exit)) told.push("refused")
      return Exit.isSuccess(exit) ? exit.value : undefined
    })
  for (const operation of game) {
    const player = players["who" in operation ? operation.who : 0]
    if (player === undefined) break
    const name = at(names, "name" in operation ? operation.name : 0, "a")
    const keepMs = at(keeps, "keep" in operation ? operation.keep : 0, 1)
    told.push(operation._tag)
    switch (operation._tag) {
      case "Join": {
        if (operation.isNew === 0) {
          player.id += "'"
          player.number = 0
        }
        const { id, node } = player
        told.push(yield* ask(player, (store) => store.join(id, node.name, id, keepMs)))
        break
      }
      case "Flush": {
        const batch = batchOf(player, operation, keepMs)
        const answer = yield* ask(player, (store) => store.flush(batch))
        if (answer?._tag === "Known") player.number = Math.max(player.number, batch.number)
        told.push(answer)
        break
      }
      case "Renew":
        told.push(yield* ask(player, (store) => store.renew(player.id, player.number + operation.number - 2, keepMs)))
        break
      case "Read":
        told.push(shown(yield* ask(player, (store) => store.byPeer)))
        told.push(shown(yield* ask(player, (store) => store.totals), "gauges alone"))
        break
      case "Series": {
        const resolution = operation.hours === 1 ? "1 hour" : "1 minute"
        told.push(yield* ask(player, (store) => store.series(name, resolution, at(counts, operation.count, 1))))
        break
      }
      case "Reset": {
        const reset = yield* ask(player, (store) => store.reset(name))
        if (reset !== undefined) player.resets = [reset, ...player.resets]
        told.push(reset)
        break
      }
      case "Step":
        yield* world.store.stepClock(at(steps, operation.ms, 0))
        break
      case "Pass":
        yield* world.advance(at(spans, operation.ms, 0))
        break
    }
  }
  return told
})

// -- internals ----------------------------------------------------------------------------------------------------

const batchOf = (player: Player, operation: typeof Flush.Type, keepMs: number): Store.Batch => ({
  sender: player.id,
  number: Math.max(1, player.number + operation.number - 2),
  keepMs,
  sentMs: sents[operation.sent],
  reset: player.resets[operation.reset] ?? 0,
  sums: operation.sums.map(({ age, by, name }) => ({
    name: at(names, name, "a"),
    by: at(amounts, by, 1),
    ageMs: at(ages, age, 0)
  })),
  gauges: operation.gauges.map(({ name, reset, sent, value }) => ({
    name: at(names, name, "a"),
    value: at(values, value, 0),
    sentMs: sents[sent],
    reset: player.resets[reset] ?? 0
  }))
})

const sorted = (sums: ReadonlyMap<string, number>) => [...sums].sort(([a], [b]) => (a < b ? -1 : 1))

/** In an order that both have. */
const shown = (sheet: Store.Sheet | undefined, which?: "gauges alone") =>
  sheet && [
    sorted(sheet.totals),
    sheet.peers
      .map(({ gauges, name, sums }) =>
        JSON.stringify(which === undefined ? [name, sorted(sums), sorted(gauges)] : sorted(gauges))
      )
      .filter((text) => text !== "[]")
      .sort()
  ]
