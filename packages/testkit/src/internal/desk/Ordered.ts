/**
 * Numbers in the order of a score, then of themselves: due times, deaths, expiries; with the score 0, the numbers alone.
 * Sorted chunks: found by halving, and what is moved is never more than a chunk. Plain data; an empty one is as new.
 */
export interface Ordered {
  size: number
  readonly chunks: Array<Chunk>
}

interface Chunk {
  readonly scores: Array<number>
  readonly numbers: Array<number>
}

const maxChunk = 256

export const make = (): Ordered => ({ size: 0, chunks: [] })

/** The score that comes next; Infinity: there is none. */
export const firstScore = (ordered: Ordered): number => ordered.chunks[0]?.scores[0] ?? Infinity

export const firstNumber = (ordered: Ordered): number | undefined => ordered.chunks[0]?.numbers[0]

export const add = (ordered: Ordered, score: number, number: number): void => {
  const { chunks } = ordered
  const at = chunkOf(ordered, score, number)
  const chunk = chunks[at]
  ordered.size += 1
  if (chunk === undefined) {
    chunks.push({ scores: [score], numbers: [number] })
    return
  }
  const index = indexIn(chunk, score, number)
  if (index < chunk.numbers.length) {
    chunk.scores.splice(index, 0, score)
    chunk.numbers.splice(index, 0, number)
  } else if (index < maxChunk) {
    chunk.scores.push(score)
    chunk.numbers.push(number)
  } else chunks.splice(at + 1, 0, { scores: [score], numbers: [number] })
  if (chunk.numbers.length > maxChunk) {
    const half = maxChunk >> 1
    chunks.splice(at + 1, 0, { scores: chunk.scores.splice(half), numbers: chunk.numbers.splice(half) })
  }
}

/** False: it was not there. */
export const remove = (ordered: Ordered, score: number, number: number): boolean => {
  const at = chunkOf(ordered, score, number)
  const chunk = ordered.chunks[at]
  if (chunk === undefined) return false
  const index = indexIn(chunk, score, number)
  if (chunk.numbers[index] !== number || chunk.scores[index] !== score) return false
  ordered.size -= 1
  chunk.scores.splice(index, 1)
  chunk.numbers.splice(index, 1)
  if (chunk.numbers.length === 0) ordered.chunks.splice(at, 1)
  return true
}

/** Takes the first away. */
export const shift = (ordered: Ordered): number | undefined => {
  const chunk = ordered.chunks[0]
  if (chunk === undefined) return undefined
  ordered.size -= 1
  chunk.scores.shift()
  const number = chunk.numbers.shift()
  if (chunk.numbers.length === 0) ordered.chunks.shift()
  return number
}

/** The score of the one with so many before it. */
export const scoreAt = (ordered: Ordered, index: number): number | undefined => {
  let rest = index
  for (const { scores } of ordered.chunks) {
    if (rest < scores.length) return scores[rest]
    rest -= scores.length
  }
  return undefined
}

/** At most `count` that come after that one, in order. */
export const after = (ordered: Ordered, score: number, number: number, count: number): Array<number> => {
  const found: Array<number> = []
  for (let at = Math.max(0, chunkOf(ordered, score, number)); at < ordered.chunks.length; at++) {
    const chunk = ordered.chunks[at]!
    let index = indexIn(chunk, score, number)
    if (chunk.numbers[index] === number && chunk.scores[index] === score) index += 1
    for (; index < chunk.numbers.length; index++) {
      if (found.length === count) return found
      found.push(chunk.numbers[index]!)
    }
  }
  return found
}

/** The last chunk that does not begin after it; -1: there is no chunk. */
const chunkOf = ({ chunks }: Ordered, score: number, number: number): number => {
  let low = 0
  let high = chunks.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    const { numbers, scores } = chunks[middle]!
    if (isBefore(score, number, scores[0]!, numbers[0]!)) high = middle - 1
    else low = middle
  }
  return high < 0 ? -1 : low
}

/** Where it is, or belongs. */
const indexIn = ({ numbers, scores }: Chunk, score: number, number: number): number => {
  let low = 0
  let high = numbers.length
  // Most are added at the end.
  if (high > 0 && isBefore(scores[high - 1]!, numbers[high - 1]!, score, number)) return high
  while (low < high) {
    const middle = (low + high) >> 1
    if (isBefore(scores[middle]!, numbers[middle]!, score, number)) low = middle + 1
    else high = middle
  }
  return low
}

const isBefore = (score: number, number: number, otherScore: number, otherNumber: number): boolean =>
  score < otherScore || (score === otherScore && number < otherNumber)
