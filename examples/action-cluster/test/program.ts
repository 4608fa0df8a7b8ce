/** The program as a person runs it: a process of its own, and what it tells its page. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as path from "node:path"
import { onTestFinished } from "vitest"
import type { Event, PeerView } from "../Events.ts"

const root = path.join(import.meta.dirname, "../../..")
const main = path.join(import.meta.dirname, "../main.ts")

export interface Program {
  readonly url: string
  readonly child: ChildProcess
  /** All that it has written, to both streams. */
  readonly output: () => string
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
  /** Sends the signal, and says after how many milliseconds it was gone. */
  readonly end: (signal: NodeJS.Signals) => Promise<number>
}

export interface Options {
  readonly env?: Readonly<Record<string, string>>
  /** Through `npm start`, without its set-up: the signal then goes to npm alone. */
  readonly isNpm?: boolean
}

/** Starts it on any free port. It ends with the test, whatever the test does. */
export const start = async ({ env = {}, isNpm = false }: Options = {}): Promise<Program> => {
  const {
    HOST: _host,
    NODE_OPTIONS: _options,
    PEER_NAME: _name,
    REDIS_URL: _url,
    STARTED_BY: _by,
    ...inherited
  } = process.env
  const [command, args] = isNpm ? ["npm", ["start", "--ignore-scripts"]] : [process.execPath, [main]]
  const child = spawn(command as string, args as Array<string>, {
    cwd: root,
    env: { ...inherited, PORT: "0", ...env },
    stdio: ["ignore", "pipe", "pipe"]
  })
  let output = ""
  for (const stream of [child.stdout, child.stderr])
    stream!.setEncoding("utf8").on("data", (text: string) => (output += text))
  const exited = once(child, "exit").then(([code, signal]) => ({ code, signal }) as Awaited<Program["exited"]>)
  onTestFinished(async () => {
    child.kill("SIGKILL")
    await exited
  })
  const end = async (signal: NodeJS.Signals) => {
    const asked = performance.now()
    child.kill(signal)
    await exited
    return performance.now() - asked
  }
  let isGone = false
  void exited.then(() => (isGone = true))
  const url = await until("it prints its address", () => {
    if (isGone) throw new Error(`it ended before it was there:\n${output}`)
    return /^http:\/\/\S+:\d+$/m.exec(output)?.[0]
  })
  return { url, child, output: () => output, exited, end }
}

/**
 * It ends within five seconds of the signal. What others on the machine take of that is not its own; what it waits for in
 * vain takes longer still.
 */
export const endsWithinMs = 5_000 + 5_000

/** Looks until there is something to see; says what it waited for, and what was there instead. */
export const until = async <A>(
  what: string,
  look: () => A | Promise<A>,
  withinMs = 60_000
): Promise<Exclude<A, undefined | false>> => {
  const limit = performance.now() + withinMs
  while (true) {
    const found = await look()
    if (found !== undefined && found !== false) return found as Exclude<A, undefined | false>
    if (performance.now() > limit) throw new Error(`waited ${withinMs} ms in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

/** Everything that the page is told when it comes. */
export const present = async (url: string): Promise<Extract<Event, { _tag: "Present" }>> => {
  const stop = new AbortController()
  const response = await fetch(`${url}/events`, { signal: stop.signal })
  let text = ""
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk
    if (text.includes("\n\n")) break
  }
  stop.abort()
  const event = JSON.parse(text.slice("data: ".length, text.indexOf("\n\n"))) as Event
  if (event._tag !== "Present") throw new Error(`first came ${event._tag}`)
  return event
}

export const peers = async (url: string): Promise<ReadonlyArray<PeerView>> => (await present(url)).view.peers

/** A command as the page gives it; other headers make it another's. */
export const command = (url: string, name: string, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  fetch(`${url}/commands/${name}`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: url, ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body)
  })

/** The process that a peer says it runs in. */
export const processOf = (peer: PeerView): number => Number(/process (\d+)$/.exec(peer.metadata["runs in"] ?? "")?.[1])

export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    // Who has ended and was not yet reaped still answers.
    return !fs.existsSync(`/proc/${pid}/stat`) || !/\) Z /.test(fs.readFileSync(`/proc/${pid}/stat`, "utf8"))
  } catch {
    return false
  }
}
