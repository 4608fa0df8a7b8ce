/** The script tool-chain: a header is a signature, and what breaks it does not get through. */
import { describe, expect, it } from "@effect/vitest"
import { generate, parse } from "../../../scripts/codegen.ts"
import * as Script from "../src/internal/Script.ts"

const good = `#!lua flags=allow-oom
-- Does something.
-- KEYS[1] log    a stream
-- KEYS[2] meta   a hash
-- ARGV[1] now    reserved
-- ARGV[2] size   entries kept
-- ARGV[3...] entries  any number of them
-- RETURNS nothing
-- COST O(1)
-- COMMANDS XADD, HSET
local log, meta = KEYS[1], KEYS[2]
for i = 3, #ARGV do redis.call('XADD', log, '*', 'd', ARGV[i]) end -- ARGV[9] in a comment is no use
return redis.call("HSET", meta, ARGV[1], ARGV[2])
`

describe("a script's header", () => {
  it("is its signature", () => {
    expect(parse("PubSub/append", good)).toMatchObject({
      adds: false,
      keys: ["log", "meta"],
      args: ["now", "size"],
      variadic: "entries",
      commands: ["XADD", "HSET"],
      returns: "nothing",
      source: good
    })
    expect(parse("PubSub/append", good.replace("#!lua flags=allow-oom", "#!lua")).adds).toBe(true)
    expect(generate([parse("PubSub/append", good)])).toContain("export const pubsubAppend = Script.make({")
  })

  const faults: ReadonlyArray<readonly [what: string, from: string, to: string, message: RegExp]> = [
    ["no first line", "#!lua flags=allow-oom\n", "", /first line/],
    ["another flag", "flags=allow-oom", "flags=no-writes", /first line/],
    ["no sentence", "-- Does something.\n", "", /sentence/],
    ["a key used and not declared", "-- KEYS[2] meta   a hash\n", "", /KEYS\[2\], which is not declared/],
    ["a key declared and not used", "KEYS[1], KEYS[2]", "KEYS[1], 'x'", /KEYS\[2\] meta is never used/],
    ["keys by no number", "KEYS[1], KEYS[2]", "KEYS[1], KEYS[#KEYS]", /KEYS without a number/],
    ["an argument used and not declared", "-- ARGV[3...] entries  any number of them\n", "", /ARGV without a number/],
    ["an argument declared and not used", "ARGV[1], ARGV[2]", "ARGV[1]", /ARGV\[2\] size is never used/],
    ["a number left out", "-- ARGV[2] size", "-- ARGV[4] size", /out of order/],
    ["a name twice", "-- ARGV[2] size", "-- ARGV[2] log", /declared twice/],
    ["arguments behind the variadic one", "-- RETURNS", "-- ARGV[4] more\n-- RETURNS", /behind the variadic/],
    ["a reserved name for the variadic one", "[3...] entries", "[3...] run", /reserved/],
    ["no RETURNS", "-- RETURNS nothing\n", "", /RETURNS/],
    ["no COST", "-- COST O(1)\n", "", /COST/],
    ["no COMMANDS", "-- COMMANDS XADD, HSET\n", "", /COMMANDS/],
    ["a command it does not list", "'XADD'", "'DEL'", /runs DEL/],
    ["a command it does not run", "XADD, HSET", "XADD, HSET, DEL", /lists DEL/],
    ["a body of 61 lines", "return", `${"local x = 1\n".repeat(58)}return`, /61 lines/]
  ]
  for (const [what, from, to, message] of faults) {
    it(`refuses ${what}`, () => {
      expect(good).toContain(from)
      expect(() => parse("PubSub/append", good.replace(from, to))).toThrow(message)
      expect(() => parse("PubSub/append", good.replace(from, to))).toThrow(/^lua\/PubSub\/append\.lua: /)
    })
  }
})

/** For what shall not compile: it is never run. */
const write = (run: () => void) => run

describe("a script", () => {
  const script = Script.make({
    name: "Test/any",
    adds: true,
    sha: "",
    keys: ["log", "meta"],
    args: ["now", "size", "run"],
    variadic: "entries",
    commands: [],
    source: ""
  })

  it("takes the keys and arguments of its header, in their order, and fills in what is reserved", () => {
    const written: Array<Script.Arg> = []
    const keys = { meta: "m", log: "l" }
    script.write(written, keys, { entries: ["a", 1], size: 10 }, 123, "r")
    expect(written).toEqual(["l", "m", 123, 10, "r", "a", 1])
    expect(script.route(keys)).toBe("l")
    expect(script.numberOfKeys).toBe(2)
  })

  it("compiles with no other", () => {
    // @ts-expect-error: meta is missing
    write(() => script.write([], { log: "l" }, { entries: [], size: 1 }, "", ""))
    // @ts-expect-error: misspelt
    write(() => script.write([], { log: "l", mata: "m" }, { entries: [], size: 1 }, "", ""))
    // @ts-expect-error: size is missing
    write(() => script.write([], { log: "l", meta: "m" }, { entries: [] }, "", ""))
    // @ts-expect-error: entries is missing
    write(() => script.write([], { log: "l", meta: "m" }, { size: 1 }, "", ""))
    // @ts-expect-error: not any number of values
    write(() => script.write([], { log: "l", meta: "m" }, { entries: "a", size: 1 }, "", ""))
    // @ts-expect-error: now is not the caller's
    write(() => script.write([], { log: "l", meta: "m" }, { entries: [], size: 1, now: 1 }, "", ""))
  })
})
