/**
 * What one claimer runs: each task in a fiber and a scope of its own. Whatever a run does, it becomes one settlement, or
 * none where the task is not this claimer's any more.
 */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import type { BackendError } from "../../BackendError.ts"
import { byteLength } from "../../Name.ts"
import type { Handler, Run } from "../../TaskQueue.ts"
import { type Claimed, maxCrashes, type Settlement, TaskId } from "../../TaskQueueStore.ts"
import { isSettled } from "../Settled.ts"
import type { Definition } from "./Definition.ts"
import * as Limits from "./Limits.ts"
import * as Retry from "./Retry.ts"
import { Undecodable } from "../Text.ts"

/** Why a run is interrupted from outside: its task goes back, or is somebody else's by now. */
export type Stop = "Release" | "Lost"

class Running {
  readonly claim: Claimed
  readonly since: number
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  stop: Stop | undefined
  hasProgress = false

  constructor(claim: Claimed, since: number) {
    this.claim = claim
    this.since = since
  }
}

export interface Options<A, B, E, R> {
  readonly plan: Limits.Plan
  readonly definition: Definition<A, B, E>
  readonly handler: Handler<A, B, E, R>
  readonly context: Context.Context<Exclude<R, Scope.Scope>>
  readonly peer: string
  readonly clock: Clock.Clock
  /** Tells the backend of a run's progress; false where the task is not this claimer's any more. */
  readonly progress: (claim: Claimed, value: string) => Effect.Effect<boolean, BackendError>
  /** A run is over, after that many ms. Undefined: there is nothing to settle. */
  readonly ended: (settlement: Settlement | undefined, ms: number) => void
}

class TimedOut extends Error {}

export class Runs<A, B, E, R> {
  /** How many tasks run that are suspected of killing their peer (promise T7). */
  suspects = 0
  /** By fence: a number may run twice here, where a run outlives the loss of its lease and its task is claimed again. */
  private readonly all = new Map<number, Running>()
  private readonly options: Options<A, B, E, R>
  private readonly fork: <X, Y>(effect: Effect.Effect<X, Y, Exclude<R, Scope.Scope>>) => Fiber.Fiber<X, Y>
  private readonly isTraced: boolean

  constructor(options: Options<A, B, E, R>) {
    this.options = options
    this.fork = Effect.runForkWith(options.context)
    this.isTraced = Context.get(options.context, Tracer.Tracer) !== Tracer.nativeTracer
  }

  get size(): number {
    return this.all.size
  }

  get claims(): Iterable<Claimed> {
    return [...this.all.values()].flatMap(({ claim, stop }) => (stop === "Lost" ? [] : claim))
  }

