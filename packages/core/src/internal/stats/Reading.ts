/** What the store's answers say to whoever asked. */
import * as DateTime from "effect/DateTime"
import type { Point } from "../../Stats.ts"
import { type Resolution, resolutions, type Series, type Sheet } from "../../StatsStore.ts"

/** Under which `byPeer` names what no live peer stands for. */
const gone = "(gone)"

export const totals = ({ peers, totals }: Sheet): ReadonlyMap<string, number> => {
  const all = new Map(totals)
  for (const { gauges } of peers) addAll(all, gauges)
  return all
}

export const byPeer = ({ peers, totals }: Sheet): ReadonlyMap<string, ReadonlyMap<string, number>> => {
  const all = new Map<string, Map<string, number>>()
  const rest = new Map(totals)
  for (const { gauges, name, sums } of peers) {
    if (sums.size + gauges.size === 0) continue
    const own = all.get(name) ?? new Map<string, number>()
    all.set(name, own)
    addAll(own, sums)
    addAll(own, gauges)
    for (const [key, sum] of sums) add(rest, key, -sum)
  }
  for (const [key, sum] of rest) if (sum === 0) rest.delete(key)
  if (rest.size === 0) return all
  const before = all.get(gone)
  if (before === undefined) all.set(gone, rest)
  else addAll(before, rest)
  return all
}

export const points = ({ lastBucket, values }: Series, resolution: Resolution): ReadonlyArray<Point> => {
  const { spanMs } = resolutions[resolution]
  const first = lastBucket - values.length + 1
  return values.map((value, i) => ({ at: DateTime.makeUnsafe((first + i) * spanMs), value }))
}

// -- internals ----------------------------------------------------------------------------------------------------

const add = (into: Map<string, number>, name: string, by: number): void => {
  into.set(name, (into.get(name) ?? 0) + by)
}

const addAll = (into: Map<string, number>, sums: ReadonlyMap<string, number>): void => {
  for (const [name, sum] of sums) add(into, name, sum)
}
