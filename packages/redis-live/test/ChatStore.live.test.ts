/** The store of Chat on the server's own clock: what ends by itself, a full server, a hundred thousand members. */
import { describe, expect, it } from "@effect/vitest"
import type { BackendError } from "@troupe/core/BackendError"
import { graveMs, type Keep } from "@troupe/core/ChatStore"
import * as Effect from "effect/Effect"
import { missing } from "../../../scripts/missing.ts"
import { ask, withRedis } from "../../../scripts/redis/ask.ts"
import { eventually, failure } from "./support/client.ts"
import { places } from "./support/places.ts"
import { serve } from "./support/rig.ts"
import {
  join,
  leave,
  make,
  many,
  patient,
  places as letters,
  plain,
  remove,
  type Rig,
  say,
  update
} from "./support/room.ts"

const soon: Keep = { history: undefined, leaveGraceMs: 50 }
const minute: Keep = { history: { size: 10, timeToLiveMs: 60_000 }, leaveGraceMs: 0 }
const earliest = { _tag: "Earliest" } as const

/** How long what of the room's has one still has to live, ms, by its name; what ends never is not there. */
const lives = (r: Rig) =>
  Effect.gen(function* () {
    const all: Record<string, number> = {}
    for (const key of yield* r.keys) {
      const left = yield* r.client.use("pttl", (redis) => redis.pttl(`${r.client.prefix}:${key}`))
      if (left >= 0) all[key.slice(key.lastIndexOf(":") + 1)] = left
    }
    return all
  })

const within = (most: number) => (left: unknown) => typeof left === "number" && left > most - 5_000 && left <= most
const near = (most: number): unknown => expect.toSatisfy(within(most))

for (const { at, name, skip } of places) {
  skip(`rooms on a ${name}'s own clock`, () => {
    it.live("nothing that decides has a time to live; a destroyed room's log stays for ten minutes", () =>
      Effect.gen(function* () {
        const r = yield* make(at, true)
        yield* r.create(yield* r.store.list("room"))
        expect(yield* lives(r)).toEqual({})
        yield* r.act(minute, join("a"), join("b"), say("1", { dedupeKey: "k" }))
        yield* r.act(patient, leave("b"), say("2"))
        yield* r.sweep("dead")
        expect(yield* lives(r)).toEqual({ log: near(301_000), words: near(61_000) })
        // Never less than another definition of the room has asked for.
        yield* r.act({ ...minute, history: { size: 10, timeToLiveMs: 1_000 } }, say("3"))
        expect(yield* lives(r)).toEqual({ log: near(301_000), words: near(61_000) })
        yield* r.destroy()
        expect(yield* lives(r)).toEqual({ log: near(600_000), meta: near(600_000), fenced: near(graveMs) })
        yield* r.read(plain, earliest)
        expect(yield* r.create()).toBe(true)
        expect(yield* lives(r)).toEqual({ log: near(600_000) })
        yield* r.act(plain, say("4"))
        expect(yield* lives(r)).toEqual({ log: near(301_000) })
        expect(letters((yield* r.read(plain, earliest)).entries)).toBe("S8")
        // Of a room that is not there.
        yield* r.store.sweep("other", "dead", r.by)
        expect(yield* lives(r)).toEqual({ log: near(301_000), fenced: near(graveMs) })
        yield* r.create(1, "other")
        expect(yield* lives(r)).toEqual({ log: near(301_000) })
      })
    )

    it.live("a Left that is held back comes in its time; whatever is stamped is by the server's clock", () =>
      Effect.gen(function* () {
        const r = yield* make(at, true)
        yield* r.create()
        const before = Date.now()
        yield* r.act(soon, join("a"), join("b"), say("1"))
        const { entries } = yield* r.read(plain, earliest)
        for (const entry of entries) expect(Math.abs(entry.at - before)).toBeLessThan(60_000)
        const due = yield* r.due(soon, leave("a"))
        expect(due).toBeGreaterThan(0)
        expect(due).toBeLessThanOrEqual(50)
        yield* eventually(Effect.map(r.store.look("room"), (look) => expect(look?.members).toBe(1)))
        expect(letters((yield* r.read(plain, earliest)).entries)).toBe("J2 J3 S4 L5")
      })
    )

    it.live("a room whose log was taken goes on, and says what is missing", () =>
      Effect.gen(function* () {
        const r = yield* make(at, true)
        yield* r.create()
        const start = yield* r.head
        yield* r.act(minute, join("a"), say("1"), say("2"))
        yield* Effect.promise(() => r.primaries.remove((key) => key.endsWith(":log")))
        yield* r.act(minute, say("3"))
        const page = yield* r.read(minute, start)
        expect([letters(page.entries), page.gap?.missed, page.end]).toEqual(["S3 S4 S5", 1, true])
        expect((yield* r.read(plain, start)).gap?.missed).toBe(3)
        // All of it: as if it had never been.
        yield* Effect.promise(() => r.primaries.removeAll())
        expect(yield* r.act(plain, say("4"))).toBe(undefined)
        expect(letters((yield* r.read(plain, start)).entries)).toBe("D1")
        yield* r.create()
        yield* r.act(plain, say("5"))
        const other = yield* r.read(plain, start)
        expect([letters(other.entries), other.gap?.reason]).toEqual(["D1 S2", "EpochChanged"])
      })
    )
  })
}

