/**
 * Chat among real processes: one is killed with all its places, and then the one that sweeps them; one is frozen, declared
 * gone and woken; one is asked to end. Once settled, who is there is who has a place somewhere, and nobody else (H4).
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { randomBytes } from "node:crypto"
import { inject } from "vitest"
import { missing } from "../../../scripts/missing.ts"
import * as scripts from "../src/internal/scripts.ts"
import { faultsOf } from "./support/ChatChecker.ts"
import * as Crew from "./support/chatCrew.ts"
import { eventually } from "./support/client.ts"
import { Proxy } from "./support/Proxy.ts"
import { goneMs, graceMs, times } from "./support/talker.ts"

const url = inject("redisUrl") ?? ""
const crew = () => Crew.make({ url }, `${inject("redisPrefix")}-chat-${randomBytes(4).toString("hex")}`)

const many = (count: number, name: string): ReadonlyArray<string> => Array.from({ length: count }, (_, i) => name + i)
const all = (word: string, ids: ReadonlyArray<unknown>) => ids.map(() => word)
const lefts = (heard: ReadonlyArray<string>) => heard.filter((event) => event.startsWith("L ")).toSorted()
const crashed = (ids: ReadonlyArray<string>) => ids.map((id) => `L Crashed ${id}`).toSorted()

describe.skipIf(missing.redis)("Chat among processes", { timeout: 180_000 }, () => {
  it.live(
    "H4 one is killed with 1,000 members in 100 rooms: each of them has left once, in time, and nobody else",
    () =>
      Effect.gen(function* () {
        const { nothingLeft, peer, process, settled } = crew()
        const here = yield* peer("here")
        const [victim, other] = [yield* process("victim"), yield* process("other")]
        // More in one room than two steps of a sweep end.
        const rooms = many(100, "room").map((room, i) => ({ room, ids: many(i === 0 ? 505 : 5, `v${i}.`) }))
        const heard = yield* Effect.forEach(
          rooms,
          ({ ids, room }) =>
            Effect.gen(function* () {
              expect(yield* here.create(room)).toBe("Created")
              const heard = yield* here.listen(room)
              const seen = yield* here.watch(room)
              expect(yield* victim.join(room, ids)).toEqual(all("Joined", ids))
              expect(yield* other.join(room, ["o"])).toEqual(["Joined"])
              return { room, ids, heard, seen }
            }),
          { concurrency: 8 }
        )
        yield* victim.signal("SIGKILL")
        const killed = performance.now()
        for (const { heard: events, ids } of heard)
          yield* eventually(
            Effect.sync(() => expect(lefts(events)).toEqual(crashed(ids))),
            goneMs + Crew.busyMs
          )
        const tookMs = performance.now() - killed
        for (const { heard: events, room, seen } of heard) {
          yield* settled(room, [other], [here])
          yield* eventually(Effect.sync(() => expect(seen()).toEqual(["o"])))
          expect(faultsOf(events)).toEqual([])
        }
        // Not when it is doubted; its last beat may have been late.
        expect(tookMs).toBeGreaterThan(times.suspectAfter + 1_000)
        expect(tookMs).toBeLessThan(goneMs + Crew.busyMs)
        yield* other.end
        for (const { heard: events, ids } of heard) {
          yield* eventually(Effect.sync(() => expect(lefts(events)).toEqual([...crashed(ids), "L Left o"])))
        }
        yield* here.close
        yield* nothingLeft
      })
  )

  for (const script of [scripts.chatBury, scripts.chatSweep, scripts.chatExit]) {
    it.live(
      `H4 whoever sweeps is killed after its first ${script.name}: the third goes on, and nobody leaves twice`,
      () =>
        Effect.gen(function* () {
          const { nobodyLeft, peer, process, settled } = crew()
          const proxy = yield* Effect.acquireRelease(
            Effect.promise(() => Proxy.start({ host: new URL(url).hostname, port: Number(new URL(url).port) })),
            (proxy) => Effect.promise(() => proxy.stop())
          )
          // The first in the registry sweeps first.
          const sweeper = yield* process("sweeper", { client: { url: proxy.url } })
          const third = yield* peer("third")
          const heard = yield* Effect.forEach(
            [...many(30, "room"), ...many(10, "graced")],
            (room) =>
              Effect.gen(function* () {
                expect(yield* third.create(room)).toBe("Created")
                const heard = yield* third.listen(room)
                const seen = yield* third.watch(room)
                expect(yield* sweeper.join(room, ["s"])).toEqual(["Joined"])
                expect(yield* third.join(room, ["t"])).toEqual(["Joined"])
                return { room, ids: new Array<string>(), heard, seen }
              }),
            { concurrency: 8 }
          )
          const cut = proxy.cutAnswerTo(new RegExp(script.sha))
          const haveLeft = Effect.forEach(heard, ({ heard: events, ids }) =>
            eventually(
              Effect.sync(() => expect(lefts(events)).toEqual(crashed(ids))),
              goneMs + graceMs + Crew.busyMs
            )
          )
          // One that had no turn for a second finds that the third has done all of it, and has another victim to sweep.
          let wasCut = false
          for (let n = 0; !wasCut; n++) {
            const victim = yield* process(`victim${n}`)
            yield* Effect.forEach(
              heard,
              ({ ids, room }, i) =>
                Effect.gen(function* () {
                  const its = many(i % 10 === 0 ? 250 : 5, `v${n}.`)
                  expect(yield* victim.join(room, its)).toEqual(all("Joined", its))
                  ids.push(...its)
                }),
              { concurrency: 8 }
            )
            yield* victim.signal("SIGKILL")
            wasCut = yield* Effect.raceFirst(
              Effect.promise(() => cut.then(() => true)),
              Effect.as(haveLeft, false)
            )
          }
          yield* sweeper.signal("SIGKILL")
          for (const { heard: events, ids, room, seen } of heard) {
            yield* eventually(
              Effect.sync(() => expect(lefts(events)).toEqual(crashed([...ids, "s"]))),
              2 * goneMs + graceMs + Crew.busyMs
            )
            yield* settled(room, [], [third])
            yield* eventually(Effect.sync(() => expect(seen()).toEqual(["t"])))
            expect(faultsOf(events)).toEqual([])
            expect(yield* third.leave(room, ["t"])).toEqual(["Left"])
          }
          for (const { heard: events, room } of heard) {
            yield* eventually(
              Effect.sync(() => expect(events.at(-1)).toBe("L Left t")),
              graceMs + Crew.busyMs
            )
            yield* settled(room, [], [third])
          }
          yield* third.close
          yield* nobodyLeft
        })
    )
  }

  for (const room of ["room", "graced"]) {
    it.live(`H4 H2 one is frozen, declared gone and woken in a ${room}: its places are none, and it joins anew`, () =>
      Effect.gen(function* () {
        const { nobodyLeft, peer, process, settled } = crew()
        const here = yield* peer("here")
        const frozen = yield* process("frozen")
        expect(yield* here.create(room)).toBe("Created")
        const heard = yield* here.listen(room)
        const seen = yield* here.watch(room)
        const ids = many(20, "f")
        expect(yield* frozen.join(room, ids)).toEqual(all("Joined", ids))
        yield* frozen.signal("SIGSTOP")
        // On their way when it wakes: what is asked of a frozen process waits for it.
        const words = yield* Effect.forEach(["f0", "f1"], (id) => Effect.forkChild(frozen.say(room, id, "late")))
        const joins = yield* Effect.forkChild(frozen.join(room, ["g"]))
        const leaves = yield* Effect.forkChild(frozen.leave(room, ["f2", "f3"]))
        yield* eventually(
          Effect.sync(() => expect(lefts(heard)).toEqual(crashed(ids))),
          goneMs + graceMs + Crew.busyMs
        )
        // One of them is somebody else's by now.
        expect(yield* here.join(room, ["f5"])).toEqual(["Joined"])
        yield* frozen.signal("SIGCONT")
        for (const word of words) expect(yield* Fiber.join(word)).toBe("NotMember")
        expect(yield* Fiber.join(leaves)).toEqual(["Left", "Left"])
        const [joined] = yield* Fiber.join(joins)
        expect(["Joined", "Unavailable NotApplied"]).toContain(joined)
        for (const id of ids.slice(4)) expect(yield* frozen.say(room, id, "late")).toBe("NotMember")
        expect(yield* frozen.open(room)).toEqual(joined === "Joined" ? ["f2", "f3", "g"].slice(2) : [])
        expect(heard.filter((event) => event.startsWith("S "))).toEqual([])
        // Under its new id all is as ever.
        const joinsAnew = Effect.map(frozen.join(room, ["h"]), (joined) => expect(joined).toEqual(["Joined"]))
        yield* eventually(joinsAnew, Crew.busyMs)
        expect(yield* frozen.join(room, ["f0", "f5"])).toEqual(["Joined", "AlreadyMember"])
        expect(yield* frozen.say(room, "f0", "hello")).toBe("Said")
        yield* eventually(Effect.sync(() => expect(heard).toContain("S f0 hello")))
        yield* settled(room, [frozen], [here])
        yield* eventually(
          Effect.gen(function* () {
            expect(seen()).toEqual(yield* here.members(room))
          })
        )
        expect(faultsOf(heard)).toEqual([])
        yield* frozen.end
        yield* here.leave(room, ["f5"])
        yield* eventually(
          Effect.sync(() => expect(seen()).toEqual([])),
          graceMs + Crew.busyMs
        )
        expect(faultsOf(heard)).toEqual([])
        yield* here.close
        yield* nobodyLeft
      })
    )
  }

  it.live("H4 A11 one with 200 members is asked to end: all have left at once, by themselves", () =>
    Effect.gen(function* () {
      const { nothingLeft, peer, process, settled } = crew()
      const here = yield* peer("here")
      const ending = yield* process("ending")
      const ids = many(20, "e")
      const heard = yield* Effect.forEach(many(10, "room"), (room) =>
        Effect.gen(function* () {
          expect(yield* here.create(room)).toBe("Created")
          const heard = yield* here.listen(room)
          const seen = yield* here.watch(room)
          expect(yield* ending.join(room, ids)).toEqual(all("Joined", ids))
          return { room, heard, seen }
        })
      )
      const asked = performance.now()
      yield* ending.end
      for (const { heard: events } of heard) {
        yield* eventually(Effect.sync(() => expect(lefts(events)).toEqual(ids.map((id) => `L Left ${id}`).toSorted())))
      }
      expect(performance.now() - asked).toBeLessThan(times.downAfter - times.heartbeat)
      for (const { heard: events, room, seen } of heard) {
        yield* settled(room, [], [here])
        yield* eventually(Effect.sync(() => expect(seen()).toEqual([])))
        expect(faultsOf(events)).toEqual([])
      }
      yield* nothingLeft
    })
  )

  for (const room of ["room", "graced"]) {
    it.live(
      `H2 H10 a browser is back on another peer a moment after its own was killed: it never left the ${room}`,
      () =>
        Effect.gen(function* () {
          const { nobodyLeft, peer, process, settled } = crew()
          const here = yield* peer("here")
          const [victim, other] = [yield* process("victim"), yield* process("other")]
          expect(yield* here.create(room)).toBe("Created")
          const heard = yield* here.listen(room)
          const seen = yield* here.watch(room)
          const ids = many(20, "b")
          expect(yield* victim.join(room, ids)).toEqual(all("Joined", ids))
          // In its way is its own place, for as long as nobody doubts that its peer lives; then nothing is.
          expect(yield* other.join(room, ids)).toEqual(all("AlreadyMember", ids))
          yield* victim.signal("SIGKILL")
          const answers = yield* Effect.forEach(
            ids,
            (id) =>
              Effect.gen(function* () {
                const all: Array<string> = []
                while (all.at(-1) !== "Joined" && all.length < 1_000) {
                  all.push((yield* other.join(room, [id]))[0]!)
                  yield* Effect.sleep(50)
                }
                return all
              }),
            { concurrency: "unbounded" }
          )
          for (const all of answers) {
            expect(all.at(-1)).toBe("Joined")
            expect(all.slice(0, -1).filter((one) => one !== "AlreadyMember")).toEqual([])
          }
          // Also once its old peer has been declared gone, and swept.
          yield* eventually(
            Effect.gen(function* () {
              expect([...(yield* here.peers).keys()].toSorted()).toEqual(["here", "other"])
            }),
            goneMs + Crew.busyMs
          )
          yield* Effect.sleep(graceMs + 3_000)
          yield* settled(room, [other], [here])
          expect(heard).toHaveLength(40)
          expect(new Set(heard)).toEqual(new Set(ids.flatMap((id) => [`J ${id}`, `U ${id}`])))
          expect(seen()).toEqual(ids.toSorted())
          for (const id of ids) expect(yield* other.say(room, id, "back")).toBe("Said")
          yield* other.end
          yield* eventually(
            Effect.sync(() => expect(seen()).toEqual([])),
            graceMs + Crew.busyMs
          )
          expect(lefts(heard)).toEqual(ids.map((id) => `L Left ${id}`).toSorted())
          yield* here.close
          yield* nobodyLeft
        })
    )
  }

  it.live("H4 all are killed at once: whoever comes then finds their places, and ends them", () =>
    Effect.gen(function* () {
      const { nobodyLeft, peer, process, settled } = crew()
      const dead = [yield* process("one"), yield* process("two")]
      const rooms = ["room", "graced"]
      for (const room of rooms) {
        expect(yield* dead[0]!.create(room)).toBe("Created")
        for (const one of dead) {
          const ids = many(10, one.name)
          expect(yield* one.join(room, ids)).toEqual(all("Joined", ids))
        }
        // Held back where there is a grace, by who will not be there when it is over.
        expect(yield* dead[1]!.leave(room, ["two0"])).toEqual(["Left"])
      }
      for (const one of dead) yield* one.signal("SIGKILL")
      const here = yield* peer("here")
      const listening = yield* Effect.forEach(rooms, (room) =>
        Effect.map(here.listen(room), (heard) => ({ room, heard }))
      )
      for (const { heard, room } of listening) {
        expect(yield* here.join(room, ["h"])).toEqual(["Joined"])
        // Until it has not been heard of for long, one that nobody here knows might live.
        yield* eventually(
          Effect.map(here.members(room), (members) => expect(members).toEqual(["h"])),
          15_000 + goneMs + graceMs + Crew.busyMs
        )
        yield* settled(room, [], [here])
        const ids = [...many(10, "one"), ...many(10, "two").slice(1)]
        const mine = lefts(heard).filter((event) => !event.endsWith(" two0"))
        expect(mine).toEqual(crashed(ids))
        yield* here.leave(room, ["h"])
        yield* eventually(
          Effect.map(here.count(room), (count) => expect(count).toBe(0)),
          graceMs + Crew.busyMs
        )
      }
      yield* here.close
      yield* nobodyLeft
    })
  )

  it.live(
    "H1 two make and end one room at once, hundreds of times: one of both does it, and all hear of each end",
    () =>
      Effect.gen(function* () {
        const { peer, process } = crew()
        const here = yield* peer("here")
        const both = [yield* process("one"), yield* process("two")]
        const at = <A>(ask: (one: Crew.Remote) => Effect.Effect<A>) => Effect.forEach(both, ask, { concurrency: 2 })
        for (let round = 0; round < 300; round++) {
          expect((yield* at((one) => one.create("room"))).toSorted()).toEqual(["Created", "RoomExists"])
          const heard = round % 50 === 0 ? yield* here.listen("room") : undefined
          if (round % 10 === 0) {
            expect(yield* at((one) => one.join("room", [one.name]))).toEqual([["Joined"], ["Joined"]])
          }
          expect((yield* at((one) => one.destroy("room"))).toSorted()).toEqual(["Destroyed", "RoomNotFound"])
          if (round % 10 === 0)
            expect(yield* at((one) => one.say("room", one.name, "no"))).toEqual(all("NotMember", both))
          if (heard !== undefined) {
            yield* eventually(Effect.sync(() => expect(heard.at(-1)).toBe(".")))
            expect([...heard].toSorted()).toEqual([".", "D", "J one", "J two"])
            expect(faultsOf(heard)).toEqual([])
          }
        }
        // Each as fast as it can: of what was made, as much was ended as is not there.
        const won = yield* Effect.map(
          at((one) =>
            Effect.forEach(many(300, ""), (n) => (Number(n) % 2 === 0 ? one.create("room") : one.destroy("room")))
          ),
          (words) => words.flat()
        )
        const times = (word: string) => won.filter((one) => one === word).length
        const exists = (yield* here.create("room")) === "RoomExists"
        expect(times("Created") - times("Destroyed")).toBe(exists ? 1 : 0)
        // As many where both take the same step at the same time, always.
        expect(times("Created")).toBeGreaterThanOrEqual(150)
      })
  )
})
