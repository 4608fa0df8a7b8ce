/** Mistakes in what is looked for where a server has lost something: ChatGhostLaws. */
import type { Mutant } from "./Mutant.ts"

const core = (name: string): string => `packages/core/src/internal/chat/${name}.ts`
const servers = ["memory", "redis"] as const

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "what the room has forgotten of leaves is not told again",
    law: "aLeaveThatIsLostIsToldAgain",
    file: core("Audit"),
    find: "door.give(page.places)",
    replace: "",
    worlds: servers
  },
  {
    name: "the epoch of an answer tells nothing",
    law: "whoeverActsNoticesWhatIsLost",
    file: core("Door"),
    find: "known.server !== origin.server)) this.doubt()",
    replace: "known.server !== origin.server)) return",
    worlds: servers
  },
  {
    name: "whoever was swept once is not looked for again",
    law: "aSweepThatIsLostIsDoneAgain",
    file: core("Sweeper"),
    find: "for (const peer of peers) {\n      if (!this.departed.has(peer)) {",
    replace: "for (const peer of peers) {\n      if (this.departed.has(peer)) continue\n      else {",
    worlds: servers
  },
  {
    name: "the first page names no peers",
    law: "aSweepThatIsLostIsDoneAgain",
    file: "packages/redis-live/lua/Chat/holders.lua",
    find: "ARGV[5] == '' and call('SRANDMEMBER'",
    replace: "ARGV[5] ~= '' and call('SRANDMEMBER'",
    worlds: ["redis"]
  },
  {
    name: "whoever has swept a room has nothing to do with it any more",
    law: "whoSweptARoomSweepsItAgain",
    file: core("Sweeper"),
    find: "if (origin !== undefined) remember(room, origin)",
    replace: "",
    worlds: servers
  },
  {
    name: "a room of which nobody is there any more is not looked through",
    law: "aLeftThatWasHeldBackIsToldAgain",
    file: core("Audit"),
    find: "const by = yield* asking\n",
    replace: "const by = yield* asking\n    if (door.isEmpty) return void (door.doubts = 0)\n",
    worlds: servers
  },
  {
    name: "a room that was made anew is taken for the one it was",
    law: "whoDiesInARoomMadeAnewHasLeft",
    file: core("Door"),
    find: "(known.epoch !== origin.epoch || known.server",
    replace: "(known.server",
    worlds: servers
  },
  {
    name: "nobody notices that the index has lost what it had",
    law: "whoDiesAfterTheIndexIsLostHasLeft",
    file: core("Rooms"),
    find: "const isShaken = this.life !== undefined && this.life !== life",
    replace: "const isShaken = false",
    worlds: servers
  },
  {
    name: "whoever dies while the index comes back is not looked for",
    law: "whoDiesAfterTheIndexIsLostHasLeft",
    file: core("Rooms"),
    find: "if (this.shaken > 0) for",
    replace: "if (this.shaken > shakenLooks + 1) for",
    worlds: servers
  },
  {
    name: "places that are held are taken for given up",
    law: "whereNothingIsLostNobodyLeaves",
    file: core("Door"),
    find: "|| this.places.has(ref) ||",
    replace: "||",
    worlds: servers
  },
  {
    name: "every room is looked through at every look",
    law: "lookingForLossesIsCheap",
    file: core("Door"),
    find: "this.origin !== undefined && this.origin.server !== server",
    replace: "this.origin !== undefined",
    worlds: servers
  }
]
