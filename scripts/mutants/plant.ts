/** Loaded before a trial (`node --import`): plants the mistake that `TROUPE_MUTANT` holds while its file is loaded. */
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import { registerHooks } from "node:module"
import * as path from "node:path"
import { pathToFileURL } from "node:url"
import type { Mutant } from "../../packages/testkit/test/mutants/Mutant.ts"

const mutant: Mutant = JSON.parse(process.env["TROUPE_MUTANT"] ?? "null")

const replaceOnce = (text: string, find: string, replace: string, where: string): string => {
  const count = text.split(find).length - 1
  if (count !== 1) throw new Error(`${where} has ${count} times: ${find}`)
  return text.replace(find, () => replace)
}

const sha1 = (text: string): string => createHash("sha1").update(text).digest("hex")
const inTemplate = (text: string): string => text.replace(/[\\`]|\$\{/g, (found) => `\\${found}`)

/** The generated file with another text for one script, under the name the server knows that text by. */
const plantScript = (generated: string): string => {
  const script = fs.readFileSync(mutant.file, "utf8")
  const planted = replaceOnce(script, mutant.find, mutant.replace, mutant.file)
  const renamed = replaceOnce(generated, sha1(script), sha1(planted), "scripts.ts")
  return replaceOnce(renamed, inTemplate(script), inTemplate(planted), "scripts.ts")
}

const isScript = mutant.file.endsWith(".lua")
const file = isScript ? "packages/redis-live/src/internal/scripts.ts" : mutant.file
const target = pathToFileURL(fs.realpathSync(path.resolve(file))).href

registerHooks({
  load: (url, context, nextLoad) => {
    const loaded = nextLoad(url, context)
    if (url !== target) return loaded
    const text = String(loaded.source)
    const source = isScript ? plantScript(text) : replaceOnce(text, mutant.find, mutant.replace, file)
    process.env["TROUPE_MUTANT_PLANTED"] = "yes"
    return { ...loaded, source }
  }
})
