/** Troupe on Redis. Modules are namespaces: `RedisClient.RedisClient` is the service, `RedisClient.layer` its layer. */
export * as RedisCache from "./RedisCache.ts"
export * as RedisChat from "./RedisChat.ts"
export * as RedisClient from "./RedisClient.ts"
export * as RedisLive from "./RedisLive.ts"
export * as RedisPeerRegistry from "./RedisPeerRegistry.ts"
export * as RedisPubSub from "./RedisPubSub.ts"
export * as RedisStats from "./RedisStats.ts"
export * as RedisTaskQueue from "./RedisTaskQueue.ts"
