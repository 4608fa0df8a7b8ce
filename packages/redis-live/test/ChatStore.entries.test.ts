/** What a step of Chat logs is one entry on Redis: pages that begin and end within one, and what stays of it at the edges. */
import { expect, it } from "@effect/vitest"
import type { BackendError } from "@troupe/core/BackendError"
import type { Keep } from "@troupe/core/ChatStore"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { eventually } from "./support/client.ts"
import { places as servers } from "./support/places.ts"
import type { At } from "./support/Primaries.ts"
import { join, leave, make, many, places, plain, type Rig, say, texts } from "./support/room.ts"

const earliest = { _tag: "Earliest" } as const
const last = (count: number) => ({ _tag: "Last", count }) as const
const after = (epoch: string, sequence: number) => ({ _tag: "After", epoch, sequence }) as const

const history = (size: number): Keep => ({ history: { size, timeToLiveMs: 600_000 }, leaveGraceMs: 0 })

/** A step's texts: J S S L S J S, and so on. */
const mixed = (n: number) =>
  many(n).flatMap((n) => [join(`${n}`), say(`a${n}`), say(`b${n}`), leave(`${n}`), say(`c${n}`)])

const tests = (at: At) => {
  const test = (name: string, run: (r: Rig) => Effect.Effect<unknown, BackendError, Scope.Scope>) =>
    it.live(name, () => Effect.flatMap(make(at), run))

  const stream = (r: Rig, name: string) =>
    Effect.map(
      r.client.use("xrange", (redis) => redis.xrange(`${r.client.prefix}:{room:room}:${name}`, "-", "+")),
      (entries) =>
        entries.map(([id, fields]) => `${id} ${fields[5]} ${fields[7] ?? "-"}${fields[9] ? ` ${fields[9]}` : ""}`)
    )

  /** All of it, page by page, each behind the one before. */
  const paged = (r: Rig, keep: Keep, limit: number, sequence: number) =>
    Effect.gen(function* () {
      const { epoch } = yield* r.head
      const found: Array<string> = []
      let from = sequence
      for (;;) {
        const page = yield* r.read(keep, after(epoch, from), limit)
        expect(page.gap).toBe(undefined)
        for (const { payload, sequence } of page.entries) found.push(`${sequence} ${payload}`)
        from = page.sequence
        if (page.end) return found
        expect(page.entries).toHaveLength(limit)
      }
    })

  /** The same of words: their texts, and the numbers that the bookmarks tell. */
  const pagedWords = (r: Rig, keep: Keep, limit: number) =>
    Effect.gen(function* () {
      const found: Array<string> = []
      let page = yield* r.words(keep, earliest, limit)
      for (;;) {
        if (page === undefined) return found
        expect(page.lost).toBe(false)
        found.push(...texts(page.words))
        if (page.words.length > 0) expect(page.bookmark.number).toBe(found.length)
        if (page.end) return found
        expect(page.words).toHaveLength(limit)
        page = yield* r.words(keep, { _tag: "After", bookmark: page.bookmark }, limit)
      }
    })

  test("a step is one entry of the log, and one for each run of its words among those that stay", (r) =>
    Effect.gen(function* () {
      yield* r.create()
      yield* r.act(history(9), ...mixed(2))
      yield* r.act(history(9), join("x"))
      yield* r.act(history(9), say("1"))
      expect(yield* stream(r, "log")).toEqual(["2-0 10 1", "12-0 1 -", "13-0 1 7"])
      expect(yield* stream(r, "words")).toEqual(["3-0 2 1 0", "6-0 1 3 2", "8-0 2 4 3", "11-0 1 6 5", "13-0 1 7 6"])
    }))

  test("pages begin and end within a step, and nothing is passed over or told twice", (r) =>
    Effect.gen(function* () {
      yield* r.create()
      const { sequence } = yield* r.head
      for (const n of [3, 1, 4]) yield* r.act(history(100), ...mixed(n))
      const { entries } = yield* r.read(plain, earliest)
      const whole = entries.map(({ payload, sequence }) => `${sequence} ${payload}`)
      const words = texts(entries).filter((text) => text.startsWith("S"))
      expect([whole.length, words.length]).toEqual([40, 24])
      for (const limit of [1, 2, 3, 7, 512]) {
        expect(yield* paged(r, plain, limit, sequence)).toEqual(whole)
        expect(yield* pagedWords(r, plain, limit)).toEqual(words)
        expect(yield* pagedWords(r, history(100), limit)).toEqual(words)
      }
      for (const from of many(40)) expect(yield* paged(r, plain, 5, from + 1)).toEqual(whole.slice(from))
      for (const count of many(25)) {
        const ends = words.slice(words.length - count)
        for (const keep of [plain, history(100)]) {
          expect(texts((yield* r.words(keep, last(count)))?.words ?? [])).toEqual(ends)
          expect(texts((yield* r.read(keep, last(count))).entries)[0]).toEqual(ends[0])
        }
      }
      // Where the log has nothing any more, the words that stay are read in the same way.
      r.clock.now += 300_000
      const kept = whole.filter((text) => / S /.test(text))
      for (const limit of [1, 2, 7]) {
        const page = yield* r.read(history(100), earliest, limit)
        expect(page.entries.map(({ payload, sequence }) => `${sequence} ${payload}`)).toEqual(kept.slice(0, limit))
        expect(yield* pagedWords(r, history(100), limit)).toEqual(words)
      }
    }))

  test("of an entry that lies across an edge as much is told as would be of entries of one text", (r) =>
    Effect.gen(function* () {
      yield* r.create()
      const { epoch } = yield* r.head
      yield* r.act(plain, ...many(512).map((n) => say(`${n}`)))
      yield* r.act(plain, ...many(512).map((n) => say(`${512 + n}`)))
      const first = (from: number) =>
        Effect.map(r.read(plain, after(epoch, from), 2), ({ entries, gap }) => `${places(entries)} ${gap?.missed ?? 0}`)
      // 2 to 1025: the last thousand begin with 26.
      expect([yield* first(1), yield* first(25), yield* first(26), yield* first(513)]).toEqual([
        "S26 S27 24",
        "S26 S27 0",
        "S27 S28 0",
        "S514 S515 0"
      ])
      expect((yield* r.words(plain, earliest, 1))?.bookmark).toEqual({ epoch, sequence: 26, number: 25 })
      expect(yield* stream(r, "log")).toEqual(["2-0 512 1", "514-0 512 513"])
      for (const step of [487, 1]) {
        yield* r.act(plain, ...many(step).map((n) => say(`${n}`)))
        expect(places((yield* r.read(plain, earliest, 1)).entries)).toBe(step === 1 ? "S514" : "S513")
      }
      // Whatever none of the last thousand is in does not stay for long.
      for (const n of many(2_000)) if (n % 40 === 0) yield* r.act(plain, ...many(40).map((i) => say(`${n + i}`)))
      const sizes = (yield* stream(r, "log")).map((entry) => Number(entry.split(" ")[1]))
      expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(1_000 + 768 + 40)
      expect((yield* r.read(plain, earliest)).entries[0]?.sequence).toBe(3_513 - 999)
    }))

  test("a history keeps so many words to the one, whatever steps they came in, and no entry without one of them", (r) =>
    Effect.gen(function* () {
      const keep = history(100)
      yield* r.create()
      let said = 0
      const speak = (n: number) => r.act(keep, ...many(n).map(() => say(`${(said += 1)}`)))
      const kept = Effect.map(r.words(keep, earliest), (page) => texts(page?.words ?? []).map((text) => text.slice(4)))
      const lately = () => many(Math.min(100, said)).map((n) => `${said - Math.min(100, said) + 1 + n}`)
      for (const n of [...many(150).map(() => 1), 60, 39, 1, 1, 99, 100, 101, 512, 1, 30, 30, 30, 30]) {
        yield* speak(n)
        if (n > 1) expect(yield* kept).toEqual(lately())
      }
      expect(yield* stream(r, "words")).toHaveLength(4)
      yield* speak(10)
      expect(yield* stream(r, "words")).toHaveLength(4)
      // Another definition keeps fewer: of what is there it gives its own last ones.
      expect(texts((yield* r.words(history(7), earliest))?.words ?? [])).toEqual(
        many(7).map((n) => `S x ${said - 6 + n}`)
      )
      expect(yield* kept).toEqual(lately())
    }))

  test("of words that leave together each is taken or refused by itself, and what is taken is one frame", (r) =>
    Effect.gen(function* () {
      const q = r.as("q")
      const of = (ref: string, from = ref) => say(ref, { from, ref })
      yield* r.create()
      const heard = yield* r.frames("room")
      yield* r.act(plain, ...["a", "b", "c", "d", "a b"].map((id) => join(id)))
      yield* r.act(history(9), of("a"), of("b"), of("a"), of("a b"), say("by nobody"))
      expect(yield* r.act(history(9), of("a"), of("nobody"), of("b"))).toEqual(["Said 12", "NotMember", "Said 13"])
      // Of another membership, of another peer, and of two of which one is not any more.
      expect(yield* r.act(plain, of("b", "a"), of("c"))).toEqual(["NotMember", "Said 14"])
      expect(yield* q.act(plain, of("a"), say("by q"))).toEqual(["Said 15", "Said 16"])
      yield* q.act(plain, join("c", { ref: "other", over: "p" }))
      expect(yield* r.act(plain, of("c"), of("a"))).toEqual(["NotMember", "Said 18"])
      expect(yield* q.act(plain, of("c"), of("other", "c"))).toEqual(["NotMember", "Said 19"])
      yield* q.act(plain, leave("c", "other"))
      expect(yield* q.act(plain, of("other", "c"))).toEqual(["NotMember"])
      yield* r.act({ ...plain, leaveGraceMs: 10_000 }, leave("d"))
      expect(yield* r.act(plain, of("d"))).toEqual(["NotMember"])
      // Of a Left whose time has come it is said first, whether the words behind it are taken or not.
      r.clock.now += 10_000
      expect(yield* r.act(plain, of("nobody"), of("a"))).toEqual(["NotMember", "Said 22"])
      yield* q.sweep("p")
      expect(yield* r.act(plain, of("a"), say("by nobody"))).toEqual(["NotMember", "Said 26"])
      yield* eventually(Effect.sync(() => expect(heard.at(-1)?.[1]).toMatch(/S x by nobody$/)))
      const frames = heard.map(([, frame]) => places(r.entriesOf(frame)))
      expect(frames.slice(1, 6)).toEqual(["S7 S8 S9 S10 S11", "S12 S13", "S14", "S15 S16", "U17"])
      expect(frames.slice(6)).toEqual(["S18", "S19", "L20", "L21", "S22", "L23 L24 L25", "S26"])
      const { entries } = yield* r.read(plain, earliest)
      expect(texts(entries).slice(5, 12)).toEqual([
        "S a a",
        "S b b",
        "S a a",
        "S a%20b a b",
        "S x by nobody",
        "S a a",
        "S b b"
      ])
    }))

  test("a key of a word in the middle of a step stands for it, in that step and later", (r) =>
    Effect.gen(function* () {
      const keep = history(5)
      const one = (key: string) => say(key, { dedupeKey: key })
      yield* r.create()
      expect(yield* r.act(keep, say("0"), one("a"), join("x"), one("b"), one("a"), say("1"))).toEqual([
        "Said 2",
        "Said 3",
        "Joined 0",
        "Said 5",
        "Said 3",
        "Said 6"
      ])
      expect(yield* r.act(plain, one("b"), one("a"))).toEqual(["Said 5", "Said 3"])
      r.clock.now += 300_000
      // Of 0, a, b, 1 and what comes now the history has the last five.
      const later = [say("2"), one("a"), say("3"), say("4"), one("b"), one("a")]
      expect(yield* r.act(keep, ...later)).toEqual(["Said 7", "Said 3", "Said 8", "Said 9", "Said 5", "Said 10"])
    }))
}

for (const { at, name, skip } of servers) skip(`entries of Chat on a ${name}`, () => tests(at))
