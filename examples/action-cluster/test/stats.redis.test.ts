/** The stats panel on a cluster of processes: one that counts is killed, and the server stands still and dies. */
import { LocalPeer, Stats } from "@troupe/core"
import { RedisClient, RedisStats } from "@troupe/redis-live"
import { Effect, Layer } from "effect"
import { expect, test as any } from "vitest"
import { missing } from "../../../scripts/missing.ts"
import { countOf, countsOf, enqueue, isMissing, open, readAll, readerOf, say, totalOf } from "./browser.ts"
import { find, guard, join, own, redis, spawn } from "./fleet.ts"
import { isAlive, processOf, until } from "./program.ts"

const test = any.skipIf(missing.binary || isMissing)

test("a process that counted is killed: the sums stay, and every page shows them", async () => {
  const server = await redis()
  const [program, other] = [await join(server), await join(server)]
  const child = await spawn(program)
  const pid = guard(processOf((await find(program, child))!))
  const { page, wrongs } = await open(program.url)
  const { page: otherPage } = await open(other.url)
  await readerOf(page, child).waitFor()
  // Who has no turn meanwhile gets none of a thousand: there are more, until it has got some.
  for (let all = 1_000; ; all += 1_000) {
    await enqueue(page, "quick", "1,000")
    await until("all of them", async () => (await totalOf(page, "tasks done")) >= all)
    if ((await countsOf(page, child).count()) > 0 && Number(await countOf(page, child, "done")) > 0) break
  }
  await until("its share", async () => Number(await countOf(otherPage, child, "done")) > 0)
  const [share, before] = [Number(await countOf(page, child, "done")), await totalOf(page, "tasks done")]
  process.kill(pid, "SIGKILL")
  await until("it is killed", () => !isAlive(pid))
  await countsOf(page, "(gone)").waitFor()
  expect(Number(await countOf(page, "(gone)", "done"))).toBeGreaterThanOrEqual(share)
  expect(await totalOf(page, "tasks done")).toBeGreaterThanOrEqual(before)
  expect(wrongs).toEqual([])
})

test("Redis stands still and goes on: what was counted meanwhile is counted; dead, it begins anew", async () => {
  const server = await redis()
  const program = await join(server)
  const { name } = await own(program)
  const { page, wrongs } = await open(program.url)
  const stale = page.locator("#stats .stale")
  await readAll(page)
  await until("a load", async () => (await totalOf(page, "cache loads")) === 1)

  server.signal("SIGSTOP")
  await stale.getByText(/^As of \d.* What is counted meanwhile waits\. /).waitFor()
  expect(await page.locator("#stats .sheet").getAttribute("data-old")).toBe("yes")
  // A first reading may still be answered by the process itself.
  const loads = page.locator('#cache [data-sum="loaded"]')
  await until("a load without Redis", async () => {
    await page.getByRole("button", { name: `Have ${name} read` }).click()
    await readerOf(page, name).getByText("Read at").waitFor()
    return Number(await loads.textContent()) >= 2
  })
  expect(await totalOf(page, "cache loads")).toBe(1)
  await page.getByRole("button", { name: "Flush this process" }).click()
  await page.locator(".error").getByText("Not everything was flushed").waitFor()
  await page.getByRole("button", { name: "Dismiss" }).click()
  server.signal("SIGCONT")
  await stale.waitFor({ state: "hidden" })
  await until("it is counted", async () => (await totalOf(page, "cache loads")) === Number(await loads.textContent()))

  await server.kill()
  await stale.waitFor()
  await server.restart()
  await stale.waitFor({ state: "hidden" })
  await say(page, "shout", "anew")
  await until("a message", async () => (await totalOf(page, "messages published")) >= 1)
  expect(wrongs).toEqual([])
})

test("what strangers count is shown where it is ours, and only shown", async () => {
  const server = await redis()
  const program = await join(server)
  const { page, wrongs } = await open(program.url)
  const stranger = `<img src=x onerror="document.title='hurt'">`
  await Effect.gen(function* () {
    const stats = yield* Stats.Stats
    yield* stats.increment("tasks done", 41_000)
    yield* stats.increment("something else", 7)
    yield* stats.flush
    yield* Effect.promise(() => page.locator(".counts strong").getByText(stranger).waitFor())
  }).pipe(
    Effect.provide(
      RedisStats.layer.pipe(
        Layer.provide(RedisClient.layer({ url: server.url, prefix: "action-cluster" })),
        Layer.provide(LocalPeer.layer(stranger))
      )
    ),
    Effect.runPromise
  )
  expect(await totalOf(page, "tasks done")).toBeGreaterThanOrEqual(41_000)
  expect(await page.locator("#stats").getByText("something else").count()).toBe(0)
  expect(await page.locator("#stats img, #stats [onerror]").count()).toBe(0)
  expect(await page.title()).toBe("Troupe")
  expect(wrongs).toEqual([])
})
