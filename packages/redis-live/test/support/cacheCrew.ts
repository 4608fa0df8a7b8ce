/** A run of a cache under faults: who takes part, where each writes its history, and what the checker says of all of them. */
import { expect } from "@effect/vitest"
import * as Cache from "@troupe/core/Cache"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { createInterface } from "node:readline"
import { inspect } from "node:util"
import * as Timing from "../../src/internal/Timing.ts"
import * as RedisClient from "../../src/RedisClient.ts"
import type { Options as ProcessOptions } from "./cache.process.ts"
import { check, describe, type Options as CheckOptions } from "./CacheChecker.ts"
import { layer, leaseMs, recorded, tick } from "./cached.ts"
import type { Event, Seen } from "./CacheHistory.ts"
import { until } from "./crew.ts"
import { History, Reader } from "./History.ts"
import * as LockChecker from "./LockChecker.ts"
import type * as Primaries from "./Primaries.ts"

/** A process of its own. */
export class Member {
  readonly name: string
  readonly process: ChildProcess
  readonly ended: Promise<number | null>
  readonly said: Array<string> = []
  private readonly reader: Reader<Event>

  constructor(options: ProcessOptions) {
    this.name = options.name
    this.reader = new Reader<Event>(options.history)
    const program = path.join(import.meta.dirname, "cache.process.ts")
    this.process = spawn(process.execPath, [program, JSON.stringify(options)], { stdio: ["pipe", "pipe", "inherit"] })
    this.process.stdin!.on("error", () => {})
    this.ended = once(this.process, "exit").then(([code]) => code)
    createInterface({ input: this.process.stdout! }).on("line", (line) => void this.said.push(line))
  }

  get seen(): ReadonlyArray<Event> {
    return this.reader.read()
  }

  ready(): Promise<void> {
    return until(`${this.name} is ready`, () => this.said.includes("ready"), 60_000)
  }

  /** What it said last, once it has ended by itself. */
  async answer(withinMs = 60_000): Promise<unknown> {
    await until(`${this.name} has answered`, () => this.said.length > 1, withinMs)
    return JSON.parse(this.said.at(-1)!)
  }

  /** Asks it to end. */
  async end(): Promise<void> {
    this.process.kill("SIGTERM")
    await this.ended
  }
}

export interface PeerOptions {
  readonly client?: RedisClient.RedisOptions
  readonly timing?: Partial<Timing.Timing>
  readonly cache?: Cache.Options
}

/** A run on that server or cluster, under that prefix. Its histories stay where it fails, and its error says where. */
export const make = Effect.fnUntraced(function* (at: Primaries.At, prefix: string) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "troupe-cache-"))
  yield* Effect.addFinalizer((exit) =>
    Effect.sync(() => {
      if (Exit.isSuccess(exit)) fs.rmSync(directory, { recursive: true, force: true })
      else console.error(`The histories of the run that failed are in ${directory}`)
    })
  )
  const all: Array<Reader<Event>> = []
  const open = (name: string) => {
    const file = path.join(directory, `${name}.jsonl`)
    all.push(new Reader<Event>(file))
    return file
  }
  const notes = new Map<string, History<Seen>>()
  /** Writes down what happened to one that cannot, or need not, write it itself. */
  const note = (who: string, seen: Seen) => {
    const history = notes.get(who) ?? new History<Seen>(open(`notes-${who}`), who)
    notes.set(who, history)
    history.write(seen)
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => tick(new History<Seen>(open("here"), "here"))),
    (end) => Effect.sync(end)
  )

  /** One in this process. All of them stand still together. */
  const peer = Effect.fnUntraced(function* (name: string, { cache: options, client, timing }: PeerOptions = {}) {
    const history = new History<Seen>(open(name), name)
    const scope = yield* Scope.fork(yield* Effect.scope)
    yield* Scope.addFinalizer(scope, Effect.sync(tick(history)))
    const logs: Array<string> = []
    const logger = Logger.make(
      ({ logLevel, message }) => void logs.push(`${logLevel} ${inspect(message, { depth: 9, breakLength: Infinity })}`)
    )
    const built = layer(history, options).pipe(
      Layer.provide(RedisClient.layer({ ...at, prefix, ...client })),
      Layer.provide([Layer.succeed(Timing.Timing, { ...Timing.defaults, ...timing }), Logger.layer([logger])]),
      Layer.fresh
    )
    // On a machine on which many tests run at once an attempt may take too long.
    const build = Effect.retry(Scope.provide(Layer.build(built), scope), { times: 3 })
    const cache = Context.get(yield* build, Cache.Cache)
    return { name, cache, logs, history, ...recorded(cache, history), close: Scope.close(scope, Exit.void) }
  })

  const process = (name: string, options: Partial<ProcessOptions> = {}) =>
    Effect.acquireRelease(
      Effect.sync(
        () => new Member({ leaseMs, ...options, url: "url" in at ? at.url : "", prefix, name, history: open(name) })
      ),
      ({ process }) => Effect.sync(() => void process.kill("SIGKILL"))
    )

  /** What the checker says of all of it. It must be right. */
  const verdict = (options: CheckOptions = {}) =>
    Effect.sync(() => {
      const histories = all.map((reader) => reader.read())
      const report = check(histories, { near: ["near"], ...options })
      expect(report.verdict, `${describe(report)}\nin ${directory}`).toBe("ok")
      const { anomalies, held } = LockChecker.check(histories)
      expect(anomalies, `locks, in ${directory}`).toEqual([])
      return { ...report, held }
    })

  return { peer, process, verdict, note, directory }
})

export type Crew = Effect.Success<ReturnType<typeof make>>
export type Peer = Effect.Success<ReturnType<Crew["peer"]>>
