/**
 * A room that has perhaps lost something that it acknowledged is looked through: a failover to a replica may have undone a
 * leave or a sweep, and then somebody is there who left long ago, and whom nobody ends (promise D2).
 *
 * Of the places that the room has of this peer, those that it gave up are given up once more. Of the others who have places
 * those who are gone are swept once more; the living look at what is theirs. Where nothing was lost, nothing is sent but
 * what is asked. A place that the room has lost is not taken again: nobody knows that it was not removed (promise H8).
 */
import * as Effect from "effect/Effect"
import { type BackendError, isRetryable } from "../../BackendError.ts"
import type { Asking, Holders, Service as Store } from "../../ChatStore.ts"
import type { Door } from "./Door.ts"
import * as Limits from "./Limits.ts"

/** One round trip, or two where this peer has places there, and one more for each 512 places of it; and what there is to end. */
export const lookThrough = (
  door: Door,
  store: Store,
  asking: Effect.Effect<Asking>,
  onHolders: (room: string, peers: ReadonlyArray<string>) => Effect.Effect<void, BackendError>
): Effect.Effect<void, BackendError> =>
  Effect.gen(function* () {
    const { doubts, room } = door
    const by = yield* asking
    // What a full server does not take now the look at the index tells it.
    if (!door.isEmpty) yield* Effect.catchIf(door.enter(by), Limits.isFull, () => Effect.void)
    let page: Holders | undefined = yield* store.holders(room, by, "")
    if (page !== undefined) {
      const { dueInMs, origin, peers } = page
      door.origin = origin
      if (dueInMs !== undefined) door.watch.begin(dueInMs)
      for (; page !== undefined; page = page.cursor === "" ? undefined : yield* store.holders(room, by, page.cursor)) {
        door.give(page.places)
      }
      yield* onHolders(
        room,
        peers.filter((peer) => peer !== by.id)
      )
    }
    // Doubted again meanwhile: once more.
    if (door.doubts === doubts) door.doubts = 0
  }).pipe(
    Effect.catch((error) => {
      if (isRetryable(error)) return Effect.fail(error)
      door.doubts = 0
      return Effect.logError("A room cannot be looked through", error)
    })
  )
