/**
 * What PubSub promises, as laws; those of channels with history stand in HistoryLaws.ts. Each is tried in a world
 * (`../World.ts`), on every backend; the identifiers are those of docs/guarantees.md.
 */
import * as PubSub from "@troupe/core/PubSub"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as assert from "node:assert/strict"
import {
  type Law,
  ascending,
  check,
  collect,
  glance,
  hears,
  Kept,
  kept,
  listen,
  numbers,
  on,
  type Peer,
  Plain,
  publish,
  publishAll,
  refusal,
  silent,
  Slow,
  SlowKept,
  subscribe
} from "../internal/listening.ts"

const both = [Plain, Kept]

/** S1 What is published once `subscribe` has returned arrives, with history and without. */
export const whatIsPublishedAfterSubscribingArrives: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    for (const channel of both) {
      const heard = yield* listen(b, channel)
      const { position } = yield* publish(a, channel, 1)
      yield* world.eventually(check(() => assert.deepEqual(heard.values(), [1])))
      assert.deepEqual(heard.positions(), [position])
    }
  })

/** S2 On a channel with history all see one order, whoever publishes, with strictly growing positions. */
export const allSubscribersSeeOneOrder: Law = (world) =>
  Effect.gen(function* () {
    const peers = [yield* world.spawn(), yield* world.spawn(), yield* world.spawn()]
    const heard = [yield* listen(peers[0]!, Kept), yield* listen(peers[1]!, Kept)]
    yield* Effect.forEach(numbers(30), (n) => publish(peers[n % 3]!, Kept, n), { concurrency: "unbounded" })
    yield* world.eventually(check(() => assert.equal(heard[0]!.values().length, 30)))
    assert.deepEqual(heard[1]!.values(), heard[0]!.values())
    assert.deepEqual(ascending(heard[0]!.values()), numbers(30))
    const sequences = heard[0]!.positions().map(({ sequence }) => sequence)
    assert.deepEqual(
      sequences,
      numbers(30).map((n) => n + 1 + sequences[0]! - 1)
    )
  })

/** S2 On any other channel each publisher's order is kept. */
export const eachPublishersOrderIsKept: Law = (world) =>
  Effect.gen(function* () {
    const peers = [yield* world.spawn(), yield* world.spawn()]
    const heard = yield* listen(peers[0]!, Plain)
    yield* Effect.forEach(numbers(20), (n) => publish(peers[n % 2]!, Plain, n), { concurrency: "unbounded" })
    yield* world.eventually(check(() => assert.equal(heard.values().length, 20)))
    for (const parity of [0, 1]) {
      const mine = heard.values().filter((n) => n % 2 === parity)
      assert.deepEqual(mine, ascending(mine))
    }
  })

/** S3 A message arrives at most once, also where catching up and live messages meet. */
export const aMessageArrivesAtMostOnce: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    const heard = yield* listen(b, Kept)
    for (const round of numbers(4)) {
      yield* b.cut
      yield* publish(a, Kept, round * 10)
      yield* world.advance("3 seconds")
      yield* b.heal
      yield* Effect.forkScoped(Effect.forEach(numbers(5), (n) => publish(a, Kept, round * 10 + n + 1)))
      yield* world.advance("5 seconds")
    }
    const all = numbers(4).flatMap((round) => numbers(6).map((n) => round * 10 + n))
    yield* world.eventually(check(() => assert.deepEqual(heard.values(), all)))
    assert.deepEqual(heard.gaps(), [])
  })

/** S4 Without history a replaced connection is a gap, in its place between what came before and after. */
export const aLostConnectionIsAGap: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    const heard = yield* listen(b, Plain)
    yield* publish(a, Plain, 1)
    yield* world.advance("1 second")
    yield* b.cut
    yield* publish(a, Plain, 2)
    yield* world.eventually(
      check(() => assert.deepEqual(heard.gaps(), ["Disconnected"])),
      "3 seconds"
    )
    yield* b.heal
    yield* world.advance("2 seconds")
    yield* publish(a, Plain, 3)
    yield* hears(world, heard, [1, "Disconnected", 3])
  })

