/** The task panel on a cluster of processes: peers that are killed over their work, a server that stands still and dies. */
import { LocalPeer, TaskQueue } from "@troupe/core"
import { RedisClient, RedisTaskQueue } from "@troupe/redis-live"
import { Effect, Layer, Schema } from "effect"
import { expect, test as any } from "vitest"
import { missing } from "../../../scripts/missing.ts"
import type { Server } from "../../../scripts/redis.ts"
import { card, depth, enqueue, isMissing, letterOf, open, queueOf, runOf } from "./browser.ts"
import { find, guard, join, own, redis, spawn } from "./fleet.ts"
import { command, endsWithinMs, isAlive, present, processOf, until } from "./program.ts"

const test = any.skipIf(missing.binary)
const testPage = any.skipIf(missing.binary || isMissing)

/** What is done to the same queues by somebody who knows nothing of this program. */
const asStranger = <A, E>(server: Server, effect: Effect.Effect<A, E, TaskQueue.TaskQueue>) =>
  effect.pipe(
    Effect.provide(
      RedisTaskQueue.layer().pipe(
        Layer.provide(RedisClient.layer({ url: server.url, prefix: "action-cluster" })),
        Layer.provide(LocalPeer.layer("a stranger"))
      )
    ),
    Effect.runPromise
  )

testPage(
  "the process that runs a task is killed, and another goes on: recovered, attempt 2",
  async () => {
    const server = await redis()
    const program = await join(server)
    const { name } = await own(program)
    const child = await spawn(program)
    const pid = guard(processOf((await find(program, child))!))
    const { page, wrongs } = await open(program.url)
    // A peer runs two at a time, so that each has some, if they are there at once.
    await Promise.all([1, 2, 3, 4].map(() => command(program.url, "enqueue", { kind: "slow", count: 1 })))
    await page.locator(".runs li").nth(3).waitFor()
    const kills = page.locator(".runs").getByRole("button", { name: `Kill ${child}` })
    await until("two of them", async () => (await kills.count()) === 2)
    // The peer that serves the page is not to be killed from it.
    expect(await page.getByRole("button", { name: `Kill ${name}` }).count()).toBe(0)
    const label = await kills.first().getAttribute("aria-label")
    const title = /which runs (slow \d)$/.exec(label!)![1]!
    await kills.first().click()
    await until("it is killed", () => !isAlive(pid))
    await card(page, child).getByText("Crashed: the others have yet to find out").waitFor()
    const run = runOf(page, title)
    await run.getByText("recovered, attempt 2").waitFor()
    expect(await run.locator(".run-peer").textContent()).toBe(name)
    await page.locator(".outcomes").getByText(`${title} done by ${name}, attempt 2`).waitFor()
    expect(wrongs).toEqual([])
  },
  180_000
)

testPage(
  "what is lethal kills three processes that were spawned for it, and never the one that serves the page",
  async () => {
    const server = await redis()
    const program = await join(server)
    const { page, wrongs } = await open(program.url)
    await enqueue(page, "lethal")
    await until("it waits", async () => (await depth(page, "lethal", "ready")) === "1")
    await page.getByRole("button", { name: "Pause lethal" }).click()
    await queueOf(page, "lethal").getByText("paused").waitFor()
    const names = [await spawn(program), await spawn(program), await spawn(program), await spawn(program)]
    const pids = await Promise.all(names.map(async (name) => guard(processOf((await find(program, name))!))))
    await page.getByRole("button", { name: "Resume lethal" }).click()
    await letterOf(page, "lethal 1").getByText("3 peers crashed over it").waitFor()
    expect(pids.filter(isAlive)).toHaveLength(1)
    expect(isAlive(processOf(await own(program)))).toBe(true)
    expect(wrongs).toEqual([])
  },
  180_000
)

