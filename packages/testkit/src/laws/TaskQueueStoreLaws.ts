/**
 * What TaskQueue's policy relies on in a store and no application can time: what comes between two requests of one call.
 * The laws want a peer's store beside its queues.
 */
import * as Effect from "effect/Effect"
import * as assert from "node:assert/strict"
import { ask, dead, done, entry, type Law, queue } from "../internal/claiming.ts"

/** T16 A purge of everything removes what was there when it began and nothing that came since, and ends. */
export const aPurgeIsOfWhatWasThere: Law = (world) =>
  Effect.gen(function* () {
    const peer = yield* world.spawn()
    for (const [i, inMs] of [undefined, 60_000, 90_000].entries()) {
      const state = inMs === undefined ? "Ready" : "Delayed"
      const its = queue(peer, `${i}`)
      yield* its.add(300, state === "Ready" ? {} : { due: { inMs: 60_000 } })
      const purged = yield* its.pages(
        (store, cursor) => store.purge(`${i}`, state, cursor),
        its.add(200, inMs === undefined ? {} : { due: { inMs } })
      )
      assert.equal(purged.sum, 300)
      assert.ok(Number.isFinite(purged.pages))
      const left = 200 * (purged.pages - 1)
      assert.deepEqual(yield* its.counts, inMs === undefined ? [left, 0, 0, 0] : [0, left, 0, 0])
    }
  })

/** T16 Dead letters that are purged, or sent back, are those that were dead when it began. */
export const whatDiesMeanwhileStaysDead: Law = (world) =>
  Effect.gen(function* () {
    const peer = yield* world.spawn()
    for (const name of ["purge", "redrive"] as const) {
      const its = queue(peer, name)
      const die = Effect.gen(function* () {
        yield* world.advance(1)
        yield* its.add(200)
        const { claimed } = yield* its.step({ free: 200 })
        yield* its.step({ settlements: claimed.map(dead) })
      })
      yield* its.add(500)
      yield* its.add(500)
      yield* die
      yield* die
      const { pages, sum } = yield* its.pages(
        (store, cursor) => (name === "purge" ? store.purge(name, "Dead", cursor) : store.redrive(name, { cursor })),
        die
      )
      assert.deepEqual([sum, pages], [400, 4])
    }
  })

/** T3 T4 Of a crashed peer's tasks the oldest come back first, where there are more of them than one beat takes. */
export const theOldestComeBackFirst: Law = (world) =>
  Effect.gen(function* () {
    const [dying, judge] = [queue(yield* world.spawn(), "q"), queue(yield* world.spawn(), "q")]
    const ids = yield* dying.add(512)
    yield* dying.step({ free: 512 })
    yield* judge.beat
    for (const ms of [7_000, 7_000, 7_000]) {
      yield* world.advance(ms)
      const beaten = yield* judge.beat
      if (beaten?.isMore !== true) continue
      const { claimed } = yield* judge.step({ free: 512 })
      return assert.deepEqual(
        claimed.map(({ id }) => id),
        ids.slice(0, 256)
      )
    }
    assert.fail("nobody was taken anything away from")
  })

/** T2 A2 A step that was applied is answered as it was, also behind the end of its claimer's lease: what it settled is settled. */
export const anAnswerOutlivesTheLease: Law = (world) =>
  Effect.gen(function* () {
    const [late, judge] = [queue(yield* world.spawn(), "q"), queue(yield* world.spawn(), "q")]
    yield* late.add(3)
    const { claimed } = yield* late.step({ free: 2 })
    const step = { sequence: 2, settlements: claimed.slice(0, 1).map(done), free: 2 }
    const first = yield* late.step(step)
    assert.deepEqual([first.outcomes, first.claimed.length, first.isIdle], [["Settled"], 1, true])
    yield* judge.beat
    for (const ms of [7_000, 7_000, 7_000]) {
      yield* world.advance(ms)
      yield* judge.beat
    }
    assert.deepEqual(yield* late.counts, [2, 0, 0, 0])
    const again = yield* late.step(step)
    // It holds nothing, and nobody would wake it.
    assert.deepEqual([again.outcomes, again.claimed, again.isIdle], [["Settled"], [], false])
    const next = yield* late.step({ sequence: 3, free: 3 })
    assert.deepEqual(
      next.claimed.map(({ crashes }) => crashes),
      [1, 1]
    )
  })

/** A5 T14 A schedule of which nobody has been heard for two weeks is forgotten; one that is enrolled again, or fires, is not. */
export const anOldScheduleIsForgotten: Law = (world) =>
  Effect.gen(function* () {
    const peer = yield* world.spawn()
    const fingerprint = "a.b"
    const enrol = (id: string) =>
      ask(peer, (store) => store.enrol("q", { id, fingerprint, since: undefined, last: undefined }))
    const fire = (id: string) =>
      Effect.flatMap(world.now, (slot) => {
        const firing = { id, fingerprint, since: 0, slot, skips: false, maxLength: 1_000, entry }
        return Effect.map(
          ask(peer, (store) => store.fire("q", firing)),
          ({ outcome }) => outcome
        )
      })
    yield* Effect.forEach(["nobody's", "enrolled", "fired"], enrol)
    for (let days = 0; days < 14; days++) {
      yield* world.advance("1 day")
      yield* enrol("enrolled")
      assert.equal(yield* fire("fired"), "Fired")
    }
    yield* enrol("another")
    yield* world.advance(1)
    assert.deepEqual(yield* Effect.forEach(["nobody's", "enrolled", "fired", "another"], fire), [
      "Unknown",
      "Fired",
      "Fired",
      "Fired"
    ])
  })
