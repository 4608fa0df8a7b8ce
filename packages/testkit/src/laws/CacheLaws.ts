/**
 * What Cache promises of values: who reads them, how long they are there, what they cost. Those of loads stand in
 * CacheLoadLaws.ts, those of tags and `clear` in CacheTagLaws.ts. Each is tried in a world (`../World.ts`), on every
 * backend; the identifiers are those of docs/guarantees.md.
 */
import { BackendError } from "@troupe/core/BackendError"
import * as Cache from "@troupe/core/Cache"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as assert from "node:assert/strict"
import {
  assertThere,
  costOf,
  get,
  getMany,
  keysOf,
  type Law,
  left,
  lookAlikes,
  Numbers,
  numbers,
  on,
  Seconds,
  set,
  Sliding,
  Stale,
  three,
  two
} from "../internal/caching.ts"

/** C1 What one peer sets, every peer reads next; the last one's is what stays. */
export const whatOnePeerSetsEveryPeerReads: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* three(world)
    for (const [n, writer] of [...peers, ...peers].entries()) {
      yield* set(writer, Numbers, "key", n)
      for (const reader of peers) assert.equal(yield* get(reader, Numbers, "key"), n)
    }
    assert.equal(yield* on(peers[0], (cache) => cache.remove(Numbers, "key")), true)
    assert.equal(yield* on(peers[1], (cache) => cache.remove(Numbers, "key")), false)
    for (const reader of peers) assert.equal(yield* get(reader, Numbers, "key"), undefined)
  })

/** C1 What one process sets at one time takes effect in its order, and the last of a key stays. */
export const setsOfOneProcessKeepTheirOrder: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const all = numbers(60)
    yield* Effect.forEach(all, (n) => set(a, Numbers, `${n % 3}`, n), { concurrency: "unbounded", discard: true })
    assert.deepEqual(yield* getMany(b, Numbers, ["0", "1", "2"]), [57, 58, 59])
    yield* on(a, (cache) =>
      cache.setMany(
        Numbers,
        all.map((n) => [`${n % 3}`, -n] as const)
      )
    )
    assert.deepEqual(yield* getMany(b, Numbers, ["0", "1", "2"]), [-57, -58, -59])
  })

/** C1 A7 What is stored went through its schema: it comes back as it was, and no later change of the object touches it. */
export const aValueIsNotTheObject: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const Things = Cache.region("things", {
      value: Schema.Struct({
        at: Schema.Date,
        tags: Schema.mutable(Schema.Array(Schema.String)),
        by: Schema.Option(Schema.BigInt)
      }),
      timeToLive: "1 hour"
    })
    const thing = { at: new Date(1_234_567_890_123), tags: ["one"], by: Option.some(7n) }
    const kept = structuredClone({ at: thing.at, tags: thing.tags })
    yield* set(a, Things, "thing", thing)
    thing.tags.push("two")
    for (const peer of [a, b]) {
      assert.deepEqual(yield* get(peer, Things, "thing"), { ...kept, by: Option.some(7n) })
    }
    const read = yield* Effect.all(
      numbers(9).map(() => get(b, Things, "thing")),
      { concurrency: "unbounded" }
    )
    assert.ok(read.every((thing) => thing?.at instanceof Date))
    assert.ok(new Set(read).size <= 2)
  })

/** C1 `getMany` answers in the order of the keys, doubles and gaps included; `setMany` and `removeMany` are of all of them. */
export const manyAreAsOne: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const keys = numbers(1_200).map((n) => `${n}`)
    yield* on(a, (cache) =>
      cache.setMany(
        Numbers,
        numbers(1_200).map((n) => [`${n}`, n] as const)
      )
    )
    assert.deepEqual(yield* getMany(b, Numbers, [...keys, "none", "7", "7"]), [...numbers(1_200), undefined, 7, 7])
    assert.deepEqual(yield* getMany(b, Numbers, []), [])
    assert.equal(yield* on(b, (cache) => cache.removeMany(Numbers, ["7", "7", "none", "8"])), 2)
    assert.deepEqual(yield* getMany(a, Numbers, ["6", "7", "8", "9"]), [6, undefined, undefined, 9])
    yield* on(b, (cache) => cache.removeMany(Numbers, keys))
    assert.deepEqual(yield* keysOf(a, Numbers), [])
  })

