/** The checker of histories finds one planted anomaly of each kind, and calls a run without a fault by its name. */
import { assert, describe, test } from "vitest"
import { check, type Kind, type Options } from "./support/Checker.ts"
import type { Event, Seen } from "./support/History.ts"

/** A process' history, an event each ms. */
const history = (who: string, seen: ReadonlyArray<Seen>, from = 0): ReadonlyArray<Event> =>
  seen.map((one, i) => ({ at: from + i, who, ...one }))

const claimed = (task: string, fence: number): Seen => ({ what: "claimed", task, fence, attempts: 0 })
const began = (task: string, fence: number): Seen => ({ what: "began", task, fence, attempt: 1 })
const ended = (task: string, fence: number): Seen => ({ what: "ended", task, fence })
const settled = (task: string, fence: number, outcome: "Settled" | "Lost" = "Settled"): Seen => ({
  what: "settled",
  task,
  fence,
  how: "Done",
  outcome
})
const run = (task: string, fence: number): ReadonlyArray<Seen> => [
  claimed(task, fence),
  began(task, fence),
  ended(task, fence),
  settled(task, fence)
]
const enqueued = (...tasks: ReadonlyArray<string>) =>
  history(
    "in",
    tasks.map((task) => ({ what: "enqueued", task }))
  )
const cut: Seen = { what: "cut", call: "step" }

/** A run in which a lost its lease over one task, was refused, and b completed it. */
const sound = [
  enqueued("plain::1", "plain::2"),
  history("a", [claimed("plain::1", 1), began("plain::1", 1), ended("plain::1", 1), settled("plain::1", 1, "Lost")]),
  history("b", [...run("plain::2", 2), ...run("plain::1", 3)], 10)
]

const kinds = (histories: ReadonlyArray<ReadonlyArray<Event>>, options?: Options): ReadonlyArray<Kind> =>
  check(histories, options).anomalies.map(({ kind }) => kind)

describe("the checker of histories", () => {
  test("passes a run in which a settle was refused and the task completed elsewhere", () => {
    const report = check(sound)
    assert.deepEqual([report.verdict, report.repeated], ["ok", ["plain::1"]])
    assert.deepEqual(report.seen, { enqueued: 2, lapsed: 0, refused: 1, cut: 0 })
  })

  test("lost: acknowledged, and completed by nobody", () => {
    assert.deepEqual(kinds([...sound, enqueued("plain::3")]), ["lost"])
    // What was refused everywhere is lost too.
    assert.deepEqual(kinds([enqueued("plain::1"), sound[1]!]), ["lost"])
  })

  test("neither lost nor completed twice where the server forgot", () => {
    const all = [...sound, enqueued("plain::3"), ...[5, 6].map((fence) => history(`c${fence}`, run("plain::1", fence)))]
    assert.deepEqual(kinds(all, { forgets: true }), [])
    assert.deepEqual(new Set(kinds(all)), new Set(["lost", "completed twice", "wrong fence"]))
  })

  test("lost is not what a killed process had ended and could not say", () => {
    const a = history("a", [claimed("plain::3", 4), began("plain::3", 4), ended("plain::3", 4), { what: "halted" }])
    assert.deepEqual(kinds([...sound, enqueued("plain::3"), a]), [])
  })

  test("completed twice: two were told so", () => {
    assert.include(kinds([...sound, history("c", run("plain::1", 4))]), "completed twice")
  })

  test("wrong fence: given again after the end, given twice, lower than before, used by another", () => {
    assert.deepEqual(kinds([...sound, history("c", [claimed("plain::2", 9)])]), ["wrong fence"])
    assert.deepEqual(kinds([...sound, enqueued("plain::4"), history("c", run("plain::4", 2))]), ["wrong fence"])
    assert.deepEqual(
      kinds([...sound, enqueued("plain::4", "plain::5"), history("c", [...run("plain::4", 8), ...run("plain::5", 7)])]),
      ["wrong fence"]
    )
    assert.include(kinds([...sound, history("c", [began("plain::1", 3)])]), "wrong fence")
  })

  test("limit exceeded: at one instant, by runs of one key", () => {
    const placed = [
      enqueued("placed:k:1", "placed:k:2"),
      history("a", [cut, ...run("placed:k:1", 1)]),
      history("b", run("placed:k:2", 2), 1)
    ]
    assert.deepEqual(kinds(placed, { limits: { placed: { places: 1 } } }), ["limit exceeded"])
    assert.deepEqual(kinds(placed, { limits: { placed: { places: 2 } } }), [])
    const other = placed.map((events) =>
      events.map((event) => ("task" in event ? { ...event, task: event.task.replace("k:2", "l:2") } : event))
    )
    assert.deepEqual(kinds(other, { limits: { placed: { places: 1 } } }), [])
  })

  test("limit exceeded: not by what a process that was halted before had begun", () => {
    const a = history("a", [claimed("placed:k:1", 1), began("placed:k:1", 1), { what: "halted" }])
    const b = history("b", run("placed:k:1", 2), 10)
    assert.deepEqual(kinds([enqueued("placed:k:1"), a, b], { limits: { placed: { places: 1 } } }), [])
  })

  test("limit exceeded: more starts in a span than may be", () => {
    const limits = { rated: { starts: 1, windowMs: 100 } }
    const two = (ms: number) => [
      enqueued("rated::1", "rated::2"),
      history("a", [cut, ...run("rated::1", 1_000), ...run("rated::2", 1_000 + ms * 1_000)])
    ]
    assert.deepEqual(kinds(two(98), { limits }), ["limit exceeded"])
    assert.deepEqual(kinds(two(100), { limits }), [])
  })

  test("key left behind: any but those that may stay", () => {
    const left = history("end", [
      { what: "left", key: ":meta" },
      { what: "left", key: ":tasks" }
    ])
    assert.deepEqual(kinds([...sound, left], { mayStay: /^:meta$/ }), ["key left behind"])
  })

  test("not enqueued, yet run: its sender was told that nothing was", () => {
    assert.deepEqual(kinds([...sound, history("in", [{ what: "refused", task: "plain::2" }])]), [
      "not enqueued, yet run"
    ])
  })

  test("unknown: no lease lost, no settle refused, no answer cut", () => {
    const calm = [enqueued("plain::1"), history("b", run("plain::1", 1))]
    assert.strictEqual(check(calm).verdict, "unknown")
    for (const one of [cut, { what: "lapsed" } as const]) {
      assert.strictEqual(check([...calm, history("c", [one])]).verdict, "ok")
    }
    const met = history("c", [{ what: "met", fault: "forgotten" }])
    assert.strictEqual(check([...calm, met]).verdict, "unknown")
    assert.strictEqual(check([...calm, met], { met: "forgotten" }).verdict, "ok")
    // A run in which nothing was enqueued proves nothing either.
    assert.strictEqual(check([history("c", [cut])]).verdict, "unknown")
  })

  test("what a killed process had in flight is what may run twice", () => {
    const a = history("a", [...run("plain::1", 1), claimed("plain::2", 2), began("plain::2", 2), { what: "halted" }])
    const report = check([enqueued("plain::1", "plain::2"), a, history("b", run("plain::2", 3), 10)])
    assert.deepEqual([report.verdict, report.repeated], ["ok", ["plain::2"]])
    assert.deepEqual([...(report.inFlight.get("a") ?? [])], ["plain::2"])
  })
})
