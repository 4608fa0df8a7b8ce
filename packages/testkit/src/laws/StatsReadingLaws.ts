/** What Stats promises of what is read: gauges, peers, series, and names that were reset. */
import * as Stats from "@troupe/core/Stats"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as assert from "node:assert/strict"
import {
  assertAddsUp,
  assertTotals,
  byPeer,
  count,
  flush,
  gauge,
  type Law,
  numbers,
  on,
  refused,
  reset,
  series,
  totals,
  turns,
  two
} from "../internal/counting.ts"
import { lookAlikes } from "../internal/caching.ts"

/** X2 A gauge is each peer's last value; the total is their sum. */
export const aGaugeIsEachPeersLastValue: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    for (const value of [3, 1e21, -0.25]) yield* gauge(a, "gauge", value)
    yield* gauge(b, "gauge", 10)
    yield* count(b, "name", 2)
    yield* Effect.all([flush(a), flush(b)])
    assert.deepEqual(yield* byPeer(a), { a: { gauge: -0.25 }, b: { gauge: 10, name: 2 } })
    yield* assertTotals(b, { gauge: 9.75, name: 2 })
    yield* gauge(b, "gauge", 0)
    yield* world.advance("1 second")
    assert.deepEqual(yield* byPeer(a), { a: { gauge: -0.25 }, b: { gauge: 0, name: 2 } })
    yield* assertTotals(a, { gauge: -0.25, name: 2 })
  })

/** X2 A gauge goes 30 s after its peer's last flush, and stays for as long as the peer is there. */
export const aGaugeGoesWithItsPeer: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* gauge(b, "gauge", 10)
    yield* flush(b)
    yield* world.always(assertTotals(a, { gauge: 10 }), "303 seconds")
    yield* gauge(a, "gauge", 1)
    yield* flush(a)
    yield* world.advance("5 seconds")
    yield* flush(a)
    yield* a.crash
    yield* world.advance("29999 millis")
    yield* assertTotals(b, { gauge: 11 })
    yield* world.advance("1 millis")
    yield* assertTotals(b, { gauge: 10 })
    assert.deepEqual(yield* byPeer(b), { b: { gauge: 10 } })
  })

/** X2 A peer that was away has its gauges again when it is back, whether or not they were collected meanwhile. */
export const whoIsBackHasItsGaugesAgain: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    for (const others of [0, 1]) {
      yield* gauge(a, "gauge", 7)
      yield* count(a, "name")
      yield* flush(a)
      yield* a.cut
      yield* world.advance("31 seconds")
      if (others === 1) yield* Effect.andThen(count(b, "other"), flush(b))
      assert.equal((yield* totals(b))["gauge"], undefined)
      yield* a.heal
      yield* world.advance("6 seconds")
      assert.equal((yield* totals(b))["gauge"], 7)
      assert.equal((yield* byPeer(b))["(gone)"]?.["name"], others + 1)
      yield* assertAddsUp(b)
    }
  })

/** X2 `byPeer` adds up to the totals: two of one name are one, and what departed ones counted stands under `(gone)`. */
export const byPeerAddsUpToTheTotals: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const peers = [a, b, yield* world.spawn({ name: "a" }), yield* world.spawn({ name: "(gone)" })]
    for (const [n, peer] of peers.entries()) {
      yield* count(peer, "name", n + 1)
      yield* count(peer, `own ${n}`, 10)
      yield* flush(peer)
    }
    const own = (...all: ReadonlyArray<number>) => Object.fromEntries(all.map((n) => [`own ${n}`, 10]))
    assert.deepEqual(yield* byPeer(b), {
      a: { name: 4, ...own(0, 2) },
      b: { name: 2, ...own(1) },
      "(gone)": { name: 4, ...own(3) }
    })
    yield* a.crash
    yield* peers[2]!.stop
    yield* world.advance("30 seconds")
    assert.deepEqual(yield* byPeer(b), { b: { name: 2, ...own(1) }, "(gone)": { name: 8, ...own(0, 2, 3) } })
    yield* assertTotals(b, { name: 10, ...own(0, 1, 2, 3) })
  })

/** X2 A series has each bucket of the server's time, the present one last, zeros included, whatever the peers' clocks say. */
export const aSeriesIsOfTheServersTime: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* a.skew("-47 minutes")
    yield* world.advance("90 seconds")
    for (const [peer, by, pause] of [
      [a, 1, "59 seconds"],
      [b, 2, "2 minutes"],
      [a, 4, "1 hour"],
      [b, 8, "0 millis"]
    ] as const) {
      yield* count(peer, "name", by)
      yield* flush(peer)
      yield* world.advance(pause)
    }
    assert.deepEqual((yield* series(a, "name", "65 minutes")).slice(0, 5), [0, 1, 2, 0, 4])
    assert.deepEqual(yield* series(a, "name", "150 seconds"), [0, 0, 8])
    assert.deepEqual(yield* series(b, "name", "3 hours", "1 hour"), [0, 7, 8])
    assert.deepEqual(yield* series(b, "none", "2 minutes"), [0, 0])
    const points = yield* on(a, (stats) => stats.series("name", { last: "2 minutes", resolution: "1 minute" }))
    const minute = Math.floor((yield* world.now) / 60_000) * 60_000
    assert.deepEqual(
      points.map(({ at }) => DateTime.toEpochMillis(at)),
      [minute - 60_000, minute]
    )
  })