/** C1 Of all who set what is absent, or take what is there, one does. */
export const oneSetsWhatIsAbsentAndOneTakesIt: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* three(world)
    const all = [...peers, ...peers, ...peers]
    const set = yield* Effect.forEach(all, (peer, n) => on(peer, (cache) => cache.setIfAbsent(Numbers, "key", n)), {
      concurrency: "unbounded"
    })
    assert.equal(set.filter((isSet) => isSet).length, 1)
    const taken = yield* Effect.forEach(all, (peer) => on(peer, (cache) => cache.take(Numbers, "key")), {
      concurrency: "unbounded"
    })
    assert.deepEqual(
      taken.flatMap((value) => Option.toArray(value)),
      [set.indexOf(true)]
    )
    yield* assertThere(peers[0], Numbers, "key", undefined)
  })

/** C2 A value is there until its time is over, to the millisecond of the store's clock: a second, a month. */
export const aValueIsGoneToTheMillisecond: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* b.skew("1 hour")
    for (const seconds of [1, 2_592_000, 31_536_000]) {
      yield* set(a, Seconds, "key", seconds)
      assert.equal(yield* left(b, Seconds, "key"), seconds * 1_000)
      yield* world.advance(seconds * 1_000 - 1)
      yield* assertThere(b, Seconds, "key", seconds)
      assert.equal(yield* left(b, Seconds, "key"), 1)
      yield* world.advance(1)
      yield* assertThere(b, Seconds, "key", undefined)
      assert.equal(yield* on(a, (cache) => cache.setIfAbsent(Seconds, "key", 1)), true)
    }
  })

/** C2 What is to live for no time is not stored, and what was there is gone. */
export const noTimeStoresNothing: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    for (const timeToLive of [0, -1, "-1 hour", Number.NEGATIVE_INFINITY] as const) {
      yield* set(a, Seconds, "key", 10)
      yield* set(a, Seconds, "key", 20, { timeToLive })
      yield* assertThere(a, Seconds, "key", undefined)
    }
    yield* set(a, Seconds, "key", 0)
    yield* assertThere(a, Seconds, "key", undefined)
    yield* set(a, Seconds, "key", 10)
    assert.equal(yield* on(a, (cache) => cache.touch(Seconds, "key", 0)), true)
    yield* assertThere(a, Seconds, "key", undefined)
  })

/** C2 What lives for ever is there after any time; what lives anew lives as long as was said last. */
export const whatLivesForEverStays: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    yield* set(a, Numbers, "key", 1, { timeToLive: Infinity })
    yield* set(a, Numbers, "other", 1, { timeToLive: Infinity })
    yield* world.advance("36500 days")
    yield* assertThere(a, Numbers, "key", 1)
    assert.equal(yield* left(a, Numbers, "key"), Infinity)
    assert.equal(yield* on(a, (cache) => cache.touch(Numbers, "key", "1 second")), true)
    yield* set(a, Numbers, "other", 2, { timeToLive: "2 seconds" })
    yield* world.advance(999)
    assert.deepEqual([yield* left(a, Numbers, "key"), yield* left(a, Numbers, "other")], [1, 1_001])
    yield* world.advance(1)
    assert.deepEqual(yield* getMany(a, Numbers, ["key", "other"]), [undefined, 2])
  })

