/** Mistakes in what is kept, how long, and what it costs: CacheLaws. */
import type { Mutant } from "./Mutant.ts"

const core = (name: string): string => `packages/core/src/internal/cache/${name}.ts`
const memory = (name: string): string => `packages/testkit/src/internal/cache/${name}.ts`
const everywhere = ["memory", "redis", "cluster"] as const

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "a removal leaves the value where it is",
    law: "whatOnePeerSetsEveryPeerReads",
    file: memory("Region"),
    find: "if (value !== undefined) forget(turn, value)\n  return found",
    replace: "return found"
  },
  {
    name: "the first of a batch wins",
    law: "setsOfOneProcessKeepTheirOrder",
    file: core("Writer"),
    find: "const entries = calls.map(({ entry }) => entry)",
    replace: "const entries = calls.map(({ entry }) => entry).reverse()",
    worlds: everywhere
  },
  {
    name: "a value is kept by its text as the platform writes it",
    law: "aValueIsNotTheObject",
    file: "packages/core/src/internal/Text.ts",
    find: "return chained(this.toJson(value), written)",
    replace: "return written(value)"
  },
  {
    name: "each reader decodes for itself",
    law: "aValueIsNotTheObject",
    file: core("Reader"),
    find: "const known = this.waiting.get(key)",
    replace: "const known = [this.waiting.get(key)].at(1)",
    worlds: everywhere
  },
  {
    name: "many keys are answered in the order of the store",
    law: "manyAreAsOne",
    file: core("Reader"),
    find: "keys.map((key) => byKey.get(key) ?? Option.none())",
    replace: "[...byKey.values()]",
    worlds: everywhere
  },
  {
    name: "what is there is set as if it were absent",
    law: "oneSetsWhatIsAbsentAndOneTakesIt",
    file: memory("Steps"),
    find: 'if (when === "Absent" && Region.liveOf(turn, entry.key) !== undefined) return false',
    replace: ""
  },
  {
    name: "a value lives a millisecond longer",
    law: "aValueIsGoneToTheMillisecond",
    file: memory("Region"),
    find: "value.expiresAt = now + timeToLiveMs",
    replace: "value.expiresAt = now + timeToLiveMs + 1"
  },
  {
    name: "no time is a millisecond",
    law: "noTimeStoresNothing",
    file: core("Limits"),
    find: "ms <= 0 ? 0",
    replace: "ms <= 0 ? 1",
    worlds: everywhere
  },
  {
    name: "for ever is a year",
    law: "whatLivesForEverStays",
    file: core("Limits"),
    find: "ms > maxLifeMs ? Infinity : Math.ceil(ms)",
    replace: "ms > maxLifeMs ? 31_536_000_000 : Math.ceil(ms)",
    worlds: everywhere
  },
  {
    name: "everything slides",
    law: "readingProlongsWhatIsSliding",
    file: core("Client"),
    find: "timeToLiveMs: life.value,\n      isSliding",
    replace: "timeToLiveMs: life.value,\n      isSliding: isSliding || true",
    worlds: everywhere
  },
  {
    name: "what is stale is read",
    law: "whatIsStaleIsAbsent",
    file: memory("Region"),
    find: "value.expiresAt <= turn.now ? undefined : value",
    replace: "value.until <= turn.now ? undefined : value"
  },
  {
    name: "a value that is false is none",
    law: "onlyAbsenceIsNone",
    file: core("Reader"),
    find: "Exit.succeed(Option.some(value.value))",
    replace: "Exit.succeed(value.value ? Option.some(value.value) : Option.none())",
    worlds: everywhere
  },
  {
    name: "a change is written whoever came first",
    law: "noChangeIsLost",
    file: memory("Steps"),
    find: "if ((value === undefined ? undefined : `${value.version}`) !== version) return false",
    replace: ""
  },
  {
    name: "changes of one process do not see each other",
    law: "noChangeIsLost",
    file: core("Modifier"),
    find: "current = yield* decoded(foundIn(step.entry))",
    replace: "yield* decoded(foundIn(step.entry))",
    worlds: everywhere
  },
  {
    name: "a change that fails takes away what the one before it wrote",
    law: "aChangeMayRemoveOrFail",
    file: core("Modifier"),
    find: 'if (step === "Unchanged") continue',
    replace: 'if (step === "Unchanged") {\n        last = step\n        continue\n      }',
    worlds: everywhere
  },
  {
    name: "keys ends with the first page",
    law: "keysNamesWhatIsThere",
    file: core("Regions"),
    find: 'page.cursor === "" ? Option.none()',
    replace: 'page.cursor !== "" || page.cursor === "" ? Option.none()',
    worlds: everywhere
  },
  {
    name: "one value that does not fit breaks the read",
    law: "whatDoesNotFitIsAbsent",
    file: core("Reader"),
    find: 'this.options.meter.count("undecodable")\n    return none',
    replace: 'return Exit.die(new Error("it does not fit"))',
    worlds: everywhere
  },
  {
    name: "a read asks twice",
    law: "aCallIsOneRequest",
    file: core("Reader"),
    find: "Effect.map(store.read(region, keys, slide), (found) => {",
    replace:
      "Effect.map(Effect.andThen(store.read(region, keys, slide), store.read(region, keys, slide)), (found) => {",
    worlds: everywhere
  },
  {
    name: "each read leaves alone",
    law: "whatComesTogetherGoesTogether",
    file: core("Reader"),
    find: "maxEntries: maxKeys",
    replace: "maxEntries: 1",
    worlds: everywhere
  },
  {
    name: "a number and its text are one key",
    law: "noTwoNamesMeet",
    file: core("RegionCodec"),
    find: 'typeof key === "number" ? `${mark}${key}`',
    replace: 'typeof key === "number" ? `${key}`',
    worlds: everywhere
  },
  {
    name: "a tag may be anything",
    law: "badInputsAreRefusedFirst",
    file: core("Limits"),
    find: 'if (fault !== undefined) return Exit.fail(Name.invalidName(service, operation, "tag", fault))',
    replace: "void fault",
    worlds: everywhere
  },
  {
    name: "a value's bound is a byte too far",
    law: "aValueHasItsBound",
    file: "packages/core/src/internal/Text.ts",
    find: "return bytes <= limit ? undefined",
    replace: "return bytes <= limit + 1 ? undefined",
    worlds: everywhere
  },
  {
    name: "what does not fit is taken all the same",
    law: "whatDoesNotFitIsAbsent",
    file: core("Client"),
    find: 'if (found !== undefined && value._tag === "None") return value',
    replace: "",
    worlds: everywhere
  },
  {
    name: "whatever is there is taken, read or not",
    law: "oneSetsWhatIsAbsentAndOneTakesIt",
    file: core("Client"),
    find: "if (found === undefined || taken !== undefined) return value",
    replace: "return value",
    worlds: everywhere
  },
  {
    name: "a miss says nothing",
    law: "aMissSaysWhy",
    file: core("Reader"),
    find: '"troupe.cache.miss": why',
    replace: '"troupe.cache.missed": why',
    worlds: everywhere
  },
  {
    name: "the script takes what lost its tag for what is over",
    law: "aMissSaysWhy",
    file: "packages/redis-live/lua/Cache/read.lua",
    find: "holds(tagsOf(value)) and 1 or 3",
    replace: "1",
    worlds: ["redis", "cluster"]
  }
]
