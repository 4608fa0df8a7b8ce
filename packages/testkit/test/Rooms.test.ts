/** Rooms in memory at their store: the sentences of ChatStore that are easily got wrong. */
import * as Store from "@troupe/core/ChatStore"
import * as Effect from "effect/Effect"
import { describe, expect } from "vitest"
import { graced, join, keep, kept, leave, places, remove, say, test, texts, update, words } from "./support/inRooms.ts"

const earliest = { _tag: "Earliest" } as const
const last = (count: number) => ({ _tag: "Last", count }) as const

describe("a life of a room", () => {
  test("a room is made once, and what it was made with comes back from its end", (a) =>
    Effect.gen(function* () {
      const listed = yield* a.store.list("room")
      expect(yield* a.store.create("room", listed, a.by)).toBe(true)
      expect(yield* a.create()).toBe(false)
      expect(yield* a.destroy()).toBe(listed)
      expect(yield* a.destroy()).toBeUndefined()
      expect(yield* a.store.look("room")).toBeUndefined()
      expect(yield* a.create()).toBe(true)
    }))

  test("a room that is not there has no members, no words and a D", (a) =>
    Effect.gen(function* () {
      const by = { ...a.by }
      expect(yield* a.store.act("room", keep, by, [join("x")])).toEqual({ outcomes: undefined, dueInMs: undefined })
      expect(yield* a.store.seats("room", "")).toBeUndefined()
      expect(yield* a.store.words("room", keep, earliest, 9)).toBeUndefined()
      expect(yield* a.store.sweep("room", "b", by)).toMatchObject({ left: 0, dueInMs: undefined })
      for (const from of [earliest, last(0), { _tag: "After", epoch: "x", sequence: 9 } as const]) {
        const { end, entries, epoch, gap, sequence } = yield* a.read(keep, from)
        expect([places(entries), epoch, sequence, end]).toEqual([["D@1"], "-", 1, true])
        expect(gap?.reason).toBe(from._tag === "After" ? "EpochChanged" : undefined)
      }
      expect(yield* a.create()).toBe(true)
      expect(yield* a.store.act("room", keep, { ...by, id: "b" }, [join("x")])).toMatchObject({ dueInMs: undefined })
    }))

  test("whoever read a life of it gets the D of that life, also where it has gone from the log", (a) =>
    Effect.gen(function* () {
      yield* a.create()
      const { epoch } = yield* a.head
      yield* a.act(keep, join("x"), say("1"))
      yield* a.destroy()
      yield* a.create()
      yield* a.act(keep, say("2"))
      const after = (sequence: number) => a.read(keep, { _tag: "After", epoch, sequence })
      expect(places((yield* after(1)).entries)).toEqual(["J@2", "S@3", "D@4", "S@5"])
      expect(places((yield* after(4)).entries)).toEqual(["S@5"])
      for (const from of [earliest, last(9), last(1)])
        expect(places((yield* a.read(keep, from)).entries)).toEqual(["S@5"])
      yield* a.world.advance("5 minutes")
      const old = yield* after(1)
      expect([places(old.entries), old.gap, old.end]).toEqual([["D@4"], { reason: "HistoryTrimmed", missed: 2 }, false])
      const rest = yield* after(4)
      expect([places(rest.entries), rest.gap, rest.sequence, rest.end]).toEqual([
        [],
        { reason: "HistoryTrimmed", missed: 1 },
        5,
        true
      ])
    }))

  test("whoever comes to a room that has just ended gets its end", (a) =>
    Effect.gen(function* () {
      yield* a.create()
      yield* a.act(keep, say("1"))
      yield* a.destroy()
      for (const from of [earliest, last(0), last(3)]) {
        expect(places((yield* a.read(keep, from)).entries)).toEqual(["D@3"])
      }
    }))

  test("a log of another lineage begins with the D behind which it stands", (a) =>
    Effect.gen(function* () {
      yield* a.create()
      yield* a.act(kept, ...words(20))
      const stale = yield* a.head
      yield* a.world.store.forget
      yield* a.create()
      yield* a.act(kept, say("1"))
      const page = yield* a.read(kept, stale)
      expect([places(page.entries), page.gap]).toEqual([["D@1", "S@2"], { reason: "EpochChanged", missed: undefined }])
    }))

  test("a server that takes over goes on with the log in another epoch", (a) =>
    Effect.gen(function* () {
      yield* a.create()
      const before = yield* a.head
      yield* a.act(keep, say("1"))
      const lost = yield* a.head
      yield* a.world.store.rewind(1)
      const page = yield* a.read(keep, lost)
      expect([places(page.entries), page.gap]).toEqual([[], { reason: "Rewound", missed: undefined }])
      expect(page.epoch.startsWith(`${before.epoch}-`)).toBe(true)
      yield* a.act(keep, say("2"))
      expect(texts((yield* a.read(keep, before)).entries)).toEqual(["S somebody 2"])
      const { lost: isLost } = yield* a.words(keep, { _tag: "After", bookmark: { ...lost, number: 1 } })
      expect(isLost).toBe(true)
    }))

  test("neither D nor end removes who is fenced", (a) =>
    Effect.gen(function* () {
      yield* a.create()
      yield* a.store.sweep("room", "b", a.by)
      yield* a.destroy()
      yield* a.create()
      expect(yield* a.as("b").act(keep, join("x"))).toEqual(["Gone"])
    }))

  test("who is gone stays so in a room that was not there when that was told", (a) =>
    Effect.gen(function* () {
      yield* a.store.sweep("room", "b", a.by)
      yield* a.create()
      expect(yield* a.as("b").act(keep, join("x"))).toEqual(["Gone"])
      yield* a.destroy()
      yield* a.store.sweep("room", "c", a.by)
      yield* a.create()
      expect(yield* a.as("c").act(keep, join("x"))).toEqual(["Gone"])
      expect(yield* a.act(keep, join("x"))).toEqual(["Joined"])
    }))
})

