/** PeerRegistry on the real clock: how long word of a peer takes, and what it costs. */
import { assert, describe, it } from "@effect/vitest"
import * as LocalPeer from "@troupe/core/LocalPeer"
import * as PeerRegistry from "@troupe/core/PeerRegistry"
import * as Wire from "@troupe/core/Wire"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { inject } from "vitest"
import * as RedisClient from "../src/RedisClient.ts"
import * as RedisPeerRegistry from "../src/RedisPeerRegistry.ts"
import { eventually } from "./support/client.ts"

const url = inject("redisUrl")
let used = 0

/** Peers with connections of their own, as processes have them, under one prefix. */
const cluster = () => {
  const prefix = `${inject("redisPrefix")}-live-${(used += 1)}`
  return (name: string, options?: PeerRegistry.Options, wire: Wire.Wire = Wire.open) =>
    RedisPeerRegistry.layer(options).pipe(
      Layer.provide(RedisClient.layer({ url: url ?? "", prefix })),
      Layer.provide([LocalPeer.layer(name), Layer.succeed(Wire.Wire, wire)]),
      Layer.fresh,
      Layer.build,
      // With a short heartbeat the first one has half a second, which a server may have to wait for its turn.
      (build) => eventually(build),
      Effect.flatMap((context) => Effect.provide(PeerRegistry.PeerRegistry, context))
    )
}

const now = Effect.sync(() => performance.now())

/** What a machine on which many tests run at once adds to a single round: it says nothing of the one in the middle. */
const busyMs = 2_500
const median = (rounds: ReadonlyArray<number>): number =>
  rounds.toSorted((a, b) => a - b)[Math.floor(rounds.length / 2)]!

/** How long until that holds, ms; looks every millisecond. */
const until = (check: Effect.Effect<boolean, unknown>) =>
  Effect.gen(function* () {
    const start = yield* now
    while (!(yield* check)) yield* Effect.sleep(1)
    return (yield* now) - start
  })

describe.skipIf(url === undefined)("PeerRegistry on the real clock", { timeout: 120_000 }, () => {
  it.live("P1 P2 P10 joining, changing and leaving are known to others within 100 ms", () =>
    Effect.gen(function* () {
      const spawn = cluster()
      const times = { heartbeat: 10_000, suspectAfter: 40_000, downAfter: 60_000 } as const
      const watcher = yield* spawn("watcher", times)
      const find = Effect.map(watcher.list, (all) => all.find(({ name }) => name === "other"))
      const rounds: Array<readonly [joined: number, updated: number, left: number]> = []
      for (let round = 0; round < 10; round++) {
        const scope = yield* Scope.make()
        const other = yield* Scope.provide(spawn("other", times), scope)
        const joined = yield* until(Effect.map(find, (peer) => peer !== undefined))
        yield* other.updateMetadata({ round: `${round}` })
        const updated = yield* until(Effect.map(find, (peer) => peer?.metadata["round"] === `${round}`))
        yield* Scope.close(scope, Exit.void)
        const left = yield* until(Effect.map(find, (peer) => peer === undefined))
        // Less than a heartbeat, always: it is the push that tells, and nothing else.
        for (const took of [joined, updated, left]) assert.isBelow(took, 4_000)
        rounds.push([joined, updated, left])
      }
      for (const i of [0, 1, 2] as const) assert.isBelow(median(rounds.map((round) => round[i])), 100)
    }).pipe(Effect.scoped)
  )

  it.live("P9 a leader's graceful end is followed at once", () =>
    Effect.gen(function* () {
      const spawn = cluster()
      const times = { heartbeat: 200, suspectAfter: 3_000, downAfter: 20_000 } as const
      const second = yield* spawn("second", times)
      const rounds: Array<number> = []
      for (let round = 0; round < 5; round++) {
        const first = yield* Scope.make()
        const one = yield* Scope.provide(spawn("first", times), first)
        const began: Array<string> = []
        const campaign = (registry: PeerRegistry.Service, name: string) =>
          Effect.forkScoped(
            registry.lead(`boss ${round}`, () =>
              Effect.andThen(
                Effect.sync(() => began.push(name)),
                Effect.never
              )
            )
          )
        yield* Scope.provide(campaign(one, "first"), first)
        yield* until(Effect.sync(() => began.length === 1))
        yield* campaign(second, "second")
        yield* Effect.sleep(300)
        yield* Scope.close(first, Exit.void)
        rounds.push(yield* until(Effect.sync(() => began.length === 2)))
        assert.deepEqual(began, ["first", "second"])
      }
      // One heartbeat; and always sooner than it would be after a crash.
      assert.isBelow(median(rounds), times.heartbeat)
      assert.isBelow(Math.max(...rounds), times.heartbeat + busyMs)
    }).pipe(Effect.scoped)
  )

  it.live("P11 one round trip per heartbeat and peer, however many ask", () =>
    Effect.gen(function* () {
      const spawn = cluster()
      let sent = 0
      const counting: Wire.Wire = { ...Wire.open, send: (_, effect) => Effect.suspend(() => ((sent += 1), effect)) }
      const heartbeat = 100
      const times = { heartbeat, suspectAfter: 4_000, downAfter: 20_000 } as const
      const registry = yield* spawn("counted", times, counting)
      yield* spawn("other", times)
      yield* until(Effect.map(registry.list, (all) => all.length === 2))
      yield* Effect.sleep(300)
      const before = sent
      const start = yield* now
      while ((yield* now) - start < 3_000) {
        assert.lengthOf(yield* registry.list, 2)
        yield* Effect.sleep(1)
      }
      const took = (yield* now) - start
      // It does beat, however late the machine lets it.
      assert.isAtLeast(sent - before, took / (heartbeat * 4))
      assert.isAtMost(sent - before, took / (heartbeat * 0.8) + 1)
    }).pipe(Effect.scoped)
  )

  it.live("P1 who comes to many sees all of them, and when each was last heard of", () =>
    Effect.gen(function* () {
      const spawn = cluster()
      const times = { heartbeat: 2_000, suspectAfter: 20_000, downAfter: 60_000 } as const
      // More than fit on one page.
      const names = Array.from({ length: 150 }, (_, n) => `peer-${n}`)
      yield* Effect.forEach(names, (name) => spawn(name, times), { concurrency: 8 })
      const last = yield* spawn("last", times)
      const all = yield* last.list
      assert.deepEqual([...all.map(({ name }) => name)].sort(), [...names, "last"].sort())
      const seen = Effect.map(last.list, (all) => all.map(({ lastSeenAt }) => DateTime.toEpochMillis(lastSeenAt)))
      const present = Math.max(...(yield* seen))
      // The next beat of each.
      const took = yield* until(Effect.map(seen, (seen) => Math.min(...seen) > present))
      assert.isBelow(took, 1.2 * times.heartbeat + busyMs)
    }).pipe(Effect.scoped)
  )
})
