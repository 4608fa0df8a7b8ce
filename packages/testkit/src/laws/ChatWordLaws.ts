/**
 * What Chat promises of what is said and who comes and goes: one order for all, nothing missed in silence, nothing said
 * twice. Each is tried in a world (`../World.ts`), on every backend; the identifiers are those of docs/guarantees.md.
 */
import * as Chat from "@troupe/core/Chat"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as assert from "node:assert/strict"
import {
  announce,
  assertMembers,
  costOf,
  create,
  enter,
  gathered,
  hears,
  history,
  join,
  Kept,
  type Law,
  listen,
  type Peer,
  on,
  Plain,
  Short,
  turns
} from "../internal/chatting.ts"
import { numbers, refusal } from "../internal/listening.ts"

// -- one order ------------------------------------------------------------------------------------------------------

/** H3 All hear one order of who speaks, comes and goes; each peer's words keep theirs, and `Left` follows `Joined`. */
export const allHearOneOrder: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* gathered(world, 3, Plain)
    const heard = yield* Effect.forEach(peers, (peer) => listen(peer, Plain))
    const visit = Effect.fnUntraced(function* (peer: Peer, i: number) {
      for (const n of numbers(4)) {
        const place = yield* join(peer, Plain, `${i}`)
        const say = (k: number) => Effect.andThen(turns, place.say(100 + 10 * i + k))
        yield* Effect.all([place.say(100 + 10 * i), say(1), Effect.andThen(turns, say(2 + n))], { concurrency: 3 })
        yield* place.end
      }
    })
    yield* Effect.all(peers.map(visit), { concurrency: 3 })
    yield* world.advance(0)
    for (const { shape } of heard) assert.deepEqual([shape().length, shape()], [60, heard[0]!.shape()])
    for (const i of numbers(3)) {
      const own = heard[0]!.shape().filter((told) => new RegExp(`ed ${i}$|Left ${i}|Said 1${i}`).test(told))
      const said = (n: number) => [`Said 1${i}0`, `Said 1${i}1`, `Said 1${i}${2 + n}`]
      const visits = numbers(4).flatMap((n) => [`Joined ${i}`, ...said(n), `Left ${i} Left`])
      assert.deepEqual(own, visits)
    }
  })

/** H3 Whoever was cut off gets all that happened meanwhile, in a room with history or without. */
export const whoWasCutOffCatchesUp: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Plain)
    const heard = yield* listen(b, Plain)
    const x = yield* join(a, Plain, "x")
    yield* hears(world, heard, ["Joined x"])
    yield* b.cut
    for (const n of numbers(5)) yield* Effect.andThen(x.say(n), world.advance("50 seconds"))
    yield* x.end
    yield* b.heal
    yield* hears(world, heard, ["Joined x", ...numbers(5).map((n) => `Said ${n}`), "Left x Left"], "5 seconds")
    yield* b.deaf
    yield* announce(a, Plain, 5)
    yield* b.hear
    yield* world.eventually(
      Effect.sync(() => assert.equal(heard.shape().at(-1), "Said 5")),
      "45 seconds"
    )
  })

/** H3 What is older than 5 minutes is a gap; of a room with history its words are told all the same. */
export const whatIsTooOldIsAGap: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Plain)
    yield* create(a, Kept)
    const heard = [yield* listen(b, Plain), yield* listen(b, Kept)] as const
    yield* b.cut
    for (const room of [Plain, Kept]) {
      const x = yield* join(a, room, "x")
      yield* x.say(1)
      yield* x.end
    }
    yield* world.advance("5 minutes")
    for (const room of [Plain, Kept]) yield* announce(a, room, 2)
    yield* b.heal
    yield* hears(world, heard[0], ["Gap HistoryTrimmed 3", "Said 2"], "5 seconds")
    yield* hears(world, heard[1], ["Gap HistoryTrimmed 2", "Said 1", "Said 2"])
  })

/** H3 What lies more than 1,000 events behind is a gap, which says how many are missing. */
export const whatIsTooMuchIsAGap: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Plain)
    const heard = yield* listen(b, Plain)
    yield* b.cut
    yield* Effect.forEach(numbers(1_007), (n) => announce(a, Plain, n), { concurrency: "unbounded" })
    yield* b.heal
    yield* world.eventually(
      Effect.sync(() => assert.equal(heard.events.length, 1_001)),
      "5 seconds"
    )
    assert.equal(heard.shape()[0], "Gap HistoryTrimmed 7")
    assert.deepEqual(
      heard.said(),
      numbers(1_000).map((n) => n + 7)
    )
  })

