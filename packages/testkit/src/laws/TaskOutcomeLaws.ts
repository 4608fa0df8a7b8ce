/**
 * What TaskQueue promises of how tasks end, as laws: retries, dead letters, timeouts, answers, cancelling. Each is tried
 * in a world (`../World.ts`), on every backend; the identifiers are those of docs/guarantees.md.
 */
import * as TaskQueue from "@troupe/core/TaskQueue"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as assert from "node:assert/strict"
import {
  counted,
  done,
  enqueue,
  enqueueAll,
  eventually,
  hire,
  lasting,
  type Law,
  letters,
  numbers,
  on,
  Plain,
  type Ran,
  started,
  three,
  Twice,
  two,
  values
} from "../internal/working.ts"

const Growing = TaskQueue.task("growing", {
  payload: Schema.Int,
  maxAttempts: 4,
  retry: Schedule.exponential("1 second")
})

/** T7 A failed task runs again by its schedule, whose input is the attempt that failed, and on whichever peer. */
export const failuresRetryBySchedule: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    for (const peer of [a, b]) yield* hire(world, peer, runs, Growing, () => Effect.die(new Error("no")))
    yield* enqueue(a, Growing, 1)
    yield* world.advance("1 minute")
    assert.deepEqual(
      runs.map(({ attempt }) => attempt),
      [1, 2, 3, 4]
    )
    const pauses = runs.slice(1).map(({ from }, i) => from - runs[i]!.from)
    assert.deepEqual(pauses, [1_000, 2_000, 4_000])
  })

/** T7 A task that failed as often as it may is a dead letter, with what it was given, why, and its last error. */
export const exhaustedTasksAreDeadLetters: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* hire(world, b, runs, Growing, (n) => Effect.die(new Error(`no ${n}`)))
    const { id } = yield* enqueue(a, Growing, 7)
    yield* world.advance("1 minute")
    const [letter, ...others] = yield* letters(a, Growing)
    assert.deepEqual(others, [])
    assert.deepEqual(
      [letter?.id, letter?.reason, letter?.attempts, letter?.state],
      [id, "AttemptsExhausted", 4, "Dead"]
    )
    assert.equal(letter?.lastError, "Error: no 7")
    assert.deepEqual(letter && Option.getOrThrow(letter.payload), 7)
    assert.deepEqual(yield* counted(a, Growing), [0, 0, 0, 1])
  })

/** T7 Whatever a handler dies of is a failed attempt, also what throws when it is asked for its message. */
export const anythingIsAFailure: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    const secretive = Object.defineProperty(new Error(), "message", {
      get() {
        throw new Error("no message")
      }
    })
    const defects = [secretive, { _tag: Object.create(null) }, Symbol("defect"), null, undefined, "\ud800"]
    const body = (n: number) => Effect.andThen(Effect.sleep(n % 2), Effect.die(defects[n]))
    yield* hire(world, b, runs, Growing, body, { concurrency: 1 })
    yield* enqueueAll(a, Growing, numbers(6))
    yield* world.advance("1 minute")
    assert.equal(runs.length, 24)
    assert.equal((yield* letters(a, Growing)).length, 6)
    yield* world.complete(b.stop)
  })

/** T7 A6 What is no JSON is refused before anything is sent, and as an answer is a failed attempt. */
export const whatIsNoJsonIsRefused: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const Loose = TaskQueue.task("loose", { payload: Schema.Any, success: Schema.Any, maxAttempts: 1 })
    const answers = [1n, () => 1, undefined, Symbol("answer")]
    yield* on(b, (queue) => queue.work(Loose, (n) => Effect.as(Effect.sleep(1), answers[n]), { concurrency: 1 }))
    for (const answer of answers) {
      assert.equal((yield* Effect.flip(on(a, (queue) => queue.enqueue(Loose, answer))))._tag, "SchemaError")
    }
    yield* on(a, (queue) => queue.enqueueAll(Loose, numbers(4)))
    yield* world.advance("1 second")
    assert.deepEqual(yield* counted(a, Loose), [0, 0, 0, 4])
    yield* world.complete(b.stop)
  })

