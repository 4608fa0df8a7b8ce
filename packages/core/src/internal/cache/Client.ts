/** One region as one process works with it: reads and writes that share round trips, changes, loads. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Option from "effect/Option"
import type { BackendError, PayloadTooLarge } from "../../BackendError.ts"
import type { SetOptions, WriteError } from "../../Cache.ts"
import { type Entry, isFound, type Service as Store } from "../../CacheStore.ts"
import { chained, isSettled } from "../Settled.ts"
import { tooLarge } from "../Text.ts"
import * as Limits from "./Limits.ts"
import { Loader } from "./Loader.ts"
import { Meter } from "./Meter.ts"
import { Modifier } from "./Modifier.ts"
import { Near } from "./Near.ts"
import type { Nears } from "./Nears.ts"
import type { Outage } from "./Outage.ts"
import { Reader } from "./Reader.ts"
import type { RegionCodec } from "./RegionCodec.ts"
import type { Waits } from "./Waits.ts"
import { Writer } from "./Writer.ts"

/** What the regions of one layer share. */
export interface House {
  readonly store: Store
  readonly settings: Limits.Settings
  readonly context: Context.Context<never>
  readonly fork: (effect: Effect.Effect<void>) => void
  readonly start: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  readonly outage: Outage
  readonly waits: Waits
  readonly nears: Nears
  /** The store, for what writes. */
  readonly around: Store
  /** Says once for the layer that near values are not kept. */
  readonly warnNear: (error: BackendError) => Effect.Effect<void>
  /** Another one each time. */
  readonly token: () => string
}

export class Client<in out K, in out A> {
  readonly plan: Limits.Plan
  readonly reader: Reader<A>
  readonly writer: Writer
  readonly modifier: Modifier<A>
  /** What this process keeps of it, if it is to keep any. */
  readonly near: Near<A> | undefined
  /** For what writes. */
  readonly store: Store
  readonly loader: Loader<A>
  private readonly house: House
  private readonly codec: RegionCodec<K, A>

  constructor(house: House, plan: Limits.Plan, codec: RegionCodec<K, A>) {
    const { context, fork, outage, start, token, waits, warnNear: warn } = house
    const meter = new Meter(plan.name, context)
    this.house = house
    this.plan = plan
    this.codec = codec
    this.near =
      plan.near === undefined
        ? undefined
        : new Near({ store: house.store, region: plan.name, plan: plan.near, meter, context, start, warn })
    this.store = house.around
    const { near, store } = this
    if (near !== undefined) house.nears.add(plan.name, near)
    const slide = near === undefined ? "Always" : "Late"
    this.reader = new Reader({ store, region: plan.name, text: codec.value, meter, near, slide }, context, fork)
    this.writer = new Writer(store, plan.name, context, fork)
    this.modifier = new Modifier(
      { store, region: plan.name, decoded: (found) => this.reader.decoded(found) },
      context,
      fork
    )
    this.loader = new Loader({
      store,
      name: plan.name,
      staleForMs: plan.staleForMs,
      leaseMs: house.settings.leaseMs,
      reader: this.reader,
      meter,
      outage,
      waits,
      context,
      start,
      token
    })
  }

  get isIdle(): boolean {
    return (
      (this.near?.isIdle ?? true) &&
      this.reader.isIdle &&
      this.writer.isIdle &&
      this.modifier.isIdle &&
      this.loader.isIdle
    )
  }

  /** The region is used no more, or is given another client when it is. */
  forget(): void {
    if (this.near === undefined) return
    this.near.stop()
    this.house.nears.remove(this.plan.name, this.near)
  }

  close(): void {
    this.forget()
    this.reader.close()
    this.writer.close()
    this.modifier.close()
  }

  textOf(operation: string, key: K): Effect.Effect<string, BackendError> {
    const text = this.codec.encodeKey(key, Limits.keyFault)
    if (isSettled(text) && Exit.isSuccess(text)) return Exit.succeed(text.value)
    return Effect.mapError(text, (rule) => Limits.invalidKey(operation, rule))
  }

  /** What does not fit is left where it is (promise C14). */
  take(key: string): Effect.Effect<Option.Option<A>, BackendError> {
    const { store } = this
    return Effect.gen({ self: this }, function* () {
      while (true) {
        const [read] = yield* store.read(this.plan.name, [key], "Always")
        const found = isFound(read) ? read : undefined
        const value = yield* this.reader.decoded(found)
        if (found !== undefined && value._tag === "None") return value
        const taken = yield* store.take(this.plan.name, key, found?.version ?? "")
        if (found === undefined || taken !== undefined) return value
      }
    })
  }

  /** In their order. */
  textsOf(operation: string, keys: Iterable<K>): Effect.Effect<ReadonlyArray<string>, BackendError> {
    return Effect.forEach(keys, (key) => this.textOf(operation, key))
  }

  entryOf(
    operation: string,
    key: K,
    text: string,
    value: A,
    options: SetOptions | undefined
  ): Effect.Effect<Entry, WriteError> {
    return chained(this.codec.value.encode(value), (body) => this.entry(operation, key, text, value, body, options))
  }

  private entry(
    operation: string,
    key: K,
    text: string,
    value: A,
    body: string,
    options: SetOptions | undefined
  ): Exit.Exit<Entry, BackendError | PayloadTooLarge> {
    const { isSliding, lifeMs, staleForMs } = this.plan
    const fault = tooLarge(body, this.house.settings.maxValueBytes)
    if (fault !== undefined) return Exit.fail(fault)
    const tags = Limits.tags(operation, options?.tags)
    if (Exit.isFailure(tags)) return Exit.failCause(tags.cause)
    const { timeToLive } = this.codec
    const life =
      options?.timeToLive !== undefined
        ? Limits.lifeMs(operation, options.timeToLive)
        : lifeMs !== undefined
          ? Exit.succeed(lifeMs)
          : Limits.lifeMs(operation, typeof timeToLive === "function" ? timeToLive(value, key) : timeToLive)
    if (Exit.isFailure(life)) return Exit.failCause(life.cause)
    return Exit.succeed({
      key: text,
      body,
      timeToLiveMs: life.value,
      isSliding,
      staleForMs: life.value === Infinity ? 0 : staleForMs,
      tags: tags.value
    })
  }
}
