/**
 * The way out of a region: reads of one process that come at about the same time share a round trip. Who asks for a key
 * that is about to be asked for gets the same answer, and the same object (promise A7).
 */
import * as Arr from "effect/Array"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { BackendError } from "../../BackendError.ts"
import { type Found, maxKeys, type Service as Store, type Missing, isFound } from "../../CacheStore.ts"
import { Batcher, type Call } from "../Batcher.ts"
import { isSettled } from "../Settled.ts"
import type { Text } from "../Text.ts"
import { maxWaiting, readsClosed, service } from "./Limits.ts"
import type { Meter } from "./Meter.ts"
import type { Asked, Near } from "./Near.ts"

/** Why a read found nothing. */
export type Miss = Missing | "Undecodable"

/** With an answer that is none comes why. */
export type Resume<A> = (answer: Exit.Exit<Option.Option<A>, BackendError>, why?: Miss) => void

/** About so many bytes are asked for at a time. */
const maxAnswerBytes = 4_194_304

/** A value is taken for as large before any was seen. */
const unseenBytes = 65_536

/** That have left are looked for when there are so many. */
const mostGone = 1_024

/** One key that is asked for, by however many: mostly by one, who needs no set. */
class Reading<A> implements Call {
  readonly key: string
  readonly entries = 1
  readonly bytes: number
  since = 0
  /** On its way, refused or taken back: nobody asks with it any more. */
  hasLeft = false
  /** How many wait. */
  size = 0
  withdraw: Effect.Effect<void> | undefined
  private first: Resume<A> | undefined
  private more: Set<Resume<A>> | undefined
  private readonly reader: Reader<A>

  constructor(reader: Reader<A>, key: string, bytes: number) {
    this.reader = reader
    this.key = key
    this.bytes = bytes
  }

  add(resume: Resume<A>): void {
    this.size++
    if (this.first === undefined) this.first = resume
    else (this.more ??= new Set()).add(resume)
  }

  remove(resume: Resume<A>): void {
    if (this.first === resume) this.first = undefined
    else if (this.more?.delete(resume) !== true) return
    this.size--
  }

  resume(answer: Exit.Exit<Option.Option<A>, BackendError>, why?: Miss): void {
    this.reader.left(this)
    if (Exit.isSuccess(answer)) this.reader.counted(answer.value, this.size)
    this.first?.(answer, why)
    if (this.more !== undefined) for (const resume of this.more) resume(answer, why)
  }
}

export interface Options<A> {
  readonly store: Store
  readonly region: string
  readonly text: Text<A>
  readonly meter: Meter
  /** What this process keeps of it. */
  readonly near: Near<A> | undefined
  readonly slide: "Always" | "Late"
}

export class Reader<A> {
  private readonly options: Options<A>
  private readonly batcher: Batcher<Reading<A>>
  private readonly fork: (effect: Effect.Effect<void>) => void
  /**
   * Whoever asks for one of these keys asks with them, unless they have left. Nothing is deleted: a Map that is added to
   * and deleted from all the time is laid out anew again and again, and each of its former tables, once promoted, keeps
   * the next one, and all that lay in it, alive until a full collection.
   */
  private waiting = new Map<string, Reading<A>>()
  /** How many of them have left. */
  private gone = 0
  /** What a value takes, as far as was seen; before that it may be a large one. */
  private typicalBytes = unseenBytes
  private hasSeen = false

  constructor(options: Options<A>, context: Context.Context<never>, fork: (effect: Effect.Effect<void>) => void) {
    this.options = options
    this.fork = fork
    this.batcher = new Batcher<Reading<A>>(
      {
        service,
        operation: "get",
        send: (calls) => this.send(calls),
        maxEntries: maxKeys,
        maxBytes: maxAnswerBytes,
        maxUnderWay: 2,
        maxWaiting,
        maxWaitingBytes: Number.POSITIVE_INFINITY,
        deadlineMs: options.store.commandTimeoutMs
      },
      context,
      fork
    )
  }

  get isIdle(): boolean {
    return this.batcher.idle
  }

  close(): void {
    this.batcher.close()
  }

  /** What is there under that key; what does not fit the schema is not (promise C14). */
  get(key: string): Effect.Effect<Option.Option<A>, BackendError> {
    return (
      this.options.near?.get(key)?.found ??
      Effect.callback((resume) =>
        this.ask(key, (answer, why) =>
          resume(why === undefined ? answer : Effect.andThen(missed(this.options.region, why), answer))
        )
      )
    )
  }

  /** As `get`; gives how not to ask any more, unless it was refused, and told so. */
  ask(key: string, resume: Resume<A>): Effect.Effect<void> | undefined {
    const known = this.waiting.get(key)
    const isOpen = known !== undefined && !known.hasLeft
    const reading = isOpen ? known : new Reading(this, key, key.length + this.typicalBytes)
    reading.add(resume)
    if (!isOpen) {
      if (known !== undefined) this.gone -= 1
      this.waiting.set(key, reading)
      reading.withdraw = this.batcher.submit(reading)
      if (reading.withdraw === undefined) return
    }
    return Effect.suspend(() => {
      reading.remove(resume)
      if (reading.size > 0 || reading.hasLeft) return Effect.void
      this.left(reading)
      return reading.withdraw ?? Effect.void
    })
  }

