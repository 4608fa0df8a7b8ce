/**
 * A region of a Cache in memory, as plain data: values, leases of loads, and the tokens of the generation and the tags.
 *
 * What is over is not there, whether or not it was collected; each writing collects a few, so that what nobody asks for
 * any more does not stay for ever, and no timer is needed.
 */
import * as Ordered from "../desk/Ordered.ts"

/** A tag, and the token it had. */
export type Mark = readonly [tag: string, token: number]

export interface Value {
  readonly kind: "Value"
  /** Where it stands among all: a key that stays keeps it. */
  readonly number: number
  readonly key: string
  body: string
  expiresAt: number
  /** Until then it is there for a load. */
  until: number
  staleForMs: number
  /** Zero: it is not sliding. */
  slideMs: number
  version: number
  generation: number
  tags: ReadonlyArray<Mark>
}

export interface Lease {
  readonly kind: "Lease"
  readonly number: number
  readonly key: string
  readonly token: string
  until: number
  /** Somebody else has asked meanwhile, and hears of its end. */
  isAwaited: boolean
  readonly generation: number
  readonly tags: ReadonlyArray<Mark>
}

interface Tag {
  readonly kind: "Tag"
  readonly number: number
  readonly key: string
  readonly token: number
  until: number
}

export interface Region {
  lastToken: number
  lastNumber: number
  /** Zero: none, and whoever writes next makes one. */
  generation: number
  readonly values: Map<string, Value>
  readonly leases: Map<string, Lease>
  readonly tags: Map<string, Tag>
  /** What ends, by its number and in the order of its end. */
  readonly ending: Map<number, Value | Lease | Tag>
  readonly order: Ordered.Ordered
}

export const make = (): Region => ({
  lastToken: 0,
  lastNumber: 0,
  generation: 0,
  values: new Map(),
  leases: new Map(),
  tags: new Map(),
  ending: new Map(),
  order: Ordered.make()
})

/** One step over a region. `ended`: keys whose lease is over while others waited for it. */
export interface Turn {
  readonly region: Region
  readonly now: number
  readonly ended: Array<string>
  /** What whoever keeps values must know: `v` and a key, `t` and a tag, or `c`: all of it. */
  readonly changed: Array<string>
}

/** Collected by each writing. */
const maxCollected = 4
/** A tag's token outlives what carries it by that much. */
const tagGraceMs = 86_400_000

// -- tokens -------------------------------------------------------------------------------------------------------

const freshToken = ({ now, region }: Turn): number =>
  (region.lastToken = Math.max(region.lastToken + 1, Math.floor(now) * 1_000))

/** The generation that something is written in. */
export const generationOf = (turn: Turn): number => {
  const { region } = turn
  if (region.generation === 0) region.generation = freshToken(turn)
  return region.generation
}

/** The tokens of these tags, for something that lives until then. */
export const marksOf = (turn: Turn, tags: ReadonlyArray<string>, until: number): ReadonlyArray<Mark> =>
  tags.map((key) => {
    const { region } = turn
    const known = tagOf(turn, key)
    const tag: Tag = known ?? { kind: "Tag", number: next(region), key, token: freshToken(turn), until: 0 }
    region.tags.set(key, tag)
    move(region, tag, Math.max(tag.until, until + tagGraceMs))
    return [key, tag.token]
  })

const tagOf = ({ now, region }: Turn, key: string): Tag | undefined => {
  const tag = region.tags.get(key)
  return tag === undefined || tag.until <= now ? undefined : tag
}

/** It still has the tokens it was written with. */
export const isValid = (
  turn: Turn,
  { generation, tags }: { readonly generation: number; readonly tags: ReadonlyArray<Mark> }
): boolean => generation === turn.region.generation && tags.every(([tag, token]) => tagOf(turn, tag)?.token === token)

export const invalidate = ({ changed, region }: Turn, tags: ReadonlyArray<string>): void => {
  for (const key of tags) {
    const tag = region.tags.get(key)
    if (tag === undefined) continue
    drop(region, tag)
    changed.push(`t${key}`)
  }
}

export const clear = ({ changed, region }: Turn): void => {
  region.generation = 0
  changed.push("c")
}

// -- values -------------------------------------------------------------------------------------------------------

/** What is there for a load: stale or not. */
export const keptOf = (turn: Turn, key: string): Value | undefined => {
  const value = turn.region.values.get(key)
  return value === undefined || value.until <= turn.now || !isValid(turn, value) ? undefined : value
}

/** What is there. */
export const liveOf = (turn: Turn, key: string): Value | undefined => {
  const value = keptOf(turn, key)
  return value === undefined || value.expiresAt <= turn.now ? undefined : value
}

/** Why it is not. */
export const whyNot = (turn: Turn, key: string): "Absent" | "Expired" | "Cleared" | "Tagged" => {
  const value = turn.region.values.get(key)
  if (value === undefined || value.until <= turn.now) return "Absent"
  if (value.generation !== turn.region.generation) return "Cleared"
  return isValid(turn, value) ? "Expired" : "Tagged"
}

