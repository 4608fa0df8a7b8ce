/**
 * Chat under everything at once: members come, go and speak from several processes, while these are killed, frozen and
 * begun, connections are cut, and the server stands still and is killed. Afterwards who is there is who has a place
 * somewhere, and what each room's listener heard can have been (H2, H3, H4, H10).
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import { missing } from "../../../scripts/missing.ts"
import { startServer } from "../../../scripts/redis.ts"
import { withRedis } from "../../../scripts/redis/ask.ts"
import { faultsOf } from "./support/ChatChecker.ts"
import * as Crew from "./support/chatCrew.ts"
import { eventually } from "./support/client.ts"
import { goneMs, graceMs, times } from "./support/talker.ts"

/** How long things happen; longer proves more. */
const chaosMs = Number(process.env["TROUPE_CHAOS_MS"] || 12_000)
const seed = process.env["TROUPE_CHAOS_SEED"] || "1"
const rooms = ["room", "graced", "kept"]
const run = <A>(work: () => Promise<A>) => Effect.promise(work)

describe.skipIf(missing.binary)("Chat under everything at once (H2, H3, H4, H10, A3)", () => {
  it.live(
    `for ${chaosMs} ms (seed ${seed})`,
    () =>
      Effect.gen(function* () {
        const server = yield* Effect.acquireRelease(
          run(() => startServer({ args: ["--appendonly", "yes", "--appendfsync", "always"] })),
          (server) => run(() => server.stop())
        )
        const { nobodyLeft, peer, process } = Crew.make({ url: server.url }, "chaos")
        const here = yield* peer("here")
        const heard = yield* Effect.forEach(rooms, (room) =>
          Effect.gen(function* () {
            expect(yield* here.create(room)).toBe("Created")
            return { room, heard: yield* here.listen(room), seen: yield* here.watch(room) }
          })
        )
        const random = yield* Random.Random
        const below = (limit: number) => Math.abs(random.nextIntUnsafe()) % limit
        let words = 0
        /** One thing that a member does; a killed process never answers. */
        const act = (one: Crew.Remote) =>
          Effect.gen(function* () {
            const room = rooms[below(rooms.length)]!
            // Some want the same place, and take it over; others are nobody else's.
            const id = below(2) === 0 ? `m${below(6)}` : `${one.name}.${below(4)}`
            const what = below(8)
            const open = yield* one.open(room)
            const mine = open[below(Math.max(1, open.length))]
            if (what < 3 && !open.includes(id)) yield* one.join(room, [id])
            else if (mine !== undefined && what < 5) yield* one.leave(room, [mine])
            else if (mine !== undefined && what < 6) yield* one.part(room, [mine])
            else if (mine !== undefined) yield* one.say(room, mine, `${(words += 1)}`)
            yield* Effect.sleep(5 + below(20))
          })
        let begun = 0
        const begin = Effect.gen(function* () {
          const remote = yield* process(`p${(begun += 1)}`)
          const fibers = yield* Effect.replicateEffect(Effect.forkScoped(Effect.forever(act(remote))), 3)
          return { remote, stop: Fiber.interruptAll(fibers) }
        })
        const all = yield* Effect.replicateEffect(begin, 3)
        const freeze = (one: Crew.Remote, ms: number) =>
          Effect.andThen(Effect.andThen(one.signal("SIGSTOP"), Effect.sleep(ms)), one.signal("SIGCONT"))
        const faults = [
          (n: number) =>
            Effect.gen(function* () {
              const { remote, stop } = all[n]!
              yield* remote.signal("SIGKILL")
              yield* stop
              all[n] = yield* begin
            }),
          (n: number) => freeze(all[n]!.remote, times.suspectAfter + 1_000),
          () =>
            run(() =>
              withRedis(server.url, async (redis) => void (await redis.call("CLIENT", "KILL", "TYPE", "normal")))
            ),
          () =>
            Effect.gen(function* () {
              server.signal("SIGSTOP")
              yield* Effect.sleep(1_500)
              server.signal("SIGCONT")
            }),
          (n: number) => freeze(all[n]!.remote, times.downAfter + times.heartbeat + 1_000),
          () =>
            Effect.andThen(
              run(() => server.kill()),
              run(() => server.restart())
            ),
          () =>
            run(() =>
              withRedis(server.url, async (redis) => void (await redis.call("CLIENT", "KILL", "TYPE", "pubsub")))
            )
        ]
        // It meets what it is there for: words, crashes, and places that were taken over; a busy machine takes longer.
        const unmet = () => {
          const met = new Set(heard.flatMap((room) => room.heard).map((event) => event.replace(/ [mp][\d.]+$/, "")))
          return [...(words > 50 ? [] : ["words"]), ...["L Crashed", "L Left", "U"].filter((event) => !met.has(event))]
        }
        const end = performance.now() + chaosMs
        const late = end + 60_000
        for (let round = 0; performance.now() < end || (unmet().length > 0 && performance.now() < late); round++) {
          yield* faults[round % faults.length]!(below(all.length))
          yield* Effect.sleep(200 + below(600))
        }
        for (const { stop } of all) yield* stop
        // What a woken one still takes for its place is none, and it learns so with its next word.
        yield* eventually(
          Effect.gen(function* () {
            for (const { heard: events, room, seen } of heard) {
              const open: Array<string> = []
              for (const { remote } of all) {
                for (const id of yield* remote.open(room)) yield* remote.say(room, id, `${(words += 1)}`)
                open.push(...(yield* remote.open(room)))
              }
              expect(yield* here.members(room)).toEqual(open.toSorted())
              expect(yield* here.count(room)).toBe(open.length)
              expect(seen()).toEqual(open.toSorted())
              expect(faultsOf(events)).toEqual([])
            }
          }),
          goneMs + graceMs + Crew.busyMs
        )
        expect(unmet()).toEqual([])
        for (const { remote } of all) yield* remote.end
        for (const { heard: events, room } of heard) {
          yield* eventually(
            Effect.map(here.count(room), (count) => expect(count).toBe(0)),
            graceMs + Crew.busyMs
          )
          expect(faultsOf(events)).toEqual([])
          expect(events).not.toContain("failed")
        }
        yield* here.close
        yield* nobodyLeft
      }).pipe(Random.withSeed(seed)),
    chaosMs + 240_000
  )
})