  /** In the order of the keys, each decoded once. */
  getMany(
    keys: ReadonlyArray<string>,
    guard: <B>(keys: ReadonlyArray<string>, read: Effect.Effect<B, BackendError>) => Effect.Effect<B, BackendError> = (
      _,
      read
    ) => read
  ): Effect.Effect<ReadonlyArray<Option.Option<A>>, BackendError> {
    const { near, region, slide, store } = this.options
    const byKey = new Map<string, Option.Option<A>>()
    const distinct: Array<string> = []
    const asking = new Set<string>()
    for (const key of keys) {
      if (byKey.has(key) || asking.has(key)) continue
      const kept = near?.get(key)
      if (kept !== undefined) byKey.set(key, kept.found.value)
      else {
        asking.add(key)
        distinct.push(key)
      }
    }
    const count = Math.max(1, Math.min(maxKeys, Math.floor(maxAnswerBytes / Math.max(1, this.typicalBytes))))
    const read = (part: ReadonlyArray<string>) =>
      this.asking(part.length, (asked) =>
        Effect.flatMap(guard(part, store.read(region, part, slide)), (found) =>
          Effect.forEach(
            part,
            (key, i) =>
              Effect.map(this.kept(asked, key, found[i]), (value) => {
                this.counted(value, 1)
                byKey.set(key, value)
              }),
            { discard: true }
          )
        )
      )
    return Effect.map(Effect.forEach(Arr.chunksOf(distinct, count), read, { concurrency: 4, discard: true }), () => {
      return keys.map((key) => byKey.get(key) ?? Option.none())
    })
  }

  decoded(found: Found | Missing | undefined): Effect.Effect<Option.Option<A>> {
    if (!isFound(found)) return none
    const { body } = found
    this.typicalBytes += this.hasSeen
      ? Math.ceil((body.length - this.typicalBytes) / 8)
      : body.length - this.typicalBytes
    this.hasSeen = true
    const value = this.options.text.decode(body)
    if (isSettled(value)) return Exit.isSuccess(value) ? Exit.succeed(Option.some(value.value)) : this.undecodable()
    return Effect.matchEffect(value, {
      onFailure: () => this.undecodable(),
      onSuccess: (value) => Effect.succeed(Option.some(value))
    })
  }

  /** Twice is as good as once. */
  left(reading: Reading<A>): void {
    if (reading.hasLeft) return
    reading.hasLeft = true
    this.gone += 1
    if (this.gone < this.waiting.size && (this.gone < mostGone || this.gone * 2 < this.waiting.size)) return
    const open = new Map<string, Reading<A>>()
    if (this.gone < this.waiting.size) for (const [key, one] of this.waiting) if (!one.hasLeft) open.set(key, one)
    this.waiting = open
    this.gone = 0
  }

  counted(value: Option.Option<A>, readers: number): void {
    this.options.meter.count(Option.isSome(value) ? "hits" : "misses", readers)
  }

  private undecodable(): Exit.Exit<Option.Option<A>> {
    this.options.meter.count("undecodable")
    return none
  }

  private send(calls: ReadonlyArray<Reading<A>>): Effect.Effect<(call: Reading<A>) => void, BackendError> {
    const { region, slide, store } = this.options
    for (const call of calls) this.left(call)
    const keys = calls.map(({ key }) => key)
    return this.asking(keys.length, (asked) =>
      Effect.map(store.read(region, keys, slide), (found) => {
        let next = 0
        return (call) => {
          const one = found[next++]
          const value = this.kept(asked, call.key, one)
          if (isSettled(value)) call.resume(value, Exit.isSuccess(value) ? whyOf(one, value.value) : undefined)
          else this.fork(answered(call, one, value))
        }
      })
    )
  }

  /** Where this process keeps values: what is pushed from now on until it has the answer counts. */
  private asking<B, E>(count: number, read: (asked: Asked | undefined) => Effect.Effect<B, E>): Effect.Effect<B, E> {
    const { near } = this.options
    if (near === undefined) return read(undefined)
    return Effect.suspend(() => {
      const asked = near.begin(count)
      return Effect.onExit(read(asked), (exit) =>
        Exit.isSuccess(exit) ? Effect.void : Effect.sync(() => near.end(asked))
      )
    })
  }

  private kept(
    asked: Asked | undefined,
    key: string,
    found: Found | Missing | undefined
  ): Effect.Effect<Option.Option<A>> {
    const { near } = this.options
    const value = this.decoded(found)
    if (near === undefined || asked === undefined) return value
    if (!isSettled(value))
      return Effect.tap(value, (value) =>
        Effect.sync(() => near.keep(asked, key, isFound(found) ? found : undefined, value))
      )
    if (Exit.isSuccess(value)) near.keep(asked, key, isFound(found) ? found : undefined, value.value)
    return value
  }
}

const none: Exit.Exit<Option.Option<never>> = Exit.succeed(Option.none())

/** A decoding that takes its time, in which the layer may be closed. */
const answered = <A>(
  call: Reading<A>,
  one: Found | Missing | undefined,
  value: Effect.Effect<Option.Option<A>>
): Effect.Effect<void> =>
  Effect.asVoid(
    Effect.onExit(value, (exit) =>
      Effect.sync(() =>
        Exit.isSuccess(exit) ? call.resume(exit, whyOf(one, exit.value)) : call.resume(Exit.fail(readsClosed))
      )
    )
  )

const whyOf = <A>(found: Found | Missing | undefined, value: Option.Option<A>): Miss | undefined =>
  Option.isSome(value) ? undefined : isFound(found) ? "Undecodable" : (found ?? "Absent")

/** Says in the span that is open, if there is one, why there was nothing. */
export const missed = (region: string, why: string): Effect.Effect<void> =>
  Effect.annotateCurrentSpan({ "troupe.cache.region": region, "troupe.cache.miss": why })
