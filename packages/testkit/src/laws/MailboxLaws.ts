/**
 * What Mailbox promises of letters: they stay until they are acknowledged, come in order, and where some are gone the poll
 * says so. What it promises of waiting stands in MailboxWaitLaws.ts. Each is tried in a world (`../World.ts`), on every
 * backend; the identifiers are those of docs/guarantees.md.
 */
import { PayloadTooLarge } from "@troupe/core/BackendError"
import * as Mailbox from "@troupe/core/Mailbox"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as assert from "node:assert/strict"
import { lookAlikes } from "../internal/caching.ts"
import {
  close,
  deliver,
  finds,
  type Law,
  messagesOf,
  Notes,
  numbers,
  on,
  poll,
  Reader,
  refused,
  Short,
  Small,
  Texts,
  told,
  turns,
  two
} from "../internal/posting.ts"

/** M1 A letter stays, whichever peer is asked, until a cursor acknowledges it; then it is gone, and nothing is lost. */
export const aLetterStaysUntilItIsAcknowledged: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* deliver(a, Notes, 1, 2, 3)
    const { cursor, letters } = yield* finds(a, Notes, undefined, [1, 2, 3])
    yield* world.advance("59 minutes")
    yield* finds(b, Notes, undefined, [1, 2, 3])
    yield* finds(b, Notes, letters[0]!.cursor, [2, 3])
    yield* finds(a, Notes, undefined, [2, 3])
    yield* finds(a, Notes, cursor, [])
    yield* finds(b, Notes, undefined, [])
    yield* deliver(b, Notes, 4)
    for (const after of [undefined, cursor, letters[0]!.cursor]) yield* finds(a, Notes, after, [4])
  })

/** M1 A poll whose answer got lost gives the same letters again, and those that came since, on any peer. */
export const aLostAnswerGivesTheSameLettersAgain: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    let after: string | undefined
    for (const [n, which] of (["applied", "not applied", "applied"] as const).entries()) {
      yield* deliver(b, Notes, n)
      yield* a.loseAnswer(which)
      assert.equal(yield* refused(poll(a, Notes, { after }), "ConnectionLost"), "Unknown")
      yield* finds(a, Notes, after, [n])
      yield* deliver(b, Notes, 10 + n)
      after = (yield* finds(b, Notes, after, [n, 10 + n])).cursor
    }
    yield* finds(a, Notes, after, [])
  })

/** M1 What a peer had asked when it crashed, another is given. */
export const aCrashLosesNoLetter: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* deliver(a, Notes, 1, 2)
    const { cursor } = yield* finds(a, Notes, undefined, [1, 2])
    yield* deliver(a, Notes, 3)
    yield* Effect.forkChild(poll(a, Notes, { after: cursor }), { startImmediately: true })
    if (world.seed % 2 === 0) yield* turns
    yield* a.crash
    yield* finds(b, Notes, cursor, [3])
    yield* finds(b, Notes, cursor, [3])
  })

/** M1 A2 A delivery whose answer is lost is there once or not at all, and what follows stands behind it. */
export const aLostDeliveryIsThereOnceOrNot: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    for (const [n, which] of (["applied", "not applied"] as const).entries()) {
      yield* a.loseAnswer(which)
      assert.equal(yield* refused(deliver(a, Notes, n), "ConnectionLost"), "Unknown")
    }
    yield* deliver(a, Notes, 2)
    yield* finds(b, Notes, undefined, [0, 2])
  })

/** M1 M2 A letter is gone when its time is over, to the millisecond of the server's clock, and the poll says so. */
export const aLetterGoesWhenItsTimeIsOver: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* deliver(a, Short, 1)
    yield* world.advance("4 seconds")
    yield* deliver(a, Short, 2)
    yield* world.advance("5999 millis")
    yield* finds(b, Short, undefined, [1, 2])
    yield* world.advance("1 millis")
    const { cursor, letters } = yield* finds(b, Short, undefined, ["lost", 2])
    assert.equal(letters[0]!.at.epochMilliseconds, (yield* world.now) - 6_000)
    yield* world.advance("3999 millis")
    yield* finds(a, Short, undefined, ["lost", 2])
    yield* world.advance("1 millis")
    yield* finds(b, Short, undefined, ["lost"])
    // What the client has read is not lost to it.
    yield* finds(b, Short, cursor, [])
    yield* deliver(b, Short, 3)
    yield* finds(a, Short, cursor, [3])
  })

