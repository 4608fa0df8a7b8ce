/** Loaded before a trial (`node --import`): plants the mistake that `TROUPE_MUTANT` holds while its file is loaded. */
import * as fs from "node:fs"
import { registerHooks } from "node:module"
import * as path from "node:path"
import { pathToFileURL } from "node:url"
import type { Mutant } from "../../packages/testkit/test/mutants/Mutant.ts"
import { fileOf, plant } from "./planting.ts"

const mutant: Mutant = JSON.parse(process.env["TROUPE_MUTANT"] ?? "null")
const root = path.resolve(import.meta.dirname, "../..")
const target = pathToFileURL(fs.realpathSync(path.join(root, fileOf(mutant)))).href

registerHooks({
  load: (url, context, nextLoad) => {
    const loaded = nextLoad(url, context)
    if (url !== target) return loaded
    const source = plant(mutant, String(loaded.source), root)
    process.env["TROUPE_MUTANT_PLANTED"] = "yes"
    return { ...loaded, source }
  }
})
