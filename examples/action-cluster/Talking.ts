/**
 * Where a page talks: a WebSocket for each that is open, to this program alone and from this program's page alone. What is
 * said there: Talk.ts. How long a frame may be, `main` tells the server.
 */
import { NodeHttpServerRequest } from "@effect/platform-node"
import { Deferred, Effect, Schema } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Cluster } from "./Cluster.ts"
import { failed, isSameOrigin, Refused } from "./Requests.ts"
import { talk } from "./Session.ts"
import { SeatId } from "./Talk.ts"

/** Pages that may talk at a time. */
const maxTalkers = 64

const Query = Schema.Struct({
  seat: SeatId,
  /** The peer to talk to. Absent: any. */
  peer: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(512)))
})

export const layer = HttpRouter.use((router) =>
  Effect.gen(function* () {
    const cluster = yield* Cluster
    /** By their seats. */
    const talkers = new Map<string, Deferred.Deferred<void>>()

    const door = Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      if (!isSameOrigin(request)) return yield* new Refused({ status: 403, why: "Only the page itself may talk." })
      if (request.headers["upgrade"]?.toLowerCase() !== "websocket") {
        return yield* new Refused({ status: 426, why: "Here one talks over a WebSocket." })
      }
      const { peer, seat } = yield* Effect.mapError(
        HttpServerRequest.schemaSearchParams(Query),
        ({ message }) => new Refused({ status: 400, why: message })
      )
      const host = yield* cluster.host(peer ?? null)
      const before = talkers.get(seat)
      if (before === undefined && talkers.size >= maxTalkers) {
        return yield* new Refused({ status: 503, why: `${maxTalkers} pages talk already.` })
      }
      // A page that has come again does not know yet whether its last connection is over.
      if (before !== undefined) yield* Deferred.succeed(before, undefined)
      const connection = NodeHttpServerRequest.toIncomingMessage(request).socket
      const displaced = yield* Deferred.make<void>()
      talkers.set(seat, displaced)
      yield* Effect.flatMap(request.upgrade, (socket) =>
        Effect.raceFirst(
          talk(socket, seat, host, () => connection.writableLength),
          Deferred.await(displaced)
        )
      ).pipe(
        Effect.ensuring(
          Effect.sync(() => {
            if (talkers.get(seat) === displaced) talkers.delete(seat)
          })
        )
      )
      return HttpServerResponse.empty()
    })

    yield* router.add(
      "GET",
      "/talk",
      Effect.catch(door, (error) => Effect.succeed(failed(error)))
    )
  })
)
