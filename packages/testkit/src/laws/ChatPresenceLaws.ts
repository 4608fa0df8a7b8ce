/**
 * What Chat promises of who is there: of those who leave, with a word or without, and of whoever watches. Each is tried in a world (`../World.ts`), on every backend; the identifiers are those of
 * docs/guarantees.md. A peer that is silent is suspected after 6 s, and gone after 12 s, each at most 2.4 s later.
 */
import * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as assert from "node:assert/strict"
import {
  announce,
  assertMembers,
  count,
  create,
  gathered,
  Graced,
  hears,
  inRoom,
  join,
  type Law,
  listen,
  members,
  on,
  ordeal,
  Plain,
  refused,
  shows,
  swept,
  watch
} from "../internal/chatting.ts"
import { numbers, refusal } from "../internal/listening.ts"

// -- who has it already ---------------------------------------------------------------------------------------------

/** H2 A member of a live peer is in the way; of a suspected one it is taken over, without a `Left`, and the old place is none. */
export const aSuspectedPeersMemberIsTakenOver: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* gathered(world, 3, Plain)
    const [heard, seen] = [yield* listen(c, Plain), yield* watch(c, Plain)]
    const x = yield* join(b, Plain, "x")
    const { joinedAt } = x.member()
    yield* b.freeze
    yield* world.advance("3 seconds")
    assert.deepEqual(yield* refusal(join(a, Plain, "x")), ["AlreadyMember"])
    yield* world.advance("6 seconds")
    const taken = yield* join(a, Plain, "x")
    assert.deepEqual([taken.member().joinedAt, taken.member().peer], [joinedAt, a.name])
    yield* b.thaw
    yield* refused([x.say(1)], ["NotMember"])
    yield* x.end
    yield* taken.say(2)
    yield* world.advance("30 seconds")
    yield* hears(world, heard, ["Joined x", "Updated x", "Said 2"])
    yield* shows(world, seen, ["x"])
  })

/** H2 P7 A process that was killed and begins again under its name has what nobody has swept: its members are in nobody's way. */
export const whoBeginsAgainHasItsPlaces: Law = (world) =>
  Effect.gen(function* () {
    const web = yield* world.spawn({ name: "web" })
    yield* create(web, Plain)
    const { joinedAt } = (yield* join(web, Plain, "x")).member()
    yield* web.crash
    const again = yield* world.spawn({ name: "web" })
    const x = yield* join(again, Plain, "x")
    yield* world.advance("1 minute")
    yield* x.say(1)
    assert.deepEqual([x.member().joinedAt, yield* members(again, Plain)], [joinedAt, ["x"]])
  })

/** H2 Of two who take over the same place at once one gets it. */
export const aPlaceIsTakenOverOnce: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* gathered(world, 3, Plain)
    const heard = yield* listen(c, Plain)
    yield* join(b, Plain, "x")
    yield* b.freeze
    yield* world.advance("9 seconds")
    const exits = yield* Effect.all(
      [a, c].map((peer) => Effect.exit(join(peer, Plain, "x"))),
      { concurrency: 2 }
    )
    assert.equal(exits.filter(Exit.isSuccess).length, 1)
    yield* world.advance("30 seconds")
    yield* b.thaw
    yield* world.advance("30 seconds")
    yield* hears(world, heard, ["Joined x", "Updated x"])
    yield* assertMembers([a, b, c], Plain, ["x"])
  })

// -- who leaves -----------------------------------------------------------------------------------------------------

/** H4 A member has left at once when its scope closes, and when its process ends in good order, however many they are. */
export const aMemberLeavesWithItsScope: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Plain)
    const heard = yield* listen(a, Plain)
    const x = yield* join(b, Plain, "x")
    yield* x.end
    yield* hears(world, heard, ["Joined x", "Left x Left"])
    yield* Effect.forEach(numbers(1_000), (n) => join(b, Plain, `${n}`), { concurrency: "unbounded" })
    yield* b.stop
    yield* inRoom(world, [a], Plain, [])
    const left = heard.shape().filter((told) => /^Left \d+ Left$/.test(told))
    assert.deepEqual([left.length, new Set(left).size, heard.events.length], [1_000, 1_000, 2_002])
  })

