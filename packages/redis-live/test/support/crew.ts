/** A run under faults: who takes part, where each writes its history, and what the checker says of all of them. */
import { expect } from "@effect/vitest"
import * as LocalPeer from "@troupe/core/LocalPeer"
import * as TaskQueue from "@troupe/core/TaskQueue"
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
import * as RedisClient from "../../src/RedisClient.ts"
import * as Timing from "../../src/internal/Timing.ts"
import { check, describe, type Options as CheckOptions, type Report } from "./Checker.ts"
import { type Event, History, Reader, type Seen } from "./History.ts"
import * as Primaries from "./Primaries.ts"
import { allKinds, kindOf, layer, limits, type Payload, work, type WorkOptions } from "./watched.ts"
import type { Options as ProcessOptions } from "./worker.process.ts"

type Writing = { -readonly [P in keyof Payload]: Payload[P] }

/** What one of the run saw. */
export class Watched {
  readonly name: string
  private readonly reader: Reader

  constructor(name: string, file: string) {
    this.name = name
    this.reader = new Reader(file)
  }

  get seen(): ReadonlyArray<Event> {
    return this.reader.read()
  }

  of<W extends Seen["what"]>(what: W): ReadonlyArray<Event & { readonly what: W }> {
    return this.seen.filter((event): event is Event & { readonly what: W } => event.what === what)
  }
}

/** A process of its own, which its test ends. */
export class Worker extends Watched {
  readonly process: ChildProcess
  readonly ended: Promise<number | null>
  private readonly said = new Set<string>()
  private readonly history: string

  constructor(options: ProcessOptions) {
    super(options.name, options.history)
    this.history = options.history
    const program = path.join(import.meta.dirname, "worker.process.ts")
    this.process = spawn(process.execPath, [program, JSON.stringify(options)], { stdio: ["pipe", "pipe", "inherit"] })
    this.ended = once(this.process, "exit").then(([code]) => code)
    createInterface({ input: this.process.stdout! }).on("line", (line) => void this.said.add(line))
  }

  says(word: string): Promise<void> {
    return until(`${this.name} says ${word}`, () => this.said.has(word))
  }

  /** Ends what SIGUSR2 began. */
  unblock(): void {
    fs.writeFileSync(`${this.history}.unblock`, "")
  }

  /** Asks it to end, and gives how long that took, ms. */
  async end(): Promise<number> {
    const since = performance.now()
    this.process.kill("SIGTERM")
    await this.ended
    return performance.now() - since
  }
}

