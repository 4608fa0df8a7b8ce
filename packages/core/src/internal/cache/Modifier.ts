/**
 * Changes of values, none of which is lost (promise C8): what is read is written back only if nobody has written since.
 *
 * What fibers of one process change about one key at the same time leaves as one change: they would only stand in each
 * other's way. Each sees what those before it have made of the value.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { BackendError, CapacityExceeded } from "../../BackendError.ts"
import type { WriteError } from "../../Cache.ts"
import { type Entry, type Found, type Service as Store, isFound } from "../../CacheStore.ts"
import { Batcher, type Call } from "../Batcher.ts"
import { pause } from "../Pause.ts"
import { maxWaiting, service } from "./Limits.ts"

/** What becomes of a value. Undefined: nothing is there afterwards. */
export type Step = { readonly entry: Entry | undefined } | "Unchanged"

/** One change on its way. It may be asked for several times; the last time counts. */
export class Change<A> implements Call {
  readonly entries = 1
  readonly bytes = 0
  since = 0
  readonly next: (current: Option.Option<A>) => Effect.Effect<Step>
  readonly resume: (failure: Exit.Exit<never, BackendError>) => void
  /** It is done. */
  readonly settle: () => void

  constructor(next: Change<A>["next"], resume: Change<A>["resume"], settle: () => void) {
    this.next = next
    this.resume = resume
    this.settle = settle
  }
}

export interface Options<A> {
  readonly store: Store
  readonly region: string
  readonly decoded: (found: Found | undefined) => Effect.Effect<Option.Option<A>>
}

/** So many conflicts are nothing but bad luck. */
const fewConflicts = 3

export class Modifier<A> {
  private readonly options: Options<A>
  private readonly context: Context.Context<never>
  private readonly fork: (effect: Effect.Effect<void>) => void
  private readonly changing = new Map<string, Batcher<Change<A>>>()
  private forgetAt = 64
  /** Changes that have not been answered. */
  private count = 0
  private isClosed = false

  constructor(options: Options<A>, context: Context.Context<never>, fork: (effect: Effect.Effect<void>) => void) {
    this.options = options
    this.context = context
    this.fork = fork
  }

  get isIdle(): boolean {
    for (const batcher of this.changing.values()) if (!batcher.idle) return false
    return true
  }

  close(): void {
    this.isClosed = true
    for (const batcher of this.changing.values()) batcher.close()
  }

  modify<B>(
    key: string,
    f: (current: Option.Option<A>) => readonly [B, Option.Option<A>],
    /** The entry of a value, as it is written. */
    entryOf: (value: A) => Effect.Effect<Entry, WriteError>
  ): Effect.Effect<B, WriteError> {
    return Effect.suspend(() => {
      if (this.count > maxWaiting) return Exit.fail(tooMany)
      this.count += 1
      return Effect.ensuring(
        this.submit(key, f, entryOf),
        Effect.sync(() => (this.count -= 1))
      )
    })
  }

  private submit<B>(
    key: string,
    f: (current: Option.Option<A>) => readonly [B, Option.Option<A>],
    entryOf: (value: A) => Effect.Effect<Entry, WriteError>
  ): Effect.Effect<B, WriteError> {
    return Effect.callback((resume) => {
      let answer: Exit.Exit<B, WriteError> | undefined
      const unchanged = (exit: Exit.Exit<B, WriteError>): Exit.Exit<Step> => {
        answer = exit
        return Exit.succeed("Unchanged")
      }
      const next = (current: Option.Option<A>): Effect.Effect<Step> => {
        let made: readonly [B, Option.Option<A>]
        try {
          made = f(current)
        } catch (defect) {
          return unchanged(Exit.die(defect))
        }
        const [b, value] = made
        answer = Exit.succeed(b)
        if (Option.isNone(value)) return Effect.succeed({ entry: undefined })
        return Effect.matchCauseEffect(entryOf(value.value), {
          onFailure: (cause) => unchanged(Exit.failCause(cause)),
          onSuccess: (entry): Effect.Effect<Step> => Effect.succeed({ entry })
        })
      }
      return this.batcher(key).submit(
        new Change(next, resume, () => {
          if (answer !== undefined) resume(answer)
        })
      )
    })
  }

  private batcher(key: string): Batcher<Change<A>> {
    const known = this.changing.get(key)
    if (known !== undefined) return known
    if (this.changing.size >= this.forgetAt) {
      for (const [key, batcher] of this.changing) if (batcher.idle) this.changing.delete(key)
      this.forgetAt = Math.max(64, this.changing.size * 2)
    }
    const batcher = new Batcher<Change<A>>(
      {
        service,
        operation: "modify",
        send: (changes) => Effect.as(this.send(key, changes, 0), ({ settle }: Change<A>) => settle()),
        maxEntries: 512,
        maxBytes: Number.POSITIVE_INFINITY,
        maxUnderWay: 1,
        // All keys together have a bound.
        maxWaiting: Number.POSITIVE_INFINITY,
        maxWaitingBytes: Number.POSITIVE_INFINITY,
        // Others may come first any number of times: it is their time, not the backend's.
        deadlineMs: Number.POSITIVE_INFINITY
      },
      this.context,
      this.fork
    )
    if (this.isClosed) batcher.close()
    this.changing.set(key, batcher)
    return batcher
  }

  private send(key: string, changes: ReadonlyArray<Change<A>>, conflicts: number): Effect.Effect<void, BackendError> {
    const { decoded, region, store } = this.options
    return Effect.gen({ self: this }, function* () {
      const [read] = yield* store.read(region, [key], "Always")
      const found = isFound(read) ? read : undefined
      let current = yield* decoded(found)
      let last: Step = "Unchanged"
      for (const [i, change] of changes.entries()) {
        const step = yield* change.next(current)
        if (step === "Unchanged") continue
        last = step
        // The next sees it as if it had been read (promise A7).
        if (i < changes.length - 1) current = yield* decoded(foundIn(step.entry))
      }
      if (last === "Unchanged") return
      if (yield* store.swap(region, key, found?.version, last.entry)) return
      if (conflicts < fewConflicts || store.immortal) yield* Effect.yieldNow
      else yield* pause(conflicts - fewConflicts, 1)
      return yield* this.send(key, changes, conflicts + 1)
    })
  }
}

const tooMany = new BackendError({
  service,
  operation: "modify",
  reason: new CapacityExceeded({ message: `as many changes of the region wait for the backend as may: ${maxWaiting}` }),
  outcome: "NotApplied"
})

const foundIn = (entry: Entry | undefined): Found | undefined =>
  entry === undefined || entry.timeToLiveMs <= 0
    ? undefined
    : { body: entry.body, version: "", leftMs: entry.timeToLiveMs, slideMs: 0, tags: entry.tags }