/** H4 A member whose scope closes while the store is away has left as soon as that answers again; nobody waits for it. */
export const aLeaveIsToldWhenTheStoreIsBack: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Plain)
    const heard = yield* listen(a, Plain)
    const faults = [b, { cut: world.store.stop, heal: world.store.start }]
    for (const { cut, heal } of faults) {
      const [x, y] = [yield* join(b, Plain, "x"), yield* join(b, Plain, "y")]
      yield* cut
      const until = (yield* world.now) + 1_000
      yield* world.complete(x.end)
      assert.ok((yield* world.now) <= until)
      assert.ok((yield* refusal(world.complete(y.leave))).includes("Unknown"))
      yield* refused([x.say(1), y.say(1)], ["NotMember"])
      yield* Effect.andThen(world.advance("4 seconds"), heal)
      yield* inRoom(world, [a], Plain, [], "3500 millis")
    }
    const told = ["Joined x", "Joined y", "Left x Left", "Left y Left"]
    yield* hears(world, heard, [...told, ...told], "5 seconds")
  })

/** H4 A leave whose answer is lost is told once, whether or not it was applied. */
export const aLeaveWhoseAnswerIsLostIsToldOnce: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Plain)
    const heard = yield* listen(a, Plain)
    for (const which of ["applied", "not applied"] as const) {
      const x = yield* join(b, Plain, "x")
      yield* b.loseAnswer(which)
      yield* world.complete(x.end)
      yield* inRoom(world, [a], Plain, [], "3 seconds")
    }
    yield* hears(
      world,
      heard,
      [1, 2].flatMap(() => ["Joined x", "Left x Left"])
    )
  })

/** H4 When a process dies, each of its members is heard to have left, once, within its silence, a heartbeat and a sweep. */
export const whoDiesIsHeardToHaveLeft: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* gathered(world, 3, Plain)
    const heard = yield* Effect.forEach([a, c], (peer) => listen(peer, Plain))
    yield* join(a, Plain, "stays")
    for (const id of ["x", "y"]) yield* join(b, Plain, id)
    yield* b.crash
    yield* world.always(assertMembers([a, c], Plain, ["stays", "x", "y"]), "9 seconds")
    yield* inRoom(world, [a, c], Plain, ["stays"], "10400 millis")
    yield* world.advance("1 minute")
    for (const { shape } of heard) {
      assert.deepEqual(shape().slice(0, 3), ["Joined stays", "Joined x", "Joined y"])
      assert.deepEqual(shape().slice(3).sort(), ["Left x Crashed", "Left y Crashed"])
    }
  })

/** H4 Whoever ends what a dead peer left behind may die in the middle of it: another goes on, and each has left once. */
export const whoeverSweepsMayDie: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* gathered(world, 3, Plain)
    const others = [yield* world.spawn(), yield* world.spawn()]
    yield* Effect.forEach(numbers(500), (n) => join(c, Plain, `${n}`), { concurrency: "unbounded" })
    const [heard, begun] = [yield* listen(others[0]!, Plain), yield* Deferred.make<void>()]
    const first = yield* on(others[1]!, (chat) => chat.events(Plain))
    yield* Effect.forkScoped(Effect.andThen(Stream.runHead(first), Deferred.succeed(begun, undefined)))
    yield* Effect.forkScoped(Effect.andThen(Deferred.await(begun), Effect.andThen(a.crash, b.crash)))
    yield* c.crash
    yield* inRoom(world, others, Plain, [], "40 seconds")
    assert.ok(Deferred.isDoneUnsafe(begun))
    assert.equal(new Set(heard.shape().filter((told) => /^Left \d+ Crashed$/.test(told))).size, 500)
    assert.equal(heard.events.length, 500)
  })

/** H4 Where everybody has died, the next who comes hears of it. */
export const whoDiedUnseenHasLeft: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Plain)
    for (const [peer, id] of [
      [a, "x"],
      [b, "y"]
    ] as const)
      yield* join(peer, Plain, id)
    yield* Effect.all([a.crash, b.crash])
    yield* world.advance("20 minutes")
    const c = yield* world.spawn()
    const heard = yield* listen(c, Plain)
    yield* inRoom(world, [c], Plain, [], "30 seconds")
    assert.deepEqual(heard.shape().sort(), ["Left x Crashed", "Left y Crashed"])
    yield* join(c, Plain, "x")
    yield* assertMembers([c], Plain, ["x"])
  })

