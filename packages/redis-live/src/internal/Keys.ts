/**
 * Every key and channel of Troupe on Redis, in one place. `P` is the connection's `keyPrefix` (encoded prefix and
 * database), names are encoded, and everything that one script touches shares one hash tag. No brace and no colon of a
 * user's name ever reaches a key.
 *
 * | service      | keys                                                                                                |
 * | ------------ | --------------------------------------------------------------------------------------------------- |
 * | PubSub       | `P:{ps:n}:log` stream · `:meta` hash · channel `P:{ps:n}`                                            |
 * | PeerRegistry | `P:{peers}:meta` · `:records` · `:due` · `:names` · `:grave` · `:changes` · `:leaders` · channel `P:{peers}` |
 * | TaskQueue    | `P:{task:n}` followed by what is said below; a channel is `P:{task:n}:<rest>`, rest being a claimer, `@peer`, `!ends` or `!events` |
 * | Cache        | `P:{c:n:<part>}:v:<key>` value · `:l:<key>` lease of a load · `:t:<tag>` token · `:meta` hash · channel `P:{c:n:<part>}` of loads |
 * |              | `P:{locks:<part>}:held` hash · `:until` sorted set · `:meta` hash · channel `P:{locks:<part>}` of what is given back |
 * | Chat         | `P:{room:n}` followed by what is said below, which is the channel of its frames, too · `P:{rooms}` the index of all |
 * | Mailbox      | `P:{mail:n:c}:letters` stream · `:meta` hash, of a client's box; c is the client · channel `P:{mail:n:c}`       |
 * | Stats        | `P:{stats}` followed by what is said below                                                           |
 *
 * Of a queue the scripts are given `P:{task:n}` alone, and derive:
 *
 * | key                     | what                                                                                       |
 * | ----------------------- | ------------------------------------------------------------------------------------------ |
 * | `:tasks`                | hash: number -> record (lua/TaskQueue/parts/record.lua). Whoever is in it exists             |
 * | `:ids`                  | hash: given id -> number, after the task's end "number until"                                |
 * | `:ready:<lane>`         | list of numbers, in which some may stand for nothing any more                                |
 * | `:front:<lane>`         | sorted set: what stands before the list, by number                                           |
 * | `:suspect:<lane>`       | sorted set: what two peers have died over, by number                                         |
 * | `:delayed`              | sorted set: "number lane" by when it is due; numbers have 16 digits                          |
 * | `:claimed:<claimer>`    | hash: number -> letter and fence: r runs, a claimed ahead, c cancelled; `!<ms>` behind it: taken away then |
 * | `:leases`               | sorted set: claimers that hold something, by when their lease is over                        |
 * | `:attempts`             | hash: number -> "attempts crashes", where there are any                                      |
 * | `:errors`               | hash: number -> reason of its death or nothing, LF, its last error                           |
 * | `:dead`                 | sorted set: numbers of 16 digits by when they died                                           |
 * | `:unique`               | hash: key -> "number id", after its end "number id until"                                    |
 * | `:running:<key>`        | hash: number -> claimer, of those that have a place                                          |
 * | `:waiting:<key>`        | sorted set: those that wait for a place, by number                                           |
 * | `:starts`               | sorted set: fences by when they were claimed, where there is a rate                          |
 * | `:names`                | sorted set: peers for whom something waits, by when they last worked                         |
 * | `:idle`                 | sorted set: claimers that got less than they asked for, by since when                        |
 * | `:results`              | hash: number -> "until kind enqueued", LF, answer; C completed, F failed, X cancelled        |
 * | `:expiring`             | sorted set by when it is over: i id, u unique key, r result, s sender's memo, t starts, c schedule |
 * | `:progress`             | hash: number -> text                                                                         |
 * | `:cancelled`            | hash: number -> claimer, of those that are cancelled and still held                          |
 * | `:schedules`            | hash: id -> "last slot, since when its definition counts, number of its last task, fingerprint" |
 * | `:meta`                 | hash: format, next, life, fence, paused, awaited, watched, pushed, run, tick, judge, =sender or claimer its last step |
 *
 * Of a room they are given `P:{room:n}`, and derive:
 *
 * | key                     | what                                                                                       |
 * | ----------------------- | ------------------------------------------------------------------------------------------ |
 * | `:log`                  | stream, an entry a step: sequence of its first text -> h "epoch at publisher", d texts as core's ChatStore writes them, a line each, c how many, n number of the first word |
 * | `:words`                | stream of the same of the words that the history keeps, an entry for those that follow each other; k how many it had kept before |
 * | `:keys`                 | sorted set: "who said it, dedupe key" by the sequence of that word                           |
 * | `:members`              | hash: id -> "ref peer name joined details"; ! and its reason for a ref: its Left is held back  |
 * | `:leaving`              | sorted set: ids of those by when it is due                                                   |
 * | `:of:<peer>`            | sorted set: its open memberships, "id ref", by the sequence that they began with              |
 * | `:peers`                | set: peers that have such                                                                    |
 * | `:fenced`               | sorted set: peers that may not join or speak, by since when                                  |
 * | `:meta`                 | hash: format, epoch, run, sequence, at, past, exists, since, sinceAt, words, kept, grace      |
 *
 * Of the index of rooms they are given `P:{rooms}`, and derive:
 *
 * | key                     | what                                                                                       |
 * | ----------------------- | ------------------------------------------------------------------------------------------ |
 * | `:all`                  | sorted set: rooms by name                                                                    |
 * | `:stamps`               | hash: room -> number of its listing, ms                                                      |
 * | `:of:<peer>`            | set: rooms that it has, or will have, places in                                              |
 * | `:peers`                | set: peers that have such                                                                    |
 * | `:gone`                 | sorted set: peers that may enter no more, by since when                                      |
 * | `:meta`                 | hash: format, life, run, floor                                                               |
 *
 * Of Stats they are given `P:{stats}`, and derive:
 *
 * | key                     | what                                                                                       |
 * | ----------------------- | ------------------------------------------------------------------------------------------ |
 * | `:totals`               | hash: name -> sum of the cluster                                                             |
 * | `:1m:<n>`, `:1h:<n>`    | hash: name -> sum of the minute, the hour, that is so many of them after 1970                |
 * | `:buckets`              | sorted set: those buckets, as `:1m:<n>`, by when they are kept no longer                     |
 * | `:senders`              | hash: sender -> "number name": its last batch, its peer                                      |
 * | `:known`                | sorted set: senders by when they will be forgotten                                           |
 * | `:live`                 | sorted set: senders by when they are taken for live no longer                                |
 * | `:sums:<sender>`        | hash: name -> what a live one has counted since it came                                      |
 * | `:gauges:<sender>`      | hash: name -> value, as it wrote it                                                          |
 * | `:resets`               | sorted set: names by the number of their last reset, µs                                      |
 * | `:meta`                 | hash: format, life, reset                                                                    |
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

/** The queues of TaskQueue. */
export const tasks = (prefix: string) => {
  const head = `${prefix}:{task:`
  return {
    /** What all keys of a queue begin with. */
    queue: (name: string): string => `${head}${Name.encode(name)}}`,
    /** What a queue that has data always has. */
    meta: (name: string): string => `${head}${Name.encode(name)}}:meta`,
    /** The shard channel for one that core's TaskQueueStore names: `<encoded queue>:<rest>`. */
    channel: (name: string): string => {
      const end = name.indexOf(":")
      return `${head}${name.slice(0, end)}}${name.slice(end)}`
    },
    /** What `channel` was given, or undefined for what it never makes. */
    nameOf: (channel: string): string | undefined => {
      const end = channel.indexOf("}:", head.length)
      return channel.startsWith(head) && end >= 0 ? channel.slice(head.length, end) + channel.slice(end + 1) : undefined
    }
  }
}

