/** The chat panel on a cluster in memory, as somebody uses it. */
import * as fs from "node:fs"
import * as path from "node:path"
import { expect, test as any } from "vitest"
import { happening, isMissing, joinRoom, open, people, room, talk, word } from "./browser.ts"
import { command, start, until } from "./program.ts"
import { flood, guest } from "./talker.ts"

const test = any.skipIf(isMissing)
const contrast = fs.readFileSync(path.join(import.meta.dirname, "contrast.js"), "utf8")

test("two pages of one user and one of another talk; each user is listed once, and what is said is only shown", async () => {
  const { url } = await start()
  const [one, other, third] = [await open(url), await open(url), await open(url)]
  await one.page.getByLabel("Talk to").selectOption("grace")
  await joinRoom(one.page, "maria")
  await joinRoom(other.page, "maria")
  await joinRoom(third.page, "<b>juan</b>")
  for (const { page } of [one, other, third]) {
    await until("each once", async () => (await people(page)) === "<b>juan</b> on ada; maria 2 pages on ada, grace")
    expect(await room(page).locator("h4").textContent()).toBe("2 are here")
  }
  expect(await happening(one.page, "maria has come").count()).toBe(0)
  await happening(one.page, "<b>juan</b> has come").waitFor()
  const said = `<img src=x onerror="document.title='hurt'"> & "all" of it \u{1f3ad}`
  await talk(third.page, said)
  for (const { page } of [one, other, third]) {
    await word(page, said).waitFor()
    expect(await word(page, said).locator(".from").textContent()).toBe("<b>juan</b>")
    expect(await page.locator("#chat img, #chat b").count()).toBe(0)
    expect(await page.title()).toBe("Troupe")
  }
  // Said is said: the line is free for the next.
  await until("an empty line", async () => (await third.page.getByLabel("Say in the lobby").inputValue()) === "")
  await other.page.close()
  await until("one page less", async () => (await people(one.page)).includes("maria on grace"))
  // Who reloads comes back as another page, and has never left: unless that takes longer than the room's four seconds.
  const goings = happening(one.page, "has gone")
  for (let isInTime = false; !isInTime;) {
    const before = await goings.count()
    const asked = performance.now()
    await third.page.reload()
    await joinRoom(third.page, "<b>juan</b>")
    isInTime = performance.now() - asked < 4_000
    await word(third.page, said).waitFor()
    await until("one page", async () => (await people(one.page)) === "<b>juan</b> on ada; maria on grace")
    if (isInTime) expect(await goings.count()).toBe(before)
  }
  const before = await goings.count()
  await third.page.getByRole("button", { name: "Leave the lobby" }).press("Enter")
  await until("he has gone", async () => (await goings.count()) === before + 1)
  expect(await goings.last().innerText()).toBe("<b>juan</b> has gone")
  await until("a focus", () => third.page.evaluate("document.activeElement.textContent === 'Join the lobby'"))
  for (const { wrongs } of [one, other, third]) expect(wrongs).toEqual([])
})

test("the vault refuses strangers, and what is said there is heard nowhere else", async () => {
  const { url } = await start()
  const { page, wrongs } = await open(url)
  await joinRoom(page, "ali")
  await page.locator(".hall").filter({ hasText: "vault" }).click()
  await page.getByLabel("The word").fill("please")
  await page.keyboard.press("Enter")
  await page.getByText("The vault does not open to that word.").waitFor()
  await until("a focus", () => page.evaluate("document.activeElement.id === 'chat-word-vault'"))
  await page.getByLabel("The word").fill("sesame")
  await page.keyboard.press("Enter")
  await page.locator(`.room[data-room="vault"][data-in="yes"]`).waitFor()
  await until("its line has the focus", () => page.evaluate("document.activeElement.id === 'say-vault'"))
  await talk(page, "forty thieves", "vault")
  await word(page, "forty thieves", "vault").waitFor()
  // In two rooms at once: what is said in the other one is counted.
  const friend = await guest(url, "friend")
  friend.say("where are you?")
  await page.locator(".hall").filter({ hasText: "1 new" }).click()
  await word(page, "where are you?").waitFor()
  expect(await word(page, "forty thieves").count()).toBe(0)
  expect(friend.of("Said").map(({ text }) => text)).toEqual(["where are you?"])
  expect(wrongs).toEqual([])
})