/** C2 Reading prolongs what is sliding, and nothing else; looking at its time prolongs nothing. */
export const readingProlongsWhatIsSliding: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    for (const region of [Sliding, Numbers]) yield* set(a, region, "key", 1, { timeToLive: "10 seconds" })
    const reads = [
      (region: typeof Numbers) => get(b, region, "key"),
      (region: typeof Numbers) => getMany(b, region, ["key"]),
      (region: typeof Numbers) => on(b, (cache) => cache.has(region, "key"))
    ]
    for (const read of reads) {
      yield* world.advance("9 seconds")
      assert.equal(yield* left(b, Sliding, "key"), 1_000)
      yield* read(Sliding)
      yield* read(Numbers)
      assert.equal(yield* left(b, Sliding, "key"), 10_000)
    }
    assert.equal(yield* get(b, Numbers, "key"), undefined)
    assert.equal(yield* on(b, (cache) => cache.touch(Sliding, "key", "20 seconds")), true)
    yield* world.advance("19 seconds")
    assert.equal(yield* get(a, Sliding, "key"), 1)
    assert.equal(yield* left(a, Sliding, "key"), 20_000)
    yield* world.advance("20 seconds")
    yield* assertThere(a, Sliding, "key", undefined)
  })

/** C2 What is kept past its time is absent for everything but a load. */
export const whatIsStaleIsAbsent: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    yield* set(a, Stale, "key", 1)
    yield* set(a, Stale, "taken", 1)
    yield* world.advance("10 seconds")
    yield* assertThere(a, Stale, "key", undefined)
    assert.equal(yield* on(a, (cache) => cache.remove(Stale, "taken")), false)
    assert.deepEqual(yield* on(a, (cache) => cache.take(Stale, "key")), Option.none())
    yield* set(a, Stale, "key", 2)
    yield* world.advance("10 seconds")
    const seen = yield* on(a, (cache) => cache.modify(Stale, "key", (now) => [now, Option.some(3)]))
    assert.deepEqual(seen, Option.none())
    yield* world.advance("10 seconds")
    assert.equal(yield* on(a, (cache) => cache.setIfAbsent(Stale, "key", 4)), true)
    yield* assertThere(a, Stale, "key", 4)
  })

/** C3 Only absence is None: null, 0, the empty text, false and undefined are values. */
export const onlyAbsenceIsNone: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const keeps = <A>(name: string, schema: Schema.Codec<A>, values: ReadonlyArray<A>) =>
      Effect.gen(function* () {
        const region = Cache.region(name, { value: schema, timeToLive: "1 hour" })
        for (const [n, value] of values.entries()) {
          yield* set(a, region, `${n}`, value)
          assert.deepEqual(yield* on(b, (cache) => cache.get(region, `${n}`)), Option.some(value))
          assert.equal(yield* on(b, (cache) => cache.has(region, `${n}`)), true)
          assert.equal(yield* on(b, (cache) => cache.setIfAbsent(region, `${n}`, value)), false)
          assert.deepEqual(yield* on(b, (cache) => cache.take(region, `${n}`)), Option.some(value))
          assert.deepEqual(yield* on(b, (cache) => cache.get(region, `${n}`)), Option.none())
        }
      })
    yield* keeps("nothing", Schema.Null, [null])
    yield* keeps("undefined", Schema.UndefinedOr(Schema.Int), [undefined, 0])
    yield* keeps("falsy", Schema.Union([Schema.Int, Schema.String, Schema.Boolean]), [0, "", false])
  })

/** C8 However many fibers on however many peers change a value at once, no change is lost. */
export const noChangeIsLost: Law = (world) =>
  Effect.gen(function* () {
    const peers = yield* three(world)
    const add = (now: Option.Option<number>) =>
      [Option.getOrElse(now, () => 0), Option.some(Option.getOrElse(now, () => 0) + 1)] as const
    const seen = yield* world.complete(
      Effect.forEach(
        numbers(90),
        (n) => Effect.forEach(numbers(5), () => on(peers[n % 3]!, (cache) => cache.modify(Numbers, "key", add))),
        { concurrency: "unbounded" }
      )
    )
    assert.equal(yield* get(peers[0], Numbers, "key"), 450)
    assert.deepEqual(
      seen.flat().sort((a, b) => a - b),
      numbers(450)
    )
  })

