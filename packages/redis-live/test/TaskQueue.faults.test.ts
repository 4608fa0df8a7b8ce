/**
 * TaskQueue through faults on real servers, a proxy and the real clock: one peer enqueues all the while, two work, one of
 * them behind the proxy. Afterwards it works again in the time that A3 gives, and the checker reads what all of them saw.
 */
import { describe, expect, it } from "@effect/vitest"
import type { BackendError } from "@troupe/core/BackendError"
import * as TaskQueue from "@troupe/core/TaskQueue"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { missing } from "../../../scripts/missing.ts"
import { type Server, type ServerOptions, startCluster, startServer } from "../../../scripts/redis.ts"
import { ask, withRedis } from "../../../scripts/redis/ask.ts"
import * as Keys from "../src/internal/Keys.ts"
import { slotOf } from "../src/internal/Slot.ts"
import { scripted } from "../src/internal/Tasks.ts"
import type * as Checker from "./support/Checker.ts"
import { eventually, short } from "./support/client.ts"
import * as Crew from "./support/crew.ts"
import { Proxy } from "./support/Proxy.ts"
import { move, ownerOf } from "./support/slots.ts"
import { kinds, type Payload } from "./support/watched.ts"

const prefix = "faults"
const client = { commandTimeout: 500 } as const
const one = { client, timing: short }
const work = { concurrency: 5 }

const rig = Effect.fnUntraced(function* (options: ServerOptions = {}, queue: TaskQueue.Options = {}) {
  const server = yield* Effect.acquireRelease(
    Effect.promise(() => startServer(options)),
    (server) => Effect.promise(() => server.stop())
  )
  const proxy = yield* Effect.acquireRelease(
    Effect.promise(() => Proxy.start(server)),
    (proxy) => Effect.promise(() => proxy.stop())
  )
  const crew = yield* Crew.make({ url: server.url }, prefix)
  const sender = yield* crew.peer("sender", one)
  const near = yield* crew.peer("near", { ...one, work, queue })
  const far = yield* crew.peer("far", { ...one, client: { ...client, url: proxy.url }, work, queue })
  return { ...crew, server, proxy, sender, far, peers: [sender, near, far] }
})

type Rig = Pick<Crew.Crew, "enqueue" | "drained" | "verdict"> & {
  readonly sender: Crew.Peer
  readonly peers: ReadonlyArray<Crew.Peer>
}

/** Tasks of every kind, a few at a time, for as long as the scope lasts. */
const load = ({ enqueue, sender }: Rig) => {
  const some = Effect.forEach(["plain:", "plain:", "plain:", "placed:k", "placed:l", "rated:"], (kind) =>
    enqueue(sender, kind, kind === "rated:" ? 1 : 2, { ms: 10 })
  )
  return Effect.forkScoped(Effect.forever(Effect.andThen(some, Effect.sleep(40))))
}

/** What is enqueued now ends, within the time that A3 gives. */
const works = ({ enqueue, peers, sender }: Rig, withinMs: number) =>
  Effect.gen(function* () {
    const end = performance.now() + withinMs
    const { tasks } = yield* eventually(
      Effect.gen(function* () {
        const told = yield* enqueue(sender, "plain:", 1)
        expect(told.error).toBeUndefined()
        return told
      }),
      withinMs
    )
    yield* eventually(
      Effect.sync(() =>
        expect(peers.some((peer) => peer.of("ended").some(({ task }) => task === tasks[0]))).toBe(true)
      ),
      end - performance.now()
    )
  })

/** The fault happens under load; then it works again, all that was enqueued ends, and the checker finds nothing. */
const survives = Effect.fnUntraced(function* (
  rig: Rig,
  fault: Effect.Effect<unknown, never, Scope.Scope>,
  options?: Checker.Options,
  withinMs = 2_500
) {
  const loaded = yield* Scope.fork(yield* Effect.scope)
  yield* Scope.provide(load(rig), loaded)
  yield* works(rig, 10_000)
  // All are at it.
  yield* eventually(
    Effect.sync(() => {
      for (const peer of rig.peers) if (peer.isWorking) expect(peer.of("settled").length).toBeGreaterThan(10)
    })
  )
  yield* fault
  yield* works(rig, withinMs + busyMs)
  yield* Scope.close(loaded, Exit.void)
  yield* rig.drained(rig.sender)
  yield* Effect.forEach(rig.peers, ({ close }) => close, { concurrency: "unbounded" })
  return yield* rig.verdict({ mayStay: /^:(meta|expiring|starts)$/, ...options })
})
/** What a machine on which many tests run at once adds. */
const busyMs = 2_500

