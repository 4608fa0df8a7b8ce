/**
 * The same rooms for who can only ask: a poll that waits, and a word of a guest who is no member.
 *
 *     curl 'localhost:3000/chat/lobby?wait=20'
 *     curl -d user=maria --data-urlencode 'text=Hello from a terminal' localhost:3000/chat/lobby
 */
import { BackendError, Chat } from "@troupe/core"
import { ByteSize, Clock, DateTime, Duration, Effect, Option, Schema, Semaphore } from "effect"
import { HttpIncomingMessage, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Buckets } from "./Bucket.ts"
import { Cluster } from "./Cluster.ts"
import { failed, isNotElsewhere, maxBody, Refused } from "./Requests.ts"
import * as Rooms from "./Rooms.ts"
import type { Host, Services } from "./Session.ts"
import { rate, RoomName, UserName } from "./Talk.ts"

/** Polls that may wait at a time, and the seconds that one waits at most. */
const limits = { waiting: 64, wait: 30 }
/** Addresses whose rate is known. */
const maxAddresses = 1_024

const Query = Schema.Struct({
  after: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(512))),
  wait: Schema.optionalKey(Schema.FiniteFromString.check(Schema.isBetween({ minimum: 0, maximum: limits.wait })))
})

const Post = Schema.Struct({ user: Schema.optionalKey(UserName), text: Rooms.Text })

const asked = Effect.gen(function* () {
  const request = yield* HttpServerRequest.HttpServerRequest
  if (!isNotElsewhere(request))
    return yield* new Refused({ status: 403, why: "Only this page may, and who is no page." })
  const { room } = yield* HttpRouter.params
  if (!Schema.is(RoomName)(room)) return yield* new Refused({ status: 404, why: "There is no such room." })
  if (Rooms.isPrivate(room)) {
    return yield* new Refused({ status: 403, why: "That room is private: who only asks stays outside." })
  }
  return { request, name: room, room: Rooms.rooms[room] }
})

/** What a schema says stands in the first line; where it says it, in the others. */
const wrong = ({ message }: { readonly message: string }) =>
  new Refused({ status: 400, why: message.split("\n", 1)[0]! })

/** One line, so that a terminal goes on in the next. */
const line = (answer: object) =>
  HttpServerResponse.text(`${JSON.stringify(answer)}\n`, { contentType: "application/json" })

/** On the peer, for as long as it is there and moves. */
const on = <A, E>(host: Host, within: Duration.Input, effect: Effect.Effect<A, E, Services>) =>
  effect.pipe(
    Effect.provideContext(host.services),
    Effect.raceFirst(Effect.andThen(host.gone, new Refused({ status: 503, why: `${host.peer} is gone.` }))),
    Effect.timeoutOrElse({
      duration: within,
      orElse: () => Effect.fail(new Refused({ status: 503, why: `${host.peer} does not answer.` }))
    })
  )

export const layer = HttpRouter.use((router) =>
  Effect.gen(function* () {
    const cluster = yield* Cluster
    const waiting = yield* Semaphore.make(limits.waiting)
    const polls = new Buckets(rate, maxAddresses)
    const words = new Buckets(rate, maxAddresses)
    const polite = Effect.fnUntraced(function* (
      buckets: Buckets,
      { remoteAddress }: HttpServerRequest.HttpServerRequest
    ) {
      const address = Option.getOrElse(remoteAddress, () => "")
      if (buckets.take(address, yield* Clock.currentTimeMillis)) return
      return yield* new Refused({ status: 429, why: `Not so fast: ${rate.perSecond} a second.` })
    })

    const poll = Effect.gen(function* () {
      const { request, room } = yield* asked
      const { after, wait = 0 } = yield* Effect.mapError(HttpServerRequest.schemaSearchParams(Query), wrong)
      yield* polite(polls, request)
      const host = yield* cluster.host(null)
      const polled = Effect.flatMap(Chat.Chat, (chat) =>
        chat.poll(room, { wait: Duration.seconds(wait), ...(after === undefined ? {} : { after }) })
      )
      const found = yield* waiting.withPermitsIfAvailable(1)(on(host, Duration.seconds(wait + 5), polled))
      if (Option.isNone(found)) {
        return yield* new Refused({ status: 503, why: `${limits.waiting} wait already. Ask again.` })
      }
      const { cursor, lost, said } = found.value
      return line({
        said: said.map(({ at, message }) => ({ at: DateTime.formatIso(at), ...message })),
        cursor,
        lost
      })
    })

    const post = Effect.gen(function* () {
      const { name, request, room } = yield* asked
      if (Number(request.headers["content-length"] ?? 0) > maxBody) {
        return yield* new Refused({ status: 413, why: "A word is no longer than 500 characters." })
      }
      const { text, user = "guest" } = yield* Effect.mapError(HttpServerRequest.schemaBodyUrlParams(Post), wrong)
      yield* polite(words, request)
      const host = yield* cluster.host(null)
      const word: Rooms.Word = { kind: "guest", user, text }
      const said = Effect.flatMap(Chat.Chat, (chat) => chat.announce(room, `guest:${user}`, word))
      yield* on(host, "5 seconds", Rooms.speak(name, word, said))
      return line({ said: word })
    }).pipe(Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(maxBody)))

    const answered = Effect.catch((error: { readonly _tag: string; readonly message: string }) =>
      // What makes no sense to the library, as a cursor that it has not given.
      Effect.succeed(
        failed(
          error instanceof BackendError.BackendError && error.reason._tag === "Misconfigured" ? wrong(error) : error
        )
      )
    )
    yield* router.add("GET", "/chat/:room", answered(poll))
    yield* router.add("POST", "/chat/:room", answered(post))
  })
)
