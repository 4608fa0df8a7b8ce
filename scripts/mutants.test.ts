/** What `scripts/mutants.ts` will find out only by running, and what can be said before. */
import { describe, expect, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import * as Laws from "./mutants/laws.ts"
import { fileOf, plant } from "./mutants/planting.ts"
import { services } from "./mutants/services.ts"

const root = path.resolve(import.meta.dirname, "..")
const texts = new Map<string, string>()
const textOf = (file: string): string => {
  const text = texts.get(file) ?? fs.readFileSync(path.join(root, file), "utf8")
  texts.set(file, text)
  return text
}

for (const [service, { files, mutants }] of Object.entries(services)) {
  describe(`the mutants of ${service}`, () => {
    const laws = files.flatMap((file) => Laws.read(path.join(root, file))).map(({ name }) => name)

    it("name a law, and every law has one", () => {
      expect(mutants.map(({ law }) => law)).toEqual(expect.arrayContaining(laws))
      expect(laws).toEqual(expect.arrayContaining(mutants.map(({ law }) => law)))
    })

    it("have names of their own", () => {
      expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length)
    })

    it.each(mutants)("$name: change one place", (mutant) => {
      const text = textOf(fileOf(mutant))
      expect(plant(mutant, text, root)).not.toBe(text)
    })
  })
}
