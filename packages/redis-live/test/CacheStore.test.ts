/** The cache's store on Redis, sentence by sentence: what it answers, what it keeps and for how long, whom it tells. */
import { describe, expect, it } from "@effect/vitest"
import type { BackendError } from "@troupe/core/BackendError"
import { isFound, maxKeys } from "@troupe/core/CacheStore"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { missing } from "../../../scripts/missing.ts"
import { startCluster } from "../../../scripts/redis.ts"
import { withRedis } from "../../../scripts/redis/ask.ts"
import * as Keys from "../src/internal/Keys.ts"
import { slotOf } from "../src/internal/Slot.ts"
import { together } from "../src/internal/Values.ts"
import { eventually, failure } from "./support/client.ts"
import type { At } from "./support/Primaries.ts"
import { places } from "./support/places.ts"
import { begin, bodies, day, entry, load, make, type Options } from "./support/region.ts"
import { serve } from "./support/rig.ts"
import { move, ownerOf } from "./support/slots.ts"

type Region = Effect.Success<ReturnType<typeof make>>
type Run = (region: Region) => Effect.Effect<unknown, BackendError, Scope.Scope>

const many = (count: number, head = "key "): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, i) => `${head}${i}`)

const tests = (at: At) => {
  const test = (name: string, run: Run, options?: Options) =>
    it.live(name, () => Effect.flatMap(make(at, options), run))

  // -- values -------------------------------------------------------------------------------------------------------

  test("values come back as they were written, in the order that is asked for", (r) =>
    Effect.gen(function* () {
      const odd = ["", " ", "line\nline 1 a=1", "日本 🙂", "\u0000", "0".repeat(100), "1", "x".repeat(100_000)]
      const keys = ["a", "a:b", "a{b}", "*", "%", "a b", "line\n", "日本"]
      expect(yield* r.write(...keys.map((key, i) => entry(key, odd[i])))).toEqual(keys.map(() => true))
      expect(yield* r.read(...keys)).toEqual(odd)
      expect(yield* r.read("*", "b", "a", "*", "A")).toEqual([odd[3], undefined, "", odd[3], undefined])
      expect(yield* r.read()).toEqual([])
      yield* r.write(entry("a", "1"), entry("b", "2"), entry("a", "3"))
      expect(yield* r.read("a", "b")).toEqual(["3", "2"])
    }))

  test("as many as may be asked for at once are answered at once", (r) =>
    Effect.gen(function* () {
      const keys = many(maxKeys)
      yield* r.write(...keys.map((key) => entry(key, key, { tags: [`tag ${key}`], isSliding: true })))
      r.clock.now += 1
      expect(yield* r.read(...keys)).toEqual(keys)
      const all = yield* r.acquire(load("l", { tags: many(64, "t") }), ...many(maxKeys, "other "))
      expect(all.every(({ _tag }) => _tag === "Won")).toBe(true)
      expect((yield* r.store.remove(r.name, keys)).every(Boolean)).toBe(true)
    }))

  test("tags may be as many and as long as they are let be", (r) =>
    Effect.gen(function* () {
      const tags = many(64, "日".repeat(168))
      yield* r.write(entry("a", "1", { tags, isSliding: true }), entry("b", "2", { tags: tags.slice(1) }))
      yield* r.write(entry("c", "x".repeat(300)), entry("d", "x".repeat(174)), entry("e", "x".repeat(173)))
      expect([yield* r.look("a"), yield* r.store.touch(r.name, "a", 5_000), yield* r.look("a")]).toEqual([
        60_000,
        true,
        5_000
      ])
      expect((yield* r.pages()).toSorted()).toEqual(["a", "b", "c", "d", "e"])
      yield* r.store.invalidate(r.name, tags.slice(0, 1))
      yield* r.sweep()
      expect((yield* r.keys).filter((key) => key.startsWith(":v:"))).toEqual([":v:b", ":v:c", ":v:d", ":v:e"])
      expect(yield* r.store.remove(r.name, ["a", "b", "c", "d", "e"])).toEqual([false, true, true, true, true])
    }))

  test("regions do not meet, nor do their tags, whatever they are called", (r) =>
    Effect.gen(function* () {
      const names = ["a", "ab", "a*", "a:0", "a:0}", "[a]", "a?", "A", "%61"]
      for (const name of names) yield* r.store.write(name, [entry("k", name, { tags: ["t"] })], "Always")
      const all = Effect.forEach(names, (name) =>
        Effect.map(r.store.read(name, ["k"], "Always"), ([one]) => (isFound(one) ? one.body : undefined))
      )
      expect(yield* all).toEqual(names)
      for (const name of names) expect(yield* r.pages(name)).toEqual(["k"])
      yield* r.store.clear("a*")
      yield* r.store.invalidate("a:0", ["t"])
      yield* r.sweep("a*")
      yield* r.sweep("a?")
      expect(yield* all).toEqual(names.map((name) => (name === "a*" || name === "a:0" ? undefined : name)))
    }))

  test("each writing has a version of its own, and they grow, also where the clock steps back", (r) =>
    Effect.gen(function* () {
      const versions: Array<string> = []
      for (const step of [0, 0, 5, -100_000, 0]) {
        r.clock.now += step
        yield* r.write(entry("a"), entry("a"))
        versions.push((yield* r.find("a"))?.version ?? "")
        // Reading and prolonging is no writing.
        yield* r.store.touch(r.name, "a", 200_000)
        expect((yield* r.find("a"))?.version).toBe(versions.at(-1))
      }
      expect(versions.toSorted()).toEqual(versions)
      expect(new Set(versions).size).toBe(versions.length)
      expect(Number(versions[0])).toBe(begin * 1_000 + 1)
    }))

  test("a value is gone when its time is over, to the millisecond", (r) =>
    Effect.gen(function* () {
      const lives = { short: 1, fraction: 1.2, minute: 60_000, month: 30 * day, long: 2 ** 40, ever: Infinity }
      yield* r.write(...Object.entries(lives).map(([key, timeToLiveMs]) => entry(key, key, { timeToLiveMs })))
      const there = Effect.map(r.read(...Object.keys(lives)), (all) => all.filter((one) => one !== undefined).join(" "))
      const left = Effect.forEach(Object.keys(lives), r.look)
      expect(yield* left).toEqual([1, 2, 60_000, 30 * day, 2 ** 40, Infinity])
      expect((yield* r.find("ever"))?.leftMs).toBe(Infinity)
      expect((yield* r.find("month"))?.leftMs).toBe(30 * day)
      r.clock.now = begin + 1
      expect(yield* there).toBe("fraction minute month long ever")
      r.clock.now = begin + 2
      expect(yield* there).toBe("minute month long ever")
      r.clock.now = begin + 30 * day - 1
      expect(yield* there).toBe("month long ever")
      r.clock.now += 1
      expect(yield* there).toBe("long ever")
      r.clock.now = begin + 2 ** 40
      expect(yield* there).toBe("ever")
      expect(yield* left).toEqual([undefined, undefined, undefined, undefined, undefined, Infinity])
    }))

  test("what is to live for no time is not stored, and what was there is gone", (r) =>
    Effect.gen(function* () {
      for (const timeToLiveMs of [0, -1, -Infinity]) {
        yield* r.write(entry("a", "1"))
        yield* r.write(entry("a", "2", { timeToLiveMs, staleForMs: 5_000, tags: ["t"] }))
        expect(yield* r.read("a")).toEqual([undefined])
        expect(yield* r.keys).toEqual([":meta"])
      }
    }))

  test("reading has a sliding value live so long again; looking does not", (r) =>
    Effect.gen(function* () {
      const more = { timeToLiveMs: 100, isSliding: true, tags: ["t"] }
      yield* r.write(entry("read", "1", more), entry("found", "2", more), entry("looked", "3", more))
      yield* r.write(entry("ever", "4", { timeToLiveMs: Infinity, isSliding: true }))
      r.clock.now += 99
      expect(yield* r.find("read")).toMatchObject({ body: "1", leftMs: 100 })
      expect(yield* r.acquire(load("l"), "found")).toMatchObject([{ _tag: "Found", found: { body: "2", leftMs: 100 } }])
      expect(yield* r.look("looked")).toBe(1)
      expect(yield* r.find("ever")).toMatchObject({ leftMs: Infinity })
      r.clock.now += 99
      expect(yield* r.read("read", "found", "looked")).toEqual(["1", "2", undefined])
      r.clock.now += 100
      expect(yield* r.read("read", "found")).toEqual([undefined, undefined])
    }))

  test("what is not there is not there for a reason", (r) =>
    Effect.gen(function* () {
      yield* r.write(entry("over", "1", { timeToLiveMs: 100, staleForMs: 5_000 }))
      yield* r.write(entry("tagged", "2", { tags: ["t"] }), entry("over too", "3", { timeToLiveMs: 100, tags: ["u"] }))
      r.clock.now += 100
      yield* r.store.invalidate(r.name, ["t"])
      const all = ["over", "tagged", "over too", "never"]
      expect(yield* r.why(...all)).toEqual(["Expired", "Tagged", "Expired", "Absent"])
      yield* r.write(entry("cleared", "4"))
      yield* r.store.clear(r.name)
      expect(yield* r.why("cleared", "over", "never")).toEqual(["Cleared", "Cleared", "Absent"])
    }))

  test("a touch has a value live so long from now, and from each reading on where it is sliding", (r) =>
    Effect.gen(function* () {
      const touch = (key: string, ms: number) => r.store.touch(r.name, key, ms)
      yield* r.write(entry("a", "1", { timeToLiveMs: 100 }), entry("s", "2", { timeToLiveMs: 100, isSliding: true }))
      expect(yield* touch("a", 50)).toBe(true)
      expect(yield* touch("s", 500)).toBe(true)
      expect([yield* r.look("a"), yield* r.look("s")]).toEqual([50, 500])
      r.clock.now += 49
      expect(yield* r.find("s")).toMatchObject({ body: "2", leftMs: 500 })
      expect(yield* touch("a", Infinity)).toBe(true)
      r.clock.now += day
      expect([yield* r.look("a"), yield* r.look("s"), yield* touch("s", 10)]).toEqual([Infinity, undefined, false])
      expect(yield* touch("a", 7.5)).toBe(true)
      expect(yield* r.look("a")).toBe(8)
      expect([yield* touch("a", 0), yield* r.look("a"), yield* touch("a", 0)]).toEqual([true, undefined, false])
      expect(yield* touch("none", 10)).toBe(false)
    }))

  test("what is kept for a load is absent for everything else, and gone when that is over, too", (r) =>
    Effect.gen(function* () {
      const { name, store } = r
      const put = r.write(entry("a", "old", { timeToLiveMs: 100, staleForMs: 50, tags: ["t"] }))
      yield* put
      r.clock.now += 100
      expect(yield* r.read("a")).toEqual([undefined])
      expect(yield* r.look("a")).toBe(undefined)
      expect(yield* r.pages()).toEqual([])
      expect(yield* store.touch(name, "a", 100)).toBe(false)
      expect(yield* r.acquire(load("x"), "a")).toMatchObject([{ _tag: "Won", stale: { body: "old", leftMs: 0 } }])
      r.clock.now += 49
      expect(yield* r.acquire(load("y"), "a")).toMatchObject([{ _tag: "Busy", stale: { body: "old", leftMs: -49 } }])
      yield* r.sweep()
      expect(yield* r.ask(load("x"), "a")).toBe("W old")
      r.clock.now += 1
      expect(yield* r.ask(load("x"), "a")).toBe("W")
      // It is nobody's to be replaced, taken or removed, and yet it is not there afterwards.
      const swap = Effect.map(store.swap(name, "a", undefined, entry("a", "new")), (isDone) => [isDone])
      for (const call of [r.add(entry("a", "new")), swap]) {
        yield* put
        r.clock.now += 100
        expect(yield* call).toEqual([true])
        expect(yield* r.read("a")).toEqual(["new"])
      }
      yield* put
      r.clock.now += 100
      expect(yield* store.take(name, "a")).toBe(undefined)
      expect(yield* r.ask(load("z"), "a")).toBe("W")
      yield* put
      r.clock.now += 100
      expect(yield* store.remove(name, ["a"])).toEqual([false])
      expect(yield* r.ask(load("z"), "a")).toBe("W")
      // For ever is for ever.
      yield* r.write(entry("b", "b", { timeToLiveMs: 1, staleForMs: Infinity }))
      r.clock.now += 1_000 * day
      expect(yield* r.ask(load("z"), "b")).toBe("W b")
    }))

  test("only what is absent is written where that is asked for", (r) =>
    Effect.gen(function* () {
      yield* r.write(entry("a", "1", { tags: ["t"] }))
      expect(yield* r.add(entry("a", "2"), entry("b", "3"), entry("b", "4"))).toEqual([false, true, false])
      expect(yield* r.read("a", "b")).toEqual(["1", "3"])
      yield* r.store.invalidate(r.name, ["t"])
      expect(yield* r.add(entry("a", "5"))).toEqual([true])
      r.clock.now += 60_000
      expect(yield* r.add(entry("a", "6", { timeToLiveMs: 0 }))).toEqual([true])
      expect(yield* r.add(entry("a", "7"))).toEqual([true])
      expect(yield* r.read("a")).toEqual(["7"])
    }))

  test("a value is swapped for what was made of it, and for nothing else", (r) =>
    Effect.gen(function* () {
      const swap = (version: string | undefined, body?: string) =>
        r.store.swap(r.name, "a", version, body === undefined ? undefined : entry("a", body, { tags: ["t"] }))
      const version = Effect.map(r.find("a"), (found) => found?.version)
      expect(yield* swap("7", "no")).toBe(false)
      expect(yield* swap(undefined, "1")).toBe(true)
      expect(yield* swap(undefined, "no")).toBe(false)
      const first = yield* version
      expect(yield* swap(first, "2")).toBe(true)
      expect(yield* swap(first, "no")).toBe(false)
      expect(yield* swap(first)).toBe(false)
      expect(yield* r.read("a")).toEqual(["2"])
      expect(yield* swap(yield* version)).toBe(true)
      expect(yield* r.read("a")).toEqual([undefined])
      expect(yield* swap(undefined)).toBe(true)
      yield* swap(undefined, "3")
      const last = yield* version
      yield* r.store.invalidate(r.name, ["t"])
      expect(yield* swap(last, "no")).toBe(false)
      expect(yield* swap(undefined, "4")).toBe(true)
    }))

  test("removing and taking say what was there", (r) =>
    Effect.gen(function* () {
      yield* r.write(
        entry("a", "1"),
        entry("b", "2", { tags: ["t"] }),
        entry("c", "3"),
        entry("d", "4", { timeToLiveMs: 5 })
      )
      r.clock.now += 5
      expect(yield* r.store.remove(r.name, ["x", "a", "a", "b", "d"])).toEqual([false, true, false, true, false])
      expect(yield* r.store.take(r.name, "c")).toMatchObject({ body: "3", leftMs: 59_995 })
      expect(yield* r.store.take(r.name, "c")).toBe(undefined)
      expect(yield* r.store.remove(r.name, [])).toEqual([])
      expect(new Set(yield* r.keys)).toEqual(new Set([":meta", ":t:t"]))
    }))

  // -- tags and generations -----------------------------------------------------------------------------------------

  test("whatever carries one of the tags is gone, and nothing else", (r) =>
    Effect.gen(function* () {
      const keys = many(40)
      yield* r.write(...keys.map((key, i) => entry(key, key, { tags: [`${i % 4}`, "all", "a=1 b"] })))
      yield* r.write(entry("none", "none"), entry("odd", "odd", { tags: ["al", "a", "b", "1"] }))
      yield* r.store.invalidate(r.name, ["1", "2", "unknown"])
      expect(yield* r.read(...keys)).toEqual(keys.map((key, i) => (i % 4 === 1 || i % 4 === 2 ? undefined : key)))
      expect(yield* r.read("none", "odd")).toEqual(["none", undefined])
      yield* r.write(entry("odd", "again", { tags: ["1"] }))
      yield* r.store.invalidate(r.name, ["all"])
      expect(new Set(yield* r.read(...keys))).toEqual(new Set([undefined]))
      expect(yield* r.read("none", "odd")).toEqual(["none", "again"])
      yield* r.store.invalidate(r.name, ["a=1 b"])
      yield* r.store.invalidate(r.name, [])
      expect(yield* r.read("odd")).toEqual(["again"])
    }))

  test("what is evicted brings back nothing that was invalid", (r) =>
    Effect.gen(function* () {
      const put = r.write(entry("a", "1", { tags: ["t"], timeToLiveMs: Infinity }), entry("b", "2"))
      yield* put
      yield* r.store.invalidate(r.name, ["t"])
      yield* r.write(entry("a2", "3", { tags: ["t"] }))
      yield* Effect.promise(() => r.primaries.remove((key) => key.includes(":t:")))
      expect(yield* r.read("a", "a2")).toEqual([undefined, undefined])
      yield* put
      yield* r.store.clear(r.name)
      yield* Effect.promise(() => r.primaries.remove((key) => key.endsWith(":meta")))
      expect(yield* r.read("a", "b")).toEqual([undefined, undefined])
      yield* r.write(...many(100).map((key) => entry(key)))
      expect(yield* r.read("a", "b")).toEqual([undefined, undefined])
    }))

  test("a tag lasts as long as whatever carries it, and no tag for ever that needs not to", (r) =>
    Effect.gen(function* () {
      const more = { tags: ["t"], timeToLiveMs: day, isSliding: true }
      yield* r.write(
        entry("sliding", "1", more),
        entry("touched", "2", { tags: ["t"] }),
        entry("ever", "3", { tags: ["e"] })
      )
      for (let i = 0; i < 10; i++) {
        r.clock.now += day - 1
        if (i === 0) yield* r.write(entry("touched", "2", { tags: ["t"] }))
        if (i === 0) yield* r.store.touch(r.name, "touched", 30 * day)
        expect(yield* r.read("sliding", "touched")).toEqual(["1", "2"])
      }
      r.clock.now += 33 * day
      yield* r.sweep()
      expect(new Set(yield* r.keys)).toEqual(new Set([":meta"]))
      yield* r.write(entry("ever", "3", { tags: ["e"], timeToLiveMs: Infinity }), entry("x", "", { tags: ["e"] }))
      r.clock.now += 100_000 * day
      yield* r.sweep()
      expect(yield* r.read("ever")).toEqual(["3"])
      yield* r.store.invalidate(r.name, ["e"])
      expect(yield* r.read("ever")).toEqual([undefined])
    }))

  test("a region that is cleared is empty, and is written anew", (r) =>
    Effect.gen(function* () {
      const keys = many(50)
      yield* r.write(...keys.map((key) => entry(key, key, { timeToLiveMs: Infinity, staleForMs: 5, tags: [key] })))
      yield* r.store.write("another", [entry("a", "1")], "Always")
      yield* r.store.clear(r.name)
      expect(new Set(yield* r.read(...keys))).toEqual(new Set([undefined]))
      expect(yield* r.pages()).toEqual([])
      yield* r.write(entry(keys[0]!, "new"))
      expect(yield* r.read(...keys.slice(0, 2))).toEqual(["new", undefined])
      expect(bodies(yield* r.store.read("another", ["a"], "Always"))).toEqual(["1"])
    }))

  // -- loads --------------------------------------------------------------------------------------------------------

  test("one load has the lease of a key, until its time is over", (r) =>
    Effect.gen(function* () {
      const x = load("x {1}")
      const y = load("y", { leaseMs: Infinity })
      yield* r.write(entry("there", "1"))
      expect(yield* r.acquire(x, "a", "there", "b")).toMatchObject([
        { _tag: "Won" },
        { _tag: "Found" },
        { _tag: "Won" }
      ])
      r.clock.now += 1_000
      expect(yield* r.acquire(y, "a")).toEqual([{ _tag: "Busy", leftMs: 9_000, stale: undefined }])
      expect(yield* r.ask(x, "a")).toBe("W")
      r.clock.now += 9_999
      expect(yield* r.acquire(y, "a", "b")).toMatchObject([{ _tag: "Busy", leftMs: 1 }, { _tag: "Won" }])
      expect(yield* r.renew(x, "a", "b", "c")).toEqual([true, false, false])
      r.clock.now += 10_000
      expect(yield* r.renew(x, "a")).toEqual([false])
      expect(yield* r.ask(y, "a")).toBe("W")
      expect(yield* r.acquire(x, "a")).toEqual([{ _tag: "Busy", leftMs: Infinity, stale: undefined }])
    }))

  test("a commit stores for whoever holds the lease, once", (r) =>
    Effect.gen(function* () {
      const x = load("x", { tags: ["t"] })
      yield* r.acquire(x, "a", "b", "c")
      const more = { timeToLiveMs: 500, staleForMs: 5, isSliding: true, tags: ["t", "more"] }
      expect(yield* r.commit(load("y"), entry("a", "no"))).toEqual(["Refused"])
      expect(
        yield* r.commit(x, entry("a", "1", more), entry("none", "no"), entry("b", "2", { timeToLiveMs: 0 }))
      ).toEqual(["Stored", "Refused", "Stored"])
      expect(yield* r.commit(x, entry("a", "no"))).toEqual(["Refused"])
      r.clock.now += 1
      expect(yield* r.find("a")).toMatchObject({ body: "1", leftMs: 500 })
      expect(yield* r.read("none", "b")).toEqual([undefined, undefined])
      expect(yield* r.ask(load("y"), "b")).toBe("W")
      yield* r.store.invalidate(r.name, ["more"])
      expect(yield* r.read("a")).toEqual([undefined])
      // It may come late, as long as it is in time.
      r.clock.now += 9_998
      expect(yield* r.commit(x, entry("c", "3"))).toEqual(["Stored"])
      yield* r.acquire(x, "d")
      r.clock.now += 10_000
      expect(yield* r.commit(x, entry("d", "no"))).toEqual(["Refused"])
    }))

  const endings: Record<string, (r: Region) => Effect.Effect<unknown, BackendError>> = {
    write: (r) => r.write(entry("a", "other")),
    "write that stores nothing": (r) => r.write(entry("a", "other", { timeToLiveMs: 0 })),
    "write of what is absent": (r) => r.add(entry("a", "other")),
    swap: (r) => r.store.swap(r.name, "a", undefined, entry("a", "other")),
    "swap for nothing": (r) => r.store.swap(r.name, "a", undefined, undefined),
    remove: (r) => r.store.remove(r.name, ["a"]),
    take: (r) => r.store.take(r.name, "a"),
    "commit of another load": (r) =>
      Effect.andThen(
        r.release(load("x"), "a"),
        Effect.andThen(r.acquire(load("z"), "a"), r.commit(load("z"), entry("a")))
      ),
    invalidate: (r) => r.store.invalidate(r.name, ["its"]),
    clear: (r) => r.store.clear(r.name),
    eviction: (r) => Effect.promise(() => r.primaries.remove((key) => key.includes(":l:")))
  }
  for (const [how, end] of Object.entries(endings)) {
    test(`a load stores nothing after this: ${how}`, (r) =>
      Effect.gen(function* () {
        const x = load("x", { tags: ["its"] })
        yield* r.acquire(x, "a")
        yield* end(r)
        const before = yield* r.read("a")
        expect(yield* r.renew(x, "a")).toEqual([false])
        expect(yield* r.commit(x, entry("a", "no", { tags: ["its"] }))).toEqual(["Refused"])
        expect(yield* r.read("a")).toEqual(before)
      }))
  }

  test("other tags and other regions leave a load alone", (r) =>
    Effect.gen(function* () {
      const x = load("x", { tags: ["its", "own"] })
      yield* r.acquire(x, "a")
      yield* r.store.invalidate(r.name, ["other"])
      yield* r.store.invalidate("another", ["its"])
      yield* r.store.clear("another")
      yield* r.store.swap(r.name, "a", "7", undefined)
      yield* r.write(entry("b", "", { tags: ["its"] }))
      expect(yield* r.commit(x, entry("a", "1", { tags: ["its", "own"] }))).toEqual(["Stored"])
      expect(yield* r.read("a")).toEqual(["1"])
    }))

  test("who waits hears of the end, once a call, and nobody hears of what nobody waits for", (r) =>
    Effect.gen(function* () {
      const x = load("x")
      const wait = (...keys: ReadonlyArray<string>) =>
        Effect.andThen(r.acquire(x, ...keys), r.acquire(load("y"), ...keys))
      const { name, store } = r
      yield* r.listen("a b", "c")
      yield* r.acquire(x, "a b", "c")
      yield* r.acquire(x, "a b", "c")
      yield* r.commit(x, entry("a b"))
      yield* r.release(x, "c")
      expect(yield* r.heard).toEqual([])
      const ends: Record<string, Effect.Effect<unknown, BackendError>> = {
        commit: r.commit(x, entry("a b")),
        release: r.release(x, "a b"),
        write: r.write(entry("a b")),
        add: r.add(entry("a b")),
        swap: store.swap(name, "a b", undefined, entry("a b")),
        remove: store.remove(name, ["a b"]),
        take: store.take(name, "a b")
      }
      for (const [how, end] of Object.entries(ends)) {
        yield* store.remove(name, ["a b"])
        yield* wait("a b")
        yield* r.renew(x, "a b")
        yield* end
        expect([how, yield* r.heard]).toEqual([how, ["a%20b"]])
        yield* end
        expect([how, yield* r.heard]).toEqual([how, []])
      }
      // Of several keys in one message, where they are of one part.
      yield* store.remove(name, ["a b", "c"])
      yield* wait("a b", "c")
      yield* r.write(entry("c"), entry("d"), entry("a b"), entry("c"))
      expect((yield* r.heard).flatMap((line) => line.split(" ")).toSorted()).toEqual(["a%20b", "c"])
      if (store.partOf("a b") === store.partOf("c")) expect(yield* r.heard).toEqual([])
      // A lease that was dropped and is taken anew: those who waited for it may wait for another.
      yield* store.clear(name)
      yield* wait("c")
      yield* store.clear(name)
      expect(yield* r.heard).toEqual([])
      expect(yield* r.ask(load("z"), "c")).toBe("W")
      expect(yield* r.heard).toEqual(["c"])
    }))

  // -- pages --------------------------------------------------------------------------------------------------------

  test("pages show every key that is there, and none that is not", (r) =>
    Effect.gen(function* () {
      const keys = many(2_000, "日本 ")
      for (let i = 0; i < keys.length; i += 500) yield* r.write(...keys.slice(i, i + 500).map((key) => entry(key)))
      yield* r.write(...many(100, "short ").map((key) => entry(key, "", { timeToLiveMs: 10 })))
      yield* r.write(...many(100, "tagged ").map((key) => entry(key, "", { tags: ["t"] })))
      yield* r.acquire(load("x"), ...many(100, "loaded "))
      yield* r.store.write(
        "another",
        many(100).map((key) => entry(key)),
        "Always"
      )
      r.clock.now += 10
      yield* r.store.invalidate(r.name, ["t"])
      const found = yield* r.pages()
      expect([...new Set(found)].toSorted()).toEqual(keys.toSorted())
      yield* r.store.clear(r.name)
      expect(yield* r.pages()).toEqual([])
    }))

  test("a cursor of another run of the server, or of another order of the servers, begins again", (r) =>
    Effect.gen(function* () {
      const keys = many(4_500)
      for (let i = 0; i < keys.length; i += 500) yield* r.write(...keys.slice(i, i + 500).map((key) => entry(key)))
      const rest = Effect.fnUntraced(function* (from: string) {
        const found = new Set<string>()
        let cursor = from
        do {
          const page = yield* r.store.page(r.name, cursor)
          for (const key of page.keys) found.add(key)
          cursor = page.cursor
        } while (cursor !== "")
        return found.size
      })
      const first = yield* r.store.page(r.name, "")
      expect(yield* rest(first.cursor)).toBeLessThan(keys.length)
      r.clock.run = "another"
      expect(yield* rest(["elsewhere", ...first.cursor.split(" ").slice(1)].join(" "))).toBe(keys.length)
      // Of each server for itself.
      const all = yield* rest(first.cursor)
      expect(all).toBe(keys.length)
    }))

  test("a sweep leaves what can be read, and nothing else", (r) =>
    Effect.gen(function* () {
      const keys = many(1_200)
      const put = (more: object) => r.write(...keys.slice(0, 500).map((key) => entry(key, "1", more)))
      yield* r.write(
        ...keys
          .slice(500)
          .slice(0, 500)
          .map((key) => entry(key, "", { timeToLiveMs: Infinity, tags: ["t"] }))
      )
      yield* r.acquire(load("x"), ...keys.slice(1_000))
      yield* put({ timeToLiveMs: 10, staleForMs: 10 })
      r.clock.now += 15
      expect(yield* r.sweep()).toBeGreaterThan(1)
      expect((yield* r.keys).filter((key) => key !== ":meta" && key !== ":t:t").length).toBe(keys.length)
      yield* r.store.invalidate(r.name, ["t"])
      r.clock.now += 5
      yield* r.sweep()
      expect((yield* r.keys).filter((key) => key !== ":meta").length).toBe(200)
      yield* put({})
      yield* r.store.clear(r.name)
      yield* r.write(entry("new", "1"))
      yield* r.sweep()
      expect((yield* r.keys).filter((key) => key !== ":meta")).toEqual([":v:new"])
      yield* r.store.remove(r.name, ["new"])
      expect(new Set(yield* r.keys)).toEqual(new Set([":meta"]))
    }))

  // -- what Redis itself times --------------------------------------------------------------------------------------

  test(
    "on the server's clock everything that ends has a time to live, and no more than it needs",
    (r) =>
      Effect.gen(function* () {
        const near = (ms: number, wanted: number) => expect(Math.abs(wanted - ms)).toBeLessThan(5_000)
        const more = { timeToLiveMs: day, staleForMs: day, tags: ["t"] }
        yield* r.write(entry("a", "1", more), entry("s", "2", { ...more, isSliding: true }))
        near(yield* r.keptFor("v", "a"), 2 * day)
        near(yield* r.keptFor("t", "t", r.store.partOf("a")), 3 * day)
        yield* r.store.touch(r.name, "a", 5 * day)
        near(yield* r.keptFor("v", "a"), 6 * day)
        near(yield* r.keptFor("t", "t", r.store.partOf("a")), 7 * day)
        yield* r.store.touch(r.name, "a", Infinity)
        expect(yield* r.keptFor("v", "a")).toBe(-1)
        expect(yield* r.keptFor("t", "t", r.store.partOf("a"))).toBe(-1)
        yield* r.store.touch(r.name, "a", 60_000)
        near(yield* r.keptFor("v", "a"), 60_000 + day)
        yield* r.store.touch(r.name, "s", 3 * day)
        yield* r.store.touch(r.name, "s", 2 * day)
        near(yield* r.keptFor("v", "s"), 3 * day)
        expect(yield* r.read("a", "s")).toEqual(["1", "2"])
        near((yield* r.find("s"))?.leftMs ?? 0, 2 * day)
        yield* r.write(entry("ever", "", { timeToLiveMs: Infinity }), entry("long", "", { timeToLiveMs: 2 ** 52 }))
        expect(yield* r.keptFor("v", "ever")).toBe(-1)
        expect(yield* r.look("ever")).toBe(Infinity)
        near((yield* r.look("long")) ?? 0, 2 ** 52)
        yield* r.acquire(load("x", { leaseMs: 30_000, tags: ["l"] }), "b")
        near(yield* r.keptFor("l", "b"), 30_000)
        near(yield* r.keptFor("t", "l", r.store.partOf("b")), 30_000 + day)
        yield* r.renew(load("x", { leaseMs: 90_000 }), "b")
        yield* r.acquire(load("y"), "b")
        near(yield* r.keptFor("l", "b"), 90_000)
        yield* r.commit(load("x"), entry("b", "", { timeToLiveMs: 60_000 }))
        expect(yield* r.keptFor("l", "b")).toBe(-2)
        near(yield* r.keptFor("v", "b"), 60_000)
      }),
    { isLive: true }
  )

  test(
    "on the server's clock a value is there until its time is over, and then nowhere",
    (r) =>
      Effect.gen(function* () {
        const before = performance.now()
        // So long that a reading which comes late is no end of what slides.
        const ms = 2_000
        yield* r.write(entry("a", "1", { timeToLiveMs: ms }), entry("s", "2", { timeToLiveMs: ms, isSliding: true }))
        yield* r.acquire(load("x", { leaseMs: 200 }), "b")
        let left = (yield* r.find("a"))?.leftMs
        let last = left ?? 0
        while (left !== undefined) {
          last = left
          left = (yield* r.find("a"))?.leftMs
          yield* r.read("s")
        }
        // It was answered as long as it had any time to go.
        expect(last).toBeGreaterThan(0)
        expect(performance.now() - before).toBeGreaterThan(ms - 1)
        expect(yield* r.read("s")).toEqual(["2"])
        expect(yield* r.ask(load("y"), "b")).toBe("W")
        yield* r.release(load("y"), "b")
        yield* eventually(Effect.map(r.keys, (keys) => expect(new Set(keys)).toEqual(new Set([":meta"]))))
      }),
    { isLive: true }
  )

  // -- formats ------------------------------------------------------------------------------------------------------

  test("data of a newer format is refused and left as it is", (r) =>
    Effect.gen(function* () {
      const { name, store } = r
      yield* r.write(entry("a", "1"), entry("b", "2", { tags: ["t"] }))
      yield* r.acquire(load("x"), "c")
      const metas = (key: string): boolean => key.endsWith(":meta")
      yield* r.write(...many(200).map((key) => entry(key)))
      yield* Effect.promise(() => r.primaries.hset(metas, "format", "2"))
      const before = yield* r.keys
      const calls: ReadonlyArray<Effect.Effect<unknown, BackendError>> = [
        r.read("a"),
        r.look("a"),
        r.write(entry("a")),
        r.add(entry("a")),
        store.swap(name, "a", undefined, entry("a")),
        store.remove(name, ["a"]),
        store.take(name, "a"),
        store.touch(name, "a", 5),
        r.acquire(load("x"), "c"),
        r.renew(load("x"), "c"),
        r.commit(load("x"), entry("c")),
        r.release(load("x"), "c"),
        store.invalidate(name, ["t"]),
        store.clear(name),
        store.sweep(name, ""),
        store.page(name, "")
      ]
      for (const call of calls) expect((yield* failure(call)).reason._tag).toBe("CorruptData")
      expect(yield* r.keys).toEqual(before)
      yield* Effect.promise(() => r.primaries.hset(metas, "format", "1"))
      expect(yield* r.read("a", "b")).toEqual(["1", "2"])
    }))

  test("a value of a newer format is absent, breaks nothing, and stays until it is overwritten", (r) =>
    Effect.gen(function* () {
      yield* r.write(entry("a", "1"), entry("b", "2", { tags: ["t"] }), entry("c", "3"))
      for (const key of ["a", "b"]) {
        const its = `${r.client.prefix}:{c:a%20region%3A%20%7B1%7D:${r.store.partOf(key)}}:v:${key}`
        yield* r.client.use("setrange", (redis) => redis.setrange(its, 0, "2"))
      }
      expect(yield* r.read("a", "b", "c")).toEqual([undefined, undefined, "3"])
      expect(yield* r.pages()).toEqual(["c"])
      yield* r.sweep()
      expect((yield* r.keys).filter((key) => key.startsWith(":v:"))).toEqual([":v:a", ":v:b", ":v:c"])
      yield* r.write(entry("a", "4"))
      expect(yield* r.read("a", "b")).toEqual(["4", undefined])
    }))
}

