/**
 * Who is gone, and what they left behind: their places in the rooms are ended by whoever notices, and by several of them
 * where those crash meanwhile. First the index refuses the dead peer's further rooms and tells those it had; then each
 * room refuses it, and its members leave, page by page; a room whose turn is over is taken out of the index, so that who
 * goes on after a crash begins where the work stood (promise H4).
 *
 * A peer is gone when the registry says so. One that nobody here ever heard of, and that has places all the same, is
 * watched for a while first: the view of the registry may be behind, or its book just lost.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Function from "effect/Function"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type BackendError, isRetryable } from "../../BackendError.ts"
import type { Asking, Origin, Service as Store } from "../../ChatStore.ts"
import type { PeerEvent, Service as Registry } from "../../PeerRegistry.ts"
import { PeerId } from "../../PeerRegistryStore.ts"
import { pause } from "../Pause.ts"
import { isFull } from "./Limits.ts"

/** A peer's rank delays its sweeps by so much: mostly one of them is enough. */
const stepMs = 250
const mostMs = 2_500
/** For how long somebody unknown must be absent. */
const absenceMs = 15_000
/** Rooms that one sweep works on at a time. */
const rooms = 8
const mostDeparted = 10_000

export interface Options {
  readonly store: Pick<Store, "bury" | "enter" | "exit" | "peers" | "sweep">
  readonly registry: Pick<Registry, "events" | "get" | "list">
  readonly asking: Effect.Effect<Asking>
  /** Held-back `Left`s of that room are this peer's to see to now. */
  readonly adopt: (room: string, dueInMs: number) => Effect.Effect<void, BackendError>
  /** A room was swept, and its answer was from there. */
  readonly remember: (room: string, origin: Origin) => void
  readonly fork: (effect: Effect.Effect<void>) => void
  /** A peer was swept. */
  readonly onSwept: () => void
}

export class Sweeper {
  private readonly options: Options
  /** Gone, mostly for good: a registry that lost its book may take them in again. The oldest is forgotten first. */
  private readonly departed = new Set<string>()
  private readonly sweeping = new Set<string>()
  /** Unknown, and looked at for a while. */
  private readonly watched = new Set<string>()

  constructor(options: Options) {
    this.options = options
  }

  /** That peer's places may be taken over: it is suspected, or gone. */
  isDoubtful(peer: string): Effect.Effect<boolean> {
    if (this.departed.has(peer)) return Effect.succeed(true)
    return Effect.match(this.options.registry.get(PeerId.make(peer)), {
      // What is not known is no reason to take anything away.
      onFailure: () => false,
      onSuccess: (found) => Option.isSome(found) && found.value.state === "Suspected"
    })
  }

  /** Follows the registry for as long as it runs. */
  readonly run: Effect.Effect<void, never, Scope.Scope> = Effect.suspend(() =>
    Effect.ignore(Stream.runForEach(this.options.registry.events, (event) => Effect.sync(() => this.hear(event))))
  )

  private hear(event: PeerEvent): void {
    if (event._tag === "Snapshot") {
      for (const { id } of event.peers) this.departed.delete(id)
      this.options.fork(this.lookForUnknown)
    } else if (event._tag === "Joined") this.departed.delete(event.peer.id)
    else if (event._tag === "Left") {
      this.departed.add(event.peer.id)
      if (this.departed.size > mostDeparted)
        for (const oldest of this.departed) {
          this.departed.delete(oldest)
          break
        }
      this.options.fork(this.sweep(event.peer.id))
    }
  }

