/** What docs/operations.md, its alerts and its dashboard say of metrics and rights is what there is. Reads files, runs nothing. */
import * as Metrics from "@troupe/core/Metrics"
import assert from "node:assert/strict"
import * as fs from "node:fs"
import * as path from "node:path"
import { test } from "vitest"
import * as scripts from "../packages/redis-live/src/internal/scripts.ts"
import { dashboard } from "./grafana.ts"

const root = path.join(import.meta.dirname, "..")
const read = (file: string): string => fs.readFileSync(path.join(root, file), "utf8")
const page = read("docs/operations.md")

const kinds = new Map(Object.values(Metrics).map(({ id, type }) => [id, type.toLowerCase()]))

/** Every metric that a text names, a histogram's parts as the histogram. */
const namedIn = (text: string): ReadonlyArray<string> =>
  [...new Set(text.match(/\btroupe_[a-z_]*[a-z]\b/g))].map((name) => {
    const whole = name.replace(/_(bucket|sum|count)$/, "")
    return kinds.get(whole) === "histogram" ? whole : name
  })

test("metrics are declared in Metrics.ts alone", () => {
  const declared = fs
    .globSync("packages/*/src/**/*.ts", { cwd: root })
    .filter((file) => /\bMetric\.(counter|gauge|histogram|frequency|summary|timer)\(/.test(read(file)))
  assert.deepEqual(declared, ["packages/core/src/Metrics.ts"])
})

test("every metric has a row, which says its kind", () => {
  const rows = [...page.matchAll(/^\| (`troupe_[^|]*) \| (\w+?)s?\b[^|]* \|/gm)].flatMap(([, names = "", kind]) =>
    namedIn(names).map((name) => [name, kind] as const)
  )
  assert.deepEqual(rows.toSorted(), [...kinds].toSorted())
})

for (const file of ["README.md", "docs/grafana.json", ...fs.globSync("docs/**/*.md", { cwd: root })]) {
  test(`${file} names no metric that is not there`, () =>
    assert.deepEqual(
      namedIn(read(file)).filter((name) => !kinds.has(name)),
      []
    ))
}

test("docs/grafana.json is what scripts/grafana.ts writes", () => {
  assert.deepEqual(JSON.parse(read("docs/grafana.json")), JSON.parse(JSON.stringify(dashboard)))
})

test("each service has the rights that its scripts need", () => {
  const rows = [...page.matchAll(/^\| `(\w+)` \| `(\+[^`]*)` \|$/gm)].map(([, service, rights]) => [service, rights])
  const needed = new Map<string, Set<string>>()
  for (const { commands, name } of scripts.all) {
    const service = name.slice(0, name.indexOf("/"))
    const known = needed.get(service) ?? new Set()
    needed.set(service, known)
    for (const command of commands) known.add(`+${command.toLowerCase()}`)
  }
  assert.deepEqual(
    rows.toSorted(),
    [...needed].map(([service, commands]) => [service, [...commands].toSorted().join(" ")]).toSorted()
  )
})
