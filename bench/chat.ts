/**
 * Chat beside what people use: `node bench/run.ts chat`.
 *
 * - `say → heard`: 200 members of a room speak, 250 bytes of JSON, every word through a schema; a listener in another
 *   process hears them. Beside it socket.io's emitter and Redis adapter for the same room, where the other process' adapter
 *   hands over.
 * - `join`, `leave`: in a room of 100,000 members, a hundred at a time, which a listener hears. Beside it by hand, without
 *   any promise: HSET or HDEL and PUBLISH in one pipeline.
 * - `count at 100k`: one step of the server (more fails the run), beside HLEN.
 * - `presence at 100k`: until a newcomer knows all members; the server's SLOWLOG must stay empty at 10 ms. Beside it HGETALL
 *   and JSON.parse.
 * - `idle members`: the server's commands a second for 1 million members on 50 peers, beside those of 50 peers with none.
 */
import { Emitter } from "@socket.io/redis-emitter"
import * as Chat from "@troupe/core/Chat"
import * as LocalPeer from "@troupe/core/LocalPeer"
import * as RedisChat from "@troupe/redis-live/RedisChat"
import * as RedisClient from "@troupe/redis-live/RedisClient"
import * as RedisPeerRegistry from "@troupe/redis-live/RedisPeerRegistry"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Redis } from "ioredis"
import * as FanOut from "./fan-out.ts"
import { type Case, commandsRun, isAsked, measure, perSecond, smoke } from "./harness.ts"
import * as Listener from "./listener.ts"
import { body, workers, writers } from "./message.ts"

const bench = "chat"
const words = smoke ? 2_000 : 40_000
const speakers = 200
const crowd = smoke ? 2_000 : 100_000
const moves = smoke ? 500 : 10_000
const idlePeers = smoke ? 4 : 50
const idleMembers = smoke ? 400 : 1_000_000
/** Long enough for what a peer does every half minute. */
const windowMs = smoke ? 2_000 : 40_000
// Where others use the machine too, their turns are measured as the server's: a smoke test is no measurement.
const slowMicros = smoke ? 1_000_000 : 10_000

const Details = Schema.Struct({ user: Schema.String })

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const range = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i)

