/** The chat's doors, without a browser: who may talk, what is refused, and how one polls. */
import { expect, test } from "vitest"
import { command, endsWithinMs, start, until } from "./program.ts"
import { rate } from "../Talk.ts"
import { connect, flood, guest, join } from "./talker.ts"

interface Polled {
  readonly said: ReadonlyArray<{ readonly user: string; readonly kind: string; readonly text: string }>
  readonly cursor: string
  readonly lost: boolean
}
const poll = async (url: string, query = ""): Promise<Polled> =>
  (await (await fetch(`${url}/chat/lobby?${query}`)).json()) as Polled
const post = (url: string, fields: Record<string, string>, headers: Record<string, string> = {}, room = "lobby") =>
  fetch(`${url}/chat/${room}`, { method: "POST", body: new URLSearchParams(fields), headers })
const why = async (response: Response) => ((await response.json()) as { readonly message: string }).message

test("who can only poll hears what is said, waits for it, and goes on where it was", async () => {
  const { url } = await start()
  const first = await poll(url)
  expect(first).toMatchObject({ said: [], lost: false })
  const waiting = poll(url, `after=${encodeURIComponent(first.cursor)}&wait=20`)
  const maria = await guest(url, "maria")
  maria.say("hello")
  const second = await waiting
  expect(second.said).toMatchObject([{ user: "maria", kind: "member", text: "hello" }])
  const response = await post(url, { user: "juan", text: " from a <b>terminal</b> " })
  expect([response.status, await response.text()]).toEqual([
    200,
    `{"said":{"kind":"guest","user":"juan","text":"from a <b>terminal</b>"}}\n`
  ])
  await until("she hears it", () => maria.of("Said").some(({ kind, user }) => user === "juan" && kind === "guest"))
  const third = await poll(url, `after=${encodeURIComponent(second.cursor)}`)
  expect(third.said.map(({ text }) => text)).toEqual(["from a <b>terminal</b>"])
  expect((await poll(url, `after=${encodeURIComponent(third.cursor)}`)).said).toEqual([])
})

test("a poll or a word that makes no sense, from elsewhere, or too often is refused with a sentence", async () => {
  const { url } = await start()
  const get = (path: string, headers = {}) => fetch(`${url}/chat/${path}`, { headers })
  for (const [response, status, sentence] of [
    [await get("cellar"), 404, "There is no such room."],
    [await get("vault"), 403, /private/],
    [await get("lobby?after=x"), 400, /cursor/],
    [await get("lobby?wait=31"), 400, /30/],
    [await get("lobby", { "sec-fetch-site": "cross-site" }), 403, /Only this page/],
    [await get("lobby", { origin: "http://evil.example" }), 403, /Only this page/],
    [await post(url, { text: "x" }, { origin: "http://evil.example" }), 403, /Only this page/],
    [await post(url, { text: "x" }, { "sec-fetch-site": "same-site" }), 403, /Only this page/],
    [await post(url, { text: "x" }, {}, "vault"), 403, /private/],
    [await post(url, { text: " " }), 400, "Say something."],
    [await post(url, { text: "x".repeat(501) }), 400, "A word is no longer than 500 characters."],
    [await post(url, { text: "two\nlines" }), 400, "A word is one line of text."],
    [await post(url, { text: "x", user: "y".repeat(25) }), 400, "A name is no longer than 24 characters."],
    [await post(url, { text: "x", user: "a\u202eb" }), 400, "A name has no invisible characters."],
    [await post(url, { text: "x".repeat(5_000) }), 413, /500/],
    [await post(url, { text: "x".repeat(500) }), 200, ""]
  ] as const) {
    expect(response.status).toBe(status)
    if (status !== 200) expect(await why(response)).toMatch(sentence)
  }
  const asked = performance.now()
  const all = await Promise.all(Array.from({ length: 100 }, () => post(url, { text: "flood" })))
  const seconds = (performance.now() - asked) / 1_000
  const refused = all.filter(({ status }) => status === 429)
  const said = all.length - refused.length
  expect(said).toBeLessThanOrEqual(rate.burst + rate.perSecond * seconds)
  expect(await why(refused[0]!)).toMatch(/^Not so fast/)
  expect((await poll(url)).said.filter(({ text }) => text === "flood")).toHaveLength(said)
})

