/** The test of the house: what every service must have, and what no file may hold. Reads files, runs nothing. */
import assert from "node:assert/strict"
import * as fs from "node:fs"
import * as path from "node:path"
import { test } from "vitest"

const root = path.join(import.meta.dirname, "..")

/** Every file below a folder, as paths from the root. */
const filesIn = (folder: string): ReadonlyArray<string> =>
  fs.existsSync(path.join(root, folder))
    ? fs
        .readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && !entry.parentPath.includes("node_modules"))
        .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    : []

const read = (file: string): string =>
  fs.existsSync(path.join(root, file)) ? fs.readFileSync(path.join(root, file), "utf8") : ""

/** A file without its comments; what stands in strings is kept. */
const code = (file: string): string => read(file).replace(/^\s*\/?\*.*$|(?<!["':])\/\/.*$/gm, "")

const none = (what: string, found: ReadonlyArray<string>): void => assert.deepEqual(found, [], what)

const services = ["PubSub", "PeerRegistry", "TaskQueue", "Cache", "Chat", "Mailbox", "Stats"]

const rooms = ["core", "testkit", "redis-live"].flatMap((name) => filesIn(`packages/${name}/src`))
const coreRooms = rooms.filter((file) => file.startsWith("packages/core/"))
const isPart = (file: string): boolean => path.basename(path.dirname(file)) === "parts"
const lua = filesIn("packages/redis-live/lua").filter((file) => file.endsWith(".lua"))
const scripts = lua.filter((file) => !isPart(file))

for (const service of services) {
  const file = `packages/core/src/${service}.ts`

  test(`${service} has everything that a service has`, () => {
    const wanted = [
      file,
      `packages/core/src/${service}Store.ts`,
      `packages/testkit/src/Memory${service}.ts`,
      `packages/testkit/src/laws/${service}Laws.ts`,
      `packages/redis-live/src/Redis${service}.ts`
    ]
    const lacks = wanted.filter((file) => read(file) === "")
    if (!scripts.some((file) => file.includes(`/lua/${service}/`))) lacks.push("scripts")
    // Its row in the README leads to its example and its bench.
    const row = new RegExp(`^\\| \`${service}\` .*$`, "m").exec(read("README.md"))?.[0] ?? ""
    for (const folder of ["examples", "bench"]) {
      const link = new RegExp(`\\((${folder}/[^)]+)\\)`).exec(row)?.[1]
      if (link === undefined || !fs.existsSync(path.join(root, link))) lacks.push(link ?? `${folder} in its README row`)
    }
    none(service, lacks)
  })

  test(`${service}.ts goes from errors to service to layer`, () => {
    const text = read(file)
    const errors = [...text.matchAll(/^export class \w+ extends Schema\.TaggedError/gm)].map((match) => match.index)
    const order = [
      ...errors,
      text.search(/^export class \w+ extends Context\.Service/m),
      text.search(/^export const layer/m)
    ]
    assert.ok(!order.includes(-1), "a service and a layer")
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b)
    )
  })
}

test("no room has more than 600 lines", () =>
  none(
    "over 600 lines",
    rooms.filter((file) => !file.endsWith("internal/scripts.ts") && read(file).split("\n").length > 601)
  ))

test("core imports effect and itself, and nothing else", () => {
  const allowed = /^(effect(\/.+)?|\.\.?\/.+\.ts)$/
  none(
    "foreign imports",
    coreRooms.flatMap((file) =>
      [...code(file).matchAll(/^(?:import|export)\s(?:[^"=()]*\sfrom\s)?"([^"]+)"/gm)]
        .filter(([, source]) => !allowed.test(source!))
        .map(([, source]) => `${file}: ${source}`)
    )
  )
})

test("core has no timer, no clock and no console of its own", () => {
  const own = /\b(setTimeout|setInterval|setImmediate|Date\.now|new Date|performance\.now|console\.)/
  none(
    "effect has these",
    coreRooms.flatMap((file) =>
      code(file)
        .split("\n")
        .filter((line) => own.test(line))
        .map((line) => `${file}: ${line.trim()}`)
    )
  )
})

test("ioredis is met in RedisClient.ts alone, elsewhere only its types", () => {
  const values = /^(?!import type)(?:import|export)\s(?:[^"=()]*\sfrom\s)?"ioredis/m
  none(
    "values of ioredis",
    rooms.filter((file) => file !== "packages/redis-live/src/RedisClient.ts" && values.test(code(file)))
  )
})

const modules = { tasks: "TaskQueue", cache: "Cache", chat: "Chat" }

test("an error is called by its module and its tag, and says what happened", () => {
  const declared = /^export class (\w+) extends Schema\.TaggedError<(\w+)>\(\s*"([^"]+)"\s*\)\(\s*"(\w+)"/gm
  const wrong = coreRooms.flatMap((file) => {
    const text = read(file)
    // A service whose rooms need its errors has them in a room of their own.
    const [, room] = /internal\/(tasks|cache|chat)\/errors\.ts$/.exec(file) ?? []
    const module = room === undefined ? path.parse(file).name : modules[room as keyof typeof modules]
    const found = [...text.matchAll(declared)]
    return found.flatMap(([, name, self, identifier, tag], i) => {
      const ends = found[i + 1]?.index ?? text.length
      const body = text.slice(found[i]!.index, ends)
      // The two errors that every service shares stand above the modules.
      const shared = module === "BackendError" && (name === "BackendError" || name === "PayloadTooLarge")
      const expected = shared ? `@troupe/core/${name}` : `@troupe/core/${module}/${name}`
      return [
        ...(self === name && tag === name ? [] : [`${file}: ${name} calls itself ${self} and ${tag}`]),
        ...(identifier === expected ? [] : [`${file}: ${identifier} should be ${expected}`]),
        ...(/get message\(\)|\bfields\b|message: Schema/.test(body) ? [] : [`${file}: ${name} has no message`]),
        ...(/\b(name|stack|cause): Schema\./.test(body) ? [`${file}: ${name} has a field that Error has`] : [])
      ]
    })
  })
  none("errors", wrong)
})

test("a script begins with its engine, then says what it does, and does it in 60 lines", () =>
  none(
    "scripts",
    scripts.filter((file) => {
      const [engine, first, ...rest] = read(file).trimEnd().split("\n")
      const body = rest.slice(rest.findIndex((line) => !line.startsWith("--")))
      return !/^#!lua( flags=[a-z,-]+)?$/.test(engine!) || !/^-- \S/.test(first ?? "") || body.length > 60
    })
  ))

test("a part of scripts says what it offers, and does it in 60 lines", () =>
  none(
    "parts",
    lua.filter(isPart).filter((file) => {
      const lines = read(file).trimEnd().split("\n")
      return !/^-- \S/.test(lines[0]!) || lines.filter((line) => !line.startsWith("--")).length > 60
    })
  ))
