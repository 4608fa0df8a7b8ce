/** The same servers from a Docker engine, through testcontainers. They answer like any other; no signal reaches them. */
import type { StartedTestContainer } from "testcontainers"
import { freePorts } from "./ask.ts"
import { type Address, type Cluster, join, nodeArgs } from "./cluster.ts"
import { defaults } from "./server.ts"

const image = () => process.env["TROUPE_REDIS_IMAGE"] ?? "redis:8"

// Loaded only when a container is wanted: it is large.
const testcontainers = () => import("testcontainers")

/** Whether an engine answers and has the image, or can fetch it. */
export const canPull = async (): Promise<boolean> => {
  const { getContainerRuntimeClient, ImageName } = await testcontainers()
  const engine = await getContainerRuntimeClient().catch(() => undefined)
  if (engine === undefined) return false
  const name = ImageName.fromString(image())
  try {
    if (!(await engine.image.exists(name))) await engine.image.pull(name)
    return true
  } catch (error) {
    console.log(`Docker answers, but has no ${image()}: ${(error as Error).message}`)
    return false
  }
}

const open = ["--protected-mode", "no", ...defaults]

export const startContainer = async (): Promise<Address & { readonly stop: () => Promise<void> }> => {
  const { GenericContainer, Wait } = await testcontainers()
  const container = await new GenericContainer(image())
    .withCommand(["redis-server", ...open])
    .withExposedPorts(6379)
    .withWaitStrategy(Wait.forLogMessage(/Ready to accept connections/))
    .start()
  return { host: container.getHost(), port: container.getMappedPort(6379), stop: () => end(container) }
}

const end = async (container: StartedTestContainer): Promise<void> => void (await container.stop({ timeout: 0 }))

/**
 * Six servers in one container. Each port has the same number inside and outside, and nodes announce the address that
 * the engine publishes them at, so that one address is true for clients and nodes alike.
 */
export const startContainerCluster = async (): Promise<Cluster> => {
  const { GenericContainer, Wait, getContainerRuntimeClient } = await testcontainers()
  const engine = (await getContainerRuntimeClient()).info.containerRuntime.host
  const host = engine === "localhost" ? "127.0.0.1" : engine
  const ports = await freePorts(12)
  const nodes = ports.slice(0, 6).map((port, i) => ({ host, port, busPort: ports[i + 6]! }))
  const command = ({ port, busPort }: { readonly port: number; readonly busPort: number }) => [
    "redis-server",
    "--port",
    `${port}`,
    ...open,
    ...nodeArgs(host, port, busPort)
  ]
  const container = await new GenericContainer(image())
    .withCommand(command(nodes[0]!))
    .withExposedPorts(...ports.map((port) => ({ container: port, host: port })))
    .withWaitStrategy(Wait.forLogMessage(/Ready to accept connections/))
    .start()
  try {
    for (const node of nodes.slice(1)) {
      const { exitCode, output } = await container.exec([...command(node), "--daemonize", "yes"])
      if (exitCode !== 0) throw new Error(`redis-server in the container: ${output}`)
    }
    await join(nodes)
  } catch (error) {
    await end(container)
    throw error
  }
  return { nodes: nodes.map(({ port }) => ({ host, port })), servers: [], stop: () => end(container) }
}
