/** Code in Markdown is found, put together and compiled, and what does not compile is told by the page's own line. */
import assert from "node:assert/strict"
import * as fs from "node:fs"
import * as path from "node:path"
import { test } from "vitest"
import { compile, extract } from "./ci/pages.ts"

const fenced = (...blocks: ReadonlyArray<string>): string =>
  blocks.map((block) => `Some words.\n\n\`\`\`${block}\n\`\`\`\n`).join("\n")

const textsOf = (markdown: string): ReadonlyArray<string> =>
  extract("docs/page.md", markdown).modules.map(({ text }) => text)

test("a block goes on with the one before it, unless it imports", () => {
  const [one, other, ...more] = textsOf(fenced('ts\nimport "a"', "ts\nb", 'ts\nimport "c"'))
  assert.equal(one, '\n\n\nimport "a"\n\n\n\n\n\nb\nexport {}\n')
  assert.equal(other, `${"\n".repeat(15)}import "c"\nexport {}\n`)
  assert.deepEqual(more, [])
})

test("text is no code, and a block in a list is", () => {
  assert.deepEqual(textsOf(fenced("text\nnot { code", "\nnpm start")), [])
  assert.deepEqual(textsOf("- a list\n\n  ```ts\n  a\n  ```\n"), ["\n\n\n  a\nexport {}\n"])
})

test("what only looks like code that is compiled is refused", () => {
  for (const info of ["ts no-check", "typescript", "js"])
    assert.deepEqual(extract("docs/page.md", fenced(`${info}\na`)).refused, [
      "docs/page.md:3: code is fenced as ```ts, what is not to be compiled as ```text"
    ])
  assert.deepEqual(extract("docs/page.md", "```ts\na").refused, ["docs/page.md:1: the block has no end"])
})

test("what is run, or tried, says so where it begins", () => {
  const page = fenced('ts run\nimport "a"', "ts\nb", 'ts test\nimport "c"', 'ts\nimport "d"')
  assert.deepEqual(
    extract("docs/page.md", page).modules.map(({ use }) => use),
    ["run", "test", "nothing"]
  )
  assert.deepEqual(extract("docs/page.md", fenced('ts\nimport "a"', "ts run\nb")).refused, [
    "docs/page.md:9: what is run says so where it begins, with its imports"
  ])
  assert.deepEqual(extract("docs/page.md", fenced('ts run\nimport { a } from "../a.ts"')).refused, [
    "docs/page.md:3: what is run from a page imports packages alone"
  ])
})

test("a mistake is told by its page and its line", () => {
  const { modules } = extract(
    "docs/page.md",
    fenced(
      'ts\nimport { TaskQueue } from "@troupe/core"\nconst Print = TaskQueue.task("print")',
      "ts\nPrint.levels.push(1)\nconst unused = 1",
      'ts\nimport { nothing } from "../scripts/steps.ts"'
    )
  )
  const findings = compile(modules, path.join(import.meta.dirname, "../.cache/pages-planted"))
  assert.deepEqual(
    findings.map((finding) => /^\S+ error TS\d+/.exec(finding)?.[0]),
    ["docs/page.md:11:14: error TS2339", "docs/page.md:18:10: error TS2305"]
  )
})

test("the README quotes its program as it is", () => {
  const text = (file: string) => fs.readFileSync(path.join(import.meta.dirname, "..", file), "utf8")
  const [head = "", ...rest] = text("examples/bakery.ts").split(" */\n")
  const program = rest.join(" */\n")
  assert.ok(head.startsWith("/**"))
  assert.ok(text("README.md").includes(`\`\`\`ts\n${program}\`\`\`\n`), "examples/bakery.ts differs from the README")
})