/** T7 A schedule that ends, ends the task, though more attempts were left. */
export const anEndedScheduleIsTheEnd: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const Once = TaskQueue.task("once", {
      payload: Schema.Int,
      maxAttempts: 9,
      retry: Schedule.upTo(Schedule.spaced("1 second"), { times: 2 })
    })
    const runs: Array<Ran> = []
    yield* hire(world, b, runs, Once, () => Effect.die("no"))
    yield* enqueue(a, Once, 1)
    yield* world.advance("1 minute")
    assert.equal(runs.length, 3)
    assert.equal((yield* letters(a, Once))[0]?.reason, "AttemptsExhausted")
  })

/** T7 A failure that is not to be retried is final: the task is dead, Rejected, and the error is the answer. */
export const aRefusedFailureIsFinal: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const Picky = TaskQueue.task("picky", {
      payload: Schema.Int,
      error: Schema.String,
      retryWhile: (error) => error !== "never"
    })
    const runs: Array<Ran> = []
    yield* hire(world, b, runs, Picky, () => Effect.fail("never"))
    const exit = yield* Effect.exit(world.complete(on(a, (queue) => queue.execute(Picky, 1))))
    assert.ok(Exit.isFailure(exit) && Cause.squash(exit.cause) === "never")
    assert.equal(runs.length, 1)
    assert.equal((yield* letters(a, Picky))[0]?.reason, "Rejected")
  })

/** T7 A payload that fits no schema is tried as a failed one is, for another peer may know it; else it dies Undecodable. */
export const anotherPeerMayKnowAPayload: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* three(world)
    const options = { maxAttempts: 3, retry: Schedule.spaced("1 second") }
    const Old = TaskQueue.task("deployed", { payload: Schema.Int, ...options })
    const New = TaskQueue.task("deployed", { payload: Schema.String, ...options })
    yield* hire(world, b, [], Old, lasting(0), { concurrency: 1 })
    yield* on(a, (queue) => queue.enqueue(New, "x"))
    yield* world.advance("10 seconds")
    const [letter] = yield* letters(a, Old)
    assert.deepEqual([letter?.reason, letter?.payload._tag, letter?.attempts], ["Undecodable", "None", 3])
    yield* on(a, (queue) => queue.enqueue(New, "y"))
    yield* world.advance("100 millis")
    yield* b.stop
    const heard: Array<string> = []
    yield* on(c, (queue) => queue.work(New, (text) => Effect.sync(() => void heard.push(text))))
    yield* eventually(world, () => assert.deepEqual(heard, ["y"]), "5 seconds")
  })

/** T7 Of tasks whose peers crash the one that kills them is convicted, by three crashes, and no other dies with it. */
export const theKillerIsConvicted: Law = (world) =>
  Effect.gen(function* () {
    const enqueuer = yield* world.spawn()
    yield* enqueueAll(enqueuer, Plain, numbers(21))
    const runs: Array<Ran> = []
    for (const _ of numbers(12)) {
      const peer = yield* world.spawn()
      const killer = { hasBegun: false }
      const body = (n: number) =>
        n === 10
          ? Effect.andThen(
              Effect.sync(() => (killer.hasBegun = true)),
              Effect.never
            )
          : Effect.sleep("3 seconds")
      yield* hire(world, peer, runs, Plain, body, { concurrency: 30 })
      for (let second = 0; second < 60 && !killer.hasBegun; second++) yield* world.advance("1 second")
      if (!killer.hasBegun) break
      yield* peer.crash
      yield* world.advance("16 seconds")
    }
    yield* world.advance("1 minute")
    assert.equal(runs.filter(({ value }) => value === 10).length, 3)
    assert.deepEqual(
      [...done(runs)].sort((a, b) => a - b),
      numbers(21).filter((n) => n !== 10)
    )
    const dead = yield* letters(enqueuer, Plain)
    assert.deepEqual(
      dead.map(({ reason }) => reason),
      ["PeerCrashes"]
    )
  })

/** T7 T3 What a crashed peer had claimed ahead and not begun goes back uncounted. */
export const whatHasNotBegunIsNotCounted: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    const body = (n: number) => Effect.sleep(n === 0 ? "1 second" : "1 hour")
    yield* hire(world, a, runs, Plain, body, { concurrency: 1, prefetch: 3 })
    yield* enqueueAll(a, Plain, numbers(4))
    yield* world.advance("2 seconds")
    assert.deepEqual(values(runs), [0, 1])
    assert.deepEqual(yield* counted(b, Plain), [0, 0, 3, 0])
    yield* a.crash
    yield* hire(world, b, runs, Plain, lasting(0))
    yield* eventually(world, () => assert.deepEqual(done(runs), [0, 1, 2, 3]), "40 seconds")
    assert.deepEqual(
      runs.slice(2).map(({ attempt }) => attempt),
      [2, 1, 1]
    )
  })