for (const { at, name, skip } of places) skip(`the cache's store on a ${name}`, () => tests(at))

// -- a full server, several parts -----------------------------------------------------------------------------------

it.live.skipIf(missing.binary)("a full server refuses what adds, and goes on with what frees", () =>
  Effect.gen(function* () {
    const server = yield* serve
    const r = yield* make({ url: server.url }, { isLive: true })
    const limit = (bytes: string) =>
      Effect.promise(() => withRedis(server.url, (redis) => redis.config("SET", "maxmemory", bytes)))
    const x = load("x", { tags: ["t"] })
    yield* r.write(...many(5).map((key) => entry(key, key, { isSliding: true, tags: ["t"] })))
    yield* r.acquire(x, "a", "b")
    yield* limit("100kb")
    const adds: ReadonlyArray<Effect.Effect<unknown, BackendError>> = [
      r.write(entry("x")),
      r.add(entry("x")),
      r.store.swap(r.name, "x", undefined, entry("x")),
      r.commit(x, entry("a"))
    ]
    for (const call of adds) {
      const { outcome, reason } = yield* failure(call)
      expect([reason._tag, outcome]).toEqual(["CapacityExceeded", "NotApplied"])
    }
    expect(yield* r.read("key 0", "key 1")).toEqual(["key 0", "key 1"])
    expect(yield* r.store.touch(r.name, "key 0", 5_000)).toBe(true)
    yield* r.acquire(load("y"), "c")
    expect(yield* r.renew(x, "a", "b")).toEqual([true, true])
    yield* r.release(x, "b")
    expect(yield* r.store.remove(r.name, ["key 1"])).toEqual([true])
    expect(yield* r.store.take(r.name, "key 2")).toMatchObject({ body: "key 2" })
    expect((yield* r.pages()).length).toBe(3)
    yield* r.store.invalidate(r.name, ["t"])
    expect(yield* r.read("key 0")).toEqual([undefined])
    yield* r.store.clear(r.name)
    yield* r.sweep()
    expect((yield* r.keys).filter((key) => key.startsWith(":v:"))).toEqual([])
    yield* limit("0")
    expect(yield* r.write(entry("x"))).toEqual([true])
  })
)

