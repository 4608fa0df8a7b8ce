/** Every interval of the connections, in one place: nobody sets it but tests, which shorten it. All in milliseconds. */
import * as Context from "effect/Context"

export interface Timing {
  /** Opening a connection: this long for TCP and TLS, and again for the server's answers to who we are. */
  readonly connectTimeout: number
  /** Pause before a connection is opened anew: full jitter from the first bound to the second. */
  readonly backoffBase: number
  readonly backoffCap: number
  /** Pause after the server refused our name or password. */
  readonly refusedPause: number
  /** A connection that lived this long was a good one: the pauses begin anew. */
  readonly steadyAfter: number
  /** The subscriber is asked this often, with this deadline, whether it hears and what it is subscribed to. */
  readonly probeInterval: number
  readonly probeDeadline: number
  /** How often a cluster is asked who owns which slots: always, and while an owner is away. */
  readonly topologyInterval: number
  readonly topologyUrgent: number
  /** Pause before a call that met TRYAGAIN is sent again. */
  readonly tryAgainPause: number
  /** How often the position of a quiet channel is compared with the server's, and Chat looks whether a server has forgotten something. */
  readonly positionCheck: number
  /** A reserved connection that nobody wanted for so long is closed. */
  readonly reservedIdle: number
}

export const defaults: Timing = {
  connectTimeout: 1_000,
  backoffBase: 50,
  backoffCap: 1_000,
  refusedPause: 1_000,
  steadyAfter: 1_000,
  probeInterval: 5_000,
  probeDeadline: 2_000,
  topologyInterval: 15_000,
  topologyUrgent: 500,
  tryAgainPause: 50,
  positionCheck: 30_000,
  reservedIdle: 60_000
}

export const Timing: Context.Reference<Timing> = Context.Reference("@troupe/redis-live/Timing", {
  defaultValue: () => defaults
})
