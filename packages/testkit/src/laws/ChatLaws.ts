/**
 * What Chat promises of rooms, and of who may join and speak. Each is tried in a
 * world (`../World.ts`), on every backend; the identifiers are those of docs/guarantees.md. The order in
 * which everybody hears it is in ChatWordLaws.ts, and who is there, and has left without a word, in ChatPresenceLaws.ts.
 */
import * as Chat from "@troupe/core/Chat"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as assert from "node:assert/strict"
import { lookAlikes } from "../internal/caching.ts"
import {
  announce,
  assertMembers,
  costOf,
  count,
  create,
  destroy,
  enter,
  gathered,
  hears,
  history,
  inRoom,
  join,
  Kept,
  type Law,
  listen,
  members,
  Nicks,
  on,
  type Peer,
  Plain,
  poll,
  refused,
  remove,
  shows,
  watch
} from "../internal/chatting.ts"
import { numbers, refusal } from "../internal/listening.ts"

// -- rooms ----------------------------------------------------------------------------------------------------------

/** H1 Of two who make a room at the same time one gets RoomExists, and so does who comes later. */
export const aRoomIsMadeOnce: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    for (const n of numbers(5)) {
      const room = Chat.room(`room ${n}`, { message: Schema.Int })
      const exits = yield* Effect.all([Effect.exit(create(a, room)), Effect.exit(create(b, room))], { concurrency: 2 })
      assert.deepEqual(exits.filter(Exit.isSuccess).length, 1)
      assert.deepEqual(yield* refusal(create(a, room)), ["RoomExists"])
      assert.ok(yield* on(b, (chat) => chat.exists(room)))
    }
  })

/** H1 What is asked of a room that is not there is refused, and makes none. */
export const whatIsNotThereIsNotFound: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const calls: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
      destroy(a, Plain),
      join(a, Plain, "x"),
      announce(a, Plain, 1),
      members(a, Plain),
      count(a, Plain),
      Effect.scoped(listen(a, Plain)),
      Effect.provide(
        on(a, (chat) => Stream.runHead(chat.presence(Plain))),
        a.context
      ),
      poll(a, Plain),
      history(a, Kept)
    ]
    yield* refused(calls, ["RoomNotFound"])
    assert.deepEqual([yield* on(a, (chat) => chat.exists(Plain)), yield* remove(a, Plain, "x")], [false, false])
  })

/** H1 `destroy` ends every membership everywhere and every stream of events with `Destroyed`. */
export const aDestroyedRoomEndsForAll: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* gathered(world, 3, Plain)
    const places = [yield* join(a, Plain, "x"), yield* join(b, Plain, "y")]
    const heard = yield* Effect.forEach([a, b, c], (peer) => listen(peer, Plain))
    const seen = yield* watch(c, Plain)
    yield* shows(world, seen, ["x", "y"])
    yield* destroy(b, Plain)
    for (const one of heard) yield* hears(world, one, ["Destroyed", "End"])
    yield* shows(world, seen, [])
    yield* refused(
      places.map((place) => place.say(1)),
      ["NotMember"]
    )
    yield* refused([count(a, Plain), destroy(a, Plain)], ["RoomNotFound"])
  })

/** H1 Whoever was cut off while a room was destroyed gets `Destroyed`, though it was created anew, and long ago. */
export const whoWasCutOffHearsOfTheEnd: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* gathered(world, 3, Kept)
    const heard = [yield* listen(b, Kept), yield* listen(c, Kept)]
    yield* announce(a, Kept, 1)
    for (const one of heard) yield* hears(world, one, ["Said 1"])
    yield* Effect.all([b.cut, c.cut])
    yield* destroy(a, Kept)
    yield* create(a, Kept)
    yield* announce(a, Kept, 2)
    yield* world.advance("1 second")
    yield* b.heal
    yield* hears(world, heard[0]!, ["Said 1", "Destroyed", "End"], "5 seconds")
    yield* world.advance("5 minutes")
    yield* c.heal
    yield* hears(world, heard[1]!, ["Said 1", "Destroyed", "End"], "5 seconds")
  })

