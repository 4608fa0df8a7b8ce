/** Mistakes in who loads, who is answered, and what is put back: CacheLoadLaws. */
import type { Mutant } from "./Mutant.ts"

const core = (name: string): string => `packages/core/src/internal/cache/${name}.ts`
const memory = (name: string): string => `packages/testkit/src/internal/cache/${name}.ts`
const everywhere = ["memory", "redis", "cluster"] as const

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "a lease is never renewed",
    law: "oneLoadsForAll",
    file: core("Trip"),
    find: "if (store.immortal) return Effect.never",
    replace: "if (store.commandTimeoutMs > 0) return Effect.never",
    worlds: everywhere
  },
  {
    name: "a lease is anybody's",
    law: "oneLoadsForAll",
    file: memory("Steps"),
    find: "else if (lease.token === load.token) Region.prolong",
    replace: "else if (lease.token.length > 0) Region.prolong"
  },
  {
    name: "only the first who waited hears of a failure",
    law: "aFailureStaysAtHome",
    file: core("Flight"),
    find: "for (const { isSure, resume } of waiters) resume(isSure ? outcome : again)",
    replace:
      'for (const [i, { isSure, resume }] of waiters.entries()) resume(isSure && (i === 0 || outcome._tag !== "Failed") ? outcome : again)',
    worlds: everywhere
  },
  {
    name: "a failed load keeps its lease",
    law: "aFailureStaysAtHome",
    file: core("Loader"),
    find: "return Effect.uninterruptible(Effect.ignore(inTime))",
    replace: "return inTime === undefined ? inTime : Effect.void",
    worlds: everywhere
  },
  {
    name: "who waits for another does not look at its lease",
    law: "aCrashedLoadIsTakenOver",
    file: core("Trip"),
    find: "Math.max(1, leftMs)",
    replace: "Math.max(1, leftMs) * 10",
    worlds: everywhere
  },
  {
    name: "each of many is loaded by itself",
    law: "manyAreLoadedTogether",
    file: core("Loader"),
    find: "...this.begin(missing, cargo, false)",
    replace: "...missing.flatMap((key) => this.begin([key], cargo, false))",
    worlds: everywhere
  },
  {
    name: "what was loaded is written, whoever holds the lease",
    law: "whatWasTakenAwayIsNotPutBack",
    file: core("Trip"),
    find: "Effect.exit(this.loader.commit(group, this.lease))",
    replace: 'Effect.exit(Effect.as(this.loader.store.write(this.loader.name, group, "Always"), ["Stored"]))',
    worlds: everywhere
  },
  {
    name: "a lease outlives the generation and the tags it was taken in",
    law: "whatWasTakenAwayIsNotPutBack",
    file: memory("Region"),
    find: "lease === undefined || lease.until <= turn.now || !isValid(turn, lease) ? undefined : lease",
    replace: "lease === undefined || lease.until <= turn.now ? undefined : lease"
  },
  {
    name: "whoever comes while it loads is answered by it",
    law: "whoComesAfterIsNotAnsweredByIt",
    file: core("Loader"),
    find: "began < trip.askedAt",
    replace: "began > 0",
    worlds: everywhere
  },
  {
    name: "nobody ends a load that nobody waits for",
    law: "theLastToLeaveEndsTheLoad",
    file: core("Trip"),
    find: "this.fiber?.interruptUnsafe()",
    replace: "void this.fiber",
    worlds: everywhere
  },
  {
    name: "whoever leaves ends the load",
    law: "theLastToLeaveEndsTheLoad",
    file: core("Trip"),
    find: "this.flights.some(({ waiters }) => waiters.size > 0)",
    replace: "this.flights.length === 0",
    worlds: everywhere
  },
  {
    name: "what is old is given when it is too old",
    law: "theOldValueIsGivenMeanwhile",
    file: core("Trip"),
    find: "stale.until <= this.now",
    replace: "stale.until > this.now",
    worlds: everywhere
  },
  {
    name: "a refresh ends with who asked for it",
    law: "theOldValueIsGivenMeanwhile",
    file: core("Trip"),
    find: "this.isRefresh = true",
    replace: "void served",
    worlds: everywhere
  },
  {
    name: "what is old is given though it was taken away",
    law: "theOldValueIsGivenWhileItIsValid",
    file: memory("Steps"),
    find: "const value = Region.keptOf(turn, key)\n    const isLive",
    replace: "const value = turn.region.values.get(key)\n    const isLive"
  },
  {
    name: "an outage is forgotten at once",
    law: "withoutTheBackendItLoads",
    file: core("Outage"),
    find: "this.away.add(place)",
    replace: "void place",
    worlds: everywhere
  },
  {
    name: "a load waits until the backend's call has failed",
    law: "withoutTheBackendItLoads",
    file: core("Loader"),
    find: "const watched = this.outage.watch(without)",
    replace: "const watched = { leave: () => {} }",
    worlds: everywhere
  },
  {
    name: "a clearing that failed is taken for done",
    law: "withoutTheBackendTheRestFails",
    file: core("Regions"),
    find: "yield* store.clear(plan.name)",
    replace: "yield* Effect.ignore(store.clear(plan.name))",
    worlds: everywhere
  },
  {
    name: "what does not fit fails the call",
    law: "whatCannotBeKeptIsGiven",
    file: core("Trip"),
    find: "onFailure: (cause) => this.loader.unkept(cause),\n      onSuccess: (entry)",
    replace: "onFailure: (cause) => Effect.die(cause),\n      onSuccess: (entry)",
    worlds: everywhere
  },
  {
    name: "what does not fit is overwritten, whoever wrote meanwhile",
    law: "whatDoesNotFitIsReplaced",
    file: core("Trip"),
    find: "Effect.exit(this.loader.commit(group, this.lease))",
    replace: 'Effect.exit(Effect.as(this.loader.store.write(this.loader.name, group, "Always"), ["Stored"]))',
    worlds: everywhere
  },
  {
    name: "everyone who misses asks for a lease",
    law: "aHitIsOneRequest",
    file: core("Loader"),
    find: "const flight = this.flights.get(key)",
    replace: "const flight = [this.flights.get(key)].at(1)",
    worlds: everywhere
  },
  {
    name: "a load's tags may be anything",
    law: "aBadLoadIsADefect",
    file: core("Regions"),
    find: "if (Exit.isFailure(tags)) return defect(tags)",
    replace: "void tags",
    worlds: everywhere
  }
]