  /** Begins a run: `ended` follows, perhaps before this returns. */
  start(claim: Claimed): void {
    const { clock, plan } = this.options
    const running = new Running(claim, clock.currentTimeMillisUnsafe())
    this.all.set(claim.fence, running)
    if (isSuspect(claim)) this.suspects++
    // The last of them ended with its peer, and nobody was there to say so.
    if (claim.attempts >= plan.maxAttempts) {
      const error = "its peer went away while it ran"
      const common = { claim, hasProgress: true, hasRun: false, answer: undefined }
      return this.settle(running, { _tag: "Dead", ...common, reason: "AttemptsExhausted", error })
    }
    const fiber = this.fork(this.body(running))
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) return this.judge(running, exit)
    running.fiber = fiber
    // It may have had itself stopped before it came to its first pause.
    if (running.stop !== undefined) fiber.interruptUnsafe()
    fiber.addObserver((exit) => this.judge(running, exit))
  }

  /** Interrupts the run of that task, if there is one. */
  stop(number: number, stop: Stop): void {
    for (const running of [...this.all.values()]) if (running.claim.number === number) this.halt(running, stop)
  }

  /** Interrupts what was claimed with that fence or a lower one. */
  stopUntil(fence: number, stop: Stop): void {
    for (const running of [...this.all.values()]) if (running.claim.fence <= fence) this.halt(running, stop)
  }

  /** Interrupts what was claimed with that fence. */
  lose(fence: number): void {
    const running = this.all.get(fence)
    if (running !== undefined) this.halt(running, "Lost")
  }

  private halt(running: Running, stop: Stop): void {
    running.stop = stop
    running.fiber?.interruptUnsafe()
  }

  private body(running: Running): Effect.Effect<B, E | Undecodable, Exclude<R, Scope.Scope>> {
    const { definition, handler, plan } = this.options
    const { claim } = running
    const run = new TaskRun(claim, this.options.peer, (value) => this.progress(running, value))
    const payload = definition.payload.decode(claim.payload)
    const handled: Effect.Effect<B, E | Undecodable, R> =
      isSettled(payload) && Exit.isSuccess(payload)
        ? Effect.suspend(() => handler(payload.value, run))
        : Effect.flatMap(payload, (payload) => handler(payload, run))
    const { timeoutMs } = plan
    const timely =
      timeoutMs === undefined
        ? handled
        : Effect.timeoutOrElse(handled, {
            duration: Duration.millis(timeoutMs),
            orElse: () => Effect.die(new TimedOut(`no end within ${timeoutMs} ms`))
          })
    const scoped = Effect.scoped(timely)
    return this.isTraced || claim.trace !== undefined
      ? Effect.withSpan(scoped, "TaskQueue.run", this.span(claim))
      : scoped
  }

  private span({ attempts, id, trace }: Claimed): Tracer.SpanOptions {
    const [traceId, spanId, sampled] = trace?.split(" ") ?? []
    return {
      kind: "consumer",
      root: true,
      attributes: { task: this.options.plan.name, id, attempt: attempts + 1 },
      links:
        traceId === undefined || spanId === undefined
          ? []
          : [{ span: Tracer.externalSpan({ traceId, spanId, sampled: sampled === "1" }), attributes: {} }]
    }
  }

  private progress(running: Running, value: Schema.Json): Effect.Effect<void, BackendError> {
    return Effect.suspend(() => {
      const text = JSON.stringify(value)
      if (byteLength(text) > Limits.maxProgressBytes) {
        const rule = `progress must not be longer than ${Limits.maxProgressBytes} bytes of JSON`
        return Effect.fail(Limits.tooMuch("progress", rule))
      }
      if (running.stop !== undefined) return Effect.interrupt
      running.hasProgress = true
      return Effect.flatMap(this.options.progress(running.claim, text), (isHeld) => {
        if (isHeld) return Effect.void
        this.halt(running, "Lost")
        return Effect.interrupt
      })
    })
  }

  private judge(running: Running, exit: Exit.Exit<B, E | Undecodable>): void {
    const { claim, hasProgress, stop } = running
    if (stop === "Lost") return this.settle(running, undefined)
    if (Exit.isSuccess(exit)) {
      if (claim.keepMs === 0) return this.settle(running, { _tag: "Done", claim, hasProgress, answer: "" })
      const answer = this.options.definition.success.encode(exit.value)
      if (isSettled(answer) && Exit.isSuccess(answer) && Limits.isKeepable(answer.value)) {
        return this.settle(running, { _tag: "Done", claim, hasProgress, answer: answer.value })
      }
      return this.weigh(
        running,
        Effect.matchCauseEffect(answer, {
          onSuccess: (answer) =>
            Limits.isKeepable(answer)
              ? Effect.succeed<Settlement>({ _tag: "Done", claim, hasProgress, answer })
              : this.failed(running, "AttemptsExhausted", `its answer is longer than ${Limits.maxAnswerBytes} bytes`),
          onFailure: () => this.failed(running, "AttemptsExhausted", "what it answered does not fit the schema")
        })
      )
    }
    if (stop === "Release" && Cause.hasInterrupts(exit.cause)) {
      return this.settle(running, { _tag: "Release", claim, hasProgress })
    }
    this.weigh(running, this.failure(running, exit.cause))
  }

  /** Settles as soon as it is known how. */
  private weigh(running: Running, settlement: Effect.Effect<Settlement>): void {
    const { claim } = running
    // A rule of the definition that throws is a failure of the attempt it was asked about.
    const known = Effect.catchCause(settlement, (cause) =>
      this.failed(running, "AttemptsExhausted", describe(Cause.squash(cause)), Retry.standard)
    )
    const fiber = this.fork(known)
    const end = (exit: Exit.Exit<Settlement>): void =>
      this.settle(
        running,
        Exit.isSuccess(exit) ? exit.value : { _tag: "Release", claim, hasProgress: running.hasProgress }
      )
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) return end(exit)
    // Whoever stops the run stops this: a schedule or a schema may take its time.
    running.fiber = fiber
    fiber.addObserver(end)
  }

  private failure(running: Running, cause: Cause.Cause<E | Undecodable>): Effect.Effect<Settlement> {
    const { definition } = this.options
    const { claim, hasProgress } = running
    const error = Option.getOrUndefined(Cause.findErrorOption(cause))
    if (error === undefined) return this.failed(running, "AttemptsExhausted", describe(Cause.squash(cause)))
    if (error instanceof Undecodable) return this.failed(running, "Undecodable", `the payload: ${error.message}`)
    return Effect.gen({ self: this }, function* () {
      const text = describe(error)
      const answer =
        claim.keepMs === 0 ? undefined : yield* Effect.orElseSucceed(definition.error.encode(error), () => undefined)
      const kept = answer !== undefined && Limits.isKeepable(answer) ? answer : undefined
      return definition.retryWhile?.(error) === false
        ? ({ _tag: "Dead", claim, hasProgress, hasRun: true, reason: "Rejected", error: text, answer: kept } as const)
        : yield* this.failed(running, "AttemptsExhausted", text, this.options.plan.retry, kept)
    })
  }

  /** Another attempt if there is one left, else the end. */
  private failed(
    { claim, hasProgress }: Running,
    reason: "AttemptsExhausted" | "Undecodable",
    error: string,
    retry = this.options.plan.retry,
    answer?: string
  ): Effect.Effect<Settlement> {
    const attempt = claim.attempts + 1
    const dead: Settlement = { _tag: "Dead", claim, hasProgress, hasRun: true, reason, error, answer }
    if (attempt >= this.options.plan.maxAttempts) return Effect.succeed(dead)
    return Effect.map(Retry.delay(retry, attempt), (delayMs) =>
      delayMs === undefined ? dead : { _tag: "Retry", claim, hasProgress, delayMs, error }
    )
  }

  private settle(running: Running, settlement: Settlement | undefined): void {
    const { claim, since } = running
    this.all.delete(claim.fence)
    if (isSuspect(claim)) this.suspects--
    this.options.ended(settlement, Math.max(0, this.options.clock.currentTimeMillisUnsafe() - since))
  }
}

