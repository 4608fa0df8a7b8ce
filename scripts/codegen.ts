/**
 * Writes packages/redis-live/src/internal/scripts.ts from packages/redis-live/lua. With `--check` it writes nothing
 * and fails where the file is not what it would write.
 *
 * The header of a script is its signature:
 *
 *   #!lua                              or `#!lua flags=allow-oom` for what frees, ends or keeps alive
 *   -- A sentence that says what it does.
 *   -- KEYS[1] log  stream of entries
 *   -- ARGV[1] now  reserved: filled by the connection, as is `run`
 *   -- ARGV[2] size  how many entries are kept
 *   -- ARGV[3...] entries  the last one may take any number of values, and so may the last of KEYS
 *   -- RETURNS the new entries' numbers
 *   -- COST O(entries)
 *   -- COMMANDS XADD, SPUBLISH
 *   -- PARTS ground, end
 *
 * PARTS names what several scripts of a service share: `lua/<Service>/parts/<part>.lua`, a comment that says what it
 * offers and then Lua that defines it. The parts stand between header and body, in that order; what the header declares
 * is checked over all of it.
 */
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..", "packages", "redis-live")
const maxBodyLines = 60

export class HeaderError extends Error {}

export interface Parsed {
  readonly name: string
  readonly doc: string
  readonly adds: boolean
  readonly keys: ReadonlyArray<string>
  readonly args: ReadonlyArray<string>
  readonly variadic: string | undefined
  readonly variadicKeys: string | undefined
  readonly returns: string
  readonly cost: string
  readonly commands: ReadonlyArray<string>
  readonly source: string
}

/** Lua without its comments and with empty strings, so that neither counts as a use. */
const code = (lua: string): string => lua.replace(/--\[\[[\s\S]*?\]\]|--.*/g, "")

const uses = (body: string, table: "KEYS" | "ARGV"): { readonly fixed: Set<number>; readonly free: boolean } => {
  const fixed = new Set(
    [...body.matchAll(new RegExp(`\\b${table}\\s*\\[\\s*(\\d+)\\s*\\]`, "g"))].map((m) => Number(m[1]))
  )
  const all = [...body.matchAll(new RegExp(`\\b${table}\\b`, "g"))].length
  const literal = [...body.matchAll(new RegExp(`\\b${table}\\s*\\[\\s*\\d+\\s*\\]`, "g"))].length
  return { fixed, free: all > literal }
}

const sizeOf = (lines: ReadonlyArray<string>): number => lines.filter((line) => line.trim() !== "").length

/** A part as it stands in a script. */
const included = (name: string, source: string): string => {
  const lines = source.trimEnd().split("\n")
  const start = lines.findIndex((line) => !line.startsWith("--"))
  if (start < 1) throw new HeaderError(`lua/${name}.lua: a part begins with a comment that says what it offers`)
  const size = sizeOf(lines.slice(start))
  if (size > maxBodyLines)
    throw new HeaderError(`lua/${name}.lua: the part has ${size} lines, the limit is ${maxBodyLines}`)
  return lines.join("\n")
}

/**
 * Reads one script; `name` is `<Service>/<verb>`, and `partOf` gives a part's text by its `<Service>/parts/<part>`.
 * Throws a HeaderError that names it.
 */
