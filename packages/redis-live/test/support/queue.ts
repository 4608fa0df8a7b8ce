/** A queue on a real server, its time in the test's hands: tasks that are told in a word, claimers that count their steps. */
import type { BackendError } from "@troupe/core/BackendError"
import * as TaskQueueStore from "@troupe/core/TaskQueueStore"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { ConnectionTypeId } from "../../src/internal/Connection.ts"
import * as RedisTaskQueue from "../../src/RedisTaskQueue.ts"
import { ear } from "./client.ts"
import type * as Primaries from "./Primaries.ts"
import { open } from "./store.ts"

export const lease = 10_000
export const letters: TaskQueueStore.Letters = { capacity: 1_000, timeToLiveMs: 86_400_000 }

/** A beat of who knows of nothing. */
export const nothing = { answered: 0, holds: TaskQueueStore.holding([]), holdsNext: undefined }

/** A task with nothing but a payload, and what is said of it. */
export const task = (payload: string, more: Partial<TaskQueueStore.Entry> = {}): TaskQueueStore.Entry => ({
  payload,
  lane: TaskQueueStore.levelLane(undefined),
  due: undefined,
  id: undefined,
  unique: undefined,
  place: undefined,
  keepMs: 0,
  trace: undefined,
  ...more
})

export const done = (claim: TaskQueueStore.Claimed, answer = ""): TaskQueueStore.Settlement => ({
  _tag: "Done",
  claim,
  hasProgress: false,
  answer
})
export const retry = (claim: TaskQueueStore.Claimed, delayMs = 0, error = "failed"): TaskQueueStore.Settlement => ({
  _tag: "Retry",
  claim,
  hasProgress: false,
  delayMs,
  error
})
export const dead = (
  claim: TaskQueueStore.Claimed,
  answer?: string,
  reason: TaskQueueStore.DeathReason = "AttemptsExhausted",
  hasRun = true
): TaskQueueStore.Settlement => ({
  _tag: "Dead",
  claim,
  hasProgress: false,
  hasRun,
  reason,
  error: "no more",
  answer
})
export const release = (claim: TaskQueueStore.Claimed): TaskQueueStore.Settlement => ({
  _tag: "Release",
  claim,
  hasProgress: false
})

export const payloads = (claims: ReadonlyArray<{ readonly payload: string }>): string =>
  claims.map(({ payload }) => payload).join(" ")

export const make = Effect.fnUntraced(function* (at: Primaries.At, name = "a queue: {1}") {
  const { client, clock, context, primaries } = yield* open(at, "queue", RedisTaskQueue.store)
  const store = Context.get(context, TaskQueueStore.TaskQueueStore)
  const connection = client[ConnectionTypeId]
  const listener = ear()
  const link = yield* store.connect(listener)
  let batches = 0

  const claimer = (peer: string, random = "1") => {
    const id = TaskQueueStore.claimer(peer, random)
    const lanes: ReadonlyArray<TaskQueueStore.Lane> = ["l", TaskQueueStore.peerLane(peer)]
    const self = {
      id,
      sequence: 0,
      lanes,
      /** Claims one task at once, unless it is told otherwise. */
      step: (options: Partial<TaskQueueStore.Step> = {}) =>
        Effect.suspend(() =>
          store.step(name, {
            claimer: id,
            sequence: (self.sequence += 1),
            leaseMs: lease,
            settlements: [],
            begun: [],
            lanes,
            free: 1,
            ahead: 0,
            takesSuspect: true,
            rate: undefined,
            maxAttempts: 100,
            letters,
            ...options
          })
        ),
      settle: (...settlements: ReadonlyArray<TaskQueueStore.Settlement>) => self.step({ settlements, free: 0 }),
      beat: (options: Partial<TaskQueueStore.Beat> = {}): Effect.Effect<TaskQueueStore.Beaten, BackendError> =>
        Effect.map(
          store.beat([{ queue: name, claimer: id, leaseMs: lease, lanes, letters, ...nothing, ...options }]),
          ([answer]) => {
            if (answer === undefined) throw new Error("no answer")
            return answer
          }
        ),
      depart: store.depart(name, id),
      /** Hears what is pushed to it and to its name. */
      listen: link.subscribe([TaskQueueStore.claimerChannel(name, id), TaskQueueStore.nameChannel(name, peer)])
    }
    return self
  }

  return {
    name,
    store,
    clock,
    primaries,
    claimer,
    link,
    /** What was pushed since it was last asked, without the queue's name. */
    heard: Effect.map(connection.barrier, () =>
      listener.heard.splice(0).map((line) => line.slice(line.indexOf(":") + 1))
    ),
    enqueue: (entries: ReadonlyArray<TaskQueueStore.Entry>, more: Partial<TaskQueueStore.Batch> = {}) =>
      Effect.suspend(() =>
        store.enqueue(name, { sender: "s", sequence: (batches += 1), after: 0, maxLength: 1_000_000, entries, ...more })
      ),
    /** Enqueues one, gives its id. */
    add: (payload: string, more: Partial<TaskQueueStore.Entry> = {}) =>
      Effect.suspend(() =>
        Effect.map(
          store.enqueue(name, {
            sender: "s",
            sequence: (batches += 1),
            after: 0,
            maxLength: 1_000_000,
            entries: [task(payload, more)]
          }),
          ([answer]) => answer?.id ?? ""
        )
      ),
    /** The queue's keys by what comes behind its own. */
    keys: Effect.map(
      Effect.promise(() => primaries.dump()),
      (dumps) => [...dumps.keys()].map((key) => key.slice(key.indexOf("}") + 1)).toSorted()
    ),
    /** Fields of its meta, where there are any. */
    memos: Effect.map(
      Effect.promise(() => primaries.hkeys((key) => key.endsWith(":meta"))),
      (fields) => fields.filter((field) => field.startsWith("="))
    )
  }
})
