/** What a page is told, to the letter: tried on a cluster that does nothing but what the test says. */
import { assert, it } from "@effect/vitest"
import { Context, DateTime, Effect, Layer, PubSub as EffectPubSub, Stream } from "effect"
import * as Cluster from "../Cluster.ts"
import * as Events from "../Events.ts"

const never = () => Effect.never
const nobody: Cluster.Sight = { stale: undefined, backend: "Up", members: [], leader: undefined, now: 0 }

it.live("who reads too slowly is told the present instead of what it has missed", () =>
  Effect.gen(function* () {
    const news = yield* EffectPubSub.unbounded<Cluster.News>()
    const cluster = Cluster.Cluster.of({
      kind: "memory",
      look: Effect.succeed(nobody),
      news: Stream.fromPubSub(news),
      spawn: Effect.never,
      freeze: never,
      thaw: never,
      crash: never,
      publish: never,
      opened: never
    })
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
  }).pipe(Effect.scoped)
)
