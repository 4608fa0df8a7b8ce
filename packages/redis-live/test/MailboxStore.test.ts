/** The store of Mailbox on Redis: what it keeps and for how long, on its own clock, full, and of a newer format. */
import { expect, it } from "@effect/vitest"
import type { BackendError } from "@troupe/core/BackendError"
import { type Bounds, boxMs, MailboxStore, maxLetters, type Page, type Place } from "@troupe/core/MailboxStore"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { missing } from "../../../scripts/missing.ts"
import { withRedis } from "../../../scripts/redis/ask.ts"
import * as RedisClient from "../src/RedisClient.ts"
import * as RedisMailbox from "../src/RedisMailbox.ts"
import { eventually, failure } from "./support/client.ts"
import type * as Primaries from "./support/Primaries.ts"
import { places } from "./support/places.ts"
import { serve } from "./support/rig.ts"
import { open } from "./support/store.ts"

const minute: Bounds = { timeToLiveMs: 60_000, capacity: 500 }
const many = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i)

const make = Effect.fnUntraced(function* (at: Primaries.At, isLive = false) {
  const { client, clock, context, primaries } = yield* open(at, "mailbox", RedisMailbox.store, isLive)
  const store = Context.get(context, MailboxStore)
  return {
    store,
    clock,
    primaries,
    deliver: (payload: string, bounds = minute) => store.deliver("a box", "c:1", bounds, payload),
    poll: (after?: Place, bounds = minute, limit = 100) => store.poll("a box", "c:1", bounds, after, limit),
    /** What stands under the prefix. */
    keys: Effect.map(
      Effect.promise(() => primaries.dump()),
      (dumps) => [...dumps.keys()].toSorted()
    ),
    /** ms that Redis keeps it: -1 for ever, -2 not at all. */
    keptFor: (key: "letters" | "meta") =>
      client.use("pttl", (redis) => redis.pttl(`${client.prefix}:{mail:a%20box:c%3A1}:${key}`))
  }
})

type Rig = Effect.Success<ReturnType<typeof make>>

const told = ({ letters, lost }: Page): ReadonlyArray<string> => [
  ...(lost ? ["lost"] : []),
  ...letters.map(({ payload }) => payload)
]

