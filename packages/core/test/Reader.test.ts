/** A reader of events by itself: what it makes of pushes, and where it ends. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Reader } from "../src/internal/tasks/Reader.ts"

/** Of a reader that has begun after push 10. */
const begun = (...pushes: ReadonlyArray<string>): Reader => {
  const reader = new Reader()
  reader.reach(10, undefined)
  for (const push of pushes) reader.ring(push)
  return reader
}
const taken = (reader: Reader) => Effect.map(reader.take, (events) => events.map(({ _tag, id }) => `${_tag} ${id}`))
const failure = (reader: Reader) =>
  Effect.map(Effect.flip(reader.take), ({ outcome, reason }) => [reason._tag, outcome])

it.effect("takes what came before it was told where it begins, as far as it is its own", () =>
  Effect.gen(function* () {
    const reader = new Reader()
    for (const number of [9, 10, 11, 12]) reader.ring(`${number} 5\nE ${number}.x`)
    reader.reach(10, undefined)
    expect(yield* taken(reader)).toEqual(["Enqueued 11.x", "Enqueued 12.x"])
    reader.ring("13 5\nB a%20b\nX c")
    expect(yield* taken(reader)).toEqual(["Recovered a b", "Cancelled c"])
    reader.confirm(13)
    expect(reader.hasEnded).toBe(false)
  })
)

it.effect("fails where a number is left out, came before, goes back or does not come", () =>
  Effect.gen(function* () {
    const missing = begun()
    missing.confirm(11)
    const back = begun()
    back.reach(9, 10)
    for (const reader of [begun("12 5\nE a"), begun("10 5\nE a"), missing, back]) {
      expect(yield* failure(reader)).toEqual(["ConnectionLost", "NotApplied"])
    }
  })
)

it.effect("gives what came in good order before it fails", () =>
  Effect.gen(function* () {
    const reader = begun("11 5\nE a", "12 5\nE b", "14 5\nE c", "13 5\nE d")
    expect(yield* taken(reader)).toEqual(["Enqueued a", "Enqueued b"])
    expect(yield* failure(reader)).toEqual(["ConnectionLost", "NotApplied"])
  })
)

it.effect("A10 fails with CorruptData where a push is not of a format known here", () =>
  Effect.gen(function* () {
    for (const push of ["", "11 5", "x 5\nE a", "11 5\nQ a", "11 5\nD a Bored", "11 5\nE %"]) {
      expect(yield* failure(begun(push))).toEqual(["CorruptData", "NotApplied"])
    }
    const reader = begun("11 5\nE a", "12 5\nE b\nQ c")
    expect(yield* taken(reader)).toEqual(["Enqueued a"])
    expect(yield* failure(reader)).toEqual(["CorruptData", "NotApplied"])
  })
)

it.effect("A5 fails where more than 16 MiB wait for it, and counts anew what it has taken", () =>
  Effect.gen(function* () {
    const long = `F a 1 ${"x".repeat(1_000_000)}`
    const reader = begun()
    let number = 10
    for (const count of [16, 16, 17]) {
      for (let i = 0; i < count; i++) reader.ring(`${(number += 1)} 5\n${long}`)
      expect((yield* taken(reader)).length).toBe(16)
    }
    expect(yield* failure(reader)).toEqual(["CapacityExceeded", "NotApplied"])
  })
)
