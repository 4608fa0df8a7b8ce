/** A process that is a peer and campaigns: `candidate.ts <url> <prefix> <name>`. Says on stdout, a JSON line each, what it sees. */
import * as LocalPeer from "@troupe/core/LocalPeer"
import * as PeerRegistry from "@troupe/core/PeerRegistry"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as RedisClient from "../../src/RedisClient.ts"
import * as RedisPeerRegistry from "../../src/RedisPeerRegistry.ts"

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
  return yield* registry.lead("boss", ({ fence }) =>
    say("leads", { fence: `${fence}` }).pipe(
      // A leader at work: it notices by itself whenever its loop turns.
      Effect.andThen(Effect.forever(Effect.sleep("10 millis"))),
      Effect.ensuring(say("stops"))
    )
  )
})

const peer = RedisPeerRegistry.layer({ heartbeat: 300, suspectAfter: 1_000, downAfter: 4_000 }).pipe(
  Layer.provide(RedisClient.layer({ url, prefix })),
  Layer.provide(LocalPeer.layer(name))
)

const fiber = Effect.runFork(program.pipe(Effect.provide(peer), Effect.scoped))
process.on("SIGTERM", () => fiber.interruptUnsafe())