/** C8 A change may remove, or leave absent; one that fails changes nothing, and stops nobody else's. */
export const aChangeMayRemoveOrFail: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const change = (to: Option.Option<number>) => on(a, (cache) => cache.modify(Numbers, "key", (now) => [now, to]))
    const changes = [Option.some(1), Option.none(), Option.some(2)].map(change)
    const failing = Effect.flip(change(Option.some(0.5)))
    const all = Effect.all([Effect.all(changes, { concurrency: "unbounded" }), failing], { concurrency: "unbounded" })
    const [seen, failed] = yield* all
    assert.deepEqual(seen, [Option.none(), Option.some(1), Option.none()])
    assert.equal(failed._tag, "SchemaError")
    assert.equal(yield* get(b, Numbers, "key"), 2)
    assert.deepEqual(yield* change(Option.none()), Option.some(2))
    assert.deepEqual(yield* change(Option.none()), Option.none())
    yield* assertThere(b, Numbers, "key", undefined)
  })

/** C13 `keys` names what is there throughout, whatever is written and removed meanwhile; nothing of another region. */
export const keysNamesWhatIsThere: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const name = (n: number) => `k${n}`
    for (const other of ["number", "numbers2", "numbers:", "numbers*", "n?mbers"]) {
      yield* set(b, Cache.region(other, { value: Schema.Int, timeToLive: "1 hour" }), "other", 1)
    }
    const lasting = numbers(1_500)
      .filter((n) => n % 3 !== 0)
      .map(name)
    yield* on(a, (cache) =>
      cache.setMany(
        Numbers,
        numbers(1_500).map((n) => [name(n), n] as const)
      )
    )
    let n = 0
    const meanwhile = (key: string) =>
      (n += 3) % 45 > 0
        ? Effect.void
        : on(b, (cache) => Effect.andThen(cache.remove(Numbers, name(n)), cache.set(Numbers, key, -1)))
    const seen = yield* on(a, (cache) => Stream.runCollect(Stream.tap(cache.keys(Numbers), meanwhile)))
    for (const key of lasting) assert.ok(seen.includes(key), key)
    assert.ok(seen.every((key) => key.startsWith("k")))
    yield* world.advance("1 minute")
    assert.deepEqual(yield* keysOf(a, Numbers), [])
  })

/** C14 What does not fit the schema is absent, breaks nothing else, and is left for the next to replace. */
export const whatDoesNotFitIsAbsent: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const Texts = Cache.region("numbers", { value: Schema.String, timeToLive: "1 minute" })
    yield* set(a, Texts, "text", "one")
    yield* set(a, Numbers, "number", 2)
    assert.deepEqual(yield* getMany(b, Numbers, ["text", "number"]), [undefined, 2])
    assert.equal(yield* on(b, (cache) => cache.has(Numbers, "text")), false)
    assert.deepEqual(yield* on(b, (cache) => cache.take(Numbers, "text")), Option.none())
    assert.equal(yield* on(b, (cache) => cache.setIfAbsent(Numbers, "text", 3)), false)
    assert.equal(yield* get(a, Texts, "text"), "one")
    const seen = yield* on(b, (cache) => cache.modify(Numbers, "text", (now) => [now, Option.some(3)]))
    assert.deepEqual([seen, yield* get(b, Numbers, "text")], [Option.none(), 3])
    yield* set(a, Texts, "text", "two")
    yield* set(b, Numbers, "text", 1)
    assert.deepEqual(yield* getMany(b, Numbers, ["text", "number"]), [1, 2])
  })