export const parse = (
  name: string,
  source: string,
  partOf: (name: string) => string | undefined = () => undefined
): Parsed => {
  const fail = (message: string): never => {
    throw new HeaderError(`lua/${name}.lua: ${message}`)
  }
  const lines = source.replace(/\n+$/, "").split("\n")
  const flags = lines[0] === "#!lua" ? true : lines[0] === "#!lua flags=allow-oom" ? false : undefined
  const adds = flags ?? fail("the first line must be `#!lua` or `#!lua flags=allow-oom`")

  let end = 1
  while (end < lines.length && lines[end]!.startsWith("--")) end++
  const doc: Array<string> = []
  const keys: Array<string> = []
  const args: Array<string> = []
  let variadic: string | undefined
  let variadicKeys: string | undefined
  let parts: ReadonlyArray<string> = []
  let returns: string | undefined
  let cost: string | undefined
  let commands: ReadonlyArray<string> | undefined
  let last: "doc" | "returns" | "cost" | "other" = "doc"
  for (const line of lines.slice(1, end)) {
    const text = line.slice(2).trim()
    const slot = /^(KEYS|ARGV)\[(\d+)(\.\.\.)?\]\s+([A-Za-z][A-Za-z0-9]*)\b/.exec(text)
    const field = /^(RETURNS|COST|COMMANDS|PARTS)\b\s*(.*)$/.exec(text)
    if (slot !== null) {
      const [, table, index, dots, label] = slot
      const into = table === "KEYS" ? keys : args
      if ((table === "ARGV" ? variadic : variadicKeys) !== undefined)
        fail(`${table}[${index}] stands behind the variadic one`)
      if (Number(index) !== into.length + 1) fail(`${table}[${index}] is out of order`)
      if ([...keys, ...args, variadicKeys].includes(label!)) fail(`${label} is declared twice`)
      if (dots === undefined) into.push(label!)
      else if (table === "KEYS") variadicKeys = label
      else variadic = label
      last = "other"
    } else if (/^(KEYS|ARGV)\b/.test(text)) {
      fail(`cannot read: ${text}`)
    } else if (field !== null) {
      if (field[1] === "RETURNS") returns = field[2]!
      else if (field[1] === "COST") cost = field[2]!
      else {
        const items = field[2]!.split(/\s*,\s*/).filter((item) => item !== "")
        if (field[1] === "COMMANDS") commands = items
        else parts = items
      }
      last = field[1] === "RETURNS" ? "returns" : field[1] === "COST" ? "cost" : "other"
    } else if (last === "doc") doc.push(text)
    else if (last === "returns") returns = `${returns} ${text}`
    else if (last === "cost") cost = `${cost} ${text}`
  }
  if (doc.length === 0) fail("the header begins with a sentence that says what it does")
  if (keys.length === 0 && variadicKeys === undefined) fail("declares no KEYS: a cluster could not route it")
  if (variadic === "now" || variadic === "run") fail(`${variadic} is reserved`)

  const own = lines.slice(end)
  const shared = parts.map((part) => {
    const label = `${name.slice(0, name.indexOf("/"))}/parts/${part}`
    return included(label, partOf(label) ?? fail(`there is no part ${part}`))
  })
  const body = code([...shared, ...own].join("\n"))
  const size = sizeOf(own)
  if (size > maxBodyLines) fail(`the body has ${size} lines, the limit is ${maxBodyLines}`)
  const usedKeys = uses(body, "KEYS")
  const usedArgs = uses(body, "ARGV")
  for (const index of usedKeys.fixed)
    if (index < 1 || (index > keys.length && variadicKeys === undefined))
      fail(`uses KEYS[${index}], which is not declared`)
  for (const index of usedArgs.fixed) {
    if (index < 1 || (index > args.length && variadic === undefined)) fail(`uses ARGV[${index}], which is not declared`)
  }
  if (usedKeys.free && variadicKeys === undefined) fail("uses KEYS without a number, though none is variadic")
  if (usedArgs.free && variadic === undefined) fail("uses ARGV without a number, though none is variadic")
  keys.forEach((label, i) => usedKeys.fixed.has(i + 1) || fail(`KEYS[${i + 1}] ${label} is never used`))
  args.forEach((label, i) => usedArgs.fixed.has(i + 1) || fail(`ARGV[${i + 1}] ${label} is never used`))
  if (variadic !== undefined && !usedArgs.free && !usedArgs.fixed.has(args.length + 1))
    fail(`${variadic} is never used`)
  if (variadicKeys !== undefined && !usedKeys.free && !usedKeys.fixed.has(keys.length + 1))
    fail(`${variadicKeys} is never used`)

  // What is written in capitals as a first argument is a command, whichever function of the script it is given to.
  const called = new Set(
    [...body.matchAll(/\bp?call\s*\(\s*(["'])([A-Za-z]+)\1|\w\s*\(\s*(["'])([A-Z]{2,})\3\s*[,)]/g)].map((m) =>
      (m[2] ?? m[4]!).toUpperCase()
    )
  )
  for (const called of undefinedIn(body)) fail(`calls ${called}, which neither it nor one of its parts defines`)

  const declared = new Set(commands ?? fail("has no COMMANDS"))
  for (const command of called) if (!declared.has(command)) fail(`runs ${command}, which COMMANDS does not list`)
  for (const command of declared) if (!called.has(command)) fail(`COMMANDS lists ${command}, which it does not run`)

  return {
    name,
    doc: doc.join(" "),
    adds,
    keys,
    args,
    variadic,
    variadicKeys,
    returns: returns ?? fail("has no RETURNS"),
    cost: cost ?? fail("has no COST"),
    commands: [...declared],
    source: `${[...lines.slice(0, end), ...shared, ...own].join("\n")}\n`
  }
}

/** Functions that are called by a name which nothing in this text gives them: a part was forgotten. */
const undefinedIn = (body: string): ReadonlyArray<string> => {
  const text = body.replace(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g, "''")
  const given = new Set(luaWords)
  for (const [, names = ""] of text.matchAll(/\b(?:local function|local|function|for)\s+([\w\s,]+)/g)) {
    for (const name of names.split(/[\s,]+/)) given.add(name)
  }
  for (const [, names = ""] of text.matchAll(/\bfunction\b[^(\n]*\(([^)]*)\)/g)) {
    for (const name of names.split(/[\s,]+/)) given.add(name)
  }
  const called = [...text.matchAll(/(?<![\w.:])([A-Za-z_]\w*)\s*\(/g)].map(([, name = ""]) => name)
  return [...new Set(called)].filter((name) => !given.has(name))
}

/** What may stand before a bracket without being defined here. */
const luaWords =
  "and elseif for function if in not or return until while error ipairs next pairs pcall select tonumber tostring type unpack".split(
    " "
  )

/** `PubSub/append` → `pubsubAppend`. */
const identifier = (name: string): string => {
  const [service, verb] = name.split("/")
  return `${service!.toLowerCase()}${verb!.charAt(0).toUpperCase()}${verb!.slice(1)}`
}

const list = (items: ReadonlyArray<string>): string => `[${items.map((item) => JSON.stringify(item)).join(", ")}]`

const render = (script: Parsed): string => {
  const literal = script.source.replace(/[\\`]|\$\{/g, "\\$&")
  const fields = [
    `name: ${JSON.stringify(script.name)}`,
    `adds: ${script.adds}`,
    `sha: "${createHash("sha1").update(script.source).digest("hex")}"`,
    `keys: ${list(script.keys)}`,
    `args: ${list(script.args)}`,
    ...(script.variadic === undefined ? [] : [`variadic: ${JSON.stringify(script.variadic)}`]),
    ...(script.variadicKeys === undefined ? [] : [`variadicKeys: ${JSON.stringify(script.variadicKeys)}`]),
    `commands: ${list(script.commands)}`,
    `source: \`${literal}\``
  ]
  return `/** ${script.doc} Returns ${script.returns} Cost: ${script.cost} */
export const ${identifier(script.name)} = Script.make({
  ${fields.join(",\n  ")}
})
`
}

export const generate = (
  scripts: ReadonlyArray<Parsed>
): string => `/** Written by scripts/codegen.ts from packages/redis-live/lua. Do not edit. */
import * as Script from "./Script.ts"

${scripts.map(render).join("\n")}
/** All of them, for whoever needs to know every command that Troupe runs. */
export const all = [
${scripts.map(({ name }) => `  ${identifier(name)}`).join(",\n")}
] as const
`

const textOf = (name: string): string => fs.readFileSync(path.join(root, "lua", `${name}.lua`), "utf8")

const read = (): ReadonlyArray<Parsed> => {
  const names = fs
    .readdirSync(path.join(root, "lua"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".lua"))
    .map((file) => file.slice(0, -".lua".length).split(path.sep).join("/"))
    .sort()
  const parts = new Map(names.filter((name) => name.split("/")[1] === "parts").map((name) => [name, textOf(name)]))
  return names.filter((name) => !parts.has(name)).map((name) => parse(name, textOf(name), (part) => parts.get(part)))
}

/** As `pnpm format` leaves it. */
const format = (file: string, text: string): string =>
  execFileSync(path.join(root, "..", "..", "node_modules", ".bin", "oxfmt"), [`--stdin-filepath=${file}`], {
    input: text,
    encoding: "utf8"
  })

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const target = path.join(root, "src", "internal", "scripts.ts")
  try {
    const text = format(target, generate(read()))
    const current = fs.existsSync(target) ? fs.readFileSync(target, "utf8") : ""
    if (process.argv.includes("--check")) {
      if (current !== text) throw new HeaderError("src/internal/scripts.ts is not current: run `npm run codegen`")
    } else if (current !== text) {
      fs.writeFileSync(target, text)
    }
  } catch (error) {
    if (!(error instanceof HeaderError)) throw error
    console.error(error.message)
    process.exitCode = 1
  }
}
