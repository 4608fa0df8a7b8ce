/** Mistakes in Stats' scripts, one at least for every law that a script can break. */
import type { Mutant } from "./Mutant.ts"

const servers = ["redis", "cluster"] as const
const script = (name: string): string => `packages/redis-live/lua/Stats/${name}.lua`
const part = (name: string): string => script(`parts/${name}`)

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "the script takes nothing away",
    law: "whatAllPeersCountAddsUp",
    file: script("flush"),
    find: "add(':totals', ARGV[i], ARGV[i + 1])",
    replace: "add(':totals', ARGV[i], (string.gsub(ARGV[i + 1], '-', '')))",
    worlds: servers
  },
  {
    name: "the script counts a batch again",
    law: "aFlushWhoseAnswerIsLostCountsOnce",
    file: script("flush"),
    find: "if number > last then",
    replace: "if number > 0 then",
    worlds: servers
  },
  {
    name: "the script takes what waited for new",
    law: "whatAnOutageHoldsUpIsFlushedAfterIt",
    file: script("flush"),
    find: "local at = now - math.max(0, tonumber(ARGV[i + 2]))",
    replace: "local at = now",
    worlds: servers
  },
  {
    name: "the script gives the data another life each time",
    law: "whoWasSilentForDaysCountsNothingTwice",
    file: script("join"),
    find: "call('HSET', KEYS[2], 'format', '1', 'life', m.life)",
    replace: "call('HSET', KEYS[2], 'format', '1')",
    worlds: servers
  },
  {
    name: "the script counts again for who was not live",
    law: "aJumpingClockCountsNothingTwice",
    file: script("flush"),
    find: "if number > last then",
    replace: "if isBehind or number > last then",
    worlds: servers
  },
  {
    name: "the script does not notice that a flush is lost",
    law: "whatAFailoverLostIsGoneAndNothingElse",
    file: script("renew"),
    find: " or tonumber(ARGV[3]) > last",
    replace: "",
    worlds: servers
  },
  {
    name: "the script forgets what gauges there are",
    law: "aGaugeIsEachPeersLastValue",
    file: script("totals"),
    find: "if #gauges > 0 then reply[#reply + 1] = gauges end",
    replace: "",
    worlds: servers
  },
  {
    name: "the script takes peers for live a millisecond longer",
    law: "aGaugeGoesWithItsPeer",
    file: part("live"),
    find: "'(' .. int(now)",
    replace: "int(now)",
    worlds: servers
  },
  {
    name: "the script renews nothing",
    law: "aGaugeGoesWithItsPeer",
    file: script("renew"),
    find: "stay(sender, tonumber(ARGV[4])) or",
    replace: "",
    worlds: servers
  },
  {
    name: "the script does not say that gauges are gone",
    law: "whoIsBackHasItsGaugesAgain",
    file: part("sender"),
    find: "return isGone",
    replace: "return false",
    worlds: servers
  },
  {
    name: "the script leaves what a peer had that is back",
    law: "byPeerAddsUpToTheTotals",
    file: script("flush"),
    find: "add(':sums:' .. sender, ARGV[i], ARGV[i + 1])",
    replace: "",
    worlds: servers
  },
  {
    name: "the script begins a series a bucket too early",
    law: "aSeriesIsOfTheServersTime",
    file: script("series"),
    find: "last - ARGV[4] + 1",
    replace: "last - ARGV[4]",
    worlds: servers
  },
  {
    name: "the script keeps a bucket one bucket too short",
    law: "aSeriesIsKeptForItsTime",
    file: part("sums"),
    find: "int((bucket + kept) * span)",
    replace: "int((bucket + kept - 1) * span)",
    worlds: servers
  },
  {
    name: "the script's reset leaves the series",
    law: "aResetClearsANameEverywhere",
    file: script("reset"),
    find: "call('HDEL', base .. bucket, name)",
    replace: "",
    worlds: servers
  },
  {
    name: "the script's reset leaves gauges",
    law: "aResetClearsANameEverywhere",
    file: script("reset"),
    find: "call('HDEL', base .. ':gauges:' .. sender, name)",
    replace: "",
    worlds: servers
  },
  {
    name: "the script lets the past come back",
    law: "anUnansweredFlushBringsNoPastBack",
    file: part("sums"),
    find: "return at and tonumber(at) > reset",
    replace: "return at and reset < 0",
    worlds: servers
  },
  {
    name: "the script forgets a gauge's reset",
    law: "aGaugeThatWasResetStaysAway",
    file: script("flush"),
    find: "if not isCleared(ARGV[i], tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])) then",
    replace: "if true then",
    worlds: servers
  },
  {
    name: "the script clears what a sender knew to be reset",
    law: "whatFollowsAResetCounts",
    file: part("sums"),
    find: "tonumber(at) > reset and",
    replace: "",
    worlds: servers
  },
  {
    name: "the script takes a name for its first word",
    law: "namesDoNotMeet",
    file: script("peers"),
    find: "'^%d+ (.*)$'",
    replace: "'^%d+ (%S*)'",
    worlds: servers
  }
]
