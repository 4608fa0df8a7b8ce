/**
 * The connections every live layer shares: one client of a Redis server, of a primary that sentinels watch, or of a
 * cluster. It is the only file that imports values of ioredis.
 *
 * Connections are opened when first needed, one for each role: commands, subscriptions, heartbeats. They are replaced
 * whenever they are lost, deaf or silent, without a restart of anything (A3). A call settles within `commandTimeout`
 * (A1), says honestly whether it can have been applied (A2), and never shows a password or a payload (A9).
 */
import type { BackendError } from "@troupe/core/BackendError"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Stream from "effect/Stream"
import * as Ioredis from "ioredis"
import * as Client from "./internal/Client.ts"
import { type Connection, ConnectionTypeId } from "./internal/Connection.ts"
import * as Settings from "./internal/Settings.ts"

export interface RedisOptions {
  /** redis://[user:password@]host:port/db, or rediss:// for TLS. Default redis://127.0.0.1:6379. */
  readonly url?: string | Redacted.Redacted<string> | undefined
  /** Any nodes of a cluster; the others are found. Instead of `url`. */
  readonly cluster?: ReadonlyArray<{ readonly host: string; readonly port: number }> | undefined
  /** The sentinels, and the name under which they watch the primary. Instead of `url`. */
  readonly sentinel?:
    | {
        readonly name: string
        readonly nodes: ReadonlyArray<{ readonly host: string; readonly port: number }>
      }
    | undefined
  /** Without it a password belongs to the user `default`. Sentinels are not shown it. */
  readonly username?: string | undefined
  readonly password?: Redacted.Redacted<string> | undefined
  /** TLS, for every connection: PEM texts. The server's certificate is always verified. */
  readonly tls?:
    | {
        readonly ca?: string | undefined
        readonly cert?: string | undefined
        readonly key?: Redacted.Redacted<string> | undefined
        readonly servername?: string | undefined
      }
    | undefined
  /** First part of every key and channel: any name of promise A6. Default "troupe". */
  readonly prefix?: string | undefined
  /** No call outlives this. Default 5 seconds. */
  readonly commandTimeout?: Duration.Input | undefined
}

export interface Service {
  /** What every key and channel begins with: the encoded prefix and the database, `troupe:0`. */
  readonly prefix: string
  /**
   * Up: every connection that was needed answers, and what was subscribed is. Degraded: some do not. Down: none does.
   * Begins with the present, then every change.
   */
  readonly status: Stream.Stream<Client.Status>
  /**
   * Runs commands of one's own on the shared command connection, within `commandTimeout` altogether: never subscribe or
   * block on it, and do not keep the client, for it is replaced with its connection. `client` is ioredis' Redis, or, on
   * a cluster, a Cluster of its own. What Redis refuses is a BackendError; what else the promise is rejected with is a
   * defect.
   */
  readonly use: <A>(
    operation: string,
    f: (client: Ioredis.Redis | Ioredis.Cluster) => Promise<A>
  ) => Effect.Effect<A, BackendError>
  /** For the stores of this package. */
  readonly [ConnectionTypeId]: Connection
}

export class RedisClient extends Context.Service<RedisClient, Service>()("@troupe/redis-live/RedisClient") {}

const make = (options: RedisOptions): Layer.Layer<RedisClient, BackendError> =>
  Layer.effect(
    RedisClient,
    Effect.gen(function* () {
      const settings = yield* Settings.make(options)
      const { connection, status, use } = yield* Client.make(Ioredis, settings)
      return RedisClient.of({ prefix: connection.keyPrefix, status, use, [ConnectionTypeId]: connection })
    })
  )

const withoutOptions = make({})

/**
 * Probes the server when built: refused or silent is Unavailable, a wrong password Unauthenticated, a bad option
 * Misconfigured; afterwards it survives everything. Without options always the same Layer value.
 */
export const layer = (options?: RedisOptions): Layer.Layer<RedisClient, BackendError> =>
  options === undefined ? withoutOptions : make(options)

export const layerConfig = (
  options: Config.Wrap<RedisOptions>
): Layer.Layer<RedisClient, BackendError | Config.ConfigError> =>
  Layer.unwrap(Effect.map(Config.unwrap(options), (options) => make(options)))
