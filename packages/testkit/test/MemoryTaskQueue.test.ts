/** What the store of tasks adds to its desk: queues, channels, and refusals. */
import * as MemoryBackend from "@troupe/testkit/MemoryBackend"
import {
  claimerChannel,
  endsChannel,
  eventsChannel,
  holding,
  nameChannel,
  TaskQueueStore
} from "@troupe/core/TaskQueueStore"
import { store } from "@troupe/testkit/MemoryTaskQueue"
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { entry, leaseMs } from "./support/Play.ts"

const letters = { capacity: 10, timeToLiveMs: 1_000 }
const batch = (sequence: number, ...entries: ReadonlyArray<ReturnType<typeof entry>>) => ({
  sender: "s",
  sequence,
  after: 0,
  maxLength: 100,
  entries
})
const step = (sequence: number) => ({
  claimer: "p.1",
  sequence,
  leaseMs,
  settlements: [],
  begun: [],
  lanes: ["l"],
  free: 1,
  ahead: 0,
  takesSuspect: true,
  rate: undefined,
  maxAttempts: 100,
  letters
})
const layer = Layer.provideMerge(store, MemoryBackend.layer)

describe("the store of tasks in memory", () => {
  it.effect("keeps queues apart, and beats for several in one request", () =>
    Effect.gen(function* () {
      const tasks = yield* TaskQueueStore
      yield* tasks.enqueue("a b", batch(1, entry("x")))
      const { claimed } = yield* tasks.step("a b", step(1))
      expect(claimed.length).toBe(1)
      const none = { answered: 0, holds: holding([]), holdsNext: undefined }
      const beat = { claimer: "p.1", leaseMs, lanes: ["l"], letters, ...none }
      const beaten = yield* tasks.beat(["a b", "a"].map((queue) => ({ queue, ...beat })))
      expect(beaten.map(({ isHeld }) => isHeld)).toEqual([true, false])
      expect(yield* tasks.counts("a")).toEqual({ ready: 0, delayed: 0, claimed: 0, dead: 0, isPaused: false })
      expect(tasks.immortal).toBe(true)
    }).pipe(Effect.provide(layer))
  )

  it.effect("pushes on the channels of the contract, and on nobody else's", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const tasks = yield* TaskQueueStore
        const backend = yield* MemoryBackend.MemoryBackend
        const heard: Array<readonly [string, string]> = []
        const channels = [claimerChannel("q", "p.1"), nameChannel("q", "n"), endsChannel("q"), eventsChannel("q")]
        const link = yield* tasks.connect({ message: (...told) => heard.push(told), lost: () => {} })
        yield* link.subscribe(channels)
        yield* tasks.step("q", step(1))
        const accepted = yield* tasks.enqueue("q", batch(1, entry("a", { keepMs: 10 }), entry("b", { lane: "pn" })))
        const id = accepted[0]?.id ?? ""
        yield* tasks.answer("q", id, 1_000)
        const last = yield* tasks.watch("q", 1_000)
        yield* tasks.cancel("q", id)
        expect(heard).toEqual([
          [channels[0], "work"],
          [channels[1], "work"],
          [channels[2], id],
          [channels[3], `${last + 1} ${yield* backend.now}\nX ${id}`]
        ])
        expect(yield* backend.faults.subscriptions).toBe(4)
        yield* link.unsubscribe(channels)
        expect(yield* backend.faults.subscriptions).toBe(0)
      })
    ).pipe(Effect.provide(layer))
  )

  it.effect("refuses what was overtaken", () =>
    Effect.gen(function* () {
      const tasks = yield* TaskQueueStore
      yield* tasks.enqueue("q", batch(2, entry("a")))
      yield* tasks.step("q", step(2))
      const late = [Effect.asVoid(tasks.enqueue("q", batch(1, entry("b")))), Effect.asVoid(tasks.step("q", step(1)))]
      for (const error of yield* Effect.forEach(late, Effect.flip)) {
        expect([error.reason._tag, error.outcome]).toEqual(["CorruptData", "NotApplied"])
      }
    }).pipe(Effect.provide(layer))
  )

  it.effect("gives other ids when everything was forgotten", () =>
    Effect.gen(function* () {
      const tasks = yield* TaskQueueStore
      const backend = yield* MemoryBackend.MemoryBackend
      const before = yield* tasks.enqueue("q", batch(1, entry("a")))
      yield* backend.faults.forget
      const after = yield* tasks.enqueue("q", batch(2, entry("b")))
      expect(after[0]?.id).not.toBe(before[0]?.id)
      expect(yield* tasks.answer("q", before[0]?.id ?? "", 0)).toEqual({ _tag: "Unknown" })
    }).pipe(Effect.provide(layer))
  )
})
