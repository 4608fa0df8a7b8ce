/** A file with a mistake in it: the mutant's own or, for a script, the generated one that has the scripts' texts. */
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"
import type { Mutant } from "../../packages/testkit/test/mutants/Mutant.ts"

const generatedScript = /name: "([^"]+)",[\s\S]*?sha: "([0-9a-f]{40})",[\s\S]*?source: `((?:[^`\\]|\\[\s\S])*)`/g

const isScript = ({ file }: Mutant): boolean => file.endsWith(".lua")

/** Which file to plant it in, from the repository's root. */
export const fileOf = (mutant: Mutant): string =>
  isScript(mutant) ? "packages/redis-live/src/internal/scripts.ts" : mutant.file

/** That file's text with the mistake; throws where its place is not there once. */
export const plant = (mutant: Mutant, text: string, root: string): string =>
  isScript(mutant) ? plantScript(mutant, text, root) : replaceOnce(text, mutant, mutant.file)

/** Another text for each script that the file is, or is a part of, under the name the server knows it by. */
const plantScript = (mutant: Mutant, generated: string, root: string): string => {
  const isPart = path.basename(path.dirname(mutant.file)) === "parts"
  const text = fs.readFileSync(path.join(root, mutant.file), "utf8")
  replaceOnce(text, mutant, mutant.file)
  let count = 0
  const planted = generated.replace(generatedScript, (whole: string, name: string, sha: string, literal: string) => {
    const source = fromTemplate(literal)
    if (isPart ? !source.includes(text.trimEnd()) : !mutant.file.endsWith(`/lua/${name}.lua`)) return whole
    if (sha1(source) !== sha) throw new Error(`scripts.ts is not current: ${name}`)
    count += 1
    const other = replaceOnce(source, mutant, `${name} with its parts`)
    return whole.replace(sha, sha1(other)).replace(literal, () => inTemplate(other))
  })
  if (count === 0) throw new Error(`scripts.ts has nothing of ${mutant.file}`)
  return planted
}

const replaceOnce = (text: string, { find, replace }: Mutant, where: string): string => {
  const count = text.split(find).length - 1
  if (count !== 1) throw new Error(`${where} has ${count} times: ${find}`)
  return text.replace(find, () => replace)
}

const sha1 = (text: string): string => createHash("sha1").update(text).digest("hex")
const inTemplate = (text: string): string => text.replace(/[\\`]|\$\{/g, (found) => `\\${found}`)
const fromTemplate = (text: string): string => text.replace(/\\([\s\S])/g, "$1")