/** H4 Who was declared gone can neither speak nor change anything; when it wakes it comes as another, and is no ghost. */
export const whoWasGoneIsNoMember: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* gathered(world, 3, Plain)
    const heard = yield* listen(c, Plain)
    const x = yield* join(b, Plain, "x")
    yield* b.freeze
    yield* inRoom(world, [a, c], Plain, [], swept)
    yield* b.thaw
    const [said, joined] = yield* Effect.all([Effect.exit(x.say(1)), Effect.exit(join(b, Plain, "y"))], {
      concurrency: 2
    })
    assert.ok(Exit.isFailure(said))
    if (Exit.isSuccess(joined)) yield* joined.value.say(1)
    yield* refused([x.say(2)], ["NotMember"])
    yield* Effect.andThen(x.end, world.advance("5 seconds"))
    yield* (yield* join(b, Plain, "x")).say(3)
    yield* world.advance("1 minute")
    yield* assertMembers([a, b, c], Plain, Exit.isSuccess(joined) ? ["x", "y"] : ["x"])
    assert.deepEqual(
      heard.shape().filter((told) => told.includes("x")),
      ["Joined x", "Left x Crashed", "Joined x"]
    )
  })

/** H4 Whatever befalls peers and store: once it has settled, who is there is who has a place that was not given up. */
export const thereAreNoGhosts: Law = (world) =>
  Effect.gen(function* () {
    const { open, peers } = yield* ordeal(world, yield* gathered(world, 3, Plain), Plain)
    yield* world.advance("1 minute")
    const speaking: Array<string> = []
    for (const { id, place } of open) {
      const exit = yield* Effect.exit(place.say(1))
      if (Exit.isSuccess(exit)) speaking.push(id)
      else assert.deepEqual(yield* refusal(exit), ["NotMember"])
    }
    yield* assertMembers(peers, Plain, speaking)
    const seen = yield* watch(peers[0]!, Plain)
    yield* shows(world, seen, speaking)
  })

/** H3 H4 H10 Whatever befalls others: who listens hears of each member that it came before it left, once, and of all who are there. */
export const whoeverListensHearsOfAll: Law = (world) =>
  Effect.gen(function* () {
    const [listener, ...peers] = yield* gathered(world, 3, Graced)
    const heard = yield* listen(listener, Graced)
    const { open } = yield* ordeal(world, [...peers, yield* world.spawn()], Graced)
    yield* world.advance("1 minute")
    const there = new Set<string>()
    for (const told of heard.shape()) {
      const [what, id = ""] = told.split(" ")
      assert.ok(what === "Joined" || what === "Updated" || what === "Left", told)
      assert.equal(there.has(id), what !== "Joined", told)
      if (what === "Left") there.delete(id)
      else there.add(id)
    }
    yield* assertMembers([listener], Graced, [...there])
    assert.ok([...there].every((member) => open.some(({ id }) => id === member)))
  })

/** D3 When the server's clock steps, nobody has left. */
export const aSteppedClockTakesNobodyOut: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* gathered(world, 3, Plain)
    const places = [yield* join(a, Plain, "x"), yield* join(b, Plain, "y")]
    const heard = yield* listen(c, Plain)
    for (const step of ["1 hour", "-3 hours", "1 minute"] as const) {
      yield* world.store.stepClock(step)
      yield* world.advance("30 seconds")
      yield* assertMembers([a, b, c], Plain, ["x", "y"])
    }
    for (const [n, place] of places.entries()) yield* place.say(n)
    yield* hears(world, heard, ["Said 0", "Said 1"])
  })

/** H4 Peers' own clocks decide nothing: of who has left when, nor of when somebody came. */
export const skewedClocksDecideNothing: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* gathered(world, 3, Graced)
    for (const [peer, by] of [
      [a, "3 hours"],
      [b, "-3 hours"]
    ] as const)
      yield* peer.skew(by)
    const heard = yield* listen(a, Graced)
    const [x, y] = [yield* join(a, Graced, "x"), yield* join(b, Graced, "y")]
    const now = yield* world.now
    for (const place of [x, y]) assert.equal(DateTime.toEpochMillis(place.member().joinedAt), now)
    yield* x.end
    yield* world.advance("9900 millis")
    yield* hears(world, heard, ["Joined x", "Joined y"])
    yield* hears(world, heard, ["Joined x", "Joined y", "Left x Left"], "200 millis")
    yield* b.crash
    yield* world.always(
      Effect.map(count(c, Graced), (count) => assert.equal(count, 1)),
      "19 seconds"
    )
    yield* hears(world, heard, ["Joined x", "Joined y", "Left x Left", "Left y Crashed"], "10400 millis")
  })

