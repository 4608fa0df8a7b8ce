/**
 * Which law proves which promise, where, and which planted mistake it has caught. Tries every law on memory, on a
 * Redis server and on a Cluster; then plants each mutant in turn and expects its law to fail, with most of the others
 * still kept: a law that nothing breaks is decoration. An empty cell is a failure. `node scripts/mutants.ts [service …] [law …]`.
 */
import { spawn } from "node:child_process"
import * as path from "node:path"
import type { Mutant } from "../packages/testkit/test/mutants/Mutant.ts"
import { compiled } from "./compiled.ts"
import * as Laws from "./mutants/laws.ts"
import { services } from "./mutants/services.ts"
import type { Place } from "./mutants/suites.ts"
import type { Outcome, Request } from "./mutants/trial.ts"
import { advice, findWay, startFor } from "./redis.ts"

type World = NonNullable<Mutant["worlds"]>[number]

const seeds = Array.from({ length: Number(process.env["TROUPE_RUNS"] ?? 5) }, (_, i) => i + 1)
/** Laws take milliseconds; a process that takes so much longer hangs. */
const patienceMs = { start: 60_000, law: 5_000 }
const asked = process.argv.slice(2).filter((name) => name in services)
const askedLaws = process.argv.slice(2).filter((name) => !(name in services))
const root = path.resolve(import.meta.dirname, "..")

/** What became of the laws; whatever gave no answer is broken. */
const trial = (request: Request, mutant?: Mutant): Promise<ReadonlyMap<string, Outcome>> =>
  new Promise((resolve) => {
    const preload = mutant === undefined ? [] : ["--import", path.join(root, "scripts/mutants/plant.ts")]
    const child = spawn(
      process.execPath,
      [
        "--disable-warning=ExperimentalWarning",
        ...preload,
        path.join(root, "scripts/mutants/trial.ts"),
        JSON.stringify(request)
      ],
      {
        cwd: root,
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...process.env, ...compiled, ...(mutant && { TROUPE_MUTANT: JSON.stringify(mutant) }) }
      }
    )
    let output = ""
    let errors = ""
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (output += chunk))
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => (errors = (errors + chunk).slice(-2000)))
    const all = [...request.laws, ...(request.others ?? [])]
    const patience = patienceMs.start + patienceMs.law * all.length
    const timer = setTimeout(() => child.kill("SIGKILL"), patience)
    child.on("close", (code, signal) => {
      clearTimeout(timer)
      const outcomes = new Map<string, Outcome>()
      for (const line of code === 0 || signal !== null ? output.split("\n").slice(0, -1) : []) {
        const outcome: Outcome = JSON.parse(line)
        outcomes.set(outcome.law, outcome)
      }
      const message = signal === "SIGKILL" ? `no answer in ${patience / 1000} s` : `exit ${code}: ${errors.trim()}`
      for (const law of all) {
        if (!outcomes.has(law)) outcomes.set(law, { law, result: "broken", seed: 0, message })
      }
      resolve(outcomes)
    })
  })

const way = await findWay()
const found = way === "none" ? undefined : await startFor(way)
if (found === undefined) console.log(advice)
const places: Partial<Record<World, Place>> = { memory: "memory" }
if (found !== undefined) places.redis = { url: found.url }
if (found?.cluster !== undefined) places.cluster = { cluster: found.cluster.nodes }
for (const world of ["redis", "cluster"] as const) {
  if (places[world] === undefined) console.log(`No ${world} here: its column stays empty, which is a failure.`)
}

const words = { kept: "ok", failed: "FAIL", broken: "BROKEN" } as const

let passed = 0
let failed = 0
const complaints: Array<string> = []
const complain = (text: string): void => {
  failed++
  complaints.push(text)
}

/** Why this mutant was not caught as it should be, or undefined. */
const judge = async (service: string, laws: ReadonlyArray<string>, mutant: Mutant): Promise<string | undefined> => {
  const worlds = mutant.worlds ?? ["memory"]
  const rest = laws.filter((law) => law !== mutant.law)
  for (const [i, world] of worlds.entries()) {
    const place = places[world]
    if (place === undefined) return `no ${world} here`
    const of = (others: ReadonlyArray<string>) =>
      trial({ service, place, concurrency: 1, laws: [mutant.law], seeds, others }, mutant)
    const few = i === 0 ? sample(rest, mutant.name.length, 6) : []
    const outcomes = await of(few)
    const own = outcomes.get(mutant.law)
    if (own?.result === "kept") return `${mutant.law} holds all the same on ${world}`
    if (own?.result !== "failed") return `it breaks the program on ${world}: ${own?.message}`
    if (!breaksMost(outcomes, few)) continue
    // Few may be the wrong ones: what counts is what many say.
    const many = sample(rest, mutant.name.length, 24)
    if (breaksMost(await of(many), many)) return `it breaks most of ${many.length} other laws`
  }
  return worlds.length === 0 ? "it is tried nowhere" : undefined
}

