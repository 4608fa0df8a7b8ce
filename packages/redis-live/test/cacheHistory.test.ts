/** The checker of a cache's histories finds one planted anomaly of each kind, and calls a run that proves nothing by its name. */
import { assert, describe, test } from "vitest"
import { check, type Kind, type Options } from "./support/CacheChecker.ts"
import type { Event, Operation, Seen } from "./support/CacheHistory.ts"
import * as LockChecker from "./support/LockChecker.ts"

type Told = Seen & { readonly at: number }
let calls = 0

interface More {
  readonly key?: string
  readonly region?: string
  readonly value?: string
  readonly tags?: ReadonlyArray<string>
  readonly how?: "Done" | "NotApplied" | "Unknown"
  readonly read?: string | null
  readonly isNear?: boolean
}

/** A call from one moment to another. */
const call = (operation: Operation, from: number, to: number, more: More = {}): ReadonlyArray<Told> => {
  const { how = "Done", isNear, read, region = "plain", ...rest } = more
  const key = operation === "clear" || operation === "invalidateTags" ? {} : { key: "k" }
  calls += 1
  return [
    { at: from, what: "called", call: calls, operation, region, ...key, ...rest },
    { at: to, what: "returned", call: calls, how, read, isNear }
  ]
}
const set = (value: string, from: number, to: number, more: More = {}) => call("set", from, to, { value, ...more })
const get = (read: string | null, from: number, to: number, more: More = {}) => call("get", from, to, { read, ...more })
const getOrSet = (read: string, from: number, to: number, more: More = {}) =>
  call("getOrSet", from, to, { read, ...more })
/** A load, and what became of it. */
const load = (
  value: string,
  from: number,
  to: number,
  became?: "stored" | "refused",
  { isBare = false, region = "plain", tags = [] }: Pick<More, "region" | "tags"> & { readonly isBare?: boolean } = {}
): ReadonlyArray<Told> => [
  { at: from, what: "loading", region, key: "k", value, tags, isBare },
  { at: to, what: "loaded", value },
  ...(became === undefined ? [] : [{ at: to + 1, what: became, value } as const])
]

const by = (who: string, ...told: ReadonlyArray<ReadonlyArray<Told>>): ReadonlyArray<Event> =>
  told
    .flat()
    .map((one) => ({ who, ...one }))
    .sort((a, b) => a.at - b.at)

const options: Options = { near: ["near"] }
const kinds = (...histories: ReadonlyArray<ReadonlyArray<Event>>): ReadonlyArray<Kind> =>
  check(histories, options).anomalies.map(({ kind }) => kind)

const near = { region: "near" }
/** A near hit, a load that was taken over, and one whose value was refused. */
const met = by("m", get(null, 1, 2, { ...near, key: "other", isNear: true }), [
  { at: 3, what: "tookOver", key: "other" },
  { at: 4, what: "refused", value: "other" }
])
const sound = [
  by("a", set("1", 10, 12), set("2", 30, 32)),
  by("b", get("1", 13, 14), get("1", 29, 33), get("2", 31, 34), get("2", 33, 34)),
  met
]

