/** The middleware of this peer: whose hooks are asked for a room, and in which order. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Member, Middleware, Rejected, Said } from "../../Chat.ts"

/** A middleware that has what it needs. */
type Hook<A, M> = Middleware<A, M>

const none: ReadonlyArray<never> = []

export class Hooks {
  /** By the room's name; what stands here is replaced, never changed. */
  private readonly installed = new Map<string, ReadonlyArray<Hook<any, any>>>()

  /** Those of a room, in their order. */
  of<A, M>(room: string): ReadonlyArray<Hook<A, M>> {
    // A name stands for one room: whoever defines it again defines it with the same types.
    return this.installed.get(room) ?? none
  }

  /** Gives how to take it out again. */
  install<A, M, R>(room: string, middleware: Middleware<A, M, R>, context: Context.Context<R>): () => void {
    const { hear, join, leave, say } = middleware
    const hook: Hook<A, M> = {
      name: middleware.name,
      order: middleware.order,
      join: join && ((member) => Effect.provideContext(join(member), context)),
      leave: leave && ((member) => Effect.provideContext(leave(member), context)),
      say: say && ((from, message) => Effect.provideContext(say(from, message), context)),
      hear: hear && ((said, listener) => Effect.provideContext(hear(said, listener), context))
    }
    const hooks = [...this.of<A, M>(room), hook].sort((a, b) => (a.order ?? 0) - (b.order ?? 0))
    this.put(room, hooks)
    return () =>
      this.put(
        room,
        this.of<A, M>(room).filter((other) => other !== hook)
      )
  }

  join<A, M>(room: string, id: string, details: M): Effect.Effect<M, Rejected> {
    const hooks = this.of<A, M>(room)
    return hooks.length === 0
      ? Effect.succeed(details)
      : Effect.reduce(
          hooks,
          () => details,
          (details, { join }) => (join === undefined ? Effect.succeed(details) : join({ id, details }))
        )
  }

  leave<A, M>(room: string, member: Member<M>): Effect.Effect<void> {
    return Effect.forEach(this.of<A, M>(room), ({ leave }) => (leave === undefined ? Effect.void : leave(member)), {
      discard: true
    })
  }

  say<A, M>(hooks: ReadonlyArray<Hook<A, M>>, from: string, message: A): Effect.Effect<A, Rejected> {
    return Effect.reduce(
      hooks,
      () => message,
      (message, { say }) => (say === undefined ? Effect.succeed(message) : say(from, message))
    )
  }

  hear<A, M>(room: string, said: Said<A>, listener: string | undefined): Effect.Effect<Option.Option<Said<A>>> {
    return Effect.reduce(
      this.of<A, M>(room),
      () => Option.some(said),
      (heard, { hear }) =>
        hear === undefined || Option.isNone(heard) ? Effect.succeed(heard) : hear(heard.value, listener)
    )
  }

  private put<A, M>(room: string, hooks: ReadonlyArray<Hook<A, M>>): void {
    if (hooks.length === 0) this.installed.delete(room)
    else this.installed.set(room, hooks)
  }
}
