/**
 * Where a law is tried: peers on one backend, in a time of the world's own.
 *
 * Every implementation of a service keeps the same laws in the same kind of world: memory, a Redis server, a Redis
 * Cluster. Time is virtual in all of them: it moves only by `advance`, `eventually` and `always`, and never while a
 * request is under way, so that a law takes milliseconds and fails for a reason, not for a slow machine.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import { Peers } from "./internal/world/Peers.ts"
import { Process } from "./internal/world/Process.ts"
import { Pump } from "./internal/world/Pump.ts"
import { Server } from "./internal/world/Server.ts"
import { Time } from "./internal/world/Time.ts"
import { Turns } from "./internal/world/Turns.ts"
import * as WorldClock from "./internal/world/WorldClock.ts"

export interface SpawnOptions {
  /** The peer's name (LocalPeer). Default "peer-1", "peer-2" … */
  readonly name?: string | undefined
}

/** The shared state of all peers, as a fault sees it. */
export interface WorldStore {
  /** The server is away: every call fails, every connection ends. */
  readonly stop: Effect.Effect<void>
  readonly start: Effect.Effect<void>
  /** Everything is gone, the server lives on: FLUSHALL. */
  readonly forget: Effect.Effect<void>
  /** A replica without the last `writes` requests that changed something takes over. */
  readonly rewind: (writes: number) => Effect.Effect<void>
  /** The server's clock jumps; the peers' do not. */
  readonly stepClock: (by: Duration.Input) => Effect.Effect<void>
  /**
   * What may be lost by itself (everything that carries a time to live of the backend's own, and what lives on a server of
   * its own: Chat's index, `{rooms}`) and contains this text goes.
   */
  readonly evict: (containing: string) => Effect.Effect<void>
  /** A full server refuses what adds. */
  readonly full: (on: boolean) => Effect.Effect<void>
}

/** One peer. */
export interface Node<R> {
  readonly name: string
  /** What the law asked for, and this peer's own clock, random numbers and wire: `Effect.provide(program, node.context)`. */
  readonly context: Context.Context<R>
  /** Gone without a goodbye: nothing it does reaches the store any more, then its scope is closed. */
  readonly crash: Effect.Effect<void>
  /** Its scope closes in good order. */
  readonly stop: Effect.Effect<void>
  /** Its event loop stands still: no timer fires, no answer and no push is seen, until `thaw`. */
  readonly freeze: Effect.Effect<void>
  readonly thaw: Effect.Effect<void>
  /** The path to the store is gone in both directions: calls fail by their deadline, connections end. */
  readonly cut: Effect.Effect<void>
  readonly heal: Effect.Effect<void>
  /** Requests are answered but pushes do not arrive; the connection for pushes is found dead 7 seconds later. */
  readonly deaf: Effect.Effect<void>
  readonly hear: Effect.Effect<void>
  /** The next request loses its answer: after it was applied, or before. */
  readonly loseAnswer: (which: "applied" | "not applied") => Effect.Effect<void>
  /** Its requests are served, but their answers stay on their way, and pushes overtake them, until `passAnswers`. */
  readonly holdAnswers: Effect.Effect<void>
  readonly passAnswers: Effect.Effect<void>
  /** The next push to it is lost, and nothing tells it so. */
  readonly losePush: Effect.Effect<void>
  /** Its own clock is off by this much. */
  readonly skew: (by: Duration.Input) => Effect.Effect<void>
  /** When it has sent a request, one time for each: for laws that say what something costs. */
  readonly requests: Effect.Effect<ReadonlyArray<number>>
}

