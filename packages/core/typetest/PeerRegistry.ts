import type { BackendError } from "@troupe/core/BackendError"
import * as PeerRegistry from "@troupe/core/PeerRegistry"
import type { PeerRegistryStore } from "@troupe/core/PeerRegistryStore"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Equal } from "./Equal.ts"

declare const registry: PeerRegistry.Service

export const selfType: Equal<typeof registry.self, Effect.Effect<PeerRegistry.Peer>> = true
export const listType: Equal<typeof registry.list, Effect.Effect<ReadonlyArray<PeerRegistry.Peer>, BackendError>> = true
export const eventsType: Equal<typeof registry.events, Stream.Stream<PeerRegistry.PeerEvent, BackendError>> = true

const leader = registry.leader("boss")
export const leaderType: Equal<typeof leader, Effect.Effect<Option.Option<PeerRegistry.Peer>, BackendError>> = true

// @ts-expect-error an id is not any text
registry.get("web-1")
registry.get(PeerRegistry.PeerId.make("web-1"))
// @ts-expect-error metadata is text by name
registry.updateMetadata({ load: 1 })

// The body's answer, failure and needs are those of `lead`.
declare const body: (term: PeerRegistry.Term) => Effect.Effect<number, "failed", "database">
const led = registry.lead("boss", body)
export const leadType: Equal<typeof led, Effect.Effect<number, "failed", "database">> = true
// @ts-expect-error a fence is a bigint
registry.lead("boss", ({ fence }): Effect.Effect<number> => fence)

// A singleton fails nowhere, and each of its terms brings a scope along.
declare const forever: (term: PeerRegistry.Term) => Effect.Effect<void, "failed", "database" | Scope.Scope>
const singleton = PeerRegistry.singleton("boss", forever)
export const singletonType: Equal<
  typeof singleton,
  Layer.Layer<never, never, PeerRegistry.PeerRegistry | "database">
> = true

const layer = PeerRegistry.layer({ heartbeat: "1 second", metadata: { role: "web" } })
export const layerType: Equal<
  typeof layer,
  Layer.Layer<PeerRegistry.PeerRegistry, BackendError, PeerRegistryStore>
> = true
// @ts-expect-error there is no such option
PeerRegistry.layer({ lease: "1 second" })
