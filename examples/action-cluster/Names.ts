/** What peers are called: short, easy to tell apart, and none twice. */
import { Effect, Random } from "effect"

const names = (
  "ada grace edsger barbara alan hedy tony mary dennis radia leslie sophie " +
  "niklaus frances donald jean robin lynn john evelyn ken karen brian marlyn"
).split(" ")

/** The name of the nth peer, from 1: once all names have been given, with a number behind. */
export const nameOf = (n: number): string => {
  const round = Math.ceil(n / names.length)
  const name = names[(n - 1) % names.length]!
  return round === 1 ? name : `${name}-${round}`
}

/** For a process that cannot know who else is there: a later peer of the same name would take its place. */
export const randomName: Effect.Effect<string> = Effect.gen(function* () {
  const name = names[yield* Random.nextIntBetween(0, names.length - 1)]!
  const tail = yield* Random.nextIntBetween(0, 36 ** 4 - 1)
  return `${name}-${tail.toString(36).padStart(4, "0")}`
})
