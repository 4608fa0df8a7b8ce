/** Mistakes in Chat's scripts: what the memory store does right, a script may do wrong. */
import type { Mutant } from "./Mutant.ts"

const script = (name: string): string => `packages/redis-live/lua/Chat/${name}.lua`
const part = (name: string): string => script(`parts/${name}`)
const worlds = ["redis"] as const

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "the script makes a room again",
    law: "aRoomIsMadeOnce",
    file: script("create"),
    find: "elseif m.exists then return { '', 0 } end",
    replace: "end",
    worlds
  },
  {
    name: "the script gives away a place that is taken",
    law: "anIdIsInARoomOnce",
    file: part("places"),
    find: "if known and not isHeld(known) and known.peer ~= over then return 'T' .. known.peer .. ' ' .. string.match(known.tail, '^%S+') end",
    replace: "",
    worlds
  },
  {
    name: "the script lets whoever knows an id speak",
    law: "whoIsRemovedCannotSpeak",
    file: part("places"),
    find: "return seat and seat.ref == ref and not",
    replace: "return seat and not",
    worlds
  },
  {
    name: "the script of words asks nobody for a place",
    law: "whoIsRemovedCannotSpeak",
    file: script("say"),
    find: "do isTheirs = isTheirs and place end",
    replace: "do end",
    worlds
  },
  {
    name: "the script gives a place to who is fenced",
    law: "whoWasGoneIsNoMember",
    file: part("places"),
    find: "if isFenced(peer) then return 'G' end",
    replace: "",
    worlds
  },
  {
    name: "the script says again what has a key",
    law: "aWordWithAKeyIsSaidOnce",
    file: part("words"),
    find: "if said then return said end",
    replace: "",
    worlds
  },
  {
    name: "the script tells the end of a room for as long as the log has it",
    law: "whoWasCutOffHearsOfTheEnd",
    file: script("read"),
    find: "if after < m.since and limit > 0 then give",
    replace: "if false then give",
    worlds
  },
  {
    name: "the script leaves dedupe keys behind a room",
    law: "aRoomCreatedAnewIsEmpty",
    file: script("destroy"),
    find: "base .. ':words', base .. ':keys'",
    replace: "base .. ':words'",
    worlds
  },
  {
    name: "the script counts as missing what words fill in",
    law: "whatIsTooOldIsAGap",
    file: script("read"),
    find: "local missed = last - after - given",
    replace: "local missed = last - after",
    worlds
  },
  {
    name: "the script is silent where words are gone",
    law: "aPollSaysWhatIsLost",
    file: script("words"),
    find: " or from == 'After' and first > tonumber(ARGV[9]) + 1",
    replace: "",
    worlds
  },
  {
    name: "the script begins no epoch where another server takes over",
    law: "whenTheStoreRewindsItIsTold",
    file: part("ground"),
    find: "if m.epoch and v[3] ~= run then",
    replace: "if false then",
    worlds
  },
  {
    name: "the script lets nobody go",
    law: "whoIsNotBackHasLeft",
    file: part("leaving"),
    find: "if not soonest or tonumber(soonest) > now then return end",
    replace: "do return end",
    worlds
  },
  {
    name: "the script knows no grace for whose process died",
    law: "whoseProcessDiedMayBeBackInTime",
    file: script("sweep"),
    find: "leave(id, seat, 'C', m.grace)",
    replace: "leave(id, seat, 'C', 0)",
    worlds
  },
  {
    name: "the script takes an end for a leave",
    law: "whoDiesIsHeardToHaveLeft",
    file: script("sweep"),
    find: "leave(id, seat, 'C', m.grace)",
    replace: "leave(id, seat, 'L', m.grace)",
    worlds
  },
  {
    name: "the script of an end swallows whose grace is over",
    law: "whoseGraceIsOverHasLeftBeforeTheEnd",
    file: script("destroy"),
    find: "letGo()\nappend('D', 1)",
    replace: "append('D', 1)",
    worlds
  }
]
