/** The services whose laws are tried: the laws, and what a peer is made of on each backend. */
import * as Cache from "@troupe/core/Cache"
import * as PeerRegistry from "@troupe/core/PeerRegistry"
import * as TaskQueue from "@troupe/core/TaskQueue"
import * as MemoryCache from "@troupe/testkit/MemoryCache"
import * as MemoryChat from "@troupe/testkit/MemoryChat"
import * as MemoryMailbox from "@troupe/testkit/MemoryMailbox"
import * as MemoryPeerRegistry from "@troupe/testkit/MemoryPeerRegistry"
import * as MemoryPubSub from "@troupe/testkit/MemoryPubSub"
import * as MemoryStats from "@troupe/testkit/MemoryStats"
import * as MemoryTaskQueue from "@troupe/testkit/MemoryTaskQueue"
import type * as MemoryBackend from "@troupe/testkit/MemoryBackend"
import * as MemoryWorld from "@troupe/testkit/MemoryWorld"
import * as World from "@troupe/testkit/World"
import * as CacheLaws from "@troupe/testkit/laws/CacheLaws"
import * as CacheLoadLaws from "@troupe/testkit/laws/CacheLoadLaws"
import * as CacheNearLaws from "@troupe/testkit/laws/CacheNearLaws"
import * as CacheLockLaws from "@troupe/testkit/laws/CacheLockLaws"
import * as CacheRaceLaws from "@troupe/testkit/laws/CacheRaceLaws"
import * as CacheTagLaws from "@troupe/testkit/laws/CacheTagLaws"
import * as ChatGhostLaws from "@troupe/testkit/laws/ChatGhostLaws"
import * as ChatGraceLaws from "@troupe/testkit/laws/ChatGraceLaws"
import * as ChatLaws from "@troupe/testkit/laws/ChatLaws"
import * as ChatMiddlewareLaws from "@troupe/testkit/laws/ChatMiddlewareLaws"
import * as ChatPollLaws from "@troupe/testkit/laws/ChatPollLaws"
import * as ChatPresenceLaws from "@troupe/testkit/laws/ChatPresenceLaws"
import * as ChatWordLaws from "@troupe/testkit/laws/ChatWordLaws"
import * as LeadershipLaws from "@troupe/testkit/laws/LeadershipLaws"
import * as MailboxLaws from "@troupe/testkit/laws/MailboxLaws"
import * as MailboxWaitLaws from "@troupe/testkit/laws/MailboxWaitLaws"
import * as PeerRegistryLaws from "@troupe/testkit/laws/PeerRegistryLaws"
import * as PeerRegistryStoreLaws from "@troupe/testkit/laws/PeerRegistryStoreLaws"
import * as HistoryLaws from "@troupe/testkit/laws/HistoryLaws"
import * as PubSubLaws from "@troupe/testkit/laws/PubSubLaws"
import * as StatsLaws from "@troupe/testkit/laws/StatsLaws"
import * as StatsReadingLaws from "@troupe/testkit/laws/StatsReadingLaws"
import * as TaskEventLaws from "@troupe/testkit/laws/TaskEventLaws"
import * as TaskLimitLaws from "@troupe/testkit/laws/TaskLimitLaws"
import * as TaskOrderLaws from "@troupe/testkit/laws/TaskOrderLaws"
import * as TaskOutcomeLaws from "@troupe/testkit/laws/TaskOutcomeLaws"
import * as TaskQueueLaws from "@troupe/testkit/laws/TaskQueueLaws"
import * as TaskQueueStoreLaws from "@troupe/testkit/laws/TaskQueueStoreLaws"
import * as TaskRecoveryLaws from "@troupe/testkit/laws/TaskRecoveryLaws"
import * as TaskScheduleLaws from "@troupe/testkit/laws/TaskScheduleLaws"
import type * as RedisClient from "@troupe/redis-live/RedisClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { At } from "../../packages/redis-live/test/support/Primaries.ts"
import { bounded } from "../../packages/testkit/test/bounded.ts"

/** Memory, or a server. */
export type Place = "memory" | At