/** T7 Dead letters are kept until so many newer ones came, or for their time. */
export const deadLettersAreBounded: Law = (world) =>
  Effect.gen(function* () {
    const Fatal = TaskQueue.task("fatal", { payload: Schema.Int, maxAttempts: 1 })
    const kill = (values: ReadonlyArray<number>) =>
      Effect.gen(function* () {
        const peer = yield* world.spawn()
        yield* hire(world, peer, [], Fatal, () => Effect.die("no"), { concurrency: 1 })
        yield* enqueueAll(peer, Fatal, values)
        yield* world.advance("10 seconds")
        const shown = yield* letters(peer, Fatal)
        yield* world.complete(peer.stop)
        return shown.map(({ payload }) => Option.getOrThrow(payload))
      })
    assert.deepEqual(yield* kill(numbers(60)), numbers(60).slice(-50))
    yield* world.advance("13 days")
    assert.deepEqual(yield* kill([60]), numbers(61).slice(-50))
    yield* world.advance("23 hours")
    assert.equal((yield* kill([])).length, 50)
    yield* world.advance("2 hours")
    assert.deepEqual(yield* kill([]), [60])
  })

/** T7 What was sent back to work runs again, its attempts at zero. */
export const redrivenTasksRunAgain: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    let isMended = false
    const body = () => (isMended ? Effect.void : Effect.die("no"))
    yield* hire(world, b, runs, Growing, body)
    const ids = yield* enqueueAll(a, Growing, numbers(3))
    yield* world.advance("1 minute")
    isMended = true
    assert.equal(yield* on(a, (queue) => queue.redrive(Growing, ids[1]!.id)), 1)
    yield* eventually(world, () => assert.deepEqual(done(runs), [1]))
    assert.equal(runs.at(-1)?.attempt, 1)
    assert.equal(yield* on(a, (queue) => queue.redrive(Growing)), 2)
    yield* eventually(world, () => assert.deepEqual(done(runs), [1, 0, 2]))
    assert.equal(yield* on(a, (queue) => queue.redrive(Growing)), 0)
  })

/** T3 A4 A schedule that comes to no end holds nobody up: who closes hands the task back. */
export const anEndlessScheduleIsStopped: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const retry = Schedule.addDelay(Schedule.forever, () => Effect.never)
    const Endless = TaskQueue.task("endless", { payload: Schema.Int, retry })
    yield* hire(world, b, [], Endless, () => Effect.die("no"), { concurrency: 1 })
    yield* enqueueAll(a, Endless, [0, 1])
    yield* world.advance("1 second")
    assert.deepEqual(yield* counted(a, Endless), [1, 0, 1, 0])
    yield* world.complete(b.stop)
    assert.deepEqual(yield* counted(a, Endless), [2, 0, 0, 0])
  })

/** T8 An attempt that takes too long is interrupted, and counts as failed. */
export const aTimeoutIsAFailure: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const Timely = TaskQueue.task("timely", {
      payload: Schema.Int,
      timeout: "2 seconds",
      maxAttempts: 2,
      retry: Schedule.spaced("1 second")
    })
    const runs: Array<Ran> = []
    yield* hire(world, b, runs, Timely, lasting("1 hour"))
    yield* enqueue(a, Timely, 1)
    yield* world.advance("10 seconds")
    assert.deepEqual(
      runs.map(({ end, from, until }) => [end, until! - from]),
      [
        ["Interrupt", 2_000],
        ["Interrupt", 2_000]
      ]
    )
    assert.match((yield* letters(a, Timely))[0]?.lastError ?? "", /2000 ms/)
  })

