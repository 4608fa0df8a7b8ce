/** How the laws of Stats speak: peers that count, and what is read of it. */
import { BackendError } from "@troupe/core/BackendError"
import * as Stats from "@troupe/core/Stats"
import type { Resolution } from "@troupe/core/StatsStore"
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as assert from "node:assert/strict"
import type { Node, World } from "../World.ts"

export { costOf, turns } from "./sending.ts"

export type Counters = World<Stats.Stats>
export type Law = (world: Counters) => Effect.Effect<void, unknown, Scope.Scope>
export type Peer = Node<Stats.Stats>

export const on = <A, E, R>(peer: Peer, use: (stats: Stats.Service) => Effect.Effect<A, E, R>) =>
  Effect.provide(Effect.flatMap(Stats.Stats, use), peer.context)

export const count = (peer: Peer, name: string, by?: number) => on(peer, (stats) => stats.increment(name, by))
export const gauge = (peer: Peer, name: string, value: number) => on(peer, (stats) => stats.gauge(name, value))
export const flush = (peer: Peer) => on(peer, (stats) => stats.flush)
export const reset = (peer: Peer, name: string) => on(peer, (stats) => stats.reset(name))

/** What is known of the whole cluster, by name. */
export const totals = (peer: Peer) =>
  Effect.map(
    on(peer, (stats) => stats.totals),
    (totals) => Object.fromEntries(totals)
  )

export const byPeer = (peer: Peer) =>
  Effect.map(
    on(peer, (stats) => stats.byPeer),
    (peers) => Object.fromEntries([...peers].map(([name, sums]) => [name, Object.fromEntries(sums)]))
  )

export const series = (peer: Peer, name: string, last: Duration.Input, resolution: Resolution = "1 minute") =>
  Effect.map(
    on(peer, (stats) => stats.series(name, { last, resolution })),
    (points) => points.map(({ value }) => value)
  )

/** Those values, and no other name. */
export const assertTotals = (peer: Peer, expected: Readonly<Record<string, number>>) =>
  Effect.map(totals(peer), (totals) => assert.deepEqual(totals, expected))

/** `byPeer` says what `totals` says, name by name. */
export const assertAddsUp = (peer: Peer) =>
  Effect.gen(function* () {
    const sums = new Map<string, number>()
    for (const own of Object.values(yield* byPeer(peer))) {
      for (const [name, sum] of Object.entries(own)) sums.set(name, (sums.get(name) ?? 0) + sum)
    }
    for (const [name, sum] of Object.entries(yield* totals(peer))) assert.equal(sums.get(name) ?? 0, sum, name)
  })

/** It fails, and for that reason. */
export const refused = <A, E, R>(effect: Effect.Effect<A, E, R>, reason: BackendError["reason"]["_tag"]) =>
  Effect.map(Effect.flip(effect), (error) => {
    assert.ok(error instanceof BackendError)
    assert.equal(error.reason._tag, reason)
    return error.outcome
  })

/** It is a defect of that reason. */
export const dies = <A, E, R>(effect: Effect.Effect<A, E, R>, reason: BackendError["reason"]["_tag"]) =>
  Effect.map(Effect.exit(effect), (exit) => {
    const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
    assert.ok(defect instanceof BackendError)
    assert.equal(defect.reason._tag, reason)
  })

export const add = (a: number, b: number): number => a + b

export const numbers = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i)
export const two = (world: Counters) => Effect.all([world.spawn({ name: "a" }), world.spawn({ name: "b" })])