export const run = async (url: string): Promise<void> => {
  const prefix = `bench-${process.pid}`
  const runtime = ManagedRuntime.make(
    RedisChat.layer.pipe(Layer.provide(RedisPeerRegistry.layer()), Layer.provide(RedisClient.layer({ url, prefix })))
  )
  const redis = new Redis(url)
  const listener = FanOut.start(url, prefix)
  let unique = 0

  // -- say → heard ---------------------------------------------------------------------------------------------------
  const oursHeard = (): Promise<number> => {
    const name = `room${(unique += 1)}`
    const room = Listener.room(name)
    const round = Effect.gen(function* () {
      const chat = yield* Chat.Chat
      yield* chat.create(room)
      const members = yield* Effect.forEach(range(speakers), (n) => chat.join(room, { id: `member-${n}` }), {
        concurrency: "unbounded"
      })
      const heard = yield* Effect.promise(() => listener.listen({ side: "ours", name, room: name, n: words }))
      const say = (id: number) => members[id % speakers]!.say(body(id))
      const rate = yield* Effect.promise(() =>
        perSecond(words, async () => {
          await Promise.all([runtime.runPromise(writers(words, say, speakers)), heard.all])
        })
      )
      yield* say(words)
      yield* Effect.promise(() => heard.oneMore.then(heard.stop))
      return rate
    })
    return runtime.runPromise(Effect.scoped(round))
  }

  const theirsHeard = async (): Promise<number> => {
    const name = `/${prefix}-${(unique += 1)}`
    const room = "room"
    const heard = await listener.listen({ side: "theirs", name, room, n: words })
    // The emitter does not say when a publish was answered; its client does.
    let answered: Promise<unknown> = Promise.resolve()
    const client = { publish: (on: string, message: Buffer) => (answered = redis.publish(on, message)) }
    const emitter = new Emitter(client).of(name).to(room)
    const say = (id: number) => {
      emitter.emit("message", body(id))
      return answered
    }
    const rate = await perSecond(words, async () => {
      await Promise.all([workers(words, say, speakers), heard.all])
    })
    await say(words)
    await heard.oneMore.then(heard.stop)
    return rate
  }

  // -- a room of 100,000 ---------------------------------------------------------------------------------------------
  const Arena = Chat.room("arena", { message: Schema.String, member: Details })
  const membersScope = Scope.makeUnsafe()
  const joinAll = (from: number, n: number) =>
    Effect.gen(function* () {
      const chat = yield* Chat.Chat
      const joined: Array<Chat.Membership<string, typeof Details.Type>> = []
      let next = from
      const joiner = Effect.whileLoop({
        while: () => next < from + n,
        body: () => {
          const id = `member-${next++}`
          return chat.join(Arena, { id, details: { user: id } })
        },
        step: (membership) => void joined.push(membership)
      })
      yield* Effect.all(
        range(100).map(() => joiner),
        { concurrency: "unbounded", discard: true }
      )
      return joined
    })
  await runtime.runPromise(Chat.Chat.use((chat) => chat.create(Arena)))
  await runtime.runPromise(Scope.provide(joinAll(0, crowd), membersScope))
  const byHand = `${prefix}:arena`
  const record = (n: number) => JSON.stringify({ user: `member-${n}`, joinedAt: 1_900_000_000_000 + n })
  for (let i = 0; i < crowd; i += 1_000) {
    await redis.hset(byHand, Object.fromEntries(range(1_000).map((n) => [`member-${i + n}`, record(i + n)])))
  }

  /** The crowd and as many more: one half of a round is measured, the other puts things as they were. */
  const oursMoves = (which: "join" | "leave"): Promise<number> =>
    runtime.runPromise(
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const start = performance.now()
        const joined = yield* Scope.provide(joinAll(crowd, moves), scope)
        const middle = performance.now()
        yield* Effect.forEach(joined, ({ leave }) => leave, { concurrency: 100, discard: true })
        const end = performance.now()
        yield* Scope.close(scope, Exit.void)
        return (moves * 1000) / (which === "join" ? middle - start : end - middle)
      })
    )

  const theirsMoves = async (which: "join" | "leave"): Promise<number> => {
    const join = (n: number) =>
      redis
        .pipeline()
        .hset(byHand, `member-${crowd + n}`, record(n))
        .publish(byHand, `joined ${n}`)
        .exec()
    const leave = (n: number) =>
      redis
        .pipeline()
        .hdel(byHand, `member-${crowd + n}`)
        .publish(byHand, `left ${n}`)
        .exec()
    const joins = await perSecond(moves, () => workers(moves, join, 100))
    const leaves = await perSecond(moves, () => workers(moves, leave, 100))
    return which === "join" ? joins : leaves
  }

  const counts = smoke ? 200 : 2_000
  const oursCount = async (): Promise<number> => {
    const before = await evals()
    const rate = await runtime.runPromise(
      Chat.Chat.use((chat) =>
        Effect.promise(() => perSecond(counts, () => runtime.runPromise(writers(counts, () => chat.count(Arena), 1))))
      )
    )
    const steps = (await evals()) - before
    // Beats and the like come beside them, a few a second.
    if (steps > counts * 1.05 + (10 * counts) / rate) throw new Error(`${steps} steps for ${counts} counts`)
    return rate
  }
  const evals = async (): Promise<number> =>
    Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.info("commandstats"))?.[1] ?? 0)
  const theirsCount = (): Promise<number> => perSecond(counts, () => workers(counts, () => redis.hlen(byHand), 1))

  const oursPresence = async (): Promise<number> => {
    await redis.config("SET", "slowlog-log-slower-than", slowMicros)
    await redis.slowlog("RESET")
    const start = performance.now()
    const members = await runtime.runPromise(Chat.Chat.use((chat) => Stream.runHead(chat.presence(Arena))))
    const took = performance.now() - start
    const found = members._tag === "Some" ? HashMap.size(members.value) : 0
    if (found !== crowd) throw new Error(`${found} of ${crowd} members`)
    const slow = await redis.slowlog("LEN")
    if (Number(slow) > 0) throw new Error(`${slow} commands took the server more than ${slowMicros / 1000} ms`)
    return took
  }
  const theirsPresence = async (): Promise<number> => {
    const start = performance.now()
    const all = await redis.hgetall(byHand)
    const members = new Map(Object.entries(all).map(([id, text]) => [id, JSON.parse(text)]))
    if (members.size !== crowd) throw new Error(`${members.size} of ${crowd} members`)
    return performance.now() - start
  }

  const cases: ReadonlyArray<Case> = [
    {
      bench,
      name: "say → heard",
      peer: "socket.io",
      unit: "/s",
      better: "more",
      goal: 3,
      ours: oursHeard,
      theirs: theirsHeard
    },
    {
      bench,
      name: "join at 100k",
      peer: "ioredis",
      unit: "/s",
      better: "more",
      ours: () => oursMoves("join"),
      theirs: () => theirsMoves("join")
    },
    {
      bench,
      name: "leave at 100k",
      peer: "ioredis",
      unit: "/s",
      better: "more",
      ours: () => oursMoves("leave"),
      theirs: () => theirsMoves("leave")
    },
    { bench, name: "count at 100k", peer: "ioredis", unit: "/s", better: "more", ours: oursCount, theirs: theirsCount },
    {
      bench,
      name: "presence at 100k",
      peer: "ioredis",
      unit: "ms",
      better: "less",
      ours: oursPresence,
      theirs: theirsPresence
    }
  ]
  try {
    await measure(cases)
    await runtime.runPromise(Scope.close(membersScope, Exit.void))
    if (isAsked("idle members")) await idle(url, redis)
  } finally {
    await listener.close()
    await runtime.dispose()
    redis.disconnect()
  }
}