describe("words", () => {
  test("those that stay fill in below the log's reach, and the gap counts only what is neither", (a) =>
    Effect.gen(function* () {
      yield* a.create()
      const start = yield* a.head
      // Sequences 2 to 9: J, S, J, S, J, S, U, S.
      for (const id of ["x", "y", "z"]) yield* a.act(kept, join(id), say(id))
      yield* a.act(kept, update("x", "[]"), say("w"))
      yield* a.world.advance("299 seconds")
      yield* a.act(kept, join("v"))
      yield* a.world.advance("2 seconds")
      const page = yield* a.read(kept, start)
      expect(places(page.entries)).toEqual(["S@3", "S@5", "S@7", "S@9", "J@10"])
      expect(page.gap).toEqual({ reason: "HistoryTrimmed", missed: 4 })
      const first = yield* a.read(kept, start, 2)
      expect([places(first.entries), first.gap?.missed, first.sequence, first.end]).toEqual([
        ["S@3", "S@5"],
        2,
        5,
        false
      ])
      const second = yield* a.read(kept, { ...start, sequence: 5 }, 2)
      expect([places(second.entries), second.gap?.missed, second.end]).toEqual([["S@7", "S@9"], 2, false])
      const third = yield* a.read(kept, { ...start, sequence: 9 }, 2)
      expect([places(third.entries), third.gap, third.end]).toEqual([["J@10"], undefined, true])
      expect(places((yield* a.read(kept, earliest)).entries)).toEqual(places(page.entries))
      expect(places((yield* a.read(kept, last(2))).entries)).toEqual(["S@7", "S@9", "J@10"])
      expect(places((yield* a.read(keep, start)).entries)).toEqual(["J@10"])
    }))

  test("their numbers go on through the lives of a log, and tell what is lost", (a) =>
    Effect.gen(function* () {
      yield* a.create()
      yield* a.act(kept, ...words(8))
      const all = yield* a.store.words("room", kept, earliest, 2)
      expect([texts(all!.words), all!.lost, all!.end]).toEqual([["S somebody 4", "S somebody 5"], false, false])
      const next = yield* a.store.words("room", kept, { _tag: "After", bookmark: all!.bookmark }, 9)
      expect([texts(next!.words).length, next!.lost, next!.end, next!.bookmark.number]).toEqual([3, false, true, 8])
      yield* a.act(kept, ...words(6))
      expect((yield* a.words(kept, { _tag: "After", bookmark: next!.bookmark })).lost).toBe(true)
      const { bookmark } = (yield* a.store.words("room", kept, last(1), 9))!
      expect((yield* a.words(kept, { _tag: "After", bookmark })).lost).toBe(false)
      yield* a.destroy()
      yield* a.create()
      expect(yield* a.words(kept, { _tag: "After", bookmark })).toMatchObject({ words: [], lost: false })
      yield* a.act(kept, say("new"))
      const { lost, words: said } = yield* a.words(kept, { _tag: "After", bookmark })
      expect([texts(said), lost]).toEqual([["S somebody new"], false])
      yield* a.world.advance("1 hour")
      expect(yield* a.words(kept, { _tag: "After", bookmark })).toMatchObject({ words: [], lost: true })
    }))

  test("a key is known for as long as its word can be read, in the log or among those that stay", (a) =>
    Effect.gen(function* () {
      yield* a.create()
      const keyed = say("1", { dedupeKey: "k" })
      expect(yield* a.act(kept, keyed, keyed, { ...keyed, from: "else" })).toEqual(["Said 2", "Said 2", "Said 3"])
      yield* a.world.advance("5 minutes")
      expect(yield* a.act(keep, { ...keyed, payload: "again" })).toEqual(["Said 4"])
      expect(yield* a.act(kept, { ...keyed, from: "else" })).toEqual(["Said 3"])
      yield* a.destroy()
      yield* a.create()
      expect(yield* a.act(kept, keyed)).toEqual(["Said 6"])
    }))

  test("the log has a thousand entries, to the one", (a) =>
    Effect.gen(function* () {
      yield* a.create()
      const start = yield* a.head
      for (let n = 0; n < 5; n++) yield* a.act(keep, ...words(500))
      const page = yield* a.read(keep, start, 2_000)
      expect([page.entries.length, page.gap?.missed, page.entries[0]?.sequence]).toEqual([1_000, 1_500, 1_502])
    }))
})