describe("the checker of a cache's histories", () => {
  test("passes what is read while it is being overwritten, whichever it is", () => {
    const { anomalies, seen, verdict } = check(sound, options)
    assert.deepEqual([verdict, anomalies], ["ok", []])
    assert.deepEqual(seen, { reads: 5, writes: 2, loads: 0, bare: 0, near: 1, tookOver: 1, refused: 1 })
  })

  test("unknown: no near hit, no load taken over, or none refused", () => {
    for (const missing of ["returned", "tookOver", "refused"]) {
      const less = met.filter(({ what }) => what !== missing)
      assert.strictEqual(check([...sound.slice(0, 2), less], options).verdict, "unknown", missing)
    }
    const fault = by("n", [{ at: 1, what: "met", fault: "killed" }])
    assert.strictEqual(check([...sound.slice(0, 2), fault], options).verdict, "unknown")
    assert.strictEqual(check([...sound.slice(0, 2), fault], { ...options, met: "killed" }).verdict, "ok")
    // Nothing was read, or nothing was written.
    assert.strictEqual(check([sound[0]!, fault], { met: "killed" }).verdict, "unknown")
    assert.strictEqual(check([met], options).verdict, "unknown")
  })

  test("from nowhere: nobody wrote it, nobody had begun to, or it is another key's", () => {
    assert.deepEqual(kinds(...sound, by("c", get("3", 40, 41))), ["from nowhere"])
    assert.deepEqual(kinds(by("a", set("1", 10, 12)), by("b", get("1", 8, 9))), ["from nowhere"])
    assert.deepEqual(kinds(by("a", set("1", 10, 12, { key: "l" })), by("b", get("1", 13, 14))), ["from nowhere"])
    assert.deepEqual(kinds(by("a", set("1", 10, 12, near)), by("b", get("1", 13, 14))), ["from nowhere"])
  })

  test("C1 overwritten, yet read: the other was written before the reading began", () => {
    assert.deepEqual(kinds(...sound, by("c", get("1", 32.1, 40))), ["overwritten, yet read"])
    // Which of two at the same time was the last nobody knows.
    const both = [by("a", set("1", 10, 20)), by("b", set("2", 15, 25))]
    assert.deepEqual(kinds(...both, by("c", get("1", 26, 27), get("2", 26, 27))), [])
    // What was loaded since counts as well.
    const loaded = by("b", load("l", 40, 45, "stored"))
    assert.deepEqual(kinds(...sound, loaded, by("c", get("2", 47, 48))), ["overwritten, yet read"])
  })

  test("C1 removed, yet read", () => {
    const removed = by("a", set("1", 10, 12), call("remove", 13, 15))
    assert.deepEqual(kinds(removed, by("b", get("1", 14, 20), get(null, 14, 20))), [])
    assert.deepEqual(kinds(removed, by("b", get("1", 16, 20))), ["removed, yet read"])
  })

  test("C1 lost: nothing is there, and nobody took it away", () => {
    assert.deepEqual(kinds(...sound, by("c", get(null, 33, 34))), ["lost"])
    assert.deepEqual(kinds(...sound, by("c", get(null, 11, 13))), [])
    assert.deepEqual(kinds(by("a", load("l", 1, 2, "stored")), by("c", get(null, 4, 5))), ["lost"])
    assert.deepEqual(check([...sound, by("c", get(null, 33, 34))], { ...options, forgets: true }).anomalies, [])
    // A removal that nobody knows of may be the reason, one that was not applied is none.
    const gone = (how: "Unknown" | "NotApplied") => by("d", call("remove", 20, 25, { how }))
    assert.deepEqual(kinds(...sound, gone("Unknown"), by("c", get(null, 33, 34))), [])
    assert.deepEqual(kinds(...sound, gone("NotApplied"), by("c", get(null, 33, 34))), ["lost"])
    // Nor is another tag that was taken away.
    const tagged = by("a", set("1", 10, 12, { tags: ["t"] }))
    const taken = (tag: string) => by("d", call("invalidateTags", 13, 14, { tags: [tag] }))
    assert.deepEqual(kinds(tagged, taken("t"), by("c", get(null, 15, 16))), [])
    assert.deepEqual(kinds(tagged, taken("u"), by("c", get(null, 15, 16))), ["lost"])
  })

  test("A2 what nobody knows of happens not any more once a later call of its process was answered", () => {
    const unknown = set("2", 13, 14, { how: "Unknown" })
    const later = [by("a", set("1", 10, 12), unknown), by("b", set("3", 20, 22)), by("c", get("2", 30, 31))]
    assert.deepEqual(kinds(...later), [])
    const settled = by("a", set("1", 10, 12), unknown, set("other", 15, 16, { key: "l" }))
    assert.deepEqual(kinds(settled, ...later.slice(1)), ["overwritten, yet read"])
    // A process that was killed in the middle says nothing either.
    assert.deepEqual(
      kinds(
        set("2", 13, 14)
          .slice(0, 1)
          .map((one) => ({ who: "a", ...one })),
        ...later.slice(1)
      ),
      []
    )
  })

  test("A2 never stored, yet read: it was said not to be applied", () => {
    const refused = by("a", set("1", 10, 12, { how: "NotApplied" }))
    assert.deepEqual(kinds(refused, by("b", get("1", 11, 13))), ["never stored, yet read"])
  })

  test("C5 put back: removed, overwritten, tagged away or cleared while it was loaded", () => {
    for (const [deed, name] of [
      [call("remove", 12, 14), "removed, yet read"],
      [set("2", 12, 14), "overwritten, yet read"],
      [call("invalidateTags", 12, 14, { tags: ["t"] }), "tagged away, yet read"],
      [call("clear", 12, 14), "cleared, yet read"]
    ] as const) {
      const during = (...read: ReadonlyArray<Told>) =>
        kinds(by("a", load("l", 10, 20, undefined, { tags: ["t"] })), by("b", deed), by("c", read))
      assert.deepEqual(during(...get("l", 21, 22)), ["put back"])
      // Nor is it an answer to who came after that; it is to who came before.
      assert.deepEqual(during(...getOrSet("l", 15, 22)), ["put back"])
      assert.deepEqual(during(...getOrSet("l", 13, 22)), [])
      // Once it was there the same is another promise's.
      const after = by("a", load("l", 2, 3, "stored", { tags: ["t"] }))
      assert.deepEqual(kinds(after, by("b", deed), by("c", get("l", 15, 16))), [name])
    }
    const other = by("b", call("invalidateTags", 12, 14, { tags: ["u"] }))
    assert.deepEqual(kinds(by("a", load("l", 10, 20, "stored")), other, by("c", get("l", 22, 23))), [])
  })

  test("C5 never stored, yet read: the backend refused it, and somebody came later", () => {
    const refused = by("a", load("l", 10, 20, "refused"))
    assert.deepEqual(kinds(refused, by("a", getOrSet("l", 15, 22)), by("b", getOrSet("l", 22, 23))), [
      "never stored, yet read"
    ])
  })

  test("C11 never stored, yet read: it was loaded without the backend", () => {
    const bare = load("l", 10, 20, undefined, { isBare: true })
    // Its own process' calls are answered by it, though it was removed meanwhile.
    assert.deepEqual(kinds(by("a", bare, call("remove", 11, 12), getOrSet("l", 15, 20))), [])
    assert.deepEqual(kinds(by("a", bare, getOrSet("l", 21, 22))), ["never stored, yet read"])
    assert.deepEqual(kinds(by("a", bare), by("b", getOrSet("l", 15, 20))), ["never stored, yet read"])
    assert.deepEqual(kinds(by("a", bare, get("l", 15, 21))), ["never stored, yet read"])
  })

  test("C9 tagged away or cleared, yet read; not what carries other tags, nor what is another region's", () => {
    const tagged = by("a", set("1", 10, 12, { tags: ["t"] }))
    const read = by("b", get("1", 16, 17))
    const taken = (tag: string, more: More = {}) => by("d", call("invalidateTags", 13, 15, { tags: [tag], ...more }))
    assert.deepEqual(kinds(tagged, taken("t"), read), ["tagged away, yet read"])
    assert.deepEqual(kinds(tagged, taken("u"), read), [])
    assert.deepEqual(kinds(tagged, taken("t", near), read), [])
    assert.deepEqual(kinds(tagged, by("d", call("clear", 13, 15)), read), ["cleared, yet read"])
    assert.deepEqual(kinds(tagged, by("d", call("clear", 13, 15)), by("b", get("1", 14, 17))), [])
  })

  test("C10 kept too long: 100 ms after it was over; at once where the process itself did it", () => {
    const wrote = by("a", set("1", 10, 12, near), set("2", 30, 32, near))
    assert.deepEqual(kinds(wrote, by("b", get("1", 131, 132, near))), [])
    assert.deepEqual(kinds(wrote, by("b", get("1", 133, 134, near))), ["kept too long"])
    assert.deepEqual(kinds(wrote, by("a", get("1", 33, 34, near))), ["kept too long"])
    const cleared = by("d", call("clear", 30, 32, near))
    assert.deepEqual(kinds(by("a", set("1", 10, 12, near)), cleared, by("b", get("1", 133, 134, near))), [
      "kept too long"
    ])
    // What was never there is not kept either.
    assert.deepEqual(
      kinds(
        by("a", load("l", 10, 20, undefined, near)),
        by("d", set("2", 12, 14, near)),
        by("b", get("l", 21, 22, near))
      ),
      ["put back"]
    )
  })

  test("C10 kept too long: 2 s where nothing was pushed, and no longer than the process did something", () => {
    const wrote = by("a", set("1", 10, 12, near), set("2", 30, 32, near))
    const deaf: ReadonlyArray<Told> = [
      { at: 20, what: "deaf" },
      { at: 5_000, what: "hears" }
    ]
    assert.deepEqual(kinds(wrote, by("b", deaf, get("1", 2_031, 2_032, near))), [])
    assert.deepEqual(kinds(wrote, by("b", deaf, get("1", 2_033, 2_034, near))), ["kept too long"])
    const stood: ReadonlyArray<Told> = [{ at: 400, what: "stood", from: 50 }]
    assert.deepEqual(kinds(wrote, by("b", stood, get("1", 390, 401, near))), [])
    assert.deepEqual(kinds(wrote, by("b", stood, get("1", 483, 484, near))), ["kept too long"])
  })

  test("D2 what a server took with it when it was killed may be undone, for whoever reads later, and of its keys alone", () => {
    const wrote = by("a", set("1", 10, 12), set("2", 30, 32))
    const killed = (keys: ReadonlyArray<string>, from = 20) =>
      by("m", [{ at: 40, what: "rewound", from, keys, locks: [] }])
    const reads = by("b", get("1", 50, 51))
    assert.deepEqual(kinds(wrote, killed(["plain/k"]), reads), [])
    assert.deepEqual(kinds(wrote, killed(["plain/other"]), reads), ["overwritten, yet read"])
    // It was over before, or its answer was there before the kill.
    assert.deepEqual(kinds(wrote, killed(["plain/k"], 33), reads), ["overwritten, yet read"])
    assert.deepEqual(kinds(wrote, killed(["plain/k"]), by("b", get("1", 35, 39))), ["overwritten, yet read"])
    // What was written since counts as ever, and what was there before is not lost.
    const again = by("c", set("3", 45, 47))
    assert.deepEqual(kinds(wrote, killed(["plain/k"]), again, reads), ["overwritten, yet read"])
    assert.deepEqual(kinds(wrote, killed(["plain/k"]), by("b", get(null, 50, 51))), ["lost"])
    assert.deepEqual(kinds(by("a", set("2", 30, 32)), killed(["plain/k"]), by("b", get(null, 50, 51))), [])
  })

  test("A2 on a cluster only a later call for the same key settles what nobody knows of", () => {
    const history = (key: string) => [
      by("a", set("1", 10, 12), set("2", 13, 14, { how: "Unknown" }), set("other", 15, 16, { key })),
      by("b", set("3", 20, 22)),
      by("c", get("2", 30, 31))
    ]
    const onCluster = (key: string) => check(history(key), { isCluster: true }).anomalies.map(({ kind }) => kind)
    assert.deepEqual(onCluster("l"), [])
    assert.deepEqual(onCluster("k"), ["overwritten, yet read"])
  })
})