/** The far one has something to settle: a worker that is idle for all of a fault asks for nothing, and misses nothing. */
const occupied = (its: Rig & { readonly far: Crew.Peer }): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { error, tasks } = yield* its.enqueue(its.sender, "plain:", 10, { ms: 500 })
    if (error !== undefined) return yield* occupied(its)
    const begun = (peer: Crew.Peer) => peer.of("began").filter(({ task }) => tasks.includes(task)).length
    const all = () => its.peers.reduce((sum, peer) => sum + begun(peer), 0)
    yield* Effect.orDie(eventually(Effect.sync(() => expect(begun(its.far) > 0 || all() === 10).toBe(true))))
    // The others may have been faster.
    if (begun(its.far) === 0) yield* occupied(its)
  })

const run = (work: () => Promise<unknown> | void) => Effect.asVoid(Effect.promise(async () => work()))
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const restart = (server: Server) =>
  run(async () => {
    await server.kill()
    await pause(300)
    await server.restart()
  })

/** How often the server said so. */
const errors = (server: Server, code: string) =>
  Effect.promise(async () => {
    const stats = await ask(server, "INFO", "errorstats")
    return Number(new RegExp(`errorstat_${code}:count=(\\d+)`).exec(stats)?.[1] ?? 0)
  })

const alone = { timeout: 180_000 }
const together = { ...alone, concurrent: true }

