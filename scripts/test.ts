/**
 * `npm test`: finds a Redis, runs every test, says what could not run, and ends with `N passed, N failed`.
 * `--no-redis` leaves out what needs one; all other arguments go to vitest: `npm test -- --project core`.
 */
import { advice, findWay, hasBinary } from "./redis.ts"
import { conclude, vitest } from "./tally.ts"

const args = process.argv.slice(2).filter((arg) => arg !== "--no-redis")
const leaveOut = process.argv.includes("--no-redis")
const way = leaveOut ? "none" : await findWay()
const from = { url: "TROUPE_REDIS_URL", docker: "a container", binary: "redis-server on PATH", none: "none" }
console.log(`Redis: ${from[way]}`)

const tally = await vitest(args, { TROUPE_REDIS: way })

if (leaveOut) {
  console.log(`\n${tally.notRun.length} tests need a server: \`npm test\` runs them.`)
  conclude({ ...tally, notRun: [] })
} else if (way === "none") {
  console.log(`\n${advice}\n\nWhat needs no server has run; without a Redis this is a failure.`)
  conclude({ ...tally, failed: tally.failed + 1 })
} else {
  if (!hasBinary())
    console.log("\nNo redis-server on PATH: tests that kill and restart servers of their own did not run.")
  conclude(tally)
}
