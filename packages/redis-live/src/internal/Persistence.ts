/**
 * effect's own `Redis` service (`effect/persistence/Redis`) on the connections of a RedisClient. Commands and scripts
 * go the way of all calls; plain channels are heard on one shared connection; a reserved one is the caller's own.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Redis from "effect/persistence/Redis"
import type { BackendError } from "@troupe/core/BackendError"
import { createHash } from "node:crypto"
import type { Connection } from "./Connection.ts"
import { backendError, connectionLost, full, misconfigured, undecodable } from "./errors.ts"

const service = "RedisClient"

/** Messages that may wait in one subscriber's queue. */
export const maxWaiting = 4_096

/** Pause before a lost channel is asked for again. */
const repairPause = 100

type Service = Redis.Redis["Service"]
type Messages = Queue.Queue<Redis.RedisMessage, Redis.RedisError>

/** Who hears one channel. */
interface Room {
  /** And what it takes to be forgotten. */
  readonly queues: Map<Messages, () => void>
  readonly lock: Semaphore.Semaphore
  /** Subscribers that have come and not gone, those included that still wait. */
  users: number
  isActive: boolean
  /** How often it was lost. */
  losses: number
}

const redisError = (cause: BackendError): Redis.RedisError => new Redis.RedisError({ cause })

/** effect leaves the type of a reply to its callers, who alone know what they asked; nobody can check it here. */
const isReplyOf = <A>(reply: unknown): reply is A => reply !== undefined

const commands = ({ command }: Pick<Connection, "command">): Redis.Connection => {
  const ask = <A>(name: string, args: ReadonlyArray<string>, source?: string): Effect.Effect<A, Redis.RedisError> =>
    command(name, args, source).pipe(
      Effect.mapError(redisError),
      Effect.flatMap((reply) =>
        isReplyOf<A>(reply)
          ? Effect.succeed(reply)
          : Effect.fail(redisError(backendError(service, name.toUpperCase(), undecodable())))
      )
    )
  return {
    send: (name, ...args) => ask(name, args),
    eval:
      (script) =>
      (...params) =>
        Effect.suspend(() => {
          const keys = String(script.numberOfKeys(...params))
          return ask("EVALSHA", [sha(script), keys, ...script.params(...params).map(String)], script.lua)
        })
  }
}

const shas = new WeakMap<object, string>()

const sha = (script: { readonly lua: string }): string => {
  const known = shas.get(script)
  if (known !== undefined) return known
  const made = createHash("sha1").update(script.lua).digest("hex")
  shas.set(script, made)
  return made
}

export const make = (connection: Connection): Effect.Effect<Service, never, Scope.Scope> =>
  Effect.gen(function* () {
    if (connection.isCluster) {
      return yield* Effect.die(
        backendError(
          service,
          "layerPersistence",
          misconfigured("effect's scripts do not keep to one slot: it needs a single server or sentinels")
        )
      )
    }
    const reserve = yield* connection.pool
    const shared = commands(connection)
    return {
      send: shared.send,
      eval: shared.eval,
      subscribe: yield* subscriber(connection),
      reserve: Effect.map(Effect.mapError(reserve, redisError), commands)
    }
  })

const subscriber = (connection: Connection): Effect.Effect<Service["subscribe"], never, Scope.Scope> =>
  Effect.gen(function* () {
    const rooms = new Map<string, Room>()
    const run = yield* FiberSet.makeRuntime<never, void, never>()

    const end = (queue: Messages, error: BackendError): void =>
      void Queue.failCauseUnsafe(queue, Cause.fail(redisError(error)))

    /** Until it is active again, or nobody wants it any more. Each attempt lets newcomers try in between. */
    const repair = (channel: string, room: Room): Effect.Effect<void> =>
      Effect.gen(function* () {
        while (room.users > 0 && !room.isActive) {
          yield* Effect.ignore(activate(channel, room))
          if (!room.isActive) yield* connection.pause(repairPause)
        }
      })

    const link = yield* connection.listen(service, {
      message: (channel, message) => {
        const room = rooms.get(channel)
        if (room === undefined) return
        for (const [queue, depart] of room.queues) {
          if (Queue.offerUnsafe(queue, { channel, message })) continue
          depart()
          end(queue, backendError(service, "subscribe", full(`${maxWaiting} messages of one channel wait to be taken`)))
        }
      },
      lost: (channels) => {
        for (const channel of channels) {
          const room = rooms.get(channel)
          if (room === undefined) continue
          room.isActive = false
          room.losses += 1
          run(repair(channel, room))
        }
      }
    })

    const activate = (channel: string, room: Room): Effect.Effect<void, BackendError> =>
      room.lock.withPermit(
        Effect.suspend(() => {
          if (room.isActive) return Effect.void
          const { losses } = room
          return Effect.flatMap(link.subscribe([channel]), () => {
            // Lost again before this fiber heard that it was there.
            if (room.losses !== losses) return Effect.fail(backendError(service, "subscribe", connectionLost("Redis")))
            room.isActive = true
            return Effect.void
          })
        })
      )

    const leave = (channel: string, room: Room): Effect.Effect<void> =>
      room.lock.withPermit(
        Effect.suspend(() => {
          if (room.users > 0 || rooms.get(channel) !== room) return Effect.void
          rooms.delete(channel)
          return Effect.ignore(link.unsubscribe([channel]))
        })
      )

    return (channel) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          const queue: Messages = yield* Queue.dropping<Redis.RedisMessage, Redis.RedisError>(maxWaiting)
          const room: Room = rooms.get(channel) ?? {
            queues: new Map(),
            lock: Semaphore.makeUnsafe(1),
            users: 0,
            isActive: false,
            losses: 0
          }
          rooms.set(channel, room)
          room.users += 1
          let isIn = true
          const depart = (): void => {
            if (!isIn) return
            isIn = false
            room.users -= 1
            room.queues.delete(queue)
            // Nobody waits for the server to know.
            if (room.users === 0) run(leave(channel, room))
          }
          yield* restore(activate(channel, room)).pipe(
            Effect.onError(() => Effect.sync(depart)),
            Effect.match({
              onSuccess: () => void room.queues.set(queue, depart),
              onFailure: (error) => end(queue, error)
            })
          )
          yield* Effect.addFinalizer(() =>
            Effect.sync(() => {
              depart()
              Queue.shutdownUnsafe(queue)
            })
          )
          return queue
        })
      )
  })
