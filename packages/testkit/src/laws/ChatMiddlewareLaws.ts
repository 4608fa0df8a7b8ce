/**
 * What Chat promises of middleware: of hooks in the way of who joins, of what is said, and of what is heard. Each is tried
 * in a world (`../World.ts`), on every backend; the identifiers are those of docs/guarantees.md.
 */
import * as Chat from "@troupe/core/Chat"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as assert from "node:assert/strict"
import {
  announce,
  assertMembers,
  costOf,
  enter,
  gathered,
  hears,
  history,
  join,
  Kept,
  type Law,
  listen,
  Nicks,
  on,
  type Peer,
  Plain,
  poll,
  refused
} from "../internal/chatting.ts"
import { numbers } from "../internal/listening.ts"

type Hooks = Chat.Middleware<number, void>

const use = <A, M>(peer: Peer, room: Chat.Room<A, M>, middleware: Chat.Middleware<A, M>) =>
  on(peer, (chat) => chat.use(room, middleware))

const rejected = (reason: string) => Effect.fail(new Chat.Rejected({ reason }))

/** H7 `join` hooks change or refuse, in their order, before anything changes; who is refused sends nothing. */
export const joinHooksComeBeforeAnythingChanges: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Nicks)
    const asked: Array<string> = []
    const hook = (name: string, order: number | undefined): Chat.Middleware<number, { readonly nick: string }> => ({
      name,
      order,
      join: ({ details: { nick }, id }) => {
        asked.push(`${name} ${id} ${nick}`)
        return id === name ? rejected(`not ${id}`) : Effect.succeed({ nick: `${nick}${name}` })
      }
    })
    for (const middleware of [hook("3", 1), hook("1", -1), hook("2", undefined)]) yield* use(a, Nicks, middleware)
    const heard = yield* listen(b, Nicks)
    const x = yield* enter(a, Nicks, { id: "x", details: { nick: "X" } })
    assert.equal(x.member().details.nick, "X123")
    assert.equal(yield* costOf(a, refused([enter(a, Nicks, { id: "2", details: { nick: "Y" } })], ["Rejected"])), 0)
    assert.deepEqual(asked, ["1 x X", "2 x X1", "3 x X12", "1 2 Y", "2 2 Y1"])
    yield* hears(world, heard, ["Joined x"])
    assert.deepEqual((yield* on(b, (chat) => chat.members(Nicks)))[0]?.details, { nick: "X123" })
  })

/** H7 `say` hooks change or refuse, in their order, what members say and what is announced; on the peer that has them alone. */
export const sayHooksComeBeforeTheWord: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Kept)
    const asked: Array<string> = []
    const hook = (name: string, f: (n: number) => number) => (from: string, n: number) => {
      asked.push(`${name} ${from} ${n}`)
      return n === 13 ? rejected("unlucky") : Effect.as(Effect.yieldNow, f(n))
    }
    const later = hook("second", (n) => n + 1)
    yield* use(a, Kept, { name: "second", order: 2, say: later })
    const sooner = hook("first", (n) => n * 10)
    yield* use(a, Kept, { name: "first", order: 1, say: sooner })
    const [x, y] = [yield* join(a, Kept, "x"), yield* join(b, Kept, "y")]
    yield* Effect.all([x.say(1), announce(a, Kept, 2), y.say(13)])
    assert.equal(yield* costOf(a, refused([x.say(13), announce(a, Kept, 13)], ["Rejected"])), 0)
    assert.deepEqual(yield* history(b, Kept), [11, 21, 13])
    assert.deepEqual(asked.slice(0, 4), ["first x 1", "second x 10", "first somebody 2", "second somebody 20"])
  })

/** H7 Words keep the order they were said in, though a hook takes longer for some than for others. */
export const wordsKeepTheirOrderThroughHooks: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Plain)
    const heard = yield* listen(b, Plain)
    const x = yield* join(a, Plain, "x")
    yield* use(b, Plain, {
      name: "slow",
      hear: (said) => Effect.as(Effect.sleep((said.message * 7) % 40), Option.some(said))
    })
    const later = yield* listen(b, Plain)
    yield* Effect.forEach(numbers(20), (n) => x.say(n))
    yield* x.end
    for (const one of [heard, later]) {
      yield* world.eventually(
        Effect.sync(() => assert.equal(one.shape().at(-1), "Left x Left")),
        "1 second"
      )
      assert.deepEqual(one.said(), numbers(20))
    }
  })