describe("members", () => {
  test("a place is taken once, and a call that comes again changes nothing", (a) =>
    Effect.gen(function* () {
      yield* a.create()
      const start = yield* a.head
      const frames = yield* a.frames
      expect(yield* a.act(keep, join("x"), join("x"), join("x", "other"))).toEqual(["Joined", "Joined", "Taken by a"])
      expect(yield* a.as("b").act(keep, join("x", "b1"))).toEqual(["Taken by a"])
      yield* a.world.advance("1 second")
      expect(yield* a.as("b").act(keep, join("x", "b1", { over: "a" }))).toEqual(["Joined"])
      const ms = (yield* a.world.now) - 1_000
      expect(yield* a.act(keep, say("1", { ref: "x" }), update("x", "[]"), leave("x"))).toEqual([
        "NotMember",
        "NotMember",
        "Done"
      ])
      expect(texts((yield* a.read(keep, start)).entries)).toEqual([
        `J x name%20of%20a ${ms} {}`,
        `U x name%20of%20b ${ms} {}`
      ])
      yield* a.world.advance(0)
      expect(frames.length).toBe(2)
    }))

  test("who is removed has no word any more", (a) =>
    Effect.gen(function* () {
      yield* a.create()
      yield* a.act(keep, join("x"))
      expect(yield* a.act(keep, remove("x"), remove("x"), say("1", { ref: "x" }))).toEqual([
        "Done",
        "NotMember",
        "NotMember"
      ])
    }))

  test("a Left that is held back is told by the first step after its time, in one frame with what that does", (a) =>
    Effect.gen(function* () {
      yield* a.create()
      yield* a.act(graced, join("x"), join("y"), join("z"))
      const start = yield* a.head
      const frames = yield* a.frames
      yield* a.act(graced, leave("x"), leave("y"))
      yield* a.world.advance("4 seconds")
      const { dueInMs } = yield* a.store.act("room", graced, a.by, [leave("z")])
      expect(dueInMs).toBe(6_000)
      yield* a.world.advance("5999 millis")
      expect(yield* a.as("b").act(graced, join("y", "b1"))).toEqual(["Joined"])
      expect((yield* a.store.look("room"))?.members).toBe(3)
      yield* a.world.advance("1 millis")
      expect((yield* a.read(graced, start)).entries.length).toBe(1)
      // Whose time was given by another keeps that.
      expect(yield* a.act(keep, say("1"))).toEqual(["Said 7"])
      yield* a.world.advance(0)
      expect(frames.map((frame) => frame.map((text) => text.slice(0, 5)))).toEqual([["U y n"], ["L L x", "S som"]])
      expect(yield* a.store.sweep("room", undefined, a.by)).toMatchObject({ left: 0, dueInMs: 4_000 })
      yield* a.world.advance("4 seconds")
      expect((yield* a.store.seats("room", ""))?.seats.map(({ id }) => id)).toEqual(["y"])
      expect(yield* a.act(graced, remove("y"))).toEqual(["Done"])
    }))

  test("a sweep fences first, and ends two hundred at a time, each once", (a) =>
    Effect.gen(function* () {
      yield* a.create()
      const b = a.as("b")
      const ids = Array.from({ length: 500 }, (_, n) => `m${n}`)
      yield* b.act(keep, ...ids.map((id) => join(id)))
      yield* a.act(keep, join("x"))
      const start = yield* a.head
      for (const left of [300, 100, 0, 0]) {
        expect(yield* a.store.sweep("room", "b", a.by)).toMatchObject({ left, dueInMs: undefined })
        const { entries } = yield* a.read(keep, start, 999)
        expect(new Set(texts(entries)).size).toBe(500 - left)
        expect(entries.every(({ payload }) => payload.startsWith("L C m"))).toBe(true)
        expect(yield* b.act(keep, say("1", { ref: "m499" }), update("m499", "[]", "m499"), join("y"))).toEqual([
          "NotMember",
          "NotMember",
          "Gone"
        ])
      }
      expect((yield* a.store.look("room"))?.members).toBe(1)
      yield* a.world.advance(Store.graveMs)
      yield* a.store.sweep("room", undefined, a.by)
      expect(yield* b.act(keep, join("y"))).toEqual(["Joined"])
    }))

  test("who has places is told, and of the asking peer which, each on one page", (a) =>
    Effect.gen(function* () {
      expect(yield* a.store.holders("room", a.by, "")).toBeUndefined()
      yield* a.create()
      yield* a.as("b").act(keep, join("other"))
      for (const part of [0, 400, 800])
        yield* a.act(keep, ...Array.from({ length: 400 }, (_, n) => join(`${part + n}`, `ref ${part + n}`)))
      const found: Array<string> = []
      for (let cursor: string | undefined = ""; cursor !== undefined;) {
        const page: Store.Holders | undefined = yield* a.store.holders("room", a.by, cursor)
        expect(page?.peers.toSorted()).toEqual(cursor === "" ? ["a", "b"] : [])
        expect(page?.places.length).toBeLessThanOrEqual(Store.pageSize)
        found.push(...(page?.places ?? []).map(({ ref }) => ref))
        if (cursor === "") yield* a.act(keep, leave("0", "ref 0"), leave("700", "ref 700"))
        cursor = page === undefined || page.cursor === "" ? undefined : page.cursor
      }
      expect(found).toEqual(Array.from({ length: 1_200 }, (_, n) => `ref ${n}`).filter((ref) => ref !== "ref 700"))
      yield* a.act(graced, leave("1", "ref 1"))
      expect(yield* a.store.holders("room", a.by, "")).toMatchObject({ dueInMs: 10_000 })
    }))

  test("an answer says which life of a room it is of, and which server gave it", (a) =>
    Effect.gen(function* () {
      const origin = Effect.map(a.store.act("room", keep, a.by, [say("1")]), ({ origin }) => origin)
      expect(yield* origin).toBeUndefined()
      yield* a.create()
      const first = yield* origin
      expect(yield* a.store.servers(["room", "other"])).toEqual([first?.server, first?.server])
      yield* a.world.store.rewind(0)
      const second = yield* origin
      expect([second?.epoch === first?.epoch, second?.server === first?.server]).toEqual([false, false])
      expect((yield* a.store.sweep("room", "b", a.by)).origin).toEqual(second)
      expect(yield* a.store.servers(["room", "other"])).toEqual([second?.server, second?.server])
    }))

  test("a sweep holds back for as long as whoever joined last has it", (a) =>
    Effect.gen(function* () {
      yield* a.create()
      yield* a.as("b").act(graced, join("x"))
      expect(yield* a.store.sweep("room", "b", a.by)).toMatchObject({ left: 0, dueInMs: 10_000 })
      const start = yield* a.head
      yield* a.world.advance("10 seconds")
      yield* a.store.sweep("room", undefined, a.by)
      expect(texts((yield* a.read(keep, start)).entries).map((text) => text.slice(0, 5))).toEqual(["L C x"])
    }))

  test("whoever is there throughout is on a page", (a) =>
    Effect.gen(function* () {
      yield* a.create()
      const ids = Array.from({ length: 1_200 }, (_, n) => `m${n}`)
      for (let n = 0; n < 3; n++) yield* a.act(keep, ...ids.slice(n * 400, n * 400 + 400).map((id) => join(id)))
      const first = (yield* a.store.seats("room", ""))!
      expect([first.seats.length, first.members]).toEqual([512, 1_200])
      yield* a.act(keep, leave("m511"), leave("m600"))
      yield* a.as("b").act(keep, join("m700", "b1", { over: "a" }))
      const seen = new Set(first.seats.map(({ id }) => id))
      for (let cursor = first.cursor; cursor !== "";) {
        const page = (yield* a.store.seats("room", cursor))!
        for (const { id } of page.seats) seen.add(id)
        cursor = page.cursor
      }
      expect(seen.size).toBe(1_199)
    }))
})

