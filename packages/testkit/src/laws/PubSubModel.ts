/**
 * PubSub as a game of any length: operations that say all they do, and what a world answers to them. Two backends that
 * keep the laws give the same answers to the same game in worlds of the same seed.
 */
import * as PubSub from "@troupe/core/PubSub"
import * as Arbitrary from "effect/Arbitrary"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { World } from "../World.ts"

const below = (limit: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: limit - 1 }))
const whom = { peer: below(2), channel: below(2) }

const Operation = Schema.Union([
  Schema.TaggedStruct("Publish", { ...whom, key: below(4) }),
  Schema.TaggedStruct("PublishAll", { ...whom, count: below(8) }),
  Schema.TaggedStruct("History", { ...whom, last: below(8), after: below(12) }),
  Schema.TaggedStruct("Listen", { ...whom, from: below(8), buffer: below(4) }),
  Schema.TaggedStruct("Pass", { seconds: below(25) }),
  Schema.TaggedStruct("Outage", { peer: below(2), seconds: below(12) }),
  Schema.TaggedStruct("LoseAnswer", { peer: below(2), applied: Schema.Boolean }),
  Schema.TaggedStruct("Step", { seconds: below(60) }),
  Schema.TaggedStruct("Full", { on: below(6) }),
  Schema.TaggedStruct("Forget", { really: below(3) })
])
export type Operation = typeof Operation.Type

/** Games of thirty operations and more. */
export const games: Arbitrary.Arbitrary<ReadonlyArray<Operation>> = Arbitrary.array(Arbitrary.schema(Operation), {
  minLength: 30,
  maxLength: 40
})

const channels = ["one", "two"].map((name) =>
  PubSub.channel(name, { message: Schema.Int, history: { size: 5, timeToLive: "1 minute" } })
)

const fromOutside = new Set<Operation["_tag"]>(["Step", "Full", "Forget"])

/** Plays it; gives every answer and everything that was heard, as comparable text. */
export const play = Effect.fnUntraced(function* (world: World<PubSub.PubSub>, game: ReadonlyArray<Operation>) {
  const peers = [yield* world.spawn(), yield* world.spawn()]
  const told: Array<unknown> = []
  const positions: Array<PubSub.Position> = [{ epoch: "unheard of", sequence: 3 }]
  const epochs = new Map<string, number>()
  let value = 0

  // Epochs are random: what counts is which are the same.
  const at = ({ epoch, sequence }: PubSub.Position): string => {
    const number = epochs.get(epoch) ?? epochs.size
    epochs.set(epoch, number)
    return `${number}/${sequence}`
  }
  const published = ({ duplicate, position }: PubSub.Published) => {
    positions.push(position)
    return `${at(position)}${duplicate ? " again" : ""}`
  }
  const heard = (delivery: PubSub.Delivery<number>) =>
    delivery._tag === "Gap"
      ? `gap ${delivery.reason} ${delivery.missed ?? ""}`
      : `${delivery.value} at ${at(delivery.position)} by ${delivery.publisher} on ${JSON.stringify(delivery.publishedAt)}`

  for (const operation of game) {
    // What is done to the store itself stands outside the world's order: all that is under way comes first.
    if (fromOutside.has(operation._tag)) yield* world.advance(0)
    switch (operation._tag) {
      case "Pass":
        yield* world.advance(`${operation.seconds} seconds`)
        continue
      case "Step":
        yield* world.store.stepClock(`${operation.seconds - 30} seconds`)
        continue
      case "Full":
        yield* world.store.full(operation.on === 0)
        continue
      case "Forget":
        if (operation.really === 0) yield* world.store.forget
        continue
    }
    const peer = peers[operation.peer]!
    if (operation._tag === "Outage") {
      yield* peer.cut
      yield* world.advance(`${operation.seconds} seconds`)
      yield* peer.heal
      yield* world.advance("3 seconds")
      continue
    }
    if (operation._tag === "LoseAnswer") {
      yield* peer.loseAnswer(operation.applied ? "applied" : "not applied")
      continue
    }
    const channel = channels[operation.channel]!
    // A call may wait for one before it that hangs: time passes for as long as it takes.
    const answer = yield* Effect.exit(
      world.complete(
        Effect.provide(
          Effect.gen(function* (): Effect.fn.Return<unknown, unknown, PubSub.PubSub | Scope.Scope> {
            const pubsub = yield* PubSub.PubSub
            switch (operation._tag) {
              case "Publish": {
                const dedupeKey = operation.key === 0 ? undefined : `key ${operation.key}`
                return published(yield* pubsub.publish(channel, (value += 1), { dedupeKey }))
              }
              case "PublishAll": {
                const values = Array.from({ length: operation.count }, () => (value += 1))
                return (yield* pubsub.publishAll(channel, values)).map(published)
              }
              case "History": {
                const after = positions[operation.after]
                return (yield* pubsub.history(channel, { after, last: operation.last })).map(heard)
              }
              case "Listen": {
                const { buffer, from } = operation
                const where =
                  from === 0 ? "now" : from === 1 ? "earliest" : from < 5 ? { last: from - 1 } : positions.at(-from)
                const { deliveries } = yield* pubsub.subscribe(channel, { from: where, buffer: buffer + 1 })
                const all: Array<string> = []
                told.push(all)
                yield* Effect.forkScoped(
                  Effect.ignore(
                    Stream.runForEach(deliveries, (delivery) => Effect.sync(() => all.push(heard(delivery))))
                  )
                )
                return undefined
              }
            }
          }),
          peer.context
        )
      )
    )
    told.push(Exit.isSuccess(answer) ? answer.value : refused(Cause.squash(answer.cause)))
  }
  yield* world.store.full(false)
  yield* world.advance("40 seconds")
  // What listeners that end with the scope tell later is not part of the answer.
  return structuredClone(told)
})

const refused = (error: unknown): string =>
  error instanceof Error &&
  "reason" in error &&
  "outcome" in error &&
  error.reason instanceof Error &&
  "_tag" in error.reason
    ? `refused: ${String(error.reason._tag)} ${String(error.outcome)}`
    : String(error)
