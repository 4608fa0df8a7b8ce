/** The peers of a world: made on a process and a wire of their own, ended in good order or by a crash. */
import { LocalPeer } from "@troupe/core/LocalPeer"
import * as Wire from "@troupe/core/Wire"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import type { Backend, Node, SpawnOptions } from "../../World.ts"
import { Process } from "./Process.ts"
import type { Pump } from "./Pump.ts"
import type { Server } from "./Server.ts"
import type { Time } from "./Time.ts"
import type { Turns } from "./Turns.ts"
import * as WorldClock from "./WorldClock.ts"
import { WorldWire } from "./WorldWire.ts"

export interface Options<R> {
  readonly backend: Backend<R>
  readonly complete: <A, E, R2>(effect: Effect.Effect<A, E, R2>) => Effect.Effect<A, E, R2>
  readonly pump: Pump
  readonly seed: number
  readonly server: Server
  readonly time: Time
  readonly turns: Turns
}

export class Peers<R> {
  private readonly options: Options<R>
  /** Succeeds for every peer that lives: its connections have brought all that was pushed. */
  private readonly barriers = new Map<WorldWire, Effect.Effect<void>>()
  private count = 0

  constructor(options: Options<R>) {
    this.options = options
  }

  /** What was pushed to any peer has come to its wire. */
  get barrier(): Effect.Effect<void> {
    return this.barriers.size === 0
      ? Effect.void
      : Effect.forEach(this.barriers.values(), (barrier) => barrier, { concurrency: "unbounded", discard: true })
  }

  /** The server ends the connections of all. */
  end(): void {
    for (const wire of this.options.pump.wires) wire.end()
  }

  spawn(options: SpawnOptions = {}): Effect.Effect<Node<R>, unknown, Scope.Scope> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.gen({ self: this }, function* () {
        const { backend, complete, pump, seed, server, time, turns } = this.options
        const id = ++this.count
        const process = new Process(id, options.name ?? `peer-${id}`)
        const wire = new WorldWire(process, server, time, pump)
        const scope = yield* Scope.make()
        const references = Context.empty().pipe(
          Context.add(LocalPeer, { name: process.name }),
          Context.add(Wire.Wire, wire),
          Context.add(Clock.Clock, WorldClock.make(time, process)),
          Context.add(Random.Random, yield* Random.Random.pipe(Random.withSeed(`${seed}/${id}`))),
          Context.add(Scheduler.Scheduler, turns.scheduler(process))
        )
        pump.wires.push(wire)
        const stop = this.closing(process, wire, complete(Scope.close(scope, Exit.void)))
        yield* Effect.addFinalizer(() => stop)
        const built = yield* Layer.buildWithMemoMap(backend.layer(options), Layer.makeMemoMapUnsafe(), scope).pipe(
          Effect.provideContext(references),
          (build) => restore(complete(this.connecting(wire, build))),
          Effect.onError(() => stop)
        )
        const context = Context.merge(built, references)
        if (backend.barrier !== undefined) this.barriers.set(wire, backend.barrier(context))
        return {
          name: process.name,
          context,
          crash: this.crashing(process, wire, scope),
          stop,
          freeze: Effect.sync(() => process.freeze()),
          thaw: Effect.sync(() => this.thaw(process, wire)),
          cut: Effect.sync(() => wire.cut()),
          heal: Effect.sync(() => wire.heal()),
          deaf: Effect.sync(() => wire.deaf()),
          hear: Effect.sync(() => wire.hear()),
          loseAnswer: (which) => Effect.sync(() => wire.loseAnswer(which)),
          holdAnswers: Effect.sync(() => wire.holdAnswers()),
          passAnswers: Effect.sync(() => wire.passAnswers()),
          losePush: Effect.sync(() => wire.losePush()),
          skew: (by) =>
            Effect.sync(() => {
              process.skewMs = Math.round(Duration.toMillis(Duration.fromInputUnsafe(by)))
            }),
          requests: Effect.sync(() => [...wire.requests])
        } satisfies Node<R>
      })
    )
  }

  /** Connecting is real work: no event comes in between, up to the peer's first request. */
  private connecting<A, E>(wire: WorldWire, build: Effect.Effect<A, E>): Effect.Effect<A, E> {
    const { pump } = this.options
    return Effect.suspend(() => {
      let held = true
      const release = () => {
        if (held) pump.resume()
        held = false
      }
      pump.hold()
      wire.onFirst = release
      return Effect.ensuring(build, Effect.sync(release))
    })
  }

  private thaw(process: Process, wire: WorldWire): void {
    process.thaw()
    wire.release()
  }

  private closing(process: Process, wire: WorldWire, close: Effect.Effect<void>): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (process.crashed || process.ended) return Effect.void
      this.thaw(process, wire)
      return Effect.ensuring(
        close,
        Effect.sync(() => this.gone(process, wire))
      )
    })
  }

  /** Poisoned first. Closing is real work, of which the others see nothing. */
  private crashing(process: Process, wire: WorldWire, scope: Scope.Closeable): Effect.Effect<void> {
    const { pump } = this.options
    return Effect.suspend(() => {
      if (process.crashed || process.ended) return Effect.void
      process.crashed = true
      this.barriers.delete(wire)
      wire.crash(() => pump.coin())
      process.thaw()
      pump.hold()
      return Effect.ensuring(
        Scope.close(scope, Exit.void),
        Effect.sync(() => {
          this.gone(process, wire)
          pump.resume()
        })
      )
    })
  }

  private gone(process: Process, wire: WorldWire): void {
    const { pump, time } = this.options
    process.ended = true
    this.barriers.delete(wire)
    pump.wires.splice(pump.wires.indexOf(wire), 1)
    time.forget(process)
  }
}
