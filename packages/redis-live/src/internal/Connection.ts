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
  /** Done when everything published before it has been delivered: nothing older comes later. For worlds. */
  readonly barrier: Effect.Effect<unknown>
}

/** Where a RedisClient service keeps it. */
export const ConnectionTypeId = "~@troupe/redis-live/Connection" as const
