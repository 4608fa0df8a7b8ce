/** Mistakes in Mailbox' scripts, one at least for every law that a script can break. */
import type { Mutant } from "./Mutant.ts"

const servers = ["redis", "cluster"] as const
const script = (name: string): string => `packages/redis-live/lua/Mailbox/${name}.lua`

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "the script takes an acknowledgement back",
    law: "aLetterStaysUntilItIsAcknowledged",
    file: script("poll"),
    find: "math.max(m.acknowledged, math.min(number, last or 0))",
    replace: "math.min(number, last or 0)",
    worlds: servers
  },
  {
    name: "the script gives a lone letter once",
    law: "aLostAnswerGivesTheSameLettersAgain",
    file: script("poll"),
    find: "reply[3], reply[4] =",
    replace: "if ARGV[5] ~= '' and count == 1 then call('DEL', letters) end\nreply[3], reply[4] =",
    worlds: servers
  },
  {
    name: "the script keeps a letter a millisecond longer",
    law: "aLetterGoesWhenItsTimeIsOver",
    file: script("poll"),
    find: "+ ttl <= now",
    replace: "+ ttl < now",
    worlds: servers
  },
  {
    name: "the script lets a box hold one letter more",
    law: "aFullBoxKeepsTheNewest",
    file: script("deliver"),
    find: "'=', ARGV[5]",
    replace: "'=', ARGV[5] + 1",
    worlds: servers
  },
  {
    name: "the script trims about",
    law: "fiveHundredLettersWait",
    file: script("deliver"),
    find: "'MAXLEN', '='",
    replace: "'MAXLEN', '~'",
    worlds: servers
  },
  {
    name: "the script tells a loss once",
    law: "aLossIsToldUntilItIsAcknowledged",
    file: script("poll"),
    find: "lost = lost or first > m.acknowledged + 1",
    replace: "lost = lost or first > m.acknowledged + 1\nif lost then m.acknowledged = first - 1 end",
    worlds: servers
  },
  {
    name: "the script gives more letters than are asked for",
    law: "lettersComeInTheOrderOfDelivery",
    file: script("poll"),
    find: "math.min(16, limit - count)",
    replace: "16",
    worlds: servers
  },
  {
    name: "the script reads a letter twice",
    law: "lettersComeInTheOrderOfDelivery",
    file: script("poll"),
    find: "read(last + 1, math.min",
    replace: "read(last + (count < 16 and 1 or 0), math.min",
    worlds: servers
  },
  {
    name: "the script gives a byte less than a mebibyte",
    law: "aMailHasAMebibyteAtTheMost",
    file: script("poll"),
    find: "bytes + #payload > tonumber(ARGV[8])",
    replace: "bytes + #payload >= tonumber(ARGV[8])",
    worlds: servers
  },
  {
    name: "the script begins no box for a poll",
    law: "anEmptyBoxHasACursor",
    file: script("poll"),
    find: "save(KEYS[2], ttl)",
    replace: "if m.last > 0 then save(KEYS[2], ttl) end",
    worlds: servers
  },
  {
    name: "the script leaves the meta of a closed box",
    law: "aClosedBoxBeginsAnew",
    file: script("close"),
    find: "redis.call('DEL', KEYS[1], KEYS[2])",
    replace: "redis.call('DEL', KEYS[1])",
    worlds: servers
  },
  {
    name: "the script keeps a box a millisecond longer",
    law: "aBoxThatNobodyTouchesIsOver",
    file: script("parts/ground"),
    find: "m.till <= now",
    replace: "m.till < now",
    worlds: servers
  },
  {
    name: "the script takes a cursor that nobody knows for none",
    law: "whatTheStoreForgotIsTold",
    file: script("poll"),
    find: "lost = not last or number > last",
    replace: "lost = last and number > last",
    worlds: servers
  },
  {
    name: "the script lets letters go whose numbers are gone",
    law: "whatIsEvictedIsTold",
    file: script("parts/ground"),
    find: "last = m.epoch and 0 or gone",
    replace: "last = 0",
    worlds: servers
  },
  {
    name: "the script goes on with the epoch of another server",
    law: "aTakeoverSwallowsNoLetter",
    file: script("parts/ground"),
    find: "elseif m.run ~= run then",
    replace: "elseif false then",
    worlds: servers
  },
  {
    name: "the script forgets where an epoch ended",
    law: "aTakeoverSwallowsNoLetter",
    file: script("poll"),
    find: "then last = tonumber(ended) end",
    replace: "then last = nil end",
    worlds: servers
  },
  {
    name: "the script lets a box' time go back",
    law: "aJumpingClockKeepsTheOrder",
    file: script("deliver"),
    find: "math.max(now, m.at)",
    replace: "now",
    worlds: servers
  },
  {
    name: "the script lets a single letter go silently",
    law: "nothingGoesSilently",
    file: script("poll"),
    find: "first > m.acknowledged + 1",
    replace: "first > m.acknowledged + 2",
    worlds: servers
  },
  {
    name: "the script tells nobody of a letter",
    law: "aWaitEndsWithTheFirstLetter",
    file: script("deliver"),
    find: "call('SPUBLISH', KEYS[3], '1')",
    replace: "",
    worlds: servers
  }
]
