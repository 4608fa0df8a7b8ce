/** `node bench/run.ts [service …] [--smoke] [--case=<name>]`: the benches named, or all, on a Redis of their own (or TROUPE_REDIS_URL). */
import { startServer } from "../scripts/redis.ts"

const services = ["pubsub", "peers", "tasks", "cache", "chat", "mailbox", "stats"]
const named = process.argv.slice(2).filter((argument) => !argument.startsWith("-"))
const unknown = named.filter((name) => !services.includes(name))
if (unknown.length > 0) {
  console.error(`no bench named ${unknown.join(", ")}; there are: ${services.join(", ")}`)
  process.exit(2)
}

const given = process.env["TROUPE_REDIS_URL"]
const server = given === undefined ? await startServer() : undefined
try {
  for (const service of named.length > 0 ? named : services) {
    const { run }: { run: (url: string) => Promise<void> } = await import(`./${service}.ts`)
    await run(given ?? server!.url)
  }
} finally {
  await server?.stop()
}
