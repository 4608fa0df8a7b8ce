/** The cache panel on a cluster of processes: who loads is killed, and the server stands still. */
import { LocalPeer, PubSub } from "@troupe/core"
import { RedisClient, RedisPubSub } from "@troupe/redis-live"
import { DateTime, Effect, Layer } from "effect"
import { expect, test as any } from "vitest"
import { missing } from "../../../scripts/missing.ts"
import { noCounts, tidings } from "../Forecast.ts"
import { isMissing, killLoading, open, readAll, readerOf, readNear, sumOf } from "./browser.ts"
import { find, guard, join, own, redis, spawn } from "./fleet.ts"
import { isAlive, present, processOf, until } from "./program.ts"

const test = any.skipIf(missing.binary || isMissing)

test("one process loads for all, and each sees what another page takes away", async () => {
  const server = await redis()
  const [program, other] = [await join(server), await join(server)]
  const [name, otherName] = [(await own(program)).name, (await own(other)).name]
  const child = await spawn(program)
  const { page, wrongs } = await open(program.url)
  const { page: otherPage } = await open(other.url)
  for (const one of [name, otherName, child]) await readerOf(page, one).waitFor()
  await readAll(page)
  for (const window of [page, otherPage]) {
    await window.locator(".round").getByText("3 asked, 3 answered, one loaded.").waitFor()
    // Who was asked late found it there.
    const others = Number(await sumOf(window, "waited")) + Number(await sumOf(window, "shared"))
    expect([await sumOf(window, "loaded"), others]).toEqual(["1", 2])
  }
  for (const one of [name, otherName, child]) await readNear(page, one)
  expect(await sumOf(page, "loaded")).toBe("1")
  await otherPage.getByRole("button", { name: "Invalidate" }).click()
  await page.getByText(`Invalidated by ${otherName} at`).waitFor()
  await readAll(page)
  // The round before ended with the same words.
  await until("all have what is new", async () => {
    const { shelf } = await present(program.url)
    return shelf.readers.length === 3 && shelf.readers.every(({ forecast }) => (forecast?.at ?? 0) > shelf.removed!.at)
  })
  await page.locator(".round").getByText("3 asked, 3 answered, one loaded.").waitFor()
  expect(await sumOf(page, "loaded")).toBe("2")
  expect(wrongs).toEqual([])
})

test("the process that loads is killed, and another takes the load over", async () => {
  const server = await redis()
  const program = await join(server)
  const { name } = await own(program)
  const child = await spawn(program)
  const pid = guard(processOf((await find(program, child))!))
  const { page, wrongs } = await open(program.url)
  const kill = page.getByRole("button", { name: `Kill ${child}, which loads` })
  const times = await killLoading(
    page,
    () => page.getByRole("button", { name: `Have ${child} read` }).click(),
    async () => {
      await kill.waitFor({ timeout: 3_000 })
      await page.getByRole("button", { name: `Have ${name} read` }).click()
      await kill.click({ timeout: 3_000 })
    }
  )
  await until("it is killed", () => !isAlive(pid))
  await readerOf(page, name)
    .getByText(/loaded by .* after waiting .* for another/)
    .waitFor()
  expect(await sumOf(page, "loaded")).toBe(`${times + 1}`)
  expect(await page.getByRole("button", { name: `Kill ${name}` }).count()).toBe(0)
  expect(wrongs).toEqual([])
})

test("Redis stands still and goes on: who is asked loads by itself and keeps nothing, and the panel says so", async () => {
  const server = await redis()
  const program = await join(server)
  const { name } = await own(program)
  const { page, wrongs } = await open(program.url)
  const row = readerOf(page, name)
  const stale = page.locator("#cache .stale")
  await readNear(page, name)
  server.signal("SIGSTOP")
  await stale.getByText(/^As of \d.* Who is asked loads by itself, and keeps nothing\. /).waitFor()
  await page.getByText(/^Was kept for another /).waitFor()
  expect(await page.locator("#cache .sheet").getAttribute("data-old")).toBe("yes")
  const read = page.getByRole("button", { name: `Have ${name} read` })
  for (const loads of [2, 3]) {
    // A first reading may still be answered by the process itself.
    await until(`load ${loads}`, async () => {
      await read.click()
      await row.getByText("Read at").waitFor()
      return Number(await sumOf(page, "loaded")) >= loads
    })
    await until("it is over", async () => (await row.locator(".mark").textContent()) === "loaded")
  }
  await page.getByRole("button", { name: "Invalidate" }).click()
  await page.locator(".error").getByText("Nothing was invalidated").waitFor()
  await page.getByRole("button", { name: "Dismiss" }).click()
  server.signal("SIGCONT")
  await stale.waitFor({ state: "hidden" })

  await server.kill()
  await stale.waitFor()
  await server.restart()
  await stale.waitFor({ state: "hidden" })
  // Nothing was kept: it is loaded anew, and kept again.
  await page.getByText("Nothing is kept").waitFor()
  await read.click()
  await page.getByText(/^Kept for another /).waitFor()
  await readNear(page, name)
  expect(wrongs).toEqual([])
})

test("what strangers tell is shown, and only shown", async () => {
  const server = await redis()
  const program = await join(server)
  const { name } = await own(program)
  const { page, wrongs } = await open(program.url)
  const by = `<img src=x onerror="document.title='hurt'">`
  const forecast = { degrees: 1, by, at: DateTime.makeUnsafe(0) }
  const done = { round: null, askedAt: 1, phase: "Near", waitedMs: 0, tookMs: 1, forecast } as const
  await Effect.gen(function* () {
    const pubsub = yield* PubSub.PubSub
    yield* pubsub.publish(tidings, {
      _tag: "Report",
      by: name,
      life: "another",
      number: 1,
      counts: noCounts,
      ...done
    })
    yield* pubsub.publish(tidings, { _tag: "Removed", how: "Cleared", by, at: 2 })
  }).pipe(
    Effect.provide(
      RedisPubSub.layer.pipe(
        Layer.provide(RedisClient.layer({ url: server.url, prefix: "action-cluster" })),
        Layer.provide(LocalPeer.layer("a stranger"))
      )
    ),
    Effect.runPromise
  )
  await readerOf(page, name).getByText(`1 °C, loaded by ${by}`).waitFor()
  await page.getByText(`Cleared by ${by}`).waitFor()
  expect(await page.locator("#cache img, #cache [onerror]").count()).toBe(0)
  expect(await page.title()).toBe("Troupe")
  expect(wrongs).toEqual([])
})