/** X2 Minutes are kept for a day and hours for 90, and over that time a series adds up to the totals. */
export const aSeriesIsKeptForItsTime: Law = (world) =>
  Effect.gen(function* () {
    const counted = (by: number) =>
      Effect.flatMap(world.spawn(), (peer) =>
        Effect.andThen(count(peer, "name", by), Effect.andThen(flush(peer), peer.stop))
      )
    const sums = Effect.flatMap(world.spawn(), (peer) =>
      Effect.map(Effect.all([series(peer, "name", "1 day"), series(peer, "name", "90 days", "1 hour")]), (all) =>
        all.map((values) => values.reduce((sum, value) => sum + value, 0))
      ).pipe(Effect.ensuring(peer.stop))
    )
    yield* counted(1)
    yield* world.advance("1439 minutes")
    yield* counted(2)
    assert.deepEqual(yield* sums, [3, 3])
    yield* world.advance("1 minute")
    assert.deepEqual(yield* sums, [2, 3])
    yield* world.advance("89 days")
    yield* counted(4)
    assert.deepEqual(yield* sums, [4, 6])
  })

/** X2 A name that was reset is gone everywhere and for everyone; what is flushed afterwards counts. */
export const aResetClearsANameEverywhere: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    for (const peer of [a, b]) {
      yield* Effect.all([count(peer, "name", 5), gauge(peer, "name", 0.5), count(peer, "other", 1)])
      yield* flush(peer)
    }
    yield* count(b, "name", 100)
    yield* reset(b, "name")
    yield* assertTotals(a, { other: 2 })
    assert.deepEqual(yield* byPeer(a), { a: { other: 1 }, b: { other: 1 } })
    assert.deepEqual(yield* series(a, "name", "1 minute"), [0])
    assert.deepEqual(yield* series(a, "name", "1 hour", "1 hour"), [0])
    for (const peer of [a, b]) yield* Effect.andThen(count(peer, "name", 2), flush(peer))
    yield* assertTotals(a, { name: 4, other: 2 })
    assert.deepEqual(yield* series(a, "name", "1 minute"), [4])
  })

/** X2 What was sent before a reset does not come after it, though its answer, or itself, was lost. */
export const anUnansweredFlushBringsNoPastBack: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    for (const which of ["applied", "not applied"] as const) {
      yield* count(a, "first")
      yield* flush(a)
      yield* Effect.all([count(a, "name", 5), gauge(a, "gauge", 5), count(a, "other", 1)])
      yield* a.loseAnswer(which)
      yield* refused(flush(a), "ConnectionLost")
      yield* Effect.all([reset(b, "name"), reset(b, "gauge")])
      yield* world.advance("3 seconds")
      assert.deepEqual(Object.keys(yield* totals(b)).sort(), ["first", "other"])
      yield* count(a, "name", 2)
      yield* flush(a)
      assert.equal((yield* totals(b))["name"], 2)
    }
    assert.equal((yield* totals(b))["other"], 2)
  })

/** X2 A gauge that was reset stays away, though its peer tells its gauges again, until it is set anew. */
export const aGaugeThatWasResetStaysAway: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* Effect.all([gauge(a, "gauge", 5), gauge(a, "other", 1), count(a, "name")])
    yield* flush(a)
    yield* world.advance("1 second")
    yield* reset(b, "gauge")
    yield* world.advance("12 seconds")
    yield* a.cut
    yield* world.advance("1 minute")
    yield* a.heal
    yield* world.advance("6 seconds")
    yield* assertTotals(b, { other: 1, name: 1 })
    yield* gauge(a, "gauge", 6)
    yield* a.loseAnswer("not applied")
    yield* refused(flush(a), "ConnectionLost")
    yield* world.advance("3 seconds")
    yield* assertTotals(b, { other: 1, name: 1, gauge: 6 })
  })

/** X2 Nothing of a process' own past comes after its reset, in whatever order the store gets its requests. */
export const aResetFollowsWhatIsUnderWay: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    for (const n of numbers(6)) {
      yield* count(a, "name", 5)
      if (n % 2 === 0) yield* world.store.stop
      const flushing = yield* Effect.forkChild(Effect.exit(flush(a)), { startImmediately: true })
      yield* n % 2 === 0 ? Fiber.await(flushing) : turns
      yield* world.store.start
      yield* world.complete(reset(a, "name"))
      yield* count(a, "name", n)
      yield* world.advance("3 seconds")
      yield* assertTotals(b, { name: n })
    }
  })

/** X2 What is counted after a reset of one's own counts, though its first flush is lost in the same moment. */
export const whatFollowsAResetCounts: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* count(a, "name", 5)
    yield* flush(a)
    yield* reset(a, "name")
    yield* count(a, "name", 2)
    yield* a.loseAnswer("not applied")
    yield* refused(flush(a), "ConnectionLost")
    yield* world.advance("3 seconds")
    yield* assertTotals(b, { name: 2 })
    yield* world.store.stop
    yield* count(a, "name", 4)
    yield* refused(reset(a, "name"), "Unavailable")
    yield* world.store.start
    yield* flush(a)
    yield* assertTotals(b, { name: 6 })
  })

/** X2 A6 No two names meet, and none reaches anything else. */
export const namesDoNotMeet: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    for (const [n, name] of lookAlikes.entries()) {
      yield* count(a, name, n + 1)
      yield* gauge(a, `gauge ${name}`.slice(0, 512), n)
    }
    yield* flush(a)
    yield* reset(b, "a")
    const all = yield* on(b, (stats: Stats.Service) => stats.totals)
    for (const [n, name] of lookAlikes.entries()) {
      assert.equal(all.get(name), name === "a" ? undefined : n + 1)
      assert.deepEqual(yield* series(b, name, "1 minute"), [name === "a" ? 0 : n + 1])
    }
    const strange = yield* world.spawn({ name: "a:b} {c\n%" })
    yield* Effect.andThen(count(strange, "name"), flush(strange))
    assert.deepEqual((yield* byPeer(b))["a:b} {c\n%"], { name: 1 })
  })
