/** Slots are the same wherever their process is, and the last of those that were missed is one of them. */
import { afterEach, describe, expect, it } from "@effect/vitest"
import * as Cron from "effect/Cron"
import type { Slots } from "../src/TaskQueue.ts"
import * as Calendar from "../src/internal/tasks/Calendar.ts"
import { Rules } from "../src/internal/tasks/Limits.ts"

const hour = 3_600_000
const begin = Date.UTC(2030, 0, 1)
const calendar = (slots: Slots): Calendar.Calendar => Calendar.make(slots, new Rules("schedule"), begin)

/** All slots of a span, one after the other. */
const slotsOf = ({ next }: Calendar.Calendar, after: number, until: number): ReadonlyArray<number> => {
  const slots: Array<number> = []
  for (let slot = next(after); slot !== undefined && slot <= until; slot = next(slot)) slots.push(slot)
  return slots
}

describe("a calendar", () => {
  const zone = process.env["TZ"]
  afterEach(() => {
    if (zone === undefined) delete process.env["TZ"]
    else process.env["TZ"] = zone
  })

  it("is read in UTC in whatever zone its process is", () => {
    process.env["TZ"] = "America/New_York"
    expect(Cron.next(Cron.parseUnsafe("0 6 * * *"), begin).getTime()).toBe(Date.UTC(2030, 0, 1, 11))
    for (const cron of ["0 6 * * *", Cron.parseUnsafe("0 6 * * *")]) {
      expect(calendar({ cron }).next(begin)).toBe(Date.UTC(2030, 0, 1, 6))
    }
  })

  it("finds the last slot of any span, also where a zone's clock jumps", () => {
    for (const text of ["*/20 * * * *", "30 2 * * *", "0 0 1 * *", "15 10 2,3 * * 0"]) {
      for (const onDstOverlap of ["earlier", "later", "both"] as const) {
        const one = calendar({ cron: Cron.parseUnsafe(text, "Europe/Berlin", { onDstOverlap }) })
        for (const from of [Date.UTC(2030, 2, 30, 22), Date.UTC(2030, 9, 26, 22)]) {
          const slots = slotsOf(one, from, from + 30 * hour)
          for (let until = from; until <= from + 30 * hour; until += 2.3 * hour) {
            expect(Calendar.last(one, from, until)).toBe(slots.findLast((slot) => slot <= until))
          }
        }
      }
    }
  })

  it("knows where nothing is missed, and where the last slot is now", () => {
    const one = calendar({ every: "10 seconds" })
    expect(Calendar.last(one, begin, begin)).toBe(undefined)
    expect(Calendar.last(one, begin, begin + 9_999)).toBe(undefined)
    expect(Calendar.last(one, begin, begin + 10_000)).toBe(begin + 10_000)
    expect(Calendar.last(one, begin + 5_000, begin + 10_001)).toBe(begin + 10_000)
    expect(Calendar.last(one, begin, begin + 3_600_000_000)).toBe(begin + 3_600_000_000)
  })

  it("has one text for one set of slots", () => {
    const texts = [
      calendar({ cron: "0 6 */2 * 1" }),
      calendar({ cron: "0 6 1-31/2 * 1" }),
      calendar({ cron: Cron.parseUnsafe("0 6 */2 * 1", "Europe/Berlin") }),
      calendar({ every: "1 minute" }),
      calendar({ every: "60 seconds" }),
      calendar({ cron: Cron.parseUnsafe("0 6 */2 * 1") })
    ].map(({ text }) => text)
    expect(new Set(texts).size).toBe(4)
    expect(texts[4]).toBe(texts[3])
    expect(texts[5]).toBe(texts[0])
  })
})
