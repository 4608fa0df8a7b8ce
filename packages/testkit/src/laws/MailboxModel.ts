/**
 * Boxes as a game of any length: what is delivered, asked and closed, with every kind of place behind which to begin. Two
 * backends that keep the laws give the same answers to the same game, whatever policy stands above them.
 */
import * as Store from "@troupe/core/MailboxStore"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type { Node, World } from "../World.ts"

const below = (limit: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: limit - 1 }))
const box = below(3)
const bounds = below(4)

const Deliver = Schema.TaggedStruct("Deliver", { box, bounds, count: below(5), size: below(8) })
const Poll = Schema.TaggedStruct("Poll", { box, bounds, place: below(7), back: below(4), limit: below(4) })

// What fills a box is asked for more often than what looks at it, and that more often than what empties it.
const Operation = Schema.Union([
  Deliver,
  Deliver,
  Deliver,
  Poll,
  Poll,
  Poll,
  Schema.TaggedStruct("Close", { box }),
  Schema.TaggedStruct("Evict", { meta: below(2) }),
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

const boxes = [
  ["a", "b:c"],
  ["a:b", "c"],
  ["*", "ü\n"]
] as const
const kinds: ReadonlyArray<Store.Bounds> = [
  { timeToLiveMs: 10_000, capacity: 4 },
  { timeToLiveMs: 10_000, capacity: 30 },
  { timeToLiveMs: 3_600_000, capacity: 2 },
  { timeToLiveMs: 3_600_000, capacity: 100 }
]
const sizes = [0, 1, 1, 10, 10, 100, 1_000, 400_000]
const limits = [1, 3, 20, Store.maxLetters]
const steps = [-60_000, 1_000, 3_600_000, -3_600_000]
const spans = [0, 1, 999, 1_000, 9_000, 10_000, 3_600_000, Store.boxMs, Store.boxMs + 10_000]

const at = <A>(all: ReadonlyArray<A>, i: number, otherwise: A): A => all[i] ?? otherwise

/** Plays it; gives every answer as comparable values. Epochs have other names on each backend: they are told by their order. */
export const play = Effect.fnUntraced(function* (world: World<Store.MailboxStore>, game: ReadonlyArray<Operation>) {
  const told: Array<unknown> = []
  const node: Node<Store.MailboxStore> = yield* world.spawn()
  const epochs: Array<string> = []
  /** Every place that was given, the last of a box first. */
  const places = new Map<number, ReadonlyArray<Store.Place>>()
  let sent = 0
  const ask = <A>(use: (store: Store.Service) => Effect.Effect<A, unknown>) =>
    Effect.map(Effect.exit(Effect.provide(Effect.flatMap(Store.MailboxStore, use), node.context)), (exit) => {
      if (Exit.isFailure(exit)) told.push("refused")
      return Exit.isSuccess(exit) ? exit.value : undefined
    })
  for (const operation of game) {
    const which = "box" in operation ? operation.box : 0
    const [name, client] = at(boxes, which, boxes[0])
    told.push(operation._tag)
    switch (operation._tag) {
      case "Deliver": {
        const terms = at(kinds, operation.bounds, kinds[0]!)
        for (let n = 0; n <= operation.count; n++) {
          const payload = `${(sent += 1)}`.padEnd(at(sizes, operation.size, 0), "x")
          yield* ask((store) => store.deliver(name, client, terms, payload))
        }
        break
      }
      case "Poll": {
        const known = places.get(which) ?? []
        const after = placeOf(operation, known, places.get((which + 1) % boxes.length) ?? [])
        const terms = at(kinds, operation.bounds, kinds[0]!)
        const page = yield* ask((store) => store.poll(name, client, terms, after, at(limits, operation.limit, 1)))
        if (page === undefined) break
        if (!epochs.includes(page.epoch)) epochs.push(page.epoch)
        const numbers = [...page.letters.map(({ number }) => number), page.number]
        places.set(
          which,
          [...numbers.map((number) => ({ epoch: page.epoch, number })).toReversed(), ...known].slice(0, 40)
        )
        told.push(epochs.indexOf(page.epoch), page.number, page.lost)
        for (const { at, number, payload } of page.letters) told.push(at, number, payload.length, payload.slice(0, 8))
        break
      }
      case "Close":
        yield* ask((store) => store.close(name, client))
        break
      case "Evict":
        yield* world.store.evict(operation.meta === 0 ? ":letters" : ":meta")
        break
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

/** None, one that was given lately or before, one too far, of another box, or of nobody. */
const placeOf = (
  { back, place }: typeof Poll.Type,
  known: ReadonlyArray<Store.Place>,
  others: ReadonlyArray<Store.Place>
): Store.Place | undefined => {
  const last = known[0]
  switch (place) {
    case 0:
      return undefined
    case 1:
      return known[back * 8]
    case 2:
      return last && { ...last, number: last.number + back }
    case 3:
      return others[back]
    case 4:
      return { epoch: "nobody", number: back }
    default:
      return known[back] ?? last
  }
}
