/**
 * Runs the programs in `examples/` that end by themselves: `node scripts/examples.ts memory` or `redis`.
 * Each must end well, say something, and report no error; a folder there is a program with tests of its own.
 */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { advice, findWay, startFor } from "./redis.ts"
import { conclude } from "./tally.ts"

const root = path.join(import.meta.dirname, "..")

const programs = fs
  .readdirSync(path.join(root, "examples"))
  .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
  .sort()

const run = (program: string, env: Readonly<Record<string, string>>): boolean => {
  const { REDIS_URL: _, ...inherited } = process.env
  const { status, stdout } = spawnSync(process.execPath, [path.join("examples", program)], {
    cwd: root,
    encoding: "utf8",
    env: { ...inherited, ...env },
    stdio: ["ignore", "pipe", "inherit"],
    timeout: 60_000
  })
  const well = status === 0 && stdout.trim() !== "" && !/\b(ERROR|FATAL)\b/.test(stdout)
  console.log(`${well ? "ok" : "FAILED"}  ${program}`)
  if (!well) console.log(stdout)
  return well
}

const runAll = (env: Readonly<Record<string, string>> = {}): void => {
  const faults = programs.filter((program) => !run(program, env))
  conclude({ passed: programs.length - faults.length, failed: faults.length, faults, notRun: [] })
}

if (process.argv[2] === "redis") {
  const way = await findWay()
  if (way === "none") {
    console.log(advice)
    conclude({ passed: 0, failed: programs.length, notRun: [] })
  } else {
    const { url, stop } = await startFor(way)
    runAll({ REDIS_URL: url })
    await stop()
  }
} else runAll()