test("only this program's own page may talk", async () => {
  const { url } = await start()
  for (const headers of [
    {},
    { origin: "http://evil.example" },
    { origin: url.replace(/\d+$/, "1") },
    { origin: "null" },
    { origin: url, "sec-fetch-site": "cross-site" }
  ])
    await expect(connect(url, { headers })).rejects.toThrow("it was refused")
  await expect(connect(url, { seat: "short" })).rejects.toThrow("it was refused")
  await expect(connect(url, { peer: "nobody" })).rejects.toThrow("it was refused")
  const status = async (path: string, headers = {}) => (await fetch(`${url}${path}`, { headers })).status
  expect([await status("/talk"), await status("/talk", { origin: url })]).toEqual([403, 426])
  await guest(url, "maria")
})

test("a long frame, and one that makes no sense, close the connection; a long word and a flood are refused", async () => {
  const { url } = await start()
  const closed = async (frame: string) => {
    const talker = await guest(url, "maria")
    talker.ask(frame)
    return talker.closed
  }
  expect(await closed(`{"_tag":"Say","room":"lobby","text":"${"x".repeat(4_096)}","number":1}`)).toBe(1009)
  expect(await closed("what?")).toBe(1008)
  expect(await closed(`{"_tag":"Say","room":"cellar","text":"x","number":1}`)).toBe(1008)
  expect(await closed(`{"_tag":"Read","number":1000}`)).toBe(1008)
  const maria = await guest(url, "maria")
  const asked = performance.now()
  const long = maria.say("x".repeat(501))
  const outside = maria.say("is anybody there?", "workshop")
  for (let i = 0; i < 20; i++) maria.say(`flood ${i}`)
  await until("answers to all", () => maria.of("Refused").length + maria.of("Done").length === 22)
  const seconds = (performance.now() - asked) / 1_000
  const refused = maria.of("Refused")
  const of = (number: number) => refused.find((one) => one.number === number)
  expect(of(long)).toMatchObject({ room: "lobby", why: "A word is no longer than 500 characters." })
  expect(of(outside)).toMatchObject({ room: "workshop", error: "NotMember" })
  const tooFast = refused.filter(({ error }) => error === "TooFast")
  expect(22 - tooFast.length).toBeLessThanOrEqual(rate.burst + rate.perSecond * seconds)
  await until("all that is said is heard", () => maria.of("Said").length === maria.of("Done").length)
  const nobody = await connect(url)
  nobody.ask({ _tag: "Join", room: "lobby", user: " ", word: null, after: null })
  await until("a refusal", () => nobody.of("Refused").length === 1)
  expect(nobody.of("Refused")[0]).toMatchObject({ what: "Join", why: "A name is needed." })
})

test("a page that reads nothing is told of a gap once it reads, and is hung up on if it does not", async () => {
  const { url } = await start()
  const [slow, dead] = [await guest(url, "slow"), await guest(url, "dead", { reads: false })]
  const speakers = await Promise.all(Array.from({ length: 24 }, (_, i) => guest(url, `speaker ${i}`)))
  // From then on it has fifteen seconds: nobody else is waited for in them.
  slow.rest()
  const read = slow.frames()
  const said = await flood(speakers, 300)
  // It was sent a few frames, and then no more. The last of them may begin with a gap: all speak within one pause.
  expect(slow.frames()).toBeLessThanOrEqual(read + 8)
  const before = slow.of("Said").length
  slow.read()
  await until("a gap behind them", () => slow.frames() > read + 8 && slow.of("Gap").length > 0)
  const missed = () => slow.of("Gap").reduce((sum, { missed }) => sum + missed!, 0)
  const all = () => slow.of("Said").length + slow.of("Came").length + slow.of("Went").length + missed()
  await until("nothing but the gaps is missing", () => all() >= said + 25)
  for (const gap of slow.of("Gap")) expect(gap).toMatchObject({ room: "lobby", why: "this page was too slow" })
  expect(slow.of("Said").length).toBeLessThan(said)
  expect(before).toBeLessThan(said - 64)
  expect(await dead.closed).toBe(1013)
})

test("the vault lets in who knows the word, and shows it to nobody", async () => {
  const { url } = await start()
  const stranger = await connect(url)
  stranger.ask({ _tag: "Join", room: "vault", user: "mallory", word: "please", after: null })
  await until("a refusal", () => stranger.of("Refused").length === 1)
  expect(stranger.of("Refused")[0]).toMatchObject({ room: "vault", what: "Join", error: "Rejected" })
  const friend = await connect(url)
  await join(friend, "ali", "vault", "sesame")
  friend.say("forty", "vault")
  await until("it is said", () => friend.of("Said").length === 1)
  await until("who is there", () => friend.of("People").length > 0)
  expect(friend.of("People").at(-1)!.users).toEqual([{ user: "ali", seats: 1, peers: [expect.any(String)] }])
  expect(JSON.stringify([friend.told, stranger.told])).not.toContain("sesame")
  expect(stranger.of("Said")).toEqual([])
})