describe("several parts", () => {
  const { partOf } = Keys.cache("p:0", 32)

  it("where a key lies never changes, and all parts have their share", () => {
    expect(["a", "b", "key.1", "%E6%97%A5", ""].map(partOf)).toEqual([10, 31, 27, 5, 11])
    const counts = new Map<number, number>()
    for (const key of many(32_000, "user.")) counts.set(partOf(key), (counts.get(partOf(key)) ?? 0) + 1)
    expect(counts.size).toBe(32)
    expect(Math.min(...counts.values())).toBeGreaterThan(500)
    expect(Keys.cache("p:0", 1).partOf("a")).toBe(0)
  })

  it.live("what became of a whole is known only where nothing was done, or everything", () =>
    Effect.gen(function* () {
      const server = yield* serve
      const r = yield* make({ url: server.url }, { isLive: true })
      const done = Effect.succeed(1)
      yield* Effect.promise(() => withRedis(server.url, (redis) => redis.config("SET", "maxmemory", "1")))
      const refused = Effect.as(r.write(entry("x")), 1)
      expect(yield* together([done, done])).toEqual([1, 1])
      expect(yield* together([])).toEqual([])
      expect((yield* failure(together([refused]))).outcome).toBe("NotApplied")
      expect((yield* failure(together([refused, refused]))).outcome).toBe("NotApplied")
      const mixed = yield* failure(together([done, refused, done]))
      expect([mixed.reason._tag, mixed.outcome, mixed.operation]).toEqual(["CapacityExceeded", "Unknown", "set"])
    })
  )
})