export interface Suite {
  readonly prove: (law: string, place: Place, seed: number) => Effect.Effect<void, unknown>
}

const suite = <R>(
  laws: Readonly<Record<string, World.Law<R>>>,
  memory: Layer.Layer<R, unknown, MemoryBackend.MemoryBackend>,
  redis: () => Promise<{ readonly layer: Layer.Layer<R, unknown, RedisClient.RedisClient> }>
): Suite => ({
  prove: (name, place, seed) => {
    const law = laws[name]
    if (law === undefined) return Effect.die(new ReferenceError(`no law ${name}`))
    return World.prove(
      Effect.fnUntraced(function* ({ notes }) {
        if (place === "memory") return yield* MemoryWorld.make({ seed, notes, layer: () => memory })
        const [RedisWorld, { layer }] = yield* Effect.promise(() => Promise.all([importRedisWorld(), redis()]))
        return yield* RedisWorld.make({ seed, notes, at: place, layer: () => layer })
      }),
      law
    )
  }
})

// What needs a server is loaded only where there is one.
const importRedisWorld = () => import("../../packages/redis-live/test/support/RedisWorld.ts")

export const suites: Readonly<Record<string, Suite>> = {
  Cache: suite(
    { ...CacheLaws, ...CacheTagLaws, ...CacheLoadLaws, ...CacheRaceLaws, ...CacheLockLaws, ...CacheNearLaws },
    Layer.provideMerge(Cache.layer(), MemoryCache.store),
    async () => {
      const RedisCache = await import("@troupe/redis-live/RedisCache")
      return { layer: Layer.provideMerge(Cache.layer(), RedisCache.store) }
    }
  ),
  Chat: suite(
    {
      ...ChatLaws,
      ...ChatWordLaws,
      ...ChatPresenceLaws,
      ...ChatGraceLaws,
      ...ChatGhostLaws,
      ...ChatMiddlewareLaws,
      ...ChatPollLaws
    },
    Layer.provideMerge(MemoryChat.layer, MemoryPeerRegistry.layer()),
    async () => {
      const [RedisChat, RedisPeerRegistry] = await Promise.all([
        import("@troupe/redis-live/RedisChat"),
        import("@troupe/redis-live/RedisPeerRegistry")
      ])
      return { layer: Layer.provideMerge(RedisChat.layer, RedisPeerRegistry.layer()) }
    }
  ),
  Mailbox: suite(
    { ...MailboxLaws, ...MailboxWaitLaws },
    MemoryMailbox.layer,
    () => import("@troupe/redis-live/RedisMailbox")
  ),
  PeerRegistry: suite(
    { ...PeerRegistryLaws, ...PeerRegistryStoreLaws, ...LeadershipLaws },
    Layer.provideMerge(PeerRegistry.layer(), MemoryPeerRegistry.store),
    async () => {
      const RedisPeerRegistry = await import("@troupe/redis-live/RedisPeerRegistry")
      return { layer: Layer.provideMerge(PeerRegistry.layer(), RedisPeerRegistry.store) }
    }
  ),
  PubSub: suite({ ...PubSubLaws, ...HistoryLaws }, MemoryPubSub.layer, () => import("@troupe/redis-live/RedisPubSub")),
  Stats: suite({ ...StatsLaws, ...StatsReadingLaws }, MemoryStats.layer, () => import("@troupe/redis-live/RedisStats")),
  TaskQueue: suite(
    {
      ...TaskQueueLaws,
      ...TaskQueueStoreLaws,
      ...TaskOrderLaws,
      ...TaskOutcomeLaws,
      ...TaskLimitLaws,
      ...TaskRecoveryLaws,
      ...TaskScheduleLaws,
      ...TaskEventLaws
    },
    Layer.provideMerge(TaskQueue.layer(bounded), MemoryTaskQueue.store),
    async () => {
      const RedisTaskQueue = await import("@troupe/redis-live/RedisTaskQueue")
      return { layer: Layer.provideMerge(TaskQueue.layer(bounded), RedisTaskQueue.store) }
    }
  )
}
