/** What the tests of the client share: a client with short intervals, everything it said, and waiting for conditions. */
import { BackendError } from "@troupe/core/BackendError"
import type { Listener } from "@troupe/core/Link"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { inspect } from "node:util"
import { type Connection, ConnectionTypeId } from "../../src/internal/Connection.ts"
import * as Script from "../../src/internal/Script.ts"
import * as Timing from "../../src/internal/Timing.ts"
import * as RedisClient from "../../src/RedisClient.ts"
import { createHash } from "node:crypto"

export const short: Timing.Timing = {
  // A busy server answers late, and is not away.
  connectTimeout: 1_000,
  backoffBase: 10,
  backoffCap: 100,
  refusedPause: 50,
  steadyAfter: 200,
  probeInterval: 200,
  probeDeadline: 1_000,
  topologyInterval: 500,
  topologyUrgent: 50,
  tryAgainPause: 10,
  positionCheck: 1_000,
  reservedIdle: 300
}

export interface Opened {
  readonly client: RedisClient.RedisClient["Service"]
  readonly connection: Connection
  /** Every line that went to Effect's logger, with its level. */
  readonly logs: ReadonlyArray<string>
}

/** A client that lives as long as the scope. */
export const open = (
  options: RedisClient.RedisOptions,
  timing: Partial<Timing.Timing> = {},
  more: Layer.Layer<never> = Layer.empty
): Effect.Effect<Opened, BackendError, Scope.Scope> => {
  const logs: Array<string> = []
  const logger = Logger.make(
    ({ logLevel, message }) => void logs.push(`${logLevel} ${inspect(message, { depth: 9, breakLength: Infinity })}`)
  )
  return RedisClient.layer(options).pipe(
    Layer.provide([Layer.succeed(Timing.Timing, { ...short, ...timing }), Logger.layer([logger]), more]),
    Layer.build,
    Effect.map((context) => {
      const client = Context.get(context, RedisClient.RedisClient)
      return { client, connection: client[ConnectionTypeId], logs }
    })
  )
}

/** Holds within ten seconds; tried again until then. */
export const eventually = <A, E, R>(check: Effect.Effect<A, E, R>, withinMs = 10_000): Effect.Effect<A, E, R> => {
  const until = performance.now() + withinMs
  const again: Effect.Effect<A, E, R> = Effect.catchCause(
    Effect.suspend(() => check),
    (cause) => (performance.now() > until ? Effect.failCause(cause) : Effect.andThen(Effect.sleep(10), again))
  )
  return again
}

/** The BackendError that it fails with. */
export const failure = <A, R>(effect: Effect.Effect<A, BackendError, R>): Effect.Effect<BackendError, never, R> =>
  Effect.map(Effect.exit(effect), (exit) => {
    if (Exit.isSuccess(exit)) throw new Error("it succeeded")
    return Option.getOrThrow(Cause.findErrorOption(exit.cause))
  })

/** How often `took` looks, ms, and the most that it counts from one look to the next. */
const lookMs = 10
const awakeMs = 25

/**
 * What it gives, how long that took, and for how much of that this process was awake, ms: what a timer of ours promises
 * cannot be kept while nobody runs it.
 */
export const took = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<readonly [value: A, ms: number, awake: number], E, R> =>
  Effect.suspend(() => {
    const start = performance.now()
    let last = start
    let awake = 0
    const look = () => {
      const now = performance.now()
      awake += Math.min(now - last, awakeMs)
      last = now
    }
    const looking = setInterval(look, lookMs)
    return Effect.ensuring(
      effect,
      Effect.sync(() => clearInterval(looking))
    ).pipe(
      Effect.map((value) => {
        look()
        return [value, last - start, awake] as const
      })
    )
  })

const script = <const K extends string, const A extends string = never, const V extends string = never>(
  header: Omit<Script.Header<K, A, V, never>, "sha" | "commands">
) => Script.make({ ...header, commands: [], sha: createHash("sha1").update(header.source).digest("hex") })

/** Adds one and gives the sum. */
export const increment = script({
  name: "Test/increment",
  adds: true,
  keys: ["counter"],
  args: [],
  source: "#!lua\nreturn redis.call('INCR', KEYS[1])\n"
})

/** Adds one to both and gives the sums. */
export const incrementBoth = script({
  name: "Test/incrementBoth",
  adds: true,
  keys: ["a", "b"],
  args: [],
  source: "#!lua\nreturn { redis.call('INCR', KEYS[1]), redis.call('INCR', KEYS[2]) }\n"
})

/** Sets the value and gives the time that the script worked with. */
export const set = script({
  name: "Test/set",
  adds: true,
  keys: ["key"],
  args: ["now", "run", "value"],
  source: "#!lua\nredis.call('SET', KEYS[1], ARGV[3])\nreturn { ARGV[1], ARGV[2] }\n"
})

/** Says what time it is, which run, which key, what was said, and how many more came. Frees nothing, adds nothing. */
export const time = script({
  name: "Test/time",
  adds: false,
  keys: ["any"],
  args: ["now", "run", "echo"],
  variadic: "more",
  source: `#!lua flags=allow-oom
local now, run = ARGV[1], ARGV[2]
if now == '' then now = redis.call('TIME')[1] end
if run == '' then run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') end
return { now, run, KEYS[1], ARGV[3], #ARGV - 3 }
`
})

export const call = { service: "Test", operation: "call" }

/** A listener that remembers. */
export const ear = (): Listener & { readonly heard: Array<string>; readonly losses: Array<string> } => {
  const heard: Array<string> = []
  const losses: Array<string> = []
  return {
    heard,
    losses,
    message: (channel, payload) => void heard.push(`${channel}:${payload}`),
    lost: (channels) => void losses.push(...channels)
  }
}
