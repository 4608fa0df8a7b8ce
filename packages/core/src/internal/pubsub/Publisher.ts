/** The way out: what a peer publishes to one channel at about the same time leaves as one step, in its order. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { BackendError, CapacityExceeded, PayloadTooLarge } from "../../BackendError.ts"
import { byteLength } from "../../Name.ts"
import type { Published } from "../../PubSub.ts"
import { type Entry, type History, maxBatchBytes, maxBatchEntries, type Service as Store } from "../../PubSubStore.ts"
import { Batcher, type Call } from "../Batcher.ts"
import { weigh } from "../Text.ts"
import * as Frame from "../../Frame.ts"

/** One message on its way. */
class One implements Call, Entry {
  readonly payload: string
  readonly dedupeKey: string | undefined
  readonly entries = 1
  readonly bytes: number
  since = 0
  readonly resume: (result: Exit.Exit<Published, BackendError>) => void

  constructor(payload: string, dedupeKey: string | undefined, bytes: number, resume: One["resume"]) {
    this.payload = payload
    this.dedupeKey = dedupeKey
    this.bytes = bytes
    this.resume = resume
  }
}

/** Messages of one call: they leave together, with none in between. */
class Many implements Call {
  readonly all: ReadonlyArray<Entry>
  readonly entries: number
  readonly bytes: number
  since = 0
  readonly resume: (result: Exit.Exit<ReadonlyArray<Published>, BackendError>) => void

  constructor(all: ReadonlyArray<Entry>, bytes: number, resume: Many["resume"]) {
    this.all = all
    this.entries = all.length
    this.bytes = bytes
    this.resume = resume
  }
}

/** No less than it takes, and exact where it could matter for the bound of a call. */
const weighAll = (entries: ReadonlyArray<Entry>): number => {
  const sum = entries.reduce((sum, { payload }) => sum + weigh(payload), 0)
  return sum > maxBatchBytes ? entries.reduce((exact, { payload }) => exact + byteLength(payload), 0) : sum
}

/** Each message of a call is told what became of it: `next` gives that, in order. */
const answer =
  (next: () => Published) =>
  (call: One | Many): void =>
    call instanceof One ? call.resume(Exit.succeed(next())) : call.resume(Exit.succeed(call.all.map(next)))

/** Calls of one channel that may wait for the backend, and their bytes (promise A5). */
const maxWaiting = 16_384
const maxWaitingBytes = 16 * maxBatchBytes
/** Channels with calls under way. */
const maxChannels = 4_096

const tooMany = new BackendError({
  service: "PubSub",
  operation: "publish",
  reason: new CapacityExceeded({ message: `publishes to ${maxChannels} channels are under way` }),
  outcome: "NotApplied"
})

type Way = Batcher<One | Many>

export class Publisher {
  /** By channel, where there is no history. */
  private readonly pushed = new Map<string, Way>()
  /** By history and channel. */
  private readonly appended = new Map<string, Way>()
  private readonly store: Store
  private readonly publisher: string
  /** Positions on channels without history: this peer's own count. */
  private readonly epoch: string
  private sequence = 0
  private isClosed = false
  private readonly context: Context.Context<never>
  private readonly fork: (effect: Effect.Effect<void>) => void
  private readonly onPublished: (messages: number) => void

  constructor(
    store: Store,
    publisher: string,
    epoch: string,
    context: Context.Context<never>,
    fork: (effect: Effect.Effect<void>) => void,
    onPublished: (messages: number) => void
  ) {
    this.store = store
    this.publisher = publisher
    this.epoch = epoch
    this.context = context
    this.fork = fork
    this.onPublished = onPublished
  }

  /** One message. Gives what takes it back for as long as it has not left. */
  publish(
    channel: string,
    history: History | undefined,
    payload: string,
    dedupeKey: string | undefined,
    resume: (result: Exit.Exit<Published, BackendError | PayloadTooLarge>) => void
  ): Effect.Effect<void> | undefined {
    const bytes = weigh(payload)
    return this.submit(channel, history, new One(payload, dedupeKey, bytes, resume), resume)
  }