/** T11 `execute` and `result` give what the handler answered, wherever it ran, for as long as it is kept. */
export const answersAreKept: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* three(world)
    yield* hire(world, b, [], Twice, (n) => Effect.as(Effect.sleep("1 second"), n * 2))
    assert.equal(yield* world.complete(on(a, (queue) => queue.execute(Twice, 21))), 42)
    const { id } = yield* enqueue(a, Twice, 4)
    yield* world.advance("59 minutes")
    assert.equal(yield* on(c, (queue) => queue.result(Twice, id)), 8)
    yield* world.advance("2 minutes")
    const gone = yield* Effect.flip(on(c, (queue) => queue.result(Twice, id)))
    assert.ok(typeof gone === "object" && gone._tag === "TaskNotFound")
  })

/** T11 Of a task without an answer one is kept where it was executed; else it is unknown once it is done. */
export const onlyWhatIsExecutedIsKept: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* hire(world, b, [], Plain, lasting("1 second"))
    yield* world.complete(on(a, (queue) => queue.execute(Plain, 1, { id: "executed" })))
    const { id } = yield* enqueue(a, Plain, 2)
    yield* world.advance("58 minutes")
    yield* on(a, (queue) => queue.result(Plain, TaskQueue.TaskId.make("executed")))
    assert.equal((yield* Effect.flip(on(a, (queue) => queue.result(Plain, id))))._tag, "TaskNotFound")
    assert.ok(Option.isNone(yield* on(a, (queue) => queue.inspect(Plain, id))))
  })

/** T11 `keepResult` is how long an answer is kept, also of what was executed. */
export const anAnswersTimeIsGiven: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const Kept = TaskQueue.task("kept", { payload: Schema.Int, success: Schema.Int, keepResult: "1 day" })
    yield* hire(world, b, [], Kept, (n) => Effect.succeed(n * 2))
    const { id } = yield* enqueue(a, Kept, 1)
    assert.equal(yield* world.complete(on(a, (queue) => queue.execute(Kept, 2))), 4)
    yield* world.complete(b.stop)
    yield* world.advance("23 hours")
    assert.equal(yield* on(a, (queue) => queue.result(Kept, id)), 2)
    yield* world.advance("2 hours")
    const gone = yield* Effect.flip(on(a, (queue) => queue.result(Kept, id)))
    assert.ok(typeof gone === "object" && gone._tag === "TaskNotFound")
  })

/** T11 Who executes what is there already has its answer kept, unless a worker that is to keep none has claimed it before. */
export const whatIsExecutedTwiceIsAnswered: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* enqueueAll(a, Plain, [0, 1])
    for (const id of ["waits", "sleeps", "runs"]) {
      yield* enqueue(a, Plain, 1, { id, ...(id === "sleeps" ? { delay: "9 seconds" } : {}) })
      // The one that is to run is claimed when it is executed, the others are not.
      if (id === "runs") {
        yield* hire(world, b, [], Plain, lasting("5 seconds"))
        yield* world.advance("1 second")
      }
      yield* Effect.forkScoped(on(a, (queue) => queue.execute(Plain, 1, { id })))
      yield* world.advance("100 millis")
    }
    yield* world.advance("1 minute")
    const result = (id: string) => Effect.exit(on(a, (queue) => queue.result(Plain, TaskQueue.TaskId.make(id))))
    assert.ok(Exit.isSuccess(yield* result("waits")) && Exit.isSuccess(yield* result("sleeps")))
    assert.ok(Exit.isFailure(yield* result("runs")))
  })

/** T11 What `execute` waits for comes at once where it is pushed, and by a heartbeat where that was lost. */
export const anAnswerComesAtOnce: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* hire(world, b, [], Twice, (n) => Effect.as(Effect.sleep("2 seconds"), n * 2))
    for (const isLost of [false, true]) {
      const fiber = yield* started(
        a,
        on(a, (queue) => queue.execute(Twice, 1))
      )
      yield* world.advance("1 second")
      if (isLost) yield* a.losePush
      const check = Effect.sync(() => assert.ok(fiber.pollUnsafe() !== undefined))
      yield* world.eventually(check, isLost ? "6 seconds" : "1 second")
      assert.equal(yield* Fiber.join(fiber), 2)
    }
  })

/** T11 A typed failure is answered as it is once the attempts are spent, everything else as TaskDead. */
export const failuresAreAnswers: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* hire(world, b, runs, Twice, (n) => (n === 1 ? Effect.fail("typed") : Effect.die(new Error("untyped"))))
    const typed = yield* Effect.flip(world.complete(on(a, (queue) => queue.execute(Twice, 1))))
    assert.equal(typed, "typed")
    const dead = yield* Effect.flip(world.complete(on(a, (queue) => queue.execute(Twice, 2))))
    assert.ok(typeof dead === "object" && dead._tag === "TaskDead" && dead.reason === "AttemptsExhausted")
    assert.match(dead.message, /untyped/)
    assert.equal(runs.length, 4)
  })

