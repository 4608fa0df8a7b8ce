/** Programs that meet on one Redis, and the processes that they start. */
import { expect, onTestFinished } from "vitest"
import { type Server, startServer } from "../../../scripts/redis.ts"
import { command, isAlive, peers, type Program, start } from "./program.ts"

/** A server for this test alone. */
export const redis = async (): Promise<Server> => {
  const server = await startServer()
  onTestFinished(() => server.stop())
  return server
}

export const join = (server: Server, options: Parameters<typeof start>[0] = {}) =>
  start({ ...options, env: { REDIS_URL: server.url, ...options.env } })

export const own = async ({ url }: Program) => (await peers(url)).find(({ hold }) => hold === "own")!
export const find = async ({ url }: Program, name: string) => (await peers(url)).find((peer) => peer.name === name)

/** Has that program start another: its name. */
export const spawn = async ({ url }: Program): Promise<string> => {
  const response = await command(url, "spawn", {})
  expect(response.status).toBe(200)
  return ((await response.json()) as { readonly done: string }).done
}

/** Left behind by nobody: a test that fails must not leave a process. */
export const guard = (pid: number): number => {
  onTestFinished(() => {
    if (isAlive(pid)) process.kill(pid, "SIGKILL")
  })
  return pid
}
