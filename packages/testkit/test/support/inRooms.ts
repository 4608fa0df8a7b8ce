/** Rooms at their store, as tests speak of them: one peer asks, in a world whose time the test moves. */
import { it } from "@effect/vitest"
import * as Store from "@troupe/core/ChatStore"
import * as Frame from "@troupe/core/Frame"
import type { From } from "@troupe/core/PubSubStore"
import * as MemoryChat from "@troupe/testkit/MemoryChat"
import * as MemoryWorld from "@troupe/testkit/MemoryWorld"
import * as World from "@troupe/testkit/World"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

export const keep: Store.Keep = { history: undefined, leaveGraceMs: 0 }
export const kept: Store.Keep = { history: { size: 5, timeToLiveMs: 3_600_000 }, leaveGraceMs: 0 }
export const graced: Store.Keep = { history: undefined, leaveGraceMs: 10_000 }

export const join = (id: string, ref = id, options: { readonly over?: string; readonly details?: string } = {}) => ({
  _tag: "Join" as const,
  id,
  ref,
  details: options.details ?? "{}",
  over: options.over
})
export const leave = (id: string, ref = id) => ({ _tag: "Leave" as const, id, ref })
export const update = (id: string, details: string, ref = id) => ({ _tag: "Update" as const, id, ref, details })
export const remove = (id: string) => ({ _tag: "Remove" as const, id })
export const say = (payload: string, options: { readonly ref?: string; readonly dedupeKey?: string } = {}) => ({
  _tag: "Say" as const,
  from: options.ref ?? "somebody",
  ref: options.ref,
  payload,
  dedupeKey: options.dedupeKey
})

export const words = (count: number) => Array.from({ length: count }, (_, n) => say(`${n + 1}`))

/** `S somebody 7` of the word 7, `D@4` where it is told with its place. */
export const texts = (entries: ReadonlyArray<{ readonly payload: string }>) => entries.map(({ payload }) => payload)
export const places = (entries: ReadonlyArray<{ readonly payload: string; readonly sequence: number }>) =>
  entries.map(({ payload, sequence }) => `${payload.split(" ")[0]}@${sequence}`)

/** What one peer asks of the store. */
export class Asker {
  readonly store: Store.Service
  readonly by: Store.Asking
  readonly world: World.World<Store.ChatStore>

  constructor(world: World.World<Store.ChatStore>, store: Store.Service, id: string) {
    this.world = world
    this.store = store
    this.by = { id, name: `name of ${id}` }
  }

  /** Another peer. */
  as(id: string): Asker {
    return new Asker(this.world, this.store, id)
  }

  create(room = "room"): Effect.Effect<boolean, unknown> {
    return Effect.flatMap(this.store.list(room), (listed) => this.store.create(room, listed, this.by))
  }

  destroy(room = "room"): Effect.Effect<number | undefined, unknown> {
    return this.store.destroy(room, this.by)
  }

  /** What became of each: `Joined`, `Taken by a`, `Said 4`. */
  act(how: Store.Keep, ...actions: ReadonlyArray<Store.Action>): Effect.Effect<ReadonlyArray<string>, unknown> {
    return Effect.map(this.store.act("room", how, this.by, actions), ({ outcomes }) =>
      (outcomes ?? []).map((outcome) =>
        outcome._tag === "Taken"
          ? `Taken by ${outcome.peer}`
          : outcome._tag === "Said"
            ? `Said ${outcome.sequence}`
            : outcome._tag
      )
    )
  }

  read(how: Store.Keep, from: From, limit = 512) {
    return this.store.read("room", how, from, limit)
  }

  words(how: Store.Keep, from: Store.WordsFrom, limit = 512) {
    return Effect.map(
      this.store.words("room", how, from, limit),
      (words) => words ?? { words: [], lost: false, end: true }
    )
  }

  /** The room's head, as a place to read on from. */
  readonly head: Effect.Effect<From & { readonly _tag: "After" }, unknown> = Effect.suspend(() =>
    Effect.map(this.read(keep, { _tag: "Last", count: 0 }), ({ epoch, sequence }) => ({
      _tag: "After" as const,
      epoch,
      sequence
    }))
  )

  /** All frames of the room from now on, each as its entries. */
  readonly frames: Effect.Effect<ReadonlyArray<ReadonlyArray<string>>, unknown, Scope.Scope> = Effect.gen(
    { self: this },
    function* () {
      const frames: Array<ReadonlyArray<string>> = []
      const link = yield* this.store.connect({
        message: (_, frame) => frames.push(texts(Frame.decode(frame) ?? [])),
        lost: () => {}
      })
      yield* link.subscribe(["room"])
      return frames
    }
  )
}

/** A test of one room called "room", which is not there yet. */
export const test = (title: string, body: (asker: Asker) => Effect.Effect<unknown, unknown, Scope.Scope>): void =>
  it.live(title, () =>
    World.prove(
      ({ notes }) => MemoryWorld.make({ seed: 1, notes, layer: () => MemoryChat.store }),
      Effect.fnUntraced(function* (world) {
        const node = yield* world.spawn()
        const store = yield* Effect.provide(Store.ChatStore, node.context)
        yield* body(new Asker(world, store, "a"))
      })
    )
  )