export interface World<R> {
  readonly seed: number
  /** Another peer on this world's backend. Lives until its scope, `stop` or `crash` ends it. */
  readonly spawn: (options?: SpawnOptions) => Effect.Effect<Node<R>, unknown, Scope.Scope>
  /** The server's time, ms since 1970. It begins with 2030. */
  readonly now: Effect.Effect<number>
  /** Time passes, for everyone alike; at the end everything under way has arrived. */
  readonly advance: (by: Duration.Input) => Effect.Effect<void>
  /** Holds within that much virtual time; default 0: once everything under way has arrived. */
  readonly eventually: <E, R2>(check: Effect.Effect<void, E, R2>, within?: Duration.Input) => Effect.Effect<void, E, R2>
  /** Holds at every step for that long. */
  readonly always: <E, R2>(check: Effect.Effect<void, E, R2>, during: Duration.Input) => Effect.Effect<void, E, R2>
  /** Runs this to its end, and lets pass the time that it waits for; dies where that is more than ten minutes. */
  readonly complete: <A, E, R2>(effect: Effect.Effect<A, E, R2>) => Effect.Effect<A, E, R2>
  /** Runs a law, or a part of one: on this world's scheduler, by the server's clock. Dies where it waits for ever. */
  readonly run: <A, E, R2>(effect: Effect.Effect<A, E, R2>) => Effect.Effect<A, E, R2>
  readonly store: WorldStore
  /** How many channel subscriptions the backend knows of, over all peers. */
  readonly subscriptions: Effect.Effect<number>
  /** Everything that the backend keeps, as comparable text: for laws that say "nothing is left behind". */
  readonly keys: Effect.Effect<ReadonlyArray<string>>
}

/** What a world needs of the thing that keeps the state; the rest (order, time, paths) is the world's own. */
export interface Backend<R> {
  /**
   * A peer's services. Its references (Wire, Clock, Random, LocalPeer, Scheduler) are in the context that this is
   * built in.
   */
  readonly layer: (options: SpawnOptions) => Layer.Layer<R, unknown>
  /**
   * Succeeds once whatever the server pushed to that peer before has come to its wire. Absent: it always has, and
   * nothing in this backend takes real time.
   */
  readonly barrier?: ((context: Context.Context<R>) => Effect.Effect<void>) | undefined
  readonly forget: Effect.Effect<void>
  readonly evict: (containing: string) => Effect.Effect<void>
  readonly keys: Effect.Effect<ReadonlyArray<string>>
  readonly subscriptions: Effect.Effect<number>
  /** Takes back the last requests that changed something. */
  readonly rewind: (writes: number) => Effect.Effect<void>
  /** Notes what the server holds now, for `rewind`: called first, and after every request. Absent: no `rewind`. */
  readonly note?: Effect.Effect<void> | undefined
}

export interface Options<R> {
  /** Decides every order that the law leaves open. */
  readonly seed: number
  readonly backend: Backend<R>
}

/** A statement that every implementation keeps. */
export type Law<R> = (world: World<R>) => Effect.Effect<void, unknown, Scope.Scope>

/** A law rewound a world that keeps no notes: try it in one that does. */
export class NoNotes extends Error {
  constructor() {
    super("this world keeps no notes of what was written: make it with `notes: true`")
  }
}

/** The most virtual time that one wait takes. */
const maxWaitMs = 600_000
/** How long real work is given before time moves, and before it is given up. */
const realPauseMs = 20
const realPatienceMs = 5_000
const realPause = Effect.callback<void>((resume) => {
  const timer = setTimeout(() => resume(Effect.void), realPauseMs)
  return Effect.sync(() => clearTimeout(timer))
})

