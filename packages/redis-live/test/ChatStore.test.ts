/** The store of Chat on Redis, sentence by sentence: rooms, places and words; what is logged, pushed and kept under which key. */
import { expect, it } from "@effect/vitest"
import type { BackendError } from "@troupe/core/BackendError"
import * as ChatStore from "@troupe/core/ChatStore"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { eventually, failure } from "./support/client.ts"
import { places } from "./support/places.ts"
import type { At } from "./support/Primaries.ts"
import {
  begin,
  join,
  kept,
  leave,
  make,
  many,
  patient,
  plain,
  remove,
  type Rig,
  say,
  shown,
  texts,
  update
} from "./support/room.ts"

const tests = (at: At) => {
  const test = (name: string, run: (r: Rig) => Effect.Effect<unknown, BackendError, Scope.Scope>) =>
    it.live(name, () => Effect.flatMap(make(at), run))

  // -- rooms --------------------------------------------------------------------------------------------------------

  test("a room is made once, also by many at once, and gives back at its end what it was made with", (r) =>
    Effect.gen(function* () {
      const all = yield* Effect.forEach(many(20), (n) => r.create(n + 1), { concurrency: "unbounded" })
      expect(all.filter((made) => made)).toHaveLength(1)
      expect(yield* r.destroy()).toBe(all.indexOf(true) + 1)
      expect(yield* r.destroy()).toBe(undefined)
      expect(yield* r.create(1_893_456_000_123)).toBe(true)
      expect(yield* r.destroy()).toBe(1_893_456_000_123)
    }))

  test("where there is no room nothing can be done, and nothing is written", (r) =>
    Effect.gen(function* () {
      const nothing = Effect.gen(function* () {
        expect(yield* r.act(plain, join("a"), say("1"))).toBe(undefined)
        expect(yield* r.store.act("room", plain, r.by, [leave("a")])).toEqual({
          outcomes: undefined,
          dueInMs: undefined
        })
        expect(yield* r.store.look("room")).toBe(undefined)
        expect(yield* r.store.seats("room", "")).toBe(undefined)
        expect(yield* r.words(kept, { _tag: "Earliest" })).toBe(undefined)
        expect(yield* r.destroy()).toBe(undefined)
        expect(yield* r.sweep()).toMatchObject({ left: 0, dueInMs: undefined })
      })
      yield* nothing
      yield* r.read(plain, { _tag: "Earliest" })
      expect(yield* r.keys).toEqual([])
      yield* r.create()
      yield* r.destroy()
      yield* nothing
      expect((yield* r.read(plain, { _tag: "Earliest" })).entries).toHaveLength(1)
      expect(yield* r.keys).toEqual(["{room:room}:log", "{room:room}:meta"])
    }))

  test("rooms do not meet, whatever they are called", (r) =>
    Effect.gen(function* () {
      const names = ["a", "ab", "a}", "{a}", "a:meta", "a b", "%61", "日本 🙂", "*"]
      const heard = yield* r.frames(...names)
      for (const name of names) yield* r.create(1, name)
      for (const name of names) yield* r.store.act(name, plain, r.by, [join(name), say(`"${name}"`)])
      yield* r.destroy("a}")
      for (const name of names.filter((name) => name !== "a}")) {
        const page = yield* r.store.seats(name, "")
        expect(page?.seats).toEqual([{ id: name, peer: "name of p", joinedAt: begin, details: "{}" }])
      }
      yield* eventually(Effect.sync(() => expect(heard).toHaveLength(names.length + 1)))
      expect(new Set(heard.map(([room]) => room))).toEqual(new Set(names))
    }))

  test("an end takes everything away but the log and who is fenced", (r) =>
    Effect.gen(function* () {
      yield* r.create()
      yield* r.act(patient, join("a"), join("b"), say("1", { dedupeKey: "k" }), leave("b"))
      yield* r.as("q").act(kept, join("c"), say("2"), say("3", { dedupeKey: "l" }))
      yield* r.sweep("dead")
      const all = "fenced keys leaving log members meta of:p of:q peers words".split(" ")
      expect(yield* r.keys).toEqual(all.map((key) => `{room:room}:${key}`))
      const before = yield* r.log
      yield* r.destroy()
      expect(yield* r.keys).toEqual(["fenced", "log", "meta"].map((key) => `{room:room}:${key}`))
      yield* r.create()
      // No Left was said, and none comes later.
      r.clock.now += 60_000
      expect(yield* r.store.look("room")).toMatchObject({ members: 0 })
      expect(yield* r.log).toEqual([])
      expect(before.filter((text) => text.startsWith("L"))).toEqual([])
      expect(yield* r.as("dead").act(plain, join("d"))).toEqual(["Gone"])
    }))

  // -- places -------------------------------------------------------------------------------------------------------

  test("a place is taken once; who has it, who may take it over, and the same call again", (r) =>
    Effect.gen(function* () {
      const q = r.as("q")
      yield* r.create()
      expect(yield* r.act(plain, join("a", { details: '{"n":1}' }))).toEqual(["Joined 0"])
      r.clock.now += 5
      expect(yield* q.act(plain, join("a", { ref: "other" }))).toEqual(["Taken p"])
      expect(yield* q.act(plain, join("a", { ref: "other", over: "z" }))).toEqual(["Taken p"])
      expect(yield* r.act(plain, join("a", { details: "ignored" }))).toEqual(["Joined 0"])
      expect(yield* r.act(plain, join("a", { ref: "mine" }))).toEqual(["Taken p"])
      expect(yield* r.log).toEqual(['J a name%20of%20p 1893456000000 {"n":1}'])
      // Taken over: the old membership is none any more.
      expect(yield* q.act(plain, join("a", { ref: "other", over: "p", details: "2" }))).toEqual(["Joined 0"])
      expect(yield* r.log).toContain("U a name%20of%20q 1893456000000 2")
      expect(yield* r.act(plain, update("a", "3"), say("x", { from: "a", ref: "a" }), leave("a"))).toEqual([
        "NotMember",
        "NotMember",
        "Done"
      ])
      expect((yield* r.store.seats("room", ""))?.seats).toEqual([
        { id: "a", peer: "name of q", joinedAt: begin, details: "2" }
      ])
      expect(yield* r.keys).toEqual(["log", "members", "meta", "of:q", "peers"].map((key) => `{room:room}:${key}`))
    }))

  test("ids, refs, peers and details come back as they were given", (r) =>
    Effect.gen(function* () {
      const ids = ["a b", "%", "!", "-", "__proto__", "日本 🙂", "a\nb", "x".repeat(512)]
      const odd = r.as("peer with: spaces }")
      yield* r.create()
      const details = (id: string) => JSON.stringify({ id, more: "  two " })
      yield* odd.act(plain, ...ids.map((id) => join(id, { details: details(id) })))
      const { seats = [] } = (yield* r.store.seats("room", "")) ?? {}
      expect(new Map(seats.map((seat) => [seat.id, seat.details]))).toEqual(new Map(ids.map((id) => [id, details(id)])))
      expect(yield* r.act(plain, ...ids.map((id) => join(id, { ref: "other" })))).toEqual(
        ids.map(() => "Taken peer with: spaces }")
      )
      const page = yield* r.read(plain, { _tag: "Earliest" })
      const read = page.entries.map(({ payload }) => ChatStore.read(payload))
      expect(read.map((entry) => (entry?._tag === "Joined" ? entry.seat.id : ""))).toEqual(ids)
      expect(page.entries[0]).toMatchObject({ publisher: "name of peer with: spaces }", at: begin, sequence: 2 })
      // One that is called as what stands for a Left that is held back is no membership of somebody's.
      yield* r.act(patient, join("held", { ref: "h" }), leave("held", "h"))
      for (const ref of ["-", "!", "!L", "L"])
        expect(yield* r.act(plain, update("held", "1", ref))).toEqual(["NotMember"])
    }))

  test("who leaves is gone, who is removed is told, and both only where they are there", (r) =>
    Effect.gen(function* () {
      yield* r.create()
      yield* r.act(plain, join("a"), join("b"), join("c"))
      expect(yield* r.act(plain, leave("a", "not its"), leave("a"), leave("a"), leave("nobody"))).toEqual(
        many(4).map(() => "Done")
      )
      expect(yield* r.as("q").act(plain, remove("b"), remove("b"), remove("nobody"))).toEqual([
        "Done",
        "NotMember",
        "NotMember"
      ])
      const tail = "name%20of%20p 1893456000000 {}"
      expect((yield* r.log).slice(3)).toEqual([`L L a ${tail}`, `L R b ${tail}`])
      expect(yield* r.act(plain, say("1", { ref: "b" }), say("2", { ref: "c" }), say("3"))).toEqual([
        "NotMember",
        "Said 7",
        "Said 8"
      ])
      yield* r.act(plain, leave("c"))
      expect(yield* r.keys).toEqual(["log", "meta"].map((key) => `{room:room}:${key}`))
    }))

  test("a step is one: its frame has all that it logged, and nothing of others lies in between", (r) =>
    Effect.gen(function* () {
      yield* r.create()
      const heard = yield* r.frames("room")
      const q = r.as("q")
      yield* Effect.all(
        many(20).map((n) => {
          const who = n % 2 === 0 ? r : q
          return who.act(plain, join(`${n}`), say(`${n}`, { ref: `${n}` }), update(`${n}`, "1"), leave(`${n}`))
        }),
        { concurrency: "unbounded" }
      )
      yield* eventually(Effect.sync(() => expect(heard).toHaveLength(20)))
      const entries = heard.flatMap(([, frame]) => r.entriesOf(frame))
      expect((yield* r.read(plain, { _tag: "Earliest" })).entries).toEqual(entries)
      expect(entries.map(({ sequence }) => sequence)).toEqual(many(80).map((n) => n + 2))
      for (const [, frame] of heard) {
        const [, word] = r.entriesOf(frame)
        const id = word?.payload.split(" ")[1] ?? ""
        expect(texts(r.entriesOf(frame)).map((text) => text.replace(/\d{13}.*/, "").trim())).toEqual([
          `J ${id} name%20of%20${Number(id) % 2 === 0 ? "p" : "q"}`,
          word?.payload,
          `U ${id} name%20of%20${Number(id) % 2 === 0 ? "p" : "q"}`,
          `L L ${id} name%20of%20${Number(id) % 2 === 0 ? "p" : "q"}`
        ])
      }
      // What changes nothing is not pushed.
      yield* r.act(plain, leave("nobody"), remove("nobody"), say("1", { ref: "nobody" }))
      yield* r.store.look("room")
      yield* r.act(plain, say("last"))
      yield* eventually(Effect.sync(() => expect(heard).toHaveLength(21)))
    }))

  test("a step may be as large as it may be", (r) =>
    Effect.gen(function* () {
      yield* r.create()
      const payload = "x".repeat(Math.floor(ChatStore.maxActionBytes / ChatStore.maxActions))
      const all = many(ChatStore.maxActions)
      expect(yield* r.act(kept, ...all.map(() => say(payload)))).toEqual(all.map((n) => `Said ${n + 2}`))
      expect(yield* r.act(plain, ...all.map((n) => join(`${n}`, { details: payload })))).toHaveLength(all.length)
      const page = yield* r.store.seats("room", "")
      expect([page?.members, page?.seats.length, page?.cursor]).toEqual([512, 512, ""])
      expect(yield* r.act(patient, ...all.map((n) => leave(`${n}`)))).toHaveLength(all.length)
      expect(yield* r.act(plain, ...all.map((n) => remove(`${n}`)))).toEqual(all.map(() => "Done"))
      expect(yield* r.act(plain)).toEqual([])
    }))

  // -- held back ----------------------------------------------------------------------------------------------------

  test("a Left that is held back is said by the first step after its time, before what that does", (r) =>
    Effect.gen(function* () {
      yield* r.create()
      const heard = yield* r.frames("room")
      yield* r.act(patient, join("a"), join("b"))
      r.clock.now += 100
      expect(yield* r.due(patient, leave("a"))).toBe(10_000)
      r.clock.now += 100
      expect(yield* r.due(patient, leave("b"))).toBe(9_900)
      // Whoever is held back is a member, of nobody.
      expect(yield* r.members).toEqual(["a", "b"])
      expect(yield* r.act(patient, update("a", "1"), say("1", { ref: "a" }), leave("a"))).toEqual([
        "NotMember",
        "NotMember",
        "Done"
      ])
      expect(yield* r.keys).not.toContain("{room:room}:of:p")
      r.clock.now += 9_899
      expect(yield* r.due(plain, say("1"))).toBe(1)
      r.clock.now += 1
      // Its own time counts, whatever the room's grace is by now.
      expect(yield* r.due(plain, say("2"))).toBe(100)
      r.clock.now += 100
      expect(yield* r.store.look("room")).toMatchObject({ members: 0, sequence: 7 })
      expect((yield* r.log).slice(2).map((text) => text.slice(0, 5))).toEqual(["S x 1", "L L a", "S x 2", "L L b"])
      yield* eventually(Effect.sync(() => expect(heard).toHaveLength(4)))
      expect(heard.map(([, frame]) => r.entriesOf(frame).map(({ payload }) => payload.slice(0, 3)))).toEqual([
        ["J a", "J b"],
        ["S x"],
        ["L L", "S x"],
        ["L L"]
      ])
      expect(r.entriesOf(heard[3]![1])[0]?.publisher).toBe("-")
    }))

  test("who is back within its time never left, on any peer; who is removed meanwhile is told at once", (r) =>
    Effect.gen(function* () {
      yield* r.create()
      yield* r.act(patient, join("a"), join("b"), leave("a"), leave("b"))
      r.clock.now += 9_999
      expect(yield* r.as("q").act(patient, join("a", { ref: "again" }))).toEqual(["Joined 0"])
      expect(yield* r.act(patient, remove("b"))).toEqual(["Done"])
      r.clock.now += 60_000
      expect(yield* r.sweep()).toMatchObject({ left: 0, dueInMs: undefined })
      expect((yield* r.log).map((text) => text.slice(0, 5))).toEqual(["J a n", "J b n", "U a n", "L R b"])
      expect(yield* r.members).toEqual(["a"])
    }))

  test("look, seats, sweep and act let at most 256 go at a time; reading lets nobody go", (r) =>
    Effect.gen(function* () {
      yield* r.create()
      const ids = many(512).map((n) => `${n}`.padStart(3, "0"))
      for (const part of [ids, ids.map((id) => `x${id}`)]) {
        yield* r.act(patient, ...part.map((id) => join(id)))
        yield* r.act(patient, ...part.map((id) => leave(id)))
      }
      r.clock.now += 10_000
      yield* r.read(plain, { _tag: "Earliest" })
      yield* r.words(plain, { _tag: "Earliest" })
      const left = Effect.map(
        r.client.use("hlen", (redis) => redis.hlen(`${r.client.prefix}:{room:room}:members`)),
        Number
      )
      expect(yield* left).toBe(1_024)
      expect(yield* r.store.look("room")).toMatchObject({ members: 768 })
      expect(yield* r.sweep()).toMatchObject({ left: 0, dueInMs: 0 })
      expect(yield* r.store.seats("room", "")).toMatchObject({ members: 256 })
      expect(yield* r.due(plain, leave("nobody"))).toBe(undefined)
      expect(yield* left).toBe(0)
    }))

  // -- sweeps -------------------------------------------------------------------------------------------------------

  test("a sweep fences first and ends two hundred at a time, each once", (r) =>
    Effect.gen(function* () {
      const q = r.as("q")
      yield* r.create()
      yield* r.act(plain, ...many(450).map((n) => join(`${n}`)))
      yield* q.act(plain, join("stays"))
      expect(yield* q.sweep("p")).toMatchObject({ left: 250, dueInMs: undefined })
      // Those that are left are fenced already.
      expect(yield* r.act(plain, join("new"), join("449"), update("449", "1"), say("1", { ref: "449" }))).toEqual([
        "Gone",
        "Gone",
        "NotMember",
        "NotMember"
      ])
      expect(yield* r.act(plain, leave("449"))).toEqual(["Done"])
      expect(yield* q.sweep("p")).toMatchObject({ left: 49, dueInMs: undefined })
      expect(yield* r.as("s").sweep("p")).toMatchObject({ left: 0, dueInMs: undefined })
      expect(yield* q.sweep("p")).toMatchObject({ left: 0, dueInMs: undefined })
      expect(yield* r.members).toEqual(["stays"])
      const log = yield* r.client.use("xrange", (redis) => redis.xrange(`${r.client.prefix}:{room:room}:log`, "-", "+"))
      const told = log.flatMap(([, fields]) => fields[3]?.split("\n") ?? []).filter((text) => text.startsWith("L C"))
      expect([told.length, new Set(told).size]).toEqual([449, 449])
      expect(yield* r.keys).not.toContain("{room:room}:of:p")
    }))

  test("who has places is told, and of the asking peer which, each on one page, and from which server", (r) =>
    Effect.gen(function* () {
      const { by, store } = r
      expect(yield* store.holders("room", by, "")).toBe(undefined)
      yield* r.create()
      yield* r.as("a b").act(plain, join("other"))
      for (const part of [0, 400, 800]) yield* r.act(plain, ...many(400).map((n) => join(`a ${part + n}`)))
      const found: Array<string> = []
      for (let cursor: string | undefined = ""; cursor !== undefined;) {
        const page: ChatStore.Holders | undefined = yield* store.holders("room", by, cursor)
        expect(page?.peers.toSorted()).toEqual(cursor === "" ? ["a b", "p"] : [])
        expect(page?.origin.server).toBe("run")
        expect(page?.places.length).toBeLessThanOrEqual(ChatStore.pageSize)
        found.push(...(page?.places ?? []).map(({ id, ref }) => (id === ref ? id : "")))
        // Who leaves meanwhile is in nobody's way.
        if (cursor === "") yield* r.act(plain, leave("a 0"), leave("a 700"))
        cursor = page === undefined || page.cursor === "" ? undefined : page.cursor
      }
      expect(found).toEqual(many(1_200).flatMap((n) => (n === 700 ? [] : [`a ${n}`])))
      yield* r.act(patient, leave("a 1"))
      expect(yield* store.holders("room", by, "")).toMatchObject({ dueInMs: 10_000 })
      expect((yield* store.holders("room", by, ""))?.places[0]?.id).toBe("a 2")
    }))

  test("an answer says which life of a room it is of, and which server gave it", (r) =>
    Effect.gen(function* () {
      const rooms = many(50).map((n) => `room ${n}`)
      const origin = Effect.map(r.store.act("room", plain, r.by, [say("1")]), ({ origin }) => origin)
      const ended = Effect.map(r.store.act("room", plain, r.by, [leave("x")]), ({ origin }) => origin)
      expect(yield* origin).toBe(undefined)
      yield* r.create()
      const first = yield* origin
      expect(first?.server).toBe("run")
      expect([yield* ended, (yield* r.sweep("dead")).origin]).toEqual([first, first])
      expect(yield* r.store.servers(rooms)).toEqual(rooms.map(() => "run"))
      r.clock.run = "another"
      const second = yield* origin
      expect(second).toEqual({ epoch: expect.not.stringMatching(`^${first?.epoch}$`), server: "another" })
      expect([yield* ended, (yield* r.sweep("dead")).origin]).toEqual([second, second])
      expect(yield* r.store.servers([])).toEqual([])
      expect(yield* r.store.servers(["room", ...rooms])).toEqual(["room", ...rooms].map(() => "another"))
      yield* r.destroy()
      expect([yield* origin, (yield* r.sweep("dead")).origin]).toEqual([undefined, undefined])
    }))

  test("a sweep holds back for as long as the last that joined has it, and keeps why", (r) =>
    Effect.gen(function* () {
      const q = r.as("q")
      yield* r.create()
      yield* r.act(plain, join("a"))
      yield* r.act(patient, join("b"))
      expect(yield* q.sweep("p")).toMatchObject({ left: 0, dueInMs: 10_000 })
      expect(yield* q.act(plain, join("a", { ref: "again" }))).toEqual(["Joined 0"])
      r.clock.now += 10_000
      expect(yield* q.sweep()).toMatchObject({ left: 0, dueInMs: undefined })
      expect((yield* r.log).slice(2).map((text) => text.slice(0, 5))).toEqual(["U a n", "L C b"])
      // q's join said 0.
      expect(yield* r.as("s").sweep("q")).toMatchObject({ left: 0, dueInMs: undefined })
      expect(yield* r.members).toEqual([])
    }))

  test("who is gone is known for an hour, also in a room that was not there", (r) =>
    Effect.gen(function* () {
      expect(yield* r.sweep("dead")).toMatchObject({ left: 0, dueInMs: undefined })
      yield* r.create()
      const asks = r.as("dead").act(plain, join("a"))
      expect(yield* asks).toEqual(["Gone"])
      yield* r.destroy()
      yield* r.sweep("late")
      yield* r.create()
      expect([yield* asks, yield* r.as("late").act(plain, join("b"))]).toEqual([["Gone"], ["Gone"]])
      r.clock.now += ChatStore.graveMs - 1
      yield* r.sweep()
      expect(yield* asks).toEqual(["Gone"])
      r.clock.now += 1
      yield* r.sweep()
      expect(yield* r.keys).not.toContain("{room:room}:fenced")
    }))

  // -- words --------------------------------------------------------------------------------------------------------

  test("a word with a key is said once, for as long as it can be read", (r) =>
    Effect.gen(function* () {
      yield* r.create()
      const ask = (keep: ChatStore.Keep, from = "x", dedupeKey = "k") =>
        Effect.map(r.act(keep, say("1", { from, dedupeKey })), (all) => all?.[0])
      expect(yield* r.act(plain, say("1", { dedupeKey: "k" }), say("2", { dedupeKey: "k" }))).toEqual([
        "Said 2",
        "Said 2"
      ])
      expect([
        yield* ask(plain),
        yield* ask(plain, "y"),
        yield* ask(plain, "x", "l"),
        yield* ask(plain, "x", "k k")
      ]).toEqual(["Said 2", "Said 3", "Said 4", "Said 5"])
      expect((yield* r.log).filter((text) => text.startsWith("S"))).toHaveLength(4)
      // As old as the log gets.
      r.clock.now += 299_999
      expect(yield* ask(plain)).toBe("Said 2")
      r.clock.now += 1
      expect(yield* ask(plain)).toBe("Said 6")
      expect(yield* ask(kept, "h")).toBe("Said 7")
      // Nothing is written of a word that was said before: the epoch is the one it was said in.
      const { epoch } = yield* r.head
      r.clock.run = "another"
      const { outcomes } = yield* r.store.act("room", plain, r.by, [say("1", { dedupeKey: "k" }), say("2")])
      expect(outcomes?.[0]).toEqual({ _tag: "Said", epoch, sequence: 6 })
      expect(outcomes?.[1]).toMatchObject({ sequence: 8, epoch: expect.stringContaining(`${epoch}-`) })
      // The history keeps five, an hour long.
      r.clock.now += 600_000
      expect(yield* ask(kept, "h")).toBe("Said 7")
      yield* r.act(kept, ...many(4).map((n) => say(`${n}`)))
      expect(yield* ask(kept, "h")).toBe("Said 7")
      yield* r.act(kept, say("5"), say("6"))
      r.clock.now += 300_000
      expect(yield* ask(kept, "h")).toBe("Said 15")
      yield* r.destroy()
      yield* r.create()
      expect(yield* ask(kept, "h")).toBe("Said 17")
    }))

  test("keys are kept for a thousand words, and no more", (r) =>
    Effect.gen(function* () {
      yield* r.create()
      const one = (n: number) => say(`${n}`, { dedupeKey: `${n}` })
      for (const from of [0, 400, 800]) yield* r.act(plain, ...many(400).map((n) => one(from + n)))
      expect(yield* r.act(plain, one(1_199), one(200), one(199))).toEqual(["Said 1201", "Said 202", "Said 1202"])
      // The thousandth from the end is not that any more once another comes, also in the same step.
      expect(yield* r.act(plain, one(201), say("x"), one(201))).toEqual(["Said 203", "Said 1203", "Said 1204"])
      expect(yield* r.client.use("zcard", (redis) => redis.zcard(`${r.client.prefix}:{room:room}:keys`))).toBe(1_000)
    }))

  test("the log's time never goes back, whatever the server's does", (r) =>
    Effect.gen(function* () {
      yield* r.create()
      yield* r.act(plain, join("a"), say("1"))
      r.clock.now -= 100_000
      const { outcomes } = yield* r.store.act("room", plain, r.by, [join("b"), say("2")])
      expect(outcomes?.map(shown)[0]).toBe("Joined 0")
      const { entries } = yield* r.read(plain, { _tag: "Earliest" })
      expect(entries.map(({ at }) => at - begin)).toEqual([0, 0, 0, 0])
    }))

  // -- the index ----------------------------------------------------------------------------------------------------

  test("a room's stamps grow; only the last one takes it out, and only what has stood long is pruned", ({
    clock,
    store
  }) =>
    Effect.gen(function* () {
      const all = Effect.map(store.rooms(""), ({ rooms }) => rooms)
      const first = yield* store.list("a")
      const second = yield* store.list("a")
      expect([first, second]).toEqual([begin, begin + 1])
      yield* store.unlist("a", first)
      expect(yield* all).toEqual(["a"])
      yield* store.unlist("a", second)
      expect(yield* all).toEqual([])
      clock.now -= 50_000
      expect(yield* store.list("a")).toBe(begin + 2)
      clock.now = begin + 2 + ChatStore.pruneMs
      yield* store.list("b")
      yield* store.prune(["a", "b", "c"])
      expect(yield* all).toEqual(["a", "b"])
      clock.now += 1
      yield* store.prune(["a", "b", "c"])
      expect(yield* all).toEqual(["b"])
      expect(yield* store.list("a")).toBe(clock.now)
    }))

  test("rooms are named page by page, those that come and go meanwhile or not", ({ store }) =>
    Effect.gen(function* () {
      const names = many(1_300).map((n) => `room ${n}: 日本`)
      yield* Effect.forEach(names, (name) => store.list(name), { concurrency: "unbounded" })
      const found: Array<string> = []
      let cursor = ""
      do {
        const page = yield* store.rooms(cursor)
        expect(page.rooms.length).toBeLessThanOrEqual(ChatStore.pageSize)
        found.push(...page.rooms)
        cursor = page.cursor
        const last = page.rooms.at(-1) ?? ""
        yield* store.list(`${last} new`)
        yield* store.unlist(last, yield* store.list(last))
      } while (cursor !== "")
      expect(names.filter((name) => !found.includes(name))).toEqual([])
      expect(new Set(found).size).toBe(found.length)
    }))

  test("a peer's rooms are noted until it has none, or is gone", ({ clock, keys, store }) =>
    Effect.gen(function* () {
      const { life } = yield* store.enter("p", [])
      expect(yield* store.peers).toEqual([])
      expect(yield* store.enter("p", ["a", "b: }"])).toEqual({ gone: false, life })
      yield* store.enter("q: }", ["a"])
      expect((yield* store.peers).toSorted()).toEqual(["p", "q: }"])
      yield* store.exit("p", ["a", "c"])
      expect(yield* store.bury("p")).toEqual(["b: }"])
      expect(yield* store.enter("p", ["d"])).toEqual({ gone: true, life })
      expect(yield* store.bury("p")).toEqual(["b: }"])
      yield* store.exit("p", ["b: }"])
      expect(yield* store.peers).toEqual(["q: }"])
      clock.now += ChatStore.graveMs
      yield* store.bury("another")
      expect(yield* store.enter("p", ["d"])).toMatchObject({ gone: true })
      clock.now += 1
      expect(yield* store.enter("p", ["d"])).toEqual({ gone: false, life })
      yield* store.enter(
        "z",
        many(600).map((n) => `${n}`)
      )
      expect(new Set(yield* store.bury("z")).size).toBe(ChatStore.pageSize)
      // Whatever a server has lost, it has another life afterwards.
      clock.run = "another"
      const { life: other } = yield* store.enter("p", [])
      expect(other).not.toBe(life)
      expect(yield* keys).toContain("{rooms}:of:p")
    }))

  // -- formats ------------------------------------------------------------------------------------------------------

  test("data of a newer format is refused and left as it is", (r) =>
    Effect.gen(function* () {
      const { primaries, store } = r
      yield* r.create(yield* store.list("room"))
      yield* store.enter("p", ["room"])
      yield* r.act(patient, join("a"), join("b"), say("1"), leave("b"))
      r.clock.now += 20_000
      r.clock.run = "another"
      yield* Effect.promise(() => primaries.hset((key) => key.endsWith(":meta"), "format", "2"))
      const dump = Effect.map(
        Effect.promise(() => primaries.dump()),
        (dumps) => new Map([...dumps].map(([key, value]) => [key, value.toString("base64")]))
      )
      const before = yield* dump
      const calls: ReadonlyArray<Effect.Effect<unknown, BackendError>> = [
        r.create(),
        r.destroy(),
        r.act(plain, say("2")),
        r.act(plain, leave("a")),
        store.look("room"),
        store.seats("room", ""),
        r.read(kept, { _tag: "Earliest" }),
        r.words(kept, { _tag: "Earliest" }),
        r.sweep("p"),
        store.list("room"),
        store.unlist("room", begin),
        store.prune(["room"]),
        store.rooms(""),
        store.enter("p", ["other"]),
        store.exit("p", ["room"]),
        store.bury("p"),
        store.peers
      ]
      for (const call of calls) expect((yield* failure(call)).reason._tag).toBe("CorruptData")
      // Whose server it is can be said all the same: others of its rooms may be of this format.
      expect(yield* store.servers(["room"])).toEqual(["another"])
      expect(yield* dump).toEqual(before)
      yield* Effect.promise(() => primaries.hset((key) => key.endsWith(":meta"), "format", "1"))
      expect(yield* store.look("room")).toMatchObject({ members: 1 })
    }))
}

for (const { at, name, skip } of places) skip(`the store of Chat on a ${name}`, () => tests(at))