/** H7 `hear` runs for each listener: what it changes or keeps back, it does for that one alone. */
export const hearHooksAreEachListeners: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* gathered(world, 3, Kept)
    const ignore: Hooks["hear"] = (said, listener) =>
      Effect.succeed(listener === "x" && said.message % 2 === 0 ? Option.none() : Option.some(said))
    const shift: Hooks["hear"] = (said, listener) =>
      Effect.succeedSome(listener === undefined ? said : { ...said, message: said.message + 100 })
    yield* use(b, Kept, { name: "shift", order: 1, hear: shift })
    yield* use(b, Kept, { name: "ignore", hear: ignore })
    const [x, y, nobody] = [
      yield* listen(b, Kept, { as: "x" }),
      yield* listen(b, Kept, { as: "y" }),
      yield* listen(b, Kept)
    ]
    const elsewhere = yield* listen(c, Kept, { as: "x" })
    for (const n of numbers(4)) yield* announce(a, Kept, n)
    yield* hears(world, nobody, ["Said 0", "Said 1", "Said 2", "Said 3"])
    yield* hears(world, elsewhere, ["Said 0", "Said 1", "Said 2", "Said 3"])
    yield* hears(world, x, ["Said 101", "Said 103"])
    yield* hears(world, y, ["Said 100", "Said 101", "Said 102", "Said 103"])
    assert.deepEqual((yield* poll(b, Kept)).said, numbers(4))
  })

/** H7 A listener whose hook is slow holds back neither other listeners nor those who speak. */
export const aSlowHookHoldsNobodyBack: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Plain)
    yield* use(b, Plain, {
      name: "slow",
      hear: (said, listener) => Effect.as(listener === "x" ? Effect.sleep("1 minute") : Effect.void, Option.some(said))
    })
    const [x, y] = [yield* listen(b, Plain, { as: "x" }), yield* listen(b, Plain, { as: "y" })]
    const place = yield* join(b, Plain, "z")
    for (const n of numbers(3)) yield* Effect.all([place.say(n), announce(a, Plain, n + 10)])
    yield* hears(world, y, ["Joined z", ...numbers(3).flatMap((n) => [`Said ${n}`, `Said ${n + 10}`])])
    yield* hears(world, x, ["Joined z"])
    yield* world.advance("6 minutes")
    yield* hears(world, x, y.shape())
  })

/** H7 `leave` hooks hear of members of their peer that left, by themselves or with their scope, after they had. */
export const leaveHooksComeAfterTheLeave: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Plain)
    const left: Array<string> = []
    yield* use(a, Plain, {
      name: "left",
      leave: ({ id }) =>
        Effect.flatMap(Effect.orDie(assertMembers([b], Plain, [])), () => Effect.sync(() => left.push(id)))
    })
    for (const id of ["x", "y"]) {
      const place = yield* join(a, Plain, id)
      yield* id === "x" ? place.leave : place.end
      yield* place.end
    }
    yield* (yield* join(b, Plain, "z")).end
    assert.deepEqual(left, ["x", "y"])
  })

/** H7 Middleware ends with its scope; as a layer it lasts as long as that. */
export const middlewareEndsWithItsScope: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Kept)
    const scope = yield* Scope.make()
    const twice: Hooks = { name: "twice", say: (_, n) => Effect.succeed(n * 2) }
    yield* Scope.provide(use(a, Kept, twice), scope)
    const context = yield* Layer.buildWithScope(
      Layer.provide(Chat.middleware(Kept, twice), Layer.succeedContext(a.context)),
      scope
    )
    assert.ok(context !== undefined)
    yield* announce(a, Kept, 1)
    yield* Scope.close(scope, Exit.void)
    yield* announce(a, Kept, 2)
    assert.deepEqual(yield* history(b, Kept), [4, 2])
  })

/** H7 Who comes and goes is heard in its place among the words, whatever hooks do with these. */
export const hooksLeaveTheOtherEventsAlone: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* gathered(world, 2, Plain)
    yield* use(b, Plain, { name: "deaf", hear: () => Effect.succeedNone })
    const heard = yield* listen(b, Plain, { as: "y" })
    const x = yield* join(a, Plain, "x")
    for (const n of numbers(5)) yield* x.say(n)
    yield* x.end
    yield* on(a, (chat) => chat.destroy(Plain))
    yield* hears(world, heard, ["Joined x", "Left x Left", "Destroyed", "End"])
  })
