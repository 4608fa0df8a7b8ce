/**
 * What stands between a peer and its backend. In production nothing does: the default lets everything through.
 *
 * A world (`@troupe/testkit/World`) gives each of its peers a wire of its own, through which it decides the order of
 * requests, cuts peers off, loses answers, and gives the server its time. A backend asks it in three places: around
 * every request, before every push, and for the time a script works with.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { BackendError } from "./BackendError.ts"

/** One request to the backend, as a world sees it. */
export interface Request {
  /** For errors: which call of which service waits for it. */
  readonly service: string
  readonly operation: string
  /** False for what frees, ends or keeps alive: a full server refuses the others (promise T17). */
  readonly adds: boolean
}

/** The server as a world plays it; in production the server itself is asked. */
export interface Server {
  /** Milliseconds since 1970, whole. */
  readonly now: () => number
  /** Differs after every loss of data, as a Redis server's run id does. */
  readonly run: () => string
}

export interface Wire {
  readonly server: Server | undefined
  /** Sends one request and gives its answer. */
  readonly send: <A, E, R>(request: Request, effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | BackendError, R>
  /** Lets one push of the server through to the peer, or keeps it, or drops it. Keeps the order. */
  readonly push: (deliver: () => void) => void
  /** Calls `down` whenever the world ends this peer's connections; returns how to stop it. */
  readonly onDown: (down: () => void) => () => void
}

/** Nothing in between. */
export const open: Wire = {
  server: undefined,
  send: (_, effect) => effect,
  push: (deliver) => deliver(),
  onDown: () => () => {}
}

/** Set by worlds alone. */
export const Wire: Context.Reference<Wire> = Context.Reference("@troupe/core/Wire", { defaultValue: () => open })
