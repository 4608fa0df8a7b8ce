/**
 * One publisher, and a listener in each of two processes, of which one is the publisher's: beside us socket.io's emitter
 * and its Redis adapter, where the adapter hands over. A rate is deliveries a second.
 */
import { Emitter } from "@socket.io/redis-emitter"
import * as PubSub from "@troupe/core/PubSub"
import { fork } from "node:child_process"
import { once } from "node:events"
import * as path from "node:path"
import type { Redis } from "ioredis"
import type * as ManagedRuntime from "effect/ManagedRuntime"
import { perSecond } from "./harness.ts"
import * as Listener from "./listener.ts"
import type { Asked, Told } from "./listener.process.ts"
import { body, workers, writers } from "./message.ts"

export const start = (url: string, prefix: string): Listener.Listener => {
  const child = fork(path.join(import.meta.dirname, "listener.process.ts"), [url, prefix])
  const waiting = new Map<string, PromiseWithResolvers<void>>()
  const expect = (what: string): Promise<void> => {
    const told = Promise.withResolvers<void>()
    // Told before anybody waits for it, it is no unhandled rejection.
    told.promise.catch(() => {})
    waiting.set(what, told)
    return told.promise
  }
  const fail = (message: string): void => {
    for (const { reject } of waiting.values()) reject(new Error(`in the other process: ${message}`))
  }
  child.on("message", (told: Told) => ("failed" in told ? fail(told.failed) : waiting.get(told.what)?.resolve()))
  child.on("exit", () => fail("it ended"))
  const ask = (asked: Asked): void => void child.send(asked)
  return {
    listen: async (round) => {
      const [listening, all, oneMore] = [expect("listening"), expect("all"), expect("oneMore")]
      ask(round)
      await listening
      return {
        all,
        oneMore,
        stop: () => {
          const stopped = expect("stopped")
          ask("stop")
          return stopped
        }
      }
    },
    close: async () => {
      const ended = once(child, "exit")
      child.disconnect()
      await ended
    }
  }
}

export const make = (
  url: string,
  prefix: string,
  runtime: ManagedRuntime.ManagedRuntime<PubSub.PubSub, unknown>,
  pub: Redis
) => {
  const listeners = [Listener.make(url, prefix), start(url, prefix)]
  let unique = 0

  const round = async (side: Listener.Side, n: number): Promise<number> => {
    const name = side === "ours" ? `f${(unique += 1)}` : `/${prefix}-f${(unique += 1)}`
    const heard = await Promise.all(listeners.map(({ listen }) => listen({ side, name, n })))
    const publish = side === "ours" ? ours(name) : theirs(name)
    const rate = await perSecond(n * listeners.length, async () => {
      await Promise.all([publish(0, n), ...heard.map(({ all }) => all)])
    })
    await Promise.all([publish(n, 1), ...heard.map(({ oneMore }) => oneMore)])
    await Promise.all(heard.map(({ stop }) => stop()))
    return rate
  }

  const ours = (name: string) => {
    const channel = Listener.channel(name)
    return (first: number, n: number): Promise<void> =>
      runtime.runPromise(PubSub.PubSub.use((pubsub) => writers(n, (id) => pubsub.publish(channel, body(first + id)))))
  }

  const theirs = (name: string) => {
    // The emitter does not say when a publish was answered; its client does.
    let answered: Promise<unknown> = Promise.resolve()
    const client = { publish: (on: string, message: Buffer) => (answered = pub.publish(on, message)) }
    const emitter = new Emitter(client).of(name)
    return (first: number, n: number): Promise<void> =>
      workers(n, (id) => {
        emitter.emit("message", body(first + id))
        return answered
      })
  }

  return {
    ours: (n: number) => round("ours", n),
    theirs: (n: number) => round("theirs", n),
    close: async () => {
      await Promise.all(listeners.map(({ close }) => close()))
    }
  }
}
