/** PeerRegistry in memory: for tests, and for a single process. What the peers share lives in the MemoryBackend. */
import { renamed } from "@troupe/core/Link"
import * as PeerRegistry from "@troupe/core/PeerRegistry"
import { channel, PeerRegistryStore } from "@troupe/core/PeerRegistryStore"
import { Wire } from "@troupe/core/Wire"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Book from "./internal/Book.ts"
import { MemoryBackend } from "./MemoryBackend.ts"

/** What the registry stands on; by itself it is for those who try a store. */
export const store: Layer.Layer<PeerRegistryStore, never, MemoryBackend> = Layer.effect(
  PeerRegistryStore,
  Effect.gen(function* () {
    const backend = yield* MemoryBackend
    const wire = yield* Wire
    // Outside worlds a peer of this process cannot die without closing its scope.
    const immortal = wire.server === undefined
    const book = backend.state("PeerRegistry", () => Book.make(immortal))
    const base = (yield* Random.nextIntBetween(0, 2 ** 52)).toString(36)
    let epochs = 0
    const fresh = (): string => `${base}.${(epochs += 1).toString(36)}`
    const push = (pushed: Book.Pushed): void => {
      if (pushed !== undefined) backend.publish(topic, pushed)
    }
    const request = <A>(operation: string, adds: boolean, step: (now: number, run: string) => A) =>
      backend.request(wire, { service: "PeerRegistry", operation, adds }, step)
    return PeerRegistryStore.of({
      beat: (beat) =>
        request("beat", false, (now, run) => {
          const { answer, pushed } = Book.beat(book(), now, run, fresh, beat)
          push(pushed)
          return answer
        }),
      enter: (entry) =>
        request("enter", false, (now, run) => {
          const { pushed, status } = Book.enter(book(), now, run, entry)
          push(pushed)
          return status
        }),
      // One page holds them all.
      page: (epoch) => request("beat", false, () => Book.page(book(), epoch)),
      update: (id, metadata) =>
        request("updateMetadata", true, (now) => {
          const pushed = Book.update(book(), now, id, metadata)
          push(pushed)
          return pushed
        }),
      leave: (id, held) => request("leave", false, (now) => push(Book.leave(book(), now, id, held))),
      terms: (id, known, wishes) =>
        request("lead", false, (now, run) => {
          const { granted, pushed } = Book.terms(book(), now, run, id, known, wishes)
          push(pushed)
          return granted
        }),
      leader: (name) => request("leader", false, (now) => Book.leader(book(), now, name)),
      connect: (listener) =>
        renamed((listener) => backend.link(wire, listener), listener, { to: () => topic, from: () => channel }),
      immortal
    })
  })
)

const layerOf = (options?: PeerRegistry.Options): Layer.Layer<PeerRegistry.PeerRegistry, never, MemoryBackend> =>
  Layer.provide(Layer.orDie(PeerRegistry.layer(options)), store)
const layerDefault = layerOf()

/**
 * PeerRegistry for one peer of the backend's cluster. Outside of worlds nobody beats, for nobody can crash: no timer
 * runs, and `adjust("30 days")` costs nothing. A name or an option that breaks a rule is a defect.
 */
export const layer = (options?: PeerRegistry.Options): Layer.Layer<PeerRegistry.PeerRegistry, never, MemoryBackend> =>
  options === undefined ? layerDefault : layerOf(options)

const topic = "PeerRegistry"
