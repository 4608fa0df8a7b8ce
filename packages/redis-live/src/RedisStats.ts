/** Stats on Redis: all of it in one slot, and one script for each step. */
import * as Stats from "@troupe/core/Stats"
import {
  type Answer,
  maxNames,
  maxResets,
  type Peer,
  resetMs,
  resolutions,
  type Series,
  type Sheet,
  StatsStore
} from "@troupe/core/StatsStore"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { ConnectionTypeId } from "./internal/Connection.ts"
import * as Keys from "./internal/Keys.ts"
import * as Script from "./internal/Script.ts"
import * as scripts from "./internal/scripts.ts"
import { RedisClient } from "./RedisClient.ts"

/** Where Stats keeps its sums, for those that share the RedisClient's server, database and prefix. */
export const store: Layer.Layer<StatsStore, never, RedisClient> = Layer.effect(
  StatsStore,
  Effect.gen(function* () {
    const client = yield* RedisClient
    const connection = client[ConnectionTypeId]
    const keys = Keys.stats(connection.keyPrefix)
    const call = <Args, Reply>(operation: string, script: Script.Script<typeof keys, Args, Reply>, args: Args) =>
      connection.call(script, { service: "Stats", operation, keys, args })
    return StatsStore.of({
      join: (sender, name, life, keepMs) => call("flush", scripted.join, { sender, name, life, keep: whole(keepMs) }),
      flush: ({ gauges, keepMs, number, reset, sender, sentMs, sums }) =>
        call("flush", scripted.flush, {
          sender,
          number,
          keep: whole(keepMs),
          sent: sentMs ?? "",
          reset,
          most: maxNames,
          minutes: resolutions["1 minute"].kept,
          hours: resolutions["1 hour"].kept,
          sums: sums.length,
          items: [
            ...sums.flatMap(({ ageMs, by, name }) => [name, by, ageMs]),
            ...gauges.flatMap(({ name, reset, sentMs, value }) => [name, value, sentMs ?? "", reset])
          ]
        }),
      renew: (sender, number, keepMs) => call("flush", scripted.renew, { sender, number, keep: whole(keepMs) }),
      totals: Effect.suspend(() => call("totals", scripted.totals, {})),
      byPeer: Effect.suspend(() => call("byPeer", scripted.peers, {})),
      series: (name, resolution, count) =>
        call("series", scripted.series, {
          kind: resolution === "1 minute" ? "1m" : "1h",
          span: resolutions[resolution].spanMs,
          count,
          name
        }),
      reset: (name) => call("reset", scripted.reset, { name, most: maxResets, memory: resetMs }),
      commandTimeoutMs: connection.commandTimeoutMs,
      immortal: false
    })
  })
)

/** Stats for one peer of those that share the RedisClient's server, database and prefix. */
export const layer: Layer.Layer<Stats.Stats, never, RedisClient> = Layer.provide(Stats.layer, store)

// -- internals ----------------------------------------------------------------------------------------------------

const whole = (ms: number): number => Math.ceil(ms)

/** A reply of this format; anything else was left as it is. */
const known = (reply: unknown): ReadonlyArray<unknown> => {
  if (!Array.isArray(reply) || reply[0] !== "") throw new TypeError("the sums are not of a format known here")
  return reply
}

/** {name, number, ...} */
const sums = (reply: unknown): ReadonlyMap<string, number> => {
  const all = new Map<string, number>()
  if (!Array.isArray(reply)) throw new TypeError("sums are no list")
  for (let i = 0; i + 1 < reply.length; i += 2) all.set(String(reply[i]), Number(reply[i + 1]))
  return all
}

const answer = (reply: unknown): Answer => {
  const [, kind, ...rest] = known(reply)
  return kind === "U"
    ? { _tag: "Unknown", life: String(rest[0]) }
    : {
        _tag: "Known",
        now: Number(rest[0]),
        reset: Number(rest[1]),
        isBehind: rest[2] === 1,
        refused: Number(rest[3])
      }
}

const totals = (reply: unknown): Sheet => {
  const [, all, ...gauges] = known(reply)
  return { totals: sums(all), peers: gauges.map((own) => ({ name: "", sums: new Map(), gauges: sums(own) })) }
}

const byPeer = (reply: unknown): Sheet => {
  const [, all, ...rest] = known(reply)
  const peers: Array<Peer> = []
  for (let i = 0; i + 2 < rest.length; i += 3) {
    peers.push({ name: String(rest[i]), sums: sums(rest[i + 1]), gauges: sums(rest[i + 2]) })
  }
  return { totals: sums(all), peers }
}

const scripted = {
  join: Script.answering(scripts.statsJoin, (reply) => {
    const [, now, reset, life] = known(reply)
    return { now: Number(now), reset: Number(reset), life: String(life) }
  }),
  flush: Script.answering(scripts.statsFlush, answer),
  renew: Script.answering(scripts.statsRenew, answer),
  totals: Script.answering(scripts.statsTotals, totals),
  peers: Script.answering(scripts.statsPeers, byPeer),
  series: Script.answering(scripts.statsSeries, (reply): Series => {
    const [, lastBucket, ...values] = known(reply)
    return { lastBucket: Number(lastBucket), values: values.map(Number) }
  }),
  reset: Script.answering(scripts.statsReset, (reply) => Number(known(reply)[1]))
}
