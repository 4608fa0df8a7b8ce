/** What the stores of this package use of a RedisClient, and applications do not: typed script calls and links. */
import type { BackendError } from "@troupe/core/BackendError"
import type { Link, Listener } from "@troupe/core/Link"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Script } from "./Script.ts"
import type { KeyListener, KeyWatch } from "./Tracking.ts"

/** Which connection a call takes: `beat` is kept free for heartbeats, so that nothing queued ahead delays one. */
export type Role = "command" | "beat"

export interface Call<Keys, Args> {
  readonly service: string
  readonly operation: string
  readonly keys: Keys
  readonly args: Args
  /** Default "command". */
  readonly role?: Role | undefined
  /** Gives up after this long, ms, where that is before the connection's `commandTimeoutMs`, and has the connection replaced. */
  readonly patienceMs?: number | undefined
}

export interface Connection {
  /** `encode(prefix):db`, the `P` that every key and channel begins with. */
  readonly keyPrefix: string
  /** No call outlives this, in ms. */
  readonly commandTimeoutMs: number
  /** How often the position of a quiet channel is compared with the server's, in ms. */
  readonly positionCheckMs: number
  /** One script then reaches one slot only. */
  readonly isCluster: boolean
  /**
   * Runs one script: EVALSHA, on NOSCRIPT once EVAL. Passes the world's wire, which also gives the script its time.
   * Interrupted before it was written it is never sent; interrupted later its effect is there or not. A reply that the
   * script's `decode` throws at fails with `CorruptData`.
   */
  readonly call: <Keys, Args, Reply>(
    script: Script<Keys, Args, Reply>,
    call: Call<Keys, Args>
  ) => Effect.Effect<Reply, BackendError>
  /** SPUBLISH to the channel, whose name is a whole one as Keys makes it. */
  readonly publish: (
    service: string,
    operation: string,
    channel: string,
    payload: string
  ) => Effect.Effect<void, BackendError>
  /**
   * The server that has a key, as far as is known: the same object for all keys of one. In worlds, too, where a link's
   * `place` says nothing.
   */
  readonly place: (key: string) => object
  /** A link on the shared subscriber: SSUBSCRIBE at the slot's owner. Channel names are whole ones as Keys makes them. */
  readonly link: (service: string, listener: Listener) => Effect.Effect<Link, never, Scope.Scope>
  /** Keys that change, by what they begin with: over connections of their own, opened when first asked. */
  readonly watch: (
    service: string,
    prefix: string,
    listener: KeyListener
  ) => Effect.Effect<KeyWatch, never, Scope.Scope>
  /**
   * One command as it is given, on the command connection, past every store. `source` is the text of the script whose
   * hash an EVALSHA begins with. What would hold or change the connection is refused, and nothing is sent.
   */
  readonly command: (
    command: string,
    args: ReadonlyArray<string>,
    source?: string
  ) => Effect.Effect<unknown, BackendError>
  /** A link to plain channels, which PUBLISH reaches: SUBSCRIBE on the shared listener. Names go out as they are. */
  readonly listen: (service: string, listener: Listener) => Effect.Effect<Link, never, Scope.Scope>
  /** Connections of their own for whoever asks: opened when asked for, all closed with the scope. Not on a cluster. */
  readonly pool: Effect.Effect<Reserve, never, Scope.Scope>
  /** Real time goes by. */
  readonly pause: (ms: number) => Effect.Effect<void>
  /** Done when everything published before it has been delivered: nothing older comes later. For worlds. */
  readonly barrier: Effect.Effect<void>
}

/** A connection that is the caller's own while the scope lasts (Pool). Its blocking commands have their own time on top. */
export type Reserve = Effect.Effect<Pick<Connection, "command">, BackendError, Scope.Scope>

/** Where a RedisClient service keeps it. */
export const ConnectionTypeId = "~@troupe/redis-live/Connection" as const
