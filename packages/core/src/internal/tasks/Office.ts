/** TaskQueue's members, over a store: what comes in is checked and written down, what is asked is answered. */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { BackendError, CorruptData, PayloadTooLarge } from "../../BackendError.ts"
import { LocalPeer } from "../../LocalPeer.ts"
import * as Name from "../../Name.ts"
import type {
  AnyTask,
  DeadLetter,
  Enqueued,
  EnqueueError,
  EnqueueOptions,
  Handler,
  Options,
  ScheduleOptions,
  Service,
  Task,
  TaskInfo,
  WorkerOptions
} from "../../TaskQueue.ts"
import {
  type Accepted,
  claimerChannel,
  claimer as claimerName,
  type Entry,
  type Info,
  maxBatchBytes,
  maxBatchEntries,
  nameChannel,
  peerLane,
  peerOf,
  TaskId,
  TaskQueueStore
} from "../../TaskQueueStore.ts"
import { partly } from "../partly.ts"
import { chained } from "../Settled.ts"
import { Answers, type End } from "./Answers.ts"
import { Bell } from "../Bell.ts"
import { Claimer } from "./Claimer.ts"
import { Enqueuer } from "./Enqueuer.ts"
import { Events } from "./Events.ts"
import { QueueFull, TaskCancelled, TaskDead, TaskNotFound } from "./errors.ts"
import * as Limits from "./Limits.ts"
import { Meters } from "./Meters.ts"
import { Pulse } from "./Pulse.ts"
import { Runs } from "./Runs.ts"
import { Text, weigh } from "../Text.ts"
import * as Timetable from "./Timetable.ts"

/** Queues with an enqueuer of this process (promise A5). */
const maxQueues = 4_096
/** Kept although nothing is said of how long: an answer that somebody waits for. */
const leastKeepMs = 60_000

