/**
 * Compiles the code that stands in Markdown: `node scripts/ci/pages.ts`, under the settings of the repository itself.
 *
 * A block fenced as ```ts is code. One that begins with an `import` begins a module; one that does not goes on with the
 * module before it, so that a page may declare something once and use it further down. What is no whole code, a
 * signature or an excerpt, is fenced as ```text; another word of the language, or one after `ts`, is refused, for the
 * block would look like code and be compiled by nobody.
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

export interface Module {
  /** `docs/page.md.2.ts`: the second of that page. */
  readonly file: string
  readonly text: string
}

/** What was found in a page, where: `docs/page.md:12: …`. */
export interface Extract {
  readonly modules: ReadonlyArray<Module>
  readonly refused: ReadonlyArray<string>
}

const fence = /^\s*(`{3,}|~{3,})(.*)$/

/** The modules of one page. */
export const extract = (page: string, markdown: string): Extract => {
  const modules: Array<Array<string>> = []
  const refused: Array<string> = []
  const lines = markdown.split("\n")
  for (let i = 0; i < lines.length; i++) {
    const opened = fence.exec(lines[i]!)
    if (opened === null) continue
    const [, marks, word] = opened
    const info = word!.trim()
    const first = i + 1
    while (++i < lines.length && lines[i]!.trim() !== marks);
    if (i === lines.length) refused.push(`${page}:${first}: the block has no end`)
    if (info !== "ts") {
      if (/^(ts|js|mts|mjs|tsx|jsx|typescript|javascript)\b/i.test(info))
        refused.push(`${page}:${first}: code is fenced as \`\`\`ts, what is not to be compiled as \`\`\`text`)
      continue
    }
    const begins = lines.slice(first, i).find((line) => line.trim() !== "" && !line.startsWith("//"))
    if (modules.length === 0 || begins?.startsWith("import ")) modules.push([])
    const module = modules.at(-1)!
    while (module.length < first) module.push("")
    module.push(...lines.slice(first, i))
  }
  const name = (i: number): string => `${page}.${i + 1}.ts`
  return {
    // A page without an import would share its names with all others.
    modules: modules.map((module, i) => ({ file: name(i), text: `${module.join("\n")}\nexport {}\n` })),
    refused
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
  fs.rmSync(into, { recursive: true, force: true })
  for (const { file, text } of modules) {
    fs.mkdirSync(path.dirname(path.join(into, file)), { recursive: true })
    fs.writeFileSync(path.join(into, file), text)
  }
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
  const pages = fs.globSync(["README.md", "packages/*/README.md", "docs/**/*.md"], { cwd: root }).sort()
  const found = pages.map((page) => extract(page, fs.readFileSync(path.join(root, page), "utf8")))
  const modules = found.flatMap((page) => page.modules)
  const findings = [...found.flatMap((page) => page.refused), ...compile(modules, path.join(root, folder))]
  for (const finding of findings) console.log(finding)
  const wrong = pages.filter((page) => findings.some((finding) => finding.startsWith(`${page}:`)))
  const withCode = pages.filter((_, i) => found[i]!.modules.length > 0 || found[i]!.refused.length > 0)
  const failed = findings.length > 0 ? Math.max(wrong.length, 1) : 0
  console.log(`${modules.length} modules in ${withCode.length} pages`)
  conclude({ passed: withCode.length - wrong.length, failed, notRun: [] })
}
