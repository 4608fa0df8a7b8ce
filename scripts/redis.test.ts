import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import { test } from "vitest"
import { missing } from "./missing.ts"
import { ask, until } from "./redis/ask.ts"
import { type Server, startCluster, startServer } from "./redis.ts"

// Each waits for what it starts, and a machine on which many tests run starts slowly.
const it = (name: string, run: () => Promise<void>) => test.skipIf(missing.binary)(name, run, 120_000)

const gone = (pid: number) => {
  try {
    process.kill(pid, 0)
    return false
  } catch {
    return true
  }
}

it("a server is killed, comes back with what it saved, and leaves nothing behind", async () => {
  const server = await startServer({ args: ["--appendonly", "yes", "--appendfsync", "always"] })
  const pid = server.pid!
  await ask(server, "SET", "a", "1")
  await server.kill()
  assert.equal(server.pid, undefined)
  await server.restart()
  assert.notEqual(server.pid, pid)
  assert.equal(await ask(server, "GET", "a"), "1")
  await server.stop()
  assert.ok(gone(pid) && !fs.existsSync(server.dir))
})

it("a server ends when its starter is killed, stopped or not", async () => {
  const program = `
    import { startServer } from "${new URL("./redis.ts", import.meta.url).pathname}"
    const server = await startServer()
    server.signal("SIGSTOP")
    console.log(JSON.stringify({ pid: server.pid, dir: server.dir }))
    setInterval(() => {}, 1000)`
  const starter = spawn(process.execPath, ["--input-type=module", "-e", program])
  const line = await new Promise<string>((resolve) => starter.stdout.once("data", (chunk) => resolve(`${chunk}`)))
  const { pid, dir } = JSON.parse(line) as Server
  starter.kill("SIGKILL")
  await until("the server is gone", async () => gone(pid!) && !fs.existsSync(dir))
})

it("a cluster is whole: a replica takes over from its primary", async () => {
  const cluster = await startCluster()
  try {
    const [first] = cluster.servers
    const replica = cluster.servers[3]!
    await first!.kill()
    await until("the replica leads", async () => (await ask(replica, "ROLE")).includes("master"))
  } finally {
    await cluster.stop()
  }
})

it("a Sentinel starts from a configuration", async () => {
  const primary = await startServer()
  const sentinel = await startServer({
    config: `sentinel monitor main 127.0.0.1 ${primary.port} 1`,
    args: ["--sentinel"]
  })
  assert.equal(await ask(sentinel, "SENTINEL", "get-master-addr-by-name", "main"), `127.0.0.1,${primary.port}`)
  await Promise.all([primary.stop(), sentinel.stop()])
})