/** H1 A room created anew has nothing of the one before: no members, no words, no keys. */
export const aRoomCreatedAnewIsEmpty: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Kept)
    const before = yield* join(a, Kept, "x")
    yield* before.say(1, "key")
    yield* destroy(b, Kept)
    yield* create(b, Kept)
    assert.deepEqual(yield* refusal(before.say(2)), ["NotMember"])
    assert.deepEqual([yield* count(a, Kept), yield* history(a, Kept), (yield* poll(a, Kept)).said], [0, [], []])
    const after = yield* join(b, Kept, "x")
    yield* before.end
    yield* after.say(3, "key")
    const heard = yield* listen(a, Kept, { from: "earliest" })
    yield* hears(world, heard, ["Joined x", "Said 3"])
    yield* assertMembers([a, b], Kept, ["x"])
  })

/** H1 `rooms` names every room that existed throughout, whatever is made and destroyed meanwhile. */
export const everyRoomIsNamed: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    const names = [...lookAlikes, ...numbers(520).map((n) => `room ${n}`)].sort()
    const rooms = names.map((name) => Chat.room(name, { message: Schema.Int }))
    yield* Effect.forEach(rooms, (room) => create(a, room))
    const fleeting = Effect.forEach(numbers(5), () => Effect.andThen(create(b, Plain), destroy(b, Plain)))
    const [all] = yield* Effect.all([named(a), fleeting], { concurrency: 2 })
    assert.deepEqual(
      all.filter((name) => name !== "plain 0"),
      names.map((name) => `${name} 0`)
    )
    yield* join(b, rooms[0]!, "x")
    assert.deepEqual(yield* named(b), [`${names[0]} 1`, ...names.slice(1).map((name) => `${name} 0`)])
  })

/** H1 A room whose making was not finished is none: it is not named, and anybody may make it. */
export const aHalfMadeRoomIsNone: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = [yield* world.spawn(), yield* world.spawn()]
    yield* a.holdAnswers
    yield* Effect.forkScoped(Effect.ignore(create(a, Plain)))
    yield* world.advance(0)
    yield* a.crash
    assert.deepEqual([yield* named(b), yield* on(b, (chat) => chat.exists(Plain))], [[], false])
    yield* world.advance("2 minutes")
    assert.deepEqual(yield* named(b), [])
    yield* create(b, Plain)
    yield* world.advance("2 minutes")
    assert.deepEqual(yield* named(b), ["plain 0"])
  })

// -- who joins, and who speaks --------------------------------------------------------------------------------------

/** H2 Of two joins of one id at once one is in, on one peer as on two; the other comes in when the first has left. */
export const anIdIsInARoomOnce: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Plain)
    const heard = yield* listen(b, Plain)
    for (const other of [a, b, b]) {
      const exits = yield* Effect.all([join(a, Plain, "x"), join(other, Plain, "x")].map(Effect.exit), {
        concurrency: 2
      })
      const [place, ...more] = exits.filter(Exit.isSuccess)
      assert.ok(place !== undefined && more.length === 0)
      assert.deepEqual(yield* refusal(join(other, Plain, "x")), ["AlreadyMember"])
      yield* assertMembers([a, b], Plain, ["x"])
      yield* place.value.leave
      yield* place.value.leave
    }
    yield* hears(
      world,
      heard,
      [1, 2, 3].flatMap(() => ["Joined x", "Left x Left"])
    )
  })

/** H2 A join whose answer is lost leaves no place behind, whether or not it was applied, and the id is free again. */
export const aJoinWhoseAnswerIsLostLeavesNoPlace: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Plain)
    const first = yield* join(a, Plain, "first")
    for (const which of ["applied", "not applied"] as const) {
      yield* a.loseAnswer(which)
      assert.equal((yield* refusal(join(a, Plain, "x")))[1], "Unknown")
      yield* inRoom(world, [a, b], Plain, ["first"], "3 seconds")
      const place = yield* join(b, Plain, "x")
      yield* place.end
    }
    yield* first.say(1)
    yield* assertMembers([a, b], Plain, ["first"])
  })

