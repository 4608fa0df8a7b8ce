/**
 * The program's doors: the page, the events it is told, the commands it may give, and what an operator asks for.
 *
 * Only this page may command. A page from elsewhere that a browser has open cannot: its posts carry another Origin, a
 * name that was pointed here carries another Host, and nothing it fetches from here can be read by it.
 */
import { fileURLToPath } from "node:url"
import { ByteSize, Effect, FileSystem, Layer, Schema, Stream } from "effect"
import { HttpIncomingMessage, HttpRouter, HttpServerRequest, HttpServerResponse, HttpStaticServer } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import { Cluster } from "./Cluster.ts"
import { counters } from "./Counting.ts"
import { Events } from "./Events.ts"
import * as Orders from "./Orders.ts"
import { ChannelName, Text } from "./Peer.ts"
import * as Polling from "./Polling.ts"
import { failed, isHere, isSameOrigin, maxBody, Refused } from "./Requests.ts"
import * as Talking from "./Talking.ts"

const page = fileURLToPath(new URL("page", import.meta.url))

/** Everything the page uses comes from here, and nothing of it is written into the page itself. */
const headers = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff"
}

// -- doors --------------------------------------------------------------------------------------------------------

/** One thing the page may ask to be done. */
const command = <A, I, E extends { readonly _tag: string; readonly message: string }, R>(
  path: HttpRouter.PathInput,
  schema: Schema.Codec<A, I>,
  run: (given: A) => Effect.Effect<unknown, E, R>
) => {
  const decode = HttpIncomingMessage.schemaBodyJson(schema)
  return HttpRouter.add(
    "POST",
    path,
    Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      const { headers } = request
      if (!isSameOrigin(request)) return yield* new Refused({ status: 403, why: "Only the page itself may command." })
      if (!/^application\/json\b/i.test(headers["content-type"] ?? "")) {
        return yield* new Refused({ status: 415, why: "A command is JSON." })
      }
      if (Number(headers["content-length"] ?? 0) > maxBody) {
        return yield* new Refused({ status: 413, why: "A command is no longer than 4 KiB." })
      }
      const given = yield* Effect.mapError(decode(request), (error) =>
        error._tag === "SchemaError"
          ? new Refused({ status: 400, why: error.message })
          : new Refused({ status: 400, why: "A command is well-formed JSON of no more than 4 KiB." })
      )
      return HttpServerResponse.jsonUnsafe({ done: (yield* run(given)) ?? null })
    }).pipe(
      Effect.catch((error) => Effect.succeed(failed(error))),
      Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(maxBody))
    )
  )
}

const Name = Schema.Struct({ name: Schema.String.check(Schema.isMaxLength(512)) })

const commands = Layer.unwrap(
  Effect.map(Cluster, (cluster) =>
    Layer.mergeAll(
      command("/commands/spawn", Schema.Struct({}), () => cluster.spawn),
      command("/commands/freeze", Name, ({ name }) => cluster.freeze(name)),
      command("/commands/thaw", Name, ({ name }) => cluster.thaw(name)),
      command("/commands/crash", Name, ({ name }) => cluster.crash(name)),
      command(
        "/commands/publish",
        Schema.Struct({ as: Schema.String, channel: ChannelName, text: Text }),
        ({ as, channel, text }) => cluster.publish(as, channel, text)
      ),
      command("/commands/read", Name, ({ name }) => cluster.read(name)),
      command("/commands/read-all", Schema.Struct({}), () => cluster.read(null)),
      command("/commands/invalidate", Schema.Struct({}), () => cluster.forecasts.remove("Invalidated")),
      command("/commands/clear", Schema.Struct({}), () => cluster.forecasts.remove("Cleared")),
      command("/commands/flush", Schema.Struct({}), () => cluster.stats.flush),
      command("/commands/reset", Schema.Struct({}), () =>
        Effect.forEach(counters, (counter) => cluster.stats.reset(counter), { concurrency: "unbounded" })
      )
    )
  )
)

const orders = Layer.unwrap(
  Effect.map(Cluster, ({ tasks }) => {
    const orders = Orders.make(tasks)
    return Layer.mergeAll(
      command("/commands/enqueue", Orders.Enqueue, orders.enqueue),
      command("/commands/cancel", Orders.One, orders.cancel),
      command("/commands/pause", Orders.Which, orders.pause),
      command("/commands/resume", Orders.Which, orders.resume),
      command("/commands/purge", Orders.Which, orders.purge),
      command("/commands/purge-dead", Schema.Struct({}), () => orders.purgeDead),
      command("/commands/redrive", Orders.One, orders.redrive),
      command("/commands/redrive-all", Schema.Struct({}), () => orders.redriveAll)
    )
  })
)

/** Server-Sent Events. Each carries one `Event` as JSON. */
const events = HttpRouter.add(
  "GET",
  "/events",
  Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    if (request.headers["sec-fetch-site"] === "cross-site") {
      return yield* new Refused({ status: 403, why: "Only the page itself may listen." })
    }
    const { watch } = yield* Events
    const told = yield* watch
    return HttpServerResponse.stream(
      Stream.encodeText(Stream.map(told, (event) => `data: ${JSON.stringify(event)}\n\n`)),
      { contentType: "text/event-stream", headers: { "cache-control": "no-store", "x-accel-buffering": "no" } }
    )
  }).pipe(Effect.catch((error) => Effect.succeed(failed(error))))
)

const health = Layer.mergeAll(
  HttpRouter.add("GET", "/health/live", HttpServerResponse.jsonUnsafe({ status: "live" })),
  HttpRouter.add(
    "GET",
    "/health/ready",
    Effect.gen(function* () {
      const { look } = yield* Cluster
      const { backend, stale } = yield* look
      return backend === "Up" && stale === undefined
        ? HttpServerResponse.jsonUnsafe({ status: "ready" })
        : HttpServerResponse.jsonUnsafe({ status: "not ready", backend, why: stale ?? "" }, { status: 503 })
    })
  )
)

/** A panel of the page is one file: whoever adds one to that folder has added it to the page. */
const panels = HttpRouter.add(
  "GET",
  "/panels.json",
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const names = yield* Effect.orDie(files.readDirectory(`${page}/panels`))
    return HttpServerResponse.jsonUnsafe(names.filter((name) => name.endsWith(".js")).sort())
  })
)

const files = HttpStaticServer.layer({ root: page, cacheControl: "no-cache" })

const guard = (isLoopback: boolean) =>
  HttpRouter.middleware(
    (answer) =>
      Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        if (!isHere(request.headers["host"] ?? "", isLoopback)) {
          return failed(new Refused({ status: 421, why: "This is not the address of this program." }))
        }
        return HttpServerResponse.setHeaders(yield* answer, headers)
      }),
    { global: true }
  )

export const layer = (options: { readonly isLoopback: boolean }) =>
  HttpRouter.serve(
    Layer.mergeAll(
      commands,
      orders,
      events,
      Talking.layer,
      Polling.layer,
      health,
      panels,
      PrometheusMetrics.layerHttp(),
      files,
      guard(options.isLoopback)
    ),
    { disableLogger: true, disableListenLog: true }
  )
