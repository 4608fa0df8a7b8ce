/** A world's own connections to every server that holds data, beside those of the peers: for faults, and for looking. */
import { Cluster, Redis } from "ioredis"

export type At =
  | { readonly url: string }
  | { readonly cluster: ReadonlyArray<{ readonly host: string; readonly port: number }> }

export interface Primaries {
  /** What every key under the prefix holds, by the key without the prefix. */
  readonly dump: () => Promise<ReadonlyMap<string, Buffer>>
  /** Makes that all there is. */
  readonly restore: (dumps: ReadonlyMap<string, Buffer>) => Promise<void>
  /** The fields of the hashes under the prefix that are meant. */
  readonly hkeys: (which: (key: string) => boolean) => Promise<ReadonlyArray<string>>
  readonly hset: (which: (key: string) => boolean, field: string, value: string) => Promise<void>
  readonly remove: (which: (key: string) => boolean) => Promise<void>
  readonly removeAll: () => Promise<void>
  /** Subscriptions to channels under the prefix. */
  readonly subscriptions: () => Promise<number>
  readonly disconnect: () => void
}

/** How often a count is compared with the one before, ms: a connection that was closed takes the server a moment. */
const lookAgainMs = 5

export const connect = async (at: At, prefix: string): Promise<Primaries> => {
  const head = `${prefix}:`
  const client =
    "url" in at ? new Redis(at.url, { lazyConnect: true }) : new Cluster([...at.cluster], { lazyConnect: true })
  await client.connect()
  const nodes = (): ReadonlyArray<Redis> => (client instanceof Cluster ? client.nodes("master") : [client])

  const keys = async (): Promise<ReadonlyArray<string>> => {
    const found = new Set<string>()
    for (const node of nodes()) {
      for await (const batch of node.scanStream({ match: `${head}*`, count: 1000 }))
        for (const key of batch) found.add(key)
    }
    return [...found]
  }
  const remove = async (which: (key: string) => boolean): Promise<void> => {
    const doomed = (await keys()).filter((key) => which(key.slice(head.length)))
    await Promise.all(doomed.map((key) => client.unlink(key)))
  }
  const count = async (): Promise<number> => {
    let sum = 0
    for (const node of nodes()) {
      for (const [list, number] of [
        ["CHANNELS", "NUMSUB"],
        ["SHARDCHANNELS", "SHARDNUMSUB"]
      ] as const) {
        const channels = await node.call("PUBSUB", list, `${head}*`)
        if (!Array.isArray(channels) || channels.length === 0) continue
        const counts = await node.call("PUBSUB", number, ...channels)
        if (Array.isArray(counts)) for (let i = 1; i < counts.length; i += 2) sum += Number(counts[i])
      }
    }
    return sum
  }
  return {
    dump: async () => {
      const dumps = new Map<string, Buffer>()
      await Promise.all(
        (await keys()).map(async (key) => {
          const dump: Buffer | null = await client.dumpBuffer(key)
          if (dump !== null) dumps.set(key.slice(head.length), dump)
        })
      )
      return dumps
    },
    restore: async (dumps) => {
      await remove((key) => !dumps.has(key))
      await Promise.all([...dumps].map(([key, dump]) => client.restore(head + key, 0, dump, "REPLACE")))
    },
    hkeys: async (which) => {
      const meant = (await keys()).filter((key) => which(key.slice(head.length)))
      return (await Promise.all(meant.map((key) => client.hkeys(key)))).flat()
    },
    hset: async (which, field, value) => {
      const meant = (await keys()).filter((key) => which(key.slice(head.length)))
      await Promise.all(meant.map((key) => client.hset(key, field, value)))
    },
    remove,
    removeAll: () => remove(() => true),
    subscriptions: async () => {
      let last = await count()
      while (true) {
        await new Promise((resolve) => setTimeout(resolve, lookAgainMs))
        const now = await count()
        if (now === last) return now
        last = now
      }
    },
    disconnect: () => client.disconnect()
  }
}
