/** One question to a Redis, over a connection of its own, and looking until something holds. */
import { randomInt } from "node:crypto"
import { once } from "node:events"
import * as net from "node:net"
import { Redis } from "ioredis"

export type At = string | { readonly host: string; readonly port: number }

const quick = {
  lazyConnect: true,
  enableReadyCheck: false,
  disableClientInfo: true,
  commandTimeout: 5_000,
  retryStrategy: () => null
}

/** Connects for as long as `use` takes. */
export const withRedis = async <A>(at: At, use: (redis: Redis) => Promise<A>): Promise<A> => {
  const redis = typeof at === "string" ? new Redis(at, quick) : new Redis({ ...quick, host: at.host, port: at.port })
  // The call that fails says only that the connection is closed; this says why.
  let lost: Error | undefined
  redis.on("error", (error) => (lost = error))
  try {
    return await use(redis)
  } catch (error) {
    // No cause: an error of ioredis carries the password.
    // oxlint-disable-next-line preserve-caught-error
    throw new Error(`Redis at ${redis.options.host}:${redis.options.port}: ${(lost ?? (error as Error)).message}`)
  } finally {
    redis.disconnect()
  }
}

/** The answer as text; a list's items are joined by commas. */
export const ask = (at: At, ...words: [string, ...Array<string>]): Promise<string> =>
  withRedis(at, async (redis) => String(await redis.call(...words)))

/** Looks every 20 ms until it holds; what it waited for is said when it never does. */
export const until = async (what: string, holds: () => Promise<boolean>, withinMs = 60_000): Promise<void> => {
  const deadline = performance.now() + withinMs
  let last: unknown
  while (performance.now() < deadline) {
    const held = await holds().catch((error: unknown) => {
      last = error
      return false
    })
    if (held) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`${what}: not within ${withinMs} ms`, last === undefined ? {} : { cause: last })
}

/**
 * Loopback ports that were free a moment ago, all different. None of those that systems give to whoever connects (Linux: from
 * 32768 on): a connection could take a server's port before the server does, or while it is down.
 */
export const freePorts = async (count: number): Promise<ReadonlyArray<number>> => {
  const listeners = await Promise.all(Array.from({ length: count }, listening))
  const ports = listeners.map((server) => (server.address() as net.AddressInfo).port)
  await Promise.all(listeners.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

const listening = async (): Promise<net.Server> => {
  for (let left = 100; ; left--) {
    const server = net.createServer()
    server.listen(randomInt(10_000, 32_768), "127.0.0.1")
    try {
      await once(server, "listening")
      return server
    } catch (error) {
      if (left === 0) throw error
    }
  }
}
