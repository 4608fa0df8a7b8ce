/** The page on a cluster in memory, as somebody uses it: every button, the keyboard, a phone, the dark. */
import assert from "node:assert/strict"
import * as fs from "node:fs"
import * as path from "node:path"
import { expect, test as any } from "vitest"
import { card, isMissing, open, say } from "./browser.ts"
import { command, peers, present, start, until } from "./program.ts"

const test = any.skipIf(isMissing)
const contrast = fs.readFileSync(path.join(import.meta.dirname, "contrast.js"), "utf8")
const state = (page: Parameters<typeof card>[0], name: string) => card(page, name).locator(".state").textContent()

test("three peers beat, and one of them leads", async () => {
  const { url } = await start()
  const { page, wrongs } = await open(url)
  expect(await page.locator(".card h3").allTextContents()).toEqual(["ada", "grace", "edsger"])
  await until("one director", async () => (await page.locator(".badge:visible").count()) === 1)
  // A beat makes the age begin anew: it goes down, by however much of it the page has come to know.
  const age = async () => Number(/([\d.]+) s ago/.exec((await card(page, "grace").locator(".age").textContent())!)![1])
  let oldest = 0
  await until("a beat", async () => {
    const now = await age()
    oldest = Math.max(oldest, now)
    return now < oldest
  })
  expect(await state(page, "grace")).toBe("Live")
  expect(wrongs).toEqual([])
})

test("what one says all hear, as it was said", async () => {
  const { url } = await start()
  const { page, wrongs } = await open(url)
  const said = `<img src=x onerror="document.title='hurt'"> & "all" of it \u{1f3ad}`
  await say(page, "shout", said, "grace")
  for (const name of ["ada", "grace", "edsger"]) {
    const line = card(page, name).locator(".line").filter({ hasText: said })
    await until(`${name} hears it`, async () => (await line.locator(".line-text").textContent()) === said)
    expect(await line.locator(".from").textContent()).toBe("grace")
    expect(await line.locator(".channel").textContent()).toBe("shout")
  }
  expect(await page.locator(".wire img").count()).toBe(0)
  expect(await page.title()).toBe("Troupe")
  expect(await page.getByLabel("Message").inputValue()).toBe("")
  expect(wrongs).toEqual([])
})

test("who is frozen is suspected, then gone; thawed, it joins anew, has missed nothing that is kept, and tells the gap", async () => {
  const { url } = await start()
  const { page, wrongs } = await open(url)
  const edsger = card(page, "edsger")
  const id = await edsger.locator(".id").textContent()
  await page.getByRole("button", { name: "Freeze edsger" }).click()
  await say(page, "bulletin", "kept for who is away")
  await until("the others hear it", () => card(page, "ada").getByText("kept for who is away").isVisible())
  await say(page, "shout", "kept for nobody")
  await until("a suspicion", async () => (await state(page, "edsger")) === "Suspected")
  await until("a verdict", async () => (await state(page, "edsger")) === "Gone")
  expect(await edsger.getByText("kept for who is away").count()).toBe(0)
  await page.getByRole("button", { name: "Thaw edsger" }).click()
  await until("another life", async () => (await state(page, "edsger")) === "Live")
  await until("under another id", async () => (await edsger.locator(".id").textContent()) !== id)
  await edsger.getByText("kept for who is away").waitFor()
  await edsger.getByText("Gap: perhaps something was missed").waitFor()
  expect(await edsger.getByText("kept for nobody").count()).toBe(0)
  expect(wrongs).toEqual([])
})

