/** Mistakes in who has left, who is back in time, and in what whoever watches sees: ChatPresenceLaws. */
import type { Mutant } from "./Mutant.ts"

const core = (name: string): string => `packages/core/src/internal/chat/${name}.ts`
const rooms = (name: string): string => `packages/testkit/src/internal/rooms/${name}.ts`
const servers = ["memory", "redis"] as const

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "members of a suspected peer are in the way",
    law: "aSuspectedPeersMemberIsTakenOver",
    file: core("Sweeper"),
    find: 'found.value.state === "Suspected"',
    replace: "false",
    worlds: servers
  },
  {
    name: "members of a live peer are taken over",
    law: "aSuspectedPeersMemberIsTakenOver",
    file: core("Sweeper"),
    find: 'found.value.state === "Suspected"',
    replace: "true",
    worlds: servers
  },
  {
    name: "whoever has its name again is a stranger to what it had",
    law: "whoBeginsAgainHasItsPlaces",
    file: core("Places"),
    find: "outcome.name === by.name",
    replace: "false",
    worlds: servers
  },
  {
    name: "whoever takes over takes from whomever there is",
    law: "aPlaceIsTakenOverOnce",
    file: rooms("Steps"),
    find: "known?.ref !== undefined && known.peerId !== action.over",
    replace: "known?.ref !== undefined && action.over === undefined"
  },
  {
    name: "a process that ends leaves its members behind",
    law: "aMemberLeavesWithItsScope",
    file: core("Door"),
    find: "for (const [ref, id] of this.places) this.untold.set(ref, id)\n    this.house",
    replace: "this.house",
    worlds: servers
  },
  {
    name: "what could not be told is told with the next call",
    law: "aLeaveIsToldWhenTheStoreIsBack",
    file: core("Rooms"),
    find: "onUntold(): void {\n    this.untold.give()",
    replace: "onUntold(): void {",
    worlds: servers
  },
  {
    name: "a scope waits until the store has heard of the leave",
    law: "aLeaveIsToldWhenTheStoreIsBack",
    file: core("Door"),
    find: "const partingMs = 1_000",
    replace: "const partingMs = 60_000",
    worlds: servers
  },
  {
    name: "a leave whose answer is lost is not told again",
    law: "aLeaveWhoseAnswerIsLostIsToldOnce",
    file: core("Door"),
    find: "told.push(ref)\n",
    replace: "told.push(ref)\n        this.untold.delete(ref)\n",
    worlds: servers
  },
  {
    name: "who dies leaves by itself",
    law: "whoDiesIsHeardToHaveLeft",
    file: rooms("Steps"),
    find: 'leave(turn, id, "C", room.graceMs)',
    replace: 'leave(turn, id, "L", room.graceMs)'
  },
  {
    name: "a room is taken out of the index before its turn",
    law: "whoeverSweepsMayDie",
    file: core("Sweeper"),
    find: "const page = yield* patiently(store.bury(peer))",
    replace: "const page = yield* patiently(store.bury(peer))\n      yield* patiently(store.exit(peer, page))",
    worlds: servers
  },
  {
    name: "two hundred members leave a room, and the others stay",
    law: "whoeverSweepsMayDie",
    file: core("Sweeper"),
    find: "if (left > 0) return yield* this.room(peer, room, attempt)",
    replace: "",
    worlds: servers
  },
  {
    name: "whoever is alone has nobody to sweep for",
    law: "whoDiedUnseenHasLeft",
    file: core("Sweeper"),
    find: "const by = yield* this.options.asking\n",
    replace:
      "const by = yield* this.options.asking\n        if ((yield* Effect.orDie(this.options.registry.list)).length < 2) return\n",
    worlds: servers
  },
  {
    name: "who is fenced takes a place",
    law: "whoWasGoneIsNoMember",
    file: rooms("Steps"),
    find: 'if (room.fenced.has(by.id)) return { _tag: "Gone" }',
    replace: ""
  },
  {
    name: "what was given up unseen is not told",
    law: "thereAreNoGhosts",
    file: core("Door"),
    find: "const giveBack = () => {\n      this.untold.set(ref, id)\n      this.house.onUntold()",
    replace: "const giveBack = () => {",
    worlds: servers
  },
  {
    name: "whoever comes back came anew",
    law: "whoeverListensHearsOfAll",
    file: rooms("Steps"),
    find: "known === undefined ? written.joined(member) : written.updated(member)",
    replace: "written.joined(member)"
  },
  {
    name: "who was heard of long ago by a clock that stepped is gone",
    law: "aSteppedClockTakesNobodyOut",
    file: "packages/testkit/src/internal/Book.ts",
    find: "if (passed < 0 || passed > given.suspectAfterMs / 2) book.resumed = book.clock\n  else book.clock += passed",
    replace: "book.clock += passed"
  },
  {
    name: "who has come is asked of this peer's clock",
    law: "skewedClocksDecideNothing",
    file: core("Places"),
    find: "{ ...member, joinedAt: DateTime.makeUnsafe(joinedAt) }",
    replace: "{ ...member, joinedAt: yield* DateTime.now }",
    worlds: servers
  },
  {
    name: "a Left that was held back is told though the member is back",
    law: "whoIsBackInTimeNeverLeft",
    file: rooms("Steps"),
    find: "close(room, id)\n      room.leaving.delete(id)\n      room.members.set(id, member)",
    replace: "close(room, id)\n      room.members.set(id, member)"
  },
  {
    name: "who is back came anew",
    law: "whoIsBackInTimeNeverLeft",
    file: rooms("Steps"),
    find: "joinedAt: known?.joinedAt ?? at, coming",
    replace: "joinedAt: at, coming"
  },
  {
    name: "nobody sees to it that the grace ends",
    law: "whoIsNotBackHasLeft",
    file: core("Door"),
    find: "if (acted.dueInMs !== undefined && hasLeaves) this.watch.begin(acted.dueInMs)",
    replace: "",
    worlds: servers
  },
  {
    name: "whose process died has no grace",
    law: "whoseProcessDiedMayBeBackInTime",
    file: rooms("Steps"),
    find: 'leave(turn, id, "C", room.graceMs)',
    replace: 'leave(turn, id, "C", 0)'
  },
  {
    name: "whoever sweeps keeps to itself what it has to see to",
    law: "whoeverHoldsBackMayDie",
    file: core("Rooms"),
    find: "Effect.asVoid(door.enter(by)),",
    replace: "Effect.void,",
    worlds: servers
  },
  {
    name: "who has left with a grace cannot be removed",
    law: "theGraceEndsWithARemoval",
    file: rooms("Steps"),
    find: "if (!room.members.has(action.id)) return notMember",
    replace: "if (room.members.get(action.id)?.ref === undefined) return notMember"
  },
  {
    name: "the end of a room leaves behind whose word is held back",
    law: "theGraceEndsWithARemoval",
    file: rooms("Steps"),
    find: "room.members = new Map()",
    replace: ""
  },
  {
    name: "the end of a room swallows whose grace is over",
    law: "whoseGraceIsOverHasLeftBeforeTheEnd",
    file: rooms("Steps"),
    find: "  letGo(turn)\n  const { room } = turn\n  const { exists } = room",
    replace: "  const { room } = turn\n  const { exists } = room"
  },
  {
    name: "the end of a room is said before whose grace is over",
    law: "whoseGraceIsOverHasLeftBeforeTheEnd",
    file: rooms("Steps"),
    find: "  letGo(turn)\n  const { room } = turn\n  const { exists } = room\n  const { at, sequence } = append(turn, written.destroyed)",
    replace:
      "  const { room } = turn\n  const { exists } = room\n  const { at, sequence } = append(turn, written.destroyed)\n  letGo(turn)"
  },
  {
    name: "what is heard while the members are asked for is left out",
    law: "whatChangesWhilePresenceBeginsIsSeen",
    file: core("Presence"),
    find: "heard.push(...more)",
    replace: "",
    worlds: servers
  },
  {
    name: "who leaves is still seen",
    law: "presenceMissesNoChange",
    file: core("Presence"),
    find: 'change._tag === "Gone" ? HashMap.remove(next, change.id)',
    replace: 'change._tag === "Gone" ? next',
    worlds: servers
  },
  {
    name: "between two pages of members one is left out",
    law: "presenceOfManyIsWhole",
    file: rooms("Steps"),
    find: "if (coming <= after) continue",
    replace: "if (coming <= after + 1 && after > 0) continue"
  },
  {
    name: "where something was missed nobody is asked again",
    law: "presenceOutlivesACut",
    file: core("Presence"),
    find: 'delivery._tag === "Gap" && delivery.reason !== "Undecodable"',
    replace: 'delivery._tag === "Gap" && delivery.reason === "Rewound"',
    worlds: servers
  },
  {
    name: "where the store went back nobody is asked again",
    law: "presenceOutlivesARewind",
    file: core("Presence"),
    find: 'delivery._tag === "Gap" && delivery.reason !== "Undecodable"',
    replace: 'delivery._tag === "Gap" && delivery.reason === "HistoryTrimmed"',
    worlds: servers
  }
]
