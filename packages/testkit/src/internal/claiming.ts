/** How laws speak to TaskQueue's store itself, past the policy: tasks with nothing but a payload, claimers that count their steps. */
import type { BackendError } from "@troupe/core/BackendError"
import type * as TaskQueue from "@troupe/core/TaskQueue"
import * as Store from "@troupe/core/TaskQueueStore"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Node, World } from "../World.ts"

type Services = TaskQueue.TaskQueue | Store.TaskQueueStore
export type Stores = World<Services>
export type Law = (world: Stores) => Effect.Effect<void, unknown, Scope.Scope>

export const leaseMs = 15_000
const letters = { capacity: 10_000, timeToLiveMs: 86_400_000 }

export const ask = <A>(peer: Node<Services>, use: (store: Store.Service) => Effect.Effect<A, BackendError>) =>
  Effect.provide(Effect.flatMap(Store.TaskQueueStore, use), peer.context)

/** A task with nothing but a payload. */
export const entry: Store.Entry = {
  payload: "1",
  lane: Store.levelLane(undefined),
  due: undefined,
  id: undefined,
  unique: undefined,
  place: undefined,
  keepMs: 0,
  trace: undefined
}

export const done = (claim: Store.Claimed): Store.Settlement => ({
  _tag: "Done",
  claim,
  hasProgress: false,
  answer: "1"
})
export const dead = (claim: Store.Claimed): Store.Settlement => ({
  _tag: "Dead",
  claim,
  hasProgress: false,
  hasRun: true,
  reason: "Rejected",
  error: "no",
  answer: undefined
})

/** A queue as one peer sees it, and one claimer of that peer. */
export const queue = (peer: Node<Services>, name: string) => {
  const claimer = Store.claimer(peer.name, "1")
  const lanes = [Store.levelLane(undefined), Store.peerLane(peer.name)]
  let sent = 0
  let sequence = 0
  return {
    claimer,
    /** So many that are alike, and their ids. */
    add: (count: number, more: Partial<Store.Entry> = {}) =>
      Effect.suspend(() =>
        Effect.map(
          ask(peer, (store) =>
            store.enqueue(name, {
              sender: `${claimer}.in`,
              sequence: (sent += 1),
              after: 0,
              maxLength: 1_000_000,
              entries: Array.from({ length: count }, () => ({ ...entry, ...more }))
            })
          ),
          (accepted) => accepted.map((one) => one?.id ?? "")
        )
      ),
    step: (given: Partial<Store.Step> = {}) =>
      Effect.suspend(() =>
        ask(peer, (store) =>
          store.step(name, {
            claimer,
            sequence: (sequence += 1),
            leaseMs,
            settlements: [],
            begun: [],
            lanes,
            free: 0,
            ahead: 0,
            takesSuspect: true,
            maxAttempts: 100,
            rate: undefined,
            letters,
            ...given
          })
        )
      ),
    /** As a claimer that holds nothing. */
    beat: Effect.suspend(() => {
      const holds = Store.holding([])
      const beat = { queue: name, claimer, leaseMs, lanes, letters, answered: sequence, holds, holdsNext: undefined }
      return Effect.map(
        ask(peer, (store) => store.beat([beat])),
        ([beaten]) => beaten
      )
    }),
    counts: Effect.map(
      ask(peer, (store) => store.counts(name)),
      ({ claimed, dead, delayed, ready }) => [ready, delayed, claimed, dead]
    ),
    /** All pages of what one call removes or sends back, with something done after each; more than twenty are too many. */
    pages: (
      page: (store: Store.Service, cursor: string) => ReturnType<Store.Service["purge"]>,
      between: Effect.Effect<unknown, BackendError>
    ) =>
      Effect.gen(function* () {
        let sum = 0
        let cursor = ""
        for (let pages = 1; pages <= 20; pages++) {
          const { count, cursor: next } = yield* ask(peer, (store) => page(store, cursor))
          sum += count
          if (next === "") return { pages, sum }
          cursor = next
          yield* between
        }
        return { pages: Number.POSITIVE_INFINITY, sum }
      })
  }
}
