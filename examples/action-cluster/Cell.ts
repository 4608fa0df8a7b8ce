/**
 * A process of its own, played inside this one: what a peer in memory is built in, so that it can freeze and crash as
 * a process does. It has the two things through which a peer meets the world, a wire to the backend and a clock.
 */
import { BackendError } from "@troupe/core"
import * as Wire from "@troupe/core/Wire"
import { Clock, Effect, Latch, Layer } from "effect"

/** What a server does for a client that reads nothing: it keeps this much for it, this long, and then hangs up. */
const patience = { pushes: 64, millis: 5_000 }

/** The server that all cells talk to, at the time of the machine. */
const server: Wire.Server = { now: () => Date.now(), run: () => "memory" }

export class Cell {
  state: "running" | "frozen" | "crashed" = "running"
  private readonly awake = Latch.makeUnsafe(true)
  private readonly downs = new Set<() => void>()
  private held: Array<() => void> = []
  private frozenAt = 0

  /** The event loop stands still. */
  freeze(): void {
    if (this.state !== "running") return
    this.state = "frozen"
    this.frozenAt = performance.now()
    this.awake.closeUnsafe()
  }

  /** It turns again: what was under way arrives now, unless the server has hung up meanwhile. */
  thaw(): void {
    if (this.state !== "frozen") return
    this.state = "running"
    const [held, downs] = [this.held, [...this.downs]]
    this.held = []
    const isHungUp = held.length > patience.pushes || performance.now() - this.frozenAt > patience.millis
    if (isHungUp) for (const down of downs) down()
    else for (const deliver of held) deliver()
    this.awake.openUnsafe()
  }

  /** From here on nothing it does is seen by anyone. Closing its scope is then only tidying up. */
  crash(): void {
    this.state = "crashed"
    this.held = []
    this.awake.openUnsafe()
  }

  private get wire(): Wire.Wire {
    return {
      server,
      send: (request, effect) => {
        const unlessCrashed = (outcome: BackendError.BackendError["outcome"]) =>
          Effect.flatMap(this.awake.await, () =>
            this.state === "crashed"
              ? Effect.fail(
                  new BackendError.BackendError({
                    service: request.service,
                    operation: request.operation,
                    reason: new BackendError.Unavailable({ message: "this peer has crashed" }),
                    outcome
                  })
                )
              : Effect.void
          )
        return unlessCrashed("NotApplied").pipe(
          Effect.andThen(Effect.exit(effect)),
          Effect.tap(() => unlessCrashed("Unknown")),
          Effect.flatten
        )
      },
      push: (deliver) => {
        if (this.state === "running") deliver()
        else if (this.state === "frozen" && this.held.length <= patience.pushes) this.held.push(deliver)
      },
      onDown: (down) => {
        this.downs.add(down)
        return () => void this.downs.delete(down)
      }
    }
  }

  /** No timer fires while it stands still. */
  private clock(live: Clock.Clock): Clock.Clock {
    return {
      currentTimeMillisUnsafe: () => live.currentTimeMillisUnsafe(),
      currentTimeMillis: live.currentTimeMillis,
      currentTimeNanosUnsafe: () => live.currentTimeNanosUnsafe(),
      currentTimeNanos: live.currentTimeNanos,
      monotonicTimeNanosUnsafe: () => live.monotonicTimeNanosUnsafe(),
      monotonicTimeNanos: live.monotonicTimeNanos,
      sleep: (duration) => Effect.andThen(live.sleep(duration), this.awake.await)
    }
  }

  /** For whatever is built inside. */
  readonly layer: Layer.Layer<never> = Layer.merge(
    Layer.sync(Wire.Wire, () => this.wire),
    Layer.effect(
      Clock.Clock,
      Effect.clockWith((live) => Effect.succeed(this.clock(live)))
    )
  )
}
