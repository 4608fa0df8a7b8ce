/**
 * Values that this process keeps decoded, besides those that the backend keeps: a warm read asks nobody and gives the same
 * object as the last (promise C10).
 *
 * The backend pushes what is written, removed, tagged away or cleared. A value is kept only where nothing of that came since
 * it was asked for: which tags it carries is known with the answer alone, so any of them spoils it. It is given only while
 * the connection of the pushes was heard of less than two seconds ago; nothing is kept past the end of that connection.
 *
 * What this process itself writes is forgotten when the call is over, whatever its end: its next read asks.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { BackendError } from "../../BackendError.ts"
import type { Found, Service as Store, Watch, Watcher } from "../../CacheStore.ts"
import { Signal } from "../Signal.ts"
import type { Plan } from "./Limits.ts"
import type { Meter } from "./Meter.ts"

export interface Options {
  readonly store: Store
  readonly region: string
  readonly plan: NonNullable<Plan["near"]>
  readonly meter: Meter
  readonly context: Context.Context<never>
  readonly start: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  /** Says once that the backend refuses to push, and why. */
  readonly warn: (error: BackendError) => Effect.Effect<void>
}

/** What is known of a part of the region. */
interface Part {
  /** What was heard of it holds until then, ns; 0: nothing was. */
  until: number
  /** How often it was cleared. */
  clears: number
}

/** One that is kept. Both exits are made once: a hit allocates nothing. */
export interface Kept<A> {
  readonly found: Exit.Success<Option.Option<A>>
  readonly value: Exit.Success<A>
  readonly part: Part
  readonly clears: number
  readonly tags: ReadonlyArray<string>
  /** By the clock that never jumps, ns. */
  readonly until: number
  isUsed: boolean
}

/** A read under way: what was pushed since it left. */
export interface Asked {
  /** Keys that were not answered yet. */
  open: number
  readonly at: number
  readonly losses: number
  spoiled: Set<string> | undefined
  isSpoiled: boolean
}

/** How long what was heard holds. */
const trustNanos = 2_000_000_000
const trusted = Duration.nanos(BigInt(trustNanos))
const askEvery = Duration.seconds(1)
/** A backend that refused is asked again after this long. */
const refusedPause = Duration.seconds(30)
/** Keys told of while a read is under way; beyond, it counts for none. */
const maxSpoiled = 1_024
/** Looked at for having ended, each second. */
const maxPruned = 16_384
/** Looked at to make room for one. */
const maxSpared = 64
const maxUncounted = 1_024
const endless = Number.POSITIVE_INFINITY

export class Near<A> implements Watcher {
  private readonly options: Options
  private readonly clock: Clock.Clock
  private readonly kept = new Map<string, Kept<A>>()
  private readonly byTag = new Map<string, Set<string>>()
  private readonly underWay = new Set<Asked>()
  private readonly parts = new Map<number, Part>()
  private pruning: Iterator<[string, Kept<A>]> | undefined
  private readonly wanted = new Signal()
  private losses = 0
  /** That were not counted yet. */
  private hits = 0
  private fiber: Fiber.Fiber<void> | undefined

  constructor(options: Options) {
    this.options = options
    this.clock = Context.get(options.context, Clock.Clock)
  }

  get isIdle(): boolean {
    this.prune(this.kept.size)
    return this.kept.size === 0 && this.underWay.size === 0
  }

  stop(): void {
    this.count()
    this.fiber?.interruptUnsafe()
    this.lost()
  }

  // -- reading ----------------------------------------------------------------------------------------------------

  get(key: string): Kept<A> | undefined {
    const hit = this.hit(key)
    if (hit !== undefined) return hit
    const kept = this.kept.get(key)
    if (kept === undefined) return undefined
    if (this.holds(kept, this.now)) this.options.meter.count("nearBypassed")
    else this.drop(key, kept)
    return undefined
  }

  /** The hottest path, of which nothing is left where there is nothing to give. */
  hit(key: string): Kept<A> | undefined {
    const kept = this.kept.get(key)
    if (kept === undefined) return undefined
    const { now } = this
    if (!this.holds(kept, now) || now >= kept.part.until) return undefined
    kept.isUsed = true
    // Counting costs as much as the reading: with the next asking is soon enough, where there is one.
    if ((this.hits += 1) >= maxUncounted || this.options.store.immortal) this.count()
    return kept
  }

  private holds({ clears, part, until }: Kept<A>, now: number): boolean {
    return now < until && clears === part.clears
  }

  /** A read of so many keys is about to leave. */
  begin(count: number): Asked {
    const asked: Asked = { open: count, at: this.now, losses: this.losses, spoiled: undefined, isSpoiled: false }
    this.underWay.add(asked)
    if (!this.options.store.immortal || !this.isHeard) this.wanted.give()
    // Runs until the layer is closed, or its region is used no more.
    this.fiber ??= this.options.start(Effect.scoped(this.attend))
    return asked
  }

  /** One of its answers is there: what was found may be kept. */
  keep(asked: Asked, key: string, found: Found | undefined, value: Option.Option<A>): void {
    if ((asked.open -= 1) === 0) this.underWay.delete(asked)
    if (found === undefined || Option.isNone(value)) return
    const { plan, store } = this.options
    if (asked.isSpoiled || asked.losses !== this.losses || asked.spoiled?.has(key) === true) return
    const part = this.part(store.partOf(key))
    if (asked.at >= part.until) return
    // In the second half of a sliding life a reading is to prolong it. The store counts whole ms.
    const ms = Math.min(found.leftMs - found.slideMs / 2 - 1, plan.timeToLiveMs)
    if (!(ms > 0)) return
    const before = this.kept.get(key)
    if (before !== undefined) this.drop(key, before)
    else if (this.kept.size >= plan.capacity) this.evict()
    const until = ms === Infinity ? endless : asked.at + Math.floor(ms * 1_000_000)
    const { tags } = found
    const { clears } = part
    this.kept.set(key, { found: succeed(value), value: succeed(value.value), part, clears, tags, until, isUsed: false })
    for (const tag of tags) {
      const keys = this.byTag.get(tag)
      if (keys === undefined) this.byTag.set(tag, new Set([key]))
      else keys.add(key)
    }
  }

