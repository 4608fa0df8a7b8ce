/** What is read and compiled, and not run: format, lint, types, floating effects, generated files. */
import * as fs from "node:fs"
import * as path from "node:path"
import type { Step } from "../steps.ts"

const root = path.join(import.meta.dirname, "../..")

/** The script of a step, where it stands already. */
export const ifThere = (name: string, file: string, ...args: ReadonlyArray<string>): ReadonlyArray<Step> =>
  fs.existsSync(path.join(root, file)) ? [{ name, command: ["node", file, ...args] }] : []

export const standing: ReadonlyArray<Step> = [
  { name: "format", command: ["oxfmt", "--check"] },
  { name: "lint", command: ["oxlint"] },
  { name: "types", command: ["tsc", "-b"] },
  { name: "code in pages", command: ["node", "scripts/ci/pages.ts"] },
  { name: "effects", command: ["node", "scripts/ci/effects.ts"] },
  { name: "the checks themselves", command: ["node", "scripts/ci/planted.ts"] },
  ...ifThere("generated files", "scripts/codegen.ts", "--check")
]