/** M1 M2 A full box keeps the newest, and the poll says what is gone: nothing that the client has read. */
export const aFullBoxKeepsTheNewest: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* deliver(a, Small, 1, 2, 3)
    const { cursor, letters } = yield* finds(b, Small, undefined, [1, 2, 3])
    yield* deliver(a, Small, 4)
    yield* finds(b, Small, undefined, ["lost", 2, 3, 4])
    yield* deliver(b, Small, 5, 6)
    yield* finds(a, Small, letters[1]!.cursor, ["lost", 4, 5, 6])
    yield* finds(b, Small, cursor, [4, 5, 6])
    yield* deliver(b, Small, 7, 8, 9, 10)
    yield* finds(b, Small, cursor, ["lost", 8, 9, 10])
  })

/** M1 A5 A box holds five hundred letters, unless more is said. */
export const fiveHundredLettersWait: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    yield* deliver(a, Notes, ...numbers(500))
    const all = yield* poll(a, Notes, { limit: 512 })
    assert.deepEqual(told(all), numbers(500))
    yield* deliver(a, Notes, 500)
    assert.deepEqual(told(yield* poll(a, Notes, { limit: 512 })), ["lost", ...numbers(501).slice(1)])
  })

/** M2 What is gone is told until that is acknowledged, and not any more then, whether or not something is left. */
export const aLossIsToldUntilItIsAcknowledged: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* deliver(a, Small, 1, 2, 3, 4)
    yield* finds(a, Small, undefined, ["lost", 2, 3, 4])
    const { cursor } = yield* finds(b, Small, undefined, ["lost", 2, 3, 4])
    yield* finds(a, Small, cursor, [])
    yield* deliver(a, Small, 5)
    yield* world.advance("1 hour")
    yield* finds(b, Small, cursor, ["lost"])
    const last = yield* finds(b, Small, cursor, ["lost"])
    yield* finds(a, Small, last.cursor, [])
    yield* finds(a, Small, undefined, [])
  })

/** M2 Letters come in the order of delivery, whoever delivers; a hundred at a time, unless more is said. */
export const lettersComeInTheOrderOfDelivery: Law = (world) =>
  Effect.gen(function* () {
    const peers = [...(yield* two(world)), yield* world.spawn()]
    for (const n of numbers(250)) yield* deliver(peers[n % 3]!, Notes, n)
    const first = yield* finds(peers[0]!, Notes, undefined, numbers(100))
    const times = first.letters.map(({ at }) => at.epochMilliseconds)
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b)
    )
    const second = yield* poll(peers[1]!, Notes, { after: first.cursor, limit: 7 })
    assert.deepEqual(told(second), numbers(107).slice(100))
    assert.equal(second.cursor, second.letters.at(-1)!.cursor)
    const third = yield* poll(peers[2]!, Notes, { after: second.cursor, limit: 512 })
    assert.deepEqual(told(third), numbers(250).slice(107))
  })

/** M1 A5 A mail has a mebibyte at the most, but one letter at least; a letter that is larger is refused. */
export const aMailHasAMebibyteAtTheMost: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const half = "ü".repeat(262_143)
    const whole = "x".repeat(1_048_574)
    const tooLarge = yield* Effect.flip(deliver(a, Texts, `${whole}x`))
    assert.ok(tooLarge instanceof PayloadTooLarge)
    assert.deepEqual([tooLarge.bytes, tooLarge.limit], [1_048_577, 1_048_576])
    yield* deliver(a, Texts, half, half, half, `${half}x`, whole, "last")
    let after: string | undefined
    for (const expected of [[half, half], [half], [`${half}x`], [whole], ["last"]]) {
      const mail = yield* poll(a, Texts, { after })
      // A difference would be printed.
      assert.ok(!mail.lost && messagesOf(mail).join(" ") === expected.join(" "), `${mail.letters.length} letters`)
      after = mail.cursor
    }
  })

/** M2 The cursor of an empty box finds what is delivered later. */
export const anEmptyBoxHasACursor: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const { cursor } = yield* finds(a, Notes, undefined, [])
    assert.equal((yield* finds(b, Notes, cursor, [])).cursor, cursor)
    yield* world.advance("12 hours")
    yield* deliver(b, Notes, 1)
    yield* finds(a, Notes, cursor, [1])
    yield* finds(b, Notes, undefined, [1])
  })