  /** It failed. */
  end(asked: Asked): void {
    this.underWay.delete(asked)
  }

  // -- what is pushed ---------------------------------------------------------------------------------------------

  changed(key: string): void {
    const kept = this.kept.get(key)
    if (kept !== undefined) this.drop(key, kept)
    for (const asked of this.underWay) {
      if (asked.isSpoiled) continue
      const spoiled = (asked.spoiled ??= new Set())
      if (spoiled.size < maxSpoiled) spoiled.add(key)
      else asked.isSpoiled = true
    }
  }

  tagged(tag: string): void {
    for (const asked of this.underWay) asked.isSpoiled = true
    for (const key of this.byTag.get(tag) ?? []) {
      const kept = this.kept.get(key)
      if (kept !== undefined) this.drop(key, kept)
    }
  }

  cleared(part: number): void {
    for (const asked of this.underWay) asked.isSpoiled = true
    // There may be a million: they are dropped when they are met.
    this.part(part).clears += 1
  }

  /** As `cleared`, of all parts. */
  clearedAll(): void {
    for (const asked of this.underWay) asked.isSpoiled = true
    for (const part of this.parts.values()) part.clears += 1
  }

  lost(): void {
    this.losses += 1
    for (const part of this.parts.values()) part.until = 0
    this.kept.clear()
    this.byTag.clear()
    for (const asked of this.underWay) asked.isSpoiled = true
  }

  // -- internals --------------------------------------------------------------------------------------------------

  private get now(): number {
    return Number(this.clock.monotonicTimeNanosUnsafe())
  }

  /** Asks each second whether it is heard what is pushed, for as long as anything is kept or read. */
  private get attend() {
    return Effect.gen({ self: this }, function* () {
      const { region, store } = this.options
      const watch = yield* store.watch(region, this)
      while (true) {
        yield* this.wanted.given
        this.wanted.clear()
        const refusal = yield* this.ask(watch)
        if (refusal !== undefined) {
          this.options.meter.count("nearRefused")
          yield* this.options.warn(refusal)
        }
        // Nobody is lost where nobody dies without a word: what was heard holds.
        if (store.immortal) continue
        yield* Effect.sleep(refusal === undefined ? askEvery : refusedPause)
        this.prune(maxPruned)
        this.count()
        if (this.kept.size > 0) this.wanted.give()
      }
    })
  }

  /** Gives the error of a backend that refuses; one that is away is asked again. */
  private ask(watch: Watch): Effect.Effect<BackendError | undefined> {
    return Effect.suspend(() => {
      const { losses, now: at } = this
      const until = this.options.store.immortal ? endless : at + trustNanos
      const ask = watch.ask((part) => {
        if (losses === this.losses) this.heardOf(this.part(part), until)
      })
      const inTime = this.options.store.immortal ? ask : Effect.timeoutOption(ask, trusted)
      return Effect.match(inTime, {
        onFailure: (error) => (isPassing.has(error.reason._tag) ? undefined : error),
        onSuccess: () => undefined
      })
    })
  }

  private count(): void {
    this.options.meter.count("hits", this.hits)
    this.options.meter.count("nearHits", this.hits)
    this.hits = 0
  }

  private part(number: number): Part {
    const known = this.parts.get(number)
    if (known !== undefined) return known
    const part: Part = { until: 0, clears: 0 }
    this.parts.set(number, part)
    return part
  }

  private get isHeard(): boolean {
    for (const { until } of this.parts.values()) if (until > 0) return true
    return false
  }

  private heardOf(part: Part, until: number): void {
    // What changed before it was heard of nobody has told: a read that left before may bring the past.
    if (part.until === 0) for (const asked of this.underWay) asked.isSpoiled = true
    part.until = until
  }

  /** Goes on where it stopped the last time. */
  private prune(most: number): void {
    const { now } = this
    for (let looked = 0; looked < most; looked++) {
      this.pruning ??= this.kept.entries()
      const { done, value } = this.pruning.next()
      if (done === true) {
        this.pruning = undefined
        return
      }
      const [key, kept] = value
      if (kept.until <= now || kept.clears !== kept.part.clears) this.drop(key, kept)
    }
  }

  /** The oldest that was not read since it was last looked at goes; who was gets another turn, where not all were. */
  private evict(): void {
    let spared = 0
    for (const [key, kept] of this.kept) {
      if (!kept.isUsed || (spared += 1) > maxSpared) {
        this.drop(key, kept)
        this.options.meter.count("nearEvictions")
        return
      }
      kept.isUsed = false
      this.kept.delete(key)
      this.kept.set(key, kept)
    }
  }

  private drop(key: string, { tags }: Kept<A>): void {
    this.kept.delete(key)
    for (const tag of tags) {
      const keys = this.byTag.get(tag)
      keys?.delete(key)
      if (keys?.size === 0) this.byTag.delete(tag)
    }
  }
}

/** As `Exit.succeed`, by its own type. */
const succeed = <A>(value: A): Exit.Success<A> => Exit.succeed(value) as Exit.Success<A>

/** These are passing matters; all others say that it will not. */
const isPassing = new Set<BackendError["reason"]["_tag"]>([
  "Unavailable",
  "ConnectionLost",
  "TimedOut",
  "Busy",
  "CapacityExceeded",
  "Closed"
])