/** H3 Events begin where they are asked for: now, behind a place, with the last words, or with the oldest. */
export const eventsBeginWhereTheyAreAskedFor: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Short)
    const x = yield* join(a, Short, "x")
    const places = yield* Effect.forEach([1, 2, 3, 4], (n) => x.say(n))
    const heard = yield* Effect.forEach(["now", "earliest", { last: 2 }, { last: 0 }, places[2]!] as const, (from) =>
      listen(b, Short, { from })
    )
    yield* x.say(5)
    const all = ["Joined x", ...[1, 2, 3, 4, 5].map((n) => `Said ${n}`)]
    for (const [i, from] of [5, 0, 3, 5, 4].entries()) yield* hears(world, heard[i]!, all.slice(from))
    yield* world.advance("6 minutes")
    yield* x.say(6)
    const later = yield* Effect.forEach(["earliest", { last: 9 }] as const, (from) => listen(b, Short, { from }))
    for (const one of later) yield* hears(world, one, ["Said 4", "Said 5", "Said 6"])
  })

/** H3 Where definitions of a room differ each listener has what its own keeps, whichever came first, by one subscription a peer. */
export const eachListenerHearsByItsOwnDefinition: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* gathered(world, 3, Kept)
    yield* Effect.andThen(announce(a, Kept, 1), world.advance("6 minutes"))
    const before = yield* world.subscriptions
    const hear = (peer: Peer, ...rooms: ReadonlyArray<typeof Kept>) =>
      Effect.forEach(rooms, (room) => listen(peer, room, { from: "earliest" }))
    const heard = [...(yield* hear(b, Bare, Kept)), ...(yield* hear(c, Kept, Bare))]
    assert.equal(yield* world.subscriptions, before + 2)
    yield* Effect.all([b.cut, c.cut])
    yield* announce(a, Kept, 2)
    yield* (yield* join(a, Kept, "x")).end
    yield* Effect.andThen(world.advance("6 minutes"), announce(a, Kept, 3))
    yield* Effect.all([b.heal, c.heal])
    const bare = ["Gap HistoryTrimmed 3", "Said 3"]
    const kept = ["Said 1", "Gap HistoryTrimmed 2", "Said 2", "Said 3"]
    for (const [i, told] of [bare, kept, kept, bare].entries()) yield* hears(world, heard[i]!, told, "5 seconds")
  })

// -- words that are said once, and kept -----------------------------------------------------------------------------

/** H6 A word with a dedupe key is said once however often it is sent, whichever answer was lost; others have keys of their own. */
export const aWordWithAKeyIsSaidOnce: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Plain)
    const [x, y] = [yield* join(a, Plain, "x"), yield* join(b, Plain, "y")]
    const heard = yield* listen(b, Plain)
    for (const [n, which] of (["applied", "not applied"] as const).entries()) {
      yield* a.loseAnswer(which)
      assert.equal((yield* refusal(x.say(n, `key ${n}`)))[1], "Unknown")
      const place = yield* x.say(n, `key ${n}`)
      assert.deepEqual(yield* x.say(n, `key ${n}`), place)
    }
    yield* y.say(2, "key 0")
    yield* x.end
    yield* (yield* join(b, Plain, "x")).say(3, "key 1")
    yield* hears(world, heard, ["Said 0", "Said 1", "Said 2", "Left x Left", "Joined x"])
    yield* world.advance("5 minutes")
    yield* y.say(4, "key 0")
    yield* world.eventually(Effect.sync(() => assert.equal(heard.shape().at(-1), "Said 4")))
  })

/** H6 A word that was said is in the history for as long as that keeps it, whoever comes and goes. */
export const aWordStaysInTheHistory: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Short)
    const x = yield* join(a, Short, "x")
    for (const n of [1, 2, 3, 4]) yield* x.say(n)
    for (const n of numbers(30)) yield* Effect.andThen(join(b, Short, `y${n}`), ({ end }) => end)
    yield* a.crash
    yield* world.advance("9 minutes")
    assert.deepEqual(yield* history(b, Short), [2, 3, 4])
    yield* world.advance("1 minute")
    assert.deepEqual(yield* history(b, Short), [])
  })

