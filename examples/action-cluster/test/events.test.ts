/** What a page is told, to the letter: tried on a cluster that does nothing but what the test says. */
import { assert, it } from "@effect/vitest"
import { Context, DateTime, Effect, Exit, Layer, PubSub as EffectPubSub, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { LocalPeer, type Stats, TaskQueue } from "@troupe/core"
import { MemoryBackend, MemoryTaskQueue } from "@troupe/testkit"
import * as Cluster from "../Cluster.ts"
import * as Events from "../Events.ts"

const never = () => Effect.never
const nobody: Cluster.Sight = { stale: undefined, backend: "Up", members: [], leader: undefined, now: 0 }

const silent: Stats.Service = {
  increment: never,
  gauge: never,
  flush: Effect.never,
  totals: Effect.never,
  byPeer: Effect.never,
  series: never,
  reset: never
}

/** A cluster in which nothing happens. */
const quiet = (tasks: TaskQueue.Service): Cluster.Service => ({
  kind: "memory",
  look: Effect.succeed(nobody),
  news: Stream.never,
  spawn: Effect.never,
  freeze: never,
  thaw: never,
  crash: never,
  publish: never,
  tasks,
  forecasts: { remove: never, left: Effect.succeedNone },
  read: never,
  stats: silent,
  host: never,
  opened: never
})
const alone = MemoryTaskQueue.layer().pipe(Layer.provide([MemoryBackend.layer, LocalPeer.layer("the page")]))

it.effect("the queues are asked about while somebody looks, and not otherwise", () =>
  Effect.gen(function* () {
    const queue = yield* TaskQueue.TaskQueue
    let asked = 0
    const tasks = { ...queue, counts: (task: TaskQueue.AnyTask) => (asked++, queue.counts(task)) }
    const built = yield* Layer.build(Layer.provide(Events.layer, Layer.succeed(Cluster.Cluster, quiet(tasks))))
    const { watch } = Context.get(built, Events.Events)
    yield* TestClock.adjust("1 minute")
    assert.strictEqual(asked, 0)
    const [one, other] = [yield* Scope.make(), yield* Scope.make()]
    for (const scope of [one, other]) yield* Effect.asVoid(Scope.provide(watch, scope))
    yield* TestClock.adjust("10 seconds")
    const rounds = asked / 5
    assert.isAtLeast(rounds, 9)
    assert.isAtMost(rounds, 12)
    yield* Scope.close(one, Exit.void)
    yield* TestClock.adjust("1 second")
    assert.isAbove(asked / 5, rounds)
    yield* Scope.close(other, Exit.void)
    const last = asked
    yield* TestClock.adjust("1 minute")
    assert.isAtMost(asked - last, 5)
  }).pipe(Effect.scoped, Effect.provide(alone))
)

it.live("who reads too slowly is told the present instead of what it has missed", () =>
  Effect.gen(function* () {
    const news = yield* EffectPubSub.unbounded<Cluster.News>()
    const cluster = { ...quiet(yield* TaskQueue.TaskQueue), news: Stream.fromPubSub(news) }
    const built = yield* Layer.build(Layer.provide(Events.layer, Layer.succeed(Cluster.Cluster, cluster)))
    const { watch } = Context.get(built, Events.Events)
    const pull = yield* Stream.toPull(yield* watch)
    const seen: Array<Events.Event> = []
    const read = Effect.map(pull, (chunk) => void seen.push(...chunk))
    const isDone = (text: string) => () =>
      seen.some((event) =>
        event._tag === "Present"
          ? event.lines.some(({ what }) => what._tag === "Message" && what.text === text)
          : event._tag === "Line" && event.line.what._tag === "Message" && event.line.what.text === text
      )
    const say = (text: string, sequence: number) =>
      EffectPubSub.publish(news, {
        _tag: "Heard",
        heard: {
          by: "ada",
          channel: "shout",
          what: { _tag: "Message", text, from: "ada", sequence },
          at: DateTime.makeUnsafe(0)
        }
      })
    yield* read
    assert.deepStrictEqual(
      seen.map(({ _tag }) => _tag),
      ["Present"]
    )

    // A reader that keeps pace is told each change.
    // The first may be said before anyone subscribed to the news.
    while (!isDone("heard")()) {
      yield* say("heard", 0)
      yield* read
    }
    assert.isFalse(seen.slice(1).some(({ _tag }) => _tag === "Present"))

    // One that stood still while far more happened than is kept for it is told how things are.
    seen.length = 0
    for (let i = 1; i <= 2_000; i++) yield* say(`line ${i}`, i)
    while (!isDone("line 2000")()) yield* read
    const told = seen.filter(({ _tag }) => _tag === "Present")
    assert.isAtLeast(told.length, 1)
    assert.isAtMost(seen.length, 600)
    for (const event of told) if (event._tag === "Present") assert.isAtMost(event.lines.length, 240)
  }).pipe(Effect.scoped, Effect.provide(alone))
)
