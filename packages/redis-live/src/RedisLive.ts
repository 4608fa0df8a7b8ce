/** Every service on Redis, as one Layer: what most applications provide once, where they start. */
import type { BackendError } from "@troupe/core/BackendError"
import type { Cache, Options as CacheOptions } from "@troupe/core/Cache"
import type { Chat } from "@troupe/core/Chat"
import * as LocalPeer from "@troupe/core/LocalPeer"
import type { Mailbox } from "@troupe/core/Mailbox"
import type { Options as RegistryOptions, PeerRegistry } from "@troupe/core/PeerRegistry"
import type { PubSub } from "@troupe/core/PubSub"
import type { Stats } from "@troupe/core/Stats"
import type { Options as TaskQueueOptions, TaskQueue } from "@troupe/core/TaskQueue"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RedisCache from "./RedisCache.ts"
import * as RedisChat from "./RedisChat.ts"
import * as RedisClient from "./RedisClient.ts"
import * as RedisMailbox from "./RedisMailbox.ts"
import * as RedisPeerRegistry from "./RedisPeerRegistry.ts"
import * as RedisPubSub from "./RedisPubSub.ts"
import * as RedisStats from "./RedisStats.ts"
import * as RedisTaskQueue from "./RedisTaskQueue.ts"

/** Every service of Troupe. */
export type Troupe = Cache | Chat | Mailbox | PeerRegistry | PubSub | Stats | TaskQueue

/** A whole peer: who it is, to all its services, and how its registry beats. */
export interface PeerOptions extends RegistryOptions {
  readonly name?: string | undefined
}

export interface Options extends RedisClient.RedisOptions {
  readonly peer?: PeerOptions | undefined
  readonly tasks?: TaskQueueOptions | undefined
  readonly cache?: CacheOptions | undefined
}

const make = ({
  cache,
  peer: { name, ...registry } = {},
  tasks,
  ...redis
}: Options): Layer.Layer<Troupe | RedisClient.RedisClient, BackendError> => {
  const services = Layer.mergeAll(
    // Chat's places live as long as the registry's peer.
    Layer.provideMerge(RedisChat.layer, RedisPeerRegistry.layer(registry)),
    RedisPubSub.layer,
    RedisTaskQueue.layer(tasks),
    RedisCache.layer(cache),
    RedisStats.layer,
    RedisMailbox.layer
  ).pipe(Layer.provideMerge(RedisClient.layer(redis)))
  return name === undefined ? services : Layer.provide(services, LocalPeer.layer(name))
}

// With the client that `RedisClient.layer()` stands for: whoever names either shares it.
const withoutOptions = Layer.mergeAll(
  Layer.provideMerge(RedisChat.layer, RedisPeerRegistry.layer()),
  RedisPubSub.layer,
  RedisTaskQueue.layer(),
  RedisCache.layer(),
  RedisStats.layer,
  RedisMailbox.layer
).pipe(Layer.provideMerge(RedisClient.layer()))

/** Every service, and the client they share. Fails as `RedisClient.layer` does. Without options always the same Layer. */
export const layer = (options?: Options): Layer.Layer<Troupe | RedisClient.RedisClient, BackendError> =>
  options === undefined ? withoutOptions : make(options)

export const layerConfig = (
  options: Config.Wrap<Options>
): Layer.Layer<Troupe | RedisClient.RedisClient, BackendError | Config.ConfigError> =>
  Layer.unwrap(Effect.map(Config.unwrap(options), make))
