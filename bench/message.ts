/** What the benches publish and keep: 250 bytes of JSON, two hundred at a time where nothing else is said. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

export const Body = Schema.Struct({
  id: Schema.Int,
  at: Schema.Number,
  kind: Schema.String,
  text: Schema.String,
  tags: Schema.Array(Schema.String)
})
export type Body = typeof Body.Type

export const body = (id: number): Body => ({
  id,
  at: 1_900_000_000_000 + id,
  kind: "measurement",
  text: "x".repeat(150),
  tags: ["one", "two"]
})

/** As many fibers as there are calls in flight, each with the next one as soon as its last was answered. */
export const writers = <E>(n: number, call: (id: number) => Effect.Effect<unknown, E>, inFlight = 200) => {
  let id = 0
  const writer = Effect.whileLoop({ while: () => id < n, body: () => call(id++), step: () => {} })
  return Effect.all(
    Array.from({ length: inFlight }, () => writer),
    { concurrency: "unbounded", discard: true }
  )
}

/** The same for a peer: as many promises. */
export const workers = async (n: number, call: (id: number) => Promise<unknown>, inFlight = 200): Promise<void> => {
  let id = 0
  const worker = async () => {
    while (id < n) await call(id++)
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
}