/** It lives so long from now, and as long again after each reading where it is sliding. */
export const live = ({ changed, now, region }: Turn, value: Value, timeToLiveMs: number): void => {
  value.expiresAt = now + timeToLiveMs
  changed.push(`v${value.key}`)
  move(region, value, value.expiresAt + value.staleForMs)
}

/** As `live`, for what is sliding: always, or where half of its time is over. */
export const slide = (turn: Turn, value: Value, when: "Always" | "Late"): void => {
  const { expiresAt, slideMs } = value
  const leftMs = expiresAt - turn.now
  if (slideMs > 0 && leftMs < (when === "Late" ? slideMs / 2 : slideMs)) live(turn, value, slideMs)
}

export interface Writing {
  readonly key: string
  readonly body: string
  readonly timeToLiveMs: number
  readonly isSliding: boolean
  readonly staleForMs: number
  readonly tags: ReadonlyArray<string>
}

/** Writes it, or removes what was there where it is to live for no time; a load that is under way may store no more. */
export const put = (turn: Turn, entry: Writing): void => {
  const { now, region } = turn
  collect(turn)
  end(turn, entry.key)
  const { body, isSliding, key, staleForMs, timeToLiveMs } = entry
  const before = region.values.get(key)
  if (timeToLiveMs <= 0) {
    if (before !== undefined) forget(turn, before)
    return
  }
  // What was gone has left its place.
  if (before !== undefined && keptOf(turn, key) === undefined) drop(region, before)
  const kept = region.values.get(key)
  const value: Value = {
    kind: "Value",
    number: kept?.number ?? next(region),
    key,
    body,
    expiresAt: 0,
    until: 0,
    staleForMs,
    slideMs: isSliding ? timeToLiveMs : 0,
    version: freshToken(turn),
    generation: generationOf(turn),
    tags: marksOf(turn, entry.tags, now + timeToLiveMs + staleForMs)
  }
  if (kept !== undefined) move(region, kept, Infinity)
  region.values.set(key, value)
  live(turn, value, timeToLiveMs)
}

/** Nothing of it is left; gives what was there. */
export const take = (turn: Turn, key: string): Value | undefined => {
  const found = liveOf(turn, key)
  end(turn, key)
  const value = turn.region.values.get(key)
  if (value !== undefined) forget(turn, value)
  return found
}

// -- leases -------------------------------------------------------------------------------------------------------

/** The lease of a load that may store. */
export const leaseOf = (turn: Turn, key: string): Lease | undefined => {
  const lease = turn.region.leases.get(key)
  return lease === undefined || lease.until <= turn.now || !isValid(turn, lease) ? undefined : lease
}

export const lend = (turn: Turn, key: string, token: string, leaseMs: number, tags: ReadonlyArray<string>): void => {
  const { now, region } = turn
  collect(turn)
  end(turn, key)
  const until = now + leaseMs
  const lease: Lease = {
    kind: "Lease",
    number: next(region),
    key,
    token,
    until: 0,
    isAwaited: false,
    generation: generationOf(turn),
    tags: marksOf(turn, tags, Math.min(until, now + tagGraceMs))
  }
  region.leases.set(key, lease)
  move(region, lease, until)
}

export const prolong = (turn: Turn, lease: Lease, leaseMs: number): void => {
  marksOf(
    turn,
    lease.tags.map(([tag]) => tag),
    turn.now + Math.min(leaseMs, tagGraceMs)
  )
  move(turn.region, lease, turn.now + leaseMs)
}

/** Whatever lease there was is over, and who waited for it hears so. */
export const end = ({ ended, region }: Turn, key: string): void => {
  const lease = region.leases.get(key)
  if (lease === undefined) return
  drop(region, lease)
  if (lease.isAwaited) ended.push(key)
}

// -- internals ----------------------------------------------------------------------------------------------------

const next = (region: Region): number => (region.lastNumber += 1)

/** Its end is at that time. */
const move = (region: Region, what: Value | Lease | Tag, until: number): void => {
  if (region.ending.delete(what.number)) Ordered.remove(region.order, what.until, what.number)
  what.until = until
  if (until === Infinity) return
  region.ending.set(what.number, what)
  Ordered.add(region.order, until, what.number)
}

const forget = ({ changed, region }: Turn, value: Value): void => {
  drop(region, value)
  changed.push(`v${value.key}`)
}

export const drop = (region: Region, what: Value | Lease | Tag): void => {
  move(region, what, Infinity)
  if (what.kind === "Value") region.values.delete(what.key)
  else if (what.kind === "Lease") region.leases.delete(what.key)
  else region.tags.delete(what.key)
}

const collect = ({ now, region }: Turn): void => {
  for (let i = 0; i < maxCollected && Ordered.firstScore(region.order) <= now; i++) {
    const what = region.ending.get(Ordered.firstNumber(region.order)!)
    if (what !== undefined) drop(region, what)
  }
}
