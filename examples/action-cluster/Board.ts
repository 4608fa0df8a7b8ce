/**
 * What the page is shown of the work: how deep the queues are, who runs what, what is dead, how runs went. It looks when it
 * is told to; what it keeps and tells is bounded, however much there is.
 */
import type { TaskQueue } from "@troupe/core"
import { DateTime, Effect, Option, Schema, Stream } from "effect"
import { type Kind, type Outcome, type Task, tasks } from "./Work.ts"

/** Of what takes long everything is worth a line; of what is over in no time a few show who is at it. */
const order: ReadonlyArray<Kind> = ["slow", "failing", "lethal", "tick", "quick"]
const shown = { runs: 20, quick: 4, letters: 20, outcomes: 10, firings: 5, text: 200 }
/** A sample a second, for two minutes. */
const keptMs = 120_000

export interface KindView {
  readonly kind: Kind
  readonly ready: number
  readonly delayed: number
  readonly claimed: number
  readonly dead: number
  readonly paused: boolean
}
export interface RunView {
  readonly kind: Kind
  readonly id: string
  readonly title: string
  readonly peer: string
  /** 1 for the first. */
  readonly attempt: number
  /** An earlier run ended with its peer. */
  readonly isRecovered: boolean
  readonly done: number | null
  readonly of: number | null
}
export interface LetterView {
  readonly kind: Kind
  readonly id: string
  readonly title: string
  readonly reason: TaskQueue.DeathReason
  readonly attempts: number
  readonly error: string
  readonly diedAt: number
}
export interface OutcomeView extends Omit<Outcome, "at"> {
  readonly at: number
}
/** Of all kinds together. */
export type Sample = Pick<KindView, "ready" | "delayed" | "claimed" | "dead"> & { readonly at: number }

export interface BoardView {
  /** Why this is not the present. */
  readonly stale: string | null
  /** When it was looked at last, and when it was seen as it is shown. Ms since 1970. */
  readonly now: number
  readonly at: number
  readonly kinds: ReadonlyArray<KindView>
  /** The first of them; `claimed` counts all. */
  readonly runs: ReadonlyArray<RunView>
  /** The first of them, oldest first in each kind; `dead` counts all. */
  readonly letters: ReadonlyArray<LetterView>
  /** Newest first, but for the schedule's. */
  readonly outcomes: ReadonlyArray<OutcomeView>
  readonly firings: ReadonlyArray<OutcomeView>
}

export interface Board {
  /** Never fails: what cannot be seen is `stale`. At most 15 round trips, five at a time. */
  readonly look: Effect.Effect<BoardView>
  readonly hear: (outcome: Outcome) => void
  /** What the page has to know of the past to draw it. */
  readonly samples: () => ReadonlyArray<Sample>
}

export const make = (queue: TaskQueue.Service): Board => {
  let view: BoardView = { stale: null, now: 0, at: 0, kinds: [], runs: [], letters: [], outcomes: [], firings: [] }
  let samples: ReadonlyArray<Sample> = []

  const first = <A, E, B>(
    kinds: ReadonlyArray<Kind>,
    limit: number,
    list: (task: Task) => Stream.Stream<A, E>,
    show: (kind: Kind, one: A) => B
  ) =>
    Effect.map(
      Effect.forEach(
        kinds,
        (kind) =>
          Effect.map(Stream.runCollect(Stream.take(list(tasks[kind]), kind === "quick" ? shown.quick : limit)), (all) =>
            all.map((one) => show(kind, one))
          ),
        { concurrency: "unbounded" }
      ),
      (all) => all.flat().slice(0, limit)
    )

  const read = Effect.gen(function* () {
    const kinds = yield* Effect.forEach(
      order,
      (kind) => Effect.map(queue.counts(tasks[kind]), (counts): KindView => ({ kind, ...counts })),
      { concurrency: "unbounded" }
    )
    const having = (state: "claimed" | "dead") => kinds.filter((one) => one[state] > 0).map(({ kind }) => kind)
    const runs = yield* first(having("claimed"), shown.runs, (task) => queue.list(task, "Claimed"), runView)
    const letters = yield* first(having("dead"), shown.letters, queue.deadLetters, letterView)
    return { kinds, runs, letters }
  })

  const look = Effect.gen(function* () {
    const seen = yield* Effect.result(read)
    const now = Date.now()
    view =
      seen._tag === "Success"
        ? { ...view, ...seen.success, stale: null, now, at: now }
        : { ...view, stale: seen.failure.message, now }
    if (seen._tag === "Success") {
      samples = [...samples.filter(({ at }) => at > now - keptMs), sampleOf(view)]
    }
    return view
  })

  const hear = ({ at, ...rest }: Outcome): void => {
    const outcome = { ...rest, title: cut(rest.title), at: DateTime.toEpochMillis(at) }
    view =
      outcome.kind === "tick"
        ? { ...view, firings: [outcome, ...view.firings].slice(0, shown.firings) }
        : { ...view, outcomes: [outcome, ...view.outcomes].slice(0, shown.outcomes) }
  }

  return { look, hear, samples: () => samples }
}

// -- internals ----------------------------------------------------------------------------------------------------

const cut = (text: string): string => text.slice(0, shown.text).toWellFormed()

const sampleOf = ({ at, kinds }: BoardView): Sample => {
  const sum = (state: Exclude<keyof Sample, "at">) => kinds.reduce((sum, one) => sum + one[state], 0)
  return { at, ready: sum("ready"), delayed: sum("delayed"), claimed: sum("claimed"), dead: sum("dead") }
}

type Info = TaskQueue.TaskInfo<{ readonly title: string }>

/** Others may enqueue what nobody here can read. */
const titleOf = ({ id, payload }: Info): string => cut(Option.getOrUndefined(payload)?.title ?? id)

const Progress = Schema.Struct({ done: Schema.Int, of: Schema.Int })
const progressOf = Schema.decodeUnknownOption(Progress)
const unknown = { done: null, of: null }

const runView = (kind: Kind, info: Info): RunView => ({
  kind,
  id: info.id,
  title: titleOf(info),
  peer: info.peer ?? "",
  attempt: info.attempts + 1,
  // A run that failed leaves its error; one that ended with its peer leaves nothing.
  isRecovered: info.attempts > 0 && info.lastError === undefined,
  ...Option.getOrElse(progressOf(info.progress), () => unknown)
})

const letterView = (kind: Kind, letter: TaskQueue.DeadLetter<{ readonly title: string }>): LetterView => ({
  kind,
  id: letter.id,
  title: titleOf(letter),
  reason: letter.reason,
  attempts: letter.attempts,
  error: cut(letter.lastError ?? ""),
  diedAt: DateTime.toEpochMillis(letter.diedAt)
})
