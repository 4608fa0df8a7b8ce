/**
 * Everything that must hold before a change is taken, in one run on two cores.
 * `.ci/run` brings what it needs and starts it; its last line is the sum of what all runners reported.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { ifThere, standing } from "./ci/standing.ts"
import { runSteps } from "./steps.ts"

const liveTests = path.join(import.meta.dirname, "../packages/redis-live/test")

// Faults and clocks have been tried by then: in containers it is the laws that count.
const laws = fs
  .readdirSync(liveTests)
  .filter(
    (file) => file.endsWith(".test.ts") && fs.readFileSync(path.join(liveTests, file), "utf8").includes("Conformance")
  )
  .map((file) => `packages/redis-live/test/${file}`)

await runSteps([
  ...standing,
  { name: "packages", command: ["node", "scripts/pack.ts"] },
  // The mutants' own run tries every law with all its seeds once more, in every world.
  { name: "tests", command: ["npm", "test"], env: { TROUPE_RUNS: "2", TROUPE_GAMES: "100" } },
  ...ifThere("mutants", "scripts/mutants.ts"),
  { name: "examples on memory", command: ["node", "scripts/examples.ts", "memory"] },
  { name: "examples on Redis", command: ["node", "scripts/examples.ts", "redis"] },
  ...ifThere("benches", "bench/run.ts", "--smoke"),
  {
    name: "laws in containers",
    command: ["scripts/with-docker.sh", "node", "scripts/test.ts", "--project", "redis-live", ...laws],
    // Seeds and generated games have been played above, all but these few.
    env: { TROUPE_RUNS: "2", TROUPE_GAMES: "2" }
  }
])