/** The regions and locks of Cache: what each key holds is said in lua/Cache/parts, by ground, tags, value, lease and locks. */
export const cache = (prefix: string, parts: number) => {
  const head = `${prefix}:{c:`
  const lockHead = `${prefix}:{locks:`
  const locks = (part: number): string => `${lockHead}${part}}`
  const part = (region: string, part: number): string => `${head}${Name.encode(region)}:${part}}`
  return {
    /** All parts of a region. */
    parts: Array.from({ length: parts }, (_, part) => part),
    /** Where an encoded key lies, of 32 parts at most: FNV-1a, and a last step of murmur3 that has the last character count as much. */
    partOf: (key: string): number => {
      if (parts === 1) return 0
      let hash = 0x811c9dc5
      for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
      return (Math.imul(hash ^ (hash >>> 16), 0x85ebca6b) >>> 27) % parts
    },
    /** What all keys of a part begin with, and the shard channel of its loads. */
    part,
    /** What all keys of a region begin with, and those of no other. */
    region: (region: string): string => `${head}${Name.encode(region)}:`,
    /** What a part that has data always has. */
    meta: (region: string, of: number): string => `${part(region, of)}:meta`,
    /** What the keys of a part's values begin with. */
    values: (region: string, of: number): string => `${part(region, of)}:v:`,
    /** The part of one of a region's keys, and what stands behind that. */
    split: (region: string, key: string): readonly [part: number, rest: string] => {
      const start = head.length + Name.encode(region).length + 1
      const end = key.indexOf("}:", start)
      return [Number(key.slice(start, end)), key.slice(end + 2)]
    },
    /** What all keys of a part of the locks begin with, and the shard channel of those that are given back. */
    locks,
    /** What a part of the locks that has data always has. */
    locksMeta: (of: number): string => `${locks(of)}:meta`,
    /** The shard channel for one that core's CacheStore names: `<encoded region>:<part>`, or `!locks:<part>`. */
    channel: (name: string): string => (name.startsWith("!") ? `${prefix}:{${name.slice(1)}}` : `${head}${name}}`),
    /** What `channel` was given, or undefined for what it never makes. */
    nameOf: (channel: string): string | undefined =>
      !channel.endsWith("}")
        ? undefined
        : channel.startsWith(head)
          ? channel.slice(head.length, -1)
          : channel.startsWith(lockHead)
            ? `!${channel.slice(prefix.length + 2, -1)}`
            : undefined
  }
}

