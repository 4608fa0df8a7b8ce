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
    ["a function of a part that it does not name", "return", "many('x')\nreturn", /calls many/],
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

const shared = `#!lua
-- Does something together with others.
-- KEYS[1...] queues  any number of them
-- ARGV[1] now    reserved
-- RETURNS nothing
-- COST O(queues)
-- COMMANDS GET, SET, DEL
-- PARTS ground, end
for i = 1, #KEYS do close(KEYS[i]) end
`
const parts: Readonly<Record<string, string>> = {
  "Test/parts/ground":
    "-- Offers many.\nlocal now = ARGV[1]\nlocal function many(command, key) redis.call(command, key) end\n",
  "Test/parts/end":
    "-- Offers close.\nlocal function close(key) many('DEL', key) redis.call('SET', key, redis.call('GET', now)) end\n"
}

describe("a script's parts", () => {
  const read = (script: string, texts = parts) => parse("Test/any", script, (name) => texts[name])

  it("stand between its header and its body, in their order", () => {
    const { source, variadicKeys } = read(shared)
    expect(variadicKeys).toBe("queues")
    const lines = source.split("\n").slice(8)
    expect(lines[0]).toBe("-- Offers many.")
    expect(lines[3]).toBe("-- Offers close.")
    expect(lines[5]).toMatch(/^for i/)
    expect(generate([read(shared)])).toContain('variadicKeys: "queues"')
  })

  const faults: ReadonlyArray<readonly [what: string, from: string, to: string, message: RegExp]> = [
    ["a part that is not there", "ground, end", "ground, ends", /no part ends/],
    ["a command of a part that it does not list", "GET, SET, DEL", "GET, DEL", /runs SET/],
    ["a command that a part gives to a function", "GET, SET, DEL", "GET, SET", /runs DEL/],
    ["a command that neither runs", "GET, SET, DEL", "GET, SET, DEL, TTL", /lists TTL/],
    ["an argument that a part uses", "-- ARGV[1] now    reserved\n", "", /ARGV\[1\], which is not declared/],
    ["keys that are not used", "i = 1, #KEYS do close(KEYS[i])", "i = 1, 2 do close(i)", /queues is never used/],
    ["keys behind the variadic one", "-- ARGV", "-- KEYS[2] more\n-- ARGV", /KEYS\[2\] stands behind the variadic/],
    ["keys by no number, where none is variadic", "[1...] queues", "[1] queue", /KEYS without a number/]
  ]
  for (const [what, from, to, message] of faults) {
    it(`refuses ${what}`, () => {
      expect(shared).toContain(from)
      expect(() => read(shared.replace(from, to))).toThrow(message)
    })
  }

  it("say what they offer, in 60 lines", () => {
    const end = parts["Test/parts/end"] ?? ""
    const longer = (lines: number) => ({ ...parts, "Test/parts/end": `${end}${"local x = 1\n".repeat(lines)}` })
    expect(read(shared, longer(59)).source).toContain("local x")
    expect(() => read(shared, longer(60))).toThrow(/^lua\/Test\/parts\/end\.lua: the part has 61 lines/)
    expect(() => read(shared, { ...parts, "Test/parts/end": end.slice(end.indexOf("\n") + 1) })).toThrow(/comment/)
  })
})

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
    expect(script.numberOfKeys(keys)).toBe(2)
  })

  it("takes any number of keys", () => {
    const many = Script.make({
      name: "Test/many",
      adds: false,
      sha: "",
      keys: [],
      args: ["now"],
      variadicKeys: "queues",
      commands: [],
      source: ""
    })
    const written: Array<Script.Arg> = []
    const keys = { queues: ["a", "b", "c"] }
    many.write(written, keys, {}, 123, "")
    expect(written).toEqual(["a", "b", "c", 123])
    expect([many.numberOfKeys(keys), many.route(keys)]).toEqual([3, "a"])
    // @ts-expect-error: not any number of keys
    write(() => many.write([], { queues: "a" }, {}, "", ""))
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
