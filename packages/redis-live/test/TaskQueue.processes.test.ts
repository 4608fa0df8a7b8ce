/** TaskQueue among real processes: one is killed, one is stopped, one is blocked past its lease, one is asked to end. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { randomBytes } from "node:crypto"
import { inject } from "vitest"
import { missing } from "../../../scripts/missing.ts"
import * as Crew from "./support/crew.ts"
import { kinds, times } from "./support/watched.ts"

const url = inject("redisUrl") ?? ""
/** 100,000 is what the promise was tried with; a run of all tests takes fewer. */
const many = Number(process.env["TROUPE_TASKS"] || 10_000)

const crew = Effect.suspend(() =>
  Crew.make({ url }, `${inject("redisPrefix")}-tasks-${randomBytes(4).toString("hex")}`)
)
const run = (work: () => Promise<unknown>) => Effect.asVoid(Effect.promise(work))

/** Stops it at a moment at which it has something in its hands. */
const stop = async (worker: Crew.Worker): Promise<void> => {
  for (;;) {
    worker.process.kill("SIGSTOP")
    await new Promise((resolve) => setTimeout(resolve, 20))
    const over = new Set([...worker.of("ended"), ...worker.of("interrupted")].map(({ fence }) => fence))
    if (worker.of("began").some(({ fence }) => !over.has(fence))) return
    worker.process.kill("SIGCONT")
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
/** Of a process that was killed its claimer's memos are left, for an hour (T18); of one that was idle its place. */
const afterCrash = /^:(meta|expiring|idle)$/

describe.skipIf(missing.redis)("TaskQueue among processes", () => {
  it.live(
    `T1 T2 T3 one of three is killed in the middle of ${many} tasks: none is lost, those that run twice were under way`,
    () =>
      Effect.gen(function* () {
        const { drained, enqueue, peer, process, verdict, note } = yield* crew
        const work = { concurrency: 10 }
        // Longer than one of them may have to wait for the machine.
        const queue = { lease: 5_000 }
        const workers = yield* Effect.forEach(["a", "b", "c"], (name) => process(name, { work, queue }))
        const [victim, ...others] = [workers[0]!, workers[1]!, workers[2]!]
        yield* run(() => Promise.all(workers.map((worker) => worker.says("ready"))))
        const sender = yield* peer("sender")
        for (let sent = 0; sent < many; sent += 500)
          yield* enqueue(sender, "plain:", Math.min(500, many - sent), { ms: 3 })
        // Who gets how many of them nobody promised.
        const settled = () => workers.reduce((sum, worker) => sum + worker.of("settled").length, 0)
        yield* run(() => Crew.until("a third", () => settled() > many / 3 && victim.of("settled").length > 0, 120_000))
        yield* run(() => stop(victim))
        victim.process.kill("SIGKILL")
        note("a", { what: "halted" })
        expect((yield* sender.queue.counts(kinds.plain)).ready).toBeGreaterThan(0)
        yield* drained(sender, 120_000)
        yield* sender.close
        for (const worker of others) yield* run(() => worker.end())
        const { inFlight, repeated, seen } = yield* verdict({ mayStay: afterCrash })
        expect(seen.enqueued).toBe(many)
        expect(repeated.length).toBeGreaterThan(0)
        expect([...inFlight.get("a")!]).toEqual(expect.arrayContaining([...repeated]))
        expect(inFlight.get("a")!.size).toBeLessThan(200)
        // What was in its hands was counted, what it had claimed ahead was not.
        const again = new Set(
          others.flatMap((worker) => worker.of("began").filter(({ attempt }) => attempt > 1)).map(({ task }) => task)
        )
        expect(again.size).toBeGreaterThan(0)
        for (const task of again) expect(inFlight.get("a")).toContain(task)
      }),
    240_000 + many * 3
  )
})

describe.skipIf(missing.redis)("TaskQueue and a process that stops", { concurrent: true, timeout: 120_000 }, () => {
  for (const [name, halt, wake] of [
    ["stopped past its lease and woken", "SIGSTOP", ({ process }: Crew.Worker) => void process.kill("SIGCONT")],
    ["blocked past its lease", "SIGUSR2", (worker: Crew.Worker) => worker.unblock()]
  ] as const) {
    it.live(`T2 T3 a process is ${name}: what it settles late is refused, what still runs is interrupted`, () =>
      Effect.gen(function* () {
        const { drained, enqueue, note, peer, process, verdict } = yield* crew
        const sender = yield* peer("sender")
        const queue = { lease: 4_000 }
        const holder = yield* process("holder", { queue, work: { concurrency: 4, prefetch: 0 } })
        yield* run(() => holder.says("ready"))
        const other = yield* peer("other", { queue })
        // What is late is over while its process does nothing.
        const long = yield* enqueue(sender, "plain:", 1, { ms: 60_000 })
        const late = yield* enqueue(sender, "plain:", 1, { ms: 1_000, how: "stubborn" })
        yield* run(() => Crew.until("both run", () => holder.of("began").length === 2))
        const since = Crew.now()
        holder.process.kill(halt)
        note("holder", { what: "halted" })
        yield* other.work({ quick: true })
        yield* run(() => Crew.until("both are taken over", () => other.of("settled").length === 2))
        // Not before its lease was over, which began with its last beat, and soon after.
        const tookOver = other.of("began")[0]!.at - since
        expect(tookOver).toBeGreaterThan(queue.lease - times.heartbeat - 2_000)
        expect(tookOver).toBeLessThan(queue.lease + 2 * times.heartbeat + 3_000)
        expect(other.of("began").map(({ attempt }) => attempt)).toEqual([2, 2])
        expect(holder.of("interrupted")).toEqual([])
        const woken = Crew.now()
        wake(holder)
        yield* run(() =>
          Crew.until(
            "it knows",
            () =>
              holder.of("interrupted").length === 1 && holder.of("settled").some(({ task }) => task === late.tasks[0])
          )
        )
        expect(holder.of("interrupted").map(({ task }) => task)).toEqual(long.tasks)
        expect(holder.of("interrupted")[0]!.at - woken).toBeLessThan(4_000)
        const refused = holder
          .of("settled")
          .filter(({ outcome }) => outcome === "Lost")
          .map(({ task }) => task)
        expect(refused).toContain(late.tasks[0])
        expect(holder.of("settled").filter(({ outcome }) => outcome === "Settled")).toEqual([])
        // It works on as ever.
        yield* other.close
        const next = yield* enqueue(sender, "plain:", 1)
        yield* drained(sender)
        // Its history comes over a pipe of its own.
        const settled = () => holder.of("settled").find(({ task }) => task === next.tasks[0])
        yield* run(() => Crew.until("it has said so", () => settled() !== undefined))
        expect(settled()).toMatchObject({ outcome: "Settled" })
        yield* sender.close
        yield* run(() => holder.end())
        yield* verdict()
      })
    )
  }

  it.live(
    "T1 T3 A11 a process with 100 running and 50 claimed is asked to end: within its grace, and none runs twice",
    () =>
      Effect.gen(function* () {
        const grace = 6_000
        const { drained, enqueue, peer, process, verdict, note } = yield* crew
        const sender = yield* peer("sender")
        const ending = yield* process("ending", {
          queue: { shutdownGrace: grace, lease: 10_000 },
          work: { concurrency: 100, prefetch: 50 }
        })
        yield* run(() => ending.says("ready"))
        const first = yield* enqueue(sender, "plain:", 50, { ms: 4_000 })
        const second = yield* enqueue(sender, "plain:", 50, { ms: 60_000 })
        const ahead = yield* enqueue(sender, "plain:", 50, { ms: 60_000 })
        yield* run(() =>
          Crew.until(
            "100 run and 50 are claimed",
            () => ending.of("claimed").length === 150 && ending.of("began").length === 100
          )
        )
        const other = yield* peer("other", { work: { concurrency: 200, quick: true } })
        const asked = Crew.now()
        const tookMs = yield* Effect.promise(() => ending.end())
        yield* drained(sender)
        yield* sender.close
        yield* other.close
        const at = (tasks: ReadonlyArray<string>) =>
          tasks.map((task) => other.of("began").find((event) => event.task === task))
        // What ended within the grace is settled and runs nowhere else.
        expect(at(first.tasks).filter((event) => event !== undefined)).toEqual([])
        const settled = ending.of("settled").filter(({ how, outcome }) => how === "Done" && outcome === "Settled")
        expect(settled.map(({ task }) => task).sort()).toEqual([...first.tasks].sort())
        // What was claimed ahead runs elsewhere at once, the rest when the grace is over; no attempt is counted.
        for (const event of at(ahead.tasks)) expect(event!.at - asked).toBeLessThan(grace - 300)
        for (const event of at(second.tasks)) expect(event!.at - asked).toBeGreaterThan(grace - 300)
        for (const event of at(second.tasks)) expect(event!.at - asked).toBeLessThan(grace + 5_000)
        expect(new Set(other.of("began").map(({ attempt }) => attempt))).toEqual(new Set([1]))
        expect(new Set(other.of("began").map(({ task }) => task)).size).toBe(100)
        expect(
          ending
            .of("interrupted")
            .map(({ task }) => task)
            .sort()
        ).toEqual([...second.tasks].sort())
        expect(tookMs).toBeGreaterThan(grace - 300)
        expect(tookMs).toBeLessThan(grace + 5_000)
        note("ending", { what: "met", fault: "asked to end" })
        yield* verdict({ met: "asked to end" })
      })
  )
})
