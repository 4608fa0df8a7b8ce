/** Which locks a fiber runs inside of: one that asks for what it holds itself would wait in vain. */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

export interface Holding {
  /** Which layer holds it. */
  readonly layer: object
  isOver: boolean
  readonly name: string
  readonly inside: Holding | undefined
}

export const Holding: Context.Reference<Holding | undefined> = Context.Reference("@troupe/core/Cache/Holding", {
  defaultValue: (): Holding | undefined => undefined
})

/** Dies where this lock is held around it. */
export const check = (around: Holding | undefined, layer: object, name: string): Effect.Effect<void> => {
  for (let holding = around; holding !== undefined; holding = holding.inside) {
    if (holding.isOver || holding.layer !== layer || holding.name !== name) continue
    return Effect.die(new LocksItself({ message: `lock ${JSON.stringify(name)} is asked for inside its own body` }))
  }
  return Effect.void
}

class LocksItself extends Data.TaggedError("LocksItself")<{ readonly message: string }> {}
