/**
 * Compiles the code that stands in Markdown: `node scripts/ci/pages.ts`, under the settings of the repository itself.
 *
 * A block fenced as ```ts is code. One that begins with an `import` begins a module; one that does not goes on with the
 * module before it, so that a page may declare something once and use it further down. What is no whole code, a
 * signature or an excerpt, is fenced as ```text; another word of the language, or one after `ts`, is refused, for the
 * block would look like code and be compiled by nobody.
 *
 * A module that begins as ```ts run is a program that needs no server and ends by itself, one that begins as ```ts test
 * has tests: `scripts/pages.runs.test.ts` runs both. They import packages alone, for they run from elsewhere.
 *
 * Each module is written with its lines where they are in its page, so that the compiler's line is the page's. Relative
 * imports resolve from the page, and its locals may be unused.
 */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { conclude } from "../tally.ts"

const root = path.join(import.meta.dirname, "../..")
const folder = ".cache/pages"

/** What is done with a module, beside compiling it. */
export type Use = "nothing" | "run" | "test"

export interface Module {
  /** `docs/page.md.2.ts`: the second of that page. */
  readonly file: string
  readonly text: string
  readonly use: Use
}

/** What was found in a page, where: `docs/page.md:12: …`. */
export interface Extract {
  readonly modules: ReadonlyArray<Module>
  readonly refused: ReadonlyArray<string>
}

const fence = /^\s*(`{3,}|~{3,})(.*)$/
const uses: ReadonlyMap<string, Use> = new Map([
  ["ts", "nothing"],
  ["ts run", "run"],
  ["ts test", "test"]
])
const relative = /^(?:import|export)\s(?:[^"=()]*\sfrom\s)?"\.{1,2}\//

/** The modules of one page. */
export const extract = (page: string, markdown: string): Extract => {
  const modules: Array<{ readonly lines: Array<string>; readonly use: Use }> = []
  const refused: Array<string> = []
  const lines = markdown.split("\n")
  for (let i = 0; i < lines.length; i++) {
    const opened = fence.exec(lines[i]!)
    if (opened === null) continue
    const [, marks, word] = opened
    const info = word!.trim()
    const first = i + 1
    const refuse = (why: string): void => void refused.push(`${page}:${first}: ${why}`)
    while (++i < lines.length && lines[i]!.trim() !== marks);
    if (i === lines.length) refuse("the block has no end")
    const use = uses.get(info)
    if (use === undefined) {
      if (/^(ts|js|mts|mjs|tsx|jsx|typescript|javascript)\b/i.test(info))
        refuse("code is fenced as ```ts, what is not to be compiled as ```text")
      continue
    }
    const block = lines.slice(first, i)
    const begins = block.find((line) => line.trim() !== "" && !line.startsWith("//"))
    const isNew = modules.length === 0 || begins?.startsWith("import ") === true
    if (isNew) modules.push({ lines: [], use })
    else if (use !== "nothing") refuse("what is run says so where it begins, with its imports")
    const module = modules.at(-1)!
    if (module.use !== "nothing" && block.some((line) => relative.test(line)))
      refuse("what is run from a page imports packages alone")
    while (module.lines.length < first) module.lines.push("")
    module.lines.push(...block)
  }
  const name = (i: number): string => `${page}.${i + 1}.ts`
  return {
    // A page without an import would share its names with all others.
    modules: modules.map(({ lines, use }, i) => ({ file: name(i), text: `${lines.join("\n")}\nexport {}\n`, use })),
    refused
  }
}

/** Of every page there is. */
export const extractAll = (): ReadonlyArray<{ readonly page: string } & Extract> =>
  fs
    .globSync(["*.md", "packages/*/README.md", "docs/**/*.md"], { cwd: root })
    .sort()
    .map((page) => ({ page, ...extract(page, fs.readFileSync(path.join(root, page), "utf8")) }))

/** Writes them into a folder, which is emptied before. */
export const write = (modules: ReadonlyArray<Module>, into: string): void => {
  fs.rmSync(into, { recursive: true, force: true })
  for (const { file, text } of modules) {
    fs.mkdirSync(path.dirname(path.join(into, file)), { recursive: true })
    fs.writeFileSync(path.join(into, file), text)
  }
}

const options = {
  extends: path.join(root, "tsconfig.base.json"),
  compilerOptions: {
    noEmit: true,
    composite: false,
    declaration: false,
    declarationMap: false,
    noUnusedLocals: false,
    rewriteRelativeImportExtensions: false,
    types: ["node"],
    rootDirs: [root, "."]
  },
  include: ["**/*.ts"],
  references: ["core", "testkit", "redis-live"].map((name) => ({ path: path.join(root, "packages", name) }))
}

/** What the compiler says of them, each line with the page's own name and line: `docs/page.md:12:5: …`. */
export const compile = (modules: ReadonlyArray<Module>, into: string): ReadonlyArray<string> => {
  write(modules, into)
  fs.writeFileSync(path.join(into, "tsconfig.json"), JSON.stringify(options))
  const compiler = path.join(root, "node_modules/.bin/tsc")
  const { status, stdout } = spawnSync(compiler, ["-b", "--pretty", "false"], { cwd: into, encoding: "utf8" })
  const findings = stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.replace(/^(.+\.md)\.\d+\.ts\((\d+),(\d+)\)/, "$1:$2:$3"))
  return status === 0 || findings.length > 0 ? findings : ["tsc failed and did not say why"]
}

if (import.meta.main) {
  const found = extractAll()
  const modules = found.flatMap((page) => page.modules)
  const findings = [...found.flatMap((page) => page.refused), ...compile(modules, path.join(root, folder))]
  for (const finding of findings) console.log(finding)
  const wrong = found.filter(({ page }) => findings.some((finding) => finding.startsWith(`${page}:`)))
  const withCode = found.filter(({ modules, refused }) => modules.length > 0 || refused.length > 0)
  const failed = findings.length > 0 ? Math.max(wrong.length, 1) : 0
  console.log(`${modules.length} modules in ${withCode.length} pages`)
  conclude({ passed: withCode.length - wrong.length, failed, notRun: [] })
}
