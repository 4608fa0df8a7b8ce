/**
 * How a bench measures: ours and the peer's in the same run, in alternating rounds, the median of each. A ratio says how
 * many times better ours is, whatever the unit: more a second, or less time.
 */
export interface Case {
  readonly bench: string
  readonly name: string
  /** npm name of who is measured beside us. */
  readonly peer: string
  readonly unit: string
  readonly better: "more" | "less"
  /** What the project asks of itself. */
  readonly goal?: number
  /** One round; throws where a delivery is missing or doubled. */
  readonly ours: () => Promise<number>
  readonly theirs: () => Promise<number>
}

export interface Result {
  readonly bench: string
  readonly case: string
  readonly ours: number
  readonly peer: string
  readonly theirs: number
  readonly ratio: number
}

/** What the server has run, commands of scripts too, but for those that ask it so. */
export const commandsRun = (commandstats: string): number => {
  let sum = 0
  for (const [, command = "", calls] of commandstats.matchAll(/cmdstat_([^:]+):calls=(\d+)/g)) {
    if (!asking.has(command.split("|")[0] ?? "")) sum += Number(calls)
  }
  return sum
}
const asking = new Set(["info", "auth", "hello", "client", "ping"])

const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export const smoke = process.argv.includes("--smoke")
/** Counted rounds of each side; one more of each goes first and does not count. */
const rounds = smoke ? 1 : Number(process.env["TROUPE_ROUNDS"] ?? 5)

/** `--case=<name>`: that one alone. */
const only = process.argv.find((argument) => argument.startsWith("--case="))?.slice("--case=".length)
export const isAsked = (name: string): boolean => only === undefined || only === name

export const measure = async (cases: ReadonlyArray<Case>): Promise<ReadonlyArray<Result>> => {
  const results: Array<Result> = []
  const rows: Array<string> = []
  for (const one of cases.filter(({ name }) => isAsked(name))) {
    const ours: Array<number> = []
    const theirs: Array<number> = []
    for (let round = smoke ? 1 : 0; round <= rounds; round++) {
      const a = await one.ours()
      const b = await one.theirs()
      if (round > 0) {
        ours.push(a)
        theirs.push(b)
      }
    }
    const [a, b] = [median(ours), median(theirs)]
    const ratio = a === b ? 1 : one.better === "more" ? a / b : b / a
    const result = {
      bench: one.bench,
      case: one.name,
      ours: round(a),
      peer: one.peer,
      theirs: round(b),
      ratio: round(ratio)
    }
    results.push(result)
    console.log(JSON.stringify(result))
    const goal = one.goal === undefined ? "" : ` (goal ${one.goal})`
    rows.push(
      `| ${one.name} | ${show(a)} ${one.unit} | ${one.peer} | ${show(b)} ${one.unit} | ${ratio.toFixed(2)}${goal} |`
    )
  }
  console.log(
    ["", "| case | ours | peer | theirs | times better |", "| --- | --- | --- | --- | --- |", ...rows].join("\n")
  )
  return results
}

const round = (value: number): number => Number(value.toPrecision(4))
const show = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString("en") : Number(value.toPrecision(3)).toString()

/** Calls a second, from the first to the moment `done` resolves. */
export const perSecond = async (count: number, run: () => Promise<void>): Promise<number> => {
  const start = performance.now()
  await run()
  return (count * 1000) / (performance.now() - start)
}