describe.skipIf(missing.binary)("while parts move from one primary to another", { timeout: 120_000 }, () => {
  it.live("values are found, pages are whole, and what is taken away stays away", () =>
    Effect.gen(function* () {
      const cluster = yield* Effect.acquireRelease(
        Effect.promise(() => startCluster()),
        (cluster) => Effect.promise(() => cluster.stop())
      )
      const r = yield* make({ cluster: cluster.nodes }, { isLive: true })
      const keys = many(1_500).toSorted()
      for (let i = 0; i < keys.length; i += 500) {
        yield* r.write(...keys.slice(i, i + 500).map((key) => entry(key, key, { timeToLiveMs: Infinity, tags: ["t"] })))
      }
      let moved = 0
      const rounds = { pages: 0, reads: 0 }
      const whole = Effect.whileLoop({
        while: () => moved < 6,
        body: () => r.pages(),
        step: (found) => {
          rounds.pages += 1
          expect([...new Set(found)].toSorted()).toEqual(keys)
        }
      })
      const there = Effect.whileLoop({
        while: () => moved < 6,
        body: () => r.read(...keys.slice(0, 500)),
        step: (found) => {
          rounds.reads += 1
          expect(found).toEqual(keys.slice(0, 500))
        }
      })
      const { part } = Keys.cache(r.client.prefix, 32)
      const moves = Effect.gen(function* () {
        while (moved < 6) {
          const { pages, reads } = rounds
          yield* eventually(
            Effect.sync(() => expect([rounds.pages > pages, rounds.reads > reads]).toEqual([true, true]))
          )
          const slot = slotOf(part(r.name, moved))
          const source = yield* Effect.promise(() => ownerOf(cluster, slot))
          yield* move(slot, cluster.nodes[source]!, cluster.nodes[(source + 1 + (moved % 2)) % 3]!, 1)
          moved += 1
        }
      })
      yield* Effect.all([moves, whole, there], { concurrency: "unbounded" })
      yield* r.store.invalidate(r.name, ["t"])
      expect(yield* r.pages()).toEqual([])
      yield* r.sweep()
      expect((yield* r.keys).filter((key) => key !== ":meta")).toEqual([])
    })
  )
})
