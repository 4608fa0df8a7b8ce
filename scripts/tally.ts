/** What runners say about themselves: how much passed, how much failed, and what could not run. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { compiled } from "./compiled.ts"

export interface Tally {
  readonly passed: number
  readonly failed: number
  /** What failed and how: a line each. */
  readonly faults?: ReadonlyArray<string>
  /** Names of tests that were skipped or are still to be written. */
  readonly notRun: ReadonlyArray<string>
}

/** In CI what did not run has failed. */
export const isCI = process.env["CI"] !== undefined && process.env["CI"] !== "" && process.env["CI"] !== "false"

interface JsonReport {
  readonly testResults: ReadonlyArray<{
    readonly name: string
    readonly status: string
    readonly message?: string
    readonly assertionResults: ReadonlyArray<{
      readonly fullName: string
      readonly status: string
      readonly failureMessages?: ReadonlyArray<string> | null
    }>
  }>
}

const firstLine = (text: string | undefined): string => text?.trim().split("\n")[0] ?? ""

const tallyOf = (report: JsonReport, exitCode: number | null): Tally => {
  let passed = 0
  const faults: Array<string> = []
  const notRun: Array<string> = []
  for (const file of report.testResults) {
    const place = path.relative(process.cwd(), file.name)
    // A file that could not be loaded has no tests in the report.
    if (file.status === "failed" && file.assertionResults.every((test) => test.status !== "failed"))
      faults.push(`${place}: ${firstLine(file.message)}`)
    for (const test of file.assertionResults)
      if (test.status === "passed") passed++
      else if (test.status === "failed")
        faults.push(`${place}: ${test.fullName}: ${firstLine(test.failureMessages?.[0])}`)
      else notRun.push(`${place}: ${test.fullName}`)
  }
  // An error outside every test.
  if (exitCode !== 0 && faults.length === 0) faults.push("an error outside every test")
  return { passed, failed: faults.length, faults, notRun }
}

/** Runs vitest and reads its report. Ends with us when we are told to end. */
export const vitest = async (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {}
): Promise<Tally> => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "troupe-report-"))
  const file = path.join(dir, "report.json")
  const program = path.join(import.meta.dirname, "../node_modules/vitest/vitest.mjs")
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`]
  const child = spawn(process.execPath, [program, "run", ...reporters, ...args], {
    stdio: "inherit",
    env: { ...process.env, ...compiled, ...env }
  })
  const pass = (signal: NodeJS.Signals) => child.kill(signal)
  process.on("SIGTERM", pass).on("SIGINT", pass)
  try {
    const [status] = (await once(child, "exit")) as [number | null]
    if (!fs.existsSync(file)) return { passed: 0, failed: 1, notRun: [] }
    return tallyOf(JSON.parse(fs.readFileSync(file, "utf8")) as JsonReport, status)
  } finally {
    process.off("SIGTERM", pass).off("SIGINT", pass)
    fs.rmSync(dir, { recursive: true, force: true })
  }
}

/** Prints what did not run and, as the last line, the numbers; sets the exit code. */
export const conclude = ({ passed, failed, faults = [], notRun }: Tally): void => {
  if (notRun.length > 0) {
    console.log(`\nCould not run here (${notRun.length}${isCI ? ", counted as failed" : ""}):`)
    for (const name of notRun) console.log(`  ${name}`)
  }
  for (const fault of faults) console.log(`failed: ${fault}`)
  if (isCI) for (const name of notRun) console.log(`failed: ${name}: could not run`)
  const failures = failed + (isCI ? notRun.length : 0)
  console.log(`\n${passed} passed, ${failures} failed`)
  if (failures > 0 || passed === 0) process.exitCode = 1
}
