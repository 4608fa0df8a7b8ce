/** What `scripts/mutants.ts` will find out only by running, and what can be said before. */
import { describe, expect, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import * as Laws from "./mutants/laws.ts"
import { services } from "./mutants/services.ts"

const root = path.resolve(import.meta.dirname, "..")

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

    it.each(mutants)("$name: change one place", ({ file, find, replace }) => {
      const text = fs.readFileSync(path.join(root, file), "utf8")
      expect(text.split(find).length - 1).toBe(1)
      expect(replace).not.toBe(find)
    })
  })
}
