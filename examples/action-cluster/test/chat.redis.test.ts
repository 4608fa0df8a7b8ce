/** The chat panel on a cluster of processes: pages go from one to another, and Redis goes and comes. */
import { expect, test as any } from "vitest"
import { missing } from "../../../scripts/missing.ts"
import { happening, isMissing, joinRoom, open, people, talk, word } from "./browser.ts"
import { times } from "../Peer.ts"
import { join, own, redis } from "./fleet.ts"
import { until } from "./program.ts"
import { guest } from "./talker.ts"

const test = any.skipIf(missing.binary || isMissing)

/** For so long somebody whose page is loaded anew has not left. */
const graceMs = 4_000

const isIn = (page: Awaited<ReturnType<typeof open>>["page"]) =>
  page.locator(`.room[data-room="lobby"][data-in="yes"]`).waitFor()

test("a process is killed, and one is asked to end: their pages go on elsewhere by themselves, and nobody has left", async () => {
  const server = await redis()
  const [killed, ended, last] = [await join(server), await join(server), await join(server)]
  const names = new Map(
    await Promise.all([killed, ended, last].map(async (one) => [one.url, (await own(one)).name] as const))
  )
  const [one, other] = [await open(killed.url), await open(ended.url)]
  // Each knows where the others' pages are.
  for (const { page } of [one, other])
    await until("two addresses", async () => (await page.locator(".card .facts a:visible").count()) >= 2)
  await joinRoom(one.page, "maria")
  await joinRoom(other.page, "juan")
  const witness = await guest(last.url, "witness")
  await talk(one.page, "from one process")
  await word(other.page, "from one process").waitFor()
  const all = [
    `juan on ${names.get(ended.url)}`,
    `maria on ${names.get(killed.url)}`,
    `witness on ${names.get(last.url)}`
  ]
  await until("all three", async () => (await people(one.page)) === all.join("; "))
  await talk(other.page, "from the other")
  await word(one.page, "from the other").waitFor()
  expect([one.wrongs, other.wrongs]).toEqual([[], []])

  await one.page.getByLabel("Say in the lobby").fill("not said yet")
  await killed.end("SIGKILL")
  await one.page.waitForURL((url) => url.origin !== killed.url)
  witness.say("where is she?")
  await isIn(one.page)
  await word(one.page, "where is she?").waitFor()
  await word(one.page, "from the other").waitFor()
  expect(await one.page.getByLabel("Say in the lobby").inputValue()).toBe("not said yet")
  expect(new URL(one.page.url()).hash).toBe("")
  await one.page.getByLabel("Say in the lobby").press("Enter")
  await until("it is heard", () =>
    witness.of("Said").some(({ text, user }) => text === "not said yet" && user === "maria")
  )

  // Whoever of them is on the one that ends goes on at the last one.
  const asked = performance.now()
  await ended.end("SIGTERM")
  const gone = performance.now()
  await other.page.waitForURL((url) => url.origin === last.url)
  await isIn(other.page)
  // It does not wait for the verdict over a peer that was killed.
  expect(performance.now() - gone).toBeLessThan(times.downAfterMs - times.heartbeatMs)
  await one.page.waitForURL((url) => url.origin === last.url)
  await isIn(one.page)
  const isInTime = performance.now() - asked < graceMs
  await talk(other.page, "here I am again")
  await until("it is heard", () => witness.of("Said").some(({ text }) => text === "here I am again"))
  await word(one.page, "here I am again").waitFor()
  await until("all on one", async () => {
    const name = names.get(last.url)
    return (await people(one.page)) === `juan on ${name}; maria on ${name}; witness on ${name}`
  })
  expect(witness.of("Gap")).toEqual([])
  const moved = [...witness.of("Came"), ...witness.of("Went")]
  // A page that takes longer than the grace to be loaded has left, and comes again. Of who was killed nobody said so.
  if (isInTime) expect(moved).toEqual([])
  else for (const one of moved) expect(one).not.toMatchObject({ how: "Crashed" })
})

test("who closes the page on one process is gone for those on another, and a killed process's seats are emptied", async () => {
  const server = await redis()
  const [first, second] = [await join(server), await join(server)]
  const { page } = await open(first.url)
  await joinRoom(page, "maria")
  const [leaver, lost] = [await guest(second.url, "leaver"), await guest(second.url, "lost")]
  await happening(page, "lost has come").waitFor()
  leaver.close()
  await happening(page, "leaver has gone").waitFor()
  await second.end("SIGKILL")
  await lost.closed
  await happening(page, "lost is gone: the peer has crashed").waitFor()
  const { name } = await own(first)
  await until("she is alone", async () => (await people(page)) === `maria on ${name}`)
})

test("while Redis is away nothing is said, and what is written stays; with Redis the rooms come back", async () => {
  const server = await redis()
  const { url } = await join(server)
  const { page, wrongs } = await open(url)
  await joinRoom(page, "maria")
  await talk(page, "before")
  await word(page, "before").waitFor()

  server.signal("SIGSTOP")
  await page.locator("#banner").getByText("Redis does not answer").waitFor()
  await page.getByText("What you say now may not be said").waitFor()
  await talk(page, "in between")
  const problem = page.locator('.say[data-problem="yes"] .left')
  await problem.waitFor()
  const line = page.getByLabel("Say in the lobby")
  expect(await line.inputValue()).toBe("in between")
  server.signal("SIGCONT")
  await page.locator("#banner").waitFor({ state: "hidden" })
  await isIn(page)
  // However often it was sent, it is said once.
  await until("it is said", async () => {
    if ((await line.inputValue()) === "") return true
    if ((await problem.count()) > 0) await line.press("Enter")
    return false
  })
  await talk(page, "afterwards")
  await word(page, "afterwards").waitFor()
  expect(await word(page, "in between").count()).toBe(1)

  // It has lost everything.
  await server.kill()
  await page.locator("#banner").getByText("Redis does not answer").waitFor()
  await server.restart()
  await page.locator("#banner").waitFor({ state: "hidden" })
  await until("it is heard", async () => {
    if ((await word(page, "a new beginning").count()) > 0) return true
    if ((await line.inputValue()) === "" || (await problem.count()) > 0) await talk(page, "a new beginning")
    return false
  })
  await until("she is listed", async () => (await people(page)).startsWith("maria on "))
  expect(await word(page, "before").count()).toBe(0)
  expect(wrongs).toEqual([])
})
