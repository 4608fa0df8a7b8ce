/**
 * Packs the three packages as they would be published, and uses them as a stranger would: installed from their tarballs
 * into an empty project, compiled there and run. After `tsc -b`.
 */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"

const root = path.join(import.meta.dirname, "..")
const packages = ["core", "testkit", "redis-live"]

const readJson = (file: string) => JSON.parse(fs.readFileSync(path.join(root, file), "utf8"))
// The one place that pins pnpm.
const pnpm = /pnpm@[\d.]+/.exec(readJson("package.json").scripts.pretest)![0]
const installed = (name: string): string => `${name}@${readJson(`node_modules/${name}/package.json`).version}`

const run = (cwd: string, command: string, ...args: ReadonlyArray<string>): string =>
  execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] })

const check = (holds: boolean, what: string): void => {
  if (!holds) throw new Error(what)
}

const consumer = `import { LocalPeer, PubSub } from "@troupe/core"
import * as Direct from "@troupe/core/PubSub"
import * as Live from "@troupe/redis-live"
import * as Testkit from "@troupe/testkit"
import { Schema } from "effect"
const definition = PubSub.channel("alerts", { message: Schema.String })
if (Direct.PubSub !== PubSub.PubSub) throw new Error("two doors, two services")
if (definition.name !== "alerts") throw new Error("a definition keeps its name")
for (const door of [LocalPeer, Live, Testkit]) if (Object.keys(door).length === 0) throw new Error("an empty door")
console.log("installed, compiled and run")
`

const intruder = `// @ts-expect-error what is internal stays internal
import "@troupe/core/internal/Batcher"
`

const tsconfig = {
  compilerOptions: {
    strict: true,
    exactOptionalPropertyTypes: true,
    module: "NodeNext",
    target: "ES2024",
    // effect's own types want the DOM's.
    skipLibCheck: true,
    types: []
  }
}

const pack = (name: string, into: string): string => {
  const dir = path.join(root, "packages", name)
  const before = new Set(fs.readdirSync(into))
  run(dir, "npx", "--yes", pnpm, "pack", "--pack-destination", into)
  const tarball = path.join(
    into,
    fs.readdirSync(into).find((file) => !before.has(file))!
  )
  const files = run(into, "tar", "-tzf", tarball).split("\n")
  const manifest = run(into, "tar", "-xzOf", tarball, "package/package.json")
  for (const file of ["dist/index.js", "dist/index.d.ts", "README.md", "LICENSE"])
    check(files.includes(`package/${file}`), `${name}: ${file} is not in the tarball`)
  check(!/"(catalog|workspace):/.test(manifest), `${name}: the tarball names the workspace`)
  check(!JSON.stringify(JSON.parse(manifest).exports).includes("src/"), `${name}: the tarball exports its sources`)
  console.log(run(root, "publint", "run", tarball, "--strict").trim())
  return tarball
}

const dir = fs.mkdtempSync(path.join(os.tmpdir(), "troupe-pack-"))
try {
  const tarballs = packages.map((name) => pack(name, dir))
  const project = path.join(dir, "project")
  fs.mkdirSync(project)
  const write = (file: string, text: string) => fs.writeFileSync(path.join(project, file), text)
  write("package.json", JSON.stringify({ name: "consumer", private: true, type: "module" }))
  write("tsconfig.json", JSON.stringify(tsconfig))
  write("consumer.ts", consumer)
  write("intruder.ts", intruder)
  const wanted = [...tarballs, installed("effect"), installed("ioredis")]
  run(project, "npm", "install", "--prefer-offline", "--no-audit", "--no-fund", ...wanted)
  run(project, "tsc", "-p", ".")
  console.log(run(project, "node", "consumer.js").trim())
} finally {
  fs.rmSync(dir, { recursive: true, force: true })
}
