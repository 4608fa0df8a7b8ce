/**
 * Finds the tests a Redis, wherever they run: a server that is named, a Docker engine, `redis-server` on PATH, or
 * Debian's package. Nothing is skipped in silence: where none is found, `advice` says what brings one.
 */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import { ask } from "./redis/ask.ts"
import { type Cluster, startCluster } from "./redis/cluster.ts"
import { canPull, startContainer, startContainerCluster } from "./redis/container.ts"
import { hasBinary, startServer } from "./redis/server.ts"

export { type Address, type Cluster, startCluster } from "./redis/cluster.ts"
export { hasBinary, type Server, type ServerOptions, startServer } from "./redis/server.ts"

/** Where the tests' Redis comes from. `TROUPE_REDIS` may name one; then no other is tried. */
export type Way = "url" | "docker" | "binary" | "none"

export const advice = `No Redis was found for the tests. Any one of these brings one:
  TROUPE_REDIS_URL=redis://host:6379 npm test     a server that runs already; only keys under a random prefix are touched
  docker info                                     must answer: then redis:8 is started in a container
  apt-get install redis-server                    Debian, Ubuntu (as root the tests do it themselves)
  brew install redis                              macOS`

const aptCanInstall = (): boolean =>
  process.getuid?.() === 0 &&
  fs.existsSync("/etc/os-release") &&
  /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(fs.readFileSync("/etc/os-release", "utf8"))

const aptInstall = (): boolean => {
  console.log("No Redis here: installing Debian's, `apt-get install redis-server`")
  // RUNLEVEL=1 keeps the package from starting a server of its own.
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" }
  const install = () =>
    spawnSync("apt-get", ["install", "-y", "--no-install-recommends", "redis-server"], {
      env,
      stdio: ["ignore", "ignore", "inherit"]
    }).status === 0
  // On a new machine apt knows no packages yet.
  return install() || (spawnSync("apt-get", ["update"], { env, stdio: "ignore" }).status === 0 && install())
}

/** Decides where a Redis comes from; installs Debian's where that is the only way left. */
export const findWay = async (): Promise<Way> => {
  const forced = process.env["TROUPE_REDIS"]
  if (forced !== undefined && forced !== "") return forced as Way
  if (process.env["TROUPE_REDIS_URL"]) return "url"
  if (await canPull()) return "docker"
  if (hasBinary() || (aptCanInstall() && aptInstall() && hasBinary())) return "binary"
  return "none"
}

/** One standalone server and one cluster for a whole run. */
export interface Found {
  readonly url: string
  /** Started by this run: tests may flush it. Otherwise they touch only what stands under their prefix. */
  readonly isOurs: boolean
  /** Absent where only a server was named, and no binary or engine can make a cluster. */
  readonly cluster: Cluster | undefined
  readonly stop: () => Promise<void>
}

/** Starts what a run of the tests needs. */
export const startFor = async (way: Exclude<Way, "none">): Promise<Found> => {
  if (way === "url") {
    const url = process.env["TROUPE_REDIS_URL"]
    if (!url) throw new Error("TROUPE_REDIS=url needs TROUPE_REDIS_URL")
    await ask(url, "PING")
    const cluster = hasBinary() ? await startCluster() : undefined
    return { url, isOurs: false, cluster, stop: async () => cluster?.stop() }
  }
  const [server, cluster] =
    way === "docker"
      ? await Promise.all([startContainer(), startContainerCluster()])
      : await Promise.all([startServer(), startCluster()])
  return {
    url: `redis://${server.host}:${server.port}`,
    isOurs: true,
    cluster,
    stop: async () => void (await Promise.all([server.stop(), cluster.stop()]))
  }
}