/** The boxes of Mailbox, by the name that core's MailboxStore gives their channels: `<encoded box>:<encoded client>`. */
export const mailbox = (prefix: string) => {
  const head = `${prefix}:{mail:`
  const channel = (name: string): string => `${head}${name}}`
  return {
    box: (name: string) => ({
      letters: `${channel(name)}:letters`,
      meta: `${channel(name)}:meta`,
      channel: channel(name)
    }),
    /** The shard channel of a box. */
    channel,
    /** What `channel` was given, or undefined for what it never makes. */
    nameOf: (channel: string): string | undefined =>
      channel.startsWith(head) && channel.endsWith("}") ? channel.slice(head.length, -1) : undefined
  }
}

/** The one table of sums of a prefix. */
export const stats = (prefix: string) => ({
  /** What all its keys begin with. */
  stats: `${prefix}:{stats}`,
  /** What it always has where it has data. */
  meta: `${prefix}:{stats}:meta`
})

/** The rooms of Chat, and the index of them. */
export const rooms = (prefix: string) => {
  const head = `${prefix}:{room:`
  const index = `${prefix}:{rooms}`
  const room = (name: string): string => `${head}${Name.encode(name)}}`
  return {
    /** What all keys of a room begin with, and the shard channel of its frames. */
    room,
    /** What a room, or the log that one has left, always has. */
    meta: (name: string): string => `${room(name)}:meta`,
    /** The name that `room` was given, or undefined for what it never makes. */
    nameOf: (channel: string): string | undefined =>
      channel.startsWith(head) && channel.endsWith("}") ? Name.decode(channel.slice(head.length, -1)) : undefined,
    /** What all keys of the index begin with, and what it always has where it has data. */
    index: { index, meta: `${index}:meta` }
  }
}