/** M2 A closed box leaves nothing, and begins anew: whoever has a cursor of it is told. */
export const aClosedBoxBeginsAnew: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* deliver(a, Texts, "stays")
    const before = yield* world.keys
    yield* deliver(a, Notes, 1, 2)
    const { cursor } = yield* finds(a, Notes, undefined, [1, 2])
    yield* close(b, Notes)
    yield* close(a, Notes)
    assert.deepEqual((yield* world.keys).length, before.length)
    const anew = yield* finds(a, Notes, cursor, ["lost"])
    yield* deliver(b, Notes, 3)
    yield* finds(b, Notes, anew.cursor, [3])
    yield* finds(b, Notes, cursor, ["lost", 3])
    // A cursor of another box acknowledges nothing here.
    yield* finds(b, Notes, (yield* poll(b, Texts)).cursor, ["lost", 3])
    yield* finds(a, Texts, undefined, ["stays"])
  })

/** M2 A box is over when nobody has touched it for a day and a letter's time: then its cursors are told. */
export const aBoxThatNobodyTouchesIsOver: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* deliver(a, Short, 1)
    const { cursor } = yield* finds(a, Short, undefined, [1])
    for (const _ of numbers(3)) {
      yield* world.advance("86409999 millis")
      yield* finds(b, Short, cursor, [])
    }
    yield* world.advance("86410 seconds")
    yield* finds(b, Short, cursor, ["lost"])
  })

/** M2 D2 What the store forgot is told to whoever has a cursor, and new letters are found. */
export const whatTheStoreForgotIsTold: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* deliver(a, Notes, 1, 2)
    const { cursor } = yield* finds(a, Notes, undefined, [1, 2])
    yield* world.store.forget
    const { cursor: empty } = yield* finds(b, Notes, cursor, ["lost"])
    yield* deliver(b, Notes, 3)
    yield* finds(a, Notes, empty, [3])
    yield* world.store.forget
    yield* deliver(a, Notes, 4, 5, 6)
    yield* finds(b, Notes, cursor, ["lost", 4, 5, 6])
    yield* finds(b, Notes, empty, ["lost", 4, 5, 6])
    yield* finds(b, Notes, undefined, [4, 5, 6])
  })

/** M2 D1 What is evicted is told, whichever key it was. */
export const whatIsEvictedIsTold: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    for (const key of [":letters", ":meta"]) {
      yield* deliver(a, Notes, 1, 2)
      yield* finds(a, Notes, undefined, [1, 2])
      yield* world.store.evict(key)
      if (world.seed % 2 === 0) yield* deliver(a, Notes, 3)
      const left = world.seed % 2 === 0 ? [3] : []
      const { cursor } = yield* finds(b, Notes, undefined, ["lost", ...left])
      yield* finds(a, Notes, undefined, ["lost", ...left])
      yield* finds(b, Notes, cursor, [])
      yield* close(b, Notes)
    }
  })

/** M1 M2 D2 A server that lost the last letters gives the next ones to whoever had read on; one that lost nothing says nothing. */
export const aTakeoverSwallowsNoLetter: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* deliver(a, Notes, 1)
    const first = yield* finds(a, Notes, undefined, [1])
    yield* deliver(a, Notes, 2)
    yield* deliver(a, Notes, 3)
    const { cursor } = yield* finds(a, Notes, undefined, [1, 2, 3])
    yield* world.store.rewind(2)
    yield* world.advance("2 seconds")
    yield* deliver(b, Notes, 4, 5, 6)
    yield* finds(b, Notes, first.cursor, [4, 5, 6])
    const { cursor: next } = yield* finds(a, Notes, cursor, ["lost", 4, 5, 6])
    yield* world.store.rewind(0)
    yield* world.advance("2 seconds")
    yield* deliver(b, Notes, 7)
    yield* finds(b, Notes, next, [7])
  })

/** M1 M2 D3 However the server's clock jumps, letters keep their order, and what ends early is told. */
export const aJumpingClockKeepsTheOrder: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* deliver(a, Short, 1)
    yield* world.store.stepClock("-3 hours")
    yield* deliver(b, Short, 2)
    const { letters } = yield* finds(a, Short, undefined, [1, 2])
    assert.ok(letters[0]!.at.epochMilliseconds <= letters[1]!.at.epochMilliseconds)
    yield* world.store.stepClock("5 hours")
    yield* finds(b, Short, letters[0]!.cursor, ["lost"])
    yield* deliver(b, Short, 3)
    yield* world.store.stepClock("-2 hours")
    yield* deliver(a, Short, 4)
    yield* finds(a, Short, letters[1]!.cursor, [3, 4])
  })