/** H2 A join that is interrupted leaves no place behind, at whatever moment. */
export const anInterruptedJoinLeavesNoPlace: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Plain)
    for (const turns of numbers(12)) {
      const joining = yield* Effect.forkChild(join(a, Plain, "x"), { startImmediately: true })
      yield* Effect.repeat(Effect.yieldNow, { times: turns * 4 })
      const exit = yield* Effect.andThen(Fiber.interrupt(joining), Fiber.await(joining))
      if (Exit.isSuccess(exit)) yield* exit.value.end
      yield* inRoom(world, [a, b], Plain, [], "1 second")
      yield* (yield* join(b, Plain, "x")).end
    }
    yield* a.holdAnswers
    const joining = yield* Effect.forkChild(join(a, Plain, "x"), { startImmediately: true })
    yield* world.advance(0)
    yield* Fiber.interrupt(joining)
    yield* a.passAnswers
    yield* inRoom(world, [a, b], Plain, [], "1 second")
  })

/** H8 Who is not a member cannot speak, nor change its details. */
export const whoHasLeftCannotSpeak: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Nicks)
    const heard = yield* listen(b, Nicks)
    const [x, y] = [
      yield* enter(a, Nicks, { id: "x", details: { nick: "X" } }),
      yield* enter(a, Nicks, { id: "y", details: { nick: "Y" } })
    ]
    yield* x.leave
    yield* y.end
    // The id is somebody else's now: the old place is none all the same.
    yield* enter(b, Nicks, { id: "x", details: { nick: "Z" } })
    for (const place of [x, y]) {
      yield* refused([place.say(1), place.update({ nick: "again" })], ["NotMember"])
      yield* place.leave
    }
    yield* hears(world, heard, ["Joined x", "Joined y", "Left x Left", "Left y Left", "Joined x"])
  })

/** H8 Who was removed gets NotMember on its next word, and the room `Left` with the reason Removed; it may come again. */
export const whoIsRemovedCannotSpeak: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Plain)
    const heard = yield* listen(a, Plain)
    const x = yield* join(a, Plain, "x")
    assert.deepEqual(
      [yield* remove(b, Plain, "x"), yield* remove(b, Plain, "x"), yield* remove(b, Plain, "y")],
      [true, false, false]
    )
    assert.deepEqual(yield* refusal(x.say(1)), ["NotMember"])
    const again = yield* join(b, Plain, "x")
    assert.deepEqual(yield* refusal(x.say(2, "key")), ["NotMember"])
    yield* x.end
    yield* again.say(3)
    yield* hears(world, heard, ["Joined x", "Left x Removed", "Joined x", "Said 3"])
  })

/** H8 An announcement needs no membership, and stands in the same order as what members say. */
export const anybodyMayAnnounce: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Kept)
    const x = yield* join(a, Kept, "x")
    const places = [yield* x.say(1), yield* announce(b, Kept, 2), yield* x.say(3)]
    assert.ok(
      places.every(({ epoch, sequence }, i) => epoch === places[0]!.epoch && sequence === places[0]!.sequence + i)
    )
    const said = yield* on(b, (chat) => chat.history(Kept))
    assert.deepEqual(
      said.map(({ from, message, position }) => [from, message, position]),
      [
        ["x", 1, places[0]],
        ["somebody", 2, places[1]],
        ["x", 3, places[2]]
      ]
    )
  })

// -- cost and bounds ------------------------------------------------------------------------------------------------

/** H9 Joining costs two requests the first time and then one, counting one; with a thousand members as with ten. */
export const joiningCostsOneRequest: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Plain)
    assert.equal(yield* costOf(b, join(b, Plain, "first")), 2)
    for (const many of [10, 1_000]) {
      yield* Effect.forEach(numbers(many), (n) => join(a, Plain, `${many} ${n}`), { concurrency: "unbounded" })
      assert.equal(yield* costOf(b, join(b, Plain, `after ${many}`)), 1)
      assert.equal(yield* costOf(b, count(b, Plain)), 1)
    }
    assert.equal(yield* count(b, Plain), 1_013)
    assert.equal((yield* members(b, Plain)).length, 1_013)
  })

