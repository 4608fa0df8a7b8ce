/** The services of Troupe. Modules are namespaces, as in effect: `PubSub.PubSub` is the service, `PubSub.channel` its definitions. */
export * as BackendError from "./BackendError.ts"
export * as Cache from "./Cache.ts"
export * as LocalPeer from "./LocalPeer.ts"
export * as Metrics from "./Metrics.ts"
export * as PeerRegistry from "./PeerRegistry.ts"
export * as PubSub from "./PubSub.ts"
export * as Stats from "./Stats.ts"
export * as TaskQueue from "./TaskQueue.ts"