describe.skipIf(missing.binary)("rooms on a server of their own", () => {
  it.live("a full server takes nothing new; whoever leaves, is removed or swept goes, and rooms end", () =>
    Effect.gen(function* () {
      const server = yield* serve
      const r = yield* make({ url: server.url }, true)
      const q = r.as("q")
      const isFull = (is: boolean) =>
        Effect.promise(() => withRedis(server.url, (redis) => redis.config("SET", "maxmemory", is ? "1" : "0")))
      const stamp = yield* r.store.list("room")
      yield* r.store.enter("p", ["room"])
      yield* r.create(stamp)
      yield* r.act(soon, join("a"), join("b"), join("c"), join("d"), say("1"))
      yield* q.act(plain, join("e"), join("f"))
      yield* isFull(true)
      const refused: ReadonlyArray<Effect.Effect<unknown, BackendError>> = [
        r.act(plain, join("g")),
        r.act(plain, update("a", "1")),
        r.act(plain, say("2")),
        // One that adds among those that end.
        r.act(plain, leave("a"), say("2")),
        r.create(1, "other"),
        r.store.list("other"),
        r.store.enter("p", ["other"])
      ]
      for (const call of refused) {
        const error = yield* failure(call)
        expect([error.reason._tag, error.outcome]).toEqual(["CapacityExceeded", "NotApplied"])
      }
      expect(yield* r.act(plain, leave("a"), remove("b"))).toEqual(["Done", "Done"])
      expect(yield* r.act(soon, leave("c"))).toEqual(["Done"])
      yield* eventually(Effect.map(r.store.look("room"), (look) => expect(look?.members).toBe(3)))
      expect(yield* r.store.bury("q")).toEqual([])
      expect((yield* r.sweep("q")).left).toBe(0)
      expect((yield* r.store.seats("room", ""))?.members).toBe(1)
      expect((yield* r.words(plain, earliest))?.words).toHaveLength(1)
      expect((yield* r.read(plain, earliest)).entries).toHaveLength(12)
      expect((yield* r.store.rooms("")).rooms).toEqual(["room"])
      yield* r.store.prune(["room"])
      yield* r.store.exit("p", ["room"])
      expect(yield* r.store.peers).toEqual([])
      expect(yield* r.destroy()).toBe(stamp)
      yield* r.store.unlist("room", stamp)
      yield* isFull(false)
      expect(yield* r.create()).toBe(true)
    })
  )

  it.live("words that leave together are one command of the server, and another where one of them is refused", () =>
    Effect.gen(function* () {
      const server = yield* serve
      const r = yield* make({ url: server.url }, true)
      const calls = Effect.map(
        Effect.promise(() => ask(server, "INFO", "commandstats")),
        (stats) => Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0)
      )
      const words = (more: string) => r.act(plain, ...["a", "b", "a", more].map((ref) => say("1", { ref })), say("2"))
      yield* r.create()
      yield* r.act(plain, join("a"), join("b"))
      // The first of each script goes with its text.
      yield* words("nobody")
      const before = yield* calls
      yield* words("b")
      expect((yield* calls) - before).toBe(1)
      yield* words("nobody")
      expect((yield* calls) - before).toBe(3)
    })
  )

  it.live(
    "a hundred thousand members: no step on their room holds the server for ten milliseconds",
    () =>
      Effect.gen(function* () {
        const server = yield* serve
        const r = yield* make({ url: server.url }, true)
        const peers = many(20).map((n) => `peer ${n}`)
        const fill = Effect.andThen(
          r.create(),
          Effect.forEach(
            many(200),
            (n) => {
              const id = peers[n % peers.length] ?? ""
              return r.as(id).act(plain, ...many(500).map((i) => join(`member ${n}.${i}`, { details: `{"n":${n}}` })))
            },
            { concurrency: 4 }
          )
        )
        // A busy machine has some step wait; one that takes too long does so each time.
        const quick = <A>(steps: Effect.Effect<A, BackendError>, tries = 8): Effect.Effect<A, BackendError> =>
          Effect.gen(function* () {
            yield* Effect.promise(() => ask(server, "SLOWLOG", "RESET"))
            const answer = yield* steps
            const slow = yield* Effect.promise(() => ask(server, "SLOWLOG", "GET", "10"))
            if (slow !== "" && tries > 1) return yield* quick(steps, tries - 1)
            expect(slow).toBe("")
            return answer
          })
        yield* Effect.promise(() => ask(server, "CONFIG", "SET", "slowlog-log-slower-than", "10000"))
        yield* fill
        expect((yield* quick(r.store.look("room")))?.members).toBe(100_000)
        const pages = (from: string) =>
          Effect.gen(function* () {
            const found: Array<string> = []
            let cursor = from
            for (const _ of many(10)) {
              const page = yield* r.store.seats("room", cursor)
              expect(page?.seats.length).toBeLessThanOrEqual(512)
              for (const { id } of page?.seats ?? []) found.push(id)
              cursor = page?.cursor ?? ""
              if (cursor === "") break
            }
            return { found, cursor }
          })
        const found = new Set<string>()
        let turns = 0
        let cursor = ""
        do {
          const some = yield* quick(pages(cursor))
          for (const id of some.found) found.add(id)
          cursor = some.cursor
          expect((turns += 1)).toBeLessThan(100)
          // Others come and go meanwhile.
          const guests = many(50).map((n) => `guest ${n}`)
          yield* quick(r.as("guest").act(plain, ...guests.map((id) => join(id))))
          yield* r.as("guest").act(plain, ...guests.map(remove))
        } while (cursor !== "")
        expect([...found].filter((id) => id.startsWith("member")).length).toBe(100_000)
        yield* quick(r.act(plain, say("1"), join("one more"), update("one more", "1"), leave("one more")))
        yield* quick(r.sweep("peer 0"))
        // Whoever is still there when the room ends is gone with it, however many they are.
        const ends = quick(Effect.andThen(r.store.look("room"), r.destroy()), 1)
        yield* Effect.catchDefect(ends, () => Effect.andThen(fill, ends))
        expect(yield* r.create()).toBe(true)
        expect((yield* r.store.seats("room", ""))?.members).toBe(0)
      }),
    120_000
  )

  it.live("a page of another run of the server is not gone on with: its order was another", () =>
    Effect.gen(function* () {
      const server = yield* serve
      const r = yield* make({ url: server.url }, true)
      yield* r.create()
      for (const n of many(4)) yield* r.act(plain, ...many(500).map((i) => join(`${n}.${i}`)))
      const page = yield* r.store.seats("room", "")
      const again = yield* r.store.seats("room", page?.cursor.replace(/^\w+/, "0".repeat(40)) ?? "")
      expect(again).toEqual(page)
      const next = yield* r.store.seats("room", page?.cursor ?? "")
      expect(next?.seats[0]?.id).not.toBe(page?.seats[0]?.id)
    })
  )
})
