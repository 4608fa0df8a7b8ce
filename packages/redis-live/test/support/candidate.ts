/** A process that is a peer and campaigns: `candidate.ts <url> <prefix> <name>`. Says on stdout, a JSON line each, what it sees. */
import * as LocalPeer from "@troupe/core/LocalPeer"
import * as PeerRegistry from "@troupe/core/PeerRegistry"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as RedisClient from "../../src/RedisClient.ts"
import * as RedisPeerRegistry from "../../src/RedisPeerRegistry.ts"
import { eventually } from "./client.ts"

const [, , url = "", prefix = "", name = ""] = process.argv

const say = (what: string, more: object = {}) =>
  Effect.sync(() => process.stdout.write(`${JSON.stringify({ what, ...more })}\n`))

const program = Effect.gen(function* () {
  const registry = yield* PeerRegistry.PeerRegistry
  yield* Effect.forkScoped(
    Stream.runForEach(registry.events, (event) =>
      event._tag === "Left" ? say("left", { name: event.peer.name, reason: event.reason }) : Effect.void
    )
  )
  yield* say("there", { id: (yield* registry.self).id })
  return yield* registry.lead("boss", ({ fence }) => {
    let last = performance.now()
    // Since it last stood still.
    let turns = 0
    const turn = Effect.sync(() => {
      const now = performance.now()
      turns = now - last > 1_000 ? 1 : turns + 1
      last = now
    })
    return say("leads", { fence: `${fence}` }).pipe(
      // A leader at work: it notices by itself whenever its loop turns.
      Effect.andThen(Effect.forever(Effect.andThen(Effect.sleep("10 millis"), turn))),
      Effect.ensuring(Effect.suspend(() => say("stops", { turns: performance.now() - last > 1_000 ? 0 : turns })))
    )
  })
})

const peer = RedisPeerRegistry.layer({ heartbeat: 300, suspectAfter: 1_000, downAfter: 4_000 }).pipe(
  Layer.provide(RedisClient.layer({ url, prefix })),
  Layer.provide(LocalPeer.layer(name))
)

// The first heartbeat has half a second, which a server may have to wait for its turn.
const joined = Effect.flatMap(eventually(Layer.build(Layer.fresh(peer))), (context) => Effect.provide(program, context))

const fiber = Effect.runFork(Effect.scoped(joined))
process.on("SIGTERM", () => fiber.interruptUnsafe())
