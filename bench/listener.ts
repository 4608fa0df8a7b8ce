/**
 * A process at the end of a channel or a room, ours or socket.io's: hears `n` messages and then one more, each once and in order.
 * The one more comes when the clock stands still, and shows that none before it came twice.
 */
import { createAdapter } from "@socket.io/redis-adapter"
import * as Chat from "@troupe/core/Chat"
import * as PubSub from "@troupe/core/PubSub"
import * as RedisChat from "@troupe/redis-live/RedisChat"
import * as RedisClient from "@troupe/redis-live/RedisClient"
import * as RedisPeerRegistry from "@troupe/redis-live/RedisPeerRegistry"
import * as RedisPubSub from "@troupe/redis-live/RedisPubSub"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Redis } from "ioredis"
import { Body } from "./message.ts"

export type Side = "ours" | "theirs"

export interface Round {
  readonly side: Side
  /** Of the channel, or of the namespace. */
  readonly name: string
  /** A room: of ours by itself, of theirs in the namespace. */
  readonly room?: string | undefined
  readonly n: number
}

/** Both reject where a message is missing, doubled or out of order. */
export interface Heard {
  readonly all: Promise<void>
  readonly oneMore: Promise<void>
  readonly stop: () => Promise<void>
}

export interface Listener {
  /** Resolves when it hears whatever is published from then on. */
  readonly listen: (round: Round) => Promise<Heard>
  readonly close: () => Promise<void>
}

export const channel = (name: string): PubSub.Channel<Body> => PubSub.channel(name, { message: Body })

export const room = (name: string): Chat.Room<Body> => Chat.room(name, { message: Body })

const patienceMs = 30_000

const count = (n: number) => {
  let next = 0
  const all = Promise.withResolvers<void>()
  const oneMore = Promise.withResolvers<void>()
  const fail = (message: string): void => {
    all.reject(new Error(message))
    oneMore.reject(new Error(message))
  }
  // Both may fail before anybody waits for the second.
  oneMore.promise.catch(() => {})
  const late = setTimeout(() => fail(`only ${next} of ${n} messages came`), patienceMs)
  return {
    all: all.promise,
    oneMore: oneMore.promise,
    hear: (id: number): boolean => {
      if (id !== next++) fail(`message ${next - 1} was due, and ${id} came`)
      if (next === n) all.resolve()
      if (next > n) oneMore.resolve()
      return next > n
    },
    stop: () => clearTimeout(late)
  }
}

export const make = (url: string, prefix: string): Listener => {
  const runtime = ManagedRuntime.make(
    Layer.merge(RedisPubSub.layer, Layer.provide(RedisChat.layer, RedisPeerRegistry.layer())).pipe(
      Layer.provide(RedisClient.layer({ url, prefix }))
    )
  )
  const pub = new Redis(url)
  const sub = new Redis(url)

  const ours = async ({ n, name, room: inRoom }: Round): Promise<Heard> => {
    const { all, hear, oneMore, stop } = count(n)
    const scope = Scope.makeUnsafe()
    const subscribed = Effect.gen(function* () {
      const ids =
        inRoom === undefined
          ? Effect.map((yield* PubSub.PubSub).subscribe(channel(name), { buffer: 100_000 }), ({ messages }) =>
              Stream.map(messages, ({ id }) => id)
            )
          : Effect.map((yield* Chat.Chat).events(room(inRoom)), (events) =>
              Stream.filterMap(events, (event) =>
                event._tag === "Said" ? Result.succeed(event.message.id) : Result.failVoid
              )
            )
      yield* (yield* ids).pipe(
        Stream.takeUntil((id) => hear(id)),
        Stream.runDrain,
        Effect.forkScoped
      )
    })
    await runtime.runPromise(Scope.provide(subscribed, scope))
    return {
      all,
      oneMore,
      stop: () => {
        stop()
        return runtime.runPromise(Scope.close(scope, Exit.void))
      }
    }
  }

  const theirs = async ({ n, name, room: inRoom }: Round): Promise<Heard> => {
    const { all, hear, oneMore, stop } = count(n)
    // What a namespace is to its adapter. The adapter hands each packet to the encoder, for sockets of which there are none.
    const encode = ({ data: [, message] }: { readonly data: readonly [string, Body] }): ReadonlyArray<string> => {
      hear(message.id)
      return []
    }
    const adapter = createAdapter(pub, sub)({ name, sockets: new Map(), server: { encoder: { encode } } })
    // Somebody is in the room: an adapter without its members passes a room's packets over.
    if (inRoom !== undefined) void adapter.addAll("somebody", new Set([inRoom]))
    // Answered after its subscriptions, which it does not wait for.
    await sub.ping()
    return {
      all,
      oneMore,
      stop: async () => {
        stop()
        adapter.close()
        await sub.ping()
      }
    }
  }

  return {
    listen: (round) => (round.side === "ours" ? ours(round) : theirs(round)),
    close: async () => {
      await runtime.dispose()
      pub.disconnect()
      sub.disconnect()
    }
  }
}
