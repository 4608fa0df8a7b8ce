/**
 * Chat through faults of real servers and of the path to them: who leaves while nobody can be told, who speaks on a full
 * server, who listens through a failover. Once settled, who is there is who has a place somewhere (H4), and each listener
 * has heard all of it or of a gap.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { missing } from "../../../scripts/missing.ts"
import { startCluster, startServer } from "../../../scripts/redis.ts"
import { ask } from "../../../scripts/redis/ask.ts"
import * as scripts from "../src/internal/scripts.ts"
import { faultsOf, haveOneOrder } from "./support/ChatChecker.ts"
import * as Crew from "./support/chatCrew.ts"
import { eventually, failure, took } from "./support/client.ts"
import { Proxy } from "./support/Proxy.ts"
import { goneMs, graceMs, roomOf, type Talker } from "./support/talker.ts"

const commandTimeout = 2_000
const run = <A>(work: () => Promise<A>) => Effect.promise(work)
const many = (count: number, name: string): ReadonlyArray<string> => Array.from({ length: count }, (_, i) => name + i)
const all = (word: string, ids: ReadonlyArray<unknown>) => ids.map(() => word)
const lefts = (heard: ReadonlyArray<string>) => heard.filter((event) => event.startsWith("L ")).toSorted()

/** A server that keeps all it acknowledged. */
const serve = Effect.acquireRelease(
  run(() => startServer({ args: ["--appendonly", "yes", "--appendfsync", "always"] })),
  (server) => run(() => server.stop())
)

/** Two peers in a room of that name with some members each, and what the second hears and sees of it. */
const rig = Effect.fnUntraced(function* (room: string) {
  const server = yield* serve
  const proxy = yield* Effect.acquireRelease(
    run(() => Proxy.start(server)),
    (proxy) => run(() => proxy.stop())
  )
  const its = Crew.make({ url: server.url }, "chat")
  const far = yield* its.peer("far", { client: { url: proxy.url, commandTimeout } })
  const near = yield* its.peer("near", { client: { url: server.url, commandTimeout } })
  return { ...its, server, proxy, far, near, ...(yield* gather(room, far, near)) }
})

const gather = Effect.fnUntraced(function* (room: string, far: Talker, near: Talker) {
  expect(yield* near.create(room)).toBe("Created")
  const heard = yield* near.listen(room)
  const afar = yield* far.listen(room)
  const seen = yield* near.watch(room)
  expect(yield* far.join(room, ["a", "b", "c"])).toEqual(all("Joined", ["a", "b", "c"]))
  expect(yield* near.join(room, ["x", "y"])).toEqual(["Joined", "Joined"])
  return { room, heard, afar, seen }
})

interface Ended {
  readonly room: string
  readonly near: Talker
  readonly far: Talker
  readonly heard: ReadonlyArray<string>
  readonly afar: ReadonlyArray<string>
  readonly seen: () => ReadonlyArray<string> | undefined
  readonly settled: Crew.Crew["settled"]
}

/** All hear a last word; who is there is who has a place, and what was heard can have been. */
const sound = Effect.fnUntraced(function* ({ afar, far, heard, near, room, seen, settled }: Ended, withinMs?: number) {
  yield* settled(room, [], [near, far], withinMs)
  const word = `last ${heard.length}`
  const speaks = Effect.map(near.say(room, "x", word), (said) => expect(said).toBe("Said"))
  yield* eventually(speaks, Crew.busyMs)
  yield* eventually(
    Effect.gen(function* () {
      for (const events of [heard, afar]) expect(events).toContain(`S x ${word}`)
      expect(seen()).toEqual(yield* near.members(room))
    }),
    Crew.busyMs
  )
  for (const events of [heard, afar]) expect(faultsOf(events)).toEqual([])
  expect(haveOneOrder(heard, afar)).toBe(true)
})

