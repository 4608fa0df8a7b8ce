/**
 * What Chat promises of who is in a room that has lost something: a server took over that has not heard of the last
 * changes, or all was forgotten. Nobody is there for ever who left, or whose process died. Each is tried in a world
 * (`../World.ts`), on every backend; the identifiers are those of docs/guarantees.md. What changed is noticed by whoever acts
 * in the room, at once, and else within 36 seconds.
 */
import * as Chat from "@troupe/core/Chat"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as assert from "node:assert/strict"
import {
  assertMembers,
  create,
  costOf,
  gathered,
  Graced,
  hears,
  inRoom,
  join,
  type Law,
  listen,
  members,
  type Peer,
  Plain,
  type Rooms,
  swept
} from "../internal/chatting.ts"
import { numbers } from "../internal/listening.ts"

/** D2 H4 A leave that is lost when another server takes over is told again, by whose it was: at the latest with its next look. */
export const aLeaveThatIsLostIsToldAgain: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Plain)
    const heard = yield* listen(a, Plain)
    yield* join(a, Plain, "stays")
    const x = yield* join(b, Plain, "x")
    yield* Effect.andThen(x.end, hears(world, heard, ["Joined stays", "Joined x", "Left x Left"]))
    yield* world.store.rewind(1)
    yield* assertMembers([a], Plain, ["stays", "x"])
    yield* inRoom(world, [a, b], Plain, ["stays"], noticed)
    yield* hears(world, heard, ["Joined stays", "Joined x", "Left x Left", "Gap Rewound", "Left x Left"], noticed)
  })

/** D2 H4 Whoever acts in a room whose server has lost something notices at once. */
export const whoeverActsNoticesWhatIsLost: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Plain)
    const [y, x] = [yield* join(b, Plain, "y"), yield* join(b, Plain, "x")]
    yield* Effect.andThen(x.end, world.advance(0))
    yield* world.store.rewind(1)
    yield* assertMembers([a], Plain, ["x", "y"])
    yield* y.say(1)
    yield* inRoom(world, [a, b], Plain, ["y"], "1 second")
  })

/** D2 H4 Whose end after a crash is lost when another server takes over is ended again. */
export const aSweepThatIsLostIsDoneAgain: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* gathered(world, 3, Plain)
    yield* join(a, Plain, "stays")
    for (const id of ["x", "y"]) yield* join(c, Plain, id)
    yield* c.crash
    yield* inRoom(world, [a, b], Plain, ["stays"], swept)
    yield* undone(world, a, ["stays", "x", "y"])
    const heard = yield* listen(b, Plain)
    yield* inRoom(world, [a, b], Plain, ["stays"], noticed)
    assert.deepEqual(heard.shape().sort(), ["Left x Crashed", "Left y Crashed"])
  })

/** D2 H4 Also in a room that nobody is in who lives: by who ended it. */
export const whoSweptARoomSweepsItAgain: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* gathered(world, 3, Plain)
    yield* join(c, Plain, "x")
    yield* c.crash
    yield* inRoom(world, [a, b], Plain, [], swept)
    yield* undone(world, a, ["x"])
    yield* inRoom(world, [a, b], Plain, [], noticed)
  })

/** D2 H10 A held-back `Left` that was told, and whose telling is lost, is told again. */
export const aLeftThatWasHeldBackIsToldAgain: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Graced)
    const heard = yield* listen(a, Graced)
    const x = yield* join(b, Graced, "x")
    yield* x.end
    yield* hears(world, heard, ["Joined x", "Left x Left"], "11 seconds")
    yield* world.store.rewind(1)
    yield* hears(world, heard, ["Joined x", "Left x Left", "Gap Rewound", "Left x Left"], "80 seconds")
  })

/** D2 H4 A room that is made anew after all was forgotten has no ghosts: who joins it and dies at once has left. */
export const whoDiesInARoomMadeAnewHasLeft: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* gathered(world, 3, Plain)
    yield* join(b, Plain, "before")
    yield* world.store.forget
    yield* world.advance("5 seconds")
    yield* create(a, Plain)
    const heard = yield* listen(c, Plain)
    yield* join(b, Plain, "x")
    yield* b.crash
    yield* hears(world, heard, ["Joined x", "Left x Crashed"], swept)
    yield* assertMembers([a, c], Plain, [])
  })

/** D2 H4 After the index alone was lost it is known anew, within 40 s, who is where; who dies before that has left as well. */
export const whoDiesAfterTheIndexIsLostHasLeft: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Plain)
    yield* join(a, Plain, "stays")
    const heard = yield* listen(a, Plain)
    for (const [n, seconds] of [0, 10, 20, 40].entries()) {
      const c = yield* world.spawn()
      yield* join(n === 3 ? b : c, Plain, `${n}`)
      yield* world.store.evict("{rooms}")
      yield* world.advance(`${seconds} seconds`)
      yield* n === 3 ? b.crash : c.crash
      yield* inRoom(world, [a], Plain, ["stays"], n === 3 ? swept : "1 minute")
    }
    assert.equal(heard.shape().filter((told) => /^Left \d Crashed$/.test(told)).length, 4)
  })

/** D2 H4 Where another server takes over and nothing is lost, nobody loses its place, nor whoever comes just then. */
export const whereNothingIsLostNobodyLeaves: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* gathered(world, 3, Plain)
    const heard = yield* listen(c, Plain)
    const places = [yield* join(a, Plain, "a"), yield* join(b, Plain, "b")]
    for (const n of numbers(4)) {
      yield* world.store.rewind(0)
      const come = (peer: Peer, id: string) => join(peer, Plain, `${id}${n}`)
      places.push(...(yield* Effect.all([come(a, "a"), come(b, "b"), come(b, "c")], { concurrency: 3 })))
      yield* world.advance(`${7 * n + 5} seconds`)
    }
    yield* world.advance("1 minute")
    for (const [n, place] of places.entries()) yield* place.say(n)
    yield* assertMembers(
      [a, b, c],
      Plain,
      places.map((place) => place.member().id)
    )
    assert.deepEqual(
      heard.shape().filter((told) => told.startsWith("Left")),
      []
    )
  })

/** H9 Looking whether something was lost costs the same for many rooms and places as for one. */
export const lookingForLossesIsCheap: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Plain)
    yield* join(b, Plain, "b")
    for (const n of numbers(30)) {
      const room = Chat.room(`room ${n}`, { message: Schema.Int })
      yield* create(a, room)
      for (const id of ["x", "y", "z"]) yield* join(a, room, id)
    }
    yield* world.advance("1 minute")
    const [many, one] = [yield* costOf(a, world.advance("2 minutes")), yield* costOf(b, world.advance("2 minutes"))]
    assert.ok(many <= one + 20, `${many} requests, and ${one}`)
  })

// -- internals ----------------------------------------------------------------------------------------------------

/** A look, and what follows from it. */
const noticed = "40 seconds"

/** The last changes are lost, as few of them as it takes to have these back in the room, of which the index knows nothing. */
const undone = Effect.fnUntraced(function* (world: Rooms, peer: Peer, ids: ReadonlyArray<string>) {
  for (const n of numbers(10)) {
    // Whoever looks has a new epoch begin, which is one change.
    yield* world.store.rewind(n === 1 ? 1 : 2)
    yield* world.store.evict("{rooms}")
    if ((yield* members(peer, Plain)).length === ids.length) break
  }
  yield* assertMembers([peer], Plain, ids)
})