/** M1 M2 Whatever becomes of letters and answers, a client gets each that is left once, in order, and is told of each gap. */
export const nothingGoesSilently: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* two(world)
    const reader = new Reader(5, 10_000)
    for (const _ of numbers(60)) {
      const peer = peers[yield* Random.nextIntBetween(0, 1)]!
      for (const _ of numbers(yield* Random.nextIntBetween(0, 4))) {
        yield* deliver(peer, reader.box, reader.send(yield* world.now))
      }
      yield* world.advance([0, 1, 1_000, 4_000][yield* Random.nextIntBetween(0, 3)]!)
      const limit = yield* Random.nextIntBetween(1, 6)
      const isLost = (yield* Random.nextIntBetween(0, 2)) === 0
      if (isLost) yield* peer.loseAnswer(limit % 2 === 0 ? "applied" : "not applied")
      const mail = yield* Effect.option(poll(peer, reader.box, { after: reader.cursor, limit }))
      assert.equal(Option.isNone(mail), isLost)
      if (Option.isSome(mail)) reader.read(mail.value, limit, yield* world.now)
    }
  }).pipe(Random.withSeed(`${world.seed}`))

/** A6 No two boxes meet, however they and their clients are called. */
export const boxesDoNotMeet: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const names = lookAlikes.flatMap((name, i) => [[name, name] as const, [name, lookAlikes.at(i - 1)!] as const])
    const all = [...names, ["a", "b:c"] as const, ["a:b", "c"] as const].map(([name, client]) => ({
      box: Mailbox.box(name, { message: Schema.String, timeToLive: "1 hour" }),
      client
    }))
    const textOf = ({ box, client }: (typeof all)[number]) => `${box.name} for ${client}`
    for (const one of all) yield* on(a, (mailbox) => mailbox.deliver(one.box, one.client, textOf(one)))
    for (const one of all) {
      assert.deepEqual(told(yield* on(b, (mailbox) => mailbox.poll(one.box, one.client))), [textOf(one)])
      yield* on(b, (mailbox) => mailbox.close(one.box, one.client))
      assert.deepEqual(told(yield* on(b, (mailbox) => mailbox.poll(one.box, one.client))), [])
    }
  })

class Order extends Schema.Class<Order>("Order")({ at: Schema.Date, note: Schema.Option(Schema.String) }) {}

/** A7 A letter comes back through its schema, as it was when it was delivered. */
export const aLetterComesBackThroughItsSchema: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const Orders = Mailbox.box("orders", { message: Order, timeToLive: "1 hour" })
    const order = new Order({ at: new Date(0), note: Option.some("a\n\u2028") })
    yield* deliver(a, Orders, order)
    order.at.setFullYear(2000)
    const [found] = messagesOf(yield* poll(b, Orders))
    assert.ok(found instanceof Order)
    assert.deepEqual([found.at.getTime(), found.note], [0, Option.some("a\n\u2028")])
    const wrong = yield* Effect.flip(deliver(a, Mailbox.box("orders", { message: Schema.Int, timeToLive: 1 }), 0.5))
    assert.ok(wrong instanceof Schema.SchemaError)
    assert.equal(messagesOf(yield* poll(b, Orders)).length, 1)
  })

/** M2 A7 A letter that does not fit the schema is left out, and told, and the cursor goes past it. */
export const whatDoesNotFitIsLeftOut: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const Ints = Mailbox.box("texts", { message: Schema.Int, timeToLive: "1 hour" })
    yield* deliver(a, Ints, 1)
    yield* deliver(a, Texts, "two")
    yield* deliver(a, Ints, 3)
    yield* deliver(a, Texts, "four")
    const { cursor, letters } = yield* finds(b, Ints, undefined, ["lost", 1, 3])
    yield* finds(b, Ints, letters[1]!.cursor, ["lost"])
    yield* finds(b, Ints, cursor, [])
    yield* deliver(a, Ints, 5)
    yield* finds(b, Ints, cursor, [5])
  })
