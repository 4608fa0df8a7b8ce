/** How the laws of Mailbox speak: peers that deliver to one client, and what its polls find. */
import { BackendError } from "@troupe/core/BackendError"
import * as Mailbox from "@troupe/core/Mailbox"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as assert from "node:assert/strict"
import type { Node, World } from "../World.ts"

export { turns } from "./sending.ts"

export type Post = World<Mailbox.Mailbox>
export type Law = (world: Post) => Effect.Effect<void, unknown, Scope.Scope>
export type Peer = Node<Mailbox.Mailbox>

export const Notes = Mailbox.box("notes", { message: Schema.Int, timeToLive: "1 hour" })
export const Short = Mailbox.box("short", { message: Schema.Int, timeToLive: "10 seconds" })
export const Small = Mailbox.box("small", { message: Schema.Int, timeToLive: "1 hour", capacity: 3 })
export const Texts = Mailbox.box("texts", { message: Schema.String, timeToLive: "1 hour" })

const client = "client"

export const on = <A, E, R>(peer: Peer, use: (mailbox: Mailbox.Service) => Effect.Effect<A, E, R>) =>
  Effect.provide(Effect.flatMap(Mailbox.Mailbox, use), peer.context)

/** One after the other, to the one client. */
export const deliver = <A>(peer: Peer, box: Mailbox.Box<A>, ...messages: ReadonlyArray<A>) =>
  Effect.forEach(messages, (message) => on(peer, (mailbox) => mailbox.deliver(box, client, message)), { discard: true })

export const poll = <A>(peer: Peer, box: Mailbox.Box<A>, options?: Mailbox.PollOptions) =>
  on(peer, (mailbox) => mailbox.poll(box, client, options))

export const close = <A>(peer: Peer, box: Mailbox.Box<A>) => on(peer, (mailbox) => mailbox.close(box, client))

export const messagesOf = <A>(mail: Mailbox.Mail<A>): ReadonlyArray<A> => mail.letters.map(({ message }) => message)

/** The messages of a mail, and `lost` where it says so. */
export const told = <A>(mail: Mailbox.Mail<A>): ReadonlyArray<A | "lost"> => [
  ...(mail.lost ? (["lost"] as const) : []),
  ...messagesOf(mail)
]

/** A poll behind that cursor tells exactly this. */
export const finds = <A>(
  peer: Peer,
  box: Mailbox.Box<A>,
  after: string | undefined,
  expected: ReadonlyArray<A | "lost">
) =>
  Effect.map(poll(peer, box, { after }), (mail) => {
    assert.deepEqual(told(mail), expected)
    return mail
  })

/** A poll that waits, begun. */
export const waiting = <A>(peer: Peer, box: Mailbox.Box<A>, wait: Mailbox.PollOptions["wait"], after?: string) =>
  Effect.forkChild(poll(peer, box, { wait, after }), { startImmediately: true })

/** It has ended, and tells exactly this. */
export const ends = <A, E>(fiber: Fiber.Fiber<Mailbox.Mail<A>, E>, expected: ReadonlyArray<A | "lost">) =>
  Effect.suspend(() => {
    assert.ok(fiber.pollUnsafe() !== undefined, "it waits")
    return Effect.map(Fiber.join(fiber), (mail) => {
      assert.deepEqual(told(mail), expected)
      return mail
    })
  })

export const assertWaits = (...fibers: ReadonlyArray<Fiber.Fiber<unknown, unknown>>) =>
  Effect.sync(() => {
    for (const fiber of fibers) assert.equal(fiber.pollUnsafe(), undefined, "it has ended")
  })

/** That many channels are listened to, over all peers. */
export const assertHeard = (world: Post, count: number) =>
  Effect.map(world.subscriptions, (subscriptions) => assert.equal(subscriptions, count))

/** A client that knows what was sent, and so what each poll has to say. */
export class Reader {
  readonly box: Mailbox.Box<number>
  cursor: string | undefined
  private readonly capacity: number
  private readonly timeToLiveMs: number
  /** When each was sent: they are called 1, 2, 3. */
  private readonly sent: Array<number> = []
  private seen = 0

  constructor(capacity: number, timeToLiveMs: number) {
    this.box = Mailbox.box("reader", { message: Schema.Int, timeToLive: timeToLiveMs, capacity })
    this.capacity = capacity
    this.timeToLiveMs = timeToLiveMs
  }

  /** The next one, sent now. */
  send(now: number): number {
    return this.sent.push(now)
  }

  /** Takes a mail, and fails where it is not what it has to be. */
  read(mail: Mailbox.Mail<number>, limit: number, now: number): void {
    const { capacity, seen, sent, timeToLiveMs } = this
    const kept = numbers(sent.length).filter(
      (n) => n >= seen && n >= sent.length - capacity && sent[n]! + timeToLiveMs > now
    )
    assert.deepEqual(
      messagesOf(mail),
      kept.slice(0, limit).map((n) => n + 1)
    )
    assert.equal(mail.lost, (kept[0] ?? sent.length) > seen)
    this.seen = messagesOf(mail).at(-1) ?? sent.length
    this.cursor = mail.cursor
  }
}

/** It fails, and for that reason. */
export const refused = <A, E, R>(effect: Effect.Effect<A, E, R>, reason: BackendError["reason"]["_tag"]) =>
  Effect.map(Effect.flip(effect), (error) => {
    assert.ok(error instanceof BackendError)
    assert.equal(error.reason._tag, reason)
    return error.outcome
  })

export const numbers = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i)
export const two = (world: Post) => Effect.all([world.spawn(), world.spawn()])
