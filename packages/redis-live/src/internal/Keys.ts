/**
 * Every key and channel of Troupe on Redis, in one place. `P` is the connection's `keyPrefix` (encoded prefix and
 * database), names are encoded, and everything that one script touches shares one hash tag. No brace and no colon of a
 * user's name ever reaches a key.
 *
 * | service      | keys                                                                                                |
 * | ------------ | --------------------------------------------------------------------------------------------------- |
 * | PubSub       | `P:{ps:n}:log` stream · `:meta` hash · channel `P:{ps:n}`                                            |
 * | PeerRegistry | `P:{peers}:meta` · `:records` · `:due` · `:names` · `:grave` · `:changes` · `:leaders` · channel `P:{peers}` |
 */
import * as Name from "@troupe/core/Name"

/** What every key begins with: the prefix, and the database, for channels know none. */
export const prefix = (name: string, database: number): string => `${Name.encode(name)}:${database}`

/** A channel of PubSub by its name. */
export const pubsub = (prefix: string) => {
  const head = `${prefix}:{ps:`
  const channel = (name: string): string => `${head}${Name.encode(name)}}`
  return {
    log: (name: string): string => `${channel(name)}:log`,
    meta: (name: string): string => `${channel(name)}:meta`,
    /** The shard channel of its frames. */
    channel,
    /** The name that `channel` was given, or undefined for what it never makes. */
    nameOf: (channel: string): string | undefined =>
      channel.startsWith(head) && channel.endsWith("}") ? Name.decode(channel.slice(head.length, -1)) : undefined
  }
}

/** The one registry of a prefix: what each key holds is said in lua/PeerRegistry/beat.lua and terms.lua. */
export const peers = (prefix: string) => {
  const channel = `${prefix}:{peers}`
  return {
    meta: `${channel}:meta`,
    records: `${channel}:records`,
    due: `${channel}:due`,
    names: `${channel}:names`,
    grave: `${channel}:grave`,
    changes: `${channel}:changes`,
    leaders: `${channel}:leaders`,
    channel
  }
}