/** T11 Awaiting lives through an outage, and never hangs: also where the data was lost. */
export const awaitingNeverHangs: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    yield* hire(world, b, [], Twice, (n) => Effect.as(Effect.sleep("8 seconds"), n * 2))
    const lived = yield* started(
      a,
      on(a, (queue) => queue.execute(Twice, 3))
    )
    yield* world.advance("1 second")
    yield* a.cut
    yield* world.advance("12 seconds")
    yield* a.heal
    yield* world.advance("10 seconds")
    assert.equal(yield* Fiber.join(lived), 6)
    const lost = yield* started(a, Effect.flip(on(a, (queue) => queue.execute(Twice, 3))))
    yield* world.advance("1 second")
    yield* world.store.forget
    yield* world.advance("30 seconds")
    const error = yield* Fiber.join(lost)
    assert.ok(typeof error === "object" && error._tag === "TaskNotFound")
  })

/** T11 Interrupting `execute` leaves the task alone. */
export const interruptingExecuteLeavesTheTask: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* hire(world, b, runs, Twice, (n) => Effect.as(Effect.sleep("5 seconds"), n))
    const fiber = yield* started(
      a,
      on(a, (queue) => queue.execute(Twice, 1))
    )
    yield* world.advance("1 second")
    yield* Fiber.interrupt(fiber)
    yield* world.advance("10 seconds")
    assert.deepEqual(done(runs), [1])
  })

/** T12 What waits or sleeps is gone when `cancel` has returned; what is unknown or done cannot be cancelled. */
export const aWaitingTaskIsCancelled: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    const [first, second] = yield* enqueueAll(a, Plain, [1, 2])
    const sleeping = yield* enqueue(a, Plain, 3, { delay: "10 seconds", id: "mine" })
    const cancel = (id: TaskQueue.TaskId) => on(b, (queue) => queue.cancel(Plain, id))
    assert.deepEqual([yield* cancel(first!.id), yield* cancel(sleeping.id)], [true, true])
    assert.deepEqual(yield* counted(a, Plain), [1, 0, 0, 0])
    yield* hire(world, b, runs, Plain, lasting(0))
    yield* world.advance("20 seconds")
    assert.deepEqual(done(runs), [2])
    for (const id of [first!.id, second!.id, sleeping.id]) assert.equal(yield* cancel(id), false)
  })

/** T12 What runs is interrupted on whichever peer, at once, or within a heartbeat where the word was lost; it never completes. */
export const aRunningTaskIsCancelled: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* hire(world, b, runs, Twice, (n) => Effect.as(Effect.sleep("1 hour"), n))
    for (const isLost of [false, true]) {
      const { id } = yield* enqueue(a, Twice, 1)
      const awaited = yield* started(a, Effect.flip(on(a, (queue) => queue.result(Twice, id))))
      yield* world.advance("1 second")
      if (isLost) yield* b.losePush
      assert.equal(yield* on(a, (queue) => queue.cancel(Twice, id)), true)
      yield* eventually(world, () => assert.equal(runs.at(-1)?.end, "Interrupt"), isLost ? "5 seconds" : 0)
      yield* world.advance("6 seconds")
      const error = yield* Fiber.join(awaited)
      assert.ok(typeof error === "object" && error._tag === "TaskCancelled")
    }
    yield* world.advance("2 hours")
    assert.deepEqual([runs.length, done(runs)], [2, []])
    assert.deepEqual(yield* counted(a, Twice), [0, 0, 0, 0])
  })

/** T12 What was claimed ahead and not begun is cancelled as what waits is. */
export const whatIsClaimedAheadIsCancelled: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* hire(world, b, runs, Plain, lasting("3 seconds"), { concurrency: 1, prefetch: 3 })
    const ids = yield* enqueueAll(a, Plain, numbers(4))
    yield* world.advance("1 second")
    assert.equal(yield* on(a, (queue) => queue.cancel(Plain, ids[2]!.id)), true)
    yield* world.advance("20 seconds")
    assert.deepEqual(values(runs), [0, 1, 3])
  })

