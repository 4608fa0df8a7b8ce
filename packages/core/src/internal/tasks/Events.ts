/**
 * Readers of what happens to tasks. The backend pushes it while somebody watches, each push under the number after the
 * last one's; a watch ends by itself and is renewed with each heartbeat, which tells how far the pushes have come. So
 * whatever did not arrive is noticed, by the next push or by the next heartbeat but one, and ends the reader.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { BackendError } from "../../BackendError.ts"
import type { TaskEvent } from "../../TaskQueue.ts"
import { eventsChannel, type Service as Store } from "../../TaskQueueStore.ts"
import { pause } from "../Pause.ts"
import type { Bell } from "../Bell.ts"
import * as Limits from "./Limits.ts"
import { Reader } from "./Reader.ts"

export class Events {
  private readonly readers = new Set<Reader>()
  private isClosed = false
  private readonly store: Store
  private readonly bell: Bell
  private readonly heartbeatMs: number
  private readonly watchMs: number

  constructor(store: Store, bell: Bell, heartbeatMs: number) {
    this.store = store
    this.bell = bell
    this.heartbeatMs = heartbeatMs
    this.watchMs = store.immortal ? 2 ** 48 : heartbeatMs * 3
  }

  read(queue: string): Stream.Stream<TaskEvent, BackendError> {
    return Stream.unwrap(Effect.map(this.open(queue), (reader) => Stream.fromPull(Effect.succeed(reader.take))))
  }

  /** No more comes; what waits is still given. */
  close(): void {
    this.isClosed = true
    for (const reader of this.readers) reader.end(Limits.closed("events"))
  }

  private open(queue: string): Effect.Effect<Reader, never, Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      const reader = new Reader()
      yield* Effect.acquireRelease(
        Effect.sync(() => this.readers.add(reader)),
        () => Effect.sync(() => this.readers.delete(reader))
      )
      if (this.isClosed) reader.end(Limits.closed("events"))
      yield* Effect.forkScoped(Effect.scoped(this.follow(queue, reader)))
      return reader
    })
  }

  /** Until the reader has ended; then nobody hears and nobody watches for it any more, though it is not read out. */
  private follow(queue: string, reader: Reader): Effect.Effect<void, never, Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      yield* this.bell.hang(eventsChannel(queue), reader.ring)
      yield* reader.rung.given
      let failures = 0
      while (!reader.hasEnded) {
        reader.rung.clear()
        const before = reader.last
        const last = yield* Effect.catch(this.store.watch(queue, this.watchMs), (error) => {
          // What is missed meanwhile the next answer tells; but a reader that never began has nothing to compare it with.
          if (!error.isRetryable || before === undefined) reader.end(error)
          return Effect.undefined
        })
        if (last === undefined) {
          yield* pause((failures += 1))
          continue
        }
        failures = 0
        reader.reach(last, before)
        if (this.store.immortal) yield* reader.rung.given
        else {
          const rung = yield* Effect.timeoutOption(reader.rung.given, Duration.millis(this.heartbeatMs))
          if (Option.isNone(rung)) reader.confirm(last)
        }
      }
    })
  }
}