describe("the index", () => {
  test("a room's stamps grow, also in one moment and after it was taken out", (a) =>
    Effect.gen(function* () {
      const first = yield* a.store.list("room")
      const second = yield* a.store.list("room")
      yield* a.store.unlist("room", first)
      expect((yield* a.store.rooms("")).rooms).toEqual(["room"])
      yield* a.store.unlist("room", second)
      expect((yield* a.store.rooms("")).rooms).toEqual([])
      expect(yield* a.store.list("room")).toBeGreaterThan(second)
      yield* a.world.advance(Store.pruneMs)
      yield* a.store.prune(["room"])
      expect((yield* a.store.rooms("")).rooms).toEqual(["room"])
      yield* a.world.advance(9)
      yield* a.store.prune(["room", "never heard of"])
      expect((yield* a.store.rooms("")).rooms).toEqual([])
    }))

  test("rooms are named page by page", (a) =>
    Effect.gen(function* () {
      for (let n = 0; n < 600; n++) yield* a.store.list(`room ${n}`)
      const first = yield* a.store.rooms("")
      const second = yield* a.store.rooms(first.cursor)
      expect([first.rooms.length, second.rooms.length, second.cursor]).toEqual([512, 88, ""])
      expect(new Set([...first.rooms, ...second.rooms]).size).toBe(600)
    }))

  test("a peer that was buried enters nothing, and a life that forgot is another one", (a) =>
    Effect.gen(function* () {
      const { gone, life } = yield* a.store.enter("b", ["one", "two"])
      expect([gone, yield* a.store.peers]).toEqual([false, ["b"]])
      expect([...(yield* a.store.bury("b"))].sort()).toEqual(["one", "two"])
      expect(yield* a.store.enter("b", ["three"])).toEqual({ gone: true, life })
      yield* a.store.exit("b", ["one"])
      expect(yield* a.store.bury("b")).toEqual(["two"])
      yield* a.store.exit("b", ["two", "three"])
      expect(yield* a.store.peers).toEqual([])
      yield* a.world.advance(Store.graveMs + 1)
      expect(yield* a.store.enter("b", [])).toEqual({ gone: false, life })
      yield* a.world.store.rewind(0)
      expect((yield* a.store.enter("b", [])).life).not.toBe(life)
    }))
})