describe.skipIf(missing.binary)("TaskQueue through faults (T1, T2, T10, A2, A3)", together, () => {
  it.live("the server is killed and comes back with all it acknowledged", () =>
    Effect.gen(function* () {
      const its = yield* rig({ args: ["--appendonly", "yes", "--appendfsync", "always"] })
      // Until a call was under way.
      const kill: Effect.Effect<void> = Effect.flatMap(restart(its.server), () =>
        its.peers.some((peer) => peer.of("cut").length > 0)
          ? Effect.void
          : Effect.andThen(Effect.ignore(works(its, 10_000)), kill)
      )
      yield* survives(its, kill)
    })
  )

  it.live("the server stands still for longer than a lease", () =>
    Effect.gen(function* () {
      const its = yield* rig()
      const freeze = run(async () => {
        its.server.signal("SIGSTOP")
        await pause(2_000)
        its.server.signal("SIGCONT")
      })
      yield* survives(its, freeze)
    })
  )

  for (const role of ["command", "subscriber", "beat"]) {
    it.live(`the server kills the ${role} connections ten times a second`, () =>
      Effect.gen(function* () {
        const its = yield* rig()
        const kill = run(() =>
          withRedis(its.server, async (redis) => {
            let killed = 0
            // Until there was something to kill: who has to wait for the machine comes back later than the next round.
            const late = performance.now() + 30_000
            for (let i = 0; i < 10 || (killed <= 5 && performance.now() < late); i++) {
              const list = String(await redis.call("CLIENT", "LIST"))
              for (const [, id] of list.matchAll(new RegExp(`^id=(\\d+) .* name=troupe:${role} `, "gm"))) {
                await redis.call("CLIENT", "KILL", "ID", id ?? "")
                its.note("killer", { what: "met", fault: "killed" })
                killed++
              }
              await pause(100)
            }
            expect(killed).toBeGreaterThan(5)
          })
        )
        yield* survives(its, kill, { met: "killed" })
      })
    )
  }

  it.live("the scripts are forgotten every 50 ms", () =>
    Effect.gen(function* () {
      const its = yield* rig()
      const forget = Effect.gen(function* () {
        const late = performance.now() + 30_000
        let missed = 0
        for (let i = 0; i < 20 || (missed <= 20 && performance.now() < late); i++) {
          yield* run(() => withRedis(its.server, (redis) => redis.script("FLUSH")))
          yield* Effect.sleep(50)
          missed = yield* errors(its.server, "NOSCRIPT")
        }
        if (missed > 20) its.note("server", { what: "met", fault: "forgotten" })
      })
      yield* survives(its, forget, { met: "forgotten" })
    })
  )

  for (const [name, fault] of [
    ["nothing passes in either direction", { toServer: "drop", toClient: "drop" }],
    ["answers and pushes do not come", { toClient: "drop" }],
    ["requests do not arrive", { toServer: "drop" }]
  ] as const) {
    it.live(`the path of one: ${name}, for longer than a lease`, () =>
      Effect.gen(function* () {
        const its = yield* rig()
        const cut = Effect.gen(function* () {
          yield* occupied(its)
          yield* run(async () => {
            Object.assign(its.proxy, fault)
            await pause(2_000)
            its.proxy.kill()
            its.proxy.heal()
          })
        })
        yield* survives(its, cut, {}, 5_000)
      })
    )
  }

  it.live("T17 the server is full: what is there is claimed and completed, what is enqueued is refused", () =>
    Effect.gen(function* () {
      const lease = 5_000
      const its = yield* rig({}, { lease })
      const { enqueue, peers, sender, server } = its
      const full = Effect.gen(function* () {
        const before = yield* eventually(
          Effect.map(enqueue(sender, "plain:", 200, { ms: 20 }), (told) => {
            expect(told.error).toBeUndefined()
            return told
          })
        )
        yield* run(() => withRedis(server, (redis) => redis.config("SET", "maxmemory", "100kb")))
        yield* eventually(
          Effect.map(enqueue(sender, "plain:", 1), ({ error }) =>
            expect(error).toMatchObject({ reason: { _tag: "CapacityExceeded" }, outcome: "NotApplied" })
          )
        )
        yield* eventually(
          Effect.sync(() => {
            const settled = new Set(peers.flatMap((peer) => peer.of("settled").map(({ task }) => task)))
            expect(before.tasks.filter((task) => !settled.has(task))).toEqual([])
          })
        )
        // Leases are kept alive, pauses taken and lifted.
        yield* Effect.sleep(lease + 200)
        for (const turn of [sender.queue.pause(kinds.plain), sender.queue.resume(kinds.plain)])
          yield* Effect.orDie(eventually(turn))
        expect(peers.flatMap((peer) => peer.of("lapsed"))).toEqual([])
        its.note("server", { what: "met", fault: "full" })
        yield* run(() => withRedis(server, (redis) => redis.config("SET", "maxmemory", "0")))
      })
      yield* survives(its, full, { met: "full" })
    })
  )

  it.live("A2 the answer to each script in turn is cut off after it was executed", () =>
    Effect.gen(function* () {
      const its = yield* rig()
      const { enqueue, note, peer, proxy } = its
      const far = yield* peer("cut", { ...one, client: { ...client, url: proxy.url } })
      const { queue } = far
      const { plain } = kinds
      let told = 0
      // Says how far it is, until it was heard.
      yield* queue.work(Told, (_, run) => Effect.as(Effect.orDie(eventually(run.progress(1))), "done"))
      const execute = Effect.suspend(() => {
        const payload: Payload = { task: `told::${(told += 1)}`, ms: 0, how: "sleep" }
        return queue.execute(Told, payload)
      })
      const executed = Effect.map(Effect.orDie(execute), (answer) => expect(answer).toBe("done"))
      const nobody = TaskQueue.TaskId.make("nobody")
      const departing = Effect.gen(function* () {
        const other = yield* peer(`departing ${(told += 1)}`, { ...one, client: { ...client, url: proxy.url } })
        yield* enqueue(other, "plain:", 1)
        yield* other.close
      }).pipe(Effect.orDie)
      const calls: ReadonlyArray<readonly [keyof typeof scripted, Effect.Effect<unknown, never, Scope.Scope>]> = [
        ["enqueue", Effect.map(enqueue(far, "plain:", 30), ({ error }) => expect(error).toBeUndefined())],
        // The load has these going all the time.
        ["step", Effect.void],
        ["beat", Effect.void],
        ["progress", executed],
        ["answer", executed],
        ["depart", departing],
        ["cancel", unsure(queue.cancel(plain, nobody))],
        ["inspect", unsure(queue.inspect(plain, nobody))],
        ["page", unsure(Stream.runDrain(queue.list(plain, "Ready")))],
        ["counts", unsure(queue.counts(plain))],
        ["redrive", unsure(queue.redrive(plain))],
        ["purge", unsure(queue.purge(plain, "Dead"))],
        // It may also say that it has missed something: the pushes come over a path that was cut.
        ["watch", Effect.ignore(Stream.runDrain(Stream.take(queue.events(plain), 1)))],
        ["pause", Effect.andThen(unsure(queue.pause(plain)), Effect.orDie(eventually(queue.resume(plain))))]
      ]
      // Those of schedules have no task to lose.
      const others = Object.keys(scripted).filter((name) => name !== "enrol" && name !== "fire")
      expect(calls.map(([name]) => name).sort()).toEqual(others.sort())
      const cuts = Effect.forEach(calls, ([name, call]) =>
        Effect.gen(function* () {
          // The server knows the script by now: what is cut off is no refusal.
          yield* eventually(call)
          const cut = proxy.cutAnswerTo(new RegExp(scripted[name].sha))
          const calling = yield* Effect.forkScoped(call, { startImmediately: true })
          yield* Effect.timeout(
            Effect.promise(() => cut),
            10_000
          )
          note("proxy", { what: "met", fault: name })
          yield* Fiber.join(calling)
        }).pipe(Effect.orDie)
      )
      const { seen } = yield* survives({ ...its, peers: [...its.peers, far] }, cuts, {
        // Answers that are kept.
        mayStay: /^:(meta|expiring|starts|results)$/
      })
      expect(seen.cut).toBeGreaterThan(3)
    })
  )
})

