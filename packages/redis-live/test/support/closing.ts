/**
 * A process of its own that opens a client at `REDIS_URL`, uses all its roles, and closes it when it is told a line. It
 * ends by itself, if nothing is left: nobody ends it. What it saw is printed as one line of JSON.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import { once } from "node:events"
import { call, ear, increment, open, took } from "./client.ts"

const tags = (results: ReadonlyArray<Result.Result<unknown, { readonly reason: { readonly _tag: string } }>>) =>
  results.map((result) => (Result.isFailure(result) ? result.failure.reason._tag : "Success"))

const program = Effect.gen(function* () {
  const scope = yield* Scope.make()
  const url = process.env["REDIS_URL"]
  const { client, connection } = yield* Scope.provide(open({ url, commandTimeout: "1 minute" }), scope)
  const one = connection.call(increment, { ...call, keys: { counter: `${client.prefix}:{t}:n` }, args: {} })
  yield* one
  yield* connection.call(increment, {
    ...call,
    role: "beat",
    keys: { counter: `${client.prefix}:{t}:n` },
    args: {}
  })
  const link = yield* Scope.provide(connection.link("Test", ear()), scope)
  yield* link.subscribe(["c"])
  console.log("open")
  yield* Effect.promise(() => once(process.stdin, "data"))
  const pending = yield* Effect.forEach(
    [one, link.subscribe(["d"]), client.use("never", () => new Promise<void>(() => {}))],
    (effect) => Effect.forkChild(Effect.result(effect), { startImmediately: true })
  )
  const [, ms] = yield* took(Scope.close(scope, Exit.void))
  const results = yield* Effect.forEach(pending, Fiber.join)
  const later = yield* Effect.forEach([one, client.use("get", (redis) => redis.get("k"))], (effect) =>
    Effect.result(effect)
  )
  console.log(JSON.stringify({ ms, pending: tags(results), later: tags(later) }))
})

await Effect.runPromise(program)
process.stdin.destroy()