/** S4 The gap comes before the first message of the new connection, though others publish all the while. */
export const theGapComesBeforeWhatFollowsIt: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    const heard = yield* listen(b, Plain)
    const speech = Effect.forEach(numbers(200), (n) => Effect.andThen(publish(a, Plain, n), Effect.sleep("20 millis")))
    yield* Effect.forkScoped(Effect.provide(speech, a.context))
    for (const _ of numbers(2)) {
      yield* world.advance("200 millis")
      yield* world.store.stop
      yield* world.store.start
    }
    yield* world.advance("5 seconds")
    const shape = heard.shape()
    assert.equal(heard.gaps().length, 2)
    shape.forEach((one, i) => {
      const before = shape[i - 1]
      if (typeof before === "number" && typeof one === "number") assert.equal(one, before + 1)
    })
  })

/** S4 A gap is told though nothing follows it. */
export const whatIsMissingAtTheEndIsTold: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    const heard = yield* listen(b, Plain)
    yield* b.deaf
    yield* publish(a, Plain, 1)
    yield* world.advance("10 seconds")
    yield* b.hear
    yield* hears(world, heard, ["Disconnected"], "5 seconds")
  })

/** S6 With history a slow subscriber misses nothing, whatever its buffer; S6 nor do the others wait for it. */
export const aSlowSubscriberCatchesUp: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    const slow = yield* subscribe(b, Kept, { buffer: 2 })
    const quick = yield* listen(b, Kept)
    yield* Effect.forEach(numbers(20), (n) => publish(a, Kept, n))
    yield* world.eventually(check(() => assert.deepEqual(quick.values(), numbers(20))))
    const heard = yield* collect(b, slow)
    yield* hears(world, heard, numbers(20))
    yield* publish(a, Kept, 20)
    yield* hears(world, heard, numbers(21))
  })

/** S6 A5 Without history the oldest that wait go, and the gap says how many. */
export const aSlowSubscriberLearnsHowManyItMissed: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    const slow = yield* subscribe(b, Plain, { buffer: 4 })
    yield* Effect.forEach(numbers(10), (n) => publish(a, Plain, n))
    yield* world.advance("1 second")
    const heard = yield* collect(b, slow)
    yield* hears(world, heard, ["SlowConsumer 6", 6, 7, 8, 9])
  })

/** S9 The backend knows one subscription per peer and channel, and after the last subscriber none. */
export const aPeerSubscribesOnce: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    yield* Effect.scoped(
      Effect.gen(function* () {
        yield* Effect.forEach(numbers(5), () => listen(a, Plain))
        yield* listen(b, Plain)
        assert.equal(yield* world.subscriptions, 2)
      })
    )
    yield* world.advance("10 seconds")
    assert.equal(yield* world.subscriptions, 0)
  })

/** S10 A message that does not fit the schema is a gap, and the subscription lives. */
export const aMessageThatDoesNotFitIsAGap: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    const text = PubSub.channel("kept", { message: Schema.String, history: { size: 100, timeToLive: "1 hour" } })
    const heard = yield* listen(b, Kept)
    yield* publish(a, Kept, 1)
    yield* publish(a, text, "not a number")
    yield* publish(a, Kept, 2)
    // Where a schema lets through what is no JSON, it is refused on its way out.
    const any = PubSub.channel("kept", { message: Schema.Any, history: { size: 100, timeToLive: "1 hour" } })
    assert.equal((yield* Effect.flip(publish(a, any, 3n)))._tag, "SchemaError")
    yield* hears(world, heard, [1, "Undecodable 1", 2])
  })

/** S11 `publishAll` keeps the order given, with none of others in between. */
export const publishAllStaysTogether: Law = (world) =>
  Effect.gen(function* () {
    const peers = [yield* world.spawn(), yield* world.spawn(), yield* world.spawn()]
    const heard = yield* listen(peers[0]!, Kept)
    const groups = numbers(6).map((g) => numbers(5).map((n) => g * 5 + n))
    const answers = yield* Effect.forEach(groups, (group, g) => publishAll(peers[g % 3]!, Kept, group), {
      concurrency: "unbounded"
    })
    yield* world.eventually(check(() => assert.equal(heard.values().length, 30)))
    const chunks = numbers(6).map((c) => heard.values().slice(c * 5, c * 5 + 5))
    assert.deepEqual(
      [...chunks].sort((x, y) => x[0]! - y[0]!),
      groups
    )
    assert.deepEqual(
      answers.map((group) => group.length),
      groups.map(() => 5)
    )
  })