test("two pages of one user are one user, who has gone with the last of them", async () => {
  const { url } = await start()
  const watcher = await guest(url, "watcher")
  const users = () =>
    watcher
      .of("People")
      .at(-1)
      ?.users.map(({ seats, user }) => `${user} ${seats}`)
  const [one, other] = [await guest(url, "maria", { peer: "ada" }), await guest(url, "maria", { peer: "grace" })]
  await until("she is listed once", () => users()?.join() === "watcher 1,maria 2")
  await until("she has come", () => watcher.of("Came").length > 0)
  expect(watcher.of("Came").map(({ user }) => user)).toEqual(["maria"])
  one.close()
  await until("one page less", () => users()?.join() === "watcher 1,maria 1")
  expect(watcher.of("Went")).toEqual([])
  other.close()
  await until("she is gone", () => users()?.join() === "watcher 1" && watcher.of("Went").length > 0)
  expect(watcher.of("Went")).toMatchObject([{ user: "maria", how: "Left" }])
})

test("who comes again under the same seat never left, and hears what was said meanwhile", async () => {
  const { url } = await start()
  const watcher = await guest(url, "watcher", { peer: "grace" })
  const seat = "seat-of-maria"
  const before = await guest(url, "maria", { seat, peer: "ada" })
  watcher.say("before")
  await until("she hears it", () => before.of("Said").length === 1)
  const after = before.of("Said")[0]!.position
  before.close()
  watcher.say("meanwhile")
  await until("it is said", () => watcher.of("Done").length === 2)
  const again = await connect(url, { seat, peer: "edsger" })
  await until("she is in again", () => {
    if (again.of("In").length === 0) again.ask({ _tag: "Join", room: "lobby", user: "maria", word: null, after })
    return again.of("In").length > 0
  })
  await until("what was said", () => again.of("Said").some(({ text }) => text === "meanwhile"))
  expect(again.of("Said").some(({ text }) => text === "before")).toBe(false)
  expect(again.of("Gap")).toEqual([])
  expect([watcher.of("Came").length, watcher.of("Went").length]).toEqual([1, 0])
})

test("a fortune is told by some peer, kept for a minute, and counted", async () => {
  const { url } = await start()
  const maria = await guest(url, "maria")
  maria.say("/fortune")
  const fortunes = () => maria.of("Said").filter(({ kind }) => kind === "fortune")
  await until("a fortune", () => fortunes().length === 1)
  await post(url, { user: "juan", text: "/fortune" })
  await until("another", () => fortunes().length === 2)
  const [first, second] = fortunes().map(({ text }) => /^For (\w+): “(.*)”/.exec(text)!)
  expect([first![1], second![1], second![2]]).toEqual(["maria", "juan", first![2]])
  await command(url, "flush", {})
  const text = await (await fetch(`${url}/metrics`)).text()
  expect(text).toMatch(/troupe_chat_said/)
})

test("asked to end it tells its pages, and waits neither for those that do not read nor for peers that stand still", async () => {
  const program = await start()
  const { url } = program
  const reader = await guest(url, "reader")
  const deaf = await guest(url, "deaf", { reads: false })
  const frozen = await guest(url, "frozen", { peer: "grace" })
  frozen.say("a last word")
  await until("it is heard", () => reader.of("Said").length === 1)
  await command(url, "freeze", { name: "grace" })
  frozen.say("said to nobody")
  const waiting = poll(url, `after=${encodeURIComponent((await poll(url)).cursor)}&wait=20`).catch(() => "cut off")
  expect(await program.end("SIGTERM")).toBeLessThan(endsWithinMs)
  expect(await program.exited).toEqual({ code: 0, signal: null })
  expect(await reader.closed).toBe(1001)
  expect(reader.told.at(-1)).toEqual({ _tag: "Leaving" })
  await Promise.all([deaf.closed, frozen.closed, waiting])
  expect(program.output()).not.toMatch(/ERROR|FATAL|WARN|unhandled/i)
})