test("who thaws in time was never away", async () => {
  const { url } = await start()
  const { page } = await open(url)
  // After five seconds it would have been hung up on: no time is spent with the page meanwhile.
  const saidTo = async (name: string) =>
    (await present(url)).lines.some(
      ({ by, what }) => by === name && what._tag === "Message" && what.text === "in the meantime"
    )
  await command(url, "freeze", { name: "grace" })
  await command(url, "publish", { as: "ada", channel: "shout", text: "in the meantime" })
  await until("ada hears it", () => saidTo("ada"))
  expect(await saidTo("grace")).toBe(false)
  await command(url, "thaw", { name: "grace" })
  await card(page, "grace").getByText("in the meantime").waitFor()
  expect(await card(page, "grace").locator(".gap").count()).toBe(0)
})

test("when the director crashes another one leads, and the focus does not get lost", async () => {
  const { url } = await start()
  const { page, wrongs } = await open(url)
  const leader = await until("a director", async () => (await peers(url)).find(({ isLeader }) => isLeader)?.name)
  await page.getByRole("button", { name: `Crash ${leader}` }).press("Enter")
  await card(page, leader).getByText("Crashed: the others have yet to find out").waitFor()
  expect(await page.getByRole("button", { name: `Crash ${leader}` }).count()).toBe(0)
  await until("its card has the focus", () => page.evaluate(`document.activeElement.textContent === "${leader}"`))
  await card(page, leader).waitFor({ state: "detached" })
  await until("the focus is on", () => page.evaluate("document.activeElement.id === 'spawn'"))
  await page.locator("#happenings").getByText(`${leader} was not heard of any more, and is gone`).waitFor()
  const next = await until("another", async () => (await peers(url)).find(({ isLeader }) => isLeader)?.name)
  assert.notEqual(next, leader)
  await card(page, next).locator(".badge").waitFor()
  expect(wrongs).toEqual([])
})

test("a peer is spawned, up to twelve and no further", async () => {
  const { url } = await start()
  const { page, wrongs } = await open(url)
  const spawn = page.getByRole("button", { name: "Spawn a peer" })
  await spawn.click()
  await card(page, "barbara").waitFor()
  await card(page, "barbara").getByText("Live", { exact: true }).waitFor()
  for (let i = 4; i < 12; i++) expect((await command(url, "spawn", {})).status).toBe(200)
  await until("twelve cards", async () => (await page.locator(".card").count()) === 12)
  await until("no more", () => spawn.isDisabled())
  const refused = await command(url, "spawn", {})
  expect(refused.status).toBe(409)
  expect(((await refused.json()) as { error: string }).error).toBe("TooManyPeers")
  expect(wrongs).toEqual([])
})

test("when nobody is awake the page says that it shows the past", async () => {
  const { url } = await start()
  const { page } = await open(url)
  for (const name of ["ada", "grace", "edsger"]) await page.getByRole("button", { name: `Freeze ${name}` }).click()
  await page.locator("#banner").getByText("Every peer is frozen").waitFor()
  expect(await page.getByRole("button", { name: "Publish" }).isDisabled()).toBe(true)
  expect((await fetch(`${url}/health/ready`)).status).toBe(503)
  expect(await page.evaluate(contrast)).toEqual([])
  await page.getByRole("button", { name: "Thaw ada" }).click()
  await page.locator("#banner").waitFor({ state: "hidden" })
  expect((await fetch(`${url}/health/ready`)).status).toBe(200)
})

test("what cannot be done is said, until it is dismissed", async () => {
  const { url } = await start()
  const { page } = await open(url)
  await page.route("**/commands/freeze", (route) =>
    route.fulfill({ status: 409, json: { error: "NotInReach", message: "ada <b>is</b> not there any more." } })
  )
  await page.getByRole("button", { name: "Freeze ada" }).click()
  const error = page.locator(".error")
  expect(await error.locator("span").textContent()).toBe("ada was not frozen: ada <b>is</b> not there any more.")
  expect(await page.locator("#errors").getAttribute("role")).toBe("alert")
  await page.getByRole("button", { name: "Dismiss" }).click()
  expect(await error.count()).toBe(0)
  await page.route("**/commands/freeze", (route) => route.abort())
  for (let i = 0; i < 5; i++) {
    await page.getByRole("button", { name: "Freeze ada" }).click()
    await until("the button is back", () => page.getByRole("button", { name: "Freeze ada" }).isEnabled())
  }
  expect(await error.count()).toBe(3)
})