/** Made for every run: what costs something is made when it is asked for. */
class TaskRun implements Run {
  readonly attempt: number
  readonly peer: string
  readonly progress: Run["progress"]
  private readonly claim: Claimed

  constructor(claim: Claimed, peer: string, progress: Run["progress"]) {
    this.claim = claim
    this.attempt = claim.attempts + 1
    this.peer = peer
    this.progress = progress
  }

  get id(): TaskId {
    return TaskId.make(this.claim.id)
  }

  get enqueuedAt(): DateTime.Utc {
    return DateTime.makeUnsafe(this.claim.enqueuedAt)
  }

  get fence(): bigint {
    return BigInt(this.claim.fence)
  }
}

/** Its peers went away over it so often that it runs alone (promise T7). */
const isSuspect = (claim: Claimed): boolean => claim.crashes >= maxCrashes - 1

/** What an error says of itself, bounded. It may be anything, also what throws when it is asked. */
const describe = (error: unknown): string => {
  try {
    return Limits.cut(saidBy(error))
  } catch {
    return "it failed"
  }
}

const saidBy = (error: unknown): string => {
  if (error instanceof Error) return error.message === "" ? error.name : `${error.name}: ${error.message}`
  if (typeof error === "string") return error
  return typeof error === "object" && error !== null && "_tag" in error ? String(error._tag) : "it failed"
}