/** C15 A read, a write and a removal are a request each; of many keys one for each primary, all at once. */
export const aCallIsOneRequest: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const one: ReadonlyArray<(cache: Cache.Service) => Effect.Effect<unknown, unknown>> = [
      (cache) => cache.set(Numbers, "key", 1),
      (cache) => cache.get(Numbers, "key"),
      (cache) => cache.has(Numbers, "key"),
      (cache) => cache.touch(Numbers, "key", "1 hour"),
      (cache) => cache.timeToLive(Numbers, "key"),
      (cache) => cache.setIfAbsent(Numbers, "key", 1),
      (cache) => cache.remove(Numbers, "key"),
      (cache) => cache.getMany(Numbers, ["key", "key"])
    ]
    for (const call of one) assert.equal((yield* costOf(a, on(a, call))).requests.length, 1)
    const single = yield* costOf(a, getMany(a, Numbers, ["key"]))
    const many = yield* costOf(
      a,
      getMany(
        a,
        Numbers,
        numbers(400).map((n) => `${n}`)
      )
    )
    assert.ok(many.requests.length <= 32 * single.requests.length)
    assert.equal(new Set(many.requests).size, 1)
  })

/** C15 Reads of one peer at one time share requests, and so do its writes. */
export const whatComesTogetherGoesTogether: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const together = <A, E>(f: (n: number) => Effect.Effect<A, E>) =>
      costOf(a, Effect.forEach(numbers(2_000), f, { concurrency: "unbounded" }))
    const sets = yield* together((n) => set(a, Numbers, `${n % 500}`, n % 500))
    // A dozen batches at most, of 32 parts each on a cluster.
    assert.ok(sets.requests.length < 400, `${sets.requests.length} requests for 2000 writes`)
    const gets = yield* together((n) => get(a, Numbers, `${n % 500}`))
    assert.deepEqual(
      gets.answer,
      numbers(2_000).map((n) => n % 500)
    )
    assert.ok(gets.requests.length < 400, `${gets.requests.length} requests for 2000 reads`)
  })

/** A6 C13 Any text is a region's name and a key, and no two of them meet. */
export const noTwoNamesMeet: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const regions = lookAlikes.map((name) => Cache.region(name, { value: Schema.String, timeToLive: "1 hour" }))
    for (const region of regions) {
      yield* on(a, (cache) =>
        cache.setMany(
          region,
          lookAlikes.map((key) => [key, `${region.name} ${key}`] as const)
        )
      )
    }
    for (const region of regions) {
      assert.deepEqual(
        yield* getMany(a, region, lookAlikes),
        lookAlikes.map((key) => `${region.name} ${key}`)
      )
      assert.deepEqual(yield* keysOf(a, region), [...lookAlikes].sort())
    }
    const Mixed = Cache.region("mixed", {
      value: Schema.Int,
      key: Schema.Union([Schema.Finite, Schema.String]),
      timeToLive: "1 hour"
    })
    const keys = [1, "1", "#1", "##1", -0.5, "#-0.5", 1e300]
    for (const [n, key] of keys.entries()) yield* set(a, Mixed, key, n)
    assert.deepEqual(yield* getMany(a, Mixed, keys), numbers(keys.length))
    assert.deepEqual(new Set(yield* keysOf(a, Mixed)), new Set(keys))
  })

