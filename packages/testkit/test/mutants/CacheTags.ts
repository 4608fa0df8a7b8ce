/** Mistakes in what is taken away by tag or with its region: CacheTagLaws. */
import type { Mutant } from "./Mutant.ts"

const core = (name: string): string => `packages/core/src/internal/cache/${name}.ts`
const memory = (name: string): string => `packages/testkit/src/internal/cache/${name}.ts`
const everywhere = ["memory", "redis", "cluster"] as const

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "only the first tag of a value counts",
    law: "whatIsTaggedAwayIsGone",
    file: core("Client"),
    find: "tags: tags.value",
    replace: "tags: tags.value.slice(-1)",
    worlds: everywhere
  },
  {
    name: "a tag is taken away with all that begin like it",
    law: "noTagReachesAnother",
    file: memory("Region"),
    find: "    drop(region, tag)\n    changed",
    replace:
      "    for (const one of [...region.tags.values()]) if (one.key.startsWith(key)) drop(region, one)\n    changed"
  },
  {
    name: "a region is cleared by its first letter",
    law: "clearTakesOneRegion",
    file: "packages/testkit/src/MemoryCache.ts",
    find: "const encoded = Name.encode(name)",
    replace: "const encoded = Name.encode(name).slice(0, 2)"
  },
  {
    name: "a tag without a token is as good as one that has it",
    law: "whatWasInvalidStaysSo",
    file: memory("Region"),
    find: "tags.every(([tag, token]) => tagOf(turn, tag)?.token === token)",
    replace: "tags.every(([tag, token]) => (tagOf(turn, tag)?.token ?? token) === token)"
  },
  {
    name: "the first token is always the same",
    law: "whatWasInvalidStaysSo",
    file: memory("Region"),
    find: "if (region.generation === 0) region.generation = freshToken(turn)",
    replace: "if (region.generation === 0) region.generation = 1"
  },
  {
    name: "a cleared region stays so",
    law: "whatComesAfterIsThere",
    file: memory("Region"),
    find: "region.generation = 0\n  changed",
    replace: "region.generation = Number.NaN\n  changed"
  },
  {
    name: "a tag's token ends before what carries it",
    law: "whatComesAfterIsThere",
    file: memory("Region"),
    find: "Math.max(tag.until, until + tagGraceMs)",
    replace: "Math.max(tag.until, until - 5_000)"
  },
  {
    name: "nobody sweeps",
    law: "clearGivesTheSpaceBack",
    file: core("Regions"),
    find: "sweeper.sweep(plan.name)",
    replace: "void sweeper",
    worlds: everywhere
  },
  {
    name: "a sweep ends with its first step",
    law: "clearGivesTheSpaceBack",
    file: core("Sweeper"),
    find: 'if (next.value === "") return',
    replace: "if (next.value.length >= 0) return"
  },
  {
    name: "the values are looked for as well",
    law: "takingAwayCostsTheSame",
    file: core("Regions"),
    find: "yield* store.invalidate(plan.name, tags.slice(i, i + maxKeys))",
    replace: `{
      yield* store.invalidate(plan.name, tags)
      for (let at = yield* store.sweep(plan.name, ""); at !== "";) at = yield* store.sweep(plan.name, at)
    }`
  }
]
