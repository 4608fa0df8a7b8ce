/** The program's doors, without a browser: who may command, what an operator asks for, and how it begins and ends. */
import { createServer } from "node:http"
import { once } from "node:events"
import { connect } from "node:net"
import type { AddressInfo } from "node:net"
import { expect, onTestFinished, test } from "vitest"
import { command, endsWithinMs, isAlive, peers, present, processOf, start, until } from "./program.ts"

const error = async (response: Response) => ((await response.json()) as { readonly error: string }).error

/** A request as nobody but an attacker writes it. */
const raw = async (url: string, request: string): Promise<string> => {
  const socket = connect(Number(new URL(url).port), "127.0.0.1")
  socket.write(request)
  let answer = ""
  for await (const chunk of socket) answer += String(chunk)
  return answer
}

test("only the page itself may command", async () => {
  const { url } = await start()
  const spawn = async (headers: Record<string, string>, body: unknown = {}) =>
    (await command(url, "spawn", body, headers)).status
  expect(await spawn({ origin: "http://evil.example" })).toBe(403)
  expect(await spawn({ origin: url.replace(/\d+$/, "1") })).toBe(403)
  expect(await spawn({ origin: "null" })).toBe(403)
  expect(await spawn({ "sec-fetch-site": "cross-site" })).toBe(403)
  expect(await spawn({ "sec-fetch-site": "same-site" })).toBe(403)
  expect(await spawn({ "content-type": "text/plain" })).toBe(415)
  const bare = `POST /commands/spawn HTTP/1.1\r\nhost: ${new URL(url).host}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}`
  expect(await raw(url, bare)).toMatch(/^HTTP\/1.1 403 /)
  expect((await fetch(`${url}/commands/spawn`, { headers: { origin: url } })).status).toBe(404)
  expect((await fetch(`${url}/events`, { headers: { "sec-fetch-site": "cross-site" } })).status).toBe(403)
  expect(await peers(url)).toHaveLength(3)
  expect(await spawn({ origin: url, "sec-fetch-site": "same-origin" })).toBe(200)
  await until("the fourth", async () => (await peers(url)).length === 4)
})

