/**
 * What a registry costs: `node bench/run.ts peers`.
 *
 * - `1,000 peers, CPU of Redis`: as many registries, each with connections of its own, beat every 2 s; the share of one
 *   core that Redis takes, and the requests it gets for a heartbeat (more than one fails the run). Beside it what one
 *   writes by hand with ioredis: every 2 s each peer notes its time in a hash and reads all of it.
 */
import * as LocalPeer from "@troupe/core/LocalPeer"
import * as PeerRegistry from "@troupe/core/PeerRegistry"
import * as RedisClient from "@troupe/redis-live/RedisClient"
import * as RedisPeerRegistry from "@troupe/redis-live/RedisPeerRegistry"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { Redis } from "ioredis"
import { measure, smoke } from "./harness.ts"

const peers = smoke ? 20 : 1_000
const windowMs = smoke ? 4_000 : 20_000
const heartbeatMs = 2_000

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const field = (info: string, pattern: RegExp): number => Number(pattern.exec(info)?.[1] ?? 0)

interface Used {
  /** Percent of one core. */
  readonly cpu: number
  /** It was looked at for so long: longer than asked for where the machine is busy. */
  readonly ms: number
  readonly scripts: number
}

export const run = async (url: string): Promise<void> => {
  const admin = new Redis(url)
  let round = 0

  const used = async (): Promise<Used> => {
    const look = async () => {
      const info = (await admin.info("cpu")) + (await admin.info("commandstats"))
      return {
        at: performance.now(),
        seconds: field(info, /used_cpu_user:([\d.]+)/) + field(info, /used_cpu_sys:([\d.]+)/),
        scripts: field(info, /cmdstat_evalsha:calls=(\d+)/)
      }
    }
    const before = await look()
    await pause(windowMs)
    const after = await look()
    const ms = after.at - before.at
    return {
      cpu: ((after.seconds - before.seconds) * 100_000) / ms,
      ms,
      scripts: after.scripts - before.scripts
    }
  }

  const ours = Effect.gen(function* () {
    const prefix = `bench-${process.pid}-${(round += 1)}`
    const scope = yield* Scope.make()
    const build = (n: number) =>
      RedisPeerRegistry.layer().pipe(
        Layer.fresh,
        Layer.provide(Layer.fresh(RedisClient.layer({ url, prefix }))),
        Layer.provide(LocalPeer.layer(`peer-${n}`)),
        (layer) => Layer.buildWithMemoMap(layer, Layer.makeMemoMapUnsafe(), scope),
        Effect.flatMap((context) => Effect.provide(PeerRegistry.PeerRegistry, context))
      )
    // All of them share one event loop, and while the others beat a connection may take too long to open.
    const start = (n: number) =>
      Effect.retry(
        Effect.suspend(() => build(n)),
        { times: 5 }
      )
    const registries = yield* Effect.forEach(
      Array.from({ length: peers }, (_, n) => n),
      start,
      { concurrency: 16 }
    )
    yield* Effect.sleep(heartbeatMs * 2)
    const { cpu, ms, scripts } = yield* Effect.promise(used)
    for (const registry of registries) {
      const live = (yield* registry.list).filter(({ state }) => state === "Live").length
      if (live !== peers) throw new Error(`${live} of ${peers} peers live`)
    }
    const beats = (peers * ms) / heartbeatMs
    // A window that is cut out of their rounds has, for some, one beat more than its share.
    if (scripts > beats * 1.1 + peers / 2) throw new Error(`${scripts} requests for ${beats} heartbeats`)
    yield* Scope.close(scope, Exit.void)
    return cpu
  })

  const theirs = async (): Promise<number> => {
    const key = `bench-${process.pid}-${(round += 1)}:beats`
    const clients = Array.from({ length: peers }, () => new Redis(url))
    const timers = clients.map((client, n) => {
      const beat = () => void client.pipeline().hset(key, `peer-${n}`, Date.now()).hgetall(key).exec()
      beat()
      return setInterval(beat, heartbeatMs + (n % 100))
    })
    await pause(heartbeatMs * 2)
    const { cpu } = await used()
    const known = await admin.hlen(key)
    if (known !== peers) throw new Error(`${known} of ${peers} peers live`)
    timers.forEach(clearInterval)
    for (const client of clients) client.disconnect()
    await admin.unlink(key)
    return cpu
  }

  await measure([
    {
      bench: "peers",
      name: `${peers.toLocaleString("en")} peers, CPU of Redis`,
      peer: "ioredis",
      unit: "% of a core",
      better: "less",
      ours: () => Effect.runPromise(ours),
      theirs
    }
  ])
  admin.disconnect()
}
