/** Memory layers for every service, and the state that the peers of one memory cluster share. */
export * as Memory from "./Memory.ts"
export * as MemoryBackend from "./MemoryBackend.ts"
export * as MemoryCache from "./MemoryCache.ts"
export * as MemoryChat from "./MemoryChat.ts"
export * as MemoryPeerRegistry from "./MemoryPeerRegistry.ts"
export * as MemoryPubSub from "./MemoryPubSub.ts"
export * as MemoryStats from "./MemoryStats.ts"
export * as MemoryTaskQueue from "./MemoryTaskQueue.ts"
