/**
 * Code in Markdown that is whole is run: a program (```ts run) by node, without a server, tests (```ts test) here. What is
 * which, and where it is written to be compiled, is said in `ci/pages.ts`.
 */
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import * as path from "node:path"
import { pathToFileURL } from "node:url"
import { describe, test } from "vitest"
import { extractAll, write } from "./ci/pages.ts"

// Inside the repository, where its packages are found.
const folder = path.join(import.meta.dirname, "../.cache/pages-run")
const modules = extractAll().flatMap(({ modules }) => modules.filter(({ use }) => use !== "nothing"))
write(modules, folder)

const { REDIS_URL: _, ...env } = process.env

for (const { file, use } of modules) {
  const at = path.join(folder, file)
  if (use === "test") describe(file, () => import(pathToFileURL(at).href))
  else
    test(`${file} ends well, and says something`, { timeout: 90_000 }, () => {
      const { status, stderr, stdout } = spawnSync(process.execPath, [at], { encoding: "utf8", env, timeout: 60_000 })
      const said = `${stdout}${stderr}`
      assert.ok(status === 0 && stdout.trim() !== "" && !/\b(ERROR|FATAL)\b/.test(said), said)
    })
}
