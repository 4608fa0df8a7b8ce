/** PeerRegistry among real processes: one is killed, one is stopped past its time and woken, one is asked to end. */
import { afterEach, assert, describe, inject, test } from "vitest"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as path from "node:path"
import * as readline from "node:readline"

const url = inject("redisUrl")
const children = new Set<ChildProcess>()
let used = 0

interface Told {
  readonly what: string
  readonly at: number
  readonly id?: string
  readonly fence?: string
  readonly name?: string
  readonly reason?: string
  readonly turns?: number
}

class Candidate {
  readonly told: Array<Told> = []
  readonly name: string
  readonly process: ChildProcess
  readonly ended: Promise<unknown>

  constructor(prefix: string, name: string) {
    this.name = name
    const program = path.join(import.meta.dirname, "support", "candidate.ts")
    this.process = spawn(process.execPath, [program, url ?? "", prefix, name], { stdio: ["ignore", "pipe", "inherit"] })
    children.add(this.process)
    this.ended = once(this.process, "exit")
    readline.createInterface({ input: this.process.stdout! }).on("line", (line) => {
      this.told.push({ ...JSON.parse(line), at: performance.now() })
    })
  }

  /** The n-th time it says so. */
  async says(what: string, n = 1, within = 30_000): Promise<Told> {
    const end = performance.now() + within
    while (performance.now() < end) {
      const found = this.told.filter((told) => told.what === what)[n - 1]
      if (found !== undefined) return found
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    throw new Error(`${this.name} did not say "${what}" for the ${n}. time: ${JSON.stringify(this.told)}`)
  }

  signal(signal: NodeJS.Signals): number {
    this.process.kill(signal)
    return performance.now()
  }
}

const two = async (): Promise<readonly [leader: Candidate, other: Candidate]> => {
  const prefix = `${inject("redisPrefix")}-processes-${(used += 1)}`
  const leader = new Candidate(prefix, "first")
  await leader.says("leads")
  const other = new Candidate(prefix, "second")
  await other.says("there")
  return [leader, other]
}

afterEach(() => {
  for (const child of children) child.kill("SIGKILL")
  children.clear()
})

describe.skipIf(url === undefined)("PeerRegistry among processes", { timeout: 120_000 }, () => {
  test("P3 P9 a leader that is killed is gone and followed", async () => {
    const [leader, other] = await two()
    const killed = leader.signal("SIGKILL")
    const left = await other.says("left")
    assert.deepEqual([left.name, left.reason], ["first", "Crashed"])
    // Counted from its last beat, which may have been late.
    assert.isAtLeast(left.at - killed, 4_000 - 300 - 1_500)
    const leads = await other.says("leads")
    assert.isBelow(leads.at - killed, 4_000 + 5_000 + 2_500)
  })

  test("P6 a leader that is stopped past its time and woken ends its term with its first turn, and joins anew", async () => {
    const [leader, other] = await two()
    leader.signal("SIGSTOP")
    const leads = await other.says("leads")
    assert.isTrue(BigInt(leads.fence!) > BigInt((await leader.says("leads")).fence!))
    assert.isUndefined(leader.told.find(({ what }) => what === "stops"))
    const woken = leader.signal("SIGCONT")
    const stops = await leader.says("stops")
    assert.isBelow(stops.at - woken, 5_000)
    assert.isAtMost(stops.turns!, 3)
    // Its own end is what it is told, and it does not lead again while the other does.
    await leader.says("left")
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    assert.lengthOf(
      leader.told.filter(({ what }) => what === "leads"),
      1
    )
    other.signal("SIGTERM")
    // Sooner than after a crash.
    await leader.says("leads", 2, 3_500)
  })

  test("P2 a process that is asked to end leaves at once", async () => {
    const [leader, other] = await two()
    const asked = leader.signal("SIGTERM")
    assert.strictEqual((await other.says("left")).reason, "Graceful")
    // Sooner than after a crash.
    assert.isBelow((await other.says("leads")).at - asked, 3_500)
    await leader.ended
  })
})
