/** The way into a region: what a process writes at about the same time leaves as one step, in its order. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { BackendError } from "../../BackendError.ts"
import { type Entry, maxCallBytes, maxKeys, type Service as Store } from "../../CacheStore.ts"
import { Batcher, type Call } from "../Batcher.ts"
import { partly } from "../partly.ts"
import { weigh } from "../Text.ts"
import { maxWaiting, maxWaitingBytes, service } from "./Limits.ts"

class Writing implements Call {
  readonly entry: Entry
  readonly entries = 1
  readonly bytes: number
  since = 0
  readonly resume: (answer: Exit.Exit<void, BackendError>) => void

  constructor(entry: Entry, resume: Writing["resume"]) {
    this.entry = entry
    this.bytes = weigh(entry.body)
    this.resume = resume
  }
}

export class Writer {
  private readonly batcher: Batcher<Writing>
  private readonly store: Store
  private readonly region: string
  /** Keys that are being written, of each batch: sets that nothing is deleted from (see Reader). */
  private underWay: ReadonlyArray<ReadonlySet<string>> = []

  constructor(
    store: Store,
    region: string,
    context: Context.Context<never>,
    fork: (effect: Effect.Effect<void>) => void
  ) {
    this.store = store
    this.region = region
    this.batcher = new Batcher<Writing>(
      {
        service,
        operation: "set",
        send: (calls) => this.send(calls),
        maxEntries: maxKeys,
        maxBytes: maxCallBytes,
        // The backend keeps no order between two of them: they are of different keys.
        maxUnderWay: 2,
        mayPass: ({ entry }) => !this.underWay.some((keys) => keys.has(entry.key)),
        maxWaiting,
        maxWaitingBytes,
        deadlineMs: store.commandTimeoutMs
      },
      context,
      fork
    )
  }

  get isIdle(): boolean {
    return this.batcher.idle
  }

  close(): void {
    this.batcher.close()
  }

  set(entry: Entry): Effect.Effect<void, BackendError> {
    return Effect.callback((resume) => this.batcher.submit(new Writing(entry, resume)))
  }

  /** As many at a time as one call takes; where it fails later, the error says how many of the first were written. */
  setMany(entries: ReadonlyArray<Entry>): Effect.Effect<void, BackendError> {
    const groups = grouped(entries)
    let written = 0
    return Effect.forEach(
      groups,
      (group) =>
        Effect.matchEffect(this.store.write(this.region, group, "Always"), {
          onFailure: (error) => Effect.fail(groups.length === 1 ? error : partly(error, written)),
          onSuccess: () => Effect.sync(() => (written += group.length))
        }),
      { discard: true }
    )
  }

  private send(calls: ReadonlyArray<Writing>): Effect.Effect<(call: Writing) => void, BackendError> {
    const entries = calls.map(({ entry }) => entry)
    const keys = new Set(entries.map(({ key }) => key))
    this.underWay = [...this.underWay, keys]
    return Effect.ensuring(
      Effect.as(this.store.write(this.region, entries, "Always"), written),
      Effect.sync(() => {
        this.underWay = this.underWay.filter((one) => one !== keys)
      })
    )
  }
}

const written = (call: Writing): void => call.resume(Exit.void)

/** As many as go into one call, by number and bytes. */
export const grouped = (entries: ReadonlyArray<Entry>): ReadonlyArray<ReadonlyArray<Entry>> => {
  const groups: Array<Array<Entry>> = []
  let last: Array<Entry> | undefined
  let bytes = 0
  for (const entry of entries) {
    const size = weigh(entry.body)
    if (last === undefined || last.length === maxKeys || bytes + size > maxCallBytes) {
      groups.push((last = []))
      bytes = 0
    }
    last.push(entry)
    bytes += size
  }
  return groups
}
