/**
 * Rooms whose server forgets what it acknowledged (D2, H4): a replica takes over that has not heard of a sweep, nor of a
 * leave, and all is deleted under a process that dies right after. Nobody is there for ever who has left.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { missing } from "../../../scripts/missing.ts"
import { startCluster, startServer } from "../../../scripts/redis.ts"
import { ask, until } from "../../../scripts/redis/ask.ts"
import * as Crew from "./support/chatCrew.ts"
import { eventually } from "./support/client.ts"
import { goneMs } from "./support/talker.ts"

const run = <A>(work: () => Promise<A>) => Effect.promise(work)
const many = (count: number, name: string): ReadonlyArray<string> => Array.from({ length: count }, (_, i) => name + i)

/** A look at what servers have forgotten, ms. */
const positionCheck = 1_000
const often = { timing: { positionCheck } }
/** How long a cluster takes to notice that a primary is gone, and to have its replica take over. */
const takingOverMs = 20_000

const offset = async (at: Parameters<typeof ask>[0], field: string): Promise<number> =>
  Number(new RegExp(`${field}:(\\d+)`).exec(await ask(at, "INFO", "replication"))?.[1])

describe.skipIf(missing.binary)("Chat on servers that forget", { timeout: 120_000 }, () => {
  it.live("D2 H4 a failover loses a sweep and a leave: both are made up for, though nobody acts in the room", () =>
    Effect.gen(function* () {
      const cluster = yield* Effect.acquireRelease(
        run(() => startCluster()),
        (cluster) => run(() => cluster.stop())
      )
      const its = Crew.make({ cluster: cluster.nodes }, "chat")
      const here = yield* its.peer("here", often)
      const victim = yield* its.process("victim")
      const third = (key: string) =>
        Effect.map(
          run(() => ask(cluster.nodes[0]!, "CLUSTER", "KEYSLOT", key)),
          (slot) => Math.floor((Number(slot) * 3) / 16_384)
        )
      // Rooms of a server that has nothing but rooms: neither the index nor the registry goes back.
      const others = [yield* third("{rooms}"), yield* third("{peers}")]
      const rooms: Array<string> = []
      let owner = -1
      for (let n = 0; rooms.length < 2; n++) {
        const one = yield* third(`{room:room${n}}`)
        if (others.includes(one) || (owner !== -1 && one !== owner)) continue
        owner = one
        rooms.push(`room${n}`)
      }
      const [room, abandoned] = [rooms[0]!, rooms[1]!]
      const [primary, replica] = [cluster.servers[owner]!, cluster.servers[owner + 3]!]
      for (const one of rooms) expect(yield* here.create(one)).toBe("Created")
      const heard = yield* here.listen(room)
      const [seen, seenThere] = [yield* here.watch(room), yield* here.watch(abandoned)]
      expect(yield* victim.join(room, ["a", "b"])).toEqual(["Joined", "Joined"])
      expect(yield* victim.join(abandoned, ["c"])).toEqual(["Joined"])
      expect(yield* here.join(room, ["h", "x"])).toEqual(["Joined", "Joined"])
      const written = yield* run(() => offset(primary, "master_repl_offset"))
      yield* run(() => until("the replica has it", async () => (await offset(replica, "slave_repl_offset")) >= written))
      replica.signal("SIGSTOP")
      yield* run(() => ask(primary, "CLIENT", "KILL", "TYPE", "replica"))
      expect(yield* here.leave(room, ["x"])).toEqual(["Left"])
      yield* victim.signal("SIGKILL")
      yield* eventually(
        Effect.sync(() => expect([seen(), seenThere()]).toEqual([["h"], []])),
        goneMs + Crew.busyMs
      )
      yield* run(() => primary.kill())
      replica.signal("SIGCONT")
      const again = ["L Crashed a", "L Crashed b", "L Left x"].flatMap((left) => [left, left])
      yield* eventually(
        Effect.gen(function* () {
          expect(heard.filter((event) => event.startsWith("L ")).toSorted()).toEqual(again)
          expect([yield* here.members(room), yield* here.members(abandoned)]).toEqual([["h"], []])
          expect([seen(), seenThere()]).toEqual([["h"], []])
        }),
        takingOverMs + Crew.busyMs
      )
      expect(yield* here.say(room, "h", "hello")).toBe("Said")
    })
  )

  it.live("D2 H4 all is deleted, the room made anew, and who joins it dies at once: it has left", () =>
    Effect.gen(function* () {
      const server = yield* Effect.acquireRelease(
        run(() => startServer()),
        (server) => run(() => server.stop())
      )
      const its = Crew.make({ url: server.url }, "chat")
      // The look comes too late for this.
      const here = yield* its.peer("here")
      const victim = yield* its.process("victim")
      expect(yield* here.create("room")).toBe("Created")
      expect(yield* victim.join("room", ["a"])).toEqual(["Joined"])
      yield* run(() => ask(server, "FLUSHALL"))
      expect(yield* here.create("room")).toBe("Created")
      const seen = yield* here.watch("room")
      expect(yield* victim.join("room", ["b"])).toEqual(["Joined"])
      yield* victim.signal("SIGKILL")
      yield* eventually(Effect.sync(() => expect(seen()).toEqual(["b"])))
      yield* eventually(
        Effect.sync(() => expect(seen()).toEqual([])),
        goneMs + Crew.busyMs
      )
    })
  )

  it.live("A5 what is asked of servers that forget nothing does not grow with rooms and places", () =>
    Effect.gen(function* () {
      const server = yield* Effect.acquireRelease(
        run(() => startServer()),
        (server) => run(() => server.stop())
      )
      const its = Crew.make({ url: server.url }, "chat")
      const here = yield* its.peer("here", often)
      const calls = Effect.map(
        run(() => ask(server, "INFO", "commandstats")),
        (stats) => Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1])
      )
      const inSomeLooks = Effect.gen(function* () {
        const before = yield* calls
        yield* Effect.sleep(6 * positionCheck)
        return (yield* calls) - before
      })
      // One look may have come late, and fall into neither.
      const idle = Math.max(yield* inSomeLooks, yield* inSomeLooks)
      for (const room of many(100, "room")) {
        expect(yield* here.create(room)).toBe("Created")
        expect(new Set(yield* here.join(room, many(10, "m")))).toEqual(new Set(["Joined"]))
      }
      // Once a look has been, nothing is new to it.
      yield* Effect.sleep(2 * positionCheck)
      // The index is asked in either case; now the server of the rooms is, too.
      expect(yield* inSomeLooks).toBeLessThan(idle + 20)
    })
  )
})
