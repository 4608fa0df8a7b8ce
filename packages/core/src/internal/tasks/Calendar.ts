/** The slots of a schedule: the same ones on every peer, whatever zone and whatever time it thinks it is in. */
import * as Cron from "effect/Cron"
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { Slots } from "../../TaskQueue.ts"
import type { Rules } from "./Limits.ts"

export interface Calendar {
  /** Equal where the slots are. */
  readonly text: string
  /** The first one after that time, ms since 1970; undefined: none will come. */
  readonly next: (after: number) => number | undefined
}

/** What is wrong is told to `rules`. */
export const make = (slots: Slots, rules: Rules, now: number): Calendar => {
  const { cron, every } = slots
  rules.check((cron === undefined) !== (every === undefined), "cron", "or every must be given, and not both")
  if (every !== undefined) return interval(rules.duration("every", every))
  const zoned = zonedOf(cron)
  rules.check(zoned !== undefined, "cron", "must be a Cron, or the text of one")
  if (zoned === undefined) return none
  const calendar = cronned(zoned)
  rules.check(calendar.next(now) !== undefined, "cron", "must name a time that comes")
  return calendar
}

/** The last slot after `after` and up to `until`: found by halving, with nothing but what `next` says. */
export const last = ({ next }: Calendar, after: number, until: number): number | undefined => {
  let found = next(after)
  if (found === undefined || found > until) return undefined
  for (let beyond = until; beyond - found > 1;) {
    const middle = Math.floor((found + beyond) / 2)
    const slot = next(middle)
    if (slot !== undefined && slot <= until) found = slot
    else beyond = middle
  }
  return found
}

const none: Calendar = { text: "", next: () => undefined }

const interval = (everyMs: number): Calendar => ({
  text: `every ${everyMs}`,
  next: (after) => (Math.floor(after / everyMs) + 1) * everyMs
})

/** Where it names no zone its own is this process's, and that must not decide. */
const zonedOf = (cron: unknown): Cron.Cron | undefined => {
  if (typeof cron === "string") return Option.getOrUndefined(Result.getSuccess(Cron.parse(cron, "UTC")))
  if (!Cron.isCron(cron)) return undefined
  return Option.isSome(cron.tz) ? cron : Cron.make({ ...cron, tz: utc })
}

const utc = DateTime.zoneMakeNamedUnsafe("UTC")

const cronned = (cron: Cron.Cron): Calendar => ({
  text: `cron ${JSON.stringify(cron)}`,
  next: (after) => {
    try {
      return Cron.next(cron, after).getTime()
    } catch {
      // Some, as the 30th of February, never come.
      return undefined
    }
  }
})
