/** A run of Chat under faults: peers here and in processes of their own, and what must hold once all has settled. */
import { expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as path from "node:path"
import { createInterface } from "node:readline"
import { eventually } from "./client.ts"
import * as Primaries from "./Primaries.ts"
import { type Commands, make as talker, type Options, type Talker } from "./talker.ts"

/** What a machine on which many tests run at once adds. */
export const busyMs = 15_000

/** A peer in a process of its own. */
export class Remote implements Commands {
  readonly name: string
  readonly process: ChildProcess
  readonly ended: Promise<unknown>
  private asked = 0
  private isReady = false
  private readonly waiting = new Map<number, (result: any) => void>()

  constructor(options: Options) {
    this.name = options.name
    const program = path.join(import.meta.dirname, "talker.process.ts")
    this.process = spawn(process.execPath, [program, JSON.stringify(options)], { stdio: ["pipe", "pipe", "inherit"] })
    this.process.stdin!.on("error", () => {})
    this.ended = once(this.process, "exit")
    createInterface({ input: this.process.stdout! }).on("line", (line) => {
      const said = JSON.parse(line)
      if (said === "ready") this.isReady = true
      else this.waiting.get(said[0])?.(said[1])
    })
  }

  readonly ready = Effect.suspend(() =>
    eventually(
      Effect.sync(() => expect(this.isReady).toBe(true)),
      60_000
    )
  )
  readonly create = (room: string) => this.ask<string>("create", room)
  readonly destroy = (room: string) => this.ask<string>("destroy", room)
  readonly join = (room: string, ids: ReadonlyArray<string>) => this.ask<ReadonlyArray<string>>("join", room, ids)
  readonly say = (room: string, id: string, text: string) => this.ask<string>("say", room, id, text)
  readonly leave = (room: string, ids: ReadonlyArray<string>) => this.ask<ReadonlyArray<string>>("leave", room, ids)
  readonly part = (room: string, ids: ReadonlyArray<string>) => this.ask<void>("part", room, ids)
  readonly open = (room: string) => this.ask<ReadonlyArray<string>>("open", room)

  /** What was asked of it from now on is answered after it was woken, or never. */
  signal(signal: NodeJS.Signals): Effect.Effect<void> {
    return Effect.sync(() => void this.process.kill(signal))
  }

  /** Asks it to end, and waits for that. */
  readonly end = Effect.andThen(
    this.signal("SIGTERM"),
    Effect.promise(() => this.ended)
  )

  private ask<A>(command: keyof Commands, ...args: ReadonlyArray<unknown>): Effect.Effect<A> {
    return Effect.callback<A>((resume) => {
      const number = (this.asked += 1)
      this.waiting.set(number, (result: A) => resume(Effect.succeed(result)))
      this.process.stdin!.write(`${JSON.stringify([number, command, ...args])}\n`)
    })
  }
}

const sorted = (ids: ReadonlyArray<string>): ReadonlyArray<string> => ids.toSorted()

/** A run on that server or cluster, under that prefix. */
export const make = (client: Primaries.At, prefix: string) => {
  /** One here; with a client of its own, where its path is another. */
  const peer = (name: string, more: Partial<Options> = {}) => talker({ name, prefix, client, ...more })
  const process = Effect.fnUntraced(function* (name: string, more: Partial<Options> = {}) {
    const remote = yield* Effect.acquireRelease(
      Effect.sync(() => new Remote({ name, prefix, client, ...more })),
      ({ process }) => Effect.sync(() => void process.kill("SIGKILL"))
    )
    yield* remote.ready
    return remote
  })
  /** Once settled: members are the open memberships of all that live, and everybody counts as many. */
  const settled = Effect.fnUntraced(function* (
    room: string,
    all: ReadonlyArray<Commands>,
    here: ReadonlyArray<Talker>,
    withinMs = busyMs
  ) {
    yield* eventually(
      Effect.gen(function* () {
        const open = sorted((yield* Effect.forEach([...all, ...here], (one) => one.open(room))).flat())
        for (const one of here) {
          expect(sorted(yield* one.members(room))).toEqual(open)
          expect(yield* one.count(room)).toBe(open.length)
        }
      }),
      withinMs
    )
  })
  /** Names of what stands under the prefix, behind it. */
  const keys = Effect.acquireUseRelease(
    Effect.promise(() => Primaries.connect(client, prefix)),
    (primaries) => Effect.promise(async () => [...(await primaries.dump()).keys()]),
    (primaries) => Effect.sync(() => primaries.disconnect())
  )
  const noneIs = (left: RegExp) =>
    eventually(
      Effect.map(keys, (keys) => expect(keys.filter((key) => left.test(key))).toEqual([])),
      busyMs
    )
  /**
   * When all have closed: nobody has a place, and no `Left` is held back. Who has just seen to one that was may still be
   * in the index, for whoever comes.
   */
  const nobodyLeft = noneIs(/\{room:.*:(of:.*|peers|members|leaving)$/)
  /** The same, and the index has no places of anybody. */
  const nothingLeft = noneIs(/\{rooms?[:}].*:(of:.*|peers|members|leaving)$/)
  return { peer, process, settled, keys, nobodyLeft, nothingLeft }
}

export type Crew = ReturnType<typeof make>