/** A world on that backend, until the scope closes. */
export const make = Effect.fnUntraced(function* <R>(
  options: Options<R>
): Effect.fn.Return<World<R>, never, Scope.Scope> {
  const { backend, seed } = options
  const time = new Time()
  const server = new Server(time)
  const turns = new Turns(yield* Scheduler.Scheduler)
  const law = new Process(0, "law")
  const scheduler = turns.scheduler(law)
  const context = Context.add(yield* Effect.context(), Scheduler.Scheduler, scheduler)
  const barrier = Effect.suspend(() => peers.barrier)
  const pump = new Pump({
    scheduler,
    turns,
    time,
    server,
    random: yield* Random.Random.pipe(Random.withSeed(`${seed}`)),
    fork: (effect, onDone) =>
      Effect.runForkWith(context)(effect).addObserver((exit) => {
        if (Exit.isSuccess(exit)) onDone(exit.value)
      }),
    afterRequest: backend.note === undefined ? barrier : Effect.andThen(backend.note, barrier)
  })
  const isReal = backend.barrier !== undefined
  const complete = <A, E, R2>(effect: Effect.Effect<A, E, R2>): Effect.Effect<A, E, R2> =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
      const limit = time.now + maxWaitMs
      let patience = isReal ? realPatienceMs : 0
      while (true) {
        yield* Effect.raceFirst(Fiber.await(fiber), pump.settled)
        if (fiber.pollUnsafe() !== undefined) return yield* Fiber.join(fiber)
        if (isReal) {
          // A connection that opens or closes is real work, of which the world knows nothing.
          yield* Effect.raceFirst(Fiber.await(fiber), realPause)
          yield* Effect.raceFirst(Fiber.await(fiber), pump.settled)
          if (fiber.pollUnsafe() !== undefined) return yield* Fiber.join(fiber)
        }
        const next = time.next()
        if (next !== undefined && next <= limit) time.moveTo(next)
        else if ((patience -= realPauseMs) < 0)
          return yield* Effect.die(new Error("waits for what time does not bring"))
      }
    })
  const peers = new Peers({ backend, complete, pump, seed, server, time, turns })
  yield* Effect.addFinalizer(() => Effect.sync(() => pump.close()))
  if (backend.note !== undefined) yield* backend.note

  /** Moves time from timer to timer up to `target`; looks at each stop, and ends early when the look says so. */
  const pass = Effect.fnUntraced(function* <E, R2>(target: number, look: Effect.Effect<boolean, E, R2>) {
    while (true) {
      yield* pump.settled
      if (yield* look) return
      yield* pump.settled
      const next = time.next()
      if (next !== undefined && next <= target) time.moveTo(next)
      else if (time.now < target) time.moveTo(target)
      else return
    }
  })
  const after = (input: Duration.Input): number =>
    time.now + Math.ceil(Duration.toMillis(Duration.fromInputUnsafe(input)))

  return {
    seed,
    now: Effect.sync(server.now),
    spawn: (options) => peers.spawn(options),
    advance: (by) => Effect.suspend(() => pass(after(by), Effect.succeed(false))),
    eventually: <E, R2>(check: Effect.Effect<void, E, R2>, within: Duration.Input = 0) =>
      Effect.suspend(() => {
        let last: Exit.Exit<void, E> = Exit.void
        const look = Effect.map(Effect.exit(check), (exit) => {
          last = exit
          return Exit.isSuccess(exit) || Exit.hasInterrupts(exit)
        })
        return Effect.andThen(
          pass(after(within), look),
          Effect.suspend(() => last)
        )
      }),
    always: (check, during) => Effect.suspend(() => pass(after(during), Effect.as(check, false))),
    complete,
    run: (effect) =>
      Effect.raceFirst(effect, pump.stuck).pipe(
        Effect.provideService(Clock.Clock, WorldClock.make(time, law)),
        Effect.provideService(Scheduler.Scheduler, scheduler)
      ),
    store: {
      stop: Effect.sync(() => {
        server.stopped = true
        peers.end()
      }),
      start: Effect.sync(() => {
        server.stopped = false
      }),
      forget: backend.forget,
      rewind: (writes) =>
        Effect.suspend(() => {
          if (backend.note === undefined) return Effect.die(new NoNotes())
          server.takeOver()
          peers.end()
          return backend.rewind(writes)
        }),
      stepClock: (by) =>
        Effect.sync(() => {
          server.stepMs += Math.round(Duration.toMillis(Duration.fromInputUnsafe(by)))
        }),
      evict: backend.evict,
      full: (on) =>
        Effect.sync(() => {
          server.full = on
        })
    },
    subscriptions: backend.subscriptions,
    keys: backend.keys
  }
})

/** Makes a world and tries a law in it; a law that rewinds gets one that keeps notes. */
export const prove = <R>(
  make: (options: { readonly notes: boolean }) => Effect.Effect<World<R>, unknown, Scope.Scope>,
  law: Law<R>
): Effect.Effect<void, unknown> => {
  const proof = (notes: boolean) =>
    Effect.scoped(Effect.flatMap(make({ notes }), (world) => world.run(within(world, law))))
  return Effect.catchDefect(proof(false), (defect) => (defect instanceof NoNotes ? proof(true) : Effect.die(defect)))
}

/**
 * The law and what it leaves behind. Where it fails it may leave what only time ends, as the last word of a peer that is
 * cut off: then time passes until it has ended, or the failure would never be told.
 */
const within = <R>(world: World<R>, law: Law<R>): Effect.Effect<void, unknown> =>
  Effect.acquireUseRelease(
    Scope.make(),
    (scope) => Scope.provide(law(world), scope),
    (scope, exit) => {
      const close = Scope.close(scope, exit)
      return Exit.isSuccess(exit) ? close : world.complete(close)
    }
  )
