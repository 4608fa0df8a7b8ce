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
import * as Redis from "effect/persistence/Redis"
import type * as Redacted from "effect/Redacted"
import type * as Stream from "effect/Stream"
import * as Ioredis from "ioredis"
import * as Client from "./internal/Client.ts"
import { type Connection, ConnectionTypeId } from "./internal/Connection.ts"
import * as Persistence from "./internal/Persistence.ts"
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

/**
 * effect's own `Redis` service on these connections, for its `Persistence`, `PersistedCache`, `PersistedQueue`,
 * `RateLimiter` and `CircuitBreaker`, which effect calls unstable. Building it sends nothing. Every failure is a
 * `RedisError` whose `cause` is a `BackendError`, with its reason and its outcome.
 *
 * **Keys go out as they are given**, without `prefix`: effect's modules compute keys inside scripts and read names back
 * with `KEYS` and `SCAN`. Give each module a prefix or a store id of your own (`` `${client.prefix}:queue:` ``), else
 * two applications on one database meet; databases of one server are apart, but for channels.
 *
 * - `send` and `eval`: one round trip on the command connection, a script's first call on a server two; each within
 *   `commandTimeout`. What would hold or change that connection (BLPOP, MULTI, SELECT …) is refused with
 *   `Misconfigured`, unsent. Interrupted before it was written it is never sent.
 * - `reserve`: a connection of the caller's own while the scope lasts, 10 at the most, each opened when it is wanted (four
 *   commands) and closed after a minute unused. 100 callers wait, for up to `commandTimeout`, then `CapacityExceeded`. A
 *   blocking command has its own timeout on top of `commandTimeout`. One on which a command failed or is under way, that
 *   is inside MULTI or WATCH, or was changed by SELECT and the like, is closed and not given on. One that is lost fails
 *   what is asked of it: reserve again. SUBSCRIBE and its kind are refused here too.
 * - `subscribe`: plain channels, as PUBLISH reaches them, on one connection for all; one SUBSCRIBE for all subscribers of
 *   a channel here. The dequeue fails where the first subscription does, or when 4,096 messages wait in it. A lost
 *   connection is subscribed again, and what was published meanwhile is lost without a word: effect's dequeue knows no
 *   gap. Where that matters, use `PubSub` of `@troupe/core`.
 *
 * Not on a Cluster, where it dies with `Misconfigured` when it is built: `PersistedQueue`, `getMany`, `setMany` and
 * `clear` of `Persistence`, and the token bucket of `RateLimiter` reach several slots at once.
 */
export const layerPersistence: Layer.Layer<Redis.Redis, never, RedisClient> = Layer.effect(
  Redis.Redis,
  Effect.flatMap(RedisClient, (client) => Persistence.make(client[ConnectionTypeId]))
)
