/** The task panel on a cluster in memory, as somebody uses it. */
import * as fs from "node:fs"
import * as path from "node:path"
import { expect, test as any } from "vitest"
import { card, depth, enqueue, isMissing, letterOf, open, queueOf, runOf } from "./browser.ts"
import { command, present, start, until } from "./program.ts"

const test = any.skipIf(isMissing)
const contrast = fs.readFileSync(path.join(import.meta.dirname, "contrast.js"), "utf8")

test("a quick task is done, a slow one says who runs it and how far it is, and each is told of", async () => {
  const { url } = await start()
  const { page, wrongs } = await open(url)
  await page.getByText("Nobody runs anything").waitFor()
  await enqueue(page, "quick")
  await page.getByText("1 quick task enqueued.").first().waitFor()
  await page.locator(".outcomes").getByText("quick 1 done by").waitFor()
  await enqueue(page, "slow")
  const run = runOf(page, "slow 1")
  await run.getByRole("progressbar").waitFor()
  expect(["ada", "grace", "edsger"]).toContain(await run.locator(".run-peer").textContent())
  const share = async () => Number(await run.getByRole("progressbar").getAttribute("value"))
  const before = await share()
  await until("it gets farther", async () => (await share()) > before)
  expect(await depth(page, "slow", "claimed")).toBe("1")
  expect(await run.locator(".mark").isVisible()).toBe(false)
  await page.locator(".outcomes").getByText("slow 1 done by").waitFor()
  await run.waitFor({ state: "detached" })
  expect(wrongs).toEqual([])
})

test("the peer that runs one is killed, and another goes on: recovered, attempt 2", async () => {
  const { url } = await start()
  const { page, wrongs } = await open(url)
  await enqueue(page, "slow")
  const run = runOf(page, "slow 1")
  const name = (await run.locator(".run-peer").textContent())!
  await run.getByRole("button", { name: `Kill ${name}, which runs slow 1` }).press("Enter")
  await card(page, name).getByText("Crashed: the others have yet to find out").waitFor()
  await run.getByText(`${name} (crashed)`).waitFor()
  // Whom nobody can kill any more nobody can choose, and the focus is where it was.
  await until("a focus", () => page.evaluate("document.activeElement.id === 'runs-heading'"))
  await run.getByText("recovered, attempt 2").waitFor()
  const heir = (await run.locator(".run-peer").textContent())!
  expect(["ada", "grace", "edsger"].filter((one) => one !== name)).toContain(heir)
  await page.locator(".outcomes").getByText(`slow 1 done by ${heir}, attempt 2`).waitFor()
  expect(wrongs).toEqual([])
})

test("what is cancelled stops, and is not told of as done", async () => {
  const { url } = await start()
  const { page, wrongs } = await open(url)
  await enqueue(page, "slow")
  await page.getByRole("button", { name: "Cancel slow 1" }).press("Enter")
  await runOf(page, "slow 1").waitFor({ state: "detached" })
  await until("a focus", () => page.evaluate("document.activeElement.id === 'runs-heading'"))
  await until("no trace", async () => (await depth(page, "slow", "claimed")) === "0")
  expect(await depth(page, "slow", "ready")).toBe("0")
  expect(await page.locator(".outcomes").getByText("slow 1").count()).toBe(0)
  expect(wrongs).toEqual([])
})

test("what fails each time is a dead letter; redriven it dies anew, and is purged", async () => {
  const { url } = await start()
  const { page, wrongs } = await open(url)
  await page.getByText("Nothing is dead").waitFor()
  expect(await page.getByRole("button", { name: "Redrive all" }).isVisible()).toBe(false)
  await enqueue(page, "failing")
  await until("it sleeps", async () => (await depth(page, "failing", "delayed")) === "1")
  const letter = letterOf(page, "failing 1")
  await letter.getByText("failed 3 times: Failed: It always does.").waitFor()
  expect(await depth(page, "failing", "dead")).toBe("1")
  await page.getByRole("button", { name: "Redrive failing 1" }).press("Enter")
  await letter.waitFor({ state: "detached" })
  await until("a focus", () => page.evaluate("document.activeElement.id === 'letters-heading'"))
  await letter.waitFor()
  await page.getByRole("button", { name: "Redrive all" }).click()
  await letter.waitFor({ state: "detached" })
  await letter.waitFor()
  await page.getByRole("button", { name: "Purge all" }).press("Enter")
  await page.getByText("Nothing is dead").waitFor()
  await until("a focus", () => page.evaluate("document.activeElement.id === 'letters-heading'"))
  expect(await depth(page, "failing", "dead")).toBe("0")
  expect(wrongs).toEqual([])
})

test("what is lethal crashes three peers, and then nobody else", async () => {
  const { url } = await start()
  const { page, wrongs } = await open(url)
  await enqueue(page, "lethal")
  await runOf(page, "lethal 1").getByText("recovered, attempt 2").waitFor()
  await page.locator("#banner").getByText("Every peer has crashed").waitFor()
  // Whoever comes next finds out what happened, and lives.
  await page.getByRole("button", { name: "Spawn a peer" }).click()
  await letterOf(page, "lethal 1").getByText("3 peers crashed over it").waitFor()
  await card(page, "barbara").getByText("Live", { exact: true }).waitFor()
  await page.locator("#banner").waitFor({ state: "hidden" })
  expect(await page.locator(".outcomes").getByText("lethal 1 crashed").count()).toBe(3)
  expect(wrongs).toEqual([])
})

