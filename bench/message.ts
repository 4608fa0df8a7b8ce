/** What the benches publish: 250 bytes of JSON, two hundred at a time. */
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

const inFlight = 200

/** As many fibers as there are publishes in flight, each with the next one as soon as its last was answered. */
export const writers = <E>(n: number, publish: (id: number) => Effect.Effect<unknown, E>) => {
  let id = 0
  const writer = Effect.whileLoop({ while: () => id < n, body: () => publish(id++), step: () => {} })
  return Effect.all(
    Array.from({ length: inFlight }, () => writer),
    { concurrency: "unbounded", discard: true }
  )
}

/** The same for a peer: as many promises. */
export const workers = async (n: number, publish: (id: number) => Promise<unknown>): Promise<void> => {
  let id = 0
  const worker = async () => {
    while (id < n) await publish(id++)
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
}
