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

const fromTemplate = (text: string): string => text.replace(/\\([\s\S])/g, "$1")

const isPart = path.basename(path.dirname(mutant.file)) === "parts"
const generatedScript = /name: "([^"]+)",[\s\S]*?sha: "([0-9a-f]{40})",[\s\S]*?source: `((?:[^`\\]|\\[\s\S])*)`/g

/** The generated file with another text for each script that the file is, or is a part of, under the name the server knows it by. */
const plantScript = (generated: string): string => {
  const text = fs.readFileSync(mutant.file, "utf8")
  replaceOnce(text, mutant.find, mutant.replace, mutant.file)
  let count = 0
  const planted = generated.replace(generatedScript, (whole: string, name: string, sha: string, literal: string) => {
    const source = fromTemplate(literal)
    if (isPart ? !source.includes(text.trimEnd()) : !mutant.file.endsWith(`/lua/${name}.lua`)) return whole
    if (sha1(source) !== sha) throw new Error(`scripts.ts is not current: ${name}`)
    count += 1
    const other = replaceOnce(source, mutant.find, mutant.replace, `${name} with its parts`)
    return whole.replace(sha, sha1(other)).replace(literal, () => inTemplate(other))
  })
  if (count === 0) throw new Error(`scripts.ts has nothing of ${mutant.file}`)
  return planted
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