describe.skipIf(missing.binary)("Chat through faults", { timeout: 180_000 }, () => {
  for (const [how, away, back] of [
    ["stands still", "SIGSTOP", "SIGCONT"],
    ["was killed", "kill", "restart"]
  ] as const) {
    for (const room of ["room", "graced"]) {
      it.live(`H4 some leave a ${room} while the server ${how}: it is told when that is back, once`, () =>
        Effect.gen(function* () {
          const r = yield* rig(room)
          const { far, heard, near, server } = r
          yield* eventually(Effect.sync(() => expect(heard).toHaveLength(5)))
          yield* away === "kill" ? run(() => server.kill()) : Effect.sync(() => server.signal(away))
          const [left] = yield* far.leave(room, ["a"])
          expect(left).toMatch(/ Unknown$/)
          // The end of a scope waits no longer than that is promised.
          for (const [peer, id] of [
            [far, "b"],
            [near, "y"]
          ] as const) {
            const [, ms] = yield* took(peer.part(room, [id]))
            expect(ms).toBeLessThan(5_000)
          }
          expect(lefts(heard)).toEqual([])
          yield* back === "restart" ? run(() => server.restart()) : Effect.sync(() => server.signal(back))
          yield* eventually(
            Effect.sync(() => expect(lefts(heard)).toEqual(["L Left a", "L Left b", "L Left y"])),
            2_500 + graceMs + Crew.busyMs
          )
          yield* sound(r)
          expect(lefts(heard)).toEqual(["L Left a", "L Left b", "L Left y"])
          expect((yield* near.peers).size).toBe(2)
        })
      )
    }
  }

  it.live("H4 A4 a peer closes while the server stands still: the others hear of its members' end, once", () =>
    Effect.gen(function* () {
      const r = yield* rig("room")
      const { far, heard, near, room, seen, server, settled } = r
      server.signal("SIGSTOP")
      const before = performance.now()
      yield* far.close
      expect(performance.now() - before).toBeLessThan(5_000 + Crew.busyMs)
      server.signal("SIGCONT")
      yield* eventually(
        Effect.sync(() => expect(lefts(heard).map((event) => event.split(" ")[2])).toEqual(["a", "b", "c"])),
        goneMs + Crew.busyMs
      )
      yield* settled(room, [], [near])
      yield* eventually(Effect.sync(() => expect(seen()).toEqual(["x", "y"])))
      expect(faultsOf(heard)).toEqual([])
    })
  )

  it.live("A2 a full server refuses words and whoever comes, and lets go whoever leaves", () =>
    Effect.gen(function* () {
      const r = yield* rig("room")
      const { far, heard, near, room, server } = r
      yield* run(() => ask(server, "CONFIG", "SET", "maxmemory", "1"))
      for (let n = 0; n < 3; n++) expect(yield* far.say(room, "a", `${n}`)).toBe("CapacityExceeded NotApplied")
      expect(yield* near.join(room, ["z"])).toEqual(["CapacityExceeded NotApplied"])
      expect(yield* far.create("other")).toBe("CapacityExceeded NotApplied")
      expect(yield* far.leave(room, ["a", "b"])).toEqual(["Left", "Left"])
      yield* near.part(room, ["y"])
      yield* eventually(Effect.sync(() => expect(lefts(heard)).toEqual(["L Left a", "L Left b", "L Left y"])))
      // A word and a leave at once: the one is refused, the other told all the same.
      const [said, left] = yield* Effect.all([far.say(room, "c", "no"), far.leave(room, ["c"])], { concurrency: 2 })
      expect(["CapacityExceeded NotApplied", "NotMember"]).toContain(said)
      expect(left![0]).toMatch(/^(Left|CapacityExceeded Unknown)$/)
      yield* eventually(Effect.sync(() => expect(lefts(heard)).toContain("L Left c")))
      yield* run(() => ask(server, "CONFIG", "SET", "maxmemory", "0"))
      yield* sound(r)
      expect(heard.filter((event) => /^S [ac]/.test(event))).toEqual([])
    })
  )

  it.live("A2 H6 the answers of joins and leaves are cut off: who is there has a place, and nobody left twice", () =>
    Effect.gen(function* () {
      const r = yield* rig("room")
      const { far, heard, proxy, room } = r
      for (let n = 0; n < 10; n++) {
        const cut = proxy.cutAnswerTo(/evalsha/i)
        const ids = many(20, `j${n}.`)
        const [joined] = yield* Effect.all([far.join(room, ids), far.say(room, "a", `${n}`)], { concurrency: 2 })
        yield* Effect.race(
          run(() => cut),
          Effect.sleep(commandTimeout)
        )
        yield* eventually(Effect.map(far.say(room, "b", `again ${n}`), (said) => expect(said).toBe("Said")))
        if (n % 2 === 0) {
          const again = proxy.cutAnswerTo(/evalsha/i)
          yield* far.leave(
            room,
            ids.filter((_, i) => joined![i] === "Joined")
          )
          yield* Effect.race(
            run(() => again),
            Effect.sleep(commandTimeout)
          )
        }
      }
      yield* sound(r)
      expect(lefts(heard).filter((event) => !event.startsWith("L Left"))).toEqual([])
    })
  )

  it.live("H7 M3 a listener hears slowly, the answers of polls are cut off: each gets every word once, in order", () =>
    Effect.gen(function* () {
      const r = yield* rig("kept")
      const { far, heard, near, proxy, room } = r
      yield* far.chat.use(roomOf(room), {
        name: "slow",
        hear: (said, listener) => Effect.as(listener === "a" ? Effect.sleep(5) : Effect.void, Option.some(said))
      })
      const slowly: Array<string> = []
      const events = yield* far.chat.events(roomOf(room), { as: "a" })
      yield* Effect.forkScoped(
        Stream.runForEach(events, (event) => Effect.sync(() => event._tag === "Said" && slowly.push(event.message)))
      )
      const words = many(300, "")
      const polled: Array<string> = []
      let cursor: string | undefined
      for (const word of words) {
        expect(yield* near.say(room, "x", word)).toBe("Said")
        if (Number(word) % 60 !== 59) continue
        const cut = proxy.cutAnswerTo(new RegExp(scripts.chatWords.sha))
        const error = yield* failure(
          Effect.catchTag(far.chat.poll(roomOf(room), { after: cursor, limit: 20 }), "RoomNotFound", Effect.die)
        )
        expect([error.reason._tag, error.outcome]).toEqual(["ConnectionLost", "Unknown"])
        yield* run(() => cut)
        const page = yield* eventually(far.chat.poll(roomOf(room), { after: cursor, limit: 512 }))
        expect(page.lost).toBe(false)
        polled.push(...page.said.map(({ message }) => message))
        cursor = page.cursor
      }
      expect(polled).toEqual(words)
      yield* eventually(
        Effect.sync(() => expect(slowly).toEqual(words)),
        Crew.busyMs
      )
      yield* eventually(
        Effect.sync(() =>
          expect(heard.filter((event) => event.startsWith("S "))).toEqual(words.map((word) => `S x ${word}`))
        )
      )
      yield* sound(r)
    })
  )

  it.live(
    "a primary of the cluster is killed and its replica takes over: all is heard, or a gap, and nobody hangs",
    () =>
      Effect.gen(function* () {
        const cluster = yield* Effect.acquireRelease(
          run(() => startCluster()),
          (cluster) => run(() => cluster.stop())
        )
        const its = Crew.make({ cluster: cluster.nodes }, "chat")
        const client = { cluster: cluster.nodes, commandTimeout }
        const [far, near] = [yield* its.peer("far", { client }), yield* its.peer("near", { client })]
        const r = { ...its, far, near, ...(yield* gather("room", far, near)) }
        const { room } = r
        const said: Array<string> = []
        const speaking = yield* Effect.forkChild(
          Effect.forever(
            Effect.gen(function* () {
              const word = `${said.length}`
              if ((yield* far.say(room, "a", word)) === "Said") said.push(word)
              yield* Effect.sleep(20)
            })
          )
        )
        yield* eventually(Effect.sync(() => expect(said.length).toBeGreaterThan(10)))
        const slot = Number(yield* run(() => ask(cluster.nodes[0]!, "CLUSTER", "KEYSLOT", "{room:room}")))
        yield* run(() => cluster.servers[Math.floor((slot * 3) / 16_384)]!.kill())
        const [left] = yield* far.leave(room, ["b"])
        expect(left).toMatch(/^Left$| Unknown$/)
        yield* near.part(room, ["y"])
        const before = said.length
        yield* eventually(
          Effect.sync(() => expect(said.length).toBeGreaterThan(before + 10)),
          60_000
        )
        yield* Fiber.interrupt(speaking)
        yield* sound(r, 60_000)
        expect(yield* near.members(room)).toEqual(["a", "c", "x"])
        for (const events of [r.heard, r.afar]) {
          const gone = said.filter((word) => !events.includes(`S a ${word}`))
          if (gone.length > 0) expect(events.some((event) => event.startsWith("Gap "))).toBe(true)
        }
      })
  )
})