  /** All of them, in one step. */
  publishAll(
    channel: string,
    history: History | undefined,
    entries: ReadonlyArray<Entry>,
    resume: (result: Exit.Exit<ReadonlyArray<Published>, BackendError | PayloadTooLarge>) => void
  ): Effect.Effect<void> | undefined {
    return this.submit(channel, history, new Many(entries, weighAll(entries), resume), resume)
  }

  /** Whatever is published from now on, and what waits, is told that the layer is closed. */
  close(): void {
    this.isClosed = true
    for (const ways of [this.pushed, this.appended]) for (const way of ways.values()) way.close()
  }

  private submit(
    channel: string,
    history: History | undefined,
    call: One | Many,
    refuse: (failure: Exit.Exit<never, BackendError | PayloadTooLarge>) => void
  ): Effect.Effect<void> | undefined {
    if (call.bytes > maxBatchBytes) {
      return void refuse(Exit.fail(new PayloadTooLarge({ bytes: call.bytes, limit: maxBatchBytes })))
    }
    const way = this.way(channel, history)
    return way === undefined ? void refuse(Exit.fail(tooMany)) : way.submit(call)
  }

  private way(channel: string, history: History | undefined): Way | undefined {
    const ways = history === undefined ? this.pushed : this.appended
    const key = history === undefined ? channel : `${history.size},${history.timeToLiveMs},${channel}`
    const known = ways.get(key)
    if (known !== undefined) return known
    if (this.count >= maxChannels) this.forgetIdle()
    if (this.count >= maxChannels) return undefined
    const way: Way = new Batcher<One | Many>(
      {
        service: "PubSub",
        operation: "publish",
        send: history === undefined ? this.push(channel) : this.append(channel, history),
        maxEntries: maxBatchEntries,
        maxBytes: maxBatchBytes,
        maxUnderWay: history === undefined ? this.store.maxPushes : 1,
        maxWaiting,
        maxWaitingBytes,
        deadlineMs: this.store.commandTimeoutMs
      },
      this.context,
      this.fork
    )
    if (this.isClosed) way.close()
    ways.set(key, way)
    return way
  }

  private forgetIdle(): void {
    for (const ways of [this.pushed, this.appended]) {
      for (const [key, way] of ways) if (way.idle) ways.delete(key)
    }
  }

  private get count(): number {
    return this.pushed.size + this.appended.size
  }

  private push(channel: string) {
    return (calls: ReadonlyArray<One | Many>) =>
      Effect.flatMap(this.store.now, (at) => {
        const payloads = payloadsOf(calls)
        const { epoch } = this
        let sequence = this.sequence
        this.sequence += payloads.length
        const header = Frame.header(epoch, sequence + 1, at, this.publisher)
        return Effect.map(this.store.push(channel, Frame.encode(header, payloads)), () => {
          this.onPublished(payloads.length)
          return answer(() => ({ position: { epoch, sequence: (sequence += 1) }, duplicate: false }))
        })
      })
  }

  private append(channel: string, history: History) {
    return (calls: ReadonlyArray<One | Many>) =>
      Effect.suspend(() => {
        const entries = entriesOf(calls)
        return Effect.map(this.store.append(channel, history, this.publisher, entries), (appended) => {
          this.onPublished(entries.length)
          let next = 0
          return answer(() => {
            const { duplicate, epoch, sequence } = appended[next++]!
            return { position: { epoch, sequence }, duplicate }
          })
        })
      })
  }
}

const entriesOf = (calls: ReadonlyArray<One | Many>): ReadonlyArray<Entry> =>
  calls.flatMap((call) => (call instanceof One ? call : call.all))

const payloadsOf = (calls: ReadonlyArray<One | Many>): ReadonlyArray<string> => {
  const payloads: Array<string> = []
  for (const call of calls) {
    if (call instanceof One) payloads.push(call.payload)
    else for (const { payload } of call.all) payloads.push(payload)
  }
  return payloads
}
