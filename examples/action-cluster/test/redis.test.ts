/** The page on a cluster of processes: one of them is started by hand, or two, and the others from the page. */
import * as fs from "node:fs"
import { expect, test as any } from "vitest"
import { missing } from "../../../scripts/missing.ts"
import { card, isMissing, open, say } from "./browser.ts"
import { find, guard, join, own, redis, spawn } from "./fleet.ts"
import { command, endsWithinMs, isAlive, peers, present, processOf, start, until } from "./program.ts"

const test = any.skipIf(missing.binary)
const testPage = any.skipIf(missing.binary || isMissing)

const isStopped = (pid: number): boolean => /\) T /.test(fs.readFileSync(`/proc/${pid}/stat`, "utf8"))

testPage(
  "each process is a peer, and what one says all hear",
  async () => {
    const server = await redis()
    const [one, other] = [await join(server), await join(server)]
    const [name, otherName] = [(await own(one)).name, (await own(other)).name]
    const { page, wrongs } = await open(one.url)
    const { page: otherPage } = await open(other.url)
    for (const window of [page, otherPage]) {
      await card(window, name).waitFor()
      await card(window, otherName).waitFor()
      await until("one director", async () => (await window.locator(".badge:visible").count()) === 1)
    }
    await until("all is well", async () => {
      const lights = await page.locator(".light").allTextContents()
      return lights.join() === "Connected,Redis is up"
    })
    // Who was started elsewhere is not ours to harm; its own page is one click away.
    expect(await card(page, otherName).getByRole("button").count()).toBe(0)
    await until("its address", () => card(page, otherName).getByRole("link", { name: other.url }).isVisible())
    expect((await command(one.url, "crash", { name: otherName })).status).toBe(409)
    expect((await command(one.url, "freeze", { name })).status).toBe(409)
    await say(page, "shout", "from one to all")
    for (const window of [page, otherPage]) {
      await card(window, name).getByText("from one to all").waitFor()
      await card(window, otherName).getByText("from one to all").waitFor()
    }
    // Who comes later is shown what was heard before.
    const third = await join(server)
    await until("the past", async () =>
      (await present(third.url)).lines.some(({ what }) => what._tag === "Message" && what.text === "from one to all")
    )
    expect(await third.end("SIGTERM")).toBeLessThan(endsWithinMs)
    await page.locator("#happenings [data-kind=Graceful]").waitFor()
    expect(wrongs).toEqual([])
  },
  180_000
)

testPage(
  "from the page another process is started, stopped, continued and killed",
  async () => {
    const server = await redis()
    const program = await join(server)
    const { page, wrongs } = await open(program.url)
    await page.getByRole("button", { name: "Spawn a peer" }).click()
    await until("it is there", async () => (await page.locator(".card").count()) === 2)
    const child = (await peers(program.url)).find(({ hold }) => hold === "running")!
    const pid = guard(processOf(child))
    expect(isAlive(pid)).toBe(true)
    await page.getByRole("button", { name: `Freeze ${child.name}` }).click()
    await until("it is stopped", () => isStopped(pid))
    await say(page, "bulletin", "while it stood still")
    await card(page, child.name).getByText("Suspected", { exact: true }).waitFor()
    await card(page, child.name).getByText("Gone", { exact: true }).waitFor()
    await page.getByRole("button", { name: `Thaw ${child.name}` }).click()
    await card(page, child.name).getByText("Live", { exact: true }).waitFor()
    await card(page, child.name).getByText("while it stood still").waitFor()
    expect((await find(program, child.name))!.id).not.toBe(child.id)
    await page.getByRole("button", { name: `Crash ${child.name}` }).click()
    await until("it is killed", () => !isAlive(pid))
    await card(page, child.name).getByText("Crashed: the others have yet to find out").waitFor()
    await page.locator("#happenings [data-kind=Crashed]").getByText(child.name).waitFor()
    await card(page, child.name).waitFor({ state: "detached" })
    expect(wrongs).toEqual([])
  },
  180_000
)

