/**
 * What the peers work on: kinds of task that go well, take long, fail, and end whoever runs them, and one that a schedule
 * enqueues. Each is a queue of its own: what takes long, or waits for somebody who dares, never stands in the way of what
 * is quick.
 */
import { PubSub, type Stats, TaskQueue } from "@troupe/core"
import { DateTime, Duration, Effect, Layer, Schedule, Schema } from "effect"
import { count } from "./Counting.ts"

/** A dead peer's tasks are back after five seconds, so that one sees it; nothing that runs holds up the program's end. */
export const queueOptions: TaskQueue.Options = {
  lease: "5 seconds",
  heartbeat: "1 second",
  shutdownGrace: "1 second",
  maxLength: 250_000
}

// -- what is enqueued ---------------------------------------------------------------------------------------------

export const Kind = Schema.Literals(["quick", "slow", "failing", "lethal", "tick"])
export type Kind = typeof Kind.Type
/** What may be enqueued by hand. */
export const Handmade = Schema.Literals(["quick", "slow", "failing", "lethal"])

/** What is to be done, all of it: `steps` pauses of `stepMs` each. How that ends is its kind's. */
export const Errand = Schema.Struct({
  title: Schema.String.check(Schema.isMaxLength(80)),
  steps: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100 })),
  stepMs: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 10_000 })),
  /** Whoever runs it tells how it went. Of a hundred thousand nobody wants to hear that. */
  isTold: Schema.Boolean
})
export type Errand = typeof Errand.Type

const efforts: { readonly [K in Kind]: Pick<Errand, "steps" | "stepMs"> } = {
  quick: { steps: 1, stepMs: 25 },
  slow: { steps: 16, stepMs: 500 },
  failing: { steps: 1, stepMs: 400 },
  lethal: { steps: 1, stepMs: 800 },
  tick: { steps: 1, stepMs: 50 }
}
export const errand = (kind: Kind, title: string, isTold: boolean): Errand => ({ title, isTold, ...efforts[kind] })

export class Failed extends Schema.TaggedError<Failed>("Failed")("Failed", {
  why: Schema.String
}) {
  override get message(): string {
    return this.why
  }
}

export type Task = TaskQueue.Task<Errand, void, Failed>
const task = (
  kind: Kind,
  options: Pick<TaskQueue.TaskOptions<typeof Errand, void, Failed, never>, "maxAttempts" | "retry">
): Task =>
  // Nobody waits for an answer, so that none is kept.
  TaskQueue.task(kind, { payload: Errand, error: Failed, keepResult: 0, ...options })

export const tasks: { readonly [K in Kind]: Task } = {
  quick: task("quick", {}),
  slow: task("slow", {}),
  failing: task("failing", { maxAttempts: 3, retry: Schedule.spaced("2 seconds") }),
  lethal: task("lethal", {}),
  tick: task("tick", {})
}

// -- what is told of it -------------------------------------------------------------------------------------------

/** How one run went, or that its peer is about to crash over it. */
export const Outcome = Schema.Struct({
  kind: Kind,
  title: Schema.String,
  by: Schema.String,
  attempt: Schema.Int,
  how: Schema.Literals(["Done", "Failed", "Crashes"]),
  at: Schema.DateTimeUtcFromMillis
})
export type Outcome = typeof Outcome.Type

/** Where peers tell it, for whoever shows it. */
export const outcomes = PubSub.channel("outcomes", {
  message: Outcome,
  history: { size: 50, timeToLive: "10 minutes" }
})

// -- how it is done -----------------------------------------------------------------------------------------------

const tell = Effect.fnUntraced(function* (
  kind: Kind,
  { title }: Errand,
  { attempt, peer: by }: TaskQueue.Run,
  how: Outcome["how"]
) {
  const pubsub = yield* PubSub.PubSub
  const outcome: Outcome = { kind, title, by, attempt, how, at: yield* DateTime.now }
  // It went as it went, whether anyone hears of it or not.
  yield* Effect.catch(pubsub.publish(outcomes, outcome), (error) =>
    Effect.logDebug(`${by} could not tell how ${title} went: ${error.message}`)
  )
})

/** Does what the errand says, then what its kind is for. */
const handler = (
  kind: Kind,
  end: (errand: Errand, run: TaskQueue.Run) => Effect.Effect<void, Failed, PubSub.PubSub | Stats.Stats>
) =>
  Effect.fnUntraced(function* (errand: Errand, run: TaskQueue.Run) {
    for (let done = 0; done < errand.steps; done++) {
      // Where nobody can be told how far it is, it goes on all the same.
      if (errand.steps > 1) yield* Effect.ignore(run.progress({ done, of: errand.steps }))
      yield* Effect.sleep(Duration.millis(errand.stepMs))
    }
    yield* end(errand, run)
  })

const well = (kind: Kind) =>
  handler(kind, (errand, run) =>
    Effect.andThen(count("tasks done"), errand.isTold ? tell(kind, errand, run, "Done") : Effect.void)
  )

const badly = handler("failing", (errand, run) =>
  Effect.andThen(
    Effect.andThen(count("attempts failed"), errand.isTold ? tell("failing", errand, run, "Failed") : Effect.void),
    Effect.fail(new Failed({ why: "It always does." }))
  )
)

const fatally = (crash: Effect.Effect<void>) =>
  handler("lethal", (errand, run) =>
    // Who is gone ends nothing: neither well nor badly.
    Effect.andThen(tell("lethal", errand, run, "Crashes"), Effect.andThen(crash, Effect.never))
  )

/** Whose slot it is, and nothing else, is in the title. */
const schedule = TaskQueue.schedule(tasks.tick, {
  id: "tick",
  every: "10 seconds",
  payload: (slot) => errand("tick", DateTime.formatIso(slot), true)
})

/**
 * A peer's work, for as long as it lives. Few runs at a time, so that one sees queues. `crash` ends the peer on the spot;
 * one without it keeps its hands off what is lethal.
 */
export const life = (
  crash: Effect.Effect<void> | undefined
): Layer.Layer<never, never, TaskQueue.TaskQueue | PubSub.PubSub | Stats.Stats> =>
  Layer.mergeAll(
    TaskQueue.worker(tasks.quick, well("quick"), { concurrency: 16 }),
    TaskQueue.worker(tasks.slow, well("slow"), { concurrency: 2 }),
    TaskQueue.worker(tasks.failing, badly, { concurrency: 2 }),
    crash === undefined ? Layer.empty : TaskQueue.worker(tasks.lethal, fatally(crash), { concurrency: 1 }),
    TaskQueue.worker(tasks.tick, well("tick"), { concurrency: 1 }),
    schedule
  )
