/** effect's own diagnostics over every project that the root tsconfig names: an Effect nobody yielded, and the like. */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"

const root = path.join(import.meta.dirname, "../..")
const { references } = JSON.parse(fs.readFileSync(path.join(root, "tsconfig.json"), "utf8")) as {
  readonly references: ReadonlyArray<{ readonly path: string }>
}

/** Warnings count; hints do not. */
export const diagnose = (project: string, stdio: "inherit" | "pipe" = "inherit") =>
  spawnSync(
    "effect-tsgo",
    ["diagnostics", "--strict", "--severity", "error,warning", "--format", "text", "--project", project],
    { cwd: root, encoding: "utf8", stdio: ["ignore", stdio, "inherit"] }
  )

if (import.meta.main)
  for (const reference of references) {
    const project = reference.path.endsWith(".json") ? reference.path : path.join(reference.path, "tsconfig.json")
    console.log(project)
    if (diagnose(project).status !== 0) process.exitCode = 1
  }