test("everything can be done without a mouse", async () => {
  const { url } = await start()
  const { page } = await open(url)
  const focused = () =>
    page.evaluate(`{
      const { activeElement: element } = document
      element.disabled ? undefined : (element.getAttribute("aria-label") ?? element.textContent)
    }`)
  await page.keyboard.press("Tab")
  expect(await focused()).toBe("Skip to the cluster")
  await page.keyboard.press("Enter")
  await page.keyboard.press("Tab")
  expect(await focused()).toBe("Spawn a peer")
  const outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
  expect(outline).toBe("solid")
  await page.keyboard.press("Enter")
  await card(page, "barbara").waitFor()
  // The button was disabled for the while, and has the focus again.
  await until("the focus is back", async () => (await focused()) === "Spawn a peer")
  await page.keyboard.press("Tab")
  expect(await focused()).toBe("Freeze ada")
  await page.keyboard.press("Space")
  await until("it is frozen", async () => (await focused()) === "Thaw ada")
  await page.keyboard.press("Space")
  await until("it is thawed", async () => (await focused()) === "Freeze ada")
  await page.keyboard.press("Tab")
  expect(await focused()).toBe("Crash ada")
  await page.getByLabel("Who speaks").focus()
  await page.keyboard.press("Tab")
  await page.keyboard.press("ArrowDown")
  expect(await page.getByRole("radio", { name: "shout" }).isChecked()).toBe(true)
  await page.keyboard.press("Tab")
  await page.keyboard.type("by hand")
  await page.keyboard.press("Enter")
  await card(page, "edsger").getByText("by hand").waitFor()
  expect(await page.evaluate("document.activeElement.id")).toBe("publish-text")
})

test("the program goes and comes: the page says so, and shows the present again", async () => {
  const first = await start()
  const { page, wrongs } = await open(first.url)
  await say(page, "bulletin", "before")
  await card(page, "ada").getByText("before").waitFor()
  await first.end("SIGKILL")
  await page.locator("#banner").getByText("does not answer").waitFor()
  await page.getByText("Not connected").waitFor()
  expect(await page.getByRole("button", { name: "Spawn a peer" }).isDisabled()).toBe(true)
  expect(await page.getByRole("button", { name: "Freeze ada" }).isDisabled()).toBe(true)
  const second = await start({ env: { PORT: new URL(first.url).port } })
  expect(second.url).toBe(first.url)
  await page.locator("#banner").waitFor({ state: "hidden" })
  expect(await card(page, "ada").getByText("before").count()).toBe(0)
  await say(page, "bulletin", "after")
  await card(page, "ada").getByText("after").waitFor()
  expect(wrongs).toEqual([])
})

test("lines are kept within bounds", async () => {
  const { url } = await start()
  const { page } = await open(url)
  for (let i = 1; i <= 30; i++) await command(url, "publish", { as: "ada", channel: "shout", text: `number ${i}` })
  await card(page, "ada").getByText("number 30").waitFor()
  expect(await card(page, "ada").locator(".wire li").count()).toBe(20)
  expect((await present(url)).lines.length).toBeLessThanOrEqual(240)
})

for (const colorScheme of ["light", "dark"] as const) {
  test(`on a phone, ${colorScheme}: nothing is cut off, and everything can be read`, async () => {
    const { url } = await start()
    const { page } = await open(url, { width: 390, colorScheme })
    await command(url, "publish", { as: "ada", channel: "bulletin", text: "a".repeat(280) })
    await card(page, "ada").locator(".line").getByText("aaaa").waitFor()
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(390)
    expect(await page.evaluate(contrast)).toEqual([])
  })
}
