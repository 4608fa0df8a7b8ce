/** An application's own tests of what it tells its clients: no server, and no waiting, for Effect's TestClock is the server's clock. */
import { assert, it } from "@effect/vitest"
import { Mailbox } from "@troupe/core"
import { RedisClient, RedisMailbox } from "@troupe/redis-live"
import { Memory, MemoryBackend } from "@troupe/testkit"
import { Effect, Fiber, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import { inject } from "vitest"
import { missing } from "../scripts/missing.ts"

const Steps = Mailbox.box("steps", { message: Schema.String, timeToLive: "1 hour", capacity: 3 })

const redis = Layer.provide(
  RedisMailbox.layer,
  RedisClient.layer({ url: inject("redisUrl") ?? "", prefix: `${inject("redisPrefix")}-letters` })
)
const tell = (...steps: ReadonlyArray<string>) =>
  Effect.flatMap(Mailbox.Mailbox, (mailbox) => Effect.forEach(steps, (step) => mailbox.deliver(Steps, "phone", step)))
const answer = (after?: string, wait = 0) =>
  Effect.map(
    Effect.flatMap(Mailbox.Mailbox, (mailbox) => mailbox.poll(Steps, "phone", { after, wait })),
    ({ cursor, letters, lost }) => ({ cursor, lost, steps: letters.map(({ message }) => message) })
  )

it.effect("a phone that was off for an hour is told that it missed something", () =>
  Effect.gen(function* () {
    yield* tell("cooking")
    const { cursor } = yield* answer()
    yield* tell("on its way")
    yield* TestClock.adjust("1 hour")
    assert.deepInclude(yield* answer(cursor), { lost: true, steps: [] })
  }).pipe(Effect.provide(Memory.layer))
)

it.effect("whichever peer the phone reaches answers, and so does the next where that one ends", () =>
  Effect.gen(function* () {
    const web = yield* Layer.build(Memory.layerPeer({ name: "web 1" }))
    const asked = yield* Effect.forkChild(Effect.provide(answer(undefined, 20_000), web))
    yield* TestClock.adjust("3 seconds")
    yield* Effect.provide(tell("cooking"), Memory.layerPeer({ name: "kitchen" }))
    assert.deepInclude(yield* Fiber.join(asked), { lost: false, steps: ["cooking"] })
    const again = yield* Effect.provide(answer(), Memory.layerPeer({ name: "web 2" }))
    assert.deepInclude(again, { lost: false, steps: ["cooking"] })
  }).pipe(Effect.scoped, Effect.provide(MemoryBackend.layer))
)

it.live.skipIf(missing.redis)("on Redis nothing else changes", () =>
  Effect.gen(function* () {
    yield* tell("1", "2")
    const lost = yield* answer()
    assert.deepInclude(yield* answer(), { lost: false, steps: ["1", "2"] })
    yield* tell("3", "4", "5", "6")
    assert.deepInclude(yield* answer(lost.cursor), { lost: true, steps: ["4", "5", "6"] })
  }).pipe(Effect.provide(redis))
)
