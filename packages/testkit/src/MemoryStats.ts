/** Stats in memory: for tests, and for a single process. What the peers share lives in the MemoryBackend. */
import * as Stats from "@troupe/core/Stats"
import { StatsStore } from "@troupe/core/StatsStore"
import { Wire } from "@troupe/core/Wire"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Book from "./internal/stats/Book.ts"
import { MemoryBackend } from "./MemoryBackend.ts"

/** The store alone, for what speaks to it past the policy: tests of stores. */
export const store: Layer.Layer<StatsStore, never, MemoryBackend> = Layer.effect(
  StatsStore,
  Effect.gen(function* () {
    const backend = yield* MemoryBackend
    const wire = yield* Wire
    const book = backend.state("Stats", Book.make)
    const move = <A>(operation: string, adds: boolean, step: (turn: Book.Turn) => A) =>
      backend.request(wire, { service: "Stats", operation, adds }, (now) => step({ book: book(), now }))
    return StatsStore.of({
      join: (sender, name, life, keepMs) => move("flush", true, (turn) => Book.join(turn, sender, name, life, keepMs)),
      flush: (batch) => move("flush", true, (turn) => Book.flush(turn, batch)),
      renew: (sender, number, keepMs) => move("flush", false, (turn) => Book.renew(turn, sender, number, keepMs)),
      totals: move("totals", false, Book.sheet),
      byPeer: move("byPeer", false, Book.sheet),
      series: (name, resolution, count) => move("series", false, (turn) => Book.series(turn, name, resolution, count)),
      reset: (name) => move("reset", false, (turn) => Book.reset(turn, name)),
      commandTimeoutMs: 5000,
      // Outside worlds nobody ends without its finalizers.
      immortal: wire.server === undefined
    })
  })
)

/** Stats for one peer of the backend's cluster. Outside of worlds nothing is renewed: no timer runs while nothing is new. */
export const layer: Layer.Layer<Stats.Stats, never, MemoryBackend> = Layer.provide(Stats.layer, store)