/** A5 A word of more than 1 MiB and details of more than 16 KiB are refused, and nothing is sent. */
export const whatIsTooLargeIsRefused: Law = (world) =>
  Effect.gen(function* () {
    const [a] = yield* gathered(world, 1, Texts)
    const sized = (bytes: number) => "x".repeat(bytes - 2)
    const place = yield* enter(a, Texts, { id: "x", details: sized(16_384) })
    yield* place.say(sized(1_048_576))
    const cost = yield* costOf(
      a,
      Effect.gen(function* () {
        yield* refused([place.say(sized(1_048_577)), announce(a, Texts, sized(1_048_577))], ["PayloadTooLarge"])
        const details = [place.update(sized(16_385)), enter(a, Texts, { id: "y", details: sized(16_385) })]
        yield* refused(details, ["CapacityExceeded", "NotApplied"])
      })
    )
    assert.equal(cost, 0)
    yield* assertMembers([a], Texts, ["x"])
  })

/** A6 No two names meet, of rooms or of members, whatever is in them. */
export const namesNeverMeet: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const rooms = lookAlikes.map((name) => Chat.room(name, { message: Schema.String }))
    for (const room of rooms) yield* create(a, room)
    const heard = yield* Effect.forEach(rooms, (room) => listen(a, room))
    for (const room of rooms) {
      yield* join(a, room, room.name)
      yield* on(a, (chat) => chat.announce(room, room.name, room.name))
    }
    for (const [i, { name }] of rooms.entries()) yield* hears(world, heard[i]!, [`Joined ${name}`, `Said ${name}`])
    yield* Effect.forEach(lookAlikes, (id) => (id === "a" ? Effect.void : join(a, rooms[0]!, id)))
    yield* assertMembers([a], rooms[0]!, lookAlikes)
  })

/** A6 A bad name, or an option that breaks a rule, is refused by the first call that uses it, and nothing is sent. */
export const whatBreaksARuleIsRefused: Law = (world) =>
  Effect.gen(function* () {
    const [a] = yield* gathered(world, 1, Plain)
    const wrong = [
      ...wrongOptions.map((options) => create(a, Chat.room("room", { message: Schema.Int, ...options }))),
      ...wrongPolls.map((options) => poll(a, Plain, options))
    ]
    const named = ["", "x".repeat(513), "\ud800"].map((name) => create(a, Chat.room(name, { message: Schema.Int })))
    const cost = yield* costOf(
      a,
      Effect.gen(function* () {
        yield* refused([...named, join(a, Plain, ""), remove(a, Plain, "")], ["InvalidName", "NotApplied"])
        yield* refused(wrong, ["Misconfigured", "NotApplied"])
      })
    )
    assert.equal(cost, 0)
  })

/** H4 A full server refuses who comes and who speaks; who leaves or is removed, and what is read, gets through. */
export const aFullServerLetsGo: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Plain)
    const [x, y, z] = [yield* join(a, Plain, "x"), yield* join(a, Plain, "y"), yield* join(b, Plain, "z")]
    const heard = yield* listen(b, Plain)
    yield* world.store.full(true)
    yield* refused([x.say(1), join(b, Plain, "new"), create(a, Kept)], ["CapacityExceeded", "NotApplied"])
    yield* x.leave
    yield* y.end
    assert.ok(yield* remove(a, Plain, "z"))
    yield* z.leave
    yield* hears(world, heard, ["Left x Left", "Left y Left", "Left z Removed"])
    yield* destroy(a, Plain)
    yield* hears(world, heard, ["Left x Left", "Left y Left", "Left z Removed", "Destroyed", "End"])
  })

// -- internals ----------------------------------------------------------------------------------------------------

const Texts = Chat.room("texts", { message: Schema.String, member: Schema.String })

const wrongOptions = [
  { history: { size: 0, timeToLive: "1 hour" } },
  { history: { size: 100_001, timeToLive: "1 hour" } },
  { history: { size: 1, timeToLive: 0 } },
  { leaveGrace: "61 minutes" }
] satisfies ReadonlyArray<Partial<Chat.RoomOptions<number, void>>>
const wrongPolls = [
  { limit: 0 },
  { limit: 513 },
  { wait: "2 hours" },
  { after: "no cursor" }
] satisfies ReadonlyArray<Chat.PollOptions>

/** Every room's name, and how many are in it. */
const named = (peer: Peer) =>
  Effect.map(
    on(peer, (chat) => Stream.runCollect(chat.rooms)),
    (rooms) => rooms.sort((a, b) => (a.name < b.name ? -1 : 1)).map(({ members, name }) => `${name} ${members}`)
  )