testPage(
  "Redis stands still and goes on, dies and comes back empty: the panel says of when it is, and shows the present again",
  async () => {
    const server = await redis()
    const program = await join(server)
    const { page, wrongs } = await open(program.url)
    const stale = page.locator("#tasks .stale")
    await page.getByRole("button", { name: "Pause quick" }).click()
    await queueOf(page, "quick").getByText("paused").waitFor()
    await enqueue(page, "quick", "1,000")
    await until("a thousand", async () => (await depth(page, "quick", "ready")) === "1,000")

    server.signal("SIGSTOP")
    await stale.getByText(/^As of \d/).waitFor()
    expect(await page.locator(".tasks").getAttribute("data-old")).toBe("yes")
    expect(await depth(page, "quick", "ready")).toBe("1,000")
    await enqueue(page, "slow")
    await page.locator(".error").getByText("No slow task was enqueued").waitFor()
    await page.getByRole("button", { name: "Dismiss" }).click()
    server.signal("SIGCONT")
    await stale.waitFor({ state: "hidden" })
    expect(await depth(page, "quick", "ready")).toBe("1,000")
    await page.getByRole("button", { name: "Resume quick" }).click()
    await until("all are done", async () => (await depth(page, "quick", "ready")) === "0")

    await server.kill()
    await stale.getByText(/^As of \d/).waitFor()
    await server.restart()
    await stale.waitFor({ state: "hidden" })
    // Nothing was kept, and yet work goes on, and so does the schedule.
    await enqueue(page, "quick")
    await page
      .locator(".outcomes")
      .getByText(/^quick \d+ done by/)
      .first()
      .waitFor()
    const last = async () => (await present(program.url)).board?.firings[0]?.at ?? 0
    const restarted = Date.now()
    await until("a tick", async () => (await last()) > restarted)
    expect(wrongs).toEqual([])
  },
  180_000
)

test("asked to end while it works, it hands its task back at once, and nobody counts that", async () => {
  const server = await redis()
  const program = await join(server)
  const { name } = await own(program)
  // Longer than another process may take to be there.
  const slow = TaskQueue.task("slow", { payload: Schema.Json })
  const errand = { title: "slow", steps: 100, stepMs: 1_000, isTold: false }
  await asStranger(
    server,
    Effect.flatMap(TaskQueue.TaskQueue, ({ enqueue }) => Effect.andThen(enqueue(slow, errand), enqueue(slow, errand)))
  )
  const runs = async (url: string) => (await present(url)).board?.runs.filter(({ kind }) => kind === "slow") ?? []
  await until("both run", async () => (await runs(program.url)).length === 2)
  const other = await join(server)
  expect(await program.end("SIGTERM")).toBeLessThan(endsWithinMs)
  expect(await program.exited).toEqual({ code: 0, signal: null })
  const taken = await until("both go on", async () => {
    const found = await runs(other.url)
    return found.length === 2 && found.every(({ peer }) => peer !== name) && found
  })
  expect(taken.map(({ attempt, isRecovered }) => [attempt, isRecovered])).toEqual([
    [1, false],
    [1, false]
  ])
})

testPage(
  "what strangers enqueue is shown, and only shown; what nobody can read is a dead letter",
  async () => {
    const server = await redis()
    const program = await join(server)
    const { page, wrongs } = await open(program.url)
    const title = `<img src=x onerror="document.title='hurt'">`
    const errand = { title, steps: 100, stepMs: 200, isTold: true }
    const queue = (name: string) => TaskQueue.task(name, { payload: Schema.Json })
    await asStranger(
      server,
      Effect.gen(function* () {
        const tasks = yield* TaskQueue.TaskQueue
        yield* tasks.enqueue(queue("slow"), errand)
        yield* tasks.enqueue(queue("failing"), { ...errand, steps: 1 })
        yield* tasks.enqueue(queue("failing"), "no errand", { id: title })
      })
    )
    await page.locator(".runs li").getByText(title).waitFor()
    await until("both are dead", async () => (await depth(page, "failing", "dead")) === "2")
    await page.locator(".letters").getByText("nobody could read it").waitFor()
    expect(await page.locator(".letters li strong").allTextContents()).toEqual([title, title])
    await page
      .locator(".letters")
      .getByRole("button", { name: `Redrive ${title}` })
      .first()
      .click()
    expect(await page.locator("#tasks img, #tasks [onerror]").count()).toBe(0)
    expect(await page.title()).toBe("Troupe")
    expect(wrongs).toEqual([])
  },
  180_000
)