const tests = (at: Primaries.At) => {
  const test = (name: string, run: (rig: Rig) => Effect.Effect<unknown, BackendError, Scope.Scope>, isLive = false) =>
    it.live(name, () => Effect.flatMap(make(at, isLive), run))

  test("a box has two keys in one slot, which carry no time to live in worlds", ({
    deliver,
    keptFor,
    keys,
    poll,
    store
  }) =>
    Effect.gen(function* () {
      yield* deliver("a")
      const both = ["0:{mail:a%20box:c%3A1}:letters", "0:{mail:a%20box:c%3A1}:meta"]
      expect(yield* keys).toEqual(both)
      expect([yield* keptFor("letters"), yield* keptFor("meta")]).toEqual([-1, -1])
      // What is acknowledged leaves no stream behind.
      yield* poll(yield* poll())
      expect(yield* keys).toEqual([both[1]])
      yield* store.close("a box", "c:1")
      yield* store.close("a box", "c:1")
      expect(yield* keys).toEqual([])
    }))

  test("a page has 512 letters, and the first that is not over is found among many", ({ clock, deliver, poll }) =>
    Effect.gen(function* () {
      const wide = { timeToLiveMs: 60_000, capacity: 2_000 }
      const send = (count: number, what: string) =>
        Effect.forEach(many(count), (n) => deliver(`${what} ${n}`, wide), { concurrency: 50 })
      yield* send(1_003, "old")
      clock.now += 30_000
      yield* send(700, "new")
      expect((yield* poll(undefined, wide, maxLetters)).letters.at(-1)?.number).toBe(maxLetters)
      clock.now += 30_000
      const page = yield* poll(undefined, wide, maxLetters)
      expect([page.letters.length, page.letters[0]?.number, page.number, page.lost]).toEqual([512, 1_004, 1_515, true])
      const rest = yield* poll(page, wide, maxLetters)
      expect([rest.letters.length, rest.number, rest.lost]).toEqual([188, 1_703, false])
    }))

  test("a capacity that was lowered holds at once", ({ deliver, poll }) =>
    Effect.gen(function* () {
      yield* Effect.forEach(many(100), (n) => deliver(`${n}`))
      yield* deliver("last", { ...minute, capacity: 2 })
      expect(told(yield* poll())).toEqual(["lost", "99", "last"])
    }))

  test("of eight epochs it is known where they ended, of one before that is not", ({ clock, deliver, poll }) =>
    Effect.gen(function* () {
      const given: Array<Page> = []
      for (const n of many(10)) {
        clock.run = `run ${n}`
        yield* deliver(`${n}`)
        given.push(yield* poll(undefined, minute, 1))
      }
      expect(new Set(given.map(({ epoch }) => epoch)).size).toBe(10)
      expect(told(yield* poll(given[0], minute, 2))).toEqual(["lost", "0", "1"])
      // One that is behind the end of its epoch had read what this server does not know.
      expect(told(yield* poll({ epoch: given[1]!.epoch, number: 3 }, minute, 2))).toEqual(["lost", "2", "3"])
      expect(told(yield* poll({ epoch: given[4]!.epoch, number: 5 }, minute, 2))).toEqual(["5", "6"])
    }))

  test("data of a newer format is refused and left as it is", ({ deliver, keys, poll, primaries, store }) =>
    Effect.gen(function* () {
      yield* deliver("a")
      const format = (version: string) =>
        Effect.promise(() => primaries.hset((key) => key.endsWith(":meta"), "format", version))
      yield* format("2")
      const before = yield* keys
      for (const call of [deliver("b"), poll(), store.close("a box", "c:1")]) {
        expect((yield* failure<unknown, never>(call)).reason._tag).toBe("CorruptData")
      }
      expect(yield* keys).toEqual(before)
      yield* format("1")
      expect(told(yield* poll())).toEqual(["a"])
    }))

  test(
    "outside of worlds Redis keeps letters for their time and a second, a box for a day more, and never less than before",
    ({ deliver, keptFor, poll, store }) =>
      Effect.gen(function* () {
        yield* deliver("a")
        const isAbout = (ms: number, about: number) => {
          expect(ms).toBeLessThanOrEqual(about)
          expect(ms).toBeGreaterThan(about - 20_000)
        }
        const looks = Effect.gen(function* () {
          isAbout(yield* keptFor("letters"), 61_000)
          isAbout(yield* keptFor("meta"), boxMs + 60_000)
        })
        yield* looks
        yield* deliver("b", { timeToLiveMs: 1_000, capacity: 500 })
        yield* poll(undefined, { timeToLiveMs: 30_000, capacity: 500 })
        yield* looks
        yield* store.close("a box", "c:1")
        // What nobody will ever deliver to goes, too.
        yield* poll(undefined, { timeToLiveMs: 1_000, capacity: 500 })
        isAbout(yield* keptFor("meta"), boxMs + 1_000)
        expect(yield* keptFor("letters")).toBe(-2)
        // As long as anything may be.
        yield* deliver("c", { timeToLiveMs: 2 ** 49, capacity: 1 })
        expect(yield* keptFor("letters")).toBeGreaterThan(2 ** 48)
      }),
    true
  )

  test(
    "outside of worlds the server's own clock counts, and what is over goes by itself",
    ({ deliver, keptFor, poll }) =>
      Effect.gen(function* () {
        const short = { timeToLiveMs: 700, capacity: 500 }
        const before = Date.now()
        yield* deliver("a")
        const page = yield* poll()
        expect(told(page)).toEqual(["a"])
        expect(Math.abs((page.letters[0]?.at ?? 0) - before)).toBeLessThan(60_000)
        yield* eventually(Effect.map(poll(undefined, short), (page) => expect(told(page)).toEqual(["lost"])))
        yield* deliver("b", short)
        yield* eventually(Effect.map(keptFor("letters"), (ms) => expect(ms).toBe(-2)))
        const last = yield* poll(page)
        expect(told(last)).toEqual(["lost"])
        expect(told(yield* poll(last))).toEqual([])
      }),
    true
  )
}

for (const { at, name, skip } of places) skip(`the store of Mailbox on a ${name}`, () => tests(at))

it.live.skipIf(missing.binary)("a full server takes no letter, and gives, frees and closes what there is", () =>
  Effect.gen(function* () {
    const server = yield* serve
    const { deliver, keys, poll, store } = yield* make({ url: server.url }, true)
    const limit = (bytes: string) =>
      Effect.promise(() => withRedis(server.url, (redis) => redis.config("SET", "maxmemory", bytes)))
    yield* deliver("a")
    yield* deliver("b")
    yield* limit("1")
    const error = yield* failure(deliver("c"))
    expect([error.reason._tag, error.outcome]).toEqual(["CapacityExceeded", "NotApplied"])
    const page = yield* poll(undefined, minute, 1)
    expect(told(page)).toEqual(["a"])
    expect(told(yield* poll(page))).toEqual(["b"])
    yield* store.close("a box", "c:1")
    expect(yield* keys).toEqual([])
    yield* limit("0")
    yield* deliver("d")
    expect(told(yield* poll(page))).toEqual(["lost", "d"])
  })
)

it.live.skipIf(missing.binary)(
  "applications with other prefixes, and other databases, have boxes of their own (A8)",
  () =>
    Effect.gen(function* () {
      const server = yield* serve
      const at = (prefix: string, database: number) =>
        Effect.map(
          Layer.build(
            Layer.fresh(
              Layer.provide(RedisMailbox.store, RedisClient.layer({ url: `${server.url}/${database}`, prefix }))
            )
          ),
          (context) => Context.get(context, MailboxStore)
        )
      const stores = [yield* at("a", 0), yield* at("a", 1), yield* at("b", 0)]
      for (const [n, store] of stores.entries()) yield* store.deliver("box", "client", minute, `${n}`)
      for (const [n, store] of stores.entries()) {
        expect(told(yield* store.poll("box", "client", minute, undefined, 100))).toEqual([`${n}`])
        yield* store.close("box", "client")
      }
    })
)
