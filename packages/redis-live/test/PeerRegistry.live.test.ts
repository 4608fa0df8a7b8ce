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
      Effect.flatMap((context) => Effect.provide(PeerRegistry.PeerRegistry, context))
    )
}

const now = Effect.sync(() => performance.now())

/** How long until that holds, ms; looks every millisecond. */
const until = (check: Effect.Effect<boolean, unknown>) =>
  Effect.gen(function* () {
    const start = yield* now
    while (!(yield* check)) yield* Effect.sleep(1)
    return (yield* now) - start
  })

describe.skipIf(url === undefined)("PeerRegistry on the real clock", () => {
  it.live("P1 P2 P10 joining, changing and leaving are known to others within 100 ms", () =>
    Effect.gen(function* () {
      const spawn = cluster()
      const watcher = yield* spawn("watcher")
      const find = Effect.map(watcher.list, (all) => all.find(({ name }) => name === "other"))
      for (let round = 0; round < 10; round++) {
        const scope = yield* Scope.make()
        const other = yield* Scope.provide(spawn("other"), scope)
        const joined = yield* until(Effect.map(find, (peer) => peer !== undefined))
        yield* other.updateMetadata({ round: `${round}` })
        const updated = yield* until(Effect.map(find, (peer) => peer?.metadata["round"] === `${round}`))
        yield* Scope.close(scope, Exit.void)
        const left = yield* until(Effect.map(find, (peer) => peer === undefined))
        for (const took of [joined, updated, left]) assert.isBelow(took, 100)
      }
    }).pipe(Effect.scoped)
  )

  it.live("P9 a leader's graceful end is followed at once", () =>
    Effect.gen(function* () {
      const spawn = cluster()
      const times = { heartbeat: 200, suspectAfter: 600, downAfter: 1_500 } as const
      const [first, second] = [yield* Scope.make(), yield* spawn("second", times)]
      const one = yield* Scope.provide(spawn("first", times), first)
      const began: Array<string> = []
      const campaign = (registry: PeerRegistry.Service, name: string) =>
        Effect.forkScoped(
          registry.lead("boss", () =>
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
      assert.isBelow(yield* until(Effect.sync(() => began.length === 2)), 200)
      assert.deepEqual(began, ["first", "second"])
    }).pipe(Effect.scoped)
  )

  it.live("P11 one round trip per heartbeat and peer, however many ask", () =>
    Effect.gen(function* () {
      const spawn = cluster()
      let sent = 0
      const counting: Wire.Wire = { ...Wire.open, send: (_, effect) => Effect.suspend(() => ((sent += 1), effect)) }
      const heartbeat = 100
      const registry = yield* spawn("counted", { heartbeat, suspectAfter: 400, downAfter: 2_000 }, counting)
      yield* spawn("other", { heartbeat, suspectAfter: 400, downAfter: 2_000 })
      yield* Effect.sleep(300)
      const before = sent
      const start = yield* now
      while ((yield* now) - start < 3_000) {
        assert.lengthOf(yield* registry.list, 2)
        yield* Effect.sleep(1)
      }
      assert.isAtLeast(sent - before, 3_000 / (heartbeat * 1.4))
      assert.isAtMost(sent - before, 3_000 / (heartbeat * 0.8) + 1)
    }).pipe(Effect.scoped)
  )

  it.live("P1 who comes to many sees all of them, and when each was last heard of", () =>
    Effect.gen(function* () {
      const spawn = cluster()
      const times = { heartbeat: 500, suspectAfter: 3_000, downAfter: 10_000 } as const
      // More than fit on one page.
      const names = Array.from({ length: 150 }, (_, n) => `peer-${n}`)
      yield* Effect.forEach(names, (name) => spawn(name, times), { concurrency: 8 })
      const last = yield* spawn("last", times)
      const all = yield* last.list
      assert.deepEqual([...all.map(({ name }) => name)].sort(), [...names, "last"].sort())
      yield* Effect.sleep(2_000)
      const present = Math.max(...(yield* last.list).map(({ lastSeenAt }) => DateTime.toEpochMillis(lastSeenAt)))
      for (const { lastSeenAt } of yield* last.list) {
        assert.isBelow(present - DateTime.toEpochMillis(lastSeenAt), 1_500)
      }
    }).pipe(Effect.scoped)
  )
})
