/** Chat as tests take it apart: peers of a world that have a registry and the store of Chat, and Chat where it is opened. */
import { it } from "@effect/vitest"
import { BackendError, TimedOut } from "@troupe/core/BackendError"
import * as Chat from "@troupe/core/Chat"
import { ChatStore, type Service as Store } from "@troupe/core/ChatStore"
import type { PeerRegistry } from "@troupe/core/PeerRegistry"
import * as MemoryChat from "@troupe/testkit/MemoryChat"
import * as MemoryPeerRegistry from "@troupe/testkit/MemoryPeerRegistry"
import * as MemoryWorld from "@troupe/testkit/MemoryWorld"
import * as World from "@troupe/testkit/World"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"

export type Shared = ChatStore | PeerRegistry
export type Place = World.World<Shared>

/** One peer with Chat, over the store as the test changes it. */
export class Chatter {
  readonly node: World.Node<Shared>
  readonly chat: Chat.Service
  readonly store: Store
  private readonly scope: Scope.Closeable

  constructor(node: World.Node<Shared>, chat: Chat.Service, store: Store, scope: Scope.Closeable) {
    this.node = node
    this.chat = chat
    this.store = store
    this.scope = scope
  }

  /** By this peer's clock, on its event loop. */
  run<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, Shared>> {
    return Effect.provide(effect, this.node.context)
  }

  /** The same, beside the test. */
  fork<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Fiber.Fiber<A, E>, never, Exclude<R, Shared>> {
    return this.run(Effect.forkChild(effect, { startImmediately: true }))
  }

  /** Chat alone: the registry goes on. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => this.run(Scope.close(this.scope, Exit.void)))

  readonly crash: Effect.Effect<void> = Effect.suspend(() => Effect.andThen(this.node.crash, this.close))
}

/** What a request ends with that nobody answers. */
export const noAnswer = (operation: string): Effect.Effect<never, BackendError> =>
  Effect.fail(
    new BackendError({
      service: "Chat",
      operation,
      reason: new TimedOut({ message: "no answer" }),
      outcome: "Unknown"
    })
  )

/** Opens Chat on a peer. */
export const open = Effect.fnUntraced(function* (node: World.Node<Shared>, change?: (store: Store) => Partial<Store>) {
  const store = yield* Effect.provide(ChatStore, node.context)
  const scope = yield* Scope.make()
  const changed = Layer.succeed(ChatStore, { ...store, ...change?.(store) })
  const built = yield* Effect.provide(Layer.buildWithScope(Layer.provide(Chat.layer, changed), scope), node.context)
  const chatter = new Chatter(node, Context.get(built, Chat.Chat), store, scope)
  yield* Effect.addFinalizer(() => chatter.close)
  return chatter
})

/** A peer of its own. */
export const enter = (world: Place, options?: World.SpawnOptions, change?: (store: Store) => Partial<Store>) =>
  Effect.flatMap(world.spawn(options), (node) => open(node, change))

/** A test in a world. */
export const test = (title: string, body: World.Law<Shared>): void =>
  it.live(title, () =>
    World.prove(
      ({ notes }) =>
        MemoryWorld.make({
          seed: 1,
          notes,
          layer: () => Layer.merge(MemoryChat.store, MemoryPeerRegistry.layer())
        }),
      body
    )
  )
