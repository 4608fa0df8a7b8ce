/** Every service in memory, as one Layer: for an application's tests, and for a program that is one process. */
import type { Cache } from "@troupe/core/Cache"
import type { Chat } from "@troupe/core/Chat"
import * as LocalPeer from "@troupe/core/LocalPeer"
import type { Mailbox } from "@troupe/core/Mailbox"
import type { Options, PeerRegistry } from "@troupe/core/PeerRegistry"
import type { PubSub } from "@troupe/core/PubSub"
import type { Stats } from "@troupe/core/Stats"
import type { TaskQueue } from "@troupe/core/TaskQueue"
import * as Layer from "effect/Layer"
import * as MemoryBackend from "./MemoryBackend.ts"
import * as MemoryCache from "./MemoryCache.ts"
import * as MemoryChat from "./MemoryChat.ts"
import * as MemoryMailbox from "./MemoryMailbox.ts"
import * as MemoryPeerRegistry from "./MemoryPeerRegistry.ts"
import * as MemoryPubSub from "./MemoryPubSub.ts"
import * as MemoryStats from "./MemoryStats.ts"
import * as MemoryTaskQueue from "./MemoryTaskQueue.ts"

/** Every service of Troupe. */
export type Troupe = Cache | Chat | Mailbox | PeerRegistry | PubSub | Stats | TaskQueue

/** A whole peer: who it is, to all its services, and how its registry beats. */
export interface PeerOptions extends Options {
  readonly name?: string | undefined
}

const peer = ({ name, ...registry }: PeerOptions): Layer.Layer<Troupe, never, MemoryBackend.MemoryBackend> => {
  const services = Layer.mergeAll(
    // Chat's places live as long as the registry's peer.
    Layer.provideMerge(MemoryChat.layer, MemoryPeerRegistry.layer(registry)),
    MemoryPubSub.layer,
    MemoryTaskQueue.layer(),
    MemoryCache.layer(),
    MemoryStats.layer,
    MemoryMailbox.layer
  )
  return Layer.fresh(name === undefined ? services : Layer.provide(services, LocalPeer.layer(name)))
}

/** One peer of a cluster in this process: every service, on the backend given. A peer of its own each time it is built. */
export const layerPeer = (options: PeerOptions = {}): Layer.Layer<Troupe, never, MemoryBackend.MemoryBackend> =>
  peer(options)

/** Every service, on a backend of its own: one process, no server. */
export const layer: Layer.Layer<Troupe> = Layer.provide(
  Layer.mergeAll(
    Layer.provideMerge(MemoryChat.layer, MemoryPeerRegistry.layer()),
    MemoryPubSub.layer,
    MemoryTaskQueue.layer(),
    MemoryCache.layer(),
    MemoryStats.layer,
    MemoryMailbox.layer
  ),
  MemoryBackend.layer
)
