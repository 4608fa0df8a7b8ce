/** A Redis Cluster of three primaries with a replica each, from `redis-server` on PATH: loopback ports, nothing kept. */
import { ask, freePorts, until } from "./ask.ts"
import { type Server, startServer, wasFaster } from "./server.ts"

export interface Address {
  readonly host: string
  readonly port: number
}

export interface Cluster {
  /** Where to connect: the three primaries first, as they were at the start, then the replica of each. */
  readonly nodes: ReadonlyArray<Address>
  /** The processes behind `nodes`, in the same order; none where the cluster runs in a container. */
  readonly servers: ReadonlyArray<Server>
  readonly stop: () => Promise<void>
}

const primaries = 3

/** Arguments that make a server a node. The bus has a port of its own: a free port plus 10000 is often no port at all. */
export const nodeArgs = (host: string, port: number, busPort: number): ReadonlyArray<string> =>
  [
    "--cluster-enabled yes",
    `--cluster-config-file nodes-${port}.conf`,
    "--cluster-node-timeout 3000",
    `--cluster-port ${busPort}`,
    `--cluster-announce-ip ${host}`,
    "--repl-diskless-sync-delay 0"
  ].flatMap((line) => line.split(" "))

/** Makes six empty nodes one cluster: slots by thirds, and node n + 3 the replica of node n. */
export const join = async (nodes: ReadonlyArray<Address & { readonly busPort: number }>): Promise<void> => {
  const all = (what: string, holds: (node: Address) => Promise<boolean>) =>
    until(what, async () => (await Promise.all(nodes.map(holds))).every(Boolean))
  // A server in the background answers some time after the call that started it has returned.
  await all("the nodes answer", async (node) => (await ask(node, "PING")) === "PONG")
  const ids = await Promise.all(nodes.map((node) => ask(node, "CLUSTER", "MYID")))

  await Promise.all(nodes.map((node, i) => ask(node, "CLUSTER", "SET-CONFIG-EPOCH", `${i + 1}`)))
  await Promise.all(
    nodes.slice(0, primaries).map((node, i) => {
      const [first, last] = [i, i + 1].map((third) => Math.round((16384 * third) / primaries))
      return ask(node, "CLUSTER", "ADDSLOTSRANGE", `${first}`, `${last! - 1}`)
    })
  )
  // Everyone meets everyone: gossip alone would take seconds.
  for (const node of nodes)
    for (const other of nodes)
      if (other !== node) await ask(node, "CLUSTER", "MEET", other.host, `${other.port}`, `${other.busPort}`)
  await all("the nodes know each other", async (node) => {
    const known = await ask(node, "CLUSTER", "NODES")
    return ids.every((id) => known.includes(id)) && !known.includes("handshake")
  })
  await Promise.all(nodes.slice(primaries).map((node, i) => ask(node, "CLUSTER", "REPLICATE", ids[i]!)))
  await all("the cluster is whole", async (node) => {
    const [info, known, replication] = await Promise.all([
      ask(node, "CLUSTER", "INFO"),
      ask(node, "CLUSTER", "NODES"),
      ask(node, "INFO", "replication")
    ])
    return (
      info.includes("cluster_state:ok") &&
      known.split("\n").filter((line) => /\bslave\b/.test(line)).length === nodes.length - primaries &&
      (replication.includes("master_link_status:up") || /connected_slaves:1\b/.test(replication))
    )
  })
}

/** Starts a cluster of servers of our own and returns once it is whole. About two seconds. */
export const startCluster = async (
  options: { readonly args?: ReadonlyArray<string> } = {},
  tries = 5
): Promise<Cluster> => {
  const ports = await freePorts(primaries * 4)
  const started = await Promise.allSettled(
    ports.slice(0, primaries * 2).map(async (port, i) => {
      const busPort = ports[i + primaries * 2]!
      const args = [...nodeArgs("127.0.0.1", port, busPort), ...(options.args ?? [])]
      return Object.assign(await startServer({ port, args }), { busPort })
    })
  )
  const servers = started.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []))
  const stop = async () => void (await Promise.all(servers.map((server) => server.stop())))
  try {
    for (const result of started) if (result.status === "rejected") throw result.reason
    await join(servers)
  } catch (error) {
    await stop()
    if (tries > 1 && wasFaster(error)) return startCluster(options, tries - 1)
    throw error
  }
  return { nodes: servers.map(({ host, port }) => ({ host, port })), servers, stop }
}