/** H9 What one peer does in a room at a time leaves together. */
export const wordsOfOnePeerTravelTogether: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Plain)
    const heard = yield* listen(b, Plain)
    const x = yield* join(a, Plain, "x")
    const many = Effect.forEach(numbers(1_000), (n) => x.say(n), { concurrency: "unbounded" })
    assert.ok((yield* costOf(a, many)) <= 4)
    yield* world.eventually(Effect.sync(() => assert.deepEqual(heard.said(), numbers(1_000))))
  })

/** H9 So do members of one peer that leave at a time, by themselves or with their scopes. */
export const membersOfOnePeerLeaveTogether: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Plain)
    for (const how of ["leave", "end"] as const) {
      const heard = yield* listen(b, Plain)
      const places = yield* Effect.forEach(numbers(1_000), (n) => join(a, Plain, `${n}`), { concurrency: "unbounded" })
      const leaves = places.map((place) => place[how])
      assert.ok((yield* costOf(a, Effect.all(leaves, { concurrency: "unbounded" }))) <= 4)
      yield* world.eventually(Effect.sync(() => assert.equal(heard.events.length, 2_000)))
    }
  })

/** A7 Words and details come back as their schemas say, and what is changed afterwards changes nothing. */
export const whatIsSaidGoesThroughItsSchema: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Rich)
    const heard = yield* listen(b, Rich, { from: "earliest" })
    const details = { since: new Date(0), tags: ["one"] }
    const message = { at: new Date(1), note: Option.some("text") }
    const x = yield* enter(a, Rich, { id: "x", details })
    yield* x.say(message)
    details.tags.push("two")
    message.at.setTime(5)
    const expected = { since: new Date(0), tags: ["one"] }
    const [member] = yield* on(b, (chat) => chat.members(Rich))
    assert.deepEqual([member?.details, x.member().details], [expected, expected])
    const [, said] = heard.events
    assert.deepEqual(said?._tag === "Said" && said.message, { at: new Date(1), note: Option.some("text") })
    yield* x.update({ since: new Date(7), tags: [] })
    yield* hears(world, heard, ["Joined x", "Said [object Object]", "Updated x"])
    assert.deepEqual((yield* on(b, (chat) => chat.members(Rich)))[0]?.details, { since: new Date(7), tags: [] })
  })

// -- when the store forgets, or is full -----------------------------------------------------------------------------

/** D2 When the store forgets a room nobody hangs: listeners hear that it is no more, and it can be made anew. */
export const whenTheStoreForgetsNobodyHangs: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Kept)
    const [x, heard] = [yield* join(a, Kept, "x"), yield* listen(b, Kept)]
    yield* world.store.forget
    yield* hears(world, heard, ["Gap EpochChanged", "Destroyed", "End"], "1 minute")
    assert.deepEqual(yield* refusal(x.say(1)), ["NotMember"])
    yield* x.end
    yield* create(b, Kept)
    const again = yield* listen(a, Kept)
    const y = yield* join(b, Kept, "x")
    yield* y.say(2)
    yield* hears(world, again, ["Joined x", "Said 2"])
    yield* assertMembers([a, b], Kept, ["x"])
  })

/** D2 When a replica takes over that has not heard of the last words, all hear so, though other words stand in their places. */
export const whenTheStoreRewindsItIsTold: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Kept)
    const heard = [yield* listen(a, Kept), yield* listen(b, Kept)]
    const x = yield* join(a, Kept, "x")
    for (const n of [1, 2]) yield* x.say(n)
    yield* world.advance(0)
    yield* b.cut
    yield* world.store.rewind(1)
    yield* world.advance("5 seconds")
    for (const n of [3, 4]) yield* x.say(n)
    yield* b.heal
    const told = ["Joined x", "Said 1", "Said 2", "Gap Rewound", "Said 3", "Said 4"]
    for (const one of heard) yield* hears(world, one, told, "5 seconds")
    assert.deepEqual(yield* history(b, Kept), [1, 3, 4])
  })

// -- internals ----------------------------------------------------------------------------------------------------

/** The same room, by whoever keeps nothing of it. */
const Bare = Chat.room(Kept.name, { message: Schema.Int })

const Rich = Chat.room("rich", {
  message: Schema.Struct({ at: Schema.DateFromString, note: Schema.Option(Schema.String) }),
  member: Schema.Struct({ since: Schema.DateFromString, tags: Schema.Array(Schema.String) })
})