  /** Those who have places, and whom nobody here knows: swept, if they stay unknown. */
  private readonly lookForUnknown: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    const peers = yield* patiently(this.options.store.peers)
    yield* this.watch(yield* Effect.filter(peers, (peer) => Effect.orElseSucceed(this.isUnknown(peer), () => true)))
  }).pipe(Effect.catch((error) => Effect.logError("Who has places in rooms cannot be found out", error)))

  /**
   * Those who have places in a room: who is gone is swept from it, for a sweep of it was lost; who is unknown is watched, and
   * in the index as long as that takes, for whoever comes. The living see to themselves.
   */
  readonly holders = Effect.fnUntraced(function* (
    this: Sweeper,
    room: string,
    peers: ReadonlyArray<string>
  ): Effect.fn.Return<void, BackendError> {
    const { fork, store } = this.options
    const unknown: Array<string> = []
    let full: BackendError | undefined
    for (const peer of peers) {
      if (!this.departed.has(peer)) {
        // Of which a view that is not fresh says nothing: then it is watched as well.
        if (!(yield* Effect.orElseSucceed(this.isUnknown(peer), () => true))) continue
        const entered = yield* Effect.result(store.enter(peer, [room]))
        if (Result.isFailure(entered)) {
          // A full server takes in nobody: that is tried again, and holds up none of those behind.
          if (!isFull(entered.failure)) return yield* entered.failure
          full = entered.failure
          continue
        }
        if (!entered.success.gone) {
          unknown.push(peer)
          continue
        }
      }
      yield* this.room(peer, room, Function.identity)
    }
    fork(this.watch(unknown))
    if (full !== undefined) return yield* full
  })

  private watch(unknown: ReadonlyArray<string>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const peers = unknown.filter((peer) => !this.watched.has(peer))
      if (peers.length === 0) return Effect.void
      for (const peer of peers) this.watched.add(peer)
      return Effect.flatMap(this.stillUnknown(peers), (gone) =>
        Effect.forEach(gone, (peer) => this.sweep(peer), { discard: true })
      ).pipe(
        Effect.ensuring(
          Effect.sync(() => {
            for (const peer of peers) this.watched.delete(peer)
          })
        )
      )
    })
  }

  /** After a while, of which a view that is not fresh says nothing: then it begins anew. */
  private stillUnknown(peers: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string>> {
    return Effect.sleep(Duration.millis(absenceMs)).pipe(
      Effect.andThen(Effect.filter(peers, (peer) => this.isUnknown(peer))),
      Effect.catch(() => this.stillUnknown(peers))
    )
  }

  private isUnknown(peer: string): Effect.Effect<boolean, BackendError> {
    return Effect.map(this.options.registry.get(PeerId.make(peer)), Option.isNone)
  }

  private sweep(peer: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.sweeping.has(peer)) return Effect.void
      this.sweeping.add(peer)
      return Effect.gen({ self: this }, function* () {
        const by = yield* this.options.asking
        // Of an earlier life of this process mostly the others tell; there may be none.
        const rankMs = by.id === peer ? mostMs : stepMs * (yield* this.rank(by))
        yield* Effect.sleep(Duration.millis(Math.min(mostMs, rankMs)))
        while (!(yield* this.page(peer))) continue
        this.options.onSwept()
      }).pipe(
        Effect.catch((error) => Effect.logError("The places of a peer that is gone cannot be swept", error)),
        Effect.ensuring(
          Effect.sync(() => {
            this.sweeping.delete(peer)
          })
        )
      )
    })
  }

  /** Where this peer stands among those who are there. */
  private rank(by: Asking): Effect.Effect<number> {
    return Effect.match(this.options.registry.list, {
      onFailure: () => 0,
      onSuccess: (peers) =>
        Math.max(
          0,
          peers.findIndex(({ id }) => id === by.id)
        )
    })
  }

  /** True where nothing is left, or nothing that can be swept. */
  private page(peer: string): Effect.Effect<boolean, BackendError> {
    const { store } = this.options
    return Effect.gen({ self: this }, function* () {
      const page = yield* patiently(store.bury(peer))
      // One that no patience helps holds back none of the others.
      const swept = yield* Effect.filter(
        page,
        (room) =>
          Effect.matchEffect(this.room(peer, room), {
            onFailure: (error) => Effect.as(Effect.logError("A room cannot be swept", error), false),
            onSuccess: () => Effect.succeed(true)
          }),
        { concurrency: rooms }
      )
      if (swept.length > 0) yield* patiently(store.exit(peer, swept))
      return swept.length === 0
    })
  }

  /** `attempt`: how long each step is tried. */
  private room(peer: string, room: string, attempt: typeof patiently = patiently): Effect.Effect<void, BackendError> {
    const { adopt, asking, remember, store } = this.options
    return Effect.gen({ self: this }, function* () {
      const { dueInMs, left, origin } = yield* attempt(Effect.flatMap(asking, (by) => store.sweep(room, peer, by)))
      if (left > 0) return yield* this.room(peer, room, attempt)
      if (origin !== undefined) remember(room, origin)
      // Before the dead peer's own entry goes: there is always somebody in the index who has to see to it.
      if (dueInMs !== undefined) yield* attempt(adopt(room, dueInMs))
    })
  }
}

/** Until it succeeds, or fails for what no patience helps. */
const patiently = <A>(effect: Effect.Effect<A, BackendError>): Effect.Effect<A, BackendError> => {
  const again = (failures: number): Effect.Effect<A, BackendError> =>
    Effect.catch(effect, (error) =>
      isRetryable(error) ? Effect.andThen(pause(failures), again(failures + 1)) : Effect.fail(error)
    )
  return again(0)
}
