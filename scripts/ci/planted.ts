/**
 * Plants the mistakes that the linters are there for, and fails unless each is found: a linter whose plugin did not load
 * finds nothing and says that all is well.
 */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { diagnose } from "./effects.ts"

const root = path.join(import.meta.dirname, "../..")
// Inside the repository, where its packages and settings are found, but where git and the formatter do not look.
const dir = path.join(root, "node_modules/.cache/planted")

const planted = `import { Effect } from "effect"
import * as PubSub from "effect/PubSub"
Effect.log("nobody yields this")
export const unbounded = PubSub.unbounded
`

const expect = (what: string, output: string, finding: string): void => {
  if (output.includes(finding)) return
  console.log(`${what} did not report ${finding}:\n${output}`)
  process.exitCode = 1
}

fs.mkdirSync(dir, { recursive: true })
try {
  fs.writeFileSync(path.join(dir, "planted.ts"), planted)
  const tsconfig = path.join(dir, "tsconfig.json")
  fs.writeFileSync(tsconfig, JSON.stringify({ extends: path.join(root, "tsconfig.base.json"), include: ["*.ts"] }))
  expect("effect-tsgo", diagnose(tsconfig, "pipe").stdout, "floatingEffect")

  const lint = ["--config", path.join(root, ".oxlintrc.json"), "--no-ignore", path.join(dir, "planted.ts")]
  expect("oxlint", spawnSync("oxlint", lint, { cwd: root, encoding: "utf8" }).stdout, "effect-alias")
} finally {
  fs.rmSync(dir, { recursive: true, force: true })
}
