/** Mistakes where calls cross. */
import type { Mutant } from "./Mutant.ts"

const everywhere = ["memory", "redis", "cluster"] as const
const servers = ["redis", "cluster"] as const
const core = (name: string): string => `packages/core/src/internal/cache/${name}.ts`
const steps = "packages/testkit/src/internal/cache/Steps.ts"
const script = (name: string): string => `packages/redis-live/lua/Cache/${name}.lua`

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "a lease is refused where the server is full",
    law: "aFullServerAnswersNobodyWithWhatWasRemoved",
    file: "packages/testkit/src/MemoryCache.ts",
    find: 'move("getOrSet", false, region, (turn) => Steps.acquire',
    replace: 'move("getOrSet", true, region, (turn) => Steps.acquire'
  },
  {
    name: "a lease knows the new tags alone",
    law: "aStaleValueGoesWithItsOwnTag",
    file: steps,
    find: "[...load.tags, ...(value?.tags ?? []).map(([tag]) => tag)]",
    replace: "load.tags"
  },
  {
    name: "the script's lease knows the new tags alone",
    law: "aStaleValueGoesWithItsOwnTag",
    file: script("acquire"),
    find: ".. old, till)",
    replace: ", till)",
    worlds: servers
  },
  {
    name: "changing nothing to nothing is left out",
    law: "changingToNothingRemoves",
    file: core("Modifier"),
    find: 'if (last === "Unchanged") return',
    replace: 'if (last === "Unchanged" || (last.entry === undefined && found === undefined)) return',
    worlds: everywhere
  },
  {
    name: "a change to nothing is left out",
    law: "whatIsChangedToNothingIsNotServedStale",
    file: core("Modifier"),
    find: 'if (last === "Unchanged") return',
    replace: 'if (last === "Unchanged" || last.entry === undefined) return',
    worlds: everywhere
  },
  {
    name: "what is not there is not touched away",
    law: "touchingToNothingRemoves",
    file: steps,
    find: "if (timeToLiveMs <= 0) return Region.take(turn, key) !== undefined",
    replace:
      "if (timeToLiveMs <= 0 && Region.liveOf(turn, key) !== undefined) return Region.take(turn, key) !== undefined"
  },
  {
    name: "to the script what is not there is not touched away",
    law: "touchingToNothingRemoves",
    file: script("touch"),
    find: "if ttl <= 0 then",
    replace: "if ttl <= 0 and isThere then",
    worlds: servers
  },
  {
    name: "what is stale is not touched away",
    law: "whatIsTouchedAwayIsNotServedStale",
    file: steps,
    find: "if (timeToLiveMs <= 0) return Region.take(turn, key) !== undefined",
    replace: "if (timeToLiveMs < 0) return Region.take(turn, key) !== undefined"
  },
  {
    name: "who waits already is asked nothing",
    law: "whoComesAfterAClearDoesNotWait",
    file: core("Trip"),
    find: 'if (flight.phase === "Waiting") this.signal.give()',
    replace: ""
  },
  {
    name: "who waits for another peer hears nothing of an outage",
    law: "whoJoinsInAnOutageDoesNotWait",
    file: core("Trip"),
    find: 'if (flight.phase === "Waiting") this.signal.give()',
    replace: "",
    worlds: everywhere
  },
  {
    name: "what takes another's place is kept before it is given",
    law: "whatIsReplacedInAnOutageIsAnswered",
    file: core("Trip"),
    find: "const late = this.loader.outage.watch(answer)",
    replace: "const late = () => {}",
    worlds: everywhere
  },
  {
    name: "who comes late is told that the lease holds, whoever has it",
    law: "noAnswerIsOlderThanTheLastRemoval",
    file: core("Trip"),
    find: "if (Exit.isSuccess(exit) && exit.value) {",
    replace: "if (Exit.isSuccess(exit)) {",
    worlds: everywhere
  },
  {
    name: "a load does not know what it is inside of",
    law: "noKeyIsLoadedInsideItself",
    file: core("Loading"),
    find: "if (loading.isOver || loading.layer !== layer || loading.region !== region) continue",
    replace: "if (loading.region.length > 0) continue",
    worlds: everywhere
  },
  {
    name: "nobody looks where a load that asks for another one leads",
    law: "noTwoLoadsWaitForEachOther",
    file: core("Loading"),
    find: "if (trip === load) return [key]",
    replace: "if (trip === load) return undefined",
    worlds: everywhere
  },
  {
    name: "who would be given what is stale is taken for waiting",
    law: "aStaleValueIsNotWaitedFor",
    file: core("Loading"),
    find: "if (stale !== undefined || seen.has(trip)) continue",
    replace: "if (stale === null || seen.has(trip)) continue",
    worlds: everywhere
  },
  {
    name: "what others load waits for what is loaded here",
    law: "whoJoinsOneOfManyWaitsForThatOne",
    file: core("Trip"),
    find: "if (own.length > 0 && others.length > 0) this.part(others, leftMs)",
    replace:
      "if (own.length > 0 && others.length > 0) return yield* Effect.andThen(this.load(own), Effect.sync(() => (this.part(others, leftMs), (this.flights = own))))",
    worlds: everywhere
  },
  {
    name: "for what does not fit nobody asks for a lease",
    law: "whatDoesNotFitIsLoadedOnce",
    file: core("Trip"),
    find: 'return "Unfit"',
    replace: 'return "Own"',
    worlds: everywhere
  },
  {
    name: "a load that failed is tried again at once",
    law: "aFailedRefreshRests",
    file: core("Trip"),
    find: "if (!Exit.hasInterrupts(loaded)) yield* this.rest(own)",
    replace: "",
    worlds: everywhere
  }
]
