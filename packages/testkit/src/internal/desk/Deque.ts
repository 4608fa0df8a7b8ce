/** A list of numbers that is filled at its end and emptied at its beginning, at no cost for its length. Plain data. */
export interface Deque {
  items: Array<number>
  /** What stands before it is gone. */
  head: number
}

/** So many are gone before it is worth to move what is left. */
const slack = 1_024

export const make = (): Deque => ({ items: [], head: 0 })

export const length = ({ head, items }: Deque): number => items.length - head

export const push = (deque: Deque, number: number): void => {
  deque.items.push(number)
}

export const shift = (deque: Deque): number | undefined => {
  const number = deque.items[deque.head]
  if (number === undefined) return undefined
  deque.head += 1
  if (deque.head > slack && 2 * deque.head > deque.items.length) keep(deque, () => true)
  return number
}

export const keep = (deque: Deque, isKept: (number: number) => boolean): void => {
  deque.items = deque.items.slice(deque.head).filter(isKept)
  deque.head = 0
}