// -- whoever watches ------------------------------------------------------------------------------------------------

/** H5 `presence` starts with who is there and misses no change after, whenever it begins. */
export const presenceMissesNoChange: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* gathered(world, 3, Plain)
    for (const id of ["x", "y"]) yield* join(a, Plain, id)
    const seen = [yield* watch(c, Plain)]
    yield* world.advance(0)
    assert.deepEqual(seen[0]!.seen, [["x", "y"]])
    const come = Effect.forEach(numbers(30), (n) =>
      Effect.tap(join(n % 2 === 0 ? a : b, Plain, `${n}`), (place) => (n % 3 === 0 ? place.end : Effect.void))
    )
    const begin = Effect.forEach(numbers(6), () => Effect.map(watch(c, Plain), (watched) => seen.push(watched)))
    yield* Effect.all([come, begin], { concurrency: 2 })
    const there = [
      "x",
      "y",
      ...numbers(30)
        .filter((n) => n % 3 !== 0)
        .map(String)
    ]
    for (const one of seen) yield* shows(world, one, there)
  })

/** H5 What changes while the answer to who is there is still on its way is seen all the same. */
export const whatChangesWhilePresenceBeginsIsSeen: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Plain)
    const x = yield* join(a, Plain, "x")
    for (const answers of numbers(4)) {
      yield* b.holdAnswers
      const seen = yield* watch(b, Plain)
      for (const _ of numbers(answers)) {
        yield* world.advance(0)
        yield* Effect.andThen(b.passAnswers, b.holdAnswers)
      }
      yield* world.advance(0)
      const y = yield* join(a, Plain, `${answers}`)
      yield* world.advance(0)
      yield* b.passAnswers
      yield* shows(world, seen, ["x", `${answers}`])
      yield* y.end
      yield* shows(world, seen, ["x"])
    }
    yield* x.end
  })

/** H5 Of more members than one step gives, too, while they come and go. */
export const presenceOfManyIsWhole: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* gathered(world, 3, Plain)
    const places = yield* Effect.forEach(numbers(1_300), (n) => join(a, Plain, `${n}`), { concurrency: "unbounded" })
    const seen = yield* watch(c, Plain)
    const listing = yield* Effect.forkScoped(members(b, Plain))
    yield* Effect.forEach(numbers(100), (n) => Effect.andThen(places[13 * n]!.end, join(b, Plain, `new ${n}`)), {
      concurrency: 10
    })
    const there = [
      ...numbers(1_300)
        .filter((n) => n % 13 !== 0)
        .map(String),
      ...numbers(100).map((n) => `new ${n}`)
    ]
    yield* shows(world, seen, there)
    yield* assertMembers([b], Plain, there)
    const listed = new Set(yield* Fiber.join(listing))
    assert.ok(there.slice(0, 1_200).every((id) => listed.has(id)))
  })

/** H5 Over a cut, too: for longer than the log reaches back, in a room without history, and over more than it holds. */
export const presenceOutlivesACut: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Plain)
    const [x, y] = [yield* join(a, Plain, "x"), yield* join(a, Plain, "y")]
    const seen = yield* watch(b, Plain)
    yield* shows(world, seen, ["x", "y"])
    yield* b.cut
    yield* x.end
    yield* world.advance("6 minutes")
    yield* b.heal
    yield* shows(world, seen, ["y"], "5 seconds")
    yield* b.cut
    yield* y.end
    yield* join(a, Plain, "z")
    yield* Effect.forEach(numbers(1_100), (n) => announce(a, Plain, n), { concurrency: "unbounded" })
    yield* b.heal
    yield* shows(world, seen, ["z"], "5 seconds")
  })

/** H5 When a replica takes over that has not heard of the last changes, whoever watches sees who is there. */
export const presenceOutlivesARewind: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Plain)
    yield* join(a, Plain, "x")
    const seen = yield* watch(b, Plain)
    yield* join(a, Plain, "y")
    yield* shows(world, seen, ["x", "y"])
    yield* world.store.rewind(1)
    yield* shows(world, seen, ["x"], "45 seconds")
  })
