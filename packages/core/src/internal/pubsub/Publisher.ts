/** The way out: what a peer publishes to one channel at about the same time leaves as one step, in its order. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { BackendError, CapacityExceeded } from "../../BackendError.ts"
import { byteLength } from "../../Name.ts"
import type { Position, Published } from "../../PubSub.ts"
import { type Entry, type History, maxBatchBytes, maxBatchEntries, type Service as Store } from "../../PubSubStore.ts"
import { Batcher } from "../Batcher.ts"
import * as Frame from "../../Frame.ts"

/** Messages of one call: they leave together, with none in between. */
export interface Group {
  readonly entries: ReadonlyArray<Entry>
  /** No more than this, and exact where it could matter for the bound of a call. */
  readonly bytes: number
}

/** Counting bytes costs as much as writing them: where three for each character are no problem, that will do. */
const bytes = (payload: string): number =>
  payload.length * 3 <= maxBatchBytes / maxBatchEntries ? payload.length * 3 : byteLength(payload)

export const group = (entries: ReadonlyArray<Entry>): Group => {
  let sum = 0
  for (const entry of entries) sum += bytes(entry.payload)
  if (sum > maxBatchBytes) sum = entries.reduce((exact, { payload }) => exact + byteLength(payload), 0)
  return { entries, bytes: sum }
}

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

type Way = Batcher<Group, ReadonlyArray<Published>>

export class Publisher {
  private readonly ways = new Map<string, Way>()
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

  publish(
    channel: string,
    history: History | undefined,
    group: Group
  ): Effect.Effect<ReadonlyArray<Published>, BackendError> {
    return this.way(channel, history)?.submit(group) ?? Effect.fail(tooMany)
  }

  /** Whatever is published from now on, and what waits, is told that the layer is closed. */
  close(): void {
    this.isClosed = true
    for (const way of this.ways.values()) way.close()
  }

  private way(channel: string, history: History | undefined): Way | undefined {
    const key = history === undefined ? `-${channel}` : `${history.size},${history.timeToLiveMs},${channel}`
    const known = this.ways.get(key)
    if (known !== undefined) return known
    if (this.ways.size >= maxChannels) this.forgetIdle()
    if (this.ways.size >= maxChannels) return undefined
    const way: Way = new Batcher<Group, ReadonlyArray<Published>>(
      {
        service: "PubSub",
        operation: "publish",
        send: history === undefined ? this.push(channel) : this.append(channel, history),
        entries: (group) => group.entries.length,
        bytes: (group) => group.bytes,
        maxEntries: maxBatchEntries,
        maxBytes: maxBatchBytes,
        maxWaiting,
        maxWaitingBytes,
        deadlineMs: this.store.commandTimeoutMs
      },
      this.context,
      this.fork
    )
    if (this.isClosed) way.close()
    this.ways.set(key, way)
    return way
  }

  private forgetIdle(): void {
    for (const [key, way] of this.ways) if (way.idle) this.ways.delete(key)
  }

  private push(channel: string) {
    return Effect.fnUntraced({ self: this }, function* (groups: ReadonlyArray<Group>) {
      const at = yield* this.store.now
      const first = this.sequence + 1
      const payloads: Array<string> = []
      const answers = groups.map((group) =>
        group.entries.map((entry): Published => {
          payloads.push(entry.payload)
          this.sequence++
          return { position: this.position(this.sequence), duplicate: false }
        })
      )
      yield* this.store.push(channel, Frame.encode(Frame.header(this.epoch, first, at, this.publisher), payloads))
      this.onPublished(payloads.length)
      return answers
    })
  }

  private append(channel: string, history: History) {
    return Effect.fnUntraced({ self: this }, function* (groups: ReadonlyArray<Group>) {
      const only = groups.length === 1 ? groups[0] : undefined
      const entries = only === undefined ? groups.flatMap((group) => group.entries) : only.entries
      const appended = yield* this.store.append(channel, history, this.publisher, entries)
      this.onPublished(entries.length)
      let next = 0
      return groups.map((group) =>
        group.entries.map((): Published => {
          const { duplicate, epoch, sequence } = appended[next++]!
          return { position: { epoch, sequence }, duplicate }
        })
      )
    })
  }

  private position(sequence: number): Position {
    return { epoch: this.epoch, sequence }
  }
}
