/**
 * Servers of the tests' own, from `redis-server` on PATH: on a free loopback port, in a private directory that is
 * removed afterwards. Only such a server may be destroyed. It never outlives the process that started it, however
 * that one ends.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import * as fs from "node:fs"
import type * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { freePorts, until } from "./ask.ts"

export interface ServerOptions {
  /** Further arguments of `redis-server`; what they say wins over the defaults. */
  readonly args?: ReadonlyArray<string>
  /** A configuration file's text, for what takes no arguments (a Sentinel). The defaults are then left out. */
  readonly config?: string
  /** Default: a free one. */
  readonly port?: number
  /** Where it keeps what it saves. Default: a new directory, removed by `stop`. */
  readonly dir?: string
  /** The port speaks TLS and no other; certificates come in `args`. */
  readonly tls?: boolean
}

export interface Server {
  readonly host: string
  readonly port: number
  readonly url: string
  readonly dir: string
  /** The process' id, or undefined while it does not run. */
  readonly pid: number | undefined
  /** What it has logged since it last started. */
  readonly log: () => string
  readonly signal: (name: NodeJS.Signals) => void
  /** SIGKILL; what is on disk stays for `restart`. */
  readonly kill: () => Promise<void>
  /** Runs it again on the same port with the same directory, first killing it where it still runs. */
  readonly restart: () => Promise<void>
  /** Ends it and removes its directory. */
  readonly stop: () => Promise<void>
}

/** Whether servers can be started here at all. */
export const hasBinary = (): boolean => spawnSync("redis-server", ["--version"]).status === 0

/** What every server of ours is started with, in a container too: tests may debug it, and nothing is kept on disk. */
export const defaults = ["--save", "", "--enable-debug-command", "yes", "--enable-protected-configs", "yes"] as const

// The watcher holds the read end of a pipe from us. A line means that all is well; the end of the pipe without one means
// that we are gone, even by SIGKILL. `exec` gives the server the shell's pid, which is `$$` to the watcher as well.
const watched = '(read -r _ <&3 || { kill -9 $$; rm -rf "$0"; }) & exec redis-server "$@" 3<&-'

const ready = /Ready to accept connections|Sentinel ID is/

interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<void>
}

const run = async (dir: string, logFile: string, args: ReadonlyArray<string>): Promise<Running> => {
  const log = fs.openSync(logFile, "w")
  const child = spawn("sh", ["-c", watched, dir, ...args], {
    cwd: dir,
    detached: true,
    stdio: ["ignore", log, log, "pipe"]
  })
  fs.closeSync(log)
  const lifeline = child.stdio[3] as net.Socket
  lifeline.on("error", () => {})
  let gone = false
  const ended = new Promise<void>((resolve) =>
    child.once("exit", () => {
      gone = true
      lifeline.end("\n")
      resolve()
    })
  )
  // A server nobody stops must not keep its process from ending.
  child.unref()
  lifeline.unref()
  const read = () => fs.readFileSync(logFile, "utf8")
  try {
    await until("redis-server", async () => gone || ready.test(read()))
    if (gone) throw new Error("redis-server ended")
  } catch (error) {
    child.kill("SIGKILL")
    throw new Error(`redis-server ${args.join(" ")} did not start:\n${read()}`, { cause: error })
  }
  return { child, ended }
}

/** Somebody else was faster to take a port that we had found. */
export const wasFaster = (error: unknown): boolean => String(error).includes("Address already in use")

/** Starts a server and returns once it takes connections. */
export const startServer = async (options: ServerOptions = {}, tries = 5): Promise<Server> => {
  const host = "127.0.0.1"
  const port = options.port ?? (await freePorts(1))[0]!
  const dir = options.dir ?? fs.mkdtempSync(path.join(os.tmpdir(), "troupe-redis-"))
  const logFile = path.join(dir, "redis.log")
  const args = ["--port", `${port}`, "--bind", host, "--dir", dir]
  if (options.tls) args.splice(0, 2, "--port", "0", "--tls-port", `${port}`)
  if (options.config === undefined) args.push(...defaults)
  else {
    const file = path.join(dir, "redis.conf")
    fs.writeFileSync(file, options.config)
    args.unshift(file)
  }
  args.push(...(options.args ?? []))

  const remove = () => {
    if (options.dir === undefined) fs.rmSync(dir, { recursive: true, force: true })
  }
  let running: Running | undefined
  try {
    running = await run(dir, logFile, args)
  } catch (error) {
    remove()
    if (options.port === undefined && tries > 1 && wasFaster(error)) return startServer(options, tries - 1)
    throw error
  }
  const kill = async () => {
    const { child, ended } = running!
    // Now somebody waits for its end.
    child.ref()
    child.kill("SIGKILL")
    await ended
  }
  return {
    host,
    port,
    url: `${options.tls ? "rediss" : "redis"}://${host}:${port}`,
    dir,
    get pid() {
      const child = running!.child
      return child.exitCode === null && child.signalCode === null ? child.pid : undefined
    },
    log: () => fs.readFileSync(logFile, "utf8"),
    signal: (name) => void running!.child.kill(name),
    kill,
    restart: async () => {
      await kill()
      running = await run(dir, logFile, args)
    },
    stop: async () => {
      await kill()
      remove()
    }
  }
}
