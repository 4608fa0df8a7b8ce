/** What is kept of a task, by its number, until a time: at that time it is gone. Plain data. */
import * as Ordered from "./Ordered.ts"

export interface Expiring<V> {
  readonly kept: Map<number, { readonly until: number; readonly value: V }>
  readonly order: Ordered.Ordered
}

export const make = <V>(): Expiring<V> => ({ kept: new Map(), order: Ordered.make() })

export const put = <V>(expiring: Expiring<V>, number: number, until: number, value: V): void => {
  drop(expiring, number)
  expiring.kept.set(number, { until, value })
  Ordered.add(expiring.order, until, number)
}

/** What is over is not there, whether or not it was collected. */
export const get = <V>(expiring: Expiring<V>, number: number, now: number): V | undefined => {
  const found = expiring.kept.get(number)
  return found === undefined || found.until <= now ? undefined : found.value
}

export const until = <V>(expiring: Expiring<V>, number: number): number => expiring.kept.get(number)?.until ?? -Infinity

export const drop = <V>(expiring: Expiring<V>, number: number): void => {
  const found = expiring.kept.get(number)
  if (found === undefined) return
  expiring.kept.delete(number)
  Ordered.remove(expiring.order, found.until, number)
}

/** Drops at most `max` that are over; gives how many. */
export const collect = <V>(
  expiring: Expiring<V>,
  now: number,
  max: number,
  dropped: (number: number, value: V) => void
): number => {
  let count = 0
  while (count < max && Ordered.firstScore(expiring.order) <= now) {
    const number = Ordered.firstNumber(expiring.order)!
    const found = expiring.kept.get(number)
    drop(expiring, number)
    if (found !== undefined) dropped(number, found.value)
    count += 1
  }
  return count
}
