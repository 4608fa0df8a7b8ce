/** How the laws of PubSub speak: who calls, what was heard, what was refused. */
import * as PubSub from "@troupe/core/PubSub"
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as assert from "node:assert/strict"
import type { Node, World } from "../World.ts"

export type Law = (world: World<PubSub.PubSub>) => Effect.Effect<void, unknown, Scope.Scope>
export type Peer = Node<PubSub.PubSub>

export const Plain = PubSub.channel("plain", { message: Schema.Int })
export const Kept = PubSub.channel("kept", { message: Schema.Int, history: { size: 100, timeToLive: "1 hour" } })
export const Short = PubSub.channel("short", { message: Schema.Int, history: { size: 3, timeToLive: "1 hour" } })

/** A number that is decoded in a tenth of a second, or two, or none, and encoded with a pause in between. */
const slowly = Schema.String.pipe(
  Schema.decodeTo(
    Schema.Int,
    SchemaTransformation.transformEffect({
      decode: (text: string) => Effect.as(Effect.sleep(((Number(text) * 7) % 3) * 100), Number(text)),
      encode: (n: number) => Effect.as(Effect.yieldNow, `${n}`)
    })
  )
)
export const Slow = PubSub.channel("slow", { message: slowly })
export const SlowKept = PubSub.channel("slow and kept", {
  message: slowly,
  history: { size: 100, timeToLive: "1 hour" }
})

/** Without a log. */
export const silent = Logger.layer([])

export const on = <A, E, R>(peer: Peer, use: (pubsub: PubSub.Service) => Effect.Effect<A, E, R>) =>
  Effect.provide(Effect.flatMap(PubSub.PubSub, use), peer.context)

export const publish = <A>(peer: Peer, channel: PubSub.Channel<A>, message: A, dedupeKey?: string) =>
  on(peer, (pubsub) => pubsub.publish(channel, message, { dedupeKey }))

export const publishAll = <A>(peer: Peer, channel: PubSub.Channel<A>, messages: ReadonlyArray<A>) =>
  on(peer, (pubsub) => pubsub.publishAll(channel, messages))

export const subscribe = <A>(peer: Peer, channel: PubSub.Channel<A>, options?: PubSub.SubscribeOptions) =>
  on(peer, (pubsub) => pubsub.subscribe(channel, options))

export const kept = <A>(peer: Peer, channel: PubSub.Channel<A>) =>
  Effect.map(
    on(peer, (pubsub) => pubsub.history(channel)),
    (messages) => messages.map(({ value }) => value)
  )

/** Subscribes and keeps what is delivered. */
export const listen = <A>(peer: Peer, channel: PubSub.Channel<A>, options?: PubSub.SubscribeOptions) =>
  Effect.flatMap(subscribe(peer, channel, options), (subscription) => collect(peer, subscription))

export const collect = <A>(peer: Peer, subscription: PubSub.Subscription<A>) => {
  const deliveries: Array<PubSub.Delivery<A>> = []
  const messages = () => deliveries.filter((delivery) => delivery._tag === "Message")
  const run = Stream.runForEach(subscription.deliveries, (delivery) => Effect.sync(() => deliveries.push(delivery)))
  return Effect.as(Effect.forkScoped(Effect.provide(Effect.ignore(run), peer.context)), {
    values: () => messages().map(({ value }) => value),
    positions: () => messages().map(({ position }) => position),
    gaps: () => deliveries.flatMap((delivery) => (delivery._tag === "Gap" ? [delivery.reason] : [])),
    /** Messages and gaps as they came: `[1, "HistoryTrimmed 7", 9]`. */
    shape: () => deliveries.map((delivery) => (delivery._tag === "Gap" ? told(delivery) : delivery.value))
  })
}

/** Takes what there is, and gives each take up again and again until it succeeds. */
export const glance = <A>(peer: Peer, subscription: PubSub.Subscription<A>) =>
  Effect.gen(function* () {
    const values: Array<A> = []
    const pull = yield* Stream.toPull(subscription.messages)
    const glance = Effect.tap(Effect.timeoutOption(pull, "1 second"), (taken) =>
      Effect.sync(() => values.push(...Option.getOrElse(taken, () => [])))
    )
    yield* Effect.forkScoped(Effect.ignore(Effect.forever(glance)))
    return { shape: () => values }
  }).pipe(Effect.provide(peer.context))

const told = ({ missed, reason }: PubSub.Gap) => (missed === undefined ? reason : `${reason} ${missed}`)

/** That is what was heard, no more and no less, within that much time. */
export const hears = <R>(
  world: World<R>,
  heard: { readonly shape: () => ReadonlyArray<unknown> },
  shape: ReadonlyArray<unknown>,
  within?: Duration.Input
) =>
  world.eventually(
    check(() => assert.deepEqual(heard.shape(), shape)),
    within
  )

export const check = (assertion: () => void) => Effect.sync(assertion)

export const ascending = (values: ReadonlyArray<number>) => [...values].sort((a, b) => a - b)

export const numbers = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, n) => n)

/** Fails unless the call does; the reason and the outcome, or the error's tag. */
export const refusal = <E, R>(call: Effect.Effect<unknown, E, R>) =>
  Effect.flatMap(Effect.exit(call), (exit): Effect.Effect<ReadonlyArray<string>> => {
    if (Exit.isSuccess(exit)) return Effect.die(new assert.AssertionError({ message: "the call was not refused" }))
    const error = Cause.squash(exit.cause)
    if (!(error instanceof Error) || !("_tag" in error)) return Effect.die(error)
    if (!("reason" in error) || !("outcome" in error)) return Effect.succeed([String(error._tag)])
    const { reason } = error
    const tag = typeof reason === "object" && reason !== null && "_tag" in reason ? String(reason._tag) : ""
    return Effect.succeed([tag, String(error.outcome)])
  })
