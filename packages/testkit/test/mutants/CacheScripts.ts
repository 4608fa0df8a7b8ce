/** Mistakes in Cache's scripts, one at least for every law that a script can break. */
import type { Mutant } from "./Mutant.ts"

const servers = ["redis", "cluster"] as const
const script = (name: string): string => `packages/redis-live/lua/Cache/${name}.lua`
const part = (name: string): string => script(`parts/${name}`)

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "the script leaves what it removes",
    law: "whatOnePeerSetsEveryPeerReads",
    file: script("remove"),
    find: "if #doomed > 0 then call('DEL', unpack(doomed)) end",
    replace: "",
    worlds: servers
  },
  {
    name: "the script says of all that they were there",
    law: "manyAreAsOne",
    file: script("remove"),
    find: "left and left > 0 and 1 or 0",
    replace: "1",
    worlds: servers
  },
  {
    name: "the script writes what is there",
    law: "oneSetsWhatIsAbsentAndOneTakesIt",
    file: script("write"),
    find: "if ARGV[3] == 'Absent' then",
    replace: "if false then",
    worlds: servers
  },
  {
    name: "the script leaves what it gives away",
    law: "oneSetsWhatIsAbsentAndOneTakesIt",
    file: script("take"),
    find: "if value then call('DEL', base .. ':v:' .. key) end",
    replace: "",
    worlds: servers
  },
  {
    name: "the script has a value live a millisecond longer",
    law: "aValueIsGoneToTheMillisecond",
    file: script("read"),
    find: "tonumber(sub(value, 2, 17)) <= now",
    replace: "tonumber(sub(value, 2, 17)) < now",
    worlds: servers
  },
  {
    name: "the script leaves what was there before what is to live for no time",
    law: "noTimeStoresNothing",
    file: part("put"),
    find: "return call('DEL', base .. ':v:' .. key)",
    replace: "return",
    worlds: servers
  },
  {
    name: "for ever has an end",
    law: "whatLivesForEverStays",
    file: part("ground"),
    find: "9007199254740991",
    replace: "1900000000000",
    worlds: servers
  },
  {
    name: "the script reads and prolongs nothing",
    law: "readingProlongsWhatIsSliding",
    file: script("read"),
    find: "elseif slide > 0 and",
    replace: "elseif slide < 0 and",
    worlds: servers
  },
  {
    name: "the script prolongs what it looks at",
    law: "readingProlongsWhatIsSliding",
    file: part("value"),
    find: "local left = expires - now",
    replace: "local left = expires - now + tonumber(sub(value, 50, 65)) / 2",
    worlds: servers
  },
  {
    name: "the script gives what is stale to everyone",
    law: "whatIsStaleIsAbsent",
    file: script("read"),
    find: "tonumber(sub(value, 2, 17)) <= now",
    replace: "sub(value, 2, 17) + sub(value, 34, 49) <= now",
    worlds: servers
  },
  {
    name: "the script swaps whatever is there",
    law: "noChangeIsLost",
    file: script("swap"),
    find: "if version ~= ARGV[4] then return { '', 0 } end",
    replace: "",
    worlds: servers
  },
  {
    name: "the script names what is not there",
    law: "keysNamesWhatIsThere",
    file: script("look"),
    find: "math.max(left or 0, 0)",
    replace: "math.max(left or 1, 1)",
    worlds: servers
  },
  {
    name: "the script names the first page for every other",
    law: "keysNamesWhatIsThere",
    file: script("scan"),
    find: "return { '', run, found[1], found[2] }",
    replace: "return { '', run, '0', found[2] }",
    worlds: servers
  },
  {
    name: "the script takes no tag away",
    law: "whatIsTaggedAwayIsGone",
    file: script("invalidate"),
    find: "':t:' .. ARGV[i]",
    replace: "':t: ' .. ARGV[i]",
    worlds: servers
  },
  {
    name: "the script goes by the first letters of a tag",
    law: "noTagReachesAnother",
    file: part("tags"),
    find: "fetch(':t:', some)",
    replace: "fetch(':t:', { sub(some[1], 1, 1), unpack(some, 2) })",
    worlds: servers
  },
  {
    name: "the script clears nothing",
    law: "clearTakesOneRegion",
    file: script("clear"),
    find: "redis.call('HDEL', KEYS[2], 'generation')",
    replace: "redis.call('HDEL', KEYS[2], 'generations')",
    worlds: servers
  },
  {
    name: "a tag that has no token holds",
    law: "whatWasInvalidStaysSo",
    file: part("tags"),
    find: "if not known[tag] or sub(known[tag], 1, 16) ~= token then",
    replace: "if known[tag] and sub(known[tag], 1, 16) ~= token then",
    worlds: servers
  },
  {
    name: "what is of any generation holds where there is none",
    law: "whatWasInvalidStaysSo",
    file: part("value"),
    // `read` compares it as well, to say why there is nothing.
    find: "sub(value, 1, 1) ~= '1' or sub(value, 66, 81) ~= m.generation",
    replace: "sub(value, 1, 1) ~= '1' or m.generation and sub(value, 66, 81) ~= m.generation",
    worlds: servers
  },
  {
    name: "the script lets a tag end before what carries it",
    law: "whatComesAfterIsThere",
    file: part("lasting"),
    find: "math.min(till + 86400000, forever)",
    replace: "math.min(till - 5000, forever)",
    worlds: servers
  },
  {
    name: "the script sweeps nothing",
    law: "clearGivesTheSpaceBack",
    file: script("sweep"),
    find: "if #doomed > 0 then call('DEL', unpack(doomed)) end",
    replace: "",
    worlds: servers
  },
  {
    name: "the script lends to everyone",
    law: "oneLoadsForAll",
    file: script("acquire"),
    find: "elseif holds and holds ~= who then",
    replace: "elseif false then",
    worlds: servers
  },
  {
    name: "the script tells nobody of the end",
    law: "aFailureStaysAtHome",
    file: part("lease"),
    find: "if sub(lease, 17, 17) == '1' then",
    replace: "if false then",
    worlds: servers
  },
  {
    name: "a lease has no end",
    law: "aCrashedLoadIsTakenOver",
    file: part("lease"),
    find: "tonumber(sub(lease, 1, 16)) <= now or ",
    replace: "",
    worlds: servers
  },
  {
    name: "the script keeps the first of what was loaded",
    law: "manyAreLoadedTogether",
    file: script("commit"),
    find: "put(ARGV[i], ARGV[i + 1], ARGV[i + 2])",
    replace: "if i == 4 then put(ARGV[i], ARGV[i + 1], ARGV[i + 2]) end",
    worlds: ["redis"]
  },
  {
    name: "the script stores for whoever says it",
    law: "whatWasTakenAwayIsNotPutBack",
    file: script("commit"),
    find: "local isOwn = own(ARGV[i], ARGV[3])",
    replace: "local isOwn = true",
    worlds: servers
  },
  {
    name: "a lease outlives its generation",
    law: "whatWasTakenAwayIsNotPutBack",
    file: part("lease"),
    find: " or sub(lease, 18, 33) ~= m.generation",
    replace: "",
    worlds: servers
  },
  {
    name: "a lease outlives its tags",
    law: "whatWasTakenAwayIsNotPutBack",
    file: part("lease"),
    find: "return holds(tags) and who or nil",
    replace: "return who",
    worlds: servers
  },
  {
    name: "the script writes and leaves the lease",
    law: "whatWasTakenAwayIsNotPutBack",
    file: script("write"),
    find: "    drop(key)\n",
    replace: "",
    worlds: servers
  },
  {
    name: "the script removes and leaves the lease",
    law: "whoComesAfterIsNotAnsweredByIt",
    file: script("remove"),
    find: "removed[key] = true\n  drop(key)",
    replace: "removed[key] = true",
    worlds: servers
  },
  {
    name: "the script gives no lease back",
    law: "theLastToLeaveEndsTheLoad",
    file: script("release"),
    find: "if own(key, ARGV[2]) then drop(key) end",
    replace: "",
    worlds: servers
  },
  {
    name: "the script keeps nothing for a load",
    law: "theOldValueIsGivenMeanwhile",
    file: part("value"),
    find: "(left > 0 or left + tonumber(sub(value, 34, 49)) > 0)",
    replace: "left > 0",
    worlds: servers
  },
  {
    name: "a stale value outlives its tags",
    law: "theOldValueIsGivenWhileItIsValid",
    file: part("value"),
    find: "if not holds(tagsOf(value)) then return nil end",
    replace: "",
    worlds: servers
  }
]