export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Service, never, TaskQueueStore | Scope.Scope> {
  const store = yield* TaskQueueStore
  const { name: peer } = yield* LocalPeer
  const clock = yield* Clock.Clock
  const context = yield* Effect.context<never>()
  const settings = Limits.settings(options)
  const { heartbeatMs } = Exit.isSuccess(settings) ? settings.value : { heartbeatMs: 5_000 }
  const fork = yield* FiberSet.makeRuntime<never, unknown, never>()
  const random = Effect.map(Random.nextIntBetween(0, 2 ** 52), (n) => n.toString(36))
  const meters = new Meters(context)
  const bell = new Bell()
  const pulse = new Pulse(store, heartbeatMs, clock)
  const answers = new Answers(store, bell, heartbeatMs)
  const events = new Events(store, bell, heartbeatMs)
  const enqueuers = new Map<string, Enqueuer>()
  const claimers = new Map<Claimer, Effect.Effect<void>>()
  const sender = `${claimerName(peer, yield* random)}.in`
  let senders = 0
  let isClosed = false
  yield* Effect.forkScoped(Effect.scoped(bell.run(store)))
  yield* Effect.forkScoped(pulse.run)
  // After those two, and so before they end: what runs on within the grace needs its lease, and hears of being cancelled.
  yield* Effect.addFinalizer(() =>
    Effect.gen(function* () {
      isClosed = true
      yield* Effect.forEach([...claimers.values()], (close) => close, { concurrency: "unbounded", discard: true })
      events.close()
      for (const [, enqueuer] of enqueuers) enqueuer.close()
      yield* Effect.timeoutOption(departed([...enqueuers.values()]), Duration.seconds(1))
    })
  )

  const departed = (all: ReadonlyArray<Enqueuer>): Effect.Effect<void> =>
    Effect.forEach(all, (enqueuer) => enqueuer.departed, { concurrency: 64, discard: true })
  /** The definition, if it and the layer's options are sound. */
  const planOf = (operation: string, task: AnyTask): Exit.Exit<Limits.Plan, BackendError> =>
    Exit.isFailure(settings) ? Exit.failCause(settings.cause) : Limits.plan(operation, task)

  const enqueuer = (queue: string): Enqueuer | undefined => {
    const known = enqueuers.get(queue)
    if (known !== undefined) return known
    if (enqueuers.size >= maxQueues) {
      const idle = [...enqueuers].filter(([, { isIdle }]) => isIdle)
      for (const [key] of idle) enqueuers.delete(key)
      fork(departed(idle.map(([, enqueuer]) => enqueuer)))
    }
    if (enqueuers.size >= maxQueues) return undefined
    const maxLength = Exit.isSuccess(settings) ? settings.value.maxLength : 0
    const made = new Enqueuer(
      // A number of its own: the backend may still remember what another one said to this queue.
      { store, queue, sender: `${sender}${(senders += 1)}`, maxLength, clock, onEnqueued: meters.of(queue).enqueued },
      context,
      (effect) => void fork(effect)
    )
    if (isClosed) made.close()
    enqueuers.set(queue, made)
    return made
  }

  // -- in -----------------------------------------------------------------------------------------------------------

  const entryOf = <A, B, E, L extends string>(
    operation: string,
    task: Task<A, B, E, L>,
    plan: Limits.Plan,
    payload: A,
    text: string,
    options: EnqueueOptions<L> | undefined,
    keepMs: number,
    trace: string | undefined
  ): Exit.Exit<Entry, BackendError | PayloadTooLarge> => {
    const limit = Exit.isSuccess(settings) ? settings.value.maxPayloadBytes : 0
    if (text.length * 3 > limit && Name.byteLength(text) > limit) {
      return Exit.fail(new PayloadTooLarge({ bytes: Name.byteLength(text), limit }))
    }
    const { placeKey, uniqueKey } = task["~definition"]
    const place = Limits.place(operation, plan, options)
    if (Exit.isFailure(place)) return Exit.failCause(place.cause)
    const { due, id, lane } = place.value
    const unique = uniqueKey && { key: uniqueKey(payload), windowMs: plan.windowMs }
    const shared = placeKey && { key: placeKey(payload), limit: plan.places }
    const fault =
      (unique && Limits.key(operation, "unique key", unique.key)) ??
      (shared && Limits.key(operation, "concurrency key", shared.key))
    if (fault !== undefined) return Exit.fail(fault)
    return Exit.succeed({ payload: text, lane, due, id, unique, place: shared, keepMs, trace })
  }

  // The hot path: two primitives, no generator.
  const enqueueOne = <A, B, E, L extends string>(
    operation: string,
    task: Task<A, B, E, L>,
    payload: A,
    options: EnqueueOptions<L> | undefined,
    isExecuted: boolean
  ): Effect.Effect<Enqueued, EnqueueError> =>
    Effect.withFiber((fiber) => {
      const exit = planOf(operation, task)
      if (Exit.isFailure(exit)) return Exit.failCause(exit.cause)
      const plan = exit.value
      const keepMs = isExecuted ? Math.max(leastKeepMs, plan.keepExecutedMs) : plan.keepMs
      const send = (text: string): Effect.Effect<Enqueued, EnqueueError> => {
        const entry = entryOf(operation, task, plan, payload, text, options, keepMs, traceOf(fiber))
        if (Exit.isFailure(entry)) return Exit.failCause(entry.cause)
        const way = enqueuer(plan.name)
        return way === undefined
          ? Effect.fail(tooManyQueues)
          : Effect.callback((resume) =>
              way.enqueue(entry.value, (accepted) =>
                resume(Exit.isSuccess(accepted) ? answerOf(plan, accepted.value) : Exit.failCause(accepted.cause))
              )
            )
      }
      return chained(task["~definition"].payload.encode(payload), send)
    })

  const answerOf = (plan: Limits.Plan, accepted: Accepted): Exit.Exit<Enqueued, QueueFull> =>
    accepted === undefined
      ? Exit.fail(new QueueFull({ task: plan.name, limit: Exit.isSuccess(settings) ? settings.value.maxLength : 0 }))
      : Exit.succeed({ _tag: accepted._tag, id: TaskId.make(accepted.id) })

  const enqueue: Service["enqueue"] = (task, payload, options) => enqueueOne("enqueue", task, payload, options, false)

  const enqueueAll: Service["enqueueAll"] = Effect.fnUntraced(function* (task, payloads, options) {
    const plan = yield* planOf("enqueueAll", task)
    const trace = yield* Effect.withFiberSucceed(traceOf)
    const groups: Array<{ readonly entries: Array<Entry>; bytes: number }> = []
    let seen = 0
    for (const payload of payloads) {
      // A million of them must not stand in everyone's way.
      if (++seen % maxBatchEntries === 0) yield* Effect.yieldNow
      const text = yield* task["~definition"].payload.encode(payload)
      const entry = yield* entryOf("enqueueAll", task, plan, payload, text, options, plan.keepMs, trace)
      const size = weigh(text)
      const last = groups.at(-1)
      if (last === undefined || last.entries.length === maxBatchEntries || last.bytes + size > maxBatchBytes) {
        groups.push({ entries: [entry], bytes: size })
      } else {
        last.entries.push(entry)
        last.bytes += size
      }
    }
    const way = enqueuer(plan.name)
    if (way === undefined) return yield* tooManyQueues
    const all: Array<Enqueued> = []
    for (const group of groups) {
      const accepted = yield* Effect.mapError(way.enqueueAll(group.entries, group.bytes), (error) =>
        groups.length === 1 ? error : partly(error, all.length)
      )
      for (const one of accepted) {
        all.push(
          yield* Effect.mapError(
            answerOf(plan, one),
            ({ limit, task }) => new QueueFull({ task, limit, accepted: all.length })
          )
        )
      }
    }
    return all
  })

  // -- out ----------------------------------------------------------------------------------------------------------

  const ended = <A, B, E, L extends string>(
    task: Task<A, B, E, L>,
    id: TaskId,
    end: End
  ): Effect.Effect<B, E | TaskDead | TaskCancelled | TaskNotFound | BackendError> => {
    const { error, success } = task["~definition"]
    switch (end._tag) {
      case "Completed":
        return Effect.catch(success.decode(end.answer), () => Effect.fail(unreadable))
      case "Failed":
        return Effect.flatMap(
          Effect.catch(error.decode(end.answer), () => Effect.fail(unreadable)),
          (error) => Effect.fail(error)
        )
      case "Dead":
        return Effect.fail(new TaskDead({ id, reason: end.reason, message: `task ${id} is dead: ${end.error}` }))
      case "Cancelled":
        return Effect.fail(new TaskCancelled({ id }))
      case "Unknown":
        return Effect.fail(new TaskNotFound({ id }))
    }
  }

  const awaited = <A, B, E, L extends string>(task: Task<A, B, E, L>, id: TaskId, isThere: boolean) =>
    Effect.flatMap(answers.await(task.name, id, isThere), (end) => ended(task, id, end))

  const execute: Service["execute"] = (task, payload, options) =>
    Effect.flatMap(enqueueOne("execute", task, payload, options, true), ({ id }) => awaited(task, id, true))

  const result: Service["result"] = (task, id) =>
    Effect.flatMap(checked("result", task, id), () => awaited(task, id, false))

  const checked = (operation: string, task: AnyTask, id?: string): Exit.Exit<Limits.Plan, BackendError> => {
    const plan = planOf(operation, task)
    const fault = id === undefined ? undefined : Limits.key(operation, "id", id)
    return fault === undefined || Exit.isFailure(plan) ? plan : Exit.fail(fault)
  }

  const infoOf = Effect.fnUntraced(function* <A, B, E, L extends string>(task: Task<A, B, E, L>, info: Info) {
    const payload = yield* Effect.option(task["~definition"].payload.decode(info.payload))
    const shown: TaskInfo<A> = {
      id: TaskId.make(info.id),
      state: info.state,
      payload,
      attempts: info.attempts,
      enqueuedAt: DateTime.makeUnsafe(info.enqueuedAt),
      ...(info.runAt === undefined ? {} : { runAt: DateTime.makeUnsafe(info.runAt) }),
      ...(info.claimer === undefined ? {} : { peer: peerOf(info.claimer) }),
      ...(info.lastError === undefined ? {} : { lastError: info.lastError }),
      ...(info.progress === undefined
        ? {}
        : { progress: yield* Effect.orElseSucceed(json.decode(info.progress), () => null) })
    }
    return shown
  })

  const list: Service["list"] = (task, state) => Stream.map(listed("list", task, state), ([info]) => info)

  const listed = <A, B, E, L extends string>(
    operation: string,
    task: Task<A, B, E, L>,
    state: "Ready" | "Delayed" | "Claimed" | "Dead"
  ) =>
    Stream.unwrap(
      Effect.map(checked(operation, task), ({ name }) => {
        const seen = new Set<number>()
        return Stream.paginate("", (cursor: string) =>
          Effect.gen(function* () {
            const page = yield* store.page(name, state, cursor)
            const infos: Array<readonly [TaskInfo<A>, Info]> = []
            for (const info of page.tasks) {
              if (seen.has(info.number)) continue
              seen.add(info.number)
              infos.push([yield* infoOf(task, info), info])
            }
            return [infos, page.cursor === "" ? Option.none() : Option.some(page.cursor)] as const
          })
        )
      })
    )

  const deadLetters: Service["deadLetters"] = <A, B, E, L extends string>(task: Task<A, B, E, L>) =>
    Stream.map(listed("deadLetters", task, "Dead"), ([shown, { diedAt, reason }]): DeadLetter<A> => ({
      ...shown,
      reason: reason ?? "AttemptsExhausted",
      diedAt: DateTime.makeUnsafe(diedAt ?? 0)
    }))

  const all = (
    page: (cursor: string) => Effect.Effect<{ readonly count: number; readonly cursor: string }, BackendError>
  ) =>
    Effect.gen(function* () {
      let sum = 0
      for (let cursor = ""; ;) {
        const { count, cursor: next } = yield* page(cursor)
        sum += count
        if (next === "") return sum
        cursor = next
      }
    })

  const work: Service["work"] = Effect.fnUntraced(function* <A, B, E, L extends string, R>(
    task: Task<A, B, E, L>,
    handler: Handler<A, B, E, R>,
    options?: WorkerOptions
  ) {
    const plan = yield* Effect.orDie(planOf("work", task))
    const { concurrency, prefetch } = yield* Effect.orDie(Limits.worker(options ?? {}))
    if (Exit.isFailure(settings)) return
    const workContext = yield* Effect.context<Exclude<R, Scope.Scope>>()
    const name = claimerName(peer, yield* random)
    const meter = meters.of(plan.name)
    const claimer = new Claimer(
      {
        store,
        name,
        plan,
        settings: settings.value,
        lanes: [...plan.lanes, peerLane(peer)],
        concurrency,
        prefetch,
        clock,
        meter
      },
      ({ ended }) =>
        new Runs({
          plan,
          definition: task["~definition"],
          handler,
          context: workContext,
          peer,
          clock,
          progress: (claim, value) => store.progress(plan.name, name, claim, value),
          ended: (settlement, ms) => {
            meter.ran(ms)
            ended(settlement, ms)
          }
        })
    )
    yield* Effect.acquireRelease(
      Effect.sync(() => ({ close: begin(claimer, plan.name) })),
      ({ close }) => close
    )
  })

  const schedule: Service["schedule"] = Effect.fnUntraced(function* <A, B, E, L extends string>(
    task: Task<A, B, E, L>,
    options: ScheduleOptions<A, L>
  ) {
    const plan = yield* Effect.orDie(planOf("schedule", task))
    const terms = yield* Effect.orDie(Timetable.terms(options, clock.currentTimeMillisUnsafe()))
    const at = { level: options.level }
    const { lane } = yield* Effect.orDie(Limits.place("schedule", plan, at))
    const { payload } = task["~definition"]
    const given = Timetable.payloadOf(options)
    const fixed = Timetable.isMade(given) ? "" : yield* Effect.orElseSucceed(payload.encode(given), () => "")
    const timetable = new Timetable.Timetable({
      ...terms,
      store,
      queue: plan.name,
      rest: [lane, fixed],
      maxLength: Exit.isSuccess(settings) ? settings.value.maxLength : 0,
      clock,
      onEnqueued: meters.of(plan.name).enqueued,
      entry: Effect.fnUntraced(function* (slot) {
        const value = Timetable.isMade(given) ? given(DateTime.makeUnsafe(slot)) : given
        const text = yield* payload.encode(value)
        return yield* entryOf("schedule", task, plan, value, text, at, plan.keepMs, undefined)
      })
    })
    yield* timetable.begin
    yield* Effect.acquireRelease(
      Effect.sync(() => fork(timetable.run)),
      Fiber.interrupt
    )
  })

  /** Has it work, and gives how it ends: once, however often that is run. */
  const begin = (claimer: Claimer, queue: string): Effect.Effect<void> => {
    const loops: ReadonlyArray<Fiber.Fiber<unknown>> = [fork(claimer.run), fork(claimer.guard)]
    const channels = [claimerChannel(queue, claimer.name), nameChannel(queue, peer)]
    for (const channel of channels) bell.add(channel, claimer.ring)
    pulse.add(claimer)
    let closing: Effect.Effect<void> | undefined
    const close: Effect.Effect<void> = Effect.suspend(() => {
      if (closing !== undefined) return closing
      const fiber = Effect.runForkWith(context)(
        claimer.close.pipe(
          Effect.ensuring(
            Effect.suspend(() => {
              for (const channel of channels) bell.remove(channel, claimer.ring)
              pulse.remove(claimer)
              return Fiber.interruptAll(loops)
            })
          ),
          Effect.andThen(claimer.depart),
          Effect.ensuring(Effect.sync(() => claimers.delete(claimer)))
        )
      )
      return (closing = Effect.asVoid(Fiber.await(fiber)))
    })
    claimers.set(claimer, close)
    return close
  }

  return {
    enqueue,
    enqueueAll,
    execute,
    result,
    cancel: (task, id) => Effect.flatMap(checked("cancel", task, id), ({ name }) => store.cancel(name, id)),
    inspect: (task, id) =>
      Effect.gen(function* () {
        const { name } = yield* checked("inspect", task, id)
        const info = yield* store.inspect(name, id)
        return info === undefined ? Option.none() : Option.some(yield* infoOf(task, info))
      }),
    list,
    deadLetters,
    counts: (task) =>
      Effect.flatMap(checked("counts", task), ({ name }) =>
        Effect.map(store.counts(name), ({ isPaused, ...counts }) => ({ ...counts, paused: isPaused }))
      ),
    redrive: (task, id) =>
      Effect.flatMap(checked("redrive", task, id), ({ name }) =>
        id === undefined
          ? all((cursor) => store.redrive(name, { cursor }))
          : Effect.map(store.redrive(name, { id }), ({ count }) => count)
      ),
    purge: (task, state) =>
      Effect.flatMap(checked("purge", task), ({ name }) => all((cursor) => store.purge(name, state, cursor))),
    pause: (task) => Effect.flatMap(checked("pause", task), ({ name }) => store.pause(name, true)),
    resume: (task) => Effect.flatMap(checked("resume", task), ({ name }) => store.pause(name, false)),
    events: (task) => Stream.unwrap(Effect.map(checked("events", task), ({ name }) => events.read(name))),
    work,
    schedule
  }
})

// -- internals ----------------------------------------------------------------------------------------------------

const json = new Text<Schema.Json>(Schema.Json)

/** Where the trace of what is enqueued now goes on from. */
const traceOf = (fiber: Fiber.Fiber<unknown, unknown>): string | undefined => {
  const { span } = fiber.cache
  return span && `${span.traceId} ${span.spanId} ${span.sampled ? 1 : 0}`
}

const tooManyQueues = Limits.tooMuch("enqueue", `enqueues to ${maxQueues} queues are under way`)

const unreadable = new BackendError({
  service: Limits.service,
  operation: "result",
  reason: new CorruptData({ message: "the answer does not fit the task's schema" }),
  outcome: "NotApplied"
})
