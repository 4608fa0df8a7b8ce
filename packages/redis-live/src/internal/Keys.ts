/**
 * Every key and channel of Troupe on Redis, in one place. `P` is the connection's `keyPrefix` (encoded prefix and
 * database), names are encoded, and everything that one script touches shares one hash tag. No brace and no colon of a
 * user's name ever reaches a key.
 *
 * | service      | keys                                                                                                |
 * | ------------ | --------------------------------------------------------------------------------------------------- |
 * | PubSub       | `P:{ps:n}:log` stream · `:meta` hash · channel `P:{ps:n}`                                            |
 * | PeerRegistry | `P:{peers}:beats` · `:records` · `:names` · `:meta` · `:events` · `:grave` · `:leader:n` · `P:{peers}` |
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

/** The one registry of a prefix. */
export const peers = (prefix: string) => {
  const tag = `${prefix}:{peers}`
  return {
    /** Sorted set: id → last beat. */
    beats: `${tag}:beats`,
    /** Hash: id → record. */
    records: `${tag}:records`,
    /** Hash: name → id. */
    names: `${tag}:names`,
    /** Hash: epoch, version, tick, judgeFrom. */
    meta: `${tag}:meta`,
    /** Stream. */
    events: `${tag}:events`,
    /** Sorted set of the gone that are still to be swept. */
    grave: `${tag}:grave`,
    /** Hash: who leads, until when, with which fence. */
    leader: (name: string): string => `${tag}:leader:${Name.encode(name)}`,
    channel: tag
  }
}