test("a flood is refused, and the word stays in its line; a fortune is told by some peer", async () => {
  const { url } = await start()
  const { page, wrongs } = await open(url)
  await page.evaluate(`{
    const send = WebSocket.prototype.send
    WebSocket.prototype.send = function (data) {
      window.socket = this
      send.call(this, data)
    }
  }`)
  await joinRoom(page, "maria")
  await talk(page, "/fortune")
  await room(page).locator('.word[data-kind="fortune"]').getByText("For maria: “").waitFor()
  const line = page.getByLabel("Say in the lobby")
  const problem = page.locator('.say[data-problem="yes"] .left')
  // Faster than anybody writes, and than anybody answers: with each word all those that may be said at once.
  await page.evaluate(`{
    const line = document.getElementById("say-lobby")
    let number = 1_000
    window.flood = setInterval(() => {
      if (line.readOnly || line.form.dataset.problem === "yes") return
      for (let i = 0; i < 8; i++)
        window.socket.send(JSON.stringify({ _tag: "Say", room: "lobby", text: "beside", number: number++ }))
      line.value = "flood"
      line.dispatchEvent(new Event("input", { bubbles: true }))
      line.form.requestSubmit()
    }, 1)
  }`)
  await problem.getByText("Not so fast: 5 words a second.").waitFor()
  await page.evaluate("clearInterval(window.flood)")
  expect(await line.inputValue()).toBe("flood")
  // As often as a person would: what is beside it may still be on its way, and takes what the word needs.
  await until("it is said", async () => {
    if (await problem.isVisible()) await line.press("Enter")
    return (await line.inputValue()) === ""
  })
  expect(wrongs).toEqual([])
})

test("a page that stands still is told what it has missed", async () => {
  const { url } = await start()
  const { page, wrongs } = await open(url)
  await joinRoom(page, "sleeper")
  const speakers = await Promise.all(Array.from({ length: 24 }, (_, i) => guest(url, `speaker ${i}`)))
  await until("all of them", async () => (await people(page)).includes("speaker 23"))
  // It waits for an answer, and does nothing else meanwhile.
  let wake = () => {}
  const awake = new Promise<void>((resolve) => (wake = resolve))
  await page.route("**/sleep", async (route) => {
    await awake
    await route.fulfill({ body: "" })
  })
  const sleep = page.evaluate(`{
    const request = new XMLHttpRequest()
    request.open("GET", "sleep", false)
    request.send()
  }`)
  await flood(speakers, 300)
  wake()
  await sleep
  await happening(page, /^Gap: \d+ missed, this page was too slow$/)
    .first()
    .waitFor()
  speakers[0]!.say("are you awake?")
  await word(page, "are you awake?").waitFor()
  expect(await page.evaluate(contrast)).toEqual([])
  expect(wrongs).toEqual([])
})

test("when a peer is killed its pages go on elsewhere and miss nothing, and who does not come back is gone", async () => {
  const { url } = await start()
  const [witness, page] = [await open(url), await open(url)].map(({ page }) => page)
  await joinRoom(witness!, "witness")
  await page!.getByLabel("Talk to").selectOption("grace")
  await joinRoom(page!, "maria")
  const lost = await guest(url, "lost", { peer: "grace" })
  await until("all three", async () => (await people(witness!)) === "lost on grace; maria on grace; witness on ada")
  await witness!.getByRole("button", { name: "Crash grace" }).click()
  await lost.closed
  await page!.getByText("Your place is still held by the peer you came from").waitFor()
  await talk(witness!, "can you hear me?")
  await word(page!, "can you hear me?").waitFor()
  expect(await page!.getByLabel("Talk to").inputValue()).not.toBe("grace")
  await happening(witness!, "lost is gone: the peer has crashed").waitFor()
  await until("two are left", async () => /^maria on (ada|edsger); witness on ada$/.test(await people(witness!)))
  expect(await happening(witness!, /maria .* gone/).count()).toBe(0)
  await talk(page!, "yes, I can")
  await word(witness!, "yes, I can").waitFor()
})

test("when a peer stands still its pages find another one", async () => {
  const { url } = await start()
  const { page } = await open(url)
  await joinRoom(page, "maria")
  await command(url, "freeze", { name: "ada" })
  await until("another peer", async () => (await page.getByLabel("Talk to").inputValue()) !== "ada")
  await page.getByText(/^Talking to (grace|edsger)\.$/).waitFor()
  // It goes on its way once the page is in again.
  await talk(page, "still here")
  await word(page, "still here").waitFor()
  await command(url, "thaw", { name: "ada" })
  await until("one page, on the other", async () => /^maria on (grace|edsger)$/.test(await people(page)))
})

for (const [width, colorScheme] of [
  [390, "light"],
  [390, "dark"],
  [1280, "dark"]
] as const) {
  test(`${width} wide, ${colorScheme}: all of the chat can be read, and nothing is cut off`, async () => {
    const { url } = await start()
    const { page } = await open(url, { width, colorScheme })
    expect(await page.evaluate(contrast)).toEqual([])
    await joinRoom(page, "somebody with 24 letters")
    await talk(page, `${"a long word ".repeat(20)}${"x".repeat(200)}`)
    await word(page, "a long word").waitFor()
    await guest(url, "W".repeat(24))
    await happening(page, "has come").waitFor()
    await talk(page, "/fortune")
    await room(page).locator('.word[data-kind="fortune"]').waitFor()
    expect(await page.evaluate(contrast)).toEqual([])
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width)
    await page.locator(".hall").filter({ hasText: "vault" }).click()
    expect(await page.evaluate(contrast)).toEqual([])
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width)
  })
}
