/**
 * Awaiting what became of tasks. Asks, and asks again: when the backend pushes that the task has ended, after every
 * lost connection, and once a heartbeat in any case, so that it never hangs (promise T11).
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { BackendError } from "../../BackendError.ts"
import * as Name from "../../Name.ts"
import { type Answer, endsChannel, type Service as Store } from "../../TaskQueueStore.ts"
import type { Bell, Ring } from "../Bell.ts"

/** What became of a task, now that something has. */
export type End = Exclude<Answer, { readonly _tag: "Waiting" }>

type Wake = () => void

/** Those who wait for tasks of one queue. */
interface Room {
  readonly waiting: Map<string, Set<Wake>>
  readonly ring: Ring
}

export class Answers {
  private readonly rooms = new Map<string, Room>()
  private readonly store: Store
  private readonly bell: Bell
  private readonly heartbeatMs: number

  /** For how long an end is to be pushed: until it is asked for again, which is never where no push gets lost. */
  private readonly waitMs: number

  constructor(store: Store, bell: Bell, heartbeatMs: number) {
    this.store = store
    this.bell = bell
    this.heartbeatMs = heartbeatMs
    this.waitMs = store.immortal ? 2 ** 48 : heartbeatMs * 2
  }

  /** What became of it. Once it is known to be there outages are lived through; before, it fails as the question does. */
  await(queue: string, id: string, isThere: boolean): Effect.Effect<End, BackendError> {
    return Effect.acquireUseRelease(
      Effect.sync(() => this.enter(queue, id)),
      (seat) =>
        Effect.gen({ self: this }, function* (): Effect.fn.Return<End, BackendError> {
          let isKnown = isThere
          while (true) {
            seat.isRung = false
            const exit = yield* Effect.exit(this.store.answer(queue, id, this.waitMs))
            if (Exit.isFailure(exit)) {
              if (!isKnown || !isOutage(exit)) return yield* Effect.failCause(exit.cause)
            } else {
              const answer = exit.value
              if (answer._tag !== "Waiting") return answer
              isKnown = true
            }
            const pauseMs = Exit.isSuccess(exit) ? this.heartbeatMs : Math.min(1_000, this.heartbeatMs)
            if (this.store.immortal) yield* seat.rung
            else yield* Effect.timeoutOption(seat.rung, Duration.millis(pauseMs))
          }
        }),
      (seat) => Effect.sync(seat.leave)
    )
  }

  private enter(queue: string, id: string) {
    const room = this.room(queue)
    const encoded = Name.encode(id)
    const wakes = room.waiting.get(encoded) ?? new Set()
    let resume: Wake | undefined
    const seat = {
      isRung: false,
      rung: Effect.callback<void>((done) => {
        if (seat.isRung) return done(Effect.void)
        resume = () => done(Effect.void)
      }),
      leave: () => {
        wakes.delete(wake)
        if (wakes.size === 0) room.waiting.delete(encoded)
        if (room.waiting.size > 0 || this.rooms.get(queue) !== room) return
        this.rooms.delete(queue)
        this.bell.remove(endsChannel(queue), room.ring)
      }
    }
    const wake = () => {
      seat.isRung = true
      resume?.()
    }
    room.waiting.set(encoded, wakes.add(wake))
    return seat
  }

  private room(queue: string): Room {
    const known = this.rooms.get(queue)
    if (known !== undefined) return known
    const waiting: Room["waiting"] = new Map()
    const room: Room = {
      waiting,
      ring: (message) => {
        if (message === undefined) for (const wakes of waiting.values()) for (const wake of wakes) wake()
        else for (const id of message.split(" ")) for (const wake of waiting.get(id) ?? []) wake()
      }
    }
    this.rooms.set(queue, room)
    this.bell.add(endsChannel(queue), room.ring)
    return room
  }
}

const isOutage = (exit: Exit.Failure<unknown, BackendError>): boolean => {
  const error = Exit.findErrorOption(exit)
  return error._tag === "Some" && error.value.isRetryable
}
