/**
 * What Chat promises of a room's `leaveGrace`: who is back in time never left, and who is not has. Each is tried in a world
 * (`../World.ts`), on every backend; the identifiers are those of docs/guarantees.md. Who leaves without a grace is in
 * ChatPresenceLaws.ts.
 */
import * as Effect from "effect/Effect"
import * as assert from "node:assert/strict"
import {
  assertMembers,
  create,
  destroy,
  gathered,
  Graced,
  hears,
  join,
  type Law,
  listen,
  members,
  refused,
  remove,
  swept,
  watch
} from "../internal/chatting.ts"

/** H10 A member that is back within the grace never left, on the same peer or on another, and keeps when it came. */
export const whoIsBackInTimeNeverLeft: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* gathered(world, 3, Graced)
    const [heard, seen] = [yield* listen(c, Graced), yield* watch(c, Graced)]
    let place = yield* join(a, Graced, "x")
    const { joinedAt } = place.member()
    for (const peer of [b, b, a]) {
      yield* place.end
      yield* refused([place.say(1)], ["NotMember"])
      yield* world.advance("9900 millis")
      yield* assertMembers([a, b, c], Graced, ["x"])
      place = yield* join(peer, Graced, "x")
      assert.deepEqual(place.member().joinedAt, joinedAt)
    }
    yield* world.advance("1 minute")
    yield* hears(world, heard, ["Joined x", "Updated x", "Updated x", "Updated x"])
    assert.ok(seen.seen.every((ids, i) => i === 0 || ids.includes("x")))
  })

/** H10 Who is not back has left when the grace is over, though nobody asks, and though whoever ended it has died meanwhile. */
export const whoIsNotBackHasLeft: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Graced)
    const heard = yield* listen(a, Graced)
    const [x, y] = [yield* join(a, Graced, "x"), yield* join(b, Graced, "y")]
    yield* x.end
    yield* world.advance("9 seconds")
    yield* hears(world, heard, ["Joined x", "Joined y"])
    yield* y.leave
    yield* b.crash
    yield* hears(world, heard, ["Joined x", "Joined y", "Left x Left"], "1100 millis")
    yield* hears(world, heard, ["Joined x", "Joined y", "Left x Left", "Left y Left"], swept)
    yield* assertMembers([a], Graced, [])
  })

/** H10 Of a process that died, who is back within the grace never left; the others have left when that is over, once. */
export const whoseProcessDiedMayBeBackInTime: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* gathered(world, 3, Graced)
    const heard = yield* listen(c, Graced)
    for (const id of ["x", "y"]) yield* join(b, Graced, id)
    yield* b.crash
    yield* world.advance("18 seconds")
    const x = yield* join(a, Graced, "x")
    yield* hears(world, heard, ["Joined x", "Joined y", "Updated x"])
    yield* hears(world, heard, ["Joined x", "Joined y", "Updated x", "Left y Crashed"], "11400 millis")
    yield* world.advance("1 minute")
    yield* x.say(1)
    yield* hears(world, heard, ["Joined x", "Joined y", "Updated x", "Left y Crashed", "Said 1"])
  })

/** H10 Whoever keeps the last held-back word may die, too: somebody else says it. */
export const whoeverHoldsBackMayDie: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* gathered(world, 3, Graced)
    const other = yield* world.spawn()
    const heard = yield* listen(other, Graced)
    yield* join(c, Graced, "x")
    yield* c.crash
    yield* world.advance("16 seconds")
    yield* Effect.all([a.crash, b.crash])
    yield* hears(world, heard, ["Joined x", "Left x Crashed"], "40 seconds")
    assert.deepEqual(yield* members(other, Graced), [])
  })

/** H10 Who is removed while its grace runs has left at once; and where the room ends, nothing is said of it later. */
export const theGraceEndsWithARemoval: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Graced)
    const heard = yield* listen(a, Graced)
    const [x, y] = [yield* join(b, Graced, "x"), yield* join(b, Graced, "y")]
    yield* Effect.all([x.end, y.end])
    assert.ok(yield* remove(a, Graced, "x"))
    yield* hears(world, heard, ["Joined x", "Joined y", "Left x Removed"])
    yield* destroy(a, Graced)
    yield* create(a, Graced)
    const again = yield* listen(a, Graced)
    yield* world.advance("1 minute")
    yield* hears(world, again, [])
    yield* assertMembers([a, b], Graced, [])
  })

/** H10 Whose grace is over when the room is destroyed has left before that, though nobody had looked yet; whose is not, is not told. */
export const whoseGraceIsOverHasLeftBeforeTheEnd: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Graced)
    const heard = yield* listen(a, Graced)
    const [x, y] = [yield* join(b, Graced, "x"), yield* join(b, Graced, "y")]
    yield* x.end
    yield* world.advance("4 seconds")
    yield* y.end
    yield* b.freeze
    yield* world.advance("7 seconds")
    yield* destroy(a, Graced)
    yield* hears(world, heard, ["Joined x", "Joined y", "Left x Left", "Destroyed", "End"])
  })