/** Looks until it holds. */
export const until = async (
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs = 60_000
): Promise<void> => {
  const end = performance.now() + withinMs
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`${what}: not within ${withinMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Moments as histories have them. */
export const now = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000

export interface Peer extends Watched {
  readonly queue: TaskQueue.Service
  readonly work: (options: WorkOptions) => Effect.Effect<void>
  /** From its beginning. */
  readonly isWorking: boolean
  /** It closes its layer. */
  readonly close: Effect.Effect<void>
}

export interface PeerOptions {
  readonly client?: RedisClient.RedisOptions
  readonly timing?: Partial<Timing.Timing>
  readonly queue?: TaskQueue.Options
  /** Undefined: it does not work. */
  readonly work?: WorkOptions
}

/** A run on that server or cluster, under that prefix. Its histories stay where it fails, and its error says where. */
export const make = Effect.fnUntraced(function* (at: Primaries.At, prefix: string) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "troupe-tasks-"))
  yield* Effect.addFinalizer((exit) =>
    Effect.sync(() => {
      if (Exit.isSuccess(exit)) fs.rmSync(directory, { recursive: true, force: true })
      else console.error(`The histories of the run that failed are in ${directory}`)
    })
  )
  const all: Array<Watched> = []
  const open = (name: string) => {
    const file = path.join(directory, `${name}.jsonl`)
    all.push(new Watched(name, file))
    return file
  }
  const notes = new Map<string, History>()
  /** Writes down what happened to one that cannot, or need not, write it itself. */
  const note = (who: string, seen: Seen) => {
    const history = notes.get(who) ?? new History(open(`notes-${who}`), who)
    notes.set(who, history)
    history.write(seen)
  }

  const peer = Effect.fnUntraced(function* (name: string, options: PeerOptions = {}) {
    const file = open(name)
    const history = new History(file, name)
    const scope = yield* Scope.fork(yield* Effect.scope)
    const built = layer(history, options.queue).pipe(
      Layer.provide(RedisClient.layer({ ...at, prefix, ...options.client })),
      Layer.provide([
        LocalPeer.layer(name),
        Layer.succeed(Timing.Timing, { ...Timing.defaults, ...options.timing }),
        Logger.layer([])
      ]),
      Layer.fresh
    )
    const queue = Context.get(yield* Scope.provide(Layer.build(built), scope), TaskQueue.TaskQueue)
    const begin = (options: WorkOptions) => Scope.provide(work(queue, history, options), scope)
    if (options.work !== undefined) yield* begin(options.work)
    return Object.assign(new Watched(name, file), {
      queue,
      work: begin,
      isWorking: options.work !== undefined,
      close: Scope.close(scope, Exit.void)
    }) satisfies Peer
  })

  const process = (name: string, options: Omit<ProcessOptions, "url" | "prefix" | "name" | "history"> = {}) =>
    Effect.acquireRelease(
      Effect.sync(() => new Worker({ ...options, url: "url" in at ? at.url : "", prefix, name, history: open(name) })),
      ({ process }) => Effect.sync(() => void process.kill("SIGKILL"))
    )

  let last = 0
  /** Enqueues some in one call, and writes down what it was told of them. */
  const enqueue = Effect.fnUntraced(function* (
    { queue }: Peer,
    kind: string,
    count: number,
    more: Partial<Pick<Writing, "ms" | "how">> = {}
  ) {
    const payloads = Array.from({ length: count }, () => ({
      task: `${kind}:${(last += 1)}`,
      ms: 0,
      how: "sleep" as const,
      ...more
    }))
    const result = yield* Effect.result(queue.enqueueAll(kindOf(kind), payloads))
    const error = result._tag === "Failure" ? result.failure : undefined
    const isRefused = error?._tag === "BackendError" && error.outcome === "NotApplied" && error.accepted === undefined
    for (const { task } of payloads) {
      if (error === undefined) note("in", { what: "enqueued", task })
      else if (isRefused) note("in", { what: "refused", task })
    }
    return { tasks: payloads.map(({ task }) => task), error }
  })

  /** Nothing waits, sleeps or runs any more. */
  const drained = Effect.fnUntraced(function* ({ queue }: Peer, withinMs = 60_000) {
    const end = performance.now() + withinMs
    let left: unknown
    while (performance.now() < end) {
      const counts = yield* Effect.option(Effect.forEach(allKinds, (task) => queue.counts(task)))
      left = counts
      if (counts._tag === "Some") {
        if (counts.value.every(({ claimed, dead, delayed, ready }) => claimed + dead + delayed + ready === 0)) return
      }
      yield* Effect.sleep(20)
    }
    throw new Error(`not drained within ${withinMs} ms: ${JSON.stringify(left)}`)
  })

  /** When all have ended: what they left, and what the checker says of it all. It must be right. */
  const verdict = Effect.fnUntraced(function* (options: CheckOptions = {}) {
    const keys = yield* Effect.acquireUseRelease(
      Effect.promise(() => Primaries.connect(at, prefix)),
      (primaries) => Effect.promise(() => primaries.dump()),
      (primaries) => Effect.sync(() => primaries.disconnect())
    )
    for (const key of keys.keys()) note("end", { what: "left", key: key.slice(key.indexOf("}") + 1) })
    const report: Report = check(
      all.map(({ seen }) => seen),
      { limits, mayStay: /^:meta$/, ...options }
    )
    expect(report.verdict, `${describe(report)}\nin ${directory}`).toBe("ok")
    return report
  })

  return { peer, process, enqueue, drained, verdict, note, directory }
})

export type Crew = Effect.Success<ReturnType<typeof make>>
