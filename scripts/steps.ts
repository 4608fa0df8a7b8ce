/** Runs commands one after another, each to its end whatever became of the others, and sums what they report. */
import { spawn } from "node:child_process"
import { once } from "node:events"

export interface Step {
  readonly name: string
  readonly command: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
}

interface Result {
  readonly name: string
  readonly seconds: number
  readonly passed: number
  readonly failed: number
  /** What failed, a line each, as far as it was said. */
  readonly faults: ReadonlyArray<string>
}

// A command that hangs must not keep the others from being heard; the longest takes a third of this on a machine of its own.
const patienceMs = 45 * 60_000

const summary = /^(\d+) passed, (\d+) failed$/gm
const fault = /^failed: (.+)$/gm
const mostFaults = 30

/** What it has named; the end of what it said where it named nothing. */
const faultsOf = (output: string): ReadonlyArray<string> => {
  const named = [...output.matchAll(fault)].map(([, text]) => text!)
  return named.length > 0 ? named.slice(0, mostFaults) : output.trim().split("\n").slice(-5)
}

/**
 * A command that counts says so on a line of its own, `N passed, N failed`; any other counts as one.
 * What failed it names before that, on lines that begin with `failed: `.
 */
const runStep = async ({ name, command, env }: Step): Promise<Result> => {
  console.log(`\n== ${name}: ${command.join(" ")}`)
  const started = performance.now()
  const child = spawn(command[0]!, command.slice(1), {
    // A group of its own, so that everything it has started can be ended.
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...env }
  })
  const signal = (name: NodeJS.Signals) => {
    try {
      process.kill(-child.pid!, name)
    } catch {
      // It has ended.
    }
  }
  const stop = () => {
    signal("SIGTERM")
    process.exit(1)
  }
  const hung = setTimeout(() => {
    console.log(`${name} has not ended in ${patienceMs / 60_000} minutes: killed`)
    signal("SIGKILL")
  }, patienceMs)
  process.on("SIGTERM", stop).on("SIGINT", stop)

  let output = ""
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    process.stdout.write(chunk)
    output = (output + chunk).slice(-100_000)
  })
  const status = await once(child, "close").then(
    ([code]) => code as number | null,
    (error: unknown) => {
      console.log(String(error))
      return null
    }
  )
  clearTimeout(hung)
  process.off("SIGTERM", stop).off("SIGINT", stop)

  const last = [...output.matchAll(summary)].at(-1)
  const [passed, failed] = last ? [Number(last[1]), Number(last[2])] : status === 0 ? [1, 0] : [0, 1]
  return {
    name,
    seconds: (performance.now() - started) / 1000,
    passed,
    failed: status === 0 ? failed : Math.max(failed, 1),
    faults: status === 0 ? [] : faultsOf(output).map((text) => `${name}: ${text.slice(0, 300)}`)
  }
}

/** Runs them all and prints what each took; the last line is the sum. Exits non-zero where anything failed. */
export const runSteps = async (steps: ReadonlyArray<Step>): Promise<void> => {
  const results: Array<Result> = []
  for (const step of steps) results.push(await runStep(step))
  const widest = Math.max(...steps.map((step) => step.name.length))
  console.log("\n== all")
  for (const { name, seconds, passed, failed } of results)
    console.log(
      `${failed > 0 ? "FAILED" : "ok    "} ${name.padEnd(widest)} ${seconds.toFixed(1).padStart(6)} s` +
        `  ${passed} passed, ${failed} failed`
    )
  const faults = results.flatMap((result) => result.faults)
  if (faults.length > 0) console.log(`\n${faults.join("\n")}`)
  const sum = (of: "passed" | "failed") => results.reduce((total, result) => total + result[of], 0)
  const [passed, failed] = [sum("passed"), sum("failed")]
  console.log(`\n${passed} passed, ${failed} failed`)
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0
}