/** Executed, and its answer kept. */
const Told = TaskQueue.task("told", { payload: kinds.plain.payload, success: Schema.String })

/** It may fail where its answer was cut off, and says so. */
const unsure = <A>(effect: Effect.Effect<A, BackendError>) =>
  Effect.map(Effect.result(effect), (result) => {
    if (result._tag === "Failure") expect(result.failure.outcome).toBe("Unknown")
  })

describe.skipIf(missing.binary)("TaskQueue through changes of a cluster (T1, T2, A3, D1, D2)", alone, () => {
  it.live("a primary is killed under load, and its replica takes over with what it has got", () =>
    Effect.gen(function* () {
      const cluster = yield* Effect.acquireRelease(
        Effect.promise(() => startCluster({ args: ["--cluster-node-timeout", "1000"] })),
        (cluster) => Effect.promise(() => cluster.stop())
      )
      const crew = yield* Crew.make({ cluster: cluster.nodes }, prefix)
      const sender = yield* crew.peer("sender", one)
      const peers = [sender, yield* crew.peer("near", { ...one, work }), yield* crew.peer("far", { ...one, work })]
      const its = { ...crew, sender, peers }
      const slot = slotOf(Keys.tasks(Keys.prefix(prefix, 0)).queue("plain"))
      const kill = Effect.gen(function* () {
        const primary = yield* Effect.promise(() => ownerOf(cluster, slot))
        yield* run(async () => {
          // What is acknowledged from now on its replica does not get.
          const replica = cluster.nodes[primary + 3]!
          await ask(replica, "CONFIG", "SET", "masterauth", "wrong")
          await ask(replica, "CLIENT", "KILL", "TYPE", "master")
          await pause(300)
          await cluster.servers[primary]!.kill()
        })
        crew.note("cluster", { what: "met", fault: "killed" })
        const owner = Effect.promise(() => ownerOf(cluster, slot, (primary + 1) % 3))
        yield* eventually(
          Effect.map(owner, (owner) => expect(owner).toBe(primary + 3)),
          20_000
        )
        // Nobody was restarted, and nothing came back.
        yield* works(its, 10_000)
        yield* run(() => cluster.servers[primary]!.restart())
      })
      yield* survives(its, kill, { met: "killed", forgets: true }, 10_000)
    })
  )

  it.live("the queue's slot moves, and a replica takes over from its primary", () =>
    Effect.gen(function* () {
      // Nobody but the replica that is asked to takes over.
      const cluster = yield* Effect.acquireRelease(
        Effect.promise(() => startCluster({ args: ["--cluster-node-timeout", "10000"] })),
        (cluster) => Effect.promise(() => cluster.stop())
      )
      const crew = yield* Crew.make({ cluster: cluster.nodes }, prefix)
      const sender = yield* crew.peer("sender", one)
      const peers = [sender, yield* crew.peer("near", { ...one, work }), yield* crew.peer("far", { ...one, work })]
      const its = { ...crew, sender, peers }
      const slot = slotOf(Keys.tasks(Keys.prefix(prefix, 0)).queue("plain"))
      const changes = Effect.gen(function* () {
        const source = yield* Effect.promise(() => ownerOf(cluster, slot))
        const target = (source + 1) % 3
        yield* move(slot, cluster.nodes[source]!, cluster.nodes[target]!, 20)
        yield* works(its, 10_000)
        crew.note("cluster", { what: "met", fault: "moved" })
        const owner = Effect.map(
          Effect.promise(() => ownerOf(cluster, slot)),
          (owner) => expect(owner).toBe(target + 3)
        )
        // The replica takes over when it has everything (D1); where that takes it more than 5 s it gives up.
        const takeOver = Effect.andThen(
          run(() => ask(cluster.nodes[target + 3]!, "CLUSTER", "FAILOVER").catch(() => {})),
          eventually(owner, 6_000)
        )
        yield* eventually(takeOver, 30_000)
      })
      yield* survives(its, changes, { met: "moved" }, 10_000)
    })
  )
})
