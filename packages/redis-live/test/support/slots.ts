/** Slots of a cluster: who has one, and moving it. */
import * as Effect from "effect/Effect"
import type { Address, Cluster } from "../../../../scripts/redis.ts"
import { ask } from "../../../../scripts/redis/ask.ts"

/** Moves a slot as an operator does, with its keys one by one, from its owner to another. */
export const move = (slot: number, from: Address, to: Address, pauseMs: number) =>
  Effect.promise(async () => {
    const [source, target] = await Promise.all([ask(from, "CLUSTER", "MYID"), ask(to, "CLUSTER", "MYID")])
    await ask(to, "CLUSTER", "SETSLOT", `${slot}`, "IMPORTING", source)
    await ask(from, "CLUSTER", "SETSLOT", `${slot}`, "MIGRATING", target)
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
      const key = await ask(from, "CLUSTER", "GETKEYSINSLOT", `${slot}`, "1")
      if (key === "") break
      await ask(from, "MIGRATE", to.host, `${to.port}`, key, "0", "5000")
    }
    await ask(to, "CLUSTER", "SETSLOT", `${slot}`, "NODE", target)
    await ask(from, "CLUSTER", "SETSLOT", `${slot}`, "NODE", target)
  })

/** Which of the cluster's nodes has it, as one of them says. */
export const ownerOf = async (cluster: Cluster, slot: number, asked = 0): Promise<number> => {
  const nodes = await ask(cluster.nodes[asked]!, "CLUSTER", "NODES")
  const line = nodes.split("\n").find((line) =>
    line
      .split(" ")
      .slice(8)
      .some((range) => {
        const [from = "", to = from] = range.split("-")
        return /^\d+$/.test(from) && Number(from) <= slot && slot <= Number(to)
      })
  )
  const port = Number(/:(\d+)@/.exec(line ?? "")?.[1])
  return cluster.nodes.findIndex((node) => node.port === port)
}
