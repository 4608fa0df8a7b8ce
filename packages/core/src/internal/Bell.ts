/**
 * What the backend pushes to whoever waits in this process. Nothing rests on it but how soon something is noticed: for a
 * push that got lost its receivers make up, by asking again after a while.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import type { Link, Listener } from "../Link.ts"
import { pause } from "./Pause.ts"

/** Called with what was pushed; with undefined where something may have been missed. Must not throw. */
export type Ring = (message: string | undefined) => void

/** Who connects to the backend. */
export interface Line {
  readonly connect: (listener: Listener) => Effect.Effect<Link, never, Scope.Scope>
}

/** The most channels in one request. */
const batch = 512

export class Bell {
  private readonly wanted = new Map<string, Set<Ring>>()
  private readonly active = new Set<string>()
  /** Not wanted any more, and perhaps still subscribed. */
  private readonly leaving = new Set<string>()
  private readonly changed = Latch.makeUnsafe(false)

  /** Rings for as long as the scope lasts, from a moment on which is told by a ring of its own. */
  hang(channel: string, ring: Ring): Effect.Effect<void, never, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.sync(() => this.add(channel, ring)),
      () => Effect.sync(() => this.remove(channel, ring))
    )
  }

  add(channel: string, ring: Ring): void {
    const rings = this.wanted.get(channel) ?? new Set()
    this.wanted.set(channel, rings.add(ring))
    if (this.active.has(channel)) ring(undefined)
    else this.changed.openUnsafe()
  }

  remove(channel: string, ring: Ring): void {
    const rings = this.wanted.get(channel)
    if (rings === undefined || !rings.delete(ring) || rings.size > 0) return
    this.wanted.delete(channel)
    this.changed.openUnsafe()
  }

  /** Makes what is subscribed agree with what is wanted, for as long as it runs. */
  run(line: Line): Effect.Effect<never, never, Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      const link = yield* line.connect({
        message: (channel, message) => this.ring(channel, message),
        lost: (channels) => {
          for (const channel of channels) {
            this.active.delete(channel)
            this.leaving.delete(channel)
          }
          this.changed.openUnsafe()
        }
      })
      let failures = 0
      return yield* Effect.forever(
        Effect.gen({ self: this }, function* () {
          if (failures === 0) yield* this.changed.await
          else yield* pause(failures)
          this.changed.closeUnsafe()
          failures = (yield* this.agree(link)) ? 0 : failures + 1
        })
      )
    })
  }

  /** False where it has to be tried again. */
  private agree(link: Link): Effect.Effect<boolean> {
    return Effect.gen({ self: this }, function* () {
      while (true) {
        const missing = first(batch, this.wanted.keys(), (channel) => !this.active.has(channel))
        for (const channel of this.active) if (!this.wanted.has(channel)) this.leaving.add(channel)
        const leaving = first(batch, this.leaving, (channel) => !this.wanted.has(channel))
        if (missing.length === 0 && leaving.length === 0) return true
        if (leaving.length > 0) {
          for (const channel of leaving) this.active.delete(channel)
          if (!(yield* Effect.isSuccess(link.unsubscribe(leaving)))) return false
          for (const channel of leaving) this.leaving.delete(channel)
        }
        const places = new Map<object, Array<string>>()
        for (const channel of missing) {
          const place = link.place(channel)
          const there = places.get(place)
          if (there === undefined) places.set(place, [channel])
          else there.push(channel)
        }
        // Each place by itself: one that hangs holds back no other (D6).
        const heard = yield* Effect.forEach(places.values(), (channels) => this.subscribe(link, channels), {
          concurrency: "unbounded"
        })
        if (heard.includes(false)) return false
      }
    })
  }

  private subscribe(link: Link, channels: ReadonlyArray<string>): Effect.Effect<boolean> {
    return Effect.suspend(() => {
      // Before the answer: a connection that is lost meanwhile takes them out again.
      for (const channel of channels) {
        this.active.add(channel)
        this.leaving.delete(channel)
      }
      return Effect.match(link.subscribe(channels), {
        onSuccess: () => {
          for (const channel of channels) if (this.active.has(channel)) this.ring(channel, undefined)
          return true
        },
        onFailure: () => {
          for (const channel of channels) this.active.delete(channel)
          return false
        }
      })
    })
  }

  private ring(channel: string, message: string | undefined): void {
    const rings = this.wanted.get(channel)
    if (rings !== undefined) for (const ring of rings) ring(message)
  }
}

const first = (count: number, all: Iterable<string>, where: (one: string) => boolean): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (const one of all) {
    if (!where(one)) continue
    found.push(one)
    if (found.length === count) break
  }
  return found
}