describe("the checker of locks", () => {
  const body = (fence: number, from: number, to: number | undefined, lock = "l"): ReadonlyArray<Told> => [
    { at: from, what: "held", lock, fence: `${fence}` },
    ...(to === undefined ? [] : [{ at: to, what: "freed", lock, fence: `${fence}` } as const])
  ]
  const found = (...histories: ReadonlyArray<ReadonlyArray<Event>>) =>
    LockChecker.check(histories).anomalies.map((text) => text.slice(0, text.indexOf(" ")))

  test("passes bodies one after the other, and those of other locks beside them", () => {
    const report = LockChecker.check([
      by("a", body(1, 10, 12), body(4, 20, 22)),
      by("b", body(2, 13, 15), body(3, 10, 30, "m"))
    ])
    assert.deepEqual(report, { anomalies: [], held: 4 })
  })

  test("C12 one began while another's had not ended, the last one's or an earlier one's", () => {
    assert.deepEqual(found(by("a", body(1, 10, 12)), by("b", body(2, 11, 15))), ["C12"])
    assert.deepEqual(found(by("a", body(1, 10, undefined)), by("b", body(2, 11, 15))), ["C12"])
    assert.deepEqual(found(by("a", body(1, 10, 40)), by("b", body(2, 11, 15)), by("c", body(3, 20, 21))), [
      "C12",
      "C12"
    ])
  })

  test("D5 a fence that is not higher", () => {
    assert.deepEqual(found(by("a", body(2, 10, 12)), by("b", body(2, 13, 15))), ["D5"])
    assert.deepEqual(found(by("a", body(2, 10, 12)), by("b", body(1, 13, 15))), ["D5"])
  })

  test("D2 one that was held when its server was killed may be given to another, with a higher fence", () => {
    const killed = (locks: ReadonlyArray<string>) => by("m", [{ at: 20, what: "rewound", from: 5, keys: [], locks }])
    assert.deepEqual(found(by("a", body(1, 10, 40)), by("b", body(2, 30, 35)), killed(["l"])), [])
    assert.deepEqual(found(by("a", body(1, 10, 40)), by("b", body(2, 30, 35)), killed(["m"])), ["C12"])
    assert.deepEqual(found(by("a", body(1, 21, 40)), by("b", body(2, 30, 35)), killed(["l"])), ["C12"])
    assert.deepEqual(found(by("a", body(2, 10, 40)), by("b", body(1, 30, 35)), killed(["l"])), ["D5"])
  })
})