/** A6 What is no name, no key and no option is refused before anything is sent, and says which rule. */
export const badInputsAreRefusedFirst: Law = (world) =>
  Effect.gen(function* () {
    const a = yield* world.spawn()
    const of = (name: string, options: { readonly timeToLive?: number; readonly staleFor?: number } = {}) =>
      Cache.region(name, { value: Schema.Int, timeToLive: "1 minute", ...options })
    const tags = (count: number) => numbers(count).map((n) => `${n}`)
    const table: ReadonlyArray<readonly [string, RegExp, Effect.Effect<unknown, unknown>]> = [
      ...["", "x".repeat(513), "é".repeat(257), "\ud800"].flatMap((bad) => [
        ["InvalidName", /^region name must/, get(a, of(bad), "key")] as const,
        ["InvalidName", /^key must/, get(a, Numbers, bad)] as const,
        ["InvalidName", /^key must/, getMany(a, Numbers, ["good", bad])] as const,
        ["InvalidName", /^tag must/, set(a, Numbers, "key", 1, { tags: [bad] })] as const
      ]),
      ["Misconfigured", /^tags must/, set(a, Numbers, "key", 1, { tags: tags(65) })],
      ["Misconfigured", /^timeToLive must/, set(a, Numbers, "key", 1, { timeToLive: Number.NaN })],
      ["Misconfigured", /^timeToLive must/, get(a, of("a", { timeToLive: Number.NaN }), "key")],
      ["Misconfigured", /^staleFor must/, get(a, of("a", { staleFor: Infinity }), "key")],
      ["Misconfigured", /^staleFor must/, keysOf(a, of("a", { staleFor: -1 }))]
    ]
    const { requests } = yield* costOf(
      a,
      Effect.forEach(table, ([tag, rule, call]) => refused(tag, rule, call))
    )
    assert.deepEqual(requests, [])
    yield* set(a, Numbers, "x".repeat(512), 1, { tags: tags(64) })
  })

/** A5 A value of a mebibyte is kept; one byte more is refused. */
export const aValueHasItsBound: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const Texts = Cache.region("texts", { value: Schema.String, timeToLive: "1 minute" })
    const largest = "x".repeat(1_048_574)
    yield* set(a, Texts, "key", largest)
    assert.equal(yield* get(b, Texts, "key"), largest)
    const calls = [
      set(a, Texts, "key", `${largest}x`),
      on(a, (cache) =>
        cache.setMany(Texts, [
          ["a", ""],
          ["b", `${largest}x`]
        ])
      )
    ]
    for (const call of calls) {
      const { requests, answer } = yield* costOf(a, Effect.flip(call))
      assert.deepEqual([answer._tag, requests], ["PayloadTooLarge", []])
    }
    assert.equal(yield* get(b, Texts, "key"), largest)
  })

const refused = (tag: string, rule: RegExp, call: Effect.Effect<unknown, unknown>) =>
  Effect.map(Effect.flip(call), (error) => {
    assert.ok(error instanceof BackendError)
    assert.deepEqual([error.reason._tag, error.outcome], [tag, "NotApplied"])
    assert.match(error.reason.message, rule)
  })

/** C15 The span that is open says why a read was a miss, and nothing where it was none. */
export const aMissSaysWhy: Law = (world) =>
  Effect.gen(function* () {
    const [a] = yield* two(world)
    const why = (use: Effect.Effect<unknown, unknown>) =>
      Effect.andThen(use, Effect.currentSpan).pipe(
        Effect.map(({ attributes }) => attributes.get("troupe.cache.miss")),
        Effect.withSpan("request")
      )
    yield* set(a, Stale, "stale", 1)
    yield* set(a, Numbers, "tagged", 1, { tags: ["t"] })
    yield* on(a, (cache) => cache.invalidateTags(Numbers, ["t"]))
    assert.equal(yield* why(get(a, Numbers, "never")), "Absent")
    assert.equal(yield* why(get(a, Numbers, "tagged")), "Tagged")
    yield* world.advance("10 seconds")
    assert.equal(yield* why(get(a, Stale, "stale")), "Expired")
    assert.equal(yield* why(on(a, (cache) => cache.getOrSet(Numbers, "never", Effect.succeed(1)))), "Absent")
    assert.equal(yield* why(get(a, Numbers, "never")), undefined)
    yield* world.store.stop
    assert.equal(yield* why(on(a, (cache) => cache.getOrSet(Numbers, "no", Effect.succeed(1)))), "Unavailable")
  })