test("a name that somebody pointed here is not this address", async () => {
  const { url } = await start()
  const { port } = new URL(url)
  const get = (host: string) => raw(url, `GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)
  expect(await get(`evil.example:${port}`)).toMatch(/^HTTP\/1.1 421 /)
  expect(await get(`localhost.evil.example:${port}`)).toMatch(/^HTTP\/1.1 421 /)
  expect(await get(`127.0.0.1:${port}`)).toMatch(/^HTTP\/1.1 200 /)
  expect(await get(`localhost:${port}`)).toMatch(/^HTTP\/1.1 200 /)
})

test("what is no command is refused, and says why", async () => {
  const { url } = await start()
  for (const [name, body, status] of [
    ["publish", { as: "ada", channel: "bulletin", text: "" }, 400],
    ["publish", { as: "ada", channel: "bulletin", text: "   " }, 400],
    ["publish", { as: "ada", channel: "bulletin", text: "x".repeat(281) }, 400],
    ["publish", { as: "ada", channel: "reports", text: "x" }, 400],
    ["publish", { as: "nobody", channel: "shout", text: "x" }, 409],
    ["freeze", {}, 400],
    ["freeze", "{", 400],
    ["freeze", "", 400],
    ["freeze", { name: "x".repeat(513) }, 400],
    ["freeze", { name: "nobody" }, 409],
    ["thaw", { name: "ada" }, 409],
    ["crash", { name: "__proto__" }, 409],
    ["crash", { name: "x".repeat(10_000) }, 413],
    ["enqueue", { kind: "quick" }, 400],
    ["enqueue", { kind: "quick", count: 0 }, 400],
    ["enqueue", { kind: "quick", count: 1.5 }, 400],
    ["enqueue", { kind: "quick", count: 100_001 }, 400],
    ["enqueue", { kind: "tick", count: 1 }, 400],
    ["pause", { kind: "__proto__" }, 400],
    ["redrive", { kind: "failing" }, 400],
    ["redrive", { kind: "failing", id: "" }, 400],
    ["cancel", { kind: "slow", id: "x".repeat(513) }, 400],
    ["read", {}, 400],
    ["read", { name: "nobody" }, 409],
    ["read", { name: "x".repeat(513) }, 400]
  ] as const) {
    const response = await command(url, name, body)
    expect([name, body, response.status]).toEqual([name, body, status])
    const { message } = (await response.json()) as { readonly message: string }
    expect(message).not.toBe("")
  }
  // A body that does not say how long it is, and is too long.
  const chunk = `${"400".padStart(4, "0")}\r\n${" ".repeat(1024)}\r\n`
  const chunked = `POST /commands/spawn HTTP/1.1\r\nhost: ${new URL(url).host}\r\norigin: ${url}\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${chunk.repeat(5)}0\r\n\r\n`
  expect(await raw(url, chunked)).toMatch(/^HTTP\/1.1 400 /)
  expect((await command(url, "publish", { as: "ada", channel: "shout", text: "x".repeat(280) })).status).toBe(200)
  expect(await peers(url)).toHaveLength(3)
})

test("a page is not fetched from elsewhere, and runs nothing that is not here", async () => {
  const { url } = await start()
  const { headers } = await fetch(url)
  expect(headers.get("content-security-policy")).toContain("default-src 'none'; script-src 'self'; style-src 'self'")
  expect(headers.get("x-content-type-options")).toBe("nosniff")
  expect(headers.get("access-control-allow-origin")).toBe(null)
  for (const file of ["/../main.ts", "/%2e%2e/main.ts", "/..%2fmain.ts", "/panels/../../Http.ts", "/nothing"]) {
    expect(await raw(url, `GET ${file} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`)).toMatch(
      /^HTTP\/1.1 40[0-9] /
    )
  }
})

test("what is not there is neither cancelled nor redriven, and a full queue says how many it took", async () => {
  const { url } = await start()
  const order = async (name: string, body: unknown) => (await (await command(url, name, body)).json()) as object
  expect(await order("cancel", { kind: "slow", id: "nothing" })).toEqual({ done: false })
  expect(await order("redrive", { kind: "slow", id: "nothing" })).toEqual({ done: 0 })
  expect(await order("redrive-all", {})).toEqual({ done: 0 })
  await order("pause", { kind: "quick" })
  for (let i = 0; i < 2; i++)
    expect(await order("enqueue", { kind: "quick", count: 100_000 })).toEqual({ done: 100_000 })
  const refused = await command(url, "enqueue", { kind: "quick", count: 100_000 })
  expect([refused.status, await refused.json()]).toEqual([
    503,
    { error: "Interrupted", message: expect.stringMatching(/^50,000 of 100,000 are known to be enqueued\./) }
  ])
  const full = await command(url, "enqueue", { kind: "quick", count: 1 })
  expect([full.status, await error(full)]).toEqual([409, "QueueFull"])
  expect(await order("purge", { kind: "quick" })).toEqual({ done: 250_000 })
})

test("an operator is told of health and metrics", async () => {
  const { url } = await start()
  expect((await fetch(`${url}/health/live`)).status).toBe(200)
  const ready = await fetch(`${url}/health/ready`)
  expect([ready.status, await ready.json()]).toEqual([200, { status: "ready" }])
  const before = /^troupe_pubsub_published (\d+)$/m.exec(await (await fetch(`${url}/metrics`)).text())![1]
  await command(url, "publish", { as: "ada", channel: "shout", text: "counted" })
  const text = await (await fetch(`${url}/metrics`)).text()
  expect(Number(/^troupe_pubsub_published (\d+)$/m.exec(text)![1])).toBeGreaterThan(Number(before))
  expect(text).toMatch(/^troupe_peers\{state="Live"\} 3$/m)
})

test("thirty-two pages may be open, and the next one waits for a place", async () => {
  const { url } = await start()
  const open = async () => {
    const stop = new AbortController()
    return { stop, response: await fetch(`${url}/events`, { signal: stop.signal }) }
  }
  const pages = await Promise.all(Array.from({ length: 32 }, open))
  expect(pages.map(({ response }) => response.status)).toEqual(Array.from({ length: 32 }, () => 200))
  const refused = (await open()).response
  expect([refused.status, await error(refused)]).toEqual([503, "TooManyViewers"])
  pages[0]!.stop.abort()
  await until("a place", async () => (await open()).response.status === 200)
  for (const { stop } of pages) stop.abort()
})

test("a busy port means the next one", async () => {
  const busy = createServer()
  await once(busy.listen(0, "127.0.0.1"), "listening")
  onTestFinished(() => void busy.close())
  const { port } = busy.address() as AddressInfo
  const { url } = await start({ env: { PORT: `${port}` } })
  expect(Number(new URL(url).port)).toBeGreaterThan(port)
  expect((await fetch(url)).status).toBe(200)
})

test("a port that is none, and an address that is not here, end it with a reason", async () => {
  await expect(start({ env: { PORT: "99999" } })).rejects.toThrow(/PORT/)
  await expect(start({ env: { HOST: "192.0.2.1" } })).rejects.toThrow(/EADDRNOTAVAIL|ServeError/)
})

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal} ends it within five seconds, whoever is watching`, async () => {
    const program = await start()
    const { signal: aborted } = new AbortController()
    const watching = await fetch(`${program.url}/events`, { signal: aborted })
    await command(program.url, "freeze", { name: "grace" })
    for (const kind of ["quick", "slow", "failing"]) await command(program.url, "enqueue", { kind, count: 10_000 })
    for (let i = 0; i < 6; i++) await command(program.url, "spawn", {})
    for (const { name } of (await peers(program.url)).slice(-6)) await command(program.url, "crash", { name })
    expect(await program.end(signal)).toBeLessThan(endsWithinMs)
    expect(await program.exited).toEqual({ code: 0, signal: null })
    await watching.body!.cancel().catch(() => {})
    expect(program.output()).not.toMatch(/ERROR|FATAL|unhandled/i)
  })
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal} to npm alone ends everything`, async () => {
    const program = await start({ isNpm: true })
    const pid = processOf((await present(program.url)).view.peers[0]!)
    expect(pid).not.toBe(program.child.pid)
    expect(await program.end(signal)).toBeLessThan(endsWithinMs)
    await until("it is gone", () => !isAlive(pid), endsWithinMs)
  })
}