/** S11 A5 `publishAll` takes 512 messages and one MiB, and nothing beyond. */
export const publishAllIsBounded: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const text = PubSub.channel("text", { message: Schema.String, history: { size: 1000, timeToLive: "1 hour" } })
    assert.equal((yield* publishAll(a, Kept, numbers(512))).length, 512)
    assert.deepEqual(yield* refusal(publishAll(a, Kept, numbers(513))), ["CapacityExceeded", "NotApplied"])
    assert.equal((yield* publish(a, text, "x".repeat(1_048_574))).duplicate, false)
    assert.deepEqual(yield* refusal(publish(a, text, "x".repeat(1_048_575))), ["PayloadTooLarge"])
    assert.deepEqual(yield* refusal(publishAll(a, text, ["x".repeat(524_288), "é".repeat(262_144)])), [
      "PayloadTooLarge"
    ])
    assert.equal((yield* kept(a, text)).length, 1)
  })

/** S13 `handle` is at most once: what a crashed peer had not handled is not given again. */
export const whatACrashedPeerHandledIsNotGivenAgain: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn({ name: "b" })]
    const begun: Array<number> = []
    const handle = (peer: Peer, handler: (n: number) => Effect.Effect<void>) =>
      on(peer, (pubsub) => pubsub.handle(Kept, ({ value }) => handler(value)))
    yield* handle(b, (n) =>
      Effect.andThen(
        Effect.sync(() => begun.push(n)),
        Effect.never
      )
    )
    yield* Effect.forEach([1, 2], (n) => publish(a, Kept, n))
    yield* world.eventually(check(() => assert.deepEqual(begun, [1])))
    yield* b.crash
    yield* handle(yield* world.spawn({ name: "b" }), (n) => Effect.sync(() => begun.push(n)))
    yield* publish(a, Kept, 3)
    yield* world.eventually(check(() => assert.deepEqual(begun, [1, 3])))
  })

/** S13 A handler that fails is done with its message, and the next one follows. */
export const aFailingHandlerGetsTheNextMessage: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const seen: Array<number> = []
    const handler = ({ value }: PubSub.Message<number>) =>
      Effect.andThen(
        Effect.sync(() => seen.push(value)),
        value === 1 ? Effect.die("on purpose") : Effect.void
      )
    yield* Effect.provide(
      on(a, (pubsub) => pubsub.handle(Kept, handler)),
      silent
    )
    yield* Effect.forEach([1, 2], (n) => publish(a, Kept, n))
    yield* world.eventually(check(() => assert.deepEqual(seen, [1, 2])))
  })

/** A2 `Unknown` says once or not at all. */
export const aLostAnswerIsOnceOrNotAtAll: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    const heard = yield* listen(b, Kept)
    yield* a.loseAnswer("applied")
    assert.deepEqual(yield* refusal(publish(a, Kept, 1)), ["ConnectionLost", "Unknown"])
    yield* a.loseAnswer("not applied")
    assert.deepEqual(yield* refusal(publish(a, Kept, 2)), ["ConnectionLost", "Unknown"])
    yield* publish(a, Kept, 3)
    yield* hears(world, heard, [1, 3])
  })

/** A2 After `NotApplied` the effect is never seen: neither where the path was down nor behind a call that got lost. */
export const whatWasNotAppliedIsNeverSeen: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    const heard = yield* listen(b, Kept)
    yield* a.loseAnswer("applied")
    const three = yield* Effect.forEach([1, 2, 3], (n) => refusal(publish(a, Kept, n)), { concurrency: "unbounded" })
    assert.deepEqual(
      three.map(([, outcome]) => outcome),
      ["Unknown", "NotApplied", "NotApplied"]
    )
    yield* world.advance("1 second")
    yield* a.cut
    yield* world.advance("10 seconds")
    assert.deepEqual(yield* refusal(publish(a, Kept, 4)), ["Unavailable", "NotApplied"])
    yield* a.heal
    yield* world.advance("10 seconds")
    yield* publish(a, Kept, 5)
    yield* hears(world, heard, [1, 5], "5 seconds")
  })

