/** A client behind a proxy, and what all its roles together can do. */
import { expect } from "@effect/vitest"
import type { BackendError } from "@troupe/core/BackendError"
import * as Effect from "effect/Effect"
import { type Server, startServer } from "../../../../scripts/redis.ts"
import type * as Timing from "../../src/internal/Timing.ts"
import { call, ear, eventually, increment, open, type Opened } from "./client.ts"
import { Proxy } from "./Proxy.ts"

export const commandTimeout = 400
/** A1, and some turns of the event loop: of the time in which this process was awake (`took`). */
export const settleWithin = commandTimeout * 1.1 + 300
/** What a machine on which many tests run at once adds to what waits for another process. */
export const busyMs = 2_500

export const serve = Effect.acquireRelease(
  Effect.promise(() => startServer()),
  (server) => Effect.promise(() => server.stop())
)

export interface Rig extends Opened {
  readonly server: Server
  readonly proxy: Proxy
  readonly counter: string
  readonly channel: string
  readonly increment: Effect.Effect<unknown, BackendError>
  readonly beat: Effect.Effect<unknown, BackendError>
}

/** A client behind a proxy, with intervals of its own; `patience` is what a call may take. */
export const rigged = (timing: Partial<Timing.Timing> = {}, patience = commandTimeout) =>
  Effect.gen(function* () {
    const server = yield* serve
    const proxy = yield* Effect.acquireRelease(
      Effect.promise(() => Proxy.start(server)),
      (proxy) => Effect.promise(() => proxy.stop())
    )
    const opened = yield* open({ url: proxy.url, commandTimeout: patience }, timing)
    const counter = `${opened.client.prefix}:{t}:n`
    const one = { ...call, keys: { counter }, args: {} }
    return {
      ...opened,
      server,
      proxy,
      counter,
      channel: `${opened.client.prefix}:{t}`,
      increment: opened.connection.call(increment, one),
      beat: opened.connection.call(increment, { ...one, role: "beat" })
    } satisfies Rig
  })

export const rig = rigged()

/** What the server holds, asked past the proxy. */
export const counted = ({ counter, server }: Rig) =>
  Effect.scoped(
    Effect.flatMap(open({ url: server.url }), ({ client }) =>
      Effect.map(
        client.use("get", (redis) => redis.get(counter)),
        Number
      )
    )
  )

/** A link that subscribes again whenever it lost something, as the hub does. */
export const listen = ({ channel, connection }: Rig) =>
  Effect.gen(function* () {
    const listener = ear()
    const link = yield* connection.link("Test", {
      ...listener,
      lost: (channels) => {
        listener.lost(channels)
        Effect.runFork(eventually(link.subscribe(channels), 60_000))
      }
    })
    yield* link.subscribe([channel])
    return listener
  })

/** Works in all roles: calls, beats, and hearing what is published from now on. */
export const works = (rig: Rig, listener: { readonly heard: Array<string> }, withinMs: number) =>
  eventually(
    Effect.gen(function* () {
      yield* Effect.all([rig.increment, rig.beat], { concurrency: 2 })
      const word = `${performance.now()}`
      yield* rig.connection.publish("Test", "publish", rig.channel, word)
      yield* rig.connection.barrier
      expect(listener.heard).toContain(`${rig.channel}:${word}`)
    }),
    withinMs
  )
