/** A store on a real server under a prefix of its own, its time in the test's hands; what it leaves there goes with it. */
import * as Wire from "@troupe/core/Wire"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { randomBytes } from "node:crypto"
import * as RedisClient from "../../src/RedisClient.ts"
import * as Primaries from "./Primaries.ts"

export const begin = 1_893_456_000_000

/** `isLive`: by the server's own clock, and what Redis itself times. Default: by the test's. */
export const open = Effect.fnUntraced(function* <R>(
  at: Primaries.At,
  name: string,
  layer: Layer.Layer<R, never, RedisClient.RedisClient>,
  isLive = false
) {
  const prefix = `${name}-${randomBytes(8).toString("hex")}`
  const primaries = yield* Effect.acquireRelease(
    Effect.promise(() => Primaries.connect(at, prefix)),
    (primaries) => Effect.promise(() => primaries.removeAll().finally(() => primaries.disconnect()))
  )
  const clock = { now: begin, run: "run" }
  const wire = isLive
    ? Layer.empty
    : Layer.succeed(Wire.Wire, { ...Wire.open, server: { now: () => clock.now, run: () => clock.run } })
  const context = yield* Layer.build(
    Layer.provideMerge(layer, RedisClient.layer({ ...at, prefix })).pipe(Layer.provide(wire))
  )
  return { context, client: Context.get(context, RedisClient.RedisClient), clock, primaries }
})
