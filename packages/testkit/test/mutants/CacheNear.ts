/** Mistakes with what a process keeps itself. */
import type { Mutant } from "./Mutant.ts"

const everywhere = ["memory", "redis", "cluster"] as const
const servers = ["redis", "cluster"] as const
const near = "packages/core/src/internal/cache/Near.ts"
const live = "packages/redis-live/src/RedisCache.ts"

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "a read looks past what is kept",
    law: "aWarmReadAsksNobody",
    file: "packages/core/src/internal/cache/Reader.ts",
    find: "this.options.near?.get(key)?.found",
    replace: "this.options.near?.get(`${key} `)?.found",
    worlds: everywhere
  },
  {
    name: "a key that changed is kept",
    law: "whatAnotherPeerChangesIsSeen",
    file: near,
    find: "    const kept = this.kept.get(key)\n    if (kept !== undefined) this.drop(key, kept)\n    for",
    replace: "    for",
    worlds: everywhere
  },
  {
    name: "what carries a tag is kept",
    law: "whatAnotherPeerChangesIsSeen",
    file: near,
    find: "for (const key of this.byTag.get(tag) ?? [])",
    replace: "for (const key of this.byTag.get(`${tag} `) ?? [])",
    worlds: everywhere
  },
  {
    name: "clearing tells nobody who keeps",
    law: "whatAnotherPeerChangesIsSeen",
    file: "packages/testkit/src/internal/cache/Region.ts",
    find: '  changed.push("c")\n',
    replace: ""
  },
  {
    name: "the script that clears tells nobody who keeps",
    law: "whatAnotherPeerChangesIsSeen",
    file: "packages/redis-live/lua/Cache/clear.lua",
    find: "redis.call('SET', KEYS[1] .. ':cleared', 1)\n",
    replace: "",
    worlds: servers
  },
  {
    name: "a tag that was taken away is taken for a value",
    law: "whatAnotherPeerChangesIsSeen",
    file: live,
    find: 'rest.startsWith("t:")',
    replace: 'rest.startsWith("w:")',
    worlds: servers
  },
  {
    name: "a peer waits for the push of its own removal",
    law: "whatAPeerChangesItSeesNext",
    file: "packages/core/src/internal/cache/Nears.ts",
    find: "over(name, store.remove(name, all), keys(all))",
    replace: "store.remove(name, all)",
    worlds: servers
  },
  {
    name: "what was heard once holds for ever",
    law: "theDeafTrustNothingOlderThanTwoSeconds",
    file: near,
    find: "now >= kept.part.until",
    replace: "kept.part.until === 0",
    worlds: everywhere
  },
  {
    name: "who stood still trusts what it kept",
    law: "aThawedPeerTrustsNothing",
    file: near,
    find: "now >= kept.part.until",
    replace: "kept.part.until === 0",
    worlds: everywhere
  },
  {
    name: "a lost connection takes nothing along",
    law: "nothingIsKeptPastTheConnection",
    file: near,
    find: "    this.kept.clear()\n    this.byTag.clear()\n",
    replace: "",
    worlds: everywhere
  },
  {
    name: "a store that forgot tells nobody",
    law: "whatTheStoreForgotIsNotKept",
    file: "packages/testkit/src/MemoryCache.ts",
    find: 'changed: () => backend.publish(watched(name), "c")',
    replace: "changed: () => {}"
  },
  {
    name: "an answer is kept though its key changed",
    law: "aLateAnswerIsNotKept",
    file: near,
    find: " || asked.spoiled?.has(key) === true",
    replace: "",
    worlds: everywhere
  },
  {
    name: "an answer is kept though a tag was taken away",
    law: "aLateAnswerIsNotKept",
    file: near,
    find: "  tagged(tag: string): void {\n    for (const asked of this.underWay) asked.isSpoiled = true\n",
    replace: "  tagged(tag: string): void {\n",
    worlds: everywhere
  },
  {
    name: "an answer is kept though all was cleared",
    law: "aLateAnswerIsNotKept",
    file: near,
    find: "  cleared(part: number): void {\n    for (const asked of this.underWay) asked.isSpoiled = true\n",
    replace: "  cleared(part: number): void {\n",
    // On a server the sweep behind it removes the value, and that is pushed, too.
    worlds: ["memory"]
  },
  {
    name: "what a value carries is not looked up",
    law: "whatIsKeptIsWhatIsThere",
    file: near,
    find: "if (keys === undefined) this.byTag.set(tag, new Set([key]))",
    replace: "if (keys === undefined) this.byTag.set(tag, new Set())",
    worlds: everywhere
  },
  {
    name: "what is kept lives as long as the region keeps it",
    law: "whatIsKeptEndsInTime",
    file: near,
    find: "Math.min(found.leftMs - found.slideMs / 2 - 1, plan.timeToLiveMs)",
    replace: "plan.timeToLiveMs",
    worlds: everywhere
  },
  {
    name: "what is kept never prolongs",
    law: "readingWhatIsKeptProlongs",
    file: near,
    find: "found.leftMs - found.slideMs / 2 - 1",
    replace: "found.leftMs",
    worlds: everywhere
  },
  {
    name: "each reading prolongs, and tells everyone",
    law: "readingWhatIsKeptProlongs",
    file: "packages/core/src/internal/cache/Client.ts",
    find: 'near === undefined ? "Always" : "Late"',
    replace: '"Always"',
    worlds: everywhere
  },
  {
    name: "the script prolongs with each reading",
    law: "readingWhatIsKeptProlongs",
    file: "packages/redis-live/lua/Cache/read.lua",
    find: "slide > 0 and (ARGV[2] ~= 'Late' or left * 2 < slide)",
    replace: "slide > 0",
    worlds: servers
  },
  {
    name: "the oldest goes though it is read",
    law: "noMoreIsKeptThanAllowed",
    file: near,
    find: "if (!kept.isUsed || (spared += 1) > maxSpared) {",
    replace: "if (kept.clears >= 0) {",
    worlds: everywhere
  },
  {
    name: "one too many is kept",
    law: "noMoreIsKeptThanAllowed",
    file: near,
    find: "this.kept.size >= plan.capacity",
    replace: "this.kept.size > plan.capacity",
    worlds: everywhere
  },
  {
    name: "the region's own time is not looked at",
    law: "nearValuesHaveATimeOfTheirOwn",
    file: near,
    find: "Math.min(found.leftMs - found.slideMs / 2 - 1, plan.timeToLiveMs)",
    replace: "found.leftMs - found.slideMs / 2 - 1",
    worlds: everywhere
  },
  {
    name: "whether it is heard is asked once",
    law: "nearValuesHaveATimeOfTheirOwn",
    file: near,
    find: "if (this.kept.size > 0) this.wanted.give()",
    replace: "",
    worlds: everywhere
  },
  {
    name: "every region keeps something",
    law: "withoutNearNothingIsWatched",
    file: "packages/core/src/internal/cache/Client.ts",
    find: "plan.near === undefined\n        ? undefined\n        : new Near({ store: house.store, region: plan.name, plan: plan.near,",
    replace:
      "plan === undefined\n        ? undefined\n        : new Near({ store: house.store, region: plan.name, plan: { capacity: 9, timeToLiveMs: 9 },",
    worlds: everywhere
  }
]
