/**
 * What one process saw of its tasks: a JSON line for each event, written before the next thing happens, so that nothing
 * of it is lost when the process is killed. Moments are ms of the machine's monotonic clock, the same for all processes.
 */
import type { Outcome, Settlement } from "@troupe/core/TaskQueueStore"
import * as fs from "node:fs"

export type Seen =
  /** Its enqueue was acknowledged; it was refused and said to be `NotApplied`. */
  | { readonly what: "enqueued" | "refused"; readonly task: string }
  /** The backend gave it to this process. */
  | { readonly what: "claimed"; readonly task: string; readonly fence: number; readonly attempts: number }
  /** Its handler began, for the n-th time that counts; it went to its end; it was interrupted. */
  | { readonly what: "began"; readonly task: string; readonly fence: number; readonly attempt: number }
  | { readonly what: "ended" | "interrupted"; readonly task: string; readonly fence: number }
  /** The backend answered what became of it. */
  | {
      readonly what: "settled"
      readonly task: string
      readonly fence: number
      readonly how: Settlement["_tag"]
      readonly outcome: Outcome
    }
  /** The backend said that the lease was over, while this process held tasks. */
  | { readonly what: "lapsed" }
  /** Nobody knows what became of a call: its answer was cut off. */
  | { readonly what: "cut"; readonly call: string }
  /** From here on the process does nothing: it is killed, stopped, or blocked. */
  | { readonly what: "halted" }
  /** A fault that shows in nothing else was met. */
  | { readonly what: "met"; readonly fault: string }
  /** A key that is there at the end. */
  | { readonly what: "left"; readonly key: string }

export type Event = Seen & { readonly at: number; readonly who: string }

/** `S`: what there is to see. */
export class History<S extends object = Seen> {
  readonly who: string
  private readonly file: number

  constructor(path: string, who: string) {
    this.who = who
    this.file = fs.openSync(path, "a")
  }

  readonly write = (seen: S): void => {
    const at = Number(process.hrtime.bigint() / 1_000n) / 1_000
    fs.writeSync(this.file, `${JSON.stringify({ at, who: this.who, ...seen })}\n`)
  }
}

/** What has been written so far, read on each time it is asked. */
export class Reader<E = Event> {
  private readonly events: Array<E> = []
  private readonly path: string
  private offset = 0
  private rest = ""

  constructor(path: string) {
    this.path = path
  }

  read(): ReadonlyArray<E> {
    if (!fs.existsSync(this.path)) return this.events
    const file = fs.openSync(this.path, "r")
    try {
      const buffer = Buffer.alloc(fs.fstatSync(file).size - this.offset)
      const size = fs.readSync(file, buffer, 0, buffer.length, this.offset)
      this.offset += size
      // A line that its writer did not live to finish is none.
      const lines = (this.rest + buffer.toString("utf8", 0, size)).split("\n")
      this.rest = lines.pop() ?? ""
      for (const line of lines) this.events.push(JSON.parse(line))
      return this.events
    } finally {
      fs.closeSync(file)
    }
  }
}