test("a thousand, and a hundred thousand: the page and the program go on meanwhile", async () => {
  const { url } = await start()
  const { page, wrongs } = await open(url)
  await page.getByRole("button", { name: "Pause quick" }).press("Enter")
  await queueOf(page, "quick").getByText("paused").waitFor()
  await until("a focus", () => page.evaluate("document.activeElement.getAttribute('aria-label') === 'Resume quick'"))
  await enqueue(page, "quick", "1,000")
  await until("a thousand", async () => (await depth(page, "quick", "ready")) === "1,000")
  await enqueue(page, "quick", "100,000")
  const began = performance.now()
  let slowest = 0
  await until("a hundred thousand more", async () => {
    const asked = performance.now()
    expect((await fetch(`${url}/health/live`)).status).toBe(200)
    slowest = Math.max(slowest, performance.now() - asked)
    return (await depth(page, "quick", "ready")) === "101,000"
  })
  // Whoever asks meanwhile is answered within what a person calls at once; on a busy machine, long before all are there.
  expect(slowest).toBeLessThan(Math.max(1_000, (performance.now() - began) / 3))
  const image = page.getByRole("img", { name: "Ready: 101,000 now, 101,000 at most." })
  await image.waitFor()
  expect(await page.locator(".plot-legend li[data-state=ready] strong").textContent()).toBe("101,000")

  await page.getByRole("button", { name: "Resume quick" }).click()
  await queueOf(page, "quick").getByText("paused").waitFor({ state: "hidden" })
  await until("it gets less", async () => Number((await depth(page, "quick", "ready"))!.replaceAll(",", "")) < 100_000)
  // Some are shown, the others are counted.
  await page.locator(".runs li").nth(3).waitFor()
  expect(await page.locator(".runs li").count()).toBeLessThanOrEqual(20)
  await page
    .locator("section[aria-labelledby=runs-heading] .more")
    .getByText(/^And \d+ more\.$/)
    .waitFor()
  const { board, samples } = await present(url)
  expect(JSON.stringify(board).length).toBeLessThan(16_384)
  expect(samples.length).toBeLessThanOrEqual(121)
  await page.getByRole("button", { name: "Purge quick" }).press("Enter")
  await until("none is left", async () => (await depth(page, "quick", "ready")) === "0")
  expect(wrongs).toEqual([])
})

test("a schedule ticks: one task for each slot, however many peers keep it", async () => {
  const { url } = await start()
  const { page, wrongs } = await open(url)
  const firings = page.locator("section[aria-labelledby=schedule-heading] li")
  await firings.nth(1).waitFor()
  // The two are read at one instant: the list is made anew with each firing.
  const [newer, older] = await until("two slots", async () => {
    const html = await firings.locator("time").evaluateAll((all) => all.map((one) => one.getAttribute("datetime")))
    return html.length >= 2 && html.map((slot) => Date.parse(slot!))
  })
  expect(newer! - older!).toBe(10_000)
  expect(newer! % 10_000).toBe(0)
  expect(wrongs).toEqual([])
})

test("what cannot be enqueued, redriven or paused is said", async () => {
  const { url } = await start()
  const { page } = await open(url)
  const refuse = (name: string) =>
    page.route(`**/commands/${name}`, (route) =>
      route.fulfill({ status: 503, json: { error: "Interrupted", message: "2,048 of 100,000 <b>are</b> enqueued." } })
    )
  for (const name of ["enqueue", "pause", "purge"]) await refuse(name)
  await enqueue(page, "quick", "100,000")
  const error = page.locator(".error span")
  await error.getByText("Not all quick tasks were enqueued: 2,048 of 100,000 <b>are</b> enqueued.").waitFor()
  await page.getByRole("button", { name: "Dismiss" }).click()
  await page.getByRole("button", { name: "Pause slow" }).click()
  await error.getByText("slow was not paused").waitFor()
  await page.getByRole("button", { name: "Purge slow" }).click()
  await error.getByText("slow was not purged").waitFor()
})

for (const [width, colorScheme] of [
  [390, "light"],
  [1280, "dark"]
] as const) {
  test(`${width} wide, ${colorScheme}: all of it can be read, and nothing is cut off`, async () => {
    const { url } = await start()
    const { page } = await open(url, { width, colorScheme })
    for (const [kind, count] of [
      ["quick", 100_000],
      ["slow", 30],
      ["failing", 3]
    ] as const) {
      expect((await command(url, "enqueue", { kind, count })).status).toBe(200)
    }
    const name = (await runOf(page, "slow 1").locator(".run-peer").textContent())!
    await command(url, "crash", { name })
    await letterOf(page, "failing 1").waitFor()
    await page.locator(".runs .mark.recovered").first().waitFor()
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width)
    expect(await page.evaluate(contrast)).toEqual([])
  })
}
