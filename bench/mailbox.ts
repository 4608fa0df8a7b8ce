/**
 * Mailbox beside what people write by hand: `node bench/run.ts mailbox`. A list for each client, to which RPUSH adds and LTRIM
 * keeps the last five hundred, read by LRANGE and emptied by LTRIM: where an answer is lost its
 * letters are, a loss is not told, and nobody is woken.
 *
 * - `deliver c=100`: letters a second, a hundred at a time, to a hundred clients.
 * - `poll of 100 letters`: mails a second, ten at a time; each has a hundred letters, in order, or the run fails.
 */
import * as Mailbox from "@troupe/core/Mailbox"
import * as RedisClient from "@troupe/redis-live/RedisClient"
import * as RedisMailbox from "@troupe/redis-live/RedisMailbox"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { Redis } from "ioredis"
import { type Case, measure, perSecond, smoke } from "./harness.ts"
import { Body, body, workers, writers } from "./message.ts"

const count = (full: number): number => (smoke ? Math.min(full, 1_000) : full)
const Letters = Mailbox.box("letters", { message: Body, timeToLive: "10 minutes" })
const clients = 100
const perMail = 100

export const run = async (url: string): Promise<void> => {
  const prefix = `bench-${process.pid}`
  const runtime = ManagedRuntime.make(RedisMailbox.layer.pipe(Layer.provide(RedisClient.layer({ url, prefix }))))
  const raw = new Redis(url)
  const on = <A, E>(use: (mailbox: Mailbox.Service) => Effect.Effect<A, E>): Promise<A> =>
    runtime.runPromise(Effect.flatMap(Mailbox.Mailbox, use))

  const deliver = (n: number, to: (id: number) => string) =>
    on((mailbox) => writers(n, (id) => mailbox.deliver(Letters, to(id), body(id)), 100))
  const push = (n: number, to: (id: number) => string) =>
    workers(
      n,
      (id) => {
        const key = `${prefix}-raw:${to(id)}`
        return raw
          .pipeline()
          .rpush(key, JSON.stringify(body(id)))
          .ltrim(key, -500, -1)
          .exec()
      },
      100
    )
  const anyOf = (id: number): string => `client ${id % clients}`
  const check = (ids: ReadonlyArray<number>): void => {
    if (ids.length !== perMail || ids.some((id, i) => i > 0 && id <= (ids[i - 1] ?? 0)))
      throw new Error(`a mail of ${ids.length} letters`)
  }

  let round = 0
  /** As many boxes are filled, which does not count, and then each is polled. */
  const mails = async (
    n: number,
    fill: (n: number, to: (id: number) => string) => Promise<unknown>,
    poll: (client: string) => Promise<void>
  ): Promise<number> => {
    const reader = (round += 1)
    const to = (id: number): string => `reader ${reader} ${Math.floor(id / perMail)}`
    await fill(n * perMail, to)
    return perSecond(n, () => workers(n, (mail) => poll(to(mail * perMail)), 10))
  }
  const cases: ReadonlyArray<Case> = [
    {
      bench: "mailbox",
      name: "deliver c=100",
      peer: "ioredis",
      unit: "/s",
      better: "more",
      ours: () => perSecond(count(30_000), () => deliver(count(30_000), anyOf)),
      theirs: () => perSecond(count(30_000), () => push(count(30_000), anyOf))
    },
    {
      bench: "mailbox",
      name: "poll of 100 letters",
      peer: "ioredis",
      unit: "mails/s",
      better: "more",
      ours: () =>
        mails(count(30_000) / perMail, deliver, async (client) => {
          const { letters } = await on((mailbox) => mailbox.poll(Letters, client))
          check(letters.map(({ message }) => message.id))
        }),
      theirs: () =>
        mails(count(30_000) / perMail, push, async (client) => {
          const key = `${prefix}-raw:${client}`
          const letters = await raw.lrange(key, 0, perMail - 1)
          await raw.ltrim(key, letters.length, -1)
          check(letters.map((letter) => (JSON.parse(letter) as Body).id))
        })
    }
  ]
  try {
    await measure(cases)
  } finally {
    await runtime.dispose()
    const keys = await raw.keys(`${prefix}*`)
    if (keys.length > 0) await raw.unlink(...keys)
    raw.disconnect()
  }
}