/** A4 When the layer closes, subscriptions end with `Closed` and the backend forgets them. */
export const aClosedLayerLeavesNoSubscription: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    const subscription = yield* subscribe(b, Kept)
    const end = yield* Effect.forkScoped(refusal(Stream.runDrain(subscription.messages)))
    yield* b.stop
    assert.deepEqual(yield* Fiber.join(end), ["Closed", "NotApplied"])
    yield* publish(a, Kept, 1)
    assert.equal(yield* world.subscriptions, 0)
  })

/** A6 No two names meet, and names that are none are refused before anything is sent. */
export const noTwoNamesMeet: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const names = [
      "a:b",
      "a{b}",
      "a",
      "b",
      "{a}",
      "*",
      "%",
      "%2A",
      "a b",
      "a\nb",
      "日本",
      "a}{b",
      "\u00e9",
      "e\u0301",
      "x".repeat(512)
    ]
    const channels = names.map((name) => PubSub.channel(name, { message: Schema.String, history: Kept.history }))
    const heard = yield* Effect.forEach(channels, (channel) => listen(a, channel))
    yield* Effect.forEach(channels, (channel) => publish(a, channel, channel.name))
    yield* world.eventually(
      check(() =>
        assert.deepEqual(
          heard.map((one) => one.values()),
          names.map((name) => [name])
        )
      )
    )
    for (const name of ["", "\ud800", "a\udc00b", "x".repeat(513), "é".repeat(257)]) {
      const bad = PubSub.channel(name, { message: Schema.String, history: Kept.history })
      for (const call of [publish(a, bad, ""), publishAll(a, bad, []), subscribe(a, bad), kept(a, bad)]) {
        assert.deepEqual(yield* refusal(call), ["InvalidName", "NotApplied"])
      }
    }
  })

/** A6 An option that cannot work is named, by whichever call uses it first. */
export const badOptionsAreRefused: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const sizes = [0, 1.5, 100_001].map((size) => ({ size, timeToLive: 1000 }))
    const times = [0, Number.POSITIVE_INFINITY].map((timeToLive) => ({ size: 1, timeToLive }))
    for (const history of [...sizes, ...times]) {
      const bad = PubSub.channel("bad", { message: Schema.Int, history })
      for (const call of [publish(a, bad, 1), publishAll(a, bad, [1]), subscribe(a, bad), kept(a, bad)]) {
        assert.deepEqual(yield* refusal(call), ["Misconfigured", "NotApplied"])
      }
    }
    const options = [
      { buffer: 0 },
      { buffer: 1_000_001 },
      { from: { last: -1 } },
      { from: { epoch: "e", sequence: 0.5 } }
    ]
    for (const option of options) {
      assert.deepEqual(yield* refusal(subscribe(a, Kept, option)), ["Misconfigured", "NotApplied"])
    }
  })

/** A7 Values come back through their schema, and what was published does not change with the object. */
export const valuesComeBackAsTheyWere: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    const message = Schema.Struct({
      at: Schema.Date,
      maybe: Schema.Option(Schema.Int),
      tags: Schema.Array(Schema.String)
    })
    const rich = PubSub.channel("rich", { message, history: Kept.history })
    const heard = yield* listen(b, rich)
    const tags = ["a"]
    const at = new Date(Date.UTC(2030, 0, 1))
    yield* publish(a, rich, { at, maybe: Option.some(1), tags })
    tags.push("b")
    yield* publish(a, rich, { at, maybe: Option.none(), tags: [] })
    yield* world.eventually(check(() => assert.equal(heard.values().length, 2)))
    assert.deepEqual(heard.values(), [
      { at, maybe: Option.some(1), tags: ["a"] },
      { at, maybe: Option.none(), tags: [] }
    ])
    assert.equal((yield* Effect.exit(publish(a, Kept, 0.5)))._tag, "Failure")
  })

/** S2 S3 A schema that takes its time changes no order and loses nothing, not even where a take is interrupted. */
export const aSlowSchemaLosesNothing: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    for (const channel of [Slow, SlowKept]) {
      const heard = yield* Effect.forEach([1, 2], () => listen(b, channel))
      const impatient = yield* glance(b, yield* subscribe(b, channel))
      const all = numbers(20)
      yield* Effect.forEach(all.slice(0, 10), (n) => publish(a, channel, n))
      yield* publishAll(a, channel, all.slice(10))
      for (const one of [...heard, impatient]) yield* hears(world, one, all, "1 minute")
      const history = yield* world.complete(kept(a, channel))
      assert.deepEqual(history, channel === SlowKept ? all : [])
    }
  })

