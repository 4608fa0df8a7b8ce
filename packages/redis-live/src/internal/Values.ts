/** How values go to the scripts of lua/Cache and come back: flat arguments, values as they are kept, replies. */
import { BackendError } from "@troupe/core/BackendError"
import type { Acquired, Committed, Entry, Found, Missing, Locked } from "@troupe/core/CacheStore"
import * as Name from "@troupe/core/Name"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Script from "./Script.ts"
import * as scripts from "./scripts.ts"

/** ms; what the scripts take for having no end. */
const forever = Number.MAX_SAFE_INTEGER

/** Scripts reckon in whole numbers that a double holds. */
export const bounded = (ms: number): number => Math.min(Math.ceil(ms), forever)

const unbounded = (ms: unknown): number => (ms === -1 ? Number.POSITIVE_INFINITY : Number(ms))

/** Names with spaces between, of which an encoded one has none. */
export const tagsArg = (tags: ReadonlyArray<string>): string => tags.map(Name.encode).join(" ")

/** Versions by key, written as what carries tags writes their tokens. */
export const versionsArg = (versions: ReadonlyMap<string, string> | undefined): string =>
  versions === undefined ? "" : [...versions].map(([key, version]) => ` ${Name.encode(key)}=${version}`).join("")

/** An entry under its encoded key: as lua/Cache/parts/put.lua says. Fewer texts are fewer to weigh, to write and to take apart. */
export const entryArgs = ([key, entry]: readonly [key: string, entry: Entry]): ReadonlyArray<Script.Arg> => [
  key,
  `${bounded(entry.timeToLiveMs)} ${entry.isSliding ? 1 : 0} ${bounded(entry.staleForMs)} ${tagsArg(entry.tags)}`,
  entry.body
]

// -- replies ------------------------------------------------------------------------------------------------------

/** A reply of this format; anything else was left as it is. */
const known = (reply: unknown): ReadonlyArray<unknown> => {
  if (!Array.isArray(reply) || reply[0] !== "") throw new TypeError("the region's data is not of a format known here")
  return reply
}

const none: ReadonlyArray<string> = []
const noSlide = "0".repeat(16)

/** Of `<tag>=<token>` with spaces between. */
const tagsOf = (text: string): ReadonlyArray<string> =>
  text.split(" ").map((mark) => {
    const tag = mark.slice(0, mark.lastIndexOf("="))
    return Name.decode(tag) ?? tag
  })

/** A value as lua/Cache/parts/value.lua keeps it. */
const found = (value: unknown, now: number): Found | undefined => {
  if (typeof value !== "string") return undefined
  const expiresAt = Number(value.slice(1, 17))
  const end = value.charCodeAt(81) === 10 ? 81 : value.indexOf("\n", 81)
  const slide = value.slice(49, 65)
  return {
    body: value.slice(end + 1),
    version: value.slice(17, 33),
    leftMs: expiresAt === forever ? Number.POSITIVE_INFINITY : expiresAt - now,
    slideMs: slide === noSlide ? 0 : Number(slide),
    tags: end === 81 ? none : tagsOf(value.slice(82, end))
  }
}

const present = (value: Found | undefined): Found => {
  if (value === undefined) throw new TypeError("a value was found, and is not there")
  return value
}

/** As lua/Cache/read.lua numbers them. */
const missing: ReadonlyArray<Missing> = ["Absent", "Expired", "Cleared", "Tagged"]

const read = ([, now, values]: ReadonlyArray<unknown>): ReadonlyArray<Found | Missing> => {
  const at = Number(now)
  if (!Array.isArray(values)) return []
  return values.map((value) => found(value, at) ?? missing[Number(value)] ?? "Absent")
}

const acquired = ([, now, ...rest]: ReadonlyArray<unknown>): ReadonlyArray<Acquired> => {
  const at = Number(now)
  const all: Array<Acquired> = []
  for (let i = 0; i + 2 < rest.length; i += 3) {
    const value = found(rest[i + 2], at)
    if (rest[i] === "F") all.push({ _tag: "Found", found: present(value) })
    else if (rest[i] === "W") all.push({ _tag: "Won", stale: value })
    else all.push({ _tag: "Busy", leftMs: unbounded(rest[i + 1]), stale: value })
  }
  return all
}

