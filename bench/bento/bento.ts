/** Bentocache as its documentation sets it up for Redis, with or without a layer in memory. */
import { BentoCache, bentostore } from "bentocache"
import { memoryDriver } from "bentocache/drivers/memory"
import { redisDriver } from "bentocache/drivers/redis"
import { Redis } from "ioredis"

export const make = (url: string, prefix: string) => {
  const connection = new Redis(url)
  const driver = redisDriver({ connection, prefix })
  const bento = new BentoCache({
    default: "redis",
    ttl: "1h",
    stores: {
      redis: bentostore().useL2Layer(driver),
      tiered: bentostore()
        .useL1Layer(memoryDriver({ maxItems: 10_000 }))
        .useL2Layer(driver)
    }
  })
  return { bento, close: () => bento.disconnectAll() }
}
