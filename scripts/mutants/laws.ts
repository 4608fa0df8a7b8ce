/** What a law file says about itself: its laws, and the promises that the comment above each begins with. */
import * as fs from "node:fs"

export interface LawText {
  readonly name: string
  /** `S4`, `D2`: the first words of its comment. */
  readonly promises: ReadonlyArray<string>
}

const comment = /\/\*\*\s*((?:[A-Z]\d+ )+)[^]*?\*\/\s*export const (\w+)/g
const exported = /^export const (\w+)/gm

/** Fails where an exported law names no promise. */
export const read = (file: string): ReadonlyArray<LawText> => {
  const text = fs.readFileSync(file, "utf8")
  const promises = new Map<string, ReadonlyArray<string>>()
  for (const [, ids, name] of text.matchAll(comment)) if (ids && name) promises.set(name, ids.trim().split(" "))
  return [...text.matchAll(exported)].map(([, name = ""]) => {
    const named = promises.get(name)
    if (named === undefined) throw new Error(`${file}: the comment of ${name} begins with no promise`)
    return { name, promises: named }
  })
}