testPage(
  "Redis stands still and goes on, dies and comes back: the page says so each time, and shows the present again",
  async () => {
    const server = await redis()
    const [one, other] = [await join(server), await join(server)]
    const name = (await own(one)).name
    const { page, wrongs } = await open(one.url)
    await until("two cards", async () => (await page.locator(".card").count()) === 2)
    const ready = async () => (await fetch(`${one.url}/health/ready`)).status
    const isBack = async () => {
      await page.locator("#banner").waitFor({ state: "hidden" })
      await page.getByText("Redis is up", { exact: true }).first().waitFor()
      await until("ready", async () => (await ready()) === 200)
    }

    server.signal("SIGSTOP")
    await page.locator("#banner").getByText("Redis does not answer").waitFor()
    await until("not ready", async () => (await ready()) === 503)
    expect((await fetch(`${one.url}/health/live`)).status).toBe(200)
    await say(page, "shout", "into the void")
    await page.locator(".error").getByText("Nothing was published").waitFor()
    await page.getByRole("button", { name: "Dismiss" }).click()
    server.signal("SIGCONT")
    await isBack()
    // Who was silent because nobody could be heard was not given up.
    await until("both live", async () => (await peers(one.url)).filter(({ state }) => state === "Live").length === 2)
    expect((await present(one.url)).happenings.map(({ kind }) => kind)).not.toContain("Left")

    await server.kill()
    await page.locator("#banner").getByText("Redis does not answer").waitFor()
    await server.restart()
    await isBack()
    // Nothing was kept, and yet nobody had to be started anew.
    await until("both", async () => (await peers(one.url)).filter(({ state }) => state === "Live").length === 2)
    await card(page, name).locator(".gap").first().waitFor()
    await say(page, "shout", "after the storm")
    for (const window of [one, other]) {
      await until(
        "all hear it",
        async () =>
          (await present(window.url)).lines.filter(
            ({ what }) => what._tag === "Message" && what.text === "after the storm"
          ).length === 2
      )
    }
    expect(wrongs).toEqual([])
  },
  180_000
)

test("asked to end, it takes along those it has started, frozen ones too, and all leave in good order", async () => {
  const server = await redis()
  const witness = await join(server)
  const program = await join(server)
  const names = [(await own(program)).name, await spawn(program), await spawn(program)]
  const pids = await Promise.all(names.slice(1).map(async (name) => guard(processOf((await find(program, name))!))))
  await command(program.url, "freeze", { name: names[2] })
  await until("it is stopped", () => isStopped(pids[1]!))
  expect(await program.end("SIGTERM")).toBeLessThan(endsWithinMs)
  expect(await program.exited).toEqual({ code: 0, signal: null })
  await until("nobody is left", () => !pids.some(isAlive), endsWithinMs)
  const reasons = await until("all have left", async () => {
    const { happenings } = await present(witness.url)
    const left = happenings.filter(({ kind, peer }) => kind === "Left" && names.includes(peer))
    return left.length === 3 && left.map(({ detail }) => detail)
  })
  expect(reasons).toEqual(["Graceful", "Graceful", "Graceful"])
})

test("with Redis away it ends within five seconds all the same, and leaves no process", async () => {
  const server = await redis()
  const program = await join(server)
  const name = await spawn(program)
  const pid = guard(processOf((await find(program, name))!))
  server.signal("SIGSTOP")
  await until("it knows", async () => (await fetch(`${program.url}/health/ready`)).status === 503)
  expect(await program.end("SIGTERM")).toBeLessThan(endsWithinMs)
  await until("nobody is left", () => !isAlive(pid), endsWithinMs)
  server.signal("SIGCONT")
})

test("killed, or with the signal to npm alone, it leaves no process either", async () => {
  const server = await redis()
  for (const [isNpm, signal] of [
    [false, "SIGKILL"],
    [true, "SIGTERM"],
    [true, "SIGINT"]
  ] as const) {
    const program = await join(server, { isNpm })
    const main = guard(processOf(await own(program)))
    const child = guard(processOf((await find(program, await spawn(program)))!))
    expect(await program.end(signal)).toBeLessThan(endsWithinMs)
    await until("nobody is left", () => !isAlive(main) && !isAlive(child), endsWithinMs)
  }
})

test("without the Redis that it was told of it ends, says which, and tells no password", async () => {
  const server = await redis()
  await server.kill()
  const { port } = server
  await expect(start({ env: { REDIS_URL: `redis://:hunter2@127.0.0.1:${port}` } })).rejects.toThrow(
    expect.objectContaining({
      message: expect.stringMatching(new RegExp(`^(?=[\\s\\S]*127\\.0\\.0\\.1:${port})(?![\\s\\S]*hunter2)`))
    })
  )
})

test("a peer that cannot join is an error that says why", async () => {
  const server = await redis()
  const program = await join(server)
  server.signal("SIGSTOP")
  const response = await command(program.url, "spawn", {})
  expect(response.status).toBe(500)
  expect(((await response.json()) as { readonly error: string }).error).toBe("SpawnFailed")
  server.signal("SIGCONT")
})
