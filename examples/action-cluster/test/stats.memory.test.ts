/** The stats panel on a cluster in memory, as somebody uses it. */
import * as fs from "node:fs"
import * as path from "node:path"
import { expect, test as any } from "vitest"
import { card, countOf, countsOf, enqueue, isMissing, open, readAll, say, totalOf } from "./browser.ts"
import { command, present, start, until } from "./program.ts"

const test = any.skipIf(isMissing)
const contrast = fs.readFileSync(path.join(import.meta.dirname, "contrast.js"), "utf8")

test("what the peers do is counted, together, by each and by the minute", async () => {
  const { url } = await start()
  const { page, wrongs } = await open(url)
  await say(page, "shout", "to be counted", "grace")
  await enqueue(page, "quick", "1,000")
  await enqueue(page, "failing")
  await readAll(page)
  await page.locator(".round").getByText("3 asked, 3 answered, one loaded.").waitFor()
  await until("all thousand", async () => (await totalOf(page, "tasks done")) >= 1_000)
  await until("three attempts", async () => (await totalOf(page, "attempts failed")) === 3)
  await until("one load", async () => (await totalOf(page, "cache loads")) === 1)
  await until("her message", async () => (await countOf(page, "grace", "published")) !== "0")
  // The director has said something too, perhaps before everyone heard.
  expect(await totalOf(page, "messages heard")).toBeGreaterThanOrEqual(3)
  const ledger = await until("a sum", async () => (await present(url)).ledger ?? undefined)
  for (const { minutes, name, total } of ledger.counters) {
    expect([name, minutes.length]).toEqual([name, 30])
    expect([name, minutes.reduce((sum, count) => sum + count, 0)]).toEqual([name, total])
  }
  const sums = ledger.counters.map((_, i) => ledger.peers.reduce((sum, peer) => sum + peer.sums[i]!, 0))
  expect(ledger.counters.map(({ total }) => total)).toEqual(sums)
  await page.getByRole("img", { name: /^Failed by the minute, 30 minutes: \d this minute, \d at most\.$/ }).waitFor()
  expect(await page.locator("#stats .bars").nth(2).locator("rect").count()).toBeGreaterThanOrEqual(1)
  expect(wrongs).toEqual([])
})

test("what a killed peer has counted stays, under those that are gone", async () => {
  const { url } = await start()
  const { page, wrongs } = await open(url)
  for (let i = 0; i < 3; i++) await command(url, "publish", { as: "edsger", channel: "shout", text: "once more" })
  await page.getByRole("button", { name: "Flush" }).press("Enter")
  await until("a focus", () => page.evaluate("document.activeElement.textContent === 'Flush'"))
  await until("three messages", async () => Number(await countOf(page, "edsger", "published")) >= 3)
  const before = await totalOf(page, "messages published")
  await page.getByRole("button", { name: "Crash edsger" }).click()
  await card(page, "edsger").waitFor({ state: "detached" })
  expect(await totalOf(page, "messages published")).toBeGreaterThanOrEqual(before)
  await countsOf(page, "(gone)").waitFor()
  await countsOf(page, "edsger").waitFor({ state: "detached" })
  expect(Number(await countOf(page, "(gone)", "published"))).toBeGreaterThanOrEqual(3)
  expect(await totalOf(page, "messages published")).toBeGreaterThanOrEqual(before)
  expect(wrongs).toEqual([])
})

test("all counters begin anew, and go on from there", async () => {
  const { url } = await start()
  const { page, wrongs } = await open(url)
  // The schedule's tasks are counted too: it stands still meanwhile.
  await page.getByRole("button", { name: "Pause tick" }).click()
  await enqueue(page, "quick", "1,000")
  await until("all thousand", async () => (await totalOf(page, "tasks done")) >= 1_000)
  await page.getByRole("button", { name: "Reset all" }).press("Enter")
  await until("nothing", async () => (await totalOf(page, "tasks done")) === 0)
  await until("a focus", () => page.evaluate("document.activeElement.textContent === 'Reset all'"))
  await enqueue(page, "quick")
  await until("one", async () => (await totalOf(page, "tasks done")) === 1)
  expect(wrongs).toEqual([])
})

test("what cannot be flushed or reset is said", async () => {
  const { url } = await start()
  const { page } = await open(url)
  for (const name of ["flush", "reset"]) {
    await page.route(`**/commands/${name}`, (route) =>
      route.fulfill({ status: 503, json: { error: "BackendError", message: "It <b>is</b> away." } })
    )
  }
  const error = page.locator(".error span")
  await page.getByRole("button", { name: "Flush" }).click()
  await error.getByText("Not everything was flushed: It <b>is</b> away.").waitFor()
  await page.getByRole("button", { name: "Reset all" }).click()
  await error.getByText("Not all counters were reset: It <b>is</b> away.").waitFor()
})

for (const [width, colorScheme] of [
  [390, "dark"],
  [1280, "light"]
] as const) {
  test(`${width} wide, ${colorScheme}: all of the stats' panel can be read, and nothing is cut off`, async () => {
    const { url } = await start()
    const { page } = await open(url, { width, colorScheme })
    expect((await command(url, "enqueue", { kind: "quick", count: 10_000 })).status).toBe(200)
    await until("many", async () => (await totalOf(page, "tasks done")) >= 10_000)
    expect(await page.evaluate(contrast)).toEqual([])
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width)
  })
}