const locked = ([, kind, fence, ms]: ReadonlyArray<unknown>): Locked =>
  kind === "H" ? { _tag: "Held", fence: Number(fence) } : { _tag: "Busy", fence: Number(fence), leftMs: Number(ms) }

const isOne = (value: unknown): boolean => value === 1
const ones = (reply: unknown): ReadonlyArray<boolean> => known(reply).slice(1).map(isOne)
const one = (reply: unknown): boolean => isOne(known(reply)[1])
const nothing = (reply: unknown): void => void known(reply)

/** Some keys of a server, and where to go on; the cursor "0" ends it. */
interface Scanned {
  readonly run: string
  readonly cursor: string
  readonly keys: ReadonlyArray<string>
}

const scanned = ([, run, cursor, keys]: ReadonlyArray<unknown>): Scanned => ({
  run: String(run),
  cursor: String(cursor),
  keys: Array.isArray(keys) ? keys.map(String) : []
})

export const scripted = {
  read: Script.answering(scripts.cacheRead, (reply) => read(known(reply))),
  /** Undefined for what is not there. */
  look: Script.answering(scripts.cacheLook, (reply) =>
    known(reply)
      .slice(1)
      .map((ms) => (ms === 0 ? undefined : unbounded(ms)))
  ),
  write: Script.answering(scripts.cacheWrite, ones),
  swap: Script.answering(scripts.cacheSwap, one),
  remove: Script.answering(scripts.cacheRemove, ones),
  take: Script.answering(scripts.cacheTake, (reply) => {
    const [, now, value] = known(reply)
    return found(value, Number(now))
  }),
  touch: Script.answering(scripts.cacheTouch, one),
  acquire: Script.answering(scripts.cacheAcquire, (reply) => acquired(known(reply))),
  renew: Script.answering(scripts.cacheRenew, ones),
  commit: Script.answering(scripts.cacheCommit, (reply) =>
    ones(reply).map((isStored): Committed => (isStored ? "Stored" : "Refused"))
  ),
  release: Script.answering(scripts.cacheRelease, nothing),
  invalidate: Script.answering(scripts.cacheInvalidate, nothing),
  clear: Script.answering(scripts.cacheClear, nothing),
  scan: Script.answering(scripts.cacheScan, (reply) => scanned(known(reply))),
  sweep: Script.answering(scripts.cacheSweep, nothing),
  lock: Script.answering(scripts.cacheLock, (reply) => locked(known(reply))),
  relock: Script.answering(scripts.cacheRelock, one),
  unlock: Script.answering(scripts.cacheUnlock, one)
}

// -- several parts ------------------------------------------------------------------------------------------------

/**
 * All at once, and no answer before each has its own: where one fails, what the others have done stays, and so nothing is
 * known of the whole, unless nothing was done by any.
 */
export const together = <A>(
  calls: ReadonlyArray<Effect.Effect<A, BackendError>>
): Effect.Effect<ReadonlyArray<A>, BackendError> => {
  const [only] = calls
  if (only !== undefined && calls.length === 1) return Effect.map(only, (answer) => [answer])
  return Effect.flatMap(Effect.forEach(calls, Effect.result, { concurrency: "unbounded" }), (results) => {
    const failures = results.filter(Result.isFailure).map(({ failure }) => failure)
    const [first] = failures
    if (first === undefined) return Effect.succeed(results.filter(Result.isSuccess).map(({ success }) => success))
    const { operation, reason, service } = first
    const isNothing = failures.length === results.length && failures.every(({ outcome }) => outcome === "NotApplied")
    return Effect.fail(new BackendError({ service, operation, reason, outcome: isNothing ? "NotApplied" : "Unknown" }))
  })
}
