/** The cache panel on a cluster in memory, as somebody uses it. */
import * as fs from "node:fs"
import * as path from "node:path"
import { expect, test as any } from "vitest"
import { card, isMissing, killLoading, open, readAll, readerOf, readNear, sumOf } from "./browser.ts"
import { command, present, start, until } from "./program.ts"

const test = any.skipIf(isMissing)
const contrast = fs.readFileSync(path.join(import.meta.dirname, "contrast.js"), "utf8")
const peers = ["ada", "grace", "edsger"]

test("all read at once and one loads; then each finds it, and at last in its own process", async () => {
  const { url } = await start()
  const { page, wrongs } = await open(url)
  await page.getByText("Nothing is kept: the next to read loads it").waitFor()
  await page.locator(".readers").getByText("Has not read yet").nth(2).waitFor()
  expect(await sumOf(page, "hits")).toBe("–")
  await readAll(page)
  await page.locator(".round").getByText("3 asked, 3 answered, one loaded.").waitFor()
  expect([await sumOf(page, "loaded"), await sumOf(page, "waited")]).toEqual(["1", "2"])
  expect(await sumOf(page, "hits")).toBe("0%")
  await page.getByText(/^Kept for another /).waitFor()
  expect((await page.locator(".readers .mark").allTextContents()).toSorted()).toEqual(["loaded", "waited", "waited"])
  for (const name of peers) await readNear(page, name)
  // Nobody loaded anything again, and all of them have the same.
  expect([await sumOf(page, "loaded"), await sumOf(page, "waited"), await sumOf(page, "near")]).toEqual(["1", "2", "3"])
  const { shelf } = await present(url)
  expect(new Set(shelf.readers.map(({ forecast }) => JSON.stringify(forecast))).size).toBe(1)
  const { loaded, near, reads, shared, waited } = shelf.totals
  expect(near + shared + waited + loaded).toBe(reads)
  expect(await sumOf(page, "hits")).toBe(`${Math.round((100 * (near + shared)) / reads)}%`)
  expect(wrongs).toEqual([])
})

for (const [button, how] of [
  ["Invalidate", "Invalidated"],
  ["Clear", "Cleared"]
] as const) {
  test(`what is ${how.toLowerCase()} no peer reads any more, from its own process neither`, async () => {
    const { url } = await start()
    const { page, wrongs } = await open(url)
    for (const name of peers) await readNear(page, name)
    await page.getByRole("button", { name: button, exact: true }).press("Enter")
    await page.getByText(new RegExp(`^${how} by the page at `)).waitFor()
    await page.getByText("Nothing is kept").waitFor()
    await page.locator(".readers").getByText("Gone since").nth(2).waitFor()
    await until("a focus", () => page.evaluate(`document.activeElement.textContent === "${button}"`))
    await readAll(page)
    await page.locator(".round").getByText("3 asked, 3 answered, one loaded.").waitFor()
    const { shelf } = await present(url)
    expect(shelf.totals.loaded).toBe(2)
    for (const { forecast } of shelf.readers) expect(forecast!.at).toBeGreaterThan(shelf.removed!.at)
    expect(await page.locator(".readers").getByText("Gone since").count()).toBe(0)
    expect(wrongs).toEqual([])
  })
}

test("the peer that loads is killed, and one of those that wait for it loads", async () => {
  const { url } = await start()
  const { page, wrongs } = await open(url)
  const kill = page.getByRole("button", { name: /^Kill \w+, which loads$/ })
  const times = await killLoading(
    page,
    () => readAll(page),
    () => kill.press("Enter", { timeout: 3_000 })
  )
  const crashed = page.locator(".readers tr").filter({ hasText: "(crashed)" })
  const name = (await crashed.getAttribute("data-reader"))!
  await until("a focus", () => page.evaluate("document.activeElement.id === 'readers-heading'"))
  expect(await page.getByRole("button", { name: `Have ${name} read` }).isDisabled()).toBe(true)
  const others = peers.filter((one) => one !== name)
  await page
    .locator(".readers")
    .getByText(/^Loads since .* after waiting .* for another$/)
    .waitFor()
  await page.locator(".round").getByText("3 asked, 2 answered, 2 loaded.").waitFor()
  const heir = page.locator(".readers tr").filter({ hasText: /Read at .* after waiting .* for another/ })
  expect(others).toContain(await heir.getAttribute("data-reader"))
  // Where they were all answered one has loaded, and the two others waited.
  const sums = [`${times + 1}`, `${2 * times - 1}`]
  expect([await sumOf(page, "loaded"), await sumOf(page, "waited")]).toEqual(sums)
  // Its row goes with it; what it did is counted on.
  await readerOf(page, name).waitFor({ state: "detached" })
  expect(await sumOf(page, "loaded")).toBe(sums[0])
  expect(wrongs).toEqual([])
})

test("who is frozen is not asked, and reads what is new once it is thawed", async () => {
  const { url } = await start()
  const { page, wrongs } = await open(url)
  await readNear(page, "grace")
  await page.getByRole("button", { name: "Freeze grace" }).click()
  await readerOf(page, "grace").getByText("(frozen)").waitFor()
  await until("no button", () => page.getByRole("button", { name: "Have grace read" }).isDisabled())
  expect((await command(url, "read", { name: "grace" })).status).toBe(409)
  await page.getByRole("button", { name: "Invalidate" }).click()
  await page.getByRole("button", { name: "Have ada read" }).click()
  await readerOf(page, "ada").getByText("loaded by ada").waitFor()
  await page.getByRole("button", { name: "Thaw grace" }).click()
  await card(page, "grace").getByRole("button", { name: "Freeze grace" }).waitFor()
  await until("its button", () => page.getByRole("button", { name: "Have grace read" }).isEnabled())
  // Who was hung up on meanwhile is not asked before it listens again.
  await until("she has what is new", async () => {
    await page.getByRole("button", { name: "Have grace read" }).click()
    return (await readerOf(page, "grace").getByText("loaded by ada").count()) > 0
  })
  expect(wrongs).toEqual([])
})

test("what cannot be read or taken away is said", async () => {
  const { url } = await start()
  const { page } = await open(url)
  for (const name of ["read", "read-all", "invalidate", "clear"]) {
    await page.route(`**/commands/${name}`, (route) =>
      route.fulfill({ status: 503, json: { error: "BackendError", message: "It <b>is</b> away." } })
    )
  }
  const error = page.locator(".error span")
  for (const [button, text] of [
    ["Read on all peers at once", "Not all peers read"],
    ["Have ada read", "ada did not read"],
    ["Invalidate", "Nothing was invalidated"],
    ["Clear", "Nothing was cleared"]
  ] as const) {
    await page.getByRole("button", { name: button, exact: true }).click()
    await error.getByText(`${text}: It <b>is</b> away.`).waitFor()
  }
})

for (const [width, colorScheme] of [
  [390, "light"],
  [1280, "dark"]
] as const) {
  test(`${width} wide, ${colorScheme}: all of the cache's panel can be read, and nothing is cut off`, async () => {
    const { url } = await start()
    const { page } = await open(url, { width, colorScheme })
    await readNear(page, "ada")
    await page.getByRole("button", { name: "Invalidate" }).click()
    await page.getByRole("button", { name: "Have grace read" }).click()
    await page.getByRole("button", { name: "Kill grace, which loads" }).waitFor()
    expect(await page.evaluate(contrast)).toEqual([])
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width)
  })
}