/** Some of the other laws, to tell a small mistake from a broken program; not the same for every mutant. */
const sample = (laws: ReadonlyArray<string>, from: number, count: number): ReadonlyArray<string> => {
  const step = Math.max(1, Math.floor(laws.length / count))
  return laws.filter((_, i) => (i + from) % step === 0)
}

const breaksMost = (outcomes: ReadonlyMap<string, Outcome>, laws: ReadonlyArray<string>): boolean =>
  laws.filter((law) => outcomes.get(law)?.result !== "kept").length * 2 > laws.length

/** Two at a time. */
const each = async <A>(items: ReadonlyArray<A>, use: (item: A) => Promise<void>): Promise<void> => {
  const queue = [...items]
  const work = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await use(item)
  }
  await Promise.all([work(), work()])
}

try {
  for (const [service, { files, mutants }] of Object.entries(services)) {
    if (asked.length > 0 && !asked.includes(service)) continue
    const all = files.flatMap((file) => Laws.read(path.join(root, file)))
    const isAsked = (law: string): boolean => askedLaws.length === 0 || askedLaws.includes(law)
    const laws = all.filter(({ name }) => isAsked(name))
    const names = laws.map(({ name }) => name)
    if (names.length === 0) continue
    for (const mutant of mutants) {
      if (!all.some(({ name }) => name === mutant.law)) complain(`mutant "${mutant.name}" names no law: ${mutant.law}`)
    }
    const cells = new Map<string, Map<World, Outcome>>(names.map((name) => [name, new Map()]))
    const tries = (Object.entries(places) as ReadonlyArray<[World, Place]>).map(([world, place]) => ({ world, place }))
    await each(tries, async ({ place, world }) => {
      // The tests have tried them with more.
      const outcomes = await trial({ service, laws: names, place, seeds: seeds.slice(0, 2), concurrency: 1 })
      for (const [name, outcome] of outcomes) cells.get(name)?.set(world, outcome)
    })
    const caught = new Map<string, Array<string>>(names.map((name) => [name, []]))
    await each(
      mutants.filter(({ law }) => isAsked(law)),
      async (mutant) => {
        const complaint = await judge(
          service,
          all.map(({ name }) => name),
          mutant
        )
        if (complaint !== undefined) return complain(`mutant "${mutant.name}": ${complaint}`)
        passed++
        caught.get(mutant.law)?.push(mutant.name)
      }
    )
    const width = Math.max(...names.map((name) => name.length))
    console.log(`\n${"promise".padEnd(10)} ${"law".padEnd(width)} memory  redis   cluster caught`)
    for (const { name, promises } of laws) {
      const row = (["memory", "redis", "cluster"] as const).map((world) => {
        const outcome = cells.get(name)?.get(world)
        if (outcome?.result === "kept") passed++
        else if (outcome === undefined) failed++
        else complain(`${name} on ${world}: ${outcome.message} (seed ${outcome.seed})`)
        return (outcome === undefined ? "" : words[outcome.result]).padEnd(7)
      })
      const mistakes = caught.get(name) ?? []
      if (mistakes.length === 0) complain(`${name} has caught no mutant`)
      console.log(
        `${promises.join(" ").padEnd(10)} ${name.padEnd(width)} ${row.join(" ")} ${mistakes.join("; ") || "NONE"}`
      )
    }
  }
} finally {
  // A server that nobody stops keeps no process from ending: not even this one, which waits for its end.
  const waiting = setInterval(() => {}, 1000)
  await found?.stop()
  clearInterval(waiting)
}
if (complaints.length > 0) console.log(`\n${complaints.map((complaint) => `failed: ${complaint}`).join("\n")}`)
console.log(`\n${passed} passed, ${failed} failed`)
if (failed > 0 || passed === 0) process.exitCode = 1