/** One round: a million places take their time to be taken. */
const idle = async (url: string, redis: Redis): Promise<void> => {
  const prefix = `bench-${process.pid}-idle`
  const scope = Scope.makeUnsafe()
  const build = (n: number) =>
    Layer.provideMerge(RedisChat.layer, RedisPeerRegistry.layer()).pipe(
      Layer.fresh,
      Layer.provide(Layer.fresh(RedisClient.layer({ url, prefix }))),
      Layer.provide(LocalPeer.layer(`peer-${n}`)),
      (layer) => Layer.buildWithMemoMap(layer, Layer.makeMemoMapUnsafe(), scope)
    )
  const peers = await Effect.runPromise(Effect.forEach(range(idlePeers), build, { concurrency: 8 }))
  const rate = async (): Promise<number> => {
    const before = commandsRun(await redis.info("commandstats"))
    await pause(windowMs)
    return ((commandsRun(await redis.info("commandstats")) - before) * 1000) / windowMs
  }
  const alone = await rate()
  const each = idleMembers / idlePeers
  const joined = (context: Context.Context<Chat.Chat>, peer: number) => {
    const room = Chat.room(`idle-${peer}`, { message: Schema.String })
    let next = 0
    return Effect.gen(function* () {
      const chat = yield* Chat.Chat
      yield* chat.create(room)
      const joiner = Effect.whileLoop({
        while: () => next < each,
        body: () => chat.join(room, { id: `member-${next++}` }),
        step: () => {}
      })
      yield* Effect.all(
        range(100).map(() => joiner),
        { concurrency: "unbounded", discard: true }
      )
    }).pipe(Effect.provideContext(context), Scope.provide(scope))
  }
  await Effect.runPromise(Effect.forEach(peers, joined, { discard: true }))
  const crowded = await rate()
  const unit = "commands/s"
  await measure([
    {
      bench,
      name: "idle members",
      peer: "50 idle peers",
      unit,
      better: "less",
      goal: 1,
      ours: async () => crowded,
      theirs: async () => alone
    }
  ])
  await Effect.runPromise(Scope.close(scope, Exit.void))
}
