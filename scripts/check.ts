/** `pnpm check`: all of CI that needs no server. Under a minute. */
import { standing } from "./ci/standing.ts"
import { runSteps } from "./steps.ts"

const projects = ["house", "core", "testkit"].map((name) => `--project=${name}`)

await runSteps([
  ...standing,
  { name: "tests", command: ["node", "scripts/test.ts", "--no-redis", ...projects] },
  { name: "examples on memory", command: ["node", "scripts/examples.ts", "memory"] }
])