/** D3 A server clock that steps either way changes no order and loses nothing. */
export const aClockThatStepsKeepsTheOrder: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    const heard = yield* listen(b, Kept)
    yield* publish(a, Kept, 1)
    yield* world.store.stepClock("-30 minutes")
    yield* publish(a, Kept, 2)
    yield* world.store.stepClock("40 minutes")
    yield* publish(a, Kept, 3)
    yield* hears(world, heard, [1, 2, 3])
    const times = (yield* on(a, (pubsub) => pubsub.history(Kept))).map((one) => one.publishedAt.epochMilliseconds)
    assert.deepEqual([times.length, times], [3, ascending(times)])
  })

/** T17 A full server refuses what is published, and goes on serving who reads. */
export const aFullServerStillServesReaders: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    yield* publish(a, Kept, 1)
    yield* world.store.full(true)
    assert.deepEqual(yield* refusal(publish(a, Kept, 2)), ["CapacityExceeded", "NotApplied"])
    const heard = yield* listen(b, Kept, { from: "earliest" })
    yield* hears(world, heard, [1])
    yield* world.store.full(false)
    yield* publish(a, Kept, 3)
    yield* hears(world, heard, [1, 3])
  })

/** A3 `status` tells of an outage and of its end. */
export const statusTellsOfAnOutage: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    yield* listen(a, Kept)
    const seen: Array<string> = []
    yield* Effect.forkScoped(on(a, ({ status }) => Stream.runForEach(status, (s) => Effect.sync(() => seen.push(s)))))
    yield* world.eventually(check(() => assert.equal(seen.at(-1), "Up")))
    yield* a.cut
    yield* world.eventually(
      check(() => assert.equal(seen.at(-1), "Down")),
      "10 seconds"
    )
    yield* a.heal
    yield* world.eventually(
      check(() => assert.equal(seen.at(-1), "Up")),
      "5 seconds"
    )
  })

/** A3 While a subscription catches up with what it missed, `status` says so. */
export const statusSaysWhatStillCatchesUp: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    const heard = yield* listen(b, Kept)
    const seen: Array<string> = []
    const look = (status: string) => Effect.sync(() => seen.push(`${status} ${heard.values().length}`))
    yield* Effect.forkScoped(on(b, ({ status }) => Stream.runForEach(status, look)))
    yield* world.advance(0)
    yield* b.cut
    yield* publish(a, Kept, 1)
    yield* world.advance("3 seconds")
    yield* b.heal
    yield* world.eventually(
      check(() => assert.deepEqual(seen, ["Up 0", "Down 0", "Resyncing 0", "Up 1"])),
      "5 seconds"
    )
  })

/** A2 A publish that is interrupted while it waits for another one never leaves. */
export const anInterruptedPublishThatWaitsNeverLeaves: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const [one, other] = [
      yield* Effect.forkScoped(publish(a, Kept, 1), { startImmediately: true }),
      yield* Effect.forkScoped(publish(a, Kept, 2), { startImmediately: true })
    ]
    yield* Fiber.interrupt(other)
    yield* Fiber.join(one)
    yield* world.advance("1 second")
    assert.deepEqual(yield* kept(a, Kept), [1])
  })

/** S1 A subscription that could not be given up does not stand for the next one. */
export const anUnsubscribeThatFailedHarmsNobody: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    for (const which of ["applied", "not applied"] as const) {
      yield* Effect.scoped(Effect.andThen(listen(b, Plain), b.loseAnswer(which)))
      yield* world.advance(0)
      const heard = yield* listen(b, Plain)
      yield* publish(a, Plain, 1)
      yield* hears(world, heard, [1])
    }
  })

/** A4 What is published after the layer has closed is told so at once. */
export const aClosedLayerPublishesNothing: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    const heard = yield* listen(a, Kept)
    const pubsub = yield* on(b, Effect.succeed)
    yield* b.stop
    assert.deepEqual(yield* refusal(pubsub.publish(Kept, 1)), ["Closed", "NotApplied"])
    assert.deepEqual(yield* refusal(Effect.scoped(pubsub.subscribe(Kept))), ["Closed", "NotApplied"])
    yield* hears(world, heard, [])
  })
