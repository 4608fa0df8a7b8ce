/**
 * Tries laws outside vitest, in a process of their own, and says on stdout what became of each: one JSON line a trial.
 * The request is JSON on the command line.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import { type Place, suites } from "./suites.ts"

export interface Request {
  readonly service: string
  readonly laws: ReadonlyArray<string>
  readonly place: Place
  /** Each law is tried with these until one fails. */
  readonly seeds: ReadonlyArray<number>
  /** Laws tried at once. */
  readonly concurrency: number
  /** Tried after those, with the first seed alone. */
  readonly others?: ReadonlyArray<string>
}

export interface Outcome {
  readonly law: string
  /** Broken: a mistake of the program (a TypeError), which says nothing about the law. */
  readonly result: "kept" | "failed" | "broken"
  readonly seed: number
  readonly message: string
}

/** A trial takes milliseconds; one that hangs proves nothing. */
const patience = "20 seconds"

const isBroken = (error: unknown): boolean =>
  Cause.isTimeoutError(error) ||
  error instanceof TypeError ||
  error instanceof ReferenceError ||
  error instanceof SyntaxError ||
  error instanceof RangeError

const request: Request = JSON.parse(process.argv[2] ?? "null")
const suite = suites[request.service]
if (suite === undefined) throw new Error(`no service ${request.service}`)

const one = (law: string, seed: number): Effect.Effect<Outcome> =>
  suite.prove(law, request.place, seed).pipe(
    Effect.timeout(patience),
    Effect.exit,
    Effect.map((exit): Outcome => {
      if (Exit.isSuccess(exit)) return { law, seed, result: "kept", message: "" }
      const error = Cause.squash(exit.cause)
      const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
      return { law, seed, result: isBroken(error) ? "broken" : "failed", message }
    })
  )

let trouble = ""
const tried = Effect.fnUntraced(function* (law: string, seeds: ReadonlyArray<number>) {
  let last: Outcome = { law, seed: 0, result: "broken", message: "no seed" }
  for (const seed of seeds) {
    last = yield* one(law, seed)
    if (last.result !== "kept") break
  }
  trouble = last.message
  process.stdout.write(`${JSON.stringify(last)}\n`)
})

await Effect.runPromise(
  Effect.forEach(request.laws, (law) => tried(law, request.seeds), {
    concurrency: request.concurrency,
    discard: true
  }).pipe(
    Effect.andThen(
      Effect.forEach(request.others ?? [], (law) => tried(law, request.seeds.slice(0, 1)), {
        concurrency: 4,
        discard: true
      })
    ),
    Effect.provide(Logger.layer([]))
  )
)
if (process.env["TROUPE_MUTANT"] !== undefined && process.env["TROUPE_MUTANT_PLANTED"] !== "yes") {
  throw new Error(`the file of the mutant was never loaded: ${trouble}`)
}
// What a broken law leaves open must not keep the process.
process.exit(0)
