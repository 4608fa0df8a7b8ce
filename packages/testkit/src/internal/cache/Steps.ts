/** What a Cache's store does to a region in one step. Times in ms; of plain data. */
import {
  type Acquired,
  type Committed,
  type Entry,
  type Found,
  type Load,
  type Missing,
  type Page,
  pageSize
} from "@troupe/core/CacheStore"
import * as Region from "./Region.ts"

export const read = (
  turn: Region.Turn,
  keys: ReadonlyArray<string>,
  slide: "Always" | "Late"
): ReadonlyArray<Found | Missing> =>
  keys.map((key) => {
    const value = Region.liveOf(turn, key)
    return value === undefined ? Region.whyNot(turn, key) : readOf(turn, value, slide)
  })

export const look = (turn: Region.Turn, key: string): number | undefined => {
  const value = Region.liveOf(turn, key)
  return value === undefined ? undefined : value.expiresAt - turn.now
}

export const write = (
  turn: Region.Turn,
  entries: ReadonlyArray<Entry>,
  when: "Always" | "Absent"
): ReadonlyArray<boolean> =>
  entries.map((entry) => {
    if (when === "Absent" && Region.liveOf(turn, entry.key) !== undefined) return false
    Region.put(turn, entry)
    return true
  })

export const swap = (
  turn: Region.Turn,
  key: string,
  version: string | undefined,
  entry: Entry | undefined
): boolean => {
  const value = Region.liveOf(turn, key)
  if ((value === undefined ? undefined : `${value.version}`) !== version) return false
  if (entry === undefined) Region.take(turn, key)
  else Region.put(turn, entry)
  return true
}

export const remove = (turn: Region.Turn, keys: ReadonlyArray<string>): ReadonlyArray<boolean> =>
  keys.map((key) => Region.take(turn, key) !== undefined)

export const take = (turn: Region.Turn, key: string, version: string | undefined): Found | undefined => {
  if (version !== undefined && `${Region.liveOf(turn, key)?.version ?? ""}` !== version) return undefined
  const value = Region.take(turn, key)
  return value === undefined ? undefined : foundOf(turn, value)
}

export const touch = (turn: Region.Turn, key: string, timeToLiveMs: number): boolean => {
  if (timeToLiveMs <= 0) return Region.take(turn, key) !== undefined
  const value = Region.liveOf(turn, key)
  if (value === undefined) return false
  if (value.slideMs > 0) value.slideMs = timeToLiveMs
  Region.live(turn, value, timeToLiveMs)
  return true
}

export const acquire = (
  turn: Region.Turn,
  keys: ReadonlyArray<string>,
  load: Load,
  unfit?: ReadonlyMap<string, string>
): ReadonlyArray<Acquired> =>
  keys.map((key): Acquired => {
    const value = Region.keptOf(turn, key)
    const isLive = value !== undefined && value.expiresAt > turn.now
    if (isLive && `${value.version}` !== unfit?.get(key)) return { _tag: "Found", found: readOf(turn, value, "Always") }
    const stale = isLive ? undefined : value && foundOf(turn, value)
    const lease = Region.leaseOf(turn, key)
    if (lease === undefined) {
      // Taking away what is old takes the right to replace it, too.
      const tags = new Set([...load.tags, ...(value?.tags ?? []).map(([tag]) => tag)])
      Region.lend(turn, key, load.token, load.leaseMs, [...tags])
    } else if (lease.token === load.token) Region.prolong(turn, lease, load.leaseMs)
    else {
      lease.isAwaited = true
      return { _tag: "Busy", leftMs: lease.until - turn.now, stale }
    }
    return { _tag: "Won", stale }
  })

export const renew = (turn: Region.Turn, keys: ReadonlyArray<string>, load: Load): ReadonlyArray<boolean> =>
  keys.map((key) => {
    const lease = heldOf(turn, key, load)
    if (lease === undefined) return false
    Region.prolong(turn, lease, load.leaseMs)
    return true
  })

export const commit = (turn: Region.Turn, entries: ReadonlyArray<Entry>, load: Load): ReadonlyArray<Committed> =>
  entries.map((entry) => {
    if (heldOf(turn, entry.key, load) === undefined) return "Refused"
    Region.put(turn, entry)
    return "Stored"
  })

export const release = (turn: Region.Turn, keys: ReadonlyArray<string>, load: Load): void => {
  for (const key of keys) if (heldOf(turn, key, load) !== undefined) Region.end(turn, key)
}

/** The next of what stands behind the cursor; what cannot be read any more is no part of it. */
export const page = (turn: Region.Turn, cursor: string): Page => {
  const { cursor: next, values } = after(turn, cursor)
  return { cursor: next, keys: values.map(({ key }) => key).filter((key) => Region.liveOf(turn, key) !== undefined) }
}

export const sweep = (turn: Region.Turn, cursor: string): string => {
  const { cursor: next, values } = after(turn, cursor)
  for (const value of values) if (Region.keptOf(turn, value.key) === undefined) Region.drop(turn.region, value)
  return next
}

// -- internals ----------------------------------------------------------------------------------------------------

const foundOf = ({ now }: Region.Turn, value: Region.Value): Found => ({
  body: value.body,
  version: `${value.version}`,
  leftMs: value.expiresAt - now,
  slideMs: value.slideMs,
  tags: value.tags.map(([tag]) => tag)
})

const readOf = (turn: Region.Turn, value: Region.Value, slide: "Always" | "Late"): Found => {
  Region.slide(turn, value, slide)
  return foundOf(turn, value)
}

/** The lease, if it is this load's. One that cannot store any more ends here: who waits for it has waited long enough. */
const heldOf = (turn: Region.Turn, key: string, load: Load): Region.Lease | undefined => {
  if (turn.region.leases.get(key)?.token !== load.token) return undefined
  const lease = Region.leaseOf(turn, key)
  if (lease === undefined) Region.end(turn, key)
  return lease
}

/** A map keeps its order, which is that of the numbers: what is behind a number stays behind it. */
const after = (
  { region }: Region.Turn,
  cursor: string
): { readonly values: ReadonlyArray<Region.Value>; readonly cursor: string } => {
  const from = cursor === "" ? 0 : Number(cursor)
  const values: Array<Region.Value> = []
  for (const value of region.values.values()) {
    if (value.number <= from) continue
    values.push(value)
    if (values.length === pageSize) return { values, cursor: `${value.number}` }
  }
  return { values, cursor: "" }
}
