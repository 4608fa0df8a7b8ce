/**
 * TaskQueue beside what people use: `node bench/run.ts tasks`.
 *
 * - `enqueue c=100`, `enqueueAll 1000`: 100 callers with one task each, and one with a thousand at a time.
 * - `process c=…`: producers are done before workers start; the clock stops when the server holds no task.
 * - `process c=100 at 1M waiting`: the same with a million behind them; beside it ours with few.
 * - `in memory c=100`: without a server; beside it the same on Redis.
 * - `memory per waiting task`, `commands per task`: what the server says of itself, in bytes, and in commands of scripts too.
 * - `pick-up`: from enqueueing to the handler of an idle worker in another process.
 */
import { Redis } from "ioredis"
import { type Case, commandsRun, measure, perSecond, smoke } from "./harness.ts"
import * as PickUp from "./pick-up.ts"
import * as Queues from "./queues.ts"

const inFlight = 100
const count = (full: number): number => (smoke ? Math.min(full, 500) : full)

/** As many at a time as may be in flight, each with the next one as soon as its last was answered. */
const spread = async (n: number, add: (id: number) => Promise<unknown>): Promise<void> => {
  let id = 0
  const writer = async () => {
    while (id < n) await add(id++)
  }
  await Promise.all(Array.from({ length: inFlight }, writer))
}

const at = (times: ReadonlyArray<number>, share: number): number => times[Math.floor(times.length * share)] ?? 0

export const run = async (url: string): Promise<void> => {
  const prefix = `bench-${process.pid}`
  const redis = Queues.onRedis(url, prefix)
  const memory = Queues.inMemory()
  const raw = new Redis(url)
  const connection = Queues.connectionOf(url)
  const persisted = Queues.effect(connection, `${prefix}:effect:`)
  const pickUp = PickUp.make(url, prefix)
  let unique = 0
  const name = (): string => `${prefix}-${(unique += 1)}`

  const ours = async () => redis.queue(name())
  const bull = async () => Queues.bull(connection, prefix, name())
  const makers = {
    bullmq: () => bull,
    "bee-queue": () => async () => Queues.bee(connection, prefix, name()),
    groupmq: (concurrency: number) => async () => Queues.group(raw, name(), concurrency),
    effect: () => () => persisted.queue(name())
  }
  type Make = () => Promise<Queues.Bench>

  const filled = async <A>(make: Make, n: number, use: (queue: Queues.Bench) => Promise<A>): Promise<A> => {
    const queue = await make()
    await Queues.fill(queue, n)
    const result = await use(queue)
    await queue.close()
    return result
  }
  const processes = (make: Make, n: number, concurrency: number) => () =>
    filled(make, n, (queue) => perSecond(n, () => queue.process(n, concurrency)))

  const processCase = (
    peer: keyof typeof makers,
    concurrency: number,
    goal: number,
    our: number,
    their: number
  ): Case => ({
    bench: "tasks",
    name: `process c=${concurrency}`,
    peer,
    unit: "/s",
    better: "more",
    goal,
    ours: processes(ours, count(our), concurrency),
    theirs: processes(makers[peer](concurrency), count(their), concurrency)
  })

  /** What a figure of the server's grew by, a task. */
  const grown = (make: Make, figure: () => Promise<number>, working: boolean) => () => {
    const n = count(20_000)
    const use = async (queue: Queues.Bench): Promise<number> => {
      if (!working) await Queues.fill(queue, n)
      const before = await figure()
      await (working ? queue.process(n, 100) : Queues.fill(queue, n))
      return ((await figure()) - before) / n
    }
    return working ? filled(make, n, use) : filled(make, 0, use)
  }
  const bytes = async (): Promise<number> => Number(/used_memory:(\d+)/.exec(await raw.info("memory"))?.[1])
  const commands = async (): Promise<number> => commandsRun(await raw.info("commandstats"))

  const pickedUp = (side: "ours" | "theirs", share: number) => async () => {
    const queue = await (side === "ours" ? ours() : bull())
    const times = await pickUp.times(side, `${prefix}-${unique}`, queue, count(500))
    await queue.close()
    return at(times, share)
  }

  const cases: ReadonlyArray<Case> = [
    {
      bench: "tasks",
      name: "enqueue c=100",
      peer: "bullmq",
      unit: "/s",
      better: "more",
      goal: 5,
      ours: async () => {
        const n = count(40_000)
        const { task } = redis.queue(name())
        return perSecond(n, () => redis.addEach(task, n, inFlight).then(() => undefined))
      },
      theirs: async () => {
        const n = count(10_000)
        const queue = await bull()
        const rate = await perSecond(n, () => spread(n, (id) => queue.add(Queues.body(id))))
        await queue.close()
        return rate
      }
    },
    {
      bench: "tasks",
      name: "enqueueAll 1000",
      peer: "bullmq",
      unit: "/s",
      better: "more",
      goal: 5,
      ours: async () => {
        const queue = await ours()
        return perSecond(count(40_000), () => Queues.fill(queue, count(40_000)))
      },
      theirs: async () => {
        const queue = await bull()
        const rate = await perSecond(count(10_000), () => Queues.fill(queue, count(10_000)))
        await queue.close()
        return rate
      }
    },
    processCase("bullmq", 1, 3, 20_000, 3_000),
    processCase("bullmq", 10, 4, 40_000, 10_000),
    processCase("bullmq", 100, 6, 60_000, 10_000),
    processCase("bee-queue", 100, 1, 60_000, 10_000),
    processCase("groupmq", 100, 1, 60_000, 5_000),
    processCase("effect", 100, 1, 60_000, 5_000),
    {
      bench: "tasks",
      name: "in memory c=100",
      peer: "@troupe/redis-live",
      unit: "/s",
      better: "more",
      goal: 1,
      ours: processes(async () => memory.queue(name()), count(100_000), 100),
      theirs: processes(ours, count(60_000), 100)
    },
    {
      bench: "tasks",
      name: "memory per waiting task",
      peer: "bullmq",
      unit: "bytes",
      better: "less",
      goal: 3,
      ours: grown(ours, bytes, false),
      theirs: grown(bull, bytes, false)
    },
    {
      bench: "tasks",
      name: "commands per task c=100",
      peer: "bullmq",
      unit: "commands",
      better: "less",
      ours: grown(ours, commands, true),
      theirs: grown(bull, commands, true)
    },
    ...(
      [
        ["p50", 0.5],
        ["p99", 0.99]
      ] as const
    ).map(([of, share]): Case => ({
      bench: "tasks",
      name: `pick-up ${of}`,
      peer: "bullmq",
      unit: "ms",
      better: "less",
      goal: 1,
      ours: pickedUp("ours", share),
      theirs: pickedUp("theirs", share)
    })),
    {
      bench: "tasks",
      name: "process c=100 at 1M waiting",
      peer: "@troupe/redis-live",
      unit: "/s",
      better: "more",
      goal: 0.8,
      ours: () => processAhead(count(1_000_000), count(60_000)),
      theirs: processes(ours, count(60_000), 100)
    }
  ]
  /** The first `n` of so many. */
  const processAhead = async (waiting: number, n: number): Promise<number> => {
    const queue = redis.queue(name())
    await Queues.fill(queue, waiting)
    const rate = await perSecond(n, () => redis.processSome(queue.task, n, 100))
    await redis.purge(queue.task)
    return rate
  }
  try {
    await measure(cases)
  } finally {
    pickUp.close()
    raw.disconnect()
    await persisted.dispose()
    await memory.dispose()
    await redis.dispose()
  }
}
