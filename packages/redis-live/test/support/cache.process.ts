/**
 * A process with a cache: `cache.process.ts <options as JSON>`. Says `ready` on stdout once its layer is built. With
 * `turns` it works until SIGTERM, that many calls at a time; what it saw stands in its history. With `herd` it waits for a
 * line on stdin, and then has as many fibers ask for one cold key, whose load writes a line to a file; it says in JSON what
 * they were answered, and ends.
 */
import * as Cache from "@troupe/core/Cache"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import { once } from "node:events"
import * as fs from "node:fs"
import * as RedisClient from "../../src/RedisClient.ts"
import type { Seen } from "./CacheHistory.ts"
import { layer, recorded, regions, tick, turn } from "./cached.ts"
import { History } from "./History.ts"

export interface Herd {
  readonly fibers: number
  readonly key: string
  /** A load writes a line there when it begins: its process' name, and `bare` where it has no lease. */
  readonly file: string
  /** It takes so long, ms. */
  readonly ms: number
}

/** What its fibers were answered. */
export interface Answered {
  readonly answers: ReadonlyArray<string>
  readonly count: number
}

export interface Options {
  readonly url: string
  readonly prefix: string
  readonly name: string
  readonly history: string
  readonly leaseMs: number
  readonly seed?: number
  /** Its clock is wrong by so much, ms. */
  readonly skewMs?: number
  readonly turns?: number
  readonly herd?: Herd
}

const {
  herd,
  history: file,
  leaseMs,
  name,
  prefix,
  seed = 0,
  skewMs = 0,
  turns = 0,
  url
}: Options = JSON.parse(process.argv[2]!)
if (skewMs !== 0) {
  const { now } = Date
  Date.now = () => now() + skewMs
}
const history = new History<Seen>(file, name)
const say = (word: string) => Effect.sync(() => process.stdout.write(`${word}\n`))

const together = Effect.fnUntraced(function* (cache: Cache.Service, { fibers, file, key, ms }: Herd) {
  const { isLeased } = recorded(cache, history)
  yield* Effect.promise(() => once(process.stdin, "data"))
  const load = Effect.suspend(() => {
    fs.appendFileSync(file, isLeased("plain", key) ? `${name}\n` : `${name} bare\n`)
    return Effect.as(Effect.sleep(ms), name)
  })
  const go = yield* Deferred.make<void>()
  const all = yield* Effect.replicateEffect(
    Effect.forkScoped(Effect.andThen(Deferred.await(go), cache.getOrSet(regions.plain, key, load))),
    fibers
  )
  yield* Deferred.succeed(go, undefined)
  const answers = yield* Effect.forEach(all, Fiber.join)
  const answered: Answered = { answers: [...new Set(answers)], count: answers.length }
  yield* say(JSON.stringify(answered))
  process.stdin.destroy()
})

const program = Effect.gen(function* () {
  const cache = yield* Cache.Cache
  // The server knows the scripts from now on, and this process has run them.
  yield* cache.getOrSet(regions.plain, "warm", Effect.succeed("warm"))
  yield* say("ready")
  if (herd !== undefined) return yield* together(cache, herd)
  const calls = recorded(cache, history)
  yield* Effect.acquireRelease(
    Effect.sync(() => tick(history)),
    (end) => Effect.sync(end)
  )
  yield* Effect.forEach(Array.from({ length: turns }), () => Effect.forever(turn(calls)), {
    concurrency: "unbounded",
    discard: true
  })
})

const peer = layer(history, { lease: leaseMs }).pipe(Layer.provide(RedisClient.layer({ url, prefix })))
const fiber = Effect.runFork(program.pipe(Random.withSeed(seed), Effect.provide(peer), Effect.scoped))
process.on("SIGTERM", () => fiber.interruptUnsafe())
