/** The locks of a Cache in memory, as plain data. Times in ms; whoever asks for a lock lets go of some whose time is over. */
import type { Claim, Locked } from "@troupe/core/CacheStore"
import * as Ordered from "../desk/Ordered.ts"

interface Held {
  readonly number: number
  readonly name: string
  readonly owner: string
  readonly fence: number
  until: number
  /** Somebody else has asked meanwhile, and hears of its end. */
  isAwaited: boolean
}

export interface Locks {
  /** The highest fence, and the first that was given since there is data. Zero: none was. */
  last: number
  first: number
  lastNumber: number
  readonly held: Map<string, Held>
  /** What ends, by its number and in the order of its end. */
  readonly ending: Map<number, Held>
  readonly order: Ordered.Ordered
}

export const make = (): Locks => ({
  last: 0,
  first: 0,
  lastNumber: 0,
  held: new Map(),
  ending: new Map(),
  order: Ordered.make()
})

/** Let go of by each asking. */
const maxCollected = 16

export const lock = (locks: Locks, now: number, name: string, claim: Claim): Locked => {
  collect(locks, now)
  const held = heldOf(locks, now, name)
  if (held !== undefined && held.owner !== claim.owner) {
    held.isAwaited = true
    return { _tag: "Busy", fence: held.fence, leftMs: held.until - now }
  }
  if (held !== undefined) {
    move(locks, held, now + claim.timeToLiveMs)
    return { _tag: "Held", fence: held.fence }
  }
  drop(locks, name)
  const fence = Math.max(locks.last + 1, claim.above + 1, now * 1_000)
  if (locks.first === 0) locks.first = fence
  keep(locks, name, claim, fence, now)
  return { _tag: "Held", fence }
}

export const relock = (locks: Locks, now: number, name: string, claim: Claim, fence: number): boolean => {
  const held = heldOf(locks, now, name)
  if (held === undefined) {
    // It was given before all that this data knows of, or after.
    const isForgotten = locks.first === 0 || locks.first > fence || locks.last < fence
    if (!isForgotten) return false
    drop(locks, name)
    keep(locks, name, claim, fence, now)
    return true
  }
  if (held.owner !== claim.owner) return false
  move(locks, held, now + claim.timeToLiveMs)
  return true
}

export const unlock = (locks: Locks, now: number, name: string, owner: string): boolean => {
  const held = heldOf(locks, now, name)
  if (held?.owner !== owner) return false
  drop(locks, name)
  return held.isAwaited
}

// -- internals ----------------------------------------------------------------------------------------------------

const heldOf = (locks: Locks, now: number, name: string): Held | undefined => {
  const held = locks.held.get(name)
  return held === undefined || held.until <= now ? undefined : held
}

const keep = (locks: Locks, name: string, { owner, timeToLiveMs }: Claim, fence: number, now: number): void => {
  locks.last = Math.max(locks.last, fence)
  const held: Held = { number: (locks.lastNumber += 1), name, owner, fence, until: Infinity, isAwaited: false }
  locks.held.set(name, held)
  move(locks, held, now + timeToLiveMs)
}

/** Its end is at that time. */
const move = (locks: Locks, held: Held, until: number): void => {
  if (locks.ending.delete(held.number)) Ordered.remove(locks.order, held.until, held.number)
  held.until = until
  if (until === Infinity) return
  locks.ending.set(held.number, held)
  Ordered.add(locks.order, until, held.number)
}

const drop = (locks: Locks, name: string): void => {
  const held = locks.held.get(name)
  if (held === undefined) return
  move(locks, held, Infinity)
  locks.held.delete(name)
}

const collect = (locks: Locks, now: number): void => {
  for (let i = 0; i < maxCollected && Ordered.firstScore(locks.order) <= now; i++) {
    const held = locks.ending.get(Ordered.firstNumber(locks.order)!)
    if (held !== undefined) drop(locks, held.name)
  }
}
