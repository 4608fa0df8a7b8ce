/** A browser, where the machine has one: Debian's `chromium-headless-shell`, or any Chromium on PATH. */
import * as fs from "node:fs"
import * as path from "node:path"
import { type Browser, chromium, type Page } from "playwright-core"
import { afterAll, onTestFinished } from "vitest"
import { until } from "./program.ts"

const executable = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"]
  .flatMap((name) => (process.env["PATH"] ?? "").split(path.delimiter).map((folder) => path.join(folder, name)))
  .find((file) => fs.existsSync(file))

/** Tests that need it are skipped by name: `test.skipIf(isMissing)(…)`. `apt-get install chromium-headless-shell` brings one. */
export const isMissing = executable === undefined

let browser: Promise<Browser> | undefined
afterAll(async () => (await browser)?.close())

const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]

export interface Opened {
  readonly page: Page
  /** What it asked for at another address than its own, and what it complained of: both stay empty. */
  readonly wrongs: ReadonlyArray<string>
}

/** The page in a window of its own, with a user who has never been here. Closed with the test. */
export const open = async (
  url: string,
  options: { readonly width?: number; readonly colorScheme?: "light" | "dark" } = {}
): Promise<Opened> => {
  browser ??= chromium.launch({
    executablePath: executable!,
    args: [...args, "--disable-component-update", "--disable-sync"]
  })
  const context = await (
    await browser
  ).newContext({
    viewport: { width: options.width ?? 1280, height: 900 },
    colorScheme: options.colorScheme ?? "light"
  })
  onTestFinished(() => context.close())
  const page = await context.newPage()
  page.setDefaultTimeout(60_000)
  const wrongs: Array<string> = []
  page.on("pageerror", (error) => wrongs.push(error.message))
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== url) wrongs.push(request.url())
  })
  // What a server that is away or refuses makes a browser write is not the page's own fault.
  page.on("console", (message) => {
    if (message.type() === "error" && !/Failed to load resource/.test(message.text())) wrongs.push(message.text())
  })
  await page.goto(url)
  await page.locator(".card").first().waitFor()
  return { page, wrongs }
}

export const card = (page: Page, name: string) => page.locator(`.card[data-peer="${name}"]`)

/** Has a peer say something, as a user does. */
export const say = async (page: Page, channel: "bulletin" | "shout", text: string, as?: string) => {
  if (as !== undefined) await page.getByLabel("Who speaks").selectOption(as)
  await page.getByRole("radio", { name: channel }).check()
  await page.getByLabel("Message").fill(text)
  await page.getByRole("button", { name: "Publish" }).click()
}

/** A part of the task panel: one kind's queue, a task that is run, or one that is dead. */
export const queueOf = (page: Page, kind: string) => page.locator(`.queues tr[data-kind="${kind}"]`)
export const runOf = (page: Page, title: string) => page.locator(`.runs li[data-task="${title}"]`)
export const letterOf = (page: Page, title: string) => page.locator(`.letters li[data-task="${title}"]`)
/** How many of that kind are in that state, as the page has it. */
export const depth = (page: Page, kind: string, state: "ready" | "delayed" | "claimed" | "dead") =>
  queueOf(page, kind).locator(`td[data-state="${state}"]`).textContent()

/** Enqueues as a user does. */
export const enqueue = async (page: Page, kind: string, count: "1" | "1,000" | "100,000" = "1") => {
  await page.getByRole("radio", { name: count, exact: true }).check()
  await page.getByRole("button", { name: `Enqueue ${kind}` }).click()
}

/** A part of the cache panel: what one peer reads, where it had its last answer from, and a sum over all. */
export const readerOf = (page: Page, name: string) => page.locator(`.readers tr[data-reader="${name}"]`)
export const sumOf = (page: Page, what: string) => page.locator(`#cache [data-sum="${what}"]`).textContent()
export const readAll = (page: Page) => page.getByRole("button", { name: "Read on all peers at once" }).click()
/** Has it read again until its own process answers. */
export const readNear = async (page: Page, name: string) => {
  const mark = readerOf(page, name).locator(".mark")
  for (let i = 0; (await mark.textContent()) !== "near"; i++) {
    if (i === 50) throw new Error(`${name} is not answered by its own process`)
    const before = await readerOf(page, name).textContent()
    await page.getByRole("button", { name: `Have ${name} read` }).click()
    await until("it reads", async () => (await readerOf(page, name).textContent()) !== before)
    await readerOf(page, name).getByText("Read at").waitFor()
  }
}

/** Has them read until the one that loads is killed while it does, a load takes two seconds: how often that took. */
export const killLoading = async (page: Page, read: () => Promise<void>, kill: () => Promise<void>) => {
  for (let times = 1; ; times++) {
    await read()
    const isKilled = await kill().then(
      () => true,
      () => false
    )
    if (isKilled) return times
    await page.getByRole("button", { name: "Invalidate" }).click()
    await page.getByText("Nothing is kept").waitFor()
  }
}

/** A part of the stats panel: what all peers have counted, and what one has. */
export const totalOf = async (page: Page, counter: string) =>
  Number((await page.locator(`#stats [data-counter="${counter}"]`).textContent())!.replaceAll(",", ""))
export const countsOf = (page: Page, name: string) => page.locator(`.counts tr[data-counts="${name}"]`)
export const countOf = (page: Page, name: string, short: string) =>
  countsOf(page, name).locator(`td[data-count="${short}"]`).textContent()

/** A part of the chat panel: a room, as somebody who is in it sees it. */
export const room = (page: Page, name = "lobby") => page.locator(`.room[data-room="${name}"]`)
export const word = (page: Page, text: string, name = "lobby") =>
  room(page, name).locator(".word").filter({ hasText: text })
/** What happened there, but for words. */
export const happening = (page: Page, text: string | RegExp, name = "lobby") =>
  room(page, name).locator(".happening").filter({ hasText: text })
/** Comes in, under that name where it has none yet. */
export const joinRoom = async (page: Page, user: string, name = "lobby") => {
  const field = page.getByLabel("Your name")
  if (await field.isEnabled()) await field.fill(user)
  await page.locator(".hall").filter({ hasText: name }).click()
  await page.getByRole("button", { name: `Join the ${name}` }).click()
  await page.locator(`.room[data-room="${name}"][data-in="yes"]`).waitFor()
}
/** Says it as a user does: written, and Enter. */
export const talk = async (page: Page, text: string, name = "lobby") => {
  await page.getByLabel(`Say in the ${name}`).fill(text)
  await page.keyboard.press("Enter")
}
/** Who is listed there, with what is said of each. */
export const people = async (page: Page, name = "lobby"): Promise<string> =>
  (await room(page, name).locator(".people li").allInnerTexts())
    .map((text) => text.replace(/\s+/g, " ").trim())
    .toSorted()
    .join("; ")
