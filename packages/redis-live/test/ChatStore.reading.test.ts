/** What the store of Chat on Redis gives to whoever reads: events across the lives of a room, words below the log's reach, pages. */
import { expect, it } from "@effect/vitest"
import type { BackendError } from "@troupe/core/BackendError"
import type { Keep, WordsFrom } from "@troupe/core/ChatStore"
import type { From } from "@troupe/core/PubSubStore"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { places as servers } from "./support/places.ts"
import type { At } from "./support/Primaries.ts"
import { begin, join, kept, leave, make, many, places, plain, type Rig, say } from "./support/room.ts"

const earliest = { _tag: "Earliest" } as const
const last = (count: number) => ({ _tag: "Last", count }) as const
const after = (epoch: string, sequence: number) => ({ _tag: "After", epoch, sequence }) as const

/** Five words, ten minutes long. */
const five: Keep = { history: { size: 5, timeToLiveMs: 600_000 }, leaveGraceMs: 0 }

const tests = (at: At) => {
  const test = (name: string, run: (r: Rig) => Effect.Effect<unknown, BackendError, Scope.Scope>) =>
    it.live(name, () => Effect.flatMap(make(at), run))

  /** `S2 S3 | missed 4 | end`: what a page has. */
  const told = (r: Rig, keep: Keep, from: From, limit?: number) =>
    Effect.map(r.read(keep, from, limit), ({ end, entries, gap }) =>
      [
        places(entries),
        ...(gap === undefined ? [] : [gap.missed === undefined ? gap.reason : `missed ${gap.missed}`]),
        ...(end ? ["end"] : [])
      ].join(" | ")
    )
  /** `1 2 3 | lost | end`: the numbers of the words. */
  const wordsOf = (r: Rig, keep: Keep, from: WordsFrom, limit?: number) =>
    Effect.map(r.words(keep, from, limit), (page) =>
      page === undefined
        ? "none"
        : [
            page.words.map((_, n) => page.bookmark.number - page.words.length + 1 + n).join(" "),
            ...(page.lost ? ["lost"] : []),
            ...(page.end ? ["end"] : [])
          ].join(" | ")
    )
  const bookmark = (r: Rig, keep: Keep, from: WordsFrom, limit?: number) =>
    Effect.map(r.words(keep, from, limit), (page) => ({
      _tag: "After" as const,
      bookmark: page?.bookmark ?? { epoch: "", sequence: 0, number: 0 }
    }))

  // -- events -------------------------------------------------------------------------------------------------------

  test("of a room that nobody knows of there is an end, and for whoever had a place a gap", (r) =>
    Effect.gen(function* () {
      for (const from of [earliest, last(0), last(5), after("e", 7)]) {
        expect(yield* r.read(kept, from)).toEqual({
          gap: from._tag === "After" ? { reason: "EpochChanged", missed: undefined } : undefined,
          entries: [{ epoch: "-", sequence: 1, at: begin, publisher: "-", payload: "D" }],
          epoch: "-",
          sequence: 1,
          end: true
        })
      }
      // That place is none of the room's that comes.
      yield* r.create()
      yield* r.act(plain, say("1"))
      expect(yield* told(r, plain, after("-", 1))).toBe("D1 S2 | EpochChanged | end")
    }))

  test("whoever comes from before an end is told of it, in the log or not", (r) =>
    Effect.gen(function* () {
      yield* r.create()
      yield* r.act(plain, join("a"), say("1"))
      const early = yield* r.head
      yield* r.act(plain, say("2"))
      yield* r.destroy()
      expect(yield* told(r, plain, early)).toBe("S4 D5 | end")
      expect(yield* told(r, plain, earliest)).toBe("D5 | end")
      expect(yield* told(r, plain, last(3))).toBe("D5 | end")
      expect(yield* told(r, plain, yield* r.head)).toBe(" | end")
      r.clock.now += 400_000
      expect(yield* told(r, plain, early)).toBe("D5 | missed 1 | end")
      r.clock.now -= 400_000
      yield* r.create()
      yield* r.act(plain, say("3"))
      expect(yield* told(r, plain, early)).toBe("S4 D5 S6 | end")
      expect(yield* told(r, plain, early, 1)).toBe("S4")
      expect(yield* told(r, plain, earliest)).toBe("S6 | end")
      expect(yield* told(r, plain, last(9))).toBe("S6 | end")
      // Gone by its age, and by how many came since.
      r.clock.now += 300_000
      yield* r.act(plain, say("4"))
      expect(yield* told(r, plain, early)).toBe("D5 S7 | missed 2 | end")
      expect(yield* told(r, plain, early, 1)).toBe("D5 | missed 1")
      expect(yield* told(r, plain, after(early.epoch, 5))).toBe("S7 | missed 1 | end")
      yield* r.destroy()
      yield* r.create()
      for (const _ of many(3)) yield* r.act(plain, ...many(400).map((n) => say(`${n}`)))
      const page = yield* r.read(plain, early, 2)
      expect([places(page.entries), page.gap?.missed, page.end]).toEqual(["D8 S209", 204, false])
      expect(page.entries[0]).toMatchObject({ payload: "D", publisher: "-", at: begin + 300_000, epoch: early.epoch })
    }))

  test("the log has a thousand entries of the last five minutes, to the one", (r) =>
    Effect.gen(function* () {
      yield* r.create()
      const start = yield* r.head
      yield* r.act(plain, ...many(500).map((n) => say(`${n}`)))
      r.clock.now += 100
      yield* r.act(plain, ...many(500).map((n) => say(`${n}`)))
      expect((yield* r.read(plain, start)).gap).toBe(undefined)
      yield* r.act(plain, say("1"))
      expect(yield* told(r, plain, start, 1)).toBe("S3 | missed 1")
      r.clock.now += 299_899
      expect(yield* told(r, plain, start, 1)).toBe("S3 | missed 1")
      r.clock.now += 1
      expect(yield* told(r, plain, start, 1)).toBe("S502 | missed 500")
      r.clock.now += 99
      expect(yield* told(r, plain, earliest, 1)).toBe("S502")
      r.clock.now += 1
      expect(yield* told(r, plain, earliest)).toBe(" | end")
      expect(yield* told(r, plain, start)).toBe(" | missed 1001 | end")
    }))

  test("what lies behind the log but is among the words that stay is given, and the rest is counted", (r) =>
    Effect.gen(function* () {
      yield* r.create()
      const start = yield* r.head
      // 2: J, 3: S, 4: J, 5: S, ... 13: S; the last five words stay.
      yield* r.act(five, ...many(6).flatMap((n) => [join(`${n}`), say(`${n}`)]))
      r.clock.now += 300_000
      yield* r.act(five, say("new"), leave("0"))
      expect(yield* told(r, five, start)).toBe("S7 S9 S11 S13 S14 L15 | missed 8 | end")
      expect(yield* told(r, plain, start)).toBe("S14 L15 | missed 12 | end")
      expect(yield* told(r, five, after(start.epoch, 9))).toBe("S11 S13 S14 L15 | missed 2 | end")
      expect(yield* told(r, five, after(start.epoch, 13))).toBe("S14 L15 | end")
      expect(yield* told(r, five, earliest)).toBe("S7 S9 S11 S13 S14 L15 | end")
      // Page by page nothing is passed over, and each says what is missing up to its end.
      const pages: Array<string> = []
      let from = start
      for (;;) {
        const page = yield* r.read(five, from, 2)
        pages.push(`${places(page.entries)} ${page.gap?.missed ?? 0}`)
        from = after(page.epoch, page.sequence)
        if (page.end) break
      }
      expect(pages).toEqual(["S7 S9 6", "S11 S13 2", "S14 L15 0"])
      expect(yield* told(r, five, last(1))).toBe("S14 L15 | end")
      expect(yield* told(r, five, last(3))).toBe("S11 S13 S14 L15 | end")
      expect(yield* told(r, five, last(99))).toBe("S7 S9 S11 S13 S14 L15 | end")
      expect(yield* told(r, plain, last(99))).toBe("S14 L15 | end")
      expect(yield* told(r, five, last(0))).toBe(" | end")
      // By their age, too.
      r.clock.now += 299_999
      expect(yield* told(r, five, earliest)).toBe("S7 S9 S11 S13 S14 L15 | end")
      r.clock.now += 1
      // A page that ends before the log does is not the last: what is missing behind it is said by the next.
      expect(yield* told(r, five, earliest)).toBe("S14")
      expect(yield* told(r, five, start)).toBe("S14 | missed 12")
      expect(yield* told(r, five, after(start.epoch, 14))).toBe(" | missed 1 | end")
      r.clock.now += 300_000
      expect(yield* told(r, five, earliest)).toBe(" | end")
      // None of it is there in another life.
      yield* r.act(five, say("1"))
      yield* r.destroy()
      yield* r.create()
      expect(yield* told(r, five, earliest)).toBe(" | end")
    }))

  test("the last so many words are found in the log among whatever else is there", (r) =>
    Effect.gen(function* () {
      yield* r.create()
      yield* r.act(plain, say("first"), ...many(200).map((n) => join(`${n}`)), say("second"))
      yield* r.act(plain, ...many(200).map((n) => leave(`${n}`)), say("third"))
      for (const [count, first] of [
        [1, "S404"],
        [2, "S203"],
        [3, "S2"],
        [4, "S2"]
      ] as const) {
        expect(places((yield* r.read(plain, last(count))).entries).split(" ")[0]).toBe(first)
      }
      expect(yield* wordsOf(r, plain, last(2))).toBe("2 3 | end")
    }))

  test("a server that takes over goes on in another epoch; what it has not heard of was rewound", (r) =>
    Effect.gen(function* () {
      yield* r.create()
      yield* r.act(plain, say("1"), say("2"))
      const { epoch, sequence } = yield* r.head
      r.clock.run = "another"
      yield* r.act(plain, say("3"))
      const second = (yield* r.head).epoch
      expect(second.startsWith(`${epoch}-`)).toBe(true)
      expect(yield* told(r, plain, after(epoch, sequence))).toBe("S4 | end")
      expect(yield* told(r, plain, after(epoch, 9))).toBe("S4 | Rewound | end")
      expect(yield* told(r, plain, after(second, 9))).toBe(" | Rewound | end")
      // An epoch of this log that nobody remembers, and one of another.
      expect(yield* told(r, plain, after(`${epoch}-lost`, 3))).toBe("D1 S2 S3 S4 | EpochChanged | end")
      expect(yield* told(r, plain, after("other", 3))).toBe("D1 S2 S3 S4 | EpochChanged | end")
      // Looking begins an epoch, too, and only eight before the present one are remembered.
      for (const n of many(7)) {
        r.clock.run = `run ${n}`
        yield* r.store.look("room")
      }
      expect(yield* told(r, plain, after(epoch, sequence))).toBe("S4 | end")
      r.clock.run = "one more"
      expect(yield* told(r, plain, after(epoch, sequence))).toBe("D1 S2 S3 S4 | EpochChanged | end")
      expect(yield* told(r, plain, after(second, 4))).toBe(" | end")
      expect((yield* r.head).epoch.split("-")).toHaveLength(2)
    }))

  // -- words --------------------------------------------------------------------------------------------------------

  test("words are read page by page, of the history or of the log", (r) =>
    Effect.gen(function* () {
      yield* r.create()
      expect(yield* r.words(plain, earliest)).toEqual({
        words: [],
        bookmark: { epoch: (yield* r.head).epoch, sequence: 1, number: 0 },
        lost: false,
        end: true
      })
      yield* r.act(five, ...many(7).flatMap((n) => [join(`${n}`), say(`${n}`), leave(`${n}`)]))
      expect(yield* wordsOf(r, five, earliest)).toBe("3 4 5 6 7 | end")
      expect(yield* wordsOf(r, plain, earliest)).toBe("1 2 3 4 5 6 7 | end")
      expect(yield* wordsOf(r, five, last(2))).toBe("6 7 | end")
      expect(yield* wordsOf(r, five, last(9), 3)).toBe("3 4 5")
      expect(yield* wordsOf(r, plain, last(9), 7)).toBe("1 2 3 4 5 6 7 | end")
      for (const keep of [five, plain]) {
        const mark = yield* bookmark(r, keep, last(4), 1)
        expect(mark.bookmark).toMatchObject({ sequence: 12, number: 4 })
        expect(yield* wordsOf(r, keep, mark, 2)).toBe("5 6")
        expect(yield* wordsOf(r, keep, yield* bookmark(r, keep, mark, 2))).toBe("7 | end")
        expect(yield* wordsOf(r, keep, yield* bookmark(r, keep, earliest))).toBe(" | end")
      }
      const early = yield* bookmark(r, plain, earliest, 1)
      expect(yield* wordsOf(r, five, early)).toBe("3 4 5 6 7 | lost | end")
      expect(yield* wordsOf(r, plain, early)).toBe("2 3 4 5 6 7 | end")
      r.clock.now += 300_000
      expect(yield* wordsOf(r, plain, early)).toBe(" | lost | end")
      expect(yield* wordsOf(r, five, yield* bookmark(r, five, earliest, 1))).toBe("4 5 6 7 | end")
    }))

  test("their numbers go on through the lives of a log, and say what is lost", (r) =>
    Effect.gen(function* () {
      yield* r.create()
      yield* r.act(five, say("1"), say("2"))
      const all = yield* bookmark(r, five, earliest)
      const one = yield* bookmark(r, five, earliest, 1)
      yield* r.destroy()
      expect(yield* wordsOf(r, five, all)).toBe("none")
      yield* r.create()
      expect(yield* wordsOf(r, five, all)).toBe(" | end")
      expect(yield* wordsOf(r, five, one)).toBe(" | lost | end")
      expect(yield* wordsOf(r, plain, one)).toBe(" | lost | end")
      yield* r.act(five, say("3"))
      expect(yield* wordsOf(r, five, all)).toBe("3 | end")
      expect(yield* wordsOf(r, plain, all)).toBe("3 | end")
      expect(yield* wordsOf(r, five, one)).toBe("3 | lost | end")
      // A place that is none of this log's.
      for (const keep of [five, plain]) {
        const odd = { _tag: "After", bookmark: { epoch: "other", sequence: 7, number: 3 } } as const
        expect(yield* wordsOf(r, keep, odd)).toBe("3 | lost | end")
      }
    }))

  test("where definitions keep differently many, each gives its own last ones", (r) =>
    Effect.gen(function* () {
      const many100: Keep = { history: { size: 100, timeToLiveMs: 600_000 }, leaveGraceMs: 0 }
      yield* r.create()
      yield* r.act(many100, ...many(60).map((n) => say(`${n}`)))
      r.clock.now += 300_000
      expect(yield* wordsOf(r, five, earliest)).toBe("56 57 58 59 60 | end")
      expect(yield* told(r, five, earliest)).toBe("S57 S58 S59 S60 S61 | end")
      expect(yield* wordsOf(r, many100, earliest, 3)).toBe("1 2 3")
      expect(yield* wordsOf(r, many100, last(2))).toBe("59 60 | end")
    }))
}

for (const { at, name, skip } of servers) skip(`what is read of Chat on a ${name}`, () => tests(at))