/** T12 Cancelled before its worker knows that it has it, a task is stopped at once too. */
export const aTaskIsCancelledAsItIsClaimed: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    yield* hire(world, b, runs, Plain, lasting("1 hour"))
    yield* world.advance("1 second")
    yield* b.loseAnswer("applied")
    const { id } = yield* enqueue(a, Plain, 1)
    yield* world.advance("5 millis")
    assert.deepEqual([yield* counted(a, Plain), runs.length], [[0, 0, 1, 0], 0])
    assert.equal(yield* on(a, (queue) => queue.cancel(Plain, id)), true)
    yield* world.advance("1 second")
    assert.ok(runs.every(({ end }) => end === "Interrupt"))
    assert.deepEqual(yield* counted(a, Plain), [0, 0, 0, 0])
  })

/** T12 What ends at the moment it is cancelled does not complete where `cancel` answered true. */
export const aCancelledTaskNeverCompletes: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const runs: Array<Ran> = []
    const stubborn = (n: number) => Effect.uninterruptible(Effect.as(Effect.sleep("2 seconds"), n))
    yield* hire(world, b, runs, Twice, stubborn)
    for (const isLost of [true, false]) {
      const { id } = yield* enqueue(a, Twice, 1)
      yield* world.advance("1 second")
      if (isLost) yield* b.losePush
      assert.equal(yield* on(a, (queue) => queue.cancel(Twice, id)), true)
      yield* world.advance("9 seconds")
      const error = yield* Effect.flip(on(a, (queue) => queue.result(Twice, id)))
      assert.ok(typeof error === "object" && error._tag === "TaskCancelled")
      assert.deepEqual(yield* counted(a, Twice), [0, 0, 0, 0])
    }
    assert.equal(runs[0]?.end, "Success")
  })

/** T12 What was cancelled while it ran never runs again, though its peer dies before it knows. */
export const aCancelledTaskDiesWithItsPeer: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* three(world)
    const runs: Array<Ran> = []
    yield* hire(world, b, runs, Twice, (n) => Effect.as(Effect.sleep("1 hour"), n))
    const { id } = yield* enqueue(a, Twice, 1)
    yield* world.advance("1 second")
    yield* b.freeze
    assert.equal(yield* on(a, (queue) => queue.cancel(Twice, id)), true)
    yield* b.crash
    yield* hire(world, c, runs, Twice, Effect.succeed)
    yield* world.advance("1 minute")
    assert.deepEqual(values(runs), [1])
    assert.deepEqual(yield* counted(a, Twice), [0, 0, 0, 0])
  })

/** T7 A crash in the last run a task may have is its end: it does not run again, and says the attempts that there were. */
export const aCrashInTheLastRunIsTheEnd: Law = (world) =>
  Effect.gen(function* () {
    const [a, b, c] = yield* three(world)
    const runs: Array<Ran> = []
    const Single = TaskQueue.task("single", { payload: Schema.Int, maxAttempts: 1 })
    yield* hire(world, b, runs, Single, lasting("1 hour"))
    yield* enqueue(a, Single, 1)
    yield* world.advance("1 second")
    yield* b.crash
    yield* hire(world, c, runs, Single, lasting(0))
    yield* world.advance("1 minute")
    assert.deepEqual([values(runs), yield* counted(a, Single)], [[1], [0, 0, 0, 1]])
    const [letter] = yield* letters(a, Single)
    assert.deepEqual([letter?.attempts, letter?.reason], [1, "AttemptsExhausted"])
  })

/** T7 `worker` is `work` as a layer: it works while the layer lives. */
export const aWorkerIsALayer: Law = (world) =>
  Effect.gen(function* () {
    const [a, b] = yield* two(world)
    const ran: Array<number> = []
    const worker = TaskQueue.worker(Plain, (n) => Effect.sync(() => void ran.push(n)))
    yield* Effect.scoped(
      Effect.gen(function* () {
        yield* Effect.provide(Layer.build(worker), b.context)
        yield* enqueue(a, Plain, 1)
        yield* eventually(world, () => assert.deepEqual(ran, [1]))
      })
    )
    yield* enqueue(a, Plain, 2)
    yield* world.advance("1 minute")
    assert.deepEqual(ran, [1])
    assert.deepEqual(values([]), [])
  })
